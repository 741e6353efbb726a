//! Property lists made by hand, and broken ones.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;
use testudo_testkit::package::plist::{self as writer, Value, dictionary, texts};

fn list() -> Value {
    let many = (0..20).map(Value::Integer).collect();
    dictionary([
        ("Text", "a < b & c".into()),
        ("Wide", "Größe 🛡".into()),
        ("Yes", true.into()),
        ("Number", (-7).into()),
        ("Data", Value::Data(vec![1, 2, 3, 255])),
        ("Many", Value::Array(many)),
        ("Inner", dictionary([("Texts", texts(&["x", "y"])), ("Empty", dictionary([]))])),
    ])
}

#[test]
fn both_forms_say_the_same() {
    let (one, other) = (Plist::read(&writer::xml(&list())).unwrap(), Plist::read(&writer::binary(&list())).unwrap());
    assert_eq!(one, other);
    assert_eq!(one.get("Text").and_then(Plist::text), Some("a < b & c"));
    assert_eq!(one.get("Wide").and_then(Plist::text), Some("Größe 🛡"));
    assert_eq!(one.get("Number").and_then(Plist::integer), Some(-7));
    assert_eq!(one.get("Data").and_then(Plist::data), Some([1, 2, 3, 255].as_slice()));
    assert_eq!(one.get("Many").unwrap().items().len(), 20);
    assert_eq!(one.get("Inner").unwrap().get("Texts").unwrap().texts().collect::<Vec<_>>(), ["x", "y"]);
}

#[test]
fn dates_are_seconds_since_1970() {
    let list = Plist::read(&writer::xml(&dictionary([("Date", Value::Day("2030-01-01"))]))).unwrap();
    assert_eq!(list.get("Date").and_then(Plist::date), Some(1_893_456_000));
    let list = Plist::read(&writer::binary(&dictionary([("Date", Value::Day("2001-01-01"))]))).unwrap();
    assert_eq!(list.get("Date").and_then(Plist::date), Some(978_307_200));
}

#[test]
fn flags_are_what_foundation_takes_them_for() {
    for (value, flag) in [(Value::from("YES"), true), ("no".into(), false), ("01".into(), true), (0.into(), false)] {
        assert_eq!(Plist::read(&writer::xml(&value)).unwrap().flag(), Some(flag), "{value:?}");
    }
}

#[test]
fn what_is_broken_is_refused() {
    for text in [
        "<plist><dict><string>no key</string></dict></plist>",
        "<plist><dict><key>a</key></dict></plist>",
        "<plist><array><key>a</key></array></plist>",
        "<plist><string><string>a</string></string></plist>",
        "<plist><integer>x</integer></plist>",
        "<plist><data>!</data></plist>",
        "<plist><date>soon</date></plist>",
        "<plist></plist>",
        "<dict></dict>",
        "<plist><string>",
    ] {
        assert!(Plist::read(text.as_bytes()).is_err(), "{text}");
    }
    assert_eq!(Plist::read(b"{ a = b; }"), Err(PlistError::Form));
    assert!(Plist::read(b"bplist00").is_err());
}

#[test]
fn a_list_that_holds_itself_is_refused() {
    // One array, whose only item is the array.
    let mut bytes = b"bplist00\xa1\x00\x08".to_vec();
    bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 1, 1]);
    for number in [1_u64, 0, 10] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    assert_eq!(Plist::read(&bytes), Err(PlistError::Depth));
}

#[test]
fn a_dictionary_that_is_its_own_key_is_refused() {
    let mut bytes = b"bplist00\xd1\x00\x00\x08".to_vec();
    bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 1, 1]);
    for number in [1_u64, 0, 11] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    assert_eq!(Plist::read(&bytes), Err(PlistError::Object { offset: 8 }));
}

#[test]
fn a_list_that_grows_without_end_is_refused() {
    // Each of twelve arrays holds the next one fourteen times.
    let (mut bytes, mut offsets) = (b"bplist00".to_vec(), Vec::new());
    for nth in 0..12_u8 {
        offsets.push(u8::try_from(bytes.len()).unwrap());
        bytes.push(0xae);
        bytes.extend_from_slice(&[nth + 1; 14]);
    }
    offsets.push(u8::try_from(bytes.len()).unwrap());
    bytes.push(9);
    let table = bytes.len() as u64;
    bytes.extend_from_slice(&offsets);
    bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 1, 1]);
    for number in [offsets.len() as u64, 0, table] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    assert_eq!(Plist::read(&bytes), Err(PlistError::Size));
}
