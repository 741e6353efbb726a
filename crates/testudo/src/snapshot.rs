//! Everything that a reload swaps as one: built whole from the configuration, then put in place.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use http::header::{self, HeaderName};
use testudo_access::{Policies, PolicyErrors};
use testudo_contract::{Contract, ContractErrors, Found, PathPattern, RouteId};
use testudo_core::ClientId;
use testudo_gateway::client_address::TrustedProxies;
use testudo_gateway::cors::CorsRules;
use testudo_gateway::headers::SecurityHeaders;
use testudo_gateway::{HealthCheck, UpstreamConfig, UpstreamGroup, UpstreamSettings};
use testudo_limits::{Limiter, RouteClass};
use testudo_privacy::MaskKeys;

use crate::config::Config;
use crate::firewall::{Firewall, FirewallError};
use crate::learning::Learning;
use crate::masks::Masks;
use crate::pipeline::RESERVED;

/// The largest file of routes or policies.
const MAX_FILE: u64 = 8 * 1024 * 1024;

/// One configuration in force.
pub struct Snapshot {
    /// Grows with each reload.
    pub generation: u64,
    /// The configuration.
    pub config: Config,
    /// The app's API.
    pub contract: Arc<Contract>,
    /// Cedar policies.
    pub policies: Policies,
    /// The firewall; none when it is off.
    pub firewall: Option<Firewall>,
    /// What is learned from traffic.
    pub learning: Option<Arc<Learning>>,
    /// What is masked in answers.
    pub masks: Masks,
    /// The keys of hashes and tokens in their place.
    pub mask_keys: MaskKeys,
    /// The backend's servers.
    pub upstreams: UpstreamGroup,
    /// Limits under this configuration; the table is shared with the snapshots before.
    pub limiter: Arc<Limiter>,
    /// Whose forwarding headers are believed.
    pub trusted: TrustedProxies,
    /// What every answer carries.
    pub security_headers: SecurityHeaders,
    /// The OAuth endpoints and the sign-in pages.
    pub internal: Router,
    /// The host that internal paths are served on; none means every host.
    pub identity_host: Option<String>,
    pub(crate) classes: Vec<RouteClass>,
    pub(crate) origins: arc_swap::ArcSwap<HashMap<ClientId, Arc<CorsRules>>>,
}

/// Why a configuration can't be put in force.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SnapshotError {
    /// A file can't be read.
    #[error("can't read `{path}`, named by `{key}`: {source}")]
    Read {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The OpenAPI file is not usable.
    #[error("the OpenAPI file has mistakes:\n{0}")]
    Contract(ContractErrors),
    /// A public path is no path.
    #[error("`{pattern}` is not a path: {reason}")]
    Public {
        /// What was given.
        pattern: String,
        /// Why.
        reason: String,
    },
    /// The API has a path that the server answers itself.
    #[error(
        "the API has the route `{route}`, which Testudo answers itself; set `identity.issuer` to another host (such as \
         `https://id.example.org`), then sign-in is served there only"
    )]
    Reserved {
        /// The route.
        route: String,
    },
    /// Policies are not usable.
    #[error(
        "the policies have mistakes:
{0}"
    )]
    Policy(PolicyErrors),
    /// The rules of the firewall, or what the configuration says of them.
    #[error("`{key}`: {_0}", key = .0.key())]
    Firewall(FirewallError),
    /// Another value can't work.
    #[error("`{key}`: {message}")]
    Value {
        /// The key.
        key: &'static str,
        /// Why.
        message: String,
    },
}

impl SnapshotError {
    /// The key whose value is refused.
    pub fn key(&self) -> Option<&str> {
        match self {
            SnapshotError::Firewall(error) => Some(error.key()),
            SnapshotError::Read { key, .. } | SnapshotError::Value { key, .. } => Some(key),
            _ => None,
        }
    }
}

/// What is built from the configuration alone: the same for `check`, `up` and a reload.
pub struct Parts {
    /// The app's API.
    pub contract: Arc<Contract>,
    /// Cedar policies.
    pub policies: Policies,
    /// The firewall; none when it is off.
    pub firewall: Option<Firewall>,
    /// What is masked in answers.
    pub masks: Masks,
    /// The backend's servers.
    pub upstreams: UpstreamGroup,
}

/// Builds what the configuration names. `servers` replaces an empty list of upstreams, and `openapi` stands for its API.
pub fn build(config: &Config, servers: &[String], openapi: Option<(&str, &str)>) -> Result<Parts, SnapshotError> {
    let contract = Arc::new(contract(config, openapi)?);
    check_reserved(config, &contract)?;
    let masks = Masks::build(config, &contract)?;
    let (policies, upstreams) = (policies(config, &contract)?, upstreams(config, servers)?);
    Ok(Parts { policies, upstreams, firewall: firewall(config, &contract)?, masks, contract })
}

fn firewall(config: &Config, contract: &Contract) -> Result<Option<Firewall>, SnapshotError> {
    Firewall::build(&config.waf, contract).map_err(SnapshotError::Firewall)
}

/// The app's API, as the configuration names it, or else this file.
pub fn contract(config: &Config, openapi: Option<(&str, &str)>) -> Result<Contract, SnapshotError> {
    if let Some(path) = &config.contract.openapi {
        let text = read("contract.openapi", path)?;
        return Contract::from_openapi(&path.display().to_string(), &text).map_err(SnapshotError::Contract);
    }
    if let Some((name, text)) = openapi {
        return Contract::from_openapi(name, text).map_err(SnapshotError::Contract);
    }
    let patterns = config.contract.public.iter().map(|pattern| {
        pattern
            .parse::<PathPattern>()
            .map_err(|error| SnapshotError::Public { pattern: pattern.clone(), reason: error.to_string() })
    });
    Ok(Contract::open(&patterns.collect::<Result<Vec<_>, _>>()?))
}

fn check_reserved(config: &Config, contract: &Contract) -> Result<(), SnapshotError> {
    if contract.is_open() || identity_host(config).is_some() {
        return Ok(());
    }
    let taken = contract.routes().iter().find(|route| RESERVED.contains(&*route.template));
    match taken {
        Some(route) => Err(SnapshotError::Reserved { route: route.template.to_string() }),
        None => Ok(()),
    }
}

/// The host of sign-in, when it is another than the gateway's.
pub fn identity_host(config: &Config) -> Option<String> {
    let issuer = config.identity.issuer.as_deref()?;
    let host = |url: &str| url::Url::parse(url).ok()?.host_str().map(str::to_ascii_lowercase);
    let identity = host(issuer)?;
    (host(&config.public_url()).as_deref() != Some(&identity)).then_some(identity)
}

fn policies(config: &Config, contract: &Contract) -> Result<Policies, SnapshotError> {
    let mut files = Vec::new();
    for path in &config.policies.files {
        files.push((path.display().to_string(), read("policies.files", path)?));
    }
    crate::policies::load(config, &files, contract)
}

fn upstreams(config: &Config, servers: &[String]) -> Result<UpstreamGroup, SnapshotError> {
    let section = &config.upstream;
    let servers = if section.servers.is_empty() { servers } else { &section.servers };
    let servers: Vec<UpstreamConfig> =
        servers.iter().map(|url| UpstreamConfig { url: url.clone(), weight: 1 }).collect();
    let settings = UpstreamSettings {
        connect_timeout: section.connect_timeout,
        head_timeout: section.head_timeout,
        max_in_flight: section.max_in_flight,
        ca_file: section.ca_file.clone(),
        health: section.health_path.as_ref().map(HealthCheck::new),
        ..UpstreamSettings::default()
    };
    UpstreamGroup::new(&servers, settings)
        .map_err(|error| SnapshotError::Value { key: "upstream.servers", message: error.to_string() })
}

fn read(key: &'static str, path: &Path) -> Result<String, SnapshotError> {
    use std::io::Read as _;
    let failed = |source| SnapshotError::Read { key, path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE {
        return Err(failed(std::io::Error::other("it is larger than 8 MiB")));
    }
    Ok(text)
}

/// What pages of these origins may do, and what of an answer they may read.
pub(crate) fn cors_rules(origins: Vec<String>) -> CorsRules {
    let expose = [
        header::WWW_AUTHENTICATE,
        header::RETRY_AFTER,
        header::LOCATION,
        header::ETAG,
        HeaderName::from_static("ratelimit"),
        HeaderName::from_static("ratelimit-policy"),
        HeaderName::from_static("testudo-request"),
    ];
    CorsRules { origins, expose: expose.into(), ..CorsRules::default() }
}

impl Snapshot {
    /// The class of limits of a route.
    pub fn class_of(&self, route: RouteId) -> RouteClass {
        self.classes.get(route.index()).copied().unwrap_or_default()
    }

    /// The most bytes of a request body.
    pub fn max_body(&self, found: Option<&Found<'_>>) -> u64 {
        let general = self.config.server.max_body as u64;
        found.and_then(|found| found.route.rules.max_body).unwrap_or(general)
    }

    /// Whether calls of gRPC can reach the backend at all: they need HTTP/2.
    pub fn speaks_grpc(&self) -> bool {
        self.contract.is_open() && self.upstreams.is_http2()
    }

    /// Whether the server answers this path itself.
    pub fn is_internal(&self, host: Option<&str>, path: &str) -> bool {
        match &self.identity_host {
            Some(identity) => host == Some(identity),
            None => crate::pipeline::is_reserved(path),
        }
    }

    /// Whether pages of this origin may make a browser write: our own, and those of the clients.
    pub fn is_own_origin(&self, origin: &str) -> bool {
        let ours = url::Url::parse(&self.config.public_url()).map(|url| url.origin().ascii_serialization());
        ours.is_ok_and(|ours| ours == origin) || self.cors(None).origins.iter().any(|known| known == origin)
    }

    /// Which origins may read answers: those of the caller's client, or of any client before one is known.
    pub fn cors(&self, client: Option<&ClientId>) -> Arc<CorsRules> {
        let origins = self.origins.load();
        if let Some(client) = client {
            return origins.get(client).cloned().unwrap_or_default();
        }
        let all = origins.values().flat_map(|rules| rules.origins.iter().cloned()).collect();
        Arc::new(cors_rules(all))
    }
}
