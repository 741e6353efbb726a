//! Open streams (WebSocket, SSE, long downloads): each subscribes with the facts of its caller and ends when these lose
//! their standing.

use std::sync::Arc;

use parking_lot::Mutex;
use testudo_gateway::CloseSignal;

use super::StandingFacts;

/// The open streams of a node.
#[derive(Clone, Default)]
pub struct Streams {
    open: Arc<Mutex<slab::Slab<(StandingFacts, CloseSignal)>>>,
}

/// A stream's place in the list; leaves it when dropped.
pub struct StreamTicket {
    open: Arc<Mutex<slab::Slab<(StandingFacts, CloseSignal)>>>,
    place: usize,
}

impl Streams {
    /// Adds a stream; `signal` is fired when its caller loses standing.
    pub fn open(&self, facts: StandingFacts, signal: CloseSignal) -> StreamTicket {
        let place = self.open.lock().insert((facts, signal));
        StreamTicket { open: Arc::clone(&self.open), place }
    }

    /// Closes every stream whose caller has lost standing.
    pub fn sweep(&self, lost: impl Fn(&StandingFacts) -> bool) {
        for (_, (facts, signal)) in &*self.open.lock() {
            if lost(facts) {
                signal.close("session-ended");
            }
        }
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.open.lock().len()
    }
}

impl Drop for StreamTicket {
    fn drop(&mut self) {
        self.open.lock().try_remove(self.place);
    }
}
