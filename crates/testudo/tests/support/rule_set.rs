//! The OWASP Core Rule Set before a backend of its own: where it and its corpora are, and what answers.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use crate::{drive, front, support};

/// Where the rule set is, and a folder of the corpora.
pub fn folders(corpus: &str) -> Option<(PathBuf, PathBuf)> {
    let rules = std::env::var_os("TESTUDO_CRS").map(PathBuf::from);
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let corpus = std::env::var_os("TESTUDO_CORPORA").map_or(here, PathBuf::from).join(corpus);
    let Some(rules) = rules.filter(|folder| folder.is_dir() && corpus.is_dir()) else {
        support::skip(
            "TESTUDO_REQUIRE_CRS",
            &format!("TESTUDO_CRS names no release of the OWASP Core Rule Set, or `{}` is not there", corpus.display()),
        );
        return None;
    };
    Some((rules.canonicalize().unwrap(), corpus))
}

/// A backend that answers what `/reflect` is asked for, and nothing to anything else.
pub fn backend() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            std::thread::spawn(move || while serve(&stream).is_some() {});
        }
    });
    format!("http://{address}")
}

fn serve(mut stream: &TcpStream) -> Option<()> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 16 * 1024]);
    let request = loop {
        if let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let request = front::Request::parse(&bytes);
            let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
            let chunked = request.header("transfer-encoding").is_some();
            if if chunked { bytes.ends_with(b"0\r\n\r\n") } else { bytes.len() >= head + 4 + length } {
                break request;
            }
        }
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
    };
    let answer = drive::answer(&request);
    let mut reply = format!("HTTP/1.1 {} Reflected\r\n", answer.status).into_bytes();
    for (name, value) in &answer.headers {
        if value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            reply.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
    }
    reply.extend_from_slice(b"\r\n");
    if request.method != b"HEAD" {
        reply.extend_from_slice(&answer.body);
    }
    stream.write_all(&reply).ok()
}
