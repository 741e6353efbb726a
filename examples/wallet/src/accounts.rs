//! Accounts, their statements, and their events as they happen.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::bank::{Bank, Transfer};
use crate::caller::Caller;
use crate::demo::MONTHS;
use crate::refusal::Refusal;

/// How often a stream says that it is alive.
const TICK: Duration = Duration::from_secs(1);

type PathOf<T> = Result<Path<T>, PathRejection>;

pub(crate) async fn list(caller: Caller, State(bank): State<Arc<Bank>>) -> Result<Response, Refusal> {
    caller.needs("accounts:read")?;
    let accounts = bank.with(&caller.person, |person| person.accounts.clone());
    Ok(Json(json!({ "accounts": accounts })).into_response())
}

pub(crate) async fn one(
    caller: Caller,
    State(bank): State<Arc<Bank>>,
    account: PathOf<String>,
) -> Result<Response, Refusal> {
    caller.needs("accounts:read")?;
    let Path(id) = account?;
    let account = bank.with(&caller.person, |person| person.account(&id).cloned());
    account.map(|account| Json(account).into_response()).ok_or(Refusal::NoSuch("account"))
}

pub(crate) async fn statements(
    caller: Caller,
    State(bank): State<Arc<Bank>>,
    account: PathOf<String>,
) -> Result<Response, Refusal> {
    caller.needs("statements:read")?;
    let Path(id) = account?;
    let account = bank.with(&caller.person, |person| person.account(&id).cloned()).ok_or(Refusal::NoSuch("account"))?;
    let statements: Vec<_> = MONTHS
        .iter()
        .filter_map(|month| {
            let last = account.history.iter().rev().find(|booking| booking.date.starts_with(month))?;
            Some(json!({ "month": month, "closing": last.balance }))
        })
        .collect();
    Ok(Json(json!({ "statements": statements })).into_response())
}

pub(crate) async fn statement(
    caller: Caller,
    State(bank): State<Arc<Bank>>,
    place: PathOf<(String, String)>,
) -> Result<Response, Refusal> {
    caller.needs("statements:read")?;
    let Path((id, month)) = place?;
    let account = bank.with(&caller.person, |person| person.account(&id).cloned()).ok_or(Refusal::NoSuch("account"))?;
    let month = MONTHS.iter().find(|known| **known == month).ok_or(Refusal::NoSuch("statement"))?;
    let mut csv = String::from("date,with,amount,balance\r\n");
    for booking in account.history.iter().filter(|booking| booking.date.starts_with(month)) {
        let line = write!(csv, "{},{},{},{}\r\n", booking.date, booking.with, booking.amount, booking.balance);
        debug_assert!(line.is_ok(), "strings take what is written");
    }
    let disposition = format!("attachment; filename=\"statement-{month}.csv\"");
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, disposition)], csv)
        .into_response())
}

pub(crate) async fn events(
    caller: Caller,
    State(bank): State<Arc<Bank>>,
    account: PathOf<String>,
) -> Result<Response, Refusal> {
    caller.needs("accounts:read")?;
    let Path(id) = account?;
    let (account, transfers) = bank
        .with(&caller.person, |person| Some((person.account(&id).cloned()?, person.events.subscribe())))
        .ok_or(Refusal::NoSuch("account"))?;
    let first = json!({ "balance": account.balance }).to_string();
    let listener =
        Listener { account: id, person: caller.person, first: Some(first), transfers, closing: bank.closing(), bank };
    Ok(([(CACHE_CONTROL, "no-store")], Sse::new(listener.stream())).into_response())
}

/// Who listens to an account.
struct Listener {
    account: String,
    person: String,
    first: Option<String>,
    transfers: broadcast::Receiver<Transfer>,
    closing: watch::Receiver<bool>,
    bank: Arc<Bank>,
}

impl Listener {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        unfold(self, |mut listener| async move { listener.next().await.map(|event| (Ok(event), listener)) })
    }

    /// The next event; none once the backend stops, or forgot the person.
    async fn next(&mut self) -> Option<Event> {
        if let Some(first) = self.first.take() {
            return Some(Event::default().event("balance").data(first));
        }
        loop {
            let heard = tokio::select! {
                () = closed(&mut self.closing) => return None,
                heard = tick_or_transfer(&mut self.transfers) => heard,
            };
            match heard {
                Heard::Tick => return Some(Event::default().event("tick").data("{}")),
                Heard::Transfer(transfer) if transfer.from == self.account => return Some(self.tell(&transfer)),
                Heard::Transfer(_) | Heard::Missed => {}
                Heard::Forgotten => return None,
            }
        }
    }

    fn tell(&self, transfer: &Transfer) -> Event {
        let balance =
            self.bank.with(&self.person, |person| person.account(&self.account).map(|account| account.balance));
        let data = json!({ "id": transfer.id, "amount": transfer.amount, "balance": balance });
        Event::default().event("transfer").data(data.to_string())
    }
}

enum Heard {
    Tick,
    Transfer(Box<Transfer>),
    Missed,
    Forgotten,
}

/// Waits until the backend stops; for ever where nobody is left to say so, because the router is used without a server.
async fn closed(closing: &mut watch::Receiver<bool>) {
    if closing.wait_for(|closing| *closing).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn tick_or_transfer(transfers: &mut broadcast::Receiver<Transfer>) -> Heard {
    match tokio::time::timeout(TICK, transfers.recv()).await {
        Err(_) => Heard::Tick,
        Ok(Ok(transfer)) => Heard::Transfer(Box::new(transfer)),
        Ok(Err(RecvError::Lagged(_))) => Heard::Missed,
        Ok(Err(RecvError::Closed)) => Heard::Forgotten,
    }
}
