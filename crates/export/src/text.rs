//! Texts of bounded length on one line.

use std::borrow::Cow;

/// What stands where a text was cut.
const CUT: &str = "…";

/// The text, at most so many bytes long; a mark says that it was cut.
pub(crate) fn clip(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(most.saturating_sub(CUT.len()));
    let kept = text.get(..end).unwrap_or_default();
    Cow::Owned(if most >= CUT.len() { format!("{kept}{CUT}") } else { kept.to_owned() })
}

/// The text without control characters: each becomes a space, so that no line ends early.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(is_control) { Cow::Owned(text.replace(is_control, " ")) } else { Cow::Borrowed(text) }
}

/// Whether it is a control character, or one that ends a line for some readers.
pub(crate) fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The same for a text that one owns or borrows.
pub(crate) fn clipped(text: Cow<'_, str>, most: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => clip(text, most),
        Cow::Owned(text) if text.len() <= most => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(clip(&text, most).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cutting_keeps_characters_whole_and_says_so() {
        assert_eq!(clip("journal", 7), "journal");
        assert_eq!(clip("journals", 7), "jour…");
        assert_eq!(clip("ääää", 6), "ä…");
        assert_eq!(clip("ää", 2), "");
        assert_eq!(one_line("a\nb\tc\u{2028}d"), "a b c d");
    }

    proptest! {
        #[test]
        fn a_text_is_never_longer_than_asked(text in ".*", most in 0_usize..40) {
            prop_assert!(clip(&text, most).len() <= most);
            prop_assert!(!one_line(&text).contains(is_control));
        }
    }
}
