//! Bad days of the files: a second start, lost keys, no space, a foreign lock, pruning, backup and restore.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod support;

use std::time::Duration;

use support::{Account, Note, TestClock, person};
use testudo_core::{Clock, Event, EventKind};
use testudo_crypto::RootKey;
use testudo_store::{
    CommitError, ErasedPerson, JournalFilter, OpenError, PruneRequest, Store, StoreConfig, Tx, UpkeepError,
    erased_from_lines, erased_to_lines,
};

async fn put(store: &Store, note: &Note) -> Result<(), CommitError> {
    let mut tx = Tx::new();
    tx.put(note);
    store.commit(tx).await.map(|_| ())
}

#[tokio::test]
async fn a_second_start_is_refused_with_who_holds_it() {
    let (folder, root, clock) = (tempfile::tempdir().unwrap(), RootKey::generate(), TestClock::new());
    let config = StoreConfig::sqlite(folder.path());
    let store = Store::open(&config, &root, clock.clone()).await.unwrap();
    let Err(OpenError::Held { holder, .. }) = Store::open(&config, &root, clock.clone()).await else { panic!() };
    assert!(holder.contains(&format!("process {}", std::process::id())), "{holder}");
    assert!(holder.contains(&clock.now().to_string()), "{holder}");
    store.close().await.unwrap();
    let store = Store::open(&config, &root, clock).await.expect("the lock went with the store");
    store.close().await.unwrap();
}

#[tokio::test]
async fn lost_keys_are_an_error_and_never_made_anew() {
    let (folder, root, clock) = (tempfile::tempdir().unwrap(), RootKey::generate(), TestClock::new());
    let config = StoreConfig::sqlite(folder.path());
    let store = Store::open(&config, &root, clock.clone()).await.unwrap();
    put(&store, &Note::new("kept", 1)).await.unwrap();
    store.close().await.unwrap();
    let wrong = Store::open(&config, &RootKey::generate(), clock.clone()).await;
    assert!(matches!(wrong, Err(OpenError::RootKey(_))));
    let (keys, aside) = (folder.path().join("keys.db"), folder.path().join("aside.db"));
    std::fs::rename(&keys, &aside).unwrap();
    assert!(matches!(Store::open(&config, &root, clock.clone()).await, Err(OpenError::KeysLost)));
    // The keys of another store under the same root key.
    let other = tempfile::tempdir().unwrap();
    let foreign = Store::open(&StoreConfig::sqlite(other.path()), &root, clock.clone()).await.unwrap();
    foreign.close().await.unwrap();
    std::fs::copy(other.path().join("keys.db"), &keys).unwrap();
    assert!(matches!(Store::open(&config, &root, clock.clone()).await, Err(OpenError::KeysMismatch)));
    std::fs::rename(&aside, &keys).unwrap();
    let store = Store::open(&config, &root, clock).await.unwrap();
    assert!(store.get::<Note>("kept").await.unwrap().is_some());
    store.close().await.unwrap();
}

#[tokio::test]
async fn nothing_personal_stands_in_the_files() {
    let (folder, root, clock) = (tempfile::tempdir().unwrap(), RootKey::generate(), TestClock::new());
    let store = Store::open(&StoreConfig::sqlite(folder.path()), &root, clock.clone()).await.unwrap();
    let account = Account::new(1, "very.secret@example.com");
    let mut note = Note::new("note", 1);
    note.text = "nobody reads very.secret things".into();
    let mut tx = Tx::new();
    tx.create_person(account.id).insert(&account).insert(&note);
    tx.event(Event::new(EventKind::SignedUp, clock.now()).to(account.id).personal("email", "very.secret@example.com"));
    store.commit(tx).await.unwrap();
    store.close().await.unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(11).any(|window| window == b"very.secret"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_recovers() {
    let (folder, root, clock) = (tempfile::tempdir().unwrap(), RootKey::generate(), TestClock::new());
    let mut config = StoreConfig::sqlite(folder.path());
    config.max_bytes = Some(1 << 20);
    let store = Store::open(&config, &root, clock.clone()).await.unwrap();
    let mut kept = Vec::new();
    let refused = loop {
        let mut note = Note::new(&format!("note-{}", kept.len()), 1);
        note.text = "x".repeat(50_000);
        match put(&store, &note).await {
            Ok(()) => kept.push(note),
            Err(error) => break error,
        }
    };
    assert!(matches!(&refused, CommitError::Unavailable(cause) if cause.contains("space")), "{refused:?}");
    assert!(kept.len() > 5);
    // The batched lane holds what it took, and takes nothing more.
    let event = || Event::new(EventKind::RequestDecided, clock.now()).detail("x", "x".repeat(500));
    let mut taken = 0;
    let stalled = loop {
        match store.append(event()) {
            Ok(()) => taken += 1,
            Err(_) => break true,
        }
        if taken % 200 == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if taken > 20_000 {
            break false;
        }
    };
    assert!(stalled && store.status().stalled);
    for note in &kept {
        assert!(store.get::<Note>(note.name.as_str()).await.unwrap().is_some(), "reads go on and nothing is lost");
    }
    let mut tx = Tx::new();
    for note in &kept {
        tx.delete::<Note>(note.name.as_str(), None);
    }
    store.commit(tx).await.expect("removing needs no space");
    store.flush().await;
    assert!(!store.status().stalled);
    let filter = JournalFilter { kinds: vec![EventKind::RequestDecided], ..JournalFilter::default() };
    let (mut found, mut from) = (0, 0);
    loop {
        let entries = store.read_journal(from, 10_000, &filter).await.unwrap();
        let Some(last) = entries.last() else { break };
        found += entries.len();
        from = last.seq + 1;
    }
    assert_eq!(found, taken, "every event that was taken in is there");
    assert!(store.verify(None).await.unwrap().sound());
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_lock_refuses_and_recovers() {
    let (folder, root, clock) = (tempfile::tempdir().unwrap(), RootKey::generate(), TestClock::new());
    let store = Store::open(&StoreConfig::sqlite(folder.path()), &root, clock.clone()).await.unwrap();
    let mut tx = Tx::new();
    tx.event(Event::new(EventKind::AdminActed, clock.now()));
    store.commit(tx).await.unwrap();
    let other = rusqlite::Connection::open(folder.path().join("data.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = put(&store, &Note::new("a", 1)).await.unwrap_err();
    assert!(matches!(&refused, CommitError::Unavailable(cause) if cause.contains("lock")), "{refused:?}");
    assert!(store.get::<Note>("a").await.unwrap().is_none());
    other.execute_batch("ROLLBACK").unwrap();
    put(&store, &Note::new("a", 1)).await.unwrap();
    assert!(store.verify(None).await.unwrap().sound());
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_locked_closes_in_bounded_time_and_says_what_was_not_written() {
    let (folder, root, clock) = (tempfile::tempdir().unwrap(), RootKey::generate(), TestClock::new());
    let config = StoreConfig::sqlite(folder.path());
    let store = Store::open(&config, &root, clock.clone()).await.unwrap();
    let event = || Event::new(EventKind::RequestDecided, clock.now());
    store.append(event()).unwrap();
    assert!(store.flush_within(Duration::from_secs(5)).await);
    let other = rusqlite::Connection::open(folder.path().join("data.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..7 {
        store.append(event()).unwrap();
    }
    assert!(!store.flush_within(Duration::from_millis(100)).await);
    let began = std::time::Instant::now();
    let closed = store.close_within(Duration::from_millis(500)).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let Err(UpkeepError::Unwritten(lost)) = closed else { panic!("{closed:?}") };
    assert_eq!(lost, [(EventKind::RequestDecided, 7)]);
    assert!(store.append(event()).is_err(), "it takes nothing any more");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    let store = Store::open(&config, &root, clock.clone()).await.expect("the folder was let go");
    assert_eq!(*store.head().borrow(), 1);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pruning_exports_and_keeps_the_proofs() {
    let (folder, root, clock) = (tempfile::tempdir().unwrap(), RootKey::generate(), TestClock::new());
    let store = Store::open(&StoreConfig::sqlite(folder.path().join("data")), &root, clock.clone()).await.unwrap();
    let mut tx = Tx::new();
    for number in 0..40 {
        let kind = if number < 30 { EventKind::RequestDecided } else { EventKind::SignIn };
        tx.event(Event::new(kind, clock.now()));
    }
    store.commit(tx).await.unwrap();
    let checkpoint = store.checkpoint().await.unwrap();
    let mut tx = Tx::new();
    tx.cursor("detector", 20);
    store.commit(tx).await.unwrap();
    clock.advance(Duration::from_secs(100));
    let export = folder.path().join("export.jsonl");
    let request = |kinds| PruneRequest { kinds, before: clock.now(), export: export.clone() };
    let refused = store.prune(&request(vec![EventKind::JournalPruned])).await;
    assert!(matches!(refused, Err(UpkeepError::Refused(_))));
    let report = store.prune(&request(vec![EventKind::RequestDecided])).await.unwrap();
    assert_eq!((report.entries, report.range), (20, Some((0, 19))), "what an observer still needs stays");
    let text = std::fs::read_to_string(&export).unwrap();
    assert_eq!(text.lines().count(), 20);
    let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let entry = data_encoding::BASE64.decode(line["entry"].as_str().unwrap().as_bytes()).unwrap();
    let leaf = testudo_store::merkle::leaf_hash(&entry);
    assert_eq!(line["leaf"], data_encoding::HEXLOWER.encode(&leaf));
    let proof = store.inclusion_proof(0, checkpoint.size).await.unwrap();
    testudo_store::merkle::verify_inclusion(0, checkpoint.size, &leaf, &proof, &checkpoint.root).unwrap();
    let audit = store.verify(None).await.unwrap();
    assert!(audit.sound(), "{audit:?}");
    assert_eq!(audit.pruned.iter().map(|range| (range.from, range.to)).collect::<Vec<_>>(), [(0, 19)]);
    assert_eq!(audit.root, Some(store.root_at(audit.size).await.unwrap()));
    let entries = store.read_journal(0, 100, &JournalFilter::default()).await.unwrap();
    assert_eq!(entries[0].seq, 20);
    let announced = entries.iter().find(|entry| entry.plain.kind == EventKind::JournalPruned).unwrap();
    assert_eq!(announced.plain.details["sha256"], report.digests[0]);
    assert_eq!(store.prune(&request(vec![EventKind::RequestDecided])).await.unwrap().entries, 0);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_brings_no_erased_person_back() {
    let (folder, root, clock) = (tempfile::tempdir().unwrap(), RootKey::generate(), TestClock::new());
    let store = Store::open(&StoreConfig::sqlite(folder.path().join("data")), &root, clock.clone()).await.unwrap();
    for number in 1..=2 {
        let account = Account::new(number, &format!("{number}@example.com"));
        let mut tx = Tx::new();
        tx.create_person(account.id).insert(&account);
        tx.event(Event::new(EventKind::SignedUp, clock.now()).to(account.id).personal("name", "N"));
        store.commit(tx).await.unwrap();
    }
    // While it is in use.
    let (busy, now) = (store.clone(), clock.now());
    let writing = tokio::spawn(async move {
        for number in 0..200 {
            let mut tx = Tx::new();
            tx.put(&Note::new(&format!("busy-{number}"), 1)).event(Event::new(EventKind::AdminActed, now));
            busy.commit(tx).await.unwrap();
        }
    });
    let backup = folder.path().join("backup");
    let manifest = store.backup(&backup).await.unwrap();
    assert_eq!(manifest.sha256.len(), 2);
    assert!(matches!(store.backup(&backup).await, Err(UpkeepError::Refused(_))), "never over another backup");
    writing.await.unwrap();
    let mut tx = Tx::new();
    tx.erase_person(person(2));
    store.commit(tx).await.unwrap();
    let erased: Vec<ErasedPerson> = erased_from_lines(&erased_to_lines(&store.erased().await.unwrap())).unwrap();
    store.close().await.unwrap();

    clock.advance(Duration::from_mins(1));
    let config = StoreConfig::sqlite(folder.path().join("restored"));
    let (store, report) = Store::restore(&backup, &config, &root, clock.clone(), &erased).await.unwrap();
    assert_eq!((report.erased, report.revoked_before, report.without_key), (1, clock.now(), 0));
    store.close().await.unwrap();
    // Interrupted here, it can't be opened, and is begun again.
    let refused = Store::open(&config, &root, clock.clone()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Restored), "{refused}");
    assert!(Store::restore_is_unfinished(&folder.path().join("restored")));
    let (store, report) = Store::restore(&backup, &config, &root, clock.clone(), &erased).await.unwrap();
    assert_eq!(report.erased, 1);
    store.restore_done().await.unwrap();
    store.close().await.unwrap();
    let refused = Store::restore(&backup, &config, &root, clock.clone(), &erased).await;
    assert!(matches!(refused, Err(UpkeepError::Refused(_))), "a finished one is not overwritten");
    let store = Store::open(&config, &root, clock.clone()).await.unwrap();
    assert!(store.get::<Account>(person(1)).await.unwrap().is_some());
    assert!(store.get::<Account>(person(2)).await.unwrap().is_none());
    let kinds = vec![EventKind::AllRevoked, EventKind::SignedUp];
    let entries = store.read_journal(0, 1_000, &JournalFilter { kinds, ..JournalFilter::default() }).await.unwrap();
    let revoked = entries.iter().find(|entry| entry.plain.kind == EventKind::AllRevoked).unwrap();
    assert_eq!(revoked.plain.details["before"], clock.now().micros().to_string());
    let two = entries.iter().find(|entry| entry.plain.subject == Some(store.person_pseudonym(person(2)))).unwrap();
    assert!(store.open_entry(two).await.unwrap().erased);
    assert!(store.verify(None).await.unwrap().sound());
    store.close().await.unwrap();

    let data = backup.join("data").join("data.db");
    let mut bytes = std::fs::read(&data).unwrap();
    bytes[5_000] ^= 1;
    std::fs::write(&data, bytes).unwrap();
    let config = StoreConfig::sqlite(folder.path().join("again"));
    let refused = Store::restore(&backup, &config, &root, clock, &erased).await;
    assert!(matches!(refused, Err(UpkeepError::Refused(_))), "a changed backup is refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_made_after_a_try_that_failed() {
    let (folder, root, clock) = (tempfile::tempdir().unwrap(), RootKey::generate(), TestClock::new());
    let mut config = StoreConfig::sqlite(folder.path());
    config.max_bytes = Some(512 << 10);
    let store = Store::open(&config, &root, clock.clone()).await.unwrap();
    let mut large = Note::new("large", 1);
    large.text = "x".repeat(900_000);
    let account = Account::new(1, "one@example.com");
    let mut tx = Tx::new();
    tx.create_person(account.id).insert(&account).insert(&large);
    assert!(matches!(store.commit(tx).await, Err(CommitError::Unavailable(_))));
    // What a crash between the two files leaves.
    let keys = rusqlite::Connection::open(folder.path().join("keys.db")).unwrap();
    let sql = "INSERT INTO person_key (person, handle, wrapped) VALUES (?1, zeroblob(16), zeroblob(40))";
    keys.execute(sql, [account.id.to_bytes().as_slice()]).unwrap();
    drop(keys);
    let mut tx = Tx::new();
    tx.create_person(account.id).insert(&account);
    store.commit(tx).await.unwrap();
    assert_eq!(store.get::<Account>(account.id).await.unwrap().unwrap().document, account);
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_wraps_the_keys_of_people_anew() {
    let (folder, root, clock) = (tempfile::tempdir().unwrap(), RootKey::generate(), TestClock::new());
    let config = StoreConfig::sqlite(folder.path());
    let store = Store::open(&config, &root, clock.clone()).await.unwrap();
    for number in 0..200 {
        let mut tx = Tx::new();
        tx.create_person(person(number)).insert(&Account::new(number, &format!("{number}@example.com")));
        store.commit(tx).await.unwrap();
    }
    store.rotate_keys(testudo_crypto::Purpose::PersonKeys, &root).await.unwrap();
    let keys = rusqlite::Connection::open(folder.path().join("keys.db")).unwrap();
    let old = || -> i64 {
        let sql = "SELECT COUNT(*) FROM person_key WHERE substr(wrapped, 3, 4) <> x'00000002'";
        keys.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    for _ in 0..100 {
        if old() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(old(), 0, "all are under the new key");
    drop(keys);
    store.close().await.unwrap();
    let store = Store::open(&config, &root, clock).await.unwrap();
    assert_eq!(store.list::<Account>(None, 1_000, None, false).await.unwrap().items.len(), 200);
    store.close().await.unwrap();
}
