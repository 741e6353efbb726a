//! A backend that behaves as the path asks.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A backend in threads of the test; it stops when dropped.
pub struct Origin {
    pub address: SocketAddr,
    /// Complete requests that it read.
    pub requests: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Origin {
    pub fn start() -> Origin {
        Origin::start_at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    pub fn start_at(address: SocketAddr) -> Origin {
        let listener = TcpListener::bind(address).unwrap();
        let origin = Origin { address: listener.local_addr().unwrap(), requests: Arc::default(), stop: Arc::default() };
        let (requests, stop) = (Arc::clone(&origin.requests), Arc::clone(&origin.stop));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let (Ok(stream), requests, stop) = (stream, Arc::clone(&requests), Arc::clone(&stop)) else { break };
                std::thread::spawn(move || serve(stream, &requests, &stop));
            }
        });
        origin
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the listener, which then closes.
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads one request: its path. A body is read whole, except where the path says that it is not.
fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    let mut piece = [0; 4096];
    let (path, length) = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            buffer.drain(..end + 4);
            let length = head
                .to_ascii_lowercase()
                .split("content-length:")
                .nth(1)
                .and_then(|rest| rest.split("\r\n").next().and_then(|value| value.trim().parse::<usize>().ok()));
            break (head.split(' ').nth(1)?.to_owned(), length.unwrap_or(0));
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(count) => buffer.extend_from_slice(&piece[..count]),
        }
    };
    while buffer.len() < length {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(count) => buffer.extend_from_slice(&piece[..count]),
        }
    }
    buffer.drain(..length);
    Some(path)
}

fn serve(mut stream: TcpStream, requests: &AtomicUsize, stop: &AtomicBool) {
    let mut buffer = Vec::new();
    while let Some(path) = request(&mut stream, &mut buffer) {
        requests.fetch_add(1, Ordering::Relaxed);
        if stop.load(Ordering::Relaxed) || !answer(&mut stream, path.rsplit('/').next().unwrap_or_default()) {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// Whether the connection may be used again.
fn answer(stream: &mut TcpStream, how: &str) -> bool {
    let mut say = |text: &str| stream.write_all(text.as_bytes()).is_ok();
    match how {
        "after-4-s" => {
            std::thread::sleep(Duration::from_secs(4));
            say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        }
        "64-kib" => say(&format!("HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n{}", "a".repeat(65_536))),
        "short" => {
            say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
            false
        }
        "long" => {
            say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned")
        }
        "two-lengths" => say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 40\r\n\r\nhello"),
        "half-a-chunk" => {
            say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nonly this");
            false
        }
        "no-answer" => false,
        "half-a-head" => {
            say("HTTP/1.1 200 OK\r\nContent-Le");
            false
        }
        "garbage" => {
            say("\x16\x03\x01 this is no HTTP\r\n\r\n");
            false
        }
        "stall" => {
            say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
            std::thread::sleep(Duration::from_secs(100));
            false
        }
        _ => say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    }
}
