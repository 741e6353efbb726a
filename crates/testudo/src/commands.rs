//! The commands. Each speaks to the running server through its socket, or opens the store itself when none runs.

pub mod audit;
pub mod client;
pub mod contain;
pub mod contract;
pub mod detect;
pub mod export;
pub mod incident;
pub mod keys;
pub mod playbook;
pub mod restore;
pub mod scan;
pub mod session;
pub mod user;
pub mod waf;

mod backup;
mod check;
mod confirm;
mod doctor;
mod failure;
mod init;
mod output;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::admin::Client;
use crate::cli::{Cli, Command, Format, Output};
use crate::config::{self, Config, ConfigError, Overrides};
use crate::data::{DataFolder, ROOT_KEY_VARIABLE};
use crate::node::Node;

pub use failure::Failure;

/// What every command knows.
pub struct Setting {
    /// The configuration file, if there is one.
    pub config_file: Option<PathBuf>,
    /// The data folder's path.
    pub data: PathBuf,
    /// How results are printed.
    pub format: Format,
    /// The same as it was asked for, for commands that know more formats.
    pub output: Output,
}

impl Setting {
    fn of(cli: &Cli) -> Setting {
        let found = PathBuf::from("testudo.toml");
        let config_file = cli.config.clone().or_else(|| found.exists().then_some(found));
        let format = if cli.format == Output::Human { Format::Human } else { Format::Json };
        Setting { config_file, data: cli.data.clone(), format, output: cli.format }
    }

    /// The format, for commands that print for eyes or machines only.
    pub fn plain(&self) -> Result<Format, Failure> {
        match self.output {
            Output::Human | Output::Json => Ok(self.format),
            _ => Err(Failure::usage("this format is for the reports of `testudo scan`; take `human` or `json`")),
        }
    }

    /// The configuration under these overrides.
    pub fn load(&self, overrides: &Overrides) -> Result<Config, ConfigError> {
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut config = config::load(self.config_file.as_deref(), environment, overrides)?;
        config.waf.installed = Some(self.core_rules());
        Ok(config)
    }

    /// Where an installed Core Rule Set is.
    pub fn core_rules(&self) -> PathBuf {
        self.data.join("crs")
    }

    /// The admin API: of the running server, else over the store.
    pub async fn client(&self) -> Result<Client, Failure> {
        if !self.data.exists() {
            return Err(Failure::usage(format!(
                "there is no data folder `{}`; start `testudo up` first, or name another with `--data`",
                self.data.display()
            )));
        }
        let data = DataFolder::open(&self.data)?;
        if let Some(client) = Client::connect(&data.socket()).await {
            return Ok(client);
        }
        let config = self.load(&Overrides::default())?;
        let node = Node::open(config, data, root_key_from_environment()).await?;
        Ok(Client::Offline { router: Box::new(node.owner_router()), node })
    }
}

/// The root key from the environment, for containers.
pub fn root_key_from_environment() -> Option<testudo_core::Secret<String>> {
    std::env::var(ROOT_KEY_VARIABLE).ok().map(testudo_core::Secret::new)
}

/// Runs the command.
pub fn run(cli: Cli) -> Result<ExitCode, Failure> {
    output::prepare_errors();
    let setting = Setting::of(&cli);
    if !matches!(cli.command, Command::Scan(_)) {
        setting.plain()?;
    }
    match cli.command {
        Command::Up(arguments) => up::run(&setting, &arguments),
        Command::Init { file } => init::run(setting.format, &file),
        Command::Check(arguments) => check::run(&setting, &arguments),
        Command::Doctor => doctor::run(&setting),
        Command::User(command) => block_on(over(&setting, async |client| user::run(&setting, client, command).await)),
        Command::Client(command) => {
            block_on(over(&setting, async |client| client::run(&setting, client, command).await))
        }
        Command::Session(command) => {
            block_on(over(&setting, async |client| session::run(&setting, client, command).await))
        }
        Command::Incident(incident::IncidentCommand::Drill(arguments)) => drill(&setting, &arguments),
        Command::Incident(incident::IncidentCommand::Verify(arguments)) => incident::desk::verify(&setting, &arguments),
        Command::Incident(incident::IncidentCommand::Desk(command)) => {
            block_on(over(&setting, async |client| incident::desk::run(&setting, client, command).await))
        }
        Command::Playbook(command) => playbook::run(&setting, command),
        Command::Block(command) => {
            block_on(over(&setting, async |client| contain::block(&setting, client, command).await))
        }
        Command::Limits(command) => {
            block_on(over(&setting, async |client| contain::limits(&setting, client, command).await))
        }
        Command::Routes(command) => {
            block_on(over(&setting, async |client| contain::routes(&setting, client, command).await))
        }
        Command::Reload => block_on(over(&setting, async |client| reload(&setting, client).await)),
        Command::Export(command) => {
            block_on(over(&setting, async |client| export::run(&setting, client, command).await))
        }
        Command::Keys(command) => block_on(over(&setting, async |client| keys::run(&setting, client, command).await)),
        Command::Audit(command) => block_on(over(&setting, async |client| audit::run(&setting, client, command).await)),
        Command::Detect(command) => match detect::run_offline(&setting, command) {
            Ok(done) => done,
            Err(replay) => block_on(over(&setting, async |client| detect::replay(&setting, client, replay).await)),
        },
        Command::Contract(command) => contract::run(&setting, command),
        Command::Waf(command) => waf::run(&setting, command),
        Command::Scan(arguments) => scan::run(&setting, &arguments),
        Command::Backup { folder, erased } => block_on(backup::run(&setting, folder.as_deref(), erased.as_deref())),
        Command::Restore(arguments) => block_on(restore::run(&setting, &arguments)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "testudo", &mut script);
            output::line(String::from_utf8_lossy(&script).trim_end());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// `testudo reload`.
async fn reload(setting: &Setting, client: &mut Client) -> Result<ExitCode, Failure> {
    client.call::<serde_json::Value>(http::Method::POST, "/admin/v1/config/reload", None).await?;
    output::done(setting.format, "configuration", "the new one is in force");
    Ok(ExitCode::SUCCESS)
}

/// A text as one segment of a path.
fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Runs a command over the admin API, which is closed in order whatever came of it.
async fn over(
    setting: &Setting,
    command: impl AsyncFnOnce(&mut Client) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    let mut client = setting.client().await?;
    let outcome = command(&mut client).await;
    client.close().await;
    outcome
}

/// A drill starts a server, and so has what `up` has.
fn drill(setting: &Setting, arguments: &incident::drill::DrillArgs) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(Failure::dependency)?.block_on(incident::drill::run(setting, arguments))
}

fn block_on(command: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    wait_for(command)?
}

/// Runs to its end what asks the server or opens the store.
fn wait_for<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    Ok(runtime.map_err(Failure::dependency)?.block_on(work))
}
