//! What is read from foreign packages against what Android's own tools read: `aapt`, and `aapt2` for bundles.
//!
//! `TESTUDO_PACKAGES` names a folder with packages; without it, or without `aapt`, this says so and checks nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use testudo_package::bundle;
use testudo_package::chunk::{Pool, Value};
use testudo_package::manifest::{Kind, Level, Manifest};
use testudo_package::resources::{Content, Table};
use testudo_package::xml::{ANDROID, Document};
use testudo_package::zip::{Archive, Limits};

/// What the tool says, if it takes the package.
fn aapt(arguments: &[&str], package: &Path, rest: &[&str]) -> Option<String> {
    let output = Command::new("aapt").arg("dump").args(arguments).arg(package).args(rest).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn packages() -> Option<Vec<PathBuf>> {
    let Some(folder) = std::env::var_os("TESTUDO_PACKAGES") else {
        eprintln!("SKIPPED: TESTUDO_PACKAGES names no folder with packages");
        return None;
    };
    if Command::new("aapt").arg("version").output().is_err() {
        eprintln!("SKIPPED: `aapt` is not installed");
        return None;
    }
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "apk"));
    paths.sort();
    Some(paths)
}

/// Runs `compare` for each package: true if there was something to compare.
fn each(compare: impl Fn(&Path, &Archive<'_>) -> Result<bool, String>) {
    let Some(paths) = packages() else { return };
    let (mut same, mut silent, mut wrong) = (0, 0, Vec::new());
    for path in &paths {
        let bytes = std::fs::read(path).unwrap();
        let result = match Archive::read(&bytes, Limits::PACKAGE) {
            Ok(archive) => compare(path, &archive),
            Err(_) => Ok(false),
        };
        match result {
            Ok(true) => same += 1,
            Ok(false) => silent += 1,
            Err(difference) => wrong.push(format!("{}: {difference}", path.display())),
        }
    }
    eprintln!("{same} packages read the same, {silent} had nothing to compare");
    assert!(wrong.is_empty(), "{} packages differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(same > 0, "no package was compared");
}

fn entry(archive: &Archive<'_>, name: &str) -> Option<Vec<u8>> {
    Some(archive.contents(archive.find(name)?).ok()?.bytes.into_owned())
}

fn difference(ours: &str, theirs: &str) -> Result<bool, String> {
    let mut lines = ours.lines().zip(theirs.lines());
    if let Some((ours, theirs)) = lines.find(|(ours, theirs)| ours != theirs) {
        return Err(format!("we read\n  {ours}\nand aapt\n  {theirs}"));
    }
    let (ours, theirs) = (ours.lines().count(), theirs.lines().count());
    if ours == theirs { Ok(true) } else { Err(format!("we read {ours} lines and aapt {theirs}")) }
}

/// Elements, attributes and text, as `aapt dump xmltree` writes them, without namespaces and raw values.
fn tree(document: &Document<'_>) -> String {
    let mut out = String::new();
    for node in document.elements() {
        let prefix = if node.namespace() == Some(ANDROID) { "android:" } else { "" };
        writeln!(out, "E: {prefix}{} (line={})", node.name(), node.line()).unwrap();
        for attr in node.attributes() {
            let prefix = if attr.namespace() == Some(ANDROID) { "android:" } else { "" };
            let id = attr.id().map(|id| format!("({id:#010x})")).unwrap_or_default();
            let value = match attr.value() {
                Value::Reference(id) => format!("@{id:#010x}"),
                Value::Attribute(id) => format!("?{id:#010x}"),
                Value::String(_) => {
                    let text = attr.text().unwrap_or_default();
                    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
                }
                value => value.text(&Pool::default()).unwrap_or_default().into_owned(),
            };
            writeln!(out, "A: {prefix}{}{id}={value}", attr.name()).unwrap();
        }
    }
    out
}

/// The same out of what the tool wrote.
fn their_tree(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("E: ") {
            writeln!(out, "{line}").unwrap();
        } else if let Some(attribute) = line.strip_prefix("A: ") {
            let at = attribute.find('=').unwrap();
            let (name, value) = (&attribute[..at], &attribute[at + 1..]);
            let prefix =
                name.rsplit_once(':').map_or("", |(uri, _)| if uri.ends_with("android") { "android:" } else { "" });
            let name = name.rsplit_once(':').map_or(name, |(_, name)| name);
            let value = value.rsplit_once(" (Raw: ").map_or(value, |(value, _)| value);
            let value = if let Some(typed) = value.strip_prefix("(type 0x") {
                let (kind, data) = typed.split_once(")0x").unwrap();
                let value = Value::new(u8::from_str_radix(kind, 16).unwrap(), u32::from_str_radix(data, 16).unwrap());
                value.text(&Pool::default()).unwrap_or_default().into_owned()
            } else {
                value.to_owned()
            };
            writeln!(out, "A: {prefix}{name}={value}").unwrap();
        }
    }
    out
}

#[test]
fn manifests_have_the_elements_and_attributes_that_aapt_reads() {
    each(|path, archive| {
        let Some(theirs) = aapt(&["xmltree"], path, &["AndroidManifest.xml"]) else { return Ok(false) };
        let Some(bytes) = entry(archive, "AndroidManifest.xml") else { return Ok(false) };
        let document = Document::read(&bytes).map_err(|error| error.to_string())?;
        difference(&tree(&document), &their_tree(&theirs))
    });
}

#[test]
fn tables_have_the_resources_that_aapt_reads() {
    each(|path, archive| {
        let Some(theirs) = aapt(&["resources"], path, &[]) else { return Ok(false) };
        let Some(bytes) = entry(archive, "resources.arsc") else { return Ok(false) };
        let table = Table::read(&bytes).map_err(|error| error.to_string())?;
        let mut ours = BTreeSet::new();
        for resource in table.resources() {
            let package = table.packages().iter().find(|package| u32::from(package.id) == resource.id >> 24).unwrap();
            let name = table.named(&resource).ok_or_else(|| format!("{:#010x} has no name", resource.id))?;
            let value = match resource.entry.content {
                Content::Value(value) => format!("{value:?}"),
                Content::Bag(_) => "bag".to_owned(),
            };
            let config = resource.config.to_string();
            ours.insert(format!("{config}|{:#010x}|{}:{}/{}|{value}", resource.id, package.name, name.kind, name.key));
        }
        let theirs: BTreeSet<String> = their_resources(&theirs).collect();
        // The tool says nothing when it refuses an archive, and does not know compact entries.
        if theirs.is_empty() {
            return Ok(false);
        }
        let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).take(3).cloned().collect::<Vec<_>>();
        match (only(&ours, &theirs), only(&theirs, &ours)) {
            (a, b) if a.is_empty() && b.is_empty() => Ok(!ours.is_empty()),
            (a, b) => Err(format!("only we read {a:?}, only aapt {b:?}")),
        }
    });
}

fn their_resources(text: &str) -> impl Iterator<Item = String> {
    let mut config = String::new();
    text.lines().map(str::trim_start).filter_map(move |line| {
        if let Some(own) = line.strip_prefix("config ") {
            let own = own.trim_end_matches(':');
            config = if own == "(default)" { String::new() } else { own.to_owned() };
        }
        let rest = line.strip_prefix("resource 0x")?;
        let (head, value) = rest.rsplit_once(": ")?;
        let (id, name) = head.split_once(' ')?;
        let value = if value.starts_with("<bag>") {
            "bag".to_owned()
        } else {
            let number = |key: &str| {
                let digits = value.split(key).nth(1)?.split(' ').next()?;
                u32::from_str_radix(digits, 16).ok()
            };
            format!("{:?}", Value::new(u8::try_from(number("t=0x")?).ok()?, number("d=0x")?))
        };
        Some(format!("{config}|0x{id}|{name}|{value}"))
    })
}

#[test]
fn manifests_say_what_aapt_says_about_the_app() {
    each(|path, archive| {
        let Some(theirs) = aapt(&["badging"], path, &[]) else { return Ok(false) };
        let Some(bytes) = entry(archive, "AndroidManifest.xml") else { return Ok(false) };
        let document = Document::read(&bytes).map_err(|error| error.to_string())?;
        let arsc = entry(archive, "resources.arsc").unwrap_or_default();
        let table = Table::read(&arsc).ok();
        let manifest = Manifest::read(&document, table.as_ref()).map_err(|error| error.to_string())?;
        difference(&badge(&manifest), &their_badge(&theirs))
    });
}

/// Every value of every resource, with names and text.
///
/// Left out is what tools write differently: what attributes allow, what ids hold, how the items of arrays are numbered.
fn values(table: &Table<'_>) -> BTreeSet<String> {
    let line = |(resource, item, value): (testudo_package::resources::Resource<'_>, Option<u32>, Value)| {
        let name = table.named(&resource)?;
        let item = if name.kind == "array" { None } else { item };
        let value = value.text(table.strings());
        let kept = !matches!(name.kind, "attr" | "^attr-private" | "id");
        kept.then(|| format!("{}|{:#010x}|{name}|{item:x?}|{value:?}", resource.config, resource.id))
    };
    table.values().filter_map(line).collect()
}

/// Without icons, which have no default to agree on, and themes, which in a bundle have a name although they are Android's.
fn without_looks(mut manifest: Manifest<'_>) -> Manifest<'_> {
    if let Some(application) = &mut manifest.application {
        (application.icon, application.theme) = (None, None);
        for component in &mut application.components {
            if let Kind::Activity(activity) = &mut component.kind {
                activity.theme = None;
            }
        }
    }
    manifest
}

#[test]
fn a_bundle_of_the_same_app_reads_the_same() {
    if Command::new("aapt2").arg("version").output().is_err() {
        eprintln!("SKIPPED: `aapt2` is not installed");
        return;
    }
    let folder = own_folder();
    each(|path, archive| {
        let (Some(binary), Some(arsc)) = (entry(archive, "AndroidManifest.xml"), entry(archive, "resources.arsc"))
        else {
            return Ok(false);
        };
        let converted = folder.join("bundle.apk");
        let mut convert = Command::new("aapt2");
        convert.args(["convert", "--output-format", "proto", "-o"]).arg(&converted).arg(path);
        // Those of the signing tool all hold the same app.
        if path.to_string_lossy().contains("apksig") || !convert.output().unwrap().status.success() {
            return Ok(false);
        }
        let bytes = std::fs::read(&converted).unwrap();
        let bundle = Archive::read(&bytes, Limits::PACKAGE).map_err(|error| error.to_string())?;
        let messages = (entry(&bundle, "AndroidManifest.xml"), entry(&bundle, "resources.pb"));
        let (Some(manifest), Some(resources)) = messages else { return Ok(false) };

        let resources = bundle::table(&resources);
        let (ours, theirs) = (Table::read(&arsc).unwrap(), Table::read(&resources).unwrap());
        let (own, other) = (values(&ours), values(&theirs));
        // The tool does not know compact entries.
        if other.is_empty() {
            return Ok(false);
        }
        if own != other {
            let only =
                |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).take(4).cloned().collect::<Vec<_>>();
            return Err(format!(
                "only the package has {:?}, only the bundle {:?}",
                only(&own, &other),
                only(&other, &own)
            ));
        }
        let (document, message) = (Document::read(&binary).unwrap(), bundle::document(&manifest).unwrap());
        let own = Manifest::read(&document, Some(&ours)).map_err(|error| error.to_string())?;
        let other = Manifest::read(&message, Some(&theirs)).map_err(|error| error.to_string())?;
        difference(&format!("{:#?}", without_looks(own)), &format!("{:#?}", without_looks(other)))
    });
}

/// A folder of its own below the one for temporary files.
fn own_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("testudo-conformance-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn badge(manifest: &Manifest<'_>) -> String {
    let mut out = String::new();
    let code = manifest.version_code.map(|code| code.to_string()).unwrap_or_default();
    let name = manifest.version_name.as_deref().unwrap_or_default();
    writeln!(out, "package {} {code} {name}", manifest.package).unwrap();
    let level = |level: &Option<Level<'_>>| match level {
        Some(Level::Number(number)) => number.to_string(),
        Some(Level::Codename(name)) => name.to_string(),
        None => String::new(),
    };
    writeln!(out, "sdk {} {} {}", level(&manifest.sdk.min), level(&manifest.sdk.target), level(&manifest.sdk.max))
        .unwrap();
    let permissions: BTreeSet<&str> =
        manifest.uses_permissions.iter().filter(|own| !own.from_23).map(|own| own.name.as_ref()).collect();
    for name in permissions {
        writeln!(out, "permission {name}").unwrap();
    }
    let label = manifest.application.as_ref().and_then(|application| application.label.as_deref());
    writeln!(out, "label {}", label.unwrap_or_default()).unwrap();
    let debuggable = manifest.application.as_ref().and_then(|application| application.debuggable);
    writeln!(out, "debuggable {}", debuggable.unwrap_or(false)).unwrap();
    out
}

fn their_badge(text: &str) -> String {
    let value = |line: &str| line.split('\'').nth(1).unwrap_or_default().to_owned();
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default();
    let field = |line: &str, key: &str| {
        line.split(key).nth(1).and_then(|rest| rest.split('\'').next()).unwrap_or_default().to_owned()
    };
    let mut out = String::new();
    let package = line("package: ");
    let (name, code, version) =
        (field(package, " name='"), field(package, "versionCode='"), field(package, "versionName='"));
    writeln!(out, "package {name} {code} {version}").unwrap();
    let levels = ["sdkVersion:", "targetSdkVersion:", "maxSdkVersion:"].map(|start| value(line(start)));
    writeln!(out, "sdk {} {} {}", levels[0], levels[1], levels[2]).unwrap();
    // Those that others bring along stand in both lists.
    let listed = |start: &str| text.lines().filter(|line| line.starts_with(start)).map(value).collect::<BTreeSet<_>>();
    let (permissions, implied) = (listed("uses-permission: "), listed("uses-implied-permission: "));
    for name in permissions.difference(&implied) {
        writeln!(out, "permission {name}").unwrap();
    }
    writeln!(out, "label {}", value(line("application-label:"))).unwrap();
    writeln!(out, "debuggable {}", text.lines().any(|line| line == "application-debuggable")).unwrap();
    out
}
