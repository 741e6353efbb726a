//! The scan itself: every target analysed, judged and told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::{Args, ValueEnum};
use testudo_scan::report::exit::{Exit, judge};
use testudo_scan::report::{Level, Report, terminal};
use testudo_scan::suppress::{Baseline, Suppressions};

use super::super::{Failure, Setting, output};
use super::means::{Means, MeansArgs};
use super::progress::Bar;
use super::reports::{ReportFile, Telling, Told, for_target, needs_name};
use super::targets::{Target, expand};
use super::{FailOnArg, read_text, suppressions_beside, write};
use crate::cli::Output;

/// The largest baseline, and the largest file of suppressions, in bytes.
const LARGEST_BASELINE: u64 = 64 << 20;
const LARGEST_SUPPRESSIONS: u64 = 1 << 20;

/// What a scan takes.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// APK, XAPK, APKS, AAB or IPA files, folders of them, or source folders.
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<PathBuf>,
    /// Write a report to a file, too; the end of its name tells the format: .html, .json, .sarif, .cdx.json (`CycloneDX`),
    /// .xml (`JUnit`), .lines, .txt. May be given several times. `{}` stands for the target's name.
    #[arg(long, value_name = "FILE")]
    report: Vec<PathBuf>,
    /// From which severity on a finding fails the scan (exit code 1, or 5 for store policies alone).
    #[arg(long, value_enum, default_value = "high", value_name = "SEVERITY")]
    fail_on: FailOnArg,
    /// Findings that were there before: they are told apart, and do not fail the scan.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write the findings of this scan as a baseline, which then counts.
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    /// Decisions about findings [default: testudo-scan.toml beside the package or in the source folder, if there is one].
    #[arg(long, value_name = "FILE")]
    suppressions: Option<PathBuf>,
    /// How much is told on a terminal.
    #[arg(long, value_enum, default_value = "normal")]
    detail: DetailArg,
    /// Where the app's classes lie in the repository, such as app/src/main/java, so that SARIF names their files.
    #[arg(long, value_name = "FOLDER")]
    source_root: Option<String>,
    #[command(flatten)]
    means: MeansArgs,
}

/// How much is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum DetailArg {
    /// The counts and the verdict.
    Quiet,
    /// Findings that count, the first places of each.
    Normal,
    /// All places, findings that are known or suppressed, references.
    Full,
}

/// Runs it.
pub fn run(setting: &Setting, arguments: &RunArgs) -> Result<ExitCode, Failure> {
    let targets = expand(&arguments.targets)?;
    let several = targets.len() > 1;
    if several && !matches!(setting.output, Output::Human | Output::Lines) {
        let text = "there are several targets, and this format holds one; write a file for each with `--report`, such as `--report {}.json`";
        return Err(Failure::usage(text));
    }
    let files = arguments.report.iter().map(|file| ReportFile::new(file, several)).collect::<Result<Vec<_>, _>>()?;
    for (option, file) in [("--baseline", &arguments.baseline), ("--write-baseline", &arguments.write_baseline)] {
        file.as_deref().map_or(Ok(()), |file| needs_name(file, several, option))?;
    }
    let means = Means::load(&arguments.means)?;
    let telling = Telling {
        fail_on: arguments.fail_on.into_report(),
        detail: match arguments.detail {
            DetailArg::Quiet => terminal::Detail::Quiet,
            DetailArg::Normal => terminal::Detail::Normal,
            DetailArg::Full => terminal::Detail::Full,
        },
        source_root: arguments.source_root.clone(),
    };
    // What is wrong with the configuration is told before the work.
    let decisions = targets
        .iter()
        .map(|target| Decisions::load(arguments, target.path(), &means))
        .collect::<Result<Vec<_>, _>>()?;
    let analysed = analyse(&targets, &means, several)?;
    let mut exits = Vec::new();
    for (at, ((target, decisions), analysed)) in targets.iter().zip(&decisions).zip(analysed).enumerate() {
        let told = analysed.and_then(|(report, sbom)| Ok(Told { report: decisions.apply(report, &means)?, sbom }));
        match told {
            Ok(told) => {
                if at > 0 && setting.output == Output::Human {
                    output::line("");
                }
                telling.print(&told, setting.output);
                for file in &files {
                    let written = file.write(&telling, &told, target.path())?;
                    output::note(format!("{}: written", written.display()));
                }
                exits.push(judge(&told.report, telling.fail_on).0);
            }
            // One target that fails does not hide what the others have.
            Err(failure) if several => {
                failure.report();
                exits.push(Exit::Incomplete);
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(ExitCode::from(worst(&exits).code()))
}

/// The code of all: what proves least comes first, as in the judgement of one.
fn worst(exits: &[Exit]) -> Exit {
    let order = [Exit::Incomplete, Exit::Signature, Exit::Findings, Exit::Policy];
    order.into_iter().find(|exit| exits.contains(exit)).unwrap_or(Exit::Clean)
}

/// A report with its bill of materials.
type Outcome = Result<(Report, String), Failure>;

/// Analyses all targets, as many at a time as there are processors; results stand in the targets' order.
fn analyse(targets: &[Target], means: &Means, several: bool) -> Result<Vec<Outcome>, Failure> {
    let options = means.options()?;
    let what = match targets {
        [one] => format!("scanning {}", super::name(one.path())),
        _ => format!("scanning {} targets", targets.len()),
    };
    let bar = Bar::new(what);
    let one = |target: &Target| -> Outcome {
        // A fault of ours in one target leaves the others alone.
        let analysed = catch_unwind(AssertUnwindSafe(|| target.analyse(&options, &bar)));
        let analysed = analysed.unwrap_or_else(|_| {
            let path = target.path().display();
            Err(Failure::dependency(format!("`{path}` could not be analysed: a fault in testudo; please report it")))
        })?;
        let sbom = analysed.sbom();
        Ok((Report::new(analysed.scan).map_err(Failure::dependency)?, sbom))
    };
    let slots: Vec<Mutex<Option<Outcome>>> = targets.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let (Some(target), Some(slot)) = (targets.get(at), slots.get(at)) else { return };
            let outcome = one(target);
            if let Ok(mut slot) = slot.lock() {
                *slot = Some(outcome);
            }
        }
    };
    let workers = if several { thread::available_parallelism().map_or(1, usize::from).min(targets.len()) } else { 1 };
    thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(work);
        }
        work();
    });
    bar.finish();
    let lost = || Err(Failure::dependency("a target was not analysed"));
    Ok(slots.into_iter().map(|slot| slot.into_inner().ok().flatten().unwrap_or_else(lost)).collect())
}

/// What was decided about a target's findings.
struct Decisions {
    baseline: Option<Baseline>,
    write_baseline: Option<PathBuf>,
    suppressions: Option<Suppressions>,
}

impl Decisions {
    fn load(arguments: &RunArgs, target: &Path, means: &Means) -> Result<Decisions, Failure> {
        let baseline = match &arguments.baseline {
            Some(pattern) => {
                let text = read_text(&for_target(pattern, target), LARGEST_BASELINE)?;
                Some(Baseline::from_json(&text).map_err(Failure::usage)?)
            }
            None => None,
        };
        let beside = Some(suppressions_beside(target)).filter(|file| file.exists());
        let suppressions = match arguments.suppressions.clone().or(beside) {
            Some(file) => {
                let text = read_text(&file, LARGEST_SUPPRESSIONS)?;
                Some(Suppressions::read(&file.display().to_string(), &text, &means.rules).map_err(Failure::usage)?)
            }
            None => None,
        };
        let write_baseline = arguments.write_baseline.as_deref().map(|pattern| for_target(pattern, target));
        Ok(Decisions { baseline, write_baseline, suppressions })
    }

    /// Applies them; writes the new baseline, if one is asked for.
    fn apply(&self, mut report: Report, means: &Means) -> Result<Report, Failure> {
        if let Some(baseline) = &self.baseline {
            baseline.apply(&mut report);
        }
        if let Some(suppressions) = &self.suppressions {
            suppressions.apply(&mut report, means.today);
        }
        if let Some(file) = &self.write_baseline {
            let written = Baseline::of(&report, self.baseline.as_ref(), means.today);
            write(file, written.to_json().as_bytes())?;
            written.apply(&mut report);
            if let Some(suppressions) = &self.suppressions {
                suppressions.apply(&mut report, means.today);
            }
        }
        if let Some(days) = means.old {
            let text = format!(
                "the index of vulnerabilities is {days} days old; import a newer one with `testudo scan db import`"
            );
            report.note(Level::Warning, text);
        }
        Ok(report)
    }
}
