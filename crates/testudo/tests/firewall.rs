//! The firewall in a request's trip: what rules refuse, what is written down about it, and what commands tell.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod support;

use std::path::PathBuf;

use serde_json::{Value, json};
use support::Server;
use support::command::{code, errors, parsed};
use support::http::Reply;
use support::upstream::{Upstream, saw};

const RULES: &str = r#"
SecRule ARGS "@rx (?i)union\s+select" "id:1001,phase:2,deny,status:403,t:none,t:urlDecodeUni,severity:CRITICAL,\
    msg:'SQL injection',logdata:'%{MATCHED_VAR_NAME}'"
SecRule REQUEST_HEADERS:User-Agent "@pm sqlmap nikto" "id:1002,phase:1,deny,status:403,severity:CRITICAL,msg:'A scanner'"
SecRule FILES|FILES_NAMES "@rx \.php$" "id:1003,phase:2,deny,status:403,t:lowercase,severity:CRITICAL,msg:'A script'"
SecRule RESPONSE_BODY "@contains Traceback (most recent call last)" "id:1004,phase:4,deny,status:403,severity:ERROR,msg:'A stack trace'"
SecRule RESPONSE_HEADERS:X-Hop "@streq 2" "id:1005,phase:3,deny,status:403,severity:ERROR,msg:'A header'"
"#;

fn config(upstream: &Upstream, more: &str) -> String {
    format!(
        "[upstream]\nservers = [\"{}\"]\n[contract]\npublic = [\"/app/*\"]\n[waf]\nrules = [\"rules.conf\"]\n{more}\n",
        upstream.url()
    )
}

fn start(upstream: &Upstream, more: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.conf"), RULES).unwrap();
    std::fs::write(folder.path().join("testudo.toml"), config(upstream, more)).unwrap();
    Server::start_in(folder, &[])
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn refused(reply: &Reply) -> (u16, String) {
    reply.refusal()
}

#[test]
fn what_looks_like_an_attack_never_reaches_the_backend_and_leaves_its_evidence() {
    let upstream = Upstream::start();
    let server = start(&upstream, "");
    let status = server.json(&["check"]);
    assert!(!status["off"].to_string().contains("waf"), "{status}");
    let before = upstream.requests();
    let attack = "1'+UNION%20SELECT+name";
    let suspected = (403, "attack-suspected".to_owned());
    let reply = server.send("GET", &format!("/app/search?q={attack}"), &[], b"");
    assert_eq!(refused(&reply), suspected);
    assert!(reply.text().contains("rule 1001"), "{}", reply.text());
    assert!(!reply.text().contains("SELECT"), "what it matched is nobody's business: {}", reply.text());
    let body = json!({ "order": { "note": "x UNION select y" } }).to_string();
    assert_eq!(refused(&server.send("POST", "/app/orders", &[JSON], body.as_bytes())), suspected);
    let form = format!("note={attack}");
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(refused(&server.send("POST", "/app/orders", &[kind], form.as_bytes())), suspected);
    assert_eq!(refused(&server.send("GET", "/app/home", &[("User-Agent", "sqlmap/1.7")], b"")), suspected);
    let broken = server.send("POST", "/app/orders", &[JSON], b"{\"a\":");
    assert_eq!(refused(&broken), (400, "attack-suspected".to_owned()));
    assert_eq!(upstream.requests(), before, "nothing of that reached the backend");

    // What is none passes, byte by byte.
    let harmless = json!({ "note": "we select a union representative" }).to_string();
    let reply = server.send("POST", "/app/orders", &[JSON], harmless.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(saw(&reply.json(), "content-length"), [harmless.len().to_string()]);

    let events = support::attack::wait("the events", || {
        let events = server.events("request.decided");
        let found: Vec<Value> = events.into_iter().filter(|event| event["control"] == "waf").collect();
        (found.iter().map(|event| event["count"].as_u64().unwrap_or(1)).sum::<u64>() >= 5).then_some(found)
    });
    let rules = |event: &Value| event["details"]["waf-rules"].as_str().unwrap_or_default().to_owned();
    assert!(events.iter().any(|event| rules(event).contains("1001")), "{events:?}");
    assert!(!json!(events).to_string().to_lowercase().contains("union"), "values are sealed: {events:?}");
}

#[test]
fn a_body_that_is_longer_than_the_firewall_reads_is_refused() {
    let upstream = Upstream::start();
    let server = start(&upstream, "");
    let long = format!("{{\"a\":\"{}\"}}", "b".repeat(300 * 1024));
    let reply = server.send("POST", "/app/orders", &[JSON], long.as_bytes());
    assert_eq!(refused(&reply), (413, "body-too-large-to-inspect".to_owned()));
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(refused(&server.send("POST", "/app/orders", &[form], long.as_bytes())).1, "body-too-large-to-inspect");
    let within = format!("{{\"a\":\"{}\"}}", "b".repeat(100 * 1024));
    assert_eq!(server.send("POST", "/app/orders", &[JSON], within.as_bytes()).status, 200);
}

#[test]
fn detection_only_lets_pass_and_writes_down() {
    let upstream = Upstream::start();
    let server = start(&upstream, "mode = \"detect\"");
    let status = server.json(&["check"]);
    assert!(status.to_string().contains("what it finds is written down and passes"), "{status}");
    assert_eq!(server.send("GET", "/app/home?q=union%20select", &[], b"").status, 200);
    let long = format!("{{\"a\":\"{}\"}}", "b".repeat(300 * 1024));
    assert_eq!(server.send("POST", "/app/orders", &[JSON], long.as_bytes()).status, 200, "detection refuses nothing");
    support::attack::wait("the event", || {
        let events = server.events("request.decided");
        events.iter().any(|event| event["details"]["waf-rules"] == "1001").then_some(())
    });
}

#[test]
fn a_reload_swaps_rules_and_keeps_the_old_ones_when_the_new_are_wrong() {
    let upstream = Upstream::start();
    let server = start(&upstream, "");
    let status = |server: &Server| server.send("GET", "/app/home?q=union%20select", &[], b"").status;
    assert_eq!(status(&server), 403);
    std::fs::write(server.folder().join("rules.conf"), "SecRule ARGS \"@rxx a\" \"id:1,phase:2,deny\"\n").unwrap();
    let output = server.command(&["reload"]);
    assert_ne!(code(&output), 0);
    assert_eq!(status(&server), 403, "the old rules stay");
    let said = errors(&server.command(&["check"]));
    assert!(said.contains("rules.conf:1") && said.contains("did you mean `@rx`"), "{said}");
    std::fs::write(server.folder().join("rules.conf"), RULES).unwrap();
    let excluded = config(&upstream, "exclusions = ['SecRuleUpdateTargetById 1001 \"!ARGS:q\"']");
    std::fs::write(server.folder().join("testudo.toml"), excluded).unwrap();
    server.run(&["reload"]);
    assert_eq!(status(&server), 200);
    assert_eq!(server.send("GET", "/app/home?other=union%20select", &[], b"").status, 403);
}

#[test]
fn explain_tells_what_matched_and_the_smallest_exclusion() {
    let upstream = Upstream::start();
    let server = start(&upstream, "");
    let request = "POST /app/orders?q=union%20select&safe=1 HTTP/1.1\nHost: a.example\nContent-Type: application/json\n\n\
                   {\"note\":\"union  select\"}";
    std::fs::write(server.folder().join("request.txt"), request).unwrap();
    let arguments = ["--format", "json", "waf", "explain", "request.txt", "--rules", "rules.conf"];
    let output = server.command(&arguments);
    assert_eq!(code(&output), 1, "{}", errors(&output));
    let answer = parsed(&output);
    assert_eq!(answer["refused"], json!({ "rule": 1001, "status": 403 }));
    assert_eq!(answer["matches"][0]["message"], "SQL injection");
    let lines: Vec<&str> = answer["exclusions"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    // What is proposed is enough, and each line of it is needed.
    let judge = |lines: &[&str]| {
        std::fs::write(server.folder().join("own.conf"), format!("{RULES}\n{}\n", lines.join("\n"))).unwrap();
        code(&server.command(&["waf", "explain", "request.txt", "--rules", "own.conf"]))
    };
    assert_eq!((judge(&lines), judge(&lines[..1]), judge(&lines[1..])), (0, 1, 1));
    let human = server.command(&["waf", "explain", "request.txt", "--rules", "rules.conf"]);
    let text = String::from_utf8_lossy(&human.stdout).into_owned();
    assert!(text.contains("refused with 403 by rule 1001") && text.contains(lines[0]), "{text}");
    for wrong in
        [&["waf", "check", "--rules", "nowhere"][..], &["waf", "explain", "rules.conf", "--rules", "rules.conf"]]
    {
        assert_eq!(code(&server.command(wrong)), 2, "{wrong:?}");
    }
}

#[test]
fn what_others_refuse_is_refused_as_before() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.conf"), RULES).unwrap();
    std::fs::write(folder.path().join("api.yaml"), support::shop::API).unwrap();
    let text = config(&upstream, "").replace("public = [\"/app/*\"]", "openapi = \"api.yaml\"");
    std::fs::write(folder.path().join("testudo.toml"), text).unwrap();
    let server = Server::start_in(folder, &[]);
    assert_eq!(refused(&server.send("GET", "/orders", &[], b"")), (401, "token-missing".to_owned()));
    assert_eq!(refused(&server.send("GET", "/nowhere", &[], b"")).0, 404);
    server.create_person("ada@example.org", support::shop::PASSWORD);
    let redirect = "http://127.0.0.1/callback";
    server.run(&["client", "create", "app", "--redirect", redirect, "--first-party", "--scope", "orders:read"]);
    let mut ada = support::http::Person::new("ada@example.org", support::shop::PASSWORD);
    let bearer = server.tokens(&mut ada, "app", "openid orders:read").bearer();
    let chunked = |length: usize| {
        let body = format!("{length:x}\r\n{}\r\n0\r\n\r\n", "n".repeat(length));
        let mut stream = support::http::Http::new(&server.ca()).open(server.gateway);
        let request = format!(
            "POST /notes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {bearer}\r\n\
             Transfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n{body}"
        );
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        support::http::read_reply(&mut stream)
    };
    assert_eq!(chunked(1_000).status, 200);
    // A body that announces no length is held to the limit of its route, also when the firewall reads it first.
    assert_eq!(refused(&chunked(2_000)), (413, "body-too-large".to_owned()));
}

const MULTIPART: (&str, &str) = ("Content-Type", "multipart/form-data; boundary=xyz");

/// A form with a file of so many bytes, and a last field.
fn upload(name: &str, size: usize, last: &str) -> Vec<u8> {
    let mut body = format!(
        "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: image/png\r\n\r\n"
    )
    .into_bytes();
    body.extend(std::iter::repeat_n(b'p', size));
    body.extend(
        format!("\r\n--xyz\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n{last}\r\n--xyz--\r\n").bytes(),
    );
    body
}

#[test]
fn a_large_upload_is_judged_as_it_flows_and_its_end_is_held_back() {
    let upstream = Upstream::start();
    let server = start(&upstream, "");
    let size = 2 << 20;
    let harmless = upload("cat.png", size, "a cat");
    let reply = server.send("POST", "/app/upload", &[MULTIPART], &harmless);
    assert_eq!((reply.status, reply.json()["body"].as_u64()), (200, Some(harmless.len() as u64)), "{}", reply.text());
    let whole = upstream.whole_requests();
    for body in
        [upload("cat.PHP", size, "a cat"), upload("cat.png", size, "x union  select y"), upload("cat.png", size, "")]
    {
        // The last of them is not even well-formed: it ends within its boundary.
        let body = if body.windows(5).any(|text| text == b"a cat" || text == b"union") {
            &body[..]
        } else {
            &body[..body.len() - 6]
        };
        let reply = server.send("POST", "/app/upload", &[MULTIPART], body);
        assert_eq!(refused(&reply).1, "attack-suspected", "{}", reply.text());
        // What is refused within the same second stands as one event.
        std::thread::sleep(std::time::Duration::from_millis(1_050));
    }
    assert_eq!(upstream.whole_requests(), whole, "the backend never got the whole of what was refused");
    // What nothing reads passes as it is.
    let image = vec![0x89; 1 << 20];
    assert_eq!(server.send("PUT", "/app/image", &[("Content-Type", "image/png")], &image).status, 200);
    support::attack::wait("the events", || {
        let events = server.events("request.decided");
        let found = |rule: &str| {
            events.iter().any(|event| event["details"]["waf-rules"] == rule && event["code"] == "attack-suspected")
        };
        (found("1003") && found("1001")).then_some(())
    });
}

#[test]
fn coded_bodies_are_read_as_the_backend_will_read_them() {
    use std::io::Write as _;
    let gzip = |plain: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    };
    let brotli = |plain: &[u8]| {
        let mut coded = Vec::new();
        brotli::BrotliCompress(&mut &*plain, &mut coded, &brotli::enc::BrotliEncoderParams::default()).unwrap();
        coded
    };
    let zstd = |plain: &[u8]| ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest);
    let upstream = Upstream::start();
    let server = start(&upstream, "");
    let (attack, harmless) = (br#"{"a":"union select"}"#, br#"{"a":"a reunion"}"#);
    let send = |coding: &str, body: &[u8]| {
        let reply = server.send("POST", "/app/orders", &[JSON, ("Content-Encoding", coding)], body);
        refused(&reply)
    };
    for (coding, attack, harmless) in [
        ("gzip", gzip(attack), gzip(harmless)),
        ("br", brotli(attack), brotli(harmless)),
        ("zstd", zstd(attack), zstd(harmless)),
        ("identity", attack.to_vec(), harmless.to_vec()),
    ] {
        assert_eq!(send(coding, &attack), (403, "attack-suspected".to_owned()), "{coding}");
        assert_eq!(send(coding, &harmless).0, 200, "{coding}");
        if coding != "identity" {
            let cut = send(coding, &attack[..attack.len() - 3]);
            assert_eq!(cut, (400, "content-coding-damaged".to_owned()), "{coding}");
        }
    }
    for coding in ["deflate", "gzip, br", "nothing"] {
        assert_eq!(send(coding, harmless), (415, "content-coding-unknown".to_owned()), "{coding}");
    }
    let bomb = gzip(&vec![b' '; 20 << 20]);
    assert_eq!(send("gzip", &bomb), (413, "content-coding-too-large".to_owned()));
    let mut large = upload("cat.png", 1 << 20, "union select");
    large.splice(500..500, (0..300_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x80));
    let reply = server.send("POST", "/app/upload", &[MULTIPART, ("Content-Encoding", "gzip")], &gzip(&large));
    assert_eq!(refused(&reply), (403, "attack-suspected".to_owned()), "a coded body is read as it flows too");
}

#[test]
fn what_leaks_in_answers_stays_inside() {
    let upstream = Upstream::start();
    let server = start(&upstream, "");
    for headers in [&[][..], &[("Accept-Encoding", "gzip")], &[("Accept-Encoding", "zstd, br, gzip")]] {
        let reply = server.send("GET", "/app/leak", headers, b"");
        assert_eq!(refused(&reply), (502, "leak-suspected".to_owned()), "{headers:?}");
        assert!(!reply.text().contains("pay.py"));
    }
    let page = server.send("GET", "/app/page", &[], b"");
    assert_eq!((page.status, page.body.len()), (200, 60_000 * 13), "a long answer goes on after its beginning");
    support::attack::wait("the event", || {
        let events = server.events("request.decided");
        let leak = events.iter().find(|event| event["code"] == "leak-suspected")?;
        (leak["details"]["waf-rules"] == "1004" && leak["control"] == "waf").then_some(())
    });
}

#[test]
fn rules_see_what_is_no_request_and_what_our_own_pages_get() {
    use std::io::Write as _;
    let upstream = Upstream::start();
    let server = start(&upstream, "log = \"waf.log\"");
    let mut stream = support::http::Http::new(&server.ca()).open(server.gateway);
    stream.write_all(b"GET /app/home?q=union%20select HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").unwrap();
    assert_eq!(support::http::read_reply(&mut stream).refusal(), (400, "host-duplicate".to_owned()));
    support::attack::wait("the event", || {
        let events = server.events("request.malformed");
        events.iter().any(|event| event["details"]["waf-rules"] == "1001").then_some(())
    });
    let log = || std::fs::read_to_string(server.folder().join("waf.log")).unwrap();
    assert!(log().contains("[id \"1001\"]"), "{}", log());

    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let sign_in = |body: &str| refused(&server.send("POST", "/token", &[form], body.as_bytes()));
    assert_eq!(sign_in("grant_type=union%20select"), (403, "attack-suspected".to_owned()));
    // What is secret may be anything, and is shown to nobody.
    assert_ne!(sign_in("grant_type=refresh_token&refresh_token=union%20select&client_id=app").1, "attack-suspected");
    assert!(!log().contains("refresh_token"), "{}", log());
}

#[test]
fn without_a_word_the_built_in_rules_are_on() {
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let text = format!("[upstream]\nservers = [\"{}\"]\n[contract]\npublic = [\"/app/*\"]\n", upstream.url());
    std::fs::write(folder.path().join("testudo.toml"), text).unwrap();
    let server = Server::start_in(folder, &[]);
    assert!(server.greeting.iter().any(|line| line.contains("firewall  the built-in rules")), "{:?}", server.greeting);
    for (method, path, body) in [
        ("GET", "/app/search?q=1'%20UNION%20SELECT%20username,password%20FROM%20users--", ""),
        ("GET", "/app/files?name=../../../../etc/passwd", ""),
        ("POST", "/app/comments", r#"{"text":"<script>alert(document.cookie)</script>"}"#),
        ("POST", "/app/ping", r#"{"host":"127.0.0.1; cat /etc/passwd"}"#),
        ("POST", "/app/fetch", r#"{"url":"http://169.254.169.254/latest/meta-data/"}"#),
    ] {
        let reply = server.send(method, path, &[JSON], body.as_bytes());
        assert_eq!(refused(&reply), (403, "attack-suspected".to_owned()), "{method} {path}");
    }
    let order =
        r#"{"sku":"SKU-1","qty":2,"note":"Please ring twice, it's the 2nd door -- or select the bell; thanks"}"#;
    assert_eq!(server.send("POST", "/app/orders", &[JSON], order.as_bytes()).status, 200);
    let leak = server.send("GET", "/app/leak", &[], b"");
    assert_eq!(refused(&leak), (502, "leak-suspected".to_owned()));
}

/// The rules of Debian's package are found by themselves; what of them is not done is told.
#[test]
fn the_rules_of_debians_package_are_found() {
    if !std::path::Path::new("/etc/modsecurity/crs/crs-setup.conf").is_file() {
        support::skip("TESTUDO_REQUIRE_DEBIAN_CRS", "Debian's package `modsecurity-crs` is not installed");
        return;
    }
    let upstream = Upstream::start();
    let folder = tempfile::tempdir().unwrap();
    let text = format!("[upstream]\nservers = [\"{}\"]\n[contract]\npublic = [\"/app/*\"]\n[waf]\n", upstream.url());
    std::fs::write(folder.path().join("testudo.toml"), text).unwrap();
    let server = Server::start_in(folder, &[]);
    assert!(server.greeting.iter().any(|line| line.contains("Debian's package")), "{:?}", server.greeting);
    support::attack::wait("the warning", || server.log().contains("rule 953120 is left out").then_some(()));
    let app = [("User-Agent", "ShopApp/4.2.1 (iPhone; iOS 18.1)"), ("Accept", "application/json"), JSON];
    let attack =
        server.send("GET", "/app/search?q=1'%20UNION%20SELECT%20username,password%20FROM%20users--", &app, b"");
    assert_eq!(refused(&attack), (403, "attack-suspected".to_owned()));
    let order = r#"{"sku":"SKU-1","qty":2,"note":"Please ring twice"}"#;
    let reply = server.send("POST", "/app/orders", &app, order.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn a_release_is_installed_once_it_was_read_without_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("coreruleset-4.0.0");
    std::fs::create_dir_all(release.join("rules")).unwrap();
    std::fs::write(release.join("crs-setup.conf.example"), "SecAction \"id:900990,phase:1,pass,nolog\"\n").unwrap();
    let rule = |text: &str| std::fs::write(release.join("rules/REQUEST-901.conf"), text).unwrap();
    rule("SecRule ARGS \"@pmFromFile words.data\" \"id:901000,phase:2,deny,status:403\"\n");
    std::fs::write(release.join("rules/words.data"), "forbidden-word\n").unwrap();
    std::fs::write(release.join("rules/run.sh"), "exit 1\n").unwrap();
    let upstream = Upstream::start();
    let config = format!("[upstream]\nservers = [\"{}\"]\n[contract]\npublic = [\"/app/*\"]\n[waf]\n", upstream.url());
    std::fs::write(folder.path().join("testudo.toml"), config).unwrap();
    let archive = |name: &str| {
        let (program, arguments): (_, &[&str]) = if name.contains(".zip") {
            ("python3", &["-m", "zipfile", "-c", name, "coreruleset-4.0.0"])
        } else {
            ("tar", &["-czf", name, "coreruleset-4.0.0"])
        };
        let made = std::process::Command::new(program).args(arguments).current_dir(folder.path()).status().unwrap();
        assert!(made.success());
    };
    archive("release.tar.gz");
    archive("release.zip");
    let path = folder.path().to_owned();
    let server = Server::start_in(folder, &[]);
    let asked = |server: &Server| server.send("GET", "/app/home?q=a-forbidden-word", &[], b"").status;
    assert_eq!(asked(&server), 200);
    for source in ["coreruleset-4.0.0", "release.tar.gz", "release.zip"] {
        let said = server.run(&["waf", "install-crs", source]);
        assert!(said.contains("read without a mistake") && said.contains("testudo reload"), "{said}");
    }
    assert!(!server.data().join("crs/rules/run.sh").exists(), "only rules are taken");
    server.run(&["reload"]);
    assert_eq!(asked(&server), 403);
    assert!(server.run(&["check"]).contains("the OWASP Core Rule Set that was installed"));

    std::fs::write(
        path.join("coreruleset-4.0.0/rules/REQUEST-901.conf"),
        "SecRule ARGS \"@pn a\" \"id:1,phase:2,deny\"\n",
    )
    .unwrap();
    let output = server.command(&["waf", "install-crs", "coreruleset-4.0.0"]);
    let said = errors(&output);
    assert!(code(&output) == 2 && said.contains("REQUEST-901.conf:1") && said.contains("did you mean"), "{said}");
    server.run(&["reload"]);
    assert_eq!(asked(&server), 403, "the release before stays");
    for wrong in ["testudo.toml", "data", "nowhere"] {
        assert_eq!(code(&server.command(&["waf", "install-crs", wrong])), 2, "{wrong}");
    }
}

#[test]
fn another_site_can_not_write_with_cookies() {
    let upstream = Upstream::start();
    let server = start(&upstream, "");
    let cookie = ("Cookie", "session=1");
    let post = |headers: &[(&str, &str)]| refused(&server.send("POST", "/app/transfer", headers, b"{}"));
    let cross = (403, "cross-site-request".to_owned());
    assert_eq!(post(&[JSON, cookie, ("Origin", "https://evil.example")]), cross);
    assert_eq!(post(&[JSON, cookie, ("Sec-Fetch-Site", "cross-site")]), cross);
    let own = server.url();
    assert_eq!(post(&[JSON, cookie, ("Origin", &own)]).0, 200);
    assert_eq!(post(&[JSON, cookie, ("Sec-Fetch-Site", "same-origin")]).0, 200);
    assert_eq!(post(&[JSON, cookie]).0, 200, "an app is no browser");
    server.run(&[
        "client",
        "create",
        "spa",
        "--redirect",
        "https://spa.example/cb",
        "--first-party",
        "--cors",
        "https://spa.example",
    ]);
    server.run(&["reload"]);
    assert_eq!(post(&[JSON, cookie, ("Origin", "https://spa.example")]).0, 200, "pages of a client may");
}

/// The rule set itself, through real sockets.
#[test]
fn the_core_rule_set_refuses_attacks_and_lets_an_app_work() {
    let Some(folder) = std::env::var_os("TESTUDO_CRS").map(PathBuf::from).filter(|folder| folder.is_dir()) else {
        return support::skip(
            "TESTUDO_REQUIRE_CRS",
            "the OWASP Core Rule Set is not there; set TESTUDO_CRS to the folder of a release",
        );
    };
    let upstream = Upstream::start();
    let folder = folder.canonicalize().unwrap();
    let server = start(&upstream, "");
    let text = config(&upstream, "paranoia = 1").replace("\"rules.conf\"", &json!(folder).to_string());
    std::fs::write(server.folder().join("testudo.toml"), text).unwrap();
    server.run(&["reload"]);
    let app = [("User-Agent", "ShopApp/4.2.1 (iPhone; iOS 18.1)"), ("Accept", "application/json"), JSON];
    for (method, path, body) in [
        ("GET", "/app/accounts?page=2&sort=price", ""),
        ("POST", "/app/orders", r#"{"sku":"SKU-1","qty":2,"note":"Please ring twice, it's the 2nd door"}"#),
        ("PUT", "/app/profile", r#"{"name":"Ann O'Neill","city":"Utrecht"}"#),
        ("DELETE", "/app/cards/7", ""),
    ] {
        let reply = server.send(method, path, &app, body.as_bytes());
        assert_eq!(reply.status, 200, "{method} {path}: {}", reply.text());
    }
    for (method, path, body) in [
        ("GET", "/app/search?q=1'%20UNION%20SELECT%20username,password%20FROM%20users--", ""),
        ("GET", "/app/files?name=../../../../etc/passwd", ""),
        ("POST", "/app/comments", r#"{"text":"<script>alert(document.cookie)</script>"}"#),
        ("POST", "/app/ping", r#"{"host":"127.0.0.1; cat /etc/passwd"}"#),
    ] {
        let reply = server.send(method, path, &app, body.as_bytes());
        assert_eq!(refused(&reply), (403, "attack-suspected".to_owned()), "{method} {path}");
    }
}
