//! Marks of contracts, by what the masker makes of documents.

#![allow(clippy::similar_names, reason = "the names are the words of the field")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use testudo_privacy::{Format, Masking, Plan, Treatment};

use super::*;

fn contract(responses: &str) -> Contract {
    let text = format!(
        "openapi: 3.1.0\ninfo: {{title: T, version: '1'}}\npaths:\n  /a:\n    get:\n      responses:\n{responses}
components:
  schemas:
    Email: {{type: string, x-testudo-data: email}}
    Node:
      type: object
      properties:
        iban: {{type: string, x-testudo-data: iban}}
        next: {{$ref: '#/components/schemas/Node'}}
        children: {{type: array, items: {{$ref: '#/components/schemas/Node'}}}}
    Plain: {{type: object, properties: {{self: {{$ref: '#/components/schemas/Plain'}}}}}}
"
    );
    Contract::from_openapi("test.yaml", &text).unwrap()
}

/// What is shown of a document under a schema, all marked values as `***`.
fn shown(schema: &str, document: &str) -> String {
    let contract =
        contract(&format!("        '200': {{description: ok, content: {{application/json: {{schema: {schema}}}}}}}"));
    let masks = Masks::build(&Config::default(), &contract).unwrap();
    let marks = Arc::clone(masks.routes[0].answer(200, "application/json").unwrap());
    let plan = DataClass::ALL.into_iter().fold(Plan::PLAIN, |plan, class| plan.with(class, Treatment::Null));
    let mut masker = Masking::new(marks, plan, None).unwrap().masker(Format::Json);
    let mut out = Vec::new();
    masker.push(document.as_bytes(), &mut out).unwrap();
    masker.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn schemas_mark_what_they_describe() {
    let email = "{$ref: '#/components/schemas/Email'}";
    let node = "{$ref: '#/components/schemas/Node'}";
    for (schema, document, expected) in [
        (format!("{{properties: {{a: {email}, b: {{}}}}}}"), r#"{"a":"x","b":"y"}"#, r#"{"a":null,"b":"y"}"#),
        (format!("{{items: {email}}}"), r#"["x","y"]"#, "[null,null]"),
        (format!("{{prefixItems: [{{}}, {email}]}}"), r#"["x","y"]"#, "[null,null]"),
        (
            format!("{{properties: {{a: {{}}}}, additionalProperties: {email}}}"),
            r#"{"a":"x","b":"y"}"#,
            r#"{"a":"x","b":null}"#,
        ),
        (format!("{{patternProperties: {{'^e-': {email}}}}}"), r#"{"e-1":"x"}"#, r#"{"e-1":null}"#),
        (
            format!("{{oneOf: [{{type: object, properties: {{a: {email}}}}}, {node}]}}"),
            r#"{"a":"x","iban":"y"}"#,
            r#"{"a":null,"iban":null}"#,
        ),
        (
            format!("{{allOf: [{node}, {{properties: {{a: {email}}}}}]}}"),
            r#"{"a":"x","iban":"y","c":1}"#,
            r#"{"a":null,"iban":null,"c":1}"#,
        ),
        (format!("{{if: {{}}, then: {node}}}"), r#"{"iban":"y"}"#, r#"{"iban":null}"#),
        (format!("{{not: {node}}}"), r#"{"iban":"y"}"#, r#"{"iban":"y"}"#),
        (
            node.to_owned(),
            r#"{"next":{"children":[{"iban":"y","x":1}]}}"#,
            r#"{"next":{"children":[{"iban":null,"x":1}]}}"#,
        ),
        ("{$ref: '#/components/schemas/Plain'}".to_owned(), r#"{"self":{"iban":"y"}}"#, r#"{"self":{"iban":"y"}}"#),
        (format!("{{propertyNames: {email}}}"), r#"{"ada@example.org":1}"#, "{}"),
        (
            format!(
                "{{properties: {{raw: {{type: string, contentMediaType: application/json, contentSchema: {{properties: {{a: {email}}}}}}}}}}}"
            ),
            r#"{"raw":"{}"}"#,
            r#"{"raw":null}"#,
        ),
        ("{type: object, x-testudo-data: health}".to_owned(), r#"{"a":{"b":"x"}}"#, r#"{"a":{"b":null}}"#),
    ] {
        assert_eq!(shown(&schema, document), expected, "{schema}");
    }
}

#[test]
fn an_answer_is_found_by_status_and_media_type() {
    let contract = contract(
        "        '200': {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Email'}}, 'text/*': {schema: {}}}, headers: {X-Mail: {schema: {allOf: [{$ref: '#/components/schemas/Email'}]}}}}
        '4XX': {description: no, content: {'*/*': {schema: {$ref: '#/components/schemas/Node'}}}}
        default: {description: other, content: {application/json: {schema: {}}}}",
    );
    let masks = Masks::build(&Config::default(), &contract).unwrap();
    let route = &masks.routes[0];
    assert!(route.marked && masks.off().is_none());
    let classes = |status, media| route.answer(status, media).map(|marks| marks.classes());
    let of = |class| Some(ClassSet::EMPTY.with(class));
    assert_eq!(classes(200, "application/json"), of(DataClass::Email));
    assert_eq!(classes(200, "text/csv"), Some(ClassSet::EMPTY));
    assert_eq!(classes(200, "image/png"), None);
    assert_eq!(classes(404, "application/json"), of(DataClass::Iban));
    assert_eq!(classes(500, "application/json"), Some(ClassSet::EMPTY));
    assert_eq!(classes(500, "text/html"), None);
    assert_eq!(route.all.classes(), ClassSet::EMPTY.with(DataClass::Email).with(DataClass::Iban));
    assert_eq!(route.headers, [(HeaderName::from_static("x-mail"), DataClass::Email)]);
    assert_eq!(masks.marked(&contract).collect::<Vec<_>>(), [("GET /a".to_owned(), vec!["email", "iban"])]);
}

#[test]
fn a_contract_without_marks_says_why_nothing_is_masked() {
    let plain = contract("        '200': {description: ok}");
    let masks = Masks::build(&Config::default(), &plain).unwrap();
    assert!(masks.off().unwrap().contains("x-testudo-data"));
    let mut config = Config::default();
    config.masking.detect = true;
    assert!(Masks::build(&config, &plain).unwrap().off().is_none());
    config.masking = toml::from_str("routes = [{ route = \"GET /b\", detect = false }]").unwrap();
    let Err(error) = Masks::build(&config, &plain) else { unreachable!("no such route") };
    assert!(error.to_string().contains("did you mean `GET /a`?"), "{error}");
}
