//! A refresh family: the chain of refresh tokens that descends from one code.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testudo_core::{ClientId, FamilyId, PersonId, SessionId, Timestamp};
use testudo_store::{Document, Indexes, Key};

use super::scope::Scopes;
use crate::session::{Acr, Amr};

/// How many replaced generations are remembered with the time of their replacement.
const REMEMBERED: usize = 8;
/// How long a dead family is kept, so that its access tokens are known to be dead: longer than any of them lives.
const KEPT: Duration = Duration::from_hours(2);

/// Whether a family is alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FamilyState {
    /// Its current token can be used.
    Active,
    /// It ended.
    Revoked,
}

/// A refresh family as it is stored, sealed under the person's key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Family {
    /// Its id, which is no secret.
    pub id: FamilyId,
    /// Whose tokens these are.
    pub client: ClientId,
    /// In whose name.
    pub person: PersonId,
    /// The browser session that it descends from.
    pub session: SessionId,
    /// What was allowed. A refresh may ask for less, never for more.
    pub scopes: Scopes,
    /// The audience of its access tokens.
    pub audience: String,
    /// Her roles; kept in step with the person's.
    pub roles: BTreeSet<String>,
    /// How strongly she signed in.
    pub acr: Acr,
    /// By what.
    pub amr: Vec<Amr>,
    /// When.
    pub auth_time: Timestamp,
    /// Whether refresh tokens are given at all.
    pub refreshable: bool,
    /// The generation of the current refresh token, from 1.
    pub generation: u64,
    /// The latest replaced generations, oldest first, with the time of their replacement.
    pub(crate) replaced: Vec<(u64, Timestamp)>,
    /// When it began.
    pub created: Timestamp,
    /// When it was last refreshed.
    pub refreshed: Timestamp,
    /// When it ends for lack of a refresh.
    pub idle_ends: Timestamp,
    /// When it ends at the latest.
    pub ends: Timestamp,
    /// Whether it is alive.
    pub state: FamilyState,
}

/// What a genuine refresh token means to its family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// It is the current one: it is replaced.
    Current,
    /// It was replaced a moment ago and the answer may be lost: the current one is given again.
    Repeat,
    /// It was replaced a moment ago and its successor has been used since: refused, and nothing more.
    Late,
    /// It was replaced long ago: somebody else has it too.
    Reused,
    /// The family ended or expired.
    Over,
}

impl Family {
    /// Whether it is alive at `now`.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.state == FamilyState::Active && now < self.ends && now < self.idle_ends
    }

    /// What the token of `generation` means now. `grace` is how long a replaced token may be repeated.
    pub(crate) fn standing(&self, generation: u64, now: Timestamp, grace: Duration) -> Standing {
        if self.state == FamilyState::Revoked || !self.refreshable {
            return Standing::Over;
        }
        if generation == self.generation {
            return if self.is_alive(now) { Standing::Current } else { Standing::Over };
        }
        let fresh = self.replaced.iter().any(|(old, at)| *old == generation && now.since(*at) <= grace);
        match (fresh, generation.checked_add(1) == Some(self.generation)) {
            (true, true) if self.is_alive(now) => Standing::Repeat,
            (true, _) => Standing::Late,
            (false, _) => Standing::Reused,
        }
    }

    /// Replaces the current token.
    pub(crate) fn rotate(&mut self, now: Timestamp, idle: Duration) {
        if self.replaced.len() >= REMEMBERED {
            self.replaced.remove(0);
        }
        self.replaced.push((self.generation, now));
        self.generation = self.generation.saturating_add(1);
        self.refreshed = now;
        self.idle_ends = now.plus(idle).min(self.ends);
    }
}

impl Document for Family {
    const KIND: &'static str = "family";

    fn id(&self) -> Key {
        Key::from(self.id)
    }

    fn person(&self) -> Option<PersonId> {
        Some(self.person)
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn expires(&self) -> Option<Timestamp> {
        Some(self.idle_ends.min(self.ends).plus(KEPT))
    }

    fn state(&self) -> u8 {
        match self.state {
            FamilyState::Active => 0,
            FamilyState::Revoked => 1,
        }
    }

    fn indexes(&self, indexes: &mut Indexes) {
        // Dead ones are found by their id only, so that they never crowd out what can still be ended.
        if self.state == FamilyState::Active {
            indexes.plain("person", self.person.to_bytes());
            indexes.plain("session", self.session.to_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const GRACE: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_hours(1);

    fn family() -> Family {
        Family {
            id: FamilyId::from_bytes([1; 16]),
            client: "app".parse().unwrap(),
            person: PersonId::from_bytes([2; 16]),
            session: SessionId::from_bytes([3; 16]),
            scopes: Scopes::default(),
            audience: "https://api.example.org".into(),
            roles: BTreeSet::new(),
            acr: Acr::Password,
            amr: vec![Amr::Pwd],
            auth_time: Timestamp::EPOCH,
            refreshable: true,
            generation: 1,
            replaced: Vec::new(),
            created: Timestamp::EPOCH,
            refreshed: Timestamp::EPOCH,
            idle_ends: Timestamp::EPOCH.plus(IDLE),
            ends: Timestamp::EPOCH.plus(IDLE * 3),
            state: FamilyState::Active,
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::EPOCH.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn a_lost_answer_is_repeated_and_a_theft_is_noticed() {
        let mut family = family();
        assert_eq!(family.standing(1, at(5), GRACE), Standing::Current);
        family.rotate(at(5), IDLE);
        assert_eq!(family.standing(1, at(15), GRACE), Standing::Repeat);
        assert_eq!(family.standing(1, at(16), GRACE), Standing::Reused);
        family.rotate(at(12), IDLE);
        assert_eq!(family.standing(1, at(13), GRACE), Standing::Late);
        assert_eq!(family.standing(2, at(13), GRACE), Standing::Repeat);
        assert_eq!(family.standing(3, at(13), GRACE), Standing::Current);
    }

    #[test]
    fn it_ends() {
        let mut family = family();
        assert_eq!(family.standing(1, at(3600), GRACE), Standing::Over);
        family.rotate(at(3599), IDLE);
        family.rotate(at(7000), IDLE);
        family.rotate(at(10_000), IDLE);
        assert_eq!(family.idle_ends, family.ends, "idleness never outlives the absolute end");
        assert_eq!(family.standing(4, at(10_800), GRACE), Standing::Over);
        family.state = FamilyState::Revoked;
        assert_eq!(family.standing(4, at(10_001), GRACE), Standing::Over);
        assert_eq!(family.standing(1, at(10_001), GRACE), Standing::Over, "a dead family is not killed again");
    }

    proptest! {
        #[test]
        fn exactly_one_generation_is_current(steps in proptest::collection::vec(0u64..30, 0..40)) {
            let (mut family, mut now) = (family(), 0);
            for step in steps {
                now += step;
                family.rotate(at(now), IDLE);
                let standings: Vec<_> = (1..=family.generation + 2).map(|g| family.standing(g, at(now), GRACE)).collect();
                let alive = family.is_alive(at(now));
                prop_assert_eq!(standings.iter().filter(|s| **s == Standing::Current).count(), usize::from(alive));
                prop_assert!(standings.iter().filter(|s| **s == Standing::Repeat).count() <= 1);
                prop_assert!(family.replaced.len() <= REMEMBERED);
            }
        }
    }
}
