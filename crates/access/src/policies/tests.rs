//! Policies: what loads, what is refused at load, what is decided; and that slices never change an answer.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use testudo_core::{ClientId, Control, Denial, Obligation, PersonId, Verdict};

use super::*;
use crate::principal::PrincipalFacts;

const ROUTES: [(Option<&str>, &str, bool, Option<&str>); 7] = [
    (Some("GET"), "/accounts", false, Some("listAccounts")),
    (Some("GET"), "/accounts/{id}", false, Some("getAccount")),
    (Some("POST"), "/transfers", false, Some("createTransfer")),
    (Some("DELETE"), "/people/{person}/cards/{card}", false, None),
    (Some("GET"), "/rates", true, None),
    (Some("REPORT"), "/odd", false, None),
    (None, "/", false, None),
];

fn load(text: &str, defaults: Defaults) -> Result<Policies, PolicyErrors> {
    let tags = ["money".to_owned()];
    let routes: Vec<RouteSpec<'_>> = ROUTES
        .iter()
        .zip(0u32..)
        .map(|((method, template, public, operation), number)| RouteSpec {
            number,
            method: *method,
            template,
            public: *public,
            operation: *operation,
            tags: if *template == "/transfers" { &tags } else { &[] },
        })
        .collect();
    Policies::load(&[PolicyFile { name: "app.cedar", text }], &routes, defaults)
}

fn principal(number: u8, roles: &[&str], scopes: &[&str]) -> PreparedPrincipal {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let client: ClientId = "wallet".parse().unwrap();
    let (roles, scopes) = (owned(roles), owned(scopes));
    let person = PersonId::from_bytes([number; 16]);
    PreparedPrincipal::person(&PrincipalFacts { person, client: &client, scopes: &scopes, roles: &roles })
}

fn facts(route: u32) -> AccessFacts<'static> {
    AccessFacts {
        route,
        method: ROUTES[route as usize].0.unwrap_or("GET"),
        params: &[],
        acr: 1,
        auth_time: Timestamp::from_seconds(1_000_000),
        risk: 10,
        device_bound: true,
        device_known: true,
        address: "192.0.2.7".parse().unwrap(),
        app: Some("wallet"),
        build: None,
        now: Timestamp::from_seconds(1_000_060),
    }
}

fn verdict(decision: &Decision) -> (Verdict, String) {
    let text = decision.reasons().first().map(|reason| format!("{}: {}", reason.code, reason.text));
    (decision.verdict(), text.unwrap_or_default())
}

fn both(policies: &Policies, principal: &PreparedPrincipal, facts: &AccessFacts<'_>) -> Decision {
    let decision = policies.authorize(principal, facts);
    assert_eq!(decision, policies.authorize_unsliced(principal, facts));
    decision
}

#[test]
fn by_default_tokens_open_every_route_and_strangers_the_public_ones() {
    let policies = load("", Defaults::Keep).unwrap();
    let (ann, stranger) = (principal(1, &[], &[]), PreparedPrincipal::stranger());
    for route in 0..7 {
        assert_eq!(both(&policies, &ann, &facts(route)).verdict(), Verdict::Allow);
        assert!(policies.find(&facts(route)).unwrap().2.direct(&ann).is_some(), "answered without evaluation");
    }
    assert_eq!(both(&policies, &stranger, &facts(4)).verdict(), Verdict::Allow);
    let refused = both(&policies, &stranger, &facts(0));
    assert_eq!(
        verdict(&refused),
        (Verdict::Deny, "policy-denied: no policy permits this to strangers; sign in".into())
    );
    assert_eq!(refused.reasons().first().unwrap().denial, Denial::Unauthenticated);
}

#[test]
fn without_defaults_and_files_nothing_is_permitted() {
    let policies = load("", Defaults::Drop).unwrap();
    assert!(policies.is_empty());
    let refused = both(&policies, &principal(1, &["teller"], &[]), &facts(0));
    assert_eq!(verdict(&refused), (Verdict::Deny, "policy-denied: no policy permits this".into()));
}

#[test]
fn forbids_win_and_say_why() {
    let policies = load(
        "@id(\"no-interns\") @text(\"interns see no accounts\") forbid (principal in Role::\"intern\", action, resource in Path::\"/accounts\");\n\
         @id(\"read-only\") forbid (principal in Role::\"intern\", action in Action::\"read\", resource == Route::\"GET /accounts\");",
        Defaults::Keep,
    )
    .unwrap();
    let intern = principal(1, &["intern"], &[]);
    let text = "policy-denied: policies `no-interns`, `read-only` forbid this: interns see no accounts";
    assert_eq!(verdict(&both(&policies, &intern, &facts(0))), (Verdict::Deny, text.into()));
    let text = "policy-denied: policy `no-interns` forbids this: interns see no accounts";
    assert_eq!(verdict(&both(&policies, &intern, &facts(1))), (Verdict::Deny, text.into()));
    assert_eq!(both(&policies, &intern, &facts(2)).verdict(), Verdict::Allow);
    assert_eq!(both(&policies, &principal(2, &[], &[]), &facts(0)).verdict(), Verdict::Allow);
}

#[test]
fn every_fact_of_the_context_decides() {
    for (condition, change) in [
        ("context.acr < 2", AccessFacts { acr: 2, ..facts(2) }),
        ("context.risk <= 10", AccessFacts { risk: 11, ..facts(2) }),
        ("context.device_bound", AccessFacts { device_bound: false, ..facts(2) }),
        ("context.device_known", AccessFacts { device_known: false, ..facts(2) }),
        (
            "context.network.isInRange(ip(\"192.0.2.0/24\"))",
            AccessFacts { address: "2001:db8::1".parse().unwrap(), ..facts(2) },
        ),
        ("context.network == ip(\"192.0.2.7\")", AccessFacts { address: "192.0.2.8".parse().unwrap(), ..facts(2) }),
        ("context.auth_age <= 60", AccessFacts { auth_time: Timestamp::from_seconds(999_000), ..facts(2) }),
        // 1970-01-12 was a Monday, 13:47 in UTC.
        ("context.hour == 13", AccessFacts { now: Timestamp::from_seconds(1_003_660), ..facts(2) }),
        ("context.weekday == 1", AccessFacts { now: Timestamp::from_seconds(1_086_460), ..facts(2) }),
        ("context has app && context.app == App::\"wallet\"", AccessFacts { app: None, ..facts(2) }),
        ("!(context has build)", AccessFacts { build: Some(BuildId::from_bytes([0; 16])), ..facts(2) }),
        (
            "!(context has build && context.build == \"bld_00000000000000000000000000\")",
            AccessFacts { build: Some(BuildId::from_bytes([0; 16])), ..facts(2) },
        ),
        (
            "!(resource.hasTag(\"x\") && resource.getTag(\"x\") == \"9\")",
            AccessFacts { params: &[("x", "9")], ..facts(2) },
        ),
        ("resource.template == \"/transfers\" && resource.method == \"POST\" && !resource.public", facts(1)),
        ("resource in Tag::\"money\" || action in Action::\"write\"", facts(0)),
        ("resource in Operation::\"createTransfer\"", facts(0)),
        ("principal is Person && principal.client == Client::\"wallet\" && action == Action::\"POST\"", facts(0)),
    ] {
        let text = format!("@id(\"it\") forbid (principal, action, resource) when {{ {condition} }};");
        let policies = load(&text, Defaults::Keep).unwrap();
        let ann = principal(1, &[], &[]);
        assert_eq!(both(&policies, &ann, &facts(2)).verdict(), Verdict::Deny, "{condition}");
        assert_eq!(both(&policies, &ann, &change).verdict(), Verdict::Allow, "{condition}");
    }
}

#[test]
fn scopes_and_ownership() {
    let policies = load(
        "@id(\"scope\") forbid (principal is Person, action, resource == Route::\"POST /transfers\") unless { principal.scopes.contains(\"transfer\") };\n\
         @id(\"own\") forbid (principal is Person, action, resource in Path::\"/people/{person}\") unless { resource.hasTag(\"person\") && resource.getTag(\"person\") == principal.id };",
        Defaults::Keep,
    )
    .unwrap();
    let (with, without) = (principal(1, &[], &["transfer"]), principal(1, &[], &["read"]));
    assert_eq!(both(&policies, &with, &facts(2)).verdict(), Verdict::Allow);
    assert_eq!(both(&policies, &without, &facts(2)).verdict(), Verdict::Deny);
    let own = PersonId::from_bytes([1; 16]).to_string();
    assert_eq!(
        both(&policies, &with, &AccessFacts { params: &[("person", &own)], ..facts(3) }).verdict(),
        Verdict::Allow
    );
    assert_eq!(
        both(&policies, &with, &AccessFacts { params: &[("person", "x")], ..facts(3) }).verdict(),
        Verdict::Deny
    );
    assert_eq!(both(&policies, &with, &facts(3)).verdict(), Verdict::Deny);
}

#[test]
fn step_up_is_a_challenge_unless_another_policy_denies() {
    let policies = load(
        "@id(\"big\") @advice(\"step-up\") forbid (principal, action, resource == Route::\"POST /transfers\") when { context.acr < 2 };\n\
         @id(\"risky\") forbid (principal, action, resource) when { context.risk > 80 };",
        Defaults::Keep,
    )
    .unwrap();
    let ann = principal(1, &[], &[]);
    let challenge = both(&policies, &ann, &facts(2));
    let text = "step-up-required: policy `big` forbids this; show a second factor";
    assert_eq!(verdict(&challenge), (Verdict::Challenge, text.into()));
    assert!(challenge.obligations().contains(&Obligation::StepUp("urn:testudo:acr:2".into())));
    assert!(challenge.evaluated().contains(Control::Authorization));
    assert_eq!(both(&policies, &ann, &AccessFacts { acr: 2, ..facts(2) }).verdict(), Verdict::Allow);
    assert_eq!(both(&policies, &ann, &AccessFacts { risk: 90, ..facts(2) }).verdict(), Verdict::Deny);
}

#[test]
fn what_cannot_be_evaluated_fails_closed() {
    let overflow =
        "@id(\"broken\") forbid (principal, action, resource) when { context.risk * 9223372036854775807 > 1 };";
    let policies = load(overflow, Defaults::Keep).unwrap();
    let decision = both(&policies, &principal(1, &[], &[]), &facts(0));
    assert!(!decision.evaluated().contains(Control::Authorization));
    assert_eq!(decision.faults().len(), 1);
    // A route or method that was not loaded is a bug, not a permission.
    for unknown in [AccessFacts { route: 99, ..facts(0) }, AccessFacts { method: "PUT", ..facts(0) }] {
        let decision = policies.authorize(&principal(1, &[], &[]), &unknown);
        assert!(!decision.evaluated().contains(Control::Authorization));
    }
}

fn refused(text: &str) -> String {
    load(text, Defaults::Keep).unwrap_err().to_string()
}

#[test]
fn mistakes_are_named_with_their_place_and_a_suggestion() {
    for (text, expected) in [
        (
            "permit (principal, action, resource)\nwhen { context.rsk > 3 };",
            "app.cedar:2:8: attribute `rsk` in context not found; did you mean `risk`?",
        ),
        (
            "permit (principal, action == Action::\"GTE\", resource);",
            "app.cedar:1:30: unrecognized action `Action::\"GTE\"`; did you mean `Action::\"GET\"`?",
        ),
        (
            "permit (principal is Persn, action, resource);",
            "app.cedar:1:22: unrecognized entity type `Persn`; did you mean `Person`?",
        ),
        (
            "\npermit (principal, action, resource == Route::\"POST /tranfers\");",
            "app.cedar:2:40: the contract has no route `POST /tranfers`; did you mean `POST /transfers`?",
        ),
        (
            "forbid (principal, action, resource in Path::\"/admin\");",
            "app.cedar:1:40: the contract has no path `/admin`; name a path of the contract",
        ),
        (
            "@advise(\"step-up\") forbid (principal, action, resource);",
            "app.cedar:1:1: `@advise` is not an annotation; use `@id`, `@advice` or `@text`",
        ),
        (
            "@advice(\"wait\") forbid (principal, action, resource);",
            "app.cedar:1:1: `wait` is not an advice; the only advice is `step-up`",
        ),
        (
            "@advice(\"step-up\") permit (principal, action, resource);",
            "app.cedar:1:1: only a `forbid` can advise `step-up`; drop the annotation",
        ),
        (
            "@id(\"a\") forbid (principal, action, resource);\n@id(\"a\") permit (principal, action, resource);",
            "app.cedar:2:1: the id `a` names two policies; rename one of them",
        ),
        (
            "@id(\"a b\") permit (principal, action, resource);",
            "app.cedar:1:1: `a b` can't be the id of a policy; use 1 to 64 letters, digits, `.`, `_` or `-`",
        ),
        (
            "permit (principal == ?principal, action, resource);",
            "app.cedar:1:1: policies with slots such as `?principal` are not read here; write the policy for each of them, or for a role or path",
        ),
        ("permit (principal, action, resource);\npermit (prncipal, action, resource);", "app.cedar:2:9: "),
        ("permit (principal, action, resource) when { \"a\" > 1 };", "app.cedar:1:45: "),
        ("permit (principal, action, resource) when { principal.id like \"x\" || false };", ""),
    ] {
        if expected.is_empty() {
            assert!(!refused(text).is_empty());
        } else {
            let errors = refused(text);
            assert!(errors.lines().any(|line| line.starts_with(expected)), "{errors}\nexpected {expected}");
        }
    }
}

#[test]
fn head_is_asked_as_get() {
    let policies =
        load("@id(\"it\") forbid (principal, action == Action::\"GET\", resource);", Defaults::Keep).unwrap();
    for route in [1, 6] {
        let facts = AccessFacts { method: "HEAD", ..facts(route) };
        assert_eq!(both(&policies, &principal(1, &[], &[]), &facts).verdict(), Verdict::Deny);
    }
}

#[test]
fn a_service_has_a_form_of_its_own() {
    let job = PreparedPrincipal::service(&"job".parse().unwrap(), &["read".into()]);
    let open = load("forbid (principal is Person, action, resource);", Defaults::Keep).unwrap();
    assert_eq!(both(&open, &job, &facts(1)).verdict(), Verdict::Allow);
    let shut = load(
        "forbid (principal is Service, action, resource) unless { principal.scopes.contains(\"write\") };",
        Defaults::Keep,
    );
    assert_eq!(both(&shut.unwrap(), &job, &facts(1)).verdict(), Verdict::Deny);
}

#[test]
fn policies_without_ids_are_named_by_file_and_order() {
    let policies = load("forbid (principal, action, resource) when { context.risk > 5 };", Defaults::Keep).unwrap();
    assert_eq!(
        policies.ids().collect::<Vec<_>>(),
        ["app.cedar#1", "default-people", "default-services", "default-public"]
    );
    assert_eq!(policies.len(), 4);
}

#[test]
fn the_examples_of_the_document_load_and_hold() {
    let document = include_str!("../../../../docs/reference/policies.md");
    let mut blocks = document.split("```cedar").skip(1).map(|rest| rest.split("```").next().unwrap());
    let words =
        |text: &str| text.lines().filter(|line| !line.starts_with("//")).collect::<String>().replace([' ', '\n'], "");
    assert_eq!(words(blocks.next().unwrap()), words(include_str!("../default.cedar")));
    let examples = blocks
        .next()
        .unwrap()
        .replace("/people/{person}", "/people/{person}/cards/{card}")
        .replace("/export", "/people");
    let policies = load(&examples, Defaults::Keep).unwrap();
    assert_eq!(policies.len(), 7);
    let (ann, intern) = (principal(1, &[], &[]), principal(2, &["intern"], &[]));
    assert_eq!(both(&policies, &ann, &facts(2)).verdict(), Verdict::Challenge);
    assert_eq!(both(&policies, &intern, &facts(2)).verdict(), Verdict::Deny);
    assert_eq!(both(&policies, &intern, &facts(0)).verdict(), Verdict::Allow);
    let table =
        include_str!("../admin/snapshots/testudo_access__admin__tests__the_table_of_roles_and_permissions.snap");
    for row in table.lines().skip_while(|line| !line.starts_with("people.read")) {
        let mut cells = row.split_whitespace();
        let name = cells.next().unwrap();
        let marks: Vec<&str> = cells.map(|mark| if mark == "-" { "" } else { mark }).collect();
        let line = document.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).unwrap();
        assert_eq!(line.split('|').skip(2).take(5).map(str::trim).collect::<Vec<_>>(), marks, "{name}");
    }
}

fn scope_and_condition() -> impl Strategy<Value = String> {
    let effect = prop_oneof![3 => Just("permit"), 1 => Just("forbid"), 1 => Just("@advice(\"step-up\") forbid")];
    let principal = select(vec![
        "principal",
        "principal is Person",
        "principal is Stranger",
        "principal in Role::\"teller\"",
        "principal is Person in Role::\"auditor\"",
        "principal == Person::\"per_01040g2081040g2081040g2081\"",
    ]);
    let action = select(vec![
        "action",
        "action == Action::\"GET\"",
        "action in Action::\"write\"",
        "action in [Action::\"read\", Action::\"DELETE\"]",
        "action in [Action::\"POST\", Action::\"OTHER\"]",
    ]);
    let resource = select(vec![
        "resource",
        "resource is Route",
        "resource == Route::\"POST /transfers\"",
        "resource in Path::\"/accounts\"",
        "resource is Route in Path::\"/people/{person}\"",
        "resource in Tag::\"money\"",
        "resource in Operation::\"getAccount\"",
        "resource in Access::\"public\"",
        "resource == Route::\"REPORT /odd\"",
    ]);
    let condition = select(vec![
        "",
        "",
        "when { context.acr >= 2 }",
        "when { context.risk < 50 } unless { context.device_bound }",
        "when { context has app && context.app == App::\"wallet\" }",
        "when { resource.hasTag(\"person\") && resource.getTag(\"person\") == \"x\" }",
        "when { resource.public || action in Action::\"read\" }",
        "when { principal is Person && principal.scopes.contains(\"transfer\") }",
        "when { context.risk * 9223372036854775807 > 1 }",
        "when { context.network.isLoopback() }",
        "unless { resource.template == \"/transfers\" }",
        "when { context.auth_age < 300 }",
        "unless { 3600 <= context.auth_age || context.auth_age == 900 }",
        "when { context.auth_age > context.risk || context.weekday == 2 }",
        "when { if context.device_bound then principal in Role::\"teller\" else context.hour < 12 }",
    ]);
    (effect, principal, action, resource, condition).prop_map(|(effect, principal, action, resource, condition)| {
        format!("{effect} ({principal}, {action}, {resource}) {condition};\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// For random policies and requests, the slice gives the very decision that all policies give.
    #[test]
    fn slices_never_change_an_answer(
        lines in vec(scope_and_condition(), 0..12),
        keep in any::<bool>(),
        first in 0u8..5,
        roles in subsequence(vec!["teller", "auditor"], 0..=2),
        scopes in subsequence(vec!["transfer"], 0..=1),
        asked in vec(
            (
                0u32..7, 0u8..3, select(vec![0u8, 49, 50, 100]), any::<bool>(), any::<bool>(), any::<bool>(),
                0i64..172_800, select(vec![0i64, 60, 299, 300, 900, 901, 3599, 3600, 9999]), select(METHODS.to_vec()),
            ),
            1..80,
        ),
    ) {
        // Cedar refuses conditions that can't hold for any principal or route; such sets are not loaded.
        let Ok(policies) = load(&lines.concat(), if keep { Defaults::Keep } else { Defaults::Drop }) else {
            return Ok(());
        };
        // Few principals ask all questions, so that earlier answers serve later questions and others who ask them.
        let principals = [
            PreparedPrincipal::stranger(),
            PreparedPrincipal::service(&"job".parse().unwrap(), &[]),
            principal(2, &roles, &scopes),
            principal(3, &roles, &[]),
            principal(4, &[], &scopes),
        ];
        for (who, (route, acr, risk, bound, named, local, second, age, any_method)) in asked.into_iter().enumerate() {
            let principal = &principals[(who + usize::from(first)) % principals.len()];
            let facts = AccessFacts {
                acr,
                risk,
                device_bound: bound,
                method: ROUTES[route as usize].0.unwrap_or(any_method),
                app: named.then_some("wallet"),
                params: if named { &[("person", "x"), ("card", "y")] } else { &[] },
                address: if local { "127.0.0.1" } else { "192.0.2.1" }.parse().unwrap(),
                now: Timestamp::from_seconds(1_000_000 + second),
                auth_time: Timestamp::from_seconds(1_000_000 + second - age),
                ..facts(route)
            };
            prop_assert_eq!(policies.sliced(principal, &facts), policies.unsliced(principal, &facts));
            prop_assert_eq!(policies.authorize(principal, &facts), policies.authorize_unsliced(principal, &facts));
            prop_assert!(policies.sliced(principal, &facts).is_some());
        }
    }
}

#[test]
fn random_policies_do_load() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let one = scope_and_condition();
    let loaded =
        (0..300).filter(|_| load(&one.new_tree(&mut runner).unwrap().current(), Defaults::Keep).is_ok()).count();
    assert!(loaded > 200, "{loaded} of 300");
}
