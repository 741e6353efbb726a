//! Our own events in the vocabularies of Sigma, ECS and OCSF.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::IpAddr;

use testudo_core::{Actor, Control, Event, EventKind, HttpFacts, PersonId, Pseudonym, RequestId, Timestamp};
use testudo_detection::{Detector, EventView, Options, Pseudonyms, Rules, native_fields};

fn event() -> Event {
    let mut event = Event::new(EventKind::RequestDecided, Timestamp::from_seconds(1_772_407_800))
        .failed(Control::Authorization, "policy-denied")
        .by(Actor {
            person: Some(PersonId::from_bytes([1; 16])),
            client: Some("wallet".parse().unwrap()),
            ..Actor::default()
        })
        .during(RequestId::from_bytes([2; 16]))
        .from(IpAddr::from([192, 0, 2, 7]))
        .detail("grant", "code")
        .personal("username", "anna");
    event.http = Some(HttpFacts {
        method: "GET".into(),
        route: "/accounts/{id}".into(),
        status: 403,
        bytes_in: 10,
        bytes_out: 2_000,
        micros: 1_500,
        path: Some("/accounts/7?q=1' OR 1=1--&x=a".into()),
        user_agent: Some("sqlmap/1.7".into()),
    });
    event
}

fn names() -> Pseudonyms {
    Pseudonyms {
        person: Some(Pseudonym([0xaa; 16])),
        address: Some(Pseudonym([0xbb; 16])),
        network: Some(Pseudonym([0xcc; 16])),
        ..Pseudonyms::default()
    }
}

fn detector(selection: &str) -> Detector {
    let mut rules = Rules::new();
    let rule = format!(
        "title: t\nlogsource: {{product: testudo, category: webserver}}\ndetection:\n  s:\n    {selection}\n  condition: s\n"
    );
    rules.add("t.yml", &rule).unwrap_or_else(|errors| panic!("{errors}"));
    rules.compile(Options::default()).unwrap()
}

#[test]
fn each_vocabulary_finds_the_same_facts() {
    let event = event();
    let view = EventView::of(&event, names());
    let hex = |byte: &str| byte.repeat(16);
    let cases = [
        ("kind: request.decided", true),
        ("event.action: request.decided", true),
        ("class_uid: 4002", true),
        ("type_uid: 400299", true),
        ("category_uid: 4", true),
        ("outcome: failure", true),
        ("event.outcome: failure", true),
        ("status: Failure", true),
        ("status_id: 2", true),
        ("severity_id|gte: 2", true),
        ("severity_id: 1", false),
        ("event.category: web", true),
        ("control: authorization", true),
        ("event.code: policy-denied", true),
        ("cs-method: get", true),
        ("http.request.method: GET", true),
        ("http_request.http_method: GET", true),
        ("c-uri|contains: \"' or 1=1\"", true),
        ("cs-uri-query|startswith: q=1", true),
        ("cs-uri-stem: /accounts/7", true),
        ("url.path: /accounts/7", true),
        ("http_request.url.query_string|endswith: x=a", true),
        ("route: '/accounts/{id}'", true),
        ("sc-status: 403", true),
        ("sc-status: '403'", true),
        ("http.response.status_code|gte: 400", true),
        ("http_response.code|lt: 400", false),
        ("c-ip: 192.0.2.7", true),
        ("source.ip|cidr: 192.0.2.0/24", true),
        ("src_endpoint.ip|cidr: 10.0.0.0/8", false),
        ("cs-user-agent|contains: SQLMAP", true),
        ("user_agent.original|startswith: sqlmap", true),
        ("sc-bytes|gt: 1999", true),
        ("http.request.bytes: 10", true),
        ("time-taken: 1", true),
        ("event.duration: 1500000", true),
        ("details.grant: code", true),
        ("personal.username: anna", true),
        ("client: wallet", true),
        ("device|exists: false", true),
        ("session: null", true),
        ("time|hour: 23", true),
        ("'@timestamp|year': 2026", true),
        ("[union, sqlmap]", true),
        ("[policy-denied]", true),
        ("[nothing]", false),
    ];
    for (selection, fits) in cases {
        assert_eq!(detector(selection).matches(&view).count() == 1, fits, "{selection}");
    }
    for (field, value) in
        [("person", hex("aa")), ("account", hex("aa")), ("user.id", hex("aa")), ("network", hex("cc"))]
    {
        assert_eq!(detector(&format!("{field}: '{value}'")).matches(&view).count(), 1, "{field}");
    }
    // Where the address may not be seen, its pseudonym stands in its place.
    let sealed = EventView { peer: None, ..view };
    assert_eq!(detector(&format!("c-ip: '{}'", hex("bb"))).matches(&sealed).count(), 1);
}

#[test]
fn every_field_can_be_asked_for() {
    let event = event();
    let view = EventView::of(&event, names());
    for field in native_fields() {
        let there = detector(&format!("'{field}|exists': true")).matches(&view).count();
        let absent = detector(&format!("'{field}|exists': false")).matches(&view).count();
        assert_eq!(there + absent, 1, "{field}");
    }
}

#[test]
fn rules_of_other_products_and_categories_do_not_look_at_our_events() {
    let event = event();
    let view = EventView::of(&event, names());
    for (source, fits) in [
        ("{category: webserver}", true),
        ("{product: testudo}", true),
        ("{category: authentication, product: testudo}", false),
        ("{category: webserver, product: apache}", false),
        ("{category: webserver, service: nginx}", false),
        ("{category: proxy}", false),
    ] {
        let mut rules = Rules::new();
        let rule = format!("title: t\nlogsource: {source}\ndetection: {{s: {{sc-status: 403}}, condition: s}}\n");
        rules.add("t.yml", &rule).unwrap();
        let mut detector = rules.compile(Options::default()).unwrap();
        assert_eq!(detector.matches(&view).count() == 1, fits, "{source}");
    }
    assert_eq!(view.source().category.as_deref(), Some("webserver"));
}
