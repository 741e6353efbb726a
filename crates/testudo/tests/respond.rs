//! Incidents as people meet them: an attack is contained, looked at, undone, proven; and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::json;
use support::Server;
use support::attack::{behind_proxy, incidents, person, refused, responses, show, stuff, wait};
use support::command::{code, errors, parsed};
use support::http::Browser;

#[test]
fn a_stuffing_run_is_contained_undone_where_it_hit_the_honest_and_proven() {
    let server = behind_proxy("");
    let (mut ada, mut grace) = (person(&server, "ada@example.org"), person(&server, "grace@example.org"));
    // An honest person at home, who must not notice.
    let honest =
        Browser::new(&server).from("198.51.100.7").tokens(&mut grace, "wallet-app", "openid accounts:read", &[]);
    stuff(&server, "203.0.113", 5);
    let stolen = Browser::new(&server).from("203.0.113.99").tokens(&mut ada, "wallet-app", "openid accounts:read", &[]);
    stuff(&server, "203.0.113", 24);

    let id = wait("an incident opens", || Some(incidents(&server).first()?["id"].as_str()?.to_owned()));
    let incident = wait("the stolen account is contained", || {
        let shown = show(&server, &id);
        (!responses(&shown, "revoke-person").is_empty()).then_some(shown)
    });
    assert_eq!(refused(&server, &stolen).0, 401, "the stolen session is worth nothing");
    assert_eq!(server.get("/accounts", &honest).status, 200, "the honest one goes on");
    assert_eq!(incident["severity"], "critical");
    for action in ["tighten-limits", "revoke-person", "require-step-up"] {
        let done = responses(&incident, action);
        assert!(!done.is_empty() && done.iter().all(|one| one["state"] == "performed"), "{action}: {incident:#}");
    }
    let measures = &incident["measures"];
    assert!(measures["slowest_reaction"].as_u64().unwrap() < 1_000_000, "{measures}");
    assert!(measures["time_to_contain"].as_u64().unwrap() < 1_000_000, "{measures}");
    assert!(!incident.to_string().contains("203.0.113"), "networks are masked");

    // Revealed only through the gate, with its event.
    let revealed = server.json(&["incident", "show", &id, "--reveal"]);
    assert!(revealed.to_string().contains("203.0.113"));
    assert!(server.events("data.disclosed").iter().any(|event| event["target"] == "incident"));

    // One action is undone; the same is not done again.
    let step_up = responses(&incident, "require-step-up")[0]["id"].as_str().unwrap().to_owned();
    server.run(&["incident", "undo", &id, &step_up, "--reason", "she called, and it was her"]);
    let again = server.command(&["incident", "undo", &id, &step_up, "--reason", "again"]);
    assert_eq!(code(&again), 1);
    assert!(errors(&again).contains("undone"), "{}", errors(&again));
    assert!(server.events("step-up.waived").len() == 1);
    let revoke = responses(&incident, "revoke-person")[0]["id"].as_str().unwrap().to_owned();
    let never = server.command(&["incident", "undo", &id, &revoke, "--reason", "please"]);
    assert!(errors(&never).contains("can't be undone"), "{}", errors(&never));

    server.run(&["incident", "note", &id, "The app team was told."]);
    server.run(&["incident", "task", &id, "Ask who else uses the list."]);
    server.run(&["incident", "task", &id, "--done", "1"]);

    // The clock of a breach, with the facts of the gateway.
    let draft = server.run(&["incident", "breach", &id, "--aware", "Grace Hopper", "--contact", "dpo@example.org"]);
    assert!(draft.contains("Grace Hopper became aware") && draft.contains("33(3)(c)"), "{draft}");
    assert!(draft.contains("1 accounts were in wrong hands"), "{draft}");
    assert!(draft.contains("[not known: the likely consequences"), "{draft}");
    assert_eq!(server.events("breach.aware").len(), 1);

    // Evidence, proven without a server.
    let key = server.json(&["audit", "checkpoint"])["public_key"].as_str().unwrap().to_owned();
    server.run(&["incident", "export", &id, "--output", "proof.zip"]);
    let checkpoints = server.data().join("checkpoints.log");
    let checkpoints = checkpoints.to_str().unwrap().to_owned();
    let file = server.folder().join("proof.zip");
    let bytes = std::fs::read(&file).unwrap();
    assert!(
        server.command(&["incident", "export", &id, "--output", "proof.zip"]).status.code() == Some(2),
        "no overwriting"
    );
    server.run(&["incident", "close", &id, "--verdict", "true-positive", "--text", "A list from elsewhere."]);
    assert_eq!(show(&server, &id)["state"], "closed");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("proof.zip"), &bytes).unwrap();
    let verify = |more: &[&str]| {
        let mut arguments = vec!["--format", "json", "incident", "verify", "proof.zip"];
        arguments.extend_from_slice(more);
        support::command_in(folder.path(), &arguments, "")
    };
    let proven = verify(&["--key", &key, "--checkpoint", &checkpoints]);
    assert_eq!(code(&proven), 0, "{:#} {}", parsed(&proven), errors(&proven));
    let report = parsed(&proven);
    assert!(report["anchored"] == true && report["entries"].as_u64().unwrap() > 20, "{report:#}");
    let mut flipped = bytes.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    std::fs::write(folder.path().join("proof.zip"), &flipped).unwrap();
    let broken = verify(&["--key", &key]);
    assert_eq!(code(&broken), 1);
    assert!(!parsed(&broken)["faults"].as_array().unwrap().is_empty());
}

#[test]
fn what_would_hit_many_waits_for_a_second_administrator() {
    let folder = tempfile::tempdir().unwrap();
    let playbook = "id = \"slow-all\"\ntitle = \"Slow all\"\n[trigger]\nrules = [\"testudo-name-guessing\"]\n\
                    [[steps]]\naction = \"tighten-limits\"\nselect = \"everyone\"\npercent = 50\nfor = \"10m\"\n\
                    [[steps]]\naction = \"revoke-person\"\nselect = \"everyone\"\n";
    std::fs::write(folder.path().join("slow.toml"), playbook).unwrap();
    let config = "[server]\ntrusted-proxies = [\"127.0.0.0/8\"]\n[response]\nplaybooks = [\"slow.toml\"]\n\
                  [response.blast-radius]\nbystanders = 0\n";
    std::fs::write(folder.path().join("testudo.toml"), config).unwrap();
    let server = Server::start_in(folder, &[]);
    let mut grace = person(&server, "grace@example.org");
    Browser::new(&server).from("198.51.100.7").tokens(&mut grace, "wallet-app", "openid accounts:read", &[]);
    stuff(&server, "203.0.113", 24);
    let (id, waits) = wait("a proposal waits", || {
        let id = incidents(&server).first()?["id"].as_str()?.to_owned();
        let shown = show(&server, &id);
        let waits = responses(&shown, "tighten-limits").into_iter().find(|one| one["state"] == "proposed")?.clone();
        Some((id, waits))
    });
    assert!(waits["reason"].as_str().unwrap().contains("bystanders"), "{waits}");
    let shown = show(&server, &id);
    assert_eq!(shown["state"], "open");
    let skipped = shown["timeline"].to_string();
    assert!(skipped.contains("it would hit everyone: 1 active people"), "{skipped}");
    assert!(server.events("person.revoked").is_empty(), "nobody lost a session");
    // What the machine proposes, one administrator approves.
    let rsp = waits["id"].as_str().unwrap();
    let said = server.run(&["incident", "approve", &id, rsp]);
    assert!(said.contains("performed"), "{said}");
    assert_eq!(server.events("limits.tightened").iter().filter(|one| one["target"] == "everyone").count(), 1);
    // What she proposes herself, she does not.
    server.run(&["incident", "undo", &id, rsp, "--reason", "too slow for all"]);
    let ran = server.json(&["incident", "run", &id, "slow-all", "--step", "1"]);
    assert_eq!(ran["plan"]["actions"][0]["verdict"], "approval", "{ran:#}");
    let own = responses(&ran["incident"], "tighten-limits").into_iter().find(|one| one["state"] == "proposed").unwrap();
    let own = own["id"].as_str().unwrap().to_owned();
    let refused = server.command(&["incident", "approve", &id, &own]);
    assert_eq!(code(&refused), 1);
    assert!(errors(&refused).contains("second administrator"), "{}", errors(&refused));
    server.run(&["incident", "decline", &id, &own, "--reason", "not needed"]);
    let plan = server.json(&["incident", "dry-run", &id, "slow-all", "--step", "2"]);
    assert_eq!(plan["actions"][0]["verdict"], "refused", "{plan:#}");
}

#[test]
fn a_dry_run_writes_down_and_does_nothing() {
    let server = behind_proxy("[response]\ndry-run = true\n");
    stuff(&server, "203.0.113", 24);
    let id = wait("an incident opens", || Some(incidents(&server).first()?["id"].as_str()?.to_owned()));
    let shown = show(&server, &id);
    assert_eq!(shown["responses"], json!([]));
    assert!(shown["timeline"].to_string().contains("a dry run"), "{shown:#}");
    assert!(server.events("limits.tightened").is_empty() && server.events("peer.blocked").is_empty());
}

#[test]
fn playbooks_are_listed_checked_and_shown_as_cacao() {
    let folder = tempfile::tempdir().unwrap();
    let command = |arguments: &[&str]| support::command_in(folder.path(), arguments, "");
    let list = parsed(&command(&["--format", "json", "playbook", "list"]));
    assert!(list["items"].as_array().unwrap().len() >= 15);
    let cacao = parsed(&command(&["playbook", "show", "stuffed-account", "--cacao"]));
    assert_eq!((&cacao["type"], &cacao["spec_version"]), (&json!("playbook"), &json!("cacao-2.0")));
    let bad =
        "id = \"x\"\ntitle = \"x\"\n[trigger]\nrules = [\"r\"]\n[[steps]]\naction = \"block\"\nselect = \"networks\"\n";
    std::fs::write(folder.path().join("bad.toml"), bad).unwrap();
    let output = command(&["playbook", "check", "bad.toml"]);
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("bad.toml:6:10: `block` does not say for how long"), "{}", errors(&output));
    std::fs::write(folder.path().join("testudo.toml"), "[response]\nplaybooks = [\"bad.toml\"]\n").unwrap();
    assert_eq!(code(&command(&["playbook", "list"])), 2);
    std::fs::write(folder.path().join("testudo.toml"), "[response.blast-radius]\nrefuse-percent = 0\n").unwrap();
    let output = command(&["playbook", "list"]);
    assert!(errors(&output).contains("what hits everyone is always refused"), "{}", errors(&output));
}
