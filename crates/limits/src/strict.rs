//! The doors that guessers try: strict counters by address, subnet and door, and waits that double with each failure.
//!
//! Failures leak: one is forgotten after a while. A success takes back one failure before the first wait, and none
//! after it, so that nobody resets the waits by signing in to an account of one's own between two guesses.

use std::net::IpAddr;

use crate::answer::{Answer, Rule, seconds};
use crate::config::{DoorConfig, LimitsConfig};
use crate::limiter::{Limiter, PeerFacts, Probe, micros};
use crate::network::Networks;
use crate::rate::{Limit, Micros, Rate};
use crate::table::{Charge, Table};

/// A door that guessers try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// Passwords and second factors.
    SignIn,
    /// New accounts.
    SignUp,
    /// The token endpoint.
    Token,
}

#[derive(Clone, Debug)]
pub(crate) struct Doors {
    sign_in: Rules,
    sign_up: Rules,
    token: Rules,
}

#[derive(Clone, Debug)]
struct Rules {
    address: Rule,
    subnet: Rule,
    total: Rule,
    address_waits: Waits,
    subnet_waits: Waits,
}

/// How failures become waits.
#[derive(Clone, Copy, Debug)]
struct Waits {
    /// Debt: one forgetting time for each failure.
    failures: Rule,
    /// Debt: the wait.
    blocked: Rule,
    free: u64,
    forget: Micros,
    first: Micros,
    longest: Micros,
}

/// Failures beyond the free ones that are still counted.
const COUNTED: u64 = 24;

impl Limiter {
    /// May this address try this door now? Asked on top of [`Limiter::admit_peer`].
    pub fn admit_door(&self, door: Door, facts: &PeerFacts) -> Answer {
        let (rules, now) = (self.doors.rules(door), micros(facts.now_ns));
        let networks = Networks::of(facts.address);
        for (waits, network) in rules.waits() {
            let (_, wait) = self.locate(&network(&self.table, &waits.blocked, &networks), now);
            if wait > 0 {
                let wait = wait.min(waits.longest);
                let text = format!("too many failures from this network; try again in {} s", seconds(wait).max(1));
                return Answer::wait("limit-failures", text, wait);
            }
        }
        let allowed = self.tightened.allowed(facts.address, None, facts.now_ns);
        let probes = [
            Some(Probe::address(&self.table, &rules.address, &networks).at(allowed.own)),
            Some(Probe::subnet(&self.table, &rules.subnet, &networks).at(allowed.own)),
            Some(Probe::of(&self.table, &rules.total, &[]).at(allowed.everyone)),
        ];
        self.decide(&probes, now)
    }

    /// A try failed: a wrong password, code or secret, a name that is taken. Says for how many seconds the address
    /// must wait now; 0 while failures are free.
    pub fn note_failure(&self, door: Door, facts: &PeerFacts) -> u64 {
        let now = micros(facts.now_ns);
        let networks = Networks::of(facts.address);
        let longest = self.doors.rules(door).waits().map(|(waits, network)| {
            let most = (waits.free + COUNTED) * waits.forget;
            let failures = self.note(&network(&self.table, &waits.failures, &networks), now, |debt| {
                Ok((debt + waits.forget).min(most))
            });
            let wait = waits.wait(failures.div_ceil(waits.forget));
            if wait > 0 {
                self.note(&network(&self.table, &waits.blocked, &networks), now, |blocked| Ok(blocked.max(wait)));
            }
            wait
        });
        seconds(longest.into_iter().max().unwrap_or(0))
    }

    /// A try succeeded.
    pub fn note_success(&self, door: Door, facts: &PeerFacts) {
        let (now, networks) = (micros(facts.now_ns), Networks::of(facts.address));
        for (waits, network) in self.doors.rules(door).waits() {
            let free = waits.free * waits.forget;
            self.note(&network(&self.table, &waits.failures, &networks), now, |debt| match debt {
                0 => Err(0),
                debt if debt > free => Err(debt),
                debt => Ok(debt.saturating_sub(waits.forget)),
            });
        }
    }

    fn note(&self, probe: &Probe<'_>, now: Micros, next: impl Fn(Micros) -> Result<Micros, Micros>) -> Micros {
        let (place, _) = self.locate(probe, now);
        match self.table.update(place, now, &next) {
            Charge::Taken(debt) | Charge::Refused(debt) => debt,
            Charge::Full => {
                let (place, _) = self.locate(probe, now);
                match self.table.update(place, now, &next) {
                    Charge::Taken(debt) | Charge::Refused(debt) => debt,
                    Charge::Full => 0,
                }
            }
        }
    }

    /// Whether failures of this address are being waited out; for the console.
    pub fn waits(&self, door: Door, address: IpAddr, now_ns: u64) -> bool {
        let (now, networks) = (micros(now_ns), Networks::of(address));
        let mut waits = self.doors.rules(door).waits().into_iter();
        waits.any(|(waits, network)| self.locate(&network(&self.table, &waits.blocked, &networks), now).1 > 0)
    }
}

impl Waits {
    /// The wait after so many failures: none for the free ones, then the first, doubled with each.
    fn wait(&self, failures: u64) -> Micros {
        match failures.checked_sub(self.free + 1) {
            None => 0,
            Some(doublings) => {
                let doubled =
                    u32::try_from(doublings).ok().and_then(|by| self.first.checked_mul(1u64.checked_shl(by)?));
                doubled.unwrap_or(self.longest).min(self.longest)
            }
        }
    }
}

type ToProbe = for<'a> fn(&Table, &'a Rule, &'a Networks) -> Probe<'a>;

impl Rules {
    fn waits(&self) -> [(Waits, ToProbe); 2] {
        [(self.address_waits, |t, r, n| Probe::address(t, r, n)), (self.subnet_waits, |t, r, n| Probe::subnet(t, r, n))]
    }
}

impl Doors {
    pub fn new(config: &LimitsConfig) -> Doors {
        let names = [
            [
                ("sign-in-address", "limit-sign-in-address"),
                ("sign-in-subnet", "limit-sign-in-subnet"),
                ("sign-in", "limit-sign-in"),
            ],
            [
                ("sign-up-address", "limit-sign-up-address"),
                ("sign-up-subnet", "limit-sign-up-subnet"),
                ("sign-up", "limit-sign-up"),
            ],
            [
                ("token-address", "limit-token-address"),
                ("token-subnet", "limit-token-subnet"),
                ("token", "limit-token"),
            ],
        ];
        let [sign_in, sign_up, token] = names;
        Doors {
            sign_in: rules(&config.sign_in, 0x10, sign_in),
            sign_up: rules(&config.sign_up, 0x20, sign_up),
            token: rules(&config.token, 0x30, token),
        }
    }

    fn rules(&self, door: Door) -> &Rules {
        match door {
            Door::SignIn => &self.sign_in,
            Door::SignUp => &self.sign_up,
            Door::Token => &self.token,
        }
    }
}

fn rules(config: &DoorConfig, base: u8, names: [(&'static str, &'static str); 3]) -> Rules {
    let rule = |at: u8, (name, code): (&'static str, &'static str), rate: Rate| Rule {
        name,
        code,
        dimension: base + at,
        class: 0,
        rate,
        limit: rate.limit(),
    };
    let [address, subnet, total] = names;
    let waits = |at: u8, free: u32| {
        let counter = |at: u8| Rule {
            limit: Limit { interval: 1, tolerance: 0 },
            ..rule(at, ("failures", "limit-failures"), config.address)
        };
        Waits {
            failures: counter(at),
            blocked: counter(at + 1),
            free: u64::from(free),
            forget: u64::from(config.forget) * 1_000_000,
            first: u64::from(config.wait) * 1_000_000,
            longest: u64::from(config.longest_wait) * 1_000_000,
        }
    };
    Rules {
        address: rule(1, address, config.address),
        subnet: rule(2, subnet, config.subnet),
        total: rule(3, total, config.total),
        address_waits: waits(4, config.failures_per_address),
        subnet_waits: waits(6, config.failures_per_subnet),
    }
}

#[cfg(test)]
mod tests;
