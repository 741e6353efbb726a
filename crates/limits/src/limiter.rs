//! The limiter: which limits apply to a peer and to a caller, asked and charged together.
//!
//! A request is charged only if every limit admits it: what one limit refuses costs nothing in the others.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use testudo_core::{ClientId, DeviceId, PersonId};

use crate::answer::{Answer, RateState, Rule};
use crate::config::{LimitsConfig, LimitsError};
use crate::flight::{Flights, Load};
use crate::network::{Key, Networks, Prefix};
use crate::rate::{Limit, Micros, Setting};
use crate::strict::Doors;
use crate::table::{Charge, Place, Table};
use crate::tighten::{Share, Tightened};

/// What is known of a peer before its request is read.
#[derive(Clone, Copy, Debug)]
pub struct PeerFacts {
    /// The client's address, after trusted proxies.
    pub address: IpAddr,
    /// Nanoseconds of a clock that never goes back.
    pub now_ns: u64,
}

/// What is known of a caller once its token is verified and its route is found.
#[derive(Clone, Copy, Debug)]
pub struct CallerFacts<'a> {
    /// The client's address, after trusted proxies.
    pub address: IpAddr,
    /// The person, unless it is a stranger on a public route.
    pub person: Option<PersonId>,
    /// The OAuth client.
    pub client: Option<&'a ClientId>,
    /// The device that the token is bound to.
    pub device: Option<DeviceId>,
    /// The route's number in the contract.
    pub route: Option<u32>,
    /// The template of the route's path, for limits that are tightened by it.
    pub template: Option<&'a str>,
    /// The route's class, from [`Limiter::route_class`].
    pub class: RouteClass,
    /// Nanoseconds of a clock that never goes back.
    pub now_ns: u64,
}

/// Which limits a route has: the general ones, or those of an override. Looked up once, when routes are loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RouteClass(u16);

/// All limits, in a table of fixed size that all workers share.
#[derive(Debug)]
pub struct Limiter {
    pub(crate) table: Arc<Table>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) load: Arc<Load>,
    pub(crate) doors: Doors,
    pub(crate) tightened: Arc<Tightened>,
    exempt: Box<[IpNet]>,
    address: Option<Rule>,
    subnet: Option<Rule>,
    client: Option<Rule>,
    device: Option<Rule>,
    person: Option<Rule>,
    /// The general class first.
    classes: Box<[Class]>,
    overrides: Box<[(Box<str>, RouteClass)]>,
}

#[derive(Clone, Copy, Debug)]
struct Class {
    address: Option<Rule>,
    person: Option<Rule>,
    total: Option<Rule>,
}

impl Limiter {
    /// A limiter with its own table. The secret is random and new at each start.
    pub fn new(config: &LimitsConfig, secret: [u8; 16]) -> Result<Limiter, LimitsError> {
        let table = Arc::new(Table::new(usize::try_from(config.slots).unwrap_or(usize::MAX), &secret));
        let (flights, load) = (Arc::new(Flights::new(&secret)), Arc::new(Load::new(&config.in_flight)));
        Limiter::over(config, table, flights, load, Arc::default())
    }

    /// The same limiter under a new configuration: debts, requests in flight and what is tightened stay. The number of slots is that of
    /// the start.
    pub fn reconfigured(&self, config: &LimitsConfig) -> Result<Limiter, LimitsError> {
        let load = Arc::clone(&self.load);
        let (table, flights) = (Arc::clone(&self.table), Arc::clone(&self.flights));
        let next = Limiter::over(config, table, flights, load, Arc::clone(&self.tightened))?;
        next.load.reconfigure(&config.in_flight);
        Ok(next)
    }

    fn over(
        config: &LimitsConfig,
        table: Arc<Table>,
        flights: Arc<Flights>,
        load: Arc<Load>,
        tightened: Arc<Tightened>,
    ) -> Result<Limiter, LimitsError> {
        config.validate()?;
        let general = Class {
            address: None,
            person: rule("person-route", "limit-person-route", 7, 0, config.person_route),
            total: rule("route", "limit-route", 6, 0, config.route),
        };
        let (mut classes, mut overrides) = (vec![general], Vec::new());
        for (item, number) in config.routes.iter().zip(1u16..) {
            classes.push(Class {
                address: item
                    .address
                    .and_then(|setting| rule("address-route", "limit-address-route", 8, number, setting)),
                person: match item.person {
                    Some(setting) => rule("person-route", "limit-person-route", 7, number, setting),
                    None => general.person,
                },
                total: match item.total {
                    Some(setting) => rule("route", "limit-route", 6, number, setting),
                    None => general.total,
                },
            });
            overrides.push((item.route.as_str().into(), RouteClass(number)));
        }
        Ok(Limiter {
            table,
            flights,
            load,
            doors: Doors::new(config),
            tightened,
            exempt: config.exempt.as_slice().into(),
            address: rule("address", "limit-address", 1, 0, config.address),
            subnet: rule("subnet", "limit-subnet", 2, 0, config.subnet),
            person: rule("person", "limit-person", 3, 0, config.person),
            client: rule("client", "limit-client", 4, 0, config.client),
            device: rule("device", "limit-device", 5, 0, config.device),
            classes: classes.into(),
            overrides: overrides.into(),
        })
    }

    /// The class of a route: an override for its method (HEAD counts as GET) before one for every method, else the
    /// general limits.
    pub fn route_class(&self, method: &str, template: &str) -> RouteClass {
        let class_of = |method: &str| {
            let named = |route: &str| route.split_once(' ') == Some((method, template));
            self.overrides.iter().find(|(route, _)| named(route)).map(|(_, class)| *class)
        };
        let get = || if method == "HEAD" { class_of("GET") } else { None };
        class_of(method).or_else(get).or_else(|| class_of("*")).unwrap_or_default()
    }

    /// The overrides that name none of the given routes (method, template): mistakes in the configuration.
    pub fn unmatched_overrides<'a>(&'a self, routes: &[(&str, &str)]) -> Vec<&'a str> {
        let matches = |route: &str| {
            let Some((method, template)) = route.split_once(' ') else { return false };
            routes.iter().any(|(known, path)| *path == template && (method == "*" || method == *known))
        };
        self.overrides.iter().map(|(route, _)| &**route).filter(|route| !matches(route)).collect()
    }

    /// May this address send a request now? By address and subnet.
    pub fn admit_peer(&self, facts: &PeerFacts) -> Answer {
        if self.exempts(facts.address) {
            return Answer::allow(None);
        }
        let networks = Networks::of(facts.address);
        let own = self.tightened.allowed(facts.address, None, facts.now_ns).own;
        let probes = [
            self.address.as_ref().map(|rule| Probe::address(&self.table, rule, &networks).at(own)),
            self.subnet.as_ref().map(|rule| Probe::subnet(&self.table, rule, &networks).at(own)),
        ];
        self.decide(&probes, micros(facts.now_ns))
    }

    /// May this caller send a request to this route now? By person, client, device, route, and person and route.
    /// Turns away the least known callers first while the node is overloaded.
    pub fn admit_caller(&self, facts: &CallerFacts<'_>) -> Answer {
        if let Some(answer) = self.load.shed(facts.person.is_some(), facts.device.is_some()) {
            return answer;
        }
        let person = facts.person.map(PersonId::to_bytes);
        let device = facts.device.map(DeviceId::to_bytes);
        let route = facts.route.map(u32::to_be_bytes);
        let Some(class) = self.classes.get(usize::from(facts.class.0)).or(self.classes.first()) else {
            return Answer::allow(None);
        };
        let person = person.as_ref().map(<[u8; 16]>::as_slice);
        let device = device.as_ref().map(<[u8; 16]>::as_slice);
        let route = route.as_ref().map(<[u8; 4]>::as_slice);
        let table = &self.table;
        let allowed = self.tightened.allowed(facts.address, facts.template, facts.now_ns);
        let networks;
        let by_address = match (&class.address, route) {
            (Some(rule), Some(route)) if !self.exempts(facts.address) => {
                networks = Networks::of(facts.address);
                let probe = Probe::of(table, rule, &[networks.address.bytes(), route]).within(&networks);
                Some(probe.at(allowed.own_on_route))
            }
            _ => None,
        };
        let probes = [
            by(table, self.person.as_ref(), person, allowed.own),
            by(table, self.client.as_ref(), facts.client.map(|client| client.as_str().as_bytes()), allowed.everyone),
            by(table, self.device.as_ref(), device, allowed.own),
            by(table, class.total.as_ref(), route, allowed.route),
            class
                .person
                .as_ref()
                .and_then(|rule| Some(Probe::of(table, rule, &[person?, route?]).at(allowed.own_on_route))),
            by_address,
        ];
        self.decide(&probes, micros(facts.now_ns))
    }

    /// What is tightened for a time; the same for all limiters that come of this one.
    pub fn tightened(&self) -> &Arc<Tightened> {
        &self.tightened
    }

    /// Frees what is over. Call it now and then, at least once in 180 days.
    pub fn sweep(&self, now_ns: u64) {
        self.table.sweep(micros(now_ns));
    }

    /// The size of all tables in bytes. It never changes.
    pub fn table_bytes(&self) -> usize {
        self.table.bytes() + self.flights.bytes()
    }

    pub(crate) fn exempts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.exempt.iter().any(|network| network.contains(&address))
    }

    /// Asks all limits, then charges all, or none.
    pub(crate) fn decide(&self, probes: &[Option<Probe<'_>>], now: Micros) -> Answer {
        let mut refused: Option<(&Probe<'_>, Micros)> = None;
        let mut places = [None; MOST_PROBES];
        self.table.touch(probes.iter().flatten().map(|probe| probe.hash));
        for (probe, kept) in probes.iter().zip(&mut places) {
            let Some(probe) = probe else { continue };
            let (place, debt) = self.locate(probe, now);
            *kept = Some(place);
            let wait = |limit: Limit, debt: Micros| debt.saturating_sub(limit.tolerance);
            let limit = probe.limit();
            let debt = debt.min(limit.span());
            if wait(limit, debt) > refused.map_or(0, |(probe, debt)| wait(probe.limit(), debt)) {
                refused = Some((probe, debt));
            }
        }
        if let Some((probe, debt)) = refused {
            return Answer::refuse(probe.rule, probe.share, debt);
        }
        let mut tightest: Option<RateState> = None;
        for (probe, place) in probes.iter().zip(places) {
            let (Some(probe), Some(place)) = (probe, place) else { continue };
            let limit = probe.limit();
            match self.charge(probe, limit, place, now) {
                Charge::Taken(debt) => {
                    let state = probe.rule.state(limit, debt);
                    tightest = Some(tightest.map_or(state, |tightest| tightest.tighter(state)));
                }
                Charge::Refused(debt) => return Answer::refuse(probe.rule, probe.share, debt.min(limit.span())),
                Charge::Full => return Answer::refuse(probe.rule, probe.share, limit.span()),
            }
        }
        Answer::allow(tightest)
    }

    /// The place of the first key that has one: its own slot, those of wider networks, the shared cell.
    pub(crate) fn locate(&self, probe: &Probe<'_>, now: Micros) -> (Place, Micros) {
        let own = self.table.slot(probe.hash);
        if let Some(debt) = self.table.debt(own, now) {
            return (own, debt);
        }
        for prefix in probe.wider.into_iter().flatten() {
            let place = self.table.slot(Probe::of(&self.table, probe.rule, &[prefix.bytes()]).hash);
            if let Some(debt) = self.table.debt(place, now) {
                return (place, debt);
            }
        }
        let cell = probe.cell(&self.table);
        (cell, self.table.debt(cell, now).unwrap_or(Micros::MAX))
    }

    fn charge(&self, probe: &Probe<'_>, limit: Limit, place: Place, now: Micros) -> Charge {
        match self.table.charge(place, limit, now) {
            // Others filled the line since it was asked: the cell is always there.
            Charge::Full => self.table.charge(probe.cell(&self.table), limit, now),
            charge => charge,
        }
    }
}

const MOST_PROBES: usize = 8;

/// One limit for one subject.
pub(crate) struct Probe<'a> {
    pub rule: &'a Rule,
    /// How much of it is allowed.
    share: Share,
    hash: u64,
    /// What it counts as when there is no slot for it.
    wider: [Option<&'a Prefix>; 2],
    /// What chooses its cell; nothing: itself.
    region: Option<&'a Prefix>,
}

impl<'a> Probe<'a> {
    pub fn of(table: &Table, rule: &'a Rule, parts: &[&[u8]]) -> Probe<'a> {
        let hash = table.hash(Key::new(rule.dimension, rule.class, parts).as_bytes());
        Probe { rule, share: Share::ALL, hash, wider: [None; 2], region: None }
    }

    /// The same with a share of the limit.
    pub fn at(self, share: Share) -> Probe<'a> {
        Probe { share, ..self }
    }

    fn limit(&self) -> Limit {
        self.share.of(self.rule.limit)
    }

    pub fn address(table: &Table, rule: &'a Rule, networks: &'a Networks) -> Probe<'a> {
        Probe::of(table, rule, &[networks.address.bytes()]).within(networks)
    }

    fn within(self, networks: &'a Networks) -> Probe<'a> {
        Probe { wider: [networks.wider.as_ref(), Some(&networks.subnet)], region: Some(&networks.region), ..self }
    }

    pub fn subnet(table: &Table, rule: &'a Rule, networks: &'a Networks) -> Probe<'a> {
        Probe { region: Some(&networks.region), ..Probe::of(table, rule, &[networks.subnet.bytes()]) }
    }

    fn cell(&self, table: &Table) -> Place {
        match self.region {
            Some(region) => table.cell(Probe::of(table, self.rule, &[region.bytes()]).hash),
            None => table.cell(self.hash),
        }
    }
}

fn by<'a>(table: &Table, rule: Option<&'a Rule>, part: Option<&[u8]>, share: Share) -> Option<Probe<'a>> {
    Some(Probe::of(table, rule?, &[part?]).at(share))
}

fn rule(name: &'static str, code: &'static str, dimension: u8, class: u16, setting: Setting) -> Option<Rule> {
    setting.rate().map(|rate| Rule { name, code, dimension, class, rate, limit: rate.limit() })
}

pub(crate) fn micros(nanos: u64) -> Micros {
    nanos / 1000
}

#[cfg(test)]
mod tests;
