//! One request of many is judged again without the firewall's shortcuts; when that gives another answer, an alert says so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod support;

use serde_json::Value;
use support::Server;
use support::attack::wait;
use support::upstream::Upstream;

const RULES: &str = r#"
SecRule ARGS "@rx (?i)union\s+select" "id:1001,phase:2,deny,status:403,t:none,severity:CRITICAL,tag:'attack-sqli',msg:'SQL'"
SecRule REQUEST_HEADERS:User-Agent "@pm sqlmap nikto" "id:1002,phase:1,deny,status:403,severity:CRITICAL,msg:'A scanner'"
SecRule RESPONSE_BODY "@contains Traceback (most recent call last)" "id:1004,phase:4,deny,status:403,severity:ERROR,msg:'A trace'"
"#;

fn start(upstream: &Upstream, every: u32, environment: &[(&str, &str)]) -> Server {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.conf"), RULES).unwrap();
    let text = format!(
        "[upstream]\nservers = [\"{}\"]\n[contract]\npublic = [\"/app/*\"]\n\
         [waf]\nrules = [\"rules.conf\"]\ncheck-shortcuts = {every}\n",
        upstream.url()
    );
    std::fs::write(folder.path().join("testudo.toml"), text).unwrap();
    Server::start_with(folder, &[], environment)
}

fn counted(server: &Server, name: &str) -> u64 {
    let metrics = server.send_admin("GET", "/metrics", &[], b"").text();
    let name = format!("testudo_firewall_shortcut_{name}_total ");
    let value =
        metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_else(|| panic!("{name}: {metrics}"));
    value.parse().unwrap()
}

fn differences(server: &Server) -> Vec<Value> {
    server.events("firewall.shortcut-differs")
}

#[test]
fn requests_are_judged_again_and_answer_the_same() {
    let upstream = Upstream::start();
    let server = start(&upstream, 1, &[]);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    for (method, path, body) in [
        ("GET", "/app/home?q=union%20select", ""),
        ("GET", "/app/home", ""),
        ("POST", "/app/orders", "note=a+union+representative"),
        ("GET", "/app/leak", ""),
    ] {
        let before = counted(&server, "checks");
        server.send(method, path, &[form], body.as_bytes());
        wait("the check", || (counted(&server, "checks") > before).then_some(()));
    }
    assert_eq!((counted(&server, "differences"), differences(&server).len()), (0, 0));
}

#[test]
fn a_screen_with_a_mistake_raises_an_alert_and_an_incident() {
    if !cfg!(debug_assertions) {
        eprintln!("SKIPPED: only builds with debug assertions can be made to have the mistake");
        return;
    }
    let upstream = Upstream::start();
    let server = start(&upstream, 1, &[("TESTUDO_TEST_BLIND_RULE", "1001")]);
    let reply = server.send("GET", "/app/home?q=union%20select%20secret-word", &[], b"");
    assert_eq!(reply.status, 200, "the mistake is there: {}", reply.text());
    let found = wait("the event", || differences(&server).into_iter().next());
    assert_eq!((&found["details"]["missed"], &found["details"]["decision"]), (&"1001".into(), &"differs".into()));
    assert!(found["request"].as_str().unwrap().starts_with("req_"), "{found}");
    let revealed = server.json(&["audit", "list", "--kind", "firewall.shortcut-differs", "--reveal"]).to_string();
    assert!(!revealed.contains("secret-word") && !revealed.contains("127.0.0.1"), "{revealed}");
    assert_eq!(counted(&server, "differences"), 1);
    wait("the alert", || {
        let alerts = server.events("alert.raised");
        alerts.iter().any(|alert| alert.to_string().contains("testudo-firewall-shortcut")).then_some(())
    });
    wait("the incident", || {
        let incidents = Value::from(support::attack::incidents(&server)).to_string();
        incidents.contains("Shortcuts of the firewall").then_some(())
    });
}

#[test]
fn without_the_word_nothing_is_judged_again() {
    let upstream = Upstream::start();
    let server = start(&upstream, 0, &[]);
    for _ in 0..5 {
        server.send("GET", "/app/home?q=union%20select", &[], b"");
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!((counted(&server, "checks"), counted(&server, "skips")), (0, 0));
}
