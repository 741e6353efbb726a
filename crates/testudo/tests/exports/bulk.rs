//! To a bulk API that checks the format, pushes back, breaks connections off, and never takes some documents.

#![allow(clippy::large_stack_arrays, reason = "a buffer that lives as long as one call")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::support::{Server, eventually};
use super::{PATIENCE, complete, drained, serve, target, traffic};

/// What a bulk API has.
#[derive(Default)]
pub struct Index {
    documents: Mutex<BTreeMap<String, Value>>,
    faults: Mutex<Vec<String>>,
    requests: AtomicU32,
    repeats: AtomicU32,
}

/// What one request's body must be, and what is answered: none breaks the connection off.
fn answer(index: &Index, head: &str, body: &[u8]) -> Option<(u16, String)> {
    let number = index.requests.fetch_add(1, Ordering::Relaxed);
    let fault = |text: String| index.faults.lock().unwrap().push(text);
    let lower = head.to_ascii_lowercase();
    if !head.starts_with("POST /_bulk HTTP/1.1\r\n") {
        fault(format!("the request is {}", head.lines().next().unwrap_or_default()));
    }
    for wanted in ["content-type: application/x-ndjson", "authorization: apikey secret-of-the-test"] {
        if !lower.lines().any(|line| line == wanted) {
            fault(format!("no `{wanted}` in {lower}"));
        }
    }
    let text = std::str::from_utf8(body).unwrap();
    if !text.ends_with('\n') || text.contains("\n\n") || text.contains('\r') {
        fault("lines end with one line feed each".into());
    }
    match number % 7 {
        3 => return Some((429, json!({ "error": "too many requests", "status": 429 }).to_string())),
        5 => return Some((503, String::new())),
        _ => {}
    }
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut items = Vec::new();
    for pair in lines.chunks(2) {
        let [action, document] = pair else {
            fault("an action without a document".into());
            break;
        };
        let action = action.as_object().unwrap();
        let create = action.get("create").and_then(Value::as_object);
        let Some(create) = create.filter(|create| action.len() == 1 && create.len() == 2) else {
            fault(format!("the action is {action:?}"));
            continue;
        };
        if create["_index"] != "logs-testudo" || !document["@timestamp"].is_string() || document["ecs"].is_null() {
            fault(format!("the document is {document}"));
        }
        let id = create["_id"].as_str().unwrap().to_owned();
        let mut documents = index.documents.lock().unwrap();
        let (status, error) = if document["event"]["action"] == "node.started" {
            (400, json!({ "type": "mapper_parsing_exception", "reason": "quotes the document" }))
        } else if documents.contains_key(&id) {
            index.repeats.fetch_add(1, Ordering::Relaxed);
            (409, json!({ "type": "version_conflict_engine_exception", "reason": "it is there" }))
        } else if items.len() % 50 == 49 && number.is_multiple_of(2) {
            (429, json!({ "type": "es_rejected_execution_exception", "reason": "queue full" }))
        } else {
            documents.insert(id.clone(), document.clone());
            (201, Value::Null)
        };
        let mut item = json!({ "_index": "logs-testudo", "_id": id, "status": status });
        if !error.is_null() {
            item["error"] = error;
        }
        items.push(json!({ "create": item }));
    }
    // It took them, and nobody hears of it.
    if number % 7 == 6 {
        return None;
    }
    let errors = items.iter().any(|item| item["create"]["status"].as_u64() > Some(299));
    Some((200, json!({ "took": 3, "errors": errors, "items": items }).to_string()))
}

/// Serves it on loopback.
pub fn serve_index(index: &Arc<Index>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let index = Arc::clone(index);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let index = Arc::clone(&index);
            std::thread::spawn(move || speak(&index, stream.unwrap()));
        }
    });
    address
}

fn speak(index: &Index, mut stream: TcpStream) {
    let mut bytes = Vec::new();
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8(bytes[..end + 2].to_vec()).unwrap();
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let length: usize = length.unwrap();
            if bytes.len() >= end + 4 + length {
                let body: Vec<u8> = bytes[end + 4..end + 4 + length].to_vec();
                bytes.drain(..end + 4 + length);
                let Some((status, text)) = answer(index, &head, &body) else { return };
                let head = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nContent-Type: application/json\r\n\r\n",
                    text.len()
                );
                if stream.write_all((head + &text).as_bytes()).is_err() {
                    return;
                }
                continue;
            }
        }
        let mut more = [0; 65_536];
        match stream.read(&mut more) {
            Ok(0) | Err(_) => return,
            Ok(n) => bytes.extend_from_slice(&more[..n]),
        }
    }
}

/// Every entry is a document, once, but for those of a kind that is never taken; gives their places.
pub fn assert_complete(server: &Server, index: &Index, place: u64) -> BTreeSet<u64> {
    assert_eq!(*index.faults.lock().unwrap(), Vec::<String>::new());
    let page = server.json(&["audit", "list", "--kind", "node.started", "--limit", "100"]);
    let started: BTreeSet<u64> =
        page["items"].as_array().unwrap().iter().map(|item| item["seq"].as_u64().unwrap()).collect();
    let documents = index.documents.lock().unwrap();
    let mut places: BTreeSet<u64> =
        documents.values().map(|document| document["event"]["sequence"].as_u64().unwrap()).collect();
    assert_eq!(places.len(), documents.len(), "each entry is one document, however often it was sent");
    assert!(places.is_disjoint(&started));
    places.extend(&started);
    complete(&places, place);
    started
}

#[test]
fn a_bulk_api_that_pushes_back_and_breaks_off_has_every_document_once() {
    let index = Arc::new(Index::default());
    let address = serve_index(&index);
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("authorization");
    std::fs::write(&secret, "ApiKey secret-of-the-test\n").unwrap();
    let mut server = serve(&format!(
        "[[export]]\nname = \"search\"\nkind = \"bulk\"\nurl = \"http://{address}/_bulk\"\nindex = \"logs-testudo\"\n\
         from = \"start\"\nauthorization-file = \"{}\"\n",
        secret.display()
    ));
    for round in 0..5 {
        traffic(&server, 250);
        if round % 2 == 1 {
            server.crash_and_restart();
        }
    }
    let place = drained(&server, "search");
    let started = assert_complete(&server, &index, place);
    assert!(started.len() >= 3);
    assert!(index.repeats.load(Ordering::Relaxed) > 0, "something was sent twice");
    // What is refused for good is said, with its places.
    let mut said = BTreeSet::new();
    eventually("what is refused is said", PATIENCE, || {
        said = server
            .events("export.rejected")
            .iter()
            .flat_map(|event| {
                assert_eq!(event["details"]["cause"], "status 400, mapper_parsing_exception");
                let places = event["details"]["places"].as_str().unwrap().to_owned();
                places.split(' ').map(|place| place.parse().unwrap()).collect::<Vec<u64>>()
            })
            .collect();
        said.is_superset(&started)
    });
    assert!(target(&server, "search")["refused"].as_u64().unwrap() >= started.len() as u64);
    assert!(!server.log().contains("secret-of-the-test"));
    assert!(!server.json(&["export", "list"]).to_string().contains("secret-of-the-test"));
}
