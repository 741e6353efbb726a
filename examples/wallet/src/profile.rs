//! Who a person is to the bank, and how to reach them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::bank::Bank;
use crate::caller::Caller;
use crate::refusal::Refusal;

const LANGUAGES: &[&str] = &["de", "en", "es", "fr", "it"];

/// What a person may change; name and date of birth need a visit with papers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    email: Option<String>,
    phone: Option<String>,
    address: Option<String>,
    language: Option<String>,
}

pub(crate) async fn show(caller: Caller, State(bank): State<Arc<Bank>>) -> Result<Response, Refusal> {
    caller.needs("profile:read")?;
    Ok(Json(bank.with(&caller.person, |person| person.profile.clone())).into_response())
}

pub(crate) async fn change(
    caller: Caller,
    State(bank): State<Arc<Bank>>,
    change: Result<Json<Change>, JsonRejection>,
) -> Result<Response, Refusal> {
    caller.needs("profile:write")?;
    let Json(change) = change?;
    check(&change)?;
    let profile = bank.with(&caller.person, |person| {
        let profile = &mut person.profile;
        let Change { email, phone, address, language } = change;
        profile.email = email.unwrap_or_else(|| profile.email.clone());
        profile.phone = phone.unwrap_or_else(|| profile.phone.clone());
        profile.address = address.unwrap_or_else(|| profile.address.clone());
        profile.language = language.unwrap_or_else(|| profile.language.clone());
        profile.clone()
    });
    Ok(Json(profile).into_response())
}

fn check(change: &Change) -> Result<(), Refusal> {
    let fits = |value: &Option<String>, rule: fn(&str) -> bool| value.as_deref().is_none_or(rule);
    let named = [
        ("email", fits(&change.email, |text| (3..=254).contains(&text.len()) && text.split('@').count() == 2)),
        ("phone", fits(&change.phone, is_phone)),
        ("address", fits(&change.address, |text| (1..=200).contains(&text.chars().count()))),
        ("language", fits(&change.language, |text| LANGUAGES.contains(&text))),
    ];
    let nothing =
        change.email.is_none() && change.phone.is_none() && change.address.is_none() && change.language.is_none();
    if nothing {
        return Err(Refusal::Invalid("name at least one of `email`, `phone`, `address`, `language`".into()));
    }
    match named.iter().find(|(_, fits)| !fits) {
        Some((name, _)) => Err(Refusal::Invalid(format!("`{name}` does not look right"))),
        None => Ok(()),
    }
}

fn is_phone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (6..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
