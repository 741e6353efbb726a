//! Which of the known names a misspelt one meant: the least edits (Damerau-Levenshtein, adjacent form).

/// The longest name that is looked at.
const LONGEST: usize = 64;

/// The nearest of the names, if it is near: at most a third of the letters differ. Of equally near ones, the first.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: Vec<char> = wrong.chars().take(LONGEST + 1).collect();
    if wrong.len() > LONGEST {
        return None;
    }
    let near = names.into_iter().map(|name| (edits(&wrong, name), name));
    let (best, name) = near.min_by_key(|(edits, _)| *edits)?;
    (best <= wrong.len().max(3) / 3).then_some(name)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour.
fn edits(wrong: &[char], name: &str) -> usize {
    let name: Vec<char> = name.chars().take(LONGEST).collect();
    let width = name.len() + 1;
    let mut before_last: Vec<usize> = vec![usize::MAX / 2; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (row, letter) in wrong.iter().enumerate() {
        let mut now = Vec::with_capacity(width);
        now.push(row + 1);
        for (column, other) in name.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let replace = at(&last, column) + usize::from(letter != other);
            let mut fewest = replace.min(at(&last, column + 1) + 1).min(at(&now, column) + 1);
            let swapped =
                row > 0 && column > 0 && wrong.get(row - 1) == Some(other) && name.get(column - 1) == Some(letter);
            if swapped {
                fewest = fewest.min(at(&before_last, column - 1) + 1);
            }
            now.push(fewest);
        }
        before_last = std::mem::replace(&mut last, now);
    }
    last.last().copied().unwrap_or(wrong.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let names = ["crypto-ecb-mode", "crypto-static-iv", "network-cleartext"];
        assert_eq!(nearest("crypto-ebc-mode", names), Some("crypto-ecb-mode"));
        assert_eq!(nearest("netwrk-cleartxt", names), Some("network-cleartext"));
        assert_eq!(nearest("storage-backup", names), None);
        assert_eq!(nearest(&"x".repeat(10_000), names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(edits(&['a', 'b'], "ba"), 1);
        assert_eq!(edits(&[], "abc"), 3);
    }
}
