//! Consent: which scopes a person has allowed to a client that is not ours, and how she takes that back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use testudo_core::{Actor, ClientId, EventKind, PersonId, Timestamp};
use testudo_crypto::digest::sha256;
use testudo_store::{CommitError, Document, Indexes, Key, Stored, Tx};

use super::client::Client;
use super::families::{TRIES, stage_end};
use super::family::Family;
use super::scope::Scopes;
use crate::session::SignedIn;
use crate::{Context, Identity, IdentityError};

/// Why a family ended, in its event.
const BY_PERSON: &str = "withdrawn by the person";

/// What a person allowed to a client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Consent {
    /// Who.
    pub(crate) person: PersonId,
    /// To whom.
    pub(crate) client: ClientId,
    /// What.
    pub(crate) scopes: Scopes,
    /// When, for the first time.
    pub(crate) created: Timestamp,
}

impl Consent {
    /// The key of a person's consent to a client.
    pub(crate) fn key(person: PersonId, client: &ClientId) -> Key {
        let mut key = person.to_bytes().to_vec();
        key.extend_from_slice(&sha256(client.as_str().as_bytes()));
        Key::from(key)
    }

    /// Whether it was given to this client, and not to another that had the same id before.
    pub(crate) fn is_to(&self, client: &Client) -> bool {
        self.client == client.id && self.created >= client.created
    }

    /// Whether it allows these scopes to this client.
    pub(crate) fn covers(&self, client: &Client, scopes: &Scopes) -> bool {
        self.is_to(client) && scopes.within(&self.scopes)
    }
}

impl Document for Consent {
    const KIND: &'static str = "consent";

    fn id(&self) -> Key {
        Consent::key(self.person, &self.client)
    }

    fn person(&self) -> Option<PersonId> {
        Some(self.person)
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn indexes(&self, indexes: &mut Indexes) {
        indexes.plain("person", self.person.to_bytes());
    }
}

/// A client that may act in a person's name, as she sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Allowed {
    /// Its id.
    pub client: ClientId,
    /// The name that people know.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Since when.
    pub since: Timestamp,
    /// When it last got tokens, if it is signed in now.
    pub used: Option<Timestamp>,
    /// Whether it is ours, so that she was not asked.
    pub first_party: bool,
}

impl Identity {
    /// The clients that may act in the person's name: she allowed it, or they are ours and signed in. By name.
    pub async fn allowed_clients(&self, signed_in: &SignedIn, ctx: &Context) -> Result<Vec<Allowed>, IdentityError> {
        let person = signed_in.person;
        let consents = self.store.find::<Consent>("person", &person.to_bytes()).await?;
        let families = self.living_families(person, ctx).await?;
        let ids = consents.iter().map(|stored| &stored.document.client);
        let ids = ids.chain(families.iter().map(|stored| &stored.document.client));
        let mut found: BTreeMap<ClientId, Option<Allowed>> = ids.map(|id| (id.clone(), None)).collect();
        for (id, allowed) in &mut found {
            let Some(client) = self.store.get::<Client>(id).await?.map(|stored| stored.document) else { continue };
            let consent = consents.iter().map(|stored| &stored.document).find(|consent| consent.is_to(&client));
            // One from before was given to another client of the same id.
            let its = |family: &&Family| family.client == *id && family.created >= client.created;
            let living: Vec<&Family> = families.iter().map(|stored| &stored.document).filter(its).collect();
            let began = living.iter().map(|family| family.created);
            let Some(since) = consent.map(|consent| consent.created).into_iter().chain(began).min() else { continue };
            let scopes = consent.map(|consent| consent.scopes.clone()).unwrap_or_default();
            *allowed = Some(Allowed {
                client: id.clone(),
                name: client.name,
                scopes: living.iter().fold(scopes, |all, family| all.union(&family.scopes)),
                since,
                used: living.iter().map(|family| family.refreshed).max(),
                first_party: client.first_party,
            });
        }
        let mut allowed: Vec<Allowed> = found.into_values().flatten().collect();
        allowed.sort_by(|one, other| (&one.name, &one.client).cmp(&(&other.name, &other.client)));
        Ok(allowed)
    }

    /// Takes back what the person allowed to a client, and ends all that it has in her name, in one transaction. A code
    /// that it holds is void with the consent.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`] when it may do nothing anyway.
    pub async fn withdraw_consent(
        &self,
        signed_in: &SignedIn,
        client: &ClientId,
        ctx: &Context,
    ) -> Result<(), IdentityError> {
        let person = signed_in.person;
        let by = Actor {
            person: Some(person),
            client: Some(client.clone()),
            session: Some(signed_in.session),
            ..Actor::default()
        };
        for _ in 0..TRIES {
            let mut tx = Tx::new();
            let consent = self.store.get::<Consent>(Consent::key(person, client)).await?;
            let given = consent.is_some();
            if let Some(stored) = consent {
                tx.delete::<Consent>(Consent::key(person, client), Some(stored.version));
            }
            let mut ended = 0_u32;
            let families = self.store.find::<Family>("person", &person.to_bytes()).await?;
            for stored in families.into_iter().filter(|stored| stored.document.client == *client) {
                let (id, session) = (stored.document.id, stored.document.session);
                if stage_end(&mut tx, stored) {
                    ended += 1;
                    let event = ctx.event(EventKind::FamilyRevoked).by(by.clone()).on(id.to_string()).to(person);
                    tx.event(event.detail("reason", BY_PERSON).detail("session", session.to_string()));
                }
            }
            if !given && ended == 0 {
                return Err(IdentityError::NotFound("client"));
            }
            let event = ctx.event(EventKind::ConsentWithdrawn).by(by.clone()).on(client.to_string());
            tx.event(event.detail("families", ended.to_string()));
            match self.store.commit(tx).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. } | CommitError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(IdentityError::Contention)
    }

    async fn living_families(&self, person: PersonId, ctx: &Context) -> Result<Vec<Stored<Family>>, IdentityError> {
        let mut families = self.store.find::<Family>("person", &person.to_bytes()).await?;
        families.retain(|stored| stored.document.is_alive(ctx.now));
        Ok(families)
    }
}
