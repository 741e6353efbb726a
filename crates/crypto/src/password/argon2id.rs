//! Argon2id over memory that is kept between hashes.

use argon2::{Algorithm, Argon2, Block, Version};
use zeroize::Zeroize;

use super::{HashError, Params};

/// The memory of one thread. It grows to what a hash needs and is wiped when it goes away.
#[derive(Default)]
pub(crate) struct Memory {
    blocks: Vec<Block>,
    dirty: bool,
}

impl Memory {
    /// Argon2id version 1.3 of the password into `out`.
    pub(crate) fn hash(
        &mut self,
        password: &[u8],
        salt: &[u8],
        params: Params,
        out: &mut [u8],
    ) -> Result<(), HashError> {
        if !params.within_bounds() {
            return Err(HashError::Stored(super::PhcError::Bounds));
        }
        let settings = argon2::Params::new(params.memory_kib, params.passes, params.lanes, Some(out.len()))
            .map_err(|_| HashError::Stored(super::PhcError::Bounds))?;
        self.grow(settings.block_count())?;
        self.dirty = true;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, settings)
            .hash_password_into_with_memory(password, salt, out, self.blocks.as_mut_slice())
            .map_err(|_| HashError::Stored(super::PhcError::Bounds))
    }

    /// Gives back what is more than `params` need; a stored hash may have asked for more.
    pub(crate) fn shrink_to(&mut self, params: Params) {
        let wanted = params.memory_kib as usize;
        if self.blocks.len() > wanted {
            self.blocks.get_mut(wanted..).unwrap_or_default().iter_mut().for_each(Zeroize::zeroize);
            self.blocks.truncate(wanted);
            self.blocks.shrink_to_fit();
        }
    }

    /// Wipes the memory, if a hash has used it.
    pub(crate) fn wipe(&mut self) {
        if std::mem::take(&mut self.dirty) {
            self.blocks.iter_mut().for_each(Zeroize::zeroize);
        }
    }

    fn grow(&mut self, blocks: usize) -> Result<(), HashError> {
        let missing = blocks.saturating_sub(self.blocks.len());
        if missing > 0 {
            self.wipe();
            self.blocks.try_reserve_exact(missing).map_err(|_| HashError::Stopped)?;
            self.blocks.resize(blocks, Block::new());
        }
        Ok(())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SMALL: Params = Params { memory_kib: 64, passes: 1, lanes: 1 };

    fn clean(memory: &Memory) -> bool {
        memory.blocks.iter().all(|block| block.as_ref().iter().all(|word| *word == 0))
    }

    #[test]
    fn memory_is_wiped_and_shrinks() {
        let mut memory = Memory::default();
        memory.hash(b"password", b"somesalt", Params { memory_kib: 256, ..SMALL }, &mut [0; 32]).unwrap();
        assert!(!clean(&memory));
        memory.shrink_to(SMALL);
        assert_eq!(memory.blocks.len(), 64);
        memory.wipe();
        assert!(clean(&memory));
    }

    #[test]
    fn parameters_out_of_bounds_are_refused_before_memory_is_taken() {
        let mut memory = Memory::default();
        for params in [
            Params { memory_kib: Params::MAX_MEMORY_KIB + 1, ..SMALL },
            Params { memory_kib: u32::MAX, ..SMALL },
            Params { passes: 0, ..SMALL },
            Params { lanes: 9, ..SMALL },
            Params { lanes: u32::MAX, ..SMALL },
            Params { memory_kib: Params::MAX_MEMORY_KIB, passes: 5, lanes: 1 },
        ] {
            assert!(memory.hash(b"password", b"somesalt", params, &mut [0; 32]).is_err(), "{params:?}");
        }
        assert!(memory.blocks.is_empty());
    }
}
