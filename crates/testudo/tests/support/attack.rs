//! People who come from somewhere, an attack that tries passwords from one network, and what became of it.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::{Browser, Person, Reply, Tokens};
use super::{Server, eventually};

/// A server behind a proxy, so that callers come from anywhere.
pub fn behind_proxy(more: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("[server]\ntrusted-proxies = [\"127.0.0.0/8\"]\n{more}");
    std::fs::write(folder.path().join("testudo.toml"), text).unwrap();
    Server::start_in(folder, &[])
}

/// Makes an account, with the one password that everybody has here.
pub fn person(server: &Server, name: &str) -> Person {
    server.create_person(name, "correct horse battery");
    Person::new(name, "correct horse battery")
}

/// Tries wrong names and passwords from the addresses of a /24, given by its first three numbers.
pub fn stuff(server: &Server, network: &str, tries: usize) {
    for number in 0..tries {
        let address = format!("{network}.{}", 10 + number % 200);
        let mut browser = Browser::new(server).from(&address);
        browser.sign_in(&Person::new(&format!("nobody{number}"), "wrong password here"));
    }
}

/// Looks again and again, up to 20 s.
pub fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn incidents(server: &Server) -> Vec<Value> {
    server.json(&["incident", "list"])["items"].as_array().unwrap().clone()
}

pub fn show(server: &Server, id: &str) -> Value {
    server.json(&["incident", "show", id])
}

/// What an incident did of one kind.
pub fn responses<'a>(incident: &'a Value, action: &str) -> Vec<&'a Value> {
    let all = incident["responses"].as_array().unwrap();
    all.iter().filter(|response| response["action"]["action"] == action).collect()
}

/// How a request with these tokens is refused.
pub fn refused(server: &Server, tokens: &Tokens) -> (u16, String) {
    server.get("/accounts", tokens).refusal()
}

/// One request of somebody from somewhere, with the name of her program.
pub fn call(server: &Server, tokens: &Tokens, method: &str, path: &str, address: &str, agent: &str) -> Reply {
    let headers = [("Authorization", &*tokens.bearer()), ("X-Forwarded-For", address), ("User-Agent", agent)];
    server.send(method, path, &headers, b"")
}

/// Waits until the model has taken in all that is in the journal, and what it holds is saved.
pub fn settled(server: &Server) {
    eventually("the risk model", Duration::from_secs(20), || {
        let status = server.as_owner("GET", "/admin/v1/status", None).json();
        status["risk"]["cursor"].as_u64() >= status["journal"]["size"].as_u64() && status["risk"]["unsaved"] == 0
    });
}
