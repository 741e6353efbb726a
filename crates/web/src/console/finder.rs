//! Finding events, newest first, within a bound: a page never waits for the whole journal.
//!
//! What the index does not know (outcome, control, code) is looked for in what was read. When the time is up, the answer
//! says how far back it looked, and a link looks further.

use std::time::{Duration, Instant};

use testudo_core::Timestamp;
use testudo_store::{Entry, JournalFilter, ReadError, Store};

use super::query::EventQuery;

/// How long a page looks.
const BUDGET: Duration = Duration::from_millis(25);
/// Entries that are read at once when all must be looked at.
const WINDOW: u64 = 512;
/// The largest part of the journal that the index is asked about at once.
const WIDEST: u64 = 131_072;
/// Events are written after they happened: by so much at most do places and times disagree.
const SLACK: Duration = Duration::from_mins(10);

/// What was found.
pub(crate) struct Found {
    pub(crate) entries: Vec<Entry>,
    /// From where older ones are looked for, if there may be any.
    pub(crate) next: Option<u64>,
    /// Whether the time was up before the page was full.
    pub(crate) cut: bool,
    /// The time of the oldest entry that was looked at, when the time was up.
    pub(crate) looked_to: Option<Timestamp>,
}

/// The newest events that pass, at most `limit`.
pub(crate) async fn find(store: &Store, query: &EventQuery, limit: usize) -> Result<Found, ReadError> {
    let began = Instant::now();
    let head = *store.head().borrow();
    let mut high = query.before.unwrap_or(head).min(head);
    if let Some(until) = query.until {
        high = high.min(place(store, until.plus(SLACK), head).await?);
    }
    let mut low = match query.since {
        Some(since) => place(store, since.minus(SLACK), head).await?,
        None => 0,
    };
    if let Some(request) = query.request {
        // An id says when it was made.
        low = low.max(place(store, request.made().minus(SLACK), head).await?);
        high = high.min(place(store, request.made().plus(Duration::from_hours(24)), head).await?);
    }
    let filter = query.filter(store);
    let picky = query.control.is_some() || query.code.is_some() || query.outcome.is_some() || query.client.is_some();
    let mut window = WINDOW;
    let mut entries: Vec<Entry> = Vec::new();
    while high > low && entries.len() <= limit {
        if began.elapsed() > BUDGET {
            break;
        }
        let from = high.saturating_sub(window).max(low);
        let wanted = if picky { usize::try_from(window).unwrap_or(usize::MAX) } else { limit + 1 - entries.len() };
        let read =
            store.read_journal(from, wanted, &JournalFilter { newest_below: Some(high), ..filter.clone() }).await?;
        let whole = read.len() < wanted;
        let last = read.last().map(|entry| entry.seq);
        let looked = read.len();
        entries.extend(read.into_iter().filter(|entry| query.passes(&entry.plain)));
        high = if whole { from } else { last.unwrap_or(from) };
        // The index answers for a wide part at the price of a narrow one, as long as little is found there.
        if query.is_indexed() && looked < 64 {
            window = (window * 4).min(WIDEST);
        }
    }
    let cut = high > low && entries.len() <= limit;
    let next = if entries.len() > limit {
        entries.truncate(limit);
        entries.last().map(|entry| entry.seq)
    } else {
        (high > low).then_some(high)
    };
    let looked_to = if cut { time_at(store, high).await? } else { None };
    Ok(Found { entries, next, cut, looked_to })
}

/// The first place whose event happened at or after an instant, as good as places go by time.
async fn place(store: &Store, at: Timestamp, head: u64) -> Result<u64, ReadError> {
    let (mut low, mut high) = (0, head);
    while low < high {
        let middle = low + (high - low) / 2;
        match time_at(store, middle).await? {
            Some(time) if time < at => low = middle + 1,
            // What was pruned is older than all that is asked for.
            None => low = middle + 1,
            Some(_) => high = middle,
        }
    }
    Ok(low)
}

async fn time_at(store: &Store, place: u64) -> Result<Option<Timestamp>, ReadError> {
    let filter = JournalFilter { newest_below: Some(place + 1), ..JournalFilter::default() };
    Ok(store.read_journal(place, 1, &filter).await?.first().map(|entry| entry.plain.at))
}
