//! The whole analysis: a package or folder in, a [`Scan`] out.
//!
//! [`package`] takes the bytes of an APK, XAPK, APKS, AAB or IPA and [`folder`] those of source files; neither opens a
//! file. Each part of the target is counted before it is looked at, so that what a parser gave up on, or what a budget cut
//! off, stands in the [coverage](crate::report::Coverage) as a gap. Budgets count work and not time, and threads join in one
//! order: two runs over the same bytes give the same report.
//!
//! | file | what it does |
//! |---|---|
//! | `open` | says what the bytes are, and opens packages within packages |
//! | `android`, `apple`, `sources` | the order of the work for each kind of target |
//! | `sweep` | looks at every file that is no code: secrets, traces of libraries, classes that layouts name |
//! | `code` | joins the executables, says what can run, and asks the rules |
//! | `secrets`, `libraries`, `signer`, `sections` | what was found, in the words of the report |
//!
//! A new format is a variant in `open` and a file beside `android`.

mod android;
mod apple;
mod code;
mod conclude;
mod ledger;
mod libraries;
mod open;
mod secrets;
mod sections;
mod signer;
mod sources;
mod sweep;

pub use ledger::{Budget, Progress, Silent};

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::dependencies::{Component, Index, Subject, Vulnerability, sbom};
use crate::report::{Scan, Tool};
use crate::rule::{PackError, RulePack};
use crate::sdks::Data;
use crate::secrets::Scanner;

/// What an analysis works with; one for many targets, but for what came with a package.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The rules.
    pub rules: &'a RulePack,
    /// The kinds of secrets.
    pub secrets: &'a Scanner,
    /// Known vulnerabilities, if there is an index of them.
    pub index: Option<Index<'a>>,
    /// SHA-256 of the certificates that are registered for the app; empty where none is.
    pub certificates: &'a [[u8; 32]],
    /// The kinds of data that the app's data safety form declares, where it is known.
    pub declared: Option<&'a BTreeSet<Data>>,
    /// The `.idsig` file that came with the package (signature scheme v4).
    pub idsig: Option<&'a [u8]>,
    /// The day that the report tells, and against which dates are held.
    pub today: Date,
    /// How much is looked at.
    pub budget: Budget,
}

impl<'a> Options<'a> {
    /// With the usual budget, and nothing else known about the app.
    pub fn new(rules: &'a RulePack, secrets: &'a Scanner, today: Date) -> Options<'a> {
        let budget = Budget::default();
        Options { rules, secrets, index: None, certificates: &[], declared: None, idsig: None, today, budget }
    }
}

/// Why a target is not analysed at all.
#[derive(Debug, thiserror::Error)]
pub enum AnalyseError {
    /// It is none of the formats.
    #[error(
        "`{0}` is no APK, XAPK, APKS, AAB or IPA: it has no directory of a ZIP archive, so it is damaged or another file"
    )]
    NoArchive(String),
    /// It is a ZIP archive of something else.
    #[error(
        "`{0}` is a ZIP archive, but no APK, XAPK, APKS, AAB or IPA: it has neither an `AndroidManifest.xml`, nor an app \
         in `Payload/`, nor packages inside"
    )]
    OtherArchive(String),
    /// The directory is longer than any package's.
    #[error("`{0}` has more than {1} entries; no app needs them")]
    Entries(String, usize),
    /// A rule that the analysis itself reports under is not there.
    #[error("the rules lack `{0}`, under which the analysis reports; add the rules that Testudo brings")]
    Rule(&'static str),
    /// The rules can't be named.
    #[error(transparent)]
    Pack(#[from] PackError),
}

/// What an analysis found.
#[derive(Clone, Debug)]
pub struct Analysed {
    /// For a report.
    pub scan: Scan,
    /// What the app is built from, for a bill of materials.
    pub components: Vec<Component>,
    /// What is known about them.
    pub vulnerabilities: Vec<Vulnerability>,
}

impl Analysed {
    /// The bill of materials, `CycloneDX` 1.6.
    pub fn sbom(&self) -> String {
        let target = &self.scan.target;
        let subject = Subject {
            name: target.app.clone().unwrap_or_else(|| target.file.clone()),
            version: target.version.clone(),
            sha256: target.sha256.clone(),
            timestamp: self.scan.scanned.map(|day| format!("{day}T00:00:00Z")),
            faults: self.scan.coverage.gaps.iter().map(|gap| format!("{}: {}", gap.part, gap.why)).collect(),
        };
        sbom(&subject, &self.components, &self.vulnerabilities)
    }
}

/// Whether bytes are a package that [`package`] takes.
pub fn is_package(bytes: &[u8]) -> bool {
    open::is_package(bytes)
}

/// Analyses a package. `name` is its file's name, without the folder.
pub fn package(
    name: &str,
    bytes: &[u8],
    options: &Options<'_>,
    progress: &dyn Progress,
) -> Result<Analysed, AnalyseError> {
    secrets::check(options.rules)?;
    open::package(name, bytes, options, progress)
}

/// Analyses a folder of sources, given file by file: paths within the folder, with `/`, in any order.
pub fn folder(
    name: &str,
    files: impl IntoIterator<Item = (String, Vec<u8>)>,
    options: &Options<'_>,
    progress: &dyn Progress,
) -> Result<Analysed, AnalyseError> {
    secrets::check(options.rules)?;
    sources::folder(name, files, options, progress)
}

/// The program, as reports name it.
fn tool() -> Tool {
    Tool { name: "testudo".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// What a thread gave; its panic goes on here.
fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
