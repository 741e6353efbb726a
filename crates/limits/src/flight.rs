//! How many requests are in work: tokens for each address and person, the total, and who is turned away when it is too
//! much.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use siphasher::sip::SipHasher13;
use testudo_core::{Control, Decision, Denial, Obligation, PersonId};

use crate::answer::Answer;
use crate::config::InFlightConfig;
use crate::limiter::Limiter;
use crate::network::{Key, Networks};

/// Slots of the table of requests in work; many more than requests may be in work at once.
const SLOTS: usize = 1 << 16;
const REACH: usize = 16;
const COUNT_BITS: u32 = 20;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const ATTEMPTS: usize = 256;
/// How long the queue must be slow before somebody is turned away.
const SLOW_FOR: Duration = Duration::from_millis(100);

/// Requests in work by key: a slot is 44 bits of tag and 20 bits of count, free when the count is zero.
#[derive(Debug)]
pub(crate) struct Flights {
    slots: Box<[AtomicU64]>,
    hasher: SipHasher13,
}

enum Entry {
    Taken(usize),
    AtMost,
    Full,
}

impl Flights {
    pub fn new(secret: &[u8; 16]) -> Flights {
        Flights { slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(), hasher: SipHasher13::new_with_key(secret) }
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }

    fn enter(&self, key: &Key, most: u32) -> Entry {
        let hash = self.hasher.hash(key.as_bytes());
        let tag = (hash >> COUNT_BITS).max(1);
        let first = usize::try_from(hash & (SLOTS as u64 - 1)).unwrap_or(0) / REACH * REACH;
        'again: for _ in 0..ATTEMPTS {
            let mut free = None;
            for index in first..first + REACH {
                let Some(slot) = self.slots.get(index) else { continue };
                let word = slot.load(Ordering::Relaxed);
                let count = word & COUNT_MASK;
                if count == 0 {
                    free = free.or(Some((index, slot, word)));
                } else if word >> COUNT_BITS == tag {
                    if count >= u64::from(most) || count == COUNT_MASK {
                        return Entry::AtMost;
                    }
                    match slot.compare_exchange(word, word + 1, Ordering::Relaxed, Ordering::Relaxed) {
                        Ok(_) => return Entry::Taken(index),
                        Err(_) => continue 'again,
                    }
                }
            }
            let Some((index, slot, word)) = free else { return Entry::Full };
            if slot.compare_exchange(word, tag << COUNT_BITS | 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Entry::Taken(index);
            }
        }
        Entry::Full
    }

    fn leave(&self, index: usize) {
        if let Some(slot) = self.slots.get(index) {
            // The slot is ours as long as its count holds us, so its tag can't have changed.
            let leave = |word: u64| (word & COUNT_MASK > 0).then(|| if word & COUNT_MASK == 1 { 0 } else { word - 1 });
            let _before = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, leave);
        }
    }
}

/// A request in work. Its places are free again when it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the request"]
pub struct InFlight {
    flights: Arc<Flights>,
    load: Arc<Load>,
    held: [Option<usize>; 2],
}

impl Drop for InFlight {
    fn drop(&mut self) {
        for index in self.held.into_iter().flatten() {
            self.flights.leave(index);
        }
        self.load.total.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limiter {
    /// Takes a place for a request of this address, and of this person if it is known. The refusal is the answer to
    /// join and to report.
    pub fn enter(&self, address: IpAddr, person: Option<PersonId>) -> Result<InFlight, Box<Answer>> {
        if !self.load.enter() {
            return Err(Box::new(overloaded()));
        }
        let mut flight =
            InFlight { flights: Arc::clone(&self.flights), load: Arc::clone(&self.load), held: [None, None] };
        let address = if self.exempts(address) { None } else { Some(Networks::of(address).address) };
        let keys = [
            address.map(|prefix| {
                (Key::new(1, 0, &[prefix.bytes()]), self.load.most_by_address(), "limit-address-in-flight")
            }),
            person.map(|id| (Key::new(3, 0, &[&id.to_bytes()]), self.load.most_by_person(), "limit-person-in-flight")),
        ];
        for (key, held) in keys.into_iter().zip(&mut flight.held) {
            let Some((key, most, code)) = key else { continue };
            match self.flights.enter(&key, most) {
                Entry::Taken(index) => *held = Some(index),
                Entry::AtMost => {
                    let text = format!("{most} requests are in work already; wait for one of them");
                    return Err(Box::new(Answer::wait(code, text, 1_000_000)));
                }
                Entry::Full => return Err(Box::new(overloaded())),
            }
        }
        Ok(flight)
    }

    /// How many requests are in work.
    pub fn in_flight(&self) -> u32 {
        self.load.total.load(Ordering::Relaxed)
    }

    /// Tells how long a piece of work waited for its worker. Delays above the target for 100 ms turn strangers away,
    /// and above five times the target everybody without a bound device.
    pub fn note_queue_delay(&self, delay: Duration, now_ns: u64) {
        self.load.note_queue_delay(delay, now_ns);
    }
}

/// How loaded the node is.
#[derive(Debug)]
pub(crate) struct Load {
    total: AtomicU32,
    most: AtomicU32,
    by_address: AtomicU32,
    by_person: AtomicU32,
    target_us: AtomicU64,
    /// Since when delays have been above the target without a break, in nanoseconds; 0 if they are not.
    slow_since: AtomicU64,
    /// Who is turned away because of delays: 0 nobody, 1 strangers, 2 all without a bound device.
    delayed: AtomicU32,
}

impl Load {
    pub fn new(config: &InFlightConfig) -> Load {
        let load = Load {
            total: AtomicU32::new(0),
            most: AtomicU32::new(0),
            by_address: AtomicU32::new(0),
            by_person: AtomicU32::new(0),
            target_us: AtomicU64::new(0),
            slow_since: AtomicU64::new(0),
            delayed: AtomicU32::new(0),
        };
        load.reconfigure(config);
        load
    }

    pub fn reconfigure(&self, config: &InFlightConfig) {
        let delay = u64::try_from(config.queue_delay().as_micros()).unwrap_or(u64::MAX);
        self.most.store(config.total.get(), Ordering::Relaxed);
        self.by_address.store(config.address.get(), Ordering::Relaxed);
        self.by_person.store(config.person.get(), Ordering::Relaxed);
        self.target_us.store(delay, Ordering::Relaxed);
    }

    /// Turns away the least known callers first.
    pub fn shed(&self, known: bool, bound: bool) -> Option<Answer> {
        let (total, most) =
            (u64::from(self.total.load(Ordering::Relaxed)), u64::from(self.most.load(Ordering::Relaxed)));
        let crowded = match total * 10 {
            tenths if tenths >= most * 9 => 2,
            tenths if tenths >= most * 8 => 1,
            _ => 0,
        };
        let level = self.delayed.load(Ordering::Relaxed).max(crowded);
        let shed = match level {
            0 => false,
            1 => !known,
            _ => !bound,
        };
        shed.then(overloaded)
    }

    fn enter(&self) -> bool {
        let most = self.most.load(Ordering::Relaxed);
        let enter = |total: u32| (total < most).then_some(total + 1);
        self.total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter).is_ok()
    }

    fn most_by_address(&self) -> u32 {
        self.by_address.load(Ordering::Relaxed)
    }

    fn most_by_person(&self) -> u32 {
        self.by_person.load(Ordering::Relaxed)
    }

    fn note_queue_delay(&self, delay: Duration, now_ns: u64) {
        let target = self.target_us.load(Ordering::Relaxed);
        let delay = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        if delay <= target {
            self.slow_since.store(0, Ordering::Relaxed);
            self.delayed.store(0, Ordering::Relaxed);
            return;
        }
        let now = now_ns.max(1);
        let since = match self.slow_since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => now,
            Err(since) => since,
        };
        if Duration::from_nanos(now.saturating_sub(since)) >= SLOW_FOR {
            let level = if delay > target.saturating_mul(5) { 2 } else { 1 };
            self.delayed.store(level, Ordering::Relaxed);
        }
    }
}

fn overloaded() -> Answer {
    let text = "the server has more work than it can do; try again in a moment";
    let decision = Decision::deny(Control::RateLimit, Denial::Unavailable, "overloaded", text);
    Answer { decision: decision.oblige(Obligation::RetryAfter(1)), rate: None }
}

#[cfg(test)]
mod tests;
