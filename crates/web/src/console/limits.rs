//! Limits and blocks: which rates hold, what is tighter at present, who is refused, and until when.

#![expect(clippy::needless_pass_by_value, reason = "what is handed over is done with")]

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use testudo_access::Permission;
use testudo_core::{Action, BlockTarget};

use super::Console;
use super::acts;
use super::desk::{Answer, Desk};
use super::disclosure::visible;
use super::house::{Act, Measure, RateLine, Secret};
use super::layout::Layout;
use super::when::When;
use crate::form::LARGEST;

#[derive(Template)]
#[template(path = "console/limits.html")]
struct Page {
    layout: Layout,
    measures: Vec<Line>,
    rates: Vec<RateLine>,
    may_block: bool,
    may_reveal: bool,
}

struct Line {
    id: String,
    name: &'static str,
    target: String,
    masked: bool,
    revealed: bool,
    how: String,
    until: Option<When>,
    reason: String,
    incident: Option<String>,
}

pub(crate) async fn show(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::LimitsRead).await?;
    let page = page(&desk, None);
    Ok(desk.page(&page))
}

/// The page, with the target of one measure in full.
fn page(desk: &Desk, revealed: Option<(&str, String)>) -> Page {
    let line = |measure: Measure| {
        let full = revealed.as_ref().filter(|(id, _)| *id == &*measure.id).map(|(_, text)| visible(text));
        Line {
            revealed: full.is_some(),
            target: full.unwrap_or_else(|| visible(&measure.target)),
            id: measure.id.to_string(),
            name: measure.name,
            masked: measure.masked,
            how: visible(&measure.how),
            until: measure.until.map(When::minute),
            reason: visible(&measure.reason),
            incident: measure.incident.map(|incident| incident.to_string()),
        }
    };
    Page {
        layout: desk.layout("Limits and blocks", "/limits"),
        measures: desk.console.house.measures().into_iter().take(500).map(line).collect(),
        rates: desk.console.house.rates().into_iter().map(rate).collect(),
        may_block: desk.may(Permission::BlocksWrite),
        may_reveal: desk.may(Permission::Reveal),
    }
}

fn rate(line: RateLine) -> RateLine {
    RateLine { by: visible(&line.by), rate: visible(&line.rate), key: visible(&line.key) }
}

/// Shows whom a measure hits.
pub(crate) async fn reveal(State(console): State<Console>, request: Request) -> Answer {
    let (desk, form) = Desk::posted(&console, request, Permission::Reveal, "/limits", LARGEST).await?;
    let reason = acts::reason(&desk, &form)?;
    let id = form.text("measure");
    let shown = desk.unmask(Secret::Measure(id.into()), &reason).await?;
    let shown = shown.map_err(|error| desk.trouble(&error))?;
    let page = page(&desk, Some((id, shown)));
    Ok(desk.page(&page))
}

#[derive(Template)]
#[template(path = "console/block.html")]
struct BlockPage {
    layout: Layout,
    fault: Option<String>,
    network: String,
    hours: String,
    reason: String,
}

pub(crate) async fn new_block(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::BlocksWrite).await?;
    if !desk.is_fresh() {
        return Err(desk.confirm("/limits/block"));
    }
    let page = BlockPage {
        layout: desk.layout("Block a network", "/limits"),
        fault: None,
        network: String::new(),
        hours: "24".to_owned(),
        reason: String::new(),
    };
    Ok(desk.page(&page))
}

pub(crate) async fn block(State(console): State<Console>, request: Request) -> Answer {
    let (desk, form) = Desk::posted(&console, request, Permission::BlocksWrite, "/limits/block", LARGEST).await?;
    if !desk.is_fresh() {
        return Err(desk.confirm("/limits/block"));
    }
    let fault = match read(form.text("network"), form.text("hours"), form.text("reason")) {
        Ok((action, reason)) => match desk.perform(Act::Perform(action), Permission::BlocksWrite, &reason).await? {
            Ok(()) => return Ok(desk.visit.see("/limits?done=blocked")),
            Err(error) => error.to_string(),
        },
        Err(fault) => fault.to_owned(),
    };
    let typed = |name: &str| form.text(name).chars().take(200).collect::<String>();
    let page = BlockPage {
        layout: desk.layout("Block a network", "/limits"),
        fault: Some(crate::problem::sentence(&fault)),
        network: typed("network"),
        hours: typed("hours"),
        reason: typed("reason"),
    };
    Ok(desk.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// The longest block: 400 days.
const LONGEST_HOURS: u64 = 9_600;

fn read(network: &str, hours: &str, reason: &str) -> Result<(Action, String), &'static str> {
    let network = network.trim();
    let whole = |address: std::net::IpAddr| {
        let length = if address.is_ipv4() { 32 } else { 128 };
        ipnet::IpNet::new(address, length).ok()
    };
    let network = network
        .parse::<ipnet::IpNet>()
        .ok()
        .or_else(|| network.parse().ok().and_then(whole))
        .ok_or("write an address or a network, such as 203.0.113.0/24 or 2001:db8::/48")?;
    let narrow = match network {
        ipnet::IpNet::V4(network) => network.prefix_len() >= 8,
        ipnet::IpNet::V6(network) => network.prefix_len() >= 19,
    };
    if !narrow {
        return Err("this network is too wide to be blocked from here; block its parts");
    }
    if network.contains(&std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST))
        || network.contains(&std::net::IpAddr::V6(std::net::Ipv6Addr::LOCALHOST))
    {
        return Err("this would block the machine itself, with its health checks");
    }
    let hours: u64 = hours
        .trim()
        .parse()
        .ok()
        .filter(|hours| (1..=LONGEST_HOURS).contains(hours))
        .ok_or("the time is 1 to 9600 hours")?;
    let reason = acts::valid(reason).ok_or("write a reason of 1 to 200 characters, without personal data")?;
    let duration = std::time::Duration::from_secs(hours * 3_600);
    Ok((Action::Block { target: BlockTarget::Network(network.trunc()), duration }, reason))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_block_is_read_strictly() {
        let (action, reason) = read(" 203.0.113.7 ", "24", "stuffing").unwrap();
        let target = BlockTarget::Network("203.0.113.7/32".parse().unwrap());
        assert_eq!(action, Action::Block { target, duration: std::time::Duration::from_hours(24) });
        assert_eq!(reason, "stuffing");
        assert!(read("2001:db8::1/48", "1", "x").is_ok());
        for (network, hours, reason) in [
            ("example.org", "1", "x"),
            ("0.0.0.0/0", "1", "x"),
            ("::/0", "1", "x"),
            ("127.0.0.0/8", "1", "x"),
            ("203.0.113.7", "0", "x"),
            ("203.0.113.7", "9601", "x"),
            ("203.0.113.7", "1", ""),
        ] {
            assert!(read(network, hours, reason).is_err(), "{network} {hours} {reason}");
        }
    }
}
