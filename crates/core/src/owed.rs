//! Obligations that can't be forgotten.

use std::collections::BTreeSet;

use crate::{Decision, Obligation};

/// Fulfils the obligations of an admission on what came back for it.
pub trait Settle<R> {
    /// Runs the response rules and masks. It may itself deny and replace the response.
    fn settle(self, response: R, obligations: &BTreeSet<Obligation>) -> (R, Decision);
}

impl<R, F: FnOnce(R, &BTreeSet<Obligation>) -> (R, Decision)> Settle<R> for F {
    fn settle(self, response: R, obligations: &BTreeSet<Obligation>) -> (R, Decision) {
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
    pub fn settle(self, fulfil: impl Settle<R>) -> (R, Decision) {
        fulfil.settle(self.value, &self.obligations)
    }
}
