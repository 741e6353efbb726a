//! The whole analysis over packages that are built here: what is recognised, counted, found and left out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::LazyLock;

use testudo_scan::analyse::{AnalyseError, Analysed, Budget, Options, Silent, folder, is_package, package};
use testudo_scan::report::{Finding, Kind, Place, Reach, Report, SignatureVerdict, json};
use testudo_scan::rule::RulePack;
use testudo_scan::sdks::declared;
use testudo_scan::secrets::Scanner;
use testudo_testkit::package::bundle::{attribute, child, decimal, element, flag};
use testudo_testkit::package::dex::{Dex, Value};
use testudo_testkit::package::macho::MachO;
use testudo_testkit::package::plist;
use testudo_testkit::package::signature::{Signer, block, put_block, zip};
use testudo_testkit::package::xml::{Element, Xml};
use testudo_testkit::package::zip::Zip;

static RULES: LazyLock<RulePack> = LazyLock::new(|| RulePack::builtin().unwrap());
static SECRETS: LazyLock<Scanner> = LazyLock::new(|| Scanner::builtin().unwrap());

fn options() -> Options<'static> {
    Options::new(&RULES, &SECRETS, jiff::civil::date(2026, 11, 30))
}

fn analysed(bytes: &[u8]) -> Analysed {
    package("app", bytes, &options(), &Silent).unwrap()
}

fn of_rule<'a>(analysed: &'a Analysed, rule: &str) -> Vec<&'a Finding> {
    analysed.scan.findings.iter().filter(|finding| finding.rule.as_str() == rule).collect()
}

/// A key of a payment service in its live form, which was never issued.
fn live_key() -> String {
    ["sk_", "live_", "q7HLyjWDarTt1zdp7dcBq3kP"].concat()
}

fn manifest(split: Option<&str>) -> Vec<u8> {
    let mut root = Element::new("manifest").plain("package", "com.example.wallet");
    if let Some(split) = split {
        root = root.plain("split", split);
    }
    let activity =
        Element::new("activity").android(0x0101_0003, "name", ".Main").android(0x0101_0010, "exported", true);
    let root = root
        .child(Element::new("uses-sdk").android(0x0101_020c, "minSdkVersion", 28))
        .child(Element::new("application").child(activity));
    Xml::new(root).write()
}

fn code() -> Vec<u8> {
    Dex::new()
        .class("Lcom/example/wallet/Main;", |class| {
            class.source("Main.kt");
            class.extends("Landroid/app/Activity;");
            class.default_constructor();
            class.method("onCreate", "(Landroid/os/Bundle;)V", 3, |code| {
                code.line(42);
                code.const_string(0, &live_key());
                code.return_void();
            });
        })
        .class("Lcom/example/wallet/Unused;", |class| {
            class.source("Unused.kt");
            class.constant("PASSWORD", "Ljava/lang/String;", Value::string("Tr0ub4dor&3xyz"));
            class.static_method("run", "()V", 1, |code| {
                code.line(7);
                code.const_string(0, &live_key());
                code.return_void();
            });
        })
        .build()
}

fn signed(files: &[(&str, Vec<u8>)], signer: &Signer) -> Vec<u8> {
    let files: Vec<_> = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect();
    let plain = zip(&files);
    let v2 = block::v2(&plain, &[signer], &[]).unwrap();
    put_block(&plain, &[(0x7109_871a, v2)])
}

#[test]
fn secrets_in_code_have_their_place_and_reach() {
    let apk = Zip::new().file("AndroidManifest.xml", manifest(None)).file("classes.dex", code()).write();
    let analysed = analysed(&apk);
    let found = of_rule(&analysed, "secret-payment-credential");
    let mut places: Vec<_> = found
        .iter()
        .map(|finding| match &finding.place {
            Place::Code { class, method, source, line, .. } => {
                (class.as_str(), method.as_deref(), source.as_deref(), *line, finding.reach)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    places.sort_unstable();
    let main = Some("onCreate(Landroid/os/Bundle;)V");
    let expected = [
        ("Lcom/example/wallet/Main;", main, Some("Main.kt"), Some(42), Reach::Reachable),
        ("Lcom/example/wallet/Unused;", Some("run()V"), Some("Unused.kt"), Some(7), Reach::Unreachable),
    ];
    assert_eq!(places, expected);
    // A constant is told by the name of its field.
    let named = of_rule(&analysed, "secret-password");
    assert!(named.iter().any(|finding| finding.place.label().contains("Unused")), "{named:?}");
    let text = json::write(&Report::new(analysed.scan).unwrap());
    assert!(!text.contains(&live_key()) && !text.contains("Tr0ub4dor"), "{text}");
}

#[test]
fn what_sdks_touch_is_held_against_the_declaration() {
    let code = Dex::new()
        .class("Lcom/google/firebase/messaging/A;", |class| {
            class.default_constructor();
        })
        .build();
    let apk = Zip::new().file("AndroidManifest.xml", manifest(None)).file("classes.dex", code).write();
    let with = |csv: &str| {
        let declared = declared(csv).unwrap();
        let analysed = package("app", &apk, &Options { declared: Some(&declared), ..options() }, &Silent).unwrap();
        ["play-data-safety-form", "play-data-safety"].map(|rule| of_rule(&analysed, rule).len())
    };
    let form = analysed(&apk);
    assert_eq!(of_rule(&form, "play-data-safety-form").len(), 1);
    assert_eq!(with("PSL_DATA_TYPES_PERSONAL,PSL_NAME,TRUE,\n"), [0, 1]);
    assert_eq!(with("PSL_DATA_TYPES_IDENTIFIERS,PSL_DEVICE_ID,TRUE,\n"), [0, 0]);
}

#[test]
fn a_bundle_reads_like_a_package() {
    let manifest = element(
        "manifest",
        &[
            attribute(0, "package", "com.example.wallet", &[]),
            child(&element("uses-sdk", &[attribute(0x0101_020c, "minSdkVersion", "28", &[decimal(28)])])),
            child(&element(
                "application",
                &[
                    attribute(0x0101_000f, "debuggable", "true", &[flag(true)]),
                    child(&element("activity", &[attribute(0x0101_0003, "name", ".Main", &[])])),
                ],
            )),
        ],
    );
    let bundle = Zip::new()
        .file("BundleConfig.pb", Vec::new())
        .file("base/manifest/AndroidManifest.xml", manifest)
        .file("base/dex/classes.dex", code())
        .write();
    let analysed = analysed(&bundle);
    assert_eq!(
        (analysed.scan.target.kind, analysed.scan.target.app.as_deref()),
        (Kind::Aab, Some("com.example.wallet"))
    );
    assert_eq!(analysed.scan.coverage.gaps, []);
    assert_eq!(analysed.scan.signature.verdict, SignatureVerdict::Unsigned);
    let [debuggable] = of_rule(&analysed, "manifest-debuggable")[..] else { panic!() };
    assert_eq!(debuggable.place.path(), "base/manifest/AndroidManifest.xml");
    let found = of_rule(&analysed, "secret-payment-credential");
    assert!(
        found.iter().any(|one| one.reach == Reach::Reachable && one.place.path() == "base/dex/classes.dex"),
        "{found:?}"
    );
    assert!(of_rule(&analysed, "play-bundle").is_empty());
}

#[test]
fn splits_make_one_app_with_one_signer() {
    let (one, other) = (Signer::new("One").unwrap(), Signer::new("Other").unwrap());
    let base = signed(&[("AndroidManifest.xml", manifest(None)), ("classes.dex", code())], &one);
    let split = [("AndroidManifest.xml", manifest(Some("config.de"))), ("assets/de.txt", b"Guten Tag".to_vec())];
    let nest = |second: &Signer| {
        Zip::new().stored("splits/config.apk", signed(&split, second)).stored("splits/base.apk", base.clone()).write()
    };
    let good = analysed(&nest(&one)).scan;
    assert_eq!((good.target.kind, good.target.app.as_deref()), (Kind::Xapk, Some("com.example.wallet")));
    assert_eq!(good.signature.verdict, SignatureVerdict::Valid);
    assert!(good.coverage.complete(), "{:?}", good.coverage);
    assert!(good.facts.iter().any(|section| section.name == "Splits"));
    let bad = analysed(&nest(&other)).scan;
    assert_eq!(bad.signature.verdict, SignatureVerdict::Invalid);
    assert!(bad.signature.why.as_deref().unwrap_or_default().contains("another key"), "{:?}", bad.signature);
}

#[test]
fn an_ios_app_is_read() {
    let info = plist::dictionary([
        ("CFBundleIdentifier", "com.example.app".into()),
        ("CFBundleExecutable", "App".into()),
        ("CFBundleShortVersionString", "2.1".into()),
        ("CFBundleVersion", "77".into()),
        ("BillingToken", live_key().as_str().into()),
        ("NSAppTransportSecurity", plist::dictionary([("NSAllowsArbitraryLoads", true.into())])),
    ]);
    let ipa = Zip::new()
        .file("Payload/App.app/Info.plist", plist::binary(&info))
        .file("Payload/App.app/App", MachO::default().write())
        .write();
    let analysed = analysed(&ipa);
    let target = &analysed.scan.target;
    assert_eq!(
        (target.kind, target.app.as_deref(), target.version.as_deref()),
        (Kind::Ipa, Some("com.example.app"), Some("2.1"))
    );
    assert_eq!(of_rule(&analysed, "secret-payment-credential").len(), 1);
    let by_facts = |finding: &&Finding| {
        finding.place.path() == "Payload/App.app/Info.plist" && !finding.rule.as_str().starts_with("secret-")
    };
    assert!(analysed.scan.findings.iter().any(|finding| by_facts(&finding)), "{:?}", analysed.scan.findings);
    assert!(analysed.scan.coverage.complete(), "{:?}", analysed.scan.coverage);
}

#[test]
fn what_a_budget_cuts_off_is_a_gap() {
    let apk = Zip::new()
        .file("AndroidManifest.xml", manifest(None))
        .file("classes.dex", code())
        .file("assets/large.bin", vec![7; 100_000])
        .write();
    let budget = Budget { file: 50_000, ..Budget::default() };
    let scan = package("app", &apk, &Options { budget, ..options() }, &Silent).unwrap().scan;
    assert!(!scan.coverage.complete());
    assert_eq!(scan.coverage.gaps[0].part, "assets/large.bin");
    let budget = Budget { code: 100, ..Budget::default() };
    let scan = package("app", &apk, &Options { budget, ..options() }, &Silent).unwrap().scan;
    assert_eq!(scan.coverage.gaps[0].part, "classes.dex");
    let budget = Budget { entries: 2, ..Budget::default() };
    let refused = package("app", &apk, &Options { budget, ..options() }, &Silent);
    assert!(matches!(refused, Err(AnalyseError::Entries(_, 2))), "{refused:?}");
}

#[test]
fn pictures_are_told_by_their_bytes() {
    let apk = Zip::new()
        .file("AndroidManifest.xml", manifest(None))
        .file("res/a.png", b"\x89PNG\r\n\x1a\n0000")
        .file("res/b.png", format!("const t = '{}'", live_key()))
        .write();
    let analysed = analysed(&apk);
    assert_eq!(of_rule(&analysed, "secret-payment-credential").len(), 1);
    assert_eq!(analysed.scan.coverage.left_out.len(), 1);
    assert!(is_package(&apk) && !is_package(b"PK\x03\x04"));
}

#[test]
fn sources_are_held_against_the_levels_of_the_build() {
    let manifest = "<manifest xmlns:android=\"http://schemas.android.com/apk/res/android\">\n  <application android:debuggable=\"true\"/>\n</manifest>\n";
    let files = |gradle: &str| {
        vec![
            ("app/build.gradle.kts".to_owned(), gradle.as_bytes().to_vec()),
            ("app/src/main/AndroidManifest.xml".to_owned(), manifest.as_bytes().to_vec()),
        ]
    };
    let levels = "android {\n  namespace = \"org.example.app\"\n  minSdk = 28\n  targetSdk = 36\n}\n";
    let scan = folder("src", files(levels), &options(), &Silent).unwrap().scan;
    assert_eq!((scan.target.kind, scan.target.app.as_deref()), (Kind::Folder, Some("org.example.app")));
    let of_manifest = |finding: &&Finding| finding.place.path() == "app/src/main/AndroidManifest.xml";
    assert!(scan.findings.iter().any(|finding| of_manifest(&finding)), "{:?}", scan.findings);
    let scan = folder("src", files("android {}"), &options(), &Silent).unwrap().scan;
    assert!(!scan.findings.iter().any(|finding| of_manifest(&finding)));
    assert!(scan.coverage.left_out.iter().any(|left| left.part == "app/src/main/AndroidManifest.xml"));
}

#[test]
fn two_analyses_are_equal() {
    let apk = signed(&[("AndroidManifest.xml", manifest(None)), ("classes.dex", code())], &Signer::new("One").unwrap());
    let text = || json::write(&Report::new(analysed(&apk).scan).unwrap());
    let first = text();
    for _ in 0..5 {
        assert_eq!(text(), first);
    }
}
