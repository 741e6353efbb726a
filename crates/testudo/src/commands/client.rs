//! `testudo client`: the apps that may ask for tokens.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{Failure, Setting, confirm, output};
use crate::admin::Client;

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// List clients.
    List,
    /// Show one.
    Show {
        /// Its id.
        id: String,
    },
    /// Register one. A confidential client's secret is shown once.
    Create(NewClient),
    /// No tokens for it, and its tokens are refused.
    Disable {
        /// Its id.
        id: String,
    },
    /// It may be used again.
    Enable {
        /// Its id.
        id: String,
    },
    /// Make a new secret; the old one is refused from now on.
    Secret {
        /// Its id.
        id: String,
    },
    /// Remove it with all that it was given.
    Remove {
        /// Its id.
        id: String,
        /// Don't ask.
        #[arg(long)]
        yes: bool,
    },
}

/// A client to register.
#[derive(Debug, Args)]
pub struct NewClient {
    /// Its id: 1 to 64 characters of `A-Z a-z 0-9 . _ ~ -`.
    id: String,
    /// The name that people see.
    #[arg(long)]
    name: Option<String>,
    /// Where codes may go: a claimed `https://` URL, a private scheme such as `org.example.app:/callback`, or
    /// `http://127.0.0.1/callback` (any port).
    #[arg(long, value_name = "URI")]
    redirect: Vec<String>,
    /// It runs on a server and keeps a secret.
    #[arg(long)]
    confidential: bool,
    /// It may ask for tokens for itself (`client_credentials`).
    #[arg(long)]
    service: bool,
    /// A scope that it may ask for, besides `openid`, `profile` and `offline_access`.
    #[arg(long)]
    scope: Vec<String>,
    /// An origin whose pages may call the API with its tokens.
    #[arg(long, value_name = "ORIGIN")]
    cors: Vec<String>,
    /// It is your own: people are not asked for consent.
    #[arg(long)]
    first_party: bool,
}

impl NewClient {
    fn body(&self) -> Value {
        let mut grants = Vec::new();
        if !self.redirect.is_empty() {
            grants.extend(["authorization_code", "refresh_token"]);
        }
        if self.service {
            grants.push("client_credentials");
        }
        let mut scopes = vec!["openid", "profile", "offline_access"];
        if self.redirect.is_empty() {
            scopes.clear();
        }
        scopes.extend(self.scope.iter().map(String::as_str));
        json!({
            "id": self.id,
            "client": {
                "name": self.name.as_ref().unwrap_or(&self.id),
                "type": if self.confidential || self.service { "confidential" } else { "public" },
                "redirect_uris": self.redirect,
                "scopes": scopes,
                "grant_types": grants,
                "cors_origins": self.cors,
                "first_party": self.first_party,
            },
        })
    }
}

const CELLS: &[&str] = &["id", "name", "type", "state", "grant_types", "redirect_uris"];

pub async fn run(setting: &Setting, client: &mut Client, command: ClientCommand) -> Result<ExitCode, Failure> {
    let row = |item: &Value| -> Vec<String> {
        let form = item.get("client").unwrap_or(item);
        let cell =
            |name: &&str| if item.get(name).is_some() { output::cell(item, name) } else { output::cell(form, name) };
        CELLS.iter().map(cell).collect()
    };
    let head = ["ID", "NAME", "TYPE", "STATE", "GRANTS", "REDIRECTS"];
    match command {
        ClientCommand::List => {
            let page: Value = client.call(Method::GET, "/admin/v1/clients?limit=200", None).await?;
            output::value(setting.format, &page, |page| {
                let items = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
                output::table(&head, &items.iter().map(row).collect::<Vec<_>>());
            });
        }
        ClientCommand::Show { id } => {
            let item: Value = client.call(Method::GET, &format!("/admin/v1/clients/{id}"), None).await?;
            output::value(setting.format, &item, |item| output::table(&head, &[row(item)]));
        }
        ClientCommand::Create(new) => {
            let made: Value = client.call(Method::POST, "/admin/v1/clients", Some(new.body())).await?;
            output::value(setting.format, &made, |made| {
                output::line(format!("registered {}", new.id));
                secret(made);
            });
        }
        ClientCommand::Secret { id } => {
            let made: Value = client.call(Method::POST, &format!("/admin/v1/clients/{id}/secret"), None).await?;
            output::value(setting.format, &made, secret);
        }
        ClientCommand::Disable { id } => {
            client.call::<Value>(Method::POST, &format!("/admin/v1/clients/{id}/disable"), None).await?;
            output::done(setting.format, &id, "disabled");
        }
        ClientCommand::Enable { id } => {
            client.call::<Value>(Method::POST, &format!("/admin/v1/clients/{id}/enable"), None).await?;
            output::done(setting.format, &id, "enabled");
        }
        ClientCommand::Remove { id, yes } => {
            confirm::destructive(yes, &format!("remove the client `{id}`"))?;
            client.call::<Value>(Method::DELETE, &format!("/admin/v1/clients/{id}"), None).await?;
            output::done(setting.format, &id, "removed");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn secret(made: &Value) {
    if let Some(secret) = made.get("client_secret").or_else(|| made.get("secret")).and_then(Value::as_str) {
        output::line(format!("secret, shown only now: {secret}"));
    }
}
