//! Laws of routing: every route is found by its own template, and what has two readings is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::format_push_string,
    clippy::format_collect
)]

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;
use testudo_contract::{Contract, PathPattern, RouteMatch, decide_route};
use testudo_core::{Denial, Obligation};

fn contract(paths: &[&str]) -> Contract {
    let mut text = String::from("openapi: 3.1.0\ninfo: {}\npaths:\n");
    let mut seen = BTreeSet::new();
    for path in paths.iter().filter(|path| seen.insert(**path)) {
        let mut parameters = Vec::new();
        let mut rest = *path;
        while let Some((_, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').unwrap();
            parameters.push(format!("{{name: {name}, in: path, required: true, schema: {{type: string}}}}"));
            rest = behind;
        }
        text += &format!("  '{path}':\n    get: {{parameters: [{}]}}\n", parameters.join(", "));
    }
    Contract::from_openapi("paths", &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn found(contract: &Contract, path: &str) -> String {
    match contract.route(&Method::GET, path) {
        RouteMatch::Found(found) => {
            let params: Vec<String> = found.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} {}", found.route.template, params.join(",")).trim().to_owned()
        }
        RouteMatch::NoSuchPath => "no such path".into(),
        RouteMatch::NoSuchMethod { .. } => "no such method".into(),
        RouteMatch::Malformed(error) => format!("malformed: {error}"),
    }
}

#[test]
fn the_most_literal_template_wins() {
    let contract = contract(&[
        "/",
        "/users/me",
        "/users/{id}",
        "/users/{id}/cards",
        "/users/{id}.json",
        "/users/v{version}.json",
        "/users/me/{tab}",
        "/users/{id}/cards/{card}",
        "/files/",
        "/files/{a}-{b}",
        "/deep/{x}/fixed/{y}",
        "/deep/fixed/{x}/{y}",
    ]);
    for (path, route) in [
        ("/", "/"),
        ("/users/me", "/users/me"),
        ("/users/%6de", "/users/me"),
        ("/users/7", "/users/{id} id=7"),
        ("/users/%C3%A9", "/users/{id} id=é"),
        ("/users/7.json", "/users/{id}.json id=7"),
        ("/users/v7.json", "/users/v{version}.json version=7"),
        ("/users/v.json", "/users/{id}.json id=v"),
        ("/users/.json", "/users/{id} id=.json"),
        ("/users/me/settings", "/users/me/{tab} tab=settings"),
        ("/users/me/cards", "/users/me/{tab} tab=cards"),
        ("/users/me/cards/9", "/users/{id}/cards/{card} id=me,card=9"),
        ("/users/7/cards/9", "/users/{id}/cards/{card} id=7,card=9"),
        ("/users/7/cards/", "no such path"),
        ("/users/", "no such path"),
        ("/users", "no such path"),
        ("/files/", "/files/"),
        ("/files", "no such path"),
        ("/files/a-b-c", "/files/{a}-{b} a=a,b=b-c"),
        ("/files/%61-%62", "/files/{a}-{b} a=a,b=b"),
        ("/files/-b", "no such path"),
        ("/deep/fixed/fixed/1", "/deep/fixed/{x}/{y} x=fixed,y=1"),
        ("/deep/2/fixed/1", "/deep/{x}/fixed/{y} x=2,y=1"),
        ("/Users/me", "no such path"),
        ("/users/%2e%2e", "malformed: the path has a `.` or `..` segment"),
        ("/users/a%2Fb", "malformed: the path has an encoded slash, backslash or control character"),
    ] {
        assert_eq!(found(&contract, path), route, "{path}");
    }
}

#[test]
fn methods_come_after_paths() {
    let text = "openapi: 3.1.0\ninfo: {}\npaths:\n  /a: {get: {}, post: {}}\n  /b: {head: {}, get: {}}\n  \
                /{x}:\n    parameters: [{name: x, in: path, required: true, schema: {}}]\n    delete: {}\n";
    let contract = Contract::from_openapi("methods", text).unwrap();
    let route = |method: Method, path: &'static str| contract.route(&method, path);
    let RouteMatch::Found(head) = route(Method::HEAD, "/a") else { panic!("HEAD maps to GET") };
    assert_eq!(head.route.method, Some(Method::GET));
    let RouteMatch::Found(head) = route(Method::HEAD, "/b") else { panic!("own HEAD") };
    assert_eq!(head.route.method, Some(Method::HEAD));
    let refused = route(Method::DELETE, "/a");
    let decision = decide_route(&refused);
    let allow: BTreeSet<String> = ["GET", "HEAD", "POST"].map(String::from).into();
    assert_eq!(decision.obligations(), &BTreeSet::from([Obligation::AllowMethods(allow)]));
    assert_eq!(decision.reasons().first().unwrap().denial, Denial::MethodNotAllowed);
    assert!(matches!(route(Method::DELETE, "/c"), RouteMatch::Found(_)));
    assert!(matches!(route(Method::from_bytes(b"get").unwrap(), "/a"), RouteMatch::NoSuchMethod { .. }));

    let mut headers = HeaderMap::new();
    assert!(contract.preflight(&Method::OPTIONS, &headers, "/a").is_none());
    headers.insert("origin", HeaderValue::from_static("https://app.example"));
    assert!(contract.preflight(&Method::OPTIONS, &headers, "/a").is_none());
    headers.insert("access-control-request-method", HeaderValue::from_static("POST"));
    assert!(matches!(contract.preflight(&Method::OPTIONS, &headers, "/a"), Some(RouteMatch::Found(_))));
    assert!(matches!(contract.preflight(&Method::OPTIONS, &headers, "/b"), Some(RouteMatch::NoSuchMethod { .. })));
    assert!(contract.preflight(&Method::GET, &headers, "/a").is_none());
}

#[test]
fn without_a_file_only_named_paths_are_public() {
    let patterns: Vec<PathPattern> =
        ["/health", "/assets/*", "/assets/private/x", "/"].iter().map(|text| text.parse().unwrap()).collect();
    let contract = Contract::open(&patterns);
    assert!(contract.is_open());
    for (path, public) in [
        ("/health", true),
        ("/health/", false),
        ("/health/x", false),
        ("/healthy", false),
        ("/Health", false),
        ("/%68ealth", true),
        ("/", true),
        ("/assets", false),
        ("/assets/", true),
        ("/assets/a.js", true),
        ("/assets/a/b/c", true),
        ("/assets/private/x", true),
        ("/assetsx", false),
        ("/accounts", false),
        ("/*", false),
        ("/health;x=1", false),
    ] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let RouteMatch::Found(found) = contract.route(&method, path) else { panic!("{path}") };
            assert_eq!(found.route.is_public(), public, "{path}");
        }
    }
    for path in [
        "/assets/../accounts",
        "/assets/..;/accounts",
        "/assets/%2e%2e/accounts",
        "/assets//x",
        "/assets/..%2faccounts",
    ] {
        assert!(matches!(contract.route(&Method::GET, path), RouteMatch::Malformed(_)), "{path}");
    }
}

/// A template and a path that fits it.
fn template() -> impl Strategy<Value = (String, String)> {
    let literal = "[a-z][a-z0-9.-]{0,6}".prop_filter("dots", |text| !text.ends_with('.'));
    let value = "[A-Za-z0-9_~@!-]{1,8}";
    let segment = prop_oneof![
        2 => literal.clone().prop_map(|text| (text.clone(), text, false)),
        1 => value.prop_map(|value| (String::new(), value, true)),
    ];
    prop::collection::vec(segment, 1..6).prop_map(|segments| {
        let (mut template, mut path) = (String::new(), String::new());
        for (at, (literal, sample, parameter)) in segments.into_iter().enumerate() {
            template += &if parameter { format!("/{{p{at}}}") } else { format!("/{literal}") };
            path += &format!("/{sample}");
        }
        (template, path)
    })
}

/// Percent-encodes some bytes of each segment; the reading stays the same.
fn encode(path: &str, mask: u64) -> String {
    let encode = |(at, byte): (usize, u8)| {
        if byte != b'/' && mask >> (at % 64) & 1 == 1 { format!("%{byte:02x}") } else { char::from(byte).to_string() }
    };
    path.bytes().enumerate().map(encode).collect()
}

/// Whether the template matches the path by definition, segment by segment.
fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    let fits =
        |(wanted, given): (&&str, &&str)| if wanted.starts_with('{') { !given.is_empty() } else { wanted == given };
    template.len() == path.len() && template.iter().zip(&path).all(fits)
}

proptest! {
    #[test]
    fn every_route_is_found_by_its_own_template(all in prop::collection::vec(template(), 1..12), mask: u64) {
        // Templates that differ in the names of parameters only would clash.
        let mut shapes = BTreeSet::new();
        let all: Vec<_> = all.into_iter().filter(|(template, _)| shapes.insert(template.clone())).collect();
        let templates: Vec<&str> = all.iter().map(|(template, _)| &**template).collect();
        let contract = contract(&templates);
        for (template, path) in &all {
            let encoded = encode(path, mask);
            let RouteMatch::Found(found) = contract.route(&Method::GET, &encoded) else {
                return Err(TestCaseError::fail(format!("{template} does not find {encoded}")));
            };
            let literal = |template: &str| template.split('/').map(|segment| segment.starts_with('{')).collect::<Vec<_>>();
            prop_assert!(matches(&found.route.template, path), "{} for {path}", found.route.template);
            prop_assert!(literal(&found.route.template) <= literal(template), "{} before {template}", found.route.template);
            for (name, value) in found.params.iter() {
                let at: usize = name[1..].parse().unwrap();
                prop_assert_eq!(Some(value), path.split('/').nth(at + 1));
            }
        }
    }

    #[test]
    fn a_path_is_found_only_if_a_template_matches(all in prop::collection::vec(template(), 1..8), path in "(/[a-c]{0,2}){1,4}") {
        let templates: Vec<&str> = all.iter().map(|(template, _)| &**template).collect();
        let contract = contract(&templates);
        let expected = templates.iter().any(|template| matches(template, &path));
        match contract.route(&Method::GET, &path) {
            RouteMatch::Found(found) => prop_assert!(matches(&found.route.template, &path)),
            RouteMatch::NoSuchPath => prop_assert!(!expected),
            RouteMatch::Malformed(_) => prop_assert!(path.contains("//")),
            RouteMatch::NoSuchMethod { .. } => prop_assert!(false),
        }
    }

    #[test]
    fn adversarial_encodings_are_refused(
        (_, path) in template(),
        evil in prop::sample::select(vec![
            "%2f", "%2F", "%5c", "%00", "%0a", "%7f", "%252f", "%25%32e", "%c0%ae", "%ff", "%", "%1", "%gg", "\\", " ",
            "/..", "/.", "/../", "/%2e%2e", "/.%2e", "/..;a", "/%2e;/x", "//x", "/%2e%2e%3b", "\u{7f}", "é", "?", "#",
        ]),
        at: prop::sample::Index,
    ) {
        let contract = Contract::open(&["/a/*".parse().unwrap()]);
        // Between whole segments, so that `/.` does not become part of a harmless name.
        let ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]).collect();
        let end = ends[at.index(ends.len())];
        let attacked = format!("{}{evil}{}", &path[..end], &path[end..]);
        prop_assert!(matches!(contract.route(&Method::GET, &attacked), RouteMatch::Malformed(_)), "{attacked}");
    }

    #[test]
    fn nothing_panics(path in ".{0,64}", method in "[A-Z]{1,8}") {
        let contract = contract(&["/a/{b}.{c}", "/a/{b}/c", "/{x}"]);
        let _ = contract.route(&Method::from_bytes(method.as_bytes()).unwrap(), &path);
        let _ = path.parse::<PathPattern>();
    }
}
