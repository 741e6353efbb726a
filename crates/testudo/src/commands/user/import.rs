//! `testudo user import`: accounts of another system, one JSON line each. What can't be taken over is named with its line;
//! the rest is. A second run takes what is left.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::ExitCode;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::{Client, ClientError};
use crate::commands::{Failure, Setting, output};

/// The longest line.
const MAX_LINE: u64 = 16 * 1024;
/// Lines that are named one by one.
const MOST_NAMED: usize = 50;

/// One account, as a line says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    username: String,
    #[serde(default)]
    name: String,
    password_hash: String,
    #[serde(default)]
    roles: Vec<String>,
}

/// What came of a line that was not taken over.
struct Refused {
    line: usize,
    why: String,
}

pub async fn run(setting: &Setting, client: &mut Client, file: &Path) -> Result<ExitCode, Failure> {
    let unread = |error: std::io::Error| Failure::usage(format!("can't read `{}`: {error}", file.display()));
    let opened = std::fs::File::open(file).map_err(unread)?;
    let size = opened.metadata().map_err(unread)?.len();
    let progress = indicatif::ProgressBar::new(size).with_message("importing accounts");
    progress.set_style(
        indicatif::ProgressStyle::with_template("{msg} {wide_bar} {percent}%")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()),
    );
    let mut reader = BufReader::new(opened);
    let (mut line, mut imported, mut known, mut refused) = (0, 0_usize, 0_usize, Vec::new());
    loop {
        let mut text = zeroize::Zeroizing::new(Vec::new());
        let read = reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut text).map_err(unread)?;
        if read == 0 {
            break;
        }
        line += 1;
        progress.inc(read as u64);
        if text.len() as u64 == MAX_LINE && text.last() != Some(&b'\n') {
            return Err(Failure::usage(format!("`{}`:{line}: the line is longer than 16 KiB", file.display())));
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        match take(client, &text).await? {
            Taken::New => imported += 1,
            Taken::Known => known += 1,
            Taken::Refused(why) => refused.push(Refused { line, why }),
        }
    }
    progress.finish_and_clear();
    let named: Vec<Value> =
        refused.iter().take(MOST_NAMED).map(|it| json!({ "line": it.line, "why": it.why })).collect();
    let answer = json!({ "imported": imported, "known": known, "refused": refused.len(), "lines": named });
    output::value(setting.format, &answer, |_| {
        for it in refused.iter().take(MOST_NAMED) {
            output::line(format!("{}:{}: {}", file.display(), it.line, it.why));
        }
        if refused.len() > MOST_NAMED {
            output::line(format!("and {} more", refused.len() - MOST_NAMED));
        }
        output::line(format!("{imported} imported, {known} were there already, {} refused", refused.len()));
    });
    Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

enum Taken {
    New,
    /// Somebody has the user name, as after a run that was broken off.
    Known,
    Refused(String),
}

async fn take(client: &mut Client, text: &[u8]) -> Result<Taken, Failure> {
    let account: Account = match serde_json::from_slice(text) {
        Ok(account) => account,
        // The text of the error could quote what is in the line.
        Err(error) => {
            let column = error.column();
            return Ok(Taken::Refused(format!(
                "not an account as `testudo user import --help` shows it (column {column})"
            )));
        }
    };
    let body = json!({
        "username": account.username, "name": account.name, "password_hash": account.password_hash,
        "roles": account.roles,
    });
    match client.call::<Value>(Method::POST, "/admin/v1/people", Some(body)).await {
        Ok(_) => Ok(Taken::New),
        Err(ClientError::Refused { status: StatusCode::CONFLICT, .. }) => Ok(Taken::Known),
        Err(ClientError::Refused { title, detail, status }) if status.is_client_error() => {
            Ok(Taken::Refused(format!("{title}{detail}")))
        }
        Err(error) => Err(error.into()),
    }
}
