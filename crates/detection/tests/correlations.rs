//! Correlations of every type: aliases, chains, conditions, lateness, bounds, and rules that take the state along.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use testudo_core::Alert;
use testudo_detection::{Counters, Detector, Options, Rules};

const BASE: &str = "title: a\nid: a\nlogsource: {category: x}\ndetection: {s: {k: a}, condition: s}\nlevel: low\n---\n\
    title: b\nid: b\nlogsource: {category: x}\ndetection: {s: {k: b}, condition: s}\nlevel: low\n---\n\
    title: c\nid: c\nlogsource: {category: x}\ndetection: {s: {k: c}, condition: s}\nlevel: low\n---\n";

fn options() -> Options {
    Options { repeat: Duration::ZERO, lateness: Duration::from_secs(10), ..Options::default() }
}

fn detector(correlations: &str, options: Options) -> Detector {
    let mut rules = Rules::new();
    rules.add("r.yml", &format!("{BASE}{correlations}")).unwrap_or_else(|errors| panic!("{errors}"));
    rules.compile(options).unwrap_or_else(|errors| panic!("{errors}"))
}

fn correlation(id: &str, body: &str) -> String {
    format!("title: {id}\nid: {id}\ncorrelation: {{{body}}}\nlevel: high\n---\n")
}

/// An event: kind, second, user.
type Sent<'s> = (&'s str, i64, &'s str);

fn send(detector: &mut Detector, events: &[Sent<'_>]) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for ((kind, second, user), seq) in events.iter().zip(1..) {
        let micros = 1_772_407_800_000_000 + second * 1_000_000;
        let event = format!(r#"{{"k":"{kind}","time":{micros},"user":"{user}","u2":"{user}","v":"{user}{second}"}}"#);
        detector.observe_json(&event, seq, &mut alerts).unwrap();
    }
    alerts
}

fn fired(body: &str, events: &[Sent<'_>]) -> Vec<String> {
    let mut detector = detector(&correlation("x", body), options());
    send(&mut detector, events)
        .into_iter()
        .filter(|alert| alert.rule == "x")
        .map(|alert| alert.group["user"].clone())
        .collect()
}

#[test]
fn counts_compare_in_every_way() {
    let events = |count: i64| -> Vec<Sent<'static>> { (0..count).map(|second| ("a", second, "u")).collect() };
    let body = |condition: &str| {
        format!("type: event_count, rules: [a], group-by: [user], timespan: 1m, condition: {{{condition}}}")
    };
    let cases = [
        ("gte: 3", 2, 0),
        ("gte: 3", 3, 1),
        ("gt: 3", 3, 0),
        ("gt: 3", 4, 1),
        ("eq: 3", 2, 0),
        ("eq: 3", 3, 1),
        ("gte: 2, lt: 3", 2, 1),
        ("neq: 1", 1, 0),
        ("neq: 1", 2, 1),
    ];
    for (condition, count, alerts) in cases {
        assert_eq!(fired(&body(condition), &events(count)).len(), alerts, "{condition} with {count}");
    }
}

#[test]
fn fewer_than_is_decided_when_the_window_has_ended() {
    let body = "type: event_count, rules: [a], group-by: [user], timespan: 1m, condition: {lt: 3}";
    let few: &[Sent<'_>] = &[("a", 0, "u"), ("a", 30, "u"), ("c", 60, "-"), ("c", 65, "-")];
    assert!(fired(body, few).is_empty(), "it may still be late");
    let mut over = few.to_vec();
    over.push(("c", 71, "-"));
    assert_eq!(fired(body, &over), ["u"]);
    let many = [("a", 0, "u"), ("a", 30, "u"), ("a", 60, "u"), ("c", 300, "-")];
    assert!(fired(body, &many).is_empty());
}

#[test]
fn values_count_once_and_may_be_of_several_fields() {
    let body = |field: &str| {
        format!("type: value_count, rules: [a], group-by: [k], timespan: 1m, condition: {{field: {field}, gte: 3}}")
    };
    let run = |field: &str, events: &[Sent<'_>]| {
        send(&mut detector(&correlation("x", &body(field)), options()), events).len()
    };
    let three = [("a", 0, "u"), ("a", 1, "v"), ("a", 2, "w")];
    let same = [("a", 0, "u"), ("a", 1, "u"), ("a", 2, "u")];
    assert_eq!((run("user", &three), run("user", &same)), (1, 0));
    assert_eq!(run("[user, v]", &same), 1, "together they differ");
    assert_eq!(run("missing", &three), 0, "what is not there is no value");
}

#[test]
fn temporal_conditions() {
    let body = |rest: &str| format!("type: temporal, rules: [a, b, c], group-by: [user], timespan: 1m{rest}");
    let all = [("a", 0, "u"), ("c", 1, "u"), ("b", 2, "u")];
    let two = [("a", 0, "u"), ("b", 1, "u")];
    let cases: &[(&str, &[Sent<'_>], usize)] = &[
        ("", &all, 1),
        ("", &two, 0),
        ("", &[("a", 0, "u"), ("b", 1, "v"), ("c", 2, "u")], 0),
        ("", &[("a", 0, "u"), ("b", 1, "u"), ("c", 61, "u")], 0),
        (", condition: {gte: 2}", &two, 1),
        (", condition: {gte: 3}", &two, 0),
        (", condition: 'a and b and not c'", &two, 1),
        (", condition: 'c and not (a and b)'", &[("c", 0, "u")], 1),
        (", condition: '2 of them'", &[("b", 0, "u"), ("b", 1, "u")], 0),
        (", condition: 'all of them'", &all, 1),
    ];
    for (rest, events, alerts) in cases {
        assert_eq!(fired(&body(rest), events).len(), *alerts, "{rest} {events:?}");
    }
    let ordered = "type: temporal_ordered, rules: [a, b, c], group-by: [user], timespan: 1m";
    assert_eq!(fired(ordered, &[("a", 0, "u"), ("b", 1, "u"), ("c", 2, "u")]).len(), 1);
    assert_eq!(fired(ordered, &all).len(), 0);
    assert_eq!(fired(ordered, &[("c", 9, "u"), ("b", 5, "u"), ("a", 1, "u")]).len(), 1, "by time, not by arrival");
}

#[test]
fn aliases_join_fields_of_different_names() {
    let body = "type: temporal, rules: [a, b], group-by: [who], timespan: 1m, aliases: {who: {a: user, b: u2}}";
    let mut detector = detector(&correlation("x", body), options());
    let alerts = send(&mut detector, &[("a", 0, "u"), ("b", 1, "v"), ("b", 2, "u")]);
    let [alert] = alerts.iter().filter(|alert| alert.rule == "x").collect::<Vec<_>>()[..] else { panic!("{alerts:?}") };
    assert_eq!((alert.group["who"].as_str(), alert.places.as_slice()), ("u", &[1, 3][..]));
}

#[test]
fn correlations_build_on_each_other() {
    let chain =
        correlation("many", "type: event_count, rules: [a], group-by: [user], timespan: 1m, condition: {gte: 3}")
            + &correlation("then", "type: temporal_ordered, rules: [many, b], group-by: [user], timespan: 5m");
    let events = [("a", 0, "u"), ("a", 1, "u"), ("b", 2, "u"), ("a", 3, "u"), ("b", 4, "v"), ("b", 100, "u")];
    let rules = |chain: &str| -> Vec<String> {
        send(&mut detector(chain, options()), &events).into_iter().map(|alert| alert.rule).collect()
    };
    assert_eq!(rules(&chain), ["then"], "parts give no alerts of their own");
    let generating = chain.replace("timespan: 5m", "timespan: 5m, generate: true");
    // The rule `a` is also named by one that does not say so for it; `many` and `b` are not.
    assert_eq!(rules(&generating), ["b", "many", "b", "b", "then"]);
    let mut rules = Rules::new();
    let wrong = chain.replace("rules: [many, b], group-by: [user]", "rules: [many, b], group-by: [v]");
    rules.add("r.yml", &format!("{BASE}{wrong}")).unwrap();
    let error = rules.compile(options()).err().unwrap().to_string();
    assert!(error.contains("the correlation `many` is not grouped by `v`; write one of `user`"), "{error}");
}

#[test]
fn a_group_is_quiet_for_the_timespan_and_says_what_it_kept_back() {
    let body = "type: event_count, rules: [a], group-by: [user], timespan: 10s, condition: {gte: 3}";
    let events: Vec<Sent<'_>> = (0..25).map(|second| ("a", second, "u")).collect();
    let mut detector = detector(&correlation("x", body), options());
    let alerts = send(&mut detector, &events);
    let seen: Vec<(i64, u64)> =
        alerts.iter().map(|alert| (alert.at.seconds() - 1_772_407_800, alert.suppressed)).collect();
    assert_eq!(seen, [(2, 0), (12, 9), (22, 9)]);
    assert_eq!(detector.counters().suppressed, 20);
    assert_eq!(alerts[1].count, 11, "all that is in the window");
    assert_eq!(alerts[1].places.first(), Some(&3));
}

#[test]
fn late_events_count_as_long_as_they_may() {
    let body = "type: event_count, rules: [a], group-by: [user], timespan: 1m, condition: {gte: 3}";
    assert_eq!(fired(body, &[("a", 20, "u"), ("a", 11, "u"), ("a", 10, "u")]).len(), 1);
    let mut detector = detector(&correlation("x", body), options());
    let alerts = send(&mut detector, &[("a", 20, "u"), ("a", 9, "u"), ("a", 20, "u")]);
    assert!(alerts.is_empty());
    assert_eq!(detector.counters(), Counters { late: 1, ..Counters::default() });
}

#[test]
fn groups_are_bounded_and_the_longest_untouched_go_first() {
    let body = "type: event_count, rules: [a], group-by: [user], timespan: 1h, condition: {gte: 3}";
    let mut detector = detector(&correlation("x", body), Options { groups: 100, ..options() });
    let names: Vec<String> = (0..10_000).map(|number| format!("u{number}")).collect();
    let mut events: Vec<Sent<'_>> = vec![("a", 0, "old"), ("a", 0, "old")];
    for (name, second) in names.iter().zip(0..) {
        events.push(("a", second / 100, name));
        if second % 20 == 0 {
            events.push(("a", second / 100, "busy"));
        }
    }
    events.push(("a", 100, "old"));
    let alerts = send(&mut detector, &events);
    assert!(detector.groups() <= 100);
    assert!(detector.counters().evicted > 9_000, "{:?}", detector.counters());
    assert!(alerts.iter().any(|alert| alert.group["user"] == "busy"), "who is active is not forgotten");
    assert!(!alerts.iter().any(|alert| alert.group["user"] == "old"));
}

#[test]
fn an_alert_names_a_bounded_number_of_places() {
    let body = "type: event_count, rules: [a], group-by: [user], timespan: 1h, condition: {gte: 500}";
    let events: Vec<Sent<'_>> = (0..500).map(|second| ("a", second, "u")).collect();
    let alerts = send(&mut detector(&correlation("x", body), options()), &events);
    let places = &alerts[0].places;
    assert_eq!((places.len(), alerts[0].count), (Alert::MAX_PLACES, 500));
    assert_eq!((places.first(), places.last()), (Some(&1), Some(&500)), "the oldest and the newest");
}

#[test]
fn state_goes_on_under_other_rules_as_far_as_they_are_the_same() {
    let count = |id: &str, n: u32| {
        let body = format!("type: event_count, rules: [a], group-by: [user], timespan: 1h, condition: {{gte: {n}}}");
        correlation(id, &body)
    };
    let mut before = detector(&(count("same", 3) + &count("changed", 3)), options());
    send(&mut before, &[("a", 0, "u"), ("a", 1, "u")]);
    let saved = serde_json::to_string(&before.save()).unwrap();
    let mut after = detector(&(count("changed", 2) + &count("same", 3) + &count("new", 3)), options());
    let restored = after.restore(serde_json::from_str(&saved).unwrap()).unwrap();
    assert_eq!((restored.kept, restored.fresh), (1, 2));
    let alerts = send(&mut after, &[("a", 2, "u")]);
    assert_eq!(alerts.iter().map(|alert| alert.rule.as_str()).collect::<Vec<_>>(), ["same"]);
    let other = saved.replacen("\"format\":1", "\"format\":2", 1);
    assert!(
        after.restore(serde_json::from_str(&other).unwrap()).unwrap_err().to_string().contains("replay the journal")
    );
}

#[test]
fn lines_of_files_are_our_own_events_or_any() {
    let mut rules = Rules::new();
    let own = "title: own\nid: own\nlogsource: {product: testudo}\ndetection: {s: {kind: code.reused, time|year: 2026}, condition: s}\n";
    let any = "title: any\nid: any\nlogsource: {product: okta}\ndetection: {s: {eventType: x}, condition: s}\n";
    rules.add("own.yml", own).unwrap();
    rules.add("any.yml", any).unwrap();
    let mut detector = rules.compile(options()).unwrap();
    let mut alerts = Vec::new();
    let line = r#"{"seq":70,"kind":"code.reused","at":1772407800000000,"outcome":"failure","person":"000102030405060708090a0b0c0d0e0f"}"#;
    detector.observe_line(line, 1, &mut alerts).unwrap();
    detector.observe_line(r#"{"eventType":"X","published":"2026-03-01T23:30:00Z"}"#, 2, &mut alerts).unwrap();
    assert!(detector.observe_line("no", 3, &mut alerts).is_err());
    let seen: Vec<(&str, u64)> = alerts.iter().map(|alert| (alert.rule.as_str(), alert.places[0])).collect();
    assert_eq!(seen, [("own", 70), ("any", 2)]);
    assert_eq!(alerts[0].group["person"], "000102030405060708090a0b0c0d0e0f");
    assert_eq!(alerts[0].at, alerts[1].at);
}

#[test]
fn a_rule_about_one_event_is_quiet_for_whom_it_fitted() {
    let mut rules = Rules::new();
    let rule = "title: r\nid: r\nlogsource: {product: testudo}\ndetection: {s: {kind: code.reused}, condition: s}\n";
    rules.add("r.yml", rule).unwrap();
    let mut detector = rules.compile(Options { repeat: Duration::from_mins(1), ..options() }).unwrap();
    let mut alerts = Vec::new();
    for (second, person) in [(0, 1), (1, 1), (2, 2), (59, 1), (60, 1), (61, 1)] {
        let line = format!(
            r#"{{"kind":"code.reused","at":{},"outcome":"failure","person":"{person:032x}"}}"#,
            1_772_407_800_000_000i64 + second * 1_000_000
        );
        detector.observe_line(&line, 0, &mut alerts).unwrap();
    }
    let seen: Vec<(i64, u64)> =
        alerts.iter().map(|alert| (alert.at.seconds() - 1_772_407_800, alert.suppressed)).collect();
    assert_eq!(seen, [(0, 0), (2, 0), (60, 2)]);
    assert_eq!(detector.counters().suppressed, 3);
}

#[test]
fn a_detector_goes_to_another_thread() {
    fn needs<T: Send + Sync>(_: &T) {}
    needs(&detector("", options()));
}
