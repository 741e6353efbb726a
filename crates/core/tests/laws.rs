//! The laws of decisions, admissions and control sets, over random values.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use testudo_core::{
    Admission, Control, ControlSet, Decision, Denial, Execute, Fault, Forward, Gate, Issue, Obligation, Publish,
    Verdict,
};

const DENIALS: [Denial; 9] = [
    Denial::Malformed,
    Denial::Unauthenticated,
    Denial::StepUp,
    Denial::Forbidden,
    Denial::NotFound,
    Denial::MethodNotAllowed,
    Denial::TooLarge,
    Denial::UnsupportedMediaType,
    Denial::TooMany,
];

fn control() -> impl Strategy<Value = Control> {
    select(Control::ALL)
}

fn obligation() -> impl Strategy<Value = Obligation> {
    prop_oneof![
        btree_set("[a-c]", 0..3).prop_map(Obligation::Mask),
        (0u32..4).prop_map(Obligation::RetryAfter),
        Just(Obligation::StepUp("urn:testudo:acr:2".into())),
        btree_set("[A-C]", 0..3).prop_map(Obligation::AllowMethods),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    select(vec![Fault::Client, Fault::Peer, Fault::Dependency, Fault::Bug])
}

fn single() -> impl Strategy<Value = Decision> {
    let code = "[a-b]{1,2}";
    prop_oneof![
        3 => control().prop_map(Decision::allow),
        1 => (control(), select(DENIALS.to_vec()), code, "[a-b]").prop_map(|(c, d, code, text)| Decision::deny(c, d, code, text)),
        1 => (control(), select(DENIALS.to_vec()), code, "[a-b]").prop_map(|(c, d, code, text)| Decision::challenge(c, d, code, text)),
        1 => (control(), fault()).prop_map(|(c, f)| Decision::fault(c, f)),
        1 => (control(), obligation()).prop_map(|(c, o)| Decision::allow(c).oblige(o)),
        1 => Just(Decision::default()),
    ]
}

fn join(parts: impl IntoIterator<Item = Decision>) -> Decision {
    parts.into_iter().fold(Decision::default(), Decision::and)
}

fn decision() -> impl Strategy<Value = Decision> {
    vec(single(), 0..6).prop_map(join)
}

fn control_set() -> impl Strategy<Value = ControlSet> {
    vec(control(), 0..12).prop_map(|controls| controls.into_iter().collect())
}

proptest! {
    #[test]
    fn and_is_commutative(a in decision(), b in decision()) {
        prop_assert_eq!(a.clone().and(b.clone()), b.and(a));
    }

    #[test]
    fn and_is_associative(a in decision(), b in decision(), c in decision()) {
        prop_assert_eq!(a.clone().and(b.clone()).and(c.clone()), a.and(b.and(c)));
    }

    #[test]
    fn and_is_idempotent_and_default_is_neutral(a in decision()) {
        prop_assert_eq!(a.clone().and(a.clone()), a.clone());
        prop_assert_eq!(a.clone().and(Decision::default()), a);
    }

    #[test]
    fn the_order_of_controls_never_changes_the_answer(
        (parts, shuffled) in vec(single(), 0..8).prop_flat_map(|parts| (Just(parts.clone()), Just(parts).prop_shuffle()))
    ) {
        let straight = join(parts).admit::<Forward, _>((), ControlSet::EMPTY).map(Admission::into_parts);
        let other = join(shuffled).admit::<Forward, _>((), ControlSet::EMPTY).map(Admission::into_parts);
        prop_assert_eq!(straight, other);
    }

    #[test]
    fn the_stricter_verdict_wins(a in decision(), b in decision()) {
        let strictest = a.verdict().max(b.verdict());
        prop_assert_eq!(a.and(b).verdict(), strictest);
    }

    #[test]
    fn joining_never_opens_a_gate_that_a_verdict_or_fault_shut(a in decision(), b in decision(), required in control_set()) {
        let required = required.union(Forward::MINIMUM);
        let a_failed: ControlSet = a.faults().iter().map(|(control, _)| *control).collect();
        let shut = a.verdict() != Verdict::Allow || a_failed.iter().any(|control| required.contains(control));
        prop_assume!(shut);
        prop_assert!(a.and(b).and(Decision::allow_all(required)).admit::<Forward, _>((), required).is_err());
    }

    #[test]
    fn a_demand_asks_for_what_it_names_and_no_more(ran in control_set(), required in control_set()) {
        match Decision::allow_all(ran).demand(required) {
            Ok(()) => prop_assert!(required.without(ran).is_empty()),
            Err(refusal) => {
                prop_assert_eq!(refusal.missing(), required.without(ran));
                prop_assert!(!refusal.missing().is_empty());
                prop_assert_eq!(refusal.status(), 503);
            }
        }
        let denied = Decision::deny(Control::RateLimit, Denial::TooMany, "limit", "wait").and(Decision::allow_all(ran));
        prop_assert_eq!(denied.demand(required).unwrap_err().status(), 429);
    }

    #[test]
    fn a_required_control_that_did_not_run_denies(
        ran in subsequence(Control::ALL.to_vec(), 0..=Control::ALL.len()),
        required in control_set(),
    ) {
        let ran: ControlSet = ran.into_iter().collect();
        let needed = required.union(Forward::MINIMUM);
        match Decision::allow_all(ran).admit::<Forward, _>(7, required) {
            Ok(admission) => {
                prop_assert!(needed.without(ran).is_empty());
                prop_assert_eq!(admission.into_parts(), (7, BTreeSet::new()));
            }
            Err(refusal) => {
                prop_assert_eq!(refusal.missing(), needed.without(ran));
                prop_assert!(!refusal.missing().is_empty());
                prop_assert_eq!(refusal.status(), 503);
            }
        }
    }

    #[test]
    fn a_fault_leaves_no_bit_and_the_refusal_is_503(control in control(), fault in fault(), others in control_set()) {
        let all = ControlSet::of(Control::ALL);
        for decision in [
            Decision::allow_all(all).and(Decision::fault(control, fault)),
            Decision::fault(control, fault).and(Decision::allow_all(all)),
            Decision::allow_all(others).and(Decision::fault(control, fault)).and(Decision::allow_all(all)),
        ] {
            prop_assert!(!decision.evaluated().contains(control));
            let refusal = decision.admit::<Forward, _>((), ControlSet::EMPTY.with(control)).unwrap_err();
            prop_assert_eq!(refusal.status(), 503);
            prop_assert_eq!(refusal.reason().control, control);
            prop_assert_eq!(refusal.missing(), ControlSet::EMPTY.with(control));
        }
    }

    #[test]
    fn an_explicit_denial_keeps_its_own_status(
        control in control(), denial in select(DENIALS.to_vec()), noise in vec(fault_of(), 0..4), ran in control_set(),
    ) {
        let decision = noise.into_iter().fold(Decision::deny(control, denial, "no", "no"), Decision::and);
        let refusal = decision.and(Decision::allow_all(ran)).admit::<Forward, _>((), ControlSet::EMPTY).unwrap_err();
        prop_assert_eq!(refusal.status(), denial.status());
        prop_assert_eq!(refusal.reason().control, control);
    }

    #[test]
    fn a_denial_speaks_before_a_challenge(first in control(), second in control()) {
        let challenged = Decision::challenge(first, Denial::StepUp, "step-up", "show a second factor");
        let denied = Decision::deny(second, Denial::Forbidden, "no", "not yours");
        let refusal = challenged.and(denied).admit::<Forward, _>((), ControlSet::EMPTY).unwrap_err();
        prop_assert_eq!(refusal.status(), 403);
        prop_assert_eq!(refusal.reason().code.as_ref(), "no");
        prop_assert_eq!(refusal.decision().reasons().len(), 2);
    }

    #[test]
    fn an_admission_holds_exactly_its_own_subject(subject in any::<[u8; 16]>(), owed in btree_set(obligation(), 0..4)) {
        let decision = owed.iter().cloned().fold(Decision::allow_all(Issue::MINIMUM), Decision::oblige);
        let admission: Admission<Issue, _> = decision.admit(subject, ControlSet::EMPTY).unwrap();
        prop_assert_eq!(admission.subject(), &subject);
        prop_assert_eq!(admission.into_parts(), (subject, owed));
    }

    #[test]
    fn observing_admits_reports_and_still_masks(a in decision(), required in control_set()) {
        let refused = a.clone().admit::<Forward, _>(3, required).err();
        let masks: BTreeSet<Obligation> = a.obligations().iter().filter(|it| matches!(it, Obligation::Mask(_))).cloned().collect();
        let (admission, reported) = a.admit_observed(3, required);
        prop_assert_eq!(&reported, &refused);
        let (subject, owed) = admission.into_parts();
        prop_assert_eq!(subject, 3);
        prop_assert!(owed.is_superset(&masks));
        if reported.is_some() { prop_assert_eq!(owed, masks); }
    }

    #[test]
    fn a_decision_survives_serde(a in decision()) {
        let text = serde_json::to_string(&a).unwrap();
        prop_assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), a);
    }

    #[test]
    fn control_sets_are_sets(a in control_set(), b in control_set(), c in control_set(), one in control()) {
        prop_assert_eq!(a.union(b), b.union(a));
        prop_assert_eq!(a.union(b).union(c), a.union(b.union(c)));
        prop_assert_eq!(a.union(a), a);
        prop_assert_eq!(a.union(ControlSet::EMPTY), a);
        prop_assert!(a.without(a).is_empty());
        prop_assert_eq!(a.without(b).union(b), a.union(b));
        prop_assert_eq!(a.union(b).without(c), a.without(c).union(b.without(c)));
        prop_assert!(a.with(one).contains(one));
        prop_assert!(!a.without(ControlSet::of(&[one])).contains(one));
        prop_assert_eq!(a.iter().collect::<ControlSet>(), a);
        let members: Vec<Control> = a.iter().collect();
        prop_assert!(members.is_sorted());
        prop_assert_eq!(ControlSet::of(&members), a);
        prop_assert_eq!(serde_json::from_str::<ControlSet>(&serde_json::to_string(&a).unwrap()).unwrap(), a);
    }
}

fn fault_of() -> impl Strategy<Value = Decision> {
    (control(), fault()).prop_map(|(control, fault)| Decision::fault(control, fault))
}

/// Every subset of a gate's minimum, not a sample of them.
fn every_subset_but_the_whole_is_refused<G: Gate>() {
    let members: Vec<Control> = G::MINIMUM.iter().collect();
    let whole = 1u32 << members.len();
    for bits in 0..whole {
        let ran: ControlSet = members
            .iter()
            .enumerate()
            .filter(|(index, _)| bits & (1 << index) != 0)
            .map(|(_, control)| *control)
            .collect();
        let answer = Decision::allow_all(ran).admit::<G, _>((), ControlSet::EMPTY);
        assert_eq!(answer.is_ok(), bits == whole - 1, "{} with {ran:?}", G::NAME);
    }
}

#[test]
fn each_gate_refuses_every_subset_of_its_minimum() {
    every_subset_but_the_whole_is_refused::<Forward>();
    every_subset_but_the_whole_is_refused::<Issue>();
    every_subset_but_the_whole_is_refused::<Publish>();
    every_subset_but_the_whole_is_refused::<testudo_core::Disclose>();
    every_subset_but_the_whole_is_refused::<Execute>();
}

#[test]
fn an_empty_decision_opens_no_gate() {
    assert_eq!(Decision::default().admit::<Forward, _>((), ControlSet::EMPTY).unwrap_err().status(), 503);
    assert!(Decision::default().admit::<Execute, _>((), ControlSet::EMPTY).is_err());
}

#[test]
fn bits_and_names_of_controls_are_unique_and_match_serde() {
    let names: BTreeSet<&str> = Control::ALL.iter().map(|control| control.name()).collect();
    let bits: BTreeSet<u8> = Control::ALL.iter().map(|control| *control as u8).collect();
    assert_eq!((names.len(), bits.len()), (Control::ALL.len(), Control::ALL.len()));
    for control in Control::ALL {
        assert_eq!(serde_json::to_value(control).unwrap(), control.name());
    }
    assert!(bits.iter().all(|bit| *bit < 64));
}
