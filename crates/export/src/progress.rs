//! How a target does: shared between its exporter and whoever asks.

#![expect(clippy::type_complexity, reason = "the type is named where it is used")]

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::Serialize;
use testudo_core::Timestamp;

/// What an exporter is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It has not begun.
    Starting,
    /// It sends, or waits for something to send.
    Running,
    /// The target takes nothing at present; it is tried again and again.
    Stalled,
    /// Another node exports to this target.
    Elsewhere,
    /// It was stopped.
    Stopped,
}

/// How a target does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Status {
    /// What it is at.
    pub state: State,
    /// Everything below this place was taken.
    pub place: u64,
    /// Records taken since the start.
    pub sent: u64,
    /// Records refused for good since the start.
    pub refused: u64,
    /// Failures in a row.
    pub failures: u32,
    /// The last failure.
    pub error: Option<String>,
    /// When that was.
    pub error_at: Option<Timestamp>,
}

/// The numbers of one target.
#[derive(Debug)]
pub struct Progress {
    place: AtomicU64,
    sent: AtomicU64,
    refused: AtomicU64,
    rest: Mutex<(State, u32, Option<(String, Timestamp)>)>,
}

impl Default for Progress {
    fn default() -> Progress {
        Progress {
            place: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            rest: Mutex::new((State::Starting, 0, None)),
        }
    }
}

impl Progress {
    /// How it does.
    pub fn status(&self) -> Status {
        let (state, failures, error) = self.rest.lock().clone();
        let (error, error_at) = error.map_or((None, None), |(error, at)| (Some(error), Some(at)));
        Status {
            state,
            place: self.place.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            failures,
            error,
            error_at,
        }
    }

    /// Says where it is.
    pub fn at(&self, place: u64) {
        self.place.store(place, Ordering::Relaxed);
    }

    /// Says what it is at.
    pub fn is(&self, state: State) {
        self.rest.lock().0 = state;
    }

    /// Counts what was taken and what was refused for good.
    pub(crate) fn took(&self, sent: usize, refused: usize) {
        self.sent.fetch_add(sent as u64, Ordering::Relaxed);
        self.refused.fetch_add(refused as u64, Ordering::Relaxed);
        self.rest.lock().1 = 0;
    }

    /// Notes a failure; gives the number of those in a row.
    pub fn failed(&self, error: &str, at: Timestamp) -> u32 {
        let mut rest = self.rest.lock();
        rest.1 = rest.1.saturating_add(1);
        rest.2 = Some((crate::text::clip(error, 512).into_owned(), at));
        rest.1
    }
}
