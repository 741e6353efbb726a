//! People: list, show, create, lock, erase, roles, factors.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use testudo_access::Permission;
use testudo_core::{Action, PersonId, Secret};
use testudo_identity::{ImportedPerson, NewPerson, OWNER, Person, PersonState, PurposeView, SignUpForm};

use super::AdminState;
use super::disclosure::{Disclosure, Sight};
use super::guard::Admin;
use super::input::{Body, Id, Query};
use crate::Problem;

/// Which people, and how much of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    after: Option<String>,
    limit: Option<usize>,
    state: Option<PersonState>,
    username: Option<String>,
    #[serde(default)]
    reveal: bool,
}

pub(super) async fn list(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Query(listing): Query<Listing>,
) -> Result<Json<Value>, Problem> {
    if listing.reveal {
        admin.require(&state, Permission::Reveal, None).await?;
    }
    let (people, next) = if let Some(username) = &listing.username {
        (state.identity.person_by_name(username).await?.into_iter().collect::<Vec<_>>(), None)
    } else {
        let after = listing.after.as_deref().map(str::parse).transpose();
        let after = after.map_err(|_| Problem::malformed("`after` is not a list cursor; start from the beginning"))?;
        let page = state.identity.people(after, listing.limit.unwrap_or(50), listing.state).await?;
        (page.items.into_iter().map(|stored| stored.document).collect(), page.next)
    };
    let next = next.map(|next| next.to_string());
    let answer = |sight: &Sight| {
        let items: Vec<_> = people.iter().map(|person| view(person, sight)).collect();
        json!({ "items": items, "next": next })
    };
    if listing.reveal {
        return admin.disclose(&state, Disclosure::render("people", people.len(), answer)).await.map(Json);
    }
    Ok(Json(answer(&Sight::MASKED)))
}

/// Whether personal data are shown in full.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reveal {
    #[serde(default)]
    pub(super) reveal: bool,
}

pub(super) async fn show(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(id): Id<PersonId>,
    Query(Reveal { reveal }): Query<Reveal>,
) -> Result<Json<Value>, Problem> {
    if reveal {
        admin.require(&state, Permission::Reveal, None).await?;
    }
    let person = state.identity.person(id).await?.ok_or_else(|| Problem::not_found("person"))?.document;
    if reveal {
        let disclosure = Disclosure::render("person", 1, |sight| view(&person, sight));
        return admin.disclose(&state, disclosure).await.map(Json);
    }
    Ok(Json(view(&person, &Sight::MASKED)))
}

/// What is usual for a person, and what speaks against her now.
pub(super) async fn risk(State(state): State<AdminState>, Id(id): Id<PersonId>) -> Result<Json<Value>, Problem> {
    state.identity.person(id).await?.ok_or_else(|| Problem::not_found("person"))?;
    Ok(Json(state.house.risk(id).await?))
}

/// What a person has agreed to. The texts are the operator's own.
pub(super) async fn purposes(State(state): State<AdminState>, Id(id): Id<PersonId>) -> Result<Json<Value>, Problem> {
    state.identity.person(id).await?.ok_or_else(|| Problem::not_found("person"))?;
    let item = |view: PurposeView| {
        json!({
            "purpose": view.purpose.name,
            "title": view.purpose.title,
            "version": view.purpose.version,
            "agreed": view.since.map(|since| since.to_string()),
            "outdated": view.outdated,
        })
    };
    let items: Vec<Value> = state.identity.purposes_of(id).await?.into_iter().map(item).collect();
    Ok(Json(json!({ "items": items })))
}

fn view(person: &Person, sight: &Sight) -> Value {
    json!({
        "id": person.id(),
        "username": sight.text(person.username()),
        "name": sight.text(person.name()),
        "roles": person.roles(),
        "state": person.state(),
        "second_factor": person.has_second_factor(),
        "created": person.created().to_string(),
        "updated": person.updated().to_string(),
    })
}

/// An account to make.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    username: String,
    #[serde(default)]
    name: String,
    password: Option<String>,
    password_hash: Option<String>,
    #[serde(default)]
    roles: BTreeSet<String>,
    temporary: Option<bool>,
}

pub(super) async fn create(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Body(new): Body<NewAccount>,
) -> Result<Response, Problem> {
    for role in &new.roles {
        admin.require(&state, Permission::RolesGrant, Some(role)).await?;
    }
    let NewAccount { username, name, password, password_hash, roles, temporary } = new;
    let id = match (password, password_hash) {
        (Some(password), None) => {
            let form = SignUpForm { username, name, password: Secret::new(password) };
            let new = NewPerson { form, roles, temporary: temporary.unwrap_or(true) };
            state.identity.create_person(new, &admin.actor, &admin.ctx).await?
        }
        // Taken over from another system: she keeps the password that she has.
        (None, Some(hash)) if temporary.is_none() => {
            let new = ImportedPerson { username, name, hash: Secret::new(hash), roles };
            state.identity.import_person(new, &admin.actor, &admin.ctx).await?
        }
        (None, Some(_)) => {
            return Err(Problem::malformed("`temporary` goes with `password`, not with `password_hash`"));
        }
        _ => return Err(Problem::malformed("give either `password` or `password_hash`")),
    };
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))).into_response())
}

pub(super) async fn erase(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(id): Id<PersonId>,
) -> Result<StatusCode, Problem> {
    state.identity.erase_person(id, &admin.actor, &admin.ctx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a new owner may enrol although there is one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEnrolment {
    #[serde(default)]
    beside_owners: bool,
}

/// Makes a token with which an owner enrols. Whoever may have it could make an owner anyway.
pub(super) async fn enrol(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Body(new): Body<NewEnrolment>,
) -> Result<Response, Problem> {
    admin.require(&state, Permission::RolesGrant, Some(OWNER)).await?;
    let made = state.identity.renew_enrolment(new.beside_owners, admin.actor, &admin.ctx).await?;
    let text = "there is an owner, who can make more; if every owner's account is lost, ask for a token beside owners";
    let made = made.ok_or_else(|| Problem::new(409, "owner-exists", text))?;
    let answer = json!({ "token": made.token.expose(), "expires": made.expires.to_string() });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Why something is done.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Because {
    pub(super) reason: String,
}

impl Because {
    /// The reason goes to the journal in plain: short, and the caller is told to keep people out of it.
    pub(super) fn checked(&self) -> Result<&str, Problem> {
        let fits = (1..=200).contains(&self.reason.chars().count()) && !self.reason.chars().any(char::is_control);
        fits.then_some(self.reason.as_str())
            .ok_or_else(|| Problem::malformed("`reason` has 1 to 200 characters; write no personal data into it"))
    }
}

pub(super) async fn lock(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(person): Id<PersonId>,
    Body(because): Body<Because>,
) -> Result<StatusCode, Problem> {
    let reason = because.checked()?;
    state.acts.perform(Action::LockPerson { person }, admin.actor, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn unlock(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(person): Id<PersonId>,
) -> Result<StatusCode, Problem> {
    state.identity.unlock_person(person, &admin.actor, &admin.ctx).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn require_reset(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(person): Id<PersonId>,
    Body(because): Body<Because>,
) -> Result<StatusCode, Problem> {
    let reason = because.checked()?;
    state.acts.perform(Action::ForcePasswordReset { person }, admin.actor, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn require_step_up(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(person): Id<PersonId>,
    Body(because): Body<Because>,
) -> Result<StatusCode, Problem> {
    let reason = because.checked()?;
    state.identity.person(person).await?.ok_or_else(|| Problem::not_found("person"))?;
    state.acts.perform(Action::RequireStepUp { person }, admin.actor, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn waive_reset(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(person): Id<PersonId>,
    Body(because): Body<Because>,
) -> Result<StatusCode, Problem> {
    let reason = because.checked()?;
    state.acts.perform(Action::WaivePasswordReset { person }, admin.actor, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn waive_step_up(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(person): Id<PersonId>,
    Body(because): Body<Because>,
) -> Result<StatusCode, Problem> {
    let reason = because.checked()?;
    state.acts.perform(Action::WaiveStepUp { person }, admin.actor, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A first password for somebody who lost hers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FirstPassword {
    password: String,
}

pub(super) async fn set_password(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(person): Id<PersonId>,
    Body(first): Body<FirstPassword>,
) -> Result<StatusCode, Problem> {
    state.identity.set_password(person, Secret::new(first.password), &admin.actor, &admin.ctx).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove_factors(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Id(person): Id<PersonId>,
) -> Result<StatusCode, Problem> {
    state.identity.remove_factors(person, &admin.actor, &admin.ctx).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn grant_role(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Path((person, role)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let person = parse(&person)?;
    state.identity.grant_role(person, &role, &admin.actor, &admin.ctx).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn revoke_role(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Path((person, role)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let person = parse(&person)?;
    state.identity.revoke_role(person, &role, &admin.actor, &admin.ctx).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn parse(text: &str) -> Result<PersonId, Problem> {
    text.parse().map_err(|error: testudo_core::IdError| Problem::malformed(error.to_string()))
}
