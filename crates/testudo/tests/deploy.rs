//! What lies in `deploy/` works: `check` likes both configurations, and systemd both units.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::command::{code, errors, parsed};
use support::{command_in, shop, skip};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

/// The file with what it names in a folder of the test, where such files are made.
fn in_folder(folder: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(deploy().join(name)).unwrap();
    let at = |path: &str| folder.join(path).to_str().unwrap().to_owned();
    let made = rcgen::generate_simple_self_signed(["api.example.org".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    for (file, content) in [
        ("tls.pem", certificate.as_str()),
        ("tls.key", &key),
        ("backend-ca.pem", &certificate),
        ("postgres-ca.pem", &certificate),
        ("openapi.yaml", shop::API),
        ("postgres-url", "postgres://testudo:secret@db.example.org/testudo?sslmode=verify-full\n"),
    ] {
        std::fs::write(folder.join(file), content).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(folder.join(file), private).unwrap();
    }
    let text = text.replace("/etc/testudo/", &at("")).replace("/mnt/evidence/", &at(""));
    text.replace("/var/lib/testudo/", &at(""))
}

#[test]
fn check_likes_both_configurations() {
    for name in ["testudo.toml", "testudo-behind-balancer.toml"] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("testudo.toml"), in_folder(folder.path(), name)).unwrap();
        let check = command_in(folder.path(), &["--format", "json", "check"], "");
        assert_eq!(code(&check), 0, "{name}: {}", errors(&check));
        let answer = parsed(&check);
        for control in answer["controls"].as_array().unwrap() {
            let needed = ["transport", "rate-limit", "contract", "authentication", "authorization", "audit"];
            let needed = needed.contains(&control["control"].as_str().unwrap());
            assert!(!needed || control["on"] == true, "{name}: {control}");
        }
        // A key that is misspelt does not pass for a comment.
        let text = in_folder(folder.path(), name).replace("health-path", "health-paht");
        std::fs::write(folder.path().join("testudo.toml"), text).unwrap();
        let check = command_in(folder.path(), &["check"], "");
        assert_eq!(code(&check), 2, "{name}");
        assert!(errors(&check).contains("health-path"), "{name}: {}", errors(&check));
    }
}

#[test]
fn systemd_likes_both_units() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return skip("TESTUDO_REQUIRE_SYSTEMD", "systemd-analyze is not installed: nothing is known of the units");
    }
    let folder = tempfile::tempdir().unwrap();
    for unit in ["testudo.service", "testudo.socket"] {
        let text = std::fs::read_to_string(deploy().join("systemd").join(unit)).unwrap();
        // The program is where it will be installed; here there is another one that may be run.
        std::fs::write(folder.path().join(unit), text.replace("/usr/bin/testudo", "/bin/true")).unwrap();
    }
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .args(["testudo.service", "testudo.socket"].map(|unit| folder.path().join(unit)))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("testudo.")).collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}
