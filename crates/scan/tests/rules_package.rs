//! Rules over the archive, its signature, the code as a whole, SDKs, and what Google Play demands.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod rules_support;

use std::collections::BTreeSet;

use rules_support::{Case, TODAY, assert_declared, ids, join, manifest, pack, prove};
use testudo_crypto::foreign::Hash;
use testudo_crypto::foreign::der::tlv;
use testudo_package::dex::Dex;
use testudo_package::program::Program;
use testudo_package::signature::{Demands, Options, Platforms, Relation, Verification};
use testudo_package::zip::{Archive, Limits};
use testudo_scan::facts::{self, Facts, Row};
use testudo_scan::report::Place;
use testudo_scan::sdks::{self, Data};
use testudo_testkit::package::dex::Dex as MadeDex;
use testudo_testkit::package::signature::{Signer, block, entries, jar, put_block, zip};
use testudo_testkit::package::zip::{Entry, Zip};

const ARCHIVE: &[(&str, &str)] = &[("android/archive.toml", include_str!("../rules/android/archive.toml"))];
const SIGNATURE: &[(&str, &str)] = &[("android/signature.toml", include_str!("../rules/android/signature.toml"))];
const PROGRAM: &[(&str, &str)] = &[("android/program.toml", include_str!("../rules/android/program.toml"))];
const TRACKERS: &[(&str, &str)] = &[("trackers.toml", include_str!("../rules/trackers.toml"))];
const PLAY: &[(&str, &str)] = &[("policy/google-play.toml", include_str!("../rules/policy/google-play.toml"))];

fn archive_as(zip: &Zip, format: &str) -> Facts {
    let bytes = zip.write();
    let archive = Archive::read(&bytes, Limits::default()).unwrap();
    let mut facts = Facts::default();
    facts::archive::rows(&archive, format, "", &mut facts);
    assert_declared(&facts);
    facts
}

fn archive(zip: &Zip) -> Facts {
    archive_as(zip, "apk")
}

fn file(name: &str, data: impl AsRef<[u8]>) -> Facts {
    archive(&Zip::new().file("classes.dex", b"dex").file(name, data))
}

#[test]
fn every_rule_of_archives_finds_and_leaves_alone() {
    let pack = pack(ARCHIVE);
    let case = |rule, bad: Facts, good: Facts| Case::new(rule, facts::check(&bad, &pack), facts::check(&good, &pack));
    let one = |entry: Entry| archive(&Zip::new().entry(entry));
    let key = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    prove(
        &pack,
        vec![
            case(
                "archive-misleading",
                one(Entry::deflated("classes.dex", b"dex").both(|header| header.method = 12_000)),
                one(Entry::deflated("classes.dex", b"dex").with_descriptor()),
            ),
            case(
                "archive-duplicate",
                archive(&Zip::new().file("classes.dex", b"a").file("classes.dex", b"b")),
                archive(&Zip::new().file("classes.dex", b"a").file("classes2.dex", b"b")),
            ),
            case("archive-escaping-name", file("assets/../../x", "x"), file("assets/..x", "x")),
            case("archive-private-key", file("assets/server.pem", key), file("assets/server.pem", certificate)),
            case("archive-private-key", file("assets/id_rsa", "x"), file("assets/id_rsa.pub", "ssh-rsa AAAA")),
            case(
                "archive-private-key",
                file("res/raw/k.key", [&[0x30, 0x81, 5, 2, 1, 0][..], &[0, 0]].concat()),
                file("res/raw/k.key", [&[0x30, 0x81, 5, 2, 1, 2][..], &[0, 0]].concat()),
            ),
            case("archive-key-store", file("res/raw/release.jks", "x"), file("res/raw/release.ogg", "x")),
            case("archive-build-secrets", file("assets/.env", "A=b"), file("assets/env.json", "{}")),
            case("archive-version-control", file("assets/.git/HEAD", "ref"), file("assets/git/HEAD", "ref")),
            case("archive-source", file("assets/index.js.map", "{}"), file("assets/city.map", "{}")),
            case("archive-leftover", file("assets/run.log", "x"), file("assets/logo.png", "x")),
            case("archive-database", file("assets/app.db", "SQLite format 3\0"), file("assets/app.db", "encrypted")),
            case("archive-hidden-code", file("assets/plugin.apk", "PK"), file("classes2.dex", "dex")),
        ],
    );
}

/// A package of these schemes, and what it verifies as from this level on.
fn verified(signer: &Signer, schemes: &[u32], min: u32) -> (Vec<u8>, Verification) {
    let mut files = entries(&[("AndroidManifest.xml", b"manifest"), ("classes.dex", b"dex\n035 code")]);
    if schemes.contains(&1) {
        jar::sign(&mut files, signer, "CERT", &[]).unwrap();
    }
    let archive = zip(&files);
    let package = if schemes.contains(&2) {
        put_block(&archive, &[(0x7109_871a, block::v2(&archive, &[signer], &[]).unwrap())])
    } else {
        archive
    };
    let verification = verify(&package, min);
    (package, verification)
}

fn verify(package: &[u8], min: u32) -> Verification {
    let options = Options::new(Platforms::from(min), Some(Demands { sandbox: 1, target_sdk: 24 }));
    let archive = Archive::read(package, Limits::default()).unwrap();
    testudo_package::signature::verify_package(&archive, &options)
}

fn signature(package: &[u8], verification: &Verification, min: u32, registered: Option<Relation>) -> Facts {
    let mut facts = Facts::default();
    facts::signature::rows(verification, package, Platforms::from(min), registered, TODAY, &mut facts);
    assert_declared(&facts);
    facts
}

/// A number that a key may have.
fn number(bytes: usize) -> Vec<u8> {
    let mut value = vec![0xc5; bytes];
    value.insert(0, 0);
    tlv(2, &value)
}

fn rsa(bytes: usize) -> Vec<u8> {
    let algorithm = tlv(0x30, &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0]);
    let key = tlv(0x30, &[number(bytes), tlv(2, &[1, 0, 1])].concat());
    tlv(0x30, &[algorithm, tlv(3, &[vec![0], key].concat())].concat())
}

fn dsa() -> Vec<u8> {
    let numbers = tlv(0x30, &[number(256), number(32), tlv(2, &[2])].concat());
    let algorithm = tlv(0x30, &[vec![6, 7, 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], numbers].concat());
    tlv(0x30, &[algorithm, tlv(3, &[vec![0], tlv(2, &[5])].concat())].concat())
}

#[test]
fn every_rule_of_signatures_finds_and_leaves_alone() {
    let pack = pack(SIGNATURE);
    let signer = Signer::new("Release").unwrap();
    let (package, calm) = verified(&signer, &[2], 24);
    assert!(calm.verified, "{:?}", calm.errors);
    let good = || facts::check(&signature(&package, &calm, 24, Some(Relation::Current)), &pack);
    assert_eq!(ids(&good()), [].into());
    let case = |rule, facts: &Facts| Case::new(rule, facts::check(facts, &pack), good());
    let changed = |rule, change: &dyn Fn(&mut Verification)| {
        let mut other = calm.clone();
        change(&mut other);
        case(rule, &signature(&package, &other, 24, None))
    };
    let mut broken = package.clone();
    broken[40] ^= 1;
    let (jar_package, jar_only) = verified(&signer, &[1], 24);
    let (both_package, both) = verified(&signer, &[1, 2], 21);
    let debug = Signer::new("Android Debug").unwrap();
    let (debug_package, of_debug) = verified(&debug, &[2], 24);
    let unsigned = zip(&entries(&[("classes.dex", b"dex")]));
    let janus = [b"dex\n035\0".as_slice(), &package].concat();
    let mut late = jar_only.clone();
    late.unprotected.push("META-INF/services/x".to_owned());
    prove(
        &pack,
        vec![
            case("signature-invalid", &signature(&broken, &verify(&broken, 24), 24, None)),
            case("signature-missing", &signature(&unsigned, &verify(&unsigned, 24), 24, None)),
            case("signature-wrong-key", &signature(&package, &calm, 24, Some(Relation::None))),
            case("signature-dex-before-archive", &signature(&janus, &calm, 24, None)),
            case("signature-jar-only", &signature(&jar_package, &jar_only, 24, None)),
            case("signature-janus-on-old-android", &signature(&both_package, &both, 21, None)),
            case("signature-debug-certificate", &signature(&debug_package, &of_debug, 24, None)),
            changed("signature-weak-key", &|other| other.v2[0].certificate.spki = rsa(128)),
            changed("signature-dsa", &|other| other.v2[0].certificate.spki = dsa()),
            changed("signature-weak-hash", &|other| {
                other.jar_digests.insert(Hash::Sha1);
            }),
            changed("signature-certificate-expired", &|other| other.v2[0].certificate.not_after = 1_700_000_000),
            changed("signature-certificate-expired", &|other| other.v2[0].certificate.not_before = 2_000_000_000),
            case("signature-unsigned-entries", &signature(&jar_package, &late, 24, None)),
            case("signature-old-key", &rotated()),
        ],
    );
    let strong = |spki: Vec<u8>| {
        let mut other = calm.clone();
        other.v2[0].certificate.spki = spki;
        ids(&facts::check(&signature(&package, &other, 24, None), &pack)).contains("signature-weak-key")
    };
    assert!(!strong(rsa(256)) && strong(rsa(128)));
}

/// A package whose old key may still roll back.
fn rotated() -> Facts {
    let (old, new) = (Signer::new("Old").unwrap(), Signer::new("New").unwrap());
    let archive = zip(&entries(&[("AndroidManifest.xml", b"manifest"), ("classes.dex", b"dex")]));
    let proof = block::lineage(&[(&old, 0b1011), (&new, 0b111)]).unwrap();
    let ranged = block::Ranged { signer: &new, range: (28, Platforms::NEWEST), attributes: vec![(0x3ba0_6f8c, proof)] };
    let package = put_block(&archive, &[(0xf053_68c0, block::v3(&archive, &[ranged]).unwrap())]);
    signature(&package, &verify(&package, 28), 28, None)
}

/// Thirty classes, named so or so.
fn dex(name: &dyn Fn(usize) -> String) -> Vec<u8> {
    let all = (0..30).fold(MadeDex::new(), |dex, index| {
        dex.class(&name(index), |class| {
            class.source("A.kt");
            class.default_constructor();
        })
    });
    all.build()
}

fn program(bytes: &[u8], look: impl FnOnce(&Program<'_>, &mut Facts)) -> Facts {
    let program = Program::new(vec![Dex::parse(bytes).unwrap()]);
    let mut facts = Facts::default();
    look(&program, &mut facts);
    assert_declared(&facts);
    facts
}

#[test]
fn every_rule_of_programs_finds_and_leaves_alone() {
    let pack = pack(PROGRAM);
    let code = |name: &dyn Fn(usize) -> String| {
        let facts = program(&dex(name), |program, facts| facts::program::rows(program, "org.shop.app", facts));
        facts::check(&facts, &pack)
    };
    let letter = |index: usize| char::from(b'a' + u8::try_from(index % 26).unwrap());
    let bad = code(&|index| format!("Lorg/shop/app/Screen{index};"));
    let good = code(&|index| format!("Lorg/shop/app/{}{};", letter(index), letter(index / 26)));
    let repackaged = code(&|index| format!("La/{}{};", letter(index), letter(index / 26)));
    prove(
        &pack,
        vec![
            Case::new("program-not-obfuscated", bad.clone(), good),
            Case::new("program-not-obfuscated", bad, repackaged),
        ],
    );
}

fn seen(classes: &[&str]) -> Facts {
    let made = classes.iter().fold(MadeDex::new(), |dex, class| {
        dex.class(class, |class| {
            class.default_constructor();
        })
    });
    program(&made.build(), |program, facts| {
        let seen = sdks::builtin().seen(Some(program), None, ["lib/arm64-v8a/libflutter.so"]);
        sdks::rows(&seen, facts);
        assert!(sdks::section(&seen).facts.iter().any(|fact| fact.name == "Flutter"));
    })
}

#[test]
fn every_rule_of_trackers_finds_and_leaves_alone() {
    let pack = pack(TRACKERS);
    let case = |rule, bad: Facts, good: Facts| Case::new(rule, facts::check(&bad, &pack), facts::check(&good, &pack));
    prove(
        &pack,
        vec![
            case("privacy-tracker", seen(&["Lcom/appsflyer/internal/A;"]), seen(&["Lokhttp3/Call;"])),
            case("privacy-screen-recording", seen(&["Lcom/uxcam/A;"]), seen(&["Lcom/appsflyer/A;"])),
        ],
    );
}

#[test]
fn every_rule_of_google_play_finds_and_leaves_alone() {
    let pack = pack(PLAY);
    let case = |rule, bad: Facts, good: Facts| Case::new(rule, facts::check(&bad, &pack), facts::check(&good, &pack));
    let app = |target: u32, inside: &str| {
        manifest(&format!(
            "<manifest package=\"org.shop.app\"><uses-sdk a:minSdkVersion=\"26\" a:targetSdkVersion=\"{target}\"/>{inside}</manifest>"
        ))
    };
    let used = |name: &str| app(35, &format!("<uses-permission a:name=\"{name}\"/>"));
    let component = |text: &str| app(35, &format!("<application>{text}</application>"));
    let filtered = |element: &str, rest: &str| {
        component(&format!(
            "<{element} a:name=\".P\" {rest}><intent-filter><action a:name=\"x\"/></intent-filter></{element}>"
        ))
    };
    let library = |alignment: i64| {
        let row = Row::new("native-library", Place::Package)
            .text("name", "libshop.so")
            .text("abi", "arm64-v8a")
            .number("bits", 64)
            .number("page-alignment", alignment);
        join([app(35, ""), Facts { rows: vec![row] }])
    };
    let ending =
        |year: i64| Facts { rows: vec![Row::new("certificate", Place::Package).number("valid-until-year", year)] };
    let declared = |data: &[Data]| {
        let mut facts = seen(&["Lcom/google/firebase/messaging/A;"]);
        sdks::declared_rows(&data.iter().copied().collect::<BTreeSet<_>>(), &mut facts);
        facts
    };
    let native = |abis: &[&str]| {
        let zip = abis.iter().fold(Zip::new(), |zip, abi| zip.stored(format!("lib/{abi}/libshop.so"), b"elf"));
        archive_as(&zip, "aab")
    };
    let mut cases = vec![
        case("play-target-api", app(34, ""), app(35, "")),
        case("play-64-bit", native(&["armeabi-v7a"]), native(&["armeabi-v7a", "arm64-v8a"])),
        case("play-page-size", library(4096), library(16384)),
        case(
            "play-bundle",
            archive_as(&Zip::new().file("a", b"b"), "apk"),
            archive_as(&Zip::new().file("a", b"b"), "aab"),
        ),
        case("play-debuggable", app(35, "<application a:debuggable=\"true\"/>"), app(35, "<application/>")),
        case("play-debuggable", app(35, "<application a:testOnly=\"true\"/>"), app(35, "<application/>")),
        case(
            "play-package-name",
            manifest("<manifest package=\"com.example.shop\"/>"),
            manifest("<manifest package=\"com.examples.shop\"/>"),
        ),
        case("play-certificate-validity", ending(2030), ending(2050)),
        case(
            "play-declare-permission",
            used("android.permission.QUERY_ALL_PACKAGES"),
            used("android.permission.CAMERA"),
        ),
        case(
            "play-declare-permission",
            used("android.permission.health.READ_STEPS"),
            used("android.permission.HIGH_SAMPLING_RATE_SENSORS"),
        ),
        case(
            "play-declare-permission",
            component("<service a:name=\".A\" a:permission=\"android.permission.BIND_ACCESSIBILITY_SERVICE\"/>"),
            component("<service a:name=\".A\" a:permission=\"android.permission.BIND_JOB_SERVICE\"/>"),
        ),
        case("play-sms-call-log", used("android.permission.READ_SMS"), used("android.permission.READ_CONTACTS")),
        case(
            "play-foreground-service",
            component("<service a:name=\".A\" a:foregroundServiceType=\"2\"/>"),
            component("<service a:name=\".A\"/>"),
        ),
        case(
            "play-advertising-id",
            used("com.google.android.gms.permission.AD_ID"),
            used("com.google.android.c2dm.permission.RECEIVE"),
        ),
        case("play-data-safety", declared(&[Data::Name]), declared(&[Data::DeviceIds])),
        case("play-data-safety-form", seen(&["Lcom/google/firebase/messaging/A;"]), declared(&[Data::DeviceIds])),
    ];
    for element in ["activity", "service", "receiver"] {
        cases.push(case("play-exported-written", filtered(element, ""), filtered(element, "a:exported=\"false\"")));
    }
    prove(&pack, cases);
}
