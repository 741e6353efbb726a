//! The OAuth 2.1 and `OpenID` Connect server: people, their sessions, tokens and second factors.
//!
//! Two halves share one [`Identity`]: `people` knows who somebody is (accounts, passwords, factors, browser sessions),
//! `oauth` says what a client may do in her name (clients, codes, tokens, families, keys). [`Authority`] is the part
//! that the gateway's workers hold: it verifies access tokens without a store.
//!
//! Everything here takes bytes, facts and `now` (in [`Context`]); there is no server and no clock. Every change of state
//! is one [`testudo_store::Tx`] that carries the event which announces it.
//!
//! To add a grant: add a variant to `oauth::token::Grant`, parse it in `oauth::token`, and let `prepare` prove it
//! before `issue` acts on it. To add a claim: `oauth::claims`, in the struct of the token that carries it.

mod config;
mod error;
mod oauth;
mod people;
mod session;

use std::net::IpAddr;
use std::sync::Arc;

use testudo_core::{Event, EventKind, RequestId, Timestamp};
use testudo_crypto::password::HashPool;
use testudo_store::Store;

pub use config::{IdentityConfig, IssuerError};
pub use error::IdentityError;
pub use oauth::*;
pub use people::*;
pub use session::{Acr, Amr, Entrance, FRESH_FACTOR, Session, SessionState, SignedIn};

/// The identity server. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    pub(crate) store: Store,
    pub(crate) pool: HashPool,
    pub(crate) config: Arc<IdentityConfig>,
    pub(crate) oauth: Arc<oauth::Memory>,
    pub(crate) entrance: Entrance,
}

impl Identity {
    /// Joins the store, the password pool and the configuration. Call [`Identity::load_keys`] before tokens are made.
    pub fn new(store: Store, pool: HashPool, config: IdentityConfig) -> Identity {
        let oauth = Arc::new(oauth::Memory::default());
        Identity { store, pool, config: Arc::new(config), oauth, entrance: Entrance::Public }
    }

    /// The configuration.
    pub fn config(&self) -> &IdentityConfig {
        &self.config
    }

    /// The same server under a new configuration; caches and keys are shared with the old one.
    #[must_use]
    pub fn with_config(&self, config: IdentityConfig) -> Identity {
        Identity { config: Arc::new(config), ..self.clone() }
    }

    /// The same server as the admin address sees it: sessions of its own, which are shorter, and none of the public ones.
    #[must_use]
    pub fn at_admin_address(&self) -> Identity {
        Identity { entrance: Entrance::Admin, ..self.clone() }
    }

    /// At which address it is asked.
    pub fn entrance(&self) -> Entrance {
        self.entrance
    }

    /// The store that everything is kept in.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

/// The events that keep the `User-Agent`: what risk learns from.
const WITH_AGENT: [EventKind; 5] = [
    EventKind::SessionStarted,
    EventKind::StepUpDone,
    EventKind::TokenIssued,
    EventKind::TokenRefreshed,
    EventKind::FactorEnrolled,
];

/// The facts of the call: handed in with each one.
#[derive(Clone, Debug)]
pub struct Context {
    /// The request in which it happens.
    pub request: RequestId,
    /// The client's address, after trusted proxies.
    pub address: IpAddr,
    /// The `User-Agent`, cut to a sane length by the caller.
    pub user_agent: Option<String>,
    /// What time it is.
    pub now: Timestamp,
}

impl Context {
    /// An event of this kind, at this time, from this address, in this request.
    pub fn event(&self, kind: EventKind) -> Event {
        let event = Event::new(kind, self.now).from(self.address).during(self.request);
        match &self.user_agent {
            // Sealed; it says which kind of device did it.
            Some(agent) if WITH_AGENT.contains(&kind) => event.personal("user_agent", agent.as_str()),
            _ => event,
        }
    }
}
