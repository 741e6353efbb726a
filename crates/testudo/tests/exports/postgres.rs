//! Two nodes on PostgreSQL: one exports, and when it is killed the other one goes on from the same place.

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use testudo_testkit::postgres::TempPostgres;

use super::bulk::{Index, assert_complete, serve_index};
use super::support::{Server, eventually};
use super::{PATIENCE, WIDE, drained, target, traffic};

/// The second node of a log needs the root key of the first.
fn with_key_of(first: &Path, folder: &Path) {
    let key = std::fs::read(first.join("data/root.key")).unwrap();
    std::fs::DirBuilder::new().mode(0o700).create(folder.join("data")).unwrap();
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join("data/root.key"));
    std::io::Write::write_all(&mut file.unwrap(), &key).unwrap();
}

#[test]
fn when_the_node_that_exports_is_killed_the_other_one_goes_on() {
    let Some(postgres) = TempPostgres::start(None).unwrap() else {
        // Past what the test harness captures.
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: PostgreSQL is not installed; nothing is known of exports of several nodes\n"),
        );
        return;
    };
    let index = Arc::new(Index::default());
    let address = serve_index(&index);
    let secret = tempfile::tempdir().unwrap();
    let secret = (secret.path().join("authorization"), secret);
    std::fs::write(&secret.0, "ApiKey secret-of-the-test\n").unwrap();
    let configuration = format!(
        "{WIDE}[store]\npostgres-url-file = \"url\"\n[[export]]\nname = \"search\"\nkind = \"bulk\"\n\
         url = \"http://{address}/_bulk\"\nindex = \"logs-testudo\"\nfrom = \"start\"\nauthorization-file = \"{}\"\n",
        secret.0.display()
    );
    let folder = || {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("testudo.toml"), &configuration).unwrap();
        std::fs::write(folder.path().join("url"), postgres.url("postgres")).unwrap();
        folder
    };
    let first = Server::start_in(folder(), &[]);
    let second = folder();
    with_key_of(first.folder(), second.path());
    let second = Server::start_in(second, &[]);
    let state = |server: &Server| target(server, "search")["state"].as_str().unwrap().to_owned();
    traffic(&first, 200);
    traffic(&second, 200);
    drained(&second, "search");
    let states = [state(&first), state(&second)];
    assert!(states.contains(&"elsewhere".to_owned()) && states.iter().any(|s| s != "elsewhere"), "{states:?}");
    let (leader, other) = if states[0] == "elsewhere" { (second, first) } else { (first, second) };
    traffic(&other, 300);
    // Killed in the middle of it.
    drop(leader);
    traffic(&other, 300);
    eventually("the other node takes over", PATIENCE, || state(&other) != "elsewhere");
    let place = drained(&other, "search");
    assert_complete(&other, &index, place);
}
