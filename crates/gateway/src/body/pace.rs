//! The least pace of a body that we wait for: a grace, then a rate, within a total deadline.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::BodyError;

/// Counts only the time spent waiting for the other end, so a slow reader on our side is never blamed on it. The timer
/// is made at the first wait: a body that is there already costs none.
#[derive(Debug)]
pub(crate) struct Pace {
    grace: Duration,
    rate: u32,
    deadline: Duration,
    began: Option<Instant>,
    waiting_since: Option<Instant>,
    waited: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    /// `rate` in bytes per second; 0 asks for none, and then `grace` bounds each single wait.
    pub(crate) fn new(grace: Duration, rate: u32, deadline: Duration) -> Pace {
        Pace { grace, rate, deadline, began: None, waiting_since: None, waited: Duration::ZERO, sleep: None }
    }

    /// Something arrived.
    pub(crate) fn moved(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            self.waited = if self.rate == 0 { Duration::ZERO } else { self.waited + since.elapsed() };
        }
    }

    /// Nothing is there. Ready when the other end overstays.
    pub(crate) fn poll_wait(&mut self, cx: &mut Context<'_>, received: u64) -> Poll<BodyError> {
        let now = Instant::now();
        let began = *self.began.get_or_insert(now);
        let since = *self.waiting_since.get_or_insert(now);
        let earned = received.checked_div(u64::from(self.rate)).map_or(Duration::ZERO, Duration::from_secs);
        let patience = (self.grace + earned).saturating_sub(self.waited);
        let (slow, dead) = (since + patience, began + self.deadline);
        let until = slow.min(dead);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        match sleep.as_mut().poll(cx) {
            Poll::Ready(()) if dead <= slow => Poll::Ready(BodyError::Deadline),
            Poll::Ready(()) => Poll::Ready(BodyError::TooSlow),
            Poll::Pending => Poll::Pending,
        }
    }
}
