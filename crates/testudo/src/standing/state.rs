//! The projection itself: which events change it, and what it says of a caller. Pure.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testudo_core::{
    BuildId, ClientId, Control, Decision, Denial, Event, EventKind, FamilyId, Obligation, Pseudonym, SessionId,
    Timestamp,
};
use testudo_store::{Document, Key, Plain};

use super::StandingFacts;
use super::held::{Blocks, Limits, Routes};
use super::purposes::Purposes;

/// The kinds of events that change standing.
pub const KINDS: &[EventKind] = &[
    EventKind::SessionRevoked,
    EventKind::FamilyRevoked,
    EventKind::PersonRevoked,
    EventKind::PersonLocked,
    EventKind::PersonUnlocked,
    EventKind::PersonErased,
    EventKind::AllRevoked,
    EventKind::StepUpRequired,
    EventKind::StepUpDone,
    EventKind::StepUpWaived,
    EventKind::ClientDisabled,
    EventKind::ClientEnabled,
    EventKind::ClientRemoved,
    EventKind::ClientCreated,
    EventKind::BuildSuspended,
    EventKind::BuildReinstated,
    EventKind::PeerBlocked,
    EventKind::PeerUnblocked,
    EventKind::LimitsTightened,
    EventKind::LimitsRestored,
    EventKind::RoutesRestricted,
    EventKind::RoutesReleased,
    EventKind::ConsentGiven,
    EventKind::ConsentWithdrawn,
];

/// A saved standing: everything in the journal below `cursor`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Up to where.
    pub cursor: u64,
    pub(super) state: State,
}

impl Document for Snapshot {
    const KIND: &'static str = "standing";

    fn id(&self) -> Key {
        Key::from("current")
    }

    fn created(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    sessions: HashMap<SessionId, Timestamp>,
    families: HashMap<FamilyId, Timestamp>,
    /// Sessions of these people that began at or before the instant are dead.
    people: HashMap<Pseudonym, Timestamp>,
    locked: HashSet<Pseudonym>,
    /// These people must have shown a second factor after the instant.
    step_up: HashMap<Pseudonym, Timestamp>,
    clients: HashSet<ClientId>,
    /// Clients that were registered under the id of one that was removed: tokens from before are the other one's.
    anew: HashMap<ClientId, Timestamp>,
    builds: HashSet<BuildId>,
    pub(super) blocks: Blocks,
    pub(super) limits: Limits,
    pub(super) routes: Routes,
    pub(super) purposes: Purposes,
    /// Sessions that began at or before this are dead.
    all: Option<Timestamp>,
}

impl State {
    pub(super) fn apply(&mut self, event: &Event, plain: &Plain) {
        let at = plain.at;
        let whom = plain.subject.or(plain.person);
        let target = plain.target.as_deref();
        match plain.kind {
            EventKind::SessionRevoked => {
                if let Some(session) = target.and_then(|text| text.parse().ok()).or(plain.session) {
                    self.sessions.insert(session, at);
                }
            }
            EventKind::FamilyRevoked => {
                if let Some(family) = target.and_then(|text| text.parse().ok()).or(plain.family) {
                    self.families.insert(family, at);
                }
            }
            EventKind::PersonRevoked | EventKind::PersonErased => {
                if let Some(person) = whom {
                    self.people.insert(person, at);
                    if plain.kind == EventKind::PersonErased {
                        self.purposes.erase(&person);
                    }
                }
            }
            EventKind::PersonLocked => self.locked.extend(whom),
            EventKind::PersonUnlocked => {
                if let Some(person) = whom {
                    self.locked.remove(&person);
                }
            }
            EventKind::AllRevoked => {
                let before = plain.details.get("before").and_then(|text| text.parse().ok());
                self.all = self.all.max(Some(before.map_or(at, Timestamp::from_micros)));
            }
            EventKind::StepUpRequired => {
                if let Some(person) = whom {
                    self.step_up.insert(person, at);
                }
            }
            EventKind::StepUpDone | EventKind::StepUpWaived => {
                if let Some(person) = whom {
                    self.step_up.remove(&person);
                }
            }
            EventKind::ClientDisabled | EventKind::ClientRemoved => {
                self.clients.extend(target.and_then(|text| text.parse::<ClientId>().ok()));
            }
            EventKind::ClientEnabled | EventKind::ClientCreated => {
                let client = target.and_then(|text| text.parse::<ClientId>().ok());
                if let Some(client) = client.and_then(|client| self.clients.take(&client))
                    && plain.kind == EventKind::ClientCreated
                {
                    self.anew.insert(client, at);
                }
            }
            EventKind::BuildSuspended => self.builds.extend(target.and_then(|text| text.parse::<BuildId>().ok())),
            EventKind::BuildReinstated => {
                if let Some(build) = target.and_then(|text| text.parse::<BuildId>().ok()) {
                    self.builds.remove(&build);
                }
            }
            EventKind::PeerBlocked => self.blocks.begin(event, plain),
            EventKind::PeerUnblocked => self.blocks.end(event),
            EventKind::LimitsTightened => self.limits.begin(event, plain),
            EventKind::LimitsRestored => self.limits.end(event, plain),
            EventKind::RoutesRestricted => self.routes.begin(plain),
            EventKind::RoutesReleased => self.routes.end(plain),
            EventKind::ConsentGiven | EventKind::ConsentWithdrawn => self.purposes.apply(plain),
            _ => {}
        }
    }

    pub(super) fn check(&self, facts: &StandingFacts) -> Decision {
        let deny = |code: &'static str, text: &'static str| {
            Decision::deny(Control::Standing, Denial::Unauthenticated, code, text)
        };
        // A session's id says to the millisecond when it began; a token says to the second when it was issued.
        let at_or_before = |instant: Option<&Timestamp>| {
            instant.is_some_and(|instant| match facts.session {
                Some(session) => session.made().millis() <= instant.millis(),
                None => facts.issued.seconds() <= instant.seconds(),
            })
        };
        if facts.session.is_some_and(|session| self.sessions.contains_key(&session)) {
            return deny("session-revoked", "this session was ended; sign in again");
        }
        if facts.family.is_some_and(|family| self.families.contains_key(&family)) {
            return deny("family-revoked", "the sign-in of this app was ended; sign in again");
        }
        if at_or_before(self.all.as_ref()) {
            return deny("all-revoked", "all sessions were ended; sign in again");
        }
        if self.clients.contains(&facts.client) {
            return deny("client-disabled", "this client is disabled");
        }
        if self.anew.get(&facts.client).is_some_and(|at| facts.issued.seconds() < at.seconds()) {
            return deny("client-disabled", "this token was issued to a client that was removed; sign in again");
        }
        if facts.build.is_some_and(|build| self.builds.contains(&build)) {
            return deny("build-suspended", "this version of the app is suspended; update the app");
        }
        let Some(person) = facts.person else { return Decision::allow(Control::Standing) };
        if self.locked.contains(&person) {
            return deny("person-locked", "this account is locked; contact support");
        }
        if at_or_before(self.people.get(&person)) {
            return deny("person-revoked", "all sessions of this account were ended; sign in again");
        }
        match self.step_up.get(&person) {
            Some(since) if !facts.second_factor || facts.auth_time.seconds() <= since.seconds() => Decision::challenge(
                Control::Standing,
                Denial::StepUp,
                "step-up-required",
                "a fresh second factor is needed; sign in again with it",
            )
            .oblige(Obligation::StepUp("urn:testudo:acr:2".into())),
            _ => Decision::allow(Control::Standing),
        }
    }

    pub(super) fn owes_step_up(&self, person: Pseudonym) -> Option<Timestamp> {
        self.step_up.get(&person).copied()
    }

    pub(super) fn forget(&mut self, now: Timestamp, longest_token: Duration) {
        let horizon = now.minus(longest_token);
        self.sessions.retain(|_, at| *at > horizon);
        self.families.retain(|_, at| *at > horizon);
        self.people.retain(|_, at| *at > horizon);
        self.anew.retain(|_, at| *at > horizon);
        self.blocks.forget(now);
        self.limits.forget(now);
        self.routes.forget(now);
        self.all = self.all.filter(|at| *at > horizon);
    }

    pub(super) fn counts(&self) -> Vec<(&'static str, usize)> {
        vec![
            ("sessions", self.sessions.len()),
            ("families", self.families.len()),
            ("people", self.people.len()),
            ("locked", self.locked.len()),
            ("step_up", self.step_up.len()),
            ("clients", self.clients.len()),
            ("builds", self.builds.len()),
            ("blocks", self.blocks.iter().len()),
            ("tightened", self.limits.iter().len()),
            ("restricted", self.routes.iter().len()),
            ("consents", self.purposes.len()),
        ]
    }
}
