//! A server on PostgreSQL: its backup and its restore, with the tools of the database and the commands that finish what
//! those can't know.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod support;

use std::process::Output;

use support::http::{Browser, Person, form};
use support::{Server, command_in};
use testudo_testkit::postgres::TempPostgres;

const PASSWORD: &str = "correct horse battery staple";

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_restored_database_has_no_old_session_and_nobody_who_was_erased() {
    let Some(postgres) = TempPostgres::start(None).unwrap() else {
        // Past what the test harness captures.
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: PostgreSQL is not installed; nothing is known of restoring it\n"),
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testudo.toml"), "[store]\npostgres-url-file = \"url\"\n").unwrap();
    std::fs::write(folder.path().join("url"), postgres.url("postgres")).unwrap();
    let mut server = Server::start_in(folder, &[]);
    server.create_person("ada@example.org", PASSWORD);
    server.create_person("bob@example.org", PASSWORD);
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let before = server.tokens(&mut ada, "wallet-app", "openid accounts:read offline_access");
    let mut browser = Browser::new(&server);
    assert_eq!(browser.sign_in(&ada).status, 303);
    assert_eq!(browser.get("/account").status, 200);
    let cookies = browser.cookies();
    drop(browser);

    // The backup, while it runs.
    let how = server.command(&["backup", "first"]);
    assert_eq!(code(&how), 2, "{}", errors(&how));
    for word in ["pg_dump", "--schema=testudo ", "--schema=testudo_keys", "testudo backup --erased"] {
        assert!(errors(&how).contains(word), "{word}: {}", errors(&how));
    }
    let file = |name: &str| server.folder().join(name).to_str().unwrap().to_owned();
    for (schema, name) in [("testudo", "data.dump"), ("testudo_keys", "keys.dump")] {
        let (schema, file) = (format!("--schema={schema}"), format!("--file={}", file(name)));
        postgres.run("pg_dump", &["--format=custom", &schema, &file, "postgres"]).unwrap();
    }
    server.run(&["user", "erase", "bob@example.org", "--yes"]);
    assert_eq!(server.json(&["backup", "--erased", "erased.jsonl"])["erased"], 1);
    assert_eq!(code(&server.command(&["backup", "--erased", "erased.jsonl"])), 2, "never over a file");
    assert_eq!(server.get("/accounts", &before).status, 200, "backups disturb nobody");
    let running = server.command(&["restore", "--erased", "erased.jsonl"]);
    assert!(code(&running) == 2 && errors(&running).contains("stop it"), "{}", errors(&running));
    let (data, keys) = (file("data.dump"), file("keys.dump"));
    server.halt();

    // Nothing was restored.
    let refused = server.command(&["restore", "--erased", "erased.jsonl"]);
    assert!(code(&refused) == 2 && errors(&refused).contains("--after-pg-restore"), "{}", errors(&refused));
    postgres.run("createdb", &["restored"]).unwrap();
    std::fs::write(server.folder().join("url"), postgres.url("restored")).unwrap();
    let refused = server.command(&["restore", "--erased", "erased.jsonl"]);
    assert!(code(&refused) == 2 && errors(&refused).contains("pg_restore"), "{}", errors(&refused));
    for dump in [&data, &keys] {
        postgres.run("pg_restore", &["--exit-on-error", "--dbname=restored", dump]).unwrap();
    }
    // Half done: nothing opens it.
    for arguments in [&["user", "list"][..], &["up", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]] {
        let refused = command_in(server.folder(), arguments, "");
        assert_eq!(code(&refused), 3, "{arguments:?}: {}", errors(&refused));
        assert!(errors(&refused).contains("testudo restore"), "{}", errors(&refused));
    }
    let folder = server.command(&["restore", "first"]);
    assert!(code(&folder) == 2 && errors(&folder).contains("pg_restore"), "{}", errors(&folder));
    let bad = server.command(&["restore", "--erased", "data.dump"]);
    assert!(code(&bad) == 2 && errors(&bad).contains("data.dump"), "{}", errors(&bad));
    let report = server.json(&["restore", "--erased", "erased.jsonl"]);
    assert_eq!((&report["erased_again"], &report["without_key"]), (&1.into(), &0.into()), "{report}");

    // The checkpoints of before tell of what is gone; put aside, they stay as evidence.
    let checkpoints = server.data().join("checkpoints.log");
    assert!(checkpoints.exists());
    assert_eq!(code(&server.command(&["audit", "verify"])), 1);
    std::fs::rename(&checkpoints, server.folder().join("checkpoints.before")).unwrap();

    server.resume();
    let refusal = server.get("/accounts", &before).refusal();
    assert_eq!(refusal, (401, "all-revoked".to_owned()));
    let refresh = form(&[
        ("grant_type", "refresh_token"),
        ("client_id", "wallet-app"),
        ("refresh_token", before.refresh.as_deref().unwrap()),
    ]);
    assert_eq!(server.token(&refresh, &[]).status, 400);
    let account = server.send("GET", "/account", &[("Cookie", &cookies)], b"");
    assert_eq!(account.status, 303, "the browser is signed out: {}", account.text());
    assert_ne!(Browser::new(&server).sign_in(&Person::new("bob@example.org", PASSWORD)).status, 303, "he is erased");
    let after = server.tokens(&mut ada, "wallet-app", "openid accounts:read");
    assert_eq!(server.get("/accounts", &after).status, 200);
    assert_eq!(server.events("backup.restored").len(), 1);
    assert_eq!(server.events("person.erased").len(), 1);
    assert_eq!(code(&server.command(&["audit", "verify"])), 0);
}
