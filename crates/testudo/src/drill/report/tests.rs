//! When an attack counts as held back, and when honest people count as hit.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::json;

use super::*;

fn scenario() -> &'static Scenario {
    Scenario::named("token-replay").unwrap()
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_micros(1_772_000_000_000_000 + ms * 1000)
}

fn act(ms: i64, side: Side, passed: bool, code: &str) -> Act {
    Act { at: at(ms), side, who: "somebody".into(), what: "read", passed, code: code.into() }
}

fn told(ms: i64, kind: &str, target: &str, action: &str) -> Value {
    json!({ "seq": 1, "event": { "kind": kind, "at": at(ms), "target": target, "details": { "action": action } } })
}

/// An attack of ten attempts in a second, decided at 1,000 ms; from 1,040 ms on it is refused, or not.
fn report(refused: bool, honest: &[Act], worth: bool) -> Report {
    let mut acts: Vec<Act> = (0..40)
        .map(|number| {
            let passed = number <= 10 || !refused;
            act(number * 100, Side::Attack, passed, if passed { "200" } else { "session-revoked" })
        })
        .collect();
    acts.extend_from_slice(honest);
    let told = [
        told(1000, "alert.raised", "testudo-token-replay", ""),
        told(1015, "incident.opened", "inc_1", ""),
        told(1030, "response.performed", "inc_1", "revoke-session"),
        told(1040, "response.performed", "inc_1", "require-step-up"),
    ];
    Report::of(scenario(), at(0), &acts, vec![("victim".into(), worth)], &[], &told)
}

#[test]
fn an_attack_that_is_refused_from_then_on_is_held_back() {
    let report = report(true, &[act(500, Side::Honest, true, "200")], false);
    assert!(report.passed, "{:?}", report.failures);
    let Times { detected_ms, acted_ms, contained_ms, refused_ms, attack_before_ms } = report.times;
    assert_eq!((attack_before_ms, detected_ms, acted_ms), (Some(1000.0), Some(15.0), Some(30.0)));
    assert_eq!((contained_ms, refused_ms), (Some(40.0), Some(100.0)));
    assert_eq!(report.attack.refused, BTreeMap::from([("session-revoked".to_owned(), 29)]));
    assert!(report.rate.before > 10.0 && report.rate.after == 0.0, "{:?}", report.rate);
    assert_eq!(report.done.len(), 2);
}

#[test]
fn an_attack_that_goes_on_is_not() {
    let report = report(false, &[], false);
    assert!(!report.passed);
    assert!(report.failures[0].contains("went on"), "{:?}", report.failures);
}

#[test]
fn what_is_still_good_in_the_end_is_a_failure() {
    let report = report(true, &[], true);
    assert_eq!(report.failures, ["what was stolen from `victim` is still good"]);
}

#[test]
fn without_an_alert_nothing_counts() {
    let acts = [act(0, Side::Attack, true, "200"), act(100, Side::Attack, false, "limit-person")];
    let report = Report::of(scenario(), at(0), &acts, Vec::new(), &[], &[]);
    assert!(!report.passed);
    assert_eq!(report.failures.len(), 2, "{:?}", report.failures);
}

#[test]
fn honest_people_are_counted_one_by_one() {
    let honest: Vec<Act> = (0..10).map(|number| act(number * 50, Side::Honest, number > 0, "limit-person")).collect();
    let hit = report(true, &honest, false);
    assert_eq!((hit.hit.len(), hit.hit[0].times, hit.hit[0].code.as_str()), (1, 1, "limit-person"));
    assert!(hit.failures[0].contains("10.0 %"), "{:?}", hit.failures);
    let out = report(true, &[act(2000, Side::Honest, false, "session-revoked")], false);
    assert!(out.failures.iter().any(|failure| failure.contains("1 honest people were acted on")), "{:?}", out.failures);
}
