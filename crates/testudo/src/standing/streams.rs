//! Open streams (WebSocket, SSE, long downloads): each subscribes with what is known of it, and ends when its caller loses
//! her standing, its network is blocked, or it could write where routes may only be read.

use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use testudo_gateway::CloseSignal;

use super::StandingFacts;

/// What is known of an open stream.
#[derive(Clone, Debug)]
pub struct OpenStream {
    /// Whose it is; nobody's on a public route.
    pub caller: Option<StandingFacts>,
    /// Where it leads to.
    pub address: IpAddr,
    /// Of one on which the caller speaks too, such as a WebSocket: the template of its route, and its path.
    pub writes: Option<(Arc<str>, Box<str>)>,
}

/// The open streams of a node.
#[derive(Clone, Default)]
pub struct Streams {
    open: Arc<Mutex<slab::Slab<(OpenStream, CloseSignal)>>>,
}

/// A stream's place in the list; leaves it when dropped.
pub struct StreamTicket {
    open: Arc<Mutex<slab::Slab<(OpenStream, CloseSignal)>>>,
    place: usize,
}

impl Streams {
    /// Adds a stream; `signal` is fired when it must end.
    pub fn open(&self, stream: OpenStream, signal: CloseSignal) -> StreamTicket {
        let place = self.open.lock().insert((stream, signal));
        StreamTicket { open: Arc::clone(&self.open), place }
    }

    /// Closes every stream that must end.
    pub fn sweep(&self, lost: impl Fn(&OpenStream) -> bool) {
        for (_, (stream, signal)) in &*self.open.lock() {
            if lost(stream) {
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
