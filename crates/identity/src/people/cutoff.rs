//! An instant before which every session ended: after a restore, whose sessions may have been revoked since the backup,
//! or when the keys may be known to others.

use serde::{Deserialize, Serialize};
use testudo_core::{Actor, EventKind, Timestamp};
use testudo_store::{Document, Key, Tx};

use crate::{Context, Identity, IdentityError};

const KEY: &str = "all";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cutoff {
    before: Timestamp,
    created: Timestamp,
}

impl Document for Cutoff {
    const KIND: &'static str = "session-cutoff";

    fn id(&self) -> Key {
        Key::from(KEY)
    }

    fn created(&self) -> Timestamp {
        self.created
    }
}

impl Identity {
    /// Ends every session that began before an instant, of everybody. An earlier instant than the one in force changes
    /// nothing.
    pub async fn end_all_sessions_before(
        &self,
        before: Timestamp,
        reason: &str,
        by: Actor,
        ctx: &Context,
    ) -> Result<(), IdentityError> {
        if self.sessions_cutoff().await? >= before {
            return Ok(());
        }
        let mut tx = Tx::new();
        tx.put(&Cutoff { before, created: ctx.now });
        let event = ctx.event(EventKind::AllRevoked).by(by).detail("before", before.micros().to_string());
        tx.event(event.detail("cause", reason));
        self.store.commit(tx).await?;
        Ok(())
    }

    /// The instant before which every session ended.
    pub(crate) async fn sessions_cutoff(&self) -> Result<Timestamp, IdentityError> {
        let cutoff = self.store.get::<Cutoff>(KEY).await?;
        Ok(cutoff.map_or(Timestamp::from_micros(i64::MIN), |stored| stored.document.before))
    }
}
