//! Where events go: how far each target is, trying one out, having it get something again, forgetting it.

use axum::Json;
use axum::extract::{Extension, Path, State};
use serde::Deserialize;
use serde_json::Value;

use super::AdminState;
use super::guard::Admin;
use super::input::Body;
use crate::{ExportCall, Problem};

pub(super) async fn list(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(state.house.exports(ExportCall::List, admin.actor).await?))
}

pub(super) async fn test(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(state.house.exports(ExportCall::Test { name }, admin.actor).await?))
}

/// From where on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resend {
    from: u64,
}

pub(super) async fn resend(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Path(name): Path<String>,
    Body(resend): Body<Resend>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(state.house.exports(ExportCall::Resend { name, from: resend.from }, admin.actor).await?))
}

pub(super) async fn forget(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(state.house.exports(ExportCall::Forget { name }, admin.actor).await?))
}
