//! Each rule of our pack fires where it must, and keeps quiet where it must not.
//!
//! The cases stand in `tests/pack/*.txt`. `rule <id>` begins the cases of a rule, `yes` and `no` each a sequence of
//! events; there may be several of both. An event is `[N x [EVERY]] kind [!] key=value ...`: `!` is a failure, `{i}` in a
//! value counts from 0, `+TIME` is a pause before the line, `EVERY` the pause between repetitions (1s).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use testudo_core::{Alert, EventKind, HttpFacts, Outcome, Pseudonym, SessionId, Severity, Timestamp};
use testudo_detection::{Detector, Options, Record, Rules, pack};

/// Noon of a Monday.
const START: i64 = 1_772_452_800;

fn detector() -> Detector {
    let mut rules = Rules::new();
    pack(&mut rules).unwrap_or_else(|errors| panic!("{errors}"));
    rules.compile(Options::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn name(text: &str) -> Pseudonym {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    Pseudonym(bytes)
}

fn span(text: &str) -> Duration {
    let (count, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap());
    let count: u64 = count.parse().unwrap();
    match unit {
        "ms" => Duration::from_millis(count),
        "s" => Duration::from_secs(count),
        "m" => Duration::from_secs(60 * count),
        "h" => Duration::from_secs(3_600 * count),
        "d" => Duration::from_secs(86_400 * count),
        _ => panic!("{text}"),
    }
}

struct Line<'t> {
    times: u64,
    every: Duration,
    pause: Duration,
    kind: EventKind,
    failure: bool,
    values: Vec<(&'t str, &'t str)>,
}

fn parse(line: &str) -> Line<'_> {
    let mut words = line.split_whitespace().peekable();
    let mut parsed = Line {
        times: 1,
        every: Duration::from_secs(1),
        pause: Duration::from_secs(1),
        kind: EventKind::SignIn,
        failure: false,
        values: Vec::new(),
    };
    if let Some(pause) = words.next_if(|word| word.starts_with('+')) {
        parsed.pause = span(pause.trim_start_matches('+'));
    }
    if let Some(times) = words.next_if(|word| word.parse::<u64>().is_ok()) {
        parsed.times = times.parse().unwrap();
        assert_eq!(words.next(), Some("x"), "{line}");
        if let Some(every) = words.next_if(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
            parsed.every = span(every);
        }
    }
    parsed.kind = words.next().unwrap().parse().unwrap_or_else(|error| panic!("{line}: {error}"));
    parsed.failure = words.next_if_eq(&"!").is_some();
    parsed.values = words.map(|word| word.split_once('=').unwrap_or_else(|| panic!("{line}: {word}"))).collect();
    parsed
}

fn event(line: &Line<'_>, index: u64, at: Timestamp) -> Record {
    let mut record = Record::new(line.kind, at);
    record.address = Some(name("address"));
    record.network = Some(name("network"));
    if line.failure {
        record.outcome = Outcome::Failure;
    }
    let mut http = (line.kind == EventKind::RequestDecided).then(|| HttpFacts {
        method: "GET".into(),
        route: "/accounts/{id}".into(),
        status: if line.failure { 403 } else { 200 },
        ..HttpFacts::default()
    });
    for (key, value) in &line.values {
        let value = value.replace("{i}", &index.to_string());
        let some = || (value != "-").then(|| name(&value));
        match *key {
            "code" => record.code = Some(value.into()),
            "control" => record.control = Some(serde_json::from_value(value.into()).unwrap()),
            "person" => record.person = some(),
            "subject" => record.subject = some(),
            "device" => record.device = some(),
            "address" => record.address = some(),
            "network" => record.network = some(),
            "client" => record.client = Some(value.parse().unwrap()),
            "build" => {
                record.build = Some(testudo_core::BuildId::from_bytes(name(&value).0));
            }
            "session" => record.session = Some(SessionId::from_bytes(name(&value).0)),
            "target" => record.target = Some(value.into()),
            "count" => record.count = value.parse().unwrap(),
            "status" => http.as_mut().unwrap().status = value.parse().unwrap(),
            "bytes" => http.as_mut().unwrap().bytes_out = value.parse().unwrap(),
            "method" => http.as_mut().unwrap().method = value.into(),
            detail => {
                let detail = detail.strip_prefix("details.").unwrap_or_else(|| panic!("{detail}"));
                record.details.insert(detail.to_owned().into(), value);
            }
        }
    }
    record.http = http;
    record
}

/// Runs lines on a detector that has seen nothing yet.
fn run(detector: &mut Detector, lines: &[&str]) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut now = Timestamp::from_seconds(START);
    let mut seq = 0;
    for line in lines {
        let line = parse(line);
        now = now.plus(line.pause);
        for index in 0..line.times {
            if index > 0 {
                now = now.plus(line.every);
            }
            detector.observe(&event(&line, index, now).view(), seq, &mut alerts);
            seq += 1;
        }
    }
    alerts
}

struct Case {
    rule: String,
    fires: bool,
    lines: Vec<String>,
    place: String,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pack");
    let mut cases: Vec<Case> = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let mut rule = String::new();
        for (line, number) in std::fs::read_to_string(&file).unwrap().lines().zip(1..) {
            let line = line.trim();
            if let Some(id) = line.strip_prefix("rule ") {
                rule = format!("testudo-{id}");
            } else if line == "yes" || line == "no" {
                let place = format!("{}:{number}", file.file_name().unwrap().to_string_lossy());
                cases.push(Case { rule: rule.clone(), fires: line == "yes", lines: Vec::new(), place });
            } else if !line.is_empty() && !line.starts_with('#') {
                cases.last_mut().unwrap().lines.push(line.to_owned());
            }
        }
    }
    cases
}

#[test]
fn each_case_of_each_rule() {
    let mut wrong = Vec::new();
    let cases = cases();
    let mut detector = detector();
    let fresh = detector.save();
    for case in &cases {
        let lines: Vec<&str> = case.lines.iter().map(String::as_str).collect();
        detector.restore(fresh.clone()).unwrap();
        let alerts = run(&mut detector, &lines);
        let fired = alerts.iter().any(|alert| alert.rule == case.rule);
        if fired != case.fires {
            let others: Vec<&str> = alerts.iter().map(|alert| alert.rule.as_str()).collect();
            wrong.push(format!("{}: {} fired: {fired}; alerts: {others:?}", case.place, case.rule));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("{} cases", cases.len());
}

#[test]
fn each_rule_has_a_case_for_and_a_case_against_it() {
    let detector = detector();
    let mut count: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for case in cases() {
        let (yes, no) = count.entry(case.rule).or_default();
        *(if case.fires { yes } else { no }) += 1;
    }
    let alerting: Vec<_> = detector.rules().filter(|rule| rule.level > Severity::Informational).collect();
    eprintln!("{} rules that give alerts", alerting.len());
    assert!(alerting.len() >= 30);
    for rule in &alerting {
        let (yes, no) = count.get(&rule.id).copied().unwrap_or_default();
        assert!(yes > 0 && no > 0, "{} has {yes} cases for it and {no} against it", rule.id);
        assert!(!rule.description.is_empty(), "{} has no description", rule.id);
        assert!(rule.tags.iter().any(|tag| tag.starts_with("attack.t1")), "{} names no technique", rule.id);
        assert!(!rule.false_positives.is_empty(), "{} says nothing about false positives", rule.id);
    }
    for rule in count.keys() {
        assert!(alerting.iter().any(|known| known.id == *rule), "{rule} is no rule that gives alerts");
    }
}

#[test]
fn an_alert_carries_its_evidence() {
    let alerts = run(
        &mut detector(),
        &[
            "19 x 200ms sign-in ! code=unknown-person network=n address=a{i}",
            "sign-in ! code=wrong-password person=anna network=n",
            "sign-in person=bert network=n",
            "sign-in person=carl network=n",
            "sign-in person=dora network=other",
        ],
    );
    let stuffing: Vec<&Alert> = alerts.iter().filter(|alert| alert.rule == "testudo-credential-stuffing").collect();
    let [stuffing] = stuffing.as_slice() else { panic!("{alerts:?}") };
    assert_eq!(stuffing.group["network"], name("n").to_string());
    assert_eq!((stuffing.count, stuffing.places.len()), (20, 20));
    assert_eq!(stuffing.level, Severity::High);
    assert_eq!(stuffing.techniques().collect::<Vec<_>>(), ["T1110.004"]);
    assert!(stuffing.since < stuffing.at && !stuffing.false_positives.is_empty());
    // Each account that was opened is an alert of its own, which names its event.
    let opened: Vec<u64> = alerts
        .iter()
        .filter(|alert| alert.rule == "testudo-stuffed-account")
        .map(|alert| *alert.places.last().unwrap())
        .collect();
    assert_eq!(opened, [20, 21]);

    // Accounts that were opened before it was recognised are all named, too.
    let alerts = run(
        &mut detector(),
        &["5 x sign-in person=p{i} network=n", "20 x 200ms sign-in ! code=unknown-person network=n"],
    );
    let opened = alerts.iter().find(|alert| alert.rule == "testudo-stuffed-account").unwrap();
    assert_eq!(opened.places, [0, 1, 2, 3, 4, 24]);
}

/// A day of 4,000 people in 150 networks, with the slips that people make, and phones that leave Wi-Fi and come back.
#[test]
fn an_honest_day_gives_no_alert() {
    let mut number = 7u64;
    let mut random = move |below: u64| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (number >> 33) % below
    };
    let mut events: Vec<Record> = Vec::new();
    let mut add = |second: u64, kind: EventKind, person: u64, network: u64, code: &'static str, status: u16| {
        let mut record = Record::new(kind, Timestamp::from_seconds(START + i64::try_from(second).unwrap()));
        record.person = (code != "unknown-person").then(|| name(&format!("p{person}")));
        record.session =
            (kind == EventKind::RequestDecided).then(|| SessionId::from_bytes(name(&format!("s{person}")).0));
        record.address = Some(name(&format!("a{}", if network < 20 { network } else { person })));
        record.network = Some(name(&format!("n{network}")));
        record.client = Some("app".parse().unwrap());
        if !code.is_empty() {
            record.outcome = Outcome::Failure;
            record.code = Some(code.into());
        }
        if status > 0 {
            record.http = Some(HttpFacts { method: "GET".into(), status, bytes_out: 4_000, ..HttpFacts::default() });
        }
        events.push(record);
    };
    for person in 0..4_000 {
        let (network, carrier) = (random(150), random(20));
        let mut second = random(60_000);
        for _ in 0..[0, 0, 0, 0, 0, 0, 1, 1, 2, 3][usize::try_from(random(10)).unwrap()] {
            let code = if random(4) == 0 { "unknown-person" } else { "wrong-password" };
            add(second, EventKind::SignIn, person, network, code, 0);
            second += 5 + random(20);
        }
        add(second, EventKind::SignIn, person, network, "", 0);
        if random(5) == 0 {
            second += 10;
            if random(10) == 0 {
                add(second, EventKind::SecondFactor, person, network, "wrong-code", 0);
                second += 20;
            }
            add(second, EventKind::SecondFactor, person, network, "", 0);
        }
        add(second, EventKind::SessionStarted, person, network, "", 0);
        let mut here = network;
        for request in 0..20 + random(60) {
            second += 1 + random(15);
            if random(20) == 0 {
                here = if here == network { carrier } else { network };
            }
            let (code, status) = match random(1_000) {
                0..20 => ("", 404),
                20..25 => ("", 403),
                25..27 => ("", 500),
                27..30 => ("token-expired", 401),
                _ => ("", 200),
            };
            add(second, EventKind::RequestDecided, person, here, code, status);
            if request % 40 == 39 {
                add(second, EventKind::TokenRefreshed, person, here, "", 0);
            }
        }
        if random(300) == 0 {
            add(second + 5, EventKind::PasswordChanged, person, here, "", 0);
        }
    }
    events.sort_by_key(|event| event.at);
    let mut detector = detector();
    let mut alerts = Vec::new();
    for (event, seq) in events.iter().zip(0..) {
        detector.observe(&event.view(), seq, &mut alerts);
    }
    let found: Vec<&str> = alerts.iter().map(|alert| alert.rule.as_str()).collect();
    eprintln!("{} events, {:?}", events.len(), detector.counters());
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn the_reference_lists_each_rule() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/detection.md");
    let text = std::fs::read_to_string(page).unwrap();
    for rule in detector().rules().filter(|rule| rule.level > Severity::Informational) {
        let row = format!("| `{}` | {} |", rule.id, rule.title);
        assert!(text.contains(&row), "docs/reference/detection.md lacks: {row}");
    }
}
