//! Tests of `exporter`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use serde_json::{Value, json};
use testudo_core::Timestamp;

use super::*;
use crate::format::{Format, samples};
use crate::target::FileTarget;

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// A journal of so many entries, with the place that outlives a feed.
struct Journal {
    entries: AtomicU64,
    place: AtomicU64,
    attempts: AtomicUsize,
    said: Mutex<Vec<String>>,
}

struct JournalFeed(Arc<Journal>, u64);

impl Feed for JournalFeed {
    async fn next(&mut self) -> Result<Batch, FeedError> {
        while self.1 >= self.0.entries.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let end = self.0.entries.load(Ordering::SeqCst).min(self.1 + 100);
        let records = (self.1..end).map(|seq| Record { seq, ..samples::records().remove(0) }).collect();
        self.1 = end;
        Ok(Batch { records, next: end })
    }

    async fn hold(&mut self) -> Result<(), FeedError> {
        self.0.attempts.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn taken(&mut self, next: u64, refused: &[(Option<u64>, u64, String)]) -> Result<(), FeedError> {
        self.0.place.store(next, Ordering::SeqCst);
        self.0.said.lock().extend(refused.iter().map(|(seq, count, cause)| format!("refused {seq:?} {count} {cause}")));
        Ok(())
    }

    async fn stalled(&mut self, _: &str) {
        self.0.said.lock().push("stalled".into());
    }

    async fn resumed(&mut self) {
        self.0.said.lock().push("resumed".into());
    }
}

fn exporter(journal: &Arc<Journal>, path: &Path) -> (Exporter<JournalFeed>, Arc<Progress>) {
    let progress = Arc::new(Progress::default());
    let target = Target::File(FileTarget::new(path.to_owned(), Format::Ocsf, 1 << 30));
    let feed = JournalFeed(Arc::clone(journal), journal.place.load(Ordering::SeqCst));
    let exporter = Exporter::new(feed, target, samples::origin(), Arc::clone(&progress), Arc::new(Stopped));
    (exporter, progress)
}

fn journal(entries: u64) -> Arc<Journal> {
    Arc::new(Journal {
        entries: AtomicU64::new(entries),
        place: AtomicU64::new(0),
        attempts: AtomicUsize::new(0),
        said: Mutex::new(Vec::new()),
    })
}

fn places(path: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|event| event.pointer("/metadata/sequence").and_then(Value::as_u64).unwrap()).collect()
}

/// An hour in 3.6 s: all waits are a thousandth of what they are.
#[tokio::test]
async fn a_target_that_is_down_for_an_hour_gets_everything_afterwards_and_is_not_stormed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("down/out");
    let journal = journal(1_000);
    let (exporter, progress) = exporter(&journal, &path);
    let backoff = Backoff::new(Duration::from_micros(250), Duration::from_millis(30));
    let running = tokio::spawn(exporter.waiting(backoff).run());
    for minute in 0..60 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        journal.entries.store(1_000 + 10 * minute, Ordering::SeqCst);
    }
    let attempts = journal.attempts.load(Ordering::SeqCst);
    // Waits of 15 s to 30 s each, and some shorter ones at the beginning; fewer where the machine is busy.
    assert!((20..=260).contains(&attempts), "{attempts}");
    let status = progress.status();
    assert_eq!((status.state, status.place, status.sent), (State::Stalled, 0, 0));
    assert!(status.error.unwrap().contains("down/out"));
    assert_eq!(*journal.said.lock(), ["stalled"], "it is said once");
    std::fs::create_dir(folder.path().join("down")).unwrap();
    let all = async {
        while journal.place.load(Ordering::SeqCst) < 1_590 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
    assert_eq!(places(&path), (0..1_590).collect::<Vec<_>>(), "everything, once, in order");
    assert_eq!(*journal.said.lock(), ["stalled", "resumed"]);
    let status = progress.status();
    assert_eq!((status.state, status.place, status.sent, status.failures), (State::Running, 1_590, 1_590, 0));
    running.abort();
}

#[tokio::test]
async fn whenever_it_is_killed_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let journal = journal(0);
    for round in 1..=40_u64 {
        journal.entries.store(50 * round, Ordering::SeqCst);
        let (exporter, _) = exporter(&journal, &path);
        let running = tokio::spawn(exporter.run());
        for _ in 0..round % 7 {
            tokio::time::sleep(Duration::from_micros(700)).await;
        }
        running.abort();
        let _ = running.await;
    }
    let (exporter, _) = exporter(&journal, &path);
    let running = tokio::spawn(exporter.run());
    let all = async {
        while journal.place.load(Ordering::SeqCst) < 2_000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
    running.abort();
    let mut places = places(&path);
    places.dedup();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places, (0..2_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn poison_is_said_and_what_is_pushed_back_comes_again() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/_bulk", server.local_addr().unwrap());
    let got = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&got);
    // Takes a document only the second time it comes, and never number 13; a request of more than 64 is too large.
    let double = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut seen = std::collections::HashSet::new();
        loop {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut bytes = Vec::new();
            while let Some(body) = body(&mut stream, &mut bytes).await {
                let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                let mut items = Vec::new();
                let too_large = lines.len() > 128;
                for pair in lines.chunks(2).filter(|_| !too_large) {
                    let id = pair[0]["create"]["_id"].as_str().unwrap().to_owned();
                    let number: u64 = id.rsplit('-').next().unwrap().parse().unwrap();
                    let status = match number {
                        13 => 400,
                        _ if seen.insert(number) => 429,
                        _ => {
                            taken.lock().push(number);
                            201
                        }
                    };
                    let error = json!({ "type": "x_error", "reason": id });
                    items.push(json!({ "create": { "_id": id, "status": status, "error": error } }));
                }
                let (status, answer) = if too_large {
                    ("413 Too Large", String::new())
                } else {
                    ("200 OK", json!({ "took": 1, "errors": true, "items": items }).to_string())
                };
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", answer.len());
                stream.write_all((head + &answer).as_bytes()).await.unwrap();
            }
            let _ = stream.read(&mut [0]).await;
        }
    });
    let journal = journal(100);
    let progress = Arc::new(Progress::default());
    let target = crate::target::BulkTarget::new(&url, None, None, "testudo".into(), Format::Ecs).unwrap();
    let feed = JournalFeed(Arc::clone(&journal), 0);
    let origin = samples::origin();
    let exporter = Exporter::new(feed, Target::Bulk(target), origin, Arc::clone(&progress), Arc::new(Stopped));
    let running = tokio::spawn(exporter.run());
    tokio::time::timeout(Duration::from_secs(20), async {
        while journal.place.load(Ordering::SeqCst) < 100 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    let mut got = got.lock().clone();
    got.sort_unstable();
    assert_eq!(got, (0..100).filter(|n| *n != 13).collect::<Vec<_>>());
    assert!(journal.said.lock().contains(&"refused Some(13) 1 status 400, x_error".to_owned()), "{:?}", journal.said);
    let status = progress.status();
    assert_eq!((status.sent, status.refused), (99, 1));
    running.abort();
    double.abort();
}

/// Reads one request's body.
async fn body(stream: &mut tokio::net::TcpStream, bytes: &mut Vec<u8>) -> Option<String> {
    use tokio::io::AsyncReadExt as _;
    loop {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let length: usize = length.unwrap();
            if rest.len() >= length {
                assert!(head.to_lowercase().contains("content-type: application/x-ndjson"), "{head}");
                let body = rest[..length].to_owned();
                *bytes = rest.as_bytes()[length..].to_vec();
                return Some(body);
            }
        }
        let mut more = [0; 4_096];
        match stream.read(&mut more).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&more[..n]),
        }
    }
}
