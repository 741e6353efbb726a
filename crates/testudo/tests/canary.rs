//! Marked secrets go in at every door, and are then looked for in everything that the server writes or tells.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod support;

use std::path::Path;

use support::Server;
use support::backend::{Answer, Backend};
use support::http::{Browser, Person, REDIRECT, form};

const PASSWORD: &str = "correct horse battery staple";
/// An address of mail, a card, an account and a telephone number that stand nowhere else.
const SECRETS: [&str; 4] = ["canary.zq7@example.org", "4539578763621486", "GB29NWBK60161331926819", "+442071838750"];
/// What must not be found anywhere: parts that no partial form shows.
const NEEDLES: [&str; 4] = ["canary.zq7", "453957876362", "NWBK6016133192", "44207183"];

#[test]
fn no_secret_leaves_through_logs_journal_metrics_or_files() {
    let backend = Backend::start();
    let folder = tempfile::tempdir().unwrap();
    let toml = format!(
        "[upstream]\nservers = [\"{}\"]\n[contract]\npublic = [\"/open/*\"]\n[masking]\ndetect = true\n[log]\nlevel = \"debug\"\n",
        backend.url()
    );
    std::fs::write(folder.path().join("testudo.toml"), toml).unwrap();
    let mut server = Server::start_in(folder, &[]);
    server.run(&["client", "create", "app", "--redirect", REDIRECT, "--first-party"]);
    server.create_person("ada@example.org", PASSWORD);
    let tokens = server.tokens(&mut Person::new("ada@example.org", PASSWORD), "app", "openid");
    let bearer = tokens.bearer();
    let mut shown = String::new();
    for secret in SECRETS {
        let query = form(&[("q", secret)]);
        let plain = secret.replace('+', "%2B");
        // The backend: in answers, whole, broken and as an error.
        let body = format!(r#"{{"note":"it is {secret} indeed","{secret}":1}}"#);
        backend.answers("/open/answer", Answer::new("application/json", body.clone()));
        backend.answers("/open/broken", Answer::new("application/json", format!("{body}{body}")));
        let custom = format!("x-{}", secret.trim_start_matches('+').replace('@', "-at-"));
        for (method, path) in [
            ("GET", format!("/open/answer?{query}")),
            ("GET", format!("/open/broken?{query}")),
            ("GET", format!("/open/{plain}")),
            ("GET", format!("/closed/{plain}?{query}")),
            ("DELETE", format!("/open//{plain}")),
            (custom.as_str(), format!("/open/{plain}")),
            ("GET", format!("/authorize?client_id={plain}&redirect_uri={plain}&state={plain}&scope={plain}")),
            ("GET", format!("/sign-in?return_to={plain}")),
            ("GET", format!("/account?done={plain}")),
            ("GET", format!("/assets/{plain}")),
        ] {
            for authorization in [bearer.as_str(), "Bearer nonsense", secret] {
                let headers = [("Authorization", authorization), ("User-Agent", secret), ("X-Secret", secret)];
                let reply = server.send(method, &path, &headers, b"");
                if path.starts_with("/open/answer") || path.starts_with("/open/broken") {
                    shown.push_str(&reply.text());
                }
            }
        }
        // The doors: names that are no accounts, and some that are refused as names.
        let mut browser = Browser::new(&server);
        browser.sign_in(&Person::new(secret, PASSWORD));
        let page = browser.get("/sign-up");
        browser.submit("/sign-up", &page, &[("username", secret), ("name", secret), ("password", "short")]);
        for grant in ["authorization_code", "refresh_token", "client_credentials", secret] {
            let body =
                form(&[("grant_type", grant), ("client_id", secret), ("code", secret), ("refresh_token", secret)]);
            server.token(&body, &[("User-Agent", secret)]);
        }
        server.send("POST", "/revoke", &[], form(&[("token", secret)]).as_bytes());
        // The administrator: reasons are written by people.
        let reason = serde_json::json!({ "reason": format!("asked for by {secret}") });
        let person = server.json(&["user", "show", "ada@example.org"])["id"].as_str().unwrap().to_owned();
        server.as_owner("POST", &format!("/admin/v1/people/{person}/lock"), Some(&reason));
        server.as_owner("POST", &format!("/admin/v1/people/{person}/unlock"), Some(&reason));
        server.command(&["user", "show", secret]);
        // What is no HTTP.
        server.send("GET", "/open/x", &[("Bad Name", secret)], b"");
    }
    let metrics = server.send_admin("GET", "/metrics", &[], b"").text();
    let plain = server.run(&["--format", "json", "audit", "list", "--limit", "200"]);
    server.halt();
    let found = |what: &str, text: &[u8]| {
        for needle in NEEDLES {
            let at = text.windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle.as_bytes()));
            if let Some(at) = at {
                let around = &text[at.saturating_sub(200)..text.len().min(at + 100)];
                panic!("`{needle}` stands in {what}: {}", String::from_utf8_lossy(around));
            }
        }
    };
    found("answers", shown.as_bytes());
    found("the log", server.log().as_bytes());
    found("metrics", metrics.as_bytes());
    found("the journal's plain part", plain_part(&plain).as_bytes());
    assert!(server.log().len() > 1000 && plain.len() > 1000, "there was something to look at");
    each_file(&server.data(), &found);
}

/// What the list of events shows, without what is opened for its reader from the sealed part.
fn plain_part(listed: &str) -> String {
    let mut page: serde_json::Value = serde_json::from_str(listed).unwrap();
    for item in page["items"].as_array_mut().unwrap() {
        for sealed in ["personal", "peer"] {
            item["event"].as_object_mut().unwrap().remove(sealed);
        }
        if let Some(http) = item["event"].get_mut("http").and_then(serde_json::Value::as_object_mut) {
            http.remove("path");
            http.remove("user_agent");
        }
    }
    page.to_string()
}

fn each_file(folder: &Path, found: &impl Fn(&str, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_file(&path, found);
        } else if path.is_file() {
            found(&path.display().to_string(), &std::fs::read(&path).unwrap());
        }
    }
}
