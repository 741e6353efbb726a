//! Why was this request decided so? The event of a request with its control, reason and remedy, and what else happened in
//! and because of it.

use std::borrow::Cow;

use askama::Template;
use axum::extract::{Path, Request, State};
use testudo_access::Permission;
use testudo_core::{Control, EventKind, Forward, Gate, Outcome, RequestId};
use testudo_store::{Entry, JournalFilter};

use super::Console;
use super::desk::{Answer, Desk};
use super::finder;
use super::layout::Layout;
use super::query::EventQuery;
use super::refusals::{self, Explained};
use super::row::Row;

/// Alerts after the request that are looked through for it.
const ALERTS: usize = 200;

#[derive(Template)]
#[template(path = "console/request.html")]
struct Page {
    layout: Layout,
    id: String,
    verdict: Option<Verdict>,
    events: Vec<Row>,
    alerts: Vec<Row>,
}

struct Verdict {
    refused: bool,
    observed: bool,
    row: Row,
    control: &'static str,
    code: String,
    explained: Option<&'static Explained>,
    controls: Vec<Bit>,
    others: Vec<String>,
    firewall: Vec<Finding>,
    score: String,
}

/// What a rule of the firewall found.
struct Finding {
    rule: String,
    says: String,
}

/// What a control answered.
struct Bit {
    name: &'static str,
    state: &'static str,
    class: &'static str,
}

#[derive(Template)]
#[template(path = "console/request_find.html")]
struct FindPage {
    layout: Layout,
    fault: Option<&'static str>,
    refused: Vec<Row>,
}

/// Asks for the id of a request, and offers the last refusals.
pub(crate) async fn find(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::AuditRead).await?;
    let given = desk.visit.param("id").filter(|id| !id.trim().is_empty());
    let fault = match given.as_deref().map(|id| id.trim().parse::<RequestId>()) {
        Some(Ok(id)) => return Ok(desk.visit.see(&format!("/requests/{id}"))),
        Some(Err(_)) => {
            Some("That is no id of a request. It begins with req_ and stands in the header Testudo-Request.")
        }
        None => None,
    };
    let query = EventQuery { outcome: Some(Outcome::Failure), ..EventQuery::default() };
    let found = finder::find(console.store(), &query, 10).await.map_err(|error| desk.unread(error))?;
    let refused = found.entries.iter().filter(|entry| entry.plain.request.is_some()).map(Row::of).collect();
    let page = FindPage { layout: desk.layout("Why was this refused?", "/events"), fault, refused };
    Ok(desk.page(&page))
}

pub(crate) async fn show(State(console): State<Console>, Path(id): Path<String>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::AuditRead).await?;
    let Ok(id) = id.parse::<RequestId>() else { return Err(desk.missing("request")) };
    let query = EventQuery { request: Some(id), ..EventQuery::default() };
    let found = finder::find(console.store(), &query, 50).await.map_err(|error| desk.unread(error))?;
    let entries = found.entries;
    let decided = entries
        .iter()
        .find(|entry| entry.plain.kind == EventKind::RequestDecided)
        .or_else(|| entries.iter().find(|entry| entry.plain.outcome == Outcome::Failure))
        .or_else(|| entries.first());
    let alerts = match entries.iter().map(|entry| entry.seq).min() {
        Some(first) => alerts(&console, &entries, first).await.map_err(|error| desk.unread(error))?,
        None => Vec::new(),
    };
    let page = Page {
        layout: desk.layout("Why was this decided so?", "/events"),
        id: id.to_string(),
        verdict: decided.map(verdict),
        events: entries.iter().rev().map(Row::of).collect(),
        alerts,
    };
    Ok(desk.page(&page))
}

fn verdict(entry: &Entry) -> Verdict {
    let plain = &entry.plain;
    let refused = plain.outcome == Outcome::Failure;
    let observed = plain.details.contains_key("observed");
    let listed = |name: &str| -> Vec<Control> {
        let text = plain.details.get(name).map(String::as_str).unwrap_or_default();
        text.split(' ').filter_map(|name| Control::ALL.iter().copied().find(|known| known.name() == name)).collect()
    };
    let (evaluated, missing) = (listed("evaluated"), listed("missing"));
    let bit = |control: &Control| {
        let decided = plain.control == Some(*control) && (refused || observed);
        let forward = Forward::MINIMUM.contains(*control);
        let (state, class) = match () {
            () if decided => (if observed { "would refuse" } else { "refused" }, "refused"),
            () if missing.contains(control) => ("gave no answer", "missing"),
            () if evaluated.contains(control) => ("passed", "allowed"),
            // What was allowed had the answer of every control that the gate asks for.
            () if !refused && !observed && forward => ("passed", "allowed"),
            () if forward && evaluated.is_empty() => ("not known", "unknown"),
            () if forward => ("not asked any more", "unknown"),
            () => return None,
        };
        Some(Bit { name: control.name(), state, class })
    };
    let request = plain.kind == EventKind::RequestDecided;
    let finding = |(name, says): (&Cow<'static, str>, &String)| {
        let rule = name.strip_prefix("waf-").filter(|rule| rule.bytes().all(|byte| byte.is_ascii_digit()))?;
        Some(Finding { rule: rule.to_owned(), says: super::disclosure::visible(says) })
    };
    Verdict {
        refused,
        observed,
        row: Row::of(entry),
        control: plain.control.map_or("", Control::name),
        code: plain.code.as_deref().map(super::disclosure::visible).unwrap_or_default(),
        explained: plain.code.as_deref().and_then(refusals::explain),
        controls: if request { Control::ALL.iter().filter_map(bit).collect() } else { Vec::new() },
        others: plain
            .details
            .get("reasons")
            .map(|codes| {
                codes
                    .split(' ')
                    .filter(|code| plain.code.as_deref() != Some(code))
                    .map(super::disclosure::visible)
                    .collect()
            })
            .unwrap_or_default(),
        firewall: plain.details.iter().filter_map(finding).collect(),
        score: plain.details.get("waf-score").map(|score| super::disclosure::visible(score)).unwrap_or_default(),
    }
}

/// The alerts that name one of these entries.
async fn alerts(console: &Console, entries: &[Entry], first: u64) -> Result<Vec<Row>, testudo_store::ReadError> {
    let filter = JournalFilter { kinds: vec![EventKind::AlertRaised], ..JournalFilter::default() };
    let until = first.saturating_add(131_072).min(*console.store().head().borrow());
    let filter = JournalFilter { newest_below: Some(until), ..filter };
    let found = console.store().read_journal(first, ALERTS, &filter).await?;
    let names = |entry: &&Entry| {
        let places = ["places", "places-more"].into_iter().filter_map(|name| entry.plain.details.get(name));
        let mut places = places.flat_map(|text| text.split(' ')).filter_map(|text| text.parse::<u64>().ok());
        places.any(|place| entries.iter().any(|entry| entry.seq == place))
    };
    Ok(found.iter().filter(names).map(Row::of).collect())
}
