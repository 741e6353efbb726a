//! What the top floor knows and does: status, configuration, backups.

use axum::Json;
use axum::extract::{Extension, State};
use serde_json::Value;

use super::AdminState;
use super::guard::Admin;
use crate::Problem;

pub(super) async fn status(State(state): State<AdminState>) -> Json<Value> {
    Json(state.house.status())
}

pub(super) async fn config(State(state): State<AdminState>) -> Json<Value> {
    Json(state.house.config())
}

pub(super) async fn reload(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(state.house.reload(admin.actor).await?))
}

pub(super) async fn backup(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(state.house.backup(admin.actor).await?))
}
