//! The budget: what is made to be slow is stopped soon after it has used it up, and nothing else comes near it. Work is
//! counted in steps, so that the answer is the same on every machine; `examples/worst.rs` says how long they take.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test code"
)]

mod support;

use std::sync::Arc;

use support::cases::harmless;
use support::drive;
use support::front::{Request, bytes};
use support::heavy::{LIMIT, bodies, run};
use support::rules::{BASE, SUITE, corpus, crs, program, waf};
use support::suite::files;
use testudo_waf::{Options, Waf};

/// Blocking at each paranoia level, or nothing without the rule set.
fn levels() -> Option<Vec<Arc<Waf>>> {
    let crs = crs()?;
    let at = |level: u8| {
        let settings =
            format!("{LIMIT}\nSecAction \"id:900000,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level={level}\"");
        waf(program(&crs, BASE, &settings), Options::default())
    };
    Some(vec![at(1), at(4)])
}

#[test]
fn slow_requests_are_stopped_in_time() {
    let Some(levels) = levels() else { return };
    let budget = Options::default().budget;
    for waf in levels {
        let mut stopped = Vec::new();
        for (name, content_type, body) in bodies() {
            let (work, over) = run(&waf, content_type, &body);
            assert!(work < budget + budget / 8, "{name} goes on for {work} steps");
            assert_eq!(over, work > budget, "{name}: {work} steps");
            stopped.extend(over.then_some(name));
        }
        eprintln!("over the budget: {stopped:?}");
    }
}

#[test]
fn nothing_else_comes_near_it() {
    let (Some(levels), Some(benign), Some(suite)) = (levels(), corpus("benign"), corpus("crs")) else { return };
    let mut requests = harmless(&benign);
    for (_, file) in files(&suite.join("tests/regression/tests")) {
        let stages = file.tests.iter().flat_map(|test| &test.stages);
        requests.extend(stages.map(|stage| (file.rule_id.to_string(), Request::parse(&bytes(&stage.input)))));
    }
    let detection = waf(program(&crs().unwrap(), BASE, SUITE), Options::default());
    for waf in levels.into_iter().chain([detection]) {
        let most = requests.iter().map(|(name, request)| (drive::run(&waf, request).work, name)).max().unwrap();
        eprintln!("at most {} steps, in {}", most.0, most.1);
        assert!(most.0 < Options::default().budget / 2);
    }
}
