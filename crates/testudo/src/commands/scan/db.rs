//! `testudo scan db`: the index of known vulnerabilities, made of OSV exports.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;
use testudo_package::zip::{Archive, Limits};
use testudo_scan::dependencies::{Importer, Index, Outcome, diff};

use super::super::{Failure, Setting, output};
use super::progress::Bar;
use super::{read, write};
use crate::cli::Format;

/// The largest export, and the largest index, in bytes.
const LARGEST: u64 = 16 << 30;
/// The most records of one export, and the largest of them.
const LIMITS: Limits = Limits { entries: 10_000_000, entry_bytes: 32 << 20, total_bytes: 64 << 30, depth: 0 };
/// How many records that do not read are told one by one.
const TOLD: usize = 5;

/// What to do with the index.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Make an index of OSV exports: `all.zip` of an ecosystem from <https://osv.dev>, or folders of records in JSON.
    Import(ImportArgs),
    /// Say what an index holds.
    Info {
        /// The index.
        index: PathBuf,
    },
    /// Say which advisories are new, gone or changed.
    Diff {
        /// The earlier index.
        old: PathBuf,
        /// The later index.
        new: PathBuf,
    },
}

/// What `import` takes.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// ZIP files, folders, or single records in JSON.
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    /// Where the index goes.
    #[arg(long, value_name = "FILE", default_value = "testudo-vulnerabilities.db")]
    output: PathBuf,
}

/// Runs the command.
pub fn run(setting: &Setting, command: &DbCommand) -> Result<ExitCode, Failure> {
    let format = setting.plain()?;
    match command {
        DbCommand::Import(arguments) => import(format, arguments),
        DbCommand::Info { index } => info(format, index),
        DbCommand::Diff { old, new } => compare(format, old, new),
    }
}

/// An import under way.
#[derive(Default)]
struct Import {
    importer: Importer,
    taken: u64,
    foreign: u64,
    withdrawn: u64,
    older: u64,
    unread: Vec<String>,
}

impl Import {
    fn add(&mut self, name: &str, record: &[u8]) {
        match self.importer.add(name, record) {
            Ok(Outcome::Taken) => self.taken += 1,
            Ok(Outcome::Foreign) => self.foreign += 1,
            Ok(Outcome::Withdrawn) => self.withdrawn += 1,
            Ok(Outcome::Older) => self.older += 1,
            Err(error) => self.unread.push(error.to_string()),
        }
    }

    fn source(&mut self, path: &Path, bar: &Bar) -> Result<(), Failure> {
        use testudo_scan::analyse::Progress as _;
        if path.is_dir() {
            let unread = |error: std::io::Error| Failure::usage(format!("can't read `{}`: {error}", path.display()));
            let mut entries: Vec<PathBuf> = fs::read_dir(path)
                .map_err(unread)?
                .map(|entry| Ok(entry.map_err(unread)?.path()))
                .collect::<Result<_, Failure>>()?;
            entries.sort();
            let wanted = |path: &PathBuf| path.is_dir() || has_extension(path, "json") || has_extension(path, "zip");
            return entries.iter().filter(|path| wanted(path)).try_for_each(|path| self.source(path, bar));
        }
        let bytes = read(path, LARGEST)?;
        if !bytes.starts_with(b"PK") {
            bar.expect(bytes.len() as u64);
            self.add(&path.display().to_string(), &bytes);
            bar.advance(bytes.len() as u64);
            return Ok(());
        }
        let archive = Archive::read(&bytes, LIMITS)
            .map_err(|error| Failure::usage(format!("can't read `{}`: {error}", path.display())))?;
        bar.expect(archive.admitted());
        for entry in archive.entries().iter().filter(|entry| entry.name.ends_with(b".json")) {
            let name = format!("{}!/{}", path.display(), entry.text());
            match archive.contents(entry) {
                Ok(contents) => self.add(&name, &contents.bytes),
                Err(error) => self.unread.push(format!("{name}: {error}")),
            }
            bar.advance(entry.size);
        }
        Ok(())
    }
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|own| own.eq_ignore_ascii_case(extension))
}

fn import(format: Format, arguments: &ImportArgs) -> Result<ExitCode, Failure> {
    let mut import = Import::default();
    let bar = Bar::new("importing advisories".to_owned());
    let outcome = arguments.sources.iter().try_for_each(|source| import.source(source, &bar));
    bar.finish();
    outcome?;
    if import.taken == 0 {
        return Err(Failure::usage(
            "there is no advisory for an ecosystem of apps in it: import the exports of Maven, npm, Pub, SwiftURL, CocoaPods or crates.io",
        ));
    }
    let Import { importer, taken, foreign, withdrawn, older, unread } = import;
    let imported = importer.finish(Some(jiff::Timestamp::now().as_second())).map_err(Failure::dependency)?;
    write(&arguments.output, &imported.bytes)?;
    for error in unread.iter().take(TOLD) {
        output::note(error);
    }
    let answer = json!({
        "file": arguments.output, "bytes": imported.bytes.len(), "advisories": imported.advisories,
        "packages": imported.packages, "taken": taken, "withdrawn": withdrawn, "foreign": foreign, "older": older,
        "unread": unread.len(),
    });
    let of = |number: u32, one: &str, more: &str| format!("{number} {}", if number == 1 { one } else { more });
    output::value(format, &answer, |_| {
        output::line(format!(
            "{}: {} about {}, {} bytes",
            arguments.output.display(),
            of(imported.advisories, "advisory", "advisories"),
            of(imported.packages, "package", "packages"),
            imported.bytes.len()
        ));
        output::line(format!(
            "{taken} records taken, {withdrawn} withdrawn, {foreign} of other ecosystems, {older} older copies, {} unreadable",
            unread.len()
        ));
    });
    // An index that lacks what it should have is told by the exit code.
    Ok(if unread.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

fn open(bytes: &[u8]) -> Result<Index<'_>, Failure> {
    let index = Index::open(bytes).map_err(Failure::usage)?;
    index.verify().map_err(Failure::usage)?;
    Ok(index)
}

fn info(format: Format, file: &Path) -> Result<ExitCode, Failure> {
    let bytes = read(file, LARGEST)?;
    let about = open(&bytes)?.about();
    let day = |seconds: i64| jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default();
    let age = about.age_in_days(jiff::Timestamp::now().as_second());
    let answer = json!({
        "file": file, "bytes": bytes.len(), "advisories": about.advisories, "packages": about.packages,
        "imported": about.imported.map(day), "newest": day(about.newest), "age_in_days": age,
        "sha256": data_encoding::HEXLOWER.encode(&about.digest),
    });
    output::value(format, &answer, |value| {
        for name in ["advisories", "packages", "bytes", "imported", "newest", "age_in_days", "sha256"] {
            output::line(format!("{name:12} {}", output::cell(value, name)));
        }
    });
    Ok(ExitCode::SUCCESS)
}

fn compare(format: Format, old: &Path, new: &Path) -> Result<ExitCode, Failure> {
    let (old, new) = (read(old, LARGEST)?, read(new, LARGEST)?);
    let changes = diff(&open(&old)?, &open(&new)?).map_err(Failure::usage)?;
    let answer = json!({ "added": changes.added, "removed": changes.removed, "changed": changes.changed });
    output::value(format, &answer, |_| {
        for (sign, ids) in [('+', &changes.added), ('-', &changes.removed), ('~', &changes.changed)] {
            for id in ids {
                output::line(format!("{sign} {id}"));
            }
        }
        let (new, gone) = (changes.added.len(), changes.removed.len());
        output::line(format!("{new} new, {gone} gone, {} changed", changes.changed.len()));
    });
    Ok(ExitCode::SUCCESS)
}
