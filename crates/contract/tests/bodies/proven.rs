//! What is proven: values of strict types, by their place, and nothing where anything is wrong.

use testudo_contract::Unknown;
use testudo_core::ProvenKind;

use crate::support::{check, contract, proven, with_body};

#[test]
fn strict_types_prove_their_values() {
    let contract = contract(
        "{type: object, properties: {n: {type: integer}, f: {type: number}, b: {type: boolean}, u: {type: string, format: uuid}, \
         d: {type: string, format: date}, t: {type: string, format: date-time}, e: {enum: [a, b-c]}, c: {const: EUR}, odd: {enum: ['<x>', a]}, \
         ip: {type: string, format: ipv4}, id: {type: string, pattern: '^acc-[0-9a-f]{4}$'}, long: {type: string, pattern: '^[a-z]+$'}, \
         short: {type: string, pattern: '^[a-z]+$', maxLength: 20}, loose: {type: string, pattern: '[a-z]{4}'}, \
         text: {type: string}, mail: {type: string, format: email}, any: {}, list: {type: array, items: {type: integer}}}}",
    );
    let body = r#"{"n":1,"f":-1.5e3,"b":true,"u":"3f2504e0-4f89-11d3-9a0c-0305e82c3301","d":"2026-01-02","t":"2026-01-02T03:04:05+01:00",
        "e":"b-c","c":"EUR","odd":"a","ip":"10.0.0.1","id":"acc-00ff","long":"abc","short":"abc","loose":"abcd","text":"abc","mail":"a@b",
        "any":7,"list":[1,22]}"#;
    let checked = check(&contract, "application/json", body.as_bytes(), Unknown::Refuse);
    assert!(checked.is_ok(), "{:?}", checked.violations);
    let expected = [
        "1",
        "-1.5e3",
        "true",
        "\"3f2504e0-4f89-11d3-9a0c-0305e82c3301\"",
        "\"2026-01-02\"",
        "\"2026-01-02T03:04:05+01:00\"",
        "\"b-c\"",
        "\"EUR\"",
        "\"10.0.0.1\"",
        "\"acc-00ff\"",
        "\"abc\"",
        "1",
        "22",
    ];
    assert_eq!(proven(&checked, body), expected);
    let kinds: Vec<ProvenKind> = checked.proven.iter().map(|proven| proven.kind).collect();
    assert_eq!(
        kinds[..6],
        [
            ProvenKind::Number,
            ProvenKind::Number,
            ProvenKind::Boolean,
            ProvenKind::Uuid,
            ProvenKind::Date,
            ProvenKind::Date
        ]
    );
    assert!(checked.names_proven);
}

#[test]
fn free_text_is_proven_as_it_is_written_and_only_where_it_fits() {
    let text = "{type: string, maxLength: 12, x-testudo-text: free}";
    let one = contract(&format!("{{type: object, properties: {{text: {text}, other: {{type: string}}}}}}"));
    let body = r#"{"text":"it's \"so\"","other":"it's"}"#;
    let checked = check(&one, "application/json", body.as_bytes(), Unknown::Refuse);
    assert_eq!(proven(&checked, body), [r#""it's \"so\"""#]);
    assert_eq!(checked.proven[0].kind, ProvenKind::Free);
    let body = r#"{"text":"it is much too long"}"#;
    assert_eq!(check(&one, "application/json", body.as_bytes(), Unknown::Refuse).proven, []);

    let form = with_body(
        &format!(
            "{{content: {{application/x-www-form-urlencoded: {{schema: {{type: object, properties: {{text: {text}, e: {{enum: [a]}}}}}}}}}}}}"
        ),
        "{}",
    );
    let body = "text=it%27s+so&e=%61";
    let checked = check(&form, "application/x-www-form-urlencoded", body.as_bytes(), Unknown::Refuse);
    assert_eq!(proven(&checked, body), ["it%27s+so"], "an escape hides what a strict type would prove");
}

#[test]
fn escapes_errors_and_failed_alternatives_prove_nothing() {
    let one = contract("{type: object, properties: {e: {enum: [ab]}, n: {type: integer}}}");
    let body = r#"{"e":"\u0061b","n":1}"#;
    assert_eq!(proven(&check(&one, "application/json", body.as_bytes(), Unknown::Refuse), body), ["1"]);
    let body = r#"{"e":"ab","n":"x"}"#;
    assert!(check(&one, "application/json", body.as_bytes(), Unknown::Refuse).proven.is_empty());
    let body = r#"{"n":1,"n":2}"#;
    assert!(check(&one, "application/json", body.as_bytes(), Unknown::Allow).proven.is_empty());
    let body = r#"{"n":1,"x":2}"#;
    let noted = check(&one, "application/json", body.as_bytes(), Unknown::Report);
    assert_eq!(proven(&noted, body), ["1"], "a field that is only reported takes no proof from others");
    assert!(!noted.names_proven);

    let either = contract(
        "{anyOf: [{type: object, required: [z], properties: {a: {type: string, format: uuid}, z: {}}}, {type: object, properties: {a: {type: string}}}]}",
    );
    let body = r#"{"a":"3f2504e0-4f89-11d3-9a0c-0305e82c3301"}"#;
    let checked = check(&either, "application/json", body.as_bytes(), Unknown::Refuse);
    assert!(checked.is_ok() && checked.proven.is_empty(), "{checked:?}");
}

#[test]
fn free_names_are_not_proven() {
    for (schema, body) in [
        ("{}", r#"{"a":1}"#),
        ("{type: object, additionalProperties: {type: integer}}", r#"{"a":1}"#),
        ("{type: object, properties: {a: {}}}", r#"{"a":{"b":1}}"#),
        ("{type: array}", r#"[{"a":1}]"#),
        ("{type: object, properties: {'a b': {}}}", r#"{"a b":1}"#),
    ] {
        assert!(
            !check(&contract(schema), "application/json", body.as_bytes(), Unknown::Allow).names_proven,
            "{schema}"
        );
    }
    let closed = contract("{type: object, properties: {a: {type: array, items: {type: object, properties: {b: {}}}}}}");
    assert!(check(&closed, "application/json", br#"{"a":[{"b":1},{"b":"x"}]}"#, Unknown::Refuse).names_proven);
}

#[test]
fn values_of_forms_are_proven_as_they_are_written() {
    let body = "{content: {application/x-www-form-urlencoded: {schema: {type: object, properties: {n: {type: integer}, e: {enum: [a-b]}, s: {type: string}, l: {type: array, items: {type: integer}}}}}}}";
    let contract = with_body(body, "{}");
    let body = "n=12&e=a%2Db&s=x&l=1&l=2";
    let checked = check(&contract, "application/x-www-form-urlencoded", body.as_bytes(), Unknown::Refuse);
    assert_eq!(proven(&checked, body), ["12", "1", "2"]);
    let body = "e=a-b&n=1";
    let checked = check(&contract, "application/x-www-form-urlencoded", body.as_bytes(), Unknown::Refuse);
    assert_eq!(proven(&checked, body), ["a-b", "1"]);
    assert!(checked.names_proven);
}
