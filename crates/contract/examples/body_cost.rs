//! What it costs to check the body of an order of 2 KiB: `cargo run --release -p testudo-contract --example body_cost`.
#![allow(clippy::print_stdout, clippy::expect_used, clippy::cast_precision_loss, reason = "a bench prints")]

use std::hint::black_box;
use std::time::Instant;

use http::Method;
use testudo_contract::{Contract, Options, RouteMatch};

/// Short batches, of which the quickest counts, so that a busy machine disturbs little.
const BATCHES: usize = 2_000;
const EACH: u32 = 50;

const CONTRACT: &str = r#"
openapi: 3.1.0
info: {title: Shop, version: "1"}
paths:
  /orders:
    post:
      security: []
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}
components:
  schemas:
    Money: {type: object, required: [amount, currency], properties: {amount: {type: integer, minimum: 0}, currency: {type: string, pattern: "^[A-Z]{3}$"}}}
    Address:
      type: object
      required: [street, city, zip, country]
      properties:
        street: {type: string, maxLength: 100}
        city: {type: string, maxLength: 100}
        zip: {type: string, pattern: "^[0-9A-Z -]{3,10}$"}
        country: {enum: [DE, FR, ES, IT]}
    Item:
      type: object
      required: [sku, quantity, price]
      properties:
        sku: {type: string, format: uuid}
        quantity: {type: integer, minimum: 1, maximum: 100}
        price: {$ref: '#/components/schemas/Money'}
        note: {type: [string, "null"], maxLength: 200}
        gift: {type: boolean}
    Order:
      type: object
      required: [id, placed, items, ship]
      properties:
        id: {type: string, format: uuid}
        placed: {type: string, format: date-time}
        items: {type: array, maxItems: 50, items: {$ref: '#/components/schemas/Item'}}
        ship: {$ref: '#/components/schemas/Address'}
        bill: {oneOf: [{$ref: '#/components/schemas/Address'}, {type: "null"}]}
        email: {type: string, format: email}
"#;

fn order() -> String {
    let items: Vec<String> = (0..13)
        .map(|n| {
            format!(
                r#"{{"sku":"3f2504e0-4f89-11d3-9a0c-0305e82c33{n:02}","quantity":{},"price":{{"amount":{},"currency":"EUR"}},"note":"please wrap it, item {n}","gift":{}}}"#,
                n + 1,
                n * 199 + 5,
                n % 2 == 0
            )
        })
        .collect();
    format!(
        r#"{{"id":"3f2504e0-4f89-11d3-9a0c-0305e82c3301","placed":"2026-01-10T19:39:33+02:00","items":[{}],"ship":{{"street":"Rue de l'Église 5","city":"Lyon","zip":"69001","country":"FR"}},"bill":null,"email":"o.neil@example.test"}}"#,
        items.join(",")
    )
}

fn main() {
    let contract = Contract::from_openapi("shop", CONTRACT).expect("a contract");
    let RouteMatch::Found(found) = contract.route(&Method::POST, "/orders") else { return };
    let body = order();
    let check =
        || contract.check_body(found.route, Some(b"application/json"), black_box(body.as_bytes()), Options::default());
    let checked = check();
    println!("{} bytes, {} proven, ok {}", body.len(), checked.proven.len(), checked.is_ok());
    let mut best = f64::INFINITY;
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..EACH {
            black_box(check());
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(EACH));
    }
    println!("check_body: {:.2} us", best * 1e6);
    let mut reader = f64::INFINITY;
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..EACH {
            let mut count = 0_usize;
            let mut visit = |_: &testudo_body::json::Token<'_>, _: &testudo_body::json::Path| {
                count += 1;
                Ok::<(), std::convert::Infallible>(())
            };
            let mut json = testudo_body::json::Reader::new(testudo_body::json::Limits::REQUEST);
            let read = json.push(black_box(body.as_bytes()), &mut visit).and_then(|()| json.finish(&mut visit));
            black_box((read.is_ok(), count));
        }
        reader = reader.min(start.elapsed().as_secs_f64() / f64::from(EACH));
    }
    println!("the reader alone: {:.2} us", reader * 1e6);
}
