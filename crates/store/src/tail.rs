//! Following the journal: committed entries in order, from memory where the tail is close to the head.

use std::sync::Arc;

use testudo_core::EventKind;
use tokio::sync::watch;

use crate::journal::committed::{Committed, Seen};
use crate::journal::entry::Plain;
use crate::journal::filter::JournalFilter;
use crate::{ReadError, Store};

/// The most entries of one batch.
const BATCH: usize = 1_000;

/// Reads the journal in order, each entry once. Made by [`Store::tail`].
pub struct Tail {
    store: Store,
    next: u64,
    filter: JournalFilter,
    head: watch::Receiver<u64>,
}

impl Store {
    /// Follows the journal from the entry at `from` on. Of some `kinds`, or of all when none is named.
    pub fn tail(&self, from: u64, kinds: &[EventKind]) -> Tail {
        self.core().recent.want();
        let filter = JournalFilter { kinds: kinds.to_vec(), ..JournalFilter::default() };
        Tail { store: self.clone(), next: from, filter, head: self.head() }
    }
}

impl Tail {
    /// Everything below this place was given out, or is of other kinds, or was pruned.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Waits until the log is longer than [`Tail::position`]; never returns when the store is gone. Nothing is lost when
    /// the caller stops waiting.
    pub async fn grown(&mut self) {
        let next = self.next;
        if self.head.wait_for(|head| *head > next).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The next entries, oldest first, without waiting; at most 1,000. May be empty although the position moved, when what
    /// was passed is of other kinds or pruned. After an error the same entries come again.
    pub async fn read(&mut self) -> Result<Vec<Committed>, ReadError> {
        let head = *self.head.borrow_and_update();
        if self.next >= head {
            return Ok(Vec::new());
        }
        let passes = |plain: &Plain| self.filter.passes(plain);
        if let Some((passed, found)) = self.store.core().recent.get(&(self.next..head), BATCH, passes) {
            self.next += passed;
            return Ok(found);
        }
        let entries = self.store.read_journal(self.next, BATCH, &self.filter).await?;
        // A short page means that there is nothing else below the head.
        let next = match entries.last() {
            Some(last) if entries.len() >= BATCH => last.seq + 1,
            Some(last) => head.max(last.seq + 1),
            None => head,
        };
        let mut found = Vec::with_capacity(entries.len());
        for entry in entries {
            let opened = self.store.open_entry(&entry).await?;
            let seen = Seen { plain: entry.plain, event: opened.event, erased: opened.erased };
            found.push(Committed::new(entry.seq, Arc::new(seen)));
        }
        self.next = next;
        Ok(found)
    }

    /// [`Tail::grown`], then [`Tail::read`].
    pub async fn next(&mut self) -> Result<Vec<Committed>, ReadError> {
        self.grown().await;
        self.read().await
    }
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tail").field("next", &self.next).finish_non_exhaustive()
    }
}
