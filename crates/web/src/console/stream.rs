//! Live events over server-sent events (HTML, section 9.2): the lines of new events, at most four frames a second.
//!
//! A frame holds the newest lines; what came faster than it can be read is skipped and counted. `Last-Event-ID` goes on
//! where a broken connection ended. The stream ends with the session, after a while, and with the server; browsers come
//! back by themselves.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use testudo_access::Permission;
use testudo_identity::Context;
use testudo_store::JournalFilter;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::Console;
use super::desk::{Answer, Desk, dressed};
use super::events::RowFragment;
use super::query::EventQuery;

/// Streams at the same time.
pub(crate) const MOST: usize = 32;
/// Between frames.
const PACE: Duration = Duration::from_millis(250);
/// Lines of a frame.
const LINES: usize = 20;
/// Entries that are looked at for a frame; what is older is skipped.
const WINDOW: u64 = 2_000;
/// Without events a comment keeps the connection.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The longest life of a stream.
const LIFE: Duration = Duration::from_mins(15);

struct Follower {
    console: Console,
    query: EventQuery,
    filter: JournalFilter,
    head: tokio::sync::watch::Receiver<u64>,
    next: u64,
    cookie: Option<String>,
    ctx: Context,
    ends: Instant,
    last: Instant,
    first: bool,
    _seat: OwnedSemaphorePermit,
}

pub(crate) async fn follow(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::AuditRead).await?;
    let Ok(seat) = console.streams.clone().try_acquire_owned() else {
        return Ok(busy());
    };
    let head = *console.store().head().borrow();
    let given = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let after: Option<u64> = desk.visit.param("after").and_then(|after| after.parse().ok());
    let pairs = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let kept: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs.filter(|(name, _)| name != "after" && name != "before"))
        .finish();
    let (query, _) = EventQuery::parse(&kept);
    let follower = Follower {
        filter: query.filter(console.store()),
        query,
        head: console.store().head(),
        next: given.or(after).unwrap_or(head).min(head),
        cookie: desk.visit.session_cookie().map(str::to_owned),
        ctx: desk.visit.ctx.clone(),
        ends: Instant::now() + LIFE,
        last: Instant::now(),
        first: true,
        console,
        _seat: seat,
    };
    let frames = futures_util::stream::unfold(follower, |mut follower| async move {
        let frame = follower.frame().await?;
        Some((Ok::<Bytes, Infallible>(Bytes::from(frame)), follower))
    });
    let mut response = dressed(Body::from_stream(frames).into_response());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn busy() -> Response {
    let text = "too many consoles follow events; reload later\n";
    let mut response = dressed((StatusCode::SERVICE_UNAVAILABLE, text).into_response());
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
    response
}

impl Follower {
    /// The next frame; none when the stream is over.
    async fn frame(&mut self) -> Option<String> {
        if std::mem::take(&mut self.first) {
            return Some(format!("retry: 2000\nid: {}\n\n", self.next));
        }
        loop {
            if Instant::now() >= self.ends {
                return None;
            }
            tokio::time::sleep_until(self.last + PACE).await;
            let next = self.next;
            let waited = tokio::time::timeout(HEARTBEAT, self.head.wait_for(|head| *head > next)).await;
            let news = waited.map(|told| told.is_ok());
            self.last = Instant::now();
            self.still_signed_in().await?;
            match news {
                // The store is closed.
                Ok(false) => return None,
                Err(_) => return Some(": still here\n\n".to_owned()),
                Ok(true) => {}
            }
            if let Some(frame) = self.read().await? {
                return Some(frame);
            }
        }
    }

    /// A session that ended, or lost its roles, sees no more.
    async fn still_signed_in(&mut self) -> Option<()> {
        self.ctx.now = self.console.clock.now();
        let who = self.console.web.identity.browser(self.cookie.as_deref(), &self.ctx).await.ok()??;
        let roles = who.roles.iter().filter_map(|role| role.parse().ok());
        roles.into_iter().any(|role| self.console.policies.could(role, Permission::AuditRead)).then_some(())
    }

    /// The lines since the last frame; none inside when nothing passed.
    async fn read(&mut self) -> Option<Option<String>> {
        let head = *self.head.borrow_and_update();
        let from = self.next.max(head.saturating_sub(WINDOW));
        let unseen = from - self.next;
        let filter = JournalFilter { newest_below: Some(head), ..self.filter.clone() };
        let store = self.console.store();
        let limit = usize::try_from(WINDOW).unwrap_or(usize::MAX);
        let mut entries = store.read_journal(from, limit, &filter).await.ok()?;
        entries.retain(|entry| self.query.passes(&entry.plain));
        self.next = head;
        let skipped = unseen + u64::try_from(entries.len().saturating_sub(LINES)).unwrap_or(u64::MAX);
        entries.truncate(LINES);
        if entries.is_empty() && unseen == 0 {
            return Some(None);
        }
        let mut frame = format!("id: {head}\nevent: lines\n");
        if skipped > 0 {
            let _ = writeln!(
                frame,
                "data: <tr class=\"skipped\"><td colspan=\"3\">{skipped} more came in between and are not shown here</td></tr>"
            );
        }
        for entry in &entries {
            for line in RowFragment::markup(entry).lines() {
                let _ = writeln!(frame, "data: {line}");
            }
        }
        frame.push('\n');
        Some(Some(frame))
    }
}
