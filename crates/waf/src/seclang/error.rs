//! Why a rule file is refused, with the place and the nearest known name.

use crate::operator::OperatorError;

/// A construct that the engine does not take. Loading goes on behind it, so that one run shows them all.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct LoadError {
    /// The file, as it was named to the loader.
    pub file: String,
    /// The line on which the directive begins, from 1.
    pub line: u32,
    /// Why.
    pub problem: Problem,
}

/// Why a construct is refused, without the place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A name that `SecLang` does not have.
    #[error("unknown {what} `{name}`{}", did_you_mean(.nearest.as_deref()))]
    Unknown {
        /// What it would name.
        what: &'static str,
        /// As written.
        name: String,
        /// The nearest known name.
        nearest: Option<String>,
    },
    /// A known construct that this engine leaves out on purpose.
    #[error("`{name}` is not supported: {instead}")]
    Unsupported {
        /// As written.
        name: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// A value that can't stand here.
    #[error("`{value}` is not a {what}")]
    Value {
        /// What was expected.
        what: &'static str,
        /// As written.
        value: String,
    },
    /// Something is missing.
    #[error("{what} is missing")]
    Missing {
        /// What.
        what: &'static str,
    },
    /// A quote is not closed.
    #[error("a quote is not closed")]
    Quote,
    /// Something stands behind the last word that the directive takes.
    #[error("`{0}` stands behind the last word of the directive")]
    Trailing(String),
    /// The id was used before.
    #[error("the id {id} is already that of the rule at {file}:{line}")]
    Repeated {
        /// The id.
        id: u64,
        /// The file of the other rule.
        file: String,
        /// The line of the other rule.
        line: u32,
    },
    /// An action that only the first rule of a chain may have.
    #[error("`{0}` belongs to the first rule of the chain")]
    InChain(String),
    /// The default actions of a phase are said once.
    #[error("the default actions of phase {0} were already given: join the two directives")]
    DefaultsTwice(u8),
    /// A chain without its next rule.
    #[error("the rule ends with `chain`, but no rule follows")]
    OpenChain,
    /// No such marker follows.
    #[error("no `SecMarker {0}` follows")]
    NoMarker(String),
    /// No such rule was loaded before.
    #[error("no rule has the id {0}: move the line behind the rule, or remove it")]
    NoRule(u64),
    /// A regular expression of a selector.
    #[error("the selector `{pattern}` is not a regular expression that runs in linear time")]
    Selector {
        /// As written.
        pattern: String,
        /// Why.
        source: Box<regex_automata::meta::BuildError>,
    },
    /// The operator refuses its parameter.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// A file can't be read.
    #[error("can't read `{path}`")]
    Read {
        /// As named.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Files include each other.
    #[error("`{0}` includes itself, or includes nest deeper than 16")]
    Nesting(String),
    /// The rules together are too much for the engine.
    #[error("the rules need more than {most} {what}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        most: usize,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default()
}

impl Problem {
    /// An unknown name, with the nearest of those that are known.
    pub(crate) fn unknown<'a>(what: &'static str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Problem {
        Problem::Unknown { what, name: name.to_owned(), nearest: nearest(name, known) }
    }
}

/// The known name with the fewest edits, if they are few for its length.
fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let most = name.len() / 3 + 1;
    known
        .into_iter()
        .map(|known| (edits(name.as_bytes(), known.to_ascii_lowercase().as_bytes()), known))
        .filter(|(edits, _)| *edits <= most)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, known)| known.to_owned())
}

/// How many insertions, deletions and replacements lead from one to the other.
fn edits(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, byte) in from.iter().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        let mut next = Vec::with_capacity(row.len());
        next.push(left);
        for (other, up) in to.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(byte != other)).min(up + 1).min(left + 1);
            diagonal = *up;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered() {
        let known = ["SecRule", "SecAction", "SecRuleEngine"];
        assert_eq!(nearest("SecRull", known).as_deref(), Some("SecRule"));
        assert_eq!(nearest("secruleengin", known).as_deref(), Some("SecRuleEngine"));
        assert_eq!(nearest("Listen", known), None);
        assert_eq!(edits(b"kitten", b"sitting"), 3);
    }
}
