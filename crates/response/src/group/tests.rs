//! Which alerts belong together.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use testudo_core::{IncidentId, Severity};

use super::*;
use crate::testing::{alert, at, incident, network_alert, pseudonym};

fn joins(alert: &Alert, incident: &Incident, seconds: i64) -> bool {
    let entities: Vec<Entity> = Entity::of_alert(alert).collect();
    belongs(alert, &entities, &[incident], at(seconds)).joins == Some(incident.id)
}

#[test]
fn the_same_network_within_an_hour_and_the_same_person_within_six() {
    let mut one = incident();
    assert!(joins(&network_alert(Severity::High, 60), &one, 3_600));
    assert!(!joins(&network_alert(Severity::High, 60), &one, 3_602));
    let other = alert("x", Severity::High, &[("network", pseudonym(8).to_string())], 60);
    assert!(!joins(&other, &one, 60));
    one.name_entities([Entity::Person(pseudonym(1))]);
    let same = alert("x", Severity::High, &[("person", pseudonym(1).to_string())], 60);
    assert!(joins(&same, &one, 6 * 3_600) && !joins(&same, &one, 6 * 3_600 + 2));
}

#[test]
fn what_names_nobody_joins_the_stage_that_goes_on() {
    let one = incident();
    let storm = alert("testudo-failed-sign-in-storm", Severity::High, &[], 60);
    assert!(joins(&storm, &one, 60));
    assert!(!joins(&storm, &one, 16 * 60), "a quarter of an hour is over");
    let mut other = storm.clone();
    other.tags = vec!["attack.impact".into()];
    assert!(!joins(&other, &one, 60), "another stage");
    other.tags = vec!["attack.initial-access".into()];
    assert!(joins(&other, &one, 60), "the stage after it");
}

#[test]
fn the_strongest_tie_wins_and_a_full_incident_is_continued() {
    let (wide, mut narrow) = (incident(), incident());
    narrow.id = IncidentId::from_bytes([6; 16]);
    narrow.entities.clear();
    narrow.name_entities([Entity::Person(pseudonym(1))]);
    let both =
        alert("x", Severity::High, &[("network", pseudonym(9).to_string()), ("person", pseudonym(1).to_string())], 60);
    let entities: Vec<Entity> = Entity::of_alert(&both).collect();
    let found = belongs(&both, &entities, &[&wide, &narrow], at(60));
    assert_eq!((found.joins, found.continues), (Some(narrow.id), None));
    assert_eq!(found.related, [wide.id]);
    for place in 0..300 {
        narrow.join(1_000 + place, &both, at(2));
    }
    let found = belongs(&both, &entities, &[&narrow], at(60));
    assert_eq!((found.joins, found.continues), (None, Some(narrow.id)));
    let mut closed = wide.clone();
    closed.close(crate::Verdict::Test, "over", crate::By::Owner, at(5)).unwrap();
    assert_eq!(belongs(&both, &entities, &[&closed], at(60)), Belongs::default());
}
