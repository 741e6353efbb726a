//! Why an operation of the identity server failed, apart from what its own answer type says.

use testudo_core::Fault;
use testudo_store::{CommitError, ReadError};

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The store could not be read.
    #[error("the store can't be read; try again later")]
    Read(#[from] ReadError),
    /// The store could not commit.
    #[error("{}", uncommitted(.0))]
    Commit(#[from] CommitError),
    /// Others kept changing the same records.
    #[error("the same records are being changed by others; try again")]
    Contention,
    /// All password hashing slots are taken.
    #[error("too many sign-ins at once; try again in a moment")]
    Busy,
    /// There is no such person, client, session, family or key.
    #[error("there is no such {0}; check its id")]
    NotFound(&'static str),
    /// Something of that name is there already.
    #[error("such a {0} is there already; choose another name")]
    Exists(&'static str),
    /// A value that was given is not acceptable.
    #[error("{0}")]
    Invalid(String),
    /// Signing keys were not loaded.
    #[error("the signing keys are not loaded; load them before tokens are made")]
    NoKeys,
    /// A stored key or password hash is broken.
    #[error("a stored {0} can't be used; restore it from a backup or make a new one")]
    Broken(&'static str),
}

/// What to do about a commit that did not come about, or of which that is not known.
const fn uncommitted(error: &CommitError) -> &'static str {
    match error {
        CommitError::Uncertain => "it can't be known now whether this was done; look before you try again",
        _ => "the store can't commit; try again later",
    }
}

impl IdentityError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            IdentityError::Read(_) | IdentityError::Commit(_) | IdentityError::Busy | IdentityError::Contention => {
                Fault::Dependency
            }
            IdentityError::NotFound(_) | IdentityError::Exists(_) | IdentityError::Invalid(_) => Fault::Client,
            IdentityError::NoKeys | IdentityError::Broken(_) => Fault::Bug,
        }
    }
}
