//! The backend keeps its contract, keeps people apart, and moves money once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use testudo_contract::{Contract, DataClass, RouteMatch};
use tower::ServiceExt;

const SCOPES: &str = "accounts:read transfers:read transfers:write cards:read cards:write statements:read profile:read \
                      profile:write";

async fn call(
    app: &Router,
    person: Option<&str>,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(path).header("idempotency-key", format!("key-of-{path}"));
    if let Some(person) = person {
        request = request.header("testudo-person", person).header("testudo-scopes", SCOPES);
    }
    let body = match body {
        Some(body) => {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        }
        None => Body::empty(),
    };
    let response = app.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let status = response.status();
    if response.headers().get("content-type").is_some_and(|kind| kind == "text/event-stream") {
        return (status, Value::Null);
    }
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let value = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into());
    (status, value)
}

#[test]
fn contract_and_routes_agree() {
    let contract = Contract::from_openapi("openapi.yaml", wallet::OPENAPI).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(contract.notes().is_empty(), "{:?}", contract.notes());
    let described: BTreeSet<(String, String)> = contract
        .routes()
        .iter()
        .map(|route| (route.method.as_ref().unwrap().to_string(), route.template.to_string()))
        .collect();
    let served: BTreeSet<(String, String)> =
        wallet::ROUTES.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(described, served);
    let public: Vec<&str> = contract.routes().iter().filter(|route| route.is_public()).map(|r| &*r.template).collect();
    assert_eq!(public, ["/health", "/rates"]);
    let RouteMatch::Found(cards) = contract.route(&Method::GET, "/cards") else { panic!("cards") };
    assert_eq!(cards.route.data, [DataClass::Pan].into());
    let RouteMatch::Found(profile) = contract.route(&Method::PATCH, "/profile") else { panic!("profile") };
    assert!(profile.route.data.is_superset(&[DataClass::Email, DataClass::Phone, DataClass::Name].into()));
}

#[tokio::test]
async fn every_route_is_there_and_needs_what_its_contract_says() {
    let app = wallet::router();
    let contract = Contract::from_openapi("openapi.yaml", wallet::OPENAPI).unwrap();
    let (_, accounts) = call(&app, Some("per_1"), "GET", "/accounts", None).await;
    let (_, cards) = call(&app, Some("per_1"), "GET", "/cards", None).await;
    for route in contract.routes() {
        let path = route
            .template
            .replace("{account}", accounts["accounts"][0]["id"].as_str().unwrap())
            .replace("{card}", cards["cards"][0]["id"].as_str().unwrap())
            .replace("{month}", "2026-05");
        let method = route.method.as_ref().unwrap().as_str();
        let body = match (method, &*route.template) {
            ("POST", "/transfers") => Some(order(accounts["accounts"][0]["id"].as_str().unwrap(), 100)),
            ("PATCH", _) => Some(json!({ "language": "it" })),
            _ => None,
        };
        let (status, answer) = call(&app, Some("per_1"), method, &path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {answer}");
        let (status, answer) = call(&app, None, method, &path, None).await;
        if route.is_public() {
            assert_eq!(status, StatusCode::OK, "{path}");
        } else {
            assert_eq!((status, &answer["error"]), (StatusCode::UNAUTHORIZED, &json!("unauthenticated")), "{path}");
            let request = Request::builder().method(method).uri(&path).header("testudo-person", "per_1");
            let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} without scopes");
        }
    }
    assert_eq!(call(&app, Some("per_1"), "GET", "/nowhere", None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(call(&app, Some("per_1"), "DELETE", "/accounts", None).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

fn order(from: &str, amount: i64) -> Value {
    json!({ "from": from, "to": { "iban": "GB82WEST12345698765432", "name": "Grace" }, "amount": amount, "reference": "rent" })
}

#[tokio::test]
async fn a_key_moves_money_once() {
    let app = wallet::router();
    let balance = async |app: &Router| {
        let (_, all) = call(app, Some("per_1"), "GET", "/accounts", None).await;
        (all["accounts"][0]["id"].as_str().unwrap().to_owned(), all["accounts"][0]["balance"].as_i64().unwrap())
    };
    let (id, before) = balance(&app).await;
    let (status, first) = call(&app, Some("per_1"), "POST", "/transfers", Some(order(&id, 250))).await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    let (_, second) = call(&app, Some("per_1"), "POST", "/transfers", Some(order(&id, 250))).await;
    assert_eq!(first, second);
    assert_eq!(balance(&app).await.1, before - 250);
    let (status, _) = call(&app, Some("per_1"), "POST", "/transfers", Some(order(&id, 251))).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (_, list) = call(&app, Some("per_1"), "GET", "/transfers?limit=5", None).await;
    assert_eq!(list["transfers"].as_array().unwrap().len(), 1);
    assert_eq!(call(&app, Some("per_1"), "GET", "/transfers?limit=0", None).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(call(&app, Some("per_1"), "GET", "/transfers?x=0", None).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn orders_that_make_no_sense_are_refused() {
    let app = wallet::router();
    let (_, all) = call(&app, Some("per_1"), "GET", "/accounts", None).await;
    let id = all["accounts"][0]["id"].as_str().unwrap();
    let mut unknown = order(id, 1);
    unknown["fee"] = json!(0);
    let mut iban = order(id, 1);
    iban["to"]["iban"] = json!("GB83WEST12345698765432");
    for (body, status) in [
        (order(id, 0), StatusCode::BAD_REQUEST),
        (order(id, -5), StatusCode::BAD_REQUEST),
        (order(id, 9_999_999), StatusCode::UNPROCESSABLE_ENTITY),
        (order("acc-000000000000", 1), StatusCode::NOT_FOUND),
        (iban, StatusCode::BAD_REQUEST),
        (unknown, StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "x": "y".repeat(20_000) }), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let (answer, text) = call(&app, Some("per_1"), "POST", "/transfers", Some(body.clone())).await;
        assert_eq!(answer, status, "{text}");
    }
    let (_, after) = call(&app, Some("per_1"), "GET", "/accounts", None).await;
    assert_eq!(all, after);
}

#[tokio::test]
async fn people_see_only_their_own() {
    let app = wallet::router();
    let (_, mine) = call(&app, Some("per_1"), "GET", "/accounts", None).await;
    let (_, theirs) = call(&app, Some("per_2"), "GET", "/accounts", None).await;
    assert_ne!(mine, theirs);
    let id = theirs["accounts"][0]["id"].as_str().unwrap();
    for path in
        [format!("/accounts/{id}"), format!("/accounts/{id}/events"), format!("/accounts/{id}/statements/2026-05")]
    {
        assert_eq!(call(&app, Some("per_1"), "GET", &path, None).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let (_, cards) = call(&app, Some("per_2"), "GET", "/cards", None).await;
    let path = format!("/cards/{}/freeze", cards["cards"][0]["id"].as_str().unwrap());
    assert_eq!(call(&app, Some("per_1"), "POST", &path, None).await.0, StatusCode::NOT_FOUND);
    let (_, frozen) = call(&app, Some("per_2"), "POST", &path, None).await;
    assert_eq!(frozen["frozen"], json!(true));
}

#[tokio::test]
async fn changes_of_the_profile_stay() {
    let app = wallet::router();
    let change = json!({ "email": "new@mail.example", "phone": "+4930123456" });
    let (status, _) = call(&app, Some("per_1"), "PATCH", "/profile", Some(change)).await;
    assert_eq!(status, StatusCode::OK);
    let (_, profile) = call(&app, Some("per_1"), "GET", "/profile", None).await;
    assert_eq!(profile["email"], json!("new@mail.example"));
    for wrong in [json!({}), json!({ "email": "x" }), json!({ "phone": "0151" }), json!({ "language": "xx" })] {
        assert_eq!(call(&app, Some("per_1"), "PATCH", "/profile", Some(wrong)).await.0, StatusCode::BAD_REQUEST);
    }
    let (status, _) = call(&app, Some("per_1"), "PATCH", "/profile", Some(json!({ "name": "X" }))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_tell_of_transfers_and_end_with_the_server() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(wallet::serve(listener, async { stopped.await.unwrap_or_default() }));
    let exchange = move |request: String| {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        socket
    };
    let headers = format!("host: wallet\r\ntestudo-person: per_9\r\ntestudo-scopes: {SCOPES}\r\n");
    let streamed = tokio::task::spawn_blocking(move || {
        let mut body = String::new();
        let request = format!("GET /accounts HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
        exchange(request).read_to_string(&mut body).unwrap();
        let accounts: Value = serde_json::from_str(body.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        let id = accounts["accounts"][0]["id"].as_str().unwrap().to_owned();
        let mut events = exchange(format!("GET /accounts/{id}/events HTTP/1.1\r\n{headers}\r\n"));
        let mut heard = String::new();
        let mut read_until = |heard: &mut String, wanted: &str| {
            let mut buffer = [0; 4096];
            while !heard.contains(wanted) {
                let count = events.read(&mut buffer).unwrap();
                assert_ne!(count, 0, "ended before `{wanted}`: {heard}");
                heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        };
        read_until(&mut heard, "event: balance");
        let order = order(&id, 42).to_string();
        let post = format!(
            "POST /transfers HTTP/1.1\r\n{headers}connection: close\r\nidempotency-key: 12345678\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{order}",
            order.len()
        );
        exchange(post).read_to_string(&mut String::new()).unwrap();
        read_until(&mut heard, "event: transfer");
        read_until(&mut heard, "event: tick");
        assert!(heard.contains("\"amount\":42"), "{heard}");
        stop.send(()).unwrap();
        let mut rest = Vec::new();
        events.read_to_end(&mut rest).unwrap();
    });
    tokio::time::timeout(Duration::from_secs(20), streamed).await.unwrap().unwrap();
    tokio::time::timeout(Duration::from_secs(5), server).await.unwrap().unwrap().unwrap();
}
