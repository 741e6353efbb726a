//! To an OTLP receiver made of the protocol's own types.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::support::{free_address, skip};
use super::{complete, drained, serve, traffic};

struct Receiver(Child);

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(port: u16, file: &Path) -> Option<Receiver> {
    let python = std::env::var_os("TESTUDO_PYTHON_CLIENTS");
    let has = |python: &std::ffi::OsString| {
        let import = "import opentelemetry.proto.collector.logs.v1.logs_service_pb2";
        Command::new(python).args(["-c", import]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let Some(python) = python.filter(has) else {
        skip(
            "TESTUDO_REQUIRE_CLIENTS",
            "PyPI opentelemetry-proto is not installed (set TESTUDO_PYTHON_CLIENTS to its python)",
        );
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/otlp_receiver.py");
    let mut child = Command::new(python)
        .arg(script)
        .arg(port.to_string())
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "ready");
    Some(Receiver(child))
}

#[test]
fn an_otlp_receiver_gets_every_entry_although_both_are_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (file, port) = (folder.path().join("got"), free_address().port());
    let Some(receiver) = start(port, &file) else { return };
    let mut server = serve(&format!(
        "[[export]]\nname = \"otel\"\nkind = \"otlp\"\nurl = \"http://127.0.0.1:{port}/v1/logs\"\nfrom = \"start\"\n"
    ));
    traffic(&server, 300);
    drop(receiver);
    traffic(&server, 300);
    server.crash_and_restart();
    let _receiver = start(port, &file).unwrap();
    traffic(&server, 100);
    let place = drained(&server, "otel");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut places = BTreeSet::new();
    for line in text.lines() {
        // A receiver that was killed may have left half a line.
        let Ok(record) = serde_json::from_str::<Value>(line) else { continue };
        assert_eq!((record["service"].as_str(), record["scope"].as_str()), (Some("testudo"), Some("testudo")));
        assert!(
            record["severity"].as_u64().unwrap() >= 9 && record["time"].as_u64().unwrap() > 1_000_000_000_000_000_000
        );
        if record["event"] == "request.decided" {
            assert_eq!(record["attributes"]["http.response.status_code"], 200, "{record}");
        }
        places.insert(record["attributes"]["event.sequence"].as_u64().unwrap());
    }
    complete(&places, place);
}
