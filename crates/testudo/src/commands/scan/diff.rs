//! `testudo scan diff`: what changed between two versions.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use testudo_scan::compare::{Options, compare};
use testudo_scan::report::{Report, json, terminal};

use super::super::{Failure, Setting, output};
use super::means::{Means, MeansArgs};
use super::progress::Bar;
use super::targets::{Target, expand};
use super::{FailOnArg, name, read_text};
use crate::cli::Format;

/// The largest report.
const LARGEST_REPORT: u64 = 256 << 20;

/// What `diff` takes.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The earlier version: a package, a source folder, or its report in JSON.
    old: PathBuf,
    /// The later version.
    new: PathBuf,
    /// From which severity on a new finding fails the comparison.
    #[arg(long, value_enum, default_value = "high", value_name = "SEVERITY")]
    fail_on: FailOnArg,
    #[command(flatten)]
    means: MeansArgs,
}

/// Runs it.
pub fn run(setting: &Setting, arguments: &DiffArgs) -> Result<ExitCode, Failure> {
    let format = setting.plain()?;
    let means = Means::load(&arguments.means)?;
    let old = report(&arguments.old, &means)?;
    let new = report(&arguments.new, &means)?;
    let fail_on = arguments.fail_on.into_report();
    let comparison = compare(&old, &new);
    let text = match format {
        Format::Json => comparison.to_json(),
        Format::Human => {
            let color =
                std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            comparison.to_text(&Options { color, width: terminal::Options::default().width, fail_on })
        }
    };
    output::line(text.trim_end_matches('\n'));
    let (exit, _) = comparison.exit(fail_on);
    Ok(ExitCode::from(exit.code()))
}

/// A report that was written, or that of a scan now.
fn report(path: &Path, means: &Means) -> Result<Report, Failure> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        let text = read_text(path, LARGEST_REPORT)?;
        return json::read(&text).map_err(|error| Failure::usage(format!("`{}`: {error}", path.display())));
    }
    let targets = expand(&[path.to_path_buf()])?;
    let [target] = targets.as_slice() else {
        return Err(Failure::usage(format!("`{}` holds several packages; name one of them", path.display())));
    };
    let bar = Bar::new(format!("scanning {}", name(Target::path(target))));
    let analysed = target.analyse(&means.options()?, &bar);
    bar.finish();
    Report::new(analysed?.scan).map_err(Failure::dependency)
}
