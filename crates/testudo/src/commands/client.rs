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
    /// Change one. What is named takes the place of what was there, the rest stays.
    Change(Changes),
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

/// What changes of a client.
#[derive(Debug, Args)]
pub struct Changes {
    /// Its id.
    id: String,
    /// The name that people see.
    #[arg(long)]
    name: Option<String>,
    /// Where codes may go; all of them.
    #[arg(long, value_name = "URI")]
    redirect: Vec<String>,
    /// The scopes that it may ask for, besides `openid`, `profile` and `offline_access`; all of them.
    #[arg(long)]
    scope: Vec<String>,
    /// The origins whose pages may call the API with its tokens; all of them.
    #[arg(long, value_name = "ORIGIN")]
    cors: Vec<String>,
    /// Whether it is your own, so that people are not asked for consent.
    #[arg(long, value_name = "YES")]
    first_party: Option<bool>,
}

impl Changes {
    /// Puts them into the form that is there; whether there are any.
    fn enter(&self, form: &mut serde_json::Map<String, Value>) -> bool {
        let known: Vec<String> = form
            .get("scopes")
            .and_then(Value::as_array)
            .map(|scopes| scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default();
        let about_people = ["openid", "profile", "offline_access"];
        let scopes: Vec<&str> = known.iter().map(String::as_str).filter(|scope| about_people.contains(scope)).collect();
        let scopes: Vec<&str> = scopes.into_iter().chain(self.scope.iter().map(String::as_str)).collect();
        let changes = [
            ("name", self.name.as_ref().map(|name| json!(name))),
            ("redirect_uris", (!self.redirect.is_empty()).then(|| json!(self.redirect))),
            ("scopes", (!self.scope.is_empty()).then(|| json!(scopes))),
            ("cors_origins", (!self.cors.is_empty()).then(|| json!(self.cors))),
            ("first_party", self.first_party.map(|own| json!(own))),
        ];
        let mut any = false;
        for (key, value) in changes {
            if let Some(value) = value {
                form.insert(key.to_owned(), value);
                any = true;
            }
        }
        any
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
            let items = all(client).await?;
            output::value(setting.format, &json!({ "items": items }), |_| {
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
        ClientCommand::Change(changes) => {
            let path = format!("/admin/v1/clients/{}", super::segment(&changes.id));
            let item: Value = client.call(Method::GET, &path, None).await?;
            let mut form = item.get("client").and_then(Value::as_object).cloned().unwrap_or_default();
            if !changes.enter(&mut form) {
                return Err(Failure::usage("name what is to change, such as `--redirect URI`"));
            }
            let answer: Value = client.call(Method::PUT, &path, Some(Value::Object(form))).await?;
            output::value(setting.format, &answer, |item| output::table(&head, &[row(item)]));
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

async fn all(client: &mut Client) -> Result<Vec<Value>, Failure> {
    let (mut clients, mut after) = (Vec::new(), String::new());
    loop {
        let page: Value = client.call(Method::GET, &format!("/admin/v1/clients?limit=200{after}"), None).await?;
        clients.extend(page.get("items").and_then(Value::as_array).cloned().unwrap_or_default());
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(clients),
        }
    }
}

fn secret(made: &Value) {
    if let Some(secret) = made.get("client_secret").or_else(|| made.get("secret")).and_then(Value::as_str) {
        output::line(format!("secret, shown only now: {secret}"));
    }
}
