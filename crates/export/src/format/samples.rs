//! Records for the tests of formats.
#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr};

use serde_json::json;
use testudo_core::{Event, EventKind, HttpFacts, PersonId, Timestamp};
use testudo_store::Plain;

use crate::{Origin, Record, unmasked};

pub(crate) fn origin() -> Origin {
    Origin { log: "testudo/00ff".into(), host: "gate.example.org".into(), version: "0.1.0", masker: unmasked() }
}

/// A request, a refused sign-in with its personal part, an alert.
pub(crate) fn records() -> Vec<Record> {
    let request = json!({
        "kind": "request.decided", "at": 1_772_407_800_123_456_i64, "outcome": "failure", "control": "standing",
        "code": "session-revoked", "request": "req_01m859aw8vrn8rdcr5kc2829qy",
        "person": "00112233445566778899aabbccddeeff", "client": "wallet-app",
        "session": "ses_01m859aw8vrn8rdcr5kc2829qy", "address": "ffeeddccbbaa99887766554433221100",
        "network": "0f0e0d0c0b0a09080706050403020100",
        "http": { "method": "GET", "route": "/accounts/{id}", "status": 401, "bytes_in": 0, "bytes_out": 312, "micros": 834 },
    });
    let sign_in = json!({
        "kind": "sign-in", "at": 1_772_407_801_000_000_i64, "outcome": "failure", "control": "authentication",
        "code": "password-wrong", "person": "00112233445566778899aabbccddeeff",
        "address": "ffeeddccbbaa99887766554433221100", "network": "0f0e0d0c0b0a09080706050403020100",
        "details": { "method": "password" },
    });
    let alert = json!({
        "kind": "alert.raised", "at": 1_772_407_802_000_000_i64, "outcome": "success",
        "target": "testudo-credential-stuffing",
        "details": {
            "title": "Credential stuffing from one network", "level": "high", "since": "1772407790000000",
            "places": "3 5 8", "events": "40", "group.network": "0f0e0d0c0b0a09080706050403020100",
            "tags": "attack.t1110.004\nattack.credential-access",
        },
    });
    let plain = |value| serde_json::from_value::<Plain>(value).unwrap();
    let mut sign_in = Record::plain(42, plain(sign_in));
    let person = PersonId::new(Timestamp::from_seconds(1_700_000_000), [7; 10]);
    let mut event = Event::new(EventKind::SignIn, sign_in.plain.at)
        .from(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)))
        .personal("username", "ada@example.org");
    event.actor.person = Some(person);
    event.http = Some(HttpFacts { user_agent: Some("Wallet/3.1".into()), ..HttpFacts::default() });
    sign_in.event = Some(Box::new(event));
    vec![Record::plain(41, plain(request)), sign_in, Record::plain(43, plain(alert))]
}

/// One record of each kind, with and without a target and an actor.
pub(crate) fn all_kinds() -> Vec<Record> {
    let mut records = Vec::new();
    for (n, kind) in EventKind::ALL.iter().enumerate() {
        let bare = json!({ "kind": kind, "at": 1_772_407_800_000_000_i64, "outcome": "success" });
        let full = json!({
            "kind": kind, "at": 1_772_407_800_000_000_i64, "outcome": "failure", "control": "standing", "code": "x",
            "person": "00112233445566778899aabbccddeeff", "subject": "0112233445566778899aabbccddeeff0",
            "client": "wallet-app", "session": "ses_01m859aw8vrn8rdcr5kc2829qy", "target": "thing",
            "address": "ffeeddccbbaa99887766554433221100", "network": "0f0e0d0c0b0a09080706050403020100",
            "http": { "method": "GET", "route": "/", "status": 200, "bytes_in": 0, "bytes_out": 1, "micros": 1 },
            "details": { "level": "high" },
        });
        for value in [bare, full] {
            records.push(Record::plain(n as u64, serde_json::from_value(value).unwrap()));
        }
    }
    records
}
