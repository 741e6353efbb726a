//! A store that can't be written: its disk is full, or somebody else holds its lock.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::origin::Origin;
use crate::support::{Server, eventually, skip};
use crate::wire::{client_config, get};

fn ready(server: &Server) -> u16 {
    server.curl(&[&format!("{}/readyz", server.admin_url())]).0
}

/// All decisions with this status that the journal holds.
fn decided(server: &Server, status: u16) -> usize {
    let arguments = ["--format", "json", "audit", "list", "--kind", "request.decided", "--limit", "200"];
    let page: Value = serde_json::from_str(&server.run(&arguments)).unwrap();
    assert!(page["next"].is_null(), "more than a page: the test asks too much");
    let of_status = |item: &&Value| item["event"]["http"]["status"] == status;
    page["items"].as_array().unwrap().iter().filter(of_status).count()
}

/// Breaks the store while requests come, repairs it, and compares what callers were told with what the journal holds.
fn survives(server: &Server, break_it: impl FnOnce(), repair_it: impl FnOnce()) {
    let config = client_config(server, "http/1.1");
    let ask = |path: &str| get(&config, [127, 0, 8, 1], server.gateway, path).unwrap();
    let answered_200 = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    for _ in 0..5 {
        assert_eq!(ask("/t/ok").0, 200);
        answered_200.fetch_add(1, Ordering::Relaxed);
    }
    std::thread::scope(|scope| {
        // Requests that are on their way when the store breaks: each has its place in the journal already.
        for _ in 0..8 {
            scope.spawn(|| {
                assert_eq!(ask("/t/after-4-s").0, 200);
                answered_200.fetch_add(1, Ordering::Relaxed);
            });
        }
        std::thread::sleep(Duration::from_millis(500));
        break_it();
        let asker = scope.spawn(|| {
            let mut refused = 0;
            while !stop.load(Ordering::Relaxed) {
                match ask("/t/ok") {
                    (200, _) => drop(answered_200.fetch_add(1, Ordering::Relaxed)),
                    (503, _) => refused += 1,
                    other => panic!("{other:?}"),
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            refused
        });
        eventually("not ready", Duration::from_secs(15), || ready(server) == 503);
        let (status, body) = ask("/t/ok");
        assert!(status == 503, "{status} {body}");
        // Sign-in is refused, too, and no page pretends otherwise.
        assert_eq!(ask("/sign-in").0, 503);
        assert_eq!(server.curl(&[&format!("{}/livez", server.admin_url())]).0, 200);
        std::thread::sleep(Duration::from_secs(5));
        repair_it();
        eventually("ready again", Duration::from_secs(15), || ready(server) == 200);
        eventually("served again", Duration::from_secs(5), || {
            let answered = ask("/t/ok").0 == 200;
            answered_200.fetch_add(usize::from(answered), Ordering::Relaxed);
            answered
        });
        stop.store(true, Ordering::Relaxed);
        assert!(asker.join().unwrap() > 0);
    });
    let answered_200 = answered_200.load(Ordering::Relaxed);
    let began = Instant::now();
    while decided(server, 200) < answered_200 && began.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(decided(server, 200), answered_200, "what was answered and what the journal holds differ");
    let report: Value = serde_json::from_str(&server.run(&["--format", "json", "audit", "verify"])).unwrap();
    assert_eq!(report["sound"], true, "{report}");
}

#[test]
fn a_locked_store_refuses_requests_and_loses_nothing() {
    if !Command::new("python3").args(["-c", "import sqlite3"]).status().is_ok_and(|status| status.success()) {
        return skip("TESTUDO_REQUIRE_CLIENTS", "python3 with its sqlite3 module is missing");
    }
    let origin = Origin::start();
    let server = Server::start(&["--upstream", &origin.url(), "--public", "/t/*"]);
    let script = "import sqlite3, sys\n\
                  on = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)\n\
                  sys.stdin.readline()\n\
                  on.execute('BEGIN EXCLUSIVE')\n\
                  print('held', flush=True)\n\
                  sys.stdin.readline()\n\
                  on.execute('ROLLBACK')\n";
    let mut holder = Command::new("python3")
        .args(["-c", script])
        .arg(server.data().join("store/data.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = holder.stdin.take().unwrap();
    let mut second = holder.stdout.take().map(BufReader::new).unwrap();
    let lock = std::sync::Mutex::new(&mut input);
    survives(
        &server,
        || {
            lock.lock().unwrap().write_all(b"\n").unwrap();
            let mut line = String::new();
            second.read_line(&mut line).unwrap();
            assert_eq!(line.trim(), "held");
        },
        || lock.lock().unwrap().write_all(b"\n").unwrap(),
    );
    assert!(holder.wait().unwrap().success());
}

#[test]
fn a_server_whose_store_stays_locked_stops_in_bounded_time_and_says_what_was_lost() {
    if !Command::new("python3").args(["-c", "import sqlite3"]).status().is_ok_and(|status| status.success()) {
        return skip("TESTUDO_REQUIRE_CLIENTS", "python3 with its sqlite3 module is missing");
    }
    let origin = Origin::start();
    let mut server = Server::start(&["--upstream", &origin.url(), "--public", "/t/*"]);
    let config = client_config(&server, "http/1.1");
    let script = "import sqlite3, sys\n\
                  on = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)\n\
                  on.execute('BEGIN EXCLUSIVE')\n\
                  print('held', flush=True)\n\
                  sys.stdin.readline()\n";
    let mut holder = Command::new("python3")
        .args(["-c", script])
        .arg(server.data().join("store/data.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "held");
    // Nothing shows that the store can't be written yet: these are let through.
    let answered = (0..5).filter(|_| get(&config, [127, 0, 8, 2], server.gateway, "/t/ok").unwrap().0 == 200).count();
    assert!(answered > 0);
    let (code, took) = server.end();
    drop(holder.stdin.take());
    holder.wait().unwrap();
    let log = server.log();
    assert_eq!(code, Some(3), "{log}");
    assert!(took < Duration::from_secs(24), "{took:?}");
    assert!(log.contains(&format!("{answered} x request.decided")), "{log}");
    assert_eq!(decided(&server, 200), 0);
}

/// A small file system in memory; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<SmallDisk> {
        std::fs::create_dir(at).unwrap();
        let options = "size=16m,mode=0700";
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| SmallDisk(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_requests_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::mount(&folder.path().join("data")) else {
        return skip("TESTUDO_REQUIRE_MOUNT", "a small file system can't be mounted here (that needs root)");
    };
    let origin = Origin::start();
    let server = Server::start_in(folder, &["--upstream", &origin.url(), "--public", "/t/*"]);
    let filler = server.data().join("filler");
    survives(
        &server,
        || {
            let mut file = std::fs::File::create(&filler).unwrap();
            // Large pieces first, then whatever still fits.
            for size in [64 * 1024, 4096, 1] {
                while file.write_all(&vec![0; size]).is_ok() {}
            }
        },
        || std::fs::remove_file(&filler).unwrap(),
    );
    drop(server);
}
