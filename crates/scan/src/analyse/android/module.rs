//! The parts of an app: the manifest, table and executables of a package, a split, or a module of a bundle.

use std::borrow::Cow;

use testudo_package::bundle;
use testudo_package::manifest::Manifest;
use testudo_package::resources::Table;
use testudo_package::xml::Document;
use testudo_package::zip::Entry;

use crate::analyse::Options;
use crate::analyse::ledger::Ledger;
use crate::analyse::open::{Form, Package};

/// Files with their paths.
pub(super) type Files<'a> = Vec<(String, Cow<'a, [u8]>)>;

/// A part of an app with its own manifest, table and executables.
pub(super) struct Module<'m, 'a> {
    pub(super) package: &'m Package<'a>,
    /// The path of its files in its archive: empty, or `base/`.
    pub(super) root: String,
    pub(super) manifest: &'m Entry<'a>,
    pub(super) table: Option<&'m Entry<'a>>,
    pub(super) code: Vec<&'m Entry<'a>>,
}

impl<'m, 'a> Module<'m, 'a> {
    /// The modules of an archive.
    pub(super) fn all(package: &'m Package<'a>) -> Vec<Module<'m, 'a>> {
        let archive = &package.archive;
        let roots: Vec<String> = match package.form {
            Form::Apk => vec![String::new()],
            Form::Bundle => {
                let names = archive.entries().iter().map(Entry::text);
                names.filter_map(|name| name.strip_suffix("manifest/AndroidManifest.xml").map(str::to_owned)).collect()
            }
            Form::Ipa | Form::Nest => Vec::new(),
        };
        let bundle = package.form == Form::Bundle;
        let module = |root: String| {
            let manifest = if bundle { "manifest/AndroidManifest.xml" } else { "AndroidManifest.xml" };
            let (table, code) = if bundle { ("resources.pb", "dex/") } else { ("resources.arsc", "") };
            let within = format!("{root}{code}");
            let executable = |entry: &&'m Entry<'a>| {
                let number = entry.text().strip_prefix(within.as_str()).and_then(executable_number)?;
                Some((number, *entry))
            };
            let mut code: Vec<_> = archive.entries().iter().filter_map(|entry| executable(&entry)).collect();
            code.sort_by_key(|(number, entry)| (*number, entry.record));
            Some(Module {
                package,
                manifest: archive.find(format!("{root}{manifest}"))?,
                table: archive.find(format!("{root}{table}")),
                code: code.into_iter().map(|(_, entry)| entry).collect(),
                root,
            })
        };
        roots.into_iter().filter_map(module).collect()
    }

    pub(super) fn path(&self, entry: &Entry<'_>) -> String {
        format!("{}{}", self.package.prefix, entry.text())
    }

    pub(super) fn read(&self, entry: &Entry<'a>, ledger: &mut Ledger<'_>) -> Option<Cow<'a, [u8]>> {
        ledger.read(&self.package.archive, entry, &self.path(entry))
    }

    /// The table's bytes, in the form of packages.
    pub(super) fn table_bytes(&self, ledger: &mut Ledger<'_>) -> Option<Cow<'a, [u8]>> {
        let bytes = self.read(self.table?, ledger)?;
        Some(if self.package.form == Form::Bundle { Cow::Owned(bundle::table(&bytes)) } else { bytes })
    }

    /// Reads the table.
    pub(super) fn table<'d>(&self, bytes: &'d [u8], ledger: &mut Ledger<'_>) -> Option<Table<'d>> {
        let path = self.table.map(|entry| self.path(entry)).unwrap_or_default();
        Table::read(bytes).map_err(|error| ledger.gap(path, error.to_string())).ok()
    }

    /// Reads the manifest's document.
    pub(super) fn document<'d>(&self, bytes: &'d [u8], ledger: &mut Ledger<'_>) -> Option<Document<'d>> {
        let read = if self.package.form == Form::Bundle {
            bundle::document(bytes).map_err(|error| error.to_string())
        } else {
            Document::read(bytes).map_err(|error| error.to_string())
        };
        read.map_err(|why| ledger.gap(self.path(self.manifest), why)).ok()
    }

    /// Whether it is a split, which is no app by itself.
    pub(super) fn is_split(&self) -> bool {
        let contents = self.package.archive.contents(self.manifest);
        let Some(contents) = contents.ok().filter(|_| self.package.form == Form::Apk) else { return false };
        let document = Document::read(&contents.bytes);
        document.is_ok_and(|document| document.root().is_some_and(|root| root.plain("split").is_some()))
    }
}

/// 1 for `classes.dex`, 2 for `classes2.dex`, as the platform counts.
fn executable_number(name: &str) -> Option<u32> {
    let number = name.strip_prefix("classes")?.strip_suffix(".dex")?;
    if number.is_empty() { Some(1) } else { number.parse().ok() }
}

/// Packages of another app in the same archive are no part of this one.
pub(super) fn leave_strangers(packages: &mut Vec<Package<'_>>, ledger: &mut Ledger<'_>) {
    let name = |package: &Package<'_>| -> Option<(String, bool)> {
        let entry = package.archive.find("AndroidManifest.xml")?;
        let bytes = package.archive.contents(entry).ok()?.bytes;
        let document = Document::read(&bytes).ok()?;
        let manifest = Manifest::read(&document, None).ok()?;
        Some((manifest.package.to_string(), manifest.split.is_some()))
    };
    if packages.len() < 2 {
        return;
    }
    let named: Vec<_> = packages.iter().map(name).collect();
    let base = named.iter().flatten().find(|(_, split)| !split).or_else(|| named.iter().flatten().next());
    let Some((base, _)) = base.cloned() else { return };
    let mut own = named.iter().map(|named| named.as_ref().is_none_or(|(name, _)| *name == base));
    packages.retain(|package| {
        let own = own.next().unwrap_or(true);
        if !own {
            ledger.gap(package.prefix.trim_end_matches("!/"), "another app; scan it by itself");
        }
        own
    });
}

/// Unpacks the executables, as far as the budget goes.
pub(super) fn executables<'a, 'p>(
    modules: &[Module<'_, 'a>],
    options: &Options<'_>,
    mut ledger: Ledger<'p>,
) -> (Files<'a>, Ledger<'p>) {
    let (mut all, mut size) = (Vec::new(), 0u64);
    for module in modules {
        for entry in &module.code {
            let path = module.path(entry);
            size = size.saturating_add(entry.size);
            if size > options.budget.code {
                ledger.begin(entry.size);
                ledger.gap(path, "the executables together are over the budget");
            } else if let Some(bytes) = ledger.read(&module.package.archive, entry, &path) {
                all.push((path, bytes));
            }
        }
    }
    (all, ledger)
}
