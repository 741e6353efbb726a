//! Rules about apps for iOS and about what the App Store demands: each finds an app that has the weakness, and leaves one
//! alone that has not. The apps are whole packages, read as the program reads them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::needless_pass_by_value)]

mod rules_support;

use rules_support::{Case, assert_declared, pack, prove};
use testudo_crypto::foreign::Hash;
use testudo_package::ipa::Ipa;
use testudo_package::zip::{Archive, Limits};
use testudo_scan::facts::{self, Facts, Value as Fact, apple};
use testudo_scan::report::Finding;
use testudo_scan::rule::RulePack;
use testudo_testkit::package::macho::{MachO, Signature, fat};
use testudo_testkit::package::plist::{self, Value, dictionary, texts};
use testudo_testkit::package::zip::Zip;

const FILES: &[(&str, &str)] = &[
    ("apple.toml", include_str!("../rules/apple.toml")),
    ("policy/app-store.toml", include_str!("../rules/policy/app-store.toml")),
];
/// The first day of 2026.
const NOW: i64 = 1_767_225_600;

/// An app to write: a clean one, which nothing is to be found in.
#[derive(Clone)]
struct App {
    info: Vec<(String, Value)>,
    privacy: Option<Value>,
    profile: Option<Value>,
    program: Vec<u8>,
    /// Further files, below the app's folder.
    files: Vec<(&'static str, Vec<u8>)>,
}

impl Default for App {
    fn default() -> App {
        let info = [
            ("CFBundleExecutable", "Shop".into()),
            ("CFBundleIdentifier", "com.example.shop".into()),
            ("DTSDKName", "iphoneos26.1".into()),
            ("ITSAppUsesNonExemptEncryption", false.into()),
        ];
        App {
            info: info.into_iter().map(|(key, value): (&str, Value)| (key.to_owned(), value)).collect(),
            privacy: Some(dictionary([("NSPrivacyTracking", false.into())])),
            profile: None,
            program: MachO::default().write(),
            files: Vec::new(),
        }
    }
}

impl App {
    fn info(mut self, key: &str, value: impl Into<Value>) -> App {
        self.info.retain(|(own, _)| own != key);
        self.info.push((key.to_owned(), value.into()));
        self
    }

    fn ats(self, key: &str, value: impl Into<Value>) -> App {
        self.info("NSAppTransportSecurity", dictionary([(key, value.into())]))
    }

    fn domain<const N: usize>(self, exception: [(&str, Value); N]) -> App {
        self.ats("NSExceptionDomains", dictionary([("old.example.com", dictionary(exception))]))
    }

    fn program(self, program: MachO) -> App {
        App { program: program.write(), ..self }
    }

    fn privacy<const N: usize>(self, list: [(&str, Value); N]) -> App {
        App { privacy: Some(dictionary(list)), ..self }
    }

    fn profile<const N: usize>(self, list: [(&str, Value); N]) -> App {
        App { profile: Some(dictionary(list)), ..self }
    }

    fn entitled(self, key: &str, value: impl Into<Value>) -> App {
        self.program(MachO::default().entitled(plist::xml(&dictionary([(key, value.into())]))))
    }

    fn write(&self) -> Vec<u8> {
        let folder = "Payload/Shop.app/";
        let mut zip = Zip::new()
            .file(format!("{folder}Info.plist"), plist::binary(&Value::Dictionary(self.info.clone())))
            .file(format!("{folder}Shop"), &self.program);
        if let Some(list) = &self.privacy {
            zip = zip.file(format!("{folder}PrivacyInfo.xcprivacy"), plist::xml(list));
        }
        if let Some(list) = &self.profile {
            zip = zip.file(format!("{folder}embedded.mobileprovision"), plist::profile(list));
        }
        self.files.iter().fold(zip, |zip, (path, bytes)| zip.file(format!("{folder}{path}"), bytes)).write()
    }

    fn facts(&self) -> Facts {
        let bytes = self.write();
        let archive = Archive::read(&bytes, Limits::PACKAGE).unwrap();
        let mut facts = Facts::default();
        let unread = apple::rows(&Ipa::read(&archive).unwrap(), NOW, &mut facts);
        assert_eq!(unread, []);
        assert_declared(&facts);
        facts
    }
}

fn app() -> App {
    App::default()
}

fn reason(category: &str, reasons: &[&str]) -> Value {
    let category = format!("NSPrivacyAccessedAPICategory{category}");
    Value::Array(vec![dictionary([
        ("NSPrivacyAccessedAPIType", category.as_str().into()),
        ("NSPrivacyAccessedAPITypeReasons", texts(reasons)),
    ])])
}

fn importing(names: &[&str]) -> MachO {
    MachO::default().importing(&[&["___stack_chk_fail", "_objc_msgSend", "_objc_release"], names].concat())
}

struct Table {
    pack: RulePack,
    cases: Vec<Case>,
}

impl Table {
    fn find(&self, app: &App) -> Vec<Finding> {
        facts::check(&app.facts(), &self.pack)
    }

    fn add(&mut self, rule: &'static str, bad: App, good: App) {
        self.cases.push(Case::new(rule, self.find(&bad), self.find(&good)));
    }
}

#[test]
fn every_rule_finds_and_leaves_alone() {
    let mut table = Table { pack: pack(FILES), cases: Vec::new() };
    let found = table.find(&app());
    assert!(found.is_empty(), "{found:#?}");
    programs(&mut table);
    uses(&mut table);
    signing(&mut table);
    lists(&mut table);
    store(&mut table);
    prove(&table.pack, table.cases);
}

fn programs(table: &mut Table) {
    let program = |change: fn(&mut MachO)| {
        let mut program = MachO::default();
        change(&mut program);
        app().program(program)
    };
    table.add("ios-no-position-independence", program(|own| own.flags = 0), app());
    let bare = MachO::default().importing(&["_objc_msgSend", "_objc_release"]);
    let swift = MachO::default().importing(&["_objc_msgSend", "_swift_retain", "_swift_allocObject"]);
    table.add("ios-no-stack-canary", app().program(bare.clone()), app().program(swift));
    // What is encrypted says nothing.
    let encrypted = MachO { encryption: Some(1), ..bare };
    table.add(
        "ios-no-stack-canary",
        app().program(MachO { encryption: None, ..encrypted.clone() }),
        app().program(encrypted),
    );
    let manual = MachO::default().importing(&["___stack_chk_fail", "_objc_msgSend"]);
    let plain = MachO::default().importing(&["___stack_chk_fail", "_malloc"]);
    table.add("ios-no-arc", app().program(manual), app().program(plain));
    table.add("ios-executable-stack", program(|own| own.flags |= 0x2_0000), app());
    table.add("ios-symbols-left", program(|own| own.debug.push("/Users/a/Check.swift".into())), app());
    table.add(
        "ios-outer-library-path",
        program(|own| own.rpaths.push("/Users/build/lib".into())),
        program(|own| own.rpaths.push("/usr/lib/swift".into())),
    );
    let copies = |names| app().program(importing(names));
    table.add("ios-unbounded-copy", copies(&["_strcpy"]), copies(&["_strlcpy", "___strcpy_chk"]));
    table.add(
        "app-store-private-framework",
        program(|own| own.libraries.push("/System/Library/PrivateFrameworks/Secret.framework/Secret".into())),
        program(|own| own.libraries.push("/System/Library/Frameworks/UIKit.framework/UIKit".into())),
    );
    let simulator = MachO { processor: 0x0100_0007, ..MachO::default() };
    let both = App { program: fat(&[MachO::default().write(), simulator.write()]), ..app() };
    table.add("app-store-simulator-code", both, App { program: fat(&[MachO::default().write()]), ..app() });
}

fn uses(table: &mut Table) {
    let imports = |names: &[&str]| app().program(importing(names));
    let sends = |names: &[&str]| app().program(MachO::default().selecting(names));
    table.add("ios-weak-hash", imports(&["_CC_MD5"]), imports(&["_CC_SHA256"]));
    let digest = "_$s9CryptoKit8InsecureO3MD5VMa";
    table.add("ios-weak-hash", imports(&[digest]), imports(&["_$s9CryptoKit6SHA256VMa"]));
    table.add("ios-weak-random", imports(&["_rand"]), imports(&["_arc4random_uniform"]));
    table.add("ios-pasteboard", imports(&["_OBJC_CLASS_$_UIPasteboard"]), imports(&["_OBJC_CLASS_$_UIView"]));
    table.add("ios-old-web-view", imports(&["_OBJC_CLASS_$_UIWebView"]), imports(&["_OBJC_CLASS_$_WKWebView"]));
    table.add(
        "ios-keychain-always",
        imports(&["_kSecAttrAccessibleAlways"]),
        imports(&["_kSecAttrAccessibleWhenUnlocked"]),
    );
    let ask = &["evaluatePolicy:localizedReason:reply:"];
    let bound = importing(&["_SecAccessControlCreateWithFlags"]).selecting(ask);
    table.add("ios-biometric-event", sends(ask), app().program(bound));
    table.add("ios-insecure-unarchive", sends(&["unarchiveObjectWithData:"]), sends(&["decodeObjectOfClass:forKey:"]));
    table.add("ios-tls-validation-off", sends(&["setAllowsAnyHTTPSCertificate:forHost:"]), sends(&["setHost:"]));
    table.add(
        "ios-tls-validation-off",
        imports(&["_kCFStreamSSLValidatesCertificateChain"]),
        imports(&["_kCFStreamSSLPeerName"]),
    );
}

fn signing(table: &mut Table) {
    let signature = |signature| app().program(MachO { signature: Some(signature), ..MachO::default() });
    table.add(
        "ios-old-code-signature",
        signature(Signature { version: 0x2_0200, ..Signature::default() }),
        signature(Signature { version: 0x2_0500, ..Signature::default() }),
    );
    let list = plist::xml(&dictionary([("get-task-allow", false.into())]));
    let entitled = |der| signature(Signature { entitlements: Some(list.clone()), der, ..Signature::default() });
    table.add("ios-old-code-signature", entitled(false), entitled(true));
    let changed = |needle: &[u8]| {
        let mut app = entitled(true);
        let at = app.program.windows(needle.len()).position(|window| window == needle).unwrap();
        app.program[at] ^= 1;
        app
    };
    table.add("ios-changed-after-signing", changed(b"viewDidLoad"), entitled(true));
    table.add("ios-changed-after-signing", changed(b"get-task-allow"), entitled(true));
    let list = plist::xml(&dictionary([]));
    let sealed = |info: Vec<u8>, resources: &[u8]| {
        let own = Signature { info: Some(info), resources: Some(resources.to_vec()), ..Signature::default() };
        App { files: vec![("_CodeSignature/CodeResources", list.clone())], ..signature(own) }
    };
    let whole = sealed(plist::binary(&Value::Dictionary(app().info)), &list);
    table.add("ios-changed-after-signing", sealed(b"another".to_vec(), &list), whole.clone());
    let other = sealed(plist::binary(&Value::Dictionary(app().info)), b"another");
    table.add("ios-changed-after-signing", other, whole);
    let digest = |bytes: &[u8]| Value::Data(Hash::Sha256.digest(bytes).as_ref().to_vec());
    let listed = |bytes: &[u8]| {
        let files = dictionary([("page.html", dictionary([("hash2", digest(bytes))]))]);
        let list = plist::xml(&dictionary([("files2", files)]));
        App { files: vec![("page.html", b"<p>".to_vec()), ("_CodeSignature/CodeResources", list)], ..app() }
    };
    table.add("ios-changed-after-signing", listed(b"<b>"), listed(b"<p>"));
    table.add("ios-debuggable", app().entitled("get-task-allow", true), app().entitled("get-task-allow", false));
    let links = |domain: &str| app().entitled("com.apple.developer.associated-domains", texts(&[domain]));
    table.add("ios-developer-links", links("applinks:example.com?mode=developer"), links("applinks:example.com"));
    let profile = |devices: &[&str], debuggable: bool, day| {
        app().profile([
            ("Name", "Shop".into()),
            ("ExpirationDate", Value::Day(day)),
            ("ProvisionedDevices", texts(devices)),
            ("Entitlements", dictionary([("get-task-allow", debuggable.into())])),
        ])
    };
    let later = "2027-01-01";
    table.add("ios-development-profile", profile(&["one"], true, later), profile(&[], false, later));
    table.add("ios-expired-profile", profile(&[], false, "2025-12-31"), profile(&[], false, later));
}

fn lists(table: &mut Table) {
    let exceptions = [
        ("ios-ats-disabled", "NSAllowsArbitraryLoads"),
        ("ios-ats-web-content", "NSAllowsArbitraryLoadsInWebContent"),
        ("ios-ats-web-content", "NSAllowsArbitraryLoadsForMedia"),
    ];
    for (rule, key) in exceptions {
        table.add(rule, app().ats(key, true), app().ats(key, false));
        table.add("app-store-ats-exception", app().ats(key, true), app().ats(key, false));
    }
    // Since iOS 10 the general exception does not count beside a narrower one.
    let narrowed =
        dictionary([("NSAllowsArbitraryLoads", true.into()), ("NSAllowsArbitraryLoadsInWebContent", true.into())]);
    table.add(
        "ios-ats-disabled",
        app().ats("NSAllowsArbitraryLoads", "YES"),
        app().info("NSAppTransportSecurity", narrowed),
    );
    table.add(
        "ios-ats-insecure-domain",
        app().domain([("NSExceptionAllowsInsecureHTTPLoads", true.into())]),
        app().domain([("NSIncludesSubdomains", true.into())]),
    );
    table.add(
        "ios-ats-weak-tls",
        app().domain([("NSExceptionMinimumTLSVersion", "TLSv1.0".into())]),
        app().domain([("NSExceptionMinimumTLSVersion", "TLSv1.3".into())]),
    );
    table.add(
        "ios-ats-weak-tls",
        app().domain([("NSExceptionRequiresForwardSecrecy", false.into())]),
        app().domain([("NSExceptionRequiresForwardSecrecy", true.into())]),
    );
    let scheme = |scheme: &str| {
        let types = vec![dictionary([("CFBundleTypeRole", "Editor".into()), ("CFBundleURLSchemes", texts(&[scheme]))])];
        app().info("CFBundleURLTypes", types)
    };
    table.add("ios-url-scheme", scheme("shop"), scheme("fb1234567890"));
    table.add("ios-file-sharing", app().info("UIFileSharingEnabled", true), app().info("UIFileSharingEnabled", false));
    let keyboard = |open: bool| {
        let extension = dictionary([
            ("NSExtensionPointIdentifier", "com.apple.keyboard-service".into()),
            ("NSExtensionAttributes", dictionary([("RequestsOpenAccess", open.into())])),
        ]);
        let list = plist::xml(&dictionary([("NSExtension", extension)]));
        App { files: vec![("PlugIns/Keys.appex/Info.plist", list)], ..app() }
    };
    table.add("ios-keyboard-open-access", keyboard(true), keyboard(false));
}

fn store(table: &mut Table) {
    let defaults = || app().program(importing(&["_OBJC_CLASS_$_NSUserDefaults"]));
    let accessed =
        |category, reasons: &[&str]| defaults().privacy([("NSPrivacyAccessedAPITypes", reason(category, reasons))]);
    let missing = |app: App| App { privacy: None, ..app };
    table.add("app-store-privacy-manifest", missing(defaults()), missing(app()));
    // A framework answers for itself.
    let framework = |files: &[(&'static str, Vec<u8>)]| {
        let program = importing(&["_mach_absolute_time"]);
        let program = MachO { kind: 6, ..program }.write();
        let info = plist::binary(&dictionary([("CFBundleExecutable", "Pay".into())]));
        let own = [("Frameworks/Pay.framework/Pay", program), ("Frameworks/Pay.framework/Info.plist", info)];
        App { files: own.iter().chain(files).cloned().collect(), ..app() }
    };
    let own = plist::xml(&dictionary([("NSPrivacyAccessedAPITypes", reason("SystemBootTime", &["35F9.1"]))]));
    let declared = framework(&[("Frameworks/Pay.framework/PrivacyInfo.xcprivacy", own)]);
    table.add("app-store-privacy-manifest", framework(&[]), declared.clone());
    let empty = framework(&[("Frameworks/Pay.framework/PrivacyInfo.xcprivacy", plist::xml(&dictionary([])))]);
    table.add("app-store-required-reason", empty, declared);
    table.add("app-store-required-reason", defaults(), accessed("UserDefaults", &["CA92.1"]));
    let uptime = |list: Value| {
        let program = MachO::default().selecting(&["systemUptime"]);
        app().program(program).privacy([("NSPrivacyAccessedAPITypes", list)])
    };
    table.add(
        "app-store-required-reason",
        uptime(reason("FileTimestamp", &["C617.1"])),
        uptime(reason("SystemBootTime", &["35F9.1"])),
    );
    let right = || accessed("UserDefaults", &["CA92.1"]);
    table.add("app-store-unknown-reason", accessed("UserDefaults", &["C617.1"]), right());
    table.add("app-store-unknown-reason", accessed("Defaults", &["CA92.1"]), right());
    table.add("app-store-unknown-reason", accessed("UserDefaults", &[]), right());

    let place = || app().program(importing(&["_OBJC_CLASS_$_CLLocationManager"]));
    let described = place().info("NSLocationWhenInUseUsageDescription", "Shows shops that are near you.");
    table.add("app-store-usage-description", place(), described);
    let camera = |text: &str| app().info("NSCameraUsageDescription", text);
    table.add("app-store-vague-description", camera("Camera"), camera("Scans the code on a parcel."));
    table.add("app-store-vague-description", camera(" "), camera("扫描包裹上的条码使用相机"));
    let modes = |modes: &[&str]| app().info("UIBackgroundModes", texts(modes));
    table.add("app-store-background-modes", modes(&["audio"]), modes(&["remote-notification"]));
    table.add(
        "app-store-background-location",
        modes(&["location"]),
        modes(&["location"]).info("NSLocationAlwaysAndWhenInUseUsageDescription", "Follows a delivery on the map."),
    );
    table.add("app-store-old-sdk", app().info("DTSDKName", "iphoneos18.2"), app());
    let tracking = |tracking: bool| app().privacy([("NSPrivacyTracking", tracking.into())]);
    let asking = |app: App| app.info("NSUserTrackingUsageDescription", "Shows offers that fit to you.");
    table.add("app-store-tracking-permission", tracking(true), asking(tracking(true)));
    table.add("app-store-tracking-declaration", asking(tracking(false)), asking(tracking(true)));
    let domains = |tracking: bool| {
        let domains = texts(&["ads.example.com"]);
        app().privacy([("NSPrivacyTracking", tracking.into()), ("NSPrivacyTrackingDomains", domains)])
    };
    table.add("app-store-tracking-domains", domains(false), asking(domains(true)));
    let mut silent = app();
    silent.info.retain(|(key, _)| key != "ITSAppUsesNonExemptEncryption");
    table.add("app-store-encryption", silent, app());
}

#[test]
fn what_cannot_be_read_is_told() {
    let broken = App {
        program: b"\xcf\xfa\xed\xfe".to_vec(),
        files: vec![
            ("PlugIns/Share.appex/Share", b"".to_vec()),
            ("PlugIns/Share.appex/PrivacyInfo.xcprivacy", b"x".to_vec()),
        ],
        ..app()
    };
    let bytes = broken.write();
    let archive = Archive::read(&bytes, Limits::PACKAGE).unwrap();
    let unread = apple::rows(&Ipa::read(&archive).unwrap(), NOW, &mut Facts::default());
    let files: Vec<&str> = unread.iter().map(|unread| unread.file.as_str()).collect();
    let expected = [
        "Payload/Shop.app/Shop",
        "Payload/Shop.app/PlugIns/Share.appex/Info.plist",
        "Payload/Shop.app/PlugIns/Share.appex/PrivacyInfo.xcprivacy",
        "Payload/Shop.app/PlugIns/Share.appex/Share",
    ];
    assert_eq!(files, expected);
}

#[test]
fn libraries_outside_of_bundles_are_looked_at() {
    let files = vec![
        ("Frameworks/libextra.dylib", MachO { kind: 6, ..MachO::default() }.importing(&["_strcpy"]).write()),
        ("PlugIns/Share.appex/Info.plist", plist::xml(&dictionary([]))),
        ("PlugIns/Share.appex/libinner.dylib", MachO { kind: 6, ..MachO::default() }.write()),
    ];
    let facts = App { files, ..app() }.facts();
    let programs: Vec<_> = facts.of("mach-o").map(|row| (row.place.path(), row.text_at("bundle").unwrap())).collect();
    let expected = [
        ("Payload/Shop.app/Shop", "Payload/Shop.app/"),
        ("Payload/Shop.app/Frameworks/libextra.dylib", "Payload/Shop.app/"),
        ("Payload/Shop.app/PlugIns/Share.appex/libinner.dylib", "Payload/Shop.app/PlugIns/Share.appex/"),
    ];
    assert_eq!(programs, expected);
}

#[test]
fn rows_say_that_nobody_verified_who_signed() {
    let facts = app().profile([("Name", "Shop".into()), ("ProvisionsAllDevices", true.into())]).facts();
    let program = facts.of("mach-o").next().unwrap();
    assert_eq!(program.get("chain-verified"), Some(&Fact::Flag(false)));
    assert_eq!(program.get("pages-match"), Some(&Fact::Flag(true)));
    assert_eq!(program.get("team"), Some(&Fact::Text("TEAM123456".into())));
    let profile = facts.of("provisioning").next().unwrap();
    assert_eq!(profile.get("signature-verified"), Some(&Fact::Flag(false)));
    assert_eq!(profile.get("type"), Some(&Fact::Text("enterprise".into())));
}
