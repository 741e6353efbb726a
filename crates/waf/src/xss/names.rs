//! Elements and attributes that run scripts.

use std::cmp::Ordering;

/// Elements, in upper case. Beside these, whatever begins with `SVG` or `XSL`.
const TAGS: [&str; 20] = [
    "APPLET", "BASE", "COMMENT", "EMBED", "FRAME", "FRAMESET", "HANDLER", "IFRAME", "IMPORT", "ISINDEX", "LINK",
    "LISTENER", "META", "NOSCRIPT", "OBJECT", "SCRIPT", "STYLE", "VMLFRAME", "XML", "XSS",
];

/// Why an attribute is dangerous.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Attribute {
    /// Whatever its value.
    Always,
    /// Its value is a URL.
    Url,
    /// Its value names an attribute.
    NamesAnother,
}

/// Attributes, in upper case. Beside these, what begins with `XMLNS`, `XLINK` or the name of an event.
const ATTRIBUTES: [(&str, Attribute); 20] = [
    ("ACTION", Attribute::Url),
    ("ATTRIBUTENAME", Attribute::NamesAnother),
    ("BACKGROUND", Attribute::Url),
    ("BY", Attribute::Url),
    ("DATAFORMATAS", Attribute::Always),
    ("DATASRC", Attribute::Always),
    ("DYNSRC", Attribute::Url),
    ("FILTER", Attribute::Always),
    ("FOLDER", Attribute::Url),
    ("FORMACTION", Attribute::Url),
    ("FROM", Attribute::Url),
    ("HANDLER", Attribute::Url),
    ("HREF", Attribute::Url),
    ("LOWSRC", Attribute::Url),
    ("POSTER", Attribute::Url),
    ("SRC", Attribute::Url),
    ("STYLE", Attribute::Always),
    ("TO", Attribute::Url),
    ("VALUES", Attribute::Url),
    ("XLINK:HREF", Attribute::Url),
];

/// Whether the element runs scripts, or changes where they come from.
pub(super) fn is_dangerous_tag(name: &[u8]) -> bool {
    name.len() >= 3 && (TAGS.iter().any(|tag| is(name, tag)) || begins(name, b"SVG") || begins(name, b"XSL"))
}

/// How the attribute is dangerous, if it is.
pub(super) fn attribute(name: &[u8]) -> Option<Attribute> {
    if name.len() < 2 {
        return None;
    }
    if name.len() >= 5 {
        let event = name.split_at_checked(2).filter(|(on, _)| on.eq_ignore_ascii_case(b"on"));
        if event.is_some_and(|(_, event)| is_event(event)) || begins(name, b"XMLNS") || begins(name, b"XLINK") {
            return Some(Attribute::Always);
        }
    }
    ATTRIBUTES.iter().find(|(attribute, _)| is(name, attribute)).map(|(_, why)| *why)
}

/// Whether it is the name, whatever its case. Browsers once skipped zero bytes.
fn is(text: &[u8], name: &str) -> bool {
    text.iter().filter(|byte| **byte != 0).map(u8::to_ascii_uppercase).eq(name.bytes())
}

fn begins(text: &[u8], name: &[u8]) -> bool {
    text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
}

/// Whether it begins with an event. As no event on the list begins another, only the last one that is not greater can.
fn is_event(name: &[u8]) -> bool {
    let order = |event: &[u8]| event.iter().copied().cmp(name.iter().map(u8::to_ascii_uppercase));
    let after = EVENTS.partition_point(|event| order(event) != Ordering::Greater);
    after.checked_sub(1).and_then(|last| EVENTS.get(last)).is_some_and(|event| begins(name, event))
}

const TEXT: &[u8] = include_bytes!("events.txt");

static EVENTS: [&[u8]; count()] = events();

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn count() -> usize {
    let (mut count, mut at) = (0, 0);
    while at < TEXT.len() {
        if TEXT[at] != b'#' {
            count += 1;
        }
        at = line_end(at) + 1;
    }
    count
}

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn events() -> [&'static [u8]; count()] {
    let mut events: [&[u8]; count()] = [&[]; count()];
    let (mut count, mut at) = (0, 0);
    while at < TEXT.len() {
        let end = line_end(at);
        if TEXT[at] != b'#' {
            let (head, _) = TEXT.split_at(end);
            let (_, event) = head.split_at(at);
            events[count] = event;
            count += 1;
        }
        at = end + 1;
    }
    events
}

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn line_end(mut at: usize) -> usize {
    while TEXT[at] != b'\n' {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "test code")]

    use super::*;

    #[test]
    fn events_are_sorted_and_none_begins_another() {
        assert!(EVENTS.len() > 200);
        assert!(EVENTS.is_sorted());
        assert!(EVENTS.windows(2).all(|pair| !pair[1].starts_with(pair[0])));
        for event in EVENTS {
            assert!(is_event(event));
            assert!(is_event(&[&event.to_ascii_lowercase(), &b"x"[..]].concat()));
        }
        assert!(!is_event(b"") && !is_event(b"ZZZ") && !is_event(b"AAA") && !is_event(b"CLIC"));
    }
}
