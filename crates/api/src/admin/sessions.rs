//! Sessions and refresh families: list and end.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use testudo_access::Permission;
use testudo_core::{Action, FamilyId, PersonId, SessionId};
use testudo_identity::Session;

use super::AdminState;
use super::disclosure::{Disclosure, Sight};
use super::guard::Admin;
use super::input::{Id, Query};
use super::people::Reveal;
use crate::Problem;

const BY_ADMIN: &str = "revoked by an administrator";

pub(super) async fn list(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(person): Id<PersonId>,
    Query(Reveal { reveal }): Query<Reveal>,
) -> Result<Json<Value>, Problem> {
    if reveal {
        admin.require(&state, Permission::Reveal, None).await?;
    }
    let sessions = state.identity.list_sessions(person).await?;
    let answer = |sight: &Sight| {
        let items: Vec<_> = sessions.iter().map(|session| view(session, sight)).collect();
        json!({ "items": items })
    };
    if reveal {
        return admin.disclose(&state, Disclosure::render("sessions", sessions.len(), answer)).await.map(Json);
    }
    Ok(Json(answer(&Sight::MASKED)))
}

fn view(session: &Session, sight: &Sight) -> Value {
    json!({
        "id": session.id,
        "created": session.created.to_string(),
        "seen": session.seen.to_string(),
        "ends": session.ends.to_string(),
        "auth_time": session.auth_time.to_string(),
        "acr": session.acr,
        "amr": session.amr,
        "state": session.state,
        "address": session.address.as_deref().map(|text| sight.whole(text)),
        "user_agent": session.user_agent.as_deref().map(|text| sight.whole(text)),
    })
}

pub(super) async fn families(
    State(state): State<AdminState>,
    Id(person): Id<PersonId>,
) -> Result<Json<Value>, Problem> {
    let families = state.identity.list_families(person).await?;
    let items: Vec<_> = families
        .iter()
        .map(|family| {
            json!({
                "id": family.id,
                "client": family.client,
                "session": family.session,
                "scope": family.scopes.to_string(),
                "audience": family.audience,
                "created": family.created.to_string(),
                "refreshed": family.refreshed.to_string(),
                "ends": family.idle_ends.min(family.ends).to_string(),
                "generation": family.generation,
                "state": family.state,
            })
        })
        .collect();
    Ok(Json(json!({ "items": items })))
}

pub(super) async fn revoke(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(session): Id<SessionId>,
) -> Result<StatusCode, Problem> {
    state.acts.perform(Action::RevokeSession { session }, admin.actor, BY_ADMIN).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn revoke_all(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(person): Id<PersonId>,
) -> Result<StatusCode, Problem> {
    state.acts.perform(Action::RevokePerson { person }, admin.actor, BY_ADMIN).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn revoke_family(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(family): Id<FamilyId>,
) -> Result<StatusCode, Problem> {
    state.acts.perform(Action::RevokeFamily { family }, admin.actor, BY_ADMIN).await?;
    Ok(StatusCode::NO_CONTENT)
}
