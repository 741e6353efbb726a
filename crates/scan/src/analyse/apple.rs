//! An iOS app: its bundles with their property lists, programs and profiles.

use std::collections::HashSet;

use jiff::Unit;
use jiff::civil::date;
use testudo_package::ipa::Ipa;
use testudo_package::plist::Plist;

use super::conclude::Conclusion;
use super::ledger::Ledger;
use super::open::Package;
use super::secrets::Secrets;
use super::sweep::Sweep;
use super::{AnalyseError, Analysed, Options, libraries, sections, signer};
use crate::dependencies::Reach;
use crate::facts;
use crate::report::Target;
use crate::sdks;

/// Analyses an app.
pub(super) fn analyse(
    mut target: Target,
    packages: &[Package<'_>],
    mut ledger: Ledger<'_>,
    options: &Options<'_>,
) -> Result<Analysed, AnalyseError> {
    let mut sweep = Sweep::new(Secrets::new(options.secrets, options.rules), ledger.child());
    sweep.today = options.today;
    let days = options.today.since((Unit::Day, date(1970, 1, 1))).map_or(0, |span| i64::from(span.get_days()));
    let now = days * 86_400;
    let (mut permissions, mut bundles) = (Vec::new(), Vec::new());
    for package in packages {
        facts::archive::rows(&package.archive, "ipa", &package.prefix, &mut sweep.facts);
        match Ipa::read(&package.archive) {
            Ok(ipa) => {
                let info = ipa.app().and_then(|app| app.info.as_ref());
                let text = |key: &str| info.and_then(|info| info.get(key)).and_then(Plist::text).map(str::to_owned);
                target.app = text("CFBundleIdentifier");
                target.version = text("CFBundleShortVersionString");
                target.build = text("CFBundleVersion");
                let entries = info.map(Plist::entries).unwrap_or_default().iter();
                permissions
                    .extend(entries.filter(|(key, _)| key.ends_with("UsageDescription")).map(|(key, _)| key.clone()));
                for bundle in &ipa.bundles {
                    bundles.push(bundle.folder.clone());
                    let why = "machine code: its imports, strings and flags are looked at, its calls are not followed";
                    ledger.leave_out_named(bundle.program_path(), why);
                }
                for unread in facts::apple::rows(&ipa, now, &mut sweep.facts) {
                    ledger.gap(unread.file, unread.reason);
                }
            }
            Err(error) => ledger.gap("Payload", error.to_string()),
        }
        sweep.package(package, &HashSet::new());
    }
    let seen = sdks::builtin().seen(None, None, sweep.files.iter().map(String::as_str));
    sdks::rows(&seen, &mut sweep.facts);
    for fault in sweep.embedded.faults() {
        ledger.gap("libraries", fault.to_string());
    }
    let known = libraries::known([sweep.embedded.finish()], options, &|_| Reach::Unknown, &mut ledger);
    let findings = facts::check(&sweep.facts, options.rules);
    ledger.join(sweep.ledger);
    let mut told: Vec<_> = sections::names("Permissions", permissions).into_iter().collect();
    told.extend(sections::names("Bundles", bundles));
    told.extend((!seen.is_empty()).then(|| sdks::section(&seen)));
    told.extend(sections::libraries(&known.components));
    told.extend(sections::sizes("Native libraries", sweep.natives));
    told.extend(sections::sizes("Size", sweep.sizes));
    let (signature, secrets) = (signer::unchecked(), sweep.secrets);
    let conclusion = Conclusion { target, signature, ledger, secrets, known, findings, facts: told, notes: Vec::new() };
    conclusion.finish(options, |_| true)
}
