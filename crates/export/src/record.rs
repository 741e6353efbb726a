//! What is exported: an entry of the journal, and where it comes from.

use std::borrow::Cow;
use std::sync::Arc;

use testudo_core::Event;
use testudo_store::Plain;

/// Masks personal data in free text: of a fact with this name, or of a `path` or `user-agent`.
pub type Masker = Arc<dyn for<'t> Fn(&str, &'t str) -> Cow<'t, str> + Send + Sync>;

/// A masker that leaves texts as they are.
pub fn unmasked() -> Masker {
    Arc::new(|_, text| Cow::Borrowed(text))
}

/// Where records come from; the same for all of a target.
#[derive(Clone)]
pub struct Origin {
    /// The name of the log, as in its checkpoints: with the place it names an entry for ever.
    pub log: String,
    /// The name of this machine.
    pub host: String,
    /// The version of the program.
    pub version: &'static str,
    /// What free text passes before it leaves.
    pub masker: Masker,
}

/// An entry of the journal on its way out. Without its event, only what is in plain leaves: pseudonyms stand for people,
/// devices and addresses.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The place in the journal.
    pub seq: u64,
    /// What everybody who may read the journal may know.
    pub plain: Plain,
    /// With the personal part, where that is exported too.
    pub event: Option<Box<Event>>,
    /// A record that stands for no entry, such as a test: its name in place of the log's.
    pub label: Option<String>,
}

impl Record {
    /// A record with what is in plain.
    pub fn plain(seq: u64, plain: Plain) -> Record {
        Record { seq, plain, event: None, label: None }
    }

    /// The name by which a receiver knows the record again: the same each time it is sent.
    pub fn id(&self, origin: &Origin) -> String {
        match &self.label {
            Some(label) => format!("{}-{label}", origin.log.replace('/', "-")),
            None => format!("{}-{}", origin.log.replace('/', "-"), self.seq),
        }
    }
}

/// Names the entry and shows nothing of it.
impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("seq", &self.seq).field("kind", &self.plain.kind).finish_non_exhaustive()
    }
}

/// Leaves the masker out.
impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin").field("log", &self.log).field("host", &self.host).finish_non_exhaustive()
    }
}
