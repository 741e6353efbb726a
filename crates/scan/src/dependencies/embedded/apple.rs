//! Frameworks inside an iOS app: `Frameworks/NAME.framework/Info.plist`, as XML or as the caller has read it.

use super::{Component, Source, found, is_version};
use crate::dependencies::Ecosystem;
use crate::dependencies::error::Wrong;
use crate::dependencies::tree::{self, Element};

/// What the property list of a bundle says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bundle<'a> {
    /// `CFBundleIdentifier`.
    pub identifier: Option<&'a str>,
    /// `CFBundleName` or `CFBundleExecutable`.
    pub name: Option<&'a str>,
    /// `CFBundleShortVersionString`.
    pub version: Option<&'a str>,
}

pub(super) fn wants(path: &str) -> bool {
    path.ends_with(".framework/Info.plist") || path.contains(".bundle/") && path.ends_with("/Info.plist")
}

/// Reads a property list in XML; a binary one is skipped, for the caller reads it and gives a [`Bundle`].
pub(super) fn read(path: &str, bytes: &[u8]) -> Result<Vec<Component>, Wrong> {
    if bytes.starts_with(b"bplist") {
        return Ok(Vec::new());
    }
    let root = tree::xml(bytes)?;
    let Some(dict) = root.child("dict").filter(|_| root.name == "plist") else {
        return Err(Wrong::malformed(root.line, "this is no property list with a dictionary"));
    };
    let value = |key: &str| {
        let at = dict.children.iter().position(|child| child.name == "key" && child.text == key)?;
        dict.children.get(at + 1).filter(|value: &&Element| value.name == "string").map(|value| value.text.as_str())
    };
    let bundle = Bundle {
        identifier: value("CFBundleIdentifier"),
        name: value("CFBundleExecutable").or_else(|| value("CFBundleName")),
        version: value("CFBundleShortVersionString"),
    };
    Ok(component(path, &bundle).into_iter().collect())
}

/// The library of a bundle. `CocoaPods` builds frameworks as `org.cocoapods.NAME`, with the pod's version.
pub(super) fn component(path: &str, bundle: &Bundle<'_>) -> Option<Component> {
    let version = bundle.version.filter(|version| is_version(version) && *version != "1.0");
    let identifier = bundle.identifier?;
    if identifier.starts_with("com.apple.") {
        return None;
    }
    if let Some(pod) = identifier.strip_prefix("org.cocoapods.") {
        return Some(found(Ecosystem::CocoaPods, bundle.name.unwrap_or(pod), version, path, Source::Embedded));
    }
    let pod = match identifier {
        "org.alamofire.Alamofire" => "Alamofire",
        "com.alamofire.AFNetworking" => "AFNetworking",
        "com.onevcat.Kingfisher" => "Kingfisher",
        "io.realm.Realm" => "Realm",
        "io.realm.RealmSwift" => "RealmSwift",
        "io.sentry.Sentry" => "Sentry",
        "com.airbnb.Lottie" => "lottie-ios",
        "com.facebook.sdk.FBSDKCoreKit" => "FBSDKCoreKit",
        "com.google.FirebaseCore" => "FirebaseCore",
        _ => return Some(found(Ecosystem::Framework, identifier, version, path, Source::Embedded)),
    };
    Some(found(Ecosystem::CocoaPods, pod, version, path, Source::Embedded))
}
