//! The command line. Stdout is the result, stderr is progress.
//!
//! Exit codes: 0 clean, 1 findings or a refusal, 2 usage or configuration, 3 the target or something needed failed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;
use crate::config::{LogFormat, Overrides};

/// Secures a mobile app through its whole life.
#[derive(Debug, Parser)]
#[command(name = "testudo", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// The data folder: store, keys, local CA, socket.
    #[arg(long, global = true, env = "TESTUDO_DATA", default_value = "testudo-data", value_name = "FOLDER")]
    pub data: PathBuf,
    /// The configuration file [default: testudo.toml, if there is one].
    #[arg(long, global = true, env = "TESTUDO_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value_t = Output::Human)]
    pub format: Output,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How results are printed, as it is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Output {
    /// For eyes.
    Human,
    /// For machines.
    Json,
    /// Scans only: a page.
    Html,
    /// Scans only: SARIF 2.1.0.
    Sarif,
    /// Scans only: `JUnit` XML.
    Junit,
    /// Scans only: a line for each finding.
    Lines,
    /// Scans only: the bill of materials, `CycloneDX` 1.6.
    Cyclonedx,
}

/// How results of most commands are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// For eyes.
    Human,
    /// For machines.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Protect a backend: start the gateway, the sign-in pages and the admin API.
    Up(UpArgs),
    /// Write a commented configuration file.
    Init {
        /// Where to.
        #[arg(default_value = "testudo.toml")]
        file: PathBuf,
    },
    /// Check the configuration, and show which controls are on.
    Check(UpArgs),
    /// Look for what keeps Testudo from running well on this machine.
    Doctor,
    /// People with accounts.
    #[command(subcommand)]
    User(commands::user::UserCommand),
    /// OAuth clients: the apps that may ask for tokens.
    #[command(subcommand)]
    Client(commands::client::ClientCommand),
    /// Sessions of people.
    #[command(subcommand)]
    Session(commands::session::SessionCommand),
    /// Keys: those that sign tokens, and the purposes of the key ring.
    #[command(subcommand)]
    Keys(commands::keys::KeysCommand),
    /// The journal: entries, checkpoints, proofs.
    #[command(subcommand)]
    Audit(commands::audit::AuditCommand),
    /// Detection: try Sigma rules on events.
    #[command(subcommand)]
    Detect(commands::detect::DetectCommand),
    /// The contract: learn a first one from traffic, and compare two.
    #[command(subcommand)]
    Contract(commands::contract::ContractCommand),
    /// The firewall: check rules, and show what they say about a request.
    #[command(subcommand)]
    Waf(commands::waf::WafCommand),
    /// Scan an app: packages, folders of packages, or sources.
    Scan(commands::scan::ScanArgs),
    /// Incidents, and drills of them.
    #[command(subcommand)]
    Incident(commands::incident::IncidentCommand),
    /// Playbooks: what is done about which alerts.
    #[command(subcommand)]
    Playbook(commands::playbook::PlaybookCommand),
    /// Blocked networks.
    #[command(subcommand)]
    Block(commands::contain::BlockCommand),
    /// Limits that are tightened for a time.
    #[command(subcommand)]
    Limits(commands::contain::LimitsCommand),
    /// Routes that may only be read for a time.
    #[command(subcommand)]
    Routes(commands::contain::RoutesCommand),
    /// Exports: where events go, and how far each target is.
    #[command(subcommand)]
    Export(commands::export::ExportCommand),
    /// Have the running server read its configuration again; a bad one is refused, and the old one stays in force.
    Reload,
    /// Back the store up, also while it runs. With PostgreSQL it says how, and writes the list of the erased.
    Backup {
        /// A folder that does not exist yet.
        #[arg(required_unless_present = "erased", conflicts_with = "erased")]
        folder: Option<PathBuf>,
        /// With PostgreSQL, after `pg_dump`: write the list of the erased to this file, which does not exist yet.
        #[arg(long, value_name = "FILE")]
        erased: Option<PathBuf>,
    },
    /// Restore a backup into an empty data folder, or finish what `pg_restore` began; every session that was issued before
    /// is revoked.
    Restore(commands::restore::RestoreArgs),
    /// Print shell completions.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

/// What `up` and `check` take.
#[derive(Clone, Debug, Default, Args)]
pub struct UpArgs {
    /// The backend to protect, `http://host:port`; several share the load. Without one a sample wallet stands in.
    #[arg(long, value_name = "URL")]
    pub upstream: Vec<String>,
    /// A path that needs no token, such as `/health` or `/assets/*`.
    #[arg(long, value_name = "PATH")]
    pub public: Vec<String>,
    /// The OpenAPI file of the backend: routes, and which are public.
    #[arg(long, value_name = "FILE")]
    pub openapi: Option<PathBuf>,
    /// The address of the gateway.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<SocketAddr>,
    /// The address of the admin API.
    #[arg(long, value_name = "ADDRESS")]
    pub admin: Option<SocketAddr>,
    /// A name that clients use for this machine; goes into the self-signed certificate.
    #[arg(long, value_name = "NAME")]
    pub name: Vec<String>,
    /// Report refusals instead of making them.
    #[arg(long)]
    pub observe: bool,
    /// How log lines look.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

impl UpArgs {
    /// As overrides of the configuration.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            upstream: self.upstream.clone(),
            public: self.public.clone(),
            openapi: self.openapi.clone(),
            listen: self.listen.clone(),
            admin: self.admin,
            names: self.name.clone(),
            observe: self.observe,
            log_format: self.log_format,
        }
    }
}

/// Runs the command and gives its exit code.
pub fn run(cli: Cli) -> ExitCode {
    match commands::run(cli) {
        Ok(code) => code,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}
