//! `testudo incident list`, `show` and what people do with incidents.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use data_encoding::BASE64;
use http::Method;
use serde_json::{Value, json};

use super::print;
use crate::admin::Client;
use crate::commands::{Failure, Setting, output, segment};
use crate::respond::evidence;

/// What to do with incidents.
#[derive(Debug, Subcommand)]
pub enum DeskCommand {
    /// List incidents, newest first.
    List {
        /// Only `open`, `contained` or `closed` ones.
        #[arg(long)]
        state: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show an incident: what happened, what was done, and what waits.
    Show {
        /// Its id.
        incident: String,
        /// Show networks too, and who is behind which pseudonym, which leaves an event.
        #[arg(long)]
        reveal: bool,
    },
    /// Write a note. Write no personal data into it.
    Note {
        /// The incident.
        incident: String,
        /// The note.
        text: String,
    },
    /// Add a task, or say that one is done.
    Task {
        /// The incident.
        incident: String,
        /// What is to be done.
        #[arg(required_unless_present = "done", conflicts_with = "done")]
        text: Option<String>,
        /// The number of the task that is done.
        #[arg(long, value_name = "NUMBER")]
        done: Option<u32>,
    },
    /// Close an incident.
    Close {
        /// The incident.
        incident: String,
        /// What it was: `true-positive`, `false-positive`, `benign`, `test`, `insufficient-data` or `duplicate`.
        #[arg(long)]
        verdict: String,
        /// In words.
        #[arg(long)]
        text: String,
        /// Take back what is in force and can be taken back.
        #[arg(long)]
        undo: bool,
    },
    /// Take an action back. The same is not done again in this incident, unless a person wants it.
    Undo {
        /// The incident.
        incident: String,
        /// The action.
        response: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Allow an action that waits. Who proposed it can't.
    Approve {
        /// The incident.
        incident: String,
        /// The action.
        response: String,
    },
    /// Refuse an action that waits.
    Decline {
        /// The incident.
        incident: String,
        /// The action.
        response: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Say what a playbook would do about an incident, and whom it would hit. Nothing is done.
    DryRun(RunArgs),
    /// Run a playbook on an incident. What is beyond the limits waits for a second administrator.
    Run(RunArgs),
    /// Write the evidence of an incident to a file that proves itself without the server.
    Export {
        /// The incident.
        incident: String,
        /// Where to. Default: the incident's id with `.evidence.zip`.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// With personal data, which leaves an event.
        #[arg(long)]
        reveal: bool,
    },
    /// The clock of a breach of personal data: start it, describe the breach, print the draft of a notification.
    Breach(BreachArgs),
}

/// Which playbook on which incident.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The incident.
    incident: String,
    /// The playbook.
    playbook: String,
    /// Only this step, from 1.
    #[arg(long)]
    step: Option<usize>,
}

/// What is said of a breach.
#[derive(Debug, Args)]
pub struct BreachArgs {
    /// The incident.
    incident: String,
    /// Start the clock: the name of the person who is aware of the breach.
    #[arg(long, value_name = "NAME")]
    aware: Option<String>,
    /// Since when she is aware, such as `2026-11-29T10:00:00Z` [default: now].
    #[arg(long, value_name = "TIME", requires = "aware")]
    since: Option<String>,
    /// The nature of the breach.
    #[arg(long)]
    nature: Option<String>,
    /// The likely consequences.
    #[arg(long)]
    consequences: Option<String>,
    /// Measures beside those of the gateway.
    #[arg(long)]
    measures: Option<String>,
    /// The data protection officer or another contact point.
    #[arg(long)]
    contact: Option<String>,
    /// How many people are concerned.
    #[arg(long)]
    people: Option<u64>,
    /// How many records are concerned.
    #[arg(long)]
    records: Option<u64>,
    /// Whether the people concerned are told, and why.
    #[arg(long)]
    people_told: Option<String>,
    /// Why the authority was told late.
    #[arg(long)]
    delay: Option<String>,
    /// Say that the authority was told: the clock stops.
    #[arg(long)]
    notified: bool,
}

/// What `verify` takes.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The bundle.
    bundle: PathBuf,
    /// The public key of the log's checkpoints in base64, or a file with it; `testudo --format json audit checkpoint`
    /// prints it. Without it the bundle's own is used, and whose it is stays unproven.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A file of checkpoints that was kept outside of the store.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

pub async fn run(setting: &Setting, client: &mut Client, command: DeskCommand) -> Result<ExitCode, Failure> {
    let base = |incident: &str| format!("/admin/v1/incidents/{}", segment(incident));
    let act =
        |incident: &str, response: &str, act: &str| format!("{}/responses/{}/{act}", base(incident), segment(response));
    match command {
        DeskCommand::List { state, limit } => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("limit", &limit.to_string());
            if let Some(state) = &state {
                query.append_pair("state", state);
            }
            let path = format!("/admin/v1/incidents?{}", query.finish());
            let page: Value = client.call(Method::GET, &path, None).await?;
            output::value(setting.format, &page, print::list);
        }
        DeskCommand::Show { incident, reveal } => {
            let path = format!("{}?reveal={reveal}", base(&incident));
            let shown: Value = client.call(Method::GET, &path, None).await?;
            output::value(setting.format, &shown, print::incident);
        }
        DeskCommand::Note { incident, text } => {
            let path = format!("{}/notes", base(&incident));
            post(client, &path, Some(json!({ "text": text }))).await?;
            output::done(setting.format, &incident, "noted");
        }
        DeskCommand::Task { incident, text: Some(text), .. } => {
            let path = format!("{}/tasks", base(&incident));
            let shown = post(client, &path, Some(json!({ "text": text }))).await?;
            let tasks = shown.get("tasks").and_then(Value::as_array).map_or(0, Vec::len);
            output::done(setting.format, &incident, &format!("task {tasks} added"));
        }
        DeskCommand::Task { incident, done, .. } => {
            let path = format!("{}/tasks/{}/done", base(&incident), done.unwrap_or_default());
            post(client, &path, None).await?;
            output::done(setting.format, &incident, "the task is done");
        }
        DeskCommand::Close { incident, verdict, text, undo } => {
            let body = json!({ "verdict": verdict, "text": text, "undo": undo });
            post(client, &format!("{}/close", base(&incident)), Some(body)).await?;
            output::done(setting.format, &incident, "closed");
        }
        DeskCommand::Undo { incident, response, reason } => {
            post(client, &act(&incident, &response, "undo"), Some(json!({ "reason": reason }))).await?;
            output::done(setting.format, &response, "undone");
        }
        DeskCommand::Approve { incident, response } => {
            let shown = post(client, &act(&incident, &response, "approve"), None).await?;
            let state = print::state_of(&shown, &response);
            output::done(setting.format, &response, &format!("approved; it is {state} now"));
        }
        DeskCommand::Decline { incident, response, reason } => {
            post(client, &act(&incident, &response, "decline"), Some(json!({ "reason": reason }))).await?;
            output::done(setting.format, &response, "declined");
        }
        DeskCommand::DryRun(RunArgs { incident, playbook, step }) => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("playbook", &playbook);
            if let Some(step) = step {
                query.append_pair("step", &step.to_string());
            }
            let path = format!("{}/plans?{}", base(&incident), query.finish());
            let plan: Value = client.call(Method::GET, &path, None).await?;
            output::value(setting.format, &plan, print::plan);
        }
        DeskCommand::Run(RunArgs { incident, playbook, step }) => {
            let mut body = json!({ "playbook": playbook });
            if let (Some(step), Some(members)) = (step, body.as_object_mut()) {
                members.insert("step".into(), json!(step));
            }
            let ran = post(client, &format!("{}/runs", base(&incident)), Some(body)).await?;
            output::value(setting.format, &ran, |ran| print::plan(ran.get("plan").unwrap_or(&Value::Null)));
        }
        DeskCommand::Export { incident, output, reveal } => {
            return export(setting, client, &base(&incident), output, reveal).await;
        }
        DeskCommand::Breach(arguments) => return breach(setting, client, arguments).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn post(client: &mut Client, path: &str, body: Option<Value>) -> Result<Value, Failure> {
    Ok(client.call(Method::POST, path, body).await?)
}

async fn export(
    setting: &Setting,
    client: &mut Client,
    base: &str,
    output: Option<PathBuf>,
    reveal: bool,
) -> Result<ExitCode, Failure> {
    let answer: Value = client.call(Method::GET, &format!("{base}/evidence?reveal={reveal}"), None).await?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let bytes = BASE64.decode(text("zip").as_bytes()).map_err(Failure::dependency)?;
    let file = output.unwrap_or_else(|| PathBuf::from(text("name")));
    write_new(&file, &bytes)?;
    let shown = json!({
        "file": file, "sha256": text("sha256"), "entries": answer.get("entries"), "bytes": bytes.len(),
    });
    output::value(setting.format, &shown, |shown| {
        output::line(format!("{}: {} entries of the journal", file.display(), output::cell(shown, "entries")));
        output::line(format!("sha256 {}", text("sha256")));
        output::line(format!("prove it with: testudo incident verify {}", file.display()));
    });
    Ok(ExitCode::SUCCESS)
}

fn write_new(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = |error: std::io::Error| Failure::usage(format!("can't write `{}`: {error}", file.display()));
    let mut to = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(failed)?;
    to.write_all(bytes).and_then(|()| to.sync_all()).map_err(failed)
}

async fn breach(setting: &Setting, client: &mut Client, arguments: BreachArgs) -> Result<ExitCode, Failure> {
    let path = format!("/admin/v1/incidents/{}/breach", segment(&arguments.incident));
    if let Some(named) = &arguments.aware {
        let mut body = json!({ "named": named });
        if let (Some(since), Some(members)) = (&arguments.since, body.as_object_mut()) {
            let micros = print::micros_of(since)
                .ok_or_else(|| Failure::usage(format!("`{since}` is no time; write `2026-11-29T10:00:00Z`")))?;
            members.insert("since".into(), json!(micros));
        }
        post(client, &path, Some(body)).await?;
    }
    let mut words = serde_json::Map::new();
    let texts = [
        ("nature", &arguments.nature),
        ("consequences", &arguments.consequences),
        ("measures", &arguments.measures),
        ("contact", &arguments.contact),
        ("people-told", &arguments.people_told),
        ("delay", &arguments.delay),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            words.insert(name.into(), json!(text));
        }
    }
    for (name, number) in [("people", arguments.people), ("records", arguments.records)] {
        if let Some(number) = number {
            words.insert(name.into(), json!(number));
        }
    }
    if !words.is_empty() {
        client.call::<Value>(Method::PUT, &path, Some(Value::Object(words))).await?;
    }
    if arguments.notified {
        post(client, &format!("{path}/notified"), None).await?;
    }
    let draft: Value = client.call(Method::GET, &path, None).await?;
    output::value(setting.format, &draft, |draft| output::line(output::cell(draft, "text").trim_end()));
    Ok(ExitCode::SUCCESS)
}

/// `testudo incident verify`: without a server.
pub fn verify(setting: &Setting, arguments: &VerifyArgs) -> Result<ExitCode, Failure> {
    let unreadable = |file: &Path, error: &dyn std::fmt::Display| {
        Failure::usage(format!("can't read `{}`: {error}", file.display()))
    };
    let size = std::fs::metadata(&arguments.bundle).map_err(|error| unreadable(&arguments.bundle, &error))?.len();
    if size > evidence::MOST_BYTES {
        return Err(unreadable(&arguments.bundle, &"it is larger than any bundle"));
    }
    let bytes = std::fs::read(&arguments.bundle).map_err(|error| unreadable(&arguments.bundle, &error))?;
    let key = arguments.key.as_deref().map(key_of).transpose()?;
    let kept = match &arguments.checkpoint {
        None => None,
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
            Some(testudo_store::parse_checkpoints(&text).map_err(|error| unreadable(file, &error))?)
        }
    };
    let report = evidence::verify(&bytes, key, kept.as_deref());
    let mut shown = json!(report);
    if let Some(members) = shown.as_object_mut() {
        members.insert("sound".into(), json!(report.is_sound()));
    }
    output::value(setting.format, &shown, print::report);
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// A key in base64, or a file with it.
fn key_of(text: &str) -> Result<[u8; 32], Failure> {
    let written = std::fs::read_to_string(text).unwrap_or_else(|_| text.to_owned());
    let bytes = BASE64.decode(written.trim().as_bytes()).unwrap_or_default();
    <[u8; 32]>::try_from(bytes).map_err(|_| {
        Failure::usage("a key has 32 bytes in base64; `testudo --format json audit checkpoint` prints it".to_owned())
    })
}
