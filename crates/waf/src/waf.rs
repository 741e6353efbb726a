//! The firewall: a compiled rule set that opens transactions.

use std::sync::{Arc, Mutex, PoisonError};

use testudo_core::Timestamp;

use crate::ruleset::{Compiler, RuleSet};
use crate::seclang::{Problem, Program};
use crate::transaction::{Buffers, Connection, Tape, Transaction};

/// How a rule set runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Whether values are scanned before rules are asked. Without, each rule is asked about each value; the answers are
    /// the same.
    pub prefilter: bool,
    /// Whether rules are left out that the rules before them settle. The answers are the same.
    pub fold: bool,
    /// Whether arguments and cookies that hold JSON are read as well: `{"a":1}` in `filter` is `filter.a`.
    pub json_in_arguments: bool,
    /// For tests of what finds such a mistake: the screen never lets this rule be asked.
    #[doc(hidden)]
    pub blind: Option<u64>,
    /// How much work a transaction may take, in bytes looked at, with weights. See `examples/worst.rs`.
    pub budget: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { prefilter: true, fold: true, json_in_arguments: false, blind: None, budget: 24 << 20 }
    }
}

/// A compiled rule set that opens transactions.
#[derive(Debug)]
pub struct Waf {
    set: Arc<RuleSet>,
    options: Options,
    /// Buffers that no transaction uses now.
    #[expect(clippy::vec_box, reason = "they are moved in and out, and they are large")]
    spare: Mutex<Vec<Box<Buffers>>>,
}

/// How a transaction begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Opening {
    /// The settings that it begins with, as [`seclang::Loader::profile`](crate::seclang::Loader::profile) numbered them.
    pub profile: Option<usize>,
    /// Whether all that it is told is kept, to be told to another.
    pub taped: bool,
}

/// How many buffers are kept.
const MOST_SPARE: usize = 64;

impl Waf {
    /// Compiles a program.
    pub fn new(program: Program, options: Options) -> Result<Arc<Waf>, Problem> {
        let set = Arc::new(Compiler::compile(program, &options)?);
        Ok(Arc::new(Waf { set, options, spare: Mutex::new(Vec::new()) }))
    }

    /// Its rule set.
    pub fn rules(&self) -> &RuleSet {
        &self.set
    }

    /// How it runs.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Opens a transaction; `id` names it in logs.
    pub fn open(self: &Arc<Waf>, connection: &Connection<'_>, id: &str, now: Timestamp) -> Transaction {
        self.open_with(connection, id, now, Opening::default())
    }

    /// Opens one that begins in another way.
    pub fn open_with(
        self: &Arc<Waf>,
        connection: &Connection<'_>,
        id: &str,
        now: Timestamp,
        opening: Opening,
    ) -> Transaction {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let buffers = spare.unwrap_or_else(|| Box::new(Buffers::new(&self.set)));
        let mut transaction =
            Transaction::begin(Arc::clone(self), Arc::clone(&self.set), buffers, connection, id, now, opening.profile);
        if opening.taped {
            transaction.tape = Some(Box::new(Tape::new(connection, id, now, opening.profile)));
        }
        transaction
    }

    pub(crate) fn give_back(&self, buffers: Box<Buffers>) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < MOST_SPARE {
            spare.push(buffers);
        }
    }
}
