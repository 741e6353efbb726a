//! The place of a target: a record, and a cursor of the journal, which move together.

#![expect(clippy::single_match_else, reason = "both ways are told")]

use serde::{Deserialize, Serialize};
use testudo_core::{Event, Timestamp};
use testudo_crypto::random;
use testudo_store::{CommitError, Document, Key, ReadError, Stored, Tx};

use crate::config::{Beginning, ExportConfig};
use crate::node::Node;

/// Who has taken so far what.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The name of the target.
    pub name: String,
    /// When it was new.
    pub created: Timestamp,
    /// Everything below was taken.
    pub next: u64,
    /// Which exporter took the place last; a number of its own.
    pub holder: u64,
    /// Records that were taken.
    pub sent: u64,
    /// Records that were refused for good.
    pub refused: u64,
}

impl Document for Place {
    const KIND: &'static str = "export-place";

    fn id(&self) -> Key {
        Key::from(self.name.as_str())
    }

    fn created(&self) -> Timestamp {
        self.created
    }
}

/// Why something about a target is not done.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It is not configured, and has no place.
    #[error("there is no such export; `testudo export list` names all")]
    Unknown,
    /// It makes no sense.
    #[error("{0}")]
    Refused(String),
    /// The target did not take it.
    #[error("{0}")]
    Failed(String),
    /// The store can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store can't be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// The name of a target's cursor.
pub fn observer(name: &str) -> String {
    format!("export-{name}")
}

/// Takes the place of a target for an exporter that begins; makes it when the target is new.
pub async fn take(node: &Node, config: &ExportConfig) -> Result<Stored<Place>, PlaceError> {
    let holder = u64::from_be_bytes(random::array()) >> 1;
    let mut tx = Tx::new();
    let taken = match node.store.get::<Place>(config.name.as_str()).await? {
        Some(Stored { mut document, version }) => {
            document.holder = holder;
            tx.update(&document, version);
            Stored { document, version: version + 1 }
        }
        None => {
            let next = match config.from {
                Beginning::Start => 0,
                Beginning::Now => *node.store.head().borrow(),
            };
            let created = node.clock.now();
            let document = Place { name: config.name.clone(), created, next, holder, sent: 0, refused: 0 };
            tx.insert(&document);
            Stored { document, version: 1 }
        }
    };
    tx.cursor(&observer(&config.name), taken.document.next);
    node.store.commit(tx).await?;
    Ok(taken)
}

/// All places.
pub async fn all(node: &Node) -> Result<Vec<Place>, PlaceError> {
    let page = node.store.list::<Place>(None, 1_000, None, false).await?;
    Ok(page.items.into_iter().map(|stored| stored.document).collect())
}

/// Moves a place by hand. Whoever exports finds out when it moves it next.
pub async fn set(node: &Node, name: &str, next: u64, event: Event) -> Result<(), PlaceError> {
    let mut last = None;
    // It moves with each batch: somebody who is quick gets through.
    for _ in 0..10 {
        let mut tx = Tx::new();
        match node.store.get::<Place>(name).await? {
            Some(Stored { mut document, version }) => {
                document.next = next;
                tx.update(&document, version);
            }
            None => {
                let created = node.clock.now();
                tx.insert(&Place { name: name.to_owned(), created, next, holder: 0, sent: 0, refused: 0 });
            }
        }
        tx.cursor(&observer(name), next).event(event.clone());
        match node.store.commit(tx).await {
            Ok(_) => return Ok(()),
            Err(error @ CommitError::Conflict { .. }) => last = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.map_or(PlaceError::Unknown, PlaceError::from))
}

/// Forgets a place.
pub async fn forget(node: &Node, name: &str, event: Event) -> Result<(), PlaceError> {
    let stored = node.store.get::<Place>(name).await?.ok_or(PlaceError::Unknown)?;
    let mut tx = Tx::new();
    tx.delete::<Place>(name, Some(stored.version)).forget_cursor(&observer(name)).event(event);
    node.store.commit(tx).await?;
    Ok(())
}
