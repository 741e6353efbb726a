//! Answers are masked as the contract marks them, on the real binary, and what can't be masked is not delivered.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::format_push_string,
    missing_docs
)]

mod support;

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use support::backend::{Answer, Backend, Ending};
use support::http::{Browser, Http, Person, REDIRECT, Reply, Tls, Tokens, read_head, request};
use support::{Server, command, eventually};

const PASSWORD: &str = "correct horse battery staple";
const PAN: &str = "4111111111111111";
const SHOWN: &str = "************1111";

const API: &str = r##"
openapi: 3.1.0
info: {title: Bank, version: "1"}
security: [{bank: []}]
components:
  securitySchemes:
    bank: {type: oauth2, flows: {authorizationCode: {authorizationUrl: /a, tokenUrl: /t, scopes: {"cards:reveal": See cards.}}}}
  schemas:
    Card: {type: object, properties: {pan: {type: string, x-testudo-data: pan}, label: {type: string}, next: {$ref: "#/components/schemas/Card"}}}
    Cards: {type: object, properties: {cards: {type: array, items: {$ref: "#/components/schemas/Card"}}}}
paths:
  /cards:
    get:
      security: []
      responses:
        "200":
          description: ok
          headers: {X-Holder: {schema: {type: string, x-testudo-data: name}}}
          content:
            application/json: {schema: {$ref: "#/components/schemas/Cards"}}
            application/x-ndjson: {schema: {$ref: "#/components/schemas/Card"}}
            text/event-stream: {schema: {$ref: "#/components/schemas/Card"}}
            image/png: {schema: {type: string}}
        "404": {description: no, content: {application/json: {schema: {type: object}}}}
    post: {security: [], responses: {"201": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Card"}}}}}}
  /mine:
    get: {responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Cards"}}}}}}
  /people:
    get: {security: [], responses: {"200": {description: ok, content: {application/json: {schema: {additionalProperties: {x-testudo-data: email}, propertyNames: {x-testudo-data: name}}}}}}}
  /open:
    get: {security: [], responses: {"200": {description: ok}}}
"##;

/// A route for those who have agreed to something.
const RESEARCH: &str = r#"
  /research:
    get: {x-testudo: {purposes: [support]}, responses: {"200": {description: ok}}}
"#;

/// A server before a backend that answers as it is told.
struct Fixture {
    server: Server,
    backend: Backend,
    http: Http,
}

impl Fixture {
    fn start(more: &str) -> Fixture {
        let backend = Backend::start();
        let folder = tempfile::tempdir().unwrap();
        let research = if more.contains("[[privacy.purposes]]") { RESEARCH } else { "" };
        std::fs::write(folder.path().join("api.yaml"), format!("{API}{research}")).unwrap();
        std::fs::write(folder.path().join("testudo.toml"), toml(&backend, more)).unwrap();
        let server = Server::start_in(folder, &[]);
        let http = Http::new(&server.ca());
        Fixture { server, backend, http }
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.http.send(self.server.gateway, method, path, headers, b"")
    }

    /// What a GET of `/cards` gives when the backend answers so.
    fn cards(&self, answer: Answer, headers: &[(&str, &str)]) -> Reply {
        self.backend.answers("/cards", answer);
        self.send("GET", "/cards", headers)
    }

    /// A connection on which the request is sent.
    fn open(&self, path: &str) -> Tls {
        let mut stream = self.http.open(self.server.gateway);
        stream.write_all(&request(self.server.gateway, "GET", path, &[], b"", false)).unwrap();
        stream
    }
}

fn toml(backend: &Backend, more: &str) -> String {
    let wide = "[limits]\naddress = \"off\"\nsubnet = \"off\"\nroute = \"off\"\n";
    format!("[upstream]\nservers = [\"{}\"]\n[contract]\nopenapi = \"api.yaml\"\n{wide}{more}\n", backend.url())
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn brotli(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    brotli::CompressorReader::new(plain, 4096, 5, 22).read_to_end(&mut out).unwrap();
    out
}

fn gunzip(coded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(coded).read_to_end(&mut plain).unwrap();
    plain
}

/// How many answers were withheld, by the journal. Those of strangers are counted together.
fn withheld(server: &Server) -> u64 {
    let page = server.json(&["audit", "list", "--kind", "request.decided", "--limit", "200"]);
    let events = page["items"].as_array().unwrap().iter().map(|item| &item["event"]);
    let withheld = events.filter(|event| event["code"] == "mask-unavailable" && event["control"] == "masking");
    withheld.map(|event| event["count"].as_u64().unwrap_or(1)).sum()
}

fn card(pan: &str) -> String {
    format!(r#"{{"cards":[{{"pan":"{pan}","label":"a"}}]}}"#)
}

#[test]
fn marked_values_are_masked_and_every_other_byte_stays() {
    let fixture = Fixture::start("");
    // Pieces of JSON between marked values; each writes nothing that is marked.
    let filler = prop_oneof![
        Just("\"label\": \"x\", ".to_owned()),
        Just("\"label\":\"\\u0070\\\"}]\\\\ pan \u{e9}\u{1f980}\",\r\n\t".to_owned()),
        Just("\"other\" : {\"pan\":\"5500000000000004\" , \"n\":-1.50e+3},".to_owned()),
        Just("\"label\":1,\"label\":[[],{},null,true],".to_owned()),
        Just(format!("\"long\":\"{}\",", "y".repeat(9000))),
    ];
    let cards = proptest::collection::vec((filler, any::<bool>(), 0..3_usize), 1..12);
    let strategy = (cards, 0..4_usize, 1..700_usize, any::<bool>());
    let mut runner = TestRunner::new(Config { cases: 48, ..Config::default() });
    let ran = runner.run(&strategy, |(cards, coding, size, takes_gzip)| {
        let (mut sent, mut expected) = (String::from("{ \"cards\" :["), String::from("{ \"cards\" :["));
        for (at, (filler, escaped, deep)) in cards.iter().enumerate() {
            let (open, close) = ("{\"next\": ".repeat(*deep), "}".repeat(*deep));
            let key = if *escaped { "\"p\\u0061n\"" } else { "\"pan\"" };
            let value = if *escaped { "41111111\\u003111\\u00311111" } else { PAN };
            let comma = if at + 1 == cards.len() { "" } else { " ,\n" };
            sent.push_str(&format!("{open}{{{filler}{key} :\"{value}\"}}{close}{comma}"));
            expected.push_str(&format!("{open}{{{filler}{key} :\"{SHOWN}\"}}{close}{comma}"));
        }
        sent.push_str("] }\n");
        expected.push_str("] }\n");
        let (body, name) = match coding {
            0 => (sent.clone().into_bytes(), None),
            1 => (gzip(sent.as_bytes()), Some("gzip")),
            2 => (brotli(sent.as_bytes()), Some("br")),
            // Two members, as some servers write them.
            _ => {
                let (one, two) = sent.as_bytes().split_at(sent.len() / 2);
                ([gzip(one), gzip(two)].concat(), Some("gzip"))
            }
        };
        let mut answer = Answer::new("application/json; charset=utf-8", body);
        if let Some(name) = name {
            answer = answer.header("Content-Encoding", name);
        }
        let answer = if size % 2 == 0 { answer.chunks(size * 13) } else { answer };
        let accept = if takes_gzip { "gzip, zstd" } else { "zstd" };
        let reply = fixture.cards(answer, &[("Accept-Encoding", accept)]);
        let coded = reply.header("content-encoding") == Some("gzip");
        prop_assert_eq!(coded, takes_gzip && name.is_some());
        let shown = if coded { gunzip(&reply.body) } else { reply.body.clone() };
        prop_assert_eq!(reply.status, 200);
        prop_assert_eq!(String::from_utf8(shown).unwrap(), expected);
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn heads_of_masked_answers_name_no_bytes_that_were_not_sent() {
    let fixture = Fixture::start("");
    let answer = Answer::new("application/json", card(PAN))
        .header("ETag", "\"v1\"")
        .header("Content-MD5", "x")
        .header("Digest", "sha-256=x")
        .header("Repr-Digest", "sha-256=:x:")
        .header("Content-Digest", "sha-256=:x:")
        .header("Accept-Ranges", "bytes")
        .header("Cache-Control", "public, max-age=60")
        .header("X-Holder", "Ada Lovelace")
        .header("X-Other", "stays");
    let asked = [
        ("Range", "bytes=0-9"),
        ("If-Range", "\"v1\""),
        ("If-Modified-Since", "Sun, 29 Nov 2026 00:00:00 GMT"),
        ("Accept-Encoding", "zstd, br;q=0.5, gzip"),
        ("If-None-Match", "\"v0\""),
    ];
    let reply = fixture.cards(answer.clone(), &asked);
    let seen = fixture.backend.last();
    for name in ["\r\nrange:", "if-range", "if-modified-since", "if-none-match", "zstd"] {
        assert!(!seen.contains(name), "{seen}");
    }
    assert!(seen.contains("accept-encoding: gzip, br\r\n"), "{seen}");
    assert_eq!((reply.status, reply.text()), (200, card(SHOWN)));
    for name in ["content-md5", "digest", "repr-digest", "content-digest", "accept-ranges", "content-encoding"] {
        assert_eq!(reply.header(name), None, "{name}");
    }
    assert_eq!(reply.header("content-length"), Some(card(SHOWN).len().to_string().as_str()));
    assert_eq!(reply.header("cache-control"), Some("private, max-age=60"));
    assert_eq!(reply.header("x-holder"), Some("A*** L***"));
    assert_eq!(reply.header("x-other"), Some("stays"));
    assert!(reply.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("vary") && value == "Authorization"));
    let tag = reply.header("etag").unwrap().to_owned();
    assert!(tag.starts_with("W/\"v1~ms") && tag.len() == 21, "{tag}");

    // The tag goes back to the backend as its own, and a 304 carries it again.
    let unchanged = answer.clone().status("304 Not Modified").ending(Ending::HeadOnly);
    let reply = fixture.cards(unchanged, &[("If-None-Match", &tag)]);
    assert!(fixture.backend.last().contains("if-none-match: \"v1\"\r\n"), "{}", fixture.backend.last());
    assert_eq!((reply.status, reply.header("etag"), reply.body.len()), (304, Some(&*tag), 0));
    assert_eq!(reply.header("content-length"), None);
    let reply = fixture.send("POST", "/cards", &[("If-Match", &tag)]);
    assert_eq!(reply.status, 304);
    assert!(fixture.backend.last().contains("if-match: \"v1\"\r\n"), "{}", fixture.backend.last());

    // HEAD says what GET would say, as far as it is known.
    fixture.backend.answers("/cards", answer.header("Content-Encoding", "gzip"));
    let reply = fixture.send("HEAD", "/cards", &[("Accept-Encoding", "gzip")]);
    assert_eq!((reply.status, reply.header("etag"), reply.body.len()), (200, Some(&*tag), 0));
    assert_eq!((reply.header("content-length"), reply.header("digest")), (None, None));
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
}

#[test]
fn what_can_not_be_masked_is_not_delivered() {
    let fixture = Fixture::start("");
    let json = |body: &str| Answer::new("application/json", body);
    let bomb = gzip(&vec![b' '; 8 << 20]);
    let cut = gzip(card(PAN).as_bytes());
    let cases: Vec<(&str, Answer)> = vec![
        ("html", Answer::new("text/html", format!("<p>{PAN}</p>"))),
        ("no type", Answer { head: "HTTP/1.1 200 OK\r\n".into(), ..json(&card(PAN)) }),
        ("utf-16", Answer::new("application/json; charset=utf-16", card(PAN))),
        ("protobuf", Answer::new("application/grpc+proto", card(PAN))),
        ("xml of an undescribed status", Answer::new("application/xml", PAN).status("500 Internal Server Error")),
        ("zstd", json(&card(PAN)).header("Content-Encoding", "zstd")),
        ("two codings", json(&card(PAN)).header("Content-Encoding", "gzip, br")),
        ("not gzip", json(&card(PAN)).header("Content-Encoding", "gzip")),
        ("a part", json(&card(PAN)).status("206 Partial Content").header("Content-Range", "bytes 0-9/99")),
        ("parts", Answer::new("multipart/byteranges; boundary=x", PAN).status("206 Partial Content")),
        ("no JSON", json(&format!("{{\"cards\":[{{\"pan\":\"{PAN}\"}},]}}"))),
        ("two documents", json(&format!("{}{}", card(PAN), card(PAN)))),
        ("a byte order mark", json(&format!("\u{feff}{}", card(PAN)))),
        ("cut off", json(&format!("{{\"cards\":[{{\"pan\":\"{PAN}"))),
        (
            "cut off gzip",
            Answer { pieces: vec![cut[..cut.len() - 5].to_vec()], ..json("") }.header("Content-Encoding", "gzip"),
        ),
        ("a bomb", Answer { pieces: vec![bomb], ..json("") }.header("Content-Encoding", "gzip")),
    ];
    for (what, answer) in &cases {
        let reply = fixture.cards(answer.clone(), &[("Accept-Encoding", "gzip, br")]);
        assert_eq!(reply.refusal(), (502, "mask-unavailable".to_owned()), "{what}: {}", reply.text());
        assert!(!reply.text().contains("411111111111"), "{what}: {}", reply.text());
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{what}");
    }
    eventually("each has its event", Duration::from_secs(5), || withheld(&fixture.server) == cases.len() as u64);

    // What holds nothing that is marked passes as it is, and so does an answer without a body.
    for (what, answer) in [
        ("an image that the contract describes", Answer::new("image/png", vec![0x89, 0xff, 0x00])),
        ("a status without marks", json(&card(PAN)).status("404 Not Found")),
        ("no body", json("")),
        ("no content", Answer { head: "HTTP/1.1 204 No Content\r\n".into(), ..json("") }.ending(Ending::Bare)),
    ] {
        let reply = fixture.cards(answer.clone(), &[]);
        assert!(reply.status < 500, "{what}: {}", reply.text());
        assert_eq!(reply.body, answer.pieces.concat(), "{what}");
    }
    // A status that the contract does not describe has the marks of all that it describes.
    let reply = fixture.cards(json(&card(PAN)).status("418 Teapot"), &[]);
    assert_eq!((reply.status, reply.text()), (418, card(SHOWN)));
}

/// A document that is far longer than what is masked before its head goes out, and hardly packs.
fn long(cards: usize) -> String {
    let mut number = 1_u64;
    let mut text = String::from("{\"cards\":[");
    for _ in 0..cards {
        text.push_str(&format!("{{\"pan\":\"{PAN}\",\"label\":\""));
        for _ in 0..60 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(&format!("{number:016x}"));
        }
        text.push_str("\"},");
    }
    text + "{}]}"
}

#[test]
fn a_document_that_breaks_in_its_middle_is_broken_off() {
    let fixture = Fixture::start("");
    let broken = long(300).replacen("\"label\"", "\"label", 200).replacen("\"label", "\"label\"", 199);
    let plain = Answer::new("application/json", broken.clone()).chunks(5000);
    let coded = Answer::new("application/json", gzip(broken.as_bytes())).header("Content-Encoding", "gzip").chunks(700);
    let cut_off = Answer::new("application/json", long(300)).chunks(5000).ending(Ending::CutOff);
    for (what, answer) in [("plain", plain), ("gzip", coded), ("cut off", cut_off)] {
        fixture.backend.answers("/cards", answer);
        let mut stream = fixture.open("/cards");
        let head = read_head(&mut stream);
        assert_eq!(head.status, 200, "{what}");
        assert_eq!(head.header("transfer-encoding"), Some("chunked"), "{what}");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        let text = String::from_utf8_lossy(&rest);
        assert!(!text.ends_with("0\r\n\r\n"), "{what}: the message looks whole");
        assert!(!text.contains("4111111111111111"), "{what}");
        // HTTP/2 says it with a reset of the stream.
        let mut arguments = vec!["-sS", "--http2", "-o", "/dev/null"];
        let url = format!("{}/cards", fixture.server.url());
        arguments.push(&url);
        let curl =
            std::process::Command::new("curl").arg("--cacert").arg(fixture.server.ca()).args(&arguments).output();
        assert!(!curl.unwrap().status.success(), "{what}: HTTP/2 looks whole");
    }
    eventually("the events are written", Duration::from_secs(5), || withheld(&fixture.server) == 4);
    assert!(!fixture.server.log().contains("411111111111"));
}

#[test]
fn over_http2_it_is_the_same() {
    let fixture = Fixture::start("");
    for (what, answer) in [
        ("small", Answer::new("application/json", card(PAN))),
        ("chunks", Answer::new("application/json", card(PAN)).chunks(3)),
        ("gzip", Answer::new("application/json", gzip(card(PAN).as_bytes())).header("Content-Encoding", "gzip")),
        (
            "br",
            Answer::new("application/json", brotli(card(PAN).as_bytes())).header("Content-Encoding", "br").chunks(7),
        ),
    ] {
        fixture.backend.answers("/cards", answer);
        let url = format!("{}/cards", fixture.server.url());
        let (status, body) = fixture.server.curl(&["--http2", "--compressed", &url]);
        assert_eq!((status, body), (200, card(SHOWN)), "{what}");
    }
    fixture.backend.answers("/cards", Answer::new("application/json", long(2000)).chunks(40_000));
    let url = format!("{}/cards", fixture.server.url());
    let (status, body) = fixture.server.curl(&["--http2", "--compressed", &url]);
    assert!(status == 200 && body == long(2000).replace(PAN, SHOWN));
}

#[test]
fn events_and_lines_are_masked_as_they_come() {
    let fixture = Fixture::start("");
    let event = |pan: &str| format!("event: card\nid: 7\ndata: {{\"pan\":\"{pan}\",\ndata:  \"label\":1}}\n\n");
    let line = |pan: &str| format!("{{\"pan\":\"{pan}\"}}\n");
    for (media, piece, shown) in
        [("text/event-stream", event(PAN), event(SHOWN)), ("application/x-ndjson", line(PAN), line(SHOWN))]
    {
        for coded in [false, true] {
            // Each piece is cut within its value, and the next comes only after a while.
            let (one, two) = piece.split_at(piece.find("1111").unwrap() + 2);
            let mut pieces = vec![one.as_bytes().to_vec(), two.as_bytes().to_vec()];
            pieces.extend(std::iter::repeat_n(piece.clone().into_bytes(), 3));
            let mut answer = Answer { pieces, ..Answer::new(media, "") }.ending(Ending::Chunked);
            answer.pause = Duration::from_millis(500);
            if coded {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                for piece in &mut answer.pieces {
                    encoder.write_all(piece).unwrap();
                    encoder.flush().unwrap();
                    *piece = std::mem::take(encoder.get_mut());
                }
                answer.pieces.push(encoder.finish().unwrap());
                answer = answer.header("Content-Encoding", "gzip");
            }
            fixture.backend.answers("/cards", answer);
            let mut stream = fixture.http.open(fixture.server.gateway);
            let accept = if coded { [("Accept-Encoding", "gzip")].as_slice() } else { &[] };
            let began = Instant::now();
            stream.write_all(&request(fixture.server.gateway, "GET", "/cards", accept, b"", false)).unwrap();
            let head = read_head(&mut stream);
            assert_eq!(head.header("content-encoding"), coded.then_some("gzip"), "{media}");
            let (mut raw, mut first) = (Vec::new(), None);
            let mut buffer = [0; 4096];
            while !raw.ends_with(b"\r\n0\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                assert!(read > 0, "{media}");
                raw.extend_from_slice(&buffer[..read]);
                let text = shown_so_far(&raw, coded);
                if first.is_none() && text.contains(&shown) {
                    first = Some(began.elapsed());
                }
            }
            assert_eq!(shown_so_far(&raw, coded), shown.repeat(4), "{media} coded: {coded}");
            let first = first.unwrap();
            assert!(first < Duration::from_millis(950), "{media}: the first came after {first:?}, with the second");
        }
    }
}

/// The body so far of a chunked message.
fn shown_so_far(raw: &[u8], coded: bool) -> String {
    let mut body = Vec::new();
    let mut rest = raw;
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if size == 0 || rest.len() < line + 4 + size {
            break;
        }
        body.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 4 + size..];
    }
    if coded {
        let mut plain = Vec::new();
        // What is there so far is readable; its end is not there yet.
        let _ = GzDecoder::new(&body[..]).read_to_end(&mut plain);
        body = plain;
    }
    String::from_utf8(body).unwrap()
}

#[test]
fn a_huge_answer_takes_little_memory_and_waits_for_its_reader() {
    let fixture = Fixture::start("");
    // 40 MB: more than the buffers on the way could hold.
    let document = long(40_000);
    let coded = gzip(document.as_bytes());
    let answer = Answer::new("application/json", coded).header("Content-Encoding", "gzip").chunks(60_000);
    fixture.cards(Answer::new("application/json", card(PAN)), &[]);
    fixture.backend.answers("/cards", answer);
    let before = fixture.server.memory_kib();
    let mut stream = fixture.open("/cards");
    assert_eq!(read_head(&mut stream).status, 200);
    std::thread::sleep(Duration::from_millis(700));
    let idle = fixture.server.memory_kib();
    assert!(idle < before + 24 * 1024, "it read ahead of its reader: {before} KiB, then {idle} KiB");
    let (mut raw, mut total, mut secrets) = (vec![0; 64 * 1024], 0_usize, 0_usize);
    let mut tail: Vec<u8> = Vec::new();
    while !tail.ends_with(b"\r\n0\r\n\r\n") {
        let read = stream.read(&mut raw).unwrap();
        assert!(read > 0);
        total += read;
        secrets += raw[..read].windows(8).filter(|window| *window == b"41111111").count();
        tail.extend_from_slice(&raw[..read]);
        let keep = tail.len().saturating_sub(8);
        tail.drain(..keep);
    }
    assert!(total >= document.len() && secrets == 0, "{total} of {}", document.len());
    let peak = fixture.server.peak_memory_kib();
    assert!(peak < before + 32 * 1024, "{before} KiB, at most {peak} KiB");
}

#[test]
fn a_client_that_hangs_up_ends_it_at_the_backend() {
    let fixture = Fixture::start("");
    let mut answer = Answer::new("application/x-ndjson", "{}\n".repeat(4000)).chunks(3);
    answer.pause = Duration::from_millis(20);
    fixture.backend.answers("/cards", answer);
    let mut stream = fixture.open("/cards");
    assert_eq!(read_head(&mut stream).status, 200);
    drop(stream);
    eventually("the event says so", Duration::from_secs(5), || {
        let page = fixture.server.json(&["audit", "list", "--kind", "request.decided", "--limit", "5"]);
        page["items"].as_array().unwrap().iter().any(|item| item["event"]["details"]["ended"] == "hung-up")
    });
}

#[test]
fn rules_decide_by_scope_and_consent_and_withdrawal_holds_at_once() {
    let fixture = Fixture::start(
        r#"
[[masking.rules]]
classes = ["pan"]
treatment = "partial"
unless = [{ scopes = ["cards:reveal"], consents = ["support"] }]
[[privacy.purposes]]
name = "support"
title = "Help by our staff"
text = "Our staff may look at your cards when you ask for help."
version = "2026-11"
"#,
    );
    let server = &fixture.server;
    for client in ["app", "staff"] {
        let create = ["client", "create", client, "--redirect", REDIRECT, "--first-party"];
        let scopes: &[&str] = if client == "staff" { &["--scope", "cards:reveal"] } else { &[] };
        server.run(&[&create[..], scopes].concat());
    }
    let id = server.create_person("ada@example.org", PASSWORD);
    let mut ada = Person::new("ada@example.org", PASSWORD);
    let plain = server.tokens(&mut ada, "app", "openid");
    let staff = server.tokens(&mut ada, "staff", "openid cards:reveal");
    fixture.backend.answers("/mine", Answer::new("application/json", card(PAN)).header("ETag", "\"v1\""));
    let shown = |tokens: &Tokens| server.get("/mine", tokens).text();
    assert_eq!((shown(&plain), shown(&staff)), (card(SHOWN), card(SHOWN)), "nothing is agreed to");

    let research = || server.get("/research", &staff).refusal();
    assert_eq!(research(), (403, "consent-missing".to_owned()));

    let mut browser = Browser::new(server);
    browser.sign_in(&ada);
    let page = browser.get("/account");
    assert!(page.text().contains("Our staff may look at your cards"), "{}", page.text());
    let agree = |browser: &mut Browser<'_>, page: &Reply, agree: &str| {
        browser.submit("/account/purposes", page, &[("agree", agree)])
    };
    assert_eq!(agree(&mut browser, &page, "yes").header("location"), Some("/account?done=agreed"));
    assert_eq!((shown(&plain), shown(&staff)), (card(SHOWN), card(PAN)), "scope and consent together");
    assert_eq!(research(), (200, String::new()));
    let reply = server.get("/mine", &staff);
    assert_eq!(reply.header("etag"), Some("\"v1\""), "what is plain keeps its tag");
    assert_eq!(reply.header("cache-control"), Some("private"));
    let told = server.as_owner("GET", &format!("/admin/v1/people/{id}/purposes"), None).json();
    assert_eq!(told["items"][0]["purpose"], "support");
    assert!(told["items"][0]["agreed"].is_string(), "{told}");

    let page = browser.get("/account");
    assert!(page.text().contains("Take back"), "{}", page.text());
    assert_eq!(agree(&mut browser, &page, "no").header("location"), Some("/account?done=taken-back"));
    assert_eq!(shown(&staff), card(SHOWN), "the very next answer");
    assert_eq!(research(), (403, "consent-missing".to_owned()));
    // A tag from when it was plain does not say that nothing has changed.
    let bearer = staff.bearer();
    server.send("GET", "/mine", &[("Authorization", &bearer), ("If-None-Match", "\"v1\"")], b"");
    assert!(!fixture.backend.last().contains("if-none-match"), "{}", fixture.backend.last());

    for (kind, expected) in [("consent.given", "2026-11"), ("consent.withdrawn", "2026-11")] {
        let events = server.events(kind);
        let event = events.iter().find(|event| event["details"]["purpose"] == "support").unwrap();
        assert_eq!(event["details"]["version"], expected, "{event}");
    }
    let page = browser.get("/account");
    assert_eq!(agree(&mut browser, &page, "yes").status, 303);
    assert_eq!(shown(&staff), card(PAN));

    // Another text is another question.
    let file = server.folder().join("testudo.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("2026-11", "2026-12");
    std::fs::write(&file, text).unwrap();
    server.run(&["reload"]);
    assert_eq!(shown(&staff), card(SHOWN), "she has not read the new text");
    assert!(browser.get("/account").text().contains("an earlier text"));
}

#[test]
fn tokens_and_hashes_are_the_same_for_the_same_value_and_null_and_drop_leave_nothing() {
    let rule = |treatment: &str| format!("[[masking.rules]]\nclasses = [\"pan\"]\ntreatment = \"{treatment}\"\n");
    let body = format!(r#"{{"cards":[{{"a":1,"pan":"{PAN}"}},{{"pan":"{PAN}","b":2}},{{"pan":"5500000000000004"}}]}}"#);
    for (treatment, prefix) in [("hash", "h1_"), ("token", "t1_"), ("null", ""), ("drop", "")] {
        let fixture = Fixture::start(&rule(treatment));
        let reply = fixture.cards(Answer::new("application/json", body.clone()), &[]);
        let shown = reply.json();
        let pans: Vec<&Value> = shown["cards"].as_array().unwrap().iter().map(|card| &card["pan"]).collect();
        match treatment {
            "drop" => assert_eq!(reply.text(), r#"{"cards":[{"a":1},{"b":2},{}]}"#),
            "null" => assert!(pans.iter().all(|pan| pan.is_null()) && reply.text().matches("null").count() == 3),
            _ => {
                assert!(pans[0].as_str().unwrap().starts_with(prefix), "{shown}");
                assert!(pans[0] == pans[1] && pans[0] != pans[2], "{shown}");
            }
        }
    }
}

#[test]
fn unmarked_values_are_found_where_detection_is_on() {
    let fixture = Fixture::start(
        "[masking]\ndetect = true\n[[masking.routes]]\nroute = \"GET /people\"\ndetect = false\notherwise = \"hash\"\n",
    );
    let body = format!(r#"{{"note":"card {PAN} of ada@example.org","n":12}}"#);
    fixture.backend.answers("/open", Answer::new("application/json", body.clone()));
    let reply = fixture.send("GET", "/open", &[("Range", "bytes=0-1")]);
    assert_eq!(reply.text(), format!(r#"{{"note":"card {SHOWN} of a***@e***.org","n":12}}"#));
    assert!(fixture.backend.last().contains("range: bytes=0-1"), "a file may be asked for in parts");
    // What is no JSON passes on a route without marks; JSON that can't be read does not.
    fixture.backend.answers("/open", Answer::new("text/plain", PAN));
    assert_eq!(fixture.send("GET", "/open", &[]).text(), PAN);
    for answer in [
        Answer::new("application/json", format!("\"{PAN}")),
        Answer::new("application/json", PAN).status("206 Partial Content"),
        Answer::new("application/json", PAN).header("Content-Encoding", "zstd"),
    ] {
        fixture.backend.answers("/open", answer);
        assert_eq!(fixture.send("GET", "/open", &[]).refusal(), (502, "mask-unavailable".to_owned()));
    }
    fixture.backend.answers("/people", Answer::new("application/json", r#"{"Ada":"ada@example.org"}"#));
    let shown = fixture.send("GET", "/people", &[]).text();
    assert!(shown.starts_with("{\"h1_") && shown.matches("h1_").count() == 2, "{shown}");
    // Allowed requests come into the journal a moment later.
    let began = Instant::now();
    loop {
        let page = fixture.server.json(&["audit", "list", "--kind", "request.decided", "--limit", "20"]).to_string();
        let said = ["\"masked-unmarked\":\"email 1, pan 1\"", "\"masked\":\"email 1, name 1\""];
        if said.iter().all(|said| page.contains(said)) {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{page}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn check_says_what_is_masked_and_mistakes_have_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("testudo.toml");
    std::fs::write(folder.path().join("api.yaml"), API).unwrap();
    let check = |more: &str| {
        let text =
            format!("[upstream]\nservers = [\"http://127.0.0.1:9\"]\n[contract]\nopenapi = \"api.yaml\"\n{more}");
        std::fs::write(&file, text).unwrap();
        support::command_in(folder.path(), &["--format", "json", "check"], "")
    };
    let report = command::parsed(&check(""));
    let masked: Vec<&str> = report["masked"].as_array().unwrap().iter().map(|m| m["route"].as_str().unwrap()).collect();
    assert_eq!(masked, ["GET /cards", "POST /cards", "GET /mine", "GET /people"]);
    let control = |name: &str, report: &Value| {
        report["controls"].as_array().unwrap().iter().find(|control| control["control"] == name).cloned().unwrap()
    };
    assert_eq!(control("masking", &report)["on"], true);
    assert_eq!(control("consent", &report)["on"], false);
    for (more, expected) in [
        ("[masking]\ndetec = true\n", "did you mean `detect`?"),
        ("[[masking.rules]]\nclasses = [\"pam\"]\ntreatment = \"null\"\n", "did you mean `pan`?"),
        ("[[masking.rules]]\nclasses = [\"pan\"]\ntreatment = \"blur\"\n", "unknown variant `blur`"),
        (
            "[[masking.rules]]\nclasses = [\"pan\"]\ntreatment = \"null\"\nunless = [{ consents = [\"ads\"] }]\n",
            "is not a purpose",
        ),
        ("[[masking.routes]]\nroute = \"GET /card\"\notherwise = \"plain\"\n", "did you mean `GET /cards`?"),
    ] {
        let output = check(more);
        let errors = command::errors(&output);
        assert_eq!(command::code(&output), 2, "{errors}");
        assert!(errors.contains(expected), "{errors}");
    }
    let output =
        check("[[masking.rules]]\nclasses = [\"pan\"]\ntreatment = \"null\"\nunless = [{ consents = [\"ads\"] }]\n");
    assert!(command::errors(&output).contains("testudo.toml:8:25"), "{}", command::errors(&output));
}

/// A measurement: `cargo test --release -p testudo --test masking -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, which says something in a release build only"]
fn masks_add_little_to_a_body_of_10_kb() {
    let fixture = Fixture::start("");
    // Forty customers' worth of cards: as many marked values as a banking app lists.
    let one = format!("{{\"pan\":\"{PAN}\",\"label\":\"{}\",\"frozen\":false,\"limit\":1250.50}},", "l".repeat(180));
    let body = format!("{{\"cards\":[{}{{}}]}}", one.repeat(40));
    for (name, coded) in [("plain", false), ("gzip", true)] {
        let answer = if coded {
            Answer::new("application/json", gzip(body.as_bytes())).header("Content-Encoding", "gzip")
        } else {
            Answer::new("application/json", body.clone())
        };
        fixture.backend.answers("/cards", answer.clone());
        fixture.backend.answers("/open", answer);
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..24 {
            let mut stream = fixture.http.open(fixture.server.gateway);
            for _ in 0..250 {
                for (path, times) in ["/open", "/cards"].into_iter().zip(&mut times) {
                    let accept = [("Accept-Encoding", "gzip")];
                    let bytes = request(fixture.server.gateway, "GET", path, &accept, b"", false);
                    let began = Instant::now();
                    stream.write_all(&bytes).unwrap();
                    let reply = support::http::read_reply(&mut stream);
                    let took = began.elapsed();
                    assert_eq!(reply.status, 200);
                    // The first rounds warm up.
                    if round >= 4 {
                        times.push(took);
                    }
                }
            }
        }
        let at = |times: &mut Vec<Duration>, part: usize| {
            times.sort_unstable();
            times[(times.len() - 1) * part / 1000].as_secs_f64() * 1000.0
        };
        let [open, cards] = &mut times;
        let mut added = |part| (at(open, part), at(cards, part));
        let (half, most) = (added(500), added(990));
        println!(
            "{} bytes, {name}, {} pairs: p50 {:.3} ms without, {:.3} with; p99 {:.3} without, {:.3} with; added at p99 {:.3} ms",
            body.len(),
            cards.len(),
            half.0,
            half.1,
            most.0,
            most.1,
            most.1 - most.0
        );
        assert!(most.1 - most.0 <= 0.3, "{name}");
    }
}
