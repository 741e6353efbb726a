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

#[path = "../support/mod.rs"]
mod support;

mod cost;
mod rules;
mod streams;

use std::io::{Read as _, Write as _};
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::backend::{Answer, Backend, Ending};
use support::http::{Http, Reply, Tls, request};
use support::{Server, eventually};

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
