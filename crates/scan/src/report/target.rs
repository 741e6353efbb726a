//! What was scanned, by what, and who signed it.

use serde::{Deserialize, Serialize};

/// The program that scanned.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version, as semantic versioning writes it.
    pub version: String,
}

/// The package or folder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The file's name, without its folder.
    pub file: String,
    /// What it is.
    pub kind: Kind,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of its bytes in hexadecimal digits; a folder has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The app's id, such as `org.example.wallet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The version for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The version for machines: Android's `versionCode`, Apple's `CFBundleVersion`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
}

/// What a target is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An Android package.
    Apk,
    /// Several Android packages in one file.
    Xapk,
    /// An Android app bundle.
    Aab,
    /// An iOS package.
    Ipa,
    /// A folder of sources.
    Folder,
}

impl Kind {
    /// The name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Kind::Apk => "APK",
            Kind::Xapk => "XAPK",
            Kind::Aab => "AAB",
            Kind::Ipa => "IPA",
            Kind::Folder => "source folder",
        }
    }
}

/// Who signed the package.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Whether it holds.
    pub verdict: SignatureVerdict,
    /// The schemes that were verified: `v1`, `v2`, `v3`, `v3.1`, `v4`, `apple`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schemes: Vec<String>,
    /// SHA-256 of each signer's certificate in hexadecimal digits, the current signer first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<String>,
    /// What speaks against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Whether a signature holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureVerdict {
    /// It holds.
    Valid,
    /// It does not hold.
    Invalid,
    /// It holds, by another key than the one registered for the app.
    OtherSigner,
    /// There is none.
    Unsigned,
    /// It was not looked at, or there is nothing that could be signed.
    Unchecked,
}
