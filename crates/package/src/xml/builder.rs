//! Building a document from elements as they open and close: from binary XML, from a bundle, or from source text.

use std::borrow::Cow;
use std::collections::HashMap;

use super::anomaly::AnomalyKind;
use super::document::{ANDROID, Attribute, Document, Element, NONE, Text};
use crate::chunk::{Pool, Value};

/// How deep elements may lie in one another.
pub const DEPTH: usize = 128;

/// Elements that open and close, with strings as indices into a pool that is given at the end.
#[derive(Default)]
pub(super) struct Raw {
    elements: Vec<Element>,
    attributes: Vec<Attribute>,
    texts: Vec<Text>,
    open: Vec<u32>,
    /// How many elements are open that lie too deep to be kept.
    beyond: usize,
    /// The largest resource id among the attributes of the element that was opened last.
    largest: u32,
}

/// What opening or closing found odd.
pub(super) type Odd = Option<AnomalyKind>;

impl Raw {
    pub(super) fn open(&mut self, namespace: u32, name: u32, line: u32, offset: usize) -> (bool, Odd) {
        if self.open.len() >= DEPTH {
            self.beyond += 1;
            return (false, Some(AnomalyKind::TooDeep { most: DEPTH }));
        }
        let index = u32::try_from(self.elements.len()).unwrap_or(NONE);
        let odd = (self.open.is_empty() && index > 0).then_some(AnomalyKind::SecondRoot);
        let at = u32::try_from(self.attributes.len()).unwrap_or(NONE);
        self.elements.push(Element {
            parent: self.open.last().copied().unwrap_or(NONE),
            stop: index.saturating_add(1),
            namespace,
            name,
            line,
            offset: u32::try_from(offset).unwrap_or(NONE),
            attributes: (at, at),
        });
        self.open.push(index);
        self.largest = 0;
        (true, odd)
    }

    /// Adds an attribute to the element that was opened last, and tells whether Android passes over it.
    ///
    /// Android walks attributes and wanted ids side by side, so it never finds an id behind a larger one.
    pub(super) fn attribute(&mut self, mut attribute: Attribute) -> bool {
        if self.beyond > 0 {
            return false;
        }
        let Some(element) = self.elements.last_mut() else { return false };
        attribute.hidden = attribute.id != 0 && attribute.id <= self.largest;
        self.largest = self.largest.max(attribute.id);
        self.attributes.push(attribute);
        element.attributes.1 += 1;
        attribute.hidden
    }

    /// The name of the element that closes, if one was open.
    pub(super) fn close(&mut self) -> Option<u32> {
        if self.beyond > 0 {
            self.beyond -= 1;
            return Some(NONE);
        }
        let index = self.open.pop()?;
        let stop = u32::try_from(self.elements.len()).unwrap_or(NONE);
        let element = self.elements.get_mut(index as usize)?;
        element.stop = stop;
        Some(element.name)
    }

    pub(super) fn text(&mut self, string: u32) {
        if let (0, Some(element)) = (self.beyond, self.open.last().copied()) {
            self.texts.push(Text { element, string });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Closes what is open, and tells how many elements that were.
    pub(super) fn finish(mut self, strings: Pool<'_>, by_id: bool) -> (Document<'_>, usize) {
        let unclosed = self.open.len() + self.beyond;
        self.beyond = 0;
        while self.close().is_some() {}
        // Text behind an inner element comes later than that element's; it is found by its own.
        self.texts.sort_by_key(|text| text.element);
        let document = Document {
            strings,
            elements: self.elements,
            attributes: self.attributes,
            texts: self.texts,
            by_id,
            ..Document::default()
        };
        (document, unclosed)
    }
}

/// Builds a document out of names and values, for manifests that are not binary XML.
#[derive(Default)]
pub struct Builder<'a> {
    raw: Raw,
    strings: Vec<Cow<'a, str>>,
    known: HashMap<Cow<'a, str>, u32>,
    ids: bool,
}

impl<'a> Builder<'a> {
    /// A document without elements.
    pub fn new() -> Builder<'a> {
        Builder::default()
    }

    /// Opens an element. Elements that lie too deep are left out, with their attributes.
    pub fn open(&mut self, namespace: impl Into<Cow<'a, str>>, name: impl Into<Cow<'a, str>>, line: u32) -> bool {
        let namespace = self.optional(namespace.into());
        let name = self.string(name);
        self.raw.open(namespace, name, line, 0).0
    }

    /// Adds an attribute to the element that was opened last: its value, or else the text of it.
    pub fn attribute(
        &mut self,
        namespace: impl Into<Cow<'a, str>>,
        name: impl Into<Cow<'a, str>>,
        id: Option<u32>,
        text: impl Into<Cow<'a, str>>,
        value: Option<Value>,
    ) {
        let namespace = self.optional(namespace.into());
        let name = self.string(name);
        let raw = self.string(text);
        let id = id.unwrap_or(0);
        self.ids |= id != 0;
        let value = value.unwrap_or(Value::String(raw));
        self.raw.attribute(Attribute { namespace, name, raw, id, value, hidden: false });
    }

    /// The index of a string, for a [`Value::String`].
    pub fn string(&mut self, string: impl Into<Cow<'a, str>>) -> u32 {
        let string = string.into();
        if let Some(index) = self.known.get(&string) {
            return *index;
        }
        let index = u32::try_from(self.strings.len()).unwrap_or(NONE);
        self.strings.push(string.clone());
        self.known.insert(string, index);
        index
    }

    /// Adds text to the innermost open element.
    pub fn text(&mut self, text: impl Into<Cow<'a, str>>) {
        let string = self.string(text);
        self.raw.text(string);
    }

    /// Closes the innermost open element.
    pub fn close(&mut self) {
        self.raw.close();
    }

    /// The document.
    pub fn finish(self) -> Document<'a> {
        self.raw.finish(Pool::of(self.strings), self.ids).0
    }

    /// `android` where a prefix would be written stands for the whole URI.
    fn optional(&mut self, string: Cow<'a, str>) -> u32 {
        match string.as_ref() {
            "" => NONE,
            "android" => self.string(ANDROID),
            _ => self.string(string),
        }
    }
}
