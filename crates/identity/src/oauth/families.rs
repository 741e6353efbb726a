//! Ending refresh families, and keeping the roles in them in step with their people.

use std::collections::BTreeSet;

use testudo_core::{Actor, EventKind, FamilyId, PersonId};
use testudo_store::{CommitError, Stored, Tx};

use super::family::{Family, FamilyState};
use crate::session::{Session, SessionState};
use crate::{Context, Identity, IdentityError};

/// How often a change is tried again when others changed the same records.
pub(crate) const TRIES: usize = 16;

impl Identity {
    /// Ends one family with its tokens. Ending it again is no error.
    pub async fn revoke_family(
        &self,
        id: FamilyId,
        by: Actor,
        reason: &str,
        ctx: &Context,
    ) -> Result<(), IdentityError> {
        self.end_family(id, by, reason, None, ctx).await
    }

    /// Living families of a person, newest first.
    pub async fn list_families(&self, person: PersonId) -> Result<Vec<Family>, IdentityError> {
        let found = self.store.find::<Family>("person", &person.to_bytes()).await?;
        let mut families: Vec<_> = found.into_iter().map(|stored| stored.document).collect();
        families.sort_by_key(|family| std::cmp::Reverse(family.created));
        Ok(families)
    }

    /// Ends a family; `because` announces why in the same transaction.
    pub(crate) async fn end_family(
        &self,
        id: FamilyId,
        by: Actor,
        reason: &str,
        because: Option<EventKind>,
        ctx: &Context,
    ) -> Result<(), IdentityError> {
        for _ in 0..TRIES {
            let stored = self.store.get::<Family>(id).await?.ok_or(IdentityError::NotFound("family"))?;
            let mut tx = Tx::new();
            let family = &stored.document;
            let (person, client, session) = (family.person, family.client.clone(), family.session);
            let alive = stage_end(&mut tx, stored);
            let describe = |kind| {
                let event = ctx.event(kind).by(by.clone()).on(id.to_string()).to(person);
                event.detail("reason", reason).detail("client", client.as_str()).detail("session", session.to_string())
            };
            if let Some(kind) = because {
                tx.event(describe(kind));
            }
            if alive {
                tx.event(describe(EventKind::FamilyRevoked));
            }
            if tx.is_empty() {
                return Ok(());
            }
            match self.store.commit(tx).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(IdentityError::Contention)
    }

    /// Stages the new roles of a person in all of her living families. Her sessions are touched too, so that a code
    /// which is being exchanged at this very moment is read again with the new roles. On a conflict, do it all again.
    pub(crate) async fn stage_roles(
        &self,
        tx: &mut Tx,
        person: PersonId,
        roles: &BTreeSet<String>,
    ) -> Result<(), IdentityError> {
        for mut stored in self.store.find::<Family>("person", &person.to_bytes()).await? {
            if stored.document.state == FamilyState::Active && stored.document.roles != *roles {
                stored.document.roles.clone_from(roles);
                tx.update(&stored.document, stored.version);
            }
        }
        for stored in self.store.find::<Session>("person", &person.to_bytes()).await? {
            if stored.document.state == SessionState::Active {
                tx.update(&stored.document, stored.version);
            }
        }
        Ok(())
    }
}

/// Stages the end of a family. Whether it was alive.
pub(crate) fn stage_end(tx: &mut Tx, stored: Stored<Family>) -> bool {
    let Stored { mut document, version } = stored;
    if document.state == FamilyState::Revoked {
        return false;
    }
    document.state = FamilyState::Revoked;
    tx.update(&document, version);
    true
}
