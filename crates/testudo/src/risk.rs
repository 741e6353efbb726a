//! Risk on the top floor: the profiles of people in memory, fed by the journal, kept in the store, and asked at every
//! request.
//!
//! One structure serves all workers of a node. Each node follows the journal itself ([`follow`]), so that all have the
//! same profiles; a profile is a record of its person, sealed under her key, and goes when she is erased. Profiles are
//! saved a few at a time; the cursor never passes an event that a profile which is not saved yet has taken in, so that a
//! start reads the rest again. Without its records the model is made anew from the journal.

mod acts;
mod decide;
mod follow;
mod saved;
mod tell;
mod tokens;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use testudo_core::{Alert, PersonId, Pseudonym, Timestamp};
use testudo_detection::risk::{Act, Assessment, Key, Observed, Place, Profiles};
use testudo_store::{ReadError, Store};
use tokio::sync::watch;

use crate::config::RiskSection;
use crate::risk::saved::{SavedContext, SavedProfile, Unsaved};

pub use acts::{Places, place_of};
pub use decide::decide;
pub use follow::{catch_up, follow};
pub use tokens::{required_of_tokens, weigh_tokens};

/// How many counters of changes people share.
const STRIPES: usize = 4_096;
/// How long a page waits until what it did is taken in.
const SETTLE: Duration = Duration::from_millis(250);

/// What is usual for people, and what goes on around them.
pub struct RiskModel {
    profiles: RwLock<Profiles>,
    /// Count the changes of the profiles that share them, so that workers keep an assessment until there is one.
    changes: Box<[AtomicU32]>,
    /// Counts the changes that concern everybody: alerts, settings.
    around: AtomicU64,
    unsaved: Mutex<Unsaved>,
    cursor: watch::Sender<u64>,
    /// From where on the next start reads the journal.
    kept: AtomicU64,
}

/// When an assessment is out of date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    own: u32,
    around: u64,
    minute: i64,
}

impl RiskModel {
    /// Goes on from what is saved.
    pub async fn open(store: &Store, section: &RiskSection) -> Result<RiskModel, ReadError> {
        let mut profiles = Profiles::new(section.settings());
        // Without what was saved all is made again.
        let mut from = 0;
        if let Some(context) = store.get::<SavedContext>("current").await? {
            profiles.restore_context(context.document.context);
            from = store.cursor(saved::OBSERVER).await?;
        }
        Ok(RiskModel {
            profiles: RwLock::new(profiles),
            changes: (0..STRIPES).map(|_| AtomicU32::new(0)).collect(),
            around: AtomicU64::new(0),
            unsaved: Mutex::default(),
            cursor: watch::channel(from).0,
            kept: AtomicU64::new(from),
        })
    }

    /// Puts other settings in force.
    pub fn configure(&self, section: &RiskSection) {
        self.profiles.write().configure(section.settings());
        self.around.fetch_add(1, Ordering::Release);
    }

    /// The version of what is thought of a person now.
    pub fn version(&self, name: Pseudonym, now: Timestamp) -> Version {
        Version {
            own: self.stripe(name).map_or(0, |stripe| stripe.load(Ordering::Acquire)),
            around: self.around.load(Ordering::Acquire),
            minute: now.seconds().div_euclid(60),
        }
    }

    /// Reads the profile of a person unless it is in memory.
    pub async fn load(
        &self,
        store: &Store,
        name: Pseudonym,
        person: PersonId,
        now: Timestamp,
    ) -> Result<(), ReadError> {
        if self.profiles.read().get(name).is_some() {
            return Ok(());
        }
        let saved = store.get::<SavedProfile>(person.to_bytes()).await?.map(|saved| saved.document.profile);
        let mut profiles = self.profiles.write();
        match saved.filter(testudo_detection::risk::Profile::is_current) {
            Some(profile) => profiles.restore(name, profile),
            None => profiles.begin(name, person, now),
        }
        Ok(())
    }

    /// What is thought of a person who comes this way; none while her profile is not in memory.
    pub fn assess(&self, name: Pseudonym, place: &Place, now: Timestamp) -> Option<Assessment> {
        let profiles = self.profiles.read();
        profiles.get(name)?;
        Some(profiles.assess(name, place, now))
    }

    /// Whether a second factor was shown in a session a short while ago.
    pub fn proven_in(&self, name: Pseudonym, session: Key, now: Timestamp) -> bool {
        self.profiles.read().proven_in(name, session, now)
    }

    /// The place in the journal up to which everything is taken in.
    pub fn position(&self) -> u64 {
        *self.cursor.borrow()
    }

    /// Waits a moment until everything that is committed by now is taken in.
    pub async fn settled(&self, store: &Store) {
        let head = *store.head().borrow();
        let mut cursor = self.cursor.subscribe();
        let reached = cursor.wait_for(|cursor| *cursor >= head);
        // What is not taken in by then only asks for a second factor once more.
        let _ = tokio::time::timeout(SETTLE, reached).await;
    }

    /// How many people are in memory, how many profiles wait to be saved, how many alerts and networks are remembered.
    pub fn counts(&self) -> (usize, usize, usize, usize) {
        let unsaved = self.unsaved.lock().len();
        let profiles = self.profiles.read();
        let (alerts, networks) = profiles.context().len();
        (profiles.len(), unsaved, alerts, networks)
    }

    fn stripe(&self, name: Pseudonym) -> Option<&AtomicU32> {
        let [first, second, ..] = name.0;
        self.changes.get(usize::from(u16::from_be_bytes([first, second])) % STRIPES)
    }

    fn changed(&self, name: Pseudonym, seq: u64) {
        if let Some(stripe) = self.stripe(name) {
            stripe.fetch_add(1, Ordering::Release);
        }
        self.unsaved.lock().add(name, seq);
    }

    /// Whether the act would change anything; cheap.
    fn wants(&self, name: Pseudonym, act: &Act, at: Timestamp) -> bool {
        self.profiles.read().would_observe(name, act, at)
    }

    fn observe(&self, name: Pseudonym, person: PersonId, act: &Act, at: Timestamp, seq: u64) -> Observed {
        let observed = self.profiles.write().observe(name, person, act, at, seq);
        if observed.changed {
            self.changed(name, seq);
        }
        // Crowds may have changed, too.
        self.unsaved.lock().context = true;
        observed
    }

    fn alert(&self, alert: &Alert, seq: u64) {
        let (about, rolled) = self.profiles.write().alert(alert);
        if about {
            self.unsaved.lock().context = true;
            self.around.fetch_add(1, Ordering::Release);
        }
        for name in rolled {
            self.changed(name, seq);
        }
    }

    fn forget(&self, name: Pseudonym) {
        self.profiles.write().remove(name);
        self.unsaved.lock().remove(name);
    }
}

impl std::fmt::Debug for RiskModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RiskModel").field("position", &self.position()).finish_non_exhaustive()
    }
}
