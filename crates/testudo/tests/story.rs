//! The story of an attack, with everybody in it: who stuffs passwords, the two whose passwords fit, an honest person who
//! was in the wrong place, and the security administrator, who watches in a real browser.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use serde_json::Value;
use support::attack::{behind_proxy, call, incidents, person, refused, responses, settled, show, stuff, wait};
use support::chromium;
use support::command::{code, errors, parsed};
use support::http::{Browser, Person, Tokens};

const SCOPE: &str = "openid accounts:read";

/// The attacker's network, and a café's.
const BLOCK: &str = "203.0.113";

#[test]
fn an_attack_is_seen_contained_watched_undone_and_proven() {
    let server = behind_proxy("[risk]\nlearn-every = \"0s\"\nmost-a-day = 255\n");
    let folder = tempfile::tempdir().unwrap();
    let shots = chromium::shots(folder.path());
    let create = ["user", "create", "sara@example.org", "--role", "security", "--keep-password"];
    support::succeeded(&create, &server.command_with_input(&create, "correct horse battery staple\n"));
    let mut victims = [person(&server, "ada@example.org"), person(&server, "bea@example.org")];
    let (mut heather, mut grace) = (person(&server, "heather@example.org"), person(&server, "grace@example.org"));
    let tokens = |who: &mut Person, from: &str| Browser::new(&server).from(from).tokens(who, "wallet-app", SCOPE, &[]);
    let id_of = |name: &str| server.json(&["user", "show", name])["id"].as_str().unwrap().to_owned();

    let honest = tokens(&mut grace, "198.51.100.7");
    tokens(&mut heather, "198.51.100.8");
    // Ada uses the app at home for longer than this test takes.
    let habit = tokens(&mut victims[0], "198.51.100.9");
    for _ in 0..40 {
        assert_eq!(call(&server, &habit, "GET", "/accounts", "198.51.100.9", "Wallet/1.0").status, 200);
    }
    settled(&server);
    let Some(mut sara) = chromium::start("story.mjs", &server, &shots) else { return };
    sara.until("signed-in");
    sara.until("watching");

    // The list of the attacker fits twice; Heather sits in the same network.
    stuff(&server, BLOCK, 5);
    let stolen: Vec<Tokens> = victims.iter_mut().map(|victim| tokens(victim, &format!("{BLOCK}.99"))).collect();
    let cafe = tokens(&mut heather, &format!("{BLOCK}.7"));
    stuff(&server, BLOCK, 24);

    // She sees it come, within seconds on a busy machine.
    let seen = sara.until("seen");
    assert!(seen["text"].as_str().unwrap().contains("alert.raised"), "{seen}");
    assert!(seen["after"].as_i64().unwrap() < 5_000, "{seen}");

    let (ada, bea) = (id_of("ada@example.org"), id_of("bea@example.org"));
    let id = wait("an incident opens", || Some(incidents(&server).first()?["id"].as_str()?.to_owned()));
    let incident = wait("what was opened is contained", || {
        let shown = show(&server, &id);
        let done = responses(&shown, "revoke-person").len() >= 3 && responses(&shown, "require-step-up").len() >= 3;
        done.then_some(shown)
    });
    let measures = &incident["measures"];
    assert!(measures["slowest_reaction"].as_u64().unwrap() < 1_000_000, "recognised within a second: {measures}");
    for victim in [&ada, &bea] {
        for action in ["revoke-person", "require-step-up"] {
            let done = responses(&incident, action);
            let hers = done.iter().find(|one| one["action"].to_string().contains(victim.as_str()));
            assert!(hers.is_some_and(|one| one["state"] == "performed"), "{action} for {victim}: {incident:#}");
        }
    }
    for tokens in stolen.iter().chain([&cafe]) {
        assert_eq!(refused(&server, tokens).0, 401, "what the run opened is worth nothing");
    }
    assert_eq!(server.get("/accounts", &honest).status, 200, "nobody else notices");

    // The block is limited, and once nobody honest has a session there, closed; others are as free as ever.
    assert!(responses(&incident, "tighten-limits").iter().any(|one| one["state"] == "performed"), "{incident:#}");
    let tries = |from: &str| {
        let nobody = Person::new("nobody@example.org", "wrong password here");
        (0..6).map(|_| Browser::new(&server).from(from).sign_in(&nobody).status).collect::<Vec<u16>>()
    };
    let barred = |statuses: &[u16]| statuses.iter().filter(|status| matches!(status, 403 | 429)).count();
    let (there, elsewhere) = (tries(&format!("{BLOCK}.50")), tries("198.51.100.77"));
    assert!(barred(&there) >= 4 && barred(&elsewhere) == 0, "{there:?}, {elsewhere:?}");

    // Ada comes back from home, with her password alone: she has to set up a second factor first. Tokens say in whole
    // seconds when their person signed in, and what lies in the second of the attack does not count.
    std::thread::sleep(Duration::from_millis(1_100));
    let [victim, _] = &mut victims;
    let fresh = tokens(victim, "198.51.100.9");
    assert_eq!(call(&server, &fresh, "GET", "/accounts", "198.51.100.9", "Wallet/1.0").status, 200);
    assert!(victim.totp.is_some(), "she came in with her password alone");

    // Sara undoes what hit Heather, who comes in with her password again, from where she always does.
    sara.tell("over");
    let contained = sara.until("contained");
    assert_eq!(contained["incident"], Value::from(id.clone()));
    let undone = sara.until("undone");
    assert_eq!(undone["person"], Value::from(id_of("heather@example.org")));
    let waived = server.events("step-up.waived");
    assert_eq!(waived.len(), 1, "{waived:#?}");
    let again = tokens(&mut heather, "198.51.100.8");
    assert!(heather.totp.is_none(), "she was asked for a second factor after all");
    assert_eq!(server.get("/accounts", &again).status, 200);

    // The evidence is proven where there is no server.
    let key = server.json(&["audit", "checkpoint"])["public_key"].as_str().unwrap().to_owned();
    sara.tell("the evidence");
    sara.until("exported");
    let (_, well, complaints) = sara.finish();
    assert!(well, "{complaints}");
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::copy(shots.join("evidence.zip"), elsewhere.path().join("evidence.zip")).unwrap();
    std::fs::copy(server.data().join("checkpoints.log"), elsewhere.path().join("checkpoints.log")).unwrap();
    drop(server);
    let verify =
        ["--format", "json", "incident", "verify", "evidence.zip", "--key", &key, "--checkpoint", "checkpoints.log"];
    let proven = support::command_in(elsewhere.path(), &verify, "");
    let report = parsed(&proven);
    assert_eq!(code(&proven), 0, "{report:#} {}", errors(&proven));
    assert!(report["anchored"] == true && report["incident"] == id.as_str(), "{report:#}");
}
