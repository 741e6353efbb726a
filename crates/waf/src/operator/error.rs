//! Why an operator is refused.

use thiserror::Error;

/// Why an operator cannot be compiled. The texts say what to write instead.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// No operator has that name.
    #[error("unknown operator `@{name}`{}", did_you_mean(*.nearest))]
    Unknown {
        /// As written.
        name: String,
        /// The nearest known name.
        nearest: Option<&'static str>,
    },
    /// An operator of `ModSecurity` that this engine leaves out.
    #[error("the operator `@{name}` is known but not supported: {instead}")]
    Unsupported {
        /// Its name.
        name: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// A parameter that the operator cannot take.
    #[error("`{parameter}` is no parameter of `@{name}`: {reason}")]
    Parameter {
        /// The operator.
        name: &'static str,
        /// The part of the parameter that is wrong.
        parameter: String,
        /// What is expected.
        reason: &'static str,
    },
    /// A regular expression that cannot be compiled.
    #[error("the pattern of `@{name}`: {source}")]
    Pattern {
        /// The operator.
        name: &'static str,
        /// Why.
        source: PatternError,
    },
    /// A file that the operator names cannot be read.
    #[error("`@{name}` cannot read `{file}`")]
    File {
        /// The operator.
        name: &'static str,
        /// As named in the rule.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// Phrases or patterns are too many to be compiled within bounds.
    #[error("the parameter of `@{name}` is too large; split it over several rules")]
    TooLarge {
        /// The operator.
        name: &'static str,
    },
}

impl OperatorError {
    /// Whether others know what this engine leaves out on purpose.
    pub fn is_unsupported(&self) -> bool {
        matches!(
            self,
            OperatorError::Unsupported { .. } | OperatorError::Pattern { source: PatternError::Unsupported { .. }, .. }
        )
    }
}

/// Why a regular expression is refused. Offsets count bytes of the pattern.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum PatternError {
    /// A construct of PCRE that has no linear time.
    #[error("{construct} at offset {offset} cannot run in linear time; write the pattern without it")]
    Unsupported {
        /// The construct, in words.
        construct: &'static str,
        /// Where it begins.
        offset: usize,
    },
    /// No regular expression.
    #[error("{reason} at offset {offset}")]
    Syntax {
        /// What is wrong.
        reason: String,
        /// Where.
        offset: usize,
    },
    /// The compiled form would be too large.
    #[error("the compiled pattern would exceed {limit} bytes; shorten it or lower its repetition counts")]
    TooLarge {
        /// How large it may become.
        limit: usize,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `@{name}`?")).unwrap_or_default()
}

/// The name of `known` that needs the fewest edits, when these are few.
pub(super) fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    // A name longer than any known one cannot be near.
    if name.len() > 40 {
        return None;
    }
    let distance = |known: &str| edits(&name.to_ascii_lowercase(), &known.to_ascii_lowercase());
    known
        .map(|known| (distance(known), known))
        .filter(|(edits, _)| *edits <= name.len() / 3 + 1)
        .min()
        .map(|best| best.1)
}

/// How many insertions, deletions and replacements turn one text into the other (Wagner and Fischer).
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, byte) in from.bytes().enumerate() {
        let (mut diagonal, mut left) = (line, line + 1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, other) in row.iter_mut().skip(1).zip(to.bytes()) {
            left = (diagonal + usize::from(byte != other)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, left);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names() {
        let known = ["rx", "pm", "pmFromFile", "contains", "containsWord"];
        let cases = [
            ("contain", Some("contains")),
            ("PMFROMFLE", Some("pmFromFile")),
            ("rxx", Some("rx")),
            ("somethingElse", None),
            ("", None),
        ];
        for (name, near) in cases {
            assert_eq!(nearest(name, known.into_iter()), near, "{name}");
        }
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
