//! People: accounts with their sessions, devices, apps and risk, masked until they are revealed.

#![expect(clippy::struct_excessive_bools, reason = "each says one thing by itself")]

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use testudo_access::Permission;
use testudo_core::{PersonId, Pseudonym};
use testudo_identity::{Family, Person, PersonState, Session, SessionState};
use testudo_store::Cursor;

use super::Console;
use super::acts;
use super::chart;
use super::desk::{Answer, Desk};
use super::disclosure::{Disclosure, Sight, visible};
use super::finder;
use super::house::{HouseError, Risk};
use super::layout::Layout;
use super::query::{EventQuery, PersonKey};
use super::row::{Name, Row};
use super::when::When;
use crate::form::LARGEST;

/// Accounts on a page.
const LINES: usize = 50;
/// Sessions and apps of an account that are listed.
const MOST: usize = 50;

#[derive(Template)]
#[template(path = "console/people.html")]
struct ListPage {
    layout: Layout,
    people: Vec<Line>,
    state: &'static str,
    next: Option<String>,
    fault: Option<&'static str>,
}

struct Line {
    id: String,
    username: String,
    name: String,
    state: &'static str,
    factor: bool,
    roles: Vec<String>,
    created: When,
}

pub(crate) async fn list(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::PeopleRead).await?;
    let (state, name) = match desk.visit.param("state").as_deref() {
        Some("active") => (Some(PersonState::Active), "active"),
        Some("locked") => (Some(PersonState::Locked), "locked"),
        _ => (None, ""),
    };
    let after = desk.visit.param("after").and_then(|after| after.parse::<Cursor>().ok());
    let page = console.web.identity.people(after, LINES, state).await;
    let page = page.map_err(|error| desk.trouble(&HouseError::Unavailable(error.to_string())))?;
    let fault = desk.visit.param("missing").map(|_| "Nobody has this name.");
    let suffix = if name.is_empty() { String::new() } else { format!("&state={name}") };
    let page = ListPage {
        layout: desk.layout("People", "/people"),
        people: page.items.iter().map(|stored| line(&stored.document, Sight::MASKED)).collect(),
        state: name,
        next: page.next.map(|next| format!("/people?after={next}{suffix}")),
        fault,
    };
    Ok(desk.page(&page))
}

fn line(person: &Person, sight: Sight) -> Line {
    Line {
        id: person.id().to_string(),
        username: sight.text(person.username()),
        name: sight.text(person.name()),
        state: state(person),
        factor: person.has_second_factor(),
        roles: person.roles().iter().map(|role| visible(role)).collect(),
        created: When::minute(person.created()),
    }
}

fn state(person: &Person) -> &'static str {
    match person.state() {
        PersonState::Active => "active",
        PersonState::Locked => "locked",
        PersonState::ResetRequired => "new password due",
    }
}

/// Finds an account by its name, which is personal: it is posted, and only its id stands in an address.
pub(crate) async fn find(State(console): State<Console>, request: Request) -> Answer {
    let (desk, form) = Desk::posted(&console, request, Permission::PeopleRead, "/people", LARGEST).await?;
    let name = form.text("username").trim();
    if let Ok(person) = name.parse::<PersonId>() {
        return Ok(desk.visit.see(&format!("/people/{person}")));
    }
    let found = console.web.identity.person_by_name(name).await;
    match found.map_err(|error| desk.trouble(&HouseError::Unavailable(error.to_string())))? {
        Some(person) => Ok(desk.visit.see(&format!("/people/{}", person.id()))),
        None => Ok(desk.visit.see("/people?missing=1")),
    }
}

/// From the name that the journal has for a person to her account.
pub(crate) async fn by_pseudonym(
    State(console): State<Console>,
    Path(pseudonym): Path<String>,
    request: Request,
) -> Answer {
    let desk = Desk::open(&console, &request, Permission::PeopleRead).await?;
    let Ok(pseudonym) = pseudonym.parse::<Pseudonym>() else { return Err(desk.missing("person")) };
    match desk.person_of(pseudonym).await? {
        Some(person) => Ok(desk.visit.see(&format!("/people/{person}"))),
        None => Err(desk.missing("person")),
    }
}

#[derive(Template)]
#[template(path = "console/person.html")]
struct PersonPage {
    layout: Layout,
    id: String,
    pseudonym: Name,
    username: String,
    name: String,
    state: &'static str,
    roles: Vec<String>,
    factor: bool,
    created: When,
    updated: When,
    full: bool,
    action: String,
    may_reveal: bool,
    may_lock: bool,
    may_revoke: bool,
    sessions: Vec<SessionLine>,
    apps: Vec<AppLine>,
    more_sessions: bool,
    risk: Option<RiskLines>,
    events: Vec<Row>,
}

struct SessionLine {
    id: String,
    browser: String,
    address: String,
    began: When,
    seen: When,
    factor: bool,
    alive: bool,
}

struct AppLine {
    id: String,
    client: String,
    scopes: String,
    began: When,
    used: When,
    alive: bool,
}

struct RiskLines {
    ring: String,
    reasons: Vec<(String, u8)>,
    usual: Vec<(String, String, When)>,
}

/// What is read for a person's page.
struct Read {
    person: Person,
    sessions: Vec<Session>,
    families: Vec<Family>,
    risk: Option<Risk>,
    events: Vec<testudo_store::Entry>,
}

pub(crate) async fn show(State(console): State<Console>, Path(person): Path<String>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::PeopleRead).await?;
    let read = read(&desk, &person).await?;
    let page = person_page(&desk, &read, Sight::MASKED);
    Ok(desk.page(&page))
}

pub(crate) async fn reveal(State(console): State<Console>, Path(person): Path<String>, request: Request) -> Answer {
    let again = format!("/people/{person}");
    let (desk, form) = Desk::posted(&console, request, Permission::Reveal, &again, LARGEST).await?;
    let reason = acts::reason(&desk, &form)?;
    let read = read(&desk, &person).await?;
    let target = Some(read.person.id().to_string());
    let disclosure = Disclosure::of("person", 1, target, |sight| person_page(&desk, &read, sight));
    let page = desk.disclose(disclosure, &reason).await?;
    Ok(desk.page(&page))
}

async fn read(desk: &Desk, person: &str) -> Result<Read, Response> {
    let Ok(id) = person.parse::<PersonId>() else { return Err(desk.missing("person")) };
    let identity = &desk.console.web.identity;
    let failed = |error: testudo_identity::IdentityError| desk.trouble(&HouseError::Unavailable(error.to_string()));
    let person = identity.person(id).await.map_err(failed)?.ok_or_else(|| desk.missing("person"))?.document;
    let (mut sessions, mut families) = (Vec::new(), Vec::new());
    if desk.may(Permission::SessionsRead) {
        sessions = identity.list_sessions(id).await.map_err(failed)?;
        families = identity.list_families(id).await.map_err(failed)?;
        sessions.sort_by_key(|session| std::cmp::Reverse((session.state == SessionState::Active, session.seen)));
        families.sort_by_key(|family| std::cmp::Reverse(family.refreshed));
    }
    let risk = desk.console.house.risk(id).await.map_err(|error| desk.trouble(&error))?;
    let query = EventQuery { person: Some(PersonKey::Id(id)), ..EventQuery::default() };
    let found = finder::find(desk.console.store(), &query, 20).await.map_err(|error| desk.unread(error))?;
    Ok(Read { person, sessions, families, risk, events: found.entries })
}

fn person_page(desk: &Desk, read: &Read, sight: Sight) -> PersonPage {
    let person = &read.person;
    let whole = |text: Option<&str>| text.map_or_else(|| "not known".to_owned(), |text| sight.whole(text));
    let now = desk.visit.ctx.now;
    PersonPage {
        layout: desk
            .layout(if sight.is_full() { sight.text(person.username()) } else { "Person".to_owned() }, "/people"),
        id: person.id().to_string(),
        pseudonym: Name::of(desk.console.store().person_pseudonym(person.id())),
        username: sight.text(person.username()),
        name: sight.text(person.name()),
        state: state(person),
        roles: person.roles().iter().map(|role| visible(role)).collect(),
        factor: person.has_second_factor(),
        created: When::minute(person.created()),
        updated: When::minute(person.updated()),
        full: sight.is_full(),
        action: format!("/people/{}/reveal", person.id()),
        may_reveal: desk.may(Permission::Reveal),
        may_lock: desk.may(Permission::PeopleLock),
        may_revoke: desk.may(Permission::SessionsRevoke),
        sessions: read
            .sessions
            .iter()
            .take(MOST)
            .map(|session| SessionLine {
                id: session.id.to_string(),
                browser: whole(session.user_agent.as_deref()),
                address: whole(session.address.as_deref()),
                began: When::minute(session.created),
                seen: When::minute(session.seen),
                factor: session.acr >= testudo_identity::Acr::SecondFactor,
                alive: session.state == SessionState::Active && session.ends > now,
            })
            .collect(),
        apps: read
            .families
            .iter()
            .take(MOST)
            .map(|family| AppLine {
                id: family.id.to_string(),
                client: visible(family.client.as_str()),
                scopes: visible(&family.scopes.to_string()),
                began: When::minute(family.created),
                used: When::minute(family.refreshed),
                alive: family.state == testudo_identity::FamilyState::Active && family.ends > now,
            })
            .collect(),
        more_sessions: read.sessions.len() > MOST,
        risk: read.risk.as_ref().map(|risk| RiskLines {
            ring: chart::ring("risk", "Risk", &format!("{} of 100", risk.score), risk.score)
                .replace(" low\"", " calm\""),
            reasons: risk.reasons.iter().map(|(reason, points)| (visible(reason), *points)).collect(),
            usual: risk
                .usual
                .iter()
                .map(|(kind, name, at)| (visible(kind), visible(name), When::minute(*at)))
                .collect(),
        }),
        events: read.events.iter().map(Row::of).collect(),
    }
}
