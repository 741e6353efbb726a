//! Commits whose answer is lost, and stores that are closed while the database does not answer. A proxy cuts the
//! connection at the one moment that matters, or goes dark.

use std::time::{Duration, Instant};

use testudo_core::EventKind;
use testudo_crypto::RootKey;
use testudo_store::{CommitError, JournalFilter, Store, StoreConfig, Tx, UpkeepError};
use testudo_testkit::postgres::TempPostgres;
use testudo_testkit::proxy::{Cut, Proxy, Way};

use super::support::{Note, TestClock};
use super::{commit_event, config, event, server};

/// A database with two ways to it: one through a proxy, and one past it.
struct Two {
    _server: TempPostgres,
    proxy: Proxy,
    clock: std::sync::Arc<TestClock>,
    /// Through the proxy.
    store: Store,
    /// Past it.
    truth: Store,
}

async fn two() -> Option<Two> {
    let server = server()?;
    let (clock, root) = (TestClock::new(), RootKey::generate());
    let truth = Store::open(&config(&server.url("postgres")), &root, clock.clone()).await.unwrap();
    // It has a connection, and so it integrates: what is cut off does not hold up the log.
    commit_event(&truth, &clock, "first").await.unwrap();
    let proxy = Proxy::start(server.address()).unwrap();
    let through: StoreConfig = config(&server.url_at(proxy.address(), "postgres"));
    let store = Store::open(&through, &root, clock.clone()).await.unwrap();
    commit_event(&store, &clock, "second").await.unwrap();
    Some(Two { _server: server, proxy, clock, store, truth })
}

/// How often the journal tells of this.
async fn told(store: &Store, target: &str) -> usize {
    let entries = store.read_journal(0, 10_000, &JournalFilter::default()).await.unwrap();
    entries.iter().filter(|entry| entry.plain.target.as_deref() == Some(target)).count()
}

/// Waits until the journal tells of this at least so often.
async fn arrived(store: &Store, target: &str, times: usize) {
    let began = Instant::now();
    while told(store, target).await < times {
        assert!(began.elapsed() < Duration::from_secs(10), "`{target}` arrives");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_a_commit_is_found_out_and_it_is_done_once() {
    let Some(two) = two().await else { return };
    for (cut, name) in [(Cut::Before, "before"), (Cut::After, "after")] {
        two.proxy.cut(cut, Way::Open);
        let mut tx = Tx::new();
        tx.insert(&Note::new(name, 1)).event(event(&two.clock, name));
        two.store.commit(tx).await.unwrap_or_else(|error| panic!("{cut:?}: {error}"));
        arrived(&two.truth, name, 1).await;
        assert_eq!(told(&two.truth, name).await, 1, "{cut:?}");
        assert_eq!(two.truth.get::<Note>(name).await.unwrap().unwrap().version, 1, "{cut:?}");
    }
    assert_eq!(two.proxy.cuts(), 2, "both were cut");
    two.store.close().await.unwrap();
    assert!(two.truth.verify(None).await.unwrap().sound());
    two.truth.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_known_is_said_to_be_so_and_another_try_does_nothing_twice() {
    let Some(two) = two().await else { return };
    let mut tx = Tx::new();
    tx.insert(&Note::new("counted", 1));
    two.store.commit(tx).await.unwrap();
    for (cut, name) in [(Cut::Before, "before"), (Cut::After, "after")] {
        let version = two.truth.get::<Note>("counted").await.unwrap().unwrap().version;
        let attempt = || {
            let mut tx = Tx::new();
            tx.update(&Note::new("counted", 2), version).insert(&Note::new(name, 1)).event(event(&two.clock, name));
            tx
        };
        two.proxy.cut(cut, Way::Dark);
        let began = Instant::now();
        assert_eq!(two.store.commit(attempt()).await, Err(CommitError::Uncertain), "{cut:?}");
        assert!(began.elapsed() < Duration::from_secs(14), "{:?}", began.elapsed());
        two.proxy.go(Way::Shut);
        two.proxy.go(Way::Open);
        let done = two.truth.get::<Note>(name).await.unwrap().is_some();
        assert_eq!(done, cut == Cut::After);
        // The breaker may still be open for a moment.
        let began = Instant::now();
        let again = loop {
            match two.store.commit(attempt()).await {
                Err(CommitError::Unavailable(_) | CommitError::Full) if began.elapsed() < Duration::from_secs(10) => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                other => break other,
            }
        };
        if done {
            assert_eq!(again, Err(CommitError::Conflict { kind: "note" }), "its version says that it was done");
        } else {
            again.unwrap();
        }
        arrived(&two.truth, name, 1).await;
        assert_eq!(told(&two.truth, name).await, 1, "{cut:?}");
        assert_eq!(two.truth.get::<Note>("counted").await.unwrap().unwrap().version, version + 1, "{cut:?}");
    }
    assert_eq!(two.proxy.cuts(), 2, "both were cut");
    two.store.close().await.unwrap();
    two.truth.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lane_waits_for_the_truth_and_writes_nothing_twice() {
    let Some(two) = two().await else { return };
    for (cut, name) in [(Cut::Before, "before"), (Cut::After, "after")] {
        two.proxy.cut(cut, Way::Dark);
        for _ in 0..5 {
            two.store.append(event(&two.clock, name)).unwrap();
        }
        // Longer than anybody waits for an answer.
        assert!(!two.store.flush_within(Duration::from_secs(6)).await, "{cut:?}: nobody can know yet");
        two.proxy.go(Way::Shut);
        two.proxy.go(Way::Open);
        assert!(two.store.flush_within(Duration::from_secs(15)).await, "{cut:?}");
        arrived(&two.truth, name, 5).await;
        assert_eq!(told(&two.truth, name).await, 5, "{cut:?}");
    }
    assert_eq!(two.proxy.cuts(), 2, "both were cut");
    two.store.close().await.unwrap();
    two.truth.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_closes_in_bounded_time_and_says_what_was_not_written() {
    for way in [Way::Dark, Way::Shut] {
        let Some(two) = two().await else { return };
        two.store.append(event(&two.clock, "written")).unwrap();
        assert!(two.store.flush().await);
        two.proxy.go(way);
        let mut taken = 0;
        for number in 0..40u32 {
            let lost = if number % 4 == 0 {
                event(&two.clock, "lost")
            } else {
                testudo_core::Event::new(EventKind::RequestDecided, testudo_core::Timestamp::EPOCH).on("lost")
            };
            taken += u64::from(two.store.append(lost).is_ok());
        }
        assert_eq!(taken, 40, "the lane takes them: nothing has failed yet");
        let began = Instant::now();
        let Err(UpkeepError::Unwritten(lost)) = two.store.close_within(Duration::from_secs(1)).await else {
            panic!("{way:?}: it can't be written")
        };
        assert!(began.elapsed() < Duration::from_secs(10), "{way:?}: {:?}", began.elapsed());
        assert_eq!(lost, [(EventKind::RequestDecided, 30), (EventKind::AdminActed, 10)]);
        let text = UpkeepError::Unwritten(lost).to_string();
        assert!(text.starts_with("40 events") && text.ends_with("30 x request.decided, 10 x admin.acted"), "{text}");
        assert!(two.store.append(event(&two.clock, "late")).is_err(), "it takes nothing any more");
        assert!(two.store.status().stalled);
        two.proxy.go(Way::Open);
        assert_eq!((told(&two.truth, "written").await, told(&two.truth, "lost").await), (1, 0));
        two.truth.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_comes_back_while_the_store_is_closed_gets_everything() {
    let Some(two) = two().await else { return };
    two.proxy.go(Way::Shut);
    for _ in 0..40 {
        two.store.append(event(&two.clock, "saved")).unwrap();
    }
    let store = two.store.clone();
    let closing = tokio::spawn(async move { store.close_within(Duration::from_secs(20)).await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!closing.is_finished(), "it waits");
    two.proxy.go(Way::Open);
    closing.await.unwrap().unwrap();
    arrived(&two.truth, "saved", 40).await;
    assert_eq!(told(&two.truth, "saved").await, 40);
    two.truth.close().await.unwrap();
}
