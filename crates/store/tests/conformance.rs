//! What every backend must do, on SQLite; PostgreSQL has the same suite in `postgres/`.
#![allow(clippy::unwrap_used)]

mod support;

use support::conformance::suite;
use support::{Account, Note, TestClock, person};
use testudo_crypto::RootKey;
use testudo_store::{Store, StoreConfig};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_in_memory() {
    let (clock, root) = (TestClock::new(), RootKey::generate());
    let store = Store::open(&StoreConfig::memory(), &root, clock.clone()).await.unwrap();
    suite(store, clock, &root).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_in_a_folder() {
    let (clock, root, folder) = (TestClock::new(), RootKey::generate(), tempfile::tempdir().unwrap());
    let config = StoreConfig::sqlite(folder.path());
    let store = Store::open(&config, &root, clock.clone()).await.unwrap();
    suite(store, clock.clone(), &root).await;
    // Everything is there again after a start.
    let store = Store::open(&config, &root, clock.clone()).await.unwrap();
    assert!(store.get::<Note>("effect").await.unwrap().is_some());
    assert!(store.verify(None).await.unwrap().sound());
    assert!(store.get::<Account>(person(1)).await.unwrap().is_some());
    store.close().await.unwrap();
}
