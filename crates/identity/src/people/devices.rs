//! The browsers and apps in which a person is signed in, as she and administrators think of them: one line for each kind
//! of browser at each address, however many sessions and apps hang on it.
//!
//! A browser says its name only (`Firefox on Android`), so two of one kind are one line; their sessions are listed, and
//! each can be ended alone.

use std::collections::BTreeMap;

use testudo_core::{Actor, ClientId, PersonId, SessionId, Timestamp};

use super::person::Person;
use crate::{Acr, Context, Entrance, Identity, IdentityError, Session, SessionState};

/// A kind of browser in which a person is signed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    /// The browser, such as `Firefox on Android`; words of ours, never the caller's text.
    pub browser: String,
    /// At which address.
    pub entrance: Entrance,
    /// When the oldest of its sessions began.
    pub first_seen: Timestamp,
    /// When one of them was last used.
    pub last_seen: Timestamp,
    /// The strongest of their sign-ins.
    pub acr: Acr,
    /// Its live sessions, the latest used first.
    pub sessions: Vec<SessionId>,
    /// The apps that were signed in from it.
    pub apps: Vec<ClientId>,
}

impl Identity {
    /// A person's devices, the latest used first.
    pub async fn devices(&self, person: PersonId, ctx: &Context) -> Result<Vec<Device>, IdentityError> {
        let Some(record) = self.store.get::<Person>(person).await? else { return Ok(Vec::new()) };
        let mut sessions: Vec<Session> = self.list_sessions(person).await?;
        sessions.retain(|session| self.is_live(session, &record.document, ctx.now));
        sessions.sort_by_key(|session| std::cmp::Reverse((session.seen, session.id)));
        let families = self.list_families(person).await?;
        let mut devices: BTreeMap<(String, bool), Device> = BTreeMap::new();
        for session in sessions {
            let browser = session.user_agent.clone().unwrap_or_else(|| "Unknown browser".to_owned());
            let key = (browser.clone(), session.entrance == Entrance::Admin);
            let device = devices.entry(key).or_insert_with(|| Device {
                browser,
                entrance: session.entrance,
                first_seen: session.created,
                last_seen: session.seen,
                acr: session.acr,
                sessions: Vec::new(),
                apps: Vec::new(),
            });
            device.first_seen = device.first_seen.min(session.created);
            device.last_seen = device.last_seen.max(session.seen);
            device.acr = device.acr.max(session.acr);
            device.sessions.push(session.id);
            for family in families.iter().filter(|family| family.session == session.id && family.is_alive(ctx.now)) {
                if !device.apps.contains(&family.client) {
                    device.apps.push(family.client.clone());
                }
            }
        }
        let mut devices: Vec<Device> = devices.into_values().collect();
        devices.sort_by_key(|device| std::cmp::Reverse(device.last_seen));
        Ok(devices)
    }

    /// Ends all sessions of a device, with everything that hangs on them. Tells how many.
    pub async fn end_device(
        &self,
        person: PersonId,
        device: &Device,
        by: &Actor,
        reason: &str,
        ctx: &Context,
    ) -> Result<usize, IdentityError> {
        let mut ended = 0;
        for id in &device.sessions {
            let session = self.find_session(*id).await?;
            if session.is_some_and(|session| session.person == person && session.state == SessionState::Active) {
                self.revoke_session(*id, by.clone(), reason, ctx).await?;
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// Whether a session may still be used.
    pub(crate) fn is_live(&self, session: &Session, person: &Person, now: Timestamp) -> bool {
        session.state == SessionState::Active
            && session.epoch == person.epoch
            && now < session.ends
            && now.since(session.seen) < self.config.idle(session.entrance)
    }
}
