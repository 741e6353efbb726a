//! Malformed requests, each with the code that it must be refused with, and well-formed twins that must pass.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::harness::{Setup, eventually, read_all, read_until};

/// Refused in the head: code, bytes.
pub const MALFORMED: &[(&str, &str)] = &[
    ("bare-lf", "GET / HTTP/1.1\nHost: h\n\n"),
    ("bare-lf", "GET / HTTP/1.1\r\nHost: h\n\r\n"),
    ("bare-lf", "GET / HTTP/1.1\r\nHost: h\r\n\n"),
    ("bare-lf", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("bare-cr", "GET / HTTP/1.1\r\nHost: h\r\nx: a\rb\r\n\r\n"),
    ("bare-cr", "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n"),
    ("bare-cr", "GET / HTTP/1.1\r\nHost: h\r\nx: a\r\r\n\r\n"),
    ("control-byte", "GET / HTTP/1.1\r\nHost: h\r\nx: a\0b\r\n\r\n"),
    ("control-byte", "GET / HTTP/1.1\r\nHost: h\r\nx: a\x0bb\r\n\r\n"),
    ("control-byte", "GET / HTTP/1.1\r\nHost: h\r\nx: a\x7f\r\n\r\n"),
    ("control-byte", "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("request-line", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("request-line", "GET\r\nHost: h\r\n\r\n"),
    ("request-line", "GET /\r\nHost: h\r\n\r\n"),
    ("request-line", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("request-line", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("request-line", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n"),
    ("method", " GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("method", "G(T / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("method", "GET\t/ / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("method", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("connect", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"),
    ("target", "GET /\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("target", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("target", "GET /a\\b HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("target", "GET /<script> HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("target", "GET /?a=\"b HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("target", "GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("target-form", "GET a HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("target-form", "GET * HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("target-form", "GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("target-host", "GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("target-host", "GET http://h:81/ HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("version", "GET / HTTP/1.2\r\nHost: h\r\n\r\n"),
    ("version", "GET / HTTP/2.0\r\nHost: h\r\n\r\n"),
    ("version", "GET / http/1.1\r\nHost: h\r\n\r\n"),
    ("version", "GET / HTTP/1.01\r\nHost: h\r\n\r\n"),
    ("target-form", "PRI * HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("obs-fold", "GET / HTTP/1.1\r\nHost: h\r\nx: a\r\n b\r\n\r\n"),
    ("obs-fold", "GET / HTTP/1.1\r\n Host: h\r\n\r\n"),
    ("obs-fold", "GET / HTTP/1.1\r\nHost: h\r\nx: a\r\n\tb: c\r\n\r\n"),
    ("no-colon", "GET / HTTP/1.1\r\nHost: h\r\nnonsense\r\n\r\n"),
    ("space-before-colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n"),
    ("space-before-colon", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length\t: 0\r\n\r\n"),
    ("header-name", "GET / HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n"),
    ("header-name", "GET / HTTP/1.1\r\nHost: h\r\na b: c\r\n\r\n"),
    ("header-name", "GET / HTTP/1.1\r\nHost: h\r\na@b: c\r\n\r\n"),
    ("header-name", "GET / HTTP/1.1\r\nHost: h\r\n\u{e9}: c\r\n\r\n"),
    ("header-lookalike", "POST / HTTP/1.1\r\nHost: h\r\nContent_Length: 5\r\n\r\nhello"),
    ("header-lookalike", "POST / HTTP/1.1\r\nHost: h\r\ntransfer_encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("host-missing", "GET / HTTP/1.1\r\n\r\n"),
    ("host-missing", "GET http://h/ HTTP/1.1\r\naccept: */*\r\n\r\n"),
    ("host-missing", "GET / HTTP/1.0\r\n\r\n"),
    ("host-duplicate", "GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"),
    ("host-duplicate", "GET / HTTP/1.1\r\nHost: h\r\nhOsT: other\r\n\r\n"),
    ("host-invalid", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    ("host-invalid", "GET / HTTP/1.1\r\nHost: h, other\r\n\r\n"),
    ("host-invalid", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"),
    ("host-invalid", "GET / HTTP/1.1\r\nHost: h/path\r\n\r\n"),
    ("host-invalid", "GET / HTTP/1.1\r\nHost: h:port\r\n\r\n"),
    ("host-invalid", "GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n"),
    ("host-invalid", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    ("host-invalid", "GET / HTTP/1.1\r\nHost: [zz]\r\n\r\n"),
    ("length-invalid", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello"),
    ("length-invalid", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"),
    ("length-invalid", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello"),
    ("length-invalid", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n"),
    ("length-invalid", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello"),
    ("length-invalid", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n"),
    ("length-invalid", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5 5\r\n\r\nhello"),
    ("length-duplicate", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    ("length-duplicate", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\ncontent-length: 6\r\n\r\nhello"),
    (
        "length-and-encoding",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "length-and-encoding",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ),
    ("encoding-invalid", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("encoding-invalid", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    ("encoding-invalid", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\n"),
    ("encoding-invalid", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    ("encoding-invalid", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    (
        "encoding-invalid",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("control-byte", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    ("encoding-old", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("expectation", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 200-maybe\r\nContent-Length: 1\r\n\r\nx"),
];

/// Refused within the body: code, bytes after `POST /echo` with chunks.
const BROKEN_CHUNKS: &[(&str, &str)] = &[
    ("chunk-size", "x\r\nhello\r\n0\r\n\r\n"),
    ("chunk-size", "\r\nhello\r\n0\r\n\r\n"),
    ("chunk-size", "-5\r\nhello\r\n0\r\n\r\n"),
    ("chunk-size", "0x5\r\nhello\r\n0\r\n\r\n"),
    ("chunk-size", "5 \r\nhello\r\n0\r\n\r\n"),
    ("chunk-size", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    ("bare-lf", "5\nhello\r\n0\r\n\r\n"),
    ("bare-cr", "5\rhello\r\n0\r\n\r\n"),
    ("chunk-end", "5\r\nhello0\r\n\r\n"),
    ("chunk-end", "5\r\nhello!\r\n0\r\n\r\n"),
    ("chunk-end", "5\r\nhello\n0\r\n\r\n"),
    ("chunk-extension", "5;a=\x01\r\nhello\r\n0\r\n\r\n"),
    ("bare-lf", "5;a\nhello\r\n0\r\n\r\n"),
    ("trailer", "5\r\nhello\r\n0\r\nContent-Length: 1\r\n\r\n"),
    ("trailer", "5\r\nhello\r\n0\r\nAuthorization: x\r\n\r\n"),
    ("trailer", "5\r\nhello\r\n0\r\nnonsense\r\n\r\n"),
    ("bare-lf", "5\r\nhello\r\n0\r\nx: y\n\r\n"),
];

/// Well-formed requests to `/echo` or `/hello` and what the body of the answer is.
pub const WELL_FORMED: &[(&str, &str)] = &[
    ("hello h", "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("hello h:80", "GET /hello HTTP/1.1\r\nHost:h:80\r\n\r\n"),
    ("hello [::1]:443", "GET /hello HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"),
    ("hello H", "GET http://h/hello HTTP/1.1\r\nHost: H\r\n\r\n"),
    ("hello h", "GET /hello?a={b}&c=%20|[d] HTTP/1.1\r\nHost: \t h \t\r\n\r\n"),
    ("hello h", "GET /hello HTTP/1.0\r\nHost: h\r\n\r\n"),
    ("hello h", "GET /hello HTTP/1.1\r\nHost: h\r\nx:\r\ny: a\tb \u{e9}\r\n\r\n"),
    ("", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"),
    ("hello", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"),
    ("hello", "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 005\r\n\r\nhello"),
    ("hello", "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    (
        "hello",
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;a;b=c;d=\"\\\"e;\"\r\nhe\r\n003\r\nllo\r\n0\r\nx: y\r\n\r\n",
    ),
    ("hello", "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"),
    (
        "hello h",
        "GET /hello HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\n\r\n",
    ),
    ("hello h", "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close, x\r\n\r\n"),
];

#[tokio::test]
async fn each_is_refused_with_its_code_and_an_answer() {
    assert!(MALFORMED.len() + BROKEN_CHUNKS.len() >= 60);
    let fixture = Setup::default().start();
    for (code, text) in MALFORMED {
        let answer = fixture.talk(text.as_bytes()).await;
        let status = if *code == "expectation" { "417" } else { "400" };
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{code} {text:?}: {answer}");
        assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{code} {text:?}: {answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        let reported = fixture.seen.malformed.lock().pop().unwrap();
        assert_eq!(reported, ((*code).to_owned(), text.len().min(2048)), "{text:?}");
        assert!(fixture.seen.malformed.lock().is_empty());
    }
    assert_eq!(fixture.seen.requests.load(std::sync::atomic::Ordering::SeqCst), 0);
    assert_eq!(fixture.gateway.counters().malformed, MALFORMED.len() as u64);
}

#[tokio::test]
async fn a_broken_body_is_told_to_its_reader_and_reported_once() {
    let fixture = Setup::default().start();
    for (code, text) in BROKEN_CHUNKS {
        let request = format!("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{text}");
        let answer = fixture.talk(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{code} {text:?}: {answer}");
        assert!(answer.ends_with(code), "{code} {text:?}: {answer}");
        eventually("the report", || !fixture.seen.malformed.lock().is_empty()).await;
        assert_eq!(fixture.seen.malformed.lock().drain(..).map(|seen| seen.0).collect::<Vec<_>>(), [*code], "{text:?}");
    }
}

#[tokio::test]
async fn well_formed_twins_pass_whole_and_in_pieces() {
    let fixture = Setup::default().start();
    for (expected, text) in WELL_FORMED {
        let bytes = text.as_bytes();
        for cut in [bytes.len(), 1, 16, bytes.len() / 2, bytes.len() - 1] {
            let mut stream = fixture.connect().await;
            stream.write_all(&bytes[..cut]).await.unwrap();
            if cut < bytes.len() {
                tokio::time::sleep(Duration::from_millis(3)).await;
                stream.write_all(&bytes[cut..]).await.unwrap();
            }
            let mut answer = read_until(&mut stream, "\r\n\r\n").await;
            if !answer.ends_with(expected) {
                answer = format!("{answer}{}", read_until(&mut stream, expected).await);
            }
            assert!(answer.contains(" 200 OK\r\n"), "{text:?}: {answer}");
        }
    }
    assert!(fixture.seen.malformed.lock().is_empty(), "{:?}", fixture.seen.malformed.lock());
    let heads = fixture.seen.heads.lock();
    assert!(WELL_FORMED.iter().all(|(_, text)| heads.iter().any(|head| text.as_bytes().starts_with(head))));
}

#[tokio::test]
async fn a_refusal_waits_for_the_answers_before_it() {
    let fixture = Setup::default().start();
    let both = "GET /slow HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut stream = fixture.connect().await;
    stream.write_all(both.as_bytes()).await.unwrap();
    let answer = read_all(&mut stream).await;
    let (first, second) = answer.split_once("slow").unwrap();
    assert!(first.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(second.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(!answer.contains("hello"), "{answer}");
}
