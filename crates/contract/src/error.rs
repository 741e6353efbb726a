//! What is wrong in a contract file, where, and what to do about it.

use std::fmt;

/// More errors than this are counted, not listed.
const LISTED: usize = 50;

/// Where something stands in a file; both count from 1, columns in characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One thing that is wrong, or worth a note, in a contract file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where.
    pub position: Position,
    /// The JSON pointer of the construct.
    pub pointer: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
    /// The nearest known name, where a name is unknown.
    pub nearest: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{}: {}", pointer, self.what)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

/// Everything that is wrong in one contract file, in the order of the file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct ContractErrors {
    /// The name of the file, as it was given.
    pub file: String,
    /// What is wrong; never empty, at most 50.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
}

impl ContractErrors {
    pub(crate) fn new(file: &str, mut problems: Vec<Problem>) -> ContractErrors {
        problems.sort_by_key(|problem| problem.position);
        problems.dedup();
        let more = problems.len().saturating_sub(LISTED);
        problems.truncate(LISTED);
        ContractErrors { file: file.to_owned(), problems, more }
    }
}

impl fmt::Display for ContractErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            let Position { line, column } = problem.position;
            write!(f, "{line_break}{}:{line}:{column}: {problem}", self.file)?;
        }
        if self.more == 0 { Ok(()) } else { write!(f, "\nand {} more", self.more) }
    }
}

/// The known name that a person most likely meant: within two edits (optimal string alignment), or one for names of up
/// to four letters; letter case and `_` for `-` count nothing.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if name.len() > 64 {
        return None;
    }
    let fold =
        |text: &str| text.chars().map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect::<Vec<_>>();
    let wanted = fold(name);
    let bound = if wanted.len() <= 4 { 1 } else { 2 };
    known
        .into_iter()
        .map(|candidate| (distance(&wanted, &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, from) in a.iter().enumerate() {
        let mut current = Vec::with_capacity(above.len());
        current.push(row + 1);
        for (column, to) in b.iter().enumerate() {
            let cell = |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(usize::MAX - 1);
            let changed = cell(&above, column) + usize::from(from != to);
            let mut best = changed.min(cell(&above, column + 1) + 1).min(cell(&current, column) + 1);
            let swapped =
                row > 0 && column > 0 && a.get(row - 1) == Some(to) && b.get(column - 1) == Some(from) && from != to;
            if swapped {
                best = best.min(cell(&before, column - 1) + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_name_forgives_small_slips_only() {
        let known = ["requestBody", "responses", "security", "get", "put"];
        let cases = [
            ("requestBoby", Some("requestBody")),
            ("request_body", Some("requestBody")),
            ("requestbody", Some("requestBody")),
            ("resopnses", Some("responses")),
            ("secruity", Some("security")),
            ("gte", Some("get")),
            ("pots", None),
            ("summary", None),
            ("", None),
        ];
        for (typed, meant) in cases {
            assert_eq!(nearest(typed, known).as_deref(), meant, "{typed}");
        }
    }
}
