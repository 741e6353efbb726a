//! Apps for the tests, built from their parts: one with weaknesses, and one without.

use testudo_testkit::package::dex::Dex;
use testudo_testkit::package::resources::Table;
use testudo_testkit::package::signature::{Signer, block, entries, put_block, zip};
use testudo_testkit::package::xml::{Element, Xml};

const NAME: u32 = 0x0101_0003;
const DEBUGGABLE: u32 = 0x0101_000f;
const EXPORTED: u32 = 0x0101_0010;
const MIN_SDK: u32 = 0x0101_020c;
const VERSION_CODE: u32 = 0x0101_021b;
const VERSION_NAME: u32 = 0x0101_021c;
const TARGET_SDK: u32 = 0x0101_0270;
const ALLOW_BACKUP: u32 = 0x0101_0280;

/// What differs between the apps of the tests.
#[derive(Clone)]
pub struct App {
    pub package: &'static str,
    pub version: &'static str,
    pub target_sdk: i32,
    pub debuggable: bool,
    pub cipher: &'static str,
    /// A string of the resources.
    pub key: String,
    /// The version of a library whose metadata is in the package.
    pub okio: Option<&'static str>,
    pub files: Vec<(String, Vec<u8>)>,
}

/// An app with a hard-coded credential, ECB, and a library with a known vulnerability; and it may be debugged.
pub fn weak() -> App {
    App {
        package: "com.example.wallet",
        version: "1.0",
        target_sdk: 36,
        debuggable: true,
        cipher: "AES/ECB/PKCS5Padding",
        key: ["sk_", "live_", "q7HLyjWDarTt1zdp7dcBq3kP"].concat(),
        okio: Some("2.8.0"),
        files: Vec::new(),
    }
}

/// An app that does nothing wrong.
pub fn clean() -> App {
    App {
        version: "1.1",
        debuggable: false,
        cipher: "AES/GCM/NoPadding",
        key: "Hello".to_owned(),
        okio: None,
        ..weak()
    }
}

impl App {
    pub fn manifest(&self) -> Vec<u8> {
        let activity = Element::new("activity")
            .android(NAME, "name", format!("{}.Main", self.package).as_str())
            .android(EXPORTED, "exported", true)
            .child(
                Element::new("intent-filter")
                    .child(Element::new("action").android(NAME, "name", "android.intent.action.MAIN"))
                    .child(Element::new("category").android(NAME, "name", "android.intent.category.LAUNCHER")),
            );
        let root = Element::new("manifest")
            .android(VERSION_CODE, "versionCode", 7)
            .android(VERSION_NAME, "versionName", self.version)
            .plain("package", self.package)
            .child(Element::new("uses-sdk").android(MIN_SDK, "minSdkVersion", 28).android(
                TARGET_SDK,
                "targetSdkVersion",
                self.target_sdk,
            ))
            .child(Element::new("uses-permission").android(NAME, "name", "android.permission.INTERNET"))
            .child(
                Element::new("application")
                    .android(DEBUGGABLE, "debuggable", self.debuggable)
                    .android(ALLOW_BACKUP, "allowBackup", false)
                    .child(activity),
            );
        Xml::new(root).write()
    }

    pub fn code(&self) -> Vec<u8> {
        let main = format!("L{}/Main;", self.package.replace('.', "/"));
        Dex::new()
            .class(&main, |class| {
                class.source("Main.kt");
                class.extends("Landroid/app/Activity;");
                class.default_constructor();
                class.method("onCreate", "(Landroid/os/Bundle;)V", 4, |code| {
                    code.line(12);
                    code.const_string(0, self.cipher);
                    let returns = "(Ljava/lang/String;)Ljavax/crypto/Cipher;";
                    code.invoke_static("Ljavax/crypto/Cipher;", "getInstance", returns, &[0]);
                    code.move_result_object(0);
                    code.return_void();
                });
            })
            .build()
    }

    pub fn parts(&self) -> Vec<(String, Vec<u8>)> {
        let table = Table::new(self.package).add("string", "billing_token", self.key.as_str()).write();
        let mut files = entries(&[
            ("AndroidManifest.xml", &self.manifest()),
            ("classes.dex", &self.code()),
            ("resources.arsc", &table),
        ]);
        if let Some(version) = self.okio {
            let text = format!("version={version}\ngroupId=com.squareup.okio\nartifactId=okio\n");
            files.push(("META-INF/maven/com.squareup.okio/okio/pom.properties".to_owned(), text.into_bytes()));
        }
        files.extend(self.files.clone());
        files
    }

    /// The package, signed with scheme v2.
    pub fn signed(&self, signer: &Signer) -> Vec<u8> {
        let unsigned = zip(&self.parts());
        let v2 = block::v2(&unsigned, &[signer], &[]).unwrap();
        put_block(&unsigned, &[(0x7109_871a, v2)])
    }

    /// The file of scheme v4 that goes with a signed package of this app.
    pub fn idsig(&self, package: &[u8], signer: &Signer) -> Vec<u8> {
        block::v4(package, &block::content_digest(&zip(&self.parts())), signer).unwrap()
    }
}

/// The signer of the tests.
pub fn signer() -> Signer {
    Signer::new("Release").unwrap()
}

/// The advisory about the library of [`weak`], as an OSV export holds it.
pub fn advisory() -> String {
    serde_json::json!({
        "schema_version": "1.6.0", "id": "GHSA-w33c-445m-f8w7", "modified": "2026-11-01T00:00:00Z",
        "published": "2023-07-12T21:30:00Z", "aliases": ["CVE-2023-3635"], "summary": "Okio signed to unsigned conversion",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}],
        "affected": [{"package": {"ecosystem": "Maven", "name": "com.squareup.okio:okio"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "2.0.0-RC1"}, {"fixed": "3.4.0"}]}]}]
    })
    .to_string()
}
