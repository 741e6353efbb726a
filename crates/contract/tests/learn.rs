//! What is learned from traffic: a contract that takes all of it, and nothing unknown.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "test code"
)]

use http::{HeaderMap, Method};
use proptest::prelude::*;
use serde_json::{Value, json};
use testudo_contract::{Contract, Head, Learner, Observation, Options, RouteMatch, Security, Unknown, Violation};

const STRICT: Options = Options { unknown: Unknown::Refuse };

fn learn(seen: &[Observation<'_>]) -> Contract {
    let mut learner = Learner::new();
    for one in seen {
        assert!(learner.observe(one), "{one:?}");
    }
    read(&learner)
}

fn read(learner: &Learner) -> Contract {
    let text = learner.document("learned");
    let contract = Contract::from_openapi("learned", &text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    assert_eq!(contract.notes(), []);
    contract
}

fn wrong(contract: &Contract, seen: &Observation<'_>) -> Vec<Violation> {
    let headers = HeaderMap::new();
    let head = Head { method: seen.method, path: seen.path, query: seen.query, headers: &headers };
    let RouteMatch::Found(found) = contract.route(seen.method, seen.path) else {
        return vec![Violation { pointer: seen.path.into(), code: "no-route", expected: String::new() }];
    };
    let (mut checked, _) = contract.inspect_parameters(&found, &head, STRICT);
    let body = contract.check_body(found.route, seen.content_type.map(str::as_bytes), seen.body, STRICT);
    checked.violations.extend(body.violations);
    checked.violations
}

fn get<'a>(path: &'a str, query: Option<&'a str>) -> Observation<'a> {
    Observation { method: &Method::GET, path, query, content_type: None, body: b"", status: 200, authenticated: true }
}

fn post<'a>(path: &'a str, kind: &'a str, body: &'a [u8]) -> Observation<'a> {
    Observation { method: &Method::POST, content_type: Some(kind), body, ..get(path, None) }
}

#[test]
fn a_small_api_is_learned() {
    let upload = b"--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\0\r\n--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n7\r\n--b--\r\n";
    let seen = [
        Observation { authenticated: false, ..get("/health", None) },
        get("/orders/17", Some("page=1&tag=a&tag=b")),
        get("/orders/18", Some("page=2")),
        get("/orders/mine", None),
        get("/users/3f2504e0-4f89-11d3-9a0c-0305e82c3301/cards/acc-00ff12", None),
        post("/orders", "application/json", br#"{"sku":"3f2504e0-4f89-11d3-9a0c-0305e82c3301","n":1,"at":"2026-01-02T03:04:05Z","lines":[{"p":1},{"p":1.5,"x":null}]}"#),
        post("/orders", "application/json", br#"{"sku":"3f2504e0-4f89-11d3-9a0c-0305e82c3302","n":2,"at":"2026-01-02T03:04:06Z","gift":true,"lines":[]}"#),
        post("/prices", "application/json", br#"{"a":{"1001":1,"1002":2}}"#),
        post("/login", "application/x-www-form-urlencoded", b"user=ann&remember=true"),
        post("/photos", "multipart/form-data; boundary=b", upload),
        post("/tags", "application/x-www-form-urlencoded", b"a=1&b=x&b=2"),
        post("/raw", "image/png", b"\x89PNG\r\n\x1a\n"),
    ];
    let contract = learn(&seen);
    for one in &seen {
        assert_eq!(wrong(&contract, one), [], "{one:?}");
    }
    let templates: Vec<String> = contract
        .routes()
        .iter()
        .map(|route| format!("{} {}", route.method.as_ref().unwrap(), route.template))
        .collect();
    for template in ["GET /orders/{orderId}", "GET /orders/mine", "GET /users/{userId}/cards/{cardId}", "POST /orders"]
    {
        assert!(templates.iter().any(|known| known == template), "{template} {templates:?}");
    }
    let public: Vec<&str> =
        contract.routes().iter().filter(|r| r.security == Security::Public).map(|r| &*r.template).collect();
    assert_eq!(public, ["/health"]);

    let disguised = upload.map(|byte| if byte == 0x89 { b'<' } else { byte });
    let unknown = [
        (get("/admin", None), "no-route"),
        (get("/orders", None), "no-route"),
        (get("/orders/x", None), "wrong-type"),
        (get("/orders/17", Some("debug=1")), "unknown-parameter"),
        (get("/orders/17", Some("page=x")), "wrong-type"),
        (get("/users/7/cards/acc-00ff12", None), "wrong-format"),
        (post("/orders", "application/json", br#"{"sku":"3f2504e0-4f89-11d3-9a0c-0305e82c3301","n":1,"at":"2026-01-02T03:04:05Z","lines":[],"role":"admin"}"#), "unknown-field"),
        (post("/orders", "application/json", br#"{"n":1}"#), "missing-field"),
        (post("/orders", "text/plain", b"x"), "wrong-media-type"),
        (post("/photos", "multipart/form-data; boundary=b", &disguised), "content-mismatch"),
        (post("/login", "application/x-www-form-urlencoded", b"user=ann&remember=true&x=1"), "unknown-field"),
    ];
    for (one, code) in &unknown {
        let found = wrong(&contract, one);
        assert!(found.iter().any(|violation| violation.code == *code), "{code} {one:?} {found:?}");
    }
}

#[test]
fn what_was_refused_or_can_not_be_read_is_not_learned() {
    let mut learner = Learner::new();
    for one in [
        Observation { status: 404, ..get("/wp-admin", None) },
        get("/a/../b", None),
        get("/a", Some("x=%zz")),
        post("/a", "application/json", b"{"),
        post("/a", "application/json", br#"{"a":1,"a":2}"#),
        post("/a", "image/png", b"<script>"),
        post("/a", "application/json; charset=utf-16", b"{}"),
        Observation { content_type: None, ..post("/a", "", b"{}") },
    ] {
        assert!(!learner.observe(&one), "{one:?}");
    }
    assert_eq!(learner.counts(), (0, 8));
    assert!(learner.observe(&get("/", None)));
    assert_eq!(read(&learner).routes().len(), 1);
}

#[test]
fn segments_that_vary_become_a_parameter_and_memory_is_bounded() {
    let mut learner = Learner::new();
    let paths: Vec<String> = (0..3_000).map(|n| format!("/tags/{}/posts", word(n))).collect();
    for path in &paths {
        assert!(learner.observe(&get(path, None)));
    }
    let contract = read(&learner);
    assert_eq!(contract.routes().len(), 1, "{:?}", contract.routes().first());
    assert!(paths.iter().all(|path| wrong(&contract, &get(path, None)).is_empty()));

    let mut learner = Learner::new();
    for n in 0..3_000 {
        learner.observe(&get(&format!("/{}/{}/{}", word(n % 16), word(n / 16 % 16), word(n / 256)), None));
    }
    assert!(read(&learner).routes().len() <= 2_000);
    let many: Vec<String> = (0..300).map(|n| format!("\"k{}\":1", word(n))).collect();
    let wide = format!("{{{}}}", many.join(","));
    let deep = format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40));
    let contract = learn(&[
        post("/wide", "application/json", wide.as_bytes()),
        post("/deep", "application/json", deep.as_bytes()),
    ]);
    assert!(wrong(&contract, &post("/wide", "application/json", wide.as_bytes())).is_empty());
    assert!(wrong(&contract, &post("/deep", "application/json", deep.as_bytes())).is_empty());
}

/// Letters only, different for each number.
fn word(number: usize) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect::<String>() + "x"
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        "[a-z@.:/0-9-]{0,12}".prop_map(Value::from),
        Just(json!("2026-01-02")),
        Just(json!("3f2504e0-4f89-11d3-9a0c-0305e82c3301")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec(("[abc]|[0-9]{4}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn a_learned_contract_takes_all_that_it_was_learned_from(
        requests in proptest::collection::vec(
            (
                "(/(a|b|me|[0-9]{1,3}|x-[0-9a-f]{6}|%C3%A9|[a-z]{1,2}~)){1,3}/?",
                proptest::option::of("([abc]=([0-9]{1,2}|true|[a-z ]{0,3}|%2B)&){0,4}"),
                proptest::option::of(value()),
                any::<bool>(),
                0u8..3,
            ),
            1..24,
        )
    ) {
        let requests: Vec<_> = requests
            .into_iter()
            .map(|(path, query, body, authenticated, form)| {
                let query = query.map(|query| query.replace(' ', "+"));
                let as_form = form == 0;
                let body = body.map(|value| if as_form { "a=1&b=x&b=2".to_owned() } else { value.to_string() });
                (path, query, body, authenticated, as_form)
            })
            .collect();
        let seen: Vec<Observation<'_>> = requests
            .iter()
            .map(|(path, query, body, authenticated, as_form)| Observation {
                method: if body.is_some() { &Method::POST } else { &Method::GET },
                path,
                query: query.as_deref(),
                content_type: body.as_ref().map(|_| if *as_form { "application/x-www-form-urlencoded" } else { "application/json" }),
                body: body.as_deref().unwrap_or_default().as_bytes(),
                status: 200,
                authenticated: *authenticated,
            })
            .collect();
        let mut learner = Learner::new();
        for one in &seen {
            prop_assert!(learner.observe(one), "{:?}", one);
        }
        let contract = read(&learner);
        for one in &seen {
            prop_assert_eq!(wrong(&contract, one), vec![], "{:?}\n{}", one, learner.document("x"));
        }
        prop_assert_eq!(wrong(&contract, &get("/unheard/of/here/and/there", None))[0].code, "no-route");
    }
}

/// The 300 harmless requests of `corpora/benign`, where they are at hand: all that can be learned is taken.
#[test]
fn harmless_requests_are_learned_and_taken() {
    let Some(corpora) = std::env::var_os("TESTUDO_CORPORA") else {
        assert!(std::env::var_os("TESTUDO_REQUIRE_CORPORA").is_none(), "TESTUDO_CORPORA names no folder");
        return;
    };
    let file = std::path::Path::new(&corpora).join("benign/mobile-api-requests.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    let requests: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let methods: Vec<Method> =
        requests.iter().map(|request| request["method"].as_str().unwrap().parse().unwrap()).collect();
    let texts = requests.iter().zip(&methods).filter(|(request, _)| request["body_base64"].is_null());
    let seen: Vec<Observation<'_>> = texts
        .map(|(request, method)| {
            let (path, query) = request["path"]
                .as_str()
                .unwrap()
                .split_once('?')
                .map_or_else(|| (request["path"].as_str().unwrap(), None), |(path, query)| (path, Some(query)));
            Observation {
                method,
                query,
                content_type: request["headers"]["Content-Type"].as_str(),
                body: request["body"].as_str().unwrap_or_default().as_bytes(),
                ..get(path, None)
            }
        })
        .collect();
    let mut learner = Learner::new();
    let taken: Vec<&Observation<'_>> = seen.iter().filter(|one| learner.observe(one)).collect();
    let skipped: Vec<&Observation<'_>> = seen.iter().filter(|one| !Learner::new().observe(one)).collect();
    let contract = read(&learner);
    let (mut leaves, mut proven) = (0, 0);
    for one in &taken {
        assert_eq!(wrong(&contract, one), [], "{} {}", one.method, one.path);
        let RouteMatch::Found(found) = contract.route(one.method, one.path) else { panic!("no route") };
        proven += contract.check_body(found.route, one.content_type.map(str::as_bytes), one.body, STRICT).proven.len();
        if let Ok(value) = serde_json::from_slice::<Value>(one.body) {
            leaves += count(&value);
        }
    }
    assert!(proven * 3 > leaves, "{proven} of {leaves} leaves are proven");
    let what: Vec<&str> = skipped.iter().map(|one| one.path).collect();
    assert!(skipped.len() <= 3, "{what:?}");
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 1,
    }
}
