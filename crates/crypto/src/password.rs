//! Password hashes: Argon2id (RFC 9106) as PHC strings, bcrypt for imported hashes, on a bounded pool of own threads.
//!
//! Hashing costs tens of milliseconds and tens of megabytes, so it never runs on a worker: [`HashPool`] bounds both,
//! and says [`HashError::Full`] instead of letting a flood of sign-ins grow the memory.

use testudo_core::Fault;

pub(crate) mod argon2id;
mod bcrypt;
pub(crate) mod phc;
mod pool;
mod tune;

pub use self::phc::{PhcError, check as check_phc};
pub use self::pool::HashPool;
pub use self::tune::tune;

/// The most bytes of a password. Longer ones are refused when set and never match.
pub const MAX_PASSWORD: usize = 1024;

/// What one Argon2id hash costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Params {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes; they are computed one after the other.
    pub lanes: u32,
}

impl Params {
    /// The least that is ever used for new hashes: 19 MiB, two passes, one lane.
    pub const FLOOR: Params = Params { memory_kib: 19_456, passes: 2, lanes: 1 };
    /// The most memory that is accepted, also from a stored hash: 256 MiB.
    pub const MAX_MEMORY_KIB: u32 = 256 * 1024;
    /// The most passes that are accepted.
    pub const MAX_PASSES: u32 = 32;
    /// The most lanes that are accepted.
    pub const MAX_LANES: u32 = 16;
    /// The most work that is accepted: memory in KiB times passes, about a second.
    pub const MAX_WORK: u64 = 1024 * 1024;

    /// Whether neither memory nor passes are less than those of `other`.
    pub const fn reaches(self, other: Params) -> bool {
        self.memory_kib >= other.memory_kib && self.passes >= other.passes
    }

    /// The work of one hash: memory in KiB times passes. Lanes are computed one after the other and add none.
    pub const fn work(self) -> u64 {
        self.memory_kib as u64 * self.passes as u64
    }

    /// What is left of the work of `whole` after a hash with these parameters; none when nothing is.
    fn rest_of(self, whole: Params) -> Option<Params> {
        let rest = whole.work().saturating_sub(self.work());
        let passes = rest.div_ceil(u64::from(whole.memory_kib.max(1)));
        let memory = rest.checked_div(passes)?;
        let (memory_kib, passes) = (u32::try_from(memory).ok()?, u32::try_from(passes).ok()?);
        Some(Params { memory_kib, passes, lanes: 1 }).filter(|rest| rest.within_bounds())
    }

    /// Whether these parameters may be computed at all.
    pub const fn within_bounds(self) -> bool {
        self.passes >= 1
            && self.passes <= Self::MAX_PASSES
            && self.lanes >= 1
            && self.lanes <= Self::MAX_LANES
            && self.memory_kib >= 8 * self.lanes
            && self.memory_kib <= Self::MAX_MEMORY_KIB
            && self.work() <= Self::MAX_WORK
    }

    /// The same, raised to the floor where it is below; the floor where the result is out of bounds.
    #[must_use]
    pub fn raised(self) -> Params {
        let raised = Params {
            memory_kib: self.memory_kib.max(Self::FLOOR.memory_kib),
            passes: self.passes.max(Self::FLOOR.passes),
            lanes: self.lanes.max(1),
        };
        if raised.within_bounds() { raised } else { Self::FLOOR }
    }
}

/// Why there is no answer about a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HashError {
    /// Too many hashes wait already.
    #[error("too many passwords are being checked at the moment: try again shortly")]
    Full,
    /// The pool has stopped, or the machine has no memory for a hash.
    #[error("passwords cannot be checked at the moment: the hash pool has stopped or has no memory")]
    Stopped,
    /// The password is too long.
    #[error("a password has at most {MAX_PASSWORD} bytes")]
    TooLong,
    /// The stored hash does not parse.
    #[error("the stored password hash is unusable: {0}")]
    Stored(#[from] PhcError),
}

impl HashError {
    /// Whose fault it is.
    pub const fn fault(self) -> Fault {
        match self {
            HashError::Full | HashError::Stopped => Fault::Dependency,
            HashError::TooLong => Fault::Client,
            HashError::Stored(_) => Fault::Bug,
        }
    }
}

/// What became of a password check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verified {
    /// The password is right.
    pub matches: bool,
    /// It is right, and its hash has another cost or algorithm than what is used now: hash it again and store that.
    pub rehash: bool,
}

impl Verified {
    const NO: Verified = Verified { matches: false, rehash: false };
}

#[cfg(test)]
mod tests;
