//! Passkeys and devices of a person: list, and take away.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use testudo_access::Permission;
use testudo_core::PersonId;
use testudo_identity::{Device, PasskeyId, PasskeyView};

use super::AdminState;
use super::disclosure::{Disclosure, Sight};
use super::guard::Admin;
use super::input::{Id, Query};
use super::people::Reveal;
use crate::Problem;

pub(super) async fn list(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(person): Id<PersonId>,
    Query(Reveal { reveal }): Query<Reveal>,
) -> Result<Json<Value>, Problem> {
    if reveal {
        admin.require(&state, Permission::Reveal, None).await?;
    }
    let passkeys = state.identity.passkeys(person).await?;
    let answer = |sight: &Sight| {
        let items: Vec<_> = passkeys.iter().map(|passkey| view(passkey, sight)).collect();
        json!({ "items": items })
    };
    if reveal {
        return admin.disclose(&state, Disclosure::render("passkeys", passkeys.len(), answer)).await.map(Json);
    }
    Ok(Json(answer(&Sight::MASKED)))
}

fn view(passkey: &PasskeyView, sight: &Sight) -> Value {
    json!({
        "id": passkey.id,
        "name": sight.text(&passkey.name),
        "host": passkey.host,
        "synced": passkey.synced,
        "created": passkey.created.to_string(),
        "used": passkey.used.map(|used| used.to_string()),
    })
}

pub(super) async fn remove(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Path((person, passkey)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let person: PersonId =
        person.parse().map_err(|error: testudo_core::IdError| Problem::malformed(error.to_string()))?;
    let passkey: PasskeyId =
        passkey.parse().map_err(|error: testudo_identity::PasskeyIdError| Problem::malformed(error.to_string()))?;
    state.identity.admin_remove_passkey(person, passkey, &admin.actor, &admin.ctx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The browsers and apps in which somebody is signed in.
pub(super) async fn devices(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(person): Id<PersonId>,
) -> Result<Json<Value>, Problem> {
    let devices = state.identity.devices(person, &admin.ctx).await?;
    let items: Vec<_> = devices.iter().map(device).collect();
    Ok(Json(json!({ "items": items })))
}

fn device(device: &Device) -> Value {
    json!({
        "browser": device.browser,
        "entrance": device.entrance,
        "first_seen": device.first_seen.to_string(),
        "last_seen": device.last_seen.to_string(),
        "acr": device.acr,
        "sessions": device.sessions,
        "apps": device.apps,
    })
}
