//! Keys: list them, rotate the token-signing key, rotate a purpose of the ring.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use testudo_core::Action;
use testudo_crypto::Purpose;
use testudo_identity::Rotation;

use super::AdminState;
use super::guard::Admin;
use super::input::Body;
use crate::Problem;

pub(super) async fn list(State(state): State<AdminState>) -> Json<Value> {
    let keys: Vec<_> = state
        .identity
        .signing_keys()
        .iter()
        .map(|key| {
            json!({
                "kid": key.kid,
                "state": key.state,
                "created": key.created.to_string(),
                "activated": key.activated.map(|at| at.to_string()),
                "until": key.until.map(|at| at.to_string()),
            })
        })
        .collect();
    let ring = state.identity.store().ring();
    let purposes = Purpose::ALL.iter().map(|purpose| {
        let versions = ring.history(*purpose);
        let newest = versions.last().copied();
        json!({
            "purpose": purpose.name(),
            "rotates": purpose.rotates(),
            "version": newest.map(|(version, _)| version),
            "created": newest.map(|(_, created)| created.to_string()),
            "versions": versions.len(),
        })
    });
    Json(json!({ "signing": keys, "ring": purposes.collect::<Vec<_>>() }))
}

/// How the signing key is rotated.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotate {
    rotation: Rotation,
}

pub(super) async fn rotate_signing(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Body(Rotate { rotation }): Body<Rotate>,
) -> Result<StatusCode, Problem> {
    if rotation == Rotation::Compromised {
        // The old keys go at once; the action after it makes the workers take the new ones.
        state.identity.rotate_signing_key(rotation, admin.actor.clone(), &admin.ctx).await?;
    }
    state.acts.perform(Action::RotateSigningKey, admin.actor, "rotated by an administrator").await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn rotate_ring(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Path(purpose): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(state.house.rotate_ring(&purpose, admin.actor).await?))
}
