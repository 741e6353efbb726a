//! A node: the rooms composed. [`Node::open`] gives what commands need; [`crate::server`] adds listeners to it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use testudo_access::AdminPolicies;
use testudo_core::{Clock, RequestId, Secret};
use testudo_crypto::password::HashPool;
use testudo_crypto::random;
use testudo_gateway::cors::CorsRules;
use testudo_identity::{Authority, Context, Identity, IdentityConfig, IdentityError};
use testudo_limits::{Limiter, LimitsError};
use testudo_store::{OpenError, ReadError, Store, Tx};

use crate::clock::SystemClock;
use crate::config::Config;
use crate::data::{DataError, DataFolder};
use crate::firewall::shortcuts::ShortcutCheck;
use crate::journal::JournalGate;
use crate::metrics::WorkerMetrics;
use crate::risk::RiskModel;
use crate::snapshot::{Snapshot, SnapshotError};
use crate::standing::{self, Standing};
use crate::watch::WatchRules;

/// Everything that is shared by the workers, the control plane and the commands.
pub struct Node {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The data folder.
    pub data: DataFolder,
    /// Records, journal, counters.
    pub store: Store,
    /// Who may do anything at all.
    pub standing: Standing,
    /// Places for events.
    pub journal: JournalGate,
    /// Who signs tokens; swapped when keys rotate.
    pub authority: ArcSwap<Authority>,
    /// What administrators may do.
    pub admin_policies: Arc<AdminPolicies>,
    /// The counters of each worker.
    pub metrics: Vec<Arc<WorkerMetrics>>,
    pub(crate) limits: Arc<Limiter>,
    /// Where events go.
    pub exports: crate::exports::Exports,
    pub(crate) notices: std::sync::OnceLock<Box<dyn crate::actions::Notices>>,
    /// What finds out whether the firewall's shortcuts change answers; there in a server.
    pub(crate) shortcuts: std::sync::OnceLock<Arc<ShortcutCheck>>,
    /// What is usual for people.
    pub risk: RiskModel,
    rules: ArcSwap<WatchRules>,
    pub(crate) responder: crate::respond::Responder,
    identity: ArcSwap<Identity>,
    snapshot: ArcSwapOption<Snapshot>,
    config: ArcSwap<Config>,
    reload: parking_lot::Mutex<Option<ReloadSender>>,
    followed: std::sync::atomic::AtomicBool,
}

/// Asks the server's loop to read its configuration again, and hears how that went.
pub type ReloadSender = tokio::sync::mpsc::Sender<tokio::sync::oneshot::Sender<Result<(), String>>>;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder or root key.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The configuration; exit code 2.
    #[error("{0}")]
    Usage(miette::Report),
    /// A listener.
    #[error("{0}")]
    Listen(String),
}

impl From<SnapshotError> for StartError {
    fn from(error: SnapshotError) -> StartError {
        StartError::Usage(miette::Report::new(error))
    }
}

impl From<LimitsError> for StartError {
    fn from(error: LimitsError) -> StartError {
        StartError::Usage(miette::miette!("`limits`: {error}"))
    }
}

impl Node {
    /// Opens the store and composes what does not listen.
    pub async fn open(
        config: Config,
        data: DataFolder,
        root_key: Option<Secret<String>>,
    ) -> Result<Arc<Node>, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let root = data.unlock(&config, root_key)?;
        let store = Store::open(&data.store_config(&config)?, &root, Arc::clone(&clock)).await?;
        store.scrub_events(crate::scrub::fact);
        let pool = HashPool::new(hash_threads(&config), config.identity.hash_queue);
        let identity = Identity::new(store.clone(), pool, identity_config(&config)?);
        let context = context(&*clock);
        identity.load_keys(&context).await?;
        identity.load_hash_cost().await?;
        let authority = identity.authority()?;
        let saved = store.get::<standing::Snapshot>("current").await?.map(|saved| saved.document);
        let limits = Arc::new(Limiter::new(&config.limits, random::array())?);
        let node = Arc::new(Node {
            data,
            standing: Standing::new(saved).telling(Arc::clone(limits.tightened()), Arc::clone(&clock)),
            journal: JournalGate::default(),
            authority: ArcSwap::from_pointee(authority),
            admin_policies: Arc::new(AdminPolicies::embedded().map_err(|error| StartError::Listen(error.to_string()))?),
            metrics: (0..config.workers()).map(|_| Arc::default()).collect(),
            limits,
            exports: crate::exports::Exports::default(),
            notices: std::sync::OnceLock::new(),
            shortcuts: std::sync::OnceLock::new(),
            risk: RiskModel::open(&store, &config.risk).await?,
            rules: ArcSwap::from_pointee(WatchRules::default()),
            responder: crate::respond::Responder::default(),
            identity: ArcSwap::from_pointee(identity),
            snapshot: ArcSwapOption::empty(),
            config: ArcSwap::from_pointee(config),
            reload: parking_lot::Mutex::new(None),
            followed: std::sync::atomic::AtomicBool::new(false),
            store,
            clock,
        });
        let playbooks = crate::respond::configured(&node.config().response);
        node.responder.install(playbooks.map_err(|error| StartError::Usage(miette::miette!("{error}")))?);
        crate::journal::catch_up(&node).await?;
        Ok(node)
    }

    /// The identity server under the configuration in force.
    pub fn identity(&self) -> Arc<Identity> {
        self.identity.load_full()
    }

    /// The rules of detection in force.
    pub fn rules(&self) -> Arc<WatchRules> {
        self.rules.load_full()
    }

    /// Puts rules of detection in force.
    pub fn watch_by(&self, rules: WatchRules) {
        self.rules.store(Arc::new(rules));
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// The snapshot in force; there is one as soon as the server listens.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        match self.snapshot.load_full() {
            Some(snapshot) => snapshot,
            None => unreachable_snapshot(),
        }
    }

    /// The snapshot in force, if the server runs.
    pub fn try_snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.load_full()
    }

    /// Puts a snapshot in force, with the identity server that belongs to it.
    pub fn install(&self, snapshot: Snapshot, identity: Identity) {
        self.risk.configure(&snapshot.config.risk);
        self.config.store(Arc::new(snapshot.config.clone()));
        self.identity.store(Arc::new(identity));
        self.snapshot.store(Some(Arc::new(snapshot)));
    }

    /// A context for what the node does by itself.
    pub fn context(&self) -> Context {
        context(&*self.clock)
    }

    /// The longest that an access token of this node may live: after that a revocation can be forgotten.
    pub const fn longest_token() -> Duration {
        // Clients may have their own lifetime, up to an hour; a minute more for clocks.
        Duration::from_mins(61)
    }

    /// Takes in new signing keys.
    pub async fn reload_keys(&self) {
        let identity = self.identity();
        let loaded = identity.load_keys(&self.context()).await;
        match loaded.and_then(|()| identity.authority()) {
            Ok(authority) => self.authority.store(Arc::new(authority)),
            Err(error) => tracing::error!(%error, "the signing keys can't be read; the ones before stay in use"),
        }
    }

    /// Takes in which origins clients are used from.
    pub async fn reload_clients(&self) {
        let Some(snapshot) = self.try_snapshot() else { return };
        match self.client_origins().await {
            Ok(origins) => snapshot.origins.store(Arc::new(origins)),
            Err(error) => tracing::error!(%error, "the clients can't be read; their origins before stay allowed"),
        }
    }

    pub(crate) async fn client_origins(
        &self,
    ) -> Result<HashMap<testudo_core::ClientId, Arc<CorsRules>>, IdentityError> {
        let identity = self.identity();
        let mut origins = HashMap::new();
        let mut after = None;
        loop {
            let page = identity.list_clients(after, 200).await?;
            for stored in page.items {
                let client = stored.document;
                let rules = crate::snapshot::cors_rules(client.cors_origins.iter().cloned().collect());
                origins.insert(client.id, Arc::new(rules));
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(origins),
            }
        }
    }

    /// Says that a tail follows the journal from now on.
    pub fn followed(&self) {
        self.followed.store(true, std::sync::atomic::Ordering::Release);
    }

    /// Whether a tail follows the journal; none does in commands.
    pub fn is_followed(&self) -> bool {
        self.followed.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Says who tells people of incidents; the first one stays.
    pub fn notices_through(&self, notices: Box<dyn crate::actions::Notices>) {
        let _ = self.notices.set(notices);
    }

    /// Says who reloads; the server's loop does.
    pub fn reloads_through(&self, sender: ReloadSender) {
        *self.reload.lock() = Some(sender);
    }

    /// Has the configuration read again.
    pub async fn ask_reload(&self) -> Result<(), String> {
        let sender = self.reload.lock().clone();
        let sender = sender.ok_or("no server runs, so there is nothing to reload")?;
        let (answer, answered) = tokio::sync::oneshot::channel();
        sender.send(answer).await.map_err(|_| "the server is stopping")?;
        answered.await.map_err(|_| "the server is stopping")?
    }

    /// Saves standing, so that the next start reads the tail only.
    pub async fn save_standing(&self) {
        let mut tx = Tx::new();
        tx.put(&self.standing.snapshot());
        if let Err(error) = self.store.commit(tx).await {
            tracing::warn!(%error, "standing could not be saved; the next start reads more of the journal");
        }
    }
}

#[expect(clippy::panic, reason = "the workers start after the first snapshot is in place")]
fn unreachable_snapshot() -> Arc<Snapshot> {
    panic!("a worker started before the first configuration was in force")
}

fn context(clock: &dyn Clock) -> Context {
    let now = clock.now();
    Context {
        request: RequestId::new(now, random::array()),
        address: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        user_agent: None,
        now,
    }
}

fn hash_threads(config: &Config) -> usize {
    match config.identity.hash_threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get).div_ceil(2),
        threads => threads,
    }
}

fn purpose(own: &crate::config::PurposeConfig) -> testudo_identity::Purpose {
    let crate::config::PurposeConfig { name, title, text, version } = own.clone();
    testudo_identity::Purpose { name, title, text, version }
}

/// What the identity server is told.
pub fn identity_config(config: &Config) -> Result<IdentityConfig, SnapshotError> {
    let mut identity = IdentityConfig::new(&config.issuer())
        .map_err(|error| SnapshotError::Value { key: "server.public-url", message: error.to_string() })?;
    let section = &config.identity;
    identity.access_token_lifetime = section.access_token_lifetime;
    identity.refresh_idle = section.refresh_idle;
    identity.refresh_absolute = section.refresh_absolute;
    identity.sign_up = section.sign_up;
    identity.administrator_roles = testudo_access::Role::ALL.iter().map(|role| role.name().to_owned()).collect();
    if let Some(url) = &config.server.admin_url {
        // The same form as an issuer has.
        IdentityConfig::new(url)
            .map_err(|error| SnapshotError::Value { key: "server.admin-url", message: error.to_string() })?;
    }
    identity.purposes = config.privacy.purposes.iter().map(purpose).collect();
    Ok(identity)
}
