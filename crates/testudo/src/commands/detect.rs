//! `testudo detect`: rules of detection on files of events, and on what the journal holds.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use testudo_core::{Alert, Clock as _};
use testudo_detection::{Counters, Detector, LogSource, Options, Record, Rules, pack};

use super::{Failure, Setting, output};
use crate::admin::Client;
use crate::cli::Format;
use crate::clock::SystemClock;
use crate::config::duration;

/// The longest line of events in bytes.
const LONGEST_LINE: u64 = 1024 * 1024;
/// Between two looks at a replay.
const POLL: Duration = Duration::from_millis(100);
/// Alerts that are kept; more are counted.
const MOST_ALERTS: usize = 100_000;

/// What to do with rules.
#[derive(Debug, Subcommand)]
pub enum DetectCommand {
    /// Read rules and tell what there is; mistakes are named with file, line and what to write instead.
    Rules {
        /// A file of Sigma rules, a folder of them, or `pack` for those that come with Testudo.
        #[arg(default_value = PACK)]
        rules: String,
    },
    /// Try rules on a file of events. Exit code 1 when there are alerts.
    Test(TestArgs),
    /// Try rules on what the journal holds. Nothing is done about what they find. Exit code 1 when there are alerts.
    Replay(ReplayArgs),
}

/// What `test` takes.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// A file of Sigma rules, a folder of them, or `pack` for those that come with Testudo.
    rules: String,
    /// A file of JSON lines: entries of the journal, or events of another source with any fields; `-` reads standard
    /// input.
    events: PathBuf,
    /// Where events of another source come from: Sigma's category, such as `webserver`. Without it and the two below, all
    /// rules look at them.
    #[arg(long)]
    category: Option<String>,
    /// Their product, such as `okta`.
    #[arg(long)]
    product: Option<String>,
    /// Their service, such as `auditd`.
    #[arg(long)]
    service: Option<String>,
}

/// What `replay` takes.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// A file of Sigma rules, a folder of them, or `pack` for those that come with Testudo.
    #[arg(default_value = PACK)]
    rules: String,
    /// How far back, such as `24h` or `7d`.
    #[arg(long, default_value = "24h", value_parser = duration::parse, value_name = "TIME")]
    since: Duration,
}

/// The rules that come with Testudo.
const PACK: &str = "pack";

/// Runs what needs no store; gives back what does.
pub fn run_offline(setting: &Setting, command: DetectCommand) -> Result<Result<ExitCode, Failure>, ReplayArgs> {
    match command {
        DetectCommand::Rules { rules } => Ok(list(setting.format, &rules)),
        DetectCommand::Test(arguments) => Ok(test(setting.format, arguments)),
        DetectCommand::Replay(arguments) => Err(arguments),
    }
}

fn list(format: Format, rules: &str) -> Result<ExitCode, Failure> {
    let detector = compile(rules)?;
    let shape = detector.shape();
    let rules: Vec<Value> = detector
        .rules()
        .map(|rule| {
            json!({
                "id": rule.id, "title": rule.title, "level": rule.level, "tags": rule.tags,
                "file": rule.file, "line": rule.position.line,
            })
        })
        .collect();
    let answer = json!({ "rules": rules, "detections": shape.detections, "correlations": shape.correlations });
    output::value(format, &answer, |_| {
        let rows: Vec<Vec<String>> = rules
            .iter()
            .map(|rule| ["level", "title", "file", "id"].map(|name| output::cell(rule, name)).to_vec())
            .collect();
        output::table(&["LEVEL", "TITLE", "FILE", "ID"], &rows);
        output::note(format!("{} rules about one event, {} about many", shape.detections, shape.correlations));
    });
    Ok(ExitCode::SUCCESS)
}

fn test(format: Format, arguments: TestArgs) -> Result<ExitCode, Failure> {
    let mut detector = compile(&arguments.rules)?;
    let TestArgs { category, product, service, .. } = arguments;
    if category.is_some() || product.is_some() || service.is_some() {
        detector.json_source(&LogSource { category, product, service });
    }
    let name = arguments.events.display().to_string();
    let mut events: Box<dyn BufRead> = if name == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let opened = File::open(&arguments.events);
        Box::new(BufReader::new(opened.map_err(|error| Failure::usage(format!("can't read `{name}`: {error}")))?))
    };
    let mut found = Found::default();
    let progress = progress("reading events");
    let mut line = String::new();
    for number in 1u64.. {
        line.clear();
        let at = |what: &dyn std::fmt::Display| Failure::usage(format!("{name}:{number}: {what}"));
        let read = (&mut events).take(LONGEST_LINE + 1).read_line(&mut line).map_err(|error| at(&error))?;
        if read == 0 {
            break;
        }
        if line.len() as u64 > LONGEST_LINE {
            return Err(at(&format!("the line has more than {LONGEST_LINE} bytes")));
        }
        if line.trim().is_empty() {
            continue;
        }
        // An entry of the journal says what it is by its kind; anything else is an event of another source.
        match serde_json::from_str::<Record>(&line).ok().or_else(|| entry(&line)) {
            Some(record) => detector.observe(&record.view(), record.seq.unwrap_or(number), &mut found.new),
            None => detector.observe_json(line.trim(), number, &mut found.new).map_err(|error| at(&error))?,
        }
        found.take();
        progress.set_position(number);
    }
    progress.finish_and_clear();
    found.left_out = detector.counters();
    Ok(found.show(format))
}

/// `testudo detect replay`: in the server, where rules see each entry as the live run does.
pub async fn replay(setting: &Setting, client: &mut Client, arguments: ReplayArgs) -> Result<ExitCode, Failure> {
    let since = SystemClock::default().now().minus(arguments.since).micros();
    let rules: Vec<Value> = match arguments.rules.as_str() {
        PACK => Vec::new(),
        path => crate::rules::texts(Path::new(path))
            .map_err(Failure::usage)?
            .into_iter()
            .map(|(name, text)| json!({ "name": name, "text": text }))
            .collect(),
    };
    let wanted = json!({ "since": since, "pack": rules.is_empty(), "rules": rules });
    let started: Value = client.call(Method::POST, "/admin/v1/detection/replays", Some(wanted)).await?;
    let id = started.get("id").and_then(Value::as_u64).unwrap_or_default();
    let progress = progress("reading the journal");
    let report = loop {
        let report: Value = client.call(Method::GET, &format!("/admin/v1/detection/replays/{id}"), None).await?;
        match report.get("state").and_then(Value::as_str) {
            Some("running") => {
                progress.set_position(report.get("progress").and_then(Value::as_u64).unwrap_or_default());
            }
            Some("done") => break report,
            _ => {
                let cause = output::cell(&report, "error");
                return Err(Failure::dependency(format!("the replay did not end: {cause}; try it again")));
            }
        }
        tokio::time::sleep(POLL).await;
    };
    progress.finish_and_clear();
    let unreadable = |error: serde_json::Error| {
        Failure::dependency(format!("the server gave a report that this version can't read ({error})"))
    };
    let found: Found = serde_json::from_value(report).map_err(unreadable)?;
    Ok(found.show(setting.format))
}

/// An entry as `testudo audit list --format json` prints it.
fn entry(line: &str) -> Option<Record> {
    of_entry(&serde_json::from_str(line).ok()?)
}

fn of_entry(item: &Value) -> Option<Record> {
    let seq = item.get("seq")?.as_u64()?;
    let record: Record = serde_json::from_value(item.get("event")?.clone()).ok()?;
    Some(Record { seq: Some(seq), ..record })
}

fn compile(rules: &str) -> Result<Detector, Failure> {
    let mut read = Rules::new();
    if rules == PACK {
        pack(&mut read).map_err(Failure::usage)?;
    } else {
        crate::rules::add(&mut read, Path::new(rules)).map_err(Failure::usage)?;
    }
    read.compile(Options::default()).map_err(Failure::usage)
}

fn progress(what: &'static str) -> indicatif::ProgressBar {
    let style = indicatif::ProgressStyle::with_template("{spinner} {msg}: {human_pos}");
    let bar = indicatif::ProgressBar::new_spinner().with_message(what);
    bar.enable_steady_tick(Duration::from_millis(100));
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// What was found so far.
#[derive(Default, Serialize, Deserialize)]
struct Found {
    events: u64,
    alerts: Vec<Alert>,
    /// All alerts, also those that are not kept.
    total: u64,
    rules: BTreeMap<String, u64>,
    left_out: Counters,
    #[serde(skip)]
    new: Vec<Alert>,
}

impl Found {
    /// One event has been observed.
    fn take(&mut self) {
        self.events += 1;
        for alert in self.new.drain(..) {
            self.total += 1;
            *self.rules.entry(alert.rule.clone()).or_default() += 1;
            if self.alerts.len() < MOST_ALERTS {
                self.alerts.push(alert);
            }
        }
    }

    fn show(&self, format: Format) -> ExitCode {
        let answer = serde_json::to_value(self).unwrap_or_default();
        output::value(format, &answer, |_| {
            for alert in &self.alerts {
                show(alert);
            }
            let [events, alerts, rules] =
                [(self.events, "event"), (self.total, "alert"), (self.rules.len() as u64, "rule")]
                    .map(|(number, what)| output::count(number, what));
            output::line(format!("{events}, {alerts} of {rules}"));
            if self.total > self.alerts.len() as u64 {
                output::note(format!("only the first {} alerts are shown", self.alerts.len()));
            }
        });
        ExitCode::from(u8::from(self.total > 0))
    }
}

fn show(alert: &Alert) {
    let level = alert.level.name();
    let group: Vec<String> = alert.group.iter().map(|(field, value)| format!("{field}={value}")).collect();
    output::line(format!("{}  {level:<8}  {}", alert.at, alert.title));
    let places: Vec<String> = alert.places.iter().take(8).map(u64::to_string).collect();
    let more = if alert.places.len() > places.len() { " ..." } else { "" };
    output::line(format!("    {}  count {}  at {}{more}", alert.rule, alert.count, places.join(" ")));
    if !group.is_empty() {
        output::line(format!("    {}", group.join("  ")));
    }
}
