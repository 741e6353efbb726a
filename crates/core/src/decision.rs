//! Decisions: a verdict with the controls that were evaluated, the reasons and the obligations.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Control, ControlSet, Fault};

/// The verdict of one control or of all together; the order is the strictness.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing speaks against it.
    #[default]
    Allow,
    /// Allowed once the caller shows something more (sign-in, second factor).
    Challenge,
    /// Refused.
    Deny,
}

/// What kind of refusal a reason stands for; fixes the HTTP status of the answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Denial {
    /// The request is malformed or breaks the contract: 400.
    Malformed,
    /// No valid credential: 401.
    Unauthenticated,
    /// A stronger sign-in is needed (RFC 9470): 401.
    StepUp,
    /// The caller is known and may not: 403.
    Forbidden,
    /// There is no such route: 404.
    NotFound,
    /// The route has no such method: 405.
    MethodNotAllowed,
    /// The request does not arrive in time: 408.
    TooSlow,
    /// A header or body is too large: 413.
    TooLarge,
    /// The media type or content coding is not accepted: 415.
    UnsupportedMediaType,
    /// A limit is used up: 429.
    TooMany,
    /// A control that is required gave no answer: 503.
    Unavailable,
}

impl Denial {
    /// The HTTP status of a refusal for this reason.
    pub const fn status(self) -> u16 {
        match self {
            Denial::Malformed => 400,
            Denial::Unauthenticated | Denial::StepUp => 401,
            Denial::Forbidden => 403,
            Denial::NotFound => 404,
            Denial::MethodNotAllowed => 405,
            Denial::TooSlow => 408,
            Denial::TooLarge => 413,
            Denial::UnsupportedMediaType => 415,
            Denial::TooMany => 429,
            Denial::Unavailable => 503,
        }
    }
}

/// Why a control said what it said. `code` is stable and documented; `text` explains it to a person, without personal
/// data or secrets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// The control that speaks.
    pub control: Control,
    /// What kind of refusal it is.
    pub denial: Denial,
    /// A stable code such as `token-expired`.
    pub code: Cow<'static, str>,
    /// One sentence for people: what is wrong and what to do.
    pub text: Cow<'static, str>,
}

/// What must be done when the subject of an allowed decision is answered.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obligation {
    /// Mask the named data classes in the response.
    Mask(BTreeSet<String>),
    /// Tell the caller to wait this many seconds.
    RetryAfter(u32),
    /// Ask for an authentication of at least this strength (an `acr` value, RFC 9470).
    StepUp(Cow<'static, str>),
    /// List the methods that the route has.
    AllowMethods(BTreeSet<String>),
}

/// The joined answer of the controls that were asked.
///
/// [`Decision::default`] allows nothing by itself: no control was evaluated, so every gate refuses it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[must_use = "a decision has no effect until it is joined and admitted"]
pub struct Decision {
    verdict: Verdict,
    evaluated: ControlSet,
    /// Nothing where there is nothing to tell, as for almost all that controls say.
    said: Option<Box<Said>>,
}

/// What there is to tell about a decision; never all empty.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Said {
    faults: BTreeSet<(Control, Fault)>,
    reasons: BTreeSet<Reason>,
    /// Those of `reasons` that deny; the others challenge.
    denials: BTreeSet<Reason>,
    obligations: BTreeSet<Obligation>,
}

static NOTHING: Said =
    Said { faults: BTreeSet::new(), reasons: BTreeSet::new(), denials: BTreeSet::new(), obligations: BTreeSet::new() };

impl Decision {
    /// The control was evaluated and has nothing against it.
    pub const fn allow(control: Control) -> Decision {
        Decision::allow_all(ControlSet::EMPTY.with(control))
    }

    /// All controls of the set were evaluated and have nothing against it.
    pub const fn allow_all(controls: ControlSet) -> Decision {
        Decision { verdict: Verdict::Allow, evaluated: controls, said: None }
    }

    /// The control refuses.
    pub fn deny(
        control: Control,
        denial: Denial,
        code: impl Into<Cow<'static, str>>,
        text: impl Into<Cow<'static, str>>,
    ) -> Decision {
        Decision::against(Verdict::Deny, control, denial, code.into(), text.into())
    }

    /// The control asks for more from the caller.
    pub fn challenge(
        control: Control,
        denial: Denial,
        code: impl Into<Cow<'static, str>>,
        text: impl Into<Cow<'static, str>>,
    ) -> Decision {
        Decision::against(Verdict::Challenge, control, denial, code.into(), text.into())
    }

    /// The control could not be evaluated: no bit, only the fault. A gate that requires it refuses with 503.
    pub fn fault(control: Control, fault: Fault) -> Decision {
        let said = Said { faults: BTreeSet::from([(control, fault)]), ..Said::default() };
        Decision { said: Some(Box::new(said)), ..Decision::default() }
    }

    fn against(
        verdict: Verdict,
        control: Control,
        denial: Denial,
        code: Cow<'static, str>,
        text: Cow<'static, str>,
    ) -> Decision {
        let reasons = BTreeSet::from([Reason { control, denial, code, text }]);
        let denials = if verdict == Verdict::Deny { reasons.clone() } else { BTreeSet::new() };
        let said = Said { reasons, denials, ..Said::default() };
        Decision { verdict, said: Some(Box::new(said)), ..Decision::allow(control) }
    }

    /// Adds an obligation.
    pub fn oblige(mut self, obligation: Obligation) -> Decision {
        self.said.get_or_insert_default().obligations.insert(obligation);
        self
    }

    /// Joins two decisions: the stricter verdict, the union of the rest. Commutative, associative and idempotent, so
    /// the order of controls can save work but never change the answer.
    ///
    /// A control that is asked twice (a limiter by peer and by caller) and fails once has no bit.
    pub fn and(mut self, other: Decision) -> Decision {
        self.verdict = self.verdict.max(other.verdict);
        self.evaluated = self.evaluated.union(other.evaluated);
        self.said = match (self.said.take(), other.said) {
            (Some(mut mine), Some(mut theirs)) => {
                mine.faults.append(&mut theirs.faults);
                mine.reasons.append(&mut theirs.reasons);
                mine.denials.append(&mut theirs.denials);
                mine.obligations.append(&mut theirs.obligations);
                Some(mine)
            }
            (mine, theirs) => mine.or(theirs),
        };
        self.evaluated = self.evaluated();
        self
    }

    fn said(&self) -> &Said {
        self.said.as_deref().unwrap_or(&NOTHING)
    }

    /// The joined verdict. It is not an admission: a gate may still miss a control.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether a control has refused already, so that asking more of them can't change the verdict.
    pub fn is_denied(&self) -> bool {
        self.verdict == Verdict::Deny
    }

    /// The controls that were evaluated, and did not fail anywhere.
    pub fn evaluated(&self) -> ControlSet {
        match &self.said {
            Some(said) => self.evaluated.without(said.faults.iter().map(|(control, _)| *control).collect()),
            None => self.evaluated,
        }
    }

    /// The controls that failed, with whose fault it was.
    pub fn faults(&self) -> &BTreeSet<(Control, Fault)> {
        &self.said().faults
    }

    /// Why, in the order of controls.
    pub fn reasons(&self) -> &BTreeSet<Reason> {
        &self.said().reasons
    }

    /// The reason to tell first: the strictest verdict's, in the order of controls.
    pub(crate) fn first_reason(&self) -> Option<&Reason> {
        self.said().denials.first().or_else(|| self.said().reasons.first())
    }

    /// What must be done with the answer.
    pub fn obligations(&self) -> &BTreeSet<Obligation> {
        &self.said().obligations
    }
}
