//! Apps for iOS made by hand, and broken ones.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use crate::zip::Limits;
use testudo_crypto::foreign::Hash;
use testudo_testkit::package::plist::{Value, binary, dictionary, profile, texts, xml};
use testudo_testkit::package::zip::Zip;

fn info(name: &str) -> Vec<u8> {
    binary(&dictionary([("CFBundleExecutable", name.into()), ("CFBundleIdentifier", "com.example.app".into())]))
}

#[test]
fn bundles_are_found_with_their_files() {
    let provision = profile(&dictionary([
        ("Name", "Development".into()),
        ("ExpirationDate", Value::Day("2030-01-01")),
        ("TeamIdentifier", texts(&["TEAM123456"])),
        ("ProvisionedDevices", texts(&["a", "b"])),
        ("Entitlements", dictionary([("get-task-allow", true.into())])),
    ]));
    let bytes = Zip::new()
        .stored("Payload/Shop.app/Shop", b"program")
        .file("Payload/Shop.app/Info.plist", info("Shop"))
        .file("Payload/Shop.app/embedded.mobileprovision", provision)
        .file("Payload/Shop.app/PrivacyInfo.xcprivacy", xml(&dictionary([])))
        .stored("Payload/Shop.app/Frameworks/Pay.framework/Pay-iOS", b"library")
        .file("Payload/Shop.app/Frameworks/Pay.framework/Info.plist", info("Pay-iOS"))
        .stored("Payload/Shop.app/PlugIns/Share.appex/Share", b"extension")
        .stored("Payload/Shop.app/Watch/Wrist.app/Wrist", b"watch")
        .write();
    let archive = Archive::read(&bytes, Limits::PACKAGE).unwrap();
    let ipa = Ipa::read(&archive).unwrap();
    let found: Vec<_> = ipa.bundles.iter().map(|bundle| (bundle.name(), bundle.kind)).collect();
    let expected = [
        ("Shop", BundleKind::App),
        ("Pay", BundleKind::Framework),
        ("Share", BundleKind::Extension),
        ("Wrist", BundleKind::InnerApp),
    ];
    assert_eq!(found, expected);
    assert!(ipa.bundles.iter().all(|bundle| ipa.program(bundle).is_some()));
    let app = ipa.app().unwrap();
    assert!(ipa.privacy_manifest(app).unwrap().is_ok() && ipa.privacy_manifest(&ipa.bundles[1]).is_none());
    let profile = Profile::read(&ipa.profile(app).unwrap().unwrap()).unwrap();
    assert_eq!((profile.name(), profile.expires()), (Some("Development"), Some(1_893_456_000)));
    assert_eq!((profile.devices(), profile.is_for_all_devices()), (2, false));
    assert_eq!(profile.teams().collect::<Vec<_>>(), ["TEAM123456"]);
    assert!(profile.entitlements().unwrap().get("get-task-allow").unwrap().flag().unwrap());
}

#[test]
fn files_are_compared_with_their_digests() {
    let sha256 = |bytes: &[u8]| Value::Data(Hash::Sha256.digest(bytes).as_ref().to_vec());
    let sha1 = |bytes: &[u8]| Value::Data(Hash::Sha1.digest(bytes).as_ref().to_vec());
    let newer = |bytes: &[u8]| dictionary([("hash", sha1(b"not looked at")), ("hash2", sha256(bytes))]);
    let read = |list: &Value| {
        let bytes = Zip::new()
            .file("Payload/A.app/a", b"a")
            .file("Payload/A.app/b", b"changed")
            .file("Payload/A.app/_CodeSignature/CodeResources", xml(list))
            .write();
        let archive = Archive::read(&bytes, Limits::PACKAGE).unwrap();
        let ipa = Ipa::read(&archive).unwrap();
        ipa.seal(ipa.app().unwrap()).unwrap().unwrap()
    };
    let files = dictionary([
        ("a", newer(b"a")),
        ("b", newer(b"b")),
        ("c", newer(b"c")),
        ("d", dictionary([("hash2", sha256(b"d")), ("optional", true.into())])),
        ("link", dictionary([("symlink", "a".into())])),
    ]);
    let seal = read(&dictionary([("files", dictionary([])), ("files2", files)]));
    assert_eq!((seal.compared, seal.changed, seal.missing), (2, 1, 1));
    assert_eq!(seal.changed_files, ["Payload/A.app/b"]);
    assert_eq!(seal.missing_files, ["Payload/A.app/c"]);
    let older = dictionary([("a", sha1(b"a")), ("b", dictionary([("hash", sha1(b"b"))]))]);
    let seal = read(&dictionary([("files", older)]));
    assert_eq!((seal.compared, seal.changed, seal.missing), (2, 1, 0));
}

#[test]
fn what_is_no_app_is_refused() {
    let read = |zip: Zip| {
        let bytes = zip.write();
        let archive = Archive::read(&bytes, Limits::PACKAGE).unwrap();
        Ipa::read(&archive).map(|ipa| ipa.bundles.len())
    };
    assert_eq!(read(Zip::new().stored("Payload/readme", b"")), Err(IpaError::NoApp));
    let two = Zip::new().stored("Payload/A.app/A", b"").stored("Payload/B.app/B", b"");
    assert!(matches!(read(two), Err(IpaError::SeveralApps(..))));
    assert_eq!(Profile::read(b"none"), Err(ProfileError::Message));
}
