//! What every backend must do: [`suite`] is run on each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::too_many_lines
)]

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Account, Note, TestClock, person};
use testudo_core::{Actor, Clock, Control, Event, EventKind, HttpFacts, Outcome, RequestId, SessionId, Timestamp};
use testudo_crypto::{Purpose, RootKey};
use testudo_store::merkle::{verify_consistency, verify_inclusion};
use testudo_store::{CommitError, JournalFilter, Receipt, RotateError, Store, Tx};

/// All that a backend must do, on a store that is empty.
pub async fn suite(store: Store, clock: Arc<TestClock>, root: &RootKey) {
    records(&store).await;
    lists(&store).await;
    indexes(&store).await;
    transactions(&store, &clock).await;
    journal(&store, &clock).await;
    search(&store, &clock).await;
    lane(&store, &clock).await;
    observers(&store, &clock).await;
    tails(&store, &clock).await;
    proofs(&store, &clock).await;
    counters(&store, &clock).await;
    sweeping(&store, &clock).await;
    rotation(&store, root).await;
    erasure(&store, &clock).await;
    concurrency(&store, &clock).await;
    let report = store.verify(None).await.unwrap();
    assert!(report.sound(), "{report:?}");
    assert_eq!(report.size, *store.head().borrow());
    assert!(report.stored_checkpoints > 0);
    store.close().await.unwrap();
    assert!(matches!(store.get::<Note>("a").await, Err(testudo_store::ReadError::Unavailable(_))));
}

async fn commit(store: &Store, build: impl FnOnce(&mut Tx)) -> Result<Receipt, CommitError> {
    let mut tx = Tx::new();
    build(&mut tx);
    store.commit(tx).await
}

async fn records(store: &Store) {
    let mut note = Note::new("a", 10);
    commit(store, |tx| _ = tx.insert(&note)).await.unwrap();
    let stored = store.get::<Note>("a").await.unwrap().unwrap();
    assert_eq!((stored.version, &stored.document), (1, &note));
    assert_eq!(
        commit(store, |tx| _ = tx.insert(&note)).await,
        Err(CommitError::Conflict { kind: "note" }),
        "inserted twice"
    );
    note.text = "changed".into();
    commit(store, |tx| _ = tx.update(&note, 1)).await.unwrap();
    assert_eq!(commit(store, |tx| _ = tx.update(&note, 1)).await, Err(CommitError::Conflict { kind: "note" }));
    assert_eq!(commit(store, |tx| _ = tx.update(&Note::new("b", 1), 1)).await, Err(CommitError::NotFound));
    commit(store, |tx| _ = tx.put(&note)).await.unwrap();
    assert_eq!(store.get::<Note>("a").await.unwrap().unwrap().version, 3);
    assert_eq!(
        commit(store, |tx| _ = tx.delete::<Note>("a", Some(2))).await,
        Err(CommitError::Conflict { kind: "note" })
    );
    commit(store, |tx| _ = tx.delete::<Note>("a", Some(3))).await.unwrap();
    assert_eq!(commit(store, |tx| _ = tx.delete::<Note>("a", Some(3))).await, Err(CommitError::NotFound));
    commit(store, |tx| _ = tx.delete::<Note>("a", None)).await.unwrap();
    assert!(store.get::<Note>("a").await.unwrap().is_none());
    assert!(store.get::<Note>(vec![1; 65]).await.unwrap().is_none());
    let long = Note::new(&"x".repeat(65), 1);
    assert!(matches!(commit(store, |tx| _ = tx.insert(&long)).await, Err(CommitError::Invalid(_))));
    assert_eq!(commit(store, |_| ()).await.unwrap(), Receipt::default());
}

async fn lists(store: &Store) {
    let mut tx = Tx::new();
    for number in 0..25 {
        // Equal times: the key decides.
        tx.insert(&Note::new(&format!("list-{number:02}"), 100 + number / 5));
    }
    store.commit(tx).await.unwrap();
    for newest_first in [false, true] {
        let (mut after, mut names) = (None, Vec::new());
        loop {
            let page = store.list::<Note>(after, 7, None, newest_first).await.unwrap();
            names.extend(page.items.into_iter().map(|stored| stored.document.name));
            let Some(next) = page.next else { break };
            after = Some(next.to_string().parse().unwrap());
        }
        let mut expected: Vec<String> = (0..25).map(|number| format!("list-{number:02}")).collect();
        if newest_first {
            expected.reverse();
        }
        assert_eq!(names, expected);
    }
    let mut tx = Tx::new();
    (0..25).for_each(|number| _ = tx.delete::<Note>(format!("list-{number:02}"), None));
    store.commit(tx).await.unwrap();
}

async fn indexes(store: &Store) {
    let (mut one, two) = (Account::new(1, "One@example.com"), Account::new(2, "two@example.com"));
    assert_eq!(commit(store, |tx| _ = tx.insert(&one)).await, Err(CommitError::NotFound), "she has no key yet");
    commit(store, |tx| _ = tx.create_person(one.id).insert(&one)).await.unwrap();
    commit(store, |tx| _ = tx.create_person(two.id).insert(&two)).await.unwrap();
    assert_eq!(
        commit(store, |tx| _ = tx.create_person(two.id)).await,
        Err(CommitError::Conflict { kind: "person-key" })
    );
    let found = store.find_blind::<Account>("email", b"one@example.com").await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].document, one);
    assert!(store.find::<Account>("email", b"one@example.com").await.unwrap().is_empty(), "blind is not plain");
    assert_eq!(store.find::<Account>("team", b"blue").await.unwrap().len(), 2);
    let mut thief = Account::new(3, "ONE@example.com");
    assert_eq!(
        commit(store, |tx| _ = tx.create_person(thief.id).insert(&thief)).await,
        Err(CommitError::Duplicate { kind: "account", index: "email".into() })
    );
    thief.email = "three@example.com".into();
    commit(store, |tx| _ = tx.create_person(thief.id).insert(&thief)).await.expect("her key went with the conflict");
    // Both in one transaction: the address moves from one to the other.
    one.email = "new@example.com".into();
    thief.email = "one@example.com".into();
    commit(store, |tx| _ = tx.update(&one, 1).update(&thief, 1)).await.unwrap();
    let found = store.find_blind::<Account>("email", b"one@example.com").await.unwrap();
    assert_eq!(found[0].document.id, thief.id);
    let page = store.list::<Account>(None, 10, Some(0), true).await.unwrap();
    assert_eq!(page.items.len(), 3);
    assert_eq!(store.list::<Account>(None, 10, Some(1), true).await.unwrap().items.len(), 0);
}

async fn transactions(store: &Store, clock: &TestClock) {
    let before = *store.head().borrow();
    let (good, bad) = (Note::new("good", 1), Note::new("missing", 1));
    let refused =
        commit(store, |tx| _ = tx.insert(&good).update(&bad, 1).event(Event::new(EventKind::AdminActed, clock.now())))
            .await;
    assert_eq!(refused, Err(CommitError::NotFound));
    assert!(store.get::<Note>("good").await.unwrap().is_none(), "all or nothing");
    assert_eq!(*store.head().borrow(), before, "no event without its change");
    let receipt = commit(store, |tx| {
        tx.insert(&good)
            .event(Event::new(EventKind::AdminActed, clock.now()).on("good"))
            .event(Event::new(EventKind::ConfigReloaded, clock.now()));
    })
    .await
    .unwrap();
    assert_eq!(receipt, Receipt { first_seq: Some(before), last_seq: Some(before + 1) });
    assert_eq!(*store.head().borrow(), before + 2);
}

fn request(number: u8) -> RequestId {
    RequestId::new(Timestamp::from_seconds(7), [number; 10])
}

async fn journal(store: &Store, clock: &TestClock) {
    let actor = Actor { person: Some(person(1)), client: Some("app".parse().unwrap()), ..Actor::default() };
    let address: IpAddr = "192.0.2.7".parse().unwrap();
    let http = HttpFacts {
        method: "GET".into(),
        route: "/accounts/{id}".into(),
        path: Some("/accounts/secret-7".into()),
        user_agent: Some("wallet/1".into()),
        ..HttpFacts::default()
    };
    let mut event = Event::new(EventKind::SignIn, clock.now())
        .failed(Control::Authentication, "bad-password")
        .by(actor)
        .from(address)
        .during(request(1))
        .detail("how", "password")
        .personal("tried", "someone");
    event.http = Some(http);
    let seq = commit(store, |tx| _ = tx.event(event.clone())).await.unwrap().first_seq.unwrap();
    let entries = store.read_journal(seq, 10, &JournalFilter::default()).await.unwrap();
    let plain = &entries[0].plain;
    assert_eq!(plain.person, Some(store.person_pseudonym(person(1))));
    assert_eq!(plain.address, Some(store.address_pseudonyms(address).0));
    assert_eq!(plain.network, Some(store.address_pseudonyms("192.0.2.200".parse().unwrap()).1));
    let text = serde_json::to_string(plain).unwrap();
    for secret in ["192.0.2", "secret-7", "wallet/1", "someone", &person(1).to_string()] {
        assert!(!text.contains(secret), "{secret} stands in plain");
    }
    let opened = store.open_entry(&entries[0]).await.unwrap();
    assert!(!opened.erased);
    assert_eq!(opened.event, event);
    // A stranger's: under the key of the day.
    let stranger = Event::new(EventKind::RequestMalformed, clock.now()).from("2001:db8::1".parse().unwrap());
    let seq = commit(store, |tx| _ = tx.event(stranger.clone())).await.unwrap().first_seq.unwrap();
    let entries = store.read_journal(seq, 10, &JournalFilter::default()).await.unwrap();
    assert_eq!(store.open_entry(&entries[0]).await.unwrap().event, stranger);
    // What a peer can make long is cut, and still fits.
    let mut long = Event::new(EventKind::RequestDecided, clock.now());
    let path = Some("\u{1}".repeat(100_000));
    long.http = Some(HttpFacts { path, ..HttpFacts::default() });
    (0..64).for_each(|n| _ = long.details.insert(format!("{n}").into(), "\u{1}".repeat(10_000)));
    (0..64).for_each(|n| _ = long.personal.insert(format!("{n}").into(), "\u{1}".repeat(10_000)));
    let seq = commit(store, |tx| _ = tx.event(long)).await.unwrap().first_seq.unwrap();
    let entries = store.read_journal(seq, 1, &JournalFilter::default()).await.unwrap();
    assert!(entries[0].plain.details.contains_key("cut"));
}

async fn search(store: &Store, clock: &TestClock) {
    let from = *store.head().borrow();
    let session = |number: u8| SessionId::new(clock.now(), [number; 10]);
    let mut tx = Tx::new();
    for number in 0..100u8 {
        let actor = Actor { session: Some(session(number % 10)), ..Actor::default() };
        let kind = if number.is_multiple_of(2) { EventKind::RequestDecided } else { EventKind::SignOut };
        tx.event(Event::new(kind, clock.now()).by(actor).during(request(number)).to(person(number % 3)));
    }
    store.commit(tx).await.unwrap();
    let seqs = async |filter: JournalFilter, limit: usize| -> Vec<u64> {
        let entries = store.read_journal(from, limit, &filter).await.unwrap();
        entries.iter().map(|entry| entry.seq - from).collect()
    };
    let by_session = JournalFilter { session: Some(session(4)), ..JournalFilter::default() };
    assert_eq!(seqs(by_session.clone(), 100).await, (0..10).map(|n| n * 10 + 4).collect::<Vec<u64>>());
    let newest = JournalFilter { newest_below: Some(u64::MAX), ..by_session.clone() };
    assert_eq!(seqs(newest, 3).await, [94, 84, 74]);
    let below = JournalFilter { newest_below: Some(from + 84), ..by_session };
    assert_eq!(seqs(below, 2).await, [74, 64]);
    let both = JournalFilter {
        person: Some(store.person_pseudonym(person(1))),
        kinds: vec![EventKind::SignOut],
        ..JournalFilter::default()
    };
    assert_eq!(seqs(both, 4).await, [1, 7, 13, 19]);
    let one = JournalFilter { request: Some(request(42)), ..JournalFilter::default() };
    assert_eq!(seqs(one, 100).await, [42]);
    let later = JournalFilter { since: Some(clock.now().plus(Duration::from_secs(1))), ..JournalFilter::default() };
    assert!(seqs(later, 100).await.is_empty());
    let all = JournalFilter { newest_below: Some(from + 3), ..JournalFilter::default() };
    assert_eq!(seqs(all, 100).await, [2, 1, 0]);
}

async fn lane(store: &Store, clock: &Arc<TestClock>) {
    let from = *store.head().borrow();
    let denial = |address: &str, code: &'static str| {
        Event::new(EventKind::RequestDecided, clock.now())
            .failed(Control::RateLimit, code)
            .from(address.parse().unwrap())
    };
    for _ in 0..5 {
        store.append(denial("192.0.2.1", "too-many")).unwrap();
        store.append(denial("192.0.2.2", "too-many")).unwrap();
        store.append(denial("192.0.2.1", "blocked")).unwrap();
        store.append(Event::new(EventKind::RequestDecided, clock.now())).unwrap();
    }
    clock.advance(Duration::from_secs(1));
    store.append(denial("192.0.2.1", "too-many")).unwrap();
    store.flush().await;
    let entries = store.read_journal(from, 100, &JournalFilter::default()).await.unwrap();
    let mut counts: Vec<u32> =
        entries.iter().filter(|entry| entry.plain.outcome == Outcome::Failure).map(|entry| entry.plain.count).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 5, 5, 5], "one event per peer, control, code and second");
    assert_eq!(entries.iter().filter(|entry| entry.plain.outcome == Outcome::Success).count(), 5);
    // Without a flush: by themselves, within the time that a folded event waits.
    let mut head = store.head();
    head.mark_unchanged();
    store.append(denial("192.0.2.9", "too-many")).unwrap();
    tokio::time::timeout(Duration::from_secs(10), head.changed()).await.expect("it is written in time").unwrap();
}

async fn observers(store: &Store, clock: &TestClock) {
    assert_eq!(store.cursor("detector").await.unwrap(), 0);
    let mut head = store.head();
    let size = *head.borrow_and_update();
    let (waker, event) = (store.clone(), Event::new(EventKind::NodeStarted, clock.now()));
    let writing = tokio::spawn(async move {
        let mut tx = Tx::new();
        tx.event(event);
        waker.commit(tx).await.unwrap();
    });
    head.changed().await.unwrap();
    assert_eq!(*head.borrow(), size + 1);
    writing.await.unwrap();
    let refused = commit(store, |tx| _ = tx.cursor("detector", size + 1).update(&Note::new("none", 1), 1)).await;
    assert!(refused.is_err());
    assert_eq!(store.cursor("detector").await.unwrap(), 0, "the cursor moves with its effects or not at all");
    commit(store, |tx| _ = tx.cursor("detector", size + 1).put(&Note::new("effect", 1))).await.unwrap();
    assert_eq!(store.cursor("detector").await.unwrap(), size + 1);
    commit(store, |tx| _ = tx.cursor("gone", 1).put(&Note::new("effect", 1))).await.unwrap();
    commit(store, |tx| _ = tx.forget_cursor("gone").forget_cursor("never-there")).await.unwrap();
    assert_eq!(store.cursor("gone").await.unwrap(), 0);
    assert_eq!(store.cursor("detector").await.unwrap(), size + 1, "others stay");
}

/// A tail gives each entry once and in order, the same from memory as from the journal.
async fn tails(store: &Store, clock: &TestClock) {
    let from = *store.head().borrow();
    let mut close = store.tail(from, &[]);
    let mut some = store.tail(from, &[EventKind::SignOut]);
    let who = person(77);
    commit(store, |tx| _ = tx.create_person(who)).await.unwrap();
    for number in 0..40u8 {
        let kind = if number % 4 == 0 { EventKind::SignOut } else { EventKind::SignIn };
        let event = Event::new(kind, clock.now()).by(Actor { person: Some(who), ..Actor::default() });
        let event = event.from(IpAddr::from([203, 0, 113, number])).detail("number", number.to_string());
        commit(store, |tx| _ = tx.event(event.personal("name", "ada"))).await.unwrap();
    }
    let mut followed = Vec::new();
    while followed.len() < 40 {
        followed.extend(close.next().await.unwrap());
    }
    assert_eq!(close.position(), *store.head().borrow());
    assert!(close.read().await.unwrap().is_empty());
    let read = store.read_journal(from, 1_000, &JournalFilter::default()).await.unwrap();
    assert_eq!(followed.len(), read.len());
    for (followed, read) in followed.iter().zip(&read) {
        let opened = store.open_entry(read).await.unwrap();
        assert_eq!((followed.seq, &followed.plain), (read.seq, &read.plain));
        assert_eq!((&followed.event, followed.erased), (&opened.event, opened.erased));
        assert_eq!(followed.event.personal.get("name").map(String::as_str), Some("ada"));
    }
    // A tail that is far behind reads the journal.
    let mut late = store.tail(0, &[]);
    let mut all = Vec::new();
    while late.position() < *store.head().borrow() {
        all.extend(late.read().await.unwrap());
    }
    assert!(all.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    assert_eq!(all[all.len() - 40..], followed);
    let mut sign_outs = Vec::new();
    while some.position() < *store.head().borrow() {
        sign_outs.extend(some.read().await.unwrap());
    }
    assert_eq!(sign_outs.len(), 10);
    // What a tail waits for may also come through the lane.
    let waiting = tokio::spawn(async move { close.next().await.unwrap() });
    store.append(Event::new(EventKind::RequestDecided, clock.now())).unwrap();
    assert!(store.flush().await);
    assert_eq!(waiting.await.unwrap()[0].plain.kind, EventKind::RequestDecided);
}

async fn proofs(store: &Store, clock: &TestClock) {
    let mut tx = Tx::new();
    (0..600).for_each(|_| _ = tx.event(Event::new(EventKind::RequestDecided, clock.now())));
    store.commit(tx).await.unwrap();
    let checkpoint = store.checkpoint().await.unwrap();
    assert_eq!(store.root_at(checkpoint.size).await.unwrap(), checkpoint.root);
    let entries = store.read_journal(0, 10_000, &JournalFilter::default()).await.unwrap();
    assert_eq!(entries.len() as u64, checkpoint.size);
    for entry in entries.iter().step_by(37) {
        let proof = store.inclusion_proof(entry.seq, checkpoint.size).await.unwrap();
        verify_inclusion(entry.seq, checkpoint.size, &entry.leaf, &proof, &checkpoint.root).unwrap();
    }
    for size in [1, 2, 255, 256, 257, 512, checkpoint.size] {
        let proof = store.consistency_proof(size, checkpoint.size).await.unwrap();
        let root = store.root_at(size).await.unwrap();
        verify_consistency(size, checkpoint.size, &proof, &root, &checkpoint.root).unwrap();
    }
    assert!(store.inclusion_proof(checkpoint.size, checkpoint.size).await.is_err());
    assert!(store.consistency_proof(1, checkpoint.size + 1).await.is_err());
}

async fn counters(store: &Store, clock: &Arc<TestClock>) {
    let window = Duration::from_mins(1);
    assert_eq!(store.add("sign-in", b"peer", window, 3).await.unwrap(), 3);
    assert_eq!(store.add("sign-in", b"peer", window, 2).await.unwrap(), 5);
    assert_eq!(store.add("sign-in", b"other", window, 1).await.unwrap(), 1);
    clock.advance(window * 3);
    assert_eq!(store.add("sign-in", b"peer", window, 1).await.unwrap(), 1);
}

async fn sweeping(store: &Store, clock: &Arc<TestClock>) {
    let mut note = Note::new("short-lived", 1);
    note.expires = Some(clock.now().plus(Duration::from_secs(5)));
    commit(store, |tx| _ = tx.insert(&note)).await.unwrap();
    store.sweep().await.unwrap();
    assert!(store.get::<Note>("short-lived").await.unwrap().is_some());
    clock.advance(Duration::from_secs(6));
    store.sweep().await.unwrap();
    assert!(store.get::<Note>("short-lived").await.unwrap().is_none());
    assert!(store.get::<Note>("effect").await.unwrap().is_some());
}

async fn rotation(store: &Store, root: &RootKey) {
    let refused = store.rotate_keys(Purpose::Records, &RootKey::generate()).await;
    assert!(matches!(refused, Err(RotateError::RootKey(_))));
    assert!(matches!(store.rotate_keys(Purpose::BlindIndex, root).await, Err(RotateError::Fixed)));
    for purpose in [Purpose::Records, Purpose::PersonKeys, Purpose::JournalMac, Purpose::Checkpoint, Purpose::DayKeys] {
        store.rotate_keys(purpose, root).await.unwrap();
    }
    assert!(store.get::<Note>("effect").await.unwrap().is_some(), "the old version still opens");
    assert_eq!(store.find_blind::<Account>("email", b"two@example.com").await.unwrap().len(), 1);
    commit(store, |tx| _ = tx.put(&Note::new("effect", 2))).await.unwrap();
    store.checkpoint().await.unwrap();
}

async fn erasure(store: &Store, clock: &TestClock) {
    let gone = person(2);
    let about =
        |kind| Event::new(kind, clock.now()).to(gone).personal("name", "Two").from("192.0.2.2".parse().unwrap());
    let seq = commit(store, |tx| _ = tx.event(about(EventKind::PersonChanged))).await.unwrap().first_seq.unwrap();
    let entry = store.read_journal(seq, 1, &JournalFilter::default()).await.unwrap().remove(0);
    assert_eq!(store.open_entry(&entry).await.unwrap().event.subject, Some(gone));
    let erased = commit(store, |tx| _ = tx.erase_person(gone).event(about(EventKind::PersonErased))).await.unwrap();
    let opened = store.open_entry(&entry).await.unwrap();
    assert!(opened.erased);
    assert_eq!((opened.event.subject, opened.event.peer), (None, None));
    assert_eq!(opened.event.kind, EventKind::PersonChanged);
    let announced =
        store.read_journal(erased.first_seq.unwrap(), 1, &JournalFilter::default()).await.unwrap().remove(0);
    assert_eq!(announced.plain.subject, Some(store.person_pseudonym(gone)));
    assert!(store.open_entry(&announced).await.unwrap().event.personal.is_empty());
    assert!(store.get::<Account>(gone).await.unwrap().is_none());
    assert!(store.find_blind::<Account>("email", b"two@example.com").await.unwrap().is_empty());
    let again = Account::new(2, "two@example.com");
    assert_eq!(commit(store, |tx| _ = tx.put(&again)).await, Err(CommitError::ErasedPerson));
    assert_eq!(commit(store, |tx| _ = tx.create_person(gone)).await, Err(CommitError::ErasedPerson));
    assert_eq!(store.erased().await.unwrap().iter().map(|one| one.person).collect::<Vec<_>>(), [gone]);
    let same = Account { id: person(9), ..Account::new(9, "two@example.com") };
    commit(store, |tx| _ = tx.create_person(same.id).insert(&same)).await.expect("her address is free again");
}

async fn concurrency(store: &Store, clock: &TestClock) {
    commit(store, |tx| _ = tx.put(&Note::new("contended", 1))).await.unwrap();
    let version = store.get::<Note>("contended").await.unwrap().unwrap().version;
    let before = *store.head().borrow();
    let tasks: Vec<_> = (0..32)
        .map(|number| {
            let (store, now) = (store.clone(), clock.now());
            tokio::spawn(async move {
                let mut tx = Tx::new();
                tx.update(&Note::new("contended", number), version);
                tx.event(Event::new(EventKind::AdminActed, now));
                store.commit(tx).await
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert_eq!(error, CommitError::Conflict { kind: "note" }),
        }
    }
    assert_eq!(won, 1, "a conflict fails alone, and only one wins");
    assert_eq!(*store.head().borrow(), before + 1);
}
