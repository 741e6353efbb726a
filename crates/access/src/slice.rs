//! Slices: the policies that can matter for one action on one route, found once at load.
//!
//! A policy's scope names its action and resource. Both are known for a route, so a policy whose scope does not hold is
//! left out, and one whose scope holds is kept without it. What is left depends on the principal and the context.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cedar_policy::{ActionConstraint, Effect, EntityUid, PolicySet, PrincipalConstraint, ResourceConstraint};

use crate::answers::SharedAnswers;
use crate::names;
use crate::principal::PreparedPrincipal;
use crate::route::RouteEntity;
use crate::source::Named;
use crate::uses::{Uses, relax};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// The policies for one action on one route.
#[derive(Debug)]
pub(crate) struct Slice {
    /// Told apart from every other slice of this process, also after a reload.
    pub number: u64,
    candidates: Vec<Candidate>,
    /// The policies without their constraints on action and resource.
    pub policies: PolicySet,
    pub uses: Uses,
    /// Answers to all who meet the same scopes; for a slice whose conditions do not ask who the principal is.
    pub shared: SharedAnswers,
}

#[derive(Debug)]
struct Candidate {
    index: usize,
    effect: Effect,
    principal: PrincipalConstraint,
    conditional: bool,
}

/// What policies say, by their places in the list of all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    pub allowed: bool,
    /// The policies that decided: forbids if any, else permits.
    pub determining: Vec<usize>,
    /// The policies that could not be evaluated.
    pub errors: Vec<usize>,
}

impl Slice {
    /// The answer without evaluation, when the principal meets no policy with conditions.
    pub fn direct(&self, principal: &PreparedPrincipal) -> Option<Outcome> {
        let (mut permits, mut forbids) = (Vec::new(), Vec::new());
        for candidate in &self.candidates {
            if !principal.satisfies(&candidate.principal) {
                continue;
            }
            if candidate.conditional {
                return None;
            }
            match candidate.effect {
                Effect::Permit => permits.push(candidate.index),
                Effect::Forbid => forbids.push(candidate.index),
            }
        }
        let allowed = forbids.is_empty() && !permits.is_empty();
        let determining = if forbids.is_empty() { permits } else { forbids };
        Some(Outcome { allowed, determining, errors: Vec::new() })
    }
}

impl Slice {
    /// The scopes that a principal meets, as bits.
    pub fn met(&self, principal: &PreparedPrincipal) -> Box<[u64]> {
        let bits = |candidates: &[Candidate]| {
            let bit = |(place, candidate): (usize, &Candidate)| {
                u64::from(principal.satisfies(&candidate.principal)) << (place % 64)
            };
            candidates.iter().enumerate().map(bit).fold(0, |bits, bit| bits | bit)
        };
        self.candidates.chunks(64).map(bits).collect()
    }
}

/// Makes slices; routes with the same policies share one.
pub(crate) struct Slicer<'p> {
    policies: &'p [Named],
    known: BTreeMap<Vec<usize>, Arc<Slice>>,
}

impl<'p> Slicer<'p> {
    pub fn new(policies: &'p [Named]) -> Slicer<'p> {
        Slicer { policies, known: BTreeMap::new() }
    }

    /// The slice of a method on a route; an error is Cedar's, and a bug.
    pub fn slice(&mut self, method: &str, route: &RouteEntity) -> Result<Arc<Slice>, String> {
        let action = names::uid(names::ACTION, method);
        let group = names::uid(names::ACTION, names::group(method));
        let holds = |named: &Named| {
            let action_holds = match named.policy.action_constraint() {
                ActionConstraint::Any => true,
                ActionConstraint::Eq(uid) => uid == action,
                ActionConstraint::In(uids) => uids.iter().any(|uid| *uid == action || *uid == group),
            };
            action_holds && resource_holds(&named.policy.resource_constraint(), &route.uid, &route.parents)
        };
        let indexes: Vec<usize> =
            self.policies.iter().enumerate().filter(|(_, named)| holds(named)).map(|(index, _)| index).collect();
        if let Some(slice) = self.known.get(&indexes) {
            return Ok(Arc::clone(slice));
        }
        let slice = Arc::new(self.make(&indexes)?);
        self.known.insert(indexes, Arc::clone(&slice));
        Ok(slice)
    }

    fn make(&self, indexes: &[usize]) -> Result<Slice, String> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (policies, uses, shared) = (PolicySet::new(), Uses::none(), SharedAnswers::default());
        let mut slice = Slice { number, candidates: Vec::new(), policies, uses, shared };
        for index in indexes {
            let Some(Named { policy, .. }) = self.policies.get(*index) else { continue };
            let (relaxed, uses) = relax(policy);
            slice.uses.join(&uses);
            slice.candidates.push(Candidate {
                index: *index,
                effect: policy.effect(),
                principal: policy.principal_constraint(),
                conditional: policy.has_non_scope_constraint(),
            });
            slice.policies.add(relaxed).map_err(|error| error.to_string())?;
        }
        Ok(slice)
    }
}

fn resource_holds(constraint: &ResourceConstraint, uid: &EntityUid, parents: &HashSet<EntityUid>) -> bool {
    let within = |other: &EntityUid| other == uid || parents.contains(other);
    match constraint {
        ResourceConstraint::Any => true,
        ResourceConstraint::Eq(other) => other == uid,
        ResourceConstraint::In(other) => within(other),
        ResourceConstraint::Is(kind) => kind == uid.type_name(),
        ResourceConstraint::IsIn(kind, other) => kind == uid.type_name() && within(other),
    }
}
