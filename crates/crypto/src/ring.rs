//! The key ring: one secret per purpose and version, from which each use gets its own key by HKDF.
//!
//! The ring lives in memory and is stored only wrapped under the [`RootKey`]. Changing the root key re-wraps the ring;
//! rotating a purpose adds a version that seals from then on while the older ones still open; so no data is rewritten.

mod blob;
mod purpose;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use testudo_core::{PersonId, Pseudonym, Timestamp};
use zeroize::Zeroizing;

pub use self::purpose::{PseudonymDomain, Purpose};
use crate::aead::Aes256Gcm;
use crate::digest::{equal, hkdf_sha256};
use crate::envelope::{self, DataKey, EnvelopeError, KeyName, Place, length};
use crate::{Aes256GcmSiv, CheckpointSigner, RootKey, certain, random};

/// Versions that one purpose may hold at once.
const MAX_VERSIONS: usize = 200;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Why a wrapped ring does not unwrap, or a ring does not change as asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The blob was wrapped under another root key.
    #[error("this key ring is wrapped under another root key: give the root key with which this data was created")]
    WrongRootKey,
    /// The blob is not a wrapped ring, or cut off, or changed.
    #[error("the wrapped key ring is damaged ({0}): restore it from a backup")]
    Damaged(&'static str),
    /// The blob has a newer format.
    #[error("the wrapped key ring has format {0}, which this version does not know: use the version that wrote it")]
    UnknownFormat(u8),
    /// Rotating this purpose would make stored values unfindable.
    #[error("{0} keys do not rotate: stored indexes and pseudonyms would no longer be found")]
    Fixed(Purpose),
    /// The purpose has too many versions.
    #[error("{0} keys have {MAX_VERSIONS} versions already: forget old ones first")]
    TooManyVersions(Purpose),
    /// There is no such version, or it is the newest.
    #[error("{purpose} keys have no version {version} that can be forgotten")]
    NoSuchVersion {
        /// The purpose.
        purpose: Purpose,
        /// The version.
        version: u32,
    },
}

/// The keys of an installation, by purpose and version. Clones share the keys.
#[derive(Clone)]
pub struct KeyRing(Arc<Purposes>);

type Purposes = BTreeMap<Purpose, Vec<Arc<Version>>>;

/// One version of a purpose key, with what is derived from it. Versions of a purpose are kept in ascending order.
struct Version {
    number: u32,
    created: Timestamp,
    secret: Zeroizing<[u8; 32]>,
    aead: Aes256Gcm,
    mac: hmac::Key,
}

impl KeyRing {
    /// A new ring with version 1 of every purpose.
    pub fn generate(now: Timestamp) -> KeyRing {
        let fresh = |purpose| (purpose, vec![Arc::new(Version::generate(purpose, 1, now))]);
        KeyRing(Arc::new(Purpose::ALL.into_iter().map(fresh).collect()))
    }

    /// The ring as an opaque blob under the root key.
    pub fn wrap(&self, root: &RootKey) -> Vec<u8> {
        blob::wrap(&self.0, root)
    }

    /// The ring of a blob that [`wrap`](Self::wrap) made.
    pub fn unwrap(root: &RootKey, blob: &[u8]) -> Result<KeyRing, KeyRingError> {
        Ok(KeyRing(Arc::new(blob::unwrap(root, blob)?)))
    }

    /// A ring with one more version of the purpose, which seals from now on; the older ones still open. A new version
    /// of day keys takes effect on the day after `now`. Blind indexes and pseudonyms are values, not seals, and stay.
    pub fn rotate(&self, purpose: Purpose, now: Timestamp) -> Result<KeyRing, KeyRingError> {
        if !purpose.rotates() {
            return Err(KeyRingError::Fixed(purpose));
        }
        if self.versions(purpose).len() >= MAX_VERSIONS {
            return Err(KeyRingError::TooManyVersions(purpose));
        }
        let newest = self.newest(purpose);
        let number = newest.number.checked_add(1).ok_or(KeyRingError::TooManyVersions(purpose))?;
        let version = Arc::new(Version::generate(purpose, number, now.max(newest.created)));
        let mut purposes = (*self.0).clone();
        purposes.entry(purpose).or_default().push(version);
        Ok(KeyRing(Arc::new(purposes)))
    }

    /// A ring without an old version: what only that version sealed never opens again. Before a version of
    /// [`Purpose::PersonKeys`] is forgotten, every person's key must have been re-wrapped; before one of
    /// [`Purpose::DayKeys`], the days that it sealed must be past retention.
    pub fn forget(&self, purpose: Purpose, version: u32) -> Result<KeyRing, KeyRingError> {
        let held = self.versions(purpose).iter().any(|held| held.number == version);
        if !held || self.newest(purpose).number == version {
            return Err(KeyRingError::NoSuchVersion { purpose, version });
        }
        let mut purposes = (*self.0).clone();
        purposes.entry(purpose).or_default().retain(|held| held.number != version);
        Ok(KeyRing(Arc::new(purposes)))
    }

    /// The versions of a purpose with the instant of their making, oldest first.
    pub fn history(&self, purpose: Purpose) -> Vec<(u32, Timestamp)> {
        self.versions(purpose).iter().map(|version| (version.number, version.created)).collect()
    }

    /// Seals under the newest version of the purpose.
    pub fn seal(&self, purpose: Purpose, place: &Place<'_>, plain: &[u8]) -> Vec<u8> {
        let newest = self.newest(purpose);
        envelope::seal(&newest.aead, KeyName { kind: purpose.number(), id: newest.number }, place, plain)
    }

    /// Opens what any version of the purpose sealed for this place.
    pub fn open(
        &self,
        purpose: Purpose,
        place: &Place<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        envelope::open(purpose.number(), |id| Some(&self.version(purpose, id)?.aead), place, sealed)
    }

    /// Makes the data key of a person: the key, and its wrapped form for the store. Deleting the wrapped form (and its
    /// copies) erases the person.
    pub fn new_person_key(&self, person: PersonId) -> (DataKey, Vec<u8>) {
        let secret = random::secret();
        let wrapped = self.seal(Purpose::PersonKeys, &person_place(&person.to_bytes()), secret.as_ref());
        (DataKey::of_person(&secret), wrapped)
    }

    /// The data key of a person from its wrapped form.
    pub fn open_person_key(&self, person: PersonId, wrapped: &[u8]) -> Result<DataKey, EnvelopeError> {
        let plain = self.open(Purpose::PersonKeys, &person_place(&person.to_bytes()), wrapped)?;
        let secret: &[u8; 32] = plain.as_slice().try_into().map_err(|_| EnvelopeError::NotAKey)?;
        Ok(DataKey::of_person(secret))
    }

    /// The wrapped form under the newest version of [`Purpose::PersonKeys`]; the person's data stays as it is.
    pub fn rewrap_person_key(&self, person: PersonId, wrapped: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
        let row = person.to_bytes();
        let plain = self.open(Purpose::PersonKeys, &person_place(&row), wrapped)?;
        if plain.len() != 32 {
            return Err(EnvelopeError::NotAKey);
        }
        Ok(self.seal(Purpose::PersonKeys, &person_place(&row), &plain))
    }

    /// The key of a day (days since 1970-01-01). It seals under the newest version that was made before that day (else
    /// the oldest) and opens what any version sealed on that day.
    pub fn day_key(&self, day: i64) -> DataKey {
        let versions = self.versions(Purpose::DayKeys);
        let before = |version: &&Arc<Version>| version.created.micros().div_euclid(MICROS_PER_DAY) < day;
        let current = versions.iter().rev().find(before).or(versions.first()).map_or(0, |version| version.number);
        let keys = versions.iter().map(|version| (version.number, version.day_key(day))).collect();
        DataKey::of_day(current, keys)
    }

    /// A blind index: HMAC-SHA-256 of the value in the domain of the index's name, cut to 128 bits. The caller
    /// normalises the value first.
    pub fn blind_index(&self, index: &str, value: &[u8]) -> [u8; 16] {
        self.cut(Purpose::BlindIndex, Domain::BlindIndex, index.as_bytes(), value)
    }

    /// The pseudonym of a person, device, address or network.
    pub fn pseudonym(&self, domain: PseudonymDomain, value: &[u8]) -> Pseudonym {
        Pseudonym(self.cut(Purpose::Pseudonym, Domain::Pseudonym, domain.label(), value))
    }

    /// A tag of a masked value: HMAC-SHA-256 in the domain of this label, cut to 128 bits.
    pub fn mask_tag(&self, label: &str, value: &[u8]) -> [u8; 16] {
        self.cut(Purpose::Masking, Domain::Data, label.as_bytes(), value)
    }

    /// The cipher that turns values into tokens and back.
    pub fn token_cipher(&self) -> Aes256GcmSiv {
        Aes256GcmSiv::new(&derive(&self.newest(Purpose::Masking).secret, Purpose::Masking, b"token"))
    }

    /// HMAC-SHA-256 under the newest version of the purpose.
    pub fn mac(&self, purpose: Purpose, data: &[u8]) -> [u8; 32] {
        self.newest(purpose).mac(Domain::Data, &[], data)
    }

    /// Whether any version of the purpose made this MAC.
    #[must_use]
    pub fn verify_mac(&self, purpose: Purpose, data: &[u8], mac: &[u8]) -> bool {
        let versions = self.versions(purpose).iter();
        versions.fold(false, |found, version| equal(&version.mac(Domain::Data, &[], data), mac) | found)
    }

    /// The newest signer of checkpoints.
    pub fn checkpoint_signer(&self) -> CheckpointSigner {
        self.newest(Purpose::Checkpoint).signer()
    }

    /// Every version of the checkpoint key with its public key, oldest first.
    pub fn checkpoint_keys(&self) -> Vec<(u32, [u8; 32])> {
        let versions = self.versions(Purpose::Checkpoint).iter();
        versions.map(|version| (version.number, version.signer().public())).collect()
    }

    fn cut(&self, purpose: Purpose, domain: Domain, label: &[u8], value: &[u8]) -> [u8; 16] {
        let mac = self.newest(purpose).mac(domain, label, value);
        mac.first_chunk::<16>().copied().unwrap_or_default()
    }

    fn versions(&self, purpose: Purpose) -> &[Arc<Version>] {
        self.0.get(&purpose).map_or(&[], Vec::as_slice)
    }

    fn version(&self, purpose: Purpose, number: u32) -> Option<&Version> {
        self.versions(purpose).iter().find(|version| version.number == number).map(AsRef::as_ref)
    }

    fn newest(&self, purpose: Purpose) -> &Version {
        certain(self.versions(purpose).last().map(AsRef::as_ref).ok_or(()), "finding a purpose key")
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing([redacted])")
    }
}

fn person_place(row: &[u8; 16]) -> Place<'_> {
    Place { table: "person-key", column: "key", row }
}

/// First byte of every MAC's input, so that an index, a pseudonym and a MAC never coincide.
#[derive(Clone, Copy)]
enum Domain {
    Data = 0,
    BlindIndex = 1,
    Pseudonym = 2,
}

impl Version {
    fn generate(purpose: Purpose, number: u32, created: Timestamp) -> Version {
        Version::new(purpose, number, created, random::secret())
    }

    fn new(purpose: Purpose, number: u32, created: Timestamp, secret: Zeroizing<[u8; 32]>) -> Version {
        let aead = Aes256Gcm::new(&derive(&secret, purpose, b"seal"));
        let mac = hmac::Key::new(hmac::HMAC_SHA256, derive(&secret, purpose, b"mac").as_ref());
        Version { number, created, secret, aead, mac }
    }

    fn mac(&self, domain: Domain, label: &[u8], data: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.mac);
        context.update(&[domain as u8]);
        context.update(&length(label));
        context.update(label);
        context.update(data);
        let mut mac = [0; 32];
        mac.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        mac
    }

    fn day_key(&self, day: i64) -> Aes256Gcm {
        let mut label = *b"day\0\0\0\0\0\0\0\0";
        label.iter_mut().skip(3).zip(day.to_be_bytes()).for_each(|(to, from)| *to = from);
        Aes256Gcm::new(&derive(&self.secret, Purpose::DayKeys, &label))
    }

    fn signer(&self) -> CheckpointSigner {
        CheckpointSigner::new(&derive(&self.secret, Purpose::Checkpoint, b"sign"), self.number)
    }
}

/// The key for one use of a purpose secret.
fn derive(secret: &[u8; 32], purpose: Purpose, label: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut info = b"testudo key ring 1/".to_vec();
    info.extend_from_slice(purpose.name().as_bytes());
    info.push(b'/');
    info.extend_from_slice(label);
    let mut key = Zeroizing::new([0; 32]);
    certain(hkdf_sha256(secret, &[], &info, key.as_mut()).then_some(()).ok_or(()), "deriving a key");
    key
}

#[cfg(test)]
mod tests;
