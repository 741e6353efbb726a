//! OAuth clients: list, register, change, enable, disable, remove, rotate the secret.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use testudo_core::{Action, ClientId};
use testudo_identity::{Client, ClientForm, Registered};

use super::AdminState;
use super::guard::Admin;
use super::input::{Body, Id, Query};
use crate::Problem;

/// Which part of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list(
    State(state): State<AdminState>,
    Query(listing): Query<Listing>,
) -> Result<Json<Value>, Problem> {
    let after = listing.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| Problem::malformed("`after` is not a list cursor; start from the beginning"))?;
    let page = state.identity.list_clients(after, listing.limit.unwrap_or(50)).await?;
    let items: Vec<_> = page.items.iter().map(|stored| view(&stored.document)).collect();
    Ok(Json(json!({ "items": items, "next": page.next.map(|next| next.to_string()) })))
}

/// A client to register.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewClient {
    id: ClientId,
    client: ClientForm,
}

pub(super) async fn create(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Body(new): Body<NewClient>,
) -> Result<Response, Problem> {
    let registered = state.identity.register_client(new.id, new.client, admin.actor, &admin.ctx).await?;
    Ok((StatusCode::CREATED, Json(with_secret(&registered))).into_response())
}

pub(super) async fn show(State(state): State<AdminState>, Id(id): Id<ClientId>) -> Result<Json<Value>, Problem> {
    let client = state.identity.find_client(&id).await?.ok_or_else(|| Problem::not_found("client"))?;
    Ok(Json(view(&client)))
}

pub(super) async fn change(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(id): Id<ClientId>,
    Body(form): Body<ClientForm>,
) -> Result<Json<Value>, Problem> {
    let client = state.identity.change_client(&id, form, admin.actor, &admin.ctx).await?;
    Ok(Json(view(&client)))
}

pub(super) async fn remove(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(id): Id<ClientId>,
) -> Result<StatusCode, Problem> {
    state.identity.remove_client(&id, admin.actor, &admin.ctx).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn enable(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(client): Id<ClientId>,
) -> Result<StatusCode, Problem> {
    state.acts.perform(Action::EnableClient { client }, admin.actor, "enabled by an administrator").await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn disable(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(client): Id<ClientId>,
) -> Result<StatusCode, Problem> {
    state.acts.perform(Action::DisableClient { client }, admin.actor, "disabled by an administrator").await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn rotate_secret(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(id): Id<ClientId>,
) -> Result<Json<Value>, Problem> {
    let registered = state.identity.rotate_client_secret(&id, admin.actor, &admin.ctx).await?;
    Ok(Json(with_secret(&registered)))
}

fn with_secret(registered: &Registered) -> Value {
    let secret = registered.secret.as_ref().map(|secret| secret.expose().as_str());
    json!({ "client": view(&registered.client), "secret": secret })
}

fn view(client: &Client) -> Value {
    json!({
        "id": client.id,
        "state": client.state,
        "created": client.created.to_string(),
        "changed": client.changed.to_string(),
        "client": client.form(),
    })
}
