//! Purposes: what people's data may be used for, which they agree to and take back by themselves.
//!
//! The journal is the ledger: each consent is an event with the purpose and the version of the text that was agreed to.
//! The record here says what holds now; it is sealed for the person and goes with her.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use testudo_core::{Actor, EventKind, PersonId, Timestamp};
use testudo_store::{CommitError, Document, Key, Stored, Tx};

use super::sign_in::TRIES;
use crate::{Context, Identity, IdentityError, SignedIn};

/// Something that people's data may be used for, as the operator describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Purpose {
    /// Its name in rules and events.
    pub name: String,
    /// What people read first.
    pub title: String,
    /// What they agree to.
    pub text: String,
    /// The version of the text.
    pub version: String,
}

/// A purpose, and whether a person has agreed to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PurposeView {
    /// The purpose as it is described now.
    pub purpose: Purpose,
    /// Since when she agrees to this version of its text.
    pub since: Option<Timestamp>,
    /// The version to which she agreed before the text changed.
    pub outdated: Option<String>,
}

/// What a person has agreed to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Purposes {
    person: PersonId,
    created: Timestamp,
    given: BTreeMap<String, Given>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Given {
    version: String,
    at: Timestamp,
}

impl Document for Purposes {
    const KIND: &'static str = "purposes";

    fn id(&self) -> Key {
        Key::from(self.person.to_bytes().to_vec())
    }

    fn person(&self) -> Option<PersonId> {
        Some(self.person)
    }

    fn created(&self) -> Timestamp {
        self.created
    }
}

impl Identity {
    /// The purposes that people are asked about, and which of them this person has agreed to.
    pub async fn purposes_of(&self, person: PersonId) -> Result<Vec<PurposeView>, IdentityError> {
        let stored = self.stored_purposes(person).await?;
        let given = stored.map(|stored| stored.document.given).unwrap_or_default();
        let view = |purpose: &Purpose| {
            let own = given.get(&purpose.name);
            let current = own.filter(|own| own.version == purpose.version);
            let outdated = own.filter(|own| own.version != purpose.version).map(|own| own.version.clone());
            PurposeView { purpose: purpose.clone(), since: current.map(|own| own.at), outdated }
        };
        Ok(self.config.purposes.iter().map(view).collect())
    }

    /// The person agrees to a purpose. `version` is that of the text that she read.
    ///
    /// # Errors
    /// [`IdentityError::NotFound`] when there is no such purpose, or its text is another by now.
    pub async fn give_consent(
        &self,
        signed_in: &SignedIn,
        purpose: &str,
        version: &str,
        ctx: &Context,
    ) -> Result<(), IdentityError> {
        let known = self.config.purposes.iter().find(|known| known.name == purpose && known.version == version);
        let known = known.ok_or(IdentityError::NotFound("purpose"))?;
        self.change_purposes(signed_in, EventKind::ConsentGiven, (&known.name, &known.version), ctx).await
    }

    /// The person takes back that she agreed to a purpose, also to one that is not asked about any more.
    pub async fn take_back_consent(
        &self,
        signed_in: &SignedIn,
        purpose: &str,
        ctx: &Context,
    ) -> Result<(), IdentityError> {
        self.change_purposes(signed_in, EventKind::ConsentWithdrawn, (purpose, ""), ctx).await
    }

    async fn change_purposes(
        &self,
        signed_in: &SignedIn,
        kind: EventKind,
        (purpose, version): (&str, &str),
        ctx: &Context,
    ) -> Result<(), IdentityError> {
        let person = signed_in.person;
        let by = Actor { person: Some(person), session: Some(signed_in.session), ..Actor::default() };
        for _ in 0..TRIES {
            let mut tx = Tx::new();
            let stored = self.stored_purposes(person).await?;
            let read = stored.as_ref().map(|stored| stored.version);
            let mut purposes = stored.map_or_else(
                || Purposes { person, created: ctx.now, given: BTreeMap::new() },
                |stored| stored.document,
            );
            let event = ctx.event(kind).by(by.clone()).on(format!("purpose/{purpose}")).detail("purpose", purpose);
            let event = if kind == EventKind::ConsentGiven {
                let given = Given { version: version.to_owned(), at: ctx.now };
                purposes.given.insert(purpose.to_owned(), given);
                event.detail("version", version)
            } else {
                let Some(was) = purposes.given.remove(purpose) else { return Ok(()) };
                event.detail("version", was.version)
            };
            match read {
                Some(version) => tx.update(&purposes, version),
                None => tx.insert(&purposes),
            };
            tx.event(event);
            match self.store.commit(tx).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(IdentityError::Contention)
    }

    async fn stored_purposes(&self, person: PersonId) -> Result<Option<Stored<Purposes>>, IdentityError> {
        Ok(self.store.get::<Purposes>(Key::from(person.to_bytes().to_vec())).await?)
    }
}
