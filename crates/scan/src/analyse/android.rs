//! An Android app: one package, a base with splits, or the modules of a bundle.

mod module;

use std::collections::HashSet;
use std::thread;

use testudo_package::manifest::Manifest;
use testudo_package::program::{Entries, Program, Reach, names};
use testudo_package::resources::Table;
use testudo_package::signature::{self, Verification};
use testudo_package::xml::Document;

use super::conclude::Conclusion;
use super::ledger::Ledger;
use super::open::{Form, Package};
use super::secrets::Secrets;
use super::sweep::Sweep;
use super::{AnalyseError, Analysed, Options, code, joined, libraries, sections, signer};
use crate::code::{Checked, Context, Owners};
use crate::dependencies::Embedded;
use crate::facts::{self, Facts};
use crate::report::{Level, Note, Section, SignatureVerdict, Target};
use crate::sdks;
use module::{Module, executables, leave_strangers};

/// What was read of an app's modules; the base leads.
struct App<'d, 'm, 'a> {
    packages: &'m [Package<'a>],
    modules: &'d [Module<'m, 'a>],
    tables: &'d [Option<Table<'d>>],
    documents: &'d [Option<Document<'d>>],
    manifests: &'d [Option<Manifest<'d>>],
}

/// Analyses an app.
pub(super) fn analyse(
    mut target: Target,
    mut packages: Vec<Package<'_>>,
    mut ledger: Ledger<'_>,
    options: &Options<'_>,
) -> Result<Analysed, AnalyseError> {
    leave_strangers(&mut packages, &mut ledger);
    let mut modules: Vec<Module<'_, '_>> = packages.iter().flat_map(Module::all).collect();
    modules.sort_by_key(|module| (module.is_split(), module.root != "base/", module.package.prefix.clone()));
    let read = |module: &Module<'_, '_>, ledger: &mut Ledger<'_>| {
        let manifest = module.read(module.manifest, ledger).map(std::borrow::Cow::into_owned);
        (manifest, module.table_bytes(ledger).map(std::borrow::Cow::into_owned))
    };
    let raw: Vec<_> = modules.iter().map(|module| read(module, &mut ledger)).collect();
    let each = || modules.iter().zip(&raw);
    let tables: Vec<_> = each().map(|(module, (_, bytes))| module.table(bytes.as_deref()?, &mut ledger)).collect();
    let documents: Vec<_> =
        each().map(|(module, (bytes, _))| module.document(bytes.as_deref()?, &mut ledger)).collect();
    let manifests: Vec<Option<Manifest<'_>>> = modules
        .iter()
        .zip(documents.iter().zip(&tables))
        .map(|(module, (document, table))| {
            let read = Manifest::read(document.as_ref()?, table.as_ref());
            read.map_err(|error| ledger.gap(module.path(module.manifest), error.to_string())).ok()
        })
        .collect();
    let app =
        App { packages: &packages, modules: &modules, tables: &tables, documents: &documents, manifests: &manifests };
    let base = app.base();
    target.app = base.map(|base| base.package.to_string());
    target.version = base.and_then(|base| base.version_name.as_deref()).map(str::to_owned);
    target.build = base.and_then(|base| base.version_code).map(|code| code.to_string());

    // Executables are unpacked while everything else is looked at.
    let mut sweep = Sweep::new(Secrets::new(options.secrets, options.rules), ledger.child());
    let (files, unpacked) = thread::scope(|scope| {
        let unpacking = scope.spawn(|| executables(&modules, options, ledger.child()));
        app.sweep(&mut sweep, options);
        joined(unpacking)
    });
    ledger.join(unpacked);
    let (program, paths) = code::join(&files, &mut ledger);
    app.conclude(target, &program, &paths, sweep, ledger, options)
}

impl<'m, 'a> App<'_, 'm, 'a> {
    fn base(&self) -> Option<&Manifest<'_>> {
        self.manifests.first().and_then(Option::as_ref)
    }

    /// Looks at everything that is no code.
    fn sweep(&self, sweep: &mut Sweep<'_, '_>, options: &Options<'_>) {
        sweep.target_sdk = self.base().map_or(1, facts::manifest::target_sdk);
        sweep.today = options.today;
        for (module, manifest) in self.modules.iter().zip(self.manifests) {
            let Some(manifest) = manifest else { continue };
            facts::manifest::rows(manifest, &module.path(module.manifest), &mut sweep.facts);
            let within = format!("{}{}", module.package.prefix, module.root);
            let referred = facts::resources::referred(manifest).into_iter();
            sweep.roles.extend(referred.map(|(role, path)| (format!("{within}{path}"), role)));
        }
        for package in self.packages {
            let mut taken: HashSet<usize> = HashSet::new();
            for module in self.modules.iter().filter(|module| std::ptr::eq(module.package, package)) {
                taken.insert(module.manifest.record);
                taken.extend(module.table.iter().chain(&module.code).map(|entry| entry.record));
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
        for ((module, document), table) in self.modules.iter().zip(self.documents).zip(self.tables) {
            if let Some(document) = document {
                sweep.document(&module.path(module.manifest), document);
            }
            if let (Some(table), Some(entry)) = (table, module.table) {
                sweep.table(&module.path(entry), table);
                facts::resources::urls(table, &module.path(entry), &mut sweep.facts);
            }
        }
    }

    /// Judges the code, and puts everything together.
    fn conclude(
        &self,
        target: Target,
        program: &Program<'_>,
        paths: &[String],
        sweep: Sweep<'_, '_>,
        mut ledger: Ledger<'_>,
        options: &Options<'_>,
    ) -> Result<Analysed, AnalyseError> {
        let own = target.app.as_deref().unwrap_or_default();
        let entries = entries(self.manifests.iter().flatten(), &sweep, own);
        let Sweep { mut secrets, mut embedded, facts: mut rows, natives, files, sizes, ledger: swept, .. } = sweep;
        if !paths.is_empty() {
            facts::program::rows(program, own, &mut rows);
        }
        let seen = sdks::builtin().seen(Some(program), self.base(), files.iter().map(String::as_str));
        sdks::rows(&seen, &mut rows);
        if let Some(declared) = options.declared {
            sdks::declared_rows(declared, &mut rows);
        }
        let (verifications, reach) = thread::scope(|scope| {
            let verifying = scope.spawn(|| self.verify(options.idsig));
            let reach = Reach::new(program, &entries);
            (joined(verifying), reach)
        });
        if !reach.is_complete() {
            let why = "the code takes more steps to follow than any real app; all of it counts as reachable";
            ledger.gap("reachability", why);
        }
        let prefixes = prefixes(&seen);
        let more: Vec<(&str, &str)> = prefixes.iter().map(|(prefix, name)| (prefix.as_str(), name.as_str())).collect();
        let owners = Owners::new(Some(own), &more);
        let places = code::Places { program, paths, owners: &owners, reach: &reach };
        places.uses(&mut rows);
        let checked = self.check(&places, &more, own, (&mut secrets, &mut embedded), options);
        if !checked.complete {
            ledger.gap("code", "values take more steps to follow than any real app");
        }
        let left = |(rule, more)| Note {
            level: Level::Info,
            text: format!("`{rule}` has {more} more places, which are not told"),
        };
        let notes = checked.cut.into_iter().map(left).collect();
        let mut findings = checked.findings;
        self.signature_rows(&verifications, options, &mut rows);
        findings.extend(facts::check(&rows, options.rules));
        for fault in embedded.faults() {
            ledger.gap("libraries", fault.to_string());
        }
        let reached = |prefix: &str| libraries::reached(program, &reach, prefix);
        let known = libraries::known([embedded.finish()], options, &reached, &mut ledger);
        ledger.join(swept);

        let signed: Vec<_> =
            verifications.iter().map(|(package, one)| (package.prefix.as_str(), &package.archive, one)).collect();
        let signature = signer::report(&signed, options.certificates);
        let read: Vec<&Manifest<'_>> = self.manifests.iter().flatten().collect();
        let mut told: Vec<Section> = sections::manifest(&read);
        told.extend((!seen.is_empty()).then(|| sdks::section(&seen)));
        told.extend(sections::libraries(&known.components));
        told.extend(sections::sizes("Native libraries", natives));
        told.extend(sections::sizes("Size", sizes));
        if signature.verdict != SignatureVerdict::Unsigned {
            told.extend(sections::names("Signers", signature.signers.iter().cloned()));
        }
        let conclusion = Conclusion { target, signature, ledger, secrets, known, findings, facts: told, notes };
        conclusion.finish(options, |_| true)
    }

    /// Asks the rules over code, while strings are looked through for secrets and libraries.
    fn check(
        &self,
        places: &code::Places<'_, '_>,
        libraries: &[(&str, &str)],
        own: &str,
        (secrets, embedded): (&mut Secrets<'_>, &mut Embedded),
        options: &Options<'_>,
    ) -> Checked {
        let context = Context {
            package: Some(own),
            files: places.paths,
            libraries,
            min_sdk: self.base().map(Manifest::min_sdk),
            target_sdk: self.base().map(Manifest::target_sdk),
        };
        thread::scope(|scope| {
            let strings = scope.spawn(|| {
                places.strings(secrets);
                places.libraries(embedded);
            });
            let checked = crate::code::check(places.program, Some(places.reach), options.rules, &context);
            joined(strings);
            checked
        })
    }

    /// The signatures of the app's archives, each once.
    fn verify(&self, idsig: Option<&[u8]>) -> Vec<(&'m Package<'a>, Verification)> {
        let mut all: Vec<(&Package<'_>, _)> = Vec::new();
        for (module, manifest) in self.modules.iter().zip(self.manifests) {
            let package = module.package;
            if all.iter().any(|(known, _)| std::ptr::eq(*known, package)) {
                continue;
            }
            let verification = match package.form {
                Form::Bundle => signer::verify_bundle(&package.archive),
                // The file is one package's.
                _ => signer::verify(&package.archive, manifest.as_ref(), idsig.filter(|_| package.prefix.is_empty())),
            };
            all.push((package, verification));
        }
        all
    }

    /// What the signatures say, as facts; a bundle's is of who uploads it.
    fn signature_rows(&self, all: &[(&Package<'_>, Verification)], options: &Options<'_>, rows: &mut Facts) {
        let platforms = signature::Options::of(self.base()).platforms;
        for (package, verification) in all.iter().filter(|(package, _)| package.form == Form::Apk) {
            let registered = options.certificates.first().map(|one| verification.relation(one));
            let bytes = package.archive.bytes();
            facts::signature::rows(verification, bytes, platforms, registered, options.today, rows);
        }
    }
}

/// The beginnings of descriptors by which SDKs were seen, with their names.
fn prefixes(seen: &[sdks::Seen<'_>]) -> Vec<(String, String)> {
    let packages = |one: &sdks::Seen<'_>| {
        let name = one.sdk.name.clone();
        let dotted = one.by.iter().filter(|by| one.classes > 0 && by.contains('.') && !by.as_bytes().ends_with(b".so"));
        dotted.map(|by| (format!("L{}/", by.replace('.', "/")), name.clone())).collect::<Vec<_>>()
    };
    seen.iter().flat_map(packages).collect()
}

/// Where the platform enters the app.
fn entries<'m>(manifests: impl Iterator<Item = &'m Manifest<'m>>, sweep: &Sweep<'_, '_>, app: &str) -> Entries {
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
            Some(rest) => entries.class(&names::descriptor(&format!("{app}.{rest}"))),
            None => entries.class(&names::descriptor(class)),
        };
    }
    for handler in &sweep.handlers {
        entries.handler(handler);
    }
    entries
}
