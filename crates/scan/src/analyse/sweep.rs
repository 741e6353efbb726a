//! Every file that is no code, one after the other: secrets, traces of libraries, classes that resources name. What was
//! unpacked is dropped before the next file.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::civil::Date;
use testudo_package::bundle;
use testudo_package::chunk::Value;
use testudo_package::elf::Elf;
use testudo_package::netconfig::NetworkConfig;
use testudo_package::plist::Plist;
use testudo_package::resources::Table;
use testudo_package::xml::Document;
use testudo_package::zip::{Archive, Entry};

use super::ledger::Ledger;
use super::open::{Form, Package, is_inner};
use super::secrets::Secrets;
use crate::dependencies::{Bundle, Embedded};
use crate::facts::resources::Role;
use crate::facts::{self, Facts};
use crate::report::Place;

/// The most names of classes that are taken from resources.
const MAX_NAMES: usize = 200_000;
/// How many bytes tell text from other files.
const HEAD: usize = 4_096;

/// What is collected on the way.
pub(super) struct Sweep<'o, 'p> {
    pub(super) secrets: Secrets<'o>,
    pub(super) ledger: Ledger<'p>,
    pub(super) embedded: Embedded,
    /// Names that resources hold where a class may stand.
    pub(super) classes: BTreeSet<String>,
    /// Names of methods that layouts call.
    pub(super) handlers: BTreeSet<String>,
    /// Native libraries with their sizes.
    pub(super) natives: BTreeMap<String, u64>,
    /// Every path.
    pub(super) files: BTreeSet<String>,
    /// What is known beside the code.
    pub(super) facts: Facts,
    /// What files are for that the manifest refers to.
    pub(super) roles: BTreeMap<String, Role>,
    /// The API level that the app is made for.
    pub(super) target_sdk: u32,
    /// Against which dates are held.
    pub(super) today: Date,
    /// Bytes in the package by what they are.
    pub(super) sizes: BTreeMap<&'static str, u64>,
}

impl<'o, 'p> Sweep<'o, 'p> {
    pub(super) fn new(secrets: Secrets<'o>, ledger: Ledger<'p>) -> Sweep<'o, 'p> {
        Sweep {
            secrets,
            ledger,
            embedded: Embedded::new(),
            classes: BTreeSet::new(),
            handlers: BTreeSet::new(),
            natives: BTreeMap::new(),
            files: BTreeSet::new(),
            facts: Facts::default(),
            roles: BTreeMap::new(),
            target_sdk: 1,
            today: Date::ZERO,
            sizes: BTreeMap::new(),
        }
    }

    /// Looks at every file of an archive but those that are `taken`, told by where their records begin.
    pub(super) fn package(&mut self, package: &Package<'_>, taken: &HashSet<usize>) {
        for entry in package.archive.entries() {
            let name = entry.text();
            self.files.insert(format!("{}{name}", package.prefix));
            let stored = if entry.is_deflated() { entry.compressed } else { entry.size };
            *self.sizes.entry(part_of(&name)).or_default() += stored;
            let packed = package.form == Form::Nest && is_inner(&name);
            if !entry.is_folder() && !packed && !taken.contains(&entry.record) {
                self.file(package, entry, &name);
            }
        }
    }

    fn file(&mut self, package: &Package<'_>, entry: &Entry<'_>, name: &str) {
        if let Some(what) = media(name).filter(|_| is_media(&package.archive, entry)) {
            self.ledger.leave_out(what, entry.size);
            return;
        }
        let path = format!("{}{name}", package.prefix);
        let Some(bytes) = self.ledger.read(&package.archive, entry, &path) else { return };
        self.contents(package.form, name, &path, &bytes, Some(entry));
    }

    /// Looks at the bytes of a file.
    pub(super) fn contents(&mut self, form: Form, name: &str, path: &str, bytes: &[u8], entry: Option<&Entry<'_>>) {
        self.embedded.file(path, bytes);
        if is_signature(name) {
            return;
        }
        let complete = if bytes.starts_with(b"\x7fELF") {
            self.natives.insert(path.to_owned(), u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            match Elf::read(bytes) {
                Ok(elf) => facts::native::rows(path, &elf, bytes, entry, &mut self.facts),
                Err(error) => self.ledger.gap(path, error.to_string()),
            }
            self.secrets.binary(path, bytes, true)
        } else if let Some(document) = compiled(form, name, bytes) {
            self.document(path, &document);
            self.referred(path, &document);
            true
        } else if let Some(list) = property_list(name, bytes) {
            self.list(path, &list);
            true
        } else if is_macho(bytes) {
            self.natives.insert(path.to_owned(), u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            self.secrets.binary(path, bytes, true)
        } else if bytes.starts_with(b"dex\n") {
            let why = "code that the app may load itself: looked through for secrets, not followed";
            self.ledger.leave_out_named(path, why);
            self.secrets.binary(path, bytes, false)
        } else if bytes.starts_with(b"PK\x03\x04") {
            self.ledger.leave_out_named(path, "an archive within the package is not unpacked");
            true
        } else if is_text(bytes) {
            self.secrets.text(path, bytes)
        } else {
            self.secrets.binary(path, bytes, false)
        };
        if !complete {
            self.ledger.gap(path, "it is so dense with beginnings of secrets that the rest was left unread");
        }
    }

    /// Looks at a compiled document: its values, and which classes and methods it names.
    pub(super) fn document(&mut self, path: &str, document: &Document<'_>) {
        for node in document.elements() {
            if node.name().contains('.') {
                self.name(node.name());
            }
            for attribute in node.attributes() {
                let Some(text) = attribute.text() else { continue };
                if attribute.name() == "onClick" {
                    self.handlers.insert(text.to_string());
                } else if looks_like_class(&text) {
                    self.name(&text);
                }
                let place =
                    || Place::Manifest { file: path.to_owned(), path: format!("{}@{}", node.name(), attribute.name()) };
                self.secrets.value(Some(attribute.name()), text.as_bytes(), place);
            }
            for text in node.text() {
                let place = || Place::Manifest { file: path.to_owned(), path: node.name().to_owned() };
                self.secrets.value(None, text.as_bytes(), place);
            }
        }
    }

    /// What a file says that the manifest refers to.
    fn referred(&mut self, path: &str, document: &Document<'_>) {
        match self.roles.get(path) {
            None => {}
            Some(Role::NetworkConfig) => match NetworkConfig::read(document) {
                Ok(config) => facts::network::rows(&config, path, self.target_sdk, self.today, &mut self.facts),
                Err(error) => self.ledger.gap(path, error.to_string()),
            },
            Some(role) => facts::resources::rows(document, role, path, &mut self.facts),
        }
    }

    /// Looks at a property list: its values, and which library it describes.
    fn list(&mut self, path: &str, list: &Plist) {
        if path.ends_with(".framework/Info.plist") || path.ends_with(".bundle/Info.plist") {
            let text = |key: &str| list.get(key).and_then(Plist::text);
            let bundle = Bundle {
                identifier: text("CFBundleIdentifier"),
                name: text("CFBundleExecutable").or_else(|| text("CFBundleName")),
                version: text("CFBundleShortVersionString"),
            };
            self.embedded.bundle(path, &bundle);
        }
        let mut open = vec![(String::new(), list)];
        while let Some((key, value)) = open.pop() {
            match value {
                Plist::Dictionary(entries) => {
                    open.extend(entries.iter().rev().map(|(key, value)| (key.clone(), value)));
                }
                Plist::Array(items) => open.extend(items.iter().rev().map(|value| (key.clone(), value))),
                Plist::Text(text) => {
                    let place = || Place::Manifest { file: path.to_owned(), path: key.clone() };
                    self.secrets.value(Some(&key), text.as_bytes(), place);
                }
                Plist::Data(bytes) => {
                    let place = || Place::Manifest { file: path.to_owned(), path: key.clone() };
                    self.secrets.value(Some(&key), bytes, place);
                }
                _ => {}
            }
        }
    }

    /// Looks at the strings of a table of resources.
    pub(super) fn table(&mut self, file: &str, table: &Table<'_>) {
        let mut seen = HashSet::new();
        for (resource, _, value) in table.values() {
            let Value::String(index) = value else { continue };
            if !seen.insert((resource.entry.key, index)) {
                continue;
            }
            let Some(text) = table.strings().get(index).filter(|text| !text.starts_with("res/")) else { continue };
            let Some(name) = table.named(&resource) else { continue };
            if looks_like_class(text) {
                self.name(text);
            }
            let place = || Place::Resource { file: file.to_owned(), name: format!("{}/{}", name.kind, name.key) };
            self.secrets.value(Some(name.key), text.as_bytes(), place);
        }
    }

    fn name(&mut self, name: &str) {
        if self.classes.len() < MAX_NAMES {
            self.classes.insert(name.to_owned());
        }
    }
}

/// A document of binary XML, or of a bundle's form of it.
fn compiled<'a>(form: Form, name: &str, bytes: &'a [u8]) -> Option<Document<'a>> {
    if bytes.starts_with(&[3, 0, 8, 0]) {
        Document::read(bytes).ok()
    } else if form == Form::Bundle && name.as_bytes().ends_with(b".xml") && name.contains("/res/") {
        bundle::document(bytes).ok()
    } else {
        None
    }
}

/// A property list, told by its name or by the first bytes of the binary form.
fn property_list(name: &str, bytes: &[u8]) -> Option<Plist> {
    let named = [".plist", ".xcprivacy", ".entitlements", ".strings"].iter().any(|end| name.ends_with(end));
    (named || bytes.starts_with(b"bplist")).then(|| Plist::read(bytes).ok()).flatten()
}

/// Whether the first bytes are those of a program for Apple's systems.
fn is_macho(bytes: &[u8]) -> bool {
    const MAGIC: [&[u8]; 4] = [b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"];
    MAGIC.iter().any(|magic| bytes.starts_with(magic))
}

/// Whether a text may name a class: `org.example.View`, or `.View` in the app's package.
fn looks_like_class(text: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$');
    text.contains('.')
        && text.len() <= 256
        && text.bytes().all(part)
        && !text.starts_with(|first: char| first.is_ascii_digit())
}

/// Whether no byte at the start speaks against text.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(HEAD)).unwrap_or(bytes);
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        // A character may be cut at the end.
        Err(error) => error.error_len().is_none() && head.len() == HEAD,
    };
    valid && !head.iter().any(|byte| *byte < b' ' && !byte.is_ascii_whitespace() && *byte != 0x1b)
}

/// Files of a JAR signature; the signature's verification reads them.
fn is_signature(name: &str) -> bool {
    let Some(file) = name.strip_prefix("META-INF/") else { return false };
    let kind = file.rsplit_once('.').map_or("", |(_, kind)| kind);
    !file.contains('/') && ["MF", "SF", "RSA", "DSA", "EC"].iter().any(|own| kind.eq_ignore_ascii_case(own))
}

/// What a file with such a name shows, if it is one for eyes and ears only.
pub(super) fn media(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension.to_ascii_lowercase().as_str() {
        "png" | "jpg" | "jpeg" | "gif" | "webp" | "avif" | "heic" | "bmp" | "ico" => "pictures",
        "ttf" | "otf" | "woff" | "woff2" | "ttc" => "fonts",
        "mp3" | "ogg" | "wav" | "m4a" | "aac" | "flac" | "opus" | "mid" | "caf" => "sounds",
        "mp4" | "webm" | "mov" | "3gp" | "mkv" | "m4v" => "films",
        _ => return None,
    })
}

/// Whether the first bytes are those of such a file, so that nothing hides behind its name.
fn is_media(archive: &Archive<'_>, entry: &Entry<'_>) -> bool {
    use std::io::Read as _;
    let mut head = [0; 16];
    let read = archive.stream(entry).ok().and_then(|stream| stream.take(16).read(&mut head).ok());
    read.is_some() && media_head(&head)
}

/// Whether the first bytes are those of a picture, font, sound or film.
pub(super) fn media_head(head: &[u8]) -> bool {
    const STARTS: [&[u8]; 17] = [
        b"\x89PNG",
        b"\xff\xd8\xff",
        b"GIF8",
        b"RIFF",
        b"BM",
        b"\0\0\x01\0",
        b"\0\x01\0\0",
        b"OTTO",
        b"true",
        b"ttcf",
        b"wOF",
        b"ID3",
        b"OggS",
        b"fLaC",
        b"MThd",
        b"caff",
        b"\x1aE\xdf\xa3",
    ];
    let sound = matches!(head, [0xff, second, ..] if second & 0xe0 == 0xe0);
    STARTS.iter().any(|start| head.starts_with(start)) || sound || head.get(4..8) == Some(b"ftyp")
}

/// The part of an app that a file belongs to.
fn part_of(name: &str) -> &'static str {
    let file = name.rsplit_once('/').map_or(name, |(_, file)| file);
    if file.as_bytes().ends_with(b".dex") {
        "code"
    } else if name.contains("lib/") && file.contains(".so") || name.contains(".framework/") {
        "native libraries"
    } else if name.contains("res/") || file == "resources.arsc" || file == "resources.pb" || file == "Assets.car" {
        "resources"
    } else if name.contains("assets/") {
        "assets"
    } else {
        "other files"
    }
}
