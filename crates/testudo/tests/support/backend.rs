//! A backend that answers as it is told: which head, which bytes, in which pieces, and how it ends.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it is to answer.
#[derive(Clone)]
pub struct Answer {
    /// Status and headers, each with its line end.
    pub head: String,
    /// The body as it is written, with a pause after each piece.
    pub pieces: Vec<Vec<u8>>,
    pub pause: Duration,
    pub ending: Ending,
}

/// How the body is framed, and ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// `Content-Length` of all pieces.
    Length,
    /// Chunked, a chunk for each piece.
    Chunked,
    /// Chunked, and the connection closes before the last chunk.
    CutOff,
    /// As with `Length`, for HEAD and 304: the length is said and nothing is sent.
    HeadOnly,
    /// Neither length nor body, for 204.
    Bare,
}

impl Answer {
    /// 200 with this media type and body.
    pub fn new(media: &str, body: impl Into<Vec<u8>>) -> Answer {
        Answer {
            head: format!("HTTP/1.1 200 OK\r\nContent-Type: {media}\r\n"),
            pieces: vec![body.into()],
            pause: Duration::ZERO,
            ending: Ending::Length,
        }
    }

    /// With one more header.
    pub fn header(mut self, name: &str, value: &str) -> Answer {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// With another status line.
    pub fn status(mut self, status: &str) -> Answer {
        self.head = self.head.replacen("200 OK", status, 1);
        self
    }

    /// In chunks of this size.
    pub fn chunks(mut self, size: usize) -> Answer {
        self.pieces = self.pieces.concat().chunks(size.max(1)).map(<[u8]>::to_vec).collect();
        self.ending = Ending::Chunked;
        self
    }

    /// Ends so.
    pub fn ending(mut self, ending: Ending) -> Answer {
        self.ending = ending;
        self
    }
}

/// A running backend; it ends with the test.
#[derive(Clone)]
pub struct Backend {
    pub address: SocketAddr,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Backend {
    /// Starts it.
    pub fn start() -> Backend {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let backend =
            Backend { address: listener.local_addr().unwrap(), answers: Arc::default(), seen: Arc::default() };
        let serving = backend.clone();
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve(stream));
            }
        });
        backend
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers this path so from now on.
    pub fn answers(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// The head of the last request, in lower case.
    pub fn last(&self) -> String {
        self.seen.lock().unwrap().last().cloned().unwrap_or_default()
    }

    fn serve(&self, mut stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        loop {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read(&mut byte) {
                    Ok(1) => head.push(byte[0]),
                    _ => return,
                }
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let lower = head.to_ascii_lowercase();
            let length =
                lower.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            if stream.read_exact(&mut body).is_err() {
                return;
            }
            self.seen.lock().unwrap().push(lower);
            let path = head.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
            let answer = self.answers.lock().unwrap().get(&path).cloned();
            let answer = answer.unwrap_or_else(|| Answer::new("application/json", "{}"));
            if write(&mut stream, &answer, head.starts_with("HEAD ")).is_err() {
                return;
            }
        }
    }
}

fn write(stream: &mut TcpStream, answer: &Answer, head: bool) -> std::io::Result<()> {
    let length: usize = answer.pieces.iter().map(Vec::len).sum();
    let framing = match answer.ending {
        Ending::Length | Ending::HeadOnly => format!("Content-Length: {length}\r\n\r\n"),
        Ending::Bare => "\r\n".to_owned(),
        Ending::Chunked | Ending::CutOff => "Transfer-Encoding: chunked\r\n\r\n".to_owned(),
    };
    stream.write_all(format!("{}{framing}", answer.head).as_bytes())?;
    if head || matches!(answer.ending, Ending::HeadOnly | Ending::Bare) {
        return Ok(());
    }
    for piece in answer.pieces.iter().filter(|piece| !piece.is_empty()) {
        if answer.ending == Ending::Length {
            stream.write_all(piece)?;
        } else {
            let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
            chunk.extend_from_slice(piece);
            chunk.extend_from_slice(b"\r\n");
            stream.write_all(&chunk)?;
        }
        std::thread::sleep(answer.pause);
    }
    match answer.ending {
        Ending::Chunked => stream.write_all(b"0\r\n\r\n"),
        Ending::CutOff => Err(std::io::Error::other("cut off")),
        _ => Ok(()),
    }
}
