//! Sessions as administrators and the person herself see them: list, and end with everything that descends from them.

use testudo_core::{Actor, EventKind, PersonId, SessionId};
use testudo_store::{CommitError, Stored, Tx};

use super::families::{TRIES, stage_end};
use super::family::Family;
use crate::session::{Session, SessionState};
use crate::{Context, Identity, IdentityError, Person};

impl Identity {
    /// Living sessions of a person, newest first.
    pub async fn list_sessions(&self, person: PersonId) -> Result<Vec<Session>, IdentityError> {
        let found = self.store.find::<Session>("person", &person.to_bytes()).await?;
        let mut sessions: Vec<_> = found.into_iter().map(|stored| stored.document).collect();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.created));
        Ok(sessions)
    }

    /// One session.
    pub async fn find_session(&self, id: SessionId) -> Result<Option<Session>, IdentityError> {
        Ok(self.store.get::<Session>(id).await?.map(|stored| stored.document))
    }

    /// Ends a session and all families that descend from it, in one transaction. Ending it again is no error.
    pub async fn revoke_session(
        &self,
        id: SessionId,
        by: Actor,
        reason: &str,
        ctx: &Context,
    ) -> Result<(), IdentityError> {
        for _ in 0..TRIES {
            let stored = self.store.get::<Session>(id).await?.ok_or(IdentityError::NotFound("session"))?;
            let person = stored.document.person;
            let mut tx = Tx::new();
            stage_session_end(&mut tx, stored);
            for family in self.store.find::<Family>("session", &id.to_bytes()).await? {
                stage_end(&mut tx, family);
            }
            if tx.is_empty() {
                return Ok(());
            }
            let event = ctx.event(EventKind::SessionRevoked).by(by.clone()).on(id.to_string()).to(person);
            tx.event(event.detail("reason", reason));
            match self.store.commit(tx).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(IdentityError::Contention)
    }

    /// Ends all sessions and families of a person, in one transaction. A session that begins meanwhile belongs to an
    /// older epoch and is over too.
    pub async fn revoke_person(
        &self,
        person: PersonId,
        by: Actor,
        reason: &str,
        ctx: &Context,
    ) -> Result<(), IdentityError> {
        for _ in 0..TRIES {
            let mut tx = Tx::new();
            self.stage_person_end(&mut tx, person).await?;
            let Stored { mut document, version } =
                self.store.get::<Person>(person).await?.ok_or(IdentityError::NotFound("person"))?;
            document.end_sessions();
            tx.update(&document, version);
            let event = ctx.event(EventKind::PersonRevoked).by(by.clone()).on(person.to_string()).to(person);
            tx.event(event.detail("reason", reason));
            match self.store.commit(tx).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(IdentityError::Contention)
    }

    /// Stages the end of all sessions and families of a person. The caller adds the event, and ends her epoch.
    pub(crate) async fn stage_person_end(&self, tx: &mut Tx, person: PersonId) -> Result<(), IdentityError> {
        for session in self.store.find::<Session>("person", &person.to_bytes()).await? {
            stage_session_end(tx, session);
        }
        for family in self.store.find::<Family>("person", &person.to_bytes()).await? {
            stage_end(tx, family);
        }
        Ok(())
    }
}

fn stage_session_end(tx: &mut Tx, stored: Stored<Session>) {
    let Stored { mut document, version } = stored;
    if document.state == SessionState::Active {
        document.state = SessionState::Revoked;
        tx.update(&document, version);
    }
}
