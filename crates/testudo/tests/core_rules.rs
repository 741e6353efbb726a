//! The regression suite of the OWASP Core Rule Set through the real gateway: each test's bytes go over TLS to the running
//! server, and what its firewall logged is judged as the suite's own runner judges it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    dead_code,
    reason = "test code, some of it shared with other tests"
)]

mod support;

#[path = "../../waf/tests/support/drive.rs"]
mod drive;
#[path = "../../waf/tests/support/front.rs"]
mod front;
#[path = "support/rule_set.rs"]
mod rule_set;
#[path = "../../waf/tests/support/suite.rs"]
mod suite;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use support::Server;
use support::http::Http;

/// Tests that can't pass here, with the reason.
const EXCEPTED: &[(&str, &str)] = &[
    ("920100-4", "expects that CONNECT is answered with 200; a gateway opens no tunnels and refuses it"),
    (
        "920181-1",
        "expects a server that drops Content-Length when Transfer-Encoding is there; ours refuses such a request, and \
         the rule says why",
    ),
    ("920620-1", "expects a server that joins two Content-Type headers; ours keeps them apart, so the rule matches"),
    ("921140-1", "expects a server that refuses a bare CR before any rule sees it; ours shows it to the rules first"),
    (
        "934210-13",
        "expects the text of a JSON body in REQUEST_BODY without being forced, as libmodsecurity has it, which fails 30 \
         other tests for it",
    ),
];

/// The rule set as its own tests configure it.
fn configure(rules: &Path, folder: &Path) {
    let own = folder.join("suite");
    std::fs::create_dir(&own).unwrap();
    std::os::unix::fs::symlink(rules.join("rules"), own.join("rules")).unwrap();
    let setup = std::fs::read_to_string(rules.join("crs-setup.conf.example")).unwrap();
    let more = include_str!("../../waf/tests/support/suite.conf");
    let methods = "SecAction \"id:900001,phase:1,nolog,pass,setvar:'tx.allowed_methods=GET HEAD POST OPTIONS'\"";
    std::fs::write(own.join("crs-setup.conf"), format!("{setup}\n{methods}\n{more}")).unwrap();
}

/// Without a contract and without tokens: what else would refuse is reported only, as the suite wants the firewall alone.
const CONFIG: &str = r#"
[server]
observe = true
[waf]
rules = ["suite"]
mode = "detect"
paranoia = 4
log = "waf.log"
[response]
enabled = false
[limits]
address = "off"
subnet = "off"
client = "off"
route = "off"
"#;

/// What was logged since the last look.
struct Log {
    file: std::fs::File,
    read: u64,
}

impl Log {
    fn more(&mut self) -> String {
        let mut text = Vec::new();
        let mut chunk = [0; 16 * 1024];
        loop {
            let read = self.file.read_at(&mut chunk, self.read).unwrap();
            if read == 0 {
                return String::from_utf8_lossy(&text).into_owned();
            }
            self.read += read as u64;
            text.extend_from_slice(&chunk[..read]);
        }
    }
}

fn ids(log: &str) -> BTreeSet<u64> {
    let found = log.match_indices("[id \"").filter_map(|(at, mark)| log[at + mark.len()..].split('"').next());
    found.filter_map(|id| id.parse().ok()).collect()
}

/// Sends bytes and reads until the answer is there or the connection ends; gives its status, 0 for none.
fn exchange(server: &Server, http: &Http, bytes: &[u8]) -> u16 {
    let mut stream = http.open(server.gateway);
    let _ = stream.write_all(bytes);
    let (mut answer, mut chunk) = (Vec::new(), [0; 16 * 1024]);
    loop {
        if let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let whole = length.is_some_and(|length| answer.len() >= end + 4 + length.parse::<usize>().unwrap());
            if whole || bytes.starts_with(b"HEAD") || answer.ends_with(b"0\r\n\r\n") {
                break;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&chunk[..read]),
        }
    }
    let status = answer.get(9..12).and_then(|status| std::str::from_utf8(status).ok());
    status.and_then(|status| status.parse().ok()).unwrap_or_default()
}

#[test]
fn the_suite_passes_through_the_gateway() {
    let Some((rules, tests)) = rule_set::folders("crs/tests/regression/tests") else { return };
    let folder = tempfile::tempdir().unwrap();
    configure(&rules, folder.path());
    let config = format!("[upstream]\nservers = [\"{}\"]\n{CONFIG}", rule_set::backend());
    std::fs::write(folder.path().join("testudo.toml"), config).unwrap();
    let server = Server::start_in(folder, &[]);
    let http = Http::new(&server.ca());
    let mut log = Log { file: std::fs::File::open(server.folder().join("waf.log")).unwrap(), read: 0 };
    let excepted: BTreeMap<&str, &str> = EXCEPTED.iter().copied().collect();
    let (mut passed, mut failed, mut spared) = (0, Vec::new(), Vec::new());
    let shown = std::env::var("TESTUDO_SHOW").unwrap_or_default();
    for (path, file) in suite::files(&tests) {
        for test in &file.tests {
            let name = format!("{}-{}", file.rule_id, test.test_id);
            if !shown.is_empty() && shown != name {
                continue;
            }
            let mut wrong = Vec::new();
            for stage in &test.stages {
                let bytes = front::bytes(&stage.input);
                let status = exchange(&server, &http, &bytes);
                let mut text = log.more();
                let mut verdict = stage.judge(status, &ids(&text), &text);
                let patience = Instant::now();
                while !verdict.is_empty() && patience.elapsed() < Duration::from_millis(100) {
                    std::thread::sleep(Duration::from_millis(10));
                    text.push_str(&log.more());
                    verdict = stage.judge(status, &ids(&text), &text);
                }
                if !shown.is_empty() {
                    eprintln!("{}\n{}\n{status}\n{text}", path.display(), String::from_utf8_lossy(&bytes));
                }
                wrong.extend(verdict);
            }
            match (wrong.is_empty(), excepted.get(name.as_str())) {
                (_, Some(reason)) => spared.push(format!("{name}: {reason}")),
                (true, None) => passed += 1,
                (false, None) => failed.push(format!("{name}: {}", wrong.join("; "))),
            }
        }
    }
    for line in &spared {
        eprintln!("excepted {line}");
    }
    for line in &failed {
        eprintln!("FAILED {line}");
    }
    eprintln!("{passed} passed, {} failed, {} excepted", failed.len(), spared.len());
    assert!(failed.is_empty());
    assert!(!shown.is_empty() || (passed, spared.len()) == (5_077, 5));
}
