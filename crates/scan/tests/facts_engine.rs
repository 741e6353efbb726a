//! Conditions over rows: what they find, in which order, and which are refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod rules_support;

use std::sync::LazyLock;

use proptest::prelude::*;
use rules_support::{assert_declared, binary, manifest};
use testudo_package::dex::Dex;
use testudo_package::manifest::Manifest;
use testudo_package::netconfig::NetworkConfig;
use testudo_package::program::Program;
use testudo_package::resources::Table;
use testudo_package::xml::Document;
use testudo_package::zip::{Archive, Limits};
use testudo_scan::facts::resources::{self, Role};
use testudo_scan::facts::{self, Facts, Row};
use testudo_scan::report::{Finding, Place};
use testudo_scan::rule::RulePack;
use testudo_scan::sdks::{self, Catalogue};
use testudo_testkit::package::zip::Zip;

const RULE: &str = r#"
[[rule]]
id = "test-rule"
title = "Something is open"
cwe = "CWE-926"
masvs = ["MASVS-PLATFORM-1"]
maswe = ["MASWE-0062"]
mastg = ["MASTG-TEST-0029"]
cvss = "CVSS:4.0/AV:L/AC:L/AT:N/PR:N/UI:P/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N"
what = "It is open."
why = "Others come in."
fix.text = "Close it."
references = ["https://developer.android.com/"]

[[fact]]
rule = "test-rule"
confidence = "high"
"#;

fn pack(condition: &str) -> RulePack {
    RulePack::read([("t.toml", format!("{RULE}{condition}").as_str())]).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(condition: &str) -> String {
    RulePack::read([("t.toml", format!("{RULE}{condition}").as_str())]).unwrap_err().to_string()
}

fn service(name: &str) -> Row {
    Row::new(
        "service",
        Place::Manifest { file: "AndroidManifest.xml".to_owned(), path: format!("application/service[{name}]") },
    )
    .text("name", name)
    .flag("exported", true)
    .number("filters", 2)
    .list("actions", ["a.one", "b.two"])
}

fn evidence(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| finding.evidence.as_ref().unwrap().to_string()).collect()
}

fn found(rows: Vec<Row>, condition: &str) -> Vec<Finding> {
    facts::check(&Facts { rows }, &pack(condition))
}

#[test]
fn each_demand_holds_where_it_should() {
    let cases = [
        ("exported = true", true),
        ("exported = false", false),
        ("permission = { absent = true }", true),
        ("permission = { absent = false }", false),
        ("permission = { none-of = [\"x\"] }", true),
        ("permission = { unlike = \"x*\" }", true),
        ("permission = { absent = false, none-of = [\"x\"] }", false),
        ("permission = { matches = \"x*\" }", false),
        ("filters = 2", true),
        ("filters = { below = 2 }", false),
        ("filters = { at-least = 2, below = 3 }", true),
        ("filters = { any-of = [1, 2] }", true),
        ("actions = \"b.two\"", true),
        ("actions = \"b\"", false),
        ("actions = { has = [\"a.one\", \"b.two\"] }", true),
        ("actions = { has = \"c\" }", false),
        ("actions = { any-of = [\"c\", \"a.one\"] }", true),
        ("actions = { none-of = [\"a.one\"] }", false),
        ("actions = { matches = [\"c.*\", \"*.two\"] }", true),
        ("actions = { unlike = \"a.*\" }", false),
        ("name = { matches = \"org.*.Sync\" }", true),
        ("name = { matches = \"org.shop\" }", false),
        ("name = { matches = \"*p*p*Sync\" }", true),
        ("name = { matches = \"*app.Sync*Sync\" }", false),
        ("name = { matches = \"org.shop.app.Sync*\" }", true),
    ];
    for (wants, holds) in cases {
        let condition = format!("on = \"service\"\nwhere = {{ {wants} }}\n");
        assert_eq!(!found(vec![service("org.shop.app.Sync")], &condition).is_empty(), holds, "{wants}");
    }
}

#[test]
fn other_rows_decide_too() {
    let condition =
        "on = \"service\"\nwhen = [{ on = \"app\", where = { min-sdk = { below = 24 } } }]\nevidence = \"{name}\"\n";
    let app = |level: i64| Row::new("app", Place::Package).number("min-sdk", level);
    assert_eq!(found(vec![service("A"), app(24)], condition).len(), 0);
    assert_eq!(evidence(&found(vec![service("B"), app(21), service("A")], condition)), ["B", "A"]);

    let own = "on = \"service\"\nunless = [{ on = \"permission-used\", where = { name = { same-as = \"name\" } } }]\nevidence = \"{name}\"\n";
    let used = Row::new("permission-used", Place::Package).text("name", "A");
    assert_eq!(evidence(&found(vec![service("A"), service("B"), used], own)), ["B"]);
}

#[test]
fn what_is_missing_is_found_once() {
    let condition =
        "on = \"service\"\nmissing = true\nat = \"x\"\nwhen = [{ on = \"receiver\" }]\nevidence = \"{name}\"\n";
    let receiver = |name: &str| Row { kind: "receiver", ..service(name) };
    assert_eq!(found(vec![], condition).len(), 0);
    assert_eq!(found(vec![service("A"), receiver("R")], condition).len(), 0);
    let findings = found(vec![receiver("R"), receiver("S")], condition);
    assert_eq!(evidence(&findings), ["R"]);
    assert_eq!(findings[0].place.within().unwrap(), "application/service[R]@x");
    let nowhere = found(vec![], "on = \"service\"\nmissing = true\n");
    assert_eq!(nowhere[0].place, Place::Package);
}

#[test]
fn findings_are_few_and_in_order() {
    let rows: Vec<Row> = (0..3_000).map(|number| service(&format!("S{number}"))).collect();
    let condition = "on = \"service\"\ntitle = \"{name} has {actions}\"\nevidence = \"{name}\"\n";
    let findings = found(rows, condition);
    assert_eq!(findings.len(), 1_000);
    assert_eq!(findings[0].title.as_deref(), Some("S0 has a.one, b.two"));
    assert_eq!(evidence(&findings)[999], "S999; and 2000 more like it");
    assert_eq!(found(vec![service("A"), service("A")], condition).len(), 1);
}

#[test]
fn what_no_row_can_answer_is_refused() {
    let told: Vec<String> = [
        "on = \"servise\"\n",
        "on = \"service\"\nwhere = { exportd = true }\n",
        "on = \"service\"\nwhere = { exported = \"true\" }\n",
        "on = \"service\"\nwhere = { exported = { below = 3 } }\n",
        "on = \"service\"\nwhere = { name = { has = \"x\" } }\n",
        "on = \"service\"\nwhere = { filters = { matches = \"x\" } }\n",
        "on = \"service\"\nwhere = { filters = { none-of = [true] } }\n",
        "on = \"service\"\nwhere = { name = {} }\n",
        "on = \"service\"\nwhere = { name = { matches = \"**\" } }\n",
        "on = \"service\"\nwhere = { name = { same-as = \"name\" } }\n",
        "on = \"service\"\nwhere = { name = { like = \"x\" } }\n",
        "on = \"service\"\nwhere = { name = 1.5 }\n",
        "on = \"service\"\nevidence = \"{nam}\"\n",
        "on = \"service\"\nevidence = \"{name\"\n",
        "on = \"service\"\nmissing = true\nevidence = \"{name}\"\n",
        "on = \"service\"\nunless = [{ on = \"app\", where = { min-sdk = { same-as = \"name\" } } }]\n",
        "on = \"service\"\nwher = {}\n",
    ]
    .map(refused)
    .into();
    insta::assert_snapshot!("refused_conditions", told.join("\n"));
}

#[test]
fn builtin_rules_and_sdks_read() {
    let pack = RulePack::builtin().unwrap();
    assert!(pack.rules().len() >= 90, "{}", pack.rules().len());
    let text = include_str!("../rules/sdks.toml");
    let catalogue = Catalogue::read("sdks.toml", text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(&catalogue, sdks::builtin());
    assert!(catalogue.sdks().len() > 500);
    let name = |class: &str| catalogue.of_class(class).map(|sdk| sdk.name.as_str());
    assert_eq!(name("com.google.firebase.messaging.FirebaseMessagingService"), Some("Firebase Cloud Messaging"));
    assert_eq!(name("com.google.firebase.FirebaseApp"), Some("Firebase"));
    assert_eq!(name("com.google.firebaseish.App"), None);
    assert_eq!(name("org.shop.app.Main"), None);
    let files = ["Payload/Shop.app/Frameworks/Sentry.framework/Sentry", "lib/arm64-v8a/libflutter.so", "assets/x"];
    let seen: Vec<&str> = catalogue.seen(None, None, files).iter().map(|seen| seen.sdk.name.as_str()).collect();
    assert_eq!(seen, ["Flutter", "Sentry"]);
}

/// No two modules declare a kind, and no kind an attribute twice.
#[test]
fn kinds_are_distinct() {
    let mut names: Vec<&str> = facts::kinds().map(|kind| kind.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    for kind in facts::kinds() {
        let mut attributes: Vec<&str> = kind.attributes.iter().map(|(name, _)| *name).collect();
        attributes.sort_unstable();
        assert!(attributes.windows(2).all(|pair| pair[0] != pair[1]), "{attributes:?}");
    }
}

/// A manifest with everything in it.
const FULL: &str = "<manifest package=\"org.shop.app\" a:versionName=\"1\"><uses-sdk a:minSdkVersion=\"21\"/>\
    <uses-permission a:name=\"android.permission.CAMERA\"/><permission a:name=\"P\"/><queries><package a:name=\"q\"/></queries>\
    <uses-feature a:name=\"f\"/><instrumentation a:name=\"i\" a:targetPackage=\"t\"/>\
    <application a:permission=\"P\"><meta-data a:name=\"m\" a:value=\"v\"/><uses-library a:name=\"l\"/>\
    <activity a:name=\".A\" a:exported=\"true\"><intent-filter a:priority=\"9\"><action a:name=\"x\"/>\
    <data a:scheme=\"http\" a:host=\"h\" a:port=\"1\" a:path=\"/p\" a:mimeType=\"t\"/></intent-filter></activity>\
    <activity-alias a:name=\".L\" a:targetActivity=\".A\"/><service a:name=\".S\" a:foregroundServiceType=\"3\"/>\
    <receiver a:name=\".R\"/><provider a:name=\".P\" a:authorities=\"u;v\"><grant-uri-permission a:path=\"/\"/>\
    <path-permission a:path=\"/\" a:readPermission=\"P\"/></provider></application></manifest>";

#[test]
fn every_row_has_declared_attributes() {
    let facts = manifest(FULL);
    assert_eq!(facts.of("intent-filter").count(), 1);
    assert!(facts.rows.len() > 12, "{:#?}", facts.rows);
}

/// Everything that rows are made of, from bytes that were changed.
fn all_rows(bytes: &[u8]) -> Facts {
    let mut facts = Facts::default();
    if let Ok(document) = Document::read(bytes) {
        if let Ok(manifest) = Manifest::read(&document, None) {
            facts::manifest::rows(&manifest, "m", &mut facts);
            let seen = sdks::builtin().seen(None, Some(&manifest), ["libsentry.so"]);
            sdks::rows(&seen, &mut facts);
            resources::referred(&manifest);
        }
        if let Ok(config) = NetworkConfig::read(&document) {
            facts::network::rows(&config, "n", 24, rules_support::TODAY, &mut facts);
        }
        for role in [Role::FullBackup, Role::DataExtraction, Role::ProviderPaths("P".to_owned(), true)] {
            resources::rows(&document, &role, "r", &mut facts);
        }
    }
    if let Ok(table) = Table::read(bytes) {
        resources::urls(&table, "t", &mut facts);
    }
    if let Ok(dex) = Dex::parse(bytes) {
        let program = Program::new(vec![dex]);
        facts::program::rows(&program, "org.shop", &mut facts);
        sdks::rows(&sdks::builtin().seen(Some(&program), None, []), &mut facts);
    }
    if let Ok(archive) = Archive::read(bytes, Limits::default()) {
        facts::archive::rows(&archive, "apk", "", &mut facts);
    }
    facts
}

static BUILTIN: LazyLock<RulePack> = LazyLock::new(|| RulePack::builtin().unwrap());

/// What a manifest may do at worst: many components that share long names and many permissions.
#[test]
fn hostile_manifests_cost_little() {
    let name = "x".repeat(30_000);
    let permission =
        |number: usize| format!("<permission a:name=\"p{number}\"/><uses-permission a:name=\"p{number}\"/>");
    let parts = (0..3_000).map(permission).collect::<Vec<_>>().concat();
    let component =
        format!("<activity a:name=\"{name}\" a:permission=\"{name}\" a:exported=\"true\" a:taskAffinity=\"{name}\"/>");
    let source =
        format!("<manifest package=\"a\"><application>{}</application>{parts}</manifest>", component.repeat(3_000));
    let bytes = binary(&source);
    let begin = std::time::Instant::now();
    let facts = all_rows(&bytes);
    let findings = facts::check(&facts, &BUILTIN);
    let took = begin.elapsed();
    assert!(findings.len() > 1_000);
    assert!(took < std::time::Duration::from_secs(2), "{took:?}");
    assert!(facts.rows.iter().all(|row| format!("{row:?}").len() < 10_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Broken input gives rows of declared attributes, or none, and the same findings each time.
    #[test]
    fn changed_bytes_are_survived(which in 0usize..5, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12), cut in any::<prop::sample::Index>()) {
        let mut bytes = match which {
            0 => binary(FULL),
            1 => binary("<network-security-config><base-config cleartextTrafficPermitted=\"true\"/><domain-config>\
                <domain>a.b</domain><pin-set expiration=\"2026-01-01\"><pin digest=\"SHA-256\">AAAA</pin></pin-set>\
                </domain-config></network-security-config>"),
            2 => testudo_testkit::package::resources::Table::new("p").add("string", "s", "http://a.example/x").write(),
            3 => testudo_testkit::package::dex::Dex::new()
                .class("Lcom/adjust/sdk/A;", |class| {
                    class.source("A.kt");
                    class.default_constructor();
                })
                .build(),
            _ => Zip::new().file("assets/a.pem", b"-----BEGIN PRIVATE KEY-----").stored("lib/x86/l.so", b"x").write(),
        };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let cut = cut.index(bytes.len() * 4);
        bytes.truncate(if cut < bytes.len() { cut } else { bytes.len() });
        let facts = all_rows(&bytes);
        assert_declared(&facts);
        let pack = &*BUILTIN;
        prop_assert_eq!(facts::check(&facts, pack), facts::check(&all_rows(&bytes), pack));
    }
}
