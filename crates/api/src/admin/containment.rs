//! What holds an attack back for a time: blocked networks, tightened limits, routes that may only be read.

use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use testudo_core::{Action, BlockTarget, LimitTarget, Timestamp};

use super::AdminState;
use super::guard::Admin;
use super::input::{Body, Query};
use super::people::Because;
use crate::Problem;

/// The longest that anything is held: 400 days.
const LONGEST: u64 = 400 * 86_400;
/// Why something was ended, when nobody says more.
const ENDED: &str = "ended by an administrator";

/// One thing that holds, as JSON; `what` are the members that say what it is.
fn view(what: Value, since: Timestamp, until: Timestamp, reason: &str) -> Value {
    let mut view = what;
    if let Some(members) = view.as_object_mut() {
        members.insert("since".into(), json!(since.to_string()));
        members.insert("until".into(), json!(until.to_string()));
        members.insert("reason".into(), json!(reason));
    }
    view
}

fn duration(seconds: u64) -> Result<Duration, Problem> {
    if (1..=LONGEST).contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    Err(Problem::malformed("`seconds` is 1 to 34560000 (400 days)"))
}

async fn perform(
    state: &AdminState,
    admin: Admin,
    action: Action,
    reason: &str,
    confirmed: bool,
) -> Result<StatusCode, Problem> {
    if confirmed {
        state.acts.perform_confirmed(action, admin.actor, reason).await?;
    } else {
        state.acts.perform(action, admin.actor, reason).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The same target, however its network is written.
fn same<T: Serialize>(one: &T, other: &T) -> bool {
    serde_json::to_value(one).ok() == serde_json::to_value(other).ok()
}

pub(super) async fn blocks(State(state): State<AdminState>) -> Json<Value> {
    let items = state.house.blocks();
    let items = items.iter().map(|one| view(json!({ "target": one.target }), one.since, one.until, &one.reason));
    Json(json!({ "items": items.collect::<Vec<_>>() }))
}

/// A block to make.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBlock {
    target: BlockTarget,
    seconds: u64,
    reason: String,
    /// Also where it hits what belongs to ourselves, such as a trusted proxy.
    #[serde(default)]
    confirmed: bool,
}

pub(super) async fn block(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Body(NewBlock { target, seconds, reason, confirmed }): Body<NewBlock>,
) -> Result<StatusCode, Problem> {
    let (because, duration) = (Because { reason }, duration(seconds)?);
    perform(&state, admin, Action::Block { target, duration }, because.checked()?, confirmed).await
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
    let target = match target {
        BlockTarget::Network(network) => BlockTarget::Network(network.trunc()),
        device @ BlockTarget::Device(_) => device,
    };
    if matches!(target, BlockTarget::Network(_)) && !state.house.blocks().iter().any(|one| one.target == target) {
        return Err(Problem::not_found("block"));
    }
    perform(&state, admin, Action::Unblock { target }, ENDED, false).await
}

pub(super) async fn tightened(State(state): State<AdminState>) -> Json<Value> {
    let items = state.house.tightened();
    let items = items
        .iter()
        .map(|one| view(json!({ "target": one.target, "percent": one.percent }), one.since, one.until, &one.reason));
    Json(json!({ "items": items.collect::<Vec<_>>() }))
}

/// Limits to tighten.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTightening {
    target: LimitTarget,
    percent: u8,
    seconds: u64,
    reason: String,
}

pub(super) async fn tighten(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Body(NewTightening { target, percent, seconds, reason }): Body<NewTightening>,
) -> Result<StatusCode, Problem> {
    let (because, duration) = (Because { reason }, duration(seconds)?);
    perform(&state, admin, Action::TightenLimits { target, percent, duration }, because.checked()?, false).await
}

/// Whose limits are restored: exactly one of the three.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Restore {
    #[serde(default)]
    everyone: bool,
    network: Option<String>,
    route: Option<String>,
}

pub(super) async fn restore(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Query(restore): Query<Restore>,
) -> Result<StatusCode, Problem> {
    let target = match (restore.everyone, restore.network, restore.route) {
        (true, None, None) => LimitTarget::Everyone,
        (false, Some(network), None) => {
            let network = network.parse::<ipnet::IpNet>();
            let network = network.map_err(|_| Problem::malformed("write a network as `203.0.113.0/24`"))?;
            LimitTarget::Network(network.trunc())
        }
        (false, None, Some(route)) => LimitTarget::Route(route.into()),
        _ => return Err(Problem::malformed("name `everyone=true`, `network` or `route`")),
    };
    if !state.house.tightened().iter().any(|one| same(&one.target, &target)) {
        return Err(Problem::not_found("tightened limit"));
    }
    perform(&state, admin, Action::RestoreLimits { target }, ENDED, false).await
}

pub(super) async fn restricted(State(state): State<AdminState>) -> Json<Value> {
    let items = state.house.restricted();
    let items = items.iter().map(|one| view(json!({ "path": one.path }), one.since, one.until, &one.reason));
    Json(json!({ "items": items.collect::<Vec<_>>() }))
}

/// Routes to restrict.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRestriction {
    path: String,
    seconds: u64,
    reason: String,
}

pub(super) async fn restrict(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Body(NewRestriction { path, seconds, reason }): Body<NewRestriction>,
) -> Result<StatusCode, Problem> {
    let (because, duration) = (Because { reason }, duration(seconds)?);
    let action = Action::RestrictRoutes { path: path.into(), duration };
    perform(&state, admin, action, because.checked()?, false).await
}

/// Which routes may be written again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    path: String,
}

pub(super) async fn release(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Query(Release { path }): Query<Release>,
) -> Result<StatusCode, Problem> {
    let written = path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(&path);
    if !state.house.restricted().iter().any(|one| one.path == written) {
        return Err(Problem::not_found("restricted path"));
    }
    perform(&state, admin, Action::ReleaseRoutes { path: path.into() }, ENDED, false).await
}
