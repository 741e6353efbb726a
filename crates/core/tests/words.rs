//! Ids, events, secrets and instants: text forms that round-trip, and mutations that are refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use testudo_core::{
    Actor, BuildId, ClientId, Control, DeviceId, Event, EventKind, FamilyId, HttpFacts, Lane, Outcome, PersonId,
    Pseudonym, RequestId, Secret, SessionId, Severity, Timestamp,
};

const DIGITS: &str = "0123456789abcdefghjkmnpqrstvwxyz";

fn person() -> impl Strategy<Value = PersonId> {
    any::<[u8; 16]>().prop_map(PersonId::from_bytes)
}

fn client() -> impl Strategy<Value = ClientId> {
    "[A-Za-z0-9._~-]{1,64}".prop_map(|text| text.parse().unwrap())
}

fn actor() -> impl Strategy<Value = Actor> {
    (of(person()), of(client()), any::<[u8; 16]>(), any::<[bool; 4]>()).prop_map(|(person, client, bytes, known)| {
        Actor {
            person,
            client,
            session: known[0].then(|| SessionId::from_bytes(bytes)),
            family: known[1].then(|| FamilyId::from_bytes(bytes)),
            device: known[2].then(|| DeviceId::from_bytes(bytes)),
            build: known[3].then(|| BuildId::from_bytes(bytes)),
        }
    })
}

fn http() -> impl Strategy<Value = HttpFacts> {
    (any::<(u16, u64, u64, u64)>(), "\\PC{0,12}", of("\\PC{0,12}"), of("\\PC{0,12}")).prop_map(
        |((status, bytes_in, bytes_out, micros), route, path, user_agent)| HttpFacts {
            method: "GET".into(),
            route: route.into(),
            status,
            bytes_in,
            bytes_out,
            micros,
            path,
            user_agent,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let facts = (select(EventKind::ALL), any::<i64>(), actor(), of(any::<IpAddr>()), of(http()), of(person()));
    let more = (
        of(select(Control::ALL)),
        of("[a-z-]{1,20}"),
        of(any::<[u8; 16]>()),
        of("\\PC{0,12}"),
        any::<u32>(),
        "\\PC*",
        "\\PC*",
    );
    (facts, more).prop_map(
        |((kind, at, actor, peer, http, subject), (control, code, request, target, count, plain, personal))| {
            let mut event = Event::new(kind, Timestamp::from_micros(at))
                .by(actor)
                .detail("plain", plain)
                .personal("name", personal);
            if let (Some(control), Some(code)) = (control, code) {
                event = event.failed(control, code);
            }
            if let Some(address) = peer {
                event = event.from(address);
            }
            if let Some(subject) = subject {
                event = event.to(subject);
            }
            if let Some(bytes) = request {
                event = event.during(RequestId::from_bytes(bytes));
            }
            if let Some(target) = target {
                event = event.on(target);
            }
            event.http = http;
            event.count = count;
            event
        },
    )
}

proptest! {
    #[test]
    fn ids_round_trip(bytes in any::<[u8; 16]>()) {
        let id = SessionId::from_bytes(bytes);
        let text = id.to_string();
        prop_assert_eq!(text.len(), 30);
        prop_assert_eq!(id.to_bytes(), bytes);
        prop_assert_eq!(text.parse::<SessionId>().unwrap(), id);
        let json = serde_json::to_string(&id).unwrap();
        prop_assert_eq!(serde_json::from_str::<SessionId>(&json).unwrap(), id);
        prop_assert!(text.parse::<PersonId>().is_err());
    }

    #[test]
    fn ids_sort_by_time(early in 0i64..1 << 45, later in 1i64..1 << 40, first in any::<[u8; 10]>(), second in any::<[u8; 10]>()) {
        let (early, later) = (early * 1000, (early + later) * 1000);
        let old = RequestId::new(Timestamp::from_micros(early), first);
        let new = RequestId::new(Timestamp::from_micros(later), second);
        prop_assert!(old < new);
        prop_assert!(old.to_bytes() < new.to_bytes());
        prop_assert!(old.to_string() < new.to_string());
    }

    #[test]
    fn a_mutated_id_is_refused_or_another(bytes in any::<[u8; 16]>(), at in 0usize..30, with in any::<char>()) {
        let id = PersonId::from_bytes(bytes);
        let text = id.to_string();
        let mutated: String = text.chars().enumerate().map(|(index, was)| if index == at { with } else { was }).collect();
        prop_assume!(mutated != text);
        match mutated.parse::<PersonId>() {
            // Only another digit of the alphabet makes another id; nothing reads as the same one.
            Ok(other) => {
                prop_assert!(at >= 4 && DIGITS.contains(with));
                prop_assert_ne!(other, id);
                prop_assert_eq!(other.to_string(), mutated);
            }
            Err(_) => prop_assert!(at <= 4 || !DIGITS.contains(with)),
        }
    }

    #[test]
    fn ids_refuse_other_lengths_case_and_space(bytes in any::<[u8; 16]>()) {
        let text = DeviceId::from_bytes(bytes).to_string();
        for bad in [
            text[..29].to_owned(), format!("{text}0"), format!(" {text}"), format!("{text} "), text.to_uppercase(),
            text.replace('_', "-"), text[4..].to_owned(), String::new(),
        ] {
            prop_assert!(bad.parse::<DeviceId>().is_err(), "{}", bad);
            prop_assert!(serde_json::from_value::<DeviceId>(bad.into()).is_err());
        }
    }

    #[test]
    fn client_ids_round_trip(id in client()) {
        prop_assert_eq!(id.as_str().parse::<ClientId>().unwrap(), id.clone());
        prop_assert_eq!(serde_json::from_str::<ClientId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
    }

    #[test]
    fn client_ids_refuse_other_characters(before in "[a-z]{0,8}", bad in "[^A-Za-z0-9._~-]", after in "[a-z]{0,8}") {
        let text = format!("{before}{bad}{after}");
        prop_assert!(text.parse::<ClientId>().is_err());
    }

    #[test]
    fn pseudonyms_round_trip_in_lower_case_only(bytes in any::<[u8; 16]>()) {
        let pseudonym = Pseudonym(bytes);
        let text = pseudonym.to_string();
        prop_assert_eq!(text.parse::<Pseudonym>().unwrap(), pseudonym);
        prop_assert_eq!(serde_json::from_str::<Pseudonym>(&serde_json::to_string(&pseudonym).unwrap()).unwrap(), pseudonym);
        let upper = text.to_uppercase();
        prop_assert!(upper == text || upper.parse::<Pseudonym>().is_err());
        prop_assert!(text[1..].parse::<Pseudonym>().is_err());
    }

    #[test]
    fn events_round_trip(event in event()) {
        let text = serde_json::to_string(&event).unwrap();
        prop_assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }

    #[test]
    fn a_failure_is_never_below_low_and_a_known_callers_is_never_batched(event in event()) {
        if event.outcome == Outcome::Failure {
            prop_assert!(event.severity() >= Severity::Low);
            prop_assert!(event.actor.person.is_none() || event.lane() == Lane::Must);
        }
        prop_assert_eq!(event.sealed_for(), event.subject.or(event.actor.person));
    }

    #[test]
    fn instants_never_overflow(micros in any::<i64>(), seconds in any::<i64>(), by in any::<u64>()) {
        let at = Timestamp::from_micros(micros);
        let _ = (at.to_string(), at.millis(), at.seconds(), Timestamp::from_seconds(seconds).to_string());
        let by = Duration::from_micros(by);
        prop_assert!(at.minus(by) <= at && at <= at.plus(by));
        prop_assert_eq!(at.since(at.plus(by)), Duration::ZERO);
        prop_assert_eq!(serde_json::from_str::<Timestamp>(&serde_json::to_string(&at).unwrap()).unwrap(), at);
    }

    #[test]
    fn secrets_compare_by_value_and_never_show(a in "[a-z]{4,12}", b in "[a-z]{4,12}") {
        prop_assert_eq!(Secret::new(a.clone()) == Secret::new(b.clone()), a == b);
        let secret = Secret::new(a.clone());
        prop_assert_eq!(format!("{secret:?}"), "[redacted]");
        prop_assert_eq!(secret.expose(), &a);
    }
}

#[test]
fn event_kinds_have_unique_names_that_serde_and_text_share() {
    let names: BTreeSet<&str> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), EventKind::ALL.len());
    for kind in EventKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        assert_eq!(kind.name().parse::<EventKind>().unwrap(), *kind);
        assert_eq!(kind.ocsf_type() / 100, u64::from(kind.ocsf_class() as u32));
    }
    assert_eq!("nothing".parse::<EventKind>().unwrap_err().to_string(), "`nothing` is not an event kind");
}

#[test]
fn the_first_digit_of_an_id_holds_three_bits() {
    assert_eq!(PersonId::from_bytes([0xff; 16]).to_string(), "per_7zzzzzzzzzzzzzzzzzzzzzzzzz");
    assert!("per_80000000000000000000000000".parse::<PersonId>().is_err());
}

#[test]
fn instants_show_as_rfc_3339_in_utc() {
    assert_eq!(Timestamp::from_micros(1_700_000_000_123_456).to_string(), "2023-11-14T22:13:20.123456Z");
    assert_eq!(Timestamp::EPOCH.to_string(), "1970-01-01T00:00:00.000000Z");
}
