//! No acknowledged record is lost when the process is killed at a random moment.
//!
//! The test runs itself as a child with 64 writers that print each acknowledgement, kills it, opens the store again and
//! looks for everything that was acknowledged. 20 rounds; `TESTUDO_KILL_ROUNDS=200` for the long run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod support;

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::{Note, TestClock};
use testudo_core::{Clock, Event, EventKind, Secret};
use testudo_crypto::{RootKey, random};
use testudo_store::{JournalFilter, Store, StoreConfig, Tx};

const CHILD: &str = "TESTUDO_STORE_KILL_CHILD";
const WRITERS: usize = 64;

fn root() -> RootKey {
    RootKey::from_env_value(&Secret::new("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned())).unwrap()
}

fn config(folder: &Path) -> StoreConfig {
    let mut config = StoreConfig::sqlite(folder.join("data"));
    config.checkpoint_file = Some(folder.join("checkpoints"));
    config.checkpoint_every = Duration::from_millis(50);
    config
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Not a test by itself: writes for ever when it is run as the child.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let clock = TestClock::new();
        let store = Store::open(&config(Path::new(&folder)), &root(), clock.clone()).await.unwrap();
        let run = u64::from_be_bytes(random::array());
        let mut tasks = Vec::new();
        for writer in 0..WRITERS {
            let (store, clock) = (store.clone(), clock.clone());
            tasks.push(tokio::spawn(async move {
                for number in 0u64.. {
                    let name = format!("{run:x}-{writer}-{number}");
                    let event = Event::new(EventKind::AdminActed, clock.now()).on(name.clone());
                    if writer == 0 {
                        store.append(event).unwrap();
                        store.flush().await;
                        say(&format!("ack {name} - \n"));
                        continue;
                    }
                    let mut tx = Tx::new();
                    tx.insert(&Note::new(&name, 1)).event(event);
                    let seq = store.commit(tx).await.unwrap().first_seq.unwrap();
                    say(&format!("ack {name} {seq}\n"));
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn no_acknowledged_record_is_lost() {
    let rounds = std::env::var("TESTUDO_KILL_ROUNDS").ok().map_or(20, |rounds| rounds.parse::<usize>().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut total = 0;
    for round in 0..rounds {
        if round % 20 == 19 {
            // Starts anew, so that the checks stay short.
            std::fs::remove_dir_all(folder.path().join("data")).unwrap();
            std::fs::remove_file(folder.path().join("checkpoints")).unwrap();
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(CHILD, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        let reading = std::thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).unwrap();
            text
        });
        let [high, low] = random::array::<2>();
        std::thread::sleep(Duration::from_millis(10 + u64::from(u16::from_be_bytes([high, low])) % 400));
        child.kill().unwrap();
        child.wait().unwrap();
        total += check(folder.path(), &reading.join().unwrap());
    }
    eprintln!("{rounds} kills, {total} acknowledged records, none lost");
    assert!(total > rounds, "the child hardly wrote anything: {total}");
}

/// Checks that everything that was acknowledged is there; returns how much it was.
fn check(folder: &Path, output: &str) -> usize {
    let whole = output.rfind('\n').map_or("", |end| &output[..end]);
    let acknowledged: Vec<(&str, Option<u64>)> = whole
        .lines()
        .filter_map(|line| line.split_once("ack ").map(|(_, rest)| rest))
        .map(|rest| rest.split_once(' ').unwrap())
        .map(|(name, seq)| (name, seq.parse().ok()))
        .collect();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let store = Store::open(&config(folder), &root(), TestClock::new()).await.unwrap();
        let mut said = std::collections::HashMap::new();
        let mut from = 0;
        loop {
            let entries = store.read_journal(from, 10_000, &JournalFilter::default()).await.unwrap();
            let Some(last) = entries.last() else { break };
            from = last.seq + 1;
            said.extend(entries.into_iter().filter_map(|entry| Some((entry.plain.target?.into_owned(), entry.seq))));
        }
        for (name, seq) in &acknowledged {
            let found = said.get(*name).copied();
            assert!(found.is_some(), "the event of {name} is lost");
            if seq.is_some() {
                assert_eq!(found, *seq, "the event of {name} is elsewhere");
                assert!(store.get::<Note>(*name).await.unwrap().is_some(), "the record {name} is lost");
            }
        }
        let report = store.verify(Some(&folder.join("checkpoints"))).await;
        let report = match report {
            // Killed before the first checkpoint.
            Err(_) => store.verify(None).await.unwrap(),
            Ok(report) => report,
        };
        assert!(report.sound(), "{report:?}");
        store.close().await.unwrap();
    });
    acknowledged.len()
}
