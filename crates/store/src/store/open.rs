//! Opening a store: its key ring, its backend and its tasks.

use std::sync::{Arc, Weak};
use std::time::Duration;

use data_encoding::HEXLOWER;
use parking_lot::{Mutex, RwLock};
use testudo_core::{Clock, Timestamp};
use testudo_crypto::{KeyRing, KeyRingError, Place as Sealed, Purpose, RootKey, random};

use super::{Core, Inner, Store};
use crate::backend::{Backend, Intent, SharedRing};
use crate::journal::committed::Recent;
use crate::journal::lane::Lane;
use crate::persons::PersonKeys;
use crate::{OpenError, Place, StoreConfig, postgres, sqlite};

/// The place of the sealed name of the log, by which keys and data recognise each other.
const WITNESS: Sealed<'static> = Sealed { table: "meta", column: "value", row: b"witness" };

/// Named values that the store keeps about itself.
pub(crate) type Meta = Vec<(&'static str, Vec<u8>)>;

/// The key ring, and what a new store must keep.
pub(crate) struct Settled {
    pub ring: KeyRing,
    /// The wrapped ring and the values of the store itself, when it is new.
    pub new: Option<(Vec<u8>, Meta)>,
    /// The name of the log.
    pub origin: String,
}

/// What a store keeps of its keys.
pub(crate) struct Kept<'a> {
    /// The wrapped ring.
    pub ring: Option<&'a [u8]>,
    /// The value `log`.
    pub log: Option<Vec<u8>>,
    /// The value `witness`.
    pub witness: Option<&'a [u8]>,
    /// Whether there are person keys.
    pub has_people: bool,
}

/// Opens the key ring of a store, or makes the first one when there are neither keys nor data.
pub(crate) fn settle(kept: Kept<'_>, root: &RootKey, now: Timestamp) -> Result<Settled, OpenError> {
    let ring = match kept.ring {
        Some(wrapped) => {
            Some(KeyRing::unwrap(root, wrapped).map_err(|error: KeyRingError| OpenError::RootKey(error.to_string()))?)
        }
        None => None,
    };
    let (ring, log) = match (ring, kept.log) {
        (Some(ring), Some(log)) => (ring, log),
        (None, Some(_)) => return Err(OpenError::KeysLost),
        (Some(_), None) if kept.has_people => return Err(OpenError::KeysMismatch),
        // A ring without data and people is what a crash leaves during the very first start.
        (ring, None) => return Ok(found(ring.unwrap_or_else(|| KeyRing::generate(now)), root)),
    };
    let witness = kept.witness.ok_or(OpenError::KeysMismatch)?;
    let opened = ring.open(Purpose::Records, &WITNESS, witness).map_err(|_| OpenError::KeysMismatch)?;
    if *opened != log {
        return Err(OpenError::KeysMismatch);
    }
    let origin = String::from_utf8(log).map_err(|_| OpenError::KeysMismatch)?;
    Ok(Settled { ring, new: None, origin })
}

fn found(ring: KeyRing, root: &RootKey) -> Settled {
    let name = format!("testudo/{}", HEXLOWER.encode(&random::array::<8>()));
    let witness = ring.seal(Purpose::Records, &WITNESS, name.as_bytes());
    let meta = vec![("log", name.clone().into_bytes()), ("witness", witness)];
    Settled { new: Some((ring.wrap(root), meta)), ring, origin: name }
}

impl Store {
    /// Opens the store, and makes it on first use. Needs a tokio runtime with a timer.
    ///
    /// The key ring is made only where there are neither keys nor data; a lost or wrong root key is an error.
    /// So is a restore that was begun and not finished.
    pub async fn open(config: &StoreConfig, root: &RootKey, clock: Arc<dyn Clock>) -> Result<Store, OpenError> {
        Store::open_for(Intent::Use, config, root, clock).await
    }

    pub(crate) async fn open_for(
        intent: Intent,
        config: &StoreConfig,
        root: &RootKey,
        clock: Arc<dyn Clock>,
    ) -> Result<Store, OpenError> {
        let (persons, now) = (Arc::new(PersonKeys::new(config.open_keys)), clock.now());
        let recent = Arc::new(Recent::default());
        let opened = match &config.place {
            Place::Sqlite { .. } | Place::Memory => open_sqlite(intent, config, root, now, recent.clone())?,
            Place::Postgres(settings) => {
                let opening = postgres::open(settings, intent).await?;
                open_postgres(opening, config, root, now, persons.clone()).await?
            }
        };
        let core = Arc::new(Core {
            backend: opened.backend,
            clock,
            persons,
            origin: opened.origin,
            recent,
            scrub: std::sync::OnceLock::new(),
            ring: opened.ring,
            day: Mutex::new(None),
            checkpoint_file: config.checkpoint_file.clone(),
            checkpoints: tokio::sync::Mutex::new(None),
            rotations: tokio::sync::Mutex::new(()),
        });
        super::upkeep::compare_with_file(&core).await;
        let lane = Lane::start(core.clone(), config.lane);
        if !config.checkpoint_every.is_zero() {
            tokio::spawn(checkpoints(Arc::downgrade(&core), config.checkpoint_every));
        }
        let store = Store(Arc::new(Inner { core, lane }));
        store.resume_rotation();
        Ok(store)
    }
}

struct OpenedBackend {
    backend: Arc<dyn Backend>,
    ring: SharedRing,
    origin: String,
}

fn open_sqlite(
    intent: Intent,
    config: &StoreConfig,
    root: &RootKey,
    now: Timestamp,
    recent: Arc<Recent>,
) -> Result<OpenedBackend, OpenError> {
    let folder = match &config.place {
        Place::Sqlite { folder } => Some(folder.as_path()),
        Place::Memory | Place::Postgres(_) => None,
    };
    let opening = sqlite::open(intent, folder, config, now)?;
    let (log, witness) = (opening.meta("log")?, opening.meta("witness")?);
    let kept = Kept { ring: opening.ring.as_deref(), log, witness: witness.as_deref(), has_people: opening.has_people };
    let settled = settle(kept, root, now)?;
    if let Some((wrapped, meta)) = &settled.new {
        opening.found(wrapped, meta)?;
    }
    let ring: SharedRing = Arc::new(RwLock::new(settled.ring));
    let backend = Arc::new(opening.start(config, ring.clone(), recent)?);
    Ok(OpenedBackend { backend, ring, origin: settled.origin })
}

async fn open_postgres(
    mut opening: postgres::Opening,
    config: &StoreConfig,
    root: &RootKey,
    now: Timestamp,
    persons: Arc<PersonKeys>,
) -> Result<OpenedBackend, OpenError> {
    let (log, witness) = (opening.meta("log").await?, opening.meta("witness").await?);
    let kept = Kept { ring: opening.ring.as_deref(), log, witness: witness.as_deref(), has_people: opening.has_people };
    let settled = settle(kept, root, now)?;
    if let Some((wrapped, meta)) = &settled.new {
        opening.found(wrapped, meta).await?;
    }
    let ring: SharedRing = Arc::new(RwLock::new(settled.ring));
    let shared = postgres::Shared { root: root.share(), ring: ring.clone(), persons };
    let backend = Arc::new(opening.start(config, shared).await?);
    Ok(OpenedBackend { backend, ring, origin: settled.origin })
}

/// Makes a checkpoint every so often, while the store is in use.
async fn checkpoints(core: Weak<Core>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(core) = core.upgrade() else { break };
        if !core.backend.leads() {
            continue;
        }
        if let Err(error) = core.checkpoint(false).await {
            tracing::error!(%error, "no checkpoint could be made; it is tried again");
        }
    }
}
