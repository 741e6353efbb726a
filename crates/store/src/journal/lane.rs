//! The batched lane: events that announce no change, through a bounded queue, in groups.
//!
//! Denials of strangers are folded: one event per peer, control, code and second, with a count. Nothing is dropped: what
//! cannot be written waits and is tried again, and meanwhile the lane takes nothing more.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use testudo_core::{Control, Event, EventKind, Lane as CoreLane, Outcome};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

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
const LINGER: Duration = Duration::from_millis(5);
/// Between two tries to write.
const RETRY: Duration = Duration::from_millis(100);

enum Message {
    Event(Box<Event>),
    Flush(oneshot::Sender<()>),
}

/// The entrance of the lane.
pub(crate) struct Lane {
    queue: mpsc::Sender<Message>,
    stalled: Arc<AtomicBool>,
}

impl Lane {
    /// Starts the lane on the current runtime.
    pub fn start(core: Arc<Core>, capacity: usize) -> Lane {
        let (queue, events) = mpsc::channel(capacity.max(1));
        let stalled = Arc::new(AtomicBool::new(false));
        tokio::spawn(run(core, events, stalled.clone()));
        Lane { queue, stalled }
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
                place.send(Message::Event(event));
                Ok(())
            }
            Err(_) => Err(event),
        }
    }

    /// Returns when all events that were taken in before are durable.
    pub async fn flush(&self) {
        let (done, finished) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            let _ = finished.await;
        }
    }

    /// Events that wait.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Whether the journal cannot be written at present.
    pub fn stalled(&self) -> bool {
        self.stalled.load(Ordering::Acquire)
    }
}

async fn run(core: Arc<Core>, mut events: mpsc::Receiver<Message>, stalled: Arc<AtomicBool>) {
    let (mut folded, mut buffer, mut open) = (Folded::default(), Vec::new(), true);
    // While one batch is being committed, the next one is sealed.
    let mut flight: Option<JoinHandle<()>> = None;
    while open {
        let received = events.recv_many(&mut buffer, BATCH);
        let received = if folded.is_empty() {
            received.await
        } else {
            match tokio::time::timeout(TICK, received).await {
                Ok(received) => received,
                Err(_) => usize::MAX,
            }
        };
        open = received != 0;
        linger(&mut events, &mut buffer).await;
        let (mut batch, mut waiting) = (Vec::with_capacity(buffer.len()), Vec::new());
        for message in buffer.drain(..) {
            match message {
                Message::Event(event) => batch.extend(folded.take(*event)),
                Message::Flush(done) => waiting.push(done),
            }
        }
        if waiting.is_empty() && open && folded.len() < MOST_FOLDED {
            batch.extend(folded.due(core.clock.now().seconds()));
        } else {
            batch.extend(folded.all());
        }
        if !batch.is_empty() {
            let prepared = seal(&core, batch, &stalled).await;
            land(&mut flight).await;
            flight = Some(tokio::spawn(write(core.clone(), prepared, stalled.clone())));
        }
        if !waiting.is_empty() || !open {
            land(&mut flight).await;
        }
        for done in waiting {
            let _ = done.send(());
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

/// Seals a batch, however long its keys take to come.
async fn seal(core: &Core, batch: Vec<Event>, stalled: &AtomicBool) -> Prepared {
    let owners = loop {
        match prepare::owners(core, &batch).await {
            Ok(owners) => break owners,
            Err(error) => wait(stalled, &error.to_string(), batch.len()).await,
        }
    };
    let sealed = prepare::seal(core, batch, owners).into_iter().filter_map(|sealed| {
        let not_sealed = |error: &crate::ReadError| tracing::error!(%error, "an event cannot be sealed: this is a bug");
        sealed.inspect_err(not_sealed).ok()
    });
    let drafts = sealed.collect();
    Prepared { ops: Vec::new(), drafts }
}

/// Writes a batch, however long it takes.
async fn write(core: Arc<Core>, prepared: Prepared, stalled: Arc<AtomicBool>) {
    let count = prepared.drafts.len();
    loop {
        match core.backend.commit(prepared.clone()).await {
            Ok(_) => break,
            Err(CommitError::Invalid(cause)) => {
                tracing::error!(%cause, count, "a batch of events is not acceptable; this is a mistake in the program");
                break;
            }
            Err(error) => wait(&stalled, &error.to_string(), count).await,
        }
    }
    if stalled.swap(false, Ordering::AcqRel) {
        tracing::warn!("the journal is written again");
    }
}

async fn wait(stalled: &AtomicBool, cause: &str, count: usize) {
    if !stalled.swap(true, Ordering::AcqRel) {
        tracing::error!(cause, count, "the journal cannot be written; requests are refused until it can");
    }
    tokio::time::sleep(RETRY).await;
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
    events: HashMap<Fold, Event>,
    since: Option<Instant>,
}

impl Folded {
    /// Keeps a denial of a stranger back; gives anything else back at once.
    fn take(&mut self, event: Event) -> Option<Event> {
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
    fn due(&mut self, now: i64) -> Vec<Event> {
        if self.since.is_some_and(|since| since.elapsed() > LONGEST_WAIT) {
            return self.all();
        }
        let due = in_order(self.events.extract_if(|fold, _| fold.second < now));
        if self.events.is_empty() {
            self.since = None;
        }
        due
    }

    fn all(&mut self) -> Vec<Event> {
        self.since = None;
        in_order(self.events.drain())
    }
}

fn in_order(events: impl Iterator<Item = (Fold, Event)>) -> Vec<Event> {
    let mut events: Vec<Event> = events.map(|(_, event)| event).collect();
    events.sort_by_key(|event| event.at);
    events
}
