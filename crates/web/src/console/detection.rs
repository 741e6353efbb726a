//! Detection: the rules in force, what they found lately, and how often.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Request, State};
use testudo_access::Permission;
use testudo_core::EventKind;

use super::Console;
use super::chart::{self, Band};
use super::desk::{Answer, Desk};
use super::disclosure::visible;
use super::finder;
use super::house::Span;
use super::layout::Layout;
use super::query::EventQuery;
use super::row::Row;
use super::when::{When, iso, number};

/// The last alerts that are counted by rule.
const COUNTED: usize = 500;

#[derive(Template)]
#[template(path = "console/detection.html")]
struct Page {
    layout: Layout,
    course: String,
    steps: Vec<(When, String, String)>,
    alerts: Vec<Row>,
    rules: Vec<Line>,
    counted: usize,
}

struct Line {
    id: String,
    title: String,
    level: &'static str,
    file: String,
    tags: Vec<String>,
    fired: usize,
}

pub(crate) async fn show(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::AuditRead).await?;
    let pulse = console.house.pulse(Span::Day);
    let query = EventQuery { kind: Some(EventKind::AlertRaised), ..EventQuery::default() };
    let found = finder::find(console.store(), &query, COUNTED).await.map_err(|error| desk.unread(error))?;
    let mut fired: HashMap<&str, usize> = HashMap::new();
    for entry in &found.entries {
        *fired.entry(entry.plain.target.as_deref().unwrap_or_default()).or_default() += 1;
    }
    let labels: Vec<String> =
        pulse.steps.iter().map(|step| step.at.to_string().get(11..16).unwrap_or_default().to_owned()).collect();
    let values: Vec<u64> = pulse.steps.iter().map(|step| step.alerts).collect();
    let total: u64 = values.iter().sum();
    let description = format!("{total} alerts in the last day. The table has each step that had one.");
    let bands = [Band { class: "alerting", values: &values }];
    let link = |step: &super::Step| {
        let time = |at| iso(at).replace(':', "%3A");
        format!("/events?kind=alert.raised&since={}&until={}", time(step.at), time(step.at.plus(pulse.step)))
    };
    let mut rules: Vec<Line> = console
        .house
        .rules()
        .into_iter()
        .map(|rule| Line {
            fired: fired.get(rule.id.as_str()).copied().unwrap_or(0),
            id: visible(&rule.id),
            title: visible(&rule.title),
            level: rule.level.name(),
            file: visible(&rule.file),
            tags: rule.tags.iter().map(|tag| visible(tag)).collect(),
        })
        .collect();
    rules.sort_by(|one, other| other.fired.cmp(&one.fired).then_with(|| one.title.cmp(&other.title)));
    let page = Page {
        layout: desk.layout("Detection", "/detection"),
        course: chart::course("alerts", "Alerts over the last day, in UTC", &description, &labels, &bands),
        steps: pulse
            .steps
            .iter()
            .rev()
            .filter(|step| step.alerts > 0)
            .map(|step| (When::minute(step.at), number(step.alerts), link(step)))
            .collect(),
        alerts: found.entries.iter().take(10).map(Row::of).collect(),
        rules,
        counted: found.entries.len(),
    };
    Ok(desk.page(&page))
}
