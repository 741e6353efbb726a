//! Entries with the very bytes that are hashed, for whoever proves them elsewhere.

use super::Store;
use crate::ReadError;
use crate::journal::appender;
use crate::journal::entry::Entry;
use crate::merkle::leaf_hash;

/// The most entries of one read.
const MOST: usize = 10_000;

impl Store {
    /// The entries at these places with their bytes, in order of place; those that are pruned, or not there, are left out.
    /// At most 10,000.
    pub async fn entries_at(&self, places: &[u64]) -> Result<Vec<(Vec<u8>, Entry)>, ReadError> {
        let (core, ring) = (self.core(), self.core().ring());
        let size = *core.backend.head().borrow();
        let mut places: Vec<u64> = places.iter().copied().filter(|place| *place < size).take(MOST).collect();
        places.sort_unstable();
        places.dedup();
        let mut found = Vec::with_capacity(places.len());
        for row in core.backend.rows_at(places).await? {
            let damaged =
                |fault: &dyn std::fmt::Display| ReadError::damaged(format!("journal entry {}", row.seq), fault);
            let entry = appender::check(&ring, &row).map_err(|fault| damaged(&fault))?;
            if let (Some(entry), Some(bytes)) = (entry, row.entry) {
                found.push((bytes, entry));
            }
        }
        Ok(found)
    }
}

impl Entry {
    /// Reads the bytes of the entry at a place, as [`Store::entries_at`] gives them; what is wrong with them otherwise.
    pub fn from_bytes(seq: u64, bytes: &[u8]) -> Result<Entry, String> {
        Entry::parse(seq, leaf_hash(bytes), bytes).map_err(|error| error.to_string())
    }
}
