//! Ed25519 (RFC 8032) over the checkpoints of the journal.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::certain;

/// Signs checkpoints. Its seed is derived from the purpose key [`Checkpoint`](crate::Purpose::Checkpoint).
pub struct CheckpointSigner {
    pair: Ed25519KeyPair,
    version: u32,
}

impl CheckpointSigner {
    pub(crate) fn new(seed: &[u8; 32], version: u32) -> CheckpointSigner {
        CheckpointSigner { pair: certain(Ed25519KeyPair::from_seed_unchecked(seed), "making a signing key"), version }
    }

    /// Signs the bytes.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.iter_mut().zip(self.pair.sign(message).as_ref()).for_each(|(to, from)| *to = *from);
        signature
    }

    /// The public key that verifies.
    pub fn public(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.iter_mut().zip(self.pair.public_key().as_ref()).for_each(|(to, from)| *to = *from);
        public
    }

    /// The version of the purpose key that this comes from.
    pub fn version(&self) -> u32 {
        self.version
    }
}

impl fmt::Debug for CheckpointSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointSigner").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Whether `signature` is that of the owner of `public` over `message`.
pub fn verify_checkpoint(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}
