//! A corrupt configuration on reload: the old one stays in force as a whole.

use std::time::Duration;

use crate::origin::Origin;
use crate::support::{Server, eventually};
use crate::wire::{Honest, client_config, entries, get};

#[test]
fn a_corrupt_configuration_is_refused_and_the_old_one_stays() {
    let origin = Origin::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("testudo.toml");
    let good = format!("[upstream]\nservers = [\"{}\"]\n[contract]\npublic = [\"/t/*\"]\n", origin.url());
    std::fs::write(&file, &good).unwrap();
    let server = Server::start_in(folder, &[]);
    let honest = Honest::start(&server, "/t/ok");
    let policy = server.folder().join("bad.cedar");
    std::fs::write(&policy, "permit(principal, action").unwrap();
    let corrupt: Vec<Vec<u8>> = vec![
        b"[server\nlisten = ".to_vec(),
        // Without a backend the sample would have to be started, which only a start does.
        Vec::new(),
        b"\xff\xfe\x00 no text".to_vec(),
        format!("{good}surprise = 1\n").into(),
        format!("{good}[limits]\naddress = \"a lot\"\n").into(),
        format!("{good}[limits.sign-in]\naddress = \"1/s\"\n").into(),
        format!("{good}[policies]\nfiles = [\"bad.cedar\"]\n").into(),
        b"[upstream]\nservers = [\"http://127.0.0.1:1/with/path\"]\n".to_vec(),
        b"[contract]\nopenapi = \"missing.yaml\"\n".to_vec(),
    ];
    let config = client_config(&server, "http/1.1");
    for (round, text) in corrupt.iter().enumerate() {
        std::fs::write(&file, text).unwrap();
        server.signal("HUP");
        eventually(
            &format!("refusal of {:?} in the journal", String::from_utf8_lossy(text)),
            Duration::from_secs(10),
            || entries(&server, "config.refused").len() == round + 1,
        );
        assert_eq!(get(&config, [127, 0, 0, 1], server.gateway, "/t/ok").unwrap().0, 200);
        assert_eq!(get(&config, [127, 0, 0, 1], server.gateway, "/other").unwrap().0, 401);
    }
    assert!(entries(&server, "config.reloaded").is_empty());
    // A good one is taken then, without a restart.
    std::fs::write(&file, good.replace("/t/*", "/u/*")).unwrap();
    honest.was_served();
    server.signal("HUP");
    eventually("the good one is in force", Duration::from_secs(10), || {
        matches!(get(&config, [127, 0, 0, 1], server.gateway, "/u/ok"), Ok((200, _)))
    });
    assert_eq!(get(&config, [127, 0, 0, 1], server.gateway, "/t/ok").unwrap().0, 401);
    assert_eq!(entries(&server, "config.reloaded").len(), 1);
    assert!(server.stop());
}

#[test]
fn a_signal_right_after_the_greeting_is_not_the_end() {
    let origin = Origin::start();
    let folder = tempfile::tempdir().unwrap();
    let config = format!("[upstream]\nservers = [\"{}\"]\n", origin.url());
    std::fs::write(folder.path().join("testudo.toml"), config).unwrap();
    let server = Server::start_in(folder, &[]);
    server.signal("HUP");
    eventually("the reload in the journal", Duration::from_secs(10), || entries(&server, "config.reloaded").len() == 1);
    assert!(server.stop());
}
