//! PostgreSQL that stops, goes dark, or loses its answer to a commit.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use testudo_testkit::postgres::TempPostgres;
use testudo_testkit::proxy::{Cut, Proxy, Way};

use crate::origin::Origin;
use crate::support::http::{Person, form};
use crate::support::{Server, eventually};
use crate::wire::{client_config, get};

const PASSWORD: &str = "correct horse battery staple";
/// How long the node may take to stop: two seconds for open requests, and what it allows itself.
const STOPS: Duration = Duration::from_secs(24);

/// A node whose database is behind a proxy.
struct Node {
    server: Server,
    postgres: TempPostgres,
    proxy: Proxy,
    _origin: Origin,
}

impl Node {
    fn start() -> Option<Node> {
        let Some(postgres) = TempPostgres::start(None).unwrap() else {
            // Past what the test harness captures.
            let _ = std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("SKIPPED: PostgreSQL is not installed; nothing is known of a node on it\n"),
            );
            return None;
        };
        let (proxy, origin) = (Proxy::start(postgres.address()).unwrap(), Origin::start());
        let folder = tempfile::tempdir().unwrap();
        // Nobody else writes while one commit is looked at.
        let others = "[detection]\nenabled = false\n[response]\nenabled = false\n[risk]\nenabled = false\n";
        let text = format!("[server]\ndrain-timeout = \"2s\"\n[store]\npostgres-url-file = \"url\"\n{others}");
        std::fs::write(folder.path().join("testudo.toml"), text).unwrap();
        std::fs::write(folder.path().join("url"), postgres.url_at(proxy.address(), "postgres")).unwrap();
        let server = Server::start_in(folder, &["--upstream", &origin.url(), "--public", "/t/*"]);
        // What a hash costs is kept once; afterwards nobody writes by itself.
        eventually("the cost of a hash", Duration::from_secs(30), || {
            server.log().contains("password hash was measured")
        });
        Some(Node { server, postgres, proxy, _origin: origin })
    }

    /// From now on commands open the database past the proxy.
    fn past_the_proxy(&self) {
        std::fs::write(self.server.folder().join("url"), self.postgres.url("postgres")).unwrap();
    }

    /// All decisions with status 200 that the journal holds.
    fn decided(&self) -> usize {
        let arguments = ["--format", "json", "audit", "list", "--kind", "request.decided", "--limit", "200"];
        let page: Value = serde_json::from_str(&self.server.run(&arguments)).unwrap();
        assert!(page["next"].is_null(), "more than a page: the test asks too much");
        page["items"].as_array().unwrap().iter().filter(|item| item["event"]["http"]["status"] == 200).count()
    }

    fn sound(&self) -> bool {
        let report: Value = serde_json::from_str(&self.server.run(&["--format", "json", "audit", "verify"])).unwrap();
        report["sound"] == true
    }

    /// Asks about forty times a second until the second thing has happened; gives the number of answers with 200.
    fn under_load(&mut self, first: impl FnOnce(&mut Node), second: impl FnOnce(&mut Node)) -> usize {
        let config = client_config(&self.server, "http/1.1");
        let (gateway, stop, answered) = (self.server.gateway, AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for worker in 1..=2 {
                let (config, stop, answered) = (&config, &stop, &answered);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        match get(config, [127, 0, 9, worker], gateway, "/t/ok") {
                            Ok((200, _)) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                            Ok((503, _)) => {}
                            // Nobody is there any more: it has been stopped.
                            Ok(other) => panic!("{other:?}"),
                            Err(_) => break,
                        }
                        std::thread::sleep(Duration::from_millis(50));
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(1_500));
            first(self);
            std::thread::sleep(Duration::from_secs(1));
            second(self);
            stop.store(true, Ordering::Relaxed);
        });
        answered.into_inner()
    }
}

/// How many decisions the node said it could not write.
fn said_lost(log: &str) -> usize {
    let text = log.split("could not be written before the store was closed: ").nth(1);
    let text = text.unwrap_or_else(|| panic!("it is not said what was lost: {log}"));
    let text = text.split(" x request.decided").next().unwrap();
    text.rsplit(' ').next().unwrap().parse().unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_node_without_its_database_stops_in_bounded_time_and_says_what_was_lost() {
    for dark in [true, false] {
        let Some(mut node) = Node::start() else { return };
        let mut ended = (None, Duration::ZERO);
        let answered = node.under_load(
            |node| if dark { node.proxy.go(Way::Dark) } else { node.postgres.halt(true).unwrap() },
            |node| ended = node.server.end(),
        );
        let (code, took) = ended;
        assert!(took < STOPS, "dark: {dark}, {took:?}");
        assert_eq!(code, Some(3), "dark: {dark}: {}", node.server.log());
        let log = node.server.log();
        let said = said_lost(&log);
        assert!(log.contains("ERROR"), "it is in the log, too: {log}");
        node.past_the_proxy();
        if !dark {
            node.postgres.resume().unwrap();
        }
        let missing = answered - node.decided();
        eprintln!(
            "dark: {dark}: stopped after {took:?}; {answered} answered, {missing} not in the journal, {said} said"
        );
        assert!(missing > 0, "the test took something away");
        assert!(missing <= said, "{missing} are missing, and {said} were said to be");
        assert!(node.sound());
    }
}

#[test]
fn a_node_that_stops_while_its_database_restarts_loses_nothing() {
    let Some(mut node) = Node::start() else { return };
    let answered = node.under_load(
        |node| node.postgres.halt(true).unwrap(),
        |node| {
            let pid = node.server.pid();
            node.server.signal("TERM");
            std::thread::sleep(Duration::from_secs(2));
            assert!(std::path::Path::new(&format!("/proc/{pid}")).exists(), "it waits for the database");
            node.postgres.resume().unwrap();
            // The signal was heard already; a second one changes nothing.
            let (code, took) = node.server.end();
            assert_eq!(code, Some(0), "{}", node.server.log());
            assert!(took < STOPS, "{took:?}");
        },
    );
    assert!(answered > 10, "{answered}");
    assert_eq!(node.decided(), answered, "each answer has its event");
    assert!(node.sound());
}

#[test]
fn a_commit_whose_answer_is_lost_is_never_told_as_done_and_another_try_does_nothing_twice() {
    let Some(node) = Node::start() else { return };
    let (server, proxy) = (&node.server, &node.proxy);
    server.create_person("ada@example.org", PASSWORD);
    server.run(&["client", "create", "app", "--redirect", "http://127.0.0.1/callback", "--first-party"]);
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let signed_in = server.tokens(&mut ada, "app", "openid offline_access");
    let refresh = form(&[
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", signed_in.refresh.as_deref().unwrap()),
    ]);
    let back = || {
        proxy.go(Way::Shut);
        proxy.go(Way::Open);
        let ready = format!("{}/readyz", server.admin_url());
        eventually("ready again", Duration::from_secs(15), || server.curl(&[&ready]).0 == 200);
    };
    // What waits in the batched lane would take the cut for itself.
    let quiet = || std::thread::sleep(Duration::from_millis(1_500));
    for (cut, name) in [(Cut::Before, "bob@example.org"), (Cut::After, "eve@example.org")] {
        quiet();
        proxy.cut(cut, Way::Dark);
        let create = ["user", "create", name, "--keep-password"];
        let told = server.command_with_input(&create, &format!("{PASSWORD}\n"));
        let errors = String::from_utf8_lossy(&told.stderr).into_owned();
        assert_eq!(told.status.code(), Some(3), "{cut:?}: {errors}");
        assert!(errors.contains("look before you try again"), "{cut:?}: {errors}");
        back();
        // The node is ready a moment before it asks a database again that was gone: that is refused, and said so.
        let mut again = server.command_with_input(&create, &format!("{PASSWORD}\n"));
        let began = Instant::now();
        while String::from_utf8_lossy(&again.stderr).contains("try again later") && began.elapsed() < STOPS {
            std::thread::sleep(Duration::from_millis(200));
            again = server.command_with_input(&create, &format!("{PASSWORD}\n"));
        }
        let wanted = i32::from(cut == Cut::After);
        assert_eq!(again.status.code(), Some(wanted), "{cut:?}: {}", String::from_utf8_lossy(&again.stderr));
    }
    assert_eq!(server.json(&["user", "list"]).as_array().unwrap().len(), 3);
    // What is committed gets its place in the log when the integrator has found its way back, too.
    let made = || server.events("person.created").len();
    eventually("all have their place", Duration::from_secs(15), || made() >= 3);
    assert_eq!(made(), 3, "each was made once");

    quiet();
    let before = server.events("token.refreshed").len();
    proxy.cut(Cut::After, Way::Dark);
    let began = Instant::now();
    let lost = server.token(&refresh, &[]);
    assert_eq!(lost.status, 503, "{}", lost.text());
    assert!(lost.header("retry-after").is_some(), "{}", lost.text());
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    back();
    // It was done; the client, which could not know, comes back with the old token and gets the same successor.
    let repeated = server.token(&refresh, &[]);
    assert_eq!(repeated.status, 200, "{}", repeated.text());
    let refreshed = || server.events("token.refreshed");
    eventually("both have their place", Duration::from_secs(15), || refreshed().len() >= before + 2);
    let told = refreshed();
    assert_eq!(told.len(), before + 2, "{told:?}");
    assert_eq!(told.iter().filter(|event| event["details"]["repeat"] == "true").count(), 1, "{told:?}");
    assert_eq!(proxy.cuts(), 3);
    assert!(node.sound());
}
