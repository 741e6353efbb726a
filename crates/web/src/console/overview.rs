//! Overview: how well are we secured, what is going on, and what needs somebody now?

use askama::Template;
use axum::extract::{Request, State};
use testudo_access::Permission;
use testudo_core::{EventKind, Timestamp};

use super::Console;
use super::chart::{self, Band};
use super::desk::{Answer, Desk};
use super::disclosure::visible;
use super::finder;
use super::house::{IncidentLine, PosturePart, Pulse, Span, Step};
use super::layout::Layout;
use super::query::EventQuery;
use super::row::Row;
use super::when::{When, iso, number};

/// Lines of the lists beside the pictures.
const LINES: usize = 6;

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Page {
    layout: Layout,
    spans: Vec<SpanLink>,
    ring: String,
    parts: Vec<PosturePart>,
    tiles: Vec<Tile>,
    course: String,
    table: Vec<TableRow>,
    known_since: Option<When>,
    controls: Vec<BarLine>,
    codes: Vec<BarLine>,
    routes: Vec<RouteLine>,
    incidents: Vec<IncidentRow>,
    alerts: Vec<Row>,
    quiet: bool,
}

struct SpanLink {
    name: &'static str,
    label: &'static str,
    here: bool,
}

struct Tile {
    label: &'static str,
    value: String,
    spark: String,
    link: String,
    note: String,
}

struct TableRow {
    at: When,
    link: String,
    allowed: String,
    refused: String,
    sign_in_failures: String,
    alerts: String,
}

struct BarLine {
    label: String,
    value: String,
    bar: String,
    link: String,
}

struct RouteLine {
    route: String,
    allowed: String,
    refused: String,
    bar: String,
}

/// An incident in a list.
pub(crate) struct IncidentRow {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) severity: &'static str,
    pub(crate) state: String,
    pub(crate) closed: bool,
    pub(crate) opened: When,
    pub(crate) alerts: usize,
    pub(crate) done: usize,
    pub(crate) waiting: usize,
}

impl IncidentRow {
    pub(crate) fn of(line: &IncidentLine) -> IncidentRow {
        IncidentRow {
            id: line.id.to_string(),
            title: visible(&line.title),
            severity: line.severity.name(),
            state: visible(&line.state),
            closed: line.closed,
            opened: When::minute(line.opened),
            alerts: line.alerts,
            done: line.done,
            waiting: line.waiting,
        }
    }
}

pub(crate) async fn show(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::AuditRead).await?;
    let wanted = desk.visit.param("span");
    let span = Span::ALL.into_iter().find(|span| Some(span.name()) == wanted.as_deref()).unwrap_or_default();
    let pulse = console.house.pulse(span);
    let posture = console.house.posture();
    let incidents = console.house.incidents(true, None, LINES).await.map_err(|error| desk.trouble(&error))?;
    let query = EventQuery { kind: Some(EventKind::AlertRaised), ..EventQuery::default() };
    let alerts = finder::find(console.store(), &query, LINES).await.map_err(|error| desk.unread(error))?;
    let since = pulse.steps.first().map(|step| step.at);
    let total = |of: fn(&Step) -> u64| pulse.steps.iter().map(of).sum::<u64>();
    let (allowed, refused) = (total(|step| step.allowed), total(|step| step.refused));
    let missing: Vec<&str> =
        posture.parts.iter().filter(|part| part.points < part.of).map(|part| part.name.as_str()).collect();
    let description = if missing.is_empty() {
        format!("{} of 100. Nothing is missing.", posture.score)
    } else {
        visible(&format!("{} of 100. Points are missing for {}.", posture.score, missing.join(", ")))
    };
    let page = Page {
        spans: Span::ALL
            .into_iter()
            .map(|each| SpanLink {
                name: each.name(),
                label: match each {
                    Span::Hour => "Hour",
                    Span::Day => "Day",
                    Span::Week => "Week",
                },
                here: each == span,
            })
            .collect(),
        ring: chart::ring("posture", "Posture", &description, posture.score),
        parts: shown(posture.parts),
        tiles: tiles(&pulse, since, incidents.open),
        course: course(&pulse, span, allowed, refused),
        table: table(&pulse),
        known_since: pulse.known_since.map(When::minute),
        controls: controls(&pulse, since),
        codes: codes(&pulse, since),
        routes: routes(&pulse),
        incidents: incidents.items.iter().map(IncidentRow::of).collect(),
        alerts: alerts.entries.iter().map(Row::of).collect(),
        quiet: allowed + refused == 0,
        layout: desk.layout("Overview", "/"),
    };
    Ok(desk.page(&page))
}

/// The parts of the posture as they may stand on a page.
pub(crate) fn shown(parts: Vec<PosturePart>) -> Vec<PosturePart> {
    let part =
        |part: PosturePart| PosturePart { name: visible(&part.name), why: part.why.as_deref().map(visible), ..part };
    parts.into_iter().map(part).collect()
}

fn events(filters: &str, since: Option<Timestamp>, until: Option<Timestamp>) -> String {
    let time = |name: &str, at: Option<Timestamp>| {
        at.map(|at| format!("&{name}={}", iso(at).replace(':', "%3A"))).unwrap_or_default()
    };
    format!("/events?{filters}{}{}", time("since", since), time("until", until))
}

fn tiles(pulse: &Pulse, since: Option<Timestamp>, open: usize) -> Vec<Tile> {
    let values = |of: fn(&Step) -> u64| pulse.steps.iter().map(of).collect::<Vec<u64>>();
    let tile = |label, class, of: fn(&Step) -> u64, filters: &str, note: String| {
        let values = values(of);
        Tile {
            label,
            value: number(values.iter().sum()),
            spark: chart::spark(class, &values),
            link: events(filters, since, None),
            note,
        }
    };
    let sum = |of: fn(&Step) -> u64| pulse.steps.iter().map(of).sum::<u64>();
    let requests = sum(|step| step.allowed + step.refused);
    let share = |part: u64, of: u64| {
        let tenths = part.saturating_mul(1_000).checked_div(of).unwrap_or(0);
        format!("{}.{} %", tenths / 10, tenths % 10)
    };
    let refused = sum(|step| step.refused);
    let tries = sum(|step| step.sign_ins + step.sign_in_failures);
    vec![
        tile("Requests", "allowed", |step| step.allowed + step.refused, "kind=request.decided", String::new()),
        tile(
            "Refused",
            "refused",
            |step| step.refused,
            "kind=request.decided&outcome=failure",
            format!("{} of all", share(refused, requests)),
        ),
        tile(
            "Failed sign-ins",
            "refused",
            |step| step.sign_in_failures,
            "kind=sign-in&outcome=failure",
            format!("of {} tries", number(tries)),
        ),
        tile(
            "Alerts",
            "alerting",
            |step| step.alerts,
            "kind=alert.raised",
            match open {
                0 => "no open incident".to_owned(),
                1 => "1 open incident".to_owned(),
                open => format!("{open} open incidents"),
            },
        ),
    ]
}

fn course(pulse: &Pulse, span: Span, allowed: u64, refused: u64) -> String {
    let clock = |step: &Step| {
        let text = step.at.to_string();
        let (day, time) = (text.get(5..10).unwrap_or_default(), text.get(11..16).unwrap_or_default());
        if span == Span::Week { day.to_owned() } else { time.to_owned() }
    };
    let labels: Vec<String> = pulse.steps.iter().map(clock).collect();
    let [a, r] = [|step: &Step| step.allowed, |step: &Step| step.refused]
        .map(|of| pulse.steps.iter().map(of).collect::<Vec<u64>>());
    let description = format!("{allowed} requests were allowed and {refused} refused. The table has each step.");
    let bands = [Band { class: "allowed", values: &a }, Band { class: "refused", values: &r }];
    chart::course("traffic", "Requests over time, in UTC", &description, &labels, &bands)
}

fn table(pulse: &Pulse) -> Vec<TableRow> {
    let busy = |step: &&Step| step.allowed + step.refused + step.sign_in_failures + step.alerts > 0;
    pulse
        .steps
        .iter()
        .rev()
        .filter(busy)
        .map(|step| TableRow {
            at: When::minute(step.at),
            link: events("", Some(step.at), Some(step.at.plus(pulse.step))).replace("?&", "?"),
            allowed: number(step.allowed),
            refused: number(step.refused),
            sign_in_failures: number(step.sign_in_failures),
            alerts: number(step.alerts),
        })
        .collect()
}

fn controls(pulse: &Pulse, since: Option<Timestamp>) -> Vec<BarLine> {
    let lines = pulse.controls.iter().map(|(control, course)| (control, course.iter().sum::<u64>()));
    let largest = lines.clone().map(|(_, sum)| sum).max().unwrap_or(0);
    let line = |(control, sum): (&testudo_core::Control, u64)| BarLine {
        label: control.name().to_owned(),
        value: number(sum),
        bar: chart::bar("refused", sum, largest),
        link: events(&format!("outcome=failure&control={control}"), since, None),
    };
    lines.take(8).map(line).collect()
}

fn codes(pulse: &Pulse, since: Option<Timestamp>) -> Vec<BarLine> {
    let largest = pulse.codes.iter().map(|(_, _, sum)| *sum).max().unwrap_or(0);
    let line = |(control, code, sum): &(testudo_core::Control, String, u64)| {
        let plain: String = form_urlencoded::byte_serialize(code.as_bytes()).collect();
        BarLine {
            label: visible(code),
            value: number(*sum),
            bar: chart::bar("refused", *sum, largest),
            link: events(&format!("outcome=failure&control={control}&code={plain}"), since, None),
        }
    };
    pulse.codes.iter().take(8).map(line).collect()
}

fn routes(pulse: &Pulse) -> Vec<RouteLine> {
    let largest = pulse.routes.iter().map(|(_, allowed, refused)| allowed + refused).max().unwrap_or(0);
    let line = |(route, allowed, refused): &(String, u64, u64)| RouteLine {
        route: visible(route),
        allowed: number(*allowed),
        refused: number(*refused),
        bar: chart::bar("allowed", allowed + refused, largest),
    };
    pulse.routes.iter().take(8).map(line).collect()
}
