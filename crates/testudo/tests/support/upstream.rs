//! A backend that tells what it was asked: it answers with the request that it saw.
//!
//! `/stream` sends events without end, `/late-stream` after some thought, `/download` a file that takes minutes, and an upgrade becomes an echo.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

/// A running backend; it ends with the test.
pub struct Upstream {
    pub address: SocketAddr,
    requests: Arc<AtomicUsize>,
    whole: Arc<AtomicUsize>,
}

impl Upstream {
    /// Starts it.
    pub fn start() -> Upstream {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let whole = Arc::new(AtomicUsize::new(0));
        let counters = (Arc::clone(&requests), Arc::clone(&whole));
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (begun, whole) = counters.clone();
                std::thread::spawn(move || serve(stream, &begun, &whole));
            }
        });
        Upstream { address, requests, whole }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests it has seen.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// How many of them came to their end.
    pub fn whole_requests(&self) -> usize {
        self.whole.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, begun: &AtomicUsize, whole: &AtomicUsize) {
    stream.set_nodelay(true).unwrap();
    let mut waiting = vec![0; 64 * 1024];
    loop {
        // Heads come in one piece from the gateway; an upgrade is left for tungstenite to read.
        let Ok(seen) = stream.peek(&mut waiting) else { return };
        let Some(end) = waiting[..seen].windows(4).position(|window| window == b"\r\n\r\n") else {
            if seen == 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        begun.fetch_add(1, Ordering::SeqCst);
        let head = String::from_utf8_lossy(&waiting[..end]).into_owned();
        if head.to_ascii_lowercase().contains("\r\nupgrade: websocket") {
            echo(stream);
            return;
        }
        stream.read_exact(&mut vec![0; end + 4]).unwrap();
        if answer(&mut stream, &head, whole).is_err() {
            return;
        }
    }
}

fn echo(stream: TcpStream) {
    let Ok(mut socket) = tungstenite::accept(stream) else { return };
    while let Ok(message) = socket.read() {
        if (message.is_text() || message.is_binary()) && socket.send(message).is_err() {
            return;
        }
    }
}

fn answer(stream: &mut TcpStream, head: &str, whole: &AtomicUsize) -> std::io::Result<()> {
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let value = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let mut body = 0;
    if let Some(length) = value("content-length") {
        body = length.parse().unwrap();
        if std::io::copy(&mut stream.take(body), &mut std::io::sink())? < body {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    } else if value("transfer-encoding").is_some() {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(b"0\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            bytes.push(byte[0]);
        }
    }
    whole.fetch_add(1, Ordering::SeqCst);
    let path = line.split(' ').nth(1).unwrap_or_default();
    match path {
        "/stream" | "/late-stream" => {
            if path == "/late-stream" {
                std::thread::sleep(Duration::from_millis(600));
            }
            stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            )?;
            loop {
                stream.write_all(b"a\r\ndata: t\n\n\n\r\n")?;
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        "/download" => {
            let length = 1_u64 << 30;
            stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes())?;
            loop {
                stream.write_all(&[0; 4096])?;
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        "/app/leak" => {
            let text = "Traceback (most recent call last):\n  File \"/srv/app/pay.py\", line 7, in charge\n    key = KEYS[1]\nKeyError: 1\n";
            let coded = value("accept-encoding").is_some_and(|codings| codings.contains("gzip"));
            let mut body = text.as_bytes().to_vec();
            if coded {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&body)?;
                body = encoder.finish()?;
            }
            let coding = if coded { "Content-Encoding: gzip\r\n" } else { "" };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{coding}Content-Length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(&[head.as_bytes(), &body].concat())
        }
        "/app/page" => {
            let body = "<p>a page</p>".repeat(60_000);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())
        }
        _ => {
            let seen = json!({ "line": line, "headers": headers, "body": body }).to_string();
            // What a backend says in our name is not passed on.
            let claims = "Testudo-Person: per_forged\r\nServer: echo\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n";
            let length = seen.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{claims}Content-Length: {length}\r\n\r\n"
            );
            stream.write_all(&[head.as_bytes(), seen.as_bytes()].concat())
        }
    }
}

/// The values of a header that the backend saw.
pub fn saw(seen: &Value, name: &str) -> Vec<String> {
    let pairs = seen["headers"].as_array().unwrap();
    let values = pairs.iter().filter(|pair| pair[0] == name);
    values.map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
}

/// The names of all headers that the backend saw, sorted.
pub fn saw_names(seen: &Value) -> Vec<String> {
    let mut names: Vec<String> =
        seen["headers"].as_array().unwrap().iter().map(|pair| pair[0].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}
