//! Transfers: the same key with the same order moves the money once.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::bank::{Bank, Order, Person, Transfer};
use crate::caller::Caller;
use crate::demo::is_iban;
use crate::refusal::Refusal;

/// The most money of one transfer, in cents.
const MAX_AMOUNT: i64 = 10_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    account: Option<String>,
    limit: Option<usize>,
}

pub(crate) async fn list(
    caller: Caller,
    State(bank): State<Arc<Bank>>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Response, Refusal> {
    caller.needs("transfers:read")?;
    let Query(Filter { account, limit }) = filter?;
    let limit = limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(Refusal::Invalid("`limit` is 1 to 100".into()));
    }
    let transfers: Vec<Transfer> = bank.with(&caller.person, |person| {
        let all = person.transfers.iter().rev().map(|made| &made.transfer);
        all.filter(|transfer| account.as_ref().is_none_or(|id| *id == transfer.from)).take(limit).cloned().collect()
    });
    Ok(Json(json!({ "transfers": transfers })).into_response())
}

pub(crate) async fn create(
    caller: Caller,
    State(bank): State<Arc<Bank>>,
    headers: HeaderMap,
    order: Result<Json<Order>, JsonRejection>,
) -> Result<Response, Refusal> {
    caller.needs("transfers:write")?;
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    if !(8..=64).contains(&key.len()) {
        return Err(Refusal::Invalid("`Idempotency-Key` has 8 to 64 characters".into()));
    }
    let Json(order) = order?;
    check(&order)?;
    let now = jiff::Timestamp::now();
    let transfer = bank.with(&caller.person, |person| make(person, key, order, caller.client.as_deref(), now))?;
    Ok((StatusCode::CREATED, Json(transfer)).into_response())
}

fn check(order: &Order) -> Result<(), Refusal> {
    let invalid = |text: &str| Err(Refusal::Invalid(text.to_owned()));
    if !(1..=MAX_AMOUNT).contains(&order.amount) {
        return invalid("`amount` is 1 to 10000000 cents");
    }
    if !is_iban(&order.to.iban) {
        return invalid("`to.iban` is not an IBAN; check its digits");
    }
    if !(1..=70).contains(&order.to.name.chars().count()) || order.reference.chars().count() > 140 {
        return invalid("`to.name` has 1 to 70 characters, `reference` up to 140");
    }
    Ok(())
}

fn make(
    person: &mut Person,
    key: &str,
    order: Order,
    client: Option<&str>,
    now: jiff::Timestamp,
) -> Result<Transfer, Refusal> {
    if let Some(made) = person.transfers.iter().find(|made| made.key == key) {
        return if made.order == order { Ok(made.transfer.clone()) } else { Err(Refusal::KeyReused) };
    }
    let account = person.accounts.iter_mut().find(|account| account.id == order.from);
    let account = account.ok_or(Refusal::NoSuch("account"))?;
    if account.balance < order.amount {
        return Err(Refusal::Funds);
    }
    account.balance -= order.amount;
    let own = person.accounts.iter_mut().find(|account| account.iban == order.to.iban);
    if let Some(own) = own {
        own.balance += order.amount;
    }
    Ok(person.remember(key, order, client, now))
}
