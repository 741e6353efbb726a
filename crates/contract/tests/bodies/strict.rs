//! What is strict beyond JSON Schema: unknown fields, read-only fields, repeated fields; bounds; what is never said.

use std::time::Instant;

use testudo_contract::{Contract, Options, RouteMatch, Unknown};
use testudo_core::{Denial, Verdict};

use crate::support::{check, contract, lines, said, with_body};

const TRANSFER: &str = "{type: object, required: [to], properties: {to: {type: object, properties: {iban: {type: string}}}, \
    id: {type: integer, readOnly: true}, free: {type: object}, more: {type: object, properties: {a: {}}, additionalProperties: true}}}";

#[test]
fn unknown_fields_are_refused_reported_or_allowed() {
    let contract = contract(TRANSFER);
    let body = r#"{"to":{"iban":"x","admin":true},"free":{"any":1},"more":{"a":1,"b":2},"role":"x","id":7}"#;
    let wrong = "/id read-only, /to/admin unknown-field, /role unknown-field";
    let mut said: Vec<String> = said(&contract, body, Unknown::Refuse).split(", ").map(Into::into).collect();
    said.sort();
    let mut wanted: Vec<&str> = wrong.split(", ").collect();
    wanted.sort_unstable();
    assert_eq!(said, wanted);
    let reported = check(&contract, "application/json", body.as_bytes(), Unknown::Report);
    assert!(reported.is_ok());
    assert_eq!(reported.notes.len(), 3);
    let allowed = check(&contract, "application/json", body.as_bytes(), Unknown::Allow);
    assert!(allowed.is_ok() && allowed.notes.is_empty());
}

#[test]
fn fields_of_all_parts_are_known() {
    let schemas = "{A: {type: object, properties: {a: {}}}, B: {type: object, properties: {b: {}}}}";
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let body = format!(
            "{{content: {{application/json: {{schema: {{properties: {{own: {{}}}}, {keyword}: [{{$ref: '#/components/schemas/A'}}, {{$ref: '#/components/schemas/B', required: [b]}}]}}}}}}}}"
        );
        let contract = with_body(&body, schemas);
        let both = said(&contract, r#"{"own":1,"a":1,"b":1}"#, Unknown::Refuse);
        assert_eq!(both, if keyword == "oneOf" { "ambiguous" } else { "" }, "{keyword}");
        assert!(
            said(&contract, r#"{"own":1,"a":1,"b":1,"c":1}"#, Unknown::Refuse).contains("/c unknown-field")
                || keyword == "oneOf"
        );
        if keyword != "allOf" {
            assert_eq!(said(&contract, r#"{"a":1,"own":1}"#, Unknown::Refuse), "", "{keyword}");
        }
    }
}

#[test]
fn what_is_only_in_answers_is_not_required() {
    let contract = contract(
        "{type: object, required: [id, name], properties: {id: {type: integer, readOnly: true}, name: {type: string}}}",
    );
    assert_eq!(said(&contract, r#"{"name":"x"}"#, Unknown::Refuse), "");
    assert_eq!(said(&contract, r#"{"id":1}"#, Unknown::Refuse), "/id read-only, /name missing-field");
}

#[test]
fn fields_that_repeat_are_wrong_everywhere() {
    let contract = contract("{}");
    assert_eq!(said(&contract, r#"{"a":[{"b":1,"\u0062":2}]}"#, Unknown::Allow), "/a/0/b repeated-field");
}

#[test]
fn no_more_than_eight_violations_and_no_values() {
    let contract = contract("{type: array, items: {type: object, properties: {pin: {type: integer}}}}");
    let body = format!("[{}]", vec![r#"{"pin":"secret-4711","Jane Doe 1970":1}"#; 20].join(","));
    let checked = check(&contract, "application/json", body.as_bytes(), Unknown::Refuse);
    assert_eq!(checked.violations.len(), 8);
    let said = format!("{checked:?} {:?}", checked.decision());
    assert!(!said.contains("secret") && !said.contains("Jane"), "{said}");
    assert!(lines(&checked).starts_with("/0/pin wrong-type, /0/* unknown-field"));
    assert_eq!(checked.decision().verdict(), Verdict::Deny);
}

#[test]
fn media_types_and_missing_bodies() {
    let contract = with_body(
        "{required: true, content: {application/json: {}, 'image/*': {}, 'text/plain': {schema: {type: string, maxLength: 3}}}}",
        "{}",
    );
    for (kind, body, wrong) in [
        ("application/json", "{}", ""),
        ("Application/JSON; charset=UTF-8", "[1]", ""),
        ("application/json; charset=utf-16", "[1]", "wrong-charset"),
        ("application/json; charset=utf-8; charset=utf-7", "[1]", "wrong-charset"),
        ("application/json", "{", "malformed"),
        ("application/json", "", "missing-body"),
        ("application/xml", "<a/>", "wrong-media-type"),
        ("nonsense", "{}", "wrong-media-type"),
        ("text/plain", "abc", ""),
        ("text/plain", "abcd", "wrong-length"),
        ("image/gif", "GIF89a", ""),
        ("image/gif", "<script>", "content-mismatch"),
        ("image/unheard-of", "<script>", "content-mismatch"),
    ] {
        let checked = check(&contract, kind, body.as_bytes(), Unknown::Refuse);
        assert_eq!(lines(&checked), wrong, "{kind} {body}");
        if wrong == "wrong-media-type" {
            assert_eq!(
                checked.decision().reasons().iter().map(|reason| reason.denial).next(),
                Some(Denial::UnsupportedMediaType)
            );
        }
    }
    let bare = Contract::from_openapi("bare", "openapi: 3.1.0\ninfo: {}\npaths: {/x: {post: {}}}\n").unwrap();
    assert_eq!(lines(&check(&bare, "application/json", b"{}", Unknown::Refuse)), "unexpected-body");
    assert!(check(&bare, "application/json", b"", Unknown::Refuse).is_ok());
    assert_eq!(check(&bare, "application/json", b"{}", Unknown::Report).notes.len(), 1);
    let open = Contract::open(&[]);
    let RouteMatch::Found(found) = open.route(&http::Method::POST, "/any") else { panic!("no route") };
    assert!(open.check_body(found.route, None, b"anything", Options::default()).is_ok());
}

#[test]
fn lines_of_json_are_checked_one_by_one() {
    let contract = with_body(
        "{content: {application/x-ndjson: {schema: {type: object, properties: {a: {type: integer}}}}}}",
        "{}",
    );
    let body = "{\"a\":1}\n\n{\"a\":2}\r\n{\"a\":\"x\"}\n";
    assert_eq!(lines(&check(&contract, "application/x-ndjson", body.as_bytes(), Unknown::Refuse)), "/3/a wrong-type");
    let body = "{\"a\":1}\n{\"a\":22}";
    let checked = check(&contract, "application/x-ndjson", body.as_bytes(), Unknown::Refuse);
    assert_eq!(crate::support::proven(&checked, body), ["1", "22"]);
}

#[test]
fn alternatives_that_multiply_are_cut_off() {
    let schemas = "{N: {oneOf: [{$ref: '#/components/schemas/A'}, {$ref: '#/components/schemas/B'}, {type: 'null'}]}, \
        A: {type: object, required: [a], properties: {n: {$ref: '#/components/schemas/N'}, a: {}}}, \
        B: {type: object, required: [b], properties: {n: {$ref: '#/components/schemas/N'}, b: {}}}}";
    let contract = with_body("{content: {application/json: {schema: {$ref: '#/components/schemas/N'}}}}", schemas);
    let body = format!("{}null{}", r#"{"n":"#.repeat(60), "}".repeat(60));
    let start = Instant::now();
    let checked = check(&contract, "application/json", body.as_bytes(), Unknown::Refuse);
    assert!(!checked.is_ok());
    assert!(start.elapsed().as_millis() < 500, "{:?}", start.elapsed());
    assert!(lines(&checked).contains("too-complex"));
}
