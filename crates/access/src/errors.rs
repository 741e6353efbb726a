//! What is wrong with policies: file, line, column, and what to do.

use std::fmt;

use miette::Diagnostic;

/// One mistake in a policy file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PolicyError {
    /// The file's name as given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub text: String,
    /// What to do.
    pub help: Option<String>,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.text)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

/// Everything that is wrong with a set of policy files, in the order of the files and lines. Never empty.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct PolicyErrors(Vec<PolicyError>);

impl PolicyErrors {
    /// The mistakes.
    pub fn errors(&self) -> &[PolicyError] {
        &self.0
    }

    pub(crate) fn unless_empty(mut errors: Vec<PolicyError>) -> Result<(), PolicyErrors> {
        errors.sort();
        errors.dedup();
        if errors.is_empty() { Ok(()) } else { Err(PolicyErrors(errors)) }
    }
}

impl From<PolicyError> for PolicyErrors {
    fn from(error: PolicyError) -> PolicyErrors {
        PolicyErrors(vec![error])
    }
}

fn lines(errors: &[PolicyError]) -> String {
    errors.iter().map(PolicyError::to_string).collect::<Vec<_>>().join("\n")
}

impl PolicyError {
    /// A mistake at a byte of a text.
    pub(crate) fn at(
        file: &str,
        text: &str,
        offset: usize,
        what: impl Into<String>,
        help: Option<String>,
    ) -> PolicyError {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        PolicyError {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            text: what.into(),
            help,
        }
    }

    /// Cedar's mistake in the words of the house: one line, lower-case, its own place or the policy's.
    pub(crate) fn cedar(file: &str, text: &str, error: &dyn Diagnostic, fallback: usize) -> PolicyError {
        let offset = error.labels().and_then(|mut labels| labels.next()).map_or(fallback, |label| label.offset());
        let message = error.to_string();
        // Cedar names policies by number, and repeats what it says for each action: the place says it all.
        let message = match message.split_once("`, ") {
            Some((head, rest)) if head.starts_with("for policy `") => rest.to_owned(),
            _ => message,
        };
        let message = match message.split_once(" in context for Action::\"") {
            Some((head, tail)) => format!("{head} in context{}", tail.split_once('"').map_or("", |(_, rest)| rest)),
            None => message,
        };
        let help = error.help().map(|help| one_line(&help.to_string()));
        PolicyError::at(file, text, offset, one_line(&message), help)
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

/// The known name that is most like a wrong one, if any is like it at all.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let best = known.into_iter().map(|name| (distance(wrong, name), name)).min()?;
    (best.0 <= wrong.chars().count().div_ceil(3)).then_some(best.1)
}

/// How many letters must change (Levenshtein), over at most 128 letters.
fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (number, from) in one.chars().take(128).enumerate() {
        let mut diagonal = number;
        let mut left = number + 1;
        for (to, cell) in two.iter().zip(row.iter_mut().skip(1)) {
            let changed = diagonal + usize::from(from != *to);
            diagonal = *cell;
            *cell = changed.min(diagonal + 1).min(left + 1);
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = number + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        let error = PolicyError::at("a.cedar", "é\nüber x", 8, "no", Some("do".into()));
        assert_eq!(error.to_string(), "a.cedar:2:5: no; do");
        assert_eq!(PolicyError::at("a", "xy", 99, "no", None).to_string(), "a:1:3: no");
    }

    #[test]
    fn the_nearest_name_is_suggested_unless_none_is_near() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        let known = ["POST /transfers", "GET /accounts"];
        assert_eq!(nearest("POST /tranfers", known), Some("POST /transfers"));
        assert_eq!(nearest("xyz", known), None);
        assert_eq!(nearest("xyz", []), None);
    }
}
