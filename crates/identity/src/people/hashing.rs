//! The two ways to the hash pool, with its refusals as errors of this crate, and what a hash costs.
//!
//! The cost is measured once and kept in the store, so that every node and every command hashes alike: nobody learns
//! from the time of an answer whether an account was made elsewhere, or whether there is one.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use testudo_core::{Secret, Timestamp};
use testudo_crypto::password::{HashError, Params, Verified};
use testudo_store::{CommitError, Document, Key, Tx};

use crate::{Context, Identity, IdentityError};

/// What a password hash costs, on all nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct HashCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    /// What one hash should take where it was measured, in microseconds.
    target: u64,
    measured: Timestamp,
}

impl Document for HashCost {
    const KIND: &'static str = "hash-cost";

    fn id(&self) -> Key {
        Key::from("current")
    }

    fn created(&self) -> Timestamp {
        self.measured
    }
}

impl From<HashError> for IdentityError {
    fn from(error: HashError) -> IdentityError {
        match error {
            HashError::Full | HashError::Stopped => IdentityError::Busy,
            HashError::TooLong => IdentityError::Invalid(error.to_string()),
            HashError::Stored(_) => IdentityError::Broken("password hash"),
        }
    }
}

impl Identity {
    /// Puts in force what the store says a hash costs, and tells for which target that was measured. None when nothing
    /// was measured yet: the floor is in force then.
    pub async fn load_hash_cost(&self) -> Result<Option<Duration>, IdentityError> {
        let Some(stored) = self.store.get::<HashCost>("current").await? else { return Ok(None) };
        let HashCost { memory_kib, passes, lanes, target, .. } = stored.document;
        self.pool.set_params(Params { memory_kib, passes, lanes });
        Ok(Some(Duration::from_micros(target)))
    }

    /// Keeps what was measured for a target, unless another node has kept something for it meanwhile, and puts in force
    /// what is kept.
    pub async fn keep_hash_cost(&self, params: Params, target: Duration, ctx: &Context) -> Result<(), IdentityError> {
        let target = u64::try_from(target.as_micros()).unwrap_or(u64::MAX);
        let Params { memory_kib, passes, lanes } = params;
        let cost = HashCost { memory_kib, passes, lanes, target, measured: ctx.now };
        let mut tx = Tx::new();
        match self.store.get::<HashCost>("current").await? {
            Some(stored) if stored.document.target == target => {}
            Some(stored) => {
                tx.update(&cost, stored.version);
            }
            None => {
                tx.insert(&cost);
            }
        }
        match self.store.commit(tx).await {
            Ok(_) | Err(CommitError::Conflict { .. } | CommitError::Duplicate { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.load_hash_cost().await.map(drop)
    }

    /// What a hash costs now.
    pub fn hash_params(&self) -> Params {
        self.pool.params()
    }

    pub(crate) async fn hash(&self, password: Secret<String>) -> Result<String, IdentityError> {
        #[cfg(test)]
        work::count();
        Ok(self.pool.hash(password).await?)
    }

    /// Checks a password; without a hash it takes the same time and never matches.
    pub(crate) async fn verify(
        &self,
        password: Secret<String>,
        phc: Option<String>,
    ) -> Result<Verified, IdentityError> {
        #[cfg(test)]
        work::count();
        Ok(self.pool.verify(password, phc).await?)
    }
}

/// Counts hashes per thread, so that tests can compare work instead of time.
#[cfg(test)]
pub(crate) mod work {
    use std::cell::Cell;

    thread_local! {
        static HASHES: Cell<usize> = const { Cell::new(0) };
    }

    pub(crate) fn count() {
        HASHES.set(HASHES.get() + 1);
    }

    /// How many hashes were asked for since the last call.
    pub(crate) fn take() -> usize {
        HASHES.replace(0)
    }
}
