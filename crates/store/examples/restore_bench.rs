//! How long a restore takes: `restore_bench PEOPLE ERASED [postgres]` makes a store with so many people, backs it up, and
//! restores it with a list of erased people that the backup does not know.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use testudo_core::{Clock, Event, EventKind, PersonId, Secret, Timestamp};
use testudo_crypto::RootKey;
use testudo_store::{Document, ErasedPerson, Indexes, Key, PostgresConfig, Store, StoreConfig, Tx};
use testudo_testkit::postgres::TempPostgres;

struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_760_000_000)
    }

    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

#[derive(Serialize, Deserialize)]
struct Account {
    id: PersonId,
    email: String,
    profile: String,
}

impl Document for Account {
    const KIND: &'static str = "account";

    fn id(&self) -> Key {
        self.id.into()
    }

    fn person(&self) -> Option<PersonId> {
        Some(self.id)
    }

    fn created(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    fn indexes(&self, indexes: &mut Indexes) {
        indexes.unique_blind("email", self.email.as_str());
    }
}

fn person(number: u32) -> PersonId {
    let mut random = [0; 10];
    random[..4].copy_from_slice(&number.to_be_bytes());
    PersonId::new(Timestamp::from_seconds(1_750_000_000), random)
}

async fn fill(store: &Store, people: u32) {
    for from in (0..people).step_by(500) {
        let mut tx = Tx::new();
        for number in from..people.min(from + 500) {
            let account =
                Account { id: person(number), email: format!("{number}@example.com"), profile: "x".repeat(400) };
            tx.create_person(account.id).insert(&account);
            tx.event(Event::new(EventKind::SignedUp, Standing.now()).to(account.id).personal("email", account.email));
        }
        store.commit(tx).await.unwrap();
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (people, gone): (u32, u32) = (arguments[0].parse().unwrap(), arguments[1].parse().unwrap());
    let (folder, root, clock) = (tempfile::tempdir().unwrap(), RootKey::generate(), Arc::new(Standing));
    let erased: Vec<ErasedPerson> = (0..gone)
        .map(|number| ErasedPerson { person: person(number * (people / gone.max(1))), at: clock.now() })
        .collect();
    if arguments.get(2).is_some_and(|place| place == "postgres") {
        let server = TempPostgres::start(None).unwrap().expect("PostgreSQL is installed");
        let config = |database: &str| {
            let url = Secret::new(server.url(database));
            StoreConfig::postgres(PostgresConfig { url, ca_file: None, pool: 8 })
        };
        let store = Store::open(&config("postgres"), &root, clock.clone()).await.unwrap();
        fill(&store, people).await;
        store.close().await.unwrap();
        let dumps = ["testudo", "testudo_keys"];
        let file = |schema: &str| folder.path().join(schema).to_str().unwrap().to_owned();
        let began = Instant::now();
        for schema in dumps {
            let arguments = [&format!("--schema={schema}"), &format!("--file={}", file(schema))];
            server.run("pg_dump", &["--format=custom", arguments[0], arguments[1], "postgres"]).unwrap();
        }
        println!("both pg_dump: {:?}", began.elapsed());
        server.run("createdb", &["restored"]).unwrap();
        let began = Instant::now();
        for schema in dumps {
            server.run("pg_restore", &["--exit-on-error", "--dbname=restored", &file(schema)]).unwrap();
        }
        println!("both pg_restore: {:?}", began.elapsed());
        let began = Instant::now();
        let restored = Store::restore_database(&config("restored"), &root, clock, &erased, false).await;
        let (store, report) = restored.unwrap();
        store.restore_done().await.unwrap();
        println!("restore of {people} people, {} erased again: {:?}", report.erased, began.elapsed());
        store.close().await.unwrap();
        return;
    }
    let store = Store::open(&StoreConfig::sqlite(folder.path().join("data")), &root, clock.clone()).await.unwrap();
    fill(&store, people).await;
    let (backup, began) = (folder.path().join("backup"), Instant::now());
    store.backup(&backup).await.unwrap();
    println!("backup: {:?}", began.elapsed());
    store.close().await.unwrap();
    let (config, began) = (StoreConfig::sqlite(folder.path().join("restored")), Instant::now());
    let (store, report) = Store::restore(&backup, &config, &root, clock, &erased).await.unwrap();
    store.restore_done().await.unwrap();
    println!("restore of {people} people, {} erased again: {:?}", report.erased, began.elapsed());
    store.close().await.unwrap();
}
