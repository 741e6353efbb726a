//! What is limited, and how strictly, when the configuration says nothing.

use std::num::NonZeroU32;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::rate::{Rate, Setting};

/// The `[limits]` table of the configuration. Unknown keys are refused.
///
/// Many phones share one IPv4 address behind their carrier's translation, so that the limits by address are wide and
/// those by person and device narrow.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LimitsConfig {
    /// Slots of the table, 8 bytes each, rounded up to a power of two from 1,024 to 67,108,864.
    pub slots: u32,
    /// By IPv4 address or IPv6 /64.
    pub address: Setting,
    /// By IPv4 /24 or IPv6 /48.
    pub subnet: Setting,
    /// By person.
    pub person: Setting,
    /// By OAuth client.
    pub client: Setting,
    /// By device.
    pub device: Setting,
    /// By route, for all callers together.
    pub route: Setting,
    /// By person and route.
    pub person_route: Setting,
    /// Networks without limits by address and subnet, such as one's own health checks.
    pub exempt: Vec<IpNet>,
    /// Stricter or wider limits for some routes.
    pub routes: Vec<RouteOverride>,
    /// Sign-in.
    pub sign_in: DoorConfig,
    /// Sign-up.
    pub sign_up: DoorConfig,
    /// The token endpoint.
    pub token: DoorConfig,
    /// Requests at the same time.
    pub in_flight: InFlightConfig,
}

/// Limits of one route that replace the general ones.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RouteOverride {
    /// The route as `METHOD TEMPLATE`, such as `POST /transfers/{id}`; `*` stands for every method.
    pub route: String,
    /// By IPv4 address or IPv6 /64, for this route only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Setting>,
    /// By person; replaces `person-route`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Setting>,
    /// All callers together; replaces `route`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Setting>,
}

/// Limits of a door that guessers try: sign-in, sign-up, tokens. Failures of one account are counted by identity.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DoorConfig {
    /// Tries by IPv4 address or IPv6 /64.
    pub address: Rate,
    /// Tries by IPv4 /24 or IPv6 /48.
    pub subnet: Rate,
    /// Tries of all together, on this node.
    pub total: Rate,
    /// Failures of an address before it must wait.
    pub failures_per_address: u32,
    /// Failures of a subnet before it must wait.
    pub failures_per_subnet: u32,
    /// The first wait in seconds; it doubles with each failure.
    pub wait: u32,
    /// The longest wait in seconds.
    pub longest_wait: u32,
    /// Seconds after which one failure is forgotten.
    pub forget: u32,
}

/// How many requests may be in work at the same time, on this node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct InFlightConfig {
    /// Of one address (IPv4 address or IPv6 /64).
    pub address: NonZeroU32,
    /// Of one person.
    pub person: NonZeroU32,
    /// Of all. Strangers are turned away from 80 % of it, people without a bound device from 90 %.
    pub total: NonZeroU32,
    /// Milliseconds that work may wait for a worker before strangers are turned away.
    pub queue_delay_ms: u32,
}

/// Why limits can't be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LimitsError {
    /// An override names no route.
    #[error("`{0}` is not a route; write the method and the template, such as `POST /transfers/{{id}}`")]
    Route(String),
    /// Two overrides for one route.
    #[error("`{0}` has limits twice; join them")]
    Twice(String),
    /// Too many overrides.
    #[error("more than 1000 routes have limits of their own; use templates or the general limits")]
    Routes,
    /// Too many exempt networks.
    #[error("more than 64 networks are exempt; join them")]
    Exempt,
    /// A door's waits don't fit.
    #[error("the waits of `{0}` must be from 1 to 86400 seconds, and `longest-wait` at least `wait`")]
    Wait(&'static str),
    /// A door's failures don't fit.
    #[error("the failures of `{0}` must be from 1 to 200, and each be forgotten after 1 to 3600 seconds")]
    Failures(&'static str),
}

impl LimitsConfig {
    /// Checks what types can't say.
    pub fn validate(&self) -> Result<(), LimitsError> {
        if self.routes.len() > 1000 {
            return Err(LimitsError::Routes);
        }
        if self.exempt.len() > 64 {
            return Err(LimitsError::Exempt);
        }
        for (index, item) in self.routes.iter().enumerate() {
            let (method, template) = item.route.split_once(' ').unwrap_or_default();
            let known = method == "*" || (!method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase()));
            if !known || !template.starts_with('/') || template.contains(' ') {
                return Err(LimitsError::Route(item.route.chars().take(200).collect()));
            }
            if self.routes.iter().take(index).any(|other| other.route == item.route) {
                return Err(LimitsError::Twice(item.route.clone()));
            }
        }
        self.doors().into_iter().try_for_each(|(name, door)| door.validate(name))
    }

    /// The limits that are switched off, by their keys in the configuration; for `testudo check` and the console.
    pub fn switched_off(&self) -> Vec<String> {
        let general = [
            ("address", self.address),
            ("subnet", self.subnet),
            ("person", self.person),
            ("client", self.client),
            ("device", self.device),
            ("route", self.route),
            ("person-route", self.person_route),
        ];
        let general = general.into_iter().map(|(name, setting)| (name.to_owned(), Some(setting)));
        let routes = self.routes.iter().flat_map(|item| {
            [("address", item.address), ("person", item.person), ("total", item.total)]
                .map(|(name, setting)| (format!("routes `{}` {name}", item.route), setting))
        });
        general.chain(routes).filter(|(_, setting)| *setting == Some(Setting::Off)).map(|(name, _)| name).collect()
    }

    pub(crate) fn doors(&self) -> [(&'static str, &DoorConfig); 3] {
        [("sign-in", &self.sign_in), ("sign-up", &self.sign_up), ("token", &self.token)]
    }
}

impl DoorConfig {
    fn validate(&self, name: &'static str) -> Result<(), LimitsError> {
        let day = 1..=86_400;
        if !day.contains(&self.wait) || !day.contains(&self.longest_wait) || self.longest_wait < self.wait {
            return Err(LimitsError::Wait(name));
        }
        let failures = 1..=200;
        if !failures.contains(&self.failures_per_address)
            || !failures.contains(&self.failures_per_subnet)
            || !(1..=3600).contains(&self.forget)
        {
            return Err(LimitsError::Failures(name));
        }
        Ok(())
    }
}

impl InFlightConfig {
    pub(crate) fn queue_delay(&self) -> Duration {
        Duration::from_millis(u64::from(self.queue_delay_ms))
    }
}

impl Default for InFlightConfig {
    fn default() -> InFlightConfig {
        InFlightConfig {
            address: at_least_one(256),
            person: at_least_one(32),
            total: at_least_one(8192),
            queue_delay_ms: 20,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> LimitsConfig {
        LimitsConfig {
            slots: 1 << 20,
            address: on(100, 400),
            subnet: on(1000, 4000),
            person: on(20, 100),
            client: on(5000, 10_000),
            device: on(20, 100),
            route: on(2000, 4000),
            person_route: on(10, 40),
            exempt: Vec::new(),
            routes: Vec::new(),
            sign_in: DoorConfig {
                address: Rate::per_minute(30, 20),
                subnet: Rate::per_minute(200, 100),
                total: Rate::per_minute(3000, 300),
                failures_per_address: 10,
                failures_per_subnet: 50,
                wait: 1,
                longest_wait: 900,
                forget: 60,
            },
            sign_up: DoorConfig {
                address: Rate::per_minute(6, 10),
                subnet: Rate::per_minute(30, 30),
                total: Rate::per_minute(600, 100),
                failures_per_address: 10,
                failures_per_subnet: 50,
                wait: 2,
                longest_wait: 900,
                forget: 60,
            },
            token: DoorConfig {
                address: Rate::per_minute(600, 100),
                subnet: Rate::per_minute(6000, 1000),
                total: Rate::per_minute(120_000, 4000),
                failures_per_address: 20,
                failures_per_subnet: 200,
                wait: 1,
                longest_wait: 300,
                forget: 30,
            },
            in_flight: InFlightConfig::default(),
        }
    }
}

const fn on(per_second: u64, burst: u64) -> Setting {
    Setting::On(Rate::per_second(per_second, burst))
}

const fn at_least_one(value: u32) -> NonZeroU32 {
    match NonZeroU32::new(value) {
        Some(value) => value,
        None => NonZeroU32::MIN,
    }
}

#[cfg(test)]
mod tests;
