//! The seat of models that learn, and of signals that need more than a profile.

use std::borrow::Cow;

use testudo_core::Timestamp;

use super::{Place, Profile, Reason};

/// The most that one model adds to the sum, or takes from it.
pub const MOST_WEIGHT: f64 = 3.0;

/// What a model is shown.
#[derive(Clone, Copy, Debug)]
pub struct View<'v> {
    /// What is usual for the person; none for somebody who is new.
    pub profile: Option<&'v Profile>,
    /// How she comes now.
    pub place: &'v Place,
    /// When.
    pub now: Timestamp,
}

/// Something else that has an opinion. It joins the score as one more named signal.
pub trait Model: Send + Sync + 'static {
    /// The stable code of its reason.
    fn code(&self) -> &'static str;

    /// One sentence for people.
    fn text(&self) -> &'static str;

    /// Its weight, like a log-likelihood ratio: above 0 speaks against the caller. None: it has no opinion.
    fn weigh(&self, view: &View<'_>) -> Option<f64>;
}

pub(super) fn reason(model: &dyn Model, view: &View<'_>) -> Option<Reason> {
    let weight = model.weigh(view).filter(|weight| weight.is_finite())?;
    Some(Reason {
        code: Cow::Borrowed(model.code()),
        text: Cow::Borrowed(model.text()),
        weight: weight.clamp(-MOST_WEIGHT, MOST_WEIGHT),
    })
}
