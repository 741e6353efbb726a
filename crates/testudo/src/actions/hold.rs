//! Actions that hold for a time and for many: blocked networks, tightened limits, routes that may only be read. What is
//! in force already is not announced again, and what is over needs no undoing.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use testudo_core::{Actor, Event, EventKind, LimitTarget, Timestamp};
use testudo_identity::Context;
use testudo_limits::canonical;

use super::ActionError;
use crate::node::Node;
use crate::standing::{Held, RoutePath};

/// The longest that anything is held: 400 days.
pub const LONGEST: Duration = Duration::from_hours(400 * 24);

/// Who acts, why, and in which context.
#[derive(Clone, Copy)]
pub(super) struct Cause<'a> {
    pub by: &'a Actor,
    pub reason: &'a str,
    pub ctx: &'a Context,
}

impl Cause<'_> {
    pub fn event(self, kind: EventKind) -> Event {
        self.ctx.event(kind).by(self.by.clone()).detail("reason", self.reason)
    }

    fn until(self, duration: Duration) -> Result<Timestamp, ActionError> {
        if duration.is_zero() || duration > LONGEST {
            return Err(ActionError::Refused("an action holds for 1 second to 400 days".into()));
        }
        Ok(self.ctx.now.plus(duration))
    }
}

/// Whether what is in force lasts long enough already: the same again, a moment later, changes nothing.
fn lasts(held: Option<&Held>, until: Timestamp, duration: Duration) -> bool {
    let moment = (duration / 100).max(Duration::from_secs(1));
    held.is_some_and(|held| held.until.plus(moment) >= until)
}

impl Node {
    pub(super) async fn block(
        &self,
        network: IpNet,
        duration: Duration,
        confirmed: bool,
        cause: Cause<'_>,
    ) -> Result<(), ActionError> {
        let (network, until) = (canonical(network), cause.until(duration)?);
        if let Some(why) = self.hits_ourselves(network).filter(|_| !confirmed) {
            return Err(ActionError::Unconfirmed(why));
        }
        if lasts(self.standing.block_of(network).as_ref(), until, duration) {
            return Ok(());
        }
        let event = cause.event(EventKind::PeerBlocked).detail("until", until.micros().to_string());
        Ok(self.announce(event.personal("network", network.to_string())).await?)
    }

    pub(super) async fn unblock(&self, network: IpNet, cause: Cause<'_>) -> Result<(), ActionError> {
        let network = canonical(network);
        if self.standing.block_of(network).is_none() {
            return Ok(());
        }
        let event = cause.event(EventKind::PeerUnblocked).personal("network", network.to_string());
        Ok(self.announce(event).await?)
    }

    pub(super) async fn tighten(
        &self,
        target: LimitTarget,
        percent: u8,
        duration: Duration,
        cause: Cause<'_>,
    ) -> Result<(), ActionError> {
        if !(1..=99).contains(&percent) {
            return Err(ActionError::Refused("limits are tightened to 1 to 99 per cent of what is configured".into()));
        }
        let (target, until) = (self.limited(target)?, cause.until(duration)?);
        let now = self.standing.tightened_for(&target).filter(|limit| limit.percent == percent);
        if lasts(now.as_ref().map(|limit| &limit.held), until, duration) {
            return Ok(());
        }
        let event = cause.event(EventKind::LimitsTightened).detail("until", until.micros().to_string());
        Ok(self.announce(aimed(event, &target).detail("percent", percent.to_string())).await?)
    }

    pub(super) async fn restore(&self, target: LimitTarget, cause: Cause<'_>) -> Result<(), ActionError> {
        let target = match target {
            LimitTarget::Network(network) => LimitTarget::Network(canonical(network)),
            target => target,
        };
        if self.standing.tightened_for(&target).is_none() {
            return Ok(());
        }
        Ok(self.announce(aimed(cause.event(EventKind::LimitsRestored), &target)).await?)
    }

    pub(super) async fn restrict(&self, path: &str, duration: Duration, cause: Cause<'_>) -> Result<(), ActionError> {
        let (path, until) = (route_path(path)?, cause.until(duration)?);
        let leads = |template: &str| path.covers(template, template);
        let known = self.try_snapshot().is_none_or(|snapshot| {
            snapshot.contract.is_open() || snapshot.contract.routes().iter().any(|route| leads(&route.template))
        });
        if !known {
            return Err(ActionError::Refused(format!(
                "the API has no route at or below `{path}`; see its OpenAPI file"
            )));
        }
        if lasts(self.standing.restriction_of(&path).as_ref(), until, duration) {
            return Ok(());
        }
        let event = cause.event(EventKind::RoutesRestricted).detail("until", until.micros().to_string());
        Ok(self.announce(event.on(String::from(path))).await?)
    }

    pub(super) async fn release(&self, path: &str, cause: Cause<'_>) -> Result<(), ActionError> {
        let path = route_path(path)?;
        if self.standing.restriction_of(&path).is_none() {
            return Ok(());
        }
        Ok(self.announce(cause.event(EventKind::RoutesReleased).on(String::from(path))).await?)
    }

    /// Why blocking a network would hit what belongs to us; none if it does not.
    pub fn hits_ourselves(&self, network: IpNet) -> Option<String> {
        let network = canonical(network);
        let meets = |other: IpNet| {
            let other = canonical(other);
            other.contains(&network) || network.contains(&other)
        };
        let wide = if network.addr().is_ipv6() { 16 } else { 8 };
        let loopback = [IpNet::from(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)), loopback_v6().into()];
        let config = self.config();
        let what = if network.prefix_len() < wide {
            format!("it is wider than /{wide}, and most of its addresses are other people's")
        } else if loopback.into_iter().any(meets) {
            "it holds this machine's own address, where health checks and local tools come from".into()
        } else if config.server.trusted_proxies.iter().copied().any(meets) {
            "it holds a proxy of `server.trusted-proxies`; block the clients behind it by their own addresses".into()
        } else if config.limits.exempt.iter().copied().any(meets) {
            "it holds a network of `limits.exempt`".into()
        } else {
            return None;
        };
        Some(format!("`{network}` is not blocked without being confirmed: {what}"))
    }

    /// A target of limits that there is.
    fn limited(&self, target: LimitTarget) -> Result<LimitTarget, ActionError> {
        match target {
            LimitTarget::Everyone => Ok(LimitTarget::Everyone),
            LimitTarget::Network(network) => Ok(LimitTarget::Network(canonical(network))),
            LimitTarget::Route(template) => {
                let form = template.starts_with('/') && template.len() <= 512;
                let known = self
                    .try_snapshot()
                    .is_none_or(|snapshot| snapshot.contract.routes().iter().any(|route| *route.template == *template));
                if form && known {
                    return Ok(LimitTarget::Route(template));
                }
                let template: String = template.chars().take(128).collect();
                Err(ActionError::Refused(format!(
                    "the API has no route `{template}`; write its template as in the OpenAPI file, such as `/transfers/{{id}}`"
                )))
            }
        }
    }
}

fn loopback_v6() -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)
}

fn route_path(path: &str) -> Result<RoutePath, ActionError> {
    path.parse().map_err(|error| ActionError::Refused(format!("{error}")))
}

/// For whom limits are tightened, in an event: what names somebody goes to the personal part.
fn aimed(event: Event, target: &LimitTarget) -> Event {
    match target {
        LimitTarget::Everyone => event.on("everyone"),
        LimitTarget::Network(network) => event.on("network").personal("network", network.to_string()),
        LimitTarget::Route(template) => event.on(template.to_string()),
    }
}
