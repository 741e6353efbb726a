//! The store on PostgreSQL: the suite of all backends, several nodes on one database, and the days on which the database
//! or the way to it breaks. Each test has a server of its own; where PostgreSQL is not installed they are skipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod doubt;
mod log;
mod restore;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::{Account, Note, TestClock, person};
use testudo_core::{Clock, Event, EventKind, Secret};
use testudo_crypto::{Purpose, RootKey};
use testudo_store::{
    CommitError, JournalFilter, OpenError, PostgresConfig, ReadError, Receipt, Store, StoreConfig, Tx, UpkeepError,
};
use testudo_testkit::postgres::{ServerCertificate, TempPostgres};
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

/// A server, or nothing where there is none.
fn server() -> Option<TempPostgres> {
    let server = TempPostgres::start(None).unwrap();
    if server.is_none() {
        // Past what the test harness captures.
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: PostgreSQL is not installed; nothing is known of the store on it\n"),
        );
    }
    server
}

fn config(url: &str) -> StoreConfig {
    let settings = PostgresConfig { url: Secret::new(url.to_owned()), ca_file: None, pool: 12 };
    StoreConfig { checkpoint_every: Duration::ZERO, ..StoreConfig::postgres(settings) }
}

/// A connection past the store.
async fn raw(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn event(clock: &TestClock, target: &str) -> Event {
    Event::new(EventKind::AdminActed, clock.now()).on(target.to_owned())
}

async fn commit_event(store: &Store, clock: &TestClock, target: &str) -> Result<Receipt, CommitError> {
    let mut tx = Tx::new();
    tx.event(event(clock, target));
    store.commit(tx).await
}

/// Follows the log from its start until `enough` says that it has all; checks that nothing is left out on the way.
async fn follow(store: Store, enough: impl Fn(usize) -> bool) -> Vec<(String, [u8; 32])> {
    let (mut seen, mut head) = (Vec::new(), store.head());
    while !enough(seen.len()) {
        let entries = store.read_journal(seen.len() as u64, 512, &JournalFilter::default()).await.unwrap();
        for entry in &entries {
            assert_eq!(entry.seq, seen.len() as u64, "a tail skips nothing");
            seen.push((entry.plain.target.as_deref().unwrap_or_default().to_owned(), entry.leaf));
        }
        if entries.is_empty() {
            // Only the way to notice it: what is read is decided by the head alone.
            let _ = tokio::time::timeout(Duration::from_millis(200), head.changed()).await;
        }
    }
    seen
}

async fn whole(store: &Store) -> Vec<(String, [u8; 32])> {
    let size = usize::try_from(*store.head().borrow()).unwrap();
    follow(store.clone(), move |seen| seen >= size).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_what_every_backend_does() {
    let Some(server) = server() else { return };
    let (clock, root) = (TestClock::new(), RootKey::generate());
    for url in [server.url("postgres"), server.socket_url("template1")] {
        let config = config(&url);
        let store = Store::open(&config, &root, clock.clone()).await.unwrap();
        let refused = store.backup(&tempfile::tempdir().unwrap().path().join("backup")).await.unwrap_err();
        assert!(matches!(&refused, UpkeepError::Refused(text) if text.contains("pg_dump")), "{refused}");
        support::conformance::suite(store, clock.clone(), &root).await;
        // Everything is there again after a start.
        let store = Store::open(&config, &root, clock.clone()).await.unwrap();
        assert!(store.get::<Note>("effect").await.unwrap().is_some());
        assert!(store.verify(None).await.unwrap().sound());
        assert!(store.get::<Account>(person(1)).await.unwrap().is_some());
        store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_make_one_store() {
    let Some(server) = server() else { return };
    let (clock, url) = (TestClock::new(), server.url("postgres"));
    let root = Arc::new(RootKey::generate());
    let mut opening = JoinSet::new();
    for _ in 0..4 {
        let (root, clock, url) = (root.clone(), clock.clone(), url.clone());
        opening.spawn(async move { Store::open(&config(&url), &root, clock).await.unwrap() });
    }
    let stores = opening.join_all().await;
    assert!(stores.iter().all(|store| store.origin() == stores[0].origin()));
    for (number, store) in stores.iter().enumerate() {
        let receipt = commit_event(store, &clock, &number.to_string()).await.unwrap();
        assert_eq!(receipt.first_seq, Some(number as u64));
    }
    for store in &stores {
        store.close().await.unwrap();
    }
    let wrong = Store::open(&config(&url), &RootKey::generate(), clock.clone()).await.unwrap_err();
    assert!(matches!(wrong, OpenError::RootKey(_)), "{wrong}");
    let client = raw(&url).await;
    client.batch_execute("INSERT INTO testudo.format (number) VALUES (99)").await.unwrap();
    let newer = Store::open(&config(&url), &root, clock.clone()).await.unwrap_err();
    assert!(matches!(newer, OpenError::Newer { found: 99, known: 1 }), "{newer}");
    client.batch_execute("DELETE FROM testudo.format WHERE number = 99; DELETE FROM testudo_keys.ring").await.unwrap();
    let lost = Store::open(&config(&url), &root, clock.clone()).await.unwrap_err();
    assert!(matches!(lost, OpenError::KeysLost), "{lost}");
    let nobody = Store::open(&config(&url.replace("tester:", "tester:x")), &root, clock).await.unwrap_err();
    assert!(matches!(&nobody, OpenError::Database(text) if text.contains("password")), "{nobody}");
}

/// The heart of the matter: numbers are drawn in one order and committed in another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_tail_skips_an_entry_when_commits_come_out_of_order() {
    const EACH: usize = 60;
    let Some(server) = server() else { return };
    let (clock, root, url) = (TestClock::new(), RootKey::generate(), server.url("postgres"));
    let (one, two) = (
        Store::open(&config(&url), &root, clock.clone()).await.unwrap(),
        Store::open(&config(&url), &root, clock.clone()).await.unwrap(),
    );
    commit_event(&one, &clock, "model").await.unwrap();
    // Each transaction stays open for a while after it drew its place in the inbox.
    let dally = "CREATE FUNCTION testudo.dally() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN PERFORM pg_sleep(random() * 0.03); RETURN NEW; END $$; \
                 CREATE TRIGGER dally AFTER INSERT ON testudo.inbox FOR EACH ROW EXECUTE FUNCTION testudo.dally()";
    let admin = raw(&url).await;
    admin.batch_execute(dally).await.unwrap();
    // And one from outside draws its place before all others and commits last.
    let mut outside = raw(&url).await;
    let model = outside.query_one("SELECT substr(entry, 10) FROM testudo.journal WHERE seq = 0", &[]).await.unwrap();
    let body: Vec<u8> = model.get(0);
    let held = outside.transaction().await.unwrap();
    let sql = "INSERT INTO testudo.inbox (size, bodies, terms) VALUES (1, ARRAY[$1::bytea], ARRAY[''::bytea]) RETURNING place";
    let first: i64 = held.query_one(sql, &[&body]).await.unwrap().get(0);

    let total = 1 + 16 * EACH + 1;
    let tails = [one.clone(), two.clone()].map(|store| tokio::spawn(follow(store, move |seen| seen >= total)));
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        let (store, clock) = (if writer % 2 == 0 { one.clone() } else { two.clone() }, clock.clone());
        writers.spawn(async move {
            let mut places = Vec::new();
            for number in 0..EACH {
                let name = format!("{writer}-{number}");
                let seq = commit_event(&store, &clock, &name).await.unwrap().first_seq.expect("it has a place");
                places.push((seq, name));
            }
            places
        });
    }
    let places: BTreeMap<u64, String> = writers.join_all().await.into_iter().flatten().collect();
    assert_eq!(places.len(), 16 * EACH, "no two have one place");
    held.commit().await.unwrap();
    let [seen, by_two] = tails;
    let (seen, by_two) = (seen.await.unwrap(), by_two.await.unwrap());
    assert_eq!(seen, by_two, "both nodes have the same log");
    assert_eq!(seen.len(), total);
    assert_eq!(seen[total - 1].0, "model", "what drew its place first and committed last is last");
    for (seq, name) in &places {
        assert_eq!(&seen[usize::try_from(*seq).unwrap()].0, name, "a receipt tells the truth");
    }
    let sql = "SELECT count(*) FROM testudo.placed a JOIN testudo.placed b ON a.place < b.place AND a.first > b.first \
               WHERE a.place <> $1";
    let turned: i64 = admin.query_one(sql, &[&first]).await.unwrap().get(0);
    assert!(turned > 100, "commits came out of order: {turned}");
    for store in [&one, &two] {
        let checkpoint = store.checkpoint().await.unwrap();
        assert_eq!(checkpoint.size, total as u64);
        let report = store.verify(None).await.unwrap();
        assert!(report.sound() && report.size == total as u64, "{report:?}");
        store.close().await.unwrap();
    }
}

/// The sessions that hold the lock of the integrator.
const INTEGRATOR: &str = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted \
                          AND classid = x'74657374'::int::oid AND objid = x'75646f02'::int::oid";
const EVERYBODY: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'testudo'";

/// Ends sessions again and again while two nodes write; returns how many were ended.
async fn under_fire(kill: &'static str, rounds: usize) -> usize {
    let Some(server) = server() else { return usize::MAX };
    let (clock, root, url) = (TestClock::new(), RootKey::generate(), server.url("postgres"));
    let stores = [
        Store::open(&config(&url), &root, clock.clone()).await.unwrap(),
        Store::open(&config(&url), &root, clock.clone()).await.unwrap(),
    ];
    let over = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let (store, clock, over) = (stores[writer % 2].clone(), clock.clone(), over.clone());
        writers.spawn(async move {
            let (mut outcomes, mut number) = (Vec::new(), 0);
            while !over.load(Ordering::Acquire) {
                let name = format!("{writer}-{number}");
                outcomes.push((name.clone(), commit_event(&store, &clock, &name).await));
                number += 1;
            }
            outcomes
        });
    }
    let admin = raw(&url).await;
    let mut killed = 0;
    for _ in 0..rounds {
        tokio::time::sleep(Duration::from_millis(400)).await;
        killed += admin.query(kill, &[]).await.unwrap().len();
    }
    tokio::time::sleep(Duration::from_millis(800)).await;
    over.store(true, Ordering::Release);
    let outcomes: Vec<(String, Result<Receipt, CommitError>)> =
        writers.join_all().await.into_iter().flatten().collect();
    let last = commit_event(&stores[0], &clock, "last").await.unwrap().last_seq.expect("the log goes on");
    let mut head = stores[1].head();
    let arrives = head.wait_for(|size| *size > last);
    tokio::time::timeout(Duration::from_secs(5), arrives).await.expect("the other node hears of it").unwrap();
    let (log, other) = (whole(&stores[0]).await, whole(&stores[1]).await);
    assert_eq!(log, other);
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in &log {
        *times.entry(name).or_default() += 1;
    }
    let (mut done, mut refused, mut doubtful) = (0, 0, 0);
    for (name, outcome) in &outcomes {
        let found = times.get(name.as_str()).copied().unwrap_or_default();
        match outcome {
            Ok(receipt) => {
                assert_eq!(found, 1, "{name} was acknowledged");
                if let Some(seq) = receipt.first_seq {
                    assert_eq!(&log[usize::try_from(seq).unwrap()].0, name);
                }
                done += 1;
            }
            Err(CommitError::Uncertain) => {
                assert!(found <= 1);
                doubtful += 1;
            }
            Err(CommitError::Unavailable(_)) => {
                assert_eq!(found, 0, "{name} was refused");
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    eprintln!("{killed} sessions ended: {done} commits done, {refused} refused, {doubtful} in doubt");
    assert!(done > 100);
    assert_eq!(doubtful, 0, "what became of each commit was found out");
    for store in &stores {
        let report = store.verify(None).await.unwrap();
        assert!(report.sound(), "{report:?}");
        store.close().await.unwrap();
    }
    killed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_goes_on_when_the_integrator_is_killed() {
    assert!(under_fire(INTEGRATOR, 6).await >= 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_commit_is_lost_or_done_twice_when_every_session_is_killed() {
    assert!(under_fire(EVERYBODY, 6).await >= 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_down_is_said_to_be_and_comes_back() {
    let Some(mut server) = server() else { return };
    let (clock, root, url) = (TestClock::new(), RootKey::generate(), server.url("postgres"));
    let store = Store::open(&config(&url), &root, clock.clone()).await.unwrap();
    commit_event(&store, &clock, "before").await.unwrap();
    for immediate in [false, true] {
        let before = *store.head().borrow();
        server.halt(immediate).unwrap();
        let began = Instant::now();
        let refused = commit_event(&store, &clock, "during").await;
        assert!(matches!(refused, Err(CommitError::Unavailable(_))), "{refused:?}");
        let read = store.get::<Note>("a").await;
        assert!(matches!(read, Err(ReadError::Unavailable(_))), "{read:?}");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        let began = Instant::now();
        for _ in 0..20 {
            assert!(commit_event(&store, &clock, "during").await.is_err());
        }
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        // The batched lane keeps what it took and takes nothing more.
        let mut kept = 0;
        let began = Instant::now();
        while !store.status().stalled {
            kept += usize::from(store.append(event(&clock, "kept")).is_ok());
            assert!(began.elapsed() < Duration::from_secs(10), "the lane stalls");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(store.append(event(&clock, "refused")).is_err());
        server.resume().unwrap();
        tokio::time::timeout(Duration::from_secs(10), store.flush()).await.expect("the lane is written");
        assert!(!store.status().stalled);
        let log = whole(&store).await;
        let since: Vec<&str> = log[usize::try_from(before).unwrap()..].iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(since, vec!["kept"; kept], "nothing is lost and nothing came of what was refused");
        commit_event(&store, &clock, "after").await.unwrap();
    }
    assert!(store.verify(None).await.unwrap().sound());
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_and_erasure_reach_the_other_nodes() {
    let Some(server) = server() else { return };
    let (clock, root, url) = (TestClock::new(), RootKey::generate(), server.url("postgres"));
    let (one, two) = (
        Store::open(&config(&url), &root, clock.clone()).await.unwrap(),
        Store::open(&config(&url), &root, clock.clone()).await.unwrap(),
    );
    let account = Account::new(1, "one@example.com");
    let mut tx = Tx::new();
    tx.create_person(account.id).insert(&account);
    tx.event(event(&clock, "made").to(account.id).personal("name", "One"));
    let seq = one.commit(tx).await.unwrap().first_seq.unwrap();
    for (from, to) in [(&one, &two), (&two, &one), (&one, &two)] {
        for purpose in [Purpose::Records, Purpose::JournalMac, Purpose::PersonKeys] {
            from.rotate_keys(purpose, &root).await.unwrap();
            let mut tx = Tx::new();
            tx.put(&Note::new("rotated", 1)).event(event(&clock, "rotated"));
            from.commit(tx).await.unwrap();
            assert!(to.get::<Note>("rotated").await.unwrap().is_some(), "the other node has the key at once");
            assert_eq!(to.find_blind::<Account>("email", b"one@example.com").await.unwrap().len(), 1);
        }
    }
    // Two rotate at the same time: one after the other, or one is refused; no version is lost.
    let before = one.ring().history(Purpose::Records).len();
    let (first, second) =
        tokio::join!(one.rotate_keys(Purpose::Records, &root), two.rotate_keys(Purpose::Records, &root));
    let done = usize::from(first.is_ok()) + usize::from(second.is_ok());
    assert!(done >= 1);
    let began = Instant::now();
    for store in [&one, &two] {
        while store.ring().history(Purpose::Records).len() != before + done {
            assert!(began.elapsed() < Duration::from_secs(3), "{first:?} {second:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    // Both know the key of the person; one erases her.
    let entry = two.read_journal(seq, 1, &JournalFilter::default()).await.unwrap().remove(0);
    assert_eq!(two.open_entry(&entry).await.unwrap().event.subject, Some(account.id));
    let (mut tx, mut head) = (Tx::new(), two.head());
    tx.erase_person(account.id).event(event(&clock, "erased").to(account.id));
    let size = one.commit(tx).await.unwrap().last_seq.unwrap() + 1;
    tokio::time::timeout(Duration::from_secs(2), head.wait_for(|head| *head >= size)).await.unwrap().unwrap();
    assert!(two.open_entry(&entry).await.unwrap().erased, "who sees the erasure cannot open what was hers");
    assert!(two.get::<Account>(account.id).await.unwrap().is_none());
    let mut tx = Tx::new();
    tx.put(&account);
    assert_eq!(two.commit(tx).await, Err(CommitError::ErasedPerson));
    for store in [&one, &two] {
        assert!(store.verify(None).await.unwrap().sound());
        store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_meet_on_two_nodes_are_made_once() {
    let Some(server) = server() else { return };
    let (clock, root, url) = (TestClock::new(), RootKey::generate(), server.url("postgres"));
    let stores = [
        Store::open(&config(&url), &root, clock.clone()).await.unwrap(),
        Store::open(&config(&url), &root, clock.clone()).await.unwrap(),
    ];
    for round in 0..10u8 {
        // Twenty people want one address.
        let mut tries = JoinSet::new();
        for number in 0..20 {
            let store = stores[usize::from(number) % 2].clone();
            tries.spawn(async move {
                let account = Account::new(round * 20 + number, &format!("round{round}@example.com"));
                let mut tx = Tx::new();
                tx.create_person(account.id).insert(&account);
                store.commit(tx).await
            });
        }
        let outcomes = tries.join_all().await;
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let duplicate = Err(CommitError::Duplicate { kind: "account", index: "email".into() });
        assert_eq!((won, outcomes.iter().filter(|outcome| **outcome == duplicate).count()), (1, 19), "{outcomes:?}");
    }
    // Transactions that take the same documents in opposite orders all happen.
    let mut tries = JoinSet::new();
    for number in 0..24 {
        let store = stores[number % 2].clone();
        tries.spawn(async move {
            let mut notes = ["x", "y", "z"].map(|name| Note::new(name, 1));
            if number % 3 == 0 {
                notes.reverse();
            }
            let mut tx = Tx::new();
            for note in &notes {
                tx.put(note);
            }
            store.commit(tx).await
        });
    }
    for outcome in tries.join_all().await {
        outcome.expect("a deadlock is tried again");
    }
    assert_eq!(stores[0].get::<Note>("y").await.unwrap().unwrap().version, 24);
    // Counters count over all nodes.
    for number in 1..=10u64 {
        let total = stores[usize::try_from(number).unwrap() % 2].add("tries", b"k", Duration::from_mins(1), 1).await;
        assert_eq!(total.unwrap(), number);
    }
    for store in &stores {
        store.close().await.unwrap();
    }
}

#[test]
fn callers_on_other_runtimes_only_wait() {
    let Some(server) = server() else { return };
    let home = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (clock, root, url) = (TestClock::new(), RootKey::generate(), server.url("postgres"));
    let store = home.block_on(Store::open(&config(&url), &root, clock.clone())).unwrap();
    // A runtime that cannot do any input or output itself.
    let away = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    away.block_on(async {
        commit_event(&store, &clock, "from afar").await.unwrap();
        assert!(store.get::<Note>("none").await.unwrap().is_none());
        assert_eq!(store.read_journal(0, 10, &JournalFilter::default()).await.unwrap().len(), 1);
    });
    drop(away);
    home.block_on(store.close()).unwrap();
    drop(home);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_checked_against_the_ca() {
    let authority = || {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        (certificate.pem(), rcgen::Issuer::new(params, key))
    };
    let ((ours, issuer), (foreign, _)) = (authority(), authority());
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap().pem();
    let tls = ServerCertificate { certificate, key: key.serialize_pem() };
    let Some(server) = TempPostgres::start(Some(&tls)).unwrap() else {
        // Past what the test harness captures.
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: PostgreSQL is not installed; nothing is known of TLS to it\n"),
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (clock, root) = (TestClock::new(), RootKey::generate());
    let with = |url: String, pem: &str| {
        let path = folder.path().join(format!("{}.pem", pem.len()));
        std::fs::write(&path, pem).unwrap();
        StoreConfig::postgres(PostgresConfig { url: Secret::new(url), ca_file: Some(path), pool: 4 })
    };
    let store = Store::open(&with(server.named_url("postgres"), &ours), &root, clock.clone()).await.unwrap();
    commit_event(&store, &clock, "encrypted").await.unwrap();
    let sql = "SELECT count(*), count(*) FILTER (WHERE ssl AND version = 'TLSv1.3') FROM pg_stat_ssl \
               JOIN pg_stat_activity USING (pid) WHERE application_name = 'testudo'";
    let row = raw(&server.url("postgres")).await.query_one(sql, &[]).await.unwrap();
    let (all, encrypted): (i64, i64) = (row.get(0), row.get(1));
    assert!(all >= 3 && all == encrypted, "{encrypted} of {all} connections are encrypted");
    store.close().await.unwrap();
    for (url, pem) in [(server.named_url("postgres"), &foreign), (server.url("postgres"), &ours)] {
        let refused = Store::open(&with(url, pem), &root, clock.clone()).await.unwrap_err();
        assert!(matches!(refused, OpenError::Database(_)), "{refused}");
    }
}
