//! What the top floor knows and does: status, configuration, blocks, backups.

use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use testudo_core::{Action, BlockTarget};

use super::AdminState;
use super::guard::Admin;
use super::input::{Body, Query};
use super::people::Because;
use crate::Problem;

/// The longest block: 400 days.
const LONGEST_BLOCK: u64 = 400 * 86_400;

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

pub(super) async fn blocks(State(state): State<AdminState>) -> Json<Value> {
    let view = |block: crate::Block| json!({ "target": block.target, "until": block.until.to_string(), "reason": block.reason });
    Json(json!({ "items": state.house.blocks().into_iter().map(view).collect::<Vec<_>>() }))
}

/// A block to make.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBlock {
    target: BlockTarget,
    seconds: u64,
    reason: String,
}

pub(super) async fn block(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Body(new): Body<NewBlock>,
) -> Result<StatusCode, Problem> {
    if !(1..=LONGEST_BLOCK).contains(&new.seconds) {
        return Err(Problem::malformed("`seconds` is 1 to 34560000 (400 days)"));
    }
    let because = Because { reason: new.reason };
    let reason = because.checked()?;
    let duration = Duration::from_secs(new.seconds);
    state.acts.perform(Action::Block { target: new.target, duration }, admin.actor, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which block ends: exactly one of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unblock {
    network: Option<String>,
    device: Option<String>,
}

pub(super) async fn unblock(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Query(unblock): Query<Unblock>,
) -> Result<StatusCode, Problem> {
    let target = match (unblock.network, unblock.device) {
        (Some(network), None) => json!({ "network": network }),
        (None, Some(device)) => json!({ "device": device }),
        _ => return Err(Problem::malformed("name either `network` or `device`")),
    };
    let target: BlockTarget = serde_json::from_value(target)
        .map_err(|_| Problem::malformed("write a network as `203.0.113.0/24`, a device as `dev_...`"))?;
    if state.house.unblock(target, admin.actor).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("block"))
    }
}
