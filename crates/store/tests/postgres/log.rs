//! The log on PostgreSQL: what is done to it shows, other nodes hear of it at once, and how fast it grows.

use std::time::{Duration, Instant};

use testudo_core::{Clock, Event, EventKind};
use testudo_crypto::RootKey;
use testudo_store::{JournalFilter, PruneRequest, Store, StoreConfig, Tx};
use tokio::task::JoinSet;

use super::support::{Note, TestClock};
use super::{commit_event, config, event, raw, server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_to_the_log_shows() {
    let Some(server) = server() else { return };
    let (clock, root, url) = (TestClock::new(), RootKey::generate(), server.url("postgres"));
    let folder = tempfile::tempdir().unwrap();
    let (outside, export) = (folder.path().join("checkpoints"), folder.path().join("pruned"));
    let config = StoreConfig { checkpoint_file: Some(outside.clone()), ..config(&url) };
    let store = Store::open(&config, &root, clock.clone()).await.unwrap();
    for number in 0..300 {
        let mut tx = Tx::new();
        tx.event(event(&clock, &number.to_string())).event(Event::new(EventKind::RequestDecided, clock.now()));
        store.commit(tx).await.unwrap();
    }
    let before = clock.now().plus(Duration::from_secs(1));
    let mut tx = Tx::new();
    tx.cursor("detector", 600);
    store.commit(tx).await.unwrap();
    let request = PruneRequest { kinds: vec![EventKind::RequestDecided], before, export };
    assert_eq!(store.prune(&request).await.unwrap().entries, 300);
    let size = store.checkpoint().await.unwrap().size;
    let report = store.verify(Some(&outside)).await.unwrap();
    assert!(report.sound() && report.proven_to == Some(size) && report.pruned.len() == 300, "{report:?}");

    let admin = raw(&url).await;
    let cases = [
        ("UPDATE testudo.journal SET entry = set_byte(entry, 40, get_byte(entry, 40) # 1) WHERE seq = 100", Some(100)),
        ("UPDATE testudo.journal SET leaf = set_byte(leaf, 3, get_byte(leaf, 3) # 1) WHERE seq = 102", Some(102)),
        ("UPDATE testudo.journal SET mac = set_byte(mac, 31, get_byte(mac, 31) # 1) WHERE seq = 103", Some(103)),
        ("UPDATE testudo.journal SET entry = NULL WHERE seq = 104", Some(104)),
        ("DELETE FROM testudo.journal WHERE seq = 105", Some(105)),
        (
            "UPDATE testudo.journal SET seq = -1 WHERE seq = 106; UPDATE testudo.journal SET seq = 106 WHERE seq = 200; \
             UPDATE testudo.journal SET seq = 200 WHERE seq = -1",
            Some(106),
        ),
        ("UPDATE testudo.node SET hash = set_byte(hash, 0, get_byte(hash, 0) # 1) WHERE level = 8 AND place = 0", None),
    ];
    for (harm, place) in cases {
        let undo = "DROP TABLE IF EXISTS j, n; CREATE TEMP TABLE j AS SELECT * FROM testudo.journal; \
                    CREATE TEMP TABLE n AS SELECT * FROM testudo.node";
        admin.batch_execute(undo).await.unwrap();
        admin.batch_execute(harm).await.unwrap();
        let report = store.verify(None).await.unwrap();
        assert!(!report.sound(), "{harm}");
        assert_eq!(report.bad.map(|bad| bad.seq), place, "{harm}");
        assert_eq!(report.bad_node.is_some(), place.is_none(), "{harm}");
        let back = "TRUNCATE testudo.journal, testudo.node; INSERT INTO testudo.journal SELECT * FROM j; \
                    INSERT INTO testudo.node SELECT * FROM n";
        admin.batch_execute(back).await.unwrap();
        assert!(store.verify(Some(&outside)).await.unwrap().sound());
    }
    store.close().await.unwrap();
    // Cut off, checkpoints and all: only the file outside knows.
    let cut = "DELETE FROM testudo.journal WHERE seq >= 500; DELETE FROM testudo.checkpoint WHERE size > 500; \
               DELETE FROM testudo.node WHERE level = 8 AND place >= 1";
    admin.batch_execute(cut).await.unwrap();
    let store = Store::open(&StoreConfig { checkpoint_file: None, ..config }, &root, clock).await.unwrap();
    let report = store.verify(None).await.unwrap();
    assert_eq!((report.sound(), report.proven_to), (true, None), "without the file the end is unproven: {report:?}");
    let report = store.verify(Some(&outside)).await.unwrap();
    assert!(!report.sound() && report.bad_checkpoints[0].external, "{report:?}");
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_node_hears_of_a_commit_at_once() {
    let Some(server) = server() else { return };
    let (clock, root, url) = (TestClock::new(), RootKey::generate(), server.url("postgres"));
    let (one, two) = (
        Store::open(&config(&url), &root, clock.clone()).await.unwrap(),
        Store::open(&config(&url), &root, clock.clone()).await.unwrap(),
    );
    commit_event(&one, &clock, "first").await.unwrap();
    commit_event(&two, &clock, "second").await.unwrap();
    // One of the two integrates; so both ways are timed.
    for (from, to) in [(&one, &two), (&two, &one)] {
        let mut times = Vec::new();
        for _ in 0..100 {
            let (mut head, began) = (to.head(), Instant::now());
            let size = *head.borrow_and_update() + 1;
            // The guard that waiting returns must not be kept: it holds up whoever publishes.
            let arrived = async { head.wait_for(|head| *head >= size).await.map(drop) };
            let (done, _) = tokio::join!(commit_event(from, &clock, "now"), arrived);
            times.push(began.elapsed());
            assert_eq!(done.unwrap().first_seq, Some(size - 1));
        }
        times.sort();
        eprintln!("from commit to the other node's head: median {:?}, p99 {:?}", times[50], times[98]);
        assert!(times[50] < Duration::from_millis(150), "it hears of it, and does not only look twice a second");
    }
    one.close().await.unwrap();
    two.close().await.unwrap();
}

/// Prints numbers; asserts only that they are not absurd.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_share_the_syncs() {
    let Some(server) = server() else { return };
    let (clock, root, url) = (TestClock::new(), RootKey::generate(), server.url("postgres"));
    let mut config = config(&url);
    if let testudo_store::Place::Postgres(settings) = &mut config.place {
        settings.pool = 16;
    }
    let store = Store::open(&config, &root, clock.clone()).await.unwrap();
    let end = Instant::now() + Duration::from_secs(3);
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        let (store, clock) = (store.clone(), clock.clone());
        writers.spawn(async move {
            let mut count = 0u32;
            while Instant::now() < end {
                let mut tx = Tx::new();
                tx.put(&Note::new(&format!("{writer}-{}", count % 100), 1)).event(event(&clock, "work"));
                store.commit(tx).await.unwrap();
                count += 1;
            }
            count
        });
    }
    let commits: u32 = writers.join_all().await.into_iter().sum();
    let began = Instant::now();
    for _ in 0..20_000 {
        while store.append(Event::new(EventKind::RequestDecided, clock.now())).is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    store.flush().await;
    let lane = 20_000.0 / began.elapsed().as_secs_f64();
    eprintln!(
        "{} commits/s with 16 writers (a document and an event each); {lane:.0} events/s in the lane",
        commits / 3
    );
    assert!(commits > 150);
    // More than a segment: what is found comes from stored chunks and from the tail.
    let size = *store.head().borrow();
    assert!(size > 16_384 + 1_000);
    let acts = JournalFilter { kinds: vec![EventKind::AdminActed], ..JournalFilter::default() };
    let found = store.read_journal(0, 10_000, &acts).await.unwrap();
    assert_eq!(found.len(), usize::try_from(commits).unwrap().min(10_000));
    let newest = JournalFilter {
        kinds: vec![EventKind::RequestDecided, EventKind::SignIn],
        newest_below: Some(u64::MAX),
        ..JournalFilter::default()
    };
    let found = store.read_journal(0, 9_000, &newest).await.unwrap();
    assert!(found.iter().map(|entry| entry.seq).eq((size - 9_000..size).rev()), "the last entries are all decisions");
    assert!(store.verify(None).await.unwrap().sound());
    store.close().await.unwrap();
}
