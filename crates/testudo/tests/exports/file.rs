//! To files: what is exported, when it begins, what a reload changes, and having it again.

#![allow(clippy::too_many_lines, reason = "one table, to be read from top to bottom")]

use std::path::Path;

use serde_json::Value;

use super::support::command::{code, errors};
use super::support::http::{Browser, Person};
use super::support::{Server, eventually};
use super::{PATIENCE, drained, target, traffic};

const PASSWORD: &str = "correct horse battery staple";

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn reload(server: &Server, configuration: &str) {
    std::fs::write(server.folder().join("testudo.toml"), configuration).unwrap();
    server.run(&["reload"]);
}

#[test]
fn files_hold_what_the_configuration_asks_for() {
    let all = "[[export]]\nname = \"all\"\nkind = \"file\"\npath = \"all.jsonl\"\nfrom = \"start\"\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testudo.toml"), all).unwrap();
    let mut server = Server::start_in(folder, &[]);
    server.create_person("ada@example.org", PASSWORD);
    assert_ne!(Browser::new(&server).sign_in(&Person::new("ada@example.org", "something else")).status, 303);
    assert_ne!(Browser::new(&server).sign_in(&Person::new("nobody@example.org", "something else")).status, 303);
    drained(&server, "all");
    let events = lines(&server.folder().join("all.jsonl"));
    assert!(events.iter().enumerate().all(|(n, event)| event["metadata"]["sequence"] == n), "in order, each once");
    let text = std::fs::read_to_string(server.folder().join("all.jsonl")).unwrap();
    for personal in ["ada@example.org", "nobody@example.org", "127.0.0.1", "per_"] {
        assert!(!text.contains(personal), "`{personal}` left: {text}");
    }
    let refused = |events: &[Value]| -> Vec<Value> {
        let failed = |event: &&Value| event["metadata"]["event_code"] == "sign-in" && event["status"] == "Failure";
        events.iter().filter(failed).cloned().collect()
    };
    assert_eq!(refused(&events).len(), 2);

    // A reload adds targets: one that takes sign-ins only, with what is personal, and one for what is bad.
    let more = format!(
        "{all}[[export]]\nname = \"soc\"\nkind = \"file\"\npath = \"soc.jsonl\"\nfrom = \"start\"\n\
         kinds = [\"sign-in\"]\ninclude = \"personal\"\n\
         [[export]]\nname = \"bad\"\nkind = \"file\"\npath = \"bad.cef\"\nformat = \"cef\"\nseverity = \"medium\"\n"
    );
    reload(&server, &more);
    drained(&server, "soc");
    let soc = lines(&server.folder().join("soc.jsonl"));
    assert!(soc.iter().all(|event| event["metadata"]["event_code"] == "sign-in"));
    let named = refused(&soc);
    assert!(
        named.iter().any(|event| event["user"]["uid"].as_str().unwrap_or_default().starts_with("per_")),
        "{named:?}"
    );
    assert!(named.iter().all(|event| event["src_endpoint"]["ip"] == "127.0.0.1"), "{named:?}");
    let tried: Vec<&str> =
        named.iter().filter_map(|event| event["unmapped"]["personal"]["username"].as_str()).collect();
    assert!(tried.contains(&"nobody@example.org"), "{named:?}");
    // That personal data left is in the journal, once for each batch, and makes no more batches by itself.
    let disclosed = || server.events("data.disclosed");
    let shown = disclosed();
    assert!(!shown.is_empty() && shown.iter().all(|event| event["target"] == "export soc"), "{shown:?}");
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(disclosed().len(), shown.len());

    server.run(&["user", "lock", "ada@example.org", "--reason", "ada@example.org asked for it"]);
    drained(&server, "bad");
    let bad = std::fs::read_to_string(server.folder().join("bad.cef")).unwrap();
    assert!(bad.lines().count() >= 1 && bad.contains("|person.locked|"), "{bad}");
    assert!(!bad.contains("request.decided") && !bad.contains("ada@example.org"), "{bad}");

    // Again from a place, and a test.
    let before = lines(&server.folder().join("all.jsonl")).len();
    server.run(&["export", "test", "all"]);
    let tested = lines(&server.folder().join("all.jsonl"));
    assert_eq!(tested.last().unwrap()["unmapped"]["facts"]["note"], "this is a test and stands for no entry");
    server.run(&["export", "resend", "all", "--from", "3"]);
    drained(&server, "all");
    eventually("it is there again", PATIENCE, || {
        let again = lines(&server.folder().join("all.jsonl"));
        let third = again.iter().filter(|event| event["metadata"]["sequence"] == 3);
        third.count() == 2 && again.len() > before + 3
    });
    let refused = server.command(&["export", "resend", "all", "--from", "99999999"]);
    assert!(code(&refused) != 0 && errors(&refused).contains("name a place up to that"), "{}", errors(&refused));
    let refused = server.command(&["export", "test", "none"]);
    assert!(code(&refused) != 0 && errors(&refused).contains("export"), "{}", errors(&refused));

    // A target that goes keeps its place until it is forgotten; one that comes back goes on from there.
    let refused = server.command(&["export", "forget", "soc"]);
    assert!(
        code(&refused) != 0 && errors(&refused).contains("remove it from the configuration"),
        "{}",
        errors(&refused)
    );
    reload(&server, all);
    assert_eq!(target(&server, "soc")["state"], "not-configured");
    assert_ne!(Browser::new(&server).sign_in(&Person::new("late@example.org", "something else")).status, 303);
    reload(&server, &more);
    drained(&server, "soc");
    let soc = lines(&server.folder().join("soc.jsonl"));
    assert!(soc.iter().any(|event| event["unmapped"]["personal"]["username"] == "late@example.org"), "nothing is lost");
    reload(&server, all);
    server.run(&["export", "forget", "soc"]);
    assert!(!server.json(&["export", "list"]).to_string().contains("soc"));

    // What can't work is refused, and what was in force stays.
    for (bad, word) in [
        (
            "[[export]]\nname = \"x\"\nkind = \"bulk\"\nurl = \"http://search.example.org/_bulk\"\nindex = \"x\"\n",
            "https",
        ),
        (
            "[[export]]\nname = \"x\"\nkind = \"syslog\"\nurl = \"tcp://siem.example.org:601\"\ninclude = \"personal\"\n",
            "tls://",
        ),
        ("[[export]]\nname = \"x\"\nkind = \"otlp\"\nurl = \"https://u:p@h/v1/logs\"\n", "user name"),
        ("[[export]]\nname = \"x\"\nkind = \"file\"\npath = \"x\"\nurll = \"y\"\n", "urll"),
        ("[[notify]]\nname = \"x\"\nkind = \"webhook\"\nurl = \"https://h/x\"\nsecret-file = \"none\"\n", "none"),
    ] {
        std::fs::write(server.folder().join("testudo.toml"), format!("{all}{bad}")).unwrap();
        for command in ["check", "reload"] {
            let refused = server.command(&[command]);
            assert!(code(&refused) != 0 && errors(&refused).contains(word), "{command} {bad}: {}", errors(&refused));
        }
    }
    traffic(&server, 10);
    drained(&server, "all");

    // Without a server, commands look into the store themselves.
    std::fs::write(server.folder().join("testudo.toml"), all).unwrap();
    server.halt();
    let place = target(&server, "all")["place"].as_u64().unwrap();
    server.resume();
    assert!(drained(&server, "all") > place);
    let metrics = server.curl(&[&format!("{}/metrics", server.admin_url())]).1;
    assert!(metrics.contains("testudo_export_waiting{export=\"all\"}"), "{metrics}");
}
