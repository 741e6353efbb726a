//! The batched lane: events that announce no change, through a bounded queue, in groups.
//!
//! Denials of strangers are folded: one event per peer, control, code and second, with a count. Nothing is dropped: what
//! cannot be written waits and is tried again, and meanwhile the lane takes nothing more. Only closing gives up in the
//! end, and then it is known of which kind and how many events were not written.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use testudo_core::{Control, Event, EventKind, Lane as CoreLane, Outcome};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::seal::{Pseudonyms, Sealer};
use crate::backend::Prepared;
use crate::store::Core;
use crate::{CommitError, Full, prepare};

/// Events that are committed at once.
const BATCH: usize = 1_024;
/// Folded events that wait for the end of their second.
const MOST_FOLDED: usize = 8_192;
/// How often folded events are looked at.
const TICK: Duration = Duration::from_millis(200);
/// After which a folded event is written whatever the wall clock says.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How long a batch waits for company.
const LINGER: Duration = Duration::from_millis(25);
/// Between two tries to write.
const RETRY: Duration = Duration::from_millis(100);

enum Message {
    Event(Box<Event>),
    Flush(oneshot::Sender<()>),
}

/// The entrance of the lane.
pub(crate) struct Lane {
    queue: mpsc::Sender<Message>,
    state: Arc<State>,
    /// Becomes true when the lane shall not try any longer.
    enough: watch::Sender<bool>,
}

/// What the entrance and the writer share.
#[derive(Default)]
struct State {
    /// The journal cannot be written at present.
    stalled: AtomicBool,
    /// Nothing is taken in any more.
    closed: AtomicBool,
    pending: Pending,
}

/// How many events of each kind were taken in and are not known to be durable.
struct Pending([AtomicU64; EventKind::ALL.len()]);

impl Default for Pending {
    fn default() -> Pending {
        Pending(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Pending {
    fn add(&self, event: &Event) {
        if let Some(count) = self.0.get(event.kind as usize) {
            count.fetch_add(u64::from(event.count), Ordering::AcqRel);
        }
    }

    fn remove(&self, kind: EventKind, events: u64) {
        if let Some(count) = self.0.get(kind as usize) {
            count.fetch_sub(events, Ordering::AcqRel);
        }
    }

    fn left(&self) -> Vec<(EventKind, u64)> {
        let counts = EventKind::ALL.iter().zip(&self.0);
        counts.map(|(kind, count)| (*kind, count.load(Ordering::Acquire))).filter(|(_, count)| *count > 0).collect()
    }
}

impl Lane {
    /// Starts the lane on the current runtime.
    pub fn start(core: Arc<Core>, capacity: usize) -> Lane {
        let (queue, events) = mpsc::channel(capacity.max(1));
        let (enough, given_up) = watch::channel(false);
        let state = Arc::new(State::default());
        let lane = Writer { core, state: state.clone(), enough: given_up };
        tokio::spawn(lane.run(events));
        Lane { queue, state, enough }
    }

    /// Takes an event in, or refuses at once.
    pub fn append(&self, event: Event) -> Result<(), Full> {
        self.offer(Box::new(event)).map_err(|_| Full)
    }

    /// Takes an event in, or gives it back at once.
    pub fn offer(&self, event: Box<Event>) -> Result<(), Box<Event>> {
        if self.stalled() {
            return Err(event);
        }
        match self.queue.try_reserve() {
            Ok(place) => {
                self.state.pending.add(&event);
                place.send(Message::Event(event));
                Ok(())
            }
            Err(_) => Err(event),
        }
    }

    /// Returns when all events that were taken in before are durable: true, or the lane gave up: false.
    pub async fn flush(&self) -> bool {
        let (done, finished) = oneshot::channel();
        self.queue.send(Message::Flush(done)).await.is_ok() && finished.await.is_ok()
    }

    /// Takes nothing in any more, and waits at most so long until everything is durable. Then it gives up.
    pub async fn close(&self, most: Duration) {
        self.state.closed.store(true, Ordering::Release);
        if !matches!(tokio::time::timeout(most, self.flush()).await, Ok(true)) {
            self.give_up();
        }
    }

    /// Tries no longer to write what is left.
    pub fn give_up(&self) {
        self.enough.send_replace(true);
    }

    /// What was taken in and is not known to be durable, by kind.
    pub fn unwritten(&self) -> Vec<(EventKind, u64)> {
        self.state.pending.left()
    }

    /// Events that wait.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Whether the journal cannot be written at present.
    pub fn stalled(&self) -> bool {
        self.state.stalled.load(Ordering::Acquire) || self.state.closed.load(Ordering::Acquire)
    }
}

/// Events on their way: boxed, because they are large and are handed on several times.
type Events = Vec<Box<Event>>;

/// What the tasks of the lane work with.
#[derive(Clone)]
struct Writer {
    core: Arc<Core>,
    state: Arc<State>,
    enough: watch::Receiver<bool>,
}

/// A batch that is ready to be written, with what it stands for.
struct Batch {
    prepared: Prepared,
    events: BTreeMap<EventKind, u64>,
}

impl Writer {
    async fn run(self, mut events: mpsc::Receiver<Message>) {
        let (mut folded, mut buffer, mut open) = (Folded::default(), Vec::new(), true);
        let mut pseudonyms = Pseudonyms::default();
        // While one batch is being committed, the next one is sealed.
        let mut flight: Option<JoinHandle<()>> = None;
        while open {
            let received = events.recv_many(&mut buffer, BATCH);
            let received = async {
                if folded.is_empty() {
                    received.await
                } else {
                    tokio::time::timeout(TICK, received).await.unwrap_or(usize::MAX)
                }
            };
            let received = tokio::select! {
                received = received => received,
                () = self.given_up() => return,
            };
            open = received != 0;
            linger(&mut events, &mut buffer).await;
            let (mut batch, mut waiting) = (Vec::with_capacity(buffer.len()), Vec::new());
            for message in buffer.drain(..) {
                match message {
                    Message::Event(event) => batch.extend(folded.take(event)),
                    Message::Flush(done) => waiting.push(done),
                }
            }
            if waiting.is_empty() && open && folded.len() < MOST_FOLDED {
                batch.extend(folded.due(self.core.clock.now().seconds()));
            } else {
                batch.extend(folded.all());
            }
            if !batch.is_empty() {
                let Some(batch) = self.seal(batch, &mut pseudonyms).await else { return };
                land(&mut flight).await;
                flight = Some(tokio::spawn(self.clone().write(batch)));
            }
            if !waiting.is_empty() || !open {
                land(&mut flight).await;
            }
            if *self.enough.borrow() {
                return;
            }
            for done in waiting {
                let _ = done.send(());
            }
        }
    }

    /// Seals a batch, however long its keys take to come; none when the lane gave up before.
    async fn seal(&self, batch: Events, pseudonyms: &mut Pseudonyms) -> Option<Batch> {
        let owners = loop {
            match prepare::owners(&self.core, batch.iter().map(AsRef::as_ref)).await {
                Ok(owners) => break owners,
                Err(error) => self.wait(&error.to_string(), batch.len()).await?,
            }
        };
        let mut events: BTreeMap<EventKind, u64> = BTreeMap::new();
        let (mut drafts, mut seen) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        let ring = self.core.ring();
        let mut sealer = Sealer::new(&self.core, &ring, pseudonyms);
        for (event, owner) in batch.into_iter().zip(owners) {
            let (kind, count) = (event.kind, u64::from(event.count));
            match sealer.seal(event, owner) {
                Ok((draft, shown)) => {
                    drafts.push(draft);
                    seen.push(shown);
                    *events.entry(kind).or_default() += count;
                }
                Err(error) => {
                    tracing::error!(%error, %kind, "an event cannot be sealed: this is a mistake in the program");
                }
            }
        }
        Some(Batch { prepared: Prepared { ops: Vec::new(), drafts: Arc::new(drafts), seen }, events })
    }

    /// Writes a batch, however long it takes, unless the lane gives up.
    async fn write(self, mut batch: Batch) {
        let count = batch.prepared.drafts.len();
        loop {
            // What those who follow will see is for the first try only.
            let seen = std::mem::take(&mut batch.prepared.seen);
            match self.core.backend.commit_surely(Prepared { seen, ..batch.prepared.clone() }).await {
                Ok(_) => break,
                Err(CommitError::Invalid(cause)) => {
                    tracing::error!(%cause, count, "events are not acceptable; this is a mistake in the program");
                    return;
                }
                // It was asked as long as there was an answer to hope for: written twice is better than not at all.
                Err(CommitError::Uncertain) if !self.closed() => {
                    tracing::error!(
                        count,
                        "it cannot be known whether these events were written; they are written again"
                    );
                }
                Err(error) => {
                    if self.wait(&error.to_string(), count).await.is_none() {
                        return;
                    }
                }
            }
        }
        for (kind, events) in batch.events {
            self.state.pending.remove(kind, events);
        }
        if self.state.stalled.swap(false, Ordering::AcqRel) {
            tracing::warn!("the journal is written again");
        }
    }

    fn closed(&self) -> bool {
        self.state.closed.load(Ordering::Acquire)
    }

    /// Waits before the next try; none when there shall be none.
    async fn wait(&self, cause: &str, count: usize) -> Option<()> {
        if !self.state.stalled.swap(true, Ordering::AcqRel) {
            tracing::error!(cause, count, "the journal cannot be written; requests are refused until it can");
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY) => Some(()),
            () = self.given_up() => None,
        }
    }

    /// Returns when the lane gives up; never when nobody can say so any more.
    async fn given_up(&self) {
        if self.enough.clone().wait_for(|enough| *enough).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A commit costs much more than an entry: what comes in the next moment shares it, unless somebody waits.
async fn linger(events: &mut mpsc::Receiver<Message>, buffer: &mut Vec<Message>) {
    let waited_for = |message: &Message| matches!(message, Message::Flush(_));
    if buffer.is_empty() || buffer.len() >= BATCH || buffer.iter().any(waited_for) {
        return;
    }
    tokio::time::sleep(LINGER).await;
    while buffer.len() < BATCH {
        match events.try_recv() {
            Ok(message) => buffer.push(message),
            Err(_) => break,
        }
    }
}

async fn land(flight: &mut Option<JoinHandle<()>>) {
    if let Some(flight) = flight.take() {
        let _ = flight.await;
    }
}

/// What makes two denials of a stranger one event.
#[derive(PartialEq, Eq, Hash)]
struct Fold {
    kind: EventKind,
    peer: Option<IpAddr>,
    control: Option<Control>,
    code: Option<Cow<'static, str>>,
    second: i64,
}

#[derive(Default)]
struct Folded {
    events: HashMap<Fold, Box<Event>>,
    since: Option<Instant>,
}

impl Folded {
    /// Keeps a denial of a stranger back; gives anything else back at once.
    fn take(&mut self, event: Box<Event>) -> Option<Box<Event>> {
        let stranger = event.outcome == Outcome::Failure && event.actor.person.is_none();
        if !stranger || event.lane() != CoreLane::Batched {
            return Some(event);
        }
        let fold = Fold {
            kind: event.kind,
            peer: event.peer.map(|peer| peer.address),
            control: event.control,
            code: event.code.clone(),
            second: event.at.seconds(),
        };
        self.since.get_or_insert_with(Instant::now);
        let more = event.count;
        self.events.entry(fold).and_modify(|first| first.count = first.count.saturating_add(more)).or_insert(event);
        None
    }

    fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    fn len(&self) -> usize {
        self.events.len()
    }

    /// The events whose second is over.
    fn due(&mut self, now: i64) -> Events {
        if self.since.is_some_and(|since| since.elapsed() > LONGEST_WAIT) {
            return self.all();
        }
        let due = in_order(self.events.extract_if(|fold, _| fold.second < now));
        if self.events.is_empty() {
            self.since = None;
        }
        due
    }

    fn all(&mut self) -> Events {
        self.since = None;
        in_order(self.events.drain())
    }
}

fn in_order(events: impl Iterator<Item = (Fold, Box<Event>)>) -> Events {
    let mut events: Events = events.map(|(_, event)| event).collect();
    events.sort_by_key(|event| event.at);
    events
}
