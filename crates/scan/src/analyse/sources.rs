//! A folder of sources: lock files, manifests, property lists, and secrets in every text.

mod android;
mod xml;

use std::collections::{BTreeMap, BTreeSet};

use testudo_package::plist::Plist;

use super::conclude::Conclusion;
use super::ledger::Ledger;
use super::open::Form;
use super::secrets::Secrets;
use super::sweep::{Sweep, media, media_head};
use super::{AnalyseError, Analysed, Options, Progress, libraries, sections, signer};
use crate::dependencies::{LockKind, Reach, read};
use crate::facts;
use crate::report::{Finding, Kind, Place, Target};
use crate::rule::RuleId;

/// Analyses the files in the order of their paths.
pub(super) fn folder(
    name: &str,
    files: impl IntoIterator<Item = (String, Vec<u8>)>,
    options: &Options<'_>,
    progress: &dyn Progress,
) -> Result<Analysed, AnalyseError> {
    let mut ledger = Ledger::new(progress);
    let mut sweep = Sweep::new(Secrets::new(options.secrets, options.rules), ledger.child());
    let mut lists = BTreeMap::new();
    let mut android = android::Android::default();
    let mut size = 0u64;
    for (path, bytes) in files {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        size = size.saturating_add(length);
        progress.expect(length);
        if let Some(what) = media(&path).filter(|_| media_head(&bytes)) {
            ledger.leave_out(what, length);
            continue;
        }
        ledger.begin(length);
        if length > options.budget.file {
            ledger.gap(path, format!("{length} bytes are over the budget"));
            continue;
        }
        if let Some(kind) = LockKind::of(&path) {
            match read(kind, &path, &bytes) {
                Ok(list) => {
                    lists.insert(path.clone(), list);
                }
                Err(error) => ledger.gap(&path, error.to_string()),
            }
        }
        android.file(&path, &bytes);
        if path.ends_with("Info.plist")
            && let Ok(list) = Plist::read(&bytes)
        {
            let folder = path.strip_suffix("Info.plist").unwrap_or_default();
            facts::apple::info(facts::apple::Of { file: &path, folder, kind: "source" }, &list, &mut sweep.facts);
        }
        sweep.contents(Form::Nest, &path, &path, &bytes, None);
        ledger.done(length);
    }
    android.rows(options.today, &mut sweep.facts, &mut ledger);
    let known = libraries::known(lists.into_values(), options, &|_| Reach::Unknown, &mut ledger);
    // What is missing here may be made by the build: only what stands in a file is told.
    let in_file = |finding: &Finding| matches!(finding.place, Place::Manifest { .. } | Place::Resource { .. });
    let findings = facts::check(&sweep.facts, options.rules).into_iter().filter(in_file).collect();
    ledger.join(sweep.ledger);
    let target = Target {
        file: name.to_owned(),
        kind: Kind::Folder,
        size,
        sha256: None,
        app: android.package(),
        version: None,
        build: None,
    };
    let told = sections::libraries(&known.components).into_iter().collect();
    let (signature, secrets) = (signer::unchecked(), sweep.secrets);
    let conclusion = Conclusion { target, signature, ledger, secrets, known, findings, facts: told, notes: Vec::new() };
    let by_facts: BTreeSet<&RuleId> = options.rules.facts().iter().map(|condition| &condition.rule).collect();
    conclusion.finish(options, |rule| by_facts.contains(&rule.id) || is_ours(rule.id.as_str()))
}

/// Whether the analysis itself reports under a rule.
fn is_ours(id: &str) -> bool {
    id.starts_with("secret-") || id.starts_with("dependency-")
}
