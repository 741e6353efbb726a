//! Text with macros: `%{TX.score}`, `%{MATCHED_VAR}` (`ModSecurity` reference, "Macro Expansion").

use super::{Problem, Variable};

/// A piece of a [`Template`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// As it stands.
    Text(Box<str>),
    /// The first value of a variable, with the member's name in lower case, or the expression that selects it.
    Macro(Variable, Option<Box<str>>),
}

/// Text in which macros stand.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Template {
    /// The pieces in order; texts are not empty and don't follow each other.
    pub pieces: Box<[Piece]>,
}

impl Template {
    /// Reads macros; what only looks like one is text.
    pub(crate) fn parse(text: &str) -> Result<Template, Problem> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("%{") {
            plain.push_str(before);
            let Some((name, behind)) = after.split_once('}').filter(|(name, _)| is_macro(name)) else {
                plain.push_str("%{");
                rest = after;
                continue;
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain).into()));
            }
            let (variable, member): (&str, Option<Box<str>>) = match name.split_once(['.', ':']) {
                Some((variable, member)) if member.starts_with('/') => (variable, Some(member.into())),
                Some((variable, member)) => (variable, Some(member.to_ascii_lowercase().into())),
                None => (name, None),
            };
            let variable = Variable::parse(variable)?;
            // What selects members must be right, or it would select none.
            if let Some(member) = &member {
                super::Selector::parse(member)?;
            }
            pieces.push(Piece::Macro(variable, member));
            rest = behind;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.into()));
        }
        Ok(Template { pieces: pieces.into() })
    }

    /// The text, when no macro stands in it.
    pub fn text(&self) -> Option<&str> {
        match &*self.pieces {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether macros stand in it.
    pub fn has_macro(&self) -> bool {
        self.text().is_none()
    }
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Macro(variable, None) => write!(f, "%{{{}}}", variable.name())?,
                Piece::Macro(variable, Some(member)) => write!(f, "%{{{}.{member}}}", variable.name())?,
            }
        }
        Ok(())
    }
}

/// Letters and digits, then perhaps a member. Everything else that begins with `%{` is an expression or plain text.
fn is_macro(name: &str) -> bool {
    let variable = name.split(['.', ':']).next().unwrap_or_default();
    !variable.is_empty()
        && variable.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

    use super::*;

    #[test]
    fn macros_are_found_between_text() {
        let template = Template::parse("Found %{MATCHED_VAR} in %{ARGS._method}: %{tx.1}").unwrap();
        assert_eq!(template.pieces.len(), 6);
        assert_eq!(template.pieces[3], Piece::Macro(Variable::Args, Some("_method".into())));
        assert_eq!(template.to_string(), "Found %{MATCHED_VAR} in %{ARGS._method}: %{TX.1}");
        assert!(template.has_macro());
    }

    #[test]
    fn what_is_no_macro_is_text() {
        for text in ["", "100%", "%{", "%{a b}", "%{}", "[^%{(]x}"] {
            assert_eq!(Template::parse(text).unwrap().text(), Some(text));
        }
        assert!(Template::parse("%{tyx.1}").is_err());
    }
}
