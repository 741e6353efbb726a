//! Incidents: what needs somebody, what was done about it, and the evidence.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use testudo_access::Permission;
use testudo_core::IncidentId;

use super::Console;
use super::desk::{Answer, Desk, download};
use super::disclosure::{lines, visible};
use super::house::{Act, HouseError, Incident, IncidentAction};
use super::layout::Layout;
use super::overview::IncidentRow;
use super::when::{When, length};
use crate::form::LARGEST;

/// Incidents on a page.
const LINES: usize = 30;
/// Moments of a timeline that a page shows; the evidence has all.
const MOMENTS: usize = 200;
/// The longest note, in characters.
const LONGEST_NOTE: usize = 2_000;

#[derive(Template)]
#[template(path = "console/incidents.html")]
struct ListPage {
    layout: Layout,
    incidents: Vec<IncidentRow>,
    all: bool,
    open: usize,
    older: Option<String>,
}

pub(crate) async fn list(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::AuditRead).await?;
    let all = desk.visit.param("all").is_some();
    let before = desk.visit.param("before").and_then(|before| before.parse::<IncidentId>().ok());
    let found = console.house.incidents(!all, before, LINES).await.map_err(|error| desk.trouble(&error))?;
    let last = found.items.last().filter(|_| found.more);
    let page = ListPage {
        layout: desk.layout("Incidents", "/incidents"),
        older: last.map(|last| format!("/incidents?before={}{}", last.id, if all { "&all=1" } else { "" })),
        incidents: found.items.iter().map(IncidentRow::of).collect(),
        all,
        open: found.open,
    };
    Ok(desk.page(&page))
}

#[derive(Template)]
#[template(path = "console/incident.html")]
struct Page {
    layout: Layout,
    row: IncidentRow,
    changed: When,
    detected: Option<String>,
    contained: Option<String>,
    entities: Vec<Entity>,
    actions: Vec<ActionLine>,
    timeline: Vec<(When, String, Option<u64>)>,
    cut: bool,
    notes: Vec<(When, String, String)>,
    tasks: Vec<(u32, String, Option<When>)>,
    breach: Option<BreachLines>,
    may_act: bool,
}

struct Entity {
    kind: String,
    name: String,
    link: Option<String>,
}

struct ActionLine {
    id: String,
    name: String,
    target: String,
    state: String,
    note: String,
    at: When,
    until: Option<When>,
    undoable: bool,
    waits: bool,
}

struct BreachLines {
    aware: When,
    due: When,
    left: String,
    late: bool,
    facts: Vec<(String, String)>,
}

pub(crate) async fn show(State(console): State<Console>, Path(id): Path<String>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::AuditRead).await?;
    let incident = read(&desk, &id).await?;
    let page = page(&desk, incident);
    Ok(desk.page(&page))
}

async fn read(desk: &Desk, id: &str) -> Result<Incident, Response> {
    let Ok(id) = id.parse::<IncidentId>() else { return Err(desk.missing("incident")) };
    let found = desk.console.house.incident(id).await.map_err(|error| desk.trouble(&error))?;
    found.ok_or_else(|| desk.missing("incident"))
}

fn page(desk: &Desk, incident: Incident) -> Page {
    let now = desk.visit.ctx.now;
    let moments = incident.timeline.len();
    let action = |action: IncidentAction| ActionLine {
        id: action.id.to_string(),
        name: visible(&action.name),
        target: visible(&action.target),
        state: visible(&action.state),
        note: visible(&action.note),
        at: When::minute(action.at),
        until: action.until.map(When::minute),
        undoable: action.undoable,
        waits: action.waits,
    };
    Page {
        layout: desk.layout(visible(&incident.line.title), "/incidents"),
        row: IncidentRow::of(&incident.line),
        changed: When::minute(incident.line.changed),
        detected: incident.detected_after.map(length),
        contained: incident.contained_after.map(length),
        entities: incident.entities.iter().take(100).map(entity).collect(),
        actions: incident.actions.into_iter().take(200).map(action).collect(),
        timeline: incident
            .timeline
            .into_iter()
            .take(MOMENTS)
            .map(|moment| (When::exact(moment.at), visible(&moment.text), moment.seq))
            .collect(),
        cut: moments > MOMENTS,
        notes: incident
            .notes
            .into_iter()
            .map(|(at, who, text)| (When::minute(at), visible(&who), lines(&text, LONGEST_NOTE)))
            .collect(),
        tasks: incident
            .tasks
            .into_iter()
            .map(|task| (task.number, visible(&task.text), task.done.map(When::minute)))
            .collect(),
        breach: incident.breach.map(|breach| BreachLines {
            aware: When::minute(breach.aware),
            due: When::minute(breach.due),
            left: length(if breach.due > now { breach.due.since(now) } else { now.since(breach.due) }),
            late: breach.due <= now,
            facts: breach.facts.iter().map(|(question, answer)| (visible(question), visible(answer))).collect(),
        }),
        may_act: desk.may(Permission::LimitsWrite),
    }
}

fn entity((kind, name): &(String, String)) -> Entity {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let filter = match kind.as_str() {
        "person" | "network" | "address" | "session" | "client" => Some(kind.as_str()),
        _ => None,
    };
    let link = filter.filter(|_| plain).map(|filter| format!("/events?{filter}={name}"));
    Entity { kind: visible(kind), name: visible(name), link }
}

/// The evidence, to be kept and verified elsewhere. That it was taken is in the journal.
pub(crate) async fn evidence(State(console): State<Console>, Path(id): Path<String>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::AuditRead).await?;
    let Ok(id) = id.parse::<IncidentId>() else { return Err(desk.missing("incident")) };
    let file = console.house.evidence(id).await.map_err(|error| desk.trouble(&error))?;
    let file = file.ok_or_else(|| desk.missing("incident"))?;
    let event = desk.event(testudo_core::EventKind::Disclosed).on("evidence");
    desk.commit(event.detail("record", id.to_string()).detail("records", "1")).await?;
    Ok(download(&file.name, file.media, file.bytes))
}

/// Adds a note.
pub(crate) async fn note(State(console): State<Console>, Path(id): Path<String>, request: Request) -> Answer {
    let again = format!("/incidents/{id}");
    let (desk, form) = Desk::posted(&console, request, Permission::LimitsWrite, &again, LARGEST).await?;
    let Ok(id) = id.parse::<IncidentId>() else { return Err(desk.missing("incident")) };
    let text = form.text("note").replace("\r\n", "\n");
    if !(1..=LONGEST_NOTE).contains(&text.trim().chars().count()) {
        return Err(desk.trouble(&HouseError::Refused("a note has 1 to 2000 characters".into())));
    }
    act(desk, Act::Note(id, text.trim().to_owned()), &again, "noted").await
}

/// Ticks a task off.
pub(crate) async fn task(State(console): State<Console>, Path(id): Path<String>, request: Request) -> Answer {
    let again = format!("/incidents/{id}");
    let (desk, form) = Desk::posted(&console, request, Permission::LimitsWrite, &again, LARGEST).await?;
    let (Ok(id), Ok(number)) = (id.parse::<IncidentId>(), form.text("task").parse::<u32>()) else {
        return Err(desk.missing("task"));
    };
    act(desk, Act::TaskDone(id, number), &again, "task").await
}

/// Notes and ticks take nothing from anybody: no fresh factor is asked for.
async fn act(desk: Desk, act: Act, back: &str, done: &str) -> Answer {
    let admission = desk.admit(act, Permission::LimitsWrite).await?;
    match desk.console.house.act(admission, desk.actor(), "").await {
        Ok(()) => Ok(desk.visit.see(&format!("{back}?done={done}"))),
        Err(error) => Err(desk.trouble(&error)),
    }
}
