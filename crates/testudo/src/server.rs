//! A running server: listeners, the control plane's tasks, reload and drain.

mod stop;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use testudo_core::{Event, EventKind, Secret};
use testudo_crypto::Purpose;
use testudo_gateway::tls::{self, CertificateFiles, Certificates, LocalCa, TicketKeys, TlsOptions};
use testudo_gateway::{CloseSignal, Gateway, GatewayConfig, InheritedSockets, Limits};
use testudo_identity::ClientForm;
use testudo_store::Tx;
use zeroize::Zeroizing;

use crate::admin;
use crate::admin_address::AdminAddress;
use crate::config::{Config, ConfigError};
use crate::data::DataFolder;
use crate::firewall::shortcuts::ShortcutCheck;
use crate::learning::Learning;
use crate::node::{Node, StartError, identity_config};
use crate::pipeline::Worker;
use crate::snapshot::{self, Snapshot};
use crate::watch::WatchRules;

/// Keys are looked after, old entries pruned and certificates renewed this often.
/// Between two writes of what was learned.
const SAVE_LEARNED: Duration = Duration::from_secs(10);
const UPKEEP_EVERY: Duration = Duration::from_mins(10);

/// A running server.
pub struct Server {
    /// The composed rooms.
    pub node: Arc<Node>,
    /// The certificate of the local CA, when the server made its own certificate.
    pub ca: Option<std::path::PathBuf>,
    /// Whether the sample wallet stands in for an upstream.
    pub sample: bool,
    gateway: Gateway,
    admin: Gateway,
    certificates: Arc<Certificates>,
    tickets: Arc<TicketKeys>,
    servers: Vec<String>,
    stop: CloseSignal,
    tail: tokio::task::JoinHandle<()>,
    watch: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts everything; when it returns, requests are served.
    pub async fn start(
        config: Config,
        data: DataFolder,
        root_key: Option<Secret<String>>,
        inherited: InheritedSockets,
    ) -> Result<Server, StartError> {
        let stop = CloseSignal::new();
        let sample = config.upstream.servers.is_empty();
        let servers = if sample { vec![start_wallet(&stop)?] } else { Vec::new() };
        // What can be refused is refused before anything is made.
        let parts = snapshot::build(&config, &servers, sample.then_some(("wallet.yaml", wallet::OPENAPI)))?;
        let rules = watched(&config, 1)?;
        outward(&config)?;
        let playbooks = playbooks(&config)?;
        let identity_config = identity_config(&config)?;
        config.limits.validate()?;
        crate::inherited::check(&inherited, &config.server)?;
        let (certificates, ca) = certificates(&config, &data)?;
        let node = Node::open(config.clone(), data, root_key).await?;
        let options = TlsOptions { allow_tls12: config.tls.allow_tls12, ..TlsOptions::default() };
        let tickets = TicketKeys::new(&ticket_secret(&node), Arc::clone(&node.clock));
        let tls = tls::server_config(Arc::clone(&certificates), &options, Some(Arc::clone(&tickets)))
            .map_err(|e| listen(&e))?;
        if sample {
            node.identity().ensure_client("wallet-app", ClientForm::wallet_app(), &node.context()).await?;
        }
        let admin_client = ClientForm::testudo_admin(&identity_config.admin_audience);
        node.identity().ensure_client("testudo-admin", admin_client, &node.context()).await?;
        let _ = node.shortcuts.set(ShortcutCheck::start(&node, stop.clone()));
        Box::pin(install(&node, config.clone(), parts, 1)).await?;
        node.watch_by(rules);
        node.responder.install(playbooks);

        let started = Event::new(EventKind::NodeStarted, node.clock.now()).detail("version", env!("CARGO_PKG_VERSION"));
        announce(&node, observed(started, config.server.observe)).await;
        warn_of_observe_mode(config.server.observe);
        node.followed();
        let tail = tokio::spawn(crate::journal::follow(Arc::clone(&node), stop.clone()));
        node.settled().await;
        let prepared = crate::watch::prepare(&node).await;
        prepared.map_err(|error| StartError::Listen(format!("the journal's observers have no place: {error}")))?;
        tokio::spawn(crate::respond::follow(Arc::clone(&node), stop.clone()));
        let watch = tokio::spawn(crate::watch::follow(Arc::clone(&node), stop.clone()));
        let pulse = Arc::new(crate::console::pulse::Pulse::default());
        tokio::spawn(crate::console::pulse::follow(Arc::clone(&node), Arc::clone(&pulse), stop.clone()));
        tokio::spawn(crate::risk::follow(Arc::clone(&node), stop.clone()));
        node.exports.apply(&node, &stop);
        node.notices_through(Box::new(crate::notices::Outbox::start(&node, stop.clone())));

        let workers = Arc::clone(&node);
        let gateway = Gateway::start(
            GatewayConfig {
                listen: config.server.listen.clone(),
                inherited: inherited.clone(),
                workers: config.workers(),
                tls: Some(Arc::clone(&tls)),
                limits: Limits::default(),
            },
            move |context| {
                let metrics = workers.metrics.get(context.worker).cloned().unwrap_or_default();
                Worker::new(Arc::clone(&workers), metrics)
            },
        )
        .map_err(|error| listen(&error))?;
        let administered = AdminAddress::new(&node, gateway.counters_handle(), Arc::clone(&pulse));
        let admin = Gateway::start(
            GatewayConfig {
                listen: vec![config.server.admin],
                inherited,
                workers: 1,
                tls: Some(tls),
                limits: Limits::default(),
            },
            move |_| administered.worker(),
        )
        .map_err(|error| listen(&error))?;
        admin::serve(&node.data.socket(), node.owner_router(), stop.clone()).map_err(|error| listen(&error))?;

        let server = Server { node, ca, sample, gateway, admin, certificates, tickets, servers, stop, tail, watch };
        server.upkeep();
        Ok(server)
    }

    /// The addresses of the gateway.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.gateway.addresses()
    }

    /// The address of the admin API.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.addresses().first().copied()
    }

    /// Puts a new configuration in force as a whole, or leaves the old one as it is.
    pub async fn reload(&self, config: Result<Config, ConfigError>) -> Result<(), StartError> {
        let outcome = self.try_reload(config).await;
        let at = self.node.clock.now();
        let event = match &outcome {
            Ok(()) => observed(Event::new(EventKind::ConfigReloaded, at), self.node.config().server.observe),
            Err(error) => Event::new(EventKind::ConfigRefused, at)
                .failed(testudo_core::Control::Audit, "config-refused")
                .detail("error", error.to_string().chars().take(500).collect::<String>()),
        };
        announce(&self.node, event).await;
        outcome
    }

    async fn try_reload(&self, config: Result<Config, ConfigError>) -> Result<(), StartError> {
        let config = config.map_err(|error| StartError::Usage(miette::Report::new(error)))?;
        let current = self.node.snapshot();
        let sample = config.upstream.servers.is_empty().then_some(("wallet.yaml", wallet::OPENAPI));
        if sample.is_some() && self.servers.is_empty() {
            return Err(StartError::Usage(miette::miette!(
                "`upstream.servers` is empty; the sample starts only with `up`"
            )));
        }
        let parts = snapshot::build(&config, &self.servers, sample)?;
        let rules = watched(&config, current.generation + 1)?;
        outward(&config)?;
        let playbooks = playbooks(&config)?;
        self.certificates.reload().map_err(|error| StartError::Usage(miette::miette!("{error}")))?;
        let fixed = |config: &Config| (config.server.listen.clone(), config.server.admin, config.workers());
        if fixed(&config) != fixed(&current.config) {
            tracing::warn!("`server.listen`, `server.admin` and `server.workers` change with the next start only");
        }
        warn_of_observe_mode(config.server.observe);
        install(&self.node, config, parts, current.generation + 1).await?;
        self.node.exports.apply(&self.node, &self.stop);
        self.node.watch_by(rules);
        self.node.responder.install(playbooks);
        self.tickets.replace(&ticket_secret(&self.node));
        self.watch_upstreams();
        tracing::info!(generation = current.generation + 1, "the new configuration is in force");
        Ok(())
    }

    fn watch_upstreams(&self) {
        let snapshot = self.node.snapshot();
        let (node, stop, generation) = (Arc::clone(&self.node), self.stop.clone(), snapshot.generation);
        let watch = snapshot.upstreams.clone().watch();
        tokio::spawn(async move {
            let replaced = async {
                while node.snapshot().generation == generation {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            };
            tokio::select! { () = watch => {}, () = replaced => {}, () = stop.closed() => {} }
        });
    }

    fn upkeep(&self) {
        self.watch_upstreams();
        tokio::spawn(crate::upkeep::watch_health(Arc::clone(&self.node), self.stop.clone()));
        let node = Arc::clone(&self.node);
        tokio::spawn(async move { crate::upkeep::tune_hashes(&node).await });
        tokio::spawn(keep_learned(Arc::clone(&self.node), self.stop.clone()));
        let (node, stop, certificates) = (Arc::clone(&self.node), self.stop.clone(), Arc::clone(&self.certificates));
        let tickets = Arc::clone(&self.tickets);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = stop.closed() => break,
                    () = tokio::time::sleep(UPKEEP_EVERY) => {}
                }
                tickets.replace(&ticket_secret(&node));
                if let Err(error) = certificates.reload() {
                    tracing::warn!(%error, "the certificates could not be read again; the ones before stay in use");
                }
                crate::upkeep::once(&node).await;
            }
        });
    }
}

/// The event, which says so when observe mode is on from here.
fn observed(event: Event, observe: bool) -> Event {
    if observe { event.detail("observe", "on") } else { event }
}

fn warn_of_observe_mode(observe: bool) {
    if observe {
        tracing::warn!("OBSERVE MODE: refusals are reported and not made; nothing is protected");
    }
}

/// Refuses targets of exports and channels of notices that can't work.
fn outward(config: &Config) -> Result<(), StartError> {
    let refused = |key: &str, error: &dyn std::fmt::Display| StartError::Usage(miette::miette!("`{key}`: {error}"));
    crate::exports::check(config).map_err(|error| refused("export", &error))?;
    crate::notices::check(config).map_err(|error| refused("notify", &error))
}

async fn install(node: &Arc<Node>, config: Config, parts: snapshot::Parts, generation: u64) -> Result<(), StartError> {
    let limiter = Arc::new(match node.try_snapshot() {
        Some(before) => before.limiter.reconfigured(&config.limits)?,
        None => node.limits.reconfigured(&config.limits)?,
    });
    let identity = node.identity().with_config(identity_config(&config)?);
    let classes = parts
        .contract
        .routes()
        .iter()
        .map(|route| limiter.route_class(route.method.as_ref().map_or("*", http::Method::as_str), &route.template))
        .collect();
    let origins = node.client_origins().await?;
    if let (Some(firewall), Some(check)) = (&parts.firewall, node.shortcuts.get()) {
        firewall.check_through(Arc::clone(check));
    }
    let snapshot = Snapshot {
        generation,
        trusted: testudo_gateway::client_address::TrustedProxies::new(config.server.trusted_proxies.clone()),
        security_headers: testudo_gateway::headers::SecurityHeaders::default(),
        internal: crate::rooms::public_router(node, &identity),
        identity_host: snapshot::identity_host(&config),
        contract: parts.contract,
        policies: parts.policies,
        firewall: parts.firewall,
        learning: learning(node, &config),
        masks: parts.masks,
        mask_keys: testudo_privacy::MaskKeys::new(node.store.ring()),
        upstreams: parts.upstreams,
        classes,
        origins: arc_swap::ArcSwap::from_pointee(origins),
        limiter,
        config,
    };
    node.install(snapshot, identity);
    Ok(())
}

/// What goes on learning after a reload, or begins.
fn learning(node: &Node, config: &Config) -> Option<Arc<Learning>> {
    let file = config.contract.learn.as_ref()?;
    let before = node.try_snapshot().and_then(|snapshot| snapshot.learning.clone());
    let before = before.filter(|learning| learning.file() == file);
    Some(before.unwrap_or_else(|| Arc::new(Learning::into_file(file.clone()))))
}

/// Writes what was learned now and then.
async fn keep_learned(node: Arc<Node>, stop: CloseSignal) {
    loop {
        tokio::select! {
            () = stop.closed() => return,
            () = tokio::time::sleep(SAVE_LEARNED) => save_learned(&node).await,
        }
    }
}

/// Writes what was learned since the last time.
async fn save_learned(node: &Node) {
    let Some(learning) = node.snapshot().learning.clone() else { return };
    let file = learning.file().display().to_string();
    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || learning.save()).await {
        tracing::warn!(%error, file, "what was learned can't be written");
    }
}

fn certificates(
    config: &Config,
    data: &DataFolder,
) -> Result<(Arc<Certificates>, Option<std::path::PathBuf>), StartError> {
    let refused = |error: &dyn std::fmt::Display| StartError::Usage(miette::miette!("{error}"));
    if let (Some(certificate), Some(key)) = (&config.tls.certificate, &config.tls.key) {
        let files = CertificateFiles { certificate: certificate.clone(), key: key.clone() };
        return Ok((Certificates::from_files(vec![files]).map_err(|e| refused(&e))?, None));
    }
    let ca = LocalCa::open_or_create(&data.ca()).map_err(|error| refused(&error))?;
    let path = ca.certificate_path().to_owned();
    let certificates = Certificates::from_local_ca(ca, config.server.names.clone()).map_err(|e| refused(&e))?;
    Ok((certificates, Some(path)))
}

/// What ticket keys are made from: every node that shares the key ring has the same.
fn ticket_secret(node: &Node) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(node.store.ring().mac(Purpose::Tickets, b"tls session tickets"))
}

fn start_wallet(stop: &CloseSignal) -> Result<String, StartError> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| listen(&error))?;
    let address = listener.local_addr().map_err(|error| listen(&error))?;
    let stopped = stop.closed();
    tokio::spawn(async move {
        if let Err(error) = wallet::serve(listener, stopped).await {
            tracing::error!(%error, "the sample wallet stopped");
        }
    });
    Ok(format!("http://{address}"))
}

async fn announce(node: &Node, event: Event) {
    let mut tx = Tx::new();
    tx.event(event);
    if let Err(error) = node.store.commit(tx).await {
        tracing::error!(%error, "an event could not be written to the journal");
    }
}

fn watched(config: &Config, generation: u64) -> Result<WatchRules, StartError> {
    WatchRules::read(&config.detection, generation).map_err(|error| StartError::Usage(miette::miette!("{error}")))
}

fn playbooks(config: &Config) -> Result<Vec<testudo_response::Playbook>, StartError> {
    crate::respond::configured(&config.response).map_err(|error| StartError::Usage(miette::miette!("{error}")))
}

fn listen(error: &dyn std::fmt::Display) -> StartError {
    StartError::Listen(error.to_string())
}
