//! A trace of system calls shows that each acknowledgement follows the sync that covers it.
//!
//! The child writes entries with a marker in plain, so that the write which carries an entry is seen in the trace; the
//! acknowledgement is a write to standard output.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod support;

use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};

use support::TestClock;
use testudo_core::{Clock, Event, EventKind};
use testudo_crypto::RootKey;
use testudo_store::{Store, StoreConfig, Tx};

const CHILD: &str = "TESTUDO_STORE_TRACE_CHILD";
const WRITERS: usize = 16;
const EACH: usize = 8;

/// Not a test by itself: writes some entries when it is run as the child.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let clock = TestClock::new();
        let store = Store::open(&StoreConfig::sqlite(folder), &RootKey::generate(), clock.clone()).await.unwrap();
        let mut tasks = Vec::new();
        for writer in 0..WRITERS {
            let (store, clock) = (store.clone(), clock.clone());
            tasks.push(tokio::spawn(async move {
                for number in 0..EACH {
                    let marker = format!("marker-{writer}-{number}.");
                    let mut tx = Tx::new();
                    tx.event(Event::new(EventKind::AdminActed, clock.now()).on(marker.clone()));
                    store.commit(tx).await.unwrap();
                    std::io::stdout().lock().write_all(format!("ack {marker}\n").as_bytes()).unwrap();
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        store.close().await.unwrap();
    });
}

#[test]
fn each_acknowledgement_follows_its_sync() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let run = Command::new("strace")
        .args(["-f", "-s", "9000", "-e", "trace=fdatasync,fsync,write,pwrite64", "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CHILD, folder.path().join("data"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let traced = std::fs::read_to_string(&trace).unwrap_or_default();
    if !run.is_ok_and(|status| status.success()) || !traced.contains("sync(") {
        assert!(
            std::env::var_os("TESTUDO_REQUIRE_STRACE").is_none(),
            "TESTUDO_REQUIRE_STRACE is set, and what it asks for is not there"
        );
        // Past what the test harness captures.
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!(
                "SKIPPED: strace is not there or may not trace; install it to see that syncs precede acknowledgements\n"
            ),
        );
        return;
    }
    let mut seen = Seen::default();
    traced.lines().for_each(|line| seen.line(line));
    assert_eq!(seen.acknowledged, WRITERS * EACH, "all acknowledgements are in the trace");
}

/// What the trace showed so far.
#[derive(Default)]
struct Seen {
    /// Markers that were written and not synced, with the file.
    written: HashMap<String, String>,
    /// Markers that were synced.
    synced: Vec<String>,
    /// Syncs that did not return yet, by thread.
    pending: HashMap<String, String>,
    acknowledged: usize,
}

impl Seen {
    fn line(&mut self, line: &str) {
        let (thread, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        if call.starts_with("pwrite64(") {
            let file = argument(call);
            for marker in markers(call).filter(|marker| !self.synced.contains(marker)).collect::<Vec<_>>() {
                self.written.entry(marker).or_insert_with(|| file.clone());
            }
        } else if call.starts_with("fdatasync(") || call.starts_with("fsync(") {
            if call.contains("<unfinished") {
                self.pending.insert(thread.to_owned(), argument(call));
            } else if call.trim_end().ends_with("= 0") {
                self.sync(&argument(call));
            }
        } else if call.starts_with("<... fdatasync resumed") || call.starts_with("<... fsync resumed") {
            let file = self.pending.remove(thread).unwrap();
            if call.trim_end().ends_with("= 0") {
                self.sync(&file);
            }
        } else if call.starts_with("write(1,") && call.contains("ack marker-") {
            for marker in markers(call) {
                assert!(self.synced.contains(&marker), "{marker} was acknowledged before it was synced");
                self.acknowledged += 1;
            }
        }
    }

    fn sync(&mut self, file: &str) {
        let done: Vec<String> =
            self.written.iter().filter(|(_, on)| *on == file).map(|(marker, _)| marker.clone()).collect();
        for marker in done {
            self.written.remove(&marker);
            self.synced.push(marker);
        }
    }
}

fn argument(call: &str) -> String {
    let arguments = call.split_once('(').unwrap().1;
    arguments.split([',', ')', ' ']).next().unwrap().to_owned()
}

fn markers(call: &str) -> impl Iterator<Item = String> {
    call.split("marker-").skip(1).filter_map(|rest| rest.split_once('.').map(|(marker, _)| marker.to_owned()))
}
