//! What a treatment makes of one value.

use std::borrow::Cow;

use super::{Masked, Masking};
use crate::detect::{self, Found};
use crate::partial::{HIDDEN, partial};
use crate::{ClassSet, DataClass, Treatment};

impl Masking {
    /// What is shown for a value; nothing for `null`.
    pub(super) fn shown(&self, treatment: Treatment, class: DataClass, value: &str) -> Option<String> {
        match (treatment, &self.keys) {
            (Treatment::Plain, _) => Some(value.to_owned()),
            (Treatment::Partial, _) => Some(partial(class, value)),
            (Treatment::Hash, Some(keys)) => Some(keys.hash(class, value)),
            (Treatment::Token, Some(keys)) => Some(keys.token(class, value)),
            (Treatment::Hash | Treatment::Token, None) => Some(HIDDEN.to_owned()),
            (Treatment::Null | Treatment::Drop, _) => None,
        }
    }

    pub(super) fn holds(&self, length: usize) -> bool {
        length <= self.hold
    }

    /// The strictest treatment of what was found.
    pub(super) fn strictest_of(&self, found: &[Found]) -> Option<(Treatment, DataClass)> {
        self.plan.strictest(found.iter().map(|each| each.class).collect::<ClassSet>())
    }

    /// The text with what was found replaced; what has nothing to show becomes `***`.
    pub(super) fn replaced(&self, text: &str, found: &[Found], masked: &mut Masked) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut done = 0;
        for each in found {
            shown.push_str(text.get(done..each.start).unwrap_or_default());
            let value = text.get(each.start..each.end).unwrap_or_default();
            let treatment = self.plan.treatment(each.class);
            shown.push_str(&self.shown(treatment, each.class, value).unwrap_or_else(|| HIDDEN.to_owned()));
            masked.count_found(each.class);
            done = each.end;
        }
        shown.push_str(text.get(done..).unwrap_or_default());
        shown
    }
}

pub(super) fn mask_text<'a>(masking: &Masking, text: &'a str, masked: &mut Masked) -> Cow<'a, str> {
    let mut found = Vec::new();
    detect::find(text.as_bytes(), b"", masking.plan.treated(), &mut found);
    if found.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(masking.replaced(text, &found, masked)) }
}
