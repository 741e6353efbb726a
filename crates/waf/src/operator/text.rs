//! `@beginsWith`, `@contains`, `@containsWord`, `@endsWith`, `@streq`, `@strmatch` and `@within`: bytes as they are,
//! with case.

use std::fmt;

use memchr::memmem::Finder;

use super::literals::Needs;

/// How a text is compared with a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    BeginsWith,
    /// Also `@strmatch`.
    Contains,
    ContainsWord,
    EndsWith,
    Equals,
    /// The value occurs in the parameter.
    Within,
}

/// A comparison with a text, fixed or with macros.
pub(super) struct Text {
    comparison: Comparison,
    fixed: Option<Box<Finder<'static>>>,
}

impl Text {
    pub(super) fn new(comparison: Comparison, parameter: Option<&[u8]>) -> Text {
        Text { comparison, fixed: parameter.map(|text| Box::new(Finder::new(text).into_owned())) }
    }

    #[inline]
    pub(super) fn matches(&self, expanded: &[u8], value: &[u8]) -> bool {
        let text = self.fixed.as_ref().map_or(expanded, |text| text.needle());
        match self.comparison {
            Comparison::BeginsWith => value.starts_with(text),
            Comparison::EndsWith => value.ends_with(text),
            Comparison::Equals => value == text,
            Comparison::Within => memchr::memmem::find(text, value).is_some(),
            Comparison::ContainsWord => contains_word(text, value),
            Comparison::Contains => match &self.fixed {
                Some(finder) => finder.find(value).is_some(),
                None => memchr::memmem::find(value, text).is_some(),
            },
        }
    }

    /// What a value needs; nothing is known of texts with macros.
    pub(super) fn needs(&self) -> Needs {
        match &self.fixed {
            Some(text) if self.comparison != Comparison::Within => {
                Needs::of_phrases(std::iter::once(text.needle()), true)
            }
            _ => Needs::default(),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.fixed.as_ref().map(|text| text.needle().escape_ascii().to_string());
        f.debug_tuple("Text").field(&self.comparison).field(&text).finish()
    }
}

/// Whether the word stands where no letter is before or behind it (Knuth, Morris and Pratt's search).
fn contains_word(word: &[u8], value: &[u8]) -> bool {
    if word.is_empty() {
        return true;
    }
    if word.len() > value.len() {
        return false;
    }
    let borders = borders(word);
    let mut matched = 0;
    for (at, byte) in value.iter().enumerate() {
        while matched > 0 && word.get(matched) != Some(byte) {
            matched = borders.get(matched - 1).copied().unwrap_or_default();
        }
        matched += usize::from(word.get(matched) == Some(byte));
        if matched == word.len() {
            let before = (at + 1).checked_sub(word.len() + 1).and_then(|before| value.get(before));
            let behind = value.get(at + 1);
            if !before.is_some_and(u8::is_ascii_alphabetic) && !behind.is_some_and(u8::is_ascii_alphabetic) {
                return true;
            }
        }
    }
    false
}

/// For each end of a beginning of the word, the longest shorter beginning that ends there as well.
fn borders(word: &[u8]) -> Vec<usize> {
    let mut borders = Vec::with_capacity(word.len());
    borders.push(0);
    let mut length = 0;
    for byte in word.iter().skip(1) {
        while length > 0 && word.get(length) != Some(byte) {
            length = borders.get(length - 1).copied().unwrap_or_default();
        }
        length += usize::from(word.get(length) == Some(byte));
        borders.push(length);
    }
    borders
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "test code")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words() {
        let cases: [(&[u8], &[u8], bool); 12] = [
            (b"", b"", true),
            (b"a", b"", false),
            (b"abc", b"abc", true),
            (b"abc", b"abcd", false),
            (b"abc", b"xabc", false),
            (b"abc", b"abcd abc", true),
            (b"abc", b"1abc_", true),
            (b"abc", b"\xffabc\xff", true),
            (b"abab", b"ababab abab", true),
            (b"aab", b"aaab-aab", true),
            (b"a", b"aaa", false),
            (b"a b", b"xa b a b", true),
        ];
        for (word, value, expected) in cases {
            assert_eq!(contains_word(word, value), expected, "{} {}", word.escape_ascii(), value.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn a_word_is_found_where_it_stands(word in "[ab ]{1,4}", value in "[ab ]{0,24}") {
            let (word, value) = (word.as_bytes(), value.as_bytes());
            let slow = (0..value.len()).any(|at| {
                value[at..].starts_with(word)
                    && !value[..at].last().is_some_and(u8::is_ascii_alphabetic)
                    && !value.get(at + word.len()).is_some_and(u8::is_ascii_alphabetic)
            });
            prop_assert_eq!(contains_word(word, value), slow);
        }
    }
}
