//! The same API as OpenAPI 3.0 and 3.1 gives the same model, and wrong files say what is wrong where.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::format_push_string)]

use http::Method;
use testudo_contract::{Contract, DataClass, RouteMatch, Security};

const NEW: &str = include_str!("fixtures/clinic-3.1.yaml");
const OLD: &str = include_str!("fixtures/clinic-3.0.yaml");

fn errors(name: &str, text: &str) -> String {
    Contract::from_openapi(name, text).expect_err("refused").to_string()
}

#[test]
fn twins_have_one_model() {
    let new = Contract::from_openapi("clinic-3.1.yaml", NEW).unwrap();
    let old = Contract::from_openapi("clinic-3.0.yaml", OLD).unwrap();
    let model = serde_json::to_value(&new).unwrap();
    assert_eq!(model, serde_json::to_value(&old).unwrap());
    assert!(new.notes().is_empty(), "{:?}", new.notes());
    insta::assert_json_snapshot!("clinic", model);
}

#[test]
fn json_has_the_same_model_as_yaml() {
    fn to_json(yaml: &str) -> String {
        let value: serde_json::Value = serde_saphyr::from_str(yaml).unwrap();
        serde_json::to_string(&value).unwrap()
    }
    // The detour loses the order of keys, and with it the numbers of schemas; routes are compared by what they say.
    let yaml = Contract::from_openapi("clinic.yaml", NEW).unwrap();
    let json = Contract::from_openapi("clinic.json", &to_json(NEW)).unwrap();
    assert_eq!(yaml.routes().len(), json.routes().len());
    for route in yaml.routes() {
        let path = sample(&route.template);
        let RouteMatch::Found(twin) = json.route(route.method.as_ref().unwrap(), &path) else {
            panic!("{}", route.template)
        };
        assert_eq!(
            (&route.security, &route.data, &route.rules),
            (&twin.route.security, &twin.route.data, &twin.route.rules)
        );
    }
}

fn sample(template: &str) -> String {
    template.replace("{visit-id}", "7").replace("{format}", "pdf")
}

#[test]
fn routes_say_who_may_call_and_what_is_personal() {
    let contract = Contract::from_openapi("clinic", NEW).unwrap();
    let find = |method: Method, path: &'static str| match contract.route(&method, path) {
        RouteMatch::Found(found) => found.route.clone(),
        other => panic!("{other:?}"),
    };
    assert!(find(Method::GET, "/v2/status").is_public());
    assert!(find(Method::HEAD, "/v2/status").is_public());
    let visit = find(Method::GET, "/v2/visits/7");
    assert!(!visit.is_token_optional());
    assert!(visit.scopes_suffice(|scope| scope == "visits.read"));
    assert!(!visit.scopes_suffice(|scope| scope == "visits.write"));
    assert_eq!(visit.data, [DataClass::Name, DataClass::BirthDate, DataClass::Health].into());
    let change = find(Method::PUT, "/v2/visits/7");
    assert!(change.scopes_suffice(|scope| ["visits.write", "visits.admin"].contains(&scope)));
    assert!(!change.scopes_suffice(|scope| scope == "visits.write"), "x-testudo asks for one more");
    assert!(!change.scopes_suffice(|scope| ["visits.read", "visits.admin"].contains(&scope)), "half an alternative");
    assert_eq!((change.rules.acr, change.rules.max_body), (Some(2), Some(64 << 10)));
    let report = find(Method::GET, "/v2/visits/7/report.pdf");
    assert!(report.is_token_optional() && !report.is_public());
    assert!(find(Method::GET, "/v2/live").rules.websocket);
    assert!(matches!(contract.route(&Method::GET, "/status"), RouteMatch::NoSuchPath), "not without the base path");
}

#[test]
fn what_is_not_said_needs_a_token() {
    let silent = "openapi: 3.1.0\ninfo: {}\npaths: {/a: {get: {}}}\n";
    let contract = Contract::from_openapi("silent", silent).unwrap();
    assert_eq!(contract.routes()[0].security, Security::token());
    let optional = "openapi: 3.1.0\ninfo: {}\npaths: {/a: {get: {security: [{}]}}}\n";
    let contract = Contract::from_openapi("optional", optional).unwrap();
    assert!(matches!(contract.routes()[0].security, Security::Optional { .. }));
}

#[test]
fn all_errors_of_a_file_are_reported_together() {
    insta::assert_snapshot!("many", errors("many.yaml", include_str!("fixtures/wrong/many.yaml")));
    insta::assert_snapshot!("old", errors("old.yaml", include_str!("fixtures/wrong/old.yaml")));
    insta::assert_snapshot!("twins", errors("twins.json", include_str!("fixtures/wrong/twins.json")));
}

#[test]
fn errors_stand_where_a_person_looks() {
    let file = "openapi: 3.1.0\ninfo: {}\npaths:\n  accounts/{id}:\n    get:\n      responses: {}\n  /a/{id}:\n    get:\n      \
                responses:\n        \"200\":\n          description: ok\n";
    let expected = "api.yaml:4:3: /paths/accounts~1{id}: the path `accounts/{id}` does not start with `/`; did you mean \
                    `/accounts/{id}`?\n\
                    api.yaml:8:5: /paths/~1a~1{id}/get: the path has `{id}`, and no path parameter of that name is declared; \
                    declare it in `parameters` with `in: path`";
    assert_eq!(errors("api.yaml", file), expected);
    let inline = "openapi: 3.1.0\ninfo: {}\npaths:\n  b: {}\n";
    assert!(errors("api.yaml", inline).starts_with("api.yaml:4:3: "), "{}", errors("api.yaml", inline));
    let json = "{\"openapi\": \"3.1.0\", \"info\": {},\n\"paths\": {\n  \"b\":\n    {}}}";
    assert!(errors("api.json", json).starts_with("api.json:3:3: "), "{}", errors("api.json", json));
}

#[test]
fn what_is_no_openapi_file_says_so() {
    for (text, reason) in [
        ("", "the file is empty"),
        ("[]", "this is a list, not an OpenAPI document"),
        ("swagger: '2.0'", "convert it from Swagger 2.0"),
        ("openapi: 4.0.0", "the version `4.0.0` is not read"),
        ("openapi: 3.2.0", "the version `3.2.0` is not read"),
        ("openapi: 3.1.0\n\tpaths: {}", "neither YAML nor JSON"),
        ("openapi: 3.1.0\nopenapi: 3.0.0", "stands twice"),
    ] {
        let error = errors("file", text);
        assert!(error.contains(reason), "{text}: {error}");
        assert!(error.starts_with("file:"), "{error}");
    }
    let none = Contract::from_openapi("none", "openapi: 3.1.0\ninfo: {}\npaths: {}").unwrap();
    assert_eq!(none.notes().len(), 1);
}

#[test]
fn circles_are_told_from_recursion() {
    let with =
        |schemas: &str| format!("openapi: 3.1.0\ninfo: {{}}\npaths: {{}}\ncomponents: {{schemas: {{{schemas}}}}}\n");
    for circle in [
        "A: {$ref: '#/components/schemas/A'}",
        "A: {$ref: '#/components/schemas/B'}, B: {$ref: '#/components/schemas/A'}",
        "A: {not: {anyOf: [{$ref: '#/components/schemas/A'}]}}",
        "A: {dependentSchemas: {x: {$ref: '#/components/schemas/A'}}}",
    ] {
        assert!(errors("circle", &with(circle)).contains("refers back to itself"), "{circle}");
    }
    for fine in [
        "A: {properties: {a: {$ref: '#/components/schemas/A'}}}",
        "A: {items: {anyOf: [{$ref: '#/components/schemas/A'}, {type: 'null'}]}}",
        "A: {allOf: [{$ref: '#/components/schemas/B'}, {$ref: '#/components/schemas/B'}]}, B: {type: string}",
    ] {
        assert!(Contract::from_openapi("fine", &with(fine)).is_ok(), "{fine}");
    }
}

#[test]
fn long_chains_and_many_uses_stay_bounded() {
    let mut chain = String::from("openapi: 3.1.0\ninfo: {}\npaths: {}\ncomponents:\n  schemas:\n");
    for link in 0..5_000 {
        chain += &format!("    S{link}: {{properties: {{next: {{$ref: '#/components/schemas/S{}'}}}}}}\n", link + 1);
    }
    chain += "    S5000: {type: string, x-testudo-data: email}\n";
    assert!(Contract::from_openapi("chain", &chain).is_ok());

    let mut uses = String::from("openapi: 3.1.0\ninfo: {}\npaths:\n");
    for path in 0..3_000 {
        uses += &format!("  /p{path}: {{get: {{responses: {{'200': {{$ref: '#/components/responses/Big'}}}}}}}}\n");
    }
    uses += "components:\n  responses:\n    Big:\n      content:\n";
    for media in 0..300 {
        uses += &format!("        application/x{media}: {{schema: {{type: string}}}}\n");
    }
    assert!(errors("uses", &uses).contains("more than 400000"));
}

#[test]
fn the_deepest_file_fits_a_small_stack() {
    for (open, close) in [("{items: ", "}"), ("{allOf: [", "]}"), ("{properties: {a: ", "}}"), ("[", "]")] {
        for depth in [30, 60, 120, 2_000] {
            let schema = format!("{}{{}}{}", open.repeat(depth), close.repeat(depth));
            let text = format!("openapi: 3.1.0\ninfo: {{}}\npaths: {{}}\ncomponents:\n  schemas:\n    A: {schema}\n");
            let read = move || match Contract::from_openapi("deep", &text) {
                Ok(contract) => serde_json::to_string(&contract).map(|text| text.len()).unwrap_or_default(),
                Err(errors) => errors.to_string().len(),
            };
            let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(read).unwrap();
            assert!(thread.join().unwrap() > 0);
        }
    }
}
