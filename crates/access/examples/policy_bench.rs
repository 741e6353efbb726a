//! Prints microseconds for each decision with 100 policies, sliced and whole:
//! `cargo run --release -p testudo-access --example policy_bench`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::format_push_string
)]

use std::hint::black_box;
use std::time::Instant;

use testudo_access::{AccessFacts, Defaults, Policies, PolicyFile, PreparedPrincipal, PrincipalFacts, RouteSpec};
use testudo_core::{PersonId, Timestamp};

fn measure(name: &str, rounds: u32, mut decide: impl FnMut()) {
    let mut times: Vec<f64> = (0..7)
        .map(|_| {
            let start = Instant::now();
            (0..rounds).for_each(|_| decide());
            start.elapsed().as_nanos() as f64 / f64::from(rounds) / 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name:52} {:8.2} us at best, {:8.2} us median (7 x {rounds})", times[0], times[3]);
}

fn main() {
    let templates: Vec<String> = (0..49).map(|number| format!("/area{number}/things/{{id}}")).collect();
    let mut text = String::new();
    for template in &templates {
        text += &format!(
            "permit (principal in Role::\"teller\", action, resource in Path::\"{template}\") when {{ context.risk < 80 }};\n"
        );
        text += &format!(
            "@advice(\"step-up\") forbid (principal, action in Action::\"write\", resource in Path::\"{template}\") when {{ context.acr < 2 }};\n"
        );
    }
    let routes: Vec<RouteSpec<'_>> = templates
        .iter()
        .flat_map(|template| ["GET", "POST"].map(|method| (template, method)))
        .zip(0u32..)
        .map(|((template, method), number)| RouteSpec {
            number,
            method: Some(method),
            template,
            public: false,
            operation: None,
            tags: &[],
        })
        .collect();
    let load =
        |text: &str| Policies::load(&[PolicyFile { name: "bench.cedar", text }], &routes, Defaults::Keep).unwrap();
    let start = Instant::now();
    let policies = load(&text);
    println!("{} policies, {} routes, loaded in {} ms", policies.len(), routes.len(), start.elapsed().as_millis());
    let client = "wallet".parse().unwrap();
    let (roles, scopes) = (vec!["teller".to_owned()], vec!["openid".to_owned(), "transfer".to_owned()]);
    let facts =
        PrincipalFacts { person: PersonId::from_bytes([1; 16]), client: &client, scopes: &scopes, roles: &roles };
    let principal = PreparedPrincipal::person(&facts);
    let request = AccessFacts {
        route: 41,
        method: "POST",
        params: &[("id", "17")],
        acr: 2,
        auth_time: Timestamp::from_seconds(1),
        risk: 5,
        device_bound: true,
        device_known: true,
        address: "192.0.2.1".parse().unwrap(),
        app: None,
        build: None,
        now: Timestamp::from_seconds(100),
    };
    assert!(!policies.authorize(&principal, &request).is_denied());
    measure("prepare a principal (once per token)", 5_000, || {
        black_box(PreparedPrincipal::person(&facts));
    });
    measure("sliced: two policies with conditions", 20_000, || {
        drop(black_box(policies.authorize(&principal, &request)));
    });
    measure("whole: 100 policies", 1_000, || drop(black_box(policies.authorize_unsliced(&principal, &request))));
    let plain = load("");
    measure("sliced: only the default, nothing to evaluate", 200_000, || {
        drop(black_box(plain.authorize(&principal, &request)));
    });
}
