//! Cards, which a person can freeze.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::bank::Bank;
use crate::caller::Caller;
use crate::refusal::Refusal;

type CardPath = Result<Path<String>, PathRejection>;

pub(crate) async fn list(caller: Caller, State(bank): State<Arc<Bank>>) -> Result<Response, Refusal> {
    caller.needs("cards:read")?;
    let cards = bank.with(&caller.person, |person| person.cards.clone());
    Ok(Json(json!({ "cards": cards })).into_response())
}

pub(crate) async fn freeze(caller: Caller, State(bank): State<Arc<Bank>>, card: CardPath) -> Result<Response, Refusal> {
    set_frozen(&caller, &bank, card, true)
}

pub(crate) async fn unfreeze(
    caller: Caller,
    State(bank): State<Arc<Bank>>,
    card: CardPath,
) -> Result<Response, Refusal> {
    set_frozen(&caller, &bank, card, false)
}

fn set_frozen(caller: &Caller, bank: &Bank, card: CardPath, frozen: bool) -> Result<Response, Refusal> {
    caller.needs("cards:write")?;
    let Path(id) = card?;
    bank.with(&caller.person, |person| {
        let card = person.cards.iter_mut().find(|card| card.id == id).ok_or(Refusal::NoSuch("card"))?;
        card.frozen = frozen;
        Ok(Json(card.clone()).into_response())
    })
}
