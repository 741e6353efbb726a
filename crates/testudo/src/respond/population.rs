//! Who is active, and from where: how many people an action would hit.
//!
//! Fed by the journal, held in memory, bounded. A person is active for a day after she was last served; she comes from
//! where she was last served within the last hour.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use testudo_core::{ClientId, EventKind, Outcome, Pseudonym, Timestamp};
use testudo_response::Crowd;
use testudo_store::Plain;

/// The most people that are held; more are counted no more, and none is forgotten for them before its time.
const MOST: usize = 500_000;
/// For how long a person is active.
const ACTIVE: Duration = Duration::from_hours(24);
/// For how long it matters from where she came.
const NEAR: Duration = Duration::from_hours(1);

/// Active people.
#[derive(Default)]
pub struct Population {
    people: HashMap<Pseudonym, Seen>,
    now: Timestamp,
    swept: Timestamp,
}

#[derive(Clone, Copy)]
struct Seen {
    at: Timestamp,
    network: Option<Pseudonym>,
    client: u64,
}

/// How many people come from somewhere, or through something.
#[derive(Debug, Default)]
pub struct Counted {
    /// Active people in all.
    pub active: u64,
    /// By network.
    pub networks: BTreeMap<Pseudonym, Crowd>,
    /// By client.
    pub clients: BTreeMap<ClientId, Crowd>,
}

impl Population {
    /// Takes in an entry of the journal.
    pub fn observe(&mut self, plain: &Plain) {
        self.now = self.now.max(plain.at);
        let person = plain.person.or(plain.subject);
        let Some(person) = person else { return };
        if plain.kind == EventKind::PersonErased {
            self.people.remove(&plain.subject.unwrap_or(person));
            return;
        }
        if plain.outcome != Outcome::Success || plain.kind == EventKind::PersonRevoked {
            return;
        }
        if self.now.since(self.swept) > NEAR {
            let now = self.now;
            self.people.retain(|_, seen| now.since(seen.at) <= ACTIVE);
            self.swept = now;
        }
        let client = plain.client.as_ref().map_or(0, hash);
        if let Some(seen) = self.people.get_mut(&person) {
            seen.at = seen.at.max(plain.at);
            seen.network = plain.network.or(seen.network);
            seen.client = if client == 0 { seen.client } else { client };
        } else if self.people.len() < MOST {
            self.people.insert(person, Seen { at: plain.at, network: plain.network, client });
        }
    }

    /// Counts the active people as of `now`, and those of these networks and clients; `named` are those whom an incident
    /// names already.
    pub fn count(
        &self,
        networks: &BTreeSet<Pseudonym>,
        clients: &BTreeSet<ClientId>,
        named: impl Fn(Pseudonym) -> bool,
        now: Timestamp,
    ) -> Counted {
        let mut counted = Counted::default();
        let by_hash: HashMap<u64, &ClientId> = clients.iter().map(|client| (hash(client), client)).collect();
        for (person, seen) in &self.people {
            if now.since(seen.at) > ACTIVE {
                continue;
            }
            counted.active += 1;
            let add = |crowd: &mut Crowd| {
                crowd.people += 1;
                crowd.honest += u64::from(!named(*person));
            };
            if let Some(network) = seen.network.filter(|network| networks.contains(network))
                && now.since(seen.at) <= NEAR
            {
                add(counted.networks.entry(network).or_default());
            }
            if let Some(client) = by_hash.get(&seen.client) {
                add(counted.clients.entry((*client).clone()).or_default());
            }
        }
        counted
    }
}

fn hash(client: &ClientId) -> u64 {
    let mut hasher = DefaultHasher::new();
    client.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
