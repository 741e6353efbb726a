//! CPU microseconds per event of the batched lane on SQLite, by thread: `lane_cost [events] [events per second] [folder]`.
//!
//! Events of allowed requests come in steadily, as from the workers of a node, and three observers follow the journal as
//! on one. What offering them costs stands beside it (`offer`); making them is not counted. To be run on one core:
//! `taskset -c 1`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss)]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use testudo_core::{Actor, Clock, Event, EventKind, HttpFacts, PersonId, RequestId, SessionId, Timestamp};
use testudo_crypto::{RootKey, random};
use testudo_store::{Store, StoreConfig, Tx};
use tokio::runtime::{Builder, Runtime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PEOPLE: u8 = 200;
/// How many times a second events are offered.
const STEPS: usize = 500;

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(i64::try_from(self.monotonic().as_micros()).unwrap())
    }

    fn monotonic(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
    }
}

fn person(number: usize) -> PersonId {
    PersonId::new(Timestamp::EPOCH, [u8::try_from(number % usize::from(PEOPLE)).unwrap(); 10])
}

/// An allowed request of one of 200 people, each in a session of her own.
fn event(number: usize) -> Event {
    let now = WallClock.now();
    let actor = Actor {
        person: Some(person(number)),
        client: Some("wallet-app".parse().unwrap()),
        session: Some(SessionId::from_bytes(person(number).to_bytes())),
        ..Actor::default()
    };
    let address = Ipv4Addr::from(0x0a00_0000 + u32::try_from(number % 1_000).unwrap());
    let request = RequestId::new(now, random::array());
    let mut event = Event::new(EventKind::RequestDecided, now).by(actor).from(address.into()).during(request);
    event.http = Some(HttpFacts {
        method: "GET".into(),
        route: String::from("/accounts/{id}/transfers").into(),
        status: 200,
        bytes_out: 1_234,
        micros: 900,
        path: Some("/accounts/12345/transfers?limit=20".into()),
        user_agent: Some("wallet/4.2 (Android 16)".into()),
        ..HttpFacts::default()
    });
    event
}

/// The CPU time of all threads, by name.
fn spent() -> BTreeMap<String, Duration> {
    let mut spent: BTreeMap<String, Duration> = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let path = task.unwrap().path();
        let name = std::fs::read_to_string(path.join("comm")).unwrap().trim().to_owned();
        let text = std::fs::read_to_string(path.join("schedstat")).unwrap();
        let nanos = text.split(' ').next().unwrap().parse().unwrap();
        *spent.entry(name).or_default() += Duration::from_nanos(nanos);
    }
    spent
}

/// CPU time of this thread.
fn own() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// Offers events at a rate; what that took of CPU time.
fn offer(store: &Store, events: Vec<Event>, rate: usize) -> Duration {
    let (before, start) = (own(), Instant::now());
    let step = (rate / STEPS).max(1);
    for (number, event) in events.into_iter().enumerate() {
        store.append(event).unwrap();
        if number % step == step - 1 {
            let due = Duration::from_secs_f64((number + 1) as f64 / rate as f64);
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
    }
    own().saturating_sub(before)
}

fn measure(store: &Store, count: usize, rate: usize, runtime: &Runtime) {
    let events = (0..count).map(event).collect();
    let (before, size) = (spent(), store.status().size);
    let offered = offer(store, events, rate);
    runtime.block_on(store.flush());
    assert_eq!(store.status().size - size, count as u64);
    let per_event = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
    let before = |name: &String| before.get(name).copied().unwrap_or_default();
    let mut threads: Vec<(String, Duration)> =
        spent().into_iter().map(|(name, now)| (name.clone(), now.saturating_sub(before(&name)))).collect();
    threads.retain(|(name, _)| name.starts_with("control") || name.starts_with("store"));
    let total = threads.iter().map(|(_, time)| *time).sum();
    let threads: Vec<_> = threads.iter().map(|(name, time)| format!("{name} {:.2}", per_event(*time))).collect();
    println!("{:.2} us per event: {}; offer {:.2}", per_event(total), threads.join(", "), per_event(offered));
}

async fn open(folder: &Path) -> Store {
    let _ = std::fs::remove_dir_all(folder);
    let store = Store::open(&StoreConfig::sqlite(folder), &RootKey::generate(), Arc::new(WallClock)).await.unwrap();
    let mut tx = Tx::new();
    (0..usize::from(PEOPLE)).for_each(|number| _ = tx.create_person(person(number)));
    store.commit(tx).await.unwrap();
    for kinds in [&[][..], &[EventKind::SignIn], &[EventKind::SessionRevoked]] {
        let mut tail = store.tail(0, kinds);
        tokio::spawn(async move { while tail.next().await.is_ok() {} });
    }
    store
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(default, |text| text.parse().unwrap());
    let (count, rate) = (number(100_000), number(20_000));
    let folder = arguments.next().map_or_else(std::env::temp_dir, Into::into).join("testudo-lane-cost");
    let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("control").enable_all().build().unwrap();
    let store = runtime.block_on(open(&folder));
    (0..3).for_each(|_| measure(&store, count, rate, &runtime));
    runtime.block_on(store.close()).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
