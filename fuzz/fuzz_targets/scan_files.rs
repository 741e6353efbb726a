//! The files that `testudo scan` reads beside packages: rules, suppressions, baselines, stored reports. What reads is
//! written in every format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use testudo_scan::report::{html, json, junit, lines, sarif, terminal};
use testudo_scan::rule::RulePack;
use testudo_scan::suppress::{Baseline, Suppressions};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let rules = RulePack::read([("rules.toml", text)]).unwrap_or_default();
    let _ = rules.hash();
    let _ = Suppressions::read("scan.toml", text, &rules);
    if let Ok(baseline) = Baseline::from_json(text) {
        assert_eq!(Baseline::from_json(&baseline.to_json()).ok(), Some(baseline));
    }
    let Ok(report) = json::read(text) else { return };
    assert_eq!(json::read(&json::write(&report)).ok().as_ref(), Some(&report));
    let options = terminal::Options { detail: terminal::Detail::Full, ..terminal::Options::default() };
    let written = terminal::write(&report, &options);
    assert!(!written.chars().any(|character| character.is_control() && character != '\n'));
    let page = html::write(&report, &html::Options { fail_on: options.fail_on });
    assert!(!page.contains("<script"));
    let _ = (sarif::write(&report, &sarif::Options::default()), junit::write(&report), lines::write(&report));
});
