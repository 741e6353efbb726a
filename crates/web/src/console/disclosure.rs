//! Personal data on their way to an administrator's screen: masked, or in full through the gate [`Disclose`].
//!
//! What renders personal data asks a [`Sight`] for each text. One that sees in full exists only while a [`Disclosure`] is
//! rendered, and the page comes out of an admission only.

use std::fmt::{self, Write as _};

use testudo_core::{Admission, Disclose};

/// How personal texts are rendered.
#[derive(Clone, Copy)]
pub(crate) struct Sight {
    full: bool,
}

impl Sight {
    /// The sight that everybody has.
    pub(crate) const MASKED: Sight = Sight { full: false };

    /// The text, or its first letters.
    pub(crate) fn text(self, text: &str) -> String {
        if self.full { visible(text) } else { mask(text) }
    }

    /// The text, or nothing of it.
    pub(crate) fn whole(self, text: &str) -> String {
        if self.full { visible(text) } else { "•••".to_owned() }
    }

    /// The text with its lines, or nothing of it.
    pub(crate) fn lines(self, text: &str) -> String {
        if self.full { lines(text, MOST_LINES) } else { "•••".to_owned() }
    }

    /// Whether it sees in full.
    pub(crate) fn is_full(self) -> bool {
        self.full
    }
}

/// A page with personal data in full: the subject of the gate [`Disclose`].
pub(crate) struct Disclosure<T> {
    page: T,
    what: &'static str,
    records: usize,
    target: Option<String>,
}

impl<T> Disclosure<T> {
    /// Makes so many records of this sort visible in full. `target` is the id of the one, if it is one.
    pub(crate) fn of(
        what: &'static str,
        records: usize,
        target: Option<String>,
        page: impl FnOnce(Sight) -> T,
    ) -> Disclosure<T> {
        Disclosure { page: page(Sight { full: true }), what, records, target }
    }

    pub(crate) fn what(&self) -> &'static str {
        self.what
    }

    pub(crate) fn records(&self) -> usize {
        self.records
    }

    pub(crate) fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// What may be shown now.
    pub(crate) fn open(admission: Admission<Disclose, Disclosure<T>>) -> T {
        admission.into_parts().0.page
    }
}

impl<T> fmt::Debug for Disclosure<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disclosure").field("what", &self.what).field("records", &self.records).finish_non_exhaustive()
    }
}

/// `ada@example.org` as `a•••@e•••`, `ada` as `a•••`.
fn mask(text: &str) -> String {
    let first = |text: &str| visible(&text.chars().take(1).collect::<String>());
    match text.split_once('@') {
        Some((local, domain)) => format!("{}•••@{}•••", first(local), first(domain)),
        None if text.is_empty() => String::new(),
        None => format!("{}•••", first(text)),
    }
}

/// The longest foreign text that a page shows.
const LONGEST: usize = 300;
/// And one of many lines.
const MOST_LINES: usize = 4_000;

/// A foreign text as it may stand on a page: what steers the direction of text or can't be seen is written out, and it is
/// cut. Markup is escaped by the template, as all text is.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(LONGEST));
    for (place, letter) in text.chars().enumerate() {
        if place == LONGEST {
            shown.push('…');
            break;
        }
        if is_hidden(letter) {
            let _ = write!(shown, "⟨{:04X}⟩", u32::from(letter));
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// The same for a text of many lines, of at most so many letters: what can't be seen is a replacement character.
pub(crate) fn lines(text: &str, most: usize) -> String {
    let kept = |letter: char| if is_hidden(letter) && !matches!(letter, '\n' | '\t') { '\u{fffd}' } else { letter };
    text.chars().take(most).map(kept).collect()
}

/// What steers the direction of text, or can't be seen.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{ad}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use testudo_core::{ControlSet, Decision, Gate};

    use super::*;

    #[test]
    fn full_sight_is_behind_the_gate() {
        let page = |sight: Sight| sight.text("ada@example.org");
        assert_eq!(page(Sight::MASKED), "a•••@e•••");
        let refused =
            Decision::default().admit::<Disclose, _>(Disclosure::of("person", 1, None, page), ControlSet::EMPTY);
        assert_eq!(refused.unwrap_err().status(), 503, "nobody decided");
        let admission = Decision::allow_all(Disclose::MINIMUM)
            .admit(Disclosure::of("person", 1, None, page), ControlSet::EMPTY)
            .unwrap();
        assert_eq!(Disclosure::open(admission), "ada@example.org");
    }

    #[test]
    fn nothing_hides_in_a_text() {
        assert_eq!(visible("a\u{202e}b\0c\u{200b}"), "a⟨202E⟩b⟨0000⟩c⟨200B⟩");
        assert_eq!(visible(&"x".repeat(10_000)).chars().count(), LONGEST + 1);
        assert_eq!(Sight::MASKED.text("\u{202e}evil"), "⟨202E⟩•••");
        assert_eq!(Sight::MASKED.whole("203.0.113.7"), "•••");
        assert_eq!(visible("<b>&\"'{{7*7}}"), "<b>&\"'{{7*7}}", "markup is the template's work");
    }
}
