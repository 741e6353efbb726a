//! XML as a tree of elements with their attributes and text.

use testudo_body::xml::{Halt, Limits, Reader, Token};

use super::{MAX_BYTES, line_after, to_line};
use crate::dependencies::error::Wrong;

const LIMITS: Limits =
    Limits { total: MAX_BYTES as u64, depth: 64, elements: 2_000_000, attributes: 64, markup: 64 << 10 };

/// An element.
#[derive(Debug, Default)]
pub(in crate::dependencies) struct Element {
    /// Its name without prefix.
    pub name: String,
    /// Where its tag stands, from 1.
    pub line: u32,
    pub attributes: Vec<(String, String)>,
    /// The text directly in it, without white space around.
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    pub(in crate::dependencies) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The first child of this name.
    pub(in crate::dependencies) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The children of this name.
    pub(in crate::dependencies) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of this name.
    pub(in crate::dependencies) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }
}

/// Reads a document.
pub(in crate::dependencies) fn parse(bytes: &[u8]) -> Result<Element, Wrong> {
    if bytes.len() > MAX_BYTES {
        return Err(Wrong::limit(1, MAX_BYTES as u64, "bytes"));
    }
    let (mut open, mut root) = (Vec::<Element>::new(), None);
    let (mut line, mut counted) = (1, 0);
    let mut give = |token: &Token<'_>| -> Result<(), std::convert::Infallible> {
        match token {
            Token::BeginElement { name, span, .. } => {
                let passed = bytes.get(counted..span.start).unwrap_or_default();
                line += line_after(passed) - 1;
                counted = counted.max(span.start);
                open.push(Element { name: local(name), line, ..Element::default() });
            }
            Token::Attribute { name, value, .. } => {
                if let Some(element) = open.last_mut() {
                    element.attributes.push((local(name), String::from_utf8_lossy(&value.decode()).into_owned()));
                }
            }
            Token::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&String::from_utf8_lossy(&text.decode()));
                }
            }
            Token::EndElement(_) => {
                if let Some(mut element) = open.pop() {
                    let trimmed = element.text.trim().to_owned();
                    element.text = trimmed;
                    match open.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => root = Some(element),
                    }
                }
            }
            Token::Doctype(_) => {}
        }
        Ok(())
    };
    let mut reader = Reader::new(LIMITS);
    reader.push(bytes, &mut give).and_then(|()| reader.finish(&mut give)).map_err(|halt| match halt {
        Halt::Xml(error) => Wrong::malformed(to_line(error.line), format!("this is not XML: {}", error.kind)),
        Halt::Visitor(never) => match never {},
    })?;
    root.ok_or_else(|| Wrong::malformed(1, "there is no element"))
}

fn local(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.rsplit_once(':').map_or(&*name, |(_, local)| local).to_owned()
}
