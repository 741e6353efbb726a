//! What a check of a request gives: what is wrong, what is only reported, and what is proven.

use testudo_core::{Control, Decision, Denial, Proven};

/// The most violations, and the most notes, that are listed.
pub const MAX_VIOLATIONS: usize = 8;

/// What happens with parameters, fields and bodies of which the contract says nothing. What it excludes by
/// `additionalProperties: false` is always refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unknown {
    /// They are wrong. An object that lists properties, and says nothing of others, has no others.
    #[default]
    Refuse,
    /// They are noted.
    Report,
    /// They pass, as JSON Schema has it.
    Allow,
}

/// How a request is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// What happens with what is not named.
    pub unknown: Unknown,
}

/// One thing that breaks the contract. It never holds a value of the request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Where: a JSON pointer into the body (`/items/0/price`; empty for the body itself), or the place and name of a
    /// parameter (`query:limit`, `query:filter/from`).
    pub pointer: String,
    /// A stable code such as `wrong-type`.
    pub code: &'static str,
    /// What the contract expects there.
    pub expected: String,
}

/// What a check gives.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// What is wrong, at most [`MAX_VIOLATIONS`].
    pub violations: Vec<Violation>,
    /// What is not named and only reported, at most as many.
    pub notes: Vec<Violation>,
    /// Values that a strict type proves harmless, by place; empty where anything is wrong. Of a body, the spans are those
    /// that the readers of `testudo_body` give: strings of JSON with their quotes, values of forms as written, data of
    /// parts. Only values that say what their bytes say are among them: none with escapes.
    pub proven: Vec<Proven>,
    /// Whether every name in the body is one of the contract's, and made of letters, digits and `_.:-`.
    pub names_proven: bool,
    /// Names of files that are harmless in form, and whose content is what they say.
    pub file_names: Vec<Box<[u8]>>,
    /// The kind of refusal that the violations call for.
    denial: Option<Denial>,
}

impl Checked {
    /// One violation that leaves nothing else to say.
    pub(crate) fn refused(denial: Denial, pointer: &str, code: &'static str, expected: impl Into<String>) -> Checked {
        let violation = Violation { pointer: pointer.into(), code, expected: expected.into() };
        Checked { violations: vec![violation], denial: Some(denial), ..Checked::default() }
    }

    /// Something that is only reported.
    pub(crate) fn noted(notes: Vec<Violation>) -> Checked {
        Checked { notes, ..Checked::default() }
    }

    /// Takes what a run found.
    pub(crate) fn of(found: super::run::Findings) -> Checked {
        let mut checked = Checked { names_proven: !found.free_names, ..Checked::default() };
        checked.violations = found.violations;
        checked.notes = found.notes;
        checked.proven = found.proven;
        checked.settled()
    }

    /// Orders what is proven, and withdraws it where something is wrong.
    pub(crate) fn settled(mut self) -> Checked {
        self.violations.truncate(MAX_VIOLATIONS);
        self.notes.truncate(MAX_VIOLATIONS);
        if self.violations.is_empty() {
            self.proven.sort_by_key(|proven| proven.span);
            self.proven.dedup_by_key(|proven| proven.span);
        } else {
            self.prove_nothing();
        }
        self
    }

    /// Adds what another check of the same request has against it. Its proofs are not taken, for its places are others.
    pub fn join(&mut self, other: Checked) {
        self.violations.extend(other.violations);
        self.notes.extend(other.notes);
        self.violations.truncate(MAX_VIOLATIONS);
        self.notes.truncate(MAX_VIOLATIONS);
        self.denial = self.denial.or(other.denial);
        if !self.is_ok() {
            self.prove_nothing();
        }
    }

    fn prove_nothing(&mut self) {
        self.proven.clear();
        self.file_names.clear();
        self.names_proven = false;
    }

    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.violations.is_empty()
    }

    /// The decision of [`Control::Contract`]. The text names places and what is expected there, and no value.
    pub fn decision(&self) -> Decision {
        let Some(first) = self.violations.first() else { return Decision::allow(Control::Contract) };
        let said = |violation: &Violation| {
            let place = if violation.pointer.is_empty() { "the body" } else { &violation.pointer };
            format!("{place}: expected {} ({})", violation.expected, violation.code)
        };
        let listed: Vec<String> = self.violations.iter().map(said).collect();
        let denial = self.denial.unwrap_or(Denial::Malformed);
        Decision::deny(Control::Contract, denial, first.code, listed.join("; "))
    }
}
