//! SARIF as GitHub takes it. Against the official schema where `TESTUDO_SARIF_SCHEMA` names its file
//! (`sarif-2.1/schema/sarif-schema-2.1.0.json` of oasis-tcs/sarif-spec).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod report_support;

use report_support::{HOSTILE, code, finding, hostile, incomplete, judged, scan};
use serde_json::Value;
use testudo_core::Severity;
use testudo_scan::report::exit::FailOn;
use testudo_scan::report::sarif::{Options, write};
use testudo_scan::report::{Evidence, Finding, Report};

fn parsed(report: &Report, options: &Options) -> Value {
    serde_json::from_str(&write(report, options)).unwrap()
}

fn run(report: &Report) -> Value {
    parsed(report, &Options::default())["runs"][0].clone()
}

#[test]
fn the_official_schema_accepts_it() {
    let Some(path) = std::env::var_os("TESTUDO_SARIF_SCHEMA") else {
        eprintln!("SKIPPED: TESTUDO_SARIF_SCHEMA does not name the official schema of SARIF 2.1.0");
        return;
    };
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let mut reports = vec![judged(), incomplete(), Report::new(scan()).unwrap()];
    reports.extend(HOSTILE.iter().map(|text| hostile(text)));
    for report in reports {
        let log = parsed(&report, &Options::default());
        let errors: Vec<String> =
            validator.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

#[test]
fn rules_have_what_github_shows() {
    let run = run(&judged());
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in rules {
        let score: f64 = rule["properties"]["security-severity"].as_str().unwrap().parse().unwrap();
        assert!((0.0..=10.0).contains(&score));
        assert!(rule["helpUri"].as_str().unwrap().starts_with("https://"));
        assert!(rule["help"]["markdown"].as_str().unwrap().contains("## How to fix it"));
        assert!(rule["name"].as_str().unwrap().chars().count() <= 255);
        let tags: Vec<&str> = rule["properties"]["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(tags.contains(&"security") && tags.len() <= 10, "{tags:?}");
        assert!(tags.iter().any(|tag| tag.starts_with("external/cwe/cwe-")), "{tags:?}");
    }
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
}

#[test]
fn relationships_point_at_taxa() {
    let run = run(&judged());
    let taxonomies = run["taxonomies"].as_array().unwrap();
    let mut seen = 0;
    for rule in run["tool"]["driver"]["rules"].as_array().unwrap() {
        for relationship in rule["relationships"].as_array().unwrap() {
            let target = &relationship["target"];
            let index = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
            let taxonomy = &taxonomies[index(&target["toolComponent"]["index"])];
            assert_eq!(taxonomy["name"], target["toolComponent"]["name"]);
            assert_eq!(taxonomy["taxa"][index(&target["index"])]["id"], target["id"]);
            seen += 1;
        }
    }
    assert!(seen > 20);
}

#[test]
fn results_are_told_apart_and_their_places_are_relative() {
    let mut reports = vec![judged()];
    reports.extend(HOSTILE.iter().map(|text| hostile(text)));
    for report in reports {
        let run = run(&report);
        let results = run["results"].as_array().unwrap();
        let prints: std::collections::BTreeSet<&str> = results
            .iter()
            .map(|result| result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap())
            .collect();
        assert_eq!(prints.len(), results.len());
        for result in results {
            let physical = &result["locations"][0]["physicalLocation"];
            let uri = physical["artifactLocation"]["uri"].as_str().unwrap();
            assert!(!uri.is_empty() && !uri.starts_with('/') && !uri.contains(':') && !uri.contains(' '), "{uri}");
            assert!(
                uri.bytes().all(|byte| byte.is_ascii_graphic()) && !uri.split('/').any(|part| part == ".."),
                "{uri}"
            );
            assert!(physical["region"]["startLine"].as_u64().unwrap() >= 1);
            assert!(result["message"]["text"].as_str().unwrap().encode_utf16().count() <= 1_024);
        }
    }
}

#[test]
fn a_source_root_leads_to_the_line() {
    let options = Options { source_root: Some("app/src/main/java/".into()), ..Options::default() };
    let log = parsed(&judged(), &options);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let vault = results.iter().find(|result| result["codeFlows"].is_array()).unwrap();
    let physical = &vault["locations"][0]["physicalLocation"];
    assert_eq!(physical["artifactLocation"]["uri"], "app/src/main/java/org/example/wallet/Vault.kt");
    assert_eq!(physical["region"]["startLine"], 31);
    let flow = vault["codeFlows"][0]["threadFlows"][0]["locations"].as_array().unwrap();
    assert_eq!(flow.len(), 2);
    let manifest = results.iter().find(|result| result["ruleId"] == "storage-backup").unwrap();
    assert_eq!(manifest["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "AndroidManifest.xml");
}

#[test]
fn suppressions_are_on_all_results_or_none() {
    let with = run(&judged());
    let results = with["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["suppressions"].is_array()));
    let suppressed: Vec<_> =
        results.iter().filter(|result| !result["suppressions"].as_array().unwrap().is_empty()).collect();
    assert_eq!(suppressed.len(), 1);
    let text = suppressed[0]["suppressions"][0]["justification"].as_str().unwrap();
    assert!(text.contains("signature itself") && text.contains("2027-03-31"), "{text}");
    let without = run(&Report::new(scan()).unwrap());
    assert!(without["results"].as_array().unwrap().iter().all(|result| result.get("suppressions").is_none()));
}

#[test]
fn an_incomplete_analysis_is_no_success() {
    let log = parsed(&incomplete(), &Options { fail_on: FailOn(Some(Severity::High)), ..Options::default() });
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["exitCode"], 3);
    let told = invocation["toolExecutionNotifications"].as_array().unwrap();
    let gap = told.iter().find(|told| told["descriptor"]["id"] == "coverage-gap").unwrap();
    assert_eq!(gap["level"], "error");
    assert!(gap["message"]["text"].as_str().unwrap().contains("classes3.dex"));
}

#[test]
fn what_is_over_the_limit_is_left_out_aloud() {
    let mut scan = scan();
    scan.findings = (0..60)
        .map(|number| Finding {
            evidence: Some(Evidence::new(&format!("call {number}"))),
            ..finding("crypto-ecb-mode", code("La;", "b()V", "", 0))
        })
        .collect();
    scan.findings.push(finding("network-trust-all", code("Lz;", "z()V", "", 0)));
    let report = Report::new(scan).unwrap();
    let log = parsed(&report, &Options { results: 50, ..Options::default() });
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 50);
    assert_eq!(results[0]["ruleId"], "network-trust-all", "the worst is kept");
    let told = log["runs"][0]["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    assert!(told.iter().any(|told| told["message"]["text"].as_str().unwrap().starts_with("11 results")), "{told:?}");
}
