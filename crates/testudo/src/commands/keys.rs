//! `testudo keys`: the keys that sign tokens, and the purposes of the key ring.

use std::process::ExitCode;

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::{Failure, Setting, output};
use crate::admin::Client;

/// What the keys that sign tokens are called among the others.
const SIGNING: &str = "signing";

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// List the keys: those that sign tokens, and the purposes of the key ring with their versions.
    List,
    /// Make a new key. What the old one signed stays valid until it expires, what it sealed still opens.
    Rotate {
        /// Which: `signing`, or a purpose of the key ring such as `records` or `person-keys`. `keys list` names them.
        #[arg(default_value = SIGNING)]
        key: String,
        /// The signing key leaked: its tokens are refused at once.
        #[arg(long)]
        compromised: bool,
    },
}

pub async fn run(setting: &Setting, client: &mut Client, command: KeysCommand) -> Result<ExitCode, Failure> {
    match command {
        KeysCommand::List => {
            let keys: Value = client.call(Method::GET, "/admin/v1/keys", None).await?;
            output::value(setting.format, &keys, list);
        }
        KeysCommand::Rotate { key, compromised } if key == SIGNING => {
            let body = json!({ "rotation": if compromised { "compromised" } else { "graceful" } });
            client.call::<Value>(Method::POST, "/admin/v1/keys/signing/rotate", Some(body)).await?;
            output::done(setting.format, SIGNING, "rotated");
        }
        KeysCommand::Rotate { compromised: true, .. } => {
            let text =
                "`--compromised` is for the signing key: what a purpose of the ring has sealed needs its old key";
            return Err(Failure::usage(text));
        }
        KeysCommand::Rotate { key, .. } => {
            let path = format!("/admin/v1/keys/ring/{}/rotate", super::segment(&key));
            let versions: Value = client.call(Method::POST, &path, None).await?;
            output::value(setting.format, &versions, |_| output::line(format!("{key}: rotated")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(keys: &Value) {
    let items = |name: &str| keys.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let rows = |name: &str, cells: &[&str]| -> Vec<Vec<String>> {
        let row = |item: &Value| cells.iter().map(|cell| output::cell(item, cell)).collect();
        items(name).iter().map(row).collect()
    };
    let signing = rows(SIGNING, &["kid", "state", "created", "activated", "until"]);
    output::table(&["SIGNING KEY", "STATE", "CREATED", "ACTIVATED", "UNTIL"], &signing);
    output::line("");
    let mut ring = rows("ring", &["purpose", "version", "created", "rotates"]);
    for cell in ring.iter_mut().filter_map(|row| row.last_mut()) {
        if cell == "true" { "yes" } else { "no" }.clone_into(cell);
    }
    output::table(&["PURPOSE OF THE RING", "VERSION", "CREATED", "ROTATES"], &ring);
}
