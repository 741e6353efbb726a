//! `testudo audit`: reading and proving the journal.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{Failure, Setting, output, user};
use crate::admin::Client;

/// Checkpoints that are sent for verification.
const MOST_CHECKPOINTS: usize = 3_000;

/// What to do with the journal.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Prove the log: every entry, the tree, and all checkpoints. Exit code 1 names the first bad entry.
    Verify {
        /// A file of checkpoints that was kept outside of the store: against it, truncation and rollback show.
        /// [default: the file that `up` appends to]
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Show entries, newest first.
    List(Filter),
    /// Make a checkpoint now and print it.
    Checkpoint,
    /// Prove that an entry is in the log: print the hashes from its leaf to the root (RFC 6962).
    Prove {
        /// The entry's place.
        seq: u64,
    },
}

/// Which entries to show.
#[derive(Debug, Args)]
pub struct Filter {
    /// Only this kind, such as `sign-in`; several with commas.
    #[arg(long)]
    kind: Option<String>,
    /// Only by or about this person (id or user name).
    #[arg(long)]
    person: Option<String>,
    /// Only of this request.
    #[arg(long)]
    request: Option<String>,
    /// Only of this session.
    #[arg(long)]
    session: Option<String>,
    /// Only `success` or `failure`.
    #[arg(long)]
    outcome: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Show personal data too, which leaves an event.
    #[arg(long)]
    reveal: bool,
}

pub async fn run(setting: &Setting, client: &mut Client, command: AuditCommand) -> Result<ExitCode, Failure> {
    match command {
        AuditCommand::Verify { checkpoint } => return verify(setting, client, checkpoint.as_deref()).await,
        AuditCommand::List(filter) => {
            let path = query(client, &filter).await?;
            let page: Value = client.call(Method::GET, &path, None).await?;
            output::value(setting.format, &page, list);
        }
        AuditCommand::Checkpoint => {
            let made: Value = client.call(Method::GET, "/admin/v1/audit/checkpoint", None).await?;
            output::value(setting.format, &made, |made| output::line(output::cell(made, "note").trim_end()));
        }
        AuditCommand::Prove { seq } => {
            let made: Value = client.call(Method::GET, "/admin/v1/audit/checkpoint", None).await?;
            let size = made.get("size").and_then(Value::as_u64).unwrap_or_default();
            let path = format!("/admin/v1/audit/proofs/inclusion?seq={seq}&size={size}");
            let proof: Value = client.call(Method::GET, &path, None).await?;
            let answer = json!({ "checkpoint": made, "proof": proof });
            output::value(setting.format, &answer, |answer| {
                output::line(serde_json::to_string_pretty(answer).unwrap_or_default());
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn verify(setting: &Setting, client: &mut Client, checkpoint: Option<&Path>) -> Result<ExitCode, Failure> {
    let body = match checkpoint {
        None => None,
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::usage(format!("can't read `{}`: {error}", file.display())))?;
            match testudo_store::parse_checkpoints(&text) {
                Ok(known) if !known.is_empty() => Some(json!({ "checkpoints": spread(&text) })),
                Ok(_) => return Err(Failure::usage(format!("`{}` holds no checkpoint", file.display()))),
                Err(error) => return Err(Failure::usage(format!("`{}` can't be read: {error}", file.display()))),
            }
        }
    };
    let started: Value = client.call(Method::POST, "/admin/v1/audit/verifications", body).await?;
    let id = started.get("id").and_then(Value::as_u64).unwrap_or_default();
    let progress = indicatif::ProgressBar::new_spinner().with_message("verifying the journal");
    progress.enable_steady_tick(Duration::from_millis(100));
    let report = loop {
        let path = format!("/admin/v1/audit/verifications/{id}");
        let report: Value = client.call(Method::GET, &path, None).await?;
        if report.get("state").and_then(Value::as_str) != Some("running") {
            break report;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    progress.finish_and_clear();
    output::value(setting.format, &report, show);
    match (report.get("state").and_then(Value::as_str), report.get("sound").and_then(Value::as_bool)) {
        (Some("done"), Some(true)) => Ok(ExitCode::SUCCESS),
        (Some("done"), _) => Ok(ExitCode::from(1)),
        _ => Err(Failure::dependency(format!("the journal could not be verified: {}", output::cell(&report, "error")))),
    }
}

/// A file may hold years of checkpoints: the newest are sent, and of the older ones as many as spread evenly.
fn spread(text: &str) -> String {
    let parts: Vec<&str> = text.split("\n\n").collect();
    let notes: Vec<&[&str]> = parts.chunks(2).collect();
    let older = notes.len().saturating_sub(MOST_CHECKPOINTS / 2);
    let step = older.div_ceil(MOST_CHECKPOINTS / 2).max(1);
    let kept = notes.iter().take(older).step_by(step).chain(notes.iter().skip(older));
    kept.map(|note| note.join("\n\n") + "\n\n").collect()
}

fn show(report: &Value) {
    let cell = |name| output::cell(report, name);
    output::line(format!("log     {}", cell("origin")));
    output::line(format!("entries {}", cell("size")));
    output::line(format!("root    {}", cell("root")));
    if let Some(bad) = report.get("bad_entry").filter(|bad| !bad.is_null()) {
        output::line(format!("BAD     entry {}: {}", output::cell(bad, "seq"), output::cell(bad, "fault")));
    }
    for name in ["bad_node", "bad_index"] {
        if report.get(name).is_some_and(|bad| !bad.is_null()) {
            output::line(format!("BAD     {}: {}", name.trim_start_matches("bad_"), cell(name)));
        }
    }
    for bad in report.get("bad_checkpoints").and_then(Value::as_array).into_iter().flatten() {
        let whose = if bad.get("external").and_then(Value::as_bool) == Some(true) { "outside" } else { "stored" };
        output::line(format!(
            "BAD     {whose} checkpoint of {} entries: {}",
            output::cell(bad, "size"),
            output::cell(bad, "cause")
        ));
    }
    for range in report.get("pruned").and_then(Value::as_array).into_iter().flatten() {
        output::line(format!("pruned  {} to {}", output::cell(range, "from"), output::cell(range, "to")));
    }
    output::line(format!(
        "proof   {} stored and {} outside checkpoints agree",
        cell("stored_checkpoints"),
        cell("external_checkpoints")
    ));
    let unproven = report.get("unproven_from").and_then(Value::as_u64).unwrap_or_default();
    let size = report.get("size").and_then(Value::as_u64).unwrap_or_default();
    if unproven < size {
        output::line(format!("        entries from {unproven} on are covered by no checkpoint yet"));
    }
    let sound = report.get("sound").and_then(Value::as_bool) == Some(true);
    output::line(if sound { "sound: nothing was changed, dropped, moved or added" } else { "NOT SOUND" });
}

fn list(page: &Value) {
    let items = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|item| {
            let event = item.get("event").cloned().unwrap_or_default();
            let http = event.get("http").cloned().unwrap_or_default();
            let what = match (http.get("method"), http.get("route")) {
                (Some(Value::String(method)), Some(Value::String(route))) => {
                    format!("{method} {route} {}", output::cell(&http, "status"))
                }
                _ => output::cell(&event, "target"),
            };
            let cell = |name| output::cell(&event, name);
            vec![output::cell(item, "seq"), output::cell(item, "at"), cell("kind"), cell("outcome"), cell("code"), what]
        })
        .collect();
    output::table(&["SEQ", "AT", "KIND", "OUTCOME", "CODE", "WHAT"], &rows);
}

async fn query(client: &mut Client, filter: &Filter) -> Result<String, Failure> {
    let person = match &filter.person {
        Some(who) => Some(user::find(client, who).await?),
        None => None,
    };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("newest_first", "true").append_pair("limit", &filter.limit.to_string());
    let given = [
        ("kind", filter.kind.as_deref()),
        ("person", person.as_deref()),
        ("request", filter.request.as_deref()),
        ("session", filter.session.as_deref()),
        ("outcome", filter.outcome.as_deref()),
        ("reveal", filter.reveal.then_some("true")),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    Ok(format!("/admin/v1/audit/entries?{}", query.finish()))
}
