//! Configurations, and what holds for a host.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use testudo_testkit::package::xml::{Element, Value as Made, Xml};

use super::*;

fn domain(name: &str, include_subdomains: bool) -> Element {
    Element::new("domain").plain("includeSubdomains", include_subdomains).text(name)
}

fn sample() -> Vec<u8> {
    let anchors = |src: Made| Element::new("trust-anchors").child(Element::new("certificates").plain("src", src));
    let pins = Element::new("pin-set")
        .plain("expiration", "2030-01-01")
        .child(Element::new("pin").plain("digest", "SHA-256").text(" AAAA= "));
    let inner = Element::new("domain-config").child(domain("pinned.example.com", false)).child(pins);
    let outer = Element::new("domain-config")
        .plain("cleartextTrafficPermitted", true)
        .child(domain("Example.com", true))
        .child(anchors(Made::Reference(0x7f09_0001)))
        .child(inner);
    let root = Element::new("network-security-config")
        .child(Element::new("base-config").plain("cleartextTrafficPermitted", false).child(anchors("user".into())))
        .child(outer)
        .child(Element::new("debug-overrides").child(anchors("user".into())));
    Xml::new(root).write()
}

#[test]
fn settings_are_inherited() {
    let bytes = sample();
    let document = Document::read(&bytes).unwrap();
    let config = NetworkConfig::read(&document).unwrap();
    assert_eq!(config.domains.len(), 2);
    let own = Source::Resource(Some(0x7f09_0001), "@0x7f090001".into());

    let pinned = config.for_host("pinned.example.com", 34);
    assert_eq!(pinned.config, Some(1));
    assert!(pinned.cleartext);
    assert_eq!(pinned.anchors[0].source, own);
    let pins = pinned.pins.unwrap();
    assert_eq!(pins.expiration.as_deref(), Some("2030-01-01"));
    assert_eq!(pins.pins, [Pin { digest: "SHA-256".into(), value: "AAAA=".into() }]);

    let below = config.for_host("a.b.EXAMPLE.com.", 34);
    assert_eq!((below.config, below.cleartext, below.pins), (Some(0), true, None));
    let other = config.for_host("notexample.com", 34);
    assert_eq!((other.config, other.cleartext), (None, false));
    assert_eq!(other.anchors[0].source, Source::User);
    assert!(!other.anchors[0].override_pins);
    assert!(config.debug.as_ref().unwrap().anchors.as_ref().unwrap()[0].override_pins);
}

#[test]
fn the_platforms_defaults_depend_on_the_level() {
    let empty = NetworkConfig::default();
    let sources = |target| -> Vec<Source<'_>> {
        empty.for_host("a.example", target).anchors.iter().map(|anchor| anchor.source.clone()).collect()
    };
    assert_eq!(sources(23), [Source::System, Source::User]);
    assert_eq!(sources(24), [Source::System]);
    assert!(empty.for_host("a.example", 27).cleartext);
    assert!(!empty.for_host("a.example", 28).cleartext);
}

#[test]
fn another_root_is_refused() {
    let bytes = Xml::new(Element::new("manifest")).write();
    let document = Document::read(&bytes).unwrap();
    assert_eq!(NetworkConfig::read(&document).unwrap_err(), NetworkConfigError::Root("manifest".into()));
}
