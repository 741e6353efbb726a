//! Personal data on their way to an administrator: masked, or in full through the gate [`Disclose`].
//!
//! What renders personal data asks a [`Sight`] for each text. One that sees in full exists only while a [`Disclosure`] is
//! made, and what was rendered with it comes out of an admission only. By type, then: nothing personal is shown in full
//! without a decision about that very answer.

use std::fmt;

use serde_json::Value;
use testudo_core::{Admission, Disclose};

use super::mask::mask;

/// How personal texts are rendered.
pub(super) struct Sight {
    full: bool,
}

impl Sight {
    /// The sight that everybody has.
    pub(super) const MASKED: Sight = Sight { full: false };

    /// The text, or its mask.
    pub(super) fn text(&self, text: &str) -> String {
        if self.full { text.to_owned() } else { mask(text) }
    }

    /// The text, or nothing of it.
    pub(super) fn whole<'a>(&self, text: &'a str) -> &'a str {
        if self.full { text } else { "***" }
    }
}

/// An answer with personal data in full: the subject of the gate [`Disclose`].
pub struct Disclosure {
    what: &'static str,
    records: usize,
    answer: Value,
}

impl Disclosure {
    /// Renders so many records of this sort in full.
    pub(super) fn render(what: &'static str, records: usize, answer: impl FnOnce(&Sight) -> Value) -> Disclosure {
        Disclosure { what, records, answer: answer(&Sight { full: true }) }
    }

    /// The sort of records, such as `people`.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// How many records it shows.
    pub fn records(&self) -> usize {
        self.records
    }

    /// What may be shown now.
    pub(super) fn open(admission: Admission<Disclose, Disclosure>) -> Value {
        admission.into_parts().0.answer
    }
}

impl fmt::Debug for Disclosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disclosure").field("what", &self.what).field("records", &self.records).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;
    use testudo_core::{ControlSet, Decision, Disclose, Gate};

    use super::{Disclosure, Sight};

    #[test]
    fn full_sight_is_behind_the_gate() {
        let view = |sight: &Sight| json!({ "username": sight.text("ada@example.org"), "address": sight.whole("::1") });
        assert_eq!(view(&Sight::MASKED), json!({ "username": "a***@e…", "address": "***" }));
        let disclosure = Disclosure::render("people", 1, view);
        assert_eq!(format!("{disclosure:?}"), r#"Disclosure { what: "people", records: 1, .. }"#);
        let refused = Decision::default().admit::<Disclose, _>(disclosure, ControlSet::EMPTY);
        assert_eq!(refused.unwrap_err().status(), 503, "nobody decided");
        let disclosure = Disclosure::render("people", 1, view);
        let admission = Decision::allow_all(Disclose::MINIMUM).admit(disclosure, ControlSet::EMPTY).unwrap();
        assert_eq!(Disclosure::open(admission), json!({ "username": "ada@example.org", "address": "::1" }));
    }
}
