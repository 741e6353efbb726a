//! Bundles, written field by field.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use testudo_testkit::package::bundle::{attribute, bytes, element, message, number};

use super::*;
use crate::chunk::Value;
use crate::manifest::Manifest;
use crate::resources::{Content, Table};

fn manifest() -> Vec<u8> {
    let debuggable = attribute(0x0101_000f, "debuggable", "true", &[message(7, &[number(8, 1)])]);
    let label = attribute(0x0101_0001, "label", "@string/app_name", &[message(1, &[number(2, 0x7f01_0000)])]);
    let application = element("application", &[label, debuggable]);
    let package = attribute(0, "package", "com.example", &[]);
    let code = attribute(0x0101_021b, "versionCode", "7", &[message(7, &[number(6, 7)])]);
    element("manifest", &[package, code, bytes(5, &application)])
}

/// One value for a configuration.
fn value(config: &[Vec<u8>], content: Vec<u8>) -> Vec<u8> {
    message(6, &[message(1, config), message(2, &[content])])
}

fn text(text: &str) -> Vec<u8> {
    message(2, &[bytes(1, text.as_bytes())])
}

fn resources() -> Vec<u8> {
    let entry = |id, name: &str, values: &[Vec<u8>]| {
        message(3, &[&[message(1, &[number(1, id)]), bytes(2, name.as_bytes())][..], values].concat())
    };
    let plain = |text: Vec<u8>| bytes(4, &text);
    let french = [bytes(3, b"fr-CA"), number(15, 2), number(17, 1)];
    let app_name = entry(0, "app_name", &[value(&[], plain(text("Demo"))), value(&french, plain(text("Démo")))]);
    let alias = entry(9, "alias", &[value(&[], plain(message(1, &[number(2, 0x7f01_0000)])))]);
    let element = |own: &str| message(1, &[message(3, &[text(own)])]);
    let array = message(5, &[message(4, &[element("one"), element("two")])]);
    let strings = message(3, &[message(1, &[number(1, 1)]), bytes(2, b"string"), app_name, alias]);
    let arrays = message(3, &[message(1, &[number(1, 3)]), bytes(2, b"array"), entry(0, "all", &[value(&[], array)])]);
    message(2, &[message(1, &[number(1, 0x7f)]), bytes(2, b"com.example"), strings, arrays])
}

#[test]
fn a_bundles_manifest_reads_like_a_packages() {
    let (manifest, resources) = (manifest(), resources());
    let arsc = table(&resources);
    let (document, table) = (document(&manifest).unwrap(), Table::read(&arsc).unwrap());
    assert_eq!(table.anomalies(), []);
    let manifest = Manifest::read(&document, Some(&table)).unwrap();
    assert_eq!((manifest.package.as_ref(), manifest.version_code), ("com.example", Some(7)));
    let application = manifest.application.unwrap();
    assert_eq!((application.label.as_deref(), application.debuggable), (Some("Demo"), Some(true)));
    assert_eq!(document.root().unwrap().line(), 7);
}

#[test]
fn a_bundles_resources_read_like_a_packages() {
    let resources = resources();
    let arsc = table(&resources);
    let table = Table::read(&arsc).unwrap();
    assert_eq!(table.name(0x7f01_0009).unwrap().to_string(), "@string/alias");
    assert_eq!(table.text(0x7f01_0009).unwrap(), "Demo");
    assert_eq!(table.find("array", "all"), Some(0x7f03_0000));
    let configs: Vec<String> = table.configs(0x7f01_0000).map(|own| own.config.to_string()).collect();
    assert_eq!(configs, ["", "fr-rCA-land-night"]);
    let Content::Bag(bag) = table.lookup(0x7f03_0000).unwrap().entry.content else { panic!() };
    let items: Vec<_> = bag.items().map(|(name, value)| (name, value.text(table.strings()).unwrap())).collect();
    assert_eq!(items, [(0x0200_0000, "one".into()), (0x0200_0001, "two".into())]);
}

#[test]
fn a_table_too_large_for_pairs_is_written_with_a_place_an_index() {
    let items: Vec<Vec<u8>> = (0..30_000).map(|_| message(1, &[message(3, &[text("x")])])).collect();
    let array = |id| {
        let value = value(&[], message(5, &[message(4, &items)]));
        message(3, &[message(1, &[number(1, id)]), bytes(2, b"all"), value])
    };
    let kind = message(3, &[message(1, &[number(1, 1)]), bytes(2, b"array"), array(0), array(5)]);
    let arsc = table(&message(2, &[message(1, &[number(1, 0x7f)]), kind]));
    let table = Table::read(&arsc).unwrap();
    let ids: Vec<u32> = table.resources().map(|resource| resource.id).collect();
    assert_eq!(ids, [0x7f01_0000, 0x7f01_0005]);
    assert_eq!(table.values().filter(|(.., value)| matches!(value, Value::String(0))).count(), 60_000);
}

#[test]
fn broken_bundles_are_refused_or_read_in_part() {
    assert_eq!(document(b"").unwrap_err(), BundleXmlError::NoElement);
    assert_eq!(document(&[0xff; 40]).unwrap_err(), BundleXmlError::NoElement);
    let whole = manifest();
    for end in 0..whole.len() {
        let _ = document(&whole[..end]).map(|document| document.elements().count());
    }
    let whole = resources();
    for end in 0..whole.len() {
        let arsc = table(&whole[..end]);
        assert_eq!(Table::read(&arsc).unwrap().anomalies(), []);
    }
    let mut deep = element("x", &[]);
    for _ in 0..300 {
        deep = element("x", &[bytes(5, &deep)]);
    }
    assert_eq!(document(&deep).unwrap().elements().count(), crate::xml::DEPTH);
}
