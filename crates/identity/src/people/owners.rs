//! The last owner stays: what takes an owner away writes one document that all such acts share, so that of two at one
//! moment the second finds that it was changed, and looks again.

use serde::{Deserialize, Serialize};
use testudo_core::{PersonId, Timestamp};
use testudo_store::{Document, Key, Tx};

use super::admin::AdminError;
use super::person::{BY_ROLE, OWNER, Person, PersonState};
use crate::Identity;

/// There is one document.
const KEY: &str = "owners";

/// When an owner was taken away last.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Owners {
    changed: Timestamp,
}

impl Document for Owners {
    const KIND: &'static str = "owners";

    fn id(&self) -> Key {
        Key::from(KEY)
    }

    fn created(&self) -> Timestamp {
        self.changed
    }
}

impl Identity {
    /// Refuses what would leave no owner who can sign in. Where another is left, the transaction conflicts with every
    /// other one that takes an owner.
    pub(super) async fn stage_loss_of_owner(
        &self,
        tx: &mut Tx,
        person: PersonId,
        now: Timestamp,
    ) -> Result<(), AdminError> {
        // Before the owners are read: what others change from here on makes the commit fail.
        let shared = self.store.get::<Owners>(KEY).await?;
        let owners = self.store.find::<Person>(BY_ROLE, OWNER.as_bytes()).await?;
        if !owners.iter().any(|owner| owner.document.id == person) {
            return Ok(());
        }
        let may_sign_in = |owner: &Person| owner.id != person && owner.state != PersonState::Locked;
        if !owners.iter().any(|owner| may_sign_in(&owner.document)) {
            return Err(AdminError::LastOwner);
        }
        let changed = Owners { changed: now };
        match shared {
            Some(stored) => tx.update(&changed, stored.version),
            None => tx.insert(&changed),
        };
        Ok(())
    }
}
