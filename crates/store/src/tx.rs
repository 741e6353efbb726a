//! Transactions as values: what changes, together with the events that announce it.

use testudo_core::{Event, PersonId, Timestamp};
use zeroize::Zeroizing;

use crate::document::{Document, IndexValue, Indexes};
use crate::{CommitError, Key};

/// How a document is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WriteMode {
    /// It must not exist yet.
    Insert,
    /// It must exist with this version.
    Update(u64),
    /// Whatever is there.
    Put,
}

/// A document, serialised and not yet sealed.
pub(crate) struct Draft {
    pub mode: WriteMode,
    pub kind: &'static str,
    pub key: Key,
    pub person: Option<PersonId>,
    pub created: Timestamp,
    pub expires: Option<Timestamp>,
    pub state: u8,
    pub indexes: Vec<IndexValue>,
    pub json: Zeroizing<Vec<u8>>,
}

/// One step of a transaction.
pub(crate) enum Step {
    Write(Box<Draft>),
    Delete { kind: &'static str, key: Key, version: Option<u64> },
    CreatePerson(PersonId),
    ErasePerson(PersonId),
    Cursor { observer: String, seq: u64 },
    Forget { observer: String },
}

/// A batch that happens as a whole or not at all. Build it, then hand it to [`crate::Store::commit`].
#[must_use = "a transaction does nothing until it is committed"]
#[derive(Default)]
pub struct Tx {
    pub(crate) steps: Vec<Step>,
    pub(crate) events: Vec<Event>,
    pub(crate) fault: Option<CommitError>,
}

impl Tx {
    /// The most steps and events of one transaction.
    pub const MAX_STEPS: usize = 10_000;
    /// The largest document in bytes of JSON.
    pub const MAX_DOCUMENT: usize = 1 << 20;

    /// An empty transaction.
    pub fn new() -> Tx {
        Tx::default()
    }

    /// Adds a document that must not exist yet.
    pub fn insert<D: Document>(&mut self, document: &D) -> &mut Tx {
        self.write(document, WriteMode::Insert)
    }

    /// Replaces the document that was read with `version`.
    pub fn update<D: Document>(&mut self, document: &D, version: u64) -> &mut Tx {
        self.write(document, WriteMode::Update(version))
    }

    /// Writes the document, whatever was there.
    pub fn put<D: Document>(&mut self, document: &D) -> &mut Tx {
        self.write(document, WriteMode::Put)
    }

    /// Removes a document; with a version only if it still has that, without one also when there is none.
    pub fn delete<D: Document>(&mut self, key: impl Into<Key>, version: Option<u64>) -> &mut Tx {
        let key = key.into();
        self.check(D::KIND, &key);
        self.steps.push(Step::Delete { kind: D::KIND, key, version });
        self
    }

    /// Adds an event that announces the change.
    pub fn event(&mut self, event: Event) -> &mut Tx {
        self.events.push(event);
        self
    }

    /// Makes the data key of a person; before the first document about her.
    pub fn create_person(&mut self, person: PersonId) -> &mut Tx {
        self.steps.push(Step::CreatePerson(person));
        self
    }

    /// Destroys the data key of a person, puts her on the list of the erased and deletes her documents.
    pub fn erase_person(&mut self, person: PersonId) -> &mut Tx {
        self.steps.push(Step::ErasePerson(person));
        self
    }

    /// Moves the cursor of an observer: all entries below `seq` are dealt with.
    pub fn cursor(&mut self, observer: &str, seq: u64) -> &mut Tx {
        if observer.is_empty() || observer.len() > 64 {
            self.refuse("an observer's name has 1 to 64 bytes");
        }
        self.steps.push(Step::Cursor { observer: observer.to_owned(), seq });
        self
    }

    /// Forgets the cursor of an observer that is no more, so that what it has not read can be pruned.
    pub fn forget_cursor(&mut self, observer: &str) -> &mut Tx {
        self.steps.push(Step::Forget { observer: observer.to_owned() });
        self
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.events.is_empty()
    }

    fn write<D: Document>(&mut self, document: &D, mode: WriteMode) -> &mut Tx {
        let key = document.id();
        self.check(D::KIND, &key);
        let mut indexes = Indexes::default();
        document.indexes(&mut indexes);
        let plain_fits = |value: &IndexValue| value.blind || value.value.len() <= Indexes::MAX_PLAIN;
        if indexes.values.len() > Indexes::MAX_VALUES || !indexes.values.iter().all(plain_fits) {
            self.refuse("a document has at most 16 index values of at most 256 bytes");
        }
        if indexes.values.iter().any(|value| !name_fits(value.name)) {
            self.refuse("an index name has 1 to 32 characters of `a-z -`");
        }
        let json = match serde_json::to_vec(document) {
            Ok(json) => Zeroizing::new(json),
            Err(error) => {
                self.refuse(&format!("a document of kind `{}` has no JSON form: {error}", D::KIND));
                return self;
            }
        };
        if json.len() > Tx::MAX_DOCUMENT {
            self.refuse(&format!("a document of kind `{}` is larger than 1 MiB", D::KIND));
        }
        self.steps.push(Step::Write(Box::new(Draft {
            mode,
            kind: D::KIND,
            key,
            person: document.person(),
            created: document.created(),
            expires: document.expires(),
            state: document.state(),
            indexes: indexes.values,
            json,
        })));
        self
    }

    fn check(&mut self, kind: &str, key: &Key) {
        if !name_fits(kind) {
            self.refuse(&format!("the kind `{kind}` has other characters than `a-z -`, or more than 32"));
        }
        if !key.fits() {
            self.refuse("a key has 1 to 64 bytes");
        }
    }

    fn refuse(&mut self, cause: &str) {
        self.fault.get_or_insert_with(|| CommitError::Invalid(cause.to_owned()));
    }
}

fn name_fits(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// What a committed transaction left in the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Receipt {
    /// The place of its first event.
    pub first_seq: Option<u64>,
    /// The place of its last event.
    pub last_seq: Option<u64>,
}
