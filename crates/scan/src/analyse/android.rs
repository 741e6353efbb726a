//! An Android app: one package, a base with splits, or the modules of a bundle.

use std::borrow::Cow;
use std::collections::HashSet;
use std::thread;

use testudo_package::bundle;
use testudo_package::manifest::Manifest;
use testudo_package::program::{Entries, Reach, names};
use testudo_package::resources::Table;
use testudo_package::signature;
use testudo_package::xml::Document;
use testudo_package::zip::Entry;

use super::ledger::Ledger;
use super::open::{Form, Package};
use super::secrets::Secrets;
use super::sweep::Sweep;
use super::{AnalyseError, Analysed, Options, code, hex, libraries, sections, signer, tool};
use crate::code::{Context, Owners};
use crate::facts;
use crate::report::{Level, Note, Scan, SignatureVerdict, Target};
use crate::sdks;

/// A part of an app with its own manifest, table and executables.
struct Module<'m, 'a> {
    package: &'m Package<'a>,
    /// The path of its files in its archive: empty, or `base/`.
    root: String,
    manifest: &'m Entry<'a>,
    table: Option<&'m Entry<'a>>,
    code: Vec<&'m Entry<'a>>,
}

impl<'m, 'a> Module<'m, 'a> {
    /// The modules of an archive.
    fn all(package: &'m Package<'a>) -> Vec<Module<'m, 'a>> {
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

    fn path(&self, entry: &Entry<'_>) -> String {
        format!("{}{}", self.package.prefix, entry.text())
    }

    fn read(&self, entry: &Entry<'a>, ledger: &mut Ledger<'_>) -> Option<Cow<'a, [u8]>> {
        ledger.read(&self.package.archive, entry, &self.path(entry))
    }

    /// The table's bytes, in the form of packages.
    fn table_bytes(&self, ledger: &mut Ledger<'_>) -> Option<Cow<'a, [u8]>> {
        let bytes = self.read(self.table?, ledger)?;
        Some(if self.package.form == Form::Bundle { Cow::Owned(bundle::table(&bytes)) } else { bytes })
    }
}

/// 1 for `classes.dex`, 2 for `classes2.dex`, as the platform counts.
fn executable_number(name: &str) -> Option<u32> {
    let number = name.strip_prefix("classes")?.strip_suffix(".dex")?;
    if number.is_empty() { Some(1) } else { number.parse().ok() }
}

/// Analyses an app.
pub(super) fn analyse<'a>(
    mut target: Target,
    mut packages: Vec<Package<'a>>,
    mut ledger: Ledger<'_>,
    options: &Options<'_>,
) -> Result<Analysed, AnalyseError> {
    leave_strangers(&mut packages, &mut ledger);
    let mut modules: Vec<Module<'_, 'a>> = packages.iter().flat_map(Module::all).collect();
    // The base leads.
    modules.sort_by_key(|module| (is_split(module), module.root != "base/", module.package.prefix.clone()));
    let raw: Vec<_> = modules
        .iter()
        .map(|module| (module.read(module.manifest, &mut ledger), module.table_bytes(&mut ledger)))
        .collect();
    let tables: Vec<Option<Table<'_>>> = modules
        .iter()
        .zip(&raw)
        .map(|(module, (_, bytes))| {
            let read = Table::read(bytes.as_deref()?);
            read.map_err(|error| ledger.gap(module.table.map_or_else(String::new, |entry| module.path(entry)), error.to_string())).ok()
        })
        .collect();
    let documents: Vec<Option<Document<'_>>> = modules
        .iter()
        .zip(&raw)
        .map(|(module, (bytes, _))| document(module, bytes.as_deref()?, &mut ledger))
        .collect();
    let manifests: Vec<Option<Manifest<'_>>> = modules
        .iter()
        .zip(documents.iter().zip(&tables))
        .map(|(module, (document, table))| {
            let read = Manifest::read(document.as_ref()?, table.as_ref());
            read.map_err(|error| ledger.gap(module.path(module.manifest), error.to_string())).ok()
        })
        .collect();
    let base = manifests.first().and_then(Option::as_ref);
    target.app = base.map(|base| base.package.to_string());
    target.version = base.and_then(|base| base.version_name.as_deref()).map(str::to_owned);
    target.build = base.and_then(|base| base.version_code).map(|code| code.to_string());

    // Executables are unpacked while everything else is looked at.
    let mut taken: HashSet<usize> = HashSet::new();
    let mut sweep = Sweep::new(Secrets::new(options.secrets, options.rules), ledger.child());
    for (module, manifest) in modules.iter().zip(&manifests) {
        let Some(manifest) = manifest else { continue };
        facts::manifest::rows(manifest, &module.path(module.manifest), &mut sweep.facts);
        let within = format!("{}{}", module.package.prefix, module.root);
        for (role, path) in facts::resources::referred(manifest) {
            sweep.roles.insert(format!("{within}{path}"), role);
        }
    }
    sweep.target_sdk = base.map_or(1, Manifest::target_sdk);
    sweep.today = options.today;
    let (executables, code_ledger) = thread::scope(|scope| {
        let unpacking = scope.spawn(|| executables(&modules, options, ledger.child()));
        for package in &packages {
            taken.clear();
            for module in modules.iter().filter(|module| std::ptr::eq(module.package, package)) {
                taken.extend([module.manifest.record]);
                taken.extend(module.table.map(|entry| entry.record));
                taken.extend(module.code.iter().map(|entry| entry.record));
            }
            let format = match package.form {
                Form::Apk => "apk",
                Form::Bundle => "aab",
                Form::Ipa => "ipa",
                Form::Nest => "xapk",
            };
            facts::archive::rows(&package.archive, format, &package.prefix, &mut sweep.facts);
            sweep.package(package, &taken);
        }
        for ((module, document), table) in modules.iter().zip(&documents).zip(&tables) {
            if let Some(document) = document {
                sweep.document(&module.path(module.manifest), document);
            }
            if let (Some(table), Some(entry)) = (table, module.table) {
                sweep.table(&module.path(entry), table);
                facts::resources::urls(table, &module.path(entry), &mut sweep.facts);
            }
        }
        unpacking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    ledger.join(code_ledger);

    let (program, paths) = code::join(&executables, &mut ledger);
    let entries = entries(manifests.iter().flatten(), &sweep, target.app.as_deref());
    let mut rows = sweep.facts;
    if !paths.is_empty() {
        facts::program::rows(&program, target.app.as_deref().unwrap_or_default(), &mut rows);
    }
    let seen = sdks::builtin().seen(Some(&program), base, sweep.files.iter().map(String::as_str));
    sdks::rows(&seen, &mut rows);
    let owned: Vec<(String, String)> = prefixes(&seen);
    let more: Vec<(&str, &str)> = owned.iter().map(|(prefix, name)| (prefix.as_str(), name.as_str())).collect();
    let owners = Owners::new(target.app.as_deref(), &more);
    let mut secrets = sweep.secrets;
    let mut embedded = sweep.embedded;
    let (verifications, reach) = thread::scope(|scope| {
        let verifying = scope.spawn(|| verify(&modules, &manifests));
        let reach = Reach::new(&program, &entries);
        (verifying.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), reach)
    });
    if !reach.is_complete() {
        ledger.gap("reachability", "the code takes more steps to follow than any real app; all of it counts as reachable");
    }
    let places = code::Places { program: &program, paths: &paths, owners: &owners, reach: &reach };
    let checked = thread::scope(|scope| {
        let strings = scope.spawn(|| {
            places.strings(&mut secrets);
            places.libraries(&mut embedded);
        });
        let context = Context {
            package: target.app.as_deref(),
            files: &paths,
            libraries: &more,
            min_sdk: base.map(Manifest::min_sdk),
            target_sdk: base.map(Manifest::target_sdk),
        };
        let checked = crate::code::check(&program, Some(&reach), options.rules, &context);
        strings.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        checked
    });

    if !checked.complete {
        ledger.gap("code", "values take more steps to follow than any real app");
    }
    let mut notes = Vec::new();
    for (rule, more) in checked.cut {
        notes.push(Note { level: Level::Info, text: format!("`{rule}` has {more} more places, which are not told") });
    }
    let mut findings = checked.findings;
    for (package, verification) in &verifications {
        if package.form == Form::Apk {
            let registered = options.certificates.first().map(|one| verification.relation(one));
            let platforms = signature::Options::of(base).platforms;
            facts::signature::rows(verification, package.archive.bytes(), platforms, registered, options.today, &mut rows);
        }
    }
    findings.extend(facts::check(&rows, options.rules));
    for fault in embedded.faults() {
        ledger.gap("libraries", fault.to_string());
    }
    let reached = |prefix: &str| libraries::reached(&program, &reach, prefix);
    let known = libraries::known([embedded.finish()], options, &reached, &mut ledger);
    let (secrets, dropped) = secrets.finish();
    if dropped > 0 {
        ledger.gap("secrets", format!("{dropped} more places of secrets are not told"));
    }
    findings.extend(secrets);
    findings.extend(known.findings);
    ledger.join(sweep.ledger);

    let signed: Vec<_> = verifications.iter().map(|(package, one)| (package.prefix.as_str(), &package.archive, one)).collect();
    let signed_by = signer::report(&signed, options.certificates);
    let read: Vec<&Manifest<'_>> = manifests.iter().flatten().collect();
    let mut told = sections::manifest(&read);
    if !seen.is_empty() {
        told.push(sdks::section(&seen));
    }
    told.extend(sections::libraries(&known.components));
    told.extend(sections::sizes("Native libraries", sweep.natives));
    told.extend(sections::sizes("Size", sweep.sizes));
    told.extend(sections::names("Signers", signed_by.signers.iter().cloned()).filter(|_| signed_by.verdict != SignatureVerdict::Unsigned));
    let scan = Scan {
        tool: tool(),
        scanned: Some(options.today),
        target,
        signature: signed_by,
        pack: hex(&options.rules.hash()?),
        coverage: ledger.finish(),
        rules: options.rules.rules().cloned().collect(),
        findings,
        fixed: Vec::new(),
        facts: told,
        notes,
    };
    Ok(Analysed { scan, components: known.components, vulnerabilities: known.vulnerabilities })
}

/// The beginnings of descriptors by which SDKs were seen, with their names.
fn prefixes(seen: &[sdks::Seen<'_>]) -> Vec<(String, String)> {
    let packages = |one: &sdks::Seen<'_>| {
        let name = one.sdk.name.clone();
        let dotted = one.by.iter().filter(|by| one.classes > 0 && by.contains('.') && !by.ends_with(".so"));
        dotted.map(|by| (format!("L{}/", by.replace('.', "/")), name.clone())).collect::<Vec<_>>()
    };
    seen.iter().flat_map(packages).collect()
}

/// Packages of another app in the same archive are no part of this one.
fn leave_strangers(packages: &mut Vec<Package<'_>>, ledger: &mut Ledger<'_>) {
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

fn is_split(module: &Module<'_, '_>) -> bool {
    let contents = module.package.archive.contents(module.manifest);
    let Some(contents) = contents.ok().filter(|_| module.package.form == Form::Apk) else { return false };
    Document::read(&contents.bytes).is_ok_and(|document| {
        document.root().is_some_and(|root| root.plain("split").is_some())
    })
}

fn document<'d>(module: &Module<'_, '_>, bytes: &'d [u8], ledger: &mut Ledger<'_>) -> Option<Document<'d>> {
    let read = if module.package.form == Form::Bundle {
        bundle::document(bytes).map_err(|error| error.to_string())
    } else {
        Document::read(bytes).map_err(|error| error.to_string())
    };
    read.map_err(|why| ledger.gap(module.path(module.manifest), why)).ok()
}

/// Unpacks the executables, as far as the budget goes.
fn executables<'a, 'p>(
    modules: &[Module<'_, 'a>],
    options: &Options<'_>,
    mut ledger: Ledger<'p>,
) -> (Vec<(String, Cow<'a, [u8]>)>, Ledger<'p>) {
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

/// Where the platform enters the app.
fn entries<'m>(manifests: impl Iterator<Item = &'m Manifest<'m>>, sweep: &Sweep<'_, '_>, app: Option<&str>) -> Entries {
    let mut entries = Entries::new();
    for manifest in manifests {
        for component in manifest.components() {
            entries.class(&names::descriptor(&component.name));
        }
        for test in &manifest.instrumentations {
            entries.class(&names::descriptor(&test.name));
        }
        if let Some(application) = &manifest.application {
            let named = [
                &application.name,
                &application.backup_agent,
                &application.component_factory,
                &application.manage_space_activity,
                &application.zygote_preload,
            ];
            for class in named.into_iter().flatten() {
                entries.class(&names::descriptor(class));
            }
        }
    }
    for class in &sweep.classes {
        match class.strip_prefix('.') {
            Some(rest) => entries.class(&names::descriptor(&format!("{}.{rest}", app.unwrap_or_default()))),
            None => entries.class(&names::descriptor(class)),
        };
    }
    for handler in &sweep.handlers {
        entries.handler(handler);
    }
    entries
}

/// The signatures of the app's archives, each once.
fn verify<'m, 'a>(
    modules: &[Module<'m, 'a>],
    manifests: &[Option<Manifest<'_>>],
) -> Vec<(&'m Package<'a>, testudo_package::signature::Verification)> {
    let mut all: Vec<(&Package<'_>, _)> = Vec::new();
    for (module, manifest) in modules.iter().zip(manifests) {
        let package = module.package;
        if all.iter().any(|(known, _)| std::ptr::eq(*known, package)) {
            continue;
        }
        let verification = match package.form {
            Form::Bundle => signer::verify_bundle(&package.archive),
            _ => signer::verify(&package.archive, manifest.as_ref()),
        };
        all.push((package, verification));
    }
    all
}
