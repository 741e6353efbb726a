//! What the model keeps in the store: a record per person, and one of what goes on around them.

#![expect(clippy::needless_for_each, reason = "one line for each")]

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};
use testudo_core::{PersonId, Pseudonym, Timestamp};
use testudo_detection::risk::{Context, Profile};
use testudo_store::{CommitError, Document, Key, Store, Tx};

use super::RiskModel;

/// The observer's name.
pub(super) const OBSERVER: &str = "risk";
/// Profiles that are saved at once.
const MOST: usize = 200;

/// What is usual for a person, sealed under her key.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedProfile {
    pub profile: Profile,
}

impl Document for SavedProfile {
    const KIND: &'static str = "risk-profile";

    fn id(&self) -> Key {
        Key::from(self.profile.person.to_bytes())
    }

    fn person(&self) -> Option<PersonId> {
        Some(self.profile.person)
    }

    fn created(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

/// Alerts and crowds; pseudonyms only.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedContext {
    pub context: Context,
}

impl Document for SavedContext {
    const KIND: &'static str = "risk-context";

    fn id(&self) -> Key {
        Key::from("current")
    }

    fn created(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

/// Whose profile is not saved as it is in memory, in the order in which they changed first.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    order: VecDeque<Pseudonym>,
    /// The first event that a saved profile lacks.
    since: HashMap<Pseudonym, u64>,
    pub context: bool,
}

impl Unsaved {
    pub fn add(&mut self, name: Pseudonym, seq: u64) {
        if let Entry::Vacant(place) = self.since.entry(name) {
            place.insert(seq);
            self.order.push_back(name);
        }
    }

    pub fn remove(&mut self, name: Pseudonym) {
        if self.since.remove(&name).is_some() {
            self.order.retain(|known| *known != name);
        }
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn contains(&self, name: Pseudonym) -> bool {
        self.since.contains_key(&name)
    }

    fn take(&mut self, most: usize) -> Vec<(Pseudonym, u64)> {
        let names: Vec<Pseudonym> = self.order.drain(..most.min(self.order.len())).collect();
        names.into_iter().filter_map(|name| Some((name, self.since.remove(&name)?))).collect()
    }

    /// Puts back what could not be saved.
    fn put_back(&mut self, taken: Vec<(Pseudonym, u64)>) {
        for (name, seq) in taken.into_iter().rev() {
            match self.since.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(seq);
                    self.order.push_front(name);
                }
                Entry::Occupied(mut newer) => *newer.get_mut() = seq.min(*newer.get()),
            }
        }
    }

    fn first(&self) -> Option<u64> {
        self.since.values().copied().min()
    }
}

/// So many entries a start reads again at most, also when nothing came that is to be saved.
const FAR: u64 = 10_000;

impl RiskModel {
    /// Saves some of the profiles that changed, the context if it did, and how far a start need not look. Then those may
    /// leave memory who are saved.
    pub(super) async fn save(&self, store: &Store) {
        let position = self.position();
        let (taken, context) = {
            let mut unsaved = self.unsaved.lock();
            (unsaved.take(MOST), std::mem::take(&mut unsaved.context))
        };
        let rest = self.unsaved.lock().first().map_or(position, |first| first.min(position));
        // The place counts only beside a context: a start that found none would read everything.
        let context = context || rest.saturating_sub(self.kept.load(Ordering::Relaxed)) >= FAR;
        let (profiles, context) = {
            let held = self.profiles.read();
            let profiles: Vec<_> =
                taken.iter().filter_map(|(name, _)| Some(SavedProfile { profile: held.get(*name)?.clone() })).collect();
            (profiles, context.then(|| SavedContext { context: held.context().clone() }))
        };
        let mut tx = Tx::new();
        profiles.iter().for_each(|profile| {
            tx.put(profile);
        });
        if let Some(context) = &context {
            tx.put(context);
        }
        if tx.is_empty() {
            return;
        }
        tx.cursor(OBSERVER, rest);
        match store.commit(tx).await {
            Ok(_) => self.kept.store(rest, Ordering::Relaxed),
            // Somebody of them was erased meanwhile: one by one, then.
            Err(CommitError::ErasedPerson | CommitError::NotFound) => self.save_each(store, &taken).await,
            Err(error) => {
                tracing::warn!(%error, "what is usual for people could not be saved; it is tried again");
                let mut unsaved = self.unsaved.lock();
                unsaved.put_back(taken);
                unsaved.context |= context.is_some();
            }
        }
        let unsaved = self.unsaved.lock();
        self.profiles.write().shrink(|name| !unsaved.contains(name));
    }

    async fn save_each(&self, store: &Store, taken: &[(Pseudonym, u64)]) {
        self.unsaved.lock().context = true;
        for (name, seq) in taken {
            let profile = self.profiles.read().get(*name).cloned();
            let Some(profile) = profile else { continue };
            let mut tx = Tx::new();
            tx.put(&SavedProfile { profile });
            match store.commit(tx).await {
                Ok(_) => {}
                Err(CommitError::ErasedPerson | CommitError::NotFound) => self.forget(*name),
                Err(_) => self.unsaved.lock().add(*name, *seq),
            }
        }
    }
}
