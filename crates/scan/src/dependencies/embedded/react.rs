//! Versions in React Native's bundles, as JavaScript and as Hermes bytecode: texts that well-known libraries carry.

use memchr::memmem;

use super::{Component, Source, found, is_version};
use crate::dependencies::Ecosystem;

pub(super) fn wants(path: &str) -> bool {
    path.ends_with(".jsbundle") || path.ends_with(".bundle") && path.contains("assets/")
}

/// Texts before a version in a minified bundle, the package, and what must follow.
const TEXTS: &[(&str, &str, &str)] = &[
    ("@license React\n * react.production.min.js\n *\n * v", "react", ""),
    ("axios/", "axios", ""),
    ("Axios v", "axios", ""),
    ("core-js/", "core-js", ""),
    ("lodash@", "lodash", ""),
    ("Lodash <https://lodash.com/>\n * VERSION = '", "lodash", ""),
    ("//! version : ", "moment", ""),
    ("socket.io-client/", "socket.io-client", ""),
    ("@sentry/react-native/", "@sentry/react-native", ""),
    ("sentry.javascript.react-native/", "@sentry/react-native", ""),
    ("@firebase/app\",\"", "@firebase/app", ""),
    ("CryptoJS v", "crypto-js", ""),
    ("jquery/", "jquery", ""),
    ("jQuery JavaScript Library v", "jquery", ""),
    ("jsrsasign-", "jsrsasign", ""),
    ("DOMPurify ", "dompurify", ""),
];

pub(super) fn read(path: &str, bytes: &[u8]) -> Vec<Component> {
    let mut components = Vec::new();
    for &(lead, name, end) in TEXTS {
        // A few first places are enough, and keep crafted files linear.
        for at in memmem::find_iter(bytes, lead.as_bytes()).take(64) {
            let rest = bytes.get(at + lead.len()..).unwrap_or_default();
            let taken =
                rest.iter().take(33).take_while(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(byte)).count();
            let version = std::str::from_utf8(rest.get(..taken).unwrap_or_default()).unwrap_or_default();
            let version = version.trim_end_matches('.');
            let follows = rest.get(taken..).is_some_and(|rest| rest.starts_with(end.as_bytes()));
            if taken <= 32 && follows && is_version(version) && version.matches('.').count() == 2 {
                components.push(found(Ecosystem::Npm, name, Some(version), path, Source::Text));
                break;
            }
        }
    }
    if let Some(version) = react_native(bytes) {
        components.push(found(Ecosystem::Npm, "react-native", Some(&version), path, Source::Text));
    }
    components
}

/// React Native writes its version as an object: `{major:0,minor:72,patch:6,prerelease:null}`.
fn react_native(bytes: &[u8]) -> Option<String> {
    for at in memmem::find_iter(bytes, b"major:").take(64) {
        let rest = bytes.get(at..bytes.len().min(at + 80)).unwrap_or_default();
        let text = String::from_utf8_lossy(rest);
        let number = |key: &str| {
            let (_, rest) = text.split_once(key)?;
            let end = rest.bytes().take_while(u8::is_ascii_digit).count();
            rest.get(..end).filter(|digits| !digits.is_empty() && digits.len() < 6).map(str::to_owned)
        };
        if text.contains("prerelease:")
            && let (Some(major), Some(minor), Some(patch)) = (number("major:"), number("minor:"), number("patch:"))
        {
            return Some(format!("{major}.{minor}.{patch}"));
        }
    }
    None
}
