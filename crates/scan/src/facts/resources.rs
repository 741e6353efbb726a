//! Facts from XML files that the manifest refers to (paths of file providers, rules for backups) and from the values of
//! resources.

use std::collections::{BTreeSet, HashSet};

use testudo_package::chunk::Value;
use testudo_package::manifest::{Kind as Of, Manifest, Reference};
use testudo_package::resources::Table;
use testudo_package::xml::{Document, Node};

use super::manifest::count;
use super::network::is_local;
use super::{Attribute, Facts, Kind, Row, Type, cut};
use crate::report::Place;
use Type::{Flag, List, Number, Text};

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "provider-path", what: "a folder that a file provider shares", attributes: PROVIDER_PATH },
    Kind { name: "backup-rules", what: "a file of rules for backups", attributes: BACKUP_RULES },
    Kind { name: "url", what: "an address in a string resource", attributes: URL },
];

const PROVIDER_PATH: &[Attribute] =
    &[("element", Text), ("path", Text), ("whole", Flag), ("provider", Text), ("exported", Flag)];
const BACKUP_RULES: &[Attribute] = &[
    ("role", Text),
    ("includes", Number),
    ("excludes", Number),
    ("whole-domains", List),
    ("encrypted-only", Flag),
    ("covers-cloud", Flag),
    ("covers-transfer", Flag),
];
const URL: &[Attribute] =
    &[("url", Text), ("scheme", Text), ("host", Text), ("local", Flag), ("database", Flag), ("name", Text)];

/// The parts of an app's data, all of which but `root` backups take where nothing is included by name.
const DOMAINS: [&str; 5] = ["database", "external", "file", "root", "sharedpref"];
/// The most addresses that are kept.
const MAX_URLS: usize = 2_000;
/// How many bytes of strings are looked at: strings of a table may overlap.
const MAX_LOOKED_AT: usize = 16 << 20;
/// The longest string that is looked at for an address, in bytes.
const LONGEST: usize = 2_048;

/// What an XML file that the manifest refers to is for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// The network security configuration.
    NetworkConfig,
    /// What is backed up until Android 11.
    FullBackup,
    /// What is backed up and transferred from Android 12 on.
    DataExtraction,
    /// The folders that a file provider shares: its class, and whether it is exported.
    ProviderPaths(String, bool),
}

/// The XML files that a manifest refers to, with what each is for. A name is a path in the package, or in source
/// `@xml/name`.
pub fn referred(manifest: &Manifest<'_>) -> Vec<(Role, String)> {
    let mut all = BTreeSet::new();
    let mut add = |role, reference: Option<&Reference<'_>>| {
        let text = reference.and_then(|reference| reference.text.as_deref());
        if let Some(text) = text.filter(|text| !matches!(*text, "" | "true" | "false")) {
            all.insert((role, text.to_owned()));
        }
    };
    let Some(application) = &manifest.application else { return Vec::new() };
    add(Role::NetworkConfig, application.network_security_config.as_ref());
    add(Role::FullBackup, application.full_backup_content.as_ref());
    add(Role::DataExtraction, application.data_extraction_rules.as_ref());
    for component in &application.components {
        let name = component.name.to_string();
        for meta in &component.meta_data {
            let role = match (&component.kind, meta.name.as_ref()) {
                (Of::Provider(_), "android.support.FILE_PROVIDER_PATHS") => {
                    Role::ProviderPaths(name.clone(), component.is_exported(manifest.target_sdk()))
                }
                _ => continue,
            };
            add(role, meta.resource.as_ref());
        }
    }
    all.into_iter().collect()
}

/// The facts of such a file, but for the network security configuration, which has a reader of its own.
pub fn rows(document: &Document<'_>, role: &Role, file: &str, facts: &mut Facts) {
    let Some(root) = document.root() else { return };
    let place = |path: &str| Place::Manifest { file: file.to_owned(), path: path.to_owned() };
    match role {
        Role::NetworkConfig => {}
        Role::ProviderPaths(provider, exported) => {
            for node in root.children() {
                let element = node.name();
                if !element.ends_with("path") {
                    continue;
                }
                let path = text(node, "path").unwrap_or_default();
                let trimmed = path.trim_matches(['/', '.']);
                let row = Row::new("provider-path", place(&format!("paths/{element}")))
                    .text("element", element)
                    .text("path", path.as_str())
                    .flag("whole", trimmed.is_empty())
                    .text("provider", provider.as_str())
                    .flag("exported", *exported);
                facts.push(row);
            }
        }
        Role::FullBackup => facts.push(backup(Row::new("backup-rules", place(root.name())), root, "full-backup")),
        Role::DataExtraction => {
            let row = backup(Row::new("backup-rules", place(root.name())), root, "data-extraction");
            let cloud = root.named("cloud-backup").next();
            let encrypted = cloud.is_some_and(|cloud| flag(cloud, "disableIfNoEncryptionCapabilities"));
            let row = row
                .flag("encrypted-only", encrypted)
                .flag("covers-cloud", cloud.is_some())
                .flag("covers-transfer", root.named("device-transfer").next().is_some());
            facts.push(row);
        }
    }
}

fn backup(row: Row, root: Node<'_>, role: &str) -> Row {
    let named = |name: &'static str| root.descendants().filter(move |node| node.name() == name);
    let whole = |name: &'static str, domain: &str| {
        named(name)
            .filter(|node| text(*node, "domain").as_deref() == Some(domain))
            .any(|node| text(node, "path").is_none_or(|path| path.trim_matches(['/', '.']).is_empty()))
    };
    let includes = count(named("include").count());
    let taken = |domain: &str| if includes == 0 { domain != "root" } else { whole("include", domain) };
    row.text("role", role)
        .number("includes", includes)
        .number("excludes", count(named("exclude").count()))
        .list("whole-domains", DOMAINS.into_iter().filter(|domain| taken(domain) && !whole("exclude", domain)))
}

/// An attribute by its name, with whatever namespace.
fn text(node: Node<'_>, name: &str) -> Option<String> {
    let attr = node.attributes().find(|attr| attr.name() == name)?;
    attr.text().map(std::borrow::Cow::into_owned)
}

fn flag(node: Node<'_>, name: &str) -> bool {
    text(node, name).is_some_and(|text| text == "true")
}

/// The addresses in string resources of the app's table. Each is kept once.
pub fn urls(table: &Table<'_>, file: &str, facts: &mut Facts) {
    let (mut seen, mut strings, mut left) = (BTreeSet::new(), HashSet::new(), MAX_LOOKED_AT);
    for (resource, _, value) in table.values() {
        let Value::String(index) = value else { continue };
        if !strings.insert(index) {
            continue;
        }
        let Some(value) = value.text(table.strings()).filter(|text| text.len() <= LONGEST && text.contains("://"))
        else {
            continue;
        };
        let Some(rest) = left.checked_sub(value.len()) else { return };
        left = rest;
        let Some(name) = table.named(&resource).filter(|name| matches!(name.kind, "string" | "array")) else {
            continue;
        };
        for found in addresses(&value) {
            if seen.len() == MAX_URLS {
                return;
            }
            if !seen.insert(found.url.to_owned()) {
                continue;
            }
            let name = format!("{}/{}", name.kind, cut(name.key));
            let row = Row::new("url", Place::Resource { file: file.to_owned(), name: name.clone() })
                .text("url", found.url)
                .text("scheme", found.scheme)
                .text("host", found.host.as_str())
                .flag("local", is_local(&found.host))
                .flag("database", is_database(&found.host))
                .text("name", &name);
            facts.push(row);
        }
    }
}

struct Address<'t> {
    url: &'t str,
    scheme: &'t str,
    host: String,
}

/// The addresses in a text whose host is one.
fn addresses(text: &str) -> impl Iterator<Item = Address<'_>> {
    let ends = |character: char| {
        character.is_whitespace() || character.is_control() || "\"'<>()[]{}|\\^`,;".contains(character)
    };
    text.split(ends).filter_map(|word| {
        let at = word.find("://")?;
        let (before, rest) = (word.get(..at)?, word.get(at + 3..)?);
        let start = before.rfind(|character: char| !character.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
        let scheme = before.get(start..).filter(|scheme| matches!(*scheme, "http" | "https" | "ws" | "wss" | "ftp"))?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let host = authority.rsplit('@').next()?.split(':').next()?.to_ascii_lowercase();
        let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
        let named = host.contains('.') && !host.starts_with('.') && !host.ends_with('.') || host == "localhost";
        (plain && named).then(|| Address { url: word.get(start..).unwrap_or(word).trim_end_matches('.'), scheme, host })
    })
}

/// Whether a host is a database of Firebase, which answers everybody if its rules let it.
fn is_database(host: &str) -> bool {
    host.ends_with(".firebaseio.com") || host.ends_with(".firebasedatabase.app")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_hosts() {
        let found =
            |text: &str| addresses(text).map(|found| format!("{} {}", found.host, found.url)).collect::<Vec<_>>();
        assert_eq!(
            found("see http://api.example.org/v1?q=1, or (https://b.example:8443)."),
            ["api.example.org http://api.example.org/v1?q=1", "b.example https://b.example:8443"]
        );
        assert_eq!(found("<a href=\"http://user@Host.example/x\">"), ["host.example http://user@Host.example/x"]);
        assert_eq!(found("http://%1$s/path app://x.y http:// http://a"), Vec::<String>::new());
        assert!(is_database("demo-1.firebaseio.com"));
        assert!(!is_database("firebaseio.com.example.org"));
    }
}
