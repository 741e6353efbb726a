//! What the detector remembers, kept in the store in parts, with the place in the journal up to which it is true.

use std::io::Read as _;

use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use serde::{Deserialize, Serialize};
use testudo_core::Timestamp;
use testudo_detection::State;
use testudo_store::{CommitError, Document, Key, ReadError, Store, Tx};

/// Bytes of one part; a document has at most 1 MiB of JSON, in which bytes take at most four characters each.
const PART: usize = 200_000;
/// More than this is not kept: the detector then begins anew with what the journal of the last hours says.
const MOST_PARTS: usize = 160;
/// The largest state, unpacked.
const LARGEST: u64 = 512 * 1024 * 1024;

/// A detector's memory.
pub struct Saved {
    /// All entries below this place are in it.
    pub place: u64,
    /// Keys the hashes in it.
    pub seed: [u8; 16],
    /// The memory itself.
    pub state: State,
}

#[derive(Serialize, Deserialize)]
struct Part {
    number: u16,
    parts: u16,
    place: u64,
    seed: [u8; 16],
    bytes: Vec<u8>,
}

impl Document for Part {
    const KIND: &'static str = "detector";

    fn id(&self) -> Key {
        key(self.number)
    }

    fn created(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

fn key(number: u16) -> Key {
    Key::from(format!("part-{number:03}").as_str())
}

/// Why the memory could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// It does not fit.
    #[error("the detector remembers too much to be saved")]
    TooLarge,
    /// The store does not take it.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// It has no form to be saved in.
    #[error("the memory of the detector has no form to be saved in: {0}")]
    Form(String),
}

impl Saved {
    /// Keeps it, in place of what was kept before.
    pub async fn save(&self, store: &Store) -> Result<(), SaveError> {
        let form = |error: &dyn std::fmt::Display| SaveError::Form(error.to_string());
        let json = serde_json::to_vec(&self.state).map_err(|error| form(&error))?;
        let mut packed = Vec::new();
        DeflateEncoder::new(json.as_slice(), Compression::fast())
            .read_to_end(&mut packed)
            .map_err(|error| form(&error))?;
        let chunks: Vec<&[u8]> = packed.chunks(PART).collect();
        if chunks.len() > MOST_PARTS {
            return Err(SaveError::TooLarge);
        }
        let parts = u16::try_from(chunks.len()).unwrap_or(u16::MAX);
        let mut tx = Tx::new();
        for (number, bytes) in (0..).zip(chunks) {
            tx.put(&Part { number, parts, place: self.place, seed: self.seed, bytes: bytes.to_vec() });
        }
        store.commit(tx).await?;
        Ok(())
    }

    /// What was kept; none if there is nothing, or nothing that this version can read.
    pub async fn load(store: &Store) -> Result<Option<Saved>, ReadError> {
        let Some(first) = store.get::<Part>(key(0)).await?.map(|stored| stored.document) else { return Ok(None) };
        let (place, seed, parts) = (first.place, first.seed, first.parts);
        let mut packed = first.bytes;
        for number in 1..parts {
            match store.get::<Part>(key(number)).await?.map(|stored| stored.document) {
                Some(part) if part.place == place && part.parts == parts => packed.extend(part.bytes),
                _ => return Ok(None),
            }
        }
        let mut json = Vec::new();
        let unpacked = DeflateDecoder::new(packed.as_slice()).take(LARGEST).read_to_end(&mut json);
        let state = unpacked.ok().and_then(|_| serde_json::from_slice(&json).ok());
        Ok(state.map(|state| Saved { place, seed, state }))
    }
}
