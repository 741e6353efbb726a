//! The catalogue of kinds: read from the rule files, with one automaton over the words of all of them.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use serde::Deserialize;
use thiserror::Error;

use super::check::Check;
use super::kind::Kind;
use super::pattern::{self, Pattern};

/// The rule files; of two kinds that match alike, the one of the earlier file goes first.
const FILES: [(&str, &str); 12] = [
    ("cloud", include_str!("../../rules/secrets/cloud.toml")),
    ("platform", include_str!("../../rules/secrets/platform.toml")),
    ("payment", include_str!("../../rules/secrets/payment.toml")),
    ("source", include_str!("../../rules/secrets/source.toml")),
    ("ai", include_str!("../../rules/secrets/ai.toml")),
    ("messaging", include_str!("../../rules/secrets/messaging.toml")),
    ("chat", include_str!("../../rules/secrets/chat.toml")),
    ("observability", include_str!("../../rules/secrets/observability.toml")),
    ("mobile", include_str!("../../rules/secrets/mobile.toml")),
    ("chain", include_str!("../../rules/secrets/chain.toml")),
    ("keys", include_str!("../../rules/secrets/keys.toml")),
    ("logins", include_str!("../../rules/secrets/logins.toml")),
];

/// Why a catalogue can't be used.
#[derive(Debug, Error)]
pub enum CatalogueError {
    /// A rule file is no TOML of kinds.
    #[error("rules/secrets/{file}.toml: {source}")]
    Syntax {
        /// The file.
        file: String,
        /// What is wrong, with line and column.
        source: Box<toml::de::Error>,
    },
    /// A kind's pattern can't be read.
    #[error("rules/secrets/{file}.toml: the pattern of `{kind}`: {reason}")]
    Pattern {
        /// The file.
        file: String,
        /// The kind.
        kind: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A kind can't be recognised by anything.
    #[error("rules/secrets/{file}.toml: `{kind}` needs {needs}")]
    Kind {
        /// The file.
        file: String,
        /// The kind.
        kind: String,
        /// What is missing.
        needs: &'static str,
    },
    /// The automaton can't be built.
    #[error("the automaton of all keywords can't be built: {0}")]
    Automaton(#[from] aho_corasick::BuildError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    kind: Vec<Kind>,
}

/// The kinds with what the scanner needs to recognise them.
pub(super) struct Catalogue {
    pub(super) kinds: Vec<Kind>,
    pub(super) patterns: Vec<Prepared>,
    pub(super) words: AhoCorasick,
    entries: Vec<Vec<Entry>>,
}

/// What follows from a kind's pattern.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) pattern: Option<Pattern>,
    /// How many bytes at the start are the same in all matches.
    pub(super) fixed: usize,
    /// Whether `+`, `/` and `=` go on a word.
    pub(super) base64: bool,
    /// Whether a match is told even inside a longer word, as in string storages without separators.
    pub(super) strong: bool,
}

/// What a word of the automaton means.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) kind: usize,
    pub(super) role: Role,
    /// The word as it must stand; the automaton ignores case.
    pub(super) exact: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// A literal of a token.
    Token,
    /// A name before a value.
    Name,
    /// A literal of a token in Base64, that many bytes after the start of a group of three.
    Wrapped(usize),
}

impl Catalogue {
    pub(super) fn builtin() -> Result<Catalogue, CatalogueError> {
        let mut kinds = Vec::new();
        let mut patterns = Vec::new();
        let mut words = Words::default();
        // JSON in Base64 begins with one of these.
        for json in ["eyJ", "eyA", "ewo"] {
            words.add(json.as_bytes(), usize::MAX, Role::Wrapped(0));
        }
        for (file, text) in FILES {
            let read: File = toml::from_str(text)
                .map_err(|source| CatalogueError::Syntax { file: file.to_owned(), source: Box::new(source) })?;
            for kind in read.kind {
                patterns.push(prepare(file, &kind, kinds.len(), &mut words)?);
                kinds.push(Kind { group: file, ..kind });
            }
        }
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(&words.list)?;
        Ok(Catalogue { kinds, patterns, words: automaton, entries: words.entries })
    }

    pub(super) fn entries(&self, word: usize) -> &[Entry] {
        self.entries.get(word).map_or(&[], Vec::as_slice)
    }
}

#[derive(Default)]
struct Words {
    places: HashMap<Vec<u8>, usize>,
    list: Vec<Vec<u8>>,
    entries: Vec<Vec<Entry>>,
}

impl Words {
    fn add(&mut self, exact: &[u8], kind: usize, role: Role) {
        let lower = exact.to_ascii_lowercase();
        let place = *self.places.entry(lower.clone()).or_insert_with(|| {
            self.list.push(lower);
            self.entries.push(Vec::new());
            self.list.len() - 1
        });
        if let Some(entries) = self.entries.get_mut(place) {
            entries.push(Entry { kind, role, exact: exact.to_vec() });
        }
    }
}

fn prepare(file: &str, kind: &Kind, index: usize, words: &mut Words) -> Result<Prepared, CatalogueError> {
    let lacks = |needs| CatalogueError::Kind { file: file.to_owned(), kind: kind.id.clone(), needs };
    for name in &kind.names {
        words.add(name.as_bytes(), index, Role::Name);
    }
    let source = match (&kind.token, &kind.value, kind.shape, kind.magic) {
        (Some(source), None, None, None) | (None, Some(source), None, None) => source,
        (None, None, Some(_), None) if kind.names.is_empty() => return Err(lacks("names, since it is told by one")),
        (None, None, Some(_), None) | (None, None, None, Some(_)) => return Ok(Prepared::default()),
        _ => return Err(lacks("exactly one of token, value, shape and magic")),
    };
    let (pattern, prefixes) = Pattern::new(source).map_err(|reason| CatalogueError::Pattern {
        file: file.to_owned(),
        kind: kind.id.clone(),
        reason,
    })?;
    let fixed = pattern::fixed_prefix(source);
    let base64 = pattern::reads_base64(source);
    if kind.value.is_some() {
        if kind.names.is_empty() || kind.sample.is_none() {
            return Err(lacks("names and a sample name"));
        }
        return Ok(Prepared { pattern: Some(pattern), fixed, base64, strong: false });
    }
    let keywords: Vec<Vec<u8>> = match (kind.keywords.is_empty(), kind.lookback) {
        (true, None) => prefixes,
        (true, Some(_)) => return Err(lacks("keywords, since it looks back")),
        (false, _) => kind.keywords.iter().map(|word| word.as_bytes().to_vec()).collect(),
    };
    if keywords.is_empty() {
        return Err(lacks("keywords, since its pattern begins with no literal"));
    }
    let shortest = keywords.iter().map(Vec::len).min().unwrap_or(0);
    for keyword in &keywords {
        words.add(keyword, index, Role::Token);
        if keyword.len() >= 4 && !kind.nocase {
            for shift in 0..3 {
                if let Some(wrapped) = in_base64(keyword, shift) {
                    words.add(&wrapped, index, Role::Wrapped(shift));
                }
            }
        }
    }
    let told = kind.check.is_some_and(Check::is_checksum) || shortest >= 4;
    Ok(Prepared { pattern: Some(pattern), fixed, base64, strong: told && kind.lookback.is_none() })
}

/// The characters of Base64 that are the same for the word whatever stands around it, if it begins `shift` bytes after the
/// start of a group of three.
fn in_base64(word: &[u8], shift: usize) -> Option<Vec<u8>> {
    let padded = [vec![0; shift], word.to_vec()].concat();
    let encoded = data_encoding::BASE64_NOPAD.encode(&padded);
    let first = (shift * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    encoded.as_bytes().get(first..end).filter(|fixed| fixed.len() >= 4).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_base64_is_the_same_whatever_stands_around_it() {
        for shift in 0..3 {
            let fixed = in_base64(b"AKIA", shift);
            for around in [b"\x00\x00\x00", b"\xff\xff\xff", b"abc"] {
                let text = [around.get(..shift).unwrap_or_default(), b"AKIA", around].concat();
                let encoded = data_encoding::BASE64.encode(&text);
                let fixed = String::from_utf8(fixed.clone().unwrap_or_default()).unwrap_or_default();
                assert!(encoded.contains(&fixed) && fixed.len() >= 4, "{encoded} {fixed}");
            }
        }
    }
}
