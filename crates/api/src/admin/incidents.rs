//! Incidents and playbooks.
//!
//! Networks, and who is behind which pseudonym, are masked; `reveal` shows them through the gate `Disclose`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use data_encoding::{BASE64, HEXLOWER};
use serde::Deserialize;
use serde_json::{Value, json};
use testudo_access::Permission;
use testudo_core::{IncidentId, ResponseId, Timestamp};
use testudo_crypto::digest::sha256;
use testudo_response::{BreachWords, By, Incident};

use super::AdminState;
use super::disclosure::Disclosure;
use super::guard::Admin;
use super::input::{Body, Id, Query};
use super::people::{Because, Reveal};
use crate::desk::{Desk, EvidenceFile, Work};
use crate::{ActError, Problem};

fn desk(state: &AdminState) -> Result<&Arc<dyn Desk>, Problem> {
    state.desk.as_ref().ok_or_else(|| ActError::Unavailable("incidents are not looked after here".into()).into())
}

fn by(admin: &Admin) -> By {
    admin.actor.person.map_or(By::Owner, By::Admin)
}

/// Which part of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    after: Option<String>,
    limit: Option<usize>,
    state: Option<testudo_response::State>,
}

pub(super) async fn list(
    State(state): State<AdminState>,
    Query(listing): Query<Listing>,
) -> Result<Json<Value>, Problem> {
    let limit = listing.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Problem::malformed("`limit` is 1 to 200"));
    }
    let page = desk(&state)?.incidents(listing.state, listing.after, limit).await?;
    let items: Vec<Value> = page.items.iter().map(line).collect();
    Ok(Json(json!({ "items": items, "next": page.next })))
}

/// An incident in a list.
fn line(incident: &Incident) -> Value {
    let waiting = incident.responses.iter().filter(|one| one.state == testudo_response::ResponseState::Proposed);
    json!({
        "id": incident.id,
        "state": incident.state,
        "severity": incident.severity,
        "title": incident.title,
        "opened": incident.opened.to_string(),
        "updated": incident.updated.to_string(),
        "alerts": incident.alerts.len(),
        "responses": incident.responses.len(),
        "waiting": waiting.count(),
        "breach": incident.breach.as_ref().map(|breach| breach.due().to_string()),
    })
}

pub(super) async fn show(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(id): Id<IncidentId>,
    Query(Reveal { reveal }): Query<Reveal>,
) -> Result<Json<Value>, Problem> {
    if reveal {
        admin.require(&state, Permission::Reveal, None).await?;
    }
    let incident = desk(&state)?.incident(id).await?;
    if reveal {
        let disclosure = Disclosure::render("incident", incident.people.len().max(1), |_| incident.to_json(true));
        return admin.disclose(&state, disclosure).await.map(Json);
    }
    Ok(Json(incident.to_json(false)))
}

/// Does the work and shows what the incident is then.
async fn work(state: &AdminState, admin: &Admin, id: IncidentId, work: Work) -> Result<Json<Value>, Problem> {
    Ok(Json(desk(state)?.work(id, work, by(admin)).await?.to_json(false)))
}

/// What somebody writes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    text: String,
}

pub(super) async fn note(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(id): Id<IncidentId>,
    Body(Text { text }): Body<Text>,
) -> Result<Json<Value>, Problem> {
    work(&state, &admin, id, Work::Note(text)).await
}

pub(super) async fn add_task(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(id): Id<IncidentId>,
    Body(Text { text }): Body<Text>,
) -> Result<Json<Value>, Problem> {
    work(&state, &admin, id, Work::AddTask(text)).await
}

pub(super) async fn finish_task(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Path((id, task)): Path<(String, u32)>,
) -> Result<Json<Value>, Problem> {
    work(&state, &admin, parse(&id)?, Work::FinishTask(task)).await
}

/// How an incident ends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Close {
    verdict: testudo_response::Verdict,
    text: String,
    #[serde(default)]
    undo: bool,
}

pub(super) async fn close(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(id): Id<IncidentId>,
    Body(Close { verdict, text, undo }): Body<Close>,
) -> Result<Json<Value>, Problem> {
    if undo {
        admin.require(&state, Permission::ResponsesApprove, None).await?;
    }
    work(&state, &admin, id, Work::Close { verdict, text, undo }).await
}

pub(super) async fn undo(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Path((id, response)): Path<(String, String)>,
    Body(because): Body<Because>,
) -> Result<Json<Value>, Problem> {
    let why = because.checked()?.to_owned();
    work(&state, &admin, parse(&id)?, Work::Undo(response_id(&response)?, why)).await
}

pub(super) async fn approve(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Path((id, response)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    work(&state, &admin, parse(&id)?, Work::Approve(response_id(&response)?)).await
}

pub(super) async fn decline(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Path((id, response)): Path<(String, String)>,
    Body(because): Body<Because>,
) -> Result<Json<Value>, Problem> {
    let why = because.checked()?.to_owned();
    work(&state, &admin, parse(&id)?, Work::Decline(response_id(&response)?, why)).await
}

/// Which playbook, or which step of it, from 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    playbook: String,
    step: Option<usize>,
}

pub(super) async fn plan(
    State(state): State<AdminState>,
    Id(id): Id<IncidentId>,
    Query(Run { playbook, step }): Query<Run>,
) -> Result<Json<Value>, Problem> {
    let plan = desk(&state)?.plan(id, playbook, step).await?;
    Ok(Json(plan_view(&plan)))
}

pub(super) async fn run(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(id): Id<IncidentId>,
    Body(Run { playbook, step }): Body<Run>,
) -> Result<Json<Value>, Problem> {
    let (incident, plan) = desk(&state)?.run(id, playbook, step, by(&admin)).await?;
    Ok(Json(json!({ "plan": plan_view(&plan), "incident": incident.to_json(false) })))
}

/// A plan without networks.
fn plan_view(plan: &testudo_response::Plan) -> Value {
    let mut shown = json!(plan);
    testudo_response::hide_networks(&mut shown);
    shown
}

pub(super) async fn breach(State(state): State<AdminState>, Id(id): Id<IncidentId>) -> Result<Json<Value>, Problem> {
    let draft = desk(&state)?.draft(id).await?;
    let mut shown = json!(draft);
    if let Some(members) = shown.as_object_mut() {
        members.insert("aware".into(), draft.aware.to_string().into());
        members.insert("due".into(), draft.due.to_string().into());
        members.insert("notified".into(), json!(draft.notified.map(|at| at.to_string())));
        members.insert("text".into(), draft.to_string().into());
    }
    Ok(Json(shown))
}

/// Who is aware of a breach, since when in microseconds since 1970.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Aware {
    named: String,
    since: Option<i64>,
}

pub(super) async fn aware(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(id): Id<IncidentId>,
    Body(Aware { named, since }): Body<Aware>,
) -> Result<Json<Value>, Problem> {
    work(&state, &admin, id, Work::Aware { named, since: since.map(Timestamp::from_micros) }).await
}

pub(super) async fn describe(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(id): Id<IncidentId>,
    Body(words): Body<BreachWords>,
) -> Result<Json<Value>, Problem> {
    work(&state, &admin, id, Work::Describe(words)).await
}

pub(super) async fn notified(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(id): Id<IncidentId>,
) -> Result<Json<Value>, Problem> {
    work(&state, &admin, id, Work::Notified).await
}

pub(super) async fn evidence(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(id): Id<IncidentId>,
    Query(Reveal { reveal }): Query<Reveal>,
) -> Result<Json<Value>, Problem> {
    if reveal {
        admin.require(&state, Permission::Reveal, None).await?;
    }
    let evidence = desk(&state)?.evidence(id, reveal).await?;
    let answer = |evidence: &EvidenceFile| {
        json!({
            "name": evidence.name,
            "entries": evidence.entries,
            "sha256": HEXLOWER.encode(&sha256(&evidence.bytes)),
            "zip": BASE64.encode(&evidence.bytes),
        })
    };
    if reveal {
        let disclosure = Disclosure::render("incident-evidence", evidence.entries, |_| answer(&evidence));
        return admin.disclose(&state, disclosure).await.map(Json);
    }
    admin.announce(&state, "incident-evidence", id.to_string()).await?;
    Ok(Json(answer(&evidence)))
}

pub(super) async fn playbooks(State(state): State<AdminState>) -> Result<Json<Value>, Problem> {
    let playbooks = desk(&state)?.playbooks();
    Ok(Json(json!({ "items": *playbooks })))
}

pub(super) async fn playbook(State(state): State<AdminState>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let playbooks = desk(&state)?.playbooks();
    let found = playbooks.iter().find(|playbook| playbook.id == id);
    Ok(Json(json!(found.ok_or_else(|| Problem::not_found("playbook"))?)))
}

pub(super) async fn cacao(State(state): State<AdminState>, Path(id): Path<String>) -> Result<Response, Problem> {
    let playbook = desk(&state)?.cacao(&id).ok_or_else(|| Problem::not_found("playbook"))?;
    Ok((StatusCode::OK, Json(playbook)).into_response())
}

fn parse(text: &str) -> Result<IncidentId, Problem> {
    text.parse().map_err(|error: testudo_core::IdError| Problem::malformed(error.to_string()))
}

fn response_id(text: &str) -> Result<ResponseId, Problem> {
    text.parse().map_err(|error: testudo_core::IdError| Problem::malformed(error.to_string()))
}
