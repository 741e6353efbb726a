//! The formats of a report, and which of them a file's name asks for.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use testudo_scan::report::exit::FailOn;
use testudo_scan::report::{Report, html, json, junit, lines, sarif, terminal};

use super::super::{Failure, output};
use super::{name, write};
use crate::cli::Output;

/// A report with what some formats need besides.
pub struct Told {
    /// The report.
    pub report: Report,
    /// The bill of materials.
    pub sbom: String,
}

/// How reports are told.
pub struct Telling {
    /// What fails the scan.
    pub fail_on: FailOn,
    /// How much a terminal is told.
    pub detail: terminal::Detail,
    /// Where the app's classes lie in the repository.
    pub source_root: Option<String>,
}

impl Telling {
    /// A report in a format.
    pub fn text(&self, told: &Told, format: Output, to_terminal: bool) -> String {
        let report = &told.report;
        match format {
            Output::Human => {
                let color = to_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
                let width = if to_terminal { columns() } else { terminal::Options::default().width };
                let Telling { fail_on, detail, .. } = *self;
                terminal::write(report, &terminal::Options { color, width, detail, fail_on, ..Default::default() })
            }
            Output::Json => json::write(report),
            Output::Html => html::write(report, &html::Options { fail_on: self.fail_on }),
            Output::Sarif => {
                let source_root = self.source_root.clone();
                sarif::write(report, &sarif::Options { source_root, fail_on: self.fail_on, ..Default::default() })
            }
            Output::Junit => junit::write(report),
            Output::Lines => lines::write(report),
            Output::Cyclonedx => told.sbom.clone(),
        }
    }

    /// Prints a report.
    pub fn print(&self, told: &Told, format: Output) {
        let text = self.text(told, format, std::io::stdout().is_terminal());
        if !text.is_empty() {
            output::line(text.trim_end_matches('\n'));
        }
    }
}

/// A file that a report goes to.
#[derive(Clone, Debug)]
pub struct ReportFile {
    pattern: PathBuf,
    format: Output,
}

impl ReportFile {
    /// The file of this name; its end tells the format. With several targets it has `{}` for the target's name.
    pub fn new(path: &Path, several: bool) -> Result<ReportFile, Failure> {
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
        let ends = |end: &str| file.ends_with(end);
        let format = match () {
            () if ends(".cdx.json") || ends(".bom.json") => Output::Cyclonedx,
            () if ends(".sarif") || ends(".sarif.json") => Output::Sarif,
            () if ends(".json") => Output::Json,
            () if ends(".html") || ends(".htm") => Output::Html,
            () if ends(".xml") => Output::Junit,
            () if ends(".lines") => Output::Lines,
            () if ends(".txt") => Output::Human,
            () => {
                return Err(Failure::usage(format!(
                    "the name of `{}` tells no format: end it with .html, .json, .sarif, .cdx.json, .xml (JUnit), .lines or .txt",
                    path.display()
                )));
            }
        };
        let pattern = path.to_path_buf();
        needs_name(&pattern, several, "--report")?;
        Ok(ReportFile { pattern, format })
    }

    /// Writes the report of a target.
    pub fn write(&self, telling: &Telling, told: &Told, target: &Path) -> Result<PathBuf, Failure> {
        let file = for_target(&self.pattern, target);
        write(&file, telling.text(told, self.format, false).as_bytes())?;
        Ok(file)
    }
}

/// With several targets the name of a file that is written for each has `{}`.
pub fn needs_name(pattern: &Path, several: bool, option: &str) -> Result<(), Failure> {
    if several && !pattern.to_string_lossy().contains("{}") {
        return Err(Failure::usage(format!(
            "there are several targets, and `{option} {}` names one file: write `{{}}` where the target's name shall stand",
            pattern.display()
        )));
    }
    Ok(())
}

/// The file of a pattern for a target.
pub fn for_target(pattern: &Path, target: &Path) -> PathBuf {
    PathBuf::from(pattern.to_string_lossy().replace("{}", &name(target)))
}

/// The columns of the terminal.
fn columns() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let asked = || rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
    told.or_else(asked).filter(|columns| *columns > 0).unwrap_or_else(|| terminal::Options::default().width)
}
