//! `testudo waf`: what firewall rules say, without a server.

mod install;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use testudo_contract::{Contract, RouteMatch};
use testudo_core::{Clock as _, Timestamp};
use testudo_waf::{Match, Step, Waf};

use super::{Failure, Setting, output};
use crate::clock::SystemClock;
use crate::config::{FirewallMode, FirewallSection, Overrides};
use crate::firewall::found::{self, Exclusion, Told, score, severity};
use crate::firewall::request::{Captured, Verdict};
use crate::firewall::routes::{self, Level, Routes};
use crate::firewall::{self, Loaded, Rules, Selection};
use crate::node::StartError;
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

/// Which rules, and what the configuration says of routes.
struct Chosen {
    selection: Selection,
    /// The section, the routes that it names, and the contract that has them; nothing for rules that are named.
    configured: Option<(FirewallSection, Routes, Contract)>,
}

impl RulesArgs {
    fn choose(&self, setting: &Setting) -> Result<Chosen, Failure> {
        if !self.rules.is_empty() {
            let section = FirewallSection { rules: self.rules.clone(), ..FirewallSection::default() };
            let mut selection = Selection::plain(Rules::of(&section));
            selection.level.paranoia = self.paranoia.unwrap_or(0);
            return Ok(Chosen { selection, configured: None });
        }
        let config = setting.load(&Overrides::default())?;
        let sample = config.upstream.servers.is_empty().then_some(("wallet.yaml", wallet::OPENAPI));
        let contract = snapshot::contract(&config, sample).map_err(StartError::from)?;
        let mut section = config.waf;
        section.paranoia = self.paranoia.unwrap_or(section.paranoia);
        let routes = Routes::of(&section, &contract).map_err(Failure::usage)?;
        let selection = Selection { detect: false, ..Selection::of(&section, &contract, &routes) };
        Ok(Chosen { selection, configured: Some((section, routes, contract)) })
    }
}

/// Runs the command.
pub fn run(setting: &Setting, command: WafCommand) -> Result<ExitCode, Failure> {
    match command {
        WafCommand::Check(rules) => check(setting, &rules.choose(setting)?.selection),
        WafCommand::Explain { request, rules } => explain(setting, &request, &rules.choose(setting)?),
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

fn explain(setting: &Setting, file: &Path, chosen: &Chosen) -> Result<ExitCode, Failure> {
    let captured = Captured::parse(&read(file)?)
        .map_err(|error| Failure::usage(format!("`{}` holds no request: {error}", file.display())))?;
    let place = Place::of(chosen, &captured);
    let case = Case { captured, now: SystemClock::default().now(), place };
    if case.place.mode == FirewallMode::Off {
        let answer =
            json!({ "request": case.captured.name(), "route": case.place.shown(), "refused": null, "matches": [] });
        output::value(setting.format, &answer, |_| {
            output::line(format!("{}: passes; `waf.routes` says that nothing is looked at here", case.captured.name()));
        });
        return Ok(ExitCode::SUCCESS);
    }
    let selection = case.place.selection(&chosen.selection);
    let waf = load(&selection)?.waf;
    if let Some((section, ..)) = &chosen.configured {
        routes::check(section, waf.rules()).map_err(Failure::usage)?;
    }
    let verdict = case.judge(&waf);
    let exclusions = if verdict.stopped.is_some() { exclusions(&case, &selection, &verdict)? } else { None };
    let reports = case.place.mode == FirewallMode::Detect;
    let answer = json!({
        "request": case.captured.name(),
        "route": case.place.shown(),
        "refused": verdict.stopped.as_ref().map(|stopped| json!({ "rule": stopped.rule(), "status": stopped.status() })),
        "reports_only": reports,
        "score": verdict.score, "threshold": verdict.threshold,
        "matches": verdict.matches.iter().zip(&verdict.told).map(|(found, told)| shown(found, told)).collect::<Vec<_>>(),
        "exclusions": exclusions.as_ref().map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>()),
        "route_exclusions": exclusions.as_ref().and_then(|all| case.place.toml(all)),
    });
    output::value(setting.format, &answer, |_| human(&case, &verdict, exclusions.as_deref()));
    Ok(if verdict.stopped.is_some() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// A request, when and where it is judged.
struct Case {
    captured: Captured,
    now: Timestamp,
    place: Place,
}

impl Case {
    fn judge(&self, waf: &Arc<Waf>) -> Verdict {
        self.captured.judge(waf, self.place.profile, self.now)
    }
}

/// The route of a request, and what the configuration says of it.
struct Place {
    /// Method and template; nothing where the configuration is not asked, or has no such route.
    route: Option<String>,
    /// The number of its entry, from 1.
    entry: Option<usize>,
    mode: FirewallMode,
    profile: Option<usize>,
    level: Option<Level>,
}

impl Place {
    fn of(chosen: &Chosen, captured: &Captured) -> Place {
        let everywhere = Place { route: None, entry: None, mode: FirewallMode::Block, profile: None, level: None };
        let (Some((section, routes, contract)), Some((method, path))) = (&chosen.configured, captured.place()) else {
            return everywhere;
        };
        let matched = contract.route(&method, path);
        let found = if let RouteMatch::Found(found) = &matched { Some(found) } else { None };
        let judging = routes.judging(found, &method, path);
        let entry = judging.entry.and_then(|entry| section.routes.get(entry)).map(|entry| entry.name().to_owned());
        let template = found.map(|found| {
            let method = found.route.method.as_ref().map_or("*", http::Method::as_str);
            format!("{method} {}", found.route.template)
        });
        let written = || contract.is_open().then(|| format!("{method} {path}"));
        Place {
            // The name that the configuration gave is the one under which it is found there.
            route: entry.or(template.filter(|_| !contract.is_open())).or_else(written),
            entry: judging.entry.map(|entry| entry + 1),
            mode: judging.mode,
            profile: judging.profile,
            level: routes.levels.get(judging.level).copied(),
        }
    }

    /// The rules for it. What they would refuse is told in every mode.
    fn selection(&self, general: &Selection) -> Selection {
        let mut selection = Selection { level: self.level.unwrap_or(general.level), ..general.clone() };
        for profile in &mut selection.profiles {
            profile.settings.retain(|setting| !setting.starts_with("ruleEngine="));
        }
        selection
    }

    fn shown(&self) -> Value {
        json!({ "name": self.route, "entry": self.entry, "mode": self.mode.name() })
    }

    /// The same exclusions for this route alone.
    fn toml(&self, exclusions: &[Exclusion]) -> Option<String> {
        let route = self.route.as_deref()?;
        let mut by_target: BTreeMap<Option<&str>, Vec<u64>> = BTreeMap::new();
        for exclusion in exclusions {
            by_target.entry(exclusion.target.as_deref()).or_default().push(exclusion.rule);
        }
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let lines = by_target.iter().map(|(target, rules)| {
            let rules: Vec<String> = rules.iter().map(u64::to_string).collect();
            let target = target.map(|target| format!(", target = {}", quoted(target))).unwrap_or_default();
            format!("    {{ rules = [{}]{target} }},\n", rules.join(", "))
        });
        let key = if route.contains(' ') { "route" } else { "operation" };
        let lines: String = lines.collect();
        Some(format!("[[waf.routes]]\n{key} = {}\nexclude = [\n{lines}]", quoted(route)))
    }
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

fn shown(found: &Match, told: &[Told]) -> Value {
    let step = |step: &Step| json!({ "name": step.name, "output": step.output.as_deref().map(text) });
    let hit = |told: &Told| {
        json!({
            "variable": told.hit.variable, "value": text(&told.hit.value),
            "sent": told.trace.as_ref().map(|trace| text(&trace.sent)),
            "steps": told.trace.iter().flat_map(|trace| &trace.steps).map(step).collect::<Vec<_>>(),
        })
    };
    json!({
        "id": found.id, "phase": found.phase, "message": found.msg, "severity": severity(found), "score": score(found),
        "variable": found.variable, "value": text(&found.value), "hits": told.iter().map(hit).collect::<Vec<_>>(),
        "operator": found.operator, "data": text(&found.data),
        "file": &*found.file, "line": found.line, "tags": found.tags,
    })
}

fn human(case: &Case, verdict: &Verdict, exclusions: Option<&[Exclusion]>) {
    let name = case.captured.name();
    let score = match (verdict.score, verdict.threshold) {
        (Some(score), Some(threshold)) => format!("; anomaly score {score}, refused from {threshold} on"),
        _ => String::new(),
    };
    output::line(match &verdict.stopped {
        None => format!("{name}: passes{score}"),
        Some(stopped) => {
            format!("{name}: refused with {} by rule {}{score}", stopped.status(), stopped.rule())
        }
    });
    if let (Some(route), Some(entry)) = (&case.place.route, case.place.entry) {
        output::line(format!("Route {route}: entry {entry} of `waf.routes` is heeded"));
    }
    if case.place.mode == FirewallMode::Detect && verdict.stopped.is_some() {
        output::line("In mode \"detect\" it is written down, and passes.");
    }
    for (found, told) in verdict.matches.iter().zip(&verdict.told) {
        output::line("");
        let weight = score_of(found);
        output::line(format!("  {}  {}{weight}", found.id, found.msg));
        for told in told {
            for line in told.lines() {
                output::line(format!("          {}", text(line.as_bytes())));
            }
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
        Some(exclusions) => {
            output::line("\nThe smallest exclusion that lets it pass:\n");
            for exclusion in exclusions {
                output::line(format!("  {exclusion}"));
            }
            if let Some(toml) = case.place.toml(exclusions) {
                output::line("\nThe same for this route alone, in the configuration:\n");
                toml.lines().for_each(|line| output::line(format!("  {line}")));
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
fn exclusions(case: &Case, selection: &Selection, verdict: &Verdict) -> Result<Option<Vec<Exclusion>>, Failure> {
    let judge = |exclusions: &BTreeSet<Exclusion>| {
        let last = selection.last.iter().cloned().chain(exclusions.iter().map(ToString::to_string)).collect();
        Ok::<_, Failure>(case.judge(&load(&Selection { last, ..selection.clone() })?.waf))
    };
    let (mut all, mut current) = (BTreeSet::new(), verdict.clone());
    for _ in 0..ROUNDS {
        let before = all.len();
        all.extend(current.matches.iter().flat_map(found::exclusions));
        if all.len() == before || all.len() > MOST {
            return Ok(None);
        }
        current = judge(&all)?;
        if current.stopped.is_none() {
            break;
        }
    }
    if current.stopped.is_some() {
        return Ok(None);
    }
    for exclusion in all.clone() {
        all.remove(&exclusion);
        if judge(&all)?.stopped.is_some() {
            all.insert(exclusion);
        }
    }
    Ok(Some(all.into_iter().collect()))
}
