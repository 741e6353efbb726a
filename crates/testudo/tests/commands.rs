//! The commands, each with the real binary: what they do, that they do the same with and without a running server, what
//! they print, and with which exit code they end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::command::{code, errors, parsed};
use support::http::{Browser, Person, form, tokens};
use support::{Server, command_in, free_address, succeeded};

const PASSWORD: &str = "correct horse battery staple";

#[test]
fn init_writes_one_file_that_check_likes() {
    let folder = tempfile::tempdir().unwrap();
    let init = command_in(folder.path(), &["init"], "");
    assert_eq!(code(&init), 0, "{}", errors(&init));
    let written = std::fs::read(folder.path().join("testudo.toml")).unwrap();
    let again = command_in(folder.path(), &["init"], "");
    assert_eq!(code(&again), 2);
    assert!(errors(&again).contains("never overwritten"), "{}", errors(&again));
    assert_eq!(std::fs::read(folder.path().join("testudo.toml")).unwrap(), written);
    let check = command_in(folder.path(), &["check"], "");
    assert_eq!(code(&check), 0, "{}", errors(&check));
    assert!(String::from_utf8_lossy(&check.stdout).contains("testudo.toml: good"));
    let other = command_in(folder.path(), &["--format", "json", "init", "other.toml"], "");
    assert!(parsed(&other)["file"].as_str().unwrap().contains("other.toml"));
}

#[test]
fn errors_leave_paths_and_options_whole() {
    // Where a wrapped line would end, whatever stands there, on a terminal of any width.
    let folder = tempfile::tempdir().unwrap();
    let path = format!("{}-with-hyphens/and/slashes.toml", "a-very-long-name/".repeat(12));
    for arguments in [&["--config", path.as_str(), "check"][..], &["check", "--openapi", path.as_str()]] {
        let output = command_in(folder.path(), arguments, "");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(code(&output), 2, "{text}");
        assert!(text.contains(&path), "{text}");
    }
    let output = command_in(folder.path(), &["user", "list"], "");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("or name another with `--data`"), "{text}");
}

/// Checks a configuration, and expects it to be refused with all of these words.
fn refused(toml: &str, files: &[(&str, &str)], words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("testudo.toml"), toml).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let check = command_in(folder.path(), &["check"], "");
    let text = errors(&check);
    assert_eq!((code(&check), check.stdout.is_empty()), (2, true), "{toml}: {text}");
    for word in words {
        assert!(text.contains(word), "{toml}: {word:?} is missing in: {text}");
    }
    // `up` refuses the same, and makes nothing.
    let up = command_in(folder.path(), &["up"], "");
    assert_eq!((code(&up), up.stdout.is_empty()), (2, true), "{}", errors(&up));
    assert!(!folder.path().join("data/store").exists(), "{toml}");
}

#[test]
fn check_names_file_line_and_remedy() {
    refused(
        "[server]\n\nworkerz = 2\n",
        &[],
        &["testudo.toml:3:1", "unknown field `workerz`", "did you mean `workers`?"],
    );
    refused("[servr]\n", &[], &["testudo.toml:1:2", "did you mean `server`?"]);
    refused("[server]\nlisten = [\"nowhere\"]\n", &[], &["testudo.toml:2", "listen", "127.0.0.1:8443"]);
    refused("[identity]\naccess-token-lifetime = \"5 parsecs\"\n", &[], &["testudo.toml:2"]);
    refused("[server]\npublic-url = \"ftp://x\"\n", &[], &["public-url"]);
    refused("[limits]\nslots = \"many\"\n", &[], &["testudo.toml:2"]);
    refused("[upstream]\nservers = [\"gopher://x\"]\n", &[], &["upstream.servers", "testudo.toml:2:1"]);
    refused("[contract]\nopenapi = \"missing.yaml\"\n", &[], &["missing.yaml", "contract.openapi", "testudo.toml:2:1"]);
    refused("[tls]\ncertificate = \"c.pem\"\n", &[], &["key"]);
    refused("not toml at all", &[], &["testudo.toml:1"]);
}

#[test]
fn check_names_the_mistakes_of_the_api_and_of_policies() {
    let api = "openapi: 3.1.0\ninfo: {title: T, version: '1'}\npaths:\n  /a:\n    get:\n      x-testudo: {acrr: 2}\n      \
               responses: {'200': {description: ok}}\n  b:\n    get:\n      responses: {'200': {description: ok}}\n";
    let toml = "[contract]\nopenapi = \"api.yaml\"\n";
    refused(toml, &[("api.yaml", api)], &["api.yaml:6", "`acrr`", "`acr`", "/paths/b: the path `b` does not start"]);
    let toml = "[policies]\nfiles = [\"p.cedar\"]\n";
    let unknown = "@id(\"x\")\nforbid (principal, action, resource in Path::\"/acounts\");\n";
    refused(toml, &[("p.cedar", unknown)], &["p.cedar:2", "/acounts", "/accounts"]);
    refused(toml, &[("p.cedar", "forbid (principal, action, resource\n")], &["p.cedar:"]);
}

#[test]
fn check_shows_what_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let check = command_in(folder.path(), &["--format", "json", "check", "--upstream", "http://127.0.0.1:9"], "");
    assert_eq!(code(&check), 0, "{}", errors(&check));
    let answer = parsed(&check);
    let off = |name: &str| {
        let controls = answer["controls"].as_array().unwrap();
        let control = controls.iter().find(|control| control["control"] == name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(control["on"].as_bool().unwrap(), control["why"].is_null(), "{control}");
        control["on"] == false
    };
    for name in ["contract", "masking", "consent"] {
        assert!(off(name), "{name} is shown as on");
    }
    for name in ["authentication", "rate-limit", "audit", "risk", "waf"] {
        assert!(!off(name), "{name} is shown as off");
    }
}

#[test]
fn doctor_finds_a_taken_address_and_an_open_folder() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let free = free_address();
    let toml = format!("[server]\nlisten = [\"{address}\"]\nadmin = \"{free}\"\n");
    std::fs::write(folder.path().join("testudo.toml"), toml).unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path().join("data"), open).unwrap();
    let doctor = command_in(folder.path(), &["--format", "json", "doctor"], "");
    let findings = parsed(&doctor);
    let findings = findings.as_array().unwrap();
    assert_eq!(code(&doctor), 1);
    let bad = |check: &str, text: &str| {
        findings.iter().any(|finding| {
            finding["check"] == check && finding["good"] == false && finding["text"].as_str().unwrap().contains(text)
        })
    };
    assert!(bad("address", &address.to_string()), "{findings:?}");
    assert!(!bad("address", &free.to_string()), "{findings:?}");
    assert!(bad("data folder", "chmod 700"), "{findings:?}");
    // What a crash leaves behind does not pass for a running server, and a backend that is down is named.
    std::fs::set_permissions(folder.path().join("data"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    drop(std::os::unix::net::UnixListener::bind(folder.path().join("data/testudo.sock")).unwrap());
    let toml = format!("[server]\nlisten = [\"{address}\"]\n[upstream]\nservers = [\"http://{}\"]\n", free_address());
    std::fs::write(folder.path().join("testudo.toml"), toml).unwrap();
    let findings = parsed(&command_in(folder.path(), &["--format", "json", "doctor"], ""));
    let said = findings.to_string();
    assert!(said.contains("in use by another program"), "{said}");
    assert!(said.contains("takes no connections") && said.contains("start the backend"), "{said}");
}

#[test]
fn without_data_or_with_a_wrong_word_commands_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["user", "list"][..], &["audit", "verify"], &["keys", "list"], &["backup", "b"]] {
        let output = command_in(folder.path(), arguments, "");
        assert_eq!(code(&output), 2, "{}", errors(&output));
        assert!(errors(&output).contains("there is no data folder `data`"), "{}", errors(&output));
    }
    for arguments in [&["fly"][..], &["user"], &["up", "--listen", "x"], &["keys", "rotate", "a", "b"]] {
        let output = command_in(folder.path(), arguments, "");
        assert_eq!((code(&output), output.stdout.is_empty()), (2, true), "{arguments:?}: {}", errors(&output));
    }
    assert!(!folder.path().join("data").exists());
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = command_in(folder.path(), &["completions", shell], "");
        assert_eq!(code(&output), 0);
        assert!(String::from_utf8_lossy(&output.stdout).contains("testudo"), "{shell}");
    }
    let version = command_in(folder.path(), &["--version"], "");
    assert_eq!((code(&version), version.stdout.starts_with(b"testudo ")), (0, true));
    // Something that is needed fails: the store is another's.
    std::os::unix::fs::symlink("/dev/null", folder.path().join("data")).unwrap();
    let output = command_in(folder.path(), &["user", "list"], "");
    assert_eq!(code(&output), 3, "{}", errors(&output));
}

/// Runs commands that change and show people, and gives what each printed, with the id replaced.
fn people(server: &Server) -> Vec<String> {
    let mut said = Vec::new();
    let name = "grace@example.org";
    let made = server.command_with_input(&["user", "create", name, "--name", "Grace Hopper"], "a first password\n");
    let text = succeeded(&["user", "create"], &made);
    let id = text.trim().strip_prefix("created ").unwrap_or_else(|| panic!("{text}")).to_owned();
    let mut run = |arguments: &[&str], input: &str| {
        let output = server.command_with_input(arguments, input);
        let text = format!(
            "{arguments:?} {} {} {}",
            code(&output),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        said.push(text.replace(&id, "<id>"));
    };
    run(&["user", "create", name], "another password\n");
    run(&["user", "create", "x"], "short\n");
    run(&["user", "create", "nobody@example.org"], "");
    run(&["user", "grant", name, "support"], "");
    run(&["user", "grant", name, "customer"], "");
    run(&["user", "lock", name, "--reason", "lost phone"], "");
    let show = |run: &mut dyn FnMut(&[&str], &str)| {
        run(&["--format", "json", "session", "list", name], "");
        run(&["user", "show", "nobody@nowhere"], "");
    };
    show(&mut run);
    run(&["user", "unlock", &id], "");
    run(&["user", "revoke", name, "customer"], "");
    run(&["user", "password", name], "another first password\n");
    run(&["user", "remove-factors", name], "");
    run(&["user", "remove-factors", name, "--yes"], "");
    run(&["user", "show", "per_00000000000000000000000000"], "");
    let shown = server.json(&["user", "show", &id]);
    assert_eq!(shown["username"], "g***@e…", "masked by default");
    assert_eq!((&shown["state"], &shown["second_factor"]), (&Value::from("reset-required"), &Value::from(false)));
    assert_eq!(shown["roles"], serde_json::json!(["support"]));
    let revealed = server.json(&["user", "show", name, "--reveal"]);
    assert_eq!((&revealed["username"], &revealed["name"]), (&Value::from(name), &Value::from("Grace Hopper")));
    let erase = server.command(&["user", "erase", name]);
    assert_eq!(code(&erase), 2, "no terminal, so nobody is asked");
    assert!(errors(&erase).contains("repeat with `--yes`"), "{}", errors(&erase));
    assert_eq!(server.json(&["user", "list"]).as_array().unwrap().len(), 1);
    let output = server.command(&["user", "erase", name, "--yes"]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let gone = server.command(&["user", "show", name]);
    assert_eq!(code(&gone), 1, "{}", errors(&gone));
    assert!(server.json(&["user", "list"]).as_array().unwrap().is_empty());
    said
}

#[test]
fn people_are_looked_after_the_same_with_and_without_a_server() {
    let mut server = Server::start(&[]);
    let running = people(&server);
    server.halt();
    let offline = people(&server);
    assert_eq!(running, offline);
    let kinds = server.json(&["audit", "list", "--limit", "200"]);
    let kinds: Vec<&str> =
        kinds["items"].as_array().unwrap().iter().map(|item| item["event"]["kind"].as_str().unwrap()).collect();
    for kind in ["person.created", "person.locked", "person.unlocked", "role.granted", "role.revoked", "person.erased"]
    {
        assert_eq!(kinds.iter().filter(|known| **known == kind).count() % 2, 0, "{kind} in {kinds:?}");
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    assert_eq!(code(&server.command(&["audit", "verify"])), 0);
}

#[test]
fn locked_erased_and_new_passwords_hold_for_the_next_request() {
    let server = Server::start(&[]);
    let id = server.create_person("ada@example.org", PASSWORD);
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let first = server.tokens(&mut ada, "wallet-app", "openid accounts:read");
    assert_eq!(server.get("/accounts", &first).status, 200);
    server.run(&["user", "lock", "ada@example.org", "--reason", "test"]);
    assert_eq!(server.get("/accounts", &first).status, 401);
    assert_ne!(Browser::new(&server).sign_in(&ada).status, 303, "she is locked");
    server.run(&["user", "unlock", "ada@example.org"]);
    assert_eq!(server.get("/accounts", &first).status, 401, "what was ended stays ended");
    let second = server.tokens(&mut ada, "wallet-app", "openid accounts:read");
    assert_eq!(server.get("/accounts", &second).status, 200);
    let output = server.command_with_input(&["user", "password", &id], "a first password of hers\n");
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(server.get("/accounts", &second).status, 401, "another password ends what the old one began");
    assert_ne!(Browser::new(&server).sign_in(&ada).status, 303);
    let mut browser = Browser::new(&server);
    let reply = browser.sign_in(&Person::new("ada@example.org", "a first password of hers"));
    assert_eq!(reply.header("location").map(|to| to.split('?').next().unwrap()), Some("/sign-in/password"));
    let page = browser.get("/sign-in/password");
    let new = "a password that only she knows";
    assert_eq!(browser.submit("/sign-in/password", &page, &[("new_password", new)]).status, 303);
    let mut ada = Person::new("ada@example.org", new);
    let third = server.tokens(&mut ada, "wallet-app", "openid accounts:read");
    assert_eq!(server.get("/accounts", &third).status, 200);
    server.run(&["user", "erase", &id, "--yes"]);
    assert_eq!(server.get("/accounts", &third).status, 401);
    assert_ne!(Browser::new(&server).sign_in(&ada).status, 303);
    assert_eq!(code(&server.command(&["audit", "verify"])), 0);
}

#[test]
fn clients_are_registered_disabled_and_removed() {
    let mut server = Server::start(&[]);
    let redirect = "http://127.0.0.1/callback";
    server.run(&["client", "create", "spa", "--redirect", redirect, "--first-party", "--scope", "accounts:read"]);
    let web = server.json(&["client", "create", "web", "--confidential", "--redirect", "https://web.example/cb"]);
    assert_eq!(web["client"]["client"]["type"], "confidential", "{web}");
    let batch = server.json(&["client", "create", "batch", "--service", "--scope", "accounts:read"]);
    let secret = batch["secret"].as_str().unwrap().to_owned();
    let refused = server.command(&["client", "create", "bad", "--redirect", "http://evil.example/cb"]);
    assert_eq!(code(&refused), 1, "{}", errors(&refused));
    assert_eq!(code(&server.command(&["client", "create", "spa", "--redirect", redirect])), 1, "it is there already");

    let basic = |secret: &str| {
        let pair = data_encoding::BASE64.encode(format!("batch:{secret}").as_bytes());
        format!("Basic {pair}")
    };
    let grant = form(&[("grant_type", "client_credentials"), ("scope", "accounts:read")]);
    let ask = |server: &Server, secret: &str| server.token(&grant, &[("Authorization", &basic(secret))]);
    let reply = ask(&server, &secret);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let service = tokens(&reply);
    // The gateway lets it through; the wallet then asks which person's accounts are meant.
    let reply = server.get("/accounts", &service);
    assert!(reply.header("testudo-request").is_some() && reply.json().get("code").is_none(), "{}", reply.text());
    assert_eq!(ask(&server, "wrong").refusal(), (401, "invalid_client".into()));
    let new = server.json(&["client", "secret", "batch"])["secret"].as_str().unwrap().to_owned();
    assert_eq!(ask(&server, &secret).refusal(), (401, "invalid_client".into()));
    assert_eq!(ask(&server, &new).status, 200);

    server.create_person("ada@example.org", PASSWORD);
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let hers = server.tokens(&mut ada, "spa", "openid accounts:read offline_access");
    assert_eq!(server.get("/accounts", &hers).status, 200);
    server.run(&["client", "disable", "spa"]);
    assert_eq!(server.get("/accounts", &hers).refusal(), (401, "client-disabled".into()));
    let refresh = form(&[
        ("grant_type", "refresh_token"),
        ("client_id", "spa"),
        ("refresh_token", hers.refresh.as_deref().unwrap()),
    ]);
    assert_eq!(server.token(&refresh, &[]).status, 401);
    server.run(&["client", "enable", "spa"]);
    assert_eq!(server.get("/accounts", &hers).status, 200);
    assert_eq!(server.token(&refresh, &[]).status, 200);
    assert_eq!(code(&server.command(&["client", "remove", "spa"])), 2, "it asks, and nobody can answer");
    server.run(&["client", "remove", "spa", "--yes"]);
    assert_eq!(server.get("/accounts", &hers).status, 401);
    assert_eq!(code(&server.command(&["client", "show", "spa"])), 1);

    let ids = |server: &Server| -> Vec<String> {
        let page = server.json(&["client", "list"]);
        let mut ids: Vec<String> =
            page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let running = ids(&server);
    assert_eq!(running, ["batch", "testudo-admin", "wallet-app", "web"]);
    server.halt();
    assert_eq!(ids(&server), running);
    server.run(&["client", "disable", "batch"]);
    server.resume();
    assert_eq!(ask(&server, &new).status, 401, "what a command did without a server holds with one");
    server.run(&["client", "enable", "batch"]);
    assert_eq!(ask(&server, &new).status, 200);
}

#[test]
fn every_command_prints_json_when_asked() {
    let server = Server::start(&[]);
    let made =
        server.command_with_input(&["--format", "json", "user", "create", "ada@example.org"], "a first password\n");
    assert!(parsed(&made)["id"].as_str().unwrap().starts_with("per_"), "{}", errors(&made));
    for arguments in [
        &["user", "list"][..],
        &["user", "show", "ada@example.org"],
        &["user", "grant", "ada@example.org", "auditor"],
        &["user", "revoke", "ada@example.org", "auditor"],
        &["user", "lock", "ada@example.org", "--reason", "test"],
        &["user", "unlock", "ada@example.org"],
        &["user", "remove-factors", "ada@example.org", "--yes"],
        &["session", "list", "ada@example.org"],
        &["session", "revoke", "ada@example.org"],
        &["client", "create", "app", "--redirect", "http://127.0.0.1/callback"],
        &["client", "list"],
        &["client", "show", "app"],
        &["client", "disable", "app"],
        &["client", "enable", "app"],
        &["client", "remove", "app", "--yes"],
        &["keys", "list"],
        &["keys", "rotate"],
        &["keys", "rotate", "records"],
        &["reload"],
        &["user", "enrol"],
        &["audit", "list"],
        &["audit", "checkpoint"],
        &["audit", "prove", "0"],
        &["audit", "verify"],
        &["backup", "kept"],
        &["check"],
        &["user", "erase", "ada@example.org", "--yes"],
    ] {
        let value = server.json(arguments);
        assert!(value.is_object() || value.is_array(), "{arguments:?}: {value}");
    }
    let doctor = server.command(&["--format", "json", "doctor"]);
    assert!(parsed(&doctor).is_array());
}

#[test]
fn nobody_is_asked_without_a_terminal() {
    let mut server = Server::start(&[]);
    server.create_person("ada@example.org", PASSWORD);
    for (arguments, wanted) in [
        (&["user", "erase", "ada@example.org"][..], "--yes"),
        (&["user", "remove-factors", "ada@example.org"], "--yes"),
        (&["client", "remove", "wallet-app"], "--yes"),
        (&["user", "create", "b@example.org"], "standard input"),
        (&["user", "password", "ada@example.org"], "standard input"),
    ] {
        let began = Instant::now();
        let output = server.command(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", errors(&output));
        assert!(errors(&output).contains(wanted), "{arguments:?}: {}", errors(&output));
        assert!(began.elapsed() < Duration::from_secs(5));
    }
    assert_eq!(server.json(&["user", "list"]).as_array().unwrap().len(), 1);
    // A second server on the same data is refused, and says who holds it.
    let second = command_in(server.folder(), &["up", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"], "");
    assert_eq!(code(&second), 3, "{}", errors(&second));
    assert!(errors(&second).contains(&server.pid().to_string()), "{}", errors(&second));
    server.halt();
    assert_eq!(code(&server.command(&["reload"])), 1, "no server runs");
}

#[test]
fn a_lost_root_key_is_an_error_and_never_a_fresh_key() {
    let mut server = Server::start(&[]);
    server.create_person("ada@example.org", PASSWORD);
    server.halt();
    let key = server.data().join("root.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    for arguments in [&["user", "list"][..], &["up", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]] {
        let output = server.command(arguments);
        assert_eq!(code(&output), 3, "{}", errors(&output));
        assert!(errors(&output).contains("put it back from your backup"), "{}", errors(&output));
        assert!(!key.exists());
    }
    write_private(&key, &kept);
    assert_eq!(server.json(&["user", "list"]).as_array().unwrap().len(), 1);
}

fn write_private(path: &Path, bytes: &[u8]) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn a_backup_of_a_running_server_restores_without_its_sessions_and_without_the_erased() {
    let mut server = Server::start(&[]);
    server.create_person("ada@example.org", PASSWORD);
    server.create_person("bob@example.org", PASSWORD);
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let before = server.tokens(&mut ada, "wallet-app", "openid accounts:read offline_access");
    server.run(&["backup", "first"]);
    let refused = server.command(&["backup", "first"]);
    assert_eq!(code(&refused), 2, "{}", errors(&refused));
    server.run(&["user", "erase", "bob@example.org", "--yes"]);
    server.run(&["backup", "second"]);
    assert_eq!(server.get("/accounts", &before).status, 200, "backups disturb nobody");
    let erased = find(&server.folder().join("second"), "erased");
    let root_key = std::fs::read(server.data().join("root.key")).unwrap();
    server.halt();

    let folder = server.folder().to_owned();
    let over = server.command(&["restore", "first"]);
    assert_eq!(code(&over), 2, "never over a store: {}", errors(&over));
    std::fs::rename(server.data(), folder.join("lost")).unwrap();
    let without_key = server.command(&["restore", "first"]);
    assert_eq!(code(&without_key), 2, "{}", errors(&without_key));
    assert!(errors(&without_key).contains("put the root key"), "{}", errors(&without_key));
    if !server.data().exists() {
        std::fs::create_dir(server.data()).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(server.data(), private).unwrap();
    }
    write_private(&server.data().join("root.key"), &root_key);
    let report = server.json(&["restore", "first", "--erased", erased.to_str().unwrap()]);
    assert_eq!(report["erased_again"], 1, "{report}");
    // The certificate is no part of the store.
    support::copy_folder(&folder.join("lost/ca"), &server.data().join("ca"));
    server.resume();
    let refusal = server.get("/accounts", &before).refusal();
    assert_eq!(refusal.0, 401, "{refusal:?}");
    let refresh = form(&[
        ("grant_type", "refresh_token"),
        ("client_id", "wallet-app"),
        ("refresh_token", before.refresh.as_deref().unwrap()),
    ]);
    assert_eq!(server.token(&refresh, &[]).status, 400);
    assert_ne!(Browser::new(&server).sign_in(&Person::new("bob@example.org", PASSWORD)).status, 303, "he is erased");
    let after = server.tokens(&mut ada, "wallet-app", "openid accounts:read");
    assert_eq!(server.get("/accounts", &after).status, 200);
    assert_eq!(code(&server.command(&["audit", "verify"])), 0);
}

/// The file under a folder whose name begins so.
fn find(folder: &Path, name: &str) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().starts_with(name) {
                return entry.path();
            }
        }
    }
    panic!("no file {name}");
}
