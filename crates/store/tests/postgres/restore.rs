//! A database that was dumped and restored with its own tools: nothing opens it before the erased are erased again and
//! all sessions are ended.

use std::sync::Arc;
use std::time::Duration;

use testudo_core::{Clock, Event, EventKind};
use testudo_crypto::RootKey;
use testudo_store::{
    ErasedPerson, JournalFilter, OpenError, Place, Store, Tx, UpkeepError, erased_from_lines, erased_to_lines,
};
use testudo_testkit::postgres::TempPostgres;

use super::support::{Account, Note, TestClock, person};
use super::{config, raw, server};

struct House {
    server: TempPostgres,
    folder: tempfile::TempDir,
    clock: Arc<TestClock>,
    root: RootKey,
}

impl House {
    fn start() -> Option<House> {
        let (server, folder) = (server()?, tempfile::tempdir().unwrap());
        Some(House { server, folder, clock: TestClock::new(), root: RootKey::generate() })
    }

    async fn open(&self, database: &str) -> Result<Store, OpenError> {
        Store::open(&config(&self.server.url(database)), &self.root, self.clock.clone()).await
    }

    /// Finishes a restore, and says what that did. The store is closed, and ready for others.
    async fn finish(&self, database: &str, erased: &[ErasedPerson], anyway: bool) -> Result<(usize, u64), UpkeepError> {
        let config = config(&self.server.url(database));
        let (store, report) = Store::restore_database(&config, &self.root, self.clock.clone(), erased, anyway).await?;
        assert_eq!(report.revoked_before, self.clock.now());
        store.restore_done().await.unwrap();
        store.close().await.unwrap();
        Ok((report.erased, report.without_key))
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn dump(&self, database: &str, schema: &str, name: &str) {
        let (schema, file) = (format!("--schema={schema}"), format!("--file={}", self.file(name)));
        self.server.run("pg_dump", &["--format=custom", &schema, &file, database]).unwrap();
    }

    /// A new database from these dumps.
    fn restore(&self, database: &str, dumps: &[&str]) {
        self.server.run("createdb", &[database]).unwrap();
        self.restore_into(database, dumps);
    }

    fn restore_into(&self, database: &str, dumps: &[&str]) {
        for dump in dumps {
            let database = format!("--dbname={database}");
            self.server.run("pg_restore", &["--exit-on-error", &database, &self.file(dump)]).unwrap();
        }
    }

    async fn keys(&self, database: &str) -> i64 {
        let client = raw(&self.server.url(database)).await;
        client.query_one("SELECT count(*) FROM testudo_keys.person_key", &[]).await.unwrap().get(0)
    }
}

async fn sign_up(store: &Store, clock: &TestClock, number: u8) {
    let account = Account::new(number, &format!("{number}@example.com"));
    let mut tx = Tx::new();
    tx.create_person(account.id).insert(&account);
    tx.event(Event::new(EventKind::SignedUp, clock.now()).to(account.id).personal("name", "N"));
    store.commit(tx).await.unwrap();
}

async fn erase(store: &Store, number: u8) {
    let mut tx = Tx::new();
    tx.erase_person(person(number));
    store.commit(tx).await.unwrap();
}

fn kinds(kinds: &[EventKind]) -> JournalFilter {
    JournalFilter { kinds: kinds.to_vec(), ..JournalFilter::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_database_is_opened_only_after_the_restore_is_finished() {
    let Some(house) = House::start() else { return };
    let clock = &house.clock;
    let store = house.open("postgres").await.unwrap();
    for number in 1..=3 {
        sign_up(&store, clock, number).await;
    }
    // Data, then keys, while it is in use.
    house.dump("postgres", "testudo", "data");
    erase(&store, 1).await;
    house.dump("postgres", "testudo_keys", "keys");
    erase(&store, 2).await;
    let erased = erased_from_lines(&erased_to_lines(&store.erased().await.unwrap())).unwrap();
    assert_eq!(erased.len(), 2);
    store.close().await.unwrap();

    clock.advance(Duration::from_mins(1));
    house.restore("restored", &["data", "keys"]);
    let refused = house.open("restored").await.unwrap_err();
    assert!(matches!(refused, OpenError::Restored) && refused.to_string().contains("testudo restore"), "{refused}");
    // Somebody else is in it.
    let session = raw(&format!("{}?application_name=testudo", house.server.url("restored"))).await;
    let refused = house.finish("restored", &erased, false).await.unwrap_err();
    assert!(matches!(refused, UpkeepError::Open(OpenError::InUse { connections: 1 })), "{refused}");
    drop(session);

    let config = config(&house.server.url("restored"));
    let (store, report) = Store::restore_database(&config, &house.root, clock.clone(), &erased, false).await.unwrap();
    assert_eq!((report.erased, report.without_key, report.manifest), (2, 0, None));
    store.close().await.unwrap();
    // Interrupted here, it is not finished, and is begun again.
    assert!(matches!(house.open("restored").await, Err(OpenError::Restored)));
    assert_eq!(house.finish("restored", &erased, false).await.unwrap(), (0, 0));

    let store = house.open("restored").await.unwrap();
    for number in 1..=3 {
        let there = store.get::<Account>(person(number)).await.unwrap().is_some();
        assert_eq!(there, number == 3, "{number}");
    }
    assert_eq!(house.keys("restored").await, 1);
    let about = store.read_journal(0, 100, &kinds(&[EventKind::SignedUp])).await.unwrap();
    let mut shown = 0;
    for entry in &about {
        shown += usize::from(!store.open_entry(entry).await.unwrap().erased);
    }
    assert_eq!((about.len(), shown), (3, 1), "the entries are there, and nothing opens those about the erased");
    let revoked = store.read_journal(0, 100, &kinds(&[EventKind::AllRevoked])).await.unwrap();
    assert_eq!(revoked[0].plain.details["before"], clock.now().micros().to_string());
    let restored = store.read_journal(0, 100, &kinds(&[EventKind::BackupRestored])).await.unwrap();
    assert_eq!(restored[0].plain.details["erased-again"], "2");
    assert!(store.verify(None).await.unwrap().sound());
    store.close().await.unwrap();
}

/// Each erasure wants the table of keys vacuumed; that must not take the connections from those who wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_erasures_leave_connections_to_others_and_nothing_of_a_key() {
    let Some(house) = House::start() else { return };
    let mut config = config(&house.server.url("postgres"));
    if let Place::Postgres(settings) = &mut config.place {
        settings.pool = 2;
    }
    let store = Store::open(&config, &house.root, house.clock.clone()).await.unwrap();
    for number in 0..100 {
        sign_up(&store, &house.clock, number).await;
    }
    // The table is held for a while: whoever vacuums it waits.
    let admin = raw(&house.server.url("postgres")).await;
    let mut holder = raw(&house.server.url("postgres")).await;
    let held = holder.transaction().await.unwrap();
    held.batch_execute("LOCK TABLE testudo_keys.person_key IN SHARE UPDATE EXCLUSIVE MODE").await.unwrap();
    for number in 0..50 {
        erase(&store, number).await;
    }
    held.commit().await.unwrap();
    for number in 50..100 {
        erase(&store, number).await;
    }
    assert_eq!(house.keys("postgres").await, 0);
    let sql = "SELECT pg_relation_size('testudo_keys.person_key')";
    let began = std::time::Instant::now();
    // Vacuuming cuts an empty table off.
    while admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) != 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "what is left of the keys goes");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_sealed_stands_in_a_dump() {
    let Some(house) = House::start() else { return };
    let store = house.open("postgres").await.unwrap();
    let account = Account::new(1, "very.secret@example.com");
    let mut note = Note::new("note", 1);
    note.text = "nobody reads very.secret things".into();
    let mut tx = Tx::new();
    tx.create_person(account.id).insert(&account).insert(&note);
    let event = Event::new(EventKind::SignedUp, house.clock.now()).to(account.id);
    tx.event(event.from("192.0.2.77".parse().unwrap()).personal("email", "very.secret@example.com"));
    store.commit(tx).await.unwrap();
    assert_eq!(store.find_blind::<Account>("email", b"very.secret@example.com").await.unwrap().len(), 1);
    assert_eq!(store.find::<Account>("team", b"blue").await.unwrap().len(), 1);
    store.close().await.unwrap();
    let dump = house.server.run("pg_dump", &["--format=plain", "postgres"]).unwrap();
    let stands = |text: &str| dump.contains(text) || dump.contains(&data_encoding::HEXLOWER.encode(text.as_bytes()));
    for secret in ["very.secret", "example.com", "192.0.2.77"] {
        assert!(!stands(secret), "{secret}");
    }
    assert!(stands("blue"), "a plain index is what can be found in a dump");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_that_do_not_belong_together_are_noticed() {
    let Some(house) = House::start() else { return };
    let clock = &house.clock;
    let store = house.open("postgres").await.unwrap();
    sign_up(&store, clock, 1).await;
    sign_up(&store, clock, 2).await;
    house.dump("postgres", "testudo_keys", "old-keys");
    erase(&store, 1).await;
    sign_up(&store, clock, 3).await;
    house.dump("postgres", "testudo", "data");
    house.dump("postgres", "testudo_keys", "keys");
    store.close().await.unwrap();

    // Half of a store, and nothing.
    house.restore("data-alone", &["data"]);
    house.restore("keys-alone", &["keys"]);
    house.restore("nothing", &[]);
    assert!(matches!(house.open("data-alone").await, Err(OpenError::KeysLost)));
    assert!(matches!(house.open("keys-alone").await, Err(OpenError::DataLost)));
    for (database, wanted) in [("data-alone", "key ring is missing"), ("keys-alone", "data"), ("nothing", "pg_restore")]
    {
        let refused = house.finish(database, &[], true).await.unwrap_err().to_string();
        assert!(refused.contains(wanted), "{database}: {refused}");
    }
    let client = raw(&house.server.url("nothing")).await;
    let schemas = client.query_one("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'testudo%'", &[]).await;
    assert_eq!(schemas.unwrap().get::<_, i64>(0), 0, "nothing is made in an empty database");

    // Keys that are older than the data: the erased one's comes back, the youngest one's is missing.
    house.restore("old-keys", &["data", "old-keys"]);
    assert_eq!(house.keys("old-keys").await, 2);
    assert_eq!(house.finish("old-keys", &[], false).await.unwrap(), (0, 1));
    assert_eq!(house.keys("old-keys").await, 1, "who was erased has no key");
    let store = house.open("old-keys").await.unwrap();
    assert!(store.get::<Account>(person(2)).await.unwrap().is_some());
    assert!(store.get::<Account>(person(3)).await.is_err());
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_is_told_from_a_start() {
    let Some(house) = House::start() else { return };
    let store = house.open("postgres").await.unwrap();
    sign_up(&store, &house.clock, 1).await;
    house.dump("postgres", "testudo", "data");
    house.dump("postgres", "testudo_keys", "keys");
    store.close().await.unwrap();
    let refused = house.finish("postgres", &[], false).await.unwrap_err();
    assert!(matches!(refused, UpkeepError::Open(OpenError::NotRestored)), "{refused}");
    // Unless it is asked for; and then it has to be finished as any other.
    let config = config(&house.server.url("postgres"));
    let begun = Store::restore_database(&config, &house.root, house.clock.clone(), &[], true).await;
    begun.unwrap().0.close().await.unwrap();
    assert!(matches!(house.open("postgres").await, Err(OpenError::Restored)));
    assert_eq!(house.finish("postgres", &[], false).await.unwrap(), (0, 0));
    house.open("postgres").await.unwrap().close().await.unwrap();
    // Tables are rewritten without a restore.
    for statement in ["VACUUM FULL testudo.journal", "REINDEX TABLE testudo.document"] {
        house.server.run("psql", &["--command", statement, "postgres"]).unwrap();
    }
    house.open("postgres").await.unwrap().close().await.unwrap();

    // A copy of the whole database, keys that were put in place of newer ones, and all of it into the same database.
    house.server.run("createdb", &["--template=postgres", "copied"]).unwrap();
    let admin = raw(&house.server.url("postgres")).await;
    assert!(matches!(house.open("copied").await, Err(OpenError::Restored)));
    admin.batch_execute("DROP SCHEMA testudo_keys CASCADE").await.unwrap();
    house.restore_into("postgres", &["keys"]);
    assert!(matches!(house.open("postgres").await, Err(OpenError::Restored)));
    admin.batch_execute("DROP SCHEMA testudo, testudo_keys CASCADE").await.unwrap();
    house.restore_into("postgres", &["data", "keys"]);
    assert!(matches!(house.open("postgres").await, Err(OpenError::Restored)));
    assert_eq!(house.finish("postgres", &[], false).await.unwrap(), (0, 0));
    let store = house.open("postgres").await.unwrap();
    assert!(store.get::<Account>(person(1)).await.unwrap().is_some());
    store.close().await.unwrap();
    // Stores from before places were kept are taken as they are, once.
    admin.batch_execute("DELETE FROM testudo.meta WHERE name = 'place'").await.unwrap();
    house.open("postgres").await.unwrap().close().await.unwrap();
    assert!(matches!(house.finish("postgres", &[], false).await, Err(UpkeepError::Open(OpenError::NotRestored))));
}
