//! An attack that tries passwords from one network, and what became of it.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::Server;
use super::http::{Browser, Person, Tokens};

/// A server behind a proxy, so that callers come from anywhere.
pub fn behind_proxy(more: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("[server]\ntrusted-proxies = [\"127.0.0.0/8\"]\n{more}");
    std::fs::write(folder.path().join("testudo.toml"), text).unwrap();
    Server::start_in(folder, &[])
}

pub fn person(server: &Server, name: &str) -> Person {
    server.create_person(name, "correct horse battery");
    Person::new(name, "correct horse battery")
}

/// Tries wrong names and passwords from a network, until an alert is raised.
pub fn stuff(server: &Server, network: &str, tries: usize) {
    for number in 0..tries {
        let address = format!("{network}.{}", 10 + number % 200);
        let mut browser = Browser::new(server).from(&address);
        browser.sign_in(&Person::new(&format!("nobody{number}"), "wrong password here"));
    }
}

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

pub fn responses<'a>(incident: &'a Value, action: &str) -> Vec<&'a Value> {
    let all = incident["responses"].as_array().unwrap();
    all.iter().filter(|response| response["action"]["action"] == action).collect()
}

pub fn refused(server: &Server, tokens: &Tokens) -> (u16, String) {
    server.get("/accounts", tokens).refusal()
}
