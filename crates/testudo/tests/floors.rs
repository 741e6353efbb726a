//! The plan of the house, kept: floors, what belongs to one room only, and what stands nowhere.
//!
//! `ARCHITECTURE.md` names the floors; each crate says its own in `[package.metadata.testudo] floor = N`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn metadata() -> Metadata {
    let manifest = root().join("Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).no_deps().other_options(["--offline".to_owned()]).exec().unwrap()
}

/// The packages under `crates/`, by name.
fn rooms(metadata: &Metadata) -> BTreeMap<&str, &Package> {
    let crates = root().join("crates");
    let inside = |package: &&Package| package.manifest_path.as_std_path().starts_with(&crates);
    metadata.workspace_packages().into_iter().filter(inside).map(|package| (package.name.as_str(), package)).collect()
}

fn floor(package: &Package) -> u64 {
    let floor = package.metadata.pointer("/testudo/floor").unwrap_or(&serde_json::Value::Null);
    floor.as_u64().unwrap_or_else(|| panic!("{} has no `[package.metadata.testudo] floor = N`", package.name))
}

fn check(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_room_stands_on_lower_floors_only() {
    let metadata = metadata();
    let rooms = rooms(&metadata);
    assert!(rooms.len() >= 12, "the rooms are found");
    let mut faults = Vec::new();
    for (name, package) in &rooms {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal) {
            let Some(other) = rooms.get(dependency.name.as_str()) else { continue };
            let (own, below) = (floor(package), floor(other));
            if below >= own {
                faults.push(format!("{name} (floor {own}) depends on {} (floor {below})", dependency.name));
            }
            if dependency.name == "testudo-testkit" {
                faults.push(format!("{name} depends on testudo-testkit outside its tests"));
            }
        }
    }
    check(&faults);
}

#[test]
fn the_ground_is_the_words_alone() {
    let metadata = metadata();
    let ground: Vec<&str> =
        rooms(&metadata).iter().filter(|(_, package)| floor(package) == 0).map(|(name, _)| *name).collect();
    assert_eq!(ground, ["testudo-core"]);
}

#[test]
fn drivers_and_servers_belong_to_their_rooms() {
    let metadata = metadata();
    let owners: [(&[&str], &[&str]); 3] = [
        (
            &["rusqlite", "tokio-postgres", "deadpool-postgres", "tokio-postgres-rustls", "sqlx", "redis"],
            &["testudo-store"],
        ),
        (
            &["tokio-rustls", "hyper", "hyper-util", "h2"],
            &["testudo-gateway", "testudo-export", "testudo", "testudo-probe"],
        ),
        (&["argon2", "bcrypt", "aws-lc-rs", "ring", "rsa"], &["testudo-crypto", "testudo-gateway", "testudo-testkit"]),
    ];
    let mut faults = Vec::new();
    for (name, package) in rooms(&metadata) {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal) {
            for (crates, rooms) in owners {
                if crates.contains(&dependency.name.as_str()) && !rooms.contains(&name) {
                    faults.push(format!(
                        "{name} depends on {}, which belongs to {}",
                        dependency.name,
                        rooms.join(", ")
                    ));
                }
            }
        }
    }
    check(&faults);
}

#[test]
fn every_room_keeps_the_lints_of_the_house() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    let metadata = metadata();
    let keeps =
        |package: &Package| fs::read_to_string(&package.manifest_path).unwrap().contains("[lints]\nworkspace = true");
    let without = metadata.workspace_packages().into_iter().filter(|package| !keeps(package));
    check(&without.map(|package| format!("{} lacks `[lints] workspace = true`", package.name)).collect::<Vec<_>>());
}

/// A line of code in a room, without its comment.
struct Line {
    room: String,
    place: String,
    code: String,
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn files() -> Vec<(String, PathBuf, String)> {
    let crates = root().join("crates");
    let mut files = Vec::new();
    for room in fs::read_dir(&crates).unwrap() {
        let room = room.unwrap().path();
        let mut found = Vec::new();
        if room.join("src").is_dir() {
            sources(&room.join("src"), &mut found);
        }
        let name = room.file_name().unwrap().to_string_lossy().into_owned();
        files.extend(found.into_iter().map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (name.clone(), path, text)
        }));
    }
    assert!(files.len() > 50, "the sources are found");
    files
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs" | "test.rs")))
}

/// The code of all rooms, without comments; of a file, only what stands before its tests.
fn code() -> Vec<Line> {
    let mut lines = Vec::new();
    for (room, path, text) in files() {
        let relative = path.strip_prefix(root()).unwrap();
        if is_test(relative) {
            continue;
        }
        for (number, line) in text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]")) {
            let code = if line.trim_start().starts_with("//") { "" } else { line };
            let place = format!("{}:{}", relative.display(), number + 1);
            lines.push(Line { room: room.clone(), place, code: code.to_owned() });
        }
    }
    lines
}

fn faults(lines: &[Line], is_fault: impl Fn(&Line) -> bool) -> Vec<String> {
    lines.iter().filter(|line| is_fault(line)).map(|line| format!("{}: {}", line.place, line.code.trim())).collect()
}

#[test]
fn sql_stands_in_the_store_only() {
    const WORDS: [&str; 9] = [
        "INSERT INTO ",
        "DELETE FROM ",
        "CREATE TABLE ",
        "CREATE INDEX ",
        "CREATE UNIQUE INDEX ",
        "ALTER TABLE ",
        "DROP TABLE ",
        "ON CONFLICT ",
        "PRAGMA ",
    ];
    let is_sql = |code: &str| {
        let quoted = code.contains('"') || code.trim_start().starts_with("SELECT ");
        WORDS.iter().any(|word| code.contains(word))
            || quoted && code.contains("SELECT ") && (code.contains(" FROM ") || code.trim_end().ends_with('\\'))
            || quoted && code.contains("UPDATE ") && code.contains(" SET ")
    };
    assert!(is_sql("let q = \"SELECT a FROM b\";") && is_sql("\"UPDATE t SET a = 1\"") && !is_sql("// update the set"));
    let lines = code();
    assert!(lines.iter().any(|line| line.room == "store" && is_sql(&line.code)), "the search finds what there is");
    check(&faults(&lines, |line| line.room != "store" && is_sql(&line.code)));
}

#[test]
fn servers_stand_in_gateway_and_testudo_only() {
    let is_server = |code: &str| {
        ["hyper::server", "hyper_util::server", "rustls::ServerConfig", "rustls::server", "TlsAcceptor", "axum::serve"]
            .iter()
            .any(|word| code.contains(word))
            || code.contains("rustls") && code.contains("ServerConfig")
    };
    let lines = code();
    assert!(lines.iter().any(|line| line.room == "gateway" && is_server(&line.code)), "the search finds what there is");
    check(&faults(&lines, |line| !matches!(line.room.as_str(), "gateway" | "testudo") && is_server(&line.code)));
}

#[test]
fn unsafe_code_stands_nowhere() {
    let is_unsafe = |code: &str| {
        [
            "unsafe {",
            "unsafe fn",
            "unsafe impl",
            "unsafe trait",
            "unsafe extern",
            "allow(unsafe_code",
            "expect(unsafe_code",
        ]
        .iter()
        .any(|word| code.contains(word))
    };
    assert!(is_unsafe("    unsafe { x() }"));
    check(&faults(&code(), |line| is_unsafe(&line.code)));
}

#[test]
fn engines_read_no_clock_no_environment_no_file_and_spawn_nothing() {
    const ENGINES: [&str; 10] =
        ["core", "body", "contract", "waf", "limits", "access", "attestation", "privacy", "detection", "response"];
    const OUTSIDE: [&str; 9] = [
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "std::env",
        "std::fs",
        "std::net::Tcp",
        "std::thread",
        "std::process",
        "tokio::",
    ];
    let lines = code();
    check(&faults(&lines, |line| {
        ENGINES.contains(&line.room.as_str()) && OUTSIDE.iter().any(|word| line.code.contains(word))
    }));
}

#[test]
fn every_file_has_a_head_and_an_end() {
    let mut faults = Vec::new();
    for (_, path, text) in files() {
        let place = path.strip_prefix(root()).unwrap().display();
        if !text.starts_with("//!") {
            faults.push(format!("{place}: begin it with `//!` and one sentence of what it is"));
        }
        if text.lines().count() > 600 {
            faults.push(format!("{place}: {} lines are more than 600; make it a folder", text.lines().count()));
        }
    }
    check(&faults);
}
