//! Tests of `http1`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
//! Tables of answers, and the law that the way in which they were cut into reads does not matter.

use bytes::BytesMut;
use http::Request;
use proptest::prelude::*;

use super::response::{self, Parsed};
use super::wire::Outbox;
use super::{Begun, NoAnswer, Piece, request};
use crate::body::InboundBody;

/// What a client makes of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Seen {
    /// Status, content, number of trailers, whether the connection may be kept, and what lies behind.
    Whole(u16, String, usize, bool, usize),
    /// It ends with the connection.
    UntilClose(u16, String),
    Switched,
    More,
    Not(NoAnswer),
}

fn see(pieces: &[&[u8]], headless: bool) -> Seen {
    let mut inbox = BytesMut::new();
    let mut pieces = pieces.iter();
    let mut head = None;
    let (mut content, mut trailers) = (String::new(), 0);
    loop {
        if head.is_none() {
            match response::parse(&mut inbox, headless) {
                Ok(Parsed::Begun(Begun::Answer(parsed))) => head = Some(parsed),
                Ok(Parsed::Begun(Begun::Switched(_))) => return Seen::Switched,
                Ok(Parsed::Interim) => continue,
                Ok(Parsed::More) => {}
                Err(why) => return Seen::Not(why),
            }
        }
        if let Some(head) = &mut head {
            let status = head.response.status().as_u16();
            loop {
                match head.content.next(&mut inbox) {
                    Ok(Piece::Data(data)) => content.push_str(std::str::from_utf8(&data).unwrap()),
                    Ok(Piece::Trailers(map)) => trailers += map.len(),
                    Ok(Piece::End) if pieces.len() == 0 => {
                        return Seen::Whole(status, content, trailers, head.keeps, inbox.len());
                    }
                    Ok(Piece::End | Piece::More) => break,
                    Err(why) => return Seen::Not(why),
                }
            }
        }
        match (pieces.next(), &head) {
            (Some(piece), _) => inbox.extend_from_slice(piece),
            (None, Some(head)) if head.content.ends_with_connection() => {
                return Seen::UntilClose(head.response.status().as_u16(), content);
            }
            (None, _) => return Seen::More,
        }
    }
}

fn whole(status: u16, content: &str) -> Seen {
    Seen::Whole(status, content.into(), 0, true, 0)
}

fn answers() -> Vec<(&'static str, Seen)> {
    use NoAnswer::{Chunk, Encoding, Head, Length, Trailers};
    vec![
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine", whole(200, "fine")),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfineHTTP", Seen::Whole(200, "fine".into(), 0, true, 4)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nfine", whole(200, "fine")),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nfine", Seen::Not(Length)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\nfine", Seen::Not(Length)),
        ("HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nfine", Seen::Not(Length)),
        ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nfine", Seen::Not(Length)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\nfine", Seen::Not(Length)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfine", Seen::More),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", whole(200, "")),
        ("HTTP/1.1 200 OK\r\n\r\nall", Seen::UntilClose(200, "all".into())),
        ("HTTP/1.0 200 OK\r\n\r\nall", Seen::UntilClose(200, "all".into())),
        ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", Seen::Whole(200, "a".into(), 0, false, 0)),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", whole(200, "a")),
        (
            "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n",
            Seen::Whole(200, String::new(), 0, false, 0),
        ),
        ("HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n", whole(204, "")),
        ("HTTP/1.1 304 No\r\n\r\n", whole(304, "")),
        (
            "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na",
            whole(200, "a"),
        ),
        ("HTTP/1.1 101 S\r\nupgrade: websocket\r\n\r\nframes", Seen::Switched),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nfi\r\n2;x=\"y\"\r\nne\r\n0\r\n\r\n",
            whole(200, "fine"),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n04  \r\nfine\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n",
            Seen::Whole(200, "fine".into(), 2, true, 0),
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n", Seen::More),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfineXY", Seen::Not(Chunk)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\nfine\r\n0\r\n\r\n", Seen::Not(Chunk)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", Seen::Not(Chunk)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", Seen::Not(Chunk)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x4\r\nfine\r\n0\r\n\r\n", Seen::Not(Chunk)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4 4\r\nfine\r\n0\r\n\r\n", Seen::Not(Chunk)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000000000000000\r\n", Seen::Not(Chunk)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n", Seen::Not(Trailers)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Seen::Not(Encoding)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nx", Seen::Not(Encoding)),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Seen::Not(Encoding),
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", Seen::Not(Encoding)),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Seen::Not(Encoding)),
        ("HTTP/1.1 99 Low\r\n\r\n", Seen::Not(Head)),
        ("HTTP/2 200\r\n\r\n", Seen::Not(Head)),
        ("HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n", Seen::Not(Head)),
        ("HTTP/1.1 200 OK\r\nx : a\r\n\r\n", Seen::Not(Head)),
        ("HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n", Seen::Not(Head)),
        ("SSH-2.0-OpenSSH\r\n", Seen::Not(Head)),
        ("HTTP/1.1 200 OK\r\nx: a", Seen::More),
    ]
}

#[test]
fn answers_are_read_strictly_however_they_are_cut() {
    for (answer, expected) in answers() {
        let bytes = answer.as_bytes();
        assert_eq!(see(&[bytes], false), expected, "{answer:?}");
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(see(&single, false), expected, "byte by byte: {answer:?}");
    }
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    assert_eq!(see(&[head], true), whole(200, ""));
}

#[test]
fn heads_and_lines_have_bounds() {
    let mut long = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
    long.resize(64 * 1024, b'a');
    assert_eq!(see(&[&long], false), Seen::Not(NoAnswer::HeadTooLarge));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
    assert_eq!(see(&[many.as_bytes()], false), Seen::Not(NoAnswer::HeadTooLarge));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let line = format!("{chunked}1;{}", "x".repeat(5_000));
    assert_eq!(see(&[line.as_bytes()], false), Seen::Not(NoAnswer::Chunk));
    let extensions = format!("{chunked}{}", format!("1;{}\r\na\r\n", "x".repeat(1_000)).repeat(17));
    assert_eq!(see(&[extensions.as_bytes()], false), Seen::Not(NoAnswer::Chunk));
    let trailers = format!("{chunked}0\r\nx: {}", "a".repeat(17_000));
    assert_eq!(see(&[trailers.as_bytes()], false), Seen::Not(NoAnswer::Trailers));
}

proptest! {
    #[test]
    fn no_cut_and_no_damage_changes_what_is_seen_or_panics(
        number in 0_usize..40, cut in 0_usize..200, at in 0_usize..200, byte: u8, headless: bool,
    ) {
        let all = answers();
        let mut bytes = all[number % all.len()].0.as_bytes().to_vec();
        if let Some(place) = bytes.get_mut(at) {
            *place = if byte < 128 { byte } else { b'0' };
        }
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        prop_assert_eq!(see(&[first, second], headless), see(&[&bytes], headless));
    }
}

#[test]
fn the_length_of_a_request_follows_from_its_body_alone() {
    let head = |request: Request<InboundBody>| {
        let mut out = Outbox::default();
        let upload = request::encode(request, &mut out);
        (String::from_utf8(out.into_text()).unwrap(), upload.is_some())
    };
    let lies = |body: InboundBody| {
        Request::post("/x?y=1")
            .header("content-length", "99")
            .header("Transfer-Encoding", "chunked")
            .header("A", "b")
            .body(body)
    };
    let (text, upload) = head(lies(InboundBody::empty()).unwrap());
    assert_eq!((text.as_str(), upload), ("POST /x?y=1 HTTP/1.1\r\na: b\r\ncontent-length: 0\r\n\r\n", false));
    let (text, upload) = head(lies(InboundBody::from_bytes("four".into())).unwrap());
    assert_eq!((text.as_str(), upload), ("POST /x?y=1 HTTP/1.1\r\na: b\r\ncontent-length: 4\r\n\r\n", true));
    let (text, _) = head(Request::get("https://else.where/p").body(InboundBody::empty()).unwrap());
    assert_eq!(text, "GET /p HTTP/1.1\r\n\r\n");
}
