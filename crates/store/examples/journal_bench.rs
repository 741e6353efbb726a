//! Durable journal records per second on SQLite: `journal_bench [prefill] [records] [folder]`.
//!
//! The log is first filled with `prefill` entries. Then 64 writers append `records` entries in two ways: each writer
//! waits for every single commit (`commit`), and through the batched lane, where the last entry is durable when the
//! measurement ends (`append`). All indexes are on.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::cast_precision_loss)]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use testudo_core::{Actor, Clock, Event, EventKind, HttpFacts, RequestId, SessionId, Timestamp};
use testudo_crypto::{RootKey, random};
use testudo_store::{JournalFilter, Store, StoreConfig, Tx};

const WRITERS: usize = 64;

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
    }

    fn monotonic(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
    }
}

fn event(number: usize) -> Event {
    let now = WallClock.now();
    let people = testudo_core::PersonId::new(Timestamp::EPOCH, [u8::try_from(number % 200).unwrap(); 10]);
    let actor = Actor {
        person: Some(people),
        client: Some("wallet-app".parse().unwrap()),
        session: Some(SessionId::new(now, random::array())),
        ..Actor::default()
    };
    let address = std::net::Ipv4Addr::from(u32::try_from(number).unwrap().wrapping_mul(2_654_435_761));
    let mut event = Event::new(EventKind::RequestDecided, now)
        .by(actor)
        .from(address.into())
        .during(RequestId::new(now, random::array()));
    event.http = Some(HttpFacts {
        method: "GET".into(),
        route: "/accounts/{id}/transfers".into(),
        status: 200,
        bytes_out: 1_234,
        micros: 900,
        path: Some("/accounts/12345/transfers?limit=20".into()),
        user_agent: Some("wallet/4.2 (Android 16)".into()),
        ..HttpFacts::default()
    });
    event
}

async fn in_parallel<F: Future<Output = ()> + Send + 'static>(
    store: &Store,
    records: usize,
    writer: impl Fn(Store, usize, usize) -> F,
) -> Duration {
    let start = Instant::now();
    let each = records / WRITERS;
    let tasks: Vec<_> = (0..WRITERS).map(|number| tokio::spawn(writer(store.clone(), number * each, each))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    store.flush().await;
    start.elapsed()
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(default, |text| text.parse().expect("a number"));
    let (prefill, records) = (number(1_000_000), number(200_000));
    let folder = std::env::args().nth(3).map_or_else(std::env::temp_dir, Into::into).join("testudo-journal-bench");
    let _ = std::fs::remove_dir_all(&folder);
    let mut config = StoreConfig::sqlite(&folder);
    config.checkpoint_every = Duration::from_secs(10);
    let store = Store::open(&config, &RootKey::generate(), Arc::new(WallClock)).await.unwrap();
    let mut tx = Tx::new();
    for person in 0..200u8 {
        tx.create_person(testudo_core::PersonId::new(Timestamp::EPOCH, [person; 10]));
    }
    store.commit(tx).await.unwrap();
    let start = Instant::now();
    for from in (0..prefill).step_by(2_000) {
        let mut tx = Tx::new();
        (from..(from + 2_000).min(prefill)).for_each(|number| _ = tx.event(event(number)));
        store.commit(tx).await.unwrap();
    }
    println!("prefill   {prefill} entries in {:.1?}, transactions of 2,000", start.elapsed());

    let took = in_parallel(&store, records, |store, from, count| async move {
        for number in from..from + count {
            let mut tx = Tx::new();
            tx.event(event(number));
            store.commit(tx).await.unwrap();
        }
    })
    .await;
    println!("commit    {:.0} durable records/s ({WRITERS} writers, each waits for every commit)", rate(records, took));

    let took = in_parallel(&store, records, |store, from, count| async move {
        for number in from..from + count {
            while store.append(event(number)).is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if number % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    println!("append    {:.0} durable records/s ({WRITERS} writers, batched lane)", rate(records, took));

    let entry = store.read_journal(10, 1, &JournalFilter::default()).await.unwrap().remove(0);
    for (name, filter) in [
        ("person", JournalFilter { person: entry.plain.person, ..JournalFilter::default() }),
        ("address", JournalFilter { address: entry.plain.address, ..JournalFilter::default() }),
        ("request", JournalFilter { request: entry.plain.request, ..JournalFilter::default() }),
    ] {
        let filter = JournalFilter { newest_below: Some(u64::MAX), ..filter };
        let start = Instant::now();
        let found = store.read_journal(0, 50, &filter).await.unwrap().len();
        println!("search    by {name}: {found} entries, newest first, in {:.1?}", start.elapsed());
    }
    store.close().await.unwrap();
    let bytes = std::fs::metadata(folder.join("data.db")).unwrap().len();
    println!(
        "size      {:.0} MiB, {:.0} bytes per entry",
        bytes as f64 / 1_048_576.0,
        bytes as f64 / (prefill + 2 * records) as f64
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

fn rate(records: usize, took: Duration) -> f64 {
    records as f64 / took.as_secs_f64()
}
