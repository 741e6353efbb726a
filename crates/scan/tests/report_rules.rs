//! Files of rules: what is refused, with place and remedy; what the pack says of itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod report_support;

use proptest::prelude::*;
use report_support::{RULES, pack};
use testudo_core::Severity;
use testudo_scan::rule::{Group, RulePack};

const RULE: &str = r#"# A rule that is right.
[[rule]]
id = "crypto-ecb-mode"
title = "Data is encrypted in ECB mode"
cwe = "CWE-327"
masvs = ["MASVS-CRYPTO-1"]
maswe = ["MASWE-0020"]
mastg = ["MASTG-TEST-0232"]
cvss = "CVSS:4.0/AV:L/AC:L/AT:N/PR:N/UI:N/VC:H/VI:L/VA:N/SC:N/SI:N/SA:N"
what = "`Cipher.getInstance` is asked for `AES`."
why = "Patterns show."
fix.text = "Use AES-GCM."
references = ["https://developer.android.com/privacy-and-security/cryptography"]
"#;

fn refusal(from: &str, to: &str) -> String {
    assert_eq!(RULE.matches(from).count(), 1, "{from}");
    RulePack::read([("crypto.toml", RULE.replace(from, to).as_str())]).unwrap_err().to_string()
}

#[test]
fn wrong_rules_are_refused_with_place_and_remedy() {
    RulePack::read([("crypto.toml", RULE)]).unwrap();
    let changes = [
        ("id = \"crypto-ecb-mode\"", "id = \"Crypto_ECB\""),
        ("CWE-327", "CWE 327"),
        ("MASVS-CRYPTO-1", "MASVS-CRYPTO-3"),
        ("MASWE-0020", "MASWE-20"),
        ("MASTG-TEST-0232", "MASTG-0232"),
        ("CVSS:4.0/", "CVSS:3.0/"),
        ("/AT:N", ""),
        ("/PR:N", "/PR:X"),
        ("title =", "titel ="),
        ("why = \"Patterns show.\"\n", ""),
        ("ECB mode\"", "ECB mode.\""),
        ("asked for `AES`.", "asked for `AES."),
        ("[\"MASWE-0020\"]", "[]"),
        ("https://", "http://"),
        ("[\"MASVS-CRYPTO-1\"]", "[\"MASVS-CRYPTO-1\", \"MASVS-CRYPTO-1\"]"),
        ("[[rule]]\n", "[[rule]]\npolicy = \"Google Play\"\n"),
        ("[[rule]]\n", "[[rule]]\ncompliance = [\"GDPR art. 32\"]\n"),
        (
            "fix.text = \"Use AES-GCM.\"",
            "fix = { text = \"Use GCM.\", example = { language = \"Kotlin!\", code = \"x\" } }",
        ),
        ("[[rule]]", "[[rule]"),
        ("\"Patterns show.\"", "\"  \""),
    ];
    let told: Vec<String> = changes.iter().map(|(from, to)| refusal(from, to)).collect();
    insta::assert_snapshot!("rule_errors", told.join("\n"));
}

#[test]
fn an_id_belongs_to_one_rule() {
    let twice = RulePack::read([("a.toml", RULE), ("b.toml", RULE)]).unwrap_err().to_string();
    assert!(twice.starts_with("b.toml:2:1: the rule `crypto-ecb-mode` is there already"), "{twice}");
}

#[test]
fn the_hash_is_of_the_rules_alone() {
    let hash = pack().hash().unwrap();
    let (first, rest) = RULES.split_at(RULES.find("[[rule]]\nid = \"platform").unwrap());
    let split = RulePack::read([("z.toml", rest), ("a.toml", first)]).unwrap();
    assert_eq!(split.hash().unwrap(), hash);
    let other = RULES.replace("MASWE-0052", "MASWE-0053");
    assert_ne!(RulePack::read([("rules.toml", other.as_str())]).unwrap().hash().unwrap(), hash);
}

#[test]
fn severity_and_group_follow_from_score_and_control() {
    let pack = pack();
    let rule = |id: &str| pack.get(id).unwrap();
    assert_eq!(rule("network-trust-all").severity(), Severity::Critical);
    assert_eq!(rule("network-trust-all").group(), Group::Network);
    assert_eq!(rule("privacy-advertising-id").severity(), Severity::Informational);
    assert_eq!(rule("code-vulnerable-dependency").severity(), Severity::High);
    assert_eq!(rule("policy-target-api").group(), Group::StorePolicy);
    assert_eq!(
        rule("storage-secret-in-code").standards(),
        ["CWE-798", "MASVS-STORAGE-1", "MASVS-CRYPTO-2", "MASWE-0005", "MASTG-TEST-0212"]
    );
    assert_eq!(pack.meant("crypto-ebc-mode"), Some("crypto-ecb-mode"));
}

proptest! {
    /// Broken files are errors with a line that exists, never panics.
    #[test]
    fn broken_files_are_refused(at in any::<prop::sample::Index>(), with in "\\PC{0,4}", cut in 0usize..40) {
        let start = at.index(RULES.len());
        let mut text = RULES.to_owned();
        let end = (start + cut).min(text.len());
        if text.is_char_boundary(start) && text.is_char_boundary(end) {
            text.replace_range(start..end, &with);
        }
        if let Err(testudo_scan::rule::PackError::File(error)) = RulePack::read([("rules.toml", text.as_str())]) {
            prop_assert!(error.line >= 1 && error.line <= text.lines().count() + 1, "{error}");
        }
    }
}
