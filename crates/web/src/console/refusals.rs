//! What each code of a refusal means and what to do: the tables of `docs/reference/refusals.md`, so that the page and the
//! document can't disagree.

use std::collections::HashMap;
use std::sync::LazyLock;

static TEXT: &str = include_str!("../../../../docs/reference/refusals.md");

static KNOWN: LazyLock<HashMap<&'static str, Explained>> = LazyLock::new(|| read(TEXT));

/// A code, explained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Explained {
    pub(crate) means: String,
    pub(crate) remedy: String,
}

/// What a code means.
pub(crate) fn explain(code: &str) -> Option<&'static Explained> {
    KNOWN.get(code)
}

/// The rows of all tables whose head begins with `Code`.
fn read(text: &'static str) -> HashMap<&'static str, Explained> {
    let mut known = HashMap::new();
    let mut columns: Option<(usize, Option<usize>)> = None;
    for line in text.lines() {
        let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix('|')) else {
            if !line.starts_with('|') {
                columns = None;
            }
            continue;
        };
        let cells: Vec<&str> = row.split(" | ").map(str::trim).collect();
        if cells.first() == Some(&"Code") {
            let at = |name: &str| cells.iter().position(|cell| *cell == name);
            columns = at("Means").or_else(|| at("Text")).map(|means| (means, at("What to do")));
            continue;
        }
        let Some((means, remedy)) = columns else { continue };
        let (Some(codes), Some(means)) = (cells.first(), cells.get(means)) else { continue };
        let remedy = remedy.and_then(|remedy| cells.get(remedy)).copied().unwrap_or_default();
        let plain = |text: &str| crate::problem::sentence(&unlinked(text));
        for code in codes.split('`').skip(1).step_by(2) {
            let explained = Explained {
                means: plain(means),
                remedy: if remedy.is_empty() { String::new() } else { plain(remedy) },
            };
            known.entry(code).or_insert(explained);
        }
    }
    known
}

/// Markdown's links without their addresses.
fn unlinked(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        plain.push_str(before);
        if let Some((label, tail)) =
            after.split_once("](").and_then(|(label, tail)| Some((label, tail.split_once(')')?.1)))
        {
            plain.push_str(label);
            rest = tail;
        } else {
            plain.push('[');
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_codes_of_the_document_are_known() {
        for code in ["token-missing", "token-wrong-audience", "session-revoked", "peer-blocked", "policy-denied"] {
            let explained = explain(code).unwrap();
            assert!(!explained.means.is_empty() && !explained.remedy.contains("]("), "{code}: {explained:?}");
        }
        assert!(KNOWN.len() >= 40, "{} codes", KNOWN.len());
        assert_eq!(explain("policy-denied").unwrap().remedy, "See policies.");
        assert_eq!(explain("no-such-code"), None);
    }
}
