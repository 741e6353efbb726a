//! `testudo keys`: the keys that sign tokens, and the purposes of the key ring.

use std::process::ExitCode;

use clap::Subcommand;
use http::Method;
use serde_json::Value;

use super::{Failure, Setting, output};
use crate::admin::Client;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// List the signing keys.
    List,
    /// Make a new signing key. Tokens that the old one signed stay valid until they expire, unless it leaked.
    Rotate {
        /// Rotate this purpose of the key ring instead, such as `records` or `person-keys`: what is sealed from now on
        /// uses the new key, and data keys are wrapped again.
        #[arg(long)]
        ring: Option<String>,
        /// The signing key leaked: its tokens are refused at once.
        #[arg(long, conflicts_with = "ring")]
        compromised: bool,
    },
    /// Have the running server read its configuration again.
    Reload,
}

pub async fn run(setting: &Setting, client: &mut Client, command: KeysCommand) -> Result<ExitCode, Failure> {
    match command {
        KeysCommand::List => {
            let keys: Value = client.call(Method::GET, "/admin/v1/keys", None).await?;
            output::value(setting.format, &keys, |keys| {
                let items = keys.get("signing").and_then(Value::as_array).cloned().unwrap_or_default();
                let cells = ["kid", "state", "created", "activated", "until"];
                let row = |item: &Value| cells.iter().map(|cell| output::cell(item, cell)).collect();
                output::table(
                    &["KEY", "STATE", "CREATED", "ACTIVATED", "UNTIL"],
                    &items.iter().map(row).collect::<Vec<_>>(),
                );
            });
        }
        KeysCommand::Rotate { ring: Some(purpose), .. } => {
            let path = format!("/admin/v1/keys/ring/{purpose}/rotate");
            let versions: Value = client.call(Method::POST, &path, None).await?;
            output::value(setting.format, &versions, |_| output::line(format!("{purpose}: rotated")));
        }
        KeysCommand::Rotate { ring: None, compromised } => {
            let body = serde_json::json!({ "rotation": if compromised { "compromised" } else { "graceful" } });
            client.call::<Value>(Method::POST, "/admin/v1/keys/signing/rotate", Some(body)).await?;
            output::done(setting.format, "signing", "rotated");
        }
        KeysCommand::Reload => {
            client.call::<Value>(Method::POST, "/admin/v1/config/reload", None).await?;
            output::done(setting.format, "configuration", "the new one is in force");
        }
    }
    Ok(ExitCode::SUCCESS)
}
