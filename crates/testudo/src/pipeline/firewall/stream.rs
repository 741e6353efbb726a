//! A body that is too long to be held: it is judged as it flows.

use testudo_gateway::BodyWatch;
use testudo_waf::Transaction;
use testudo_waf::seclang::Processor;

use super::super::body::HELD;
use super::super::decode::{Undo, Unread};
use super::{SUSPECTED, Shared};

/// What looks at a body that flows.
pub(super) struct Stream {
    shared: Shared,
    undo: Undo,
    /// Bytes that are still given to the rules. Of what nothing reads, the beginning is all that rules may ask for.
    left: usize,
}

impl Stream {
    pub(super) fn new(shared: Shared, undo: Undo, limit: u64) -> Stream {
        let read = shared.borrow().processor() == Some(Processor::Multipart);
        let beginning = HELD.min(usize::try_from(limit).unwrap_or(usize::MAX));
        Stream { shared, undo, left: if read { usize::MAX } else { beginning } }
    }
}

impl BodyWatch for Stream {
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let given = bytes.get(..self.left).unwrap_or(bytes);
        self.left = self.left.saturating_sub(bytes.len());
        let mut transaction = self.shared.borrow_mut();
        if !given.is_empty() {
            let give = |piece: &[u8]| _ = transaction.request_body(piece);
            self.undo.feed(given, give).map_err(Unread::code)?;
        }
        verdict(&transaction)
    }

    fn end(&mut self) -> Result<(), &'static str> {
        if self.left > 0 {
            self.undo.finish(false).map_err(Unread::code)?;
        }
        let mut transaction = self.shared.borrow_mut();
        transaction.request_end();
        verdict(&transaction)
    }
}

fn verdict(transaction: &Transaction) -> Result<(), &'static str> {
    if transaction.intervention().is_some() { Err(SUSPECTED) } else { Ok(()) }
}
