//! Whoever changes the file behind the store's back is found, at the exact entry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::cast_possible_wrap)]

mod support;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use rusqlite::{Connection, params};
use support::{TestClock, person};
use testudo_core::{Clock, Event, EventKind, Secret};
use testudo_crypto::RootKey;
use testudo_store::merkle::leaf_hash;
use testudo_store::{AuditReport, RowFault, Store, StoreConfig, Tx};

const ENTRIES: u64 = 300;

/// A closed store with [`ENTRIES`] entries, made once; its second half was written after a checkpoint.
struct Original {
    folder: tempfile::TempDir,
}

fn root() -> RootKey {
    RootKey::from_env_value(&Secret::new("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned())).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

static ORIGINAL: LazyLock<Original> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let clock = TestClock::new();
        let mut config = StoreConfig::sqlite(folder.path().join("data"));
        config.checkpoint_file = Some(folder.path().join("checkpoints"));
        let store = Store::open(&config, &root(), clock.clone()).await.unwrap();
        let mut tx = Tx::new();
        tx.create_person(person(1));
        store.commit(tx).await.unwrap();
        for half in 0..2 {
            let mut tx = Tx::new();
            for number in 0..ENTRIES / 2 {
                let event = Event::new(EventKind::SignIn, clock.now()).detail("n", format!("{half} {number}"));
                tx.event(event.to(person(1)).personal("name", "One"));
            }
            store.commit(tx).await.unwrap();
            store.checkpoint().await.unwrap();
        }
        store.close().await.unwrap();
    });
    Original { folder }
});

/// Changes a copy of the store and verifies it.
fn after(external: bool, change: impl FnOnce(&Connection)) -> AuditReport {
    let copy = tempfile::tempdir().unwrap();
    let original = ORIGINAL.folder.path();
    for name in ["data.db", "keys.db"] {
        std::fs::copy(original.join("data").join(name), copy.path().join(name)).unwrap();
    }
    let connection = Connection::open(copy.path().join("data.db")).unwrap();
    change(&connection);
    connection.close().unwrap();
    let checkpoints: PathBuf = original.join("checkpoints");
    verify(copy.path(), external.then_some(checkpoints.as_path()))
}

fn verify(folder: &Path, checkpoints: Option<&Path>) -> AuditReport {
    runtime().block_on(async {
        let store = Store::open(&StoreConfig::sqlite(folder), &root(), TestClock::new()).await.unwrap();
        let report = store.verify(checkpoints).await.unwrap();
        // The last checkpoint may be refused on a damaged log.
        let _ = store.close().await;
        report
    })
}

fn bad(report: &AuditReport) -> Option<(u64, RowFault)> {
    assert!(!report.sound());
    report.bad.clone().map(|bad| (bad.seq, bad.fault))
}

fn shift(connection: &Connection, from: u64, by: i64) {
    connection.execute("UPDATE journal SET seq = -(seq + ?2) - 1 WHERE seq >= ?1", params![from as i64, by]).unwrap();
    connection.execute("UPDATE journal SET seq = -seq - 1 WHERE seq < 0", []).unwrap();
}

#[test]
fn an_untouched_log_is_sound() {
    let report = after(true, |_| ());
    assert!(report.sound(), "{report:?}");
    assert_eq!((report.size, report.proven_to, report.unproven_from), (ENTRIES, Some(ENTRIES), ENTRIES));
    assert_eq!((report.stored_checkpoints, report.external_checkpoints), (2, 2));
    let report = after(false, |_| ());
    assert_eq!(report.proven_to, None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit(seq in 0..ENTRIES, column in prop::sample::select(vec!["entry", "leaf", "mac"]), at in 0usize..4_096, bit in 0u8..8) {
        let report = after(false, |on| {
            let sql = format!("SELECT {column} FROM journal WHERE seq = ?1");
            let mut bytes: Vec<u8> = on.query_row(&sql, params![seq as i64], |row| row.get(0)).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            on.execute(&format!("UPDATE journal SET {column} = ?2 WHERE seq = ?1"), params![seq as i64, bytes]).unwrap();
        });
        let fault = if column == "mac" { RowFault::Code } else { RowFault::Bytes };
        prop_assert_eq!(bad(&report), Some((seq, fault)));
    }

    #[test]
    fn a_forged_entry_with_a_fitting_hash(seq in 0..ENTRIES, at in 0usize..4_096) {
        let report = after(false, |on| {
            let mut bytes: Vec<u8> =
                on.query_row("SELECT entry FROM journal WHERE seq = ?1", params![seq as i64], |row| row.get(0)).unwrap();
            let at = at % bytes.len();
            bytes[at] = bytes[at].wrapping_add(1);
            let leaf = leaf_hash(&bytes);
            let sql = "UPDATE journal SET entry = ?2, leaf = ?3 WHERE seq = ?1";
            on.execute(sql, params![seq as i64, bytes, leaf.as_slice()]).unwrap();
        });
        prop_assert_eq!(bad(&report), Some((seq, RowFault::Code)));
    }

    #[test]
    fn a_dropped_entry(seq in 0..ENTRIES - 1) {
        let report = after(false, |on| _ = on.execute("DELETE FROM journal WHERE seq = ?1", params![seq as i64]).unwrap());
        prop_assert_eq!(bad(&report), Some((seq, RowFault::Missing)));
    }

    #[test]
    fn a_dropped_entry_whose_gap_is_closed(seq in 0..ENTRIES - 1) {
        let report = after(false, |on| {
            on.execute("DELETE FROM journal WHERE seq = ?1", params![seq as i64]).unwrap();
            shift(on, seq + 1, -1);
        });
        prop_assert_eq!(bad(&report), Some((seq, RowFault::Code)));
    }

    #[test]
    fn two_swapped_entries(one in 0..ENTRIES, other in 0..ENTRIES) {
        prop_assume!(one != other);
        let report = after(false, |on| {
            on.execute("UPDATE journal SET seq = -1 WHERE seq = ?1", params![one as i64]).unwrap();
            on.execute("UPDATE journal SET seq = ?1 WHERE seq = ?2", params![one as i64, other as i64]).unwrap();
            on.execute("UPDATE journal SET seq = ?1 WHERE seq = -1", params![other as i64]).unwrap();
        });
        prop_assert_eq!(bad(&report), Some((one.min(other), RowFault::Code)));
    }

    #[test]
    fn an_inserted_entry(seq in 0..=ENTRIES, copied in 0..ENTRIES) {
        prop_assume!(seq != copied);
        let report = after(false, |on| {
            let sql = "SELECT leaf, mac, entry FROM journal WHERE seq = ?1";
            let row: (Vec<u8>, Vec<u8>, Vec<u8>) = on
                .query_row(sql, params![copied as i64], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .unwrap();
            shift(on, seq, 1);
            let sql = "INSERT INTO journal (seq, leaf, mac, entry) VALUES (?1, ?2, ?3, ?4)";
            on.execute(sql, params![seq as i64, row.0, row.1, row.2]).unwrap();
        });
        prop_assert_eq!(bad(&report), Some((seq, RowFault::Code)));
    }

    #[test]
    fn a_removed_body(seq in 0..ENTRIES) {
        let report =
            after(false, |on| _ = on.execute("UPDATE journal SET entry = NULL WHERE seq = ?1", params![seq as i64]).unwrap());
        prop_assert_eq!(bad(&report), Some((seq, RowFault::Removed)));
    }

    #[test]
    fn a_cut_off_end(kept in 1..ENTRIES) {
        // Whoever cuts the log also cuts the stored checkpoints, so only the file outside proves it.
        let cut = |on: &Connection| {
            on.execute("DELETE FROM journal WHERE seq >= ?1", params![kept as i64]).unwrap();
            on.execute("DELETE FROM checkpoint WHERE size > ?1", params![kept as i64]).unwrap();
        };
        let report = after(false, cut);
        prop_assert!(report.sound() && report.unproven_from <= kept);
        let report = after(true, cut);
        prop_assert!(!report.sound());
        let cut_off: Vec<u64> =
            [ENTRIES / 2, ENTRIES].into_iter().filter(|size| *size > kept).collect();
        prop_assert_eq!(report.bad_checkpoints.iter().map(|bad| bad.size).collect::<Vec<_>>(), cut_off);
        prop_assert!(report.bad_checkpoints.iter().all(|bad| bad.external && bad.cause.contains("cut off")));
    }
}

#[test]
fn a_cut_off_end_shows_in_the_stored_checkpoints_too() {
    let report = after(false, |on| _ = on.execute("DELETE FROM journal WHERE seq >= 200", []).unwrap());
    assert_eq!(report.bad_checkpoints.len(), 1);
    assert_eq!(report.bad_checkpoints[0].size, ENTRIES);
}

#[test]
fn a_forged_checkpoint_and_a_changed_hash_are_found() {
    let report =
        after(false, |on| _ = on.execute("UPDATE checkpoint SET note = replace(note, '150', '151')", []).unwrap());
    assert!(report.bad.is_none());
    assert_eq!(report.bad_checkpoints.len(), 1);
    let report = after(false, |on| _ = on.execute("UPDATE node SET hash = zeroblob(32) WHERE level = 8", []).unwrap());
    assert_eq!(report.bad_node, Some((8, 0)));
    let report = after(false, |on| _ = on.execute("DELETE FROM node", []).unwrap());
    assert_eq!(report.bad_node, Some((8, 0)));
}

#[test]
fn a_log_that_went_another_way_after_a_rollback_is_found() {
    let copy = tempfile::tempdir().unwrap();
    let original = ORIGINAL.folder.path();
    for name in ["data.db", "keys.db"] {
        std::fs::copy(original.join("data").join(name), copy.path().join(name)).unwrap();
    }
    let connection = Connection::open(copy.path().join("data.db")).unwrap();
    connection
        .execute_batch(
            "DELETE FROM journal WHERE seq >= 200; DELETE FROM checkpoint WHERE size > 200; DELETE FROM node",
        )
        .unwrap();
    connection.close().unwrap();
    runtime().block_on(async {
        let clock = TestClock::new();
        let store = Store::open(&StoreConfig::sqlite(copy.path()), &root(), clock.clone()).await.unwrap();
        let mut tx = Tx::new();
        (0..150).for_each(|_| _ = tx.event(Event::new(EventKind::SignOut, clock.now())));
        store.commit(tx).await.unwrap();
        let report = store.verify(Some(&original.join("checkpoints"))).await.unwrap();
        assert_eq!(report.external_checkpoints, 1, "the first still holds");
        assert_eq!(report.bad_checkpoints.len(), 1);
        assert_eq!((report.bad_checkpoints[0].size, report.bad_checkpoints[0].external), (ENTRIES, true));
        store.close().await.unwrap();
    });
}
