//! What people and administrators see and change about passkeys: list, rename, remove.

use testudo_core::{Actor, EventKind, PersonId};
use testudo_store::{Stored, Tx};

use super::credential::{Passkey, PasskeyId, PasskeyView};
use crate::people::admin::AdminError;
use crate::people::browser::who;
use crate::people::factors::{FactorOutcome, RecoveryCodes};
use crate::people::person::{Person, display_name};
use crate::people::sign_in::TRIES;
use crate::{Context, Identity, IdentityConfig, IdentityError, SignedIn};

impl Identity {
    /// A person's passkeys, the oldest first.
    pub async fn passkeys(&self, person: PersonId) -> Result<Vec<PasskeyView>, IdentityError> {
        let Some(person) = self.person(person).await? else { return Ok(Vec::new()) };
        Ok(self.passkeys_of(&person.document).await?.iter().map(Passkey::view).collect())
    }

    /// Gives one of her passkeys another name.
    pub async fn rename_passkey(
        &self,
        signed_in: &SignedIn,
        id: PasskeyId,
        name: &str,
        ctx: &Context,
    ) -> Result<(), IdentityError> {
        let Some(name) = display_name(name).filter(|name| !name.is_empty()) else {
            let text = "a name has 1 to 100 characters and no control characters";
            return Err(IdentityError::Invalid(text.into()));
        };
        for _ in 0..TRIES {
            let Some(Stored { document: mut passkey, version }) =
                self.store.get::<Passkey>(id).await?.filter(|stored| stored.document.person == signed_in.person)
            else {
                return Err(IdentityError::NotFound("passkey"));
            };
            if passkey.name == name {
                return Ok(());
            }
            passkey.name.clone_from(&name);
            let mut tx = Tx::new();
            tx.update(&passkey, version);
            let event = ctx.event(EventKind::PersonChanged).by(who(signed_in)).on(id.to_string());
            tx.event(event.detail("change", "passkey-renamed"));
            if self.committed(tx).await? {
                return Ok(());
            }
        }
        Err(IdentityError::Contention)
    }

    /// Removes one of her passkeys, for a fresh second factor. The last factor of an administrator stays.
    pub async fn remove_passkey(
        &self,
        signed_in: &SignedIn,
        id: PasskeyId,
        ctx: &Context,
    ) -> Result<FactorOutcome<()>, IdentityError> {
        if !signed_in.has_fresh_factor(ctx.now) {
            return Ok(FactorOutcome::ConfirmFirst);
        }
        for _ in 0..TRIES {
            let Some(Stored { document: mut person, version }) = self.person(signed_in.person).await? else {
                return Err(IdentityError::NotFound("person"));
            };
            match take(&mut person, id, &self.config) {
                Taken::NotThere => return Ok(FactorOutcome::NotApplicable),
                Taken::Last => return Ok(FactorOutcome::LastOfAdministrator),
                Taken::Done => {}
            }
            person.updated = ctx.now;
            let mut tx = Tx::new();
            tx.update(&person, version);
            tx.delete::<Passkey>(id, None);
            let event = ctx.event(EventKind::FactorRemoved).by(who(signed_in)).on(id.to_string());
            tx.event(event.detail("factor", "passkey").detail("kind", "passkey"));
            if self.committed(tx).await? {
                return Ok(FactorOutcome::Done(()));
            }
        }
        Err(IdentityError::Contention)
    }

    /// Removes a passkey of somebody who lost it, and ends all of her sessions.
    pub async fn admin_remove_passkey(
        &self,
        id: PersonId,
        passkey: PasskeyId,
        by: &Actor,
        ctx: &Context,
    ) -> Result<(), AdminError> {
        for _ in 0..TRIES {
            let Stored { document: mut person, version } = self.person(id).await?.ok_or(AdminError::NoSuchPerson)?;
            match take(&mut person, passkey, &self.config) {
                Taken::NotThere => return Err(AdminError::Identity(IdentityError::NotFound("passkey"))),
                Taken::Last => return Err(AdminError::LastFactor),
                Taken::Done => {}
            }
            person.updated = ctx.now;
            person.end_sessions();
            let mut tx = Tx::new();
            self.stage_person_end(&mut tx, id).await?;
            tx.update(&person, version);
            tx.delete::<Passkey>(passkey, None);
            let event = ctx.event(EventKind::FactorRemoved).by(by.clone()).to(id).on(passkey.to_string());
            tx.event(event.detail("factor", "passkey").detail("kind", "passkey"));
            let revoked = ctx.event(EventKind::PersonRevoked).by(by.clone()).on(id.to_string()).to(id);
            tx.event(revoked.detail("reason", "factors-removed"));
            if self.committed(tx).await? {
                return Ok(());
            }
        }
        Err(IdentityError::Contention.into())
    }
}

enum Taken {
    Done,
    NotThere,
    Last,
}

/// Takes a passkey from the list of its person, unless she administers and has nothing else.
fn take(person: &mut Person, id: PasskeyId, config: &IdentityConfig) -> Taken {
    if !person.factors.passkeys.contains(&id) {
        return Taken::NotThere;
    }
    let last = person.factors.totp.is_none() && person.factors.passkeys.len() == 1;
    if last && config.administers(&person.roles) {
        return Taken::Last;
    }
    person.factors.passkeys.retain(|listed| *listed != id);
    if last {
        person.factors.recovery = RecoveryCodes::default();
    }
    Taken::Done
}
