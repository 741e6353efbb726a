//! The elements of a document, in document order, and a cursor to walk them.

use std::borrow::Cow;

use super::anomaly::{Anomalies, Anomaly};
use crate::chunk::{Pool, Value};

/// The namespace of Android's attributes.
pub const ANDROID: &str = "http://schemas.android.com/apk/res/android";

/// No string, no namespace, no parent.
pub(super) const NONE: u32 = u32::MAX;

/// A document, with its strings.
#[derive(Clone, Default, Debug)]
pub struct Document<'a> {
    pub(super) strings: Pool<'a>,
    pub(super) elements: Vec<Element>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) texts: Vec<Text>,
    pub(super) namespaces: Vec<(u32, u32)>,
    /// Whether attributes are known by resource ids, so that one without its id is not the attribute of its name.
    pub(super) by_id: bool,
    pub(super) anomalies: Anomalies,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    pub parent: u32,
    /// The index of the first element that is not inside.
    pub stop: u32,
    pub namespace: u32,
    pub name: u32,
    pub line: u32,
    pub offset: u32,
    pub attributes: (u32, u32),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute {
    pub namespace: u32,
    pub name: u32,
    pub raw: u32,
    /// The resource id of the name, or 0.
    pub id: u32,
    pub value: Value,
    /// Whether Android's search for resource ids passes over it.
    pub hidden: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    pub element: u32,
    pub string: u32,
}

impl<'a> Document<'a> {
    /// The root element.
    pub fn root(&self) -> Option<Node<'_>> {
        self.node(0)
    }

    /// All elements, in document order.
    pub fn elements(&self) -> impl Iterator<Item = Node<'_>> {
        (0..).map_while(|index| self.node(index))
    }

    /// All strings of the document.
    pub fn strings(&self) -> &Pool<'a> {
        &self.strings
    }

    /// The declared namespaces, prefix and URI, in document order.
    pub fn namespaces(&self) -> impl Iterator<Item = (&str, &str)> {
        let string = |index| self.strings.get(index).unwrap_or_default();
        self.namespaces.iter().map(move |(prefix, uri)| (string(*prefix), string(*uri)))
    }

    /// What is odd about it, at most 1,024 of it.
    pub fn anomalies(&self) -> &[Anomaly] {
        &self.anomalies.0
    }

    fn node(&self, index: u32) -> Option<Node<'_>> {
        ((index as usize) < self.elements.len()).then_some(Node { document: self, index })
    }
}

/// An element of a document.
#[derive(Clone, Copy)]
pub struct Node<'d> {
    document: &'d Document<'d>,
    index: u32,
}

impl<'d> Node<'d> {
    /// Its number, in document order.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Its name, without the namespace; empty when it has none.
    pub fn name(self) -> &'d str {
        self.element().and_then(|element| self.document.strings.get(element.name)).unwrap_or_default()
    }

    /// The URI of its namespace.
    pub fn namespace(self) -> Option<&'d str> {
        self.document.strings.get(self.element()?.namespace)
    }

    /// The line in the source it was compiled from; 0 when it is not known.
    pub fn line(self) -> u32 {
        self.element().map_or(0, |element| element.line)
    }

    /// The offset in the binary document.
    pub fn offset(self) -> usize {
        self.element().map_or(0, |element| element.offset as usize)
    }

    /// The element that it lies in.
    pub fn parent(self) -> Option<Node<'d>> {
        self.document.node(self.element()?.parent)
    }

    /// The elements right inside.
    pub fn children(self) -> impl Iterator<Item = Node<'d>> {
        let stop = self.stop();
        let mut next = self.index + 1;
        std::iter::from_fn(move || {
            let node = (next < stop).then(|| self.document.node(next))??;
            next = node.stop().max(next + 1);
            Some(node)
        })
    }

    /// The elements right inside that have this name.
    pub fn named(self, name: &str) -> impl Iterator<Item = Node<'d>> {
        self.children().filter(move |child| child.name() == name)
    }

    /// All elements inside, in document order.
    pub fn descendants(self) -> impl Iterator<Item = Node<'d>> {
        (self.index + 1..self.stop()).map_while(move |index| self.document.node(index))
    }

    /// The text right inside, in pieces.
    pub fn text(self) -> impl Iterator<Item = &'d str> {
        let texts = &self.document.texts;
        let start = texts.partition_point(|text| text.element < self.index);
        let own = texts.get(start..).unwrap_or_default().iter().take_while(move |text| text.element == self.index);
        own.filter_map(move |text| self.document.strings.get(text.string))
    }

    /// All attributes, also those that Android does not see.
    pub fn attributes(self) -> impl Iterator<Item = Attr<'d>> {
        let (start, stop) = self.element().map_or((0, 0), |element| element.attributes);
        let all = self.document.attributes.get(start as usize..stop as usize).unwrap_or_default();
        all.iter().map(move |attribute| Attr { document: self.document, attribute })
    }

    /// The attribute of Android with this resource id. In a document that knows no resource ids, the one of this name.
    pub fn android(self, id: u32, name: &str) -> Option<Attr<'d>> {
        if self.document.by_id {
            return self.attributes().find(|attr| attr.attribute.id == id && !attr.attribute.hidden);
        }
        self.attributes().find(|attr| attr.name() == name && attr.namespace() == Some(ANDROID))
    }

    /// The attribute of this name that has no namespace.
    pub fn plain(self, name: &str) -> Option<Attr<'d>> {
        self.attributes().find(|attr| attr.namespace().is_none() && attr.name() == name)
    }

    fn element(self) -> Option<&'d Element> {
        self.document.elements.get(self.index as usize)
    }

    fn stop(self) -> u32 {
        self.element().map_or(0, |element| element.stop)
    }
}

/// An attribute of an element.
#[derive(Clone, Copy)]
pub struct Attr<'d> {
    document: &'d Document<'d>,
    attribute: &'d Attribute,
}

impl<'d> Attr<'d> {
    /// Its name; empty when it has none.
    pub fn name(self) -> &'d str {
        self.document.strings.get(self.attribute.name).unwrap_or_default()
    }

    /// The URI of its namespace.
    pub fn namespace(self) -> Option<&'d str> {
        self.document.strings.get(self.attribute.namespace).filter(|uri| !uri.is_empty())
    }

    /// The resource id of its name.
    pub fn id(self) -> Option<u32> {
        (self.attribute.id != 0).then_some(self.attribute.id)
    }

    /// Its value, with the type.
    pub fn value(self) -> Value {
        self.attribute.value
    }

    /// Its value as it was written, if that was kept.
    pub fn raw(self) -> Option<&'d str> {
        self.document.strings.get(self.attribute.raw)
    }

    /// Its value as text. References are not resolved.
    pub fn text(self) -> Option<Cow<'d, str>> {
        self.attribute.value.text(&self.document.strings).or_else(|| self.raw().map(Cow::Borrowed))
    }

    /// Whether Android passes over it, because it comes behind one with a larger or the same resource id.
    pub fn is_hidden(self) -> bool {
        self.attribute.hidden
    }
}
