//! Who counts as active, and from where.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

fn plain(kind: EventKind, person: u8, network: u8, client: &str, seconds: i64) -> Plain {
    let value = serde_json::json!({
        "kind": kind, "at": seconds * 1_000_000, "outcome": "success",
        "person": Pseudonym([person; 16]), "network": Pseudonym([network; 16]), "client": client,
    });
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_person_is_active_for_a_day_and_near_for_an_hour() {
    let mut population = Population::default();
    population.observe(&plain(EventKind::RequestDecided, 1, 9, "app", 1_000));
    population.observe(&plain(EventKind::SignIn, 2, 9, "app", 1_000));
    population.observe(&plain(EventKind::RequestDecided, 2, 8, "web", 2_000));
    let mut refused = plain(EventKind::RequestDecided, 3, 9, "app", 1_000);
    refused.outcome = Outcome::Failure;
    population.observe(&refused);
    let (nine, app): (Pseudonym, ClientId) = (Pseudonym([9; 16]), "app".parse().unwrap());
    let count = |population: &Population, seconds| {
        let named = |name| name == Pseudonym([2; 16]);
        let networks = BTreeSet::from([nine, Pseudonym([8; 16])]);
        population.count(&networks, &BTreeSet::from([app.clone()]), named, Timestamp::from_seconds(seconds))
    };
    let counted = count(&population, 3_000);
    assert_eq!(counted.active, 2, "who is refused is not active");
    assert_eq!(counted.networks[&nine], Crowd { people: 1, honest: 1 });
    assert_eq!(counted.networks[&Pseudonym([8; 16])], Crowd { people: 1, honest: 0 }, "an incident names her");
    assert_eq!(counted.clients[&app], Crowd { people: 1, honest: 1 });
    let later = count(&population, 1_000 + 3_700);
    assert!(!later.networks.contains_key(&nine) && later.active == 2);
    assert_eq!(count(&population, 2_000 + 86_401).active, 0);
    population.observe(&plain(EventKind::PersonErased, 1, 9, "app", 3_000));
    assert_eq!(count(&population, 3_000).active, 1);
}
