//! The two ways to the hash pool, with its refusals as errors of this crate.

use testudo_core::Secret;
use testudo_crypto::password::{HashError, Verified};

use crate::{Identity, IdentityError};

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
