//! `testudo user import`: accounts of another system, one JSON line each. What can't be taken over is named with its line;
//! the rest is. A second run takes what is left.

use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::process::ExitCode;

use futures_util::future::join_all;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::admin::{Client, ClientError};
use crate::commands::{Failure, Setting, output};
use crate::data::DataFolder;

/// The longest line.
const MAX_LINE: u64 = 16 * 1024;
/// Accounts that are taken over at the same time: they share a commit, and so the wait for the disk.
const AT_ONCE: usize = 64;
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
    let socket = DataFolder::open(&setting.data)?.socket();
    let mut clients = Vec::with_capacity(AT_ONCE);
    for _ in 0..AT_ONCE {
        clients.extend(client.another(&socket).await);
    }
    if clients.is_empty() {
        return Err(Failure::dependency("the running server takes no connection on its socket"));
    }
    let (mut line, mut imported, mut known, mut refused) = (0, 0_usize, 0_usize, Vec::new());
    loop {
        let wave = Wave::read(&mut reader, &mut line, clients.len());
        let taken = clients.iter_mut().zip(&wave.lines).map(|(client, (_, text))| take(client, text));
        for ((line, _), taken) in wave.lines.iter().zip(join_all(taken).await) {
            match taken? {
                Taken::New => imported += 1,
                Taken::Known => known += 1,
                Taken::Refused(why) => refused.push(Refused { line: *line, why }),
            }
        }
        progress.inc(wave.bytes);
        match wave.end {
            None => {}
            Some(End::Whole) => break,
            Some(End::Unread(error)) => return Err(unread(error)),
            Some(End::Long) => {
                return Err(Failure::usage(format!("`{}`:{line}: the line is longer than 16 KiB", file.display())));
            }
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

/// Lines that say something, with their numbers.
struct Wave {
    lines: Vec<(usize, Zeroizing<Vec<u8>>)>,
    bytes: u64,
    /// Why there are no more.
    end: Option<End>,
}

enum End {
    /// The file was read.
    Whole,
    /// The next line is too long.
    Long,
    /// The file can't be read.
    Unread(std::io::Error),
}

impl Wave {
    /// The next lines, at most so many.
    fn read(reader: &mut impl BufRead, line: &mut usize, most: usize) -> Wave {
        let mut wave = Wave { lines: Vec::with_capacity(most), bytes: 0, end: None };
        while wave.lines.len() < most && wave.end.is_none() {
            let mut text = Zeroizing::new(Vec::new());
            match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut text) {
                Err(error) => wave.end = Some(End::Unread(error)),
                Ok(0) => wave.end = Some(End::Whole),
                Ok(read) => {
                    *line += 1;
                    wave.bytes += read as u64;
                    if text.len() as u64 == MAX_LINE && text.last() != Some(&b'\n') {
                        wave.end = Some(End::Long);
                    } else if !text.trim_ascii().is_empty() {
                        wave.lines.push((*line, text));
                    }
                }
            }
        }
        wave
    }
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
