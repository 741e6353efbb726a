//! Tests of the table.

use proptest::prelude::*;

use super::*;

#[test]
fn equal_values_are_one() {
    let mut values = Values::new(0);
    let first = values.intern(b"abc");
    let many: Vec<ValueId> = (0..5000).map(|number| values.intern(format!("v{number}").as_bytes())).collect();
    assert_eq!(values.intern(b"abc"), first);
    for (number, id) in many.iter().enumerate() {
        assert_eq!(values.get(*id), format!("v{number}").as_bytes());
    }
    assert_eq!(values.intern(b""), ValueId::EMPTY);
    let part = values.part(first, 1, 2);
    assert_eq!(values.get(part), b"bc");
}

/// Texts, as many as a large rule set fixes, some of them twice.
fn fixed(count: u32) -> Values {
    let mut values = Values::new(0);
    for number in 0..count {
        values.intern(format!("x-header-{}", number / 2 * 3).as_bytes());
        values.intern(format!("{}", number * 7919).as_bytes());
    }
    values.fix(&Used::new(Vec::new()));
    values
}

#[test]
fn each_fixed_text_is_found_in_a_table_of_its_size() {
    let mut values = fixed(20_000);
    for number in 0..20_000 {
        let id = ValueId(number);
        let text = values.get(id).to_vec();
        assert_eq!(values.intern(&text), id);
    }
    let table = &values.fixed;
    assert!(table.entries.len() > 20_000 && values.own.entries.is_empty());
    assert!(table.slots.len() <= 64 * table.entries.len(), "{} for {}", table.slots.len(), table.entries.len());
}

#[test]
fn a_reset_table_is_as_it_was() {
    let first = fixed(300);
    let mut values = first.another();
    let fresh = Table::new(SLOTS);
    // Once as a usual request leaves it, once as one leaves it for which it grew.
    for count in [40, 5_000, 40] {
        for number in 0..count {
            let id = values.intern(format!("value {number}").as_bytes());
            values.part(id, 1, 3);
        }
        let known = values.intern(b"x-header-30");
        assert!(values.place(known).is_none());
        values.set_row(known, 1, Row::default());
        assert!(values.row(known, 1).is_some() && values.row(known, 0).is_none());
        values.reset();
        assert_eq!((&values.own.slots, &values.own.bytes), (&fresh.slots, &fresh.bytes), "{count}");
        assert!(values.own.entries.is_empty() && values.row(known, 1).is_none());
        assert!(values.marks.iter().all(|mark| *mark == 0));
    }
}

proptest! {
    #[test]
    fn shortcuts_say_what_the_transformations_do(
        pieces in proptest::collection::vec("[a-zA-Z0-9+/=]{1,8}|[ \\t\\r\\n\\x00]|%[0-9a-f]{2}|%u00[0-9a-f]{2}|\\\\u00[0-9a-f]{2}|&[a-z]{2};|/\\.\\./|/\\*|\\*/|--|[\"'\\\\,;^]|é|json\\.a_b", 0..8),
        chain in proptest::collection::vec(any::<proptest::sample::Index>(), 1..4),
    ) {
        let all: Vec<Transformation> =
            Transformation::NAMES.iter().filter_map(|name| Transformation::from_name(name.as_bytes())).collect();
        let list: Vec<Transformation> = chain.iter().map(|index| *index.get(&all)).collect();
        let sample = pieces.concat().into_bytes();
        let used = Used::new(list.clone());
        let pipe = Pipe::new(list.iter().copied().zip(0..).collect());
        let mut values = Values::new(list.len());
        let id = values.intern(&sample);
        let result = values.apply(id, &pipe, &used, None);
        let expected = list.iter().fold(sample.clone(), |value, step| step.apply(&value).into_owned());
        prop_assert_eq!(values.get(result), expected.as_slice(), "{:?} of {:?}", list, sample);
        prop_assert!(values.len(result) <= pipe.most(sample.len()), "{:?} of {:?}", list, sample);
    }
}

#[test]
fn transformations_are_done_once() {
    let list = vec![Transformation::Lowercase, Transformation::RemoveNulls];
    let steps = list.iter().copied().zip(0..).collect();
    let used = Used::new(list);
    let pipe = Pipe::new(steps);
    let mut values = Values::new(used.len());
    let id = values.intern(b"AB\0c");
    let small = values.apply(id, &pipe, &used, None);
    assert_eq!(values.get(small), b"abc");
    let work = values.work;
    assert_eq!(values.apply(id, &pipe, &used, None), small);
    assert_eq!(values.work, work);
    let same = values.intern(b"abc");
    assert_eq!(values.apply(same, &pipe, &used, None), same);
}
