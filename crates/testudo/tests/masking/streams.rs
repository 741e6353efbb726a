//! Answers that are long, broken, coded, or come in pieces.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::support::backend::{Answer, Ending};
use crate::support::eventually;
use crate::support::http::{read_head, request};
use crate::{Fixture, PAN, SHOWN, brotli, card, gzip, withheld};

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
    // The firewall has tables of its own, which are not what is looked at here.
    let fixture = Fixture::start("[waf]\nmode = \"off\"\n");
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
