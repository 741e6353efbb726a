//! `testudo session`: sessions of people, and ending them. When a revocation is acknowledged, the next request is
//! refused.

use std::process::ExitCode;

use clap::Subcommand;
use http::Method;
use serde_json::Value;

use super::{Failure, Setting, output, user};
use crate::admin::Client;

/// What to do with sessions.
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// List the sessions of a person, and the sign-ins of apps (refresh families) that descend from them.
    List {
        /// Her id or user name.
        who: String,
    },
    /// End a session, a refresh family, or everything of a person.
    Revoke {
        /// A session `ses_…`, a family `fam_…`, or a person's id or user name.
        what: String,
    },
}

pub async fn run(setting: &Setting, client: &mut Client, command: SessionCommand) -> Result<ExitCode, Failure> {
    match command {
        SessionCommand::List { who } => {
            let id = user::find(client, &who).await?;
            let mut page: Value = client.call(Method::GET, &format!("/admin/v1/people/{id}/sessions"), None).await?;
            let families: Value = client.call(Method::GET, &format!("/admin/v1/people/{id}/families"), None).await?;
            if let Some(members) = page.as_object_mut() {
                members.insert("families".into(), families.get("items").cloned().unwrap_or_default());
            }
            output::value(setting.format, &page, |page| {
                let cells = ["id", "state", "acr", "created", "seen", "ends"];
                table(page, "items", &["SESSION", "STATE", "ACR", "CREATED", "SEEN", "ENDS"], &cells);
                output::line("");
                let cells = ["id", "client", "session", "scope", "created", "refreshed", "ends"];
                let head = ["FAMILY", "CLIENT", "SESSION", "SCOPE", "CREATED", "REFRESHED", "ENDS"];
                table(page, "families", &head, &cells);
            });
        }
        SessionCommand::Revoke { what } => {
            let path = match what.split_once('_') {
                Some(("ses", _)) => format!("/admin/v1/sessions/{what}"),
                Some(("fam", _)) => format!("/admin/v1/families/{what}"),
                _ => format!("/admin/v1/people/{}/sessions", user::find(client, &what).await?),
            };
            client.call::<Value>(Method::DELETE, &path, None).await?;
            output::done(setting.format, &what, "revoked; the next request is refused");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(page: &Value, name: &str, head: &[&str], cells: &[&str]) {
    let items = page.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let row = |item: &Value| cells.iter().map(|cell| output::cell(item, cell)).collect();
    output::table(head, &items.iter().map(row).collect::<Vec<_>>());
}
