//! Tables in each form, and what is hostile about them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use testudo_testkit::package::resources::{Form, Table as Made, config};
use testudo_testkit::package::xml::Value as MadeValue;

use super::*;

fn sample() -> Made {
    let table = Made::new("com.example")
        .add("string", "app_name", "Demo")
        .add_for(config(&[(8, b"fr")]), "string", "app_name", "Démo")
        .add("string", "other", "Other")
        .add_for(config(&[(24, &[21])]), "bool", "modern", true)
        .add_for(config(&[(24, &[28])]), "bool", "modern", false)
        .add_for(config(&[(8, b"de")]), "bool", "modern", true)
        .add("string", "last", "Last");
    let app_name = table.id("string", "app_name").unwrap();
    let table = table.add("string", "alias", MadeValue::Reference(app_name));
    let alias = table.id("string", "alias").unwrap();
    table.add("string", "twice", MadeValue::Reference(alias)).bag(
        "style",
        "Theme",
        0x0103_0000,
        vec![(0x0101_0003, "x".into()), (0x0101_0004, 7.into())],
    )
}

#[test]
fn every_form_reads_the_same() {
    for form in [Form::Dense, Form::Short, Form::Sparse, Form::Compact] {
        for utf8 in [false, true] {
            let made = Made { form, utf8, ..sample() };
            let bytes = made.write();
            let table = Table::read(&bytes).unwrap();
            assert_eq!(table.anomalies(), [], "{form:?}");
            let id = |kind, key| made.id(kind, key).unwrap();
            assert_eq!(table.text(id("string", "app_name")).unwrap(), "Demo");
            assert_eq!(table.text(id("string", "last")).unwrap(), "Last");
            assert_eq!(table.text(id("string", "twice")).unwrap(), "Demo");
            assert_eq!(table.name(id("string", "other")).unwrap().to_string(), "@string/other");
            assert_eq!(table.find("bool", "modern"), Some(id("bool", "modern")));
            assert_eq!(table.find("bool", "other"), None);
            let french = table.configs(id("string", "app_name")).find(|found| found.config.to_string() == "fr");
            assert_eq!(french.unwrap().entry.value().unwrap().text(table.strings()).unwrap(), "Démo");
            let bag = table.lookup(id("style", "Theme")).unwrap().entry;
            let Content::Bag(bag) = bag.content else { panic!() };
            assert_eq!(bag.parent, 0x0103_0000);
            assert_eq!(bag.items().nth(1), Some((0x0101_0004, Value::Integer { value: 7, hex: false })));
            assert_eq!(table.resources().count(), 10);
            assert_eq!(table.values().count(), 11);
            let all: Vec<&str> = table.strings().iter().map(|(_, string)| string).collect();
            assert!(["Demo", "Démo", "Other", "Last", "x"].iter().all(|string| all.contains(string)));
        }
    }
}

#[test]
fn without_a_default_the_newest_level_is_taken() {
    let made = sample();
    let bytes = made.write();
    let table = Table::read(&bytes).unwrap();
    let id = made.id("bool", "modern").unwrap();
    assert_eq!(table.lookup(id).unwrap().config.sdk(), 28);
    let values: Vec<_> = table.all_values(id).map(|(config, value)| (config.to_string(), value)).collect();
    let expected = [("v28", false), ("v21", true), ("de", true)];
    assert_eq!(values, expected.map(|(config, value)| (config.to_owned(), Value::Boolean(value))));
}

#[test]
fn a_resource_that_refers_to_itself_has_no_value() {
    let bytes = Made::new("a").add("string", "me", MadeValue::Reference(0x7f01_0000)).write();
    let table = Table::read(&bytes).unwrap();
    assert_eq!(table.text(0x7f01_0000), None);
    assert_eq!(table.text(0x7f09_0000), None);
    assert_eq!(table.text(0x0101_0000), None);
}

#[test]
fn lies_are_told_and_read_around() {
    let bytes = sample().write();
    let kinds = |bytes: &[u8]| -> Vec<AnomalyKind> {
        Table::read(bytes).unwrap().anomalies().iter().map(|anomaly| anomaly.kind).collect()
    };
    let patched = |at: usize, word: u32| {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        bytes
    };
    assert_eq!(kinds(&patched(8, 5)), [AnomalyKind::PackageCount { declared: 5, found: 1 }]);
    let declared = bytes.len() + 1;
    assert_eq!(
        kinds(&patched(4, u32::try_from(declared).unwrap())),
        [AnomalyKind::Cut { declared, found: bytes.len() }]
    );
    let trailing = [bytes.clone(), vec![0; 3]].concat();
    assert_eq!(kinds(&trailing), [AnomalyKind::TrailingBytes { bytes: 3 }]);
    assert_eq!(Table::read(&trailing).unwrap().resources().count(), 10);
    let package = bytes.windows(4).position(|window| window == [0, 2, 0x20, 1]).unwrap();
    assert!(kinds(&patched(package + 4, 0x7fff_fff0)).contains(&AnomalyKind::Broken));
    assert!(kinds(&patched(package + 8, 0x1_0000)).contains(&AnomalyKind::BrokenPackage));
    let a_type = bytes.windows(4).position(|window| window == [1, 2, 84, 0]).unwrap();
    assert!(kinds(&patched(a_type + 12, u32::MAX)).contains(&AnomalyKind::BrokenType));
    assert_eq!(Table::read(b"\x02\0\x0c\0").unwrap_err(), TableError::TooShort { length: 4 });
    assert_eq!(Table::read(&[2, 0, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap_err(), TableError::Header { size: 99 });
}

#[test]
fn entries_that_share_a_large_bag_are_listed_within_bounds() {
    let items: Vec<(u32, MadeValue)> = (0..2000).map(|index| (index, 1.into())).collect();
    let mut made = Made::new("a").bag("array", "a0", 0, items);
    for index in 1..2000 {
        made = made.add("array", &format!("a{index}"), 1);
    }
    let mut bytes = made.write();
    let a_type = bytes.windows(4).position(|window| window == [1, 2, 84, 0]).unwrap();
    for index in 0..2000 {
        bytes[a_type + 84 + index * 4..][..4].fill(0);
    }
    let table = Table::read(&bytes).unwrap();
    assert_eq!(table.values().count(), bytes.len());
}
