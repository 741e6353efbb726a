//! Baselines, suppressions, comparisons.

use serde_json::Value;

use super::{apps, expect, folder};

#[test]
fn a_baseline_forgives_what_was_there() {
    let folder = folder();
    let here = folder.path();
    expect(here, &["weak.apk", "--write-baseline", "known.json"], 0);
    let told = expect(here, &["weak.apk", "--baseline", "known.json"], 0);
    assert!(told.contains("known to the baseline"), "{told}");
    // What is new counts.
    let mut more = apps::weak();
    let key = ["gh", "p_", "Zq3kP9x7RtLw2Zc5Nf8Jd1Hg6Vm4Ty2gSJvL"].concat();
    more.files = vec![(
        "assets/config.js".to_owned(),
        format!("const secret = 1;\npassword = \"Tr0ub4dor&3x\"; // {key}\n").into_bytes(),
    )];
    more.files.push(("assets/id.pem".to_owned(), pem().into_bytes()));
    std::fs::write(here.join("more.apk"), more.signed(&apps::signer())).unwrap();
    expect(here, &["more.apk", "--baseline", "known.json"], 1);
    std::fs::write(here.join("odd.json"), "{}").unwrap();
    expect(here, &["weak.apk", "--baseline", "odd.json"], 2);
}

/// A private key of P-256 that was made for this test and opens nothing.
fn pem() -> String {
    let der = [
        0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20, 0x5a, 0x17, 0xc3, 0x9e, 0x42, 0x8b, 0xf0, 0x6d, 0x31, 0xa4, 0x7e,
        0x05, 0xd8, 0xbc, 0x93, 0x2f, 0x61, 0xe7, 0x4a, 0x18, 0xcd, 0x50, 0xf9, 0x86, 0x3b, 0x12, 0xae, 0x77, 0xd4,
        0x0c, 0x95, 0x6f, 0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
    ];
    let body = data_encoding::BASE64.encode(&der);
    format!("-----BEGIN EC {key} KEY-----\n{body}\n-----END EC {key} KEY-----\n", key = "PRIVATE")
}

#[test]
fn a_suppression_covers_its_place_until_its_day() {
    let folder = folder();
    let here = folder.path();
    let suppression = |until: &str| {
        format!(
            "[[suppress]]\nrule = \"secret-payment-credential\"\nplace = \"string/billing_token\"\n\
             reason = \"the key is of a test account\"\nexpires = {until}\n"
        )
    };
    std::fs::write(here.join("testudo-scan.toml"), suppression("2099-01-01")).unwrap();
    let report: Value = serde_json::from_str(&expect(here, &["weak.apk", "--format", "json"], 1)).unwrap();
    let of_rule = |report: &Value| {
        let findings = report["findings"].as_array().unwrap();
        findings.iter().find(|one| one["rule"] == "secret-payment-credential").unwrap()["status"]["is"].clone()
    };
    assert_eq!(of_rule(&report), "suppressed");
    std::fs::write(here.join("old.toml"), suppression("2020-01-01")).unwrap();
    let arguments = ["weak.apk", "--format", "json", "--suppressions", "old.toml"];
    let report: Value = serde_json::from_str(&expect(here, &arguments, 1)).unwrap();
    assert_eq!(of_rule(&report), "open");
    assert!(report["notes"].to_string().contains("expired"), "{}", report["notes"]);
    std::fs::write(here.join("odd.toml"), suppression("2099-01-01").replace("secret-payment", "secret-paymnet"))
        .unwrap();
    let output = super::scan(here, &["weak.apk", "--suppressions", "odd.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean"));
}

#[test]
fn a_comparison_tells_what_is_new_and_what_is_gone() {
    let folder = folder();
    let here = folder.path();
    let told = expect(here, &["diff", "weak.apk", "clean.apk"], 0);
    assert!(told.contains("Fixed"), "{told}");
    let told = expect(here, &["diff", "clean.apk", "weak.apk"], 1);
    assert!(told.contains("New"), "{told}");
    expect(here, &["weak.apk", "--report", "weak.json"], 1);
    let told = expect(here, &["diff", "weak.json", "weak.apk", "--format", "json"], 0);
    let compared: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(compared["added"].as_array().map(Vec::len), Some(0), "{compared}");
}
