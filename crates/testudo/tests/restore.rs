//! `testudo restore` into a folder: what it asks for, what counts as known of the erased, and what is left when it was
//! interrupted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::process::Output;

use support::Server;
use support::http::{Browser, Person};

const PASSWORD: &str = "correct horse battery staple";

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_interrupted_restore_is_opened_by_nothing_and_can_be_run_again() {
    let mut server = Server::start(&[]);
    server.create_person("ada@example.org", PASSWORD);
    server.create_person("bob@example.org", PASSWORD);
    server.run(&["backup", "first"]);
    server.run(&["user", "erase", "bob@example.org", "--yes"]);
    server.run(&["backup", "second"]);
    for arguments in [&["backup", "--erased", "list"][..], &["backup"], &["backup", "third", "--erased", "list"]] {
        assert_eq!(code(&server.command(arguments)), 2, "{arguments:?}");
    }
    let running = server.command(&["restore", "first"]);
    assert!(code(&running) == 2 && errors(&running).contains("stop it"), "{}", errors(&running));
    server.halt();
    for arguments in [&["restore"][..], &["restore", "--after-pg-restore"], &["restore", "first", "--after-pg-restore"]]
    {
        assert_eq!(code(&server.command(arguments)), 2, "{arguments:?}");
    }
    let folder = server.folder().to_owned();
    std::fs::rename(server.data(), folder.join("lost")).unwrap();
    support::copy_folder(&folder.join("lost"), &server.data());
    std::fs::remove_dir_all(server.data().join("store")).unwrap();
    // The newest list lies in the backup: it counts without being named.
    std::fs::copy(folder.join("second/erased.jsonl"), folder.join("first/erased.jsonl")).unwrap();
    let damaged = std::fs::read(folder.join("first/keys/keys.db")).unwrap();
    std::fs::write(folder.join("first/keys/keys.db"), &damaged[1..]).unwrap();
    let refused = server.command(&["restore", "first"]);
    assert!(code(&refused) == 3 && errors(&refused).contains("manifest"), "{}", errors(&refused));
    std::fs::write(folder.join("first/keys/keys.db"), &damaged).unwrap();
    assert_eq!(server.json(&["restore", "first"])["erased_again"], 1);
    let again = server.command(&["restore", "first"]);
    assert!(code(&again) == 2 && errors(&again).contains("holds a store already"), "{}", errors(&again));

    // Interrupted after the data were copied, and before anything was done about them.
    for (part, name) in [("data", "data.db"), ("keys", "keys.db")] {
        std::fs::copy(folder.join("first").join(part).join(name), server.data().join("store").join(name)).unwrap();
    }
    std::fs::write(server.data().join("store/restore-unfinished"), "").unwrap();
    for arguments in [&["user", "list"][..], &["up", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]] {
        let refused = server.command(arguments);
        assert!(code(&refused) == 3 && errors(&refused).contains("testudo restore"), "{}", errors(&refused));
    }
    assert_eq!(server.json(&["restore", "first"])["erased_again"], 1);
    server.resume();
    assert_ne!(Browser::new(&server).sign_in(&Person::new("bob@example.org", PASSWORD)).status, 303, "he is erased");
    assert_eq!(Browser::new(&server).sign_in(&Person::new("ada@example.org", PASSWORD)).status, 303);
    assert_eq!(server.events("backup.restored").len(), 1, "the second time began from the backup");
}
