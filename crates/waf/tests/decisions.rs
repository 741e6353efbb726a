//! Decisions at paranoia level 1, blocking: attacks are stopped, and harmless requests pass.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code"
)]

mod support;

use support::cases::{attacks, harmless};
use support::drive::run;
use support::rules::{ALLOWED, BASE, corpus, crs, program, waf};
use testudo_waf::Options;

#[test]
fn attacks_are_stopped() {
    let (Some(crs), Some(suite)) = (crs(), corpus("crs")) else { return };
    let program = program(&crs, BASE, "");
    let attacks = attacks(&program, &suite);
    let waf = waf(program, Options::default());
    let (mut blocked, mut refused, mut passed) = (0, 0, Vec::new());
    for (name, request) in &attacks {
        if run(&waf, request).intervention.is_some() {
            blocked += 1;
        } else if request.is_refused() {
            refused += 1;
        } else {
            passed.push(name.as_str());
        }
    }
    eprintln!("{blocked} blocked and {refused} refused of {}; passed: {}", attacks.len(), passed.join(" "));
    // What passes are single warnings of protocol rules, whose score is below the threshold.
    assert_eq!((blocked, refused, passed.len()), (2244, 0, 40));
    assert!(passed.iter().all(|name| name.starts_with("920")), "no attack passes");
}

/// The requests that are blocked, with the rules that scored.
fn blocked(settings: &str) -> Option<Vec<String>> {
    let (crs, folder) = (crs()?, corpus("benign")?);
    let waf = waf(program(&crs, BASE, settings), Options::default());
    let mut found = Vec::new();
    for (name, request) in harmless(&folder) {
        let outcome = run(&waf, &request);
        if outcome.intervention.is_some() {
            let ids: Vec<String> =
                outcome.ids.iter().filter(|id| **id < 949_000 && **id != 0).map(u64::to_string).collect();
            found.push(format!("{name} ({})", ids.join(" ")));
        }
    }
    Some(found)
}

#[test]
fn harmless_requests_pass() {
    let (Some(plain), Some(allowed)) = (blocked(""), blocked(ALLOWED)) else { return };
    eprintln!("{} of 300 blocked by default: {}", plain.len(), plain.join(", "));
    eprintln!("{} of 300 blocked with methods and types allowed: {}", allowed.len(), allowed.join(", "));
    assert_eq!((plain.len(), allowed.len()), (82, 46));
}
