//! Bounds the sessions of one person: whoever knows a password could sign in without end, until ending all of her
//! sessions at once were too much for one transaction.

use testudo_core::PersonId;
use testudo_store::Tx;

use super::sign_in::actor;
use crate::{Context, Identity, IdentityError, Session, SessionState};

/// How many live sessions a person keeps; beyond, the oldest end.
const MOST_SESSIONS: usize = 200;
/// How many end at a time.
const AT_A_TIME: usize = 64;
/// One of so many sign-ins looks.
const EVERY: u8 = 32;

impl Identity {
    /// Looks after some sign-ins whether the person has too many sessions. The sign-in stands whatever comes of it.
    pub(crate) async fn trim_sometimes(&self, person: PersonId, ctx: &Context) {
        let [dice] = testudo_crypto::random::array::<1>();
        if dice.is_multiple_of(EVERY)
            && let Err(error) = self.trim_sessions(person, ctx).await
        {
            tracing::warn!(request = %ctx.request, %error, "old sessions could not be ended; the next sign-in tries again");
        }
    }

    /// Ends the oldest sessions beyond the most, and forgets those that ended when there are many.
    pub(crate) async fn trim_sessions(&self, person: PersonId, ctx: &Context) -> Result<(), IdentityError> {
        let mut found = self.store.find::<Session>("person", &person.to_bytes()).await?;
        if found.len() <= MOST_SESSIONS {
            return Ok(());
        }
        found.sort_by_key(|stored| (stored.document.created, stored.document.id));
        let (live, over): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|stored| stored.document.state == SessionState::Active && ctx.now < stored.document.ends);
        for stored in live.iter().take(live.len().saturating_sub(MOST_SESSIONS).min(AT_A_TIME)) {
            self.revoke_session(stored.document.id, actor(person), "too-many-sessions", ctx).await?;
        }
        let mut tx = Tx::new();
        for stored in over.iter().take(4 * AT_A_TIME) {
            tx.delete::<Session>(stored.document.id, Some(stored.version));
        }
        if !tx.is_empty() {
            // A conflict means that somebody else tidies up.
            self.committed(tx).await?;
        }
        Ok(())
    }
}
