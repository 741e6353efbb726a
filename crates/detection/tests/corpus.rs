//! The rules of `SigmaHQ` load, and its recorded events fire the rules that they were recorded for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use testudo_detection::{Detector, Options, Rules};

fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let root = std::env::var_os("TESTUDO_CORPORA").map_or(here, PathBuf::from).join("sigma");
    if root.is_dir() {
        return Some(root);
    }
    assert!(std::env::var_os("TESTUDO_REQUIRE_CORPORA").is_none(), "no corpus at {}", root.display());
    // Past what the test harness captures.
    let _ = std::io::Write::write_fmt(
        &mut std::io::stderr(),
        format_args!("SKIPPED: no corpus at {}; set TESTUDO_CORPORA\n", root.display()),
    );
    None
}

fn files(root: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|known| known == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Loads a folder; what fails is listed.
fn load(rules: &mut Rules, folder: &Path) -> (usize, Vec<String>) {
    let mut loaded = 0;
    let mut failed = Vec::new();
    for path in files(folder, "yml") {
        match rules.add(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap()) {
            Ok(_) => loaded += 1,
            Err(errors) => failed.push(errors.to_string()),
        }
    }
    (loaded, failed)
}

#[test]
fn every_rule_of_the_corpus_loads() {
    let Some(root) = corpus() else { return };
    let mut counts = BTreeMap::new();
    let mut rules = Rules::new();
    let mut all_failed = Vec::new();
    for folder in ["rules/web", "rules/identity", "rules/application", "rules/windows", "rules/network"] {
        let (loaded, failed) = load(&mut rules, &root.join(folder));
        counts.insert(folder, loaded);
        all_failed.extend(failed);
    }
    for folder in ["rules-emerging-threats", "rules-threat-hunting"] {
        let (loaded, failed) = load(&mut rules, &root.join(folder));
        counts.insert(folder, loaded);
        all_failed.extend(failed);
    }
    eprintln!("loaded {counts:?}, failed {}", all_failed.len());
    assert!(all_failed.is_empty(), "{}", all_failed.join("\n"));
    assert_eq!(counts["rules/web"] + counts["rules/identity"] + counts["rules/application"], 168);
    assert_eq!(counts.values().sum::<usize>(), 371);
    let detector = rules.compile(Options::default()).unwrap_or_else(|errors| panic!("{errors}"));
    let shape = detector.shape();
    eprintln!("{shape:?}");
    assert_eq!(shape.detections, 371);
    assert!(shape.unguarded * 100 <= shape.detections, "{} rules have no witness", shape.unguarded);
}

fn all(root: &Path) -> Detector {
    let mut rules = Rules::new();
    for folder in ["rules", "rules-emerging-threats", "rules-threat-hunting"] {
        load(&mut rules, &root.join(folder));
    }
    rules.compile(Options::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn recorded_events_fire_their_rules() {
    let Some(root) = corpus() else { return };
    let mut detector = all(&root);
    let (mut tested, mut events, mut missed, mut not_json) = (0, 0, Vec::new(), Vec::new());
    for info in files(&root.join("regression_data"), "yml") {
        let text = std::fs::read_to_string(&info).unwrap();
        let id = text.lines().find_map(|line| line.trim().strip_prefix("- id: ")).unwrap().to_owned();
        let recorded = files(info.parent().unwrap(), "json");
        if recorded.is_empty() {
            not_json.push(id);
            continue;
        }
        let mut fired = false;
        for path in recorded {
            let text = std::fs::read_to_string(path).unwrap();
            for event in serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>() {
                events += 1;
                let event = event.unwrap().to_string();
                fired |= detector.matches_json(&event).unwrap().any(|rule| rule.id == id);
            }
        }
        tested += 1;
        if !fired {
            missed.push(id);
        }
    }
    eprintln!("{tested} rules tested with {events} events; not JSON: {not_json:?}; missed: {missed:?}");
    assert_eq!((tested, events), (202, 238));
    assert_eq!(not_json.len(), 1);
    assert!(missed.is_empty(), "{missed:?}");
}

/// What the specification shows as samples.
#[test]
fn samples_of_the_specification_are_read() {
    let Some(root) = corpus() else { return };
    let mut loaded = 0;
    for path in files(&root.join("specification/tests/schema"), "yml") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut rules = Rules::new();
        let result = rules.add(&name, &std::fs::read_to_string(&path).unwrap());
        match name.as_str() {
            // Not evaluated yet, and said so.
            "value_sum.yml" | "value_avg.yml" | "value_percentile.yml" => {
                assert!(result.unwrap_err().to_string().contains("not evaluated yet"), "{name}");
            }
            _ => {
                result.unwrap_or_else(|errors| panic!("{errors}"));
                loaded += 1;
            }
        }
    }
    assert_eq!(loaded, 9);
}

/// The rules for web servers look at requests through our gateway.
#[test]
fn web_rules_fit_requests_of_our_own() {
    let Some(root) = corpus() else { return };
    let mut detector = all(&root);
    let mut found = |path: &str, agent: &str| -> Vec<String> {
        let at = testudo_core::Timestamp::from_seconds(1_772_407_800);
        let mut record = testudo_detection::Record::new(testudo_core::EventKind::RequestDecided, at);
        record.http = Some(testudo_core::HttpFacts {
            method: "GET".into(),
            status: 200,
            path: Some(path.into()),
            user_agent: Some(agent.into()),
            ..testudo_core::HttpFacts::default()
        });
        detector.matches(&record.view()).map(|rule| rule.title.clone()).collect()
    };
    let agent = "Wallet/4.2.1 (iPhone15,3; iOS 19.1)";
    assert_eq!(found("/v1/accounts/7?limit=50&after=2026-03-01", agent), Vec::<String>::new());
    let injected = found("/v1/accounts?id=1' union select null,version()--", agent);
    assert!(injected.iter().any(|title| title.contains("SQL Injection")), "{injected:?}");
    let traversed = found("/v1/files?name=../../../../../etc/passwd", agent);
    assert!(traversed.iter().any(|title| title.contains("Path Traversal")), "{traversed:?}");
    let scanned =
        found("/v1/accounts/7", "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)");
    assert!(!scanned.is_empty(), "{scanned:?}");
}
