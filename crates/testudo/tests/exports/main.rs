//! Exports of the real binary: to rsyslog, to a bulk API that checks the format, to an OTLP receiver, to files. Targets go
//! down, the server is killed, and everything arrives.

#![allow(clippy::missing_panics_doc, reason = "a test may panic")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::format_push_string
)]

#[path = "../support/mod.rs"]
mod support;

mod bulk;
mod file;
mod otlp;
mod postgres;
mod rsyslog;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::Duration;

use serde_json::Value;
use support::http::{Http, read_reply, request};
use support::{Server, eventually};

/// Long enough for a busy machine, and for the longest wait of a backoff.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// What is counted here is not how much one address may do.
pub const WIDE: &str = "[limits]\naddress = \"off\"\nsubnet = \"off\"\nroute = \"off\"\n";

/// A server with this configuration, in a folder of its own.
pub fn serve(configuration: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testudo.toml"), format!("{WIDE}{configuration}")).unwrap();
    Server::start_in(folder, &[])
}

/// So many requests, each of which is an entry of the journal.
pub fn traffic(server: &Server, requests: usize) {
    let mut stream = Http::new(&server.ca()).open(server.gateway);
    for _ in 0..requests {
        stream.write_all(&request(server.gateway, "GET", "/health", &[], b"", false)).unwrap();
        stream.flush().unwrap();
        assert_eq!(read_reply(&mut stream).status, 200);
    }
}

/// A target as `export list` shows it.
pub fn target(server: &Server, name: &str) -> Value {
    let list = server.json(&["export", "list"]);
    list["items"].as_array().unwrap().iter().find(|item| item["name"] == name).unwrap().clone()
}

/// Waits until a target has taken everything that is there now; gives the place that it is at.
pub fn drained(server: &Server, name: &str) -> u64 {
    let head = server.json(&["export", "list"])["head"].as_u64().unwrap();
    let mut place = 0;
    eventually(&format!("`{name}` takes all of {head} entries"), PATIENCE, || {
        place = target(server, name)["place"].as_u64().unwrap();
        place >= head
    });
    place
}

/// Every place below the target's is there.
pub fn complete(places: &BTreeSet<u64>, until: u64) {
    let missing: Vec<u64> = (0..until).filter(|place| !places.contains(place)).collect();
    assert!(
        missing.is_empty(),
        "of {until} entries {} are missing: {:?}",
        missing.len(),
        &missing[..missing.len().min(20)]
    );
}
