//! The example report of the tests: a wallet with something in every group, and a few hostile strings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, dead_code)]

use std::sync::LazyLock;

use testudo_core::{Confidence, Severity};
use testudo_scan::report::{
    Coverage, Evidence, Fact, Finding, Fingerprint, Kind, Level, Note, Omission, Origin, Place, Reach, Report, Scan,
    Section, Share, Signature, SignatureVerdict, Step, Target, Tool, Unit,
};
use testudo_scan::rule::RulePack;
use testudo_scan::suppress::{Baseline, Known, Suppressions};

pub const RULES: &str = include_str!("rules.toml");
pub const TODAY: jiff::civil::Date = jiff::civil::date(2026, 11, 30);

static PACK: LazyLock<RulePack> =
    LazyLock::new(|| RulePack::read([("rules.toml", RULES)]).unwrap_or_else(|error| panic!("{error}")));

pub fn pack() -> RulePack {
    PACK.clone()
}

pub fn code(class: &str, method: &str, source: &str, line: u32) -> Place {
    let (file, source) = ("classes.dex".to_owned(), (!source.is_empty()).then(|| source.to_owned()));
    let method = (!method.is_empty()).then(|| method.to_owned());
    Place::Code { file, class: class.to_owned(), method, source, line: (line > 0).then_some(line) }
}

pub fn finding(rule: &str, place: Place) -> Finding {
    Finding::new(PACK.get(rule).unwrap_or_else(|| panic!("no rule {rule}")), place, Confidence::High)
}

fn file(file: &str) -> String {
    file.to_owned()
}

/// Findings of the example, in no order.
pub fn findings() -> Vec<Finding> {
    let manifest = |path: &str| Place::Manifest { file: file("AndroidManifest.xml"), path: path.to_owned() };
    let shown = |text: &str| Some(Evidence::new(text));
    let mut all = vec![
        Finding {
            evidence: shown("minSdkVersion 24, targetSdkVersion 33; Google Play takes 35 and up"),
            ..finding("policy-target-api", manifest("uses-sdk@targetSdkVersion"))
        },
        Finding {
            reach: Reach::Reachable,
            evidence: shown("return-void is the first instruction"),
            ..finding(
                "network-trust-all",
                code(
                    "Lorg/example/wallet/net/Http$1;",
                    "checkServerTrusted([Ljava/security/cert/X509Certificate;Ljava/lang/String;)V",
                    "Http.kt",
                    42,
                ),
            )
        },
        Finding {
            reach: Reach::Reachable,
            evidence: shown("Cipher.getInstance(\"AES\")"),
            flow: vec![
                Step {
                    place: code("Lorg/example/wallet/Settings;", "<clinit>()V", "Settings.kt", 12),
                    what: "MODE = \"AES\"".to_owned(),
                },
                Step {
                    place: code("Lorg/example/wallet/Vault;", "seal([B)[B", "Vault.kt", 31),
                    what: "asked of Cipher.getInstance".to_owned(),
                },
            ],
            ..finding("crypto-ecb-mode", code("Lorg/example/wallet/Vault;", "seal([B)[B", "Vault.kt", 31))
        },
        Finding {
            confidence: Confidence::Medium,
            evidence: Some(Evidence::around("aws_access_key_id = ", "AKIAZ7Q5EXAMPLEKEY42", "")),
            ..finding(
                "storage-secret-in-code",
                Place::Resource { file: file("resources.arsc"), name: "string/aws".into() },
            )
        },
        Finding {
            evidence: Some(Evidence::around("const KEY = \"", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "\"")),
            ..finding(
                "storage-secret-in-code",
                Place::Line { file: file("assets/index.android.bundle"), line: 1, column: Some(80_213) },
            )
        },
        finding("platform-exported-component", manifest("application/activity[.PayActivity]@exported")),
        finding("platform-exported-component", manifest("application/provider[.NotesProvider]@exported")),
        finding("storage-backup", manifest("application@allowBackup")),
        Finding { confidence: Confidence::Low, ..finding("resilience-no-root-check", Place::Package) },
        Finding {
            evidence: shown("AdvertisingIdClient.getAdvertisingIdInfo(context)"),
            origin: Origin::Library("AppsFlyer".into()),
            ..finding("privacy-advertising-id", code("Lcom/appsflyer/internal/AFa1;", "run()V", "", 0))
        },
        finding(
            "auth-biometric-without-key",
            code("Lorg/example/wallet/Unlock;", "ask(Landroidx/fragment/app/FragmentActivity;)V", "Unlock.kt", 77),
        ),
    ];
    for (purl, id, severity) in [
        ("pkg:maven/com.squareup.okhttp3/okhttp@4.9.0", "CVE-2021-0341", Severity::High),
        ("pkg:maven/org.json/json@20180813", "CVE-2022-45688", Severity::Critical),
    ] {
        let name = purl.rsplit('/').next().unwrap().replace('@', " ");
        let place = Place::Dependency { purl: purl.to_owned(), file: Some(file("META-INF/maven/pom.properties")) };
        all.push(Finding {
            title: Some(format!("{id} in {name}")),
            severity,
            origin: Origin::Library(name.split(' ').next().unwrap().to_owned()),
            reach: Reach::Unreachable,
            evidence: Some(Evidence::new(id)),
            ..finding("code-vulnerable-dependency", place)
        });
    }
    // The same weakness in many places of a library.
    for number in 1..=16 {
        all.push(Finding {
            reach: if number < 4 { Reach::Reachable } else { Reach::Unreachable },
            confidence: Confidence::Medium,
            origin: Origin::Library("legacy-crypto".into()),
            evidence: Some(Evidence::new("Cipher.getInstance(\"DES/ECB/PKCS5Padding\")")),
            ..finding("crypto-ecb-mode", code(&format!("Lnet/legacy/c{number:02};"), "a([B)V", "", 0))
        });
    }
    all
}

/// The example before baseline and suppressions.
pub fn scan() -> Scan {
    let pack = pack();
    Scan {
        tool: Tool { name: "testudo".into(), version: "0.1.0".into() },
        scanned: Some(TODAY),
        target: Target {
            file: "wallet-release.apk".into(),
            kind: Kind::Apk,
            size: 9_512_044,
            sha256: Some("9c1f2b7a40d35e6886a1c0ffee5d12fe".repeat(2)),
            app: Some("org.example.wallet".into()),
            version: Some("3.2.1".into()),
            build: Some("321".into()),
        },
        signature: Signature {
            verdict: SignatureVerdict::Valid,
            schemes: vec!["v2".into(), "v3".into()],
            signers: vec!["5d3a91e07b6c44f2a8d0913c77e5b210".repeat(2)],
            why: None,
        },
        pack: data_encoding::HEXLOWER.encode(&pack.hash().unwrap()),
        coverage: Coverage {
            files: Share::whole(1_204),
            classes: Share::whole(15_957),
            methods: Share::whole(110_062),
            bytes: Share::whole(24_160_512),
            gaps: Vec::new(),
            left_out: vec![Omission { part: "res/**/*.png (312 files)".into(), why: "pictures hold no code".into() }],
        },
        rules: pack.rules().cloned().collect(),
        findings: findings(),
        fixed: Vec::new(),
        facts: vec![
            Section {
                name: "Permissions".into(),
                unit: None,
                facts: vec![
                    Fact::present("android.permission.INTERNET"),
                    Fact::valued("android.permission.CAMERA", "dangerous"),
                ],
            },
            Section {
                name: "SDKs".into(),
                unit: None,
                facts: vec![Fact::valued("AppsFlyer", "6.12.1"), Fact::valued("OkHttp", "4.9.0")],
            },
            Section {
                name: "Size".into(),
                unit: Some(Unit::Bytes),
                facts: vec![Fact::counted("dex", 6_100_000), Fact::counted("lib", 2_300_000)],
            },
        ],
        notes: vec![Note { level: Level::Info, text: "names are obfuscated (R8)".into() }],
    }
}

/// A baseline that knows the backup finding and one that is fixed, and a file of suppressions.
pub fn judged() -> Report {
    let mut report = Report::new(scan()).unwrap();
    let mut earlier = scan();
    earlier.findings.retain(|finding| finding.rule.as_str() == "storage-backup");
    earlier.findings.push(finding(
        "platform-exported-component",
        Place::Manifest { file: "AndroidManifest.xml".into(), path: "application/service[.Sync]@exported".into() },
    ));
    let earlier = Report::new(earlier).unwrap();
    Baseline::of(&earlier, None, jiff::civil::date(2026, 9, 1)).apply(&mut report);
    Suppressions::read("testudo-scan.toml", SUPPRESSIONS, &pack()).unwrap().apply(&mut report, TODAY);
    report
}

pub const SUPPRESSIONS: &str = r#"
[[suppress]]
rule = "platform-exported-component"
place = "application/activity[.Gone]*"
reason = "the activity asks for a permission of its own"
expires = 2027-01-31

[[suppress]]
rule = "platform-exported-component"
place = "application/provider*"
reason = "the provider checks the caller's signature itself"
expires = 2027-03-31

[[suppress]]
rule = "auth-biometric-without-key"
place = "org.example.wallet.**"
reason = "key binding comes with the next release"
expires = "2026-10-31"
"#;

/// The example with parts that were not analysed and a signature that does not hold.
pub fn incomplete() -> Report {
    let mut scan = scan();
    scan.coverage.classes.done = 15_000;
    scan.coverage.gaps =
        vec![Omission { part: "classes3.dex".into(), why: "the table of methods ends at 0x1c40 of 0x2000".into() }];
    scan.signature.verdict = SignatureVerdict::Invalid;
    scan.signature.why = Some("the digest of classes.dex differs (v2)".into());
    scan.findings.truncate(2);
    Report::new(scan).unwrap()
}

/// Strings that would do harm where they are not escaped.
pub const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "--><script>",
    "]]><evil/>",
    "&lt;&#60;&amp",
    "javascript:alert(1)",
    "\u{1b}[2J\u{1b}]0;title\u{7}",
    "\u{202e}gpj.exe",
    "a\u{0}b\u{fffe}\u{ffff}",
    "`code` {0} [link](https://evil.example)",
    "::error file=a::b\r\n::set-output name=x::y",
    "..\\../../etc/passwd",
    "\u{feff}\u{2028}line",
];

/// A report in which every string that can come from a package is this one.
pub fn hostile(text: &str) -> Report {
    let mut scan = scan();
    let t = || text.to_owned();
    let some = || Some(text.to_owned());
    scan.target =
        Target { file: t(), kind: Kind::Apk, size: 1, sha256: some(), app: some(), version: some(), build: some() };
    scan.signature =
        Signature { verdict: SignatureVerdict::Invalid, schemes: vec![t()], signers: vec![t()], why: some() };
    scan.pack = t();
    let places = [
        Place::Package,
        Place::File { file: t() },
        Place::Line { file: t(), line: 0, column: Some(0) },
        Place::Code { file: t(), class: t(), method: some(), source: some(), line: Some(0) },
        Place::Code { file: t(), class: format!("L{text};"), method: None, source: some(), line: None },
        Place::Manifest { file: t(), path: t() },
        Place::Resource { file: t(), name: t() },
        Place::Native { file: t(), symbol: some() },
        Place::Dependency { purl: t(), file: some() },
        Place::Dependency { purl: format!("pkg:maven/{text}@{text}"), file: None },
    ];
    scan.findings = places
        .into_iter()
        .map(|place| Finding {
            title: some(),
            origin: Origin::Library(t()),
            evidence: Some(Evidence::new(text)),
            flow: vec![Step { place: place.clone(), what: t() }],
            ..finding("crypto-ecb-mode", place)
        })
        .collect();
    let omission = || Omission { part: t(), why: t() };
    scan.coverage.gaps = vec![omission()];
    scan.coverage.left_out = vec![omission()];
    scan.facts = vec![Section { name: t(), unit: None, facts: vec![Fact::valued(text, text)] }];
    scan.notes = vec![Note { level: Level::Warning, text: t() }];
    scan.fixed = vec![Known {
        rule: "storage-backup".parse().unwrap(),
        place: t(),
        fingerprint: Fingerprint::default(),
        first_seen: TODAY,
    }];
    Report::new(scan).unwrap()
}
