//! What versions of a contract open and close, as a table; and laws of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "test code")]

use testudo_contract::{Contract, Effect, diff};

fn contract(text: &str) -> Contract {
    Contract::from_openapi("version", text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

fn schema(schema: &str) -> Contract {
    contract(&format!(
        "openapi: 3.1.0\ninfo: {{}}\npaths: {{/x: {{post: {{requestBody: {{content: {{application/json: {{schema: {schema}}}}}}}}}}}}}\n"
    ))
}

fn said(old: &Contract, new: &Contract) -> String {
    let changes = diff(old, new);
    changes.iter().map(|change| change.to_string().replace("POST /x ", "")).collect::<Vec<_>>().join("; ")
}

#[test]
fn schemas() {
    for (old, new, there, back) in [
        (
            "{type: integer}",
            "{type: number}",
            "opens body: the type is number, was integer",
            "closes body: the type is integer, was number",
        ),
        (
            "{type: string}",
            "{type: [string, 'null']}",
            "opens body: the type is null or string, was string",
            "closes body: the type is string, was null or string",
        ),
        (
            "{type: string}",
            "{type: integer}",
            "changes body: the type is integer, was string",
            "changes body: the type is string, was integer",
        ),
        ("{enum: [a, b]}", "{enum: [a, b, c]}", "opens body: may be now: `c`", "closes body: may be no more: `c`"),
        (
            "{maxLength: 5}",
            "{maxLength: 9}",
            "opens body: at most 9 characters, was at most 5",
            "closes body: at most 5 characters, was at most 9",
        ),
        (
            "{minimum: 1}",
            "{minimum: 0}",
            "opens body: the least number is 0, was 1",
            "closes body: the least number is 1, was 0",
        ),
        (
            "{minimum: 1}",
            "{exclusiveMinimum: 1}",
            "closes body: the least number is 1 (excluded), was 1",
            "opens body: the least number is 1, was 1 (excluded)",
        ),
        ("{}", "{pattern: a}", "closes body: the pattern is `a`", "opens body: the pattern was `a`"),
        (
            "{properties: {a: {}}}",
            "{properties: {a: {}, b: {}}}",
            "opens body/b: a new field",
            "closes body/b: the field is gone",
        ),
        (
            "{properties: {a: {}}}",
            "{properties: {a: {}}, additionalProperties: true}",
            "opens body: unknown fields are taken",
            "closes body: unknown fields are refused",
        ),
        (
            "{properties: {a: {}}}",
            "{required: [a], properties: {a: {}}}",
            "closes body/a: it is required now",
            "opens body/a: it is not required any more",
        ),
        (
            "{items: {type: integer}}",
            "{items: {type: number}}",
            "opens body/*: the type is number, was integer",
            "closes body/*: the type is integer, was number",
        ),
        (
            "{anyOf: [{const: 1}]}",
            "{anyOf: [{const: 1}, {const: 2}]}",
            "opens body: anyOf has 2 schemas, had 1",
            "closes body: anyOf has 1 schemas, had 2",
        ),
        (
            "{properties: {a: {type: string}}}",
            "{properties: {a: {type: string, readOnly: true}}}",
            "closes body/a: only in answers now",
            "opens body/a: only in answers no more",
        ),
        (
            "{properties: {a: {type: string}}}",
            "{properties: {a: {type: string, x-testudo-text: free}}}",
            "opens body/a: rules about attacks look at it no more",
            "closes body/a: rules about attacks look at it now",
        ),
        (
            "{not: {const: 1}}",
            "{not: {const: 2}}",
            "changes body: `not` says something else",
            "changes body: `not` says something else",
        ),
        ("{type: object}", "{type: object}", "", ""),
    ] {
        let (old, new) = (schema(old), schema(new));
        assert_eq!(said(&old, &new), there);
        assert_eq!(said(&new, &old), back);
        assert!(diff(&old, &old).is_empty() && diff(&new, &new).is_empty());
    }
}

const OLD: &str = "
openapi: 3.1.0
info: {}
security: [{o: [read]}]
components: {securitySchemes: {o: {type: oauth2, flows: {clientCredentials: {tokenUrl: /t, scopes: {read: r, write: w}}}}},
  schemas: {N: {properties: {v: {type: integer}, next: {$ref: '#/components/schemas/N'}}}}}
paths:
  /a/{id}: {get: {parameters: [{name: id, in: path, required: true, schema: {type: integer}}, {name: q, in: query, schema: {type: string}}]}}
  /b: {post: {x-testudo: {acr: 1, max-body: 1 KiB}, requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/N'}}}}}}
  /c: {get: {}}
  /gone: {get: {}}
";

const NEW: &str = "
openapi: 3.1.0
info: {}
security: [{o: [read]}]
components: {securitySchemes: {o: {type: oauth2, flows: {clientCredentials: {tokenUrl: /t, scopes: {read: r, write: w}}}}},
  schemas: {N: {properties: {v: {type: number}, next: {$ref: '#/components/schemas/N'}}}}}
paths:
  /a/{key}: {get: {parameters: [{name: key, in: path, required: true, schema: {type: string}}, {name: limit, in: query, required: true, schema: {}}]}}
  /b: {post: {x-testudo: {acr: 2, max-body: 2 KiB}, security: [{o: [write]}], requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/N'}}, text/plain: {}}}}}
  /c: {get: {security: []}, delete: {}}
";

#[test]
fn routes_parameters_callers_and_limits() {
    let (old, new) = (contract(OLD), contract(NEW));
    let lines: Vec<String> = diff(&old, &new).iter().map(ToString::to_string).collect();
    let mut wanted = [
        "changes GET /a/{id} path:id: the type is string, was integer",
        "closes GET /a/{id} query:limit: a new parameter that is required",
        "closes GET /a/{id} query:q: the parameter is gone",
        "opens DELETE /c: a new route, for callers with `read`",
        "opens GET /c: for everybody, was for callers with `read`",
        "closes GET /gone: the route is gone",
        "opens POST /b: the largest body is 2048 bytes, was 1024 bytes",
        "closes POST /b: asks for 2 factors, was 1",
        "changes POST /b: for callers with `write`, was for callers with `read`",
        "opens POST /b body: `text/plain` is taken",
        "closes POST /b body: it is required now",
        "opens POST /b body/v: the type is number, was integer",
    ];
    let mut sorted: Vec<&str> = lines.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(sorted, wanted);
    assert_eq!(diff(&old, &new), diff(&contract(OLD), &contract(NEW)), "the same each time");
    let opened = diff(&old, &new).iter().filter(|change| change.effect == Effect::Opens).count();
    let closed = diff(&new, &old).iter().filter(|change| change.effect == Effect::Closes).count();
    assert!(opened > 0 && closed > 0);
}
