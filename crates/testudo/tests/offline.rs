//! Commands over a store that no server holds, and what `doctor` says of it with and without a server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::Value;
use support::command::{code, errors, parsed};
use support::http::Person;
use support::{Server, command_in, free_address};

const PASSWORD: &str = "correct horse battery staple";

/// What `doctor` says of one thing: whether it is good, and the text.
fn diagnosis(server: &Server, check: &str) -> (bool, String) {
    let findings = parsed(&server.command(&["--format", "json", "doctor"]));
    let found = findings.as_array().unwrap().iter().find(|finding| finding["check"] == check);
    let found = found.unwrap_or_else(|| panic!("nothing of {check}: {findings}"));
    (found["good"].as_bool().unwrap(), found["text"].as_str().unwrap().to_owned())
}

#[test]
fn doctor_asks_the_running_server_and_else_opens_the_store_with_its_key() {
    let mut server = Server::start(&[]);
    // The addresses that the server was told to use, as its configuration would have them.
    let toml = format!("[server]\nlisten = [\"{}\"]\nadmin = \"{}\"\n", server.gateway, server.admin);
    std::fs::write(server.folder().join("testudo.toml"), toml).unwrap();
    for check in ["root key", "store"] {
        let (good, text) = diagnosis(&server, check);
        assert!(good && text.contains("in use by the running server"), "{check}: {text}");
    }
    let (good, text) = diagnosis(&server, "standing");
    assert!(good && text.contains("behind the journal"), "{text}");
    let (good, text) = diagnosis(&server, "address");
    assert!(good && text.contains("in use by the running server"), "{text}");

    server.halt();
    assert_eq!(diagnosis(&server, "root key"), (true, "there".into()));
    let (good, text) = diagnosis(&server, "store");
    assert!(good && text.contains("opens with the root key"), "{text}");
    let (good, text) = diagnosis(&server, "address");
    assert!(good && text.contains("is free"), "{text}");

    // Another key does not open it, and a lost one is not made anew.
    let key = server.data().join("root.key");
    let kept = std::fs::read(&key).unwrap();
    let other = data_encoding::BASE64URL_NOPAD.encode(&testudo_crypto::random::array::<32>());
    std::fs::write(&key, other + "\n").unwrap();
    let (good, text) = diagnosis(&server, "store");
    assert!(!good && text.contains("another root key"), "{text}");
    std::fs::remove_file(&key).unwrap();
    let (good, text) = diagnosis(&server, "root key");
    assert!(!good && text.contains("put it back from your backup"), "{text}");
    assert!(!key.exists() && !diagnosis(&server, "store").0);
    std::fs::write(&key, kept).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(diagnosis(&server, "store").0);
    assert_eq!(code(&server.command(&["audit", "verify"])), 0);

    // A database that does not answer.
    let address = free_address();
    std::fs::write(server.folder().join("url"), format!("postgres://testudo@{address}/testudo?sslmode=disable"))
        .unwrap();
    std::fs::write(server.folder().join("testudo.toml"), "[store]\npostgres-url-file = \"url\"\n").unwrap();
    let (good, text) = diagnosis(&server, "PostgreSQL");
    assert!(!good, "{text}");

    // Before the first start nothing is made.
    let folder = tempfile::tempdir().unwrap();
    let doctor = command_in(folder.path(), &["--format", "json", "doctor"], "");
    assert!(parsed(&doctor).to_string().contains("made at the first start"), "{}", errors(&doctor));
    assert!(!folder.path().join("data").exists());
}

#[test]
fn sessions_backups_checkpoints_and_proofs_need_no_server() {
    let mut server = Server::start(&[]);
    server.create_person("ada@example.org", PASSWORD);
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let (first, second) = (
        server.tokens(&mut ada, "wallet-app", "openid accounts:read"),
        server.tokens(&mut ada, "wallet-app", "openid accounts:read"),
    );
    assert_eq!(server.get("/accounts", &first).status, 200);
    server.halt();

    let list = |server: &Server| server.json(&["session", "list", "ada@example.org"])["items"].clone();
    let sessions = list(&server);
    assert_eq!(sessions.as_array().unwrap().len(), 2, "{sessions}");
    let unknown = server.command(&["session", "revoke", "ses_00000000000000000000000000"]);
    assert_eq!(code(&unknown), 1, "{}", errors(&unknown));
    server.run(&["session", "revoke", "ada@example.org"]);
    let alive = |sessions: &Value| sessions.as_array().unwrap().iter().filter(|one| one["state"] == "active").count();
    assert_eq!(alive(&list(&server)), 0);

    let checkpoint = server.json(&["audit", "checkpoint"]);
    let size = checkpoint["size"].as_u64().unwrap();
    assert!(size > 5 && checkpoint["note"].as_str().unwrap().contains("testudo/"), "{checkpoint}");
    let proof = server.json(&["audit", "prove", "2"]);
    assert_eq!(proof["checkpoint"]["size"], size, "nothing was added by proving");
    assert!(!proof["proof"].is_null(), "{proof}");
    let beyond = server.command(&["audit", "prove", "1000000"]);
    assert_eq!(code(&beyond), 1, "{}", errors(&beyond));
    let kept = server.folder().join("kept.log");
    std::fs::write(&kept, checkpoint["note"].as_str().unwrap()).unwrap();
    server.run(&["audit", "verify", "--checkpoint", "kept.log"]);

    server.run(&["backup", "kept"]);
    assert!(server.folder().join("kept/data").exists() && server.folder().join("kept/keys").exists());
    let again = server.command(&["backup", "kept"]);
    assert_eq!(code(&again), 2, "{}", errors(&again));

    server.resume();
    for tokens in [&first, &second] {
        assert_eq!(server.get("/accounts", tokens).status, 401, "what a command ended stays ended");
    }
    assert_eq!(code(&server.command(&["audit", "verify"])), 0);
}
