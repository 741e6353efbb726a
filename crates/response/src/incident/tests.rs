//! What an incident goes through, and what it refuses.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use testudo_core::{Action, Severity};

use super::*;
use crate::testing::{alert, at, incident, network_alert, person, pseudonym, response};
use crate::{By, Happened, ResponseState};

const ADMIN: By = By::Owner;

fn lock(number: u8) -> Action {
    Action::LockPerson { person: person(number) }
}

#[test]
fn an_incident_measures_from_the_first_event_to_containment() {
    let mut one = incident();
    assert_eq!((one.first_event, one.detected, one.state), (at(-10), at(1), State::Open));
    assert_eq!(one.time_to_detect().as_secs(), 11);
    assert_eq!(one.time_to_contain(), None);
    one.respond(response(1, lock(1), ResponseState::Approved)).unwrap();
    one.settle(at(2));
    assert_eq!(one.state, State::Open, "nothing is in force yet");
    one.performed(one.responses[0].id, false, at(3)).unwrap();
    one.acted(10, at(3));
    one.settle(at(3));
    assert_eq!((one.state, one.contained), (State::Contained, Some(at(3))));
    assert_eq!(one.time_to_contain().unwrap().as_secs(), 2);
    assert_eq!(one.slowest_reaction().unwrap().as_secs(), 3);
    // A later alert opens it again; the first containment stays what it was.
    assert!(one.join(11, &network_alert(Severity::Critical, 60), at(60)));
    assert_eq!((one.state, one.severity, one.contained), (State::Open, Severity::Critical, Some(at(3))));
    let names: Vec<_> = one.timeline.iter().map(|line| line.what.name()).collect();
    let told = ["opened", "alerted", "performed", "contained", "alerted", "raised", "reopened"];
    assert_eq!(names, told);
    assert_eq!(one.take_news().len(), told.len());
    assert!(one.take_news().is_empty());
}

#[test]
fn an_alert_joins_once() {
    let mut one = incident();
    let before = one.clone();
    assert!(!one.join(10, &network_alert(Severity::High, 0), at(5)));
    assert_eq!(one, before);
}

#[test]
fn a_full_incident_takes_no_more_and_still_fits_its_record() {
    let mut one = incident();
    let mut big = network_alert(Severity::High, 0);
    big.places = (0..64).map(|place| 1 << 40 | place).collect();
    big.tags = vec!["attack.credential-access".into(); 8];
    for place in 11..2_000 {
        one.join(place, &big, at(2));
        let mut waits = response(1, lock(1), ResponseState::Proposed);
        waits.id = testudo_core::ResponseId::from_bytes(u128::from(place).to_be_bytes());
        waits.reason = "r".repeat(200);
        let _ = one.respond(waits);
        let _ = one.note(&"n".repeat(Incident::MAX_TEXT), ADMIN, at(3));
        let _ = one.add_task(&"t".repeat(Incident::MAX_TEXT), ADMIN, at(3));
        let name = testudo_core::Pseudonym(u128::from(place).to_be_bytes());
        one.name_entities([Entity::Person(name)]);
        if one.people.len() < Incident::MAX_ENTITIES {
            one.people.insert(name, person(1));
            one.networks.insert(name, "2001:db8:1111:2222::/64".parse().unwrap());
        }
    }
    let skipped =
        Happened::Skipped { playbook: "p".repeat(64), action: "a".repeat(20), why: "w".repeat(120), times: 3 };
    (0..300).for_each(|_| one.record(at(4), ADMIN, skipped.clone()));
    assert!(one.is_full());
    assert_eq!(one.responses.len(), Incident::MAX_RESPONSES);
    assert_eq!(one.alerts.len(), Incident::MAX_ALERTS);
    assert_eq!(one.timeline.len(), Incident::MAX_TIMELINE);
    assert!(matches!(one.timeline[0].what, Happened::Opened { .. }), "how it began stays");
    let size = serde_json::to_vec(&one).unwrap().len();
    assert!(size < 1_000_000, "{size} bytes");
    let back: Incident = serde_json::from_slice(&serde_json::to_vec(&one).unwrap()).unwrap();
    one.take_news();
    assert_eq!(back, one);
}

#[test]
fn who_proposed_can_not_approve() {
    for (wants, allows, may) in [
        (By::Machine, By::Owner, true),
        (By::Machine, By::Admin(person(1)), true),
        (By::Machine, By::Machine, false),
        (By::Admin(person(1)), By::Admin(person(1)), false),
        (By::Admin(person(1)), By::Admin(person(2)), true),
        (By::Owner, By::Owner, false),
    ] {
        let mut one = incident();
        let mut waits = response(1, lock(1), ResponseState::Proposed);
        waits.by = wants;
        one.respond(waits).unwrap();
        let answer = one.approve(one.responses[0].id, allows, at(5));
        assert_eq!(answer.is_ok(), may, "{wants:?} {allows:?}");
        if !may {
            assert_eq!(answer, Err(WorkError::SamePerson));
            assert_eq!(one.responses[0].state, ResponseState::Proposed);
        }
    }
}

#[test]
fn responses_go_through_their_states_in_order_only() {
    let mut one = incident();
    one.respond(response(1, lock(1), ResponseState::Proposed)).unwrap();
    let id = one.responses[0].id;
    let state = |result: Result<(), WorkError>| matches!(result, Err(WorkError::State { .. }));
    assert!(state(one.performed(id, false, at(5))));
    assert!(state(one.undo_of(id).map(drop)));
    assert_eq!(one.approve(id, ADMIN, at(5)).unwrap(), lock(1));
    assert!(state(one.decline(id, "no", ADMIN, at(5))));
    one.performed(id, false, at(6)).unwrap();
    assert_eq!(one.responses[0].until, Some(at(6 + 1800)));
    assert_eq!(one.undo_of(id).unwrap(), Action::UnlockPerson { person: person(1) });
    one.undone(id, "it hit an honest person", ADMIN, at(7)).unwrap();
    assert!(state(one.undone(id, "again", ADMIN, at(8))));
    assert!(one.over(at(9_999)).is_empty(), "what is undone does not expire");
}

#[test]
fn what_was_so_before_is_not_taken_back() {
    let mut one = incident();
    one.respond(response(1, lock(1), ResponseState::Approved)).unwrap();
    let id = one.responses[0].id;
    one.performed(id, true, at(5)).unwrap();
    assert_eq!(one.undo_of(id), Err(WorkError::NotUndoable("lock-person")));
    assert!(one.over(at(99_999)).is_empty());
    let mut two = incident();
    two.respond(response(1, Action::RevokePerson { person: person(1) }, ResponseState::Approved)).unwrap();
    two.performed(two.responses[0].id, false, at(5)).unwrap();
    assert_eq!(two.undo_of(two.responses[0].id), Err(WorkError::NotUndoable("revoke-person")));
}

#[test]
fn time_ends_actions_and_proposals() {
    let mut one = incident();
    let duration = std::time::Duration::from_mins(30);
    let target = testudo_core::BlockTarget::Network("203.0.113.0/24".parse().unwrap());
    one.respond(response(1, lock(1), ResponseState::Approved)).unwrap();
    one.respond(response(2, Action::Block { target, duration }, ResponseState::Approved)).unwrap();
    let mut waits = response(3, lock(2), ResponseState::Proposed);
    waits.until = Some(at(100));
    one.respond(waits).unwrap();
    for index in [0, 1] {
        one.performed(one.responses[index].id, false, at(10)).unwrap();
    }
    assert!(one.over(at(99)).is_empty());
    assert_eq!(one.over(at(100)), [(one.responses[2].id, None)]);
    let over = one.over(at(10 + 1800));
    // The lock must be taken back; the block ends by itself.
    let unlock = Some(Action::UnlockPerson { person: person(1) });
    assert_eq!(over.iter().map(|(_, undo)| undo.clone()).collect::<Vec<_>>(), [unlock, None, None]);
    for (id, _) in over {
        one.expired(id, at(2_000)).unwrap();
    }
    assert!(one.responses.iter().all(|one| one.state == ResponseState::Expired));
    assert!(one.over(at(9_999)).is_empty());
}

#[test]
fn closing_declines_what_waits_and_closes_once() {
    let mut one = incident();
    one.respond(response(1, lock(1), ResponseState::Proposed)).unwrap();
    assert_eq!(one.close(Verdict::TruePositive, "  ", ADMIN, at(5)), Err(WorkError::Text(Incident::MAX_TEXT)));
    one.close(Verdict::FalsePositive, "a test of the app team", ADMIN, at(5)).unwrap();
    assert_eq!((one.state, one.responses[0].state), (State::Closed, ResponseState::Declined));
    assert_eq!(one.close(Verdict::Benign, "again", ADMIN, at(6)), Err(WorkError::Closed));
    assert!(!one.join(99, &network_alert(Severity::High, 9), at(9)));
    assert_eq!(one.respond(response(2, lock(2), ResponseState::Approved)), Err(WorkError::Closed));
}

#[test]
fn notes_and_tasks_are_clean_and_bounded() {
    let mut one = incident();
    for text in ["", " \n ", "a\u{7}b", &"x".repeat(Incident::MAX_TEXT + 1)] {
        assert!(one.note(text, ADMIN, at(2)).is_err(), "{text:?}");
    }
    one.note(" two\nlines ", ADMIN, at(2)).unwrap();
    assert_eq!(one.notes[0].text, "two\nlines");
    assert_eq!(one.add_task("ask the app team", ADMIN, at(2)), Ok(1));
    assert_eq!(one.finish_task(2, ADMIN, at(3)), Err(WorkError::NoTask(2)));
    one.finish_task(1, ADMIN, at(3)).unwrap();
    let lines = one.timeline.len();
    one.finish_task(1, By::Admin(person(2)), at(4)).unwrap();
    assert_eq!((one.timeline.len(), one.tasks[0].done), (lines, Some((ADMIN, at(3)))), "done is done");
}

#[test]
fn every_line_of_the_timeline_is_an_event_without_free_text() {
    let mut one = incident();
    one.respond(response(1, lock(1), ResponseState::Proposed)).unwrap();
    one.note("ada@example.org called", ADMIN, at(2)).unwrap();
    one.approve(one.responses[0].id, By::Admin(person(3)), at(3)).unwrap();
    one.performed(one.responses[0].id, false, at(4)).unwrap();
    one.undone(one.responses[0].id, "ada@example.org is honest", ADMIN, at(5)).unwrap();
    one.aware("Grace Hopper", at(5), ADMIN, at(6)).unwrap();
    one.close(Verdict::TruePositive, "ada@example.org", ADMIN, at(7)).unwrap();
    for line in one.take_news() {
        let event = line.event(one.id);
        assert_eq!(event.target.as_deref(), Some(one.id.to_string().as_str()));
        assert!(event.details.values().all(|fact| fact.len() <= 512));
        let text = format!("{event:?}");
        assert!(!text.contains("ada@") && !text.contains("Grace"), "{text}");
    }
}

#[test]
fn entities_are_read_from_the_fields_of_events() {
    let alert = alert(
        "rule",
        Severity::Low,
        &[("person", pseudonym(1).to_string()), ("network", pseudonym(2).to_string()), ("route", "/x".into())],
        0,
    );
    let found: Vec<_> = Entity::of_alert(&alert).collect();
    assert_eq!(found, [Entity::Network(pseudonym(2)), Entity::Person(pseudonym(1))]);
    assert_eq!(Entity::of("person", "nobody"), None);
    assert!(Entity::Person(pseudonym(1)).is_narrow() && !Entity::Network(pseudonym(1)).is_narrow());
}

proptest! {
    /// Whatever is done in whatever order, the record stays whole: no response leaves an end state, times never go back
    /// in the timeline's news, and it reads back as it was written.
    #[test]
    fn any_order_of_work_keeps_the_record_whole(steps in proptest::collection::vec((0u8..9, 0u8..4), 0..60)) {
        let mut one = incident();
        for number in 0..4 {
            let state = if number % 2 == 0 { ResponseState::Proposed } else { ResponseState::Approved };
            one.respond(response(number, lock(number), state)).unwrap();
        }
        let mut seconds = 10;
        for (what, which) in steps {
            seconds += 600;
            let now = at(seconds);
            let id = one.responses[usize::from(which)].id;
            let before = one.responses.clone();
            let _ = match what {
                0 => one.approve(id, By::Admin(person(which)), now).map(drop),
                1 => one.decline(id, "no", ADMIN, now),
                2 => one.performed(id, which == 3, now),
                3 => one.failed(id, "it broke", now),
                4 => one.undone(id, "wrong", ADMIN, now),
                5 => { for (id, _) in one.over(now) { one.expired(id, now).unwrap(); } Ok(()) }
                6 => one.note("a note", ADMIN, now),
                7 => { one.settle(now); Ok(()) }
                _ => { one.join(u64::from(which) + 20, &network_alert(Severity::High, seconds), now); Ok(()) }
            };
            for (old, new) in before.iter().zip(&one.responses) {
                use ResponseState as S;
                let ended = matches!(old.state, S::Declined | S::Undone | S::Failed | S::Expired);
                prop_assert!(!ended || old == new, "{old:?} {new:?}");
                prop_assert!(new.state != S::Performed || new.performed.is_some());
            }
        }
        one.take_news();
        let back: Incident = serde_json::from_slice(&serde_json::to_vec(&one).unwrap()).unwrap();
        prop_assert_eq!(back, one);
    }
}
