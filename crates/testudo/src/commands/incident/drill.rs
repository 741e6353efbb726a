//! `testudo incident drill`: an attack is played, with honest people about, and it is told what was done, when, and whom
//! it hit wrongly. Exit code 1 if the attack was not held back, or honest people were hit.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::commands::{Failure, Setting, output};
use crate::drill::{self, DrillError, House, LATENCY_CONFIG, Report, Scenario, Where};

/// Which drill.
#[derive(Debug, Args)]
pub struct DrillArgs {
    /// The scenario; `all` plays one after another, and without one they are listed.
    scenario: Option<String>,
    /// Play on the running server of the data folder, which must listen on loopback and trust a proxy on 127.0.0.1.
    /// People, a client and tightened limits of the drill appear there for a while. Never on a server that serves.
    #[arg(long)]
    running: bool,
    /// With `--running`: a path of its API that honest people read.
    #[arg(long, value_name = "PATH", default_value = "/accounts")]
    path: String,
    /// With `--running`: the scope that the path needs.
    #[arg(long, value_name = "SCOPE", default_value = "accounts:read")]
    scope: String,
    /// Measure instead: so many times from the event that decides to the refusal at every worker.
    #[arg(long, value_name = "RUNS", value_parser = clap::value_parser!(u32).range(1..=10_000), conflicts_with = "scenario")]
    measure: Option<u32>,
}

/// Runs it.
pub async fn run(setting: &Setting, arguments: &DrillArgs) -> Result<ExitCode, Failure> {
    if let Some(runs) = arguments.measure {
        return measure(setting, arguments, usize::try_from(runs).unwrap_or(1)).await;
    }
    let Some(name) = &arguments.scenario else {
        list(setting);
        return Ok(ExitCode::SUCCESS);
    };
    let chosen: Vec<&'static Scenario> = match name.as_str() {
        "all" => Scenario::ALL.iter().filter(|scenario| !(arguments.running && scenario.own_only)).collect(),
        name => vec![Scenario::named(name).ok_or_else(|| unknown(name))?],
    };
    if let Some(scenario) = chosen.iter().find(|scenario| arguments.running && scenario.own_only) {
        return Err(Failure::usage(format!("`{}` is played on a server of its own only", scenario.name)));
    }
    let mut reports = Vec::new();
    for scenario in chosen {
        output::note(format!("{}: {}", scenario.name, scenario.title));
        let report = one(setting, arguments, scenario).await?;
        if setting.format == crate::cli::Format::Human {
            show(&report);
        }
        reports.push(report);
    }
    let passed = reports.iter().all(|report| report.passed);
    output::value(setting.format, &json!({ "passed": passed, "drills": reports }), |_| {});
    Ok(ExitCode::from(u8::from(!passed)))
}

async fn one(setting: &Setting, arguments: &DrillArgs, scenario: &'static Scenario) -> Result<Report, Failure> {
    let house = House::open(place(setting, arguments, scenario.config)).await.map_err(failed)?;
    let played = drill::play(scenario, &house).await;
    let closed = house.close().await;
    let report = played.map_err(failed)?;
    closed.map_err(failed)?;
    Ok(report)
}

async fn measure(setting: &Setting, arguments: &DrillArgs, runs: usize) -> Result<ExitCode, Failure> {
    let house = House::open(place(setting, arguments, LATENCY_CONFIG)).await.map_err(failed)?;
    let measured = drill::latency(&house, runs).await;
    let closed = house.close().await;
    let measured = measured.map_err(failed)?;
    closed.map_err(failed)?;
    output::value(setting.format, &json!(measured), |_| {
        let workers = measured.workers.map_or_else(String::new, |workers| format!(" at {workers} workers"));
        output::line(format!(
            "{} runs, {} connections each{workers}: from the event that decides",
            measured.runs, measured.readers
        ));
        output::line(format!(
            "  to the refusal at the last of them: p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms",
            measured.p50_ms, measured.p99_ms, measured.max_ms
        ));
        output::line(format!(
            "  to the act against it: p50 {:.1} ms, p99 {:.1} ms",
            measured.acted_p50_ms, measured.acted_p99_ms
        ));
    });
    Ok(ExitCode::SUCCESS)
}

fn place(setting: &Setting, arguments: &DrillArgs, more: &str) -> Where {
    if arguments.running {
        let (path, scope) = (arguments.path.clone(), arguments.scope.clone());
        return Where::Running { data: setting.data.clone(), path, scope };
    }
    Where::Own { more: more.to_owned() }
}

fn list(setting: &Setting) {
    let all: Vec<Value> = Scenario::ALL
        .iter()
        .map(|scenario| {
            json!({
                "name": scenario.name, "title": scenario.title, "rules": scenario.rules,
                "own_server_only": scenario.own_only, "longest_s": scenario.longest().as_secs(),
            })
        })
        .collect();
    output::value(setting.format, &json!(all), |_| {
        let row = |scenario: &Scenario| vec![scenario.name.to_owned(), scenario.title.to_owned()];
        output::table(&["SCENARIO", "WHAT HAPPENS"], &Scenario::ALL.iter().map(row).collect::<Vec<_>>());
    });
}

fn show(report: &Report) {
    let ms = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0} ms"));
    let times = &report.times;
    let verdict = if report.passed { "held back" } else { "NOT as it should be" };
    output::line(format!("{}: {verdict}", report.scenario));
    output::line(format!("  rules that fitted: {}", or_none(&report.rules.join(", "))));
    output::line(format!(
        "  the attack had gone on for {} when its deciding event came; after that:",
        ms(times.attack_before_ms)
    ));
    output::line(format!("    incident opened   {}", ms(times.detected_ms)));
    output::line(format!("    first act         {}", ms(times.acted_ms)));
    output::line(format!("    last act          {}", ms(times.contained_ms)));
    output::line(format!("    attack refused    {}", ms(times.refused_ms)));
    for done in &report.done {
        let times = if done.times > 1 { format!(", {} times", done.times) } else { String::new() };
        output::line(format!("    {:>7.0} ms  {} {}{times}", done.ms, done.what, done.action));
    }
    let (attack, rate) = (&report.attack, &report.rate);
    output::line(format!(
        "  attack: {} attempts, {}; passed in a second {:.1} before and {:.1} after",
        attack.all,
        refusals(&attack.refused),
        rate.before,
        rate.after
    ));
    for (who, worth) in &report.stolen {
        let said = if *worth { "is still good" } else { "is worth nothing" };
        output::line(format!("  stolen from {who}: {said}"));
    }
    output::line(format!("  honest: {} requests, {}", report.honest.all, refusals(&report.honest.refused)));
    for hit in &report.hit {
        output::line(format!("    hit wrongly: {} ({}) by `{}`, {} times", hit.who, hit.what, hit.code, hit.times));
    }
    for failure in &report.failures {
        output::line(format!("  FAILED: {failure}"));
    }
}

fn refusals(refused: &std::collections::BTreeMap<String, usize>) -> String {
    if refused.is_empty() {
        return "none refused".into();
    }
    let each: Vec<String> = refused.iter().map(|(code, times)| format!("{times} refused by `{code}`")).collect();
    each.join(", ")
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn unknown(name: &str) -> Failure {
    let known: Vec<&str> = Scenario::ALL.iter().map(|scenario| scenario.name).collect();
    Failure::usage(format!("`{name}` is not a scenario; there are {}, and `all`", known.join(", ")))
}

fn failed(error: DrillError) -> Failure {
    match error {
        DrillError::Unfit(text) => Failure::usage(text),
        error @ DrillError::Server(_) => Failure::dependency(error),
    }
}
