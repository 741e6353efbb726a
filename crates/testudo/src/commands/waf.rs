//! `testudo waf`: what firewall rules say, without a server.

mod install;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use testudo_core::{Clock as _, Timestamp};
use testudo_waf::Match;

use super::{Failure, Setting, output};
use crate::clock::SystemClock;
use crate::config::{FirewallSection, Overrides};
use crate::firewall::found::{exclusion, score, severity};
use crate::firewall::request::{Captured, Verdict};
use crate::firewall::{self, Loaded, Rules, Selection};
use crate::snapshot;

/// The longest request file: a head, and what of a body is looked at.
const LONGEST: u64 = 16 * 1024 * 1024;
/// How often further exclusions are looked for.
const ROUNDS: usize = 6;
/// Exclusions that are tried one by one.
const MOST: usize = 24;
/// Characters of a value that are shown.
const SHOWN: usize = 160;

/// What to do with firewall rules.
#[derive(Debug, Subcommand)]
pub enum WafCommand {
    /// Read rules and tell what there is; what can't be understood is named with file, line and what to write instead.
    Check(RulesArgs),
    /// Check a release of the OWASP Core Rule Set and put it into the data folder, where it takes the place of the built-in
    /// rules.
    InstallCrs {
        /// A folder, or a `.tar.gz` or `.zip` archive, as releases are published.
        source: PathBuf,
    },
    /// Show what rules say about a request, and the smallest exclusion that would let it pass. Exit code 1 when it is
    /// refused.
    Explain {
        /// A file with the request as it travels: first line, headers, an empty line, body; `-` reads standard input.
        request: PathBuf,
        /// Which rules.
        #[command(flatten)]
        rules: RulesArgs,
    },
}

/// Which rules.
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// A file of SecLang rules, a folder of them, or the folder of a release of the OWASP Core Rule Set; several are read in
    /// order; `built-in` for the rules of our own. Without it, the rules and exclusions that the configuration puts in force.
    #[arg(long, value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// The paranoia level of the Core Rule Set, instead of the one of its setup.
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(1..=4))]
    paranoia: Option<u8>,
}

impl RulesArgs {
    fn selection(&self, setting: &Setting) -> Result<Selection, Failure> {
        let (mut section, types) = if self.rules.is_empty() {
            let config = setting.load(&Overrides::default())?;
            let contract = snapshot::contract(&config, None);
            (config.waf, contract.map(|contract| firewall::types(&contract)).unwrap_or_default())
        } else {
            (FirewallSection { rules: self.rules.clone(), ..FirewallSection::default() }, BTreeSet::new())
        };
        section.paranoia = self.paranoia.unwrap_or(section.paranoia);
        let FirewallSection { paranoia, exclusions, .. } = section.clone();
        Ok(Selection { rules: Rules::of(&section), paranoia, detect: false, types, last: exclusions })
    }
}

/// Runs the command.
pub fn run(setting: &Setting, command: WafCommand) -> Result<ExitCode, Failure> {
    match command {
        WafCommand::Check(rules) => check(setting, &rules.selection(setting)?),
        WafCommand::Explain { request, rules } => explain(setting, &request, &rules.selection(setting)?),
        WafCommand::InstallCrs { source } => install::run(setting, &source),
    }
}

fn load(selection: &Selection) -> Result<Loaded, Failure> {
    firewall::load(selection).map_err(Failure::usage)
}

fn check(setting: &Setting, selection: &Selection) -> Result<ExitCode, Failure> {
    let started = std::time::Instant::now();
    let loaded = load(selection)?;
    let rules = loaded.waf.rules();
    let notes: Vec<Value> =
        loaded.notes.iter().map(|note| json!({ "file": &*note.file, "line": note.line, "text": note.text })).collect();
    let answer = json!({
        "source": selection.rules.to_string(), "rules": rules.len(), "settled": rules.settled(), "screened": rules.screened(),
        "milliseconds": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX), "notes": notes,
    });
    output::value(setting.format, &answer, |answer| {
        for note in &loaded.notes {
            output::line(format!("{}:{}: {}", note.file, note.line, note.text));
        }
        output::line(format!(
            "{}: {} rules, read and compiled in {} ms: {} can't match under these settings and are left out, {} are asked only \
             about values that may match",
            selection.rules, answer["rules"], answer["milliseconds"], answer["settled"], answer["screened"]
        ));
    });
    Ok(ExitCode::SUCCESS)
}

fn explain(setting: &Setting, file: &Path, selection: &Selection) -> Result<ExitCode, Failure> {
    let captured = Captured::parse(&read(file)?)
        .map_err(|error| Failure::usage(format!("`{}` holds no request: {error}", file.display())))?;
    let now = SystemClock::default().now();
    let verdict = captured.judge(&load(selection)?.waf, now);
    let exclusions = if verdict.stopped.is_some() { exclusions(&captured, selection, &verdict, now)? } else { None };
    let answer = json!({
        "request": captured.name(),
        "refused": verdict.stopped.as_ref().map(|stopped| json!({ "rule": stopped.rule(), "status": stopped.status() })),
        "score": verdict.score, "threshold": verdict.threshold,
        "matches": verdict.matches.iter().map(shown).collect::<Vec<_>>(),
        "exclusions": exclusions,
    });
    output::value(setting.format, &answer, |_| human(&captured, &verdict, exclusions.as_deref()));
    Ok(if verdict.stopped.is_some() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let unread = |error: std::io::Error| Failure::usage(format!("can't read `{}`: {error}", file.display()));
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().take(LONGEST + 1).read_to_end(&mut bytes).map_err(unread)?;
    } else {
        std::fs::File::open(file).map_err(unread)?.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unread)?;
    }
    if bytes.len() as u64 > LONGEST {
        return Err(Failure::usage(format!("`{}` is longer than 16 MiB", file.display())));
    }
    Ok(bytes)
}

fn shown(found: &Match) -> Value {
    json!({
        "id": found.id, "phase": found.phase, "message": found.msg, "severity": severity(found), "score": score(found),
        "variable": found.variable, "value": text(&found.value), "operator": found.operator, "data": text(&found.data),
        "file": &*found.file, "line": found.line, "tags": found.tags,
    })
}

fn human(captured: &Captured, verdict: &Verdict, exclusions: Option<&[String]>) {
    let score = match (verdict.score, verdict.threshold) {
        (Some(score), Some(threshold)) => format!("; anomaly score {score}, refused from {threshold} on"),
        _ => String::new(),
    };
    output::line(match &verdict.stopped {
        None => format!("{}: passes{score}", captured.name()),
        Some(stopped) => {
            format!("{}: refused with {} by rule {}{score}", captured.name(), stopped.status(), stopped.rule())
        }
    });
    for found in &verdict.matches {
        output::line("");
        let weight = score_of(found);
        output::line(format!("  {}  {}{weight}", found.id, found.msg));
        if !found.variable.is_empty() {
            output::line(format!("          {} = {}", found.variable, text(&found.value)));
        }
        if !found.data.is_empty() {
            output::line(format!("          {}", text(&found.data)));
        }
        output::line(format!("          {}   {}:{}", found.operator, found.file, found.line));
    }
    match exclusions {
        None if verdict.stopped.is_some() => {
            output::line("\nNo exclusion of single variables lets it pass; see the rule that refuses it.");
        }
        None => {}
        Some(lines) => {
            output::line("\nThe smallest exclusion that lets it pass:\n");
            for line in lines {
                output::line(format!("  {line}"));
            }
        }
    }
}

fn score_of(found: &Match) -> String {
    match (severity(found), score(found)) {
        (Some(name), Some(score)) => format!("  ({name}, +{score})"),
        (Some(name), None) => format!("  ({name})"),
        _ => String::new(),
    }
}

/// A value for eyes: without control characters, and not too long.
fn text(bytes: &[u8]) -> String {
    let visible = |character: char| if character.is_control() { '\u{fffd}' } else { character };
    cut(&String::from_utf8_lossy(bytes).chars().map(visible).collect::<String>())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The fewest updates of rules under which the request passes, each tried: first one for each rule and variable that
/// matched, until nothing matches anew, then without each that is not needed.
fn exclusions(
    captured: &Captured,
    selection: &Selection,
    verdict: &Verdict,
    now: Timestamp,
) -> Result<Option<Vec<String>>, Failure> {
    let judge = |lines: &BTreeSet<String>| {
        let last = selection.last.iter().chain(lines).cloned().collect();
        Ok::<_, Failure>(captured.judge(&load(&Selection { last, ..selection.clone() })?.waf, now))
    };
    let (mut lines, mut current) = (BTreeSet::new(), verdict.clone());
    for _ in 0..ROUNDS {
        let before = lines.len();
        lines.extend(current.matches.iter().filter_map(exclusion));
        if lines.len() == before || lines.len() > MOST {
            return Ok(None);
        }
        current = judge(&lines)?;
        if current.stopped.is_none() {
            break;
        }
    }
    if current.stopped.is_some() {
        return Ok(None);
    }
    for line in lines.clone() {
        lines.remove(&line);
        if judge(&lines)?.stopped.is_some() {
            lines.insert(line);
        }
    }
    Ok(Some(lines.into_iter().collect()))
}
