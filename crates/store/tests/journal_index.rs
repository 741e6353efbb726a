//! The index of the journal over several segments, and across starts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::cast_possible_wrap)]

mod support;

use rusqlite::Connection;
use support::{TestClock, person};
use testudo_core::{Clock, Event, EventKind, RequestId, Timestamp};
use testudo_crypto::RootKey;
use testudo_store::{JournalFilter, Store, StoreConfig, Tx};

/// Two full segments and a part of the third.
const ENTRIES: u64 = 2 * 16_384 + 5_000;

fn request(number: u64) -> RequestId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    RequestId::new(Timestamp::from_seconds(9), random)
}

/// Every hundredth is about person 1 and rare; the others are about person 2.
async fn fill(store: &Store, clock: &TestClock) {
    let mut number = 0;
    while number < ENTRIES {
        let mut tx = Tx::new();
        for _ in 0..1_000.min(ENTRIES - number) {
            let rare = number.is_multiple_of(100);
            let kind = if rare { EventKind::SignIn } else { EventKind::RequestDecided };
            let who = person(if rare { 1 } else { 2 });
            tx.event(Event::new(kind, clock.now()).to(who).during(request(number)));
            number += 1;
        }
        store.commit(tx).await.unwrap();
    }
}

async fn seqs(store: &Store, from: u64, limit: usize, filter: &JournalFilter) -> Vec<u64> {
    store.read_journal(from, limit, filter).await.unwrap().iter().map(|entry| entry.seq).collect()
}

async fn check(store: &Store) {
    let rare = JournalFilter { person: Some(store.person_pseudonym(person(1))), ..JournalFilter::default() };
    let expected: Vec<u64> = (0..ENTRIES).filter(|seq| seq % 100 == 0).collect();
    assert_eq!(seqs(store, 0, 10_000, &rare).await, expected);
    let newest = JournalFilter { newest_below: Some(u64::MAX), ..rare.clone() };
    assert_eq!(seqs(store, 0, 10_000, &newest).await, expected.iter().rev().copied().collect::<Vec<u64>>());
    assert_eq!(seqs(store, 16_390, 2, &rare).await, [16_400, 16_500]);
    // A term that fills many chunks, and one that is there once in a segment.
    let common = JournalFilter { kinds: vec![EventKind::RequestDecided], ..JournalFilter::default() };
    assert_eq!(seqs(store, 16_380, 8, &common).await, (16_380..16_388).collect::<Vec<u64>>());
    for place in [0, 1, 16_383, 16_384, 32_767, 32_768, ENTRIES - 1] {
        let one = JournalFilter { request: Some(request(place)), ..JournalFilter::default() };
        assert_eq!(seqs(store, 0, 10, &one).await, [place]);
    }
    let none = JournalFilter { request: Some(request(1)), ..rare };
    assert!(seqs(store, 0, 10, &none).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_finds_everything_in_all_segments() {
    let (folder, root, clock) = (tempfile::tempdir().unwrap(), RootKey::generate(), TestClock::new());
    let config = StoreConfig::sqlite(folder.path());
    let store = Store::open(&config, &root, clock.clone()).await.unwrap();
    fill(&store, &clock).await;
    check(&store).await;
    let root_before = store.root_at(ENTRIES).await.unwrap();
    store.close().await.unwrap();
    let store = Store::open(&config, &root, clock.clone()).await.unwrap();
    check(&store).await;
    let report = store.verify(None).await.unwrap();
    assert!(report.sound(), "{report:?}");
    assert_eq!(report.root, Some(root_before));
    store.close().await.unwrap();

    // Somebody hides an entry from searches.
    let connection = Connection::open(folder.path().join("data.db")).unwrap();
    connection.execute("UPDATE chunk SET data = zeroblob(length(data)) WHERE segment = 1 AND number = 3", []).unwrap();
    connection.close().unwrap();
    let store = Store::open(&config, &root, clock).await.unwrap();
    let report = store.verify(None).await.unwrap();
    assert_eq!((report.bad, report.bad_index), (None, Some(1)));
    store.close().await.unwrap();
}
