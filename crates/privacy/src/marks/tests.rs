//! Marks as contracts and short forms write them.

#![allow(clippy::unwrap_used, reason = "test code")]

use super::*;
use crate::DataClass;

/// The classes on the way: keys, or `#` for an element.
fn classes(marks: &Marks, path: &[&str]) -> ClassSet {
    let step = |at, step: &&str| if *step == "#" { marks.item(at) } else { marks.member(at, step.as_bytes()) };
    marks.at(path.iter().fold(At::ROOT, step)).0
}

fn of(class: DataClass) -> ClassSet {
    ClassSet::EMPTY.with(class)
}

#[test]
fn patterns_lead_to_their_values() {
    let marks = Marks::compile([
        ("$.cards[].pan", DataClass::Pan),
        ("people.*.email", DataClass::Email),
        ("$..iban", DataClass::Iban),
        ("$['a.b'][*][]", DataClass::Name),
        ("cards[].holder", DataClass::Name),
        ("$.people.root.email", DataClass::Phone),
        ("$.x..y..[]", DataClass::Health),
    ])
    .unwrap();
    assert_eq!(classes(&marks, &["cards", "#", "pan"]), of(DataClass::Pan));
    assert_eq!(classes(&marks, &["cards", "#", "holder"]), of(DataClass::Name));
    assert_eq!(classes(&marks, &["cards", "pan"]), ClassSet::EMPTY);
    assert_eq!(classes(&marks, &["cards", "#", "panx"]), ClassSet::EMPTY);
    assert_eq!(classes(&marks, &["people", "ada", "email"]), of(DataClass::Email));
    assert_eq!(classes(&marks, &["people", "root", "email"]), of(DataClass::Email).with(DataClass::Phone));
    assert_eq!(classes(&marks, &["people", "#", "email"]), ClassSet::EMPTY);
    for path in [&["iban"][..], &["a", "#", "#", "iban"], &["iban", "iban"], &["people", "iban", "x", "iban"]] {
        assert_eq!(classes(&marks, path), of(DataClass::Iban), "{path:?}");
    }
    assert_eq!(classes(&marks, &["a.b", "#", "#"]), of(DataClass::Name));
    assert_eq!(classes(&marks, &["x", "q", "y", "r", "#"]), of(DataClass::Health));
    assert_eq!(classes(&marks, &["x", "q", "r", "#"]), ClassSet::EMPTY);
    let all = [DataClass::Pan, DataClass::Email, DataClass::Iban, DataClass::Name, DataClass::Phone, DataClass::Health];
    assert_eq!(marks.classes(), all.into_iter().collect());
    let root = Marks::compile([("$", DataClass::FreeText)]).unwrap();
    assert_eq!(classes(&root, &[]), of(DataClass::FreeText));
}

#[test]
fn schemas_may_join_and_circle() {
    let mut builder = MarksBuilder::new();
    let comment = builder.node();
    let author = builder.node();
    let replies = builder.node();
    builder.member(MarksBuilder::ROOT, "comment", comment);
    builder.member(comment, "author", author);
    builder.member(comment, "replies", replies);
    builder.items(replies, comment);
    builder.mark(author, Mark::Class(DataClass::Name));
    let either = builder.node();
    builder.also(comment, either);
    builder.member(either, "author", either);
    builder.mark(either, Mark::None);
    let marks = builder.build().unwrap();
    for deep in 0..5 {
        let path = [&["comment"][..], &["replies", "#"].repeat(deep), &["author"]].concat();
        assert_eq!(classes(&marks, &path), of(DataClass::Name), "{path:?}");
    }
    assert!(marks.states.len() < 12);
}

#[test]
fn additional_properties_leave_the_named_ones_alone() {
    let mut builder = MarksBuilder::new();
    let (plain, email) = (builder.node(), builder.node());
    builder.member(MarksBuilder::ROOT, "id", plain);
    builder.others(MarksBuilder::ROOT, email);
    builder.mark(email, Mark::Class(DataClass::Email));
    let marks = builder.build().unwrap();
    assert_eq!(classes(&marks, &["id"]), ClassSet::EMPTY);
    assert_eq!(classes(&marks, &["anything"]), of(DataClass::Email));
}

#[test]
fn wrong_patterns_say_where() {
    let wrong = |pattern: &str| Marks::compile([(pattern, DataClass::Name)]).unwrap_err().to_string();
    assert_eq!(wrong("$.a.[0]"), "pattern `$.a.[0]`, character 4: expected a name or `*`");
    assert_eq!(wrong("a[0]"), "pattern `a[0]`, character 2: expected `]`, `*]` or a name in single quotes");
    assert_eq!(wrong("a b"), "pattern `a b`, character 2: expected `.` or `[`");
    assert_eq!(wrong(""), "pattern ``, character 1: expected a name or `*`");
    assert_eq!(wrong("$['a"), "pattern `$['a`, character 2: expected `']` after the name");
    assert!(wrong(&".a".repeat(65)).ends_with("more than 64 steps"));
}

#[test]
fn marks_that_explode_are_refused() {
    let bits: Vec<String> = (0..16).map(|at| format!("$..a{}", ".*".repeat(at))).collect();
    assert_eq!(
        Marks::compile(bits.iter().map(|pattern| (pattern, DataClass::Name))).map(drop),
        Err(MarksError::TooMany)
    );
}

#[test]
fn names_of_every_length_are_found() {
    let keys: Vec<String> = (0..40).map(|length| "k".repeat(length)).collect();
    let pairs: Vec<(&str, u32)> = keys.iter().zip(5..).map(|(key, at)| (key.as_str(), at)).collect();
    let names = Names::new(&pairs);
    for (key, at) in &pairs {
        assert_eq!(names.find(key.as_bytes()), Some(*at));
    }
    assert_eq!(names.find(b"x"), None);
    assert_eq!(Names::default().find(b""), None);
}
