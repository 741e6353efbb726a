//! One sweep per worker over all its connections, instead of timers on each.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Instant;

use slab::Slab;

use crate::conn::{CoarseClock, ConnState, Overdue};
use crate::limits::Limits;
use crate::serve::{Handler, Serving, Shed, ShedReason};

/// The connections of a worker.
#[derive(Debug, Default)]
pub(crate) struct Reaper {
    connections: RefCell<Slab<Weak<ConnState>>>,
}

impl Reaper {
    pub(crate) fn watch(&self, state: &Arc<ConnState>) {
        self.connections.borrow_mut().insert(Arc::downgrade(state));
    }

    /// Sweeps without end.
    pub(crate) async fn run<H: Handler>(self: Rc<Self>, clock: Arc<CoarseClock>, serving: Rc<Serving<H>>) {
        let began = Instant::now();
        let mut ticks = tokio::time::interval(serving.limits.sweep);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            clock.set(began.elapsed());
            for (state, overdue) in self.sweep(&serving.limits) {
                tracing::debug!(peer = %state.facts.peer, age_ms = state.age(), ?overdue, "connection closed");
                if overdue == Overdue::WriteStalled {
                    serving.handler.shed(&Shed { peer: state.facts.peer, why: ShedReason::WriteStalled });
                }
            }
        }
    }

    fn sweep(&self, limits: &Limits) -> Vec<(Arc<ConnState>, Overdue)> {
        let mut overdue = Vec::new();
        let mut idle = Vec::new();
        self.connections.borrow_mut().retain(|_, weak| match weak.upgrade() {
            None => false,
            Some(state) => {
                match (state.sweep(limits), state.idle_http2()) {
                    (Some(why), _) => overdue.push((state, why)),
                    (None, Some(since)) => idle.push((since, state)),
                    (None, None) => {}
                }
                true
            }
        });
        // Those that have been idle the longest are asked to go; their callers lose nothing by it.
        let too_many = idle.len().saturating_sub(limits.idle_http2);
        if let Some(last) = too_many.checked_sub(1) {
            idle.select_nth_unstable_by_key(last, |(since, _)| *since);
            for (_, state) in idle.drain(..too_many) {
                state.kill_in(1_000);
                overdue.push((state, Overdue::Idle));
            }
        }
        overdue
    }

    /// All connections that are alive.
    pub(crate) fn alive(&self) -> Vec<Arc<ConnState>> {
        self.connections.borrow().iter().filter_map(|(_, weak)| weak.upgrade()).collect()
    }
}
