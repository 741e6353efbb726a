//! `testudo contract`: a first OpenAPI file from traffic, and what a new version opens or closes.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use data_encoding::BASE64;
use http::Method;
use serde::Deserialize;
use serde_json::json;
use testudo_contract::{Contract, Effect, Learner, Observation, diff};

use super::{Failure, Setting, output};
use crate::learning;

/// The largest OpenAPI file, and the largest recording, in bytes.
const LARGEST_CONTRACT: u64 = 8 * 1024 * 1024;
const LARGEST_RECORDING: u64 = 512 * 1024 * 1024;

/// What to do with contracts.
#[derive(Debug, Subcommand)]
pub enum ContractCommand {
    /// Write a first OpenAPI file from recorded traffic. A running server learns by itself with `contract.learn`.
    Learn(LearnArgs),
    /// Show what a new version opens or closes to those who send requests. Exit code 1 when there is what `--fail-on` names.
    Diff(DiffArgs),
}

/// What `learn` takes.
#[derive(Debug, Args)]
pub struct LearnArgs {
    /// Recordings in HAR (HTTP Archive 1.2), as browsers and mitmproxy write them.
    #[arg(required = true, value_name = "HAR")]
    recordings: Vec<PathBuf>,
    /// Where to; without it, to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only requests to this host.
    #[arg(long)]
    host: Option<String>,
    /// The title of the API.
    #[arg(long, default_value = learning::TITLE)]
    title: String,
}

/// What `diff` takes.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The OpenAPI file of before.
    old: PathBuf,
    /// The OpenAPI file of now.
    new: PathBuf,
    /// Exit with 1 when something opens, closes, or changes at all.
    #[arg(long, value_enum)]
    fail_on: Option<FailOn>,
}

/// Which changes make the command fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum FailOn {
    /// What opens, or can't be told apart from that.
    Opens,
    /// What closes, or can't be told apart from that.
    Closes,
    /// Everything.
    Any,
}

/// Runs the command.
pub fn run(setting: &Setting, command: ContractCommand) -> Result<ExitCode, Failure> {
    match command {
        ContractCommand::Learn(arguments) => learn(setting, &arguments),
        ContractCommand::Diff(arguments) => compare(setting, &arguments),
    }
}

fn read(file: &Path, largest: u64) -> Result<String, Failure> {
    let unread = |error: &dyn std::fmt::Display| Failure::usage(format!("can't read `{}`: {error}", file.display()));
    let mut text = String::new();
    let source = File::open(file).map_err(|error| unread(&error))?;
    source.take(largest + 1).read_to_string(&mut text).map_err(|error| unread(&error))?;
    if text.len() as u64 > largest {
        return Err(unread(&format!("it is larger than {} MiB", largest >> 20)));
    }
    Ok(text)
}

fn contract(file: &Path) -> Result<Contract, Failure> {
    let text = read(file, LARGEST_CONTRACT)?;
    Contract::from_openapi(&file.display().to_string(), &text).map_err(Failure::usage)
}

fn compare(setting: &Setting, arguments: &DiffArgs) -> Result<ExitCode, Failure> {
    let changes = diff(&contract(&arguments.old)?, &contract(&arguments.new)?);
    output::value(setting.format, &json!({ "changes": changes }), |_| {
        for change in &changes {
            output::line(change.to_string());
        }
        if changes.is_empty() {
            output::line("No change for those who send requests.");
        }
    });
    let fails = |effect: Effect| match arguments.fail_on {
        None => false,
        Some(FailOn::Any) => true,
        Some(FailOn::Opens) => effect != Effect::Closes,
        Some(FailOn::Closes) => effect != Effect::Opens,
    };
    let failed = changes.iter().any(|change| fails(change.effect));
    Ok(if failed { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// What is read of a HAR file.
#[derive(Deserialize)]
struct Recording {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Header>,
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    #[serde(default)]
    mime_type: String,
    #[serde(default)]
    text: String,
    encoding: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    status: i32,
}

fn learn(setting: &Setting, arguments: &LearnArgs) -> Result<ExitCode, Failure> {
    let mut learner = Learner::new();
    for file in &arguments.recordings {
        let recording: Recording = serde_json::from_str(&read(file, LARGEST_RECORDING)?)
            .map_err(|error| Failure::usage(format!("`{}` is no HAR recording: {error}", file.display())))?;
        let progress = indicatif::ProgressBar::new(recording.log.entries.len() as u64);
        for entry in &recording.log.entries {
            observe(&mut learner, arguments, entry);
            progress.inc(1);
        }
        progress.finish_and_clear();
    }
    let (taken, skipped) = learner.counts();
    if taken == 0 {
        return Err(Failure::usage("there is nothing to learn from: no request that was answered with less than 400"));
    }
    let document = learner.document(&arguments.title);
    match &arguments.out {
        None => output::line(document.trim_end()),
        Some(out) => {
            learning::write(out, &document)
                .map_err(|error| Failure::usage(format!("can't write `{}`: {error}", out.display())))?;
            let routes = Contract::from_openapi("learned", &document).map_or(0, |contract| contract.routes().len());
            let answer = json!({ "file": out, "routes": routes, "learned": taken, "skipped": skipped });
            output::value(setting.format, &answer, |_| {
                output::line(format!(
                    "{routes} routes from {taken} requests in {} ({skipped} were skipped: refused, not readable, or too many)",
                    out.display()
                ));
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn observe(learner: &mut Learner, arguments: &LearnArgs, entry: &Entry) {
    let Entry { request, response } = entry;
    let (Ok(url), Ok(method)) = (url::Url::parse(&request.url), request.method.parse::<Method>()) else { return };
    if arguments.host.as_deref().is_some_and(|host| url.host_str() != Some(host)) {
        return;
    }
    let has = |name: &str| request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    let (mut body, mut kind) = (Vec::new(), has("content-type").map(|header| header.value.clone()));
    if let Some(data) = &request.post_data {
        body = match data.encoding.as_deref() {
            Some("base64") => BASE64.decode(data.text.as_bytes()).unwrap_or_default(),
            _ => data.text.clone().into_bytes(),
        };
        kind = kind.or_else(|| Some(data.mime_type.clone()).filter(|kind| !kind.is_empty()));
    }
    learner.observe(&Observation {
        method: &method,
        path: url.path(),
        query: url.query(),
        content_type: kind.as_deref(),
        body: &body,
        status: u16::try_from(response.status).unwrap_or(0),
        authenticated: has("authorization").is_some(),
    });
}
