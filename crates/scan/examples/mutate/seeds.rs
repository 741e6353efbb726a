//! The packages that mutations start from.

use testudo_package::zip::{Archive, Limits};
use testudo_testkit::package::dex::{Dex, Value};
use testudo_testkit::package::elf::Elf;
use testudo_testkit::package::macho::MachO;
use testudo_testkit::package::plist;
use testudo_testkit::package::resources::Table;
use testudo_testkit::package::signature::{Entry, Signer, block, jar, put_block, zip};
use testudo_testkit::package::xml::{Element, Xml};
use testudo_testkit::package::zip::Zip;

/// A package with its parts.
pub struct Seed {
    whole: Vec<u8>,
    files: Vec<Entry>,
    /// The value of the signing block, if there is one.
    signature: Option<Vec<u8>>,
}

impl Seed {
    /// The package.
    pub fn bytes(&self) -> &[u8] {
        &self.whole
    }

    /// How many parts can be mutated by themselves.
    pub fn parts(&self) -> usize {
        self.files.len() + usize::from(self.signature.is_some())
    }

    /// The package with one part changed.
    pub fn with(&self, part: usize, change: &mut dyn FnMut(&[u8]) -> Vec<u8>) -> Vec<u8> {
        let mut files = self.files.clone();
        let mut signature = self.signature.clone();
        if let Some((_, bytes)) = files.get_mut(part) {
            *bytes = change(bytes);
        } else if let Some(value) = &mut signature {
            *value = change(value);
        }
        build(&files, signature.as_deref())
    }
}

fn build(files: &[Entry], signature: Option<&[u8]>) -> Vec<u8> {
    let plain = zip(files);
    signature.map_or(plain.clone(), |value| put_block(&plain, &[(0x7109_871a, value.to_vec())]))
}

/// All seeds: those of the command line, or else those that are built here.
pub fn all(files: impl Iterator<Item = String>) -> Vec<Seed> {
    let mut seeds: Vec<Seed> = files.map(|path| read(&std::fs::read(path).unwrap())).collect();
    if seeds.is_empty() {
        seeds.extend([android(), nest(), apple()]);
    }
    seeds
}

fn read(bytes: &[u8]) -> Seed {
    let archive = Archive::read(bytes, Limits::PACKAGE).unwrap();
    let contents = |entry| archive.contents(entry).map(|contents| contents.bytes.into_owned()).unwrap_or_default();
    let files = archive.entries().iter().map(|entry| (entry.text().into_owned(), contents(entry))).collect();
    Seed { whole: bytes.to_vec(), files, signature: None }
}

fn manifest() -> Vec<u8> {
    let name = |name: &str| Element::new("uses-permission").android(0x0101_0003, "name", name);
    let activity =
        Element::new("activity").android(0x0101_0003, "name", ".Main").android(0x0101_0010, "exported", true).child(
            Element::new("intent-filter")
                .child(Element::new("action").android(0x0101_0003, "name", "android.intent.action.VIEW"))
                .child(Element::new("data").android(0x0101_0027, "scheme", "wallet")),
        );
    let application = Element::new("application")
        .android(0x0101_000f, "debuggable", true)
        .android(0x0101_0280, "allowBackup", true)
        .android(0x0101_0527, "networkSecurityConfig", testudo_testkit::package::xml::Value::Reference(0x7f01_0000))
        .child(activity);
    let root = Element::new("manifest")
        .android(0x0101_021b, "versionCode", 3)
        .plain("package", "com.example.wallet")
        .child(Element::new("uses-sdk").android(0x0101_020c, "minSdkVersion", 21))
        .child(name("android.permission.CAMERA"))
        .child(application);
    Xml::new(root).write()
}

fn code() -> Vec<u8> {
    Dex::new()
        .class("Lcom/example/wallet/Main;", |class| {
            class.source("Main.kt");
            class.extends("Landroid/app/Activity;");
            class.constant("MODE", "Ljava/lang/String;", Value::string("AES/ECB/PKCS5Padding"));
            class.default_constructor();
            class.method("onCreate", "(Landroid/os/Bundle;)V", 6, |code| {
                code.line(7);
                code.sget(0, "Lcom/example/wallet/Main;", "MODE", "Ljava/lang/String;");
                let of = "(Ljava/lang/String;)Ljavax/crypto/Cipher;";
                code.invoke_static("Ljavax/crypto/Cipher;", "getInstance", of, &[0]);
                code.move_result_object(1);
                code.const_int(2, 16);
                code.new_array(3, 2, "[B");
                code.fill_bytes(3, &[7; 16]);
                let key = "([BLjava/lang/String;)V";
                code.new_object(4, "Ljavax/crypto/spec/SecretKeySpec;", key, &[3, 0]);
                code.if_eqz(1, "end");
                code.invoke_virtual("Lcom/example/wallet/Main;", "finish", "()V", &[5]);
                code.label("end");
                code.return_void();
            });
        })
        .build()
}

fn parts() -> Vec<Entry> {
    let network = Element::new("network-security-config")
        .child(Element::new("base-config").plain("cleartextTrafficPermitted", true));
    let table = Table::new("com.example.wallet")
        .add("xml", "network", "res/xml/network.xml")
        .add("string", "api_key", "9c2f1be07d6a4853bd21f0c7e8a46f35")
        .write();
    let info = plist::dictionary([("CFBundleIdentifier", "com.example.kit".into()), ("Flag", true.into())]);
    let library = Elf { constants: b"OpenSSL 1.1.1k  25 Mar 2021".to_vec(), ..Elf::default() };
    vec![
        ("AndroidManifest.xml".to_owned(), manifest()),
        ("classes.dex".to_owned(), code()),
        ("resources.arsc".to_owned(), table),
        ("res/xml/network.xml".to_owned(), Xml::new(network).write()),
        ("lib/arm64-v8a/libnative.so".to_owned(), library.write()),
        ("assets/info.plist".to_owned(), plist::binary(&info)),
        (
            "assets/settings.json".to_owned(),
            b"{\"password\": \"Tr0ub4dor&3x\", \"url\": \"http://a.example\"}".to_vec(),
        ),
        ("META-INF/maven/a/b/pom.properties".to_owned(), b"version=1.2\ngroupId=a\nartifactId=b\n".to_vec()),
    ]
}

fn android() -> Seed {
    let signer = Signer::new("Release").unwrap();
    let mut files = parts();
    jar::sign(&mut files, &signer, "CERT", &[("X-Android-APK-Signed", "2")]).unwrap();
    let signature = block::v2(&zip(&files), &[&signer], &[]).unwrap();
    Seed { whole: build(&files, Some(&signature)), files, signature: Some(signature) }
}

fn nest() -> Seed {
    let inner = android();
    let files = vec![
        ("base.apk".to_owned(), inner.whole),
        ("manifest.json".to_owned(), b"{\"package_name\": \"com.example.wallet\"}".to_vec()),
    ];
    let zip = files.iter().fold(Zip::new(), |zip, (name, bytes)| zip.file(name, bytes));
    Seed { whole: zip.write(), files, signature: None }
}

fn apple() -> Seed {
    let info = plist::dictionary([
        ("CFBundleIdentifier", "com.example.app".into()),
        ("CFBundleExecutable", "App".into()),
        ("CFBundleShortVersionString", "1.0".into()),
        ("NSAppTransportSecurity", plist::dictionary([("NSAllowsArbitraryLoads", true.into())])),
        ("NSCameraUsageDescription", "to see".into()),
    ]);
    let entitlements = plist::xml(&plist::dictionary([("get-task-allow", true.into())]));
    let profile =
        plist::profile(&plist::dictionary([("Name", "Team".into()), ("TeamIdentifier", plist::texts(&["T"]))]));
    let privacy = plist::xml(&plist::dictionary([("NSPrivacyTracking", false.into())]));
    let files: Vec<Entry> = vec![
        ("Payload/App.app/Info.plist".to_owned(), plist::binary(&info)),
        ("Payload/App.app/App".to_owned(), MachO::default().entitled(entitlements).write()),
        ("Payload/App.app/PrivacyInfo.xcprivacy".to_owned(), privacy),
        ("Payload/App.app/embedded.mobileprovision".to_owned(), profile),
        ("Payload/App.app/Frameworks/Kit.framework/Info.plist".to_owned(), plist::xml(&info)),
        ("Payload/App.app/main.jsbundle".to_owned(), b"var token = \"none\";".to_vec()),
    ];
    Seed { whole: build(&files, None), files, signature: None }
}
