//! The language of conditions: `and`, `or`, `not`, parentheses, `1 of selection_*`, `all of them`, `3 of them`.

use crate::error::{Fault, Position, instead};
use crate::predicate::Expr;

/// How deep parentheses and negations may nest.
const MAX_DEPTH: usize = 32;
/// The longest condition in bytes.
const MAX_BYTES: usize = 16 << 10;

/// A condition before its names are looked up.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Condition {
    Name(Box<str>, Position),
    Of(Quantity, Box<str>, Position),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

/// How many of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Quantity {
    AtLeast(usize),
    All,
}

/// Parses a condition that stands at `at`.
pub(crate) fn parse(text: &str, at: Position) -> Result<Condition, Fault> {
    if text.len() > MAX_BYTES {
        return Err(Fault::new(at, "the condition is longer than 16 KiB", "use `1 of name_*`"));
    }
    let mut parser = Parser { tokens: tokens(text, at)?, next: 0, depth: 0, end: at };
    let condition = parser.or()?;
    match parser.take() {
        None => Ok(condition),
        Some((token, at)) => Err(Fault::new(
            at,
            format!("`{token}` is not expected here"),
            "join search identifiers with `and`, `or` and `not`",
        )),
    }
}

type Token = (Box<str>, Position);

fn tokens(text: &str, at: Position) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut start = at;
    let mut here = at;
    for c in text.chars().chain([' ']) {
        let ends = c.is_whitespace() || matches!(c, '(' | ')' | '|');
        if ends && !word.is_empty() {
            tokens.push((std::mem::take(&mut word).into_boxed_str(), start));
        }
        match c {
            '(' | ')' => tokens.push((c.to_string().into_boxed_str(), here)),
            '|' => {
                let remedy = "write a second rule with `correlation:`, type event_count or value_count";
                return Err(Fault::new(here, "aggregations after `|` are no longer part of Sigma", remedy));
            }
            c if c.is_whitespace() => {}
            c if c.is_alphanumeric() || "_-.*?$".contains(c) => {
                if word.is_empty() {
                    start = here;
                }
                word.push(c);
            }
            c => {
                let what = format!("the character `{c}` has no meaning in a condition");
                return Err(Fault::new(here, what, "use `and`, `or`, `not`, `1 of name_*`, `all of them`"));
            }
        }
        here.column += 1;
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    end: Position,
}

impl Parser {
    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        if let Some((_, at)) = &token {
            self.next += 1;
            self.end = *at;
        }
        token
    }

    fn accept(&mut self, word: &str) -> bool {
        match self.tokens.get(self.next) {
            Some((token, at)) if token.eq_ignore_ascii_case(word) => {
                self.next += 1;
                self.end = *at;
                true
            }
            _ => false,
        }
    }

    fn or(&mut self) -> Result<Condition, Fault> {
        let mut parts = vec![self.and()?];
        while self.accept("or") {
            parts.push(self.and()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Any(parts) })
    }

    fn and(&mut self) -> Result<Condition, Fault> {
        let mut parts = vec![self.not()?];
        while self.accept("and") {
            parts.push(self.not()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::All(parts) })
    }

    fn not(&mut self) -> Result<Condition, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::new(
                self.end,
                "the condition nests deeper than 32 levels",
                "use more search identifiers",
            ));
        }
        let condition = if self.accept("not") { Condition::Not(Box::new(self.not()?)) } else { self.primary()? };
        self.depth -= 1;
        Ok(condition)
    }

    fn primary(&mut self) -> Result<Condition, Fault> {
        let Some((token, at)) = self.take() else {
            return Err(Fault::new(self.end, "the condition ends too early", "name a search identifier"));
        };
        let quantity = match &*token {
            "(" => {
                let inner = self.or()?;
                return if self.accept(")") {
                    Ok(inner)
                } else {
                    Err(Fault::new(at, "this parenthesis is not closed", "add `)`"))
                };
            }
            ")" => return Err(Fault::new(at, "this parenthesis was not opened", "remove it")),
            word if word.eq_ignore_ascii_case("all") => Some(Quantity::All),
            word if word.eq_ignore_ascii_case("any") => Some(Quantity::AtLeast(1)),
            word if word.eq_ignore_ascii_case("and") || word.eq_ignore_ascii_case("or") => {
                return Err(Fault::new(at, format!("`{word}` has nothing on its left"), "name a search identifier"));
            }
            word => word.parse().ok().map(Quantity::AtLeast),
        };
        match quantity {
            Some(quantity) if self.accept("of") => {
                if quantity == Quantity::AtLeast(0) {
                    return Err(Fault::new(at, "`0 of` is always true", "write `not 1 of`"));
                }
                let Some((target, at)) = self.take() else {
                    return Err(Fault::new(at, "`of` must name what", "write `of them` or `of name_*`"));
                };
                Ok(Condition::Of(quantity, target, at))
            }
            _ => Ok(Condition::Name(token, at)),
        }
    }
}

impl Condition {
    /// Looks names up in `known`, whose order is that of the file. Counts how often each was used.
    pub(crate) fn resolve<'a>(&self, known: &'a [(Box<str>, Expr)], used: &mut Vec<&'a str>) -> Result<Expr, Fault> {
        let many = |parts: &[Condition], used: &mut Vec<&'a str>| {
            parts.iter().map(|part| part.resolve(known, used)).collect::<Result<Vec<_>, _>>()
        };
        match self {
            Condition::Name(name, at) => {
                let Some((name, expr)) = known.iter().find(|(candidate, _)| candidate == name) else {
                    let names: Vec<&str> = known.iter().map(|(name, _)| &**name).collect();
                    let what = format!("the search identifier `{name}` is not defined");
                    return Err(Fault::new(*at, what, instead(name, names)));
                };
                used.push(name);
                Ok(expr.clone())
            }
            Condition::Of(quantity, target, at) => {
                let chosen: Vec<&(Box<str>, Expr)> = known.iter().filter(|(name, _)| selects(target, name)).collect();
                if chosen.is_empty() {
                    let names: Vec<&str> = known.iter().map(|(name, _)| &**name).collect();
                    let what = format!("no search identifier fits `{target}`");
                    return Err(Fault::new(*at, what, instead(target, names)));
                }
                used.extend(chosen.iter().map(|(name, _)| &**name));
                let parts: Vec<Expr> = chosen.into_iter().map(|(_, expr)| expr.clone()).collect();
                match *quantity {
                    Quantity::All => Ok(Expr::all(parts)),
                    Quantity::AtLeast(1) => Ok(Expr::any(parts)),
                    Quantity::AtLeast(n) if n > parts.len() => {
                        let what = format!("only {} search identifiers fit `{target}`, so {n} can't", parts.len());
                        Err(Fault::new(*at, what, "lower the number"))
                    }
                    Quantity::AtLeast(n) => Ok(Expr::AtLeast(n, parts)),
                }
            }
            Condition::Not(inner) => Ok(Expr::not(inner.resolve(known, used)?)),
            Condition::All(parts) => Ok(Expr::all(many(parts, used)?)),
            Condition::Any(parts) => Ok(Expr::any(many(parts, used)?)),
        }
    }
}

/// Whether `them` or a name with wildcards means `name`. Names that begin with `_` are not among `them`.
fn selects(target: &str, name: &str) -> bool {
    if target.eq_ignore_ascii_case("them") {
        return !name.starts_with('_');
    }
    crate::predicate::Pattern::parse(target).matches(name.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::predicate::Test;

    fn known() -> Vec<(Box<str>, Expr)> {
        ["a", "b", "sel_1", "sel_2", "sel_3", "_hidden"]
            .map(|name| (name.into(), Expr::test(Some(name), Test::Exists)))
            .to_vec()
    }

    fn shape(text: &str) -> String {
        fn show(expr: &Expr) -> String {
            let many = |parts: &[Expr]| parts.iter().map(show).collect::<Vec<_>>().join(" ");
            match expr {
                Expr::Test(predicate) => predicate.field.as_deref().unwrap_or("*").to_owned(),
                Expr::Not(inner) => format!("!{}", show(inner)),
                Expr::All(parts) => format!("&({})", many(parts)),
                Expr::Any(parts) => format!("|({})", many(parts)),
                Expr::AtLeast(n, parts) => format!("{n}({})", many(parts)),
            }
        }
        let at = Position { line: 7, column: 3 };
        match parse(text, at).and_then(|condition| condition.resolve(&known(), &mut Vec::new())) {
            Ok(expr) => show(&expr),
            Err(fault) => format!("{}: {}; {}", fault.position.column, fault.what, fault.remedy),
        }
    }

    #[test]
    fn precedence_and_quantifiers() {
        assert_eq!(shape("a or b and not a"), "|(a &(b !a))");
        assert_eq!(shape("(a or b) and not (a)"), "&(|(a b) !a)");
        assert_eq!(shape("1 of sel_*"), "|(sel_1 sel_2 sel_3)");
        assert_eq!(shape("any of sel_*"), "|(sel_1 sel_2 sel_3)");
        assert_eq!(shape("2 of sel_* and all of them"), "&(2(sel_1 sel_2 sel_3) &(a b sel_1 sel_2 sel_3))");
        assert_eq!(shape("NOT 1 of SEL_1 OR a"), "12: no search identifier fits `SEL_1`; did you mean `sel_1`?");
    }

    #[test]
    fn errors_say_where_and_what_to_write() {
        assert_eq!(shape("a and sel1"), "9: the search identifier `sel1` is not defined; did you mean `sel_1`?");
        assert!(shape("a and").starts_with("5: the condition ends too early"));
        assert!(shape("(a or b").contains("not closed"));
        assert!(shape("a b").contains("`b` is not expected"));
        assert!(shape("a | count() > 5").contains("correlation"));
        assert!(shape("0 of them").contains("always true"));
        assert!(shape("4 of sel_*").contains("only 3"));
        assert!(shape("a && b").contains("the character `&`"));
        assert!(shape(&"(".repeat(100)).contains("deeper"));
        assert!(shape("1 of").contains("must name what"));
    }
}
