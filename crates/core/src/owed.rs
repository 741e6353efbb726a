//! Obligations that can't be forgotten.

use std::collections::BTreeSet;

use crate::{Decision, Obligation};

/// Fulfils the obligations of an admission on what came back for it.
pub trait Settle<R> {
    /// What remains when the obligations are fulfilled.
    type Settled;

    /// Runs the response rules and masks. It may itself deny and replace the response.
    fn settle(self, response: R, obligations: &BTreeSet<Obligation>) -> (Self::Settled, Decision);
}

impl<R, S, F: FnOnce(R, &BTreeSet<Obligation>) -> (S, Decision)> Settle<R> for F {
    type Settled = S;

    fn settle(self, response: R, obligations: &BTreeSet<Obligation>) -> (S, Decision) {
        self(response, obligations)
    }
}

/// Something that came back through a gate and opens only through [`Owed::settle`].
#[must_use = "what is owed must be settled"]
#[derive(Debug)]
pub struct Owed<R> {
    value: R,
    obligations: BTreeSet<Obligation>,
}

impl<R> Owed<R> {
    /// Wraps a value with what is owed on it.
    pub fn new(value: R, obligations: BTreeSet<Obligation>) -> Owed<R> {
        Owed { value, obligations }
    }

    /// Opens it by fulfilling the obligations.
    pub fn settle<F: Settle<R>>(self, fulfil: F) -> (F::Settled, Decision) {
        fulfil.settle(self.value, &self.obligations)
    }
}
