//! The audit log: entries by filter, checkpoints, proofs, verification.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Extension, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use testudo_access::Permission;
use testudo_core::{ClientId, EventKind, Outcome, PersonId, RequestId, SessionId, Timestamp};
use testudo_store::{Entry, JournalFilter, parse_checkpoints};

use super::AdminState;
use super::disclosure::Disclosure;
use super::guard::Admin;
use super::input::{Body, Query};
use super::verification::{self, hex};
use crate::Problem;

/// The longest list of checkpoints that is taken, in bytes of JSON.
const LONGEST_KEPT: usize = 1024 * 1024;

/// Which entries. Times are microseconds since 1970.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    from: u64,
    below: Option<u64>,
    limit: Option<usize>,
    kind: Option<String>,
    person: Option<PersonId>,
    address: Option<IpAddr>,
    request: Option<RequestId>,
    session: Option<SessionId>,
    client: Option<ClientId>,
    outcome: Option<Outcome>,
    since: Option<i64>,
    until: Option<i64>,
    #[serde(default)]
    newest_first: bool,
    #[serde(default)]
    reveal: bool,
}

impl Wanted {
    fn filter(&self, state: &AdminState) -> Result<JournalFilter, Problem> {
        let kinds = self.kind.as_deref().unwrap_or_default().split(',').filter(|kind| !kind.is_empty());
        let known = |kind: &str| kind.parse().map_err(|_| Problem::malformed("`kind` names an unknown kind of event"));
        let kinds: Result<Vec<EventKind>, Problem> = kinds.map(known).collect();
        let store = state.identity.store();
        Ok(JournalFilter {
            kinds: kinds?,
            person: self.person.map(|person| store.person_pseudonym(person)),
            address: self.address.map(|address| store.address_pseudonyms(address).0),
            request: self.request,
            session: self.session,
            client: self.client.clone(),
            outcome: self.outcome,
            since: self.since.map(Timestamp::from_micros),
            until: self.until.map(Timestamp::from_micros),
            newest_below: self.newest_first.then(|| self.below.unwrap_or(u64::MAX)),
            ..JournalFilter::default()
        })
    }
}

pub(super) async fn entries(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Problem> {
    if wanted.reveal {
        admin.require(&state, Permission::Reveal, None).await?;
    }
    let limit = wanted.limit.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::malformed("`limit` is 1 to 1000"));
    }
    let store = state.identity.store();
    let found = store.read_journal(wanted.from, limit, &wanted.filter(&state)?).await?;
    let full = found.len() == limit;
    let next = found.last().filter(|_| full).map(|last| if wanted.newest_first { last.seq } else { last.seq + 1 });
    if !wanted.reveal {
        let items: Vec<Value> = found.iter().map(|entry| view(entry, json!(entry.plain))).collect();
        return Ok(Json(json!({ "items": items, "next": next })));
    }
    let mut opened = Vec::with_capacity(found.len());
    for entry in &found {
        opened.push(store.open_entry(entry).await?);
    }
    let disclosure = Disclosure::render("audit-entries", found.len(), |_| {
        let items = found.iter().zip(&opened).map(|(entry, opened)| {
            let mut item = view(entry, json!(opened.event));
            if let Some(members) = item.as_object_mut() {
                members.insert("erased".into(), opened.erased.into());
            }
            item
        });
        json!({ "items": items.collect::<Vec<_>>(), "next": next })
    });
    admin.disclose(&state, disclosure).await.map(Json)
}

fn view(entry: &Entry, event: Value) -> Value {
    let mut item = json!({ "seq": entry.seq, "leaf": hex(&entry.leaf), "at": entry.plain.at.to_string() });
    if let Some(members) = item.as_object_mut() {
        members.insert("event".into(), event);
    }
    item
}

pub(super) async fn checkpoint(State(state): State<AdminState>) -> Result<Json<Value>, Problem> {
    let made = state.identity.store().checkpoint().await?;
    let key = BASE64.encode(&state.identity.store().ring().checkpoint_signer().public());
    Ok(Json(json!({
        "origin": made.origin, "size": made.size, "root": hex(&made.root), "note": made.note, "public_key": key,
    })))
}

/// An entry, and the size of the log for which it is proven.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inclusion {
    seq: u64,
    size: u64,
}

pub(super) async fn inclusion(
    State(state): State<AdminState>,
    Query(Inclusion { seq, size }): Query<Inclusion>,
) -> Result<Json<Value>, Problem> {
    if seq >= size || size > *state.identity.store().head().borrow() {
        return Err(Problem::new(422, "invalid", "`seq` is below `size`, and `size` is at most that of the log"));
    }
    let hashes = state.identity.store().inclusion_proof(seq, size).await?;
    let root = state.identity.store().root_at(size).await?;
    let hashes: Vec<_> = hashes.iter().map(hex).collect();
    Ok(Json(json!({ "seq": seq, "size": size, "root": hex(&root), "hashes": hashes })))
}

/// Two sizes of the log.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Consistency {
    old: u64,
    new: u64,
}

pub(super) async fn consistency(
    State(state): State<AdminState>,
    Query(Consistency { old, new }): Query<Consistency>,
) -> Result<Json<Value>, Problem> {
    if old == 0 || old > new || new > *state.identity.store().head().borrow() {
        return Err(Problem::new(422, "invalid", "`old` is 1 to `new`, and `new` is at most the size of the log"));
    }
    let hashes = state.identity.store().consistency_proof(old, new).await?;
    let hashes: Vec<_> = hashes.iter().map(hex).collect();
    let (first, second) = (state.identity.store().root_at(old).await?, state.identity.store().root_at(new).await?);
    Ok(Json(json!({ "old": old, "new": new, "old_root": hex(&first), "new_root": hex(&second), "hashes": hashes })))
}

/// Checkpoints that the caller kept: signed notes with an empty line after each.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    checkpoints: Option<String>,
}

pub(super) async fn verify(
    State(state): State<AdminState>,
    Extension(admin): Extension<Admin>,
    request: Request,
) -> Result<Response, Problem> {
    let Body(Kept { checkpoints }) = Body::optional(request, LONGEST_KEPT).await?;
    let given = checkpoints.as_deref().map(parse_checkpoints).transpose();
    let given = given.map_err(|error| Problem::malformed(format!("`checkpoints` can't be read: {error}")))?;
    if given.as_ref().is_some_and(Vec::is_empty) {
        return Err(Problem::malformed("`checkpoints` holds none: against nothing, everything would seem proven"));
    }
    let work = verification::verify(state.clone(), given);
    let id = state.verifications.start(state.clock.now(), |_| work).ok_or_else(|| {
        Problem::new(409, "busy", "a verification is running already; wait for it and read its report")
    })?;
    admin.announce(&state, "audit-verify", id.to_string()).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "id": id }))).into_response())
}

pub(super) async fn report(State(state): State<AdminState>, Path(id): Path<u64>) -> Result<Json<Value>, Problem> {
    state.verifications.report(id).map(Json).ok_or_else(|| Problem::not_found("verification"))
}
