//! What the bytes of a package are: told by what is in the archive, not by the file's name.

use std::borrow::Cow;

use testudo_crypto::digest::sha256;
use testudo_package::zip::{Archive, Limits, ZipError};

use super::ledger::Ledger;
use super::{AnalyseError, Analysed, Budget, Options, Progress, android, hex};
use crate::report::{Kind, Target};

/// An archive of the target, with the path by which the report names what is in it.
pub(super) struct Package<'a> {
    /// Empty, or the path of a package within the package with `!/` behind.
    pub(super) prefix: String,
    /// The archive.
    pub(super) archive: Archive<'a>,
    /// What it is.
    pub(super) form: Form,
}

/// What an archive is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// An Android package.
    Apk,
    /// An Android app bundle.
    Bundle,
    /// An iOS package.
    Ipa,
    /// An archive of Android packages.
    Nest,
}

/// Whether bytes are an archive of one of the forms.
pub(super) fn is_package(bytes: &[u8]) -> bool {
    Archive::read(bytes, limits(bytes.len(), &Budget::default())).is_ok_and(|archive| form(&archive).is_some())
}

/// Opens and analyses.
pub(super) fn package(
    name: &str,
    bytes: &[u8],
    options: &Options<'_>,
    progress: &dyn Progress,
) -> Result<Analysed, AnalyseError> {
    let limits = limits(bytes.len(), &options.budget);
    let archive = Archive::read(bytes, limits).map_err(|error| match error {
        ZipError::NoDirectory => AnalyseError::NoArchive(name.to_owned()),
        ZipError::TooManyEntries { most } => AnalyseError::Entries(name.to_owned(), most),
    })?;
    let form = form(&archive).ok_or_else(|| AnalyseError::OtherArchive(name.to_owned()))?;
    let target = Target {
        file: name.to_owned(),
        kind: match form {
            Form::Apk => Kind::Apk,
            Form::Bundle => Kind::Aab,
            Form::Ipa => Kind::Ipa,
            Form::Nest => Kind::Xapk,
        },
        size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        sha256: Some(hex(&sha256(bytes))),
        app: None,
        version: None,
        build: None,
    };
    let mut ledger = Ledger::new(progress);
    progress.expect(archive.admitted());
    let inside = if form == Form::Nest { inside(&archive, &mut ledger) } else { Vec::new() };
    let mut left = limits.after(archive.admitted());
    let mut packages = vec![Package { prefix: String::new(), archive, form }];
    for (path, bytes) in &inside {
        let opened = left.inner().map(|limits| Archive::read(bytes, limits));
        match opened {
            Some(Ok(archive)) if self::form(&archive) == Some(Form::Apk) => {
                left = left.after(archive.admitted());
                progress.expect(archive.admitted());
                packages.push(Package { prefix: format!("{path}!/"), archive, form: Form::Apk });
            }
            Some(Err(error)) => ledger.gap(path, error.to_string()),
            _ => ledger.gap(path, "it is no Android package"),
        }
    }
    match form {
        Form::Ipa => super::apple::analyse(target, &packages, ledger, options),
        _ => android::analyse(target, packages, ledger, options),
    }
}

fn limits(length: usize, budget: &Budget) -> Limits {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    let total = length.saturating_mul(budget.expansion).max(budget.least).min(Limits::PACKAGE.total_bytes);
    Limits { entries: budget.entries, entry_bytes: budget.file, total_bytes: total, depth: 1 }
}

fn form(archive: &Archive<'_>) -> Option<Form> {
    let any = |wanted: &dyn Fn(&str) -> bool| archive.entries().iter().any(|entry| wanted(&entry.text()));
    if archive.find("AndroidManifest.xml").is_some() {
        Some(Form::Apk)
    } else if any(&|name| name.ends_with("/manifest/AndroidManifest.xml")) {
        Some(Form::Bundle)
    } else if any(&|name| name.starts_with("Payload/") && name.contains(".app/")) {
        Some(Form::Ipa)
    } else if any(&is_inner) {
        Some(Form::Nest)
    } else {
        None
    }
}

/// Whether a file of an archive of packages is one of them.
pub(super) fn is_inner(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("apk"))
}

/// The packages inside. bundletool also writes whole packages for old devices beside the splits: the same app again.
fn inside<'a>(archive: &Archive<'a>, ledger: &mut Ledger<'_>) -> Vec<(String, Cow<'a, [u8]>)> {
    let splits = archive.entries().iter().any(|entry| entry.name.starts_with(b"splits/"));
    let mut all = Vec::new();
    for entry in archive.entries().iter().filter(|entry| is_inner(&entry.text())) {
        let path = entry.text().into_owned();
        if splits && !path.starts_with("splits/") {
            ledger.leave_out_named(path, "the same app again, for devices that take no splits");
        } else if let Some(bytes) = ledger.read(archive, entry, &path) {
            all.push((path, bytes));
        }
    }
    all
}
