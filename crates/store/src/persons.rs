//! The opened data keys of people, of which a bounded number is held.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use lru::LruCache;
use parking_lot::Mutex;
use testudo_core::PersonId;
use testudo_crypto::{DataKey, KeyRing};

use crate::ReadError;
use crate::backend::{Backend, KeyName, KeyState, PersonKeyRow};

/// The data key of a person, opened. Zeroized when the last clone goes.
#[derive(Clone)]
pub(crate) struct PersonKey {
    pub person: [u8; 16],
    pub handle: [u8; 16],
    pub key: DataKey,
}

/// What is known of a person's key.
#[derive(Clone)]
pub(crate) enum KeyOf {
    Known(PersonKey),
    Erased,
    Unknown,
}

/// The opened keys that were used last, by person and by handle.
pub(crate) struct PersonKeys {
    open: Mutex<Open>,
    /// Counts the erasures, so that a key which was read before one is not kept after it.
    erasures: AtomicU64,
}

struct Open {
    by_person: LruCache<[u8; 16], PersonKey>,
    by_handle: LruCache<[u8; 16], PersonKey>,
}

impl PersonKeys {
    pub fn new(most: usize) -> PersonKeys {
        let most = NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN);
        let open = Open { by_person: LruCache::new(most), by_handle: LruCache::new(most) };
        PersonKeys { open: Mutex::new(open), erasures: AtomicU64::new(0) }
    }

    /// The key of a person or handle: from the cache, else from the backend.
    pub async fn get(&self, backend: &dyn Backend, ring: &KeyRing, name: KeyName) -> Result<KeyOf, ReadError> {
        if let Some(key) = self.cached(name) {
            return Ok(KeyOf::Known(key));
        }
        let erasures = self.erasures.load(Ordering::Acquire);
        match backend.person_key(name).await? {
            KeyState::Erased => Ok(KeyOf::Erased),
            KeyState::Unknown => Ok(KeyOf::Unknown),
            KeyState::Known(PersonKeyRow { person, handle, wrapped }) => {
                let id = PersonId::from_bytes(person);
                let opened = ring.open_person_key(id, &wrapped);
                let key = opened.map_err(|error| ReadError::damaged("person-key", error))?;
                let key = PersonKey { person, handle, key };
                self.keep(&key, erasures);
                Ok(KeyOf::Known(key))
            }
        }
    }

    /// The erasures so far, to be given to [`Self::keep`].
    pub fn erasures(&self) -> u64 {
        self.erasures.load(Ordering::Acquire)
    }

    /// Keeps an opened key, unless somebody was erased since `erasures` was read.
    pub fn keep(&self, key: &PersonKey, erasures: u64) {
        let mut open = self.open.lock();
        if self.erasures.load(Ordering::Acquire) == erasures {
            open.by_person.put(key.person, key.clone());
            open.by_handle.put(key.handle, key.clone());
        }
    }

    /// Forgets the key of a person who was erased.
    pub fn forget(&self, person: [u8; 16]) {
        let mut open = self.open.lock();
        self.erasures.fetch_add(1, Ordering::AcqRel);
        if let Some(key) = open.by_person.pop(&person) {
            open.by_handle.pop(&key.handle);
        }
        let handles: Vec<_> = open.by_handle.iter().filter(|(_, key)| key.person == person).map(|(h, _)| *h).collect();
        for handle in handles {
            open.by_handle.pop(&handle);
        }
    }

    fn cached(&self, name: KeyName) -> Option<PersonKey> {
        let mut open = self.open.lock();
        match name {
            KeyName::Person(person) => open.by_person.get(&person).cloned(),
            KeyName::Handle(handle) => open.by_handle.get(&handle).cloned(),
        }
    }
}
