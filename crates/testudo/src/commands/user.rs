//! `testudo user`: people with accounts.

mod import;
mod risk;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Failure, Setting, confirm, output};
use crate::admin::{Client, ClientError};

/// What to do with people.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// List people. Names are masked unless they are revealed, which leaves an event.
    List {
        /// Show names in full.
        #[arg(long)]
        reveal: bool,
    },
    /// Show one person.
    Show {
        /// Her id or user name.
        who: String,
        /// Show names in full.
        #[arg(long)]
        reveal: bool,
    },
    /// Make an account; the password is read from the terminal or standard input.
    Create {
        /// The user name or e-mail address.
        username: String,
        /// How to call her.
        #[arg(long, default_value = "")]
        name: String,
        /// A role, such as `owner`, `security`, `support`, `auditor` or `release`, or one of the app's own.
        #[arg(long)]
        role: Vec<String>,
        /// The password stays; without it she must choose another at the first sign-in.
        #[arg(long)]
        keep_password: bool,
    },
    /// Take over accounts of another system, with the passwords that people have.
    Import {
        /// A file of JSON lines: `{"username": "...", "name": "...", "password_hash": "...", "roles": ["..."]}`, with an
        /// Argon2id PHC string or a bcrypt hash; name and roles may be left out.
        file: PathBuf,
    },
    /// Make a new enrolment token for the first administrator, when the one that `up` printed was lost or is too old.
    /// Those before are void.
    Enrol {
        /// Also when there is an owner: whoever has the token becomes another one. For when every owner's account is
        /// lost.
        #[arg(long)]
        beside_owners: bool,
    },
    /// Sign-in is refused, and all sessions end, until it is undone.
    Lock {
        /// Her id or user name.
        who: String,
        /// Why; goes to the journal.
        #[arg(long)]
        reason: String,
    },
    /// Show what is usual for a person, and what speaks against her now.
    Risk {
        /// Her id or user name.
        who: String,
    },
    /// She may sign in again.
    Unlock {
        /// Her id or user name.
        who: String,
    },
    /// She must choose a new password at the next sign-in.
    RequireReset {
        /// Her id or user name.
        who: String,
        /// Why; goes to the journal.
        #[arg(long)]
        reason: String,
    },
    /// Her tokens are refused until she has shown a second factor.
    RequireStepUp {
        /// Her id or user name.
        who: String,
        /// Why; goes to the journal.
        #[arg(long)]
        reason: String,
    },
    /// She may keep her password, after it was to be changed.
    WaiveReset {
        /// Her id or user name.
        who: String,
        /// Why; goes to the journal.
        #[arg(long)]
        reason: String,
    },
    /// She need not show a second factor, after it was required.
    WaiveStepUp {
        /// Her id or user name.
        who: String,
        /// Why; goes to the journal.
        #[arg(long)]
        reason: String,
    },
    /// Set a first password, which she must change at the next sign-in.
    Password {
        /// Her id or user name.
        who: String,
    },
    /// Remove her second factors, when she lost them.
    RemoveFactors {
        /// Her id or user name.
        who: String,
        /// Don't ask.
        #[arg(long)]
        yes: bool,
    },
    /// List her passkeys. Their names are masked unless they are revealed, which leaves an event.
    Passkeys {
        /// Her id or user name.
        who: String,
        /// Show names in full.
        #[arg(long)]
        reveal: bool,
    },
    /// Remove one of her passkeys, when she lost it; her sessions end.
    RemovePasskey {
        /// Her id or user name.
        who: String,
        /// The passkey's id, from `passkeys`.
        passkey: String,
    },
    /// Give a role.
    Grant {
        /// Her id or user name.
        who: String,
        /// The role.
        role: String,
    },
    /// Take a role.
    Revoke {
        /// Her id or user name.
        who: String,
        /// The role.
        role: String,
    },
    /// Destroy her key and records. The journal still verifies. There is no way back.
    Erase {
        /// Her id or user name.
        who: String,
        /// Don't ask.
        #[arg(long)]
        yes: bool,
    },
}

const HEAD: &[&str] = &["ID", "USERNAME", "NAME", "STATE", "2FA", "ROLES", "CREATED"];

pub async fn run(setting: &Setting, client: &mut Client, command: UserCommand) -> Result<ExitCode, Failure> {
    match command {
        UserCommand::List { reveal } => {
            let people = all(client, reveal).await?;
            output::value(setting.format, &json!(people), |_| {
                output::table(HEAD, &people.iter().map(row).collect::<Vec<_>>());
            });
        }
        UserCommand::Show { who, reveal } => {
            let id = find(client, &who).await?;
            let path = format!("/admin/v1/people/{id}?reveal={reveal}");
            let person: Value = client.call(Method::GET, &path, None).await?;
            output::value(setting.format, &person, |person| output::table(HEAD, &[row(person)]));
        }
        UserCommand::Create { username, name, role, keep_password } => {
            let password = confirm::password()?;
            let body = json!({
                "username": username, "name": name, "password": password.expose(), "roles": role,
                "temporary": !keep_password,
            });
            let made: Value = client.call(Method::POST, "/admin/v1/people", Some(body)).await?;
            output::value(setting.format, &made, |made| output::line(format!("created {}", output::cell(made, "id"))));
        }
        UserCommand::Import { file } => return import::run(setting, client, &file).await,
        UserCommand::Enrol { beside_owners } => enrol(setting, client, beside_owners).await?,
        UserCommand::Lock { who, reason } => {
            done(setting, client, Method::POST, &who, "/lock", Some(json!({ "reason": reason })), "locked").await?;
        }
        UserCommand::RequireReset { who, reason } => {
            let body = Some(json!({ "reason": reason }));
            done(setting, client, Method::POST, &who, "/require-reset", body, "she must choose a new password").await?;
        }
        UserCommand::RequireStepUp { who, reason } => {
            let body = Some(json!({ "reason": reason }));
            done(setting, client, Method::POST, &who, "/require-step-up", body, "she must show a second factor")
                .await?;
        }
        UserCommand::WaiveReset { who, reason } => {
            let body = Some(json!({ "reason": reason }));
            done(setting, client, Method::POST, &who, "/waive-reset", body, "she may keep her password").await?;
        }
        UserCommand::WaiveStepUp { who, reason } => {
            let body = Some(json!({ "reason": reason }));
            done(setting, client, Method::POST, &who, "/waive-step-up", body, "no second factor is due").await?;
        }
        UserCommand::Risk { who } => risk::run(setting, client, &who).await?,
        UserCommand::Unlock { who } => done(setting, client, Method::POST, &who, "/unlock", None, "unlocked").await?,
        UserCommand::Password { who } => {
            let password = confirm::password()?;
            let body = json!({ "password": password.expose() });
            done(setting, client, Method::PUT, &who, "/password", Some(body), "the password is set").await?;
        }
        UserCommand::RemoveFactors { who, yes } => {
            confirm::destructive(yes, &format!("remove the second factors of `{who}`"))?;
            done(setting, client, Method::DELETE, &who, "/factors", None, "her second factors are removed").await?;
        }
        UserCommand::Passkeys { who, reveal } => {
            let id = find(client, &who).await?;
            let path = format!("/admin/v1/people/{id}/passkeys?reveal={reveal}");
            let passkeys: Value = client.call(Method::GET, &path, None).await?;
            let keys = ["id", "name", "host", "synced", "created", "used"];
            let items = passkeys.get("items").unwrap_or(&Value::Null);
            output::value(setting.format, items, |items| {
                let rows: Vec<_> = items.as_array().into_iter().flatten().collect();
                let rows: Vec<_> = rows.iter().map(|it| keys.map(|key| output::cell(it, key)).to_vec()).collect();
                output::table(&["ID", "NAME", "HOST", "SYNCED", "ADDED", "USED"], &rows);
            });
        }
        UserCommand::RemovePasskey { who, passkey } => {
            // An id goes into a path: nothing else may.
            let passkey: testudo_identity::PasskeyId =
                passkey.parse().map_err(|error: testudo_identity::PasskeyIdError| Failure::usage(error.to_string()))?;
            let path = format!("/passkeys/{passkey}");
            done(
                setting,
                client,
                Method::DELETE,
                &who,
                &path,
                None,
                "the passkey is removed, and her sessions are over",
            )
            .await?;
        }
        UserCommand::Grant { who, role } => {
            done(setting, client, Method::PUT, &who, &format!("/roles/{role}"), None, "granted").await?;
        }
        UserCommand::Revoke { who, role } => {
            done(setting, client, Method::DELETE, &who, &format!("/roles/{role}"), None, "revoked").await?;
        }
        UserCommand::Erase { who, yes } => {
            confirm::destructive(yes, &format!("erase `{who}` for ever"))?;
            done(setting, client, Method::DELETE, &who, "", None, "erased").await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn enrol(setting: &Setting, client: &mut Client, beside_owners: bool) -> Result<(), Failure> {
    let body = json!({ "beside_owners": beside_owners });
    let made = client.call::<Value>(Method::POST, "/admin/v1/enrolments", Some(body)).await;
    let mut made = match made {
        Err(ClientError::Refused { status: StatusCode::CONFLICT, .. }) => {
            let text = "there is an owner, who can make more with `testudo user grant`; if every owner's account is lost, \
                        add `--beside-owners`";
            return Err(Failure::refused(text));
        }
        made => made?,
    };
    let config: Value = client.call(Method::GET, "/admin/v1/config", None).await?;
    let admin = config.pointer("/server/admin").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let named = config.pointer("/server/admin-url").and_then(Value::as_str).map(|url| format!("{url}/enrol"));
    let local = |address: std::net::SocketAddr| format!("https://localhost:{}/enrol", address.port());
    let url = named.or_else(|| admin.map(local));
    if let (Some(url), Some(members)) = (&url, made.as_object_mut()) {
        members.insert("url".into(), json!(url));
    }
    output::value(setting.format, &made, |made| {
        let url = url.as_deref().unwrap_or("the page /enrol of the admin address");
        output::line(format!("Open {url} before {}, with this token:", output::cell(made, "expires")));
        output::line(format!("  {}", output::cell(made, "token")));
        output::line("Whoever has it becomes an owner. Tokens that were made before are void.");
        if !client.is_running() {
            output::line(
                "No server runs. While there is no owner, its start makes a token of its own, and this one is void.",
            );
        }
    });
    Ok(())
}

fn row(person: &Value) -> Vec<String> {
    let second = person.get("second_factor").and_then(Value::as_bool).unwrap_or(false);
    let cell = |name| output::cell(person, name);
    let second = if second { "yes" } else { "no" };
    vec![cell("id"), cell("username"), cell("name"), cell("state"), second.into(), cell("roles"), cell("created")]
}

async fn all(client: &mut Client, reveal: bool) -> Result<Vec<Value>, Failure> {
    let mut people = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/admin/v1/people?limit=200&reveal={reveal}{after}");
        let page: Value = client.call(Method::GET, &path, None).await?;
        people.extend(page.get("items").and_then(Value::as_array).cloned().unwrap_or_default());
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(people),
        }
    }
}

/// The id of a person, given as that or as a user name.
pub(super) async fn find(client: &mut Client, who: &str) -> Result<String, Failure> {
    if who.parse::<testudo_core::PersonId>().is_ok() {
        return Ok(who.to_owned());
    }
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("username", who).finish();
    let page: Value = client.call(Method::GET, &format!("/admin/v1/people?{query}"), None).await?;
    let id = page.pointer("/items/0/id").and_then(Value::as_str).map(str::to_owned);
    id.ok_or_else(|| Failure::refused(format!("there is nobody of the id or user name `{who}`")))
}

async fn done(
    setting: &Setting,
    client: &mut Client,
    method: Method,
    who: &str,
    path: &str,
    body: Option<Value>,
    said: &str,
) -> Result<(), Failure> {
    let id = find(client, who).await?;
    client.call::<Value>(method, &format!("/admin/v1/people/{id}{path}"), body).await?;
    output::done(setting.format, &id, said);
    Ok(())
}
