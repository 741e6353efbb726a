//! Detection: rules tried on what the journal holds.

use axum::Json;
use axum::extract::{Extension, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use testudo_core::Timestamp;

use super::AdminState;
use super::guard::Admin;
use super::input::Body;
use crate::{Problem, Replay, RuleFile};

/// The longest request, in bytes of JSON: rules and all.
const LONGEST: usize = 1024 * 1024;

/// Since when (microseconds since 1970), and under which rules beside or instead of the pack.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    since: i64,
    #[serde(default)]
    pack: bool,
    #[serde(default)]
    rules: Vec<RuleFile>,
}

pub(super) async fn replay(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    request: Request,
) -> Result<Response, Problem> {
    let Body(Wanted { since, pack, rules }) = Body::within(request, LONGEST).await?;
    let replay = Replay { since: Timestamp::from_micros(since), pack, rules };
    let house = state.house.clone();
    // Mistakes in rules are told at once, before anything is read.
    house.check_rules(&replay)?;
    let started = state.replays.start(state.clock.now(), move |progress| async move {
        match house.replay(replay, progress).await {
            Ok(report) => report,
            Err(error) => json!({ "state": "failed", "error": error.to_string() }),
        }
    });
    let id = started.ok_or_else(|| Problem::new(409, "busy", "a replay is running already; wait for its report"))?;
    admin.announce(&state, "detect-replay", id.to_string()).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "id": id }))).into_response())
}

pub(super) async fn report(State(state): State<AdminState>, Path(id): Path<u64>) -> Result<Json<Value>, Problem> {
    state.replays.report(id).map(Json).ok_or_else(|| Problem::not_found("replay"))
}
