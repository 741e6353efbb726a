//! The clock, its reminders and the draft.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use super::*;
use crate::testing::{at, incident, person};

const HOUR: i64 = 3_600;

#[test]
fn the_clock_starts_once_with_the_word_of_a_named_human() {
    let mut one = incident();
    assert_eq!(one.aware("  ", at(5), By::Owner, at(5)), Err(WorkError::Nameless));
    assert_eq!(one.aware("Grace", at(5), By::Machine, at(5)), Err(WorkError::Nameless));
    assert_eq!(one.aware("Grace", at(6), By::Owner, at(5)), Err(WorkError::AwareWhen(at(-10))));
    assert_eq!(one.aware("Grace", at(-11), By::Owner, at(5)), Err(WorkError::AwareWhen(at(-10))));
    assert_eq!(one.aware("Grace", at(3), By::Owner, at(5)), Ok(at(3 + 72 * HOUR)));
    assert_eq!(one.aware("Ada", at(4), By::Admin(person(1)), at(6)), Err(WorkError::Aware(at(3))));
    assert!(one.breach_runs());
}

#[test]
fn reminders_come_once_each_and_end_when_the_authority_knows() {
    let mut one = incident();
    assert!(one.breach_remind(at(0)).is_empty());
    one.aware("Grace", at(0), By::Owner, at(5)).unwrap();
    assert!(one.breach_remind(at(24 * HOUR - 1)).is_empty());
    assert_eq!(one.breach_remind(at(24 * HOUR)), [24]);
    assert!(one.breach_remind(at(24 * HOUR + 1)).is_empty());
    // A node that was off says what it missed.
    assert_eq!(one.breach_remind(at(70 * HOUR)), [48, 66]);
    let mut told = incident();
    told.aware("Grace", at(0), By::Owner, at(5)).unwrap();
    told.breach_notified(By::Owner, at(6)).unwrap();
    assert!(told.breach_remind(at(99 * HOUR)).is_empty() && !told.breach_runs());
}

#[test]
fn the_draft_says_what_is_known_and_what_is_not() {
    let mut one = incident();
    assert_eq!(one.breach_draft(at(1)), None);
    one.aware("Grace Hopper", at(0), By::Owner, at(5)).unwrap();
    let facts = BreachFacts {
        counted: at(6),
        accounts: 2,
        classes: BTreeMap::from([("iban".to_owned(), ClassFacts { people: 2, answers: 7 })]),
        answers: 11,
        bytes: 4_096,
        unmarked: 4,
        partial: false,
    };
    one.breach_facts(facts).unwrap();
    let draft = one.breach_draft(at(HOUR)).unwrap();
    assert_eq!((draft.due, draft.left), (at(72 * HOUR), Some(u64::try_from(71 * HOUR).unwrap())));
    insta::assert_snapshot!(draft);
    let words = BreachWords {
        nature: Some("Confidentiality: accounts were opened with passwords from elsewhere.".into()),
        consequences: Some("Account numbers became known.".into()),
        measures: Some("Passwords are reset.".into()),
        contact: Some("dpo@example.org".into()),
        people: Some(2),
        records: Some(7),
        people_told: Some("Yes, by mail.".into()),
        delay: None,
    };
    one.breach_words(words, By::Owner, at(7)).unwrap();
    let text = one.breach_draft(at(HOUR)).unwrap().to_string();
    assert!(
        text.contains("Beside that: Passwords are reset.") && text.contains("People concerned, by what is known: 2.")
    );
    let missing: Vec<_> = text.lines().filter(|line| line.starts_with("[not known")).collect();
    assert_eq!(missing.len(), 2, "{missing:?}");
    // Late: the reasons are asked for.
    let late = one.breach_draft(at(73 * HOUR)).unwrap();
    assert_eq!(late.left, None);
    assert!(late.sections[0].missing[0].starts_with("the reasons for the delay"));
}

#[test]
fn words_are_checked_and_what_is_not_given_stays() {
    let mut one = incident();
    assert_eq!(one.breach_words(BreachWords::default(), By::Owner, at(5)), Err(WorkError::NotAware));
    one.aware("Grace", at(0), By::Owner, at(5)).unwrap();
    let nature = |text: &str| BreachWords { nature: Some(text.into()), ..BreachWords::default() };
    assert!(one.breach_words(nature("a\u{0}"), By::Owner, at(5)).is_err());
    one.breach_words(nature("first"), By::Owner, at(5)).unwrap();
    one.breach_words(BreachWords { people: Some(3), ..BreachWords::default() }, By::Owner, at(6)).unwrap();
    let words = &one.breach.as_ref().unwrap().words;
    assert_eq!((words.nature.as_deref(), words.people), (Some("first"), Some(3)));
}
