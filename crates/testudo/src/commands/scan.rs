//! `testudo scan`: what is wrong in an app, from its package or its sources alone.

mod db;
mod diff;
mod explain;
mod means;
mod progress;
mod reports;
mod run;
mod targets;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use testudo_core::Severity;
use testudo_scan::report::exit::FailOn;

use super::{Failure, Setting};

/// What `scan` takes: targets, or one of its own commands.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct ScanArgs {
    #[command(subcommand)]
    command: Option<ScanCommand>,
    #[command(flatten)]
    run: run::RunArgs,
}

/// What else can be done.
#[derive(Debug, Subcommand)]
enum ScanCommand {
    /// Say what a rule finds, why it matters and how it is mended. Without a rule, list all.
    Explain(explain::ExplainArgs),
    /// Compare two versions of an app: packages, or reports in JSON.
    Diff(diff::DiffArgs),
    /// The index of known vulnerabilities.
    #[command(subcommand)]
    Db(db::DbCommand),
}

/// From which severity on a finding fails the scan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum FailOnArg {
    Critical,
    High,
    Medium,
    Low,
    Informational,
    /// Findings never fail the scan.
    None,
}

impl FailOnArg {
    fn into_report(self) -> FailOn {
        FailOn(match self {
            FailOnArg::Critical => Some(Severity::Critical),
            FailOnArg::High => Some(Severity::High),
            FailOnArg::Medium => Some(Severity::Medium),
            FailOnArg::Low => Some(Severity::Low),
            FailOnArg::Informational => Some(Severity::Informational),
            FailOnArg::None => None,
        })
    }
}

/// Runs the command.
pub fn run(setting: &Setting, arguments: &ScanArgs) -> Result<ExitCode, Failure> {
    match &arguments.command {
        None => run::run(setting, &arguments.run),
        Some(ScanCommand::Explain(explain)) => explain::run(setting, explain),
        Some(ScanCommand::Diff(diff)) => diff::run(setting, diff),
        Some(ScanCommand::Db(command)) => db::run(setting, command),
    }
}

/// Reads a file of at most so many bytes; what can't be read is the command line's fault.
fn read(file: &std::path::Path, largest: u64) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let unread = |error: &dyn std::fmt::Display| Failure::usage(format!("can't read `{}`: {error}", file.display()));
    let mut bytes = Vec::new();
    let source = std::fs::File::open(file).map_err(|error| unread(&error))?;
    let size = source.metadata().map_or(0, |metadata| metadata.len());
    if size > largest {
        return Err(unread(&format!("it is larger than {} MiB", largest >> 20)));
    }
    bytes.reserve_exact(usize::try_from(size).unwrap_or_default());
    source.take(largest + 1).read_to_end(&mut bytes).map_err(|error| unread(&error))?;
    if bytes.len() as u64 > largest {
        return Err(unread(&format!("it is larger than {} MiB", largest >> 20)));
    }
    Ok(bytes)
}

/// Reads a file of text.
fn read_text(file: &std::path::Path, largest: u64) -> Result<String, Failure> {
    String::from_utf8(read(file, largest)?)
        .map_err(|_| Failure::usage(format!("can't read `{}`: it is no text in UTF-8", file.display())))
}

/// Writes a file whole: a reader never sees half of it.
fn write(file: &std::path::Path, bytes: &[u8]) -> Result<(), Failure> {
    let unwritten =
        |error: &dyn std::fmt::Display| Failure::dependency(format!("can't write `{}`: {error}", file.display()));
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut beside = tempfile::NamedTempFile::new_in(folder.unwrap_or_else(|| std::path::Path::new(".")))
        .map_err(|error| unwritten(&error))?;
    std::io::Write::write_all(&mut beside, bytes).map_err(|error| unwritten(&error))?;
    // Others may read it, as they may read what a shell's redirection makes.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(beside.path(), open).map_err(|error| unwritten(&error))?;
    beside.persist(file).map_err(|error| unwritten(&error.error))?;
    Ok(())
}

/// The name of a path's last part.
fn name(path: &std::path::Path) -> String {
    let whole = path.canonicalize();
    let named = path.file_name().or_else(|| whole.as_ref().ok().and_then(|whole| whole.file_name()));
    named.map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Where the suppressions of a target stand unless they are named: beside a package, or in a source folder.
fn suppressions_beside(target: &std::path::Path) -> PathBuf {
    const FILE: &str = "testudo-scan.toml";
    if target.is_dir() { target.join(FILE) } else { target.with_file_name(FILE) }
}
