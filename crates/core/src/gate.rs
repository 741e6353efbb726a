//! Gates and admissions: the type system's proof that a decision was made about this very thing.
//!
//! An [`Admission`] has one constructor, [`Decision::admit`], and is consumed to get at its subject. The one function
//! that forwards, issues or publishes takes only an admission for its own gate.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use crate::{Control, ControlSet, Decision, Denial, Obligation, Reason, Verdict};

mod sealed {
    pub trait Sealed {}
}

/// A place that everything protected must pass. The list is closed: see the implementors in this module.
///
/// ```compile_fail,E0277
/// use testudo_core::{ControlSet, Gate};
/// enum Backdoor {}
/// impl Gate for Backdoor {
///     const NAME: &'static str = "backdoor";
///     const MINIMUM: ControlSet = ControlSet::EMPTY;
/// }
/// ```
pub trait Gate: sealed::Sealed + 'static {
    /// The gate's name in events and evidence.
    const NAME: &'static str;
    /// The controls without whose answer nothing ever passes.
    const MINIMUM: ControlSet;
}

macro_rules! gates {
    ($($(#[$doc:meta])* $gate:ident, $name:literal, [$($control:ident),+];)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $gate {}
        impl sealed::Sealed for $gate {}
        impl Gate for $gate {
            const NAME: &'static str = $name;
            const MINIMUM: ControlSet = ControlSet::of(&[$(Control::$control),+]);
        }
    )+};
}

gates! {
    /// A request goes to the upstream.
    Forward, "forward", [Transport, RateLimit, Contract, Authentication, Standing, Authorization, Audit];
    /// A token is issued.
    Issue, "issue", [Authentication, RateLimit, Standing, Audit];
    /// A build is published.
    Publish, "publish", [StaticAnalysis, Dependencies, AppSignature, StorePolicy, Audit];
    /// Data leaves: an export, a reveal.
    Disclose, "disclose", [Authentication, Authorization, Audit];
    /// A destructive action is done.
    Execute, "execute", [Authentication, Authorization, Audit];
}

/// Permission for one subject to pass one gate once.
///
/// It can't be built except by [`Decision::admit`], can't be cloned, and gives up its subject only when consumed. Each
/// example that must not compile has a twin that does and differs in the forbidden step only.
///
/// ```
/// use testudo_core::{Admission, ControlSet, Decision, Forward, Gate};
/// let admitted: Admission<Forward, &str> =
///     Decision::allow_all(Forward::MINIMUM).admit("request", ControlSet::EMPTY).unwrap();
/// assert_eq!(*admitted.subject(), "request");
/// ```
///
/// ```compile_fail,E0451
/// use testudo_core::{Admission, Forward};
/// let forged: Admission<Forward, &str> =
///     Admission { subject: "request", obligations: Default::default(), gate: std::marker::PhantomData };
/// ```
///
/// An admission for one gate opens no other:
///
/// ```
/// use testudo_core::{Admission, Forward, Issue};
/// fn forward(_: Admission<Forward, &str>) {}
/// fn confuse(admission: Admission<Forward, &str>) { forward(admission) }
/// ```
///
/// ```compile_fail,E0308
/// use testudo_core::{Admission, Forward, Issue};
/// fn issue(_: Admission<Issue, &str>) {}
/// fn confuse(admission: Admission<Forward, &str>) { issue(admission) }
/// ```
///
/// None is used twice:
///
/// ```
/// use testudo_core::{Admission, Forward};
/// fn twice(admission: Admission<Forward, String>) {
///     let _first = admission.into_parts();
/// }
/// ```
///
/// ```compile_fail,E0382
/// use testudo_core::{Admission, Forward};
/// fn twice(admission: Admission<Forward, String>) {
///     let _first = admission.into_parts();
///     let _second = admission.into_parts();
/// }
/// ```
/// nor copied first:
///
/// ```compile_fail,E0599
/// use testudo_core::{Admission, Forward};
/// fn copy(admission: Admission<Forward, String>) {
///     let _second = admission.clone().into_parts();
/// }
/// ```
#[must_use = "an admission that is not used forwards nothing"]
pub struct Admission<G: Gate, S> {
    subject: S,
    obligations: BTreeSet<Obligation>,
    gate: PhantomData<fn() -> G>,
}

impl<G: Gate, S> Admission<G, S> {
    /// What was decided about.
    pub fn subject(&self) -> &S {
        &self.subject
    }

    /// Gives up the subject together with what is owed for it.
    pub fn into_parts(self) -> (S, BTreeSet<Obligation>) {
        (self.subject, self.obligations)
    }
}

impl<G: Gate, S: fmt::Debug> fmt::Debug for Admission<G, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("gate", &G::NAME).field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Why a gate stayed shut. It has at least one reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    decision: Decision,
    missing: ControlSet,
    reason: Reason,
}

impl Refusal {
    /// The joined decision.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Required controls that gave no answer.
    pub fn missing(&self) -> ControlSet {
        self.missing
    }

    /// The reason that the caller is told: the strictest verdict's first, in the order of controls.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The HTTP status of the refusal.
    pub fn status(&self) -> u16 {
        self.reason.denial.status()
    }
}

impl Decision {
    /// Asks the gate `G` to admit `subject`, with `required` on top of the gate's own minimum.
    ///
    /// Fail closed: a required control without its bit is a refusal, whatever the verdict. Explicit denials go first,
    /// so that a caller with a bad token gets 401 and not the 503 of the controls that were then not asked.
    pub fn admit<G: Gate, S>(self, subject: S, required: ControlSet) -> Result<Admission<G, S>, Box<Refusal>> {
        match self.check(required.union(G::MINIMUM)) {
            Ok(obligations) => Ok(Admission { subject, obligations, gate: PhantomData }),
            Err(refusal) => Err(refusal),
        }
    }

    /// Admits whatever the verdict, and says what would have been refused. Only for requests, and only for
    /// `up --observe`: the caller must report the refusal. What is masked stays masked.
    pub fn admit_observed<S>(
        self,
        subject: S,
        required: ControlSet,
    ) -> (Admission<crate::Forward, S>, Option<Box<Refusal>>) {
        let (obligations, refusal) = match self.check(required.union(Forward::MINIMUM)) {
            Ok(obligations) => (obligations, None),
            Err(refusal) => {
                let masks = refusal.decision.obligations().iter().filter(|it| matches!(it, Obligation::Mask(_)));
                (masks.cloned().collect(), Some(refusal))
            }
        };
        (Admission { subject, obligations, gate: PhantomData }, refusal)
    }

    /// Whether nothing speaks against it and every control of `required` has answered. It opens no gate: for what is
    /// asked on the way to one, such as the limits before an endpoint that authenticates by itself.
    pub fn demand(self, required: ControlSet) -> Result<(), Box<Refusal>> {
        self.check(required).map(drop)
    }

    fn check(self, required: ControlSet) -> Result<BTreeSet<Obligation>, Box<Refusal>> {
        let missing = required.without(self.evaluated());
        if self.verdict() == Verdict::Allow && missing.is_empty() {
            return Ok(self.obligations().clone());
        }
        let reason = match (self.verdict(), self.first_reason()) {
            (Verdict::Deny | Verdict::Challenge, Some(reason)) => reason.clone(),
            _ => unanswered(&self, missing),
        };
        Err(Box::new(Refusal { decision: self, missing, reason }))
    }
}

fn unanswered(decision: &Decision, missing: ControlSet) -> Reason {
    let failed = decision.faults().iter().map(|(control, _)| *control).find(|control| missing.contains(*control));
    let control = failed.or_else(|| missing.iter().next()).unwrap_or(Control::Audit);
    Reason {
        control,
        denial: Denial::Unavailable,
        code: "control-unavailable".into(),
        text: format!("the control `{control}` is required here and gave no answer; try again later").into(),
    }
}
