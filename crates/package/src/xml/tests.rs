//! Documents as tools write them, and as obfuscators do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Write as _;

use testudo_testkit::package::xml::{Element, Value as Made, Xml, chunk};

use super::*;
use crate::chunk::Value;

const NAME: u32 = 0x0101_0003;
const EXPORTED: u32 = 0x0101_0010;

fn sample() -> Element {
    let activity = |name: &str| {
        Element::new("activity")
            .android(NAME, "name", name)
            .android(EXPORTED, "exported", true)
            .child(Element::new("intent-filter"))
    };
    Element::new("manifest").plain("package", "com.example").child(
        Element::new("application")
            .android(0x0101_0001, "label", Made::Reference(0x7f01_0000))
            .child(activity(".A"))
            .child(activity(".B").text("one").child(Element::new("x").text("inner")).text("two")),
    )
}

fn kinds(bytes: &[u8]) -> Vec<AnomalyKind> {
    Document::read(bytes).unwrap().anomalies().iter().map(|anomaly| anomaly.kind.clone()).collect()
}

/// What Android would make of a document: names and attributes, indented.
fn outline(document: &Document<'_>) -> String {
    let mut out = String::new();
    for node in document.elements() {
        let depth = std::iter::successors(node.parent(), |node| node.parent()).count();
        write!(out, "{}{}", "  ".repeat(depth), node.name()).unwrap();
        for attr in node.attributes().filter(|attr| !attr.is_hidden()) {
            write!(out, " {}={}", attr.name(), attr.text().unwrap_or_default()).unwrap();
        }
        out += "\n";
    }
    out
}

#[test]
fn elements_attributes_and_text_are_read() {
    for utf8 in [false, true] {
        let bytes = Xml { utf8, ..Xml::new(sample()) }.write();
        let document = Document::read(&bytes).unwrap();
        assert_eq!(document.anomalies(), []);
        assert_eq!(
            outline(&document),
            "manifest package=com.example\n  application label=@0x7f010000\n    activity name=.A exported=true\n      \
             intent-filter\n    activity name=.B exported=true\n      intent-filter\n      x\n"
        );
        assert_eq!(document.namespaces().collect::<Vec<_>>(), [("android", ANDROID)]);
        let application = document.root().unwrap().named("application").next().unwrap();
        assert_eq!(application.children().count(), 2);
        let last = application.children().last().unwrap();
        assert_eq!(last.text().collect::<String>(), "onetwo");
        assert_eq!(last.android(EXPORTED, "exported").unwrap().value(), Value::Boolean(true));
        assert_eq!(last.line(), 1);
        assert_eq!(last.descendants().count(), 2);
    }
}

#[test]
fn tricks_are_read_through_and_told() {
    let honest = outline(&Document::read(&Xml::new(sample()).write()).unwrap());
    let unknown = chunk(0x0999, &[], &[0; 8]);
    let node = chunk(0x0150, &[0; 8], &[1, 2, 3, 4]);
    let cases = [
        (Xml { kind: 0, ..Xml::new(sample()) }, AnomalyKind::Kind { kind: 0 }),
        (Xml { attribute_size: 24, ..Xml::new(sample()) }, AnomalyKind::AttributeSize { size: 24 }),
        (Xml { node_header: 28, ..Xml::new(sample()) }, AnomalyKind::NodeHeaderSize { size: 28 }),
        (Xml { before: unknown, ..Xml::new(sample()) }, AnomalyKind::SkippedChunk { kind: 0x0999 }),
        (Xml { after: node, ..Xml::new(sample()) }, AnomalyKind::SkippedChunk { kind: 0x0150 }),
    ];
    for (xml, kind) in cases {
        let bytes = xml.write();
        assert!(kinds(&bytes).contains(&kind), "{kind}: {:?}", kinds(&bytes));
        assert_eq!(outline(&Document::read(&bytes).unwrap()), honest, "{kind}");
        assert!(!kind.refused());
    }
    let trailing = [Xml::new(sample()).write(), vec![1, 2, 3]].concat();
    assert_eq!(kinds(&trailing), [AnomalyKind::TrailingBytes { bytes: 3 }]);
}

#[test]
fn what_android_refuses_is_told() {
    let bytes = Xml::new(sample()).write();
    let cut = &bytes[..bytes.len() - 4];
    assert!(kinds(cut).iter().any(AnomalyKind::refused));
    assert_eq!(kinds(&chunk(3, &[], &[]))[0], AnomalyKind::NoElement);
    let broken = Xml { before: chunk(0x0999, &[], &[0; 6]), ..Xml::new(sample()) }.write();
    assert!(kinds(&broken).contains(&AnomalyKind::Broken));
    assert_eq!(Document::read(b"<manifest/>").unwrap_err(), XmlError::Text);
    assert_eq!(Document::read(b"\x03\0").unwrap_err(), XmlError::TooShort { length: 2 });
    assert_eq!(Document::read(b"\x03\0\xff\0\x08\0\0\0").unwrap_err(), XmlError::Header { size: 255 });
}

#[test]
fn attributes_are_found_as_android_finds_them() {
    let root = Element::new("activity")
        .android(EXPORTED, "exported", true)
        .android(NAME, "name", "hidden")
        .android(EXPORTED, "exported", false)
        .android(0, "debuggable", true)
        .bare(0x0101_0018, "x", "bare");
    let bytes = Xml { sorted: false, ..Xml::new(root) }.write();
    let document = Document::read(&bytes).unwrap();
    let node = document.root().unwrap();
    assert_eq!(node.android(EXPORTED, "exported").unwrap().value(), Value::Boolean(true));
    assert!(node.android(NAME, "name").is_none());
    assert!(node.android(0x0101_000f, "debuggable").is_none());
    assert_eq!(node.android(0x0101_0018, "authorities").unwrap().text().unwrap(), "bare");
    let named = |name: &str| name.to_owned();
    assert_eq!(
        kinds(&bytes),
        [
            AnomalyKind::HiddenAttribute { name: named("name") },
            AnomalyKind::HiddenAttribute { name: named("exported") },
            AnomalyKind::AttributeWithoutId { name: named("debuggable") },
            AnomalyKind::DuplicateAttribute { name: named("exported") },
        ]
    );
}

#[test]
fn without_resource_ids_names_decide() {
    let bytes = Xml::new(Element::new("a").android(0, "name", "x").plain("name", "y")).write();
    let document = Document::read(&bytes).unwrap();
    let node = document.root().unwrap();
    assert_eq!(node.android(NAME, "name").unwrap().text().unwrap(), "x");
    assert_eq!(node.plain("name").unwrap().text().unwrap(), "y");
}

#[test]
fn depth_is_bounded() {
    let mut root = Element::new("deep").plain("a", "b");
    for _ in 0..200 {
        root = Element::new("e").child(root);
    }
    let bytes = Xml::new(root).write();
    let document = Document::read(&bytes).unwrap();
    assert_eq!(document.elements().count(), DEPTH);
    assert_eq!(kinds(&bytes)[0], AnomalyKind::TooDeep { most: DEPTH });
    assert!(document.elements().all(|node| node.attributes().count() == 0));
    assert!(!kinds(&bytes).contains(&AnomalyKind::UnbalancedEnd));
}

#[test]
fn a_built_document_reads_like_a_binary_one() {
    let mut builder = Builder::new();
    builder.open("", "manifest", 1);
    builder.attribute("", "package", None, "com.example", None);
    builder.open("", "application", 2);
    builder.attribute("android", "label", Some(0x0101_0001), "@string/app", Some(Value::Reference(0x7f01_0000)));
    builder.text("text");
    builder.close();
    builder.close();
    let document = builder.finish();
    assert_eq!(outline(&document), "manifest package=com.example\n  application label=@0x7f010000\n");
    let application = document.root().unwrap().children().next().unwrap();
    assert_eq!(application.android(0x0101_0001, "label").unwrap().raw(), Some("@string/app"));
    assert_eq!(application.text().next(), Some("text"));
}
