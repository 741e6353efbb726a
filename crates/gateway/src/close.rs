//! The signal that ends an open stream: a session was revoked, a token expired, the server stops.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Ends the streams that hold it; may be fired from any thread, once.
#[derive(Clone, Debug, Default)]
pub struct CloseSignal {
    token: CancellationToken,
    reason: Arc<OnceLock<&'static str>>,
}

impl CloseSignal {
    /// A signal that was not fired.
    pub fn new() -> CloseSignal {
        CloseSignal::default()
    }

    /// Fires; the first reason stays. `reason` is a stable code such as `session-revoked`.
    pub fn close(&self, reason: &'static str) {
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Whether it was fired.
    pub fn is_closed(&self) -> bool {
        self.token.is_cancelled()
    }

    /// The reason, once fired.
    pub fn reason(&self) -> Option<&'static str> {
        self.reason.get().copied()
    }

    /// Waits until it is fired.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        self.token.clone().cancelled_owned()
    }
}
