//! The configuration: one TOML file, an overlay from the environment, and what the command line says.
//!
//! Unknown keys are errors with file, line and the nearest known name. Secrets come only by file or environment: each
//! key that names one ends in `-file`. Durations are written `250ms`, `10s`, `5m`, `12h`, `30d`.
//!
//! To add a key: add a field with its default here, and its line to `docs/reference/config.md`.

mod detection;
pub mod duration;
mod export;
mod firewall;
mod load;
mod masking;
mod place;
mod response;
mod risk;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use detection::DetectionSection;
pub use export::{AcknowledgeKey, Beginning, ExportConfig, ExportKind, Include, NotifyConfig, NotifyKind};
pub use firewall::{Exclude, FirewallMode, FirewallSection, RouteFirewall, RuleName};
pub use load::{ConfigError, Overrides, distance, load};
pub use masking::{MaskingConfig, PrivacyConfig, PurposeConfig, unknown_purpose};
pub use place::pinpoint;
pub use response::ResponseSection;
pub use risk::{RiskAnswer, RiskSection};

/// All of it. Every field has a default, so that an empty file is valid.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Where to listen and how to stop.
    pub server: ServerConfig,
    /// Certificates and versions.
    pub tls: TlsConfig,
    /// The protected backend.
    pub upstream: UpstreamSection,
    /// The app's API.
    pub contract: ContractConfig,
    /// People, sessions and tokens.
    pub identity: IdentitySection,
    /// How much is too much.
    pub limits: testudo_limits::LimitsConfig,
    /// Cedar policies.
    pub policies: PoliciesConfig,
    /// Who sees how much of marked data.
    pub masking: MaskingConfig,
    /// What people are asked to agree to.
    pub privacy: PrivacyConfig,
    /// Where records and journal are kept.
    pub store: StoreSection,
    /// How long the journal keeps what.
    pub retention: RetentionConfig,
    /// Which rules look at what happens.
    pub detection: DetectionSection,
    /// What the server does by itself about alerts.
    pub response: ResponseSection,
    /// What follows from how unusual it is that a person comes a way.
    pub risk: RiskSection,
    /// Where events go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub export: Vec<ExportConfig>,
    /// How people are told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<NotifyConfig>,
    /// Which requests look like attacks.
    pub waf: FirewallSection,
    /// What is logged, and how.
    pub log: LogConfig,
}

/// `[server]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServerConfig {
    /// The addresses of the gateway.
    pub listen: Vec<SocketAddr>,
    /// The address of the admin API and, later, the console.
    pub admin: SocketAddr,
    /// The origin under which clients reach the gateway. Default: `https://localhost:<port>`.
    pub public_url: Option<String>,
    /// The origin under which administrators reach the admin address. Default: `https://localhost:<port>`.
    pub admin_url: Option<String>,
    /// Names for the self-signed certificate besides `localhost`, `127.0.0.1` and `::1`.
    pub names: Vec<String>,
    /// Worker threads; 0 is one per core.
    pub workers: usize,
    /// Proxies whose `Forwarded` and `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long open requests may take when the server stops.
    #[serde(with = "duration")]
    pub drain_timeout: Duration,
    /// Report refusals instead of making them.
    pub observe: bool,
    /// Bodies up to this many bytes are decided whole.
    pub max_body: usize,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8443))],
            admin: SocketAddr::from(([127, 0, 0, 1], 8444)),
            public_url: None,
            admin_url: None,
            names: Vec::new(),
            workers: 0,
            trusted_proxies: Vec::new(),
            drain_timeout: Duration::from_secs(30),
            observe: false,
            max_body: 10 * 1024 * 1024,
        }
    }
}

/// `[tls]`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TlsConfig {
    /// PEM file of the certificate chain. Without it a certificate of the server's own local CA is made.
    pub certificate: Option<PathBuf>,
    /// PEM file of the private key.
    pub key: Option<PathBuf>,
    /// Whether TLS 1.2 is spoken too.
    pub allow_tls12: bool,
}

/// `[upstream]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct UpstreamSection {
    /// `http://`, `https://`, `h2c://` or `h2://` URLs. None: the sample wallet stands in.
    pub servers: Vec<String>,
    /// PEM file of the CA that signed the certificates of `https://` and `h2://` servers.
    pub ca_file: Option<PathBuf>,
    /// A path that answers 2xx when a server is well. None: only real requests tell.
    pub health_path: Option<String>,
    /// How long a connection may take.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// How long the head of a response may take.
    #[serde(with = "duration")]
    pub head_timeout: Duration,
    /// Requests in flight per server and worker.
    pub max_in_flight: usize,
}

impl Default for UpstreamSection {
    fn default() -> UpstreamSection {
        UpstreamSection {
            servers: Vec::new(),
            ca_file: None,
            health_path: None,
            connect_timeout: Duration::from_secs(2),
            head_timeout: Duration::from_secs(30),
            max_in_flight: 1024,
        }
    }
}

/// `[contract]`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContractConfig {
    /// The OpenAPI 3.0 or 3.1 file.
    pub openapi: Option<PathBuf>,
    /// Without an OpenAPI file: the paths that need no token, `/health` or `/assets/*`.
    pub public: Vec<String>,
    /// What happens with parameters, fields and bodies of which the file says nothing.
    pub unknown: UnknownParts,
    /// Without an OpenAPI file: where a first one is written that is learned from what the backend takes.
    pub learn: Option<PathBuf>,
}

/// What happens with what the contract does not name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownParts {
    /// The request is refused.
    #[default]
    Refuse,
    /// It is written down, and passes.
    Report,
    /// It passes.
    Allow,
}

impl ContractConfig {
    /// How requests are checked.
    pub fn options(&self) -> testudo_contract::Options {
        let unknown = match self.unknown {
            UnknownParts::Refuse => testudo_contract::Unknown::Refuse,
            UnknownParts::Report => testudo_contract::Unknown::Report,
            UnknownParts::Allow => testudo_contract::Unknown::Allow,
        };
        testudo_contract::Options { unknown }
    }
}

/// `[identity]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct IdentitySection {
    /// The issuer, when it is another origin than `server.public-url`: sign-in is then served on that host only.
    pub issuer: Option<String>,
    /// Whether people may make their own accounts.
    pub sign_up: bool,
    /// How long access tokens live.
    #[serde(with = "duration")]
    pub access_token_lifetime: Duration,
    /// How long a refresh family lives without a refresh.
    #[serde(with = "duration")]
    pub refresh_idle: Duration,
    /// How long a refresh family lives at most.
    #[serde(with = "duration")]
    pub refresh_absolute: Duration,
    /// Password-hashing threads; 0 is half the cores, at least one.
    pub hash_threads: usize,
    /// Password checks that may wait; more are refused with 503.
    pub hash_queue: usize,
    /// How long one password hash should take; Argon2id is tuned to it once and never goes below 19 MiB and two passes.
    #[serde(with = "duration")]
    pub hash_target: Duration,
}

impl Default for IdentitySection {
    fn default() -> IdentitySection {
        IdentitySection {
            issuer: None,
            sign_up: true,
            access_token_lifetime: Duration::from_mins(5),
            refresh_idle: Duration::from_hours(30 * 24),
            refresh_absolute: Duration::from_hours(90 * 24),
            hash_threads: 0,
            hash_queue: 256,
            hash_target: Duration::from_millis(100),
        }
    }
}

/// `[policies]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PoliciesConfig {
    /// Cedar files.
    pub files: Vec<PathBuf>,
    /// Whether whoever holds a valid token may call every route that no policy forbids. Without it only what the files
    /// permit is permitted.
    pub keep_defaults: bool,
}

impl Default for PoliciesConfig {
    fn default() -> PoliciesConfig {
        PoliciesConfig { files: Vec::new(), keep_defaults: true }
    }
}

/// `[store]`
#[expect(clippy::struct_field_names, reason = "each key names a file, and says so")]
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct StoreSection {
    /// A file with a `postgres://` URL. None: SQLite in the data folder.
    pub postgres_url_file: Option<PathBuf>,
    /// PEM file of the CA that signed PostgreSQL's certificate.
    pub postgres_ca_file: Option<PathBuf>,
    /// The file that each signed checkpoint is appended to. Default: `checkpoints.log` in the data folder; better on
    /// another disk or machine.
    pub checkpoint_file: Option<PathBuf>,
    /// A file with a passphrase that unlocks the root key. None: `root.key` in the data folder (mode 0600), or
    /// `TESTUDO_ROOT_KEY`.
    pub root_passphrase_file: Option<PathBuf>,
}

/// `[retention]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RetentionConfig {
    /// How long events are kept whose kind is not named in `kinds`; then they are exported and pruned.
    #[serde(with = "duration")]
    pub default: Duration,
    /// By event kind, such as `"request.decided" = "30d"`.
    pub kinds: BTreeMap<String, String>,
}

impl Default for RetentionConfig {
    fn default() -> RetentionConfig {
        RetentionConfig { default: Duration::from_hours(400 * 24), kinds: BTreeMap::new() }
    }
}

/// `[log]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LogConfig {
    /// `human` or `json`.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`, also per target: `info,testudo_gateway=debug`.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig { format: LogFormat::Human, level: "info,rustls=error".into() }
    }
}

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For eyes.
    Human,
    /// For machines.
    Json,
}

impl Config {
    /// The origin under which clients reach the gateway.
    pub fn public_url(&self) -> String {
        match (&self.server.public_url, self.server.listen.first()) {
            (Some(url), _) => url.clone(),
            (None, Some(address)) if address.port() == 443 => "https://localhost".into(),
            (None, Some(address)) => format!("https://localhost:{}", address.port()),
            (None, None) => "https://localhost".into(),
        }
    }

    /// The origin under which administrators reach the admin address.
    pub fn admin_url(&self) -> String {
        let port = self.server.admin.port();
        self.server.admin_url.clone().unwrap_or_else(|| format!("https://localhost:{port}"))
    }

    /// The origins at which the admin address is at home; passkeys work at those with a name.
    pub fn admin_origins(&self) -> Vec<String> {
        let admin = self.server.admin;
        let mut origins =
            vec![self.admin_url(), format!("https://localhost:{}", admin.port()), format!("https://{admin}")];
        origins.dedup();
        origins
    }

    /// The issuer of tokens.
    pub fn issuer(&self) -> String {
        self.identity.issuer.clone().unwrap_or_else(|| self.public_url())
    }

    /// The number of workers, with 0 resolved.
    pub fn workers(&self) -> usize {
        match self.server.workers {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            workers => workers,
        }
    }

    /// What `retention.kinds` says, as durations.
    pub fn retention_of(&self, kind: testudo_core::EventKind) -> Duration {
        self.retention
            .kinds
            .get(kind.name())
            .and_then(|text| duration::parse(text).ok())
            .unwrap_or(self.retention.default)
    }
}
