//! What is wrong in a rule file, where, and what to write instead.

use std::fmt;

/// More problems than this are counted, not listed.
const LISTED: usize = 50;

/// Where something stands in a file; both count from 1, columns in characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// The start of a file.
    pub(crate) const START: Position = Position { line: 1, column: 1 };
}

/// One thing that is wrong in a rule file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The name of the file, as it was given.
    pub file: String,
    /// Where.
    pub position: Position,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        write!(f, "{}:{line}:{column}: {}", self.file, self.what)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

/// Everything that is wrong in the rules that were loaded, by file and line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct RuleErrors {
    /// What is wrong; never empty, at most 50.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
}

impl RuleErrors {
    pub(crate) fn new(mut problems: Vec<Problem>) -> RuleErrors {
        problems.sort_by(|a, b| (&a.file, a.position).cmp(&(&b.file, b.position)));
        let more = problems.len().saturating_sub(LISTED);
        problems.truncate(LISTED);
        RuleErrors { problems, more }
    }
}

impl fmt::Display for RuleErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{problem}")?;
        }
        if self.more == 0 { Ok(()) } else { write!(f, "\nand {} more", self.more) }
    }
}

/// A problem whose file is not known yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fault {
    pub position: Position,
    pub what: String,
    pub remedy: String,
}

impl Fault {
    pub(crate) fn new(position: Position, what: impl Into<String>, remedy: impl Into<String>) -> Fault {
        Fault { position, what: what.into(), remedy: remedy.into() }
    }

    pub(crate) fn within(self, file: &str) -> Problem {
        Problem { file: file.to_owned(), position: self.position, what: self.what, remedy: self.remedy }
    }
}

/// "write `known`" when a known name is near, else the list of what there is.
pub(crate) fn instead<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(nearest) = nearest(name, known.clone()) {
        return format!("did you mean `{nearest}`?");
    }
    let mut names: Vec<&str> = known.into_iter().take(40).collect();
    names.sort_unstable();
    format!("write one of `{}`", names.join("`, `"))
}

/// The known name that a person most likely meant: within two edits, or one for names of up to four letters; letter
/// case, and `_`, `-` and ` `, count as the same.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 64 {
        return None;
    }
    let wanted = fold(name);
    let bound = if wanted.len() <= 4 { 1 } else { 2 };
    known
        .into_iter()
        .map(|candidate| (edits(&wanted, &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn fold(text: &str) -> Vec<char> {
    text.chars().map(|c| if c == '_' || c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// The distance, where two neighbours that were swapped count as one slip.
fn edits(a: &[char], b: &[char]) -> usize {
    let differs: Vec<usize> = (0..a.len()).filter(|index| a.get(*index) != b.get(*index)).collect();
    match differs.as_slice() {
        [first, second] if a.len() == b.len() && a.get(*first) == b.get(*second) && a.get(*second) == b.get(*first) => {
            1
        }
        _ => distance(a, b),
    }
}

/// Levenshtein's distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, from) in a.iter().enumerate() {
        let mut current = Vec::with_capacity(above.len());
        let mut left = row + 1;
        current.push(left);
        for (to, diagonal) in b.iter().zip(above.windows(2)) {
            let (corner, top) = match diagonal {
                [corner, top] => (*corner, *top),
                _ => (0, 0),
            };
            left = (corner + usize::from(from != to)).min(top + 1).min(left + 1);
            current.push(left);
        }
        above = current;
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_name_forgives_small_slips_only() {
        let known = ["contains", "startswith", "endswith", "re", "all", "group-by"];
        let cases = [
            ("contain", Some("contains")),
            ("startwith", Some("startswith")),
            ("StartsWith", Some("startswith")),
            ("group_by", Some("group-by")),
            ("ree", Some("re")),
            ("lal", Some("all")),
            ("regular", None),
            ("", None),
        ];
        for (typed, meant) in cases {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}
