//! `@pm` and `@pmFromFile`: whether one of many phrases occurs, without regard to case (Aho and Corasick, 1975).

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

use super::captures::{Capture, Captures};
use super::literals::Needs;

/// A set of phrases.
#[derive(Clone, Debug)]
pub(super) struct Phrases {
    phrases: Vec<Vec<u8>>,
    automaton: AhoCorasick,
}

/// How many bytes the phrases of one operator may have.
const MOST_BYTES: usize = 8 << 20;

impl Phrases {
    /// Compiles phrases; nothing when they are too many.
    pub(super) fn new(mut phrases: Vec<Vec<u8>>) -> Option<Phrases> {
        phrases.retain(|phrase| !phrase.is_empty());
        if phrases.iter().map(Vec::len).sum::<usize>() > MOST_BYTES {
            return None;
        }
        let automaton = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(&phrases)
            .ok()?;
        Some(Phrases { phrases, automaton })
    }

    /// Whether a phrase occurs; the one that ends first is captured.
    pub(super) fn matches(&self, value: &[u8], captures: Option<&mut Captures>) -> bool {
        let Some(captures) = captures else { return self.automaton.is_match(value) };
        captures.clear();
        let Some(found) = self.automaton.find(value) else { return false };
        if let Some(phrase) = self.phrases.get(found.pattern().as_usize()) {
            captures.set(Capture::Text(phrase.clone()));
        }
        true
    }

    pub(super) fn needs(&self) -> Needs {
        Needs::of_phrases(self.phrases.iter().map(Vec::as_slice), false)
    }
}

/// The phrases of a parameter, parted by white space. Quotes may surround it; `|41 42|` writes bytes, and a backslash
/// stands before `:`, `;`, `\` and `"`. A parameter that breaks these rules is taken as it is.
pub(super) fn parse(parameter: &[u8]) -> Vec<Vec<u8>> {
    let trimmed = parameter.trim_ascii_start();
    let inside = trimmed.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(trimmed);
    let text = unescape(inside).unwrap_or_else(|| parameter.to_vec());
    text.split(u8::is_ascii_whitespace).filter(|phrase| !phrase.is_empty()).map(<[u8]>::to_vec).collect()
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut output = Vec::with_capacity(text.len());
    let [mut binary, mut escaped] = [false; 2];
    let mut high = None;
    for &byte in text {
        match byte {
            b'|' => binary = !binary,
            b'\\' if !escaped => escaped = true,
            _ if binary => {
                let digit = char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())?;
                match high.take() {
                    None => high = Some(digit << 4),
                    Some(high) => output.push(high | digit),
                }
            }
            b':' | b';' | b'\\' | b'"' => {
                output.push(byte);
                escaped = false;
            }
            _ if escaped => return None,
            _ => output.push(byte),
        }
    }
    Some(output)
}

/// The phrases of a file, one on each line; empty lines and lines that begin with `#` are none.
pub(super) fn parse_file(text: &[u8]) -> Vec<Vec<u8>> {
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let phrases = lines.filter(|line| !matches!(line.trim_ascii_start(), [] | [b'#', ..]));
    phrases.map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    #[test]
    fn parameters() {
        let cases: [(&[u8], &[&[u8]]); 8] = [
            (b"a bc  d", &[b"a", b"bc", b"d"]),
            (b" \"a b\"", &[b"a", b"b"]),
            (b"a|41 42|b", &[b"a|41", b"42|b"]),
            (b"a|4142|b", &[b"aABb"]),
            (br"a\:b\;\\", &[br"a:b;\"]),
            (br"a\nb", &[br"a\nb"]),
            (b"|4g|", &[b"|4g|"]),
            (b"", &[]),
        ];
        for (parameter, phrases) in cases {
            assert_eq!(parse(parameter), phrases, "{}", parameter.escape_ascii());
        }
    }

    #[test]
    fn files() {
        let phrases = parse_file(b"# phrases\nabc\r\n\n  # more\nd e \n#x");
        assert_eq!(phrases, [b"abc".to_vec(), b"d e ".to_vec()]);
    }

    #[test]
    fn the_first_to_end_is_captured() {
        let phrases = Phrases::new(vec![b"World".to_vec(), b"hello w".to_vec(), b"lo".to_vec()]).unwrap();
        let mut captures = Captures::new();
        assert!(phrases.matches(b"HELLO WORLD", Some(&mut captures)));
        assert_eq!(captures.get(0, b""), Some(&b"lo"[..]));
        assert!(phrases.matches(b"wOrLd", Some(&mut captures)));
        assert_eq!(captures.get(0, b""), Some(&b"World"[..]));
        assert!(!phrases.matches(b"word", Some(&mut captures)));
        assert!(captures.is_empty());
        assert!(!Phrases::new(Vec::new()).unwrap().matches(b"", None));
    }
}
