//! What the fuzz targets check; `tests/replay.rs` runs the same on stable.

use std::sync::LazyLock;

use http::{HeaderMap, Method};
use testudo_contract::{Contract, Head, MAX_VIOLATIONS, Options, PathPattern, RouteMatch, Unknown, decide_route};
use testudo_core::Verdict;

/// A contract with all kinds of segments.
const ROUTES: &str = "
openapi: 3.1.0
info: {}
components: {parameters: {x: {name: x, in: path, required: true, schema: {type: integer}}}}
paths:
  /: {get: {}}
  /a/: {get: {}}
  /a/b: {get: {}, post: {}}
  /a/{x}: {parameters: [{$ref: '#/components/parameters/x'}], get: {parameters: [{name: q, in: query, schema: {type: boolean}}]}}
  /a/{x}/c: {parameters: [{$ref: '#/components/parameters/x'}], get: {}}
  /a/v{x}.json: {parameters: [{$ref: '#/components/parameters/x'}], get: {}}
";

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| Contract::from_openapi("routes", ROUTES).expect("a contract"));

static OPEN: LazyLock<Contract> =
    LazyLock::new(|| Contract::open(&["/health", "/assets/*"].map(|text| text.parse().expect("a pattern"))));

/// A file is read or refused with places in it; what is read can be called.
pub fn openapi(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Contract::from_openapi("fuzz", text) {
        Err(errors) => {
            assert!(!errors.problems.is_empty());
            let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
            for problem in &errors.problems {
                assert!((1..=lines + 1).contains(&problem.position.line), "{problem:?}");
                assert!(!problem.what.is_empty());
            }
            assert!(!errors.to_string().is_empty());
        }
        Ok(contract) => {
            assert!(serde_json::to_value(&contract).is_ok());
            for route in contract.routes() {
                let path = sample(&route.template);
                let method = route.method.as_ref().expect("routes of files have methods");
                // A more literal template may take the path, and lack the method.
                let found = contract.route(method, &path);
                let there = matches!(found, RouteMatch::Found(_) | RouteMatch::NoSuchMethod { .. });
                assert!(there || path.len() > testudo_contract::MAX_PATH, "{} {found:?}", route.template);
            }
        }
    }
}

/// One schema for all kinds of bodies.
const BODIES: &str = r"
openapi: 3.1.0
info: {}
paths:
  /:
    post:
      requestBody:
        content:
          application/json: {schema: {$ref: '#/components/schemas/T'}}
          application/x-ndjson: {schema: {$ref: '#/components/schemas/T'}}
          application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/T'}, encoding: {l: {explode: false}}}
          multipart/form-data: {schema: {$ref: '#/components/schemas/T'}, encoding: {f: {contentType: image/png}}}
          application/xml: {}
          image/svg+xml: {}
components:
  schemas:
    T:
      type: object
      required: [k]
      properties:
        k: {enum: [a, b]}
        n: {type: integer, minimum: -5, exclusiveMaximum: 10, multipleOf: 2}
        s: {type: string, minLength: 1, maxLength: 8, pattern: '^[a-zé]+$'}
        u: {type: string, format: uuid}
        d: {type: string, format: date-time}
        l: {type: array, items: {type: number}, uniqueItems: true, maxItems: 4}
        f: {type: string, format: binary}
        o: {oneOf: [{$ref: '#/components/schemas/T'}, {type: 'null'}, {type: array, items: {$ref: '#/components/schemas/T'}}]}
        m: {type: object, additionalProperties: {anyOf: [{type: boolean}, {$ref: '#/components/schemas/P'}]}}
        p: {$ref: '#/components/schemas/P'}
      not: {required: [x]}
    P: {oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}], discriminator: {propertyName: kind}}
    Cat: {type: object, required: [kind], properties: {kind: {type: string}, lives: {type: integer, format: int32}}}
    Dog: {type: object, required: [kind], properties: {kind: {type: string}}, unevaluatedProperties: {type: boolean}}
";

static TAKES_BODIES: LazyLock<Contract> =
    LazyLock::new(|| Contract::from_openapi("bodies", BODIES).expect("a contract"));

/// A body is judged the same each time and in bounds; what is proven lies in it and is plain. The first line is its type.
pub fn body(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (kind, body) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    let Some(route) = TAKES_BODIES.routes().first() else { return };
    let check = |unknown| TAKES_BODIES.check_body(route, Some(kind), body, Options { unknown });
    let [strict, reported, loose] = [Unknown::Refuse, Unknown::Report, Unknown::Allow].map(check);
    assert_eq!(strict, check(Unknown::Refuse));
    assert_eq!(reported.is_ok(), loose.is_ok());
    assert!(!strict.is_ok() || (loose.is_ok() && reported.notes.is_empty()));
    for checked in [&strict, &reported, &loose] {
        assert!(checked.violations.len() <= MAX_VIOLATIONS && checked.notes.len() <= MAX_VIOLATIONS);
        assert_eq!(checked.is_ok(), checked.decision().verdict() == Verdict::Allow);
        assert!(checked.is_ok() || (checked.proven.is_empty() && !checked.names_proven));
        let mut end = 0;
        for proven in &checked.proven {
            assert!(proven.span.start >= end && proven.span.end > proven.span.start);
            end = proven.span.end;
            let text = &body[proven.span.start..proven.span.end];
            let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.:-+".contains(byte);
            assert!(text.iter().all(plain) && text.len() <= 256, "{}", String::from_utf8_lossy(text));
        }
    }
}

/// A path of the template, with `x` for each parameter.
fn sample(template: &str) -> String {
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        path.push_str(before);
        path.push('x');
        rest = after.split_once('}').map_or("", |(_, behind)| behind);
    }
    path + rest
}

/// What is routed has one reading; what is public is what was named.
pub fn router(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    let headers = HeaderMap::new();
    for (contract, method) in [(&*CONTRACT, Method::GET), (&*CONTRACT, Method::POST), (&*OPEN, Method::GET)] {
        let head = Head { method: &method, path, query, headers: &headers };
        let found = contract.route(&method, path);
        let mut decision = decide_route(&found);
        let routed = matches!(found, RouteMatch::Found(_));
        assert!(routed || decision.verdict() == Verdict::Deny);
        assert_eq!(routed, decide_route(&found).verdict() == Verdict::Allow);
        if !matches!(found, RouteMatch::Malformed(_)) {
            has_one_reading(path);
        }
        if let RouteMatch::Found(found) = &found {
            decision = decision.and(contract.inspect_parameters(found, &head, Options::default()).0.decision());
            if contract.is_open() && found.route.is_public() {
                let decoded = decode(path);
                assert!(decoded == "/health" || decoded.starts_with("/assets/"), "{path}");
            }
            for (_, value) in found.params.iter() {
                assert!(!value.is_empty() && !value.contains('/'), "{path}");
                assert!(decision.verdict() == Verdict::Deny || value.parse::<f64>().is_ok(), "{path}");
            }
        }
    }
    if let Ok(pattern) = text.parse::<PathPattern>() {
        assert_eq!(pattern.as_str(), text);
        assert_ne!(text, "/*");
    }
}

/// Another way to decode, slow and without rules.
fn decode(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes().iter();
    while let Some(byte) = rest.next() {
        let digits = (*byte == b'%').then(|| rest.as_slice().get(..2)).flatten();
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let value = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        if let Some(value) = value {
            bytes.push(value);
            rest.nth(1);
        } else {
            bytes.push(*byte);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn has_one_reading(path: &str) {
    let decoded = decode(path);
    assert_eq!(decoded.matches('/').count(), path.matches('/').count(), "{path}: hidden slash");
    assert_eq!(decode(&decoded), decoded, "{path}: decodes twice");
    assert!(!decoded.contains("//") && !decoded.contains('\\'), "{path}");
    assert!(!decoded.chars().any(|c| c.is_ascii_control()), "{path}");
    // What stands for bytes that are not UTF-8 may also have been asked for.
    assert!(!decoded.contains('\u{fffd}') || path.to_ascii_lowercase().contains("%ef%bf%bd"), "{path}");
    for segment in decoded.split('/') {
        let name = segment.split(';').next().unwrap_or_default().trim();
        assert!(name != "." && name != "..", "{path}");
    }
}
