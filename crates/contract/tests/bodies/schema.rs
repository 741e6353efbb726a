//! JSON Schema 2020-12 and OpenAPI 3.0, keyword by keyword; unknown fields pass here, as they do there.

use testudo_contract::{Contract, Unknown};

use crate::support::{contract, said, with_body};

/// Schema, values that fit, values that don't with what is said.
type Case = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

fn table(cases: &[Case]) {
    for (schema, yes, no) in cases {
        let contract = contract(schema);
        assert_eq!(contract.notes(), [], "{schema}");
        for value in *yes {
            assert_eq!(said(&contract, value, Unknown::Allow), "", "{schema} {value}");
        }
        for (value, wrong) in *no {
            assert_eq!(said(&contract, value, Unknown::Allow), *wrong, "{schema} {value}");
        }
    }
}

#[test]
fn types() {
    table(&[
        ("{}", &["1", "null", "\"x\"", "[{}]", "{\"a\":[1]}"], &[]),
        ("true", &["1", "{}"], &[]),
        ("false", &[], &[("1", "not-allowed"), ("{}", "not-allowed")]),
        (
            "{type: integer}",
            &["1", "-0", "1.0", "1e3", "123456789012345678901234567890"],
            &[("1.5", "wrong-type"), ("\"1\"", "wrong-type"), ("1e-1", "wrong-type"), ("null", "wrong-type")],
        ),
        ("{type: number}", &["1", "1.5", "-2e-9"], &[("true", "wrong-type"), ("[1]", "wrong-type")]),
        ("{type: boolean}", &["true", "false"], &[("0", "wrong-type"), ("\"true\"", "wrong-type")]),
        ("{type: 'null'}", &["null"], &[("0", "wrong-type"), ("\"\"", "wrong-type")]),
        ("{type: [string, 'null']}", &["null", "\"\""], &[("0", "wrong-type")]),
        ("{type: array}", &["[]", "[1,\"a\"]"], &[("{}", "wrong-type")]),
        ("{type: object}", &["{}", "{\"a\":1}"], &[("[]", "wrong-type"), ("\"{}\"", "wrong-type")]),
    ]);
}

#[test]
fn numbers() {
    table(&[
        (
            "{minimum: 1, maximum: 5}",
            &["1", "5", "2.5", "\"9\""],
            &[("0.99", "out-of-range"), ("5.000000000000000000001", "out-of-range")],
        ),
        (
            "{exclusiveMinimum: 1, exclusiveMaximum: 5}",
            &["1.01", "4.99"],
            &[("1", "out-of-range"), ("5", "out-of-range"), ("5.0", "out-of-range")],
        ),
        ("{multipleOf: 0.01}", &["19.99", "0", "-3"], &[("19.995", "out-of-range")]),
        ("{multipleOf: 3}", &["9", "9.0"], &[("10", "out-of-range")]),
        ("{type: integer, format: int32}", &["2147483647", "-2147483648"], &[("2147483648", "out-of-range")]),
        (
            "{type: integer, format: int64}",
            &["9223372036854775807"],
            &[("9223372036854775808", "out-of-range"), ("1e30", "out-of-range")],
        ),
        ("{type: number, format: float}", &["3e38"], &[("4e38", "out-of-range")]),
        ("{type: number, format: double}", &["1e300"], &[("1e309", "out-of-range"), ("1e999", "out-of-range")]),
    ]);
}

#[test]
fn strings() {
    table(&[
        (
            "{minLength: 2, maxLength: 3}",
            &["\"ab\"", "\"äöü\"", "\"\\ud83d\\ude00a\"", "7"],
            &[("\"a\"", "wrong-length"), ("\"abcd\"", "wrong-length")],
        ),
        (
            "{pattern: '^[a-z]+$'}",
            &["\"ab\"", "\"\\u0061b\""],
            &[("\"aB\"", "wrong-pattern"), ("\"\"", "wrong-pattern"), ("\"a\\n\"", "wrong-pattern")],
        ),
        ("{pattern: b}", &["\"abc\""], &[("\"ac\"", "wrong-pattern")]),
        (
            "{type: string, format: uuid}",
            &["\"3f2504e0-4f89-11d3-9a0c-0305e82c3301\""],
            &[("\"3f2504e0\"", "wrong-format")],
        ),
        ("{format: date-time}", &["\"2026-02-28T23:59:60Z\""], &[("\"2026-02-30T23:59:60Z\"", "wrong-format")]),
        ("{format: date}", &["\"2024-02-29\""], &[("\"2023-02-29\"", "wrong-format")]),
        ("{format: email}", &["\"o'neil@example.test\""], &[("\"x\"", "wrong-format")]),
        ("{format: uri}", &["\"https://a.test/\""], &[("\"a b\"", "wrong-format")]),
        ("{format: ipv4}", &["\"10.0.0.1\""], &[("\"10.0.0.1 \"", "wrong-format")]),
        ("{format: byte}", &["\"YQ==\""], &[("\"?\"", "wrong-format")]),
        ("{format: whatever}", &["\"?\""], &[]),
    ]);
}

#[test]
fn values() {
    table(&[
        (
            "{enum: [a, 1, true, null, [1], {k: v}]}",
            &["\"a\"", "1.0", "true", "null", "[1]", "{\"k\":\"v\"}"],
            &[
                ("\"b\"", "not-listed"),
                ("2", "not-listed"),
                ("false", "not-listed"),
                ("[1,2]", "not-listed"),
                ("{}", "not-listed"),
                ("\"1\"", "not-listed"),
            ],
        ),
        ("{const: EUR}", &["\"EUR\"", "\"\\u0045UR\""], &[("\"USD\"", "not-listed")]),
    ]);
}

#[test]
fn objects() {
    table(&[
        (
            "{required: [a, b], properties: {a: {type: integer}}}",
            &["{\"a\":1,\"b\":[]}", "[]"],
            &[("{\"a\":\"x\"}", "/a wrong-type, /b missing-field"), ("{}", "/a missing-field, /b missing-field")],
        ),
        (
            "{properties: {a: {}}, additionalProperties: false}",
            &["{\"a\":1}", "{}"],
            &[("{\"b\":1,\"a\":2}", "/b unknown-field")],
        ),
        (
            "{properties: {a: {}}, additionalProperties: {type: integer}}",
            &["{\"a\":\"x\",\"b\":1}"],
            &[("{\"b\":\"x\"}", "/b wrong-type")],
        ),
        (
            "{patternProperties: {'^x-': {type: integer}}, additionalProperties: false}",
            &["{\"x-a\":1}"],
            &[("{\"x-a\":\"1\"}", "/x-a wrong-type"), ("{\"y\":1}", "/y unknown-field")],
        ),
        ("{propertyNames: {maxLength: 2}}", &["{\"ab\":1}"], &[("{\"abc\":1}", "/abc wrong-length")]),
        (
            "{minProperties: 1, maxProperties: 2}",
            &["{\"a\":1}"],
            &[("{}", "wrong-size"), ("{\"a\":1,\"b\":1,\"c\":1}", "wrong-size")],
        ),
        (
            "{dependentRequired: {card: [address]}}",
            &["{}", "{\"card\":1,\"address\":1}"],
            &[("{\"card\":1}", "/address missing-field")],
        ),
        (
            "{dependentSchemas: {card: {required: [zip]}}}",
            &["{}", "{\"card\":1,\"zip\":1}"],
            &[("{\"card\":1}", "/zip missing-field")],
        ),
        (
            "{properties: {a: {properties: {'b/~': {type: string}}}}}",
            &["{\"a\":{\"b/~\":\"\"}}"],
            &[("{\"a\":{\"b/~\":1}}", "/a/b~1~0 wrong-type")],
        ),
        (
            "{allOf: [{properties: {a: {}}}], unevaluatedProperties: false}",
            &["{\"a\":1}"],
            &[("{\"b\":1}", "/b unknown-field")],
        ),
    ]);
}

#[test]
fn arrays() {
    table(&[
        (
            "{items: {type: integer}, minItems: 1, maxItems: 2}",
            &["[1]", "[1,2]"],
            &[("[]", "wrong-size"), ("[1,\"x\"]", "/1 wrong-type"), ("[1,2,3]", "wrong-size")],
        ),
        (
            "{prefixItems: [{type: string}], items: {type: integer}}",
            &["[\"a\",1]", "[]"],
            &[("[1,1]", "/0 wrong-type"), ("[\"a\",\"b\"]", "/1 wrong-type")],
        ),
        ("{prefixItems: [{type: string}], items: false}", &["[\"a\"]"], &[("[\"a\",1]", "/1 not-allowed")]),
        (
            "{uniqueItems: true}",
            &["[1,\"1\",[1],{\"a\":1}]"],
            &[
                ("[1,1.0]", "/1 repeated-item"),
                ("[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]", "/1 repeated-item"),
                ("[\"a\",\"\\u0061\"]", "/1 repeated-item"),
            ],
        ),
        (
            "{contains: {type: string}, maxContains: 1}",
            &["[1,\"a\"]"],
            &[("[1]", "wrong-size"), ("[\"a\",\"b\"]", "wrong-size")],
        ),
        ("{contains: {type: string}, minContains: 0}", &["[1]"], &[]),
        ("{prefixItems: [{}], unevaluatedItems: false}", &["[1]"], &[("[1,2]", "/1 not-allowed")]),
        (
            "{prefixItems: [{}], contains: {type: string}, unevaluatedItems: {type: 'null'}}",
            &["[1,null,\"a\"]"],
            &[("[1,2,\"a\"]", "/1 wrong-type")],
        ),
    ]);
}

#[test]
fn composition() {
    table(&[
        ("{allOf: [{minimum: 1}, {maximum: 3}]}", &["2"], &[("0", "out-of-range"), ("4", "out-of-range")]),
        (
            "{anyOf: [{type: integer}, {type: string, maxLength: 1}]}",
            &["1", "\"a\""],
            &[("\"ab\"", "wrong-length"), ("null", "no-alternative")],
        ),
        ("{oneOf: [{multipleOf: 2}, {multipleOf: 3}]}", &["4", "9"], &[("6", "ambiguous"), ("5", "no-alternative")]),
        ("{not: {type: string}}", &["1"], &[("\"a\"", "excluded")]),
        (
            "{if: {properties: {t: {const: a}}, required: [t]}, then: {required: [a]}, else: {required: [b]}}",
            &["{\"t\":\"a\",\"a\":1}", "{\"b\":1}"],
            &[("{\"t\":\"a\"}", "/a missing-field"), ("{\"t\":\"c\"}", "/b missing-field")],
        ),
        (
            "{oneOf: [{type: 'null'}, {type: object, required: [a], properties: {a: {type: integer}}}]}",
            &["null", "{\"a\":1}"],
            &[("{\"a\":\"x\"}", "/a wrong-type"), ("1", "no-alternative")],
        ),
        ("{not: {not: {type: string}}}", &["\"a\""], &[("1", "excluded")]),
    ]);
}

#[test]
fn references_and_recursion() {
    let schemas = "{Node: {type: object, required: [v], properties: {v: {type: integer}, next: {$ref: '#/components/schemas/Node'}}}}";
    let contract = with_body("{content: {application/json: {schema: {$ref: '#/components/schemas/Node'}}}}", schemas);
    assert_eq!(said(&contract, r#"{"v":1,"next":{"v":2,"next":{"v":3}}}"#, Unknown::Refuse), "");
    let wrong = "/next/next/v wrong-type, /next/next/x unknown-field";
    assert_eq!(said(&contract, r#"{"v":1,"next":{"v":2,"next":{"v":"3","x":1}}}"#, Unknown::Refuse), wrong);
}

#[test]
fn discriminators() {
    let schemas = "{Pet: {oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind, mapping: {hound: Dog}}}, \
        Cat: {type: object, required: [kind], properties: {kind: {type: string}, lives: {type: integer}}}, \
        Dog: {type: object, required: [kind], properties: {kind: {type: string}, bark: {type: boolean}}}}";
    let contract = with_body("{content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}", schemas);
    for (value, wrong) in [
        (r#"{"kind":"Cat","lives":9}"#, ""),
        (r#"{"kind":"hound","bark":true}"#, ""),
        (r#"{"kind":"Dog","bark":true}"#, ""),
        (r#"{"kind":"Cat","lives":"9"}"#, "/lives wrong-type"),
        (r#"{"kind":"Cat","bark":true}"#, "/bark unknown-field"),
        (r#"{"kind":"Cow"}"#, "/kind not-listed"),
        (r#"{"kind":7}"#, "/kind not-listed"),
        ("{}", "no-discriminator"),
        ("7", "no-alternative"),
    ] {
        assert_eq!(said(&contract, value, Unknown::Refuse), wrong, "{value}");
    }
}

#[test]
fn discriminators_of_a_base() {
    let schemas = "{Pet: {type: object, required: [kind], properties: {kind: {type: string}}, discriminator: {propertyName: kind}}, \
        Cat: {allOf: [{$ref: '#/components/schemas/Pet'}, {properties: {lives: {type: integer}}}]}, \
        Lion: {allOf: [{$ref: '#/components/schemas/Cat'}, {properties: {roar: {type: boolean}}}]}}";
    let contract = with_body("{content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}", schemas);
    for (value, wrong) in [
        (r#"{"kind":"Cat","lives":9}"#, ""),
        (r#"{"kind":"Lion","lives":9,"roar":true}"#, ""),
        (r#"{"kind":"Pet"}"#, ""),
        (r#"{"kind":"Cat","roar":true}"#, "/roar unknown-field"),
        (r#"{"kind":"Lion","roar":1}"#, "/roar wrong-type"),
        ("{}", "/kind missing-field"),
    ] {
        assert_eq!(said(&contract, value, Unknown::Refuse), wrong, "{value}");
    }
}

#[test]
fn nullable_and_exclusive_bounds_of_openapi_3_0() {
    let text = "openapi: 3.0.3\ninfo: {}\npaths: {/x: {post: {responses: {'200': {description: x}}, requestBody: {content: {application/json: {schema: \
        {type: object, properties: {a: {type: string, nullable: true}, b: {type: number, minimum: 0, exclusiveMinimum: true}}}}}}}}}\n";
    let contract = Contract::from_openapi("old", text).unwrap();
    assert_eq!(said(&contract, r#"{"a":null,"b":0.1}"#, Unknown::Refuse), "");
    assert_eq!(said(&contract, r#"{"a":1,"b":0}"#, Unknown::Refuse), "/a wrong-type, /b out-of-range");
}
