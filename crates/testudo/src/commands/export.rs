//! `testudo export`: where events go, how far each target is, and having it get something again.

use std::process::ExitCode;

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::{Failure, Setting, output, segment};
use crate::admin::Client;

/// What to do with exports.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// List the targets: where each is, how many entries wait, and what went wrong last.
    List,
    /// Send one record that stands for no entry, and say how that went.
    Test {
        /// The target.
        name: String,
    },
    /// Have a target get everything from a place of the journal on, again.
    Resend {
        /// The target.
        name: String,
        /// The place of the first entry.
        #[arg(long, value_name = "SEQ")]
        from: u64,
    },
    /// Forget a target that is no longer configured: what it has not taken may be pruned from now on.
    Forget {
        /// The target.
        name: String,
    },
}

pub async fn run(setting: &Setting, client: &mut Client, command: ExportCommand) -> Result<ExitCode, Failure> {
    match command {
        ExportCommand::List => {
            let answer: Value = client.call(Method::GET, "/admin/v1/exports", None).await?;
            output::value(setting.format, &answer, |answer| {
                let items = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
                if items.is_empty() {
                    output::line("nothing is exported; see `[[export]]` in the configuration");
                    return;
                }
                let cells = ["name", "kind", "state", "place", "waiting", "sent", "refused", "error"];
                let row = |item: &Value| cells.iter().map(|cell| output::cell(item, cell)).collect();
                let head = ["NAME", "KIND", "STATE", "PLACE", "WAITING", "SENT", "REFUSED", "LAST ERROR"];
                output::table(&head, &items.iter().map(row).collect::<Vec<_>>());
                for note in items.iter().filter_map(|item| item.get("note").and_then(Value::as_str)) {
                    output::note(note);
                }
            });
        }
        ExportCommand::Test { name } => {
            client.call::<Value>(Method::POST, &format!("/admin/v1/exports/{}/test", segment(&name)), None).await?;
            output::done(setting.format, &name, "the target took a test");
        }
        ExportCommand::Resend { name, from } => {
            let path = format!("/admin/v1/exports/{}/resend", segment(&name));
            let answer: Value = client.call(Method::POST, &path, Some(json!({ "from": from }))).await?;
            let waiting = answer.get("waiting").and_then(Value::as_u64).unwrap_or(0);
            output::done(setting.format, &name, &format!("{waiting} entries from place {from} on are sent"));
        }
        ExportCommand::Forget { name } => {
            client.call::<Value>(Method::DELETE, &format!("/admin/v1/exports/{}", segment(&name)), None).await?;
            output::done(setting.format, &name, "forgotten; what it had not taken may be pruned");
        }
    }
    Ok(ExitCode::SUCCESS)
}
