//! A manifest or another document in a bundle (`aapt.pb.XmlNode`).

use super::item::{Item, item};
use super::wire::Message;
use crate::chunk::Value;
use crate::xml::{Builder, DEPTH, Document};

/// Why bytes are no document of a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BundleXmlError {
    /// There is no root element.
    #[error("the message holds no element")]
    NoElement,
}

/// Reads a document. Elements deeper than binary XML may have are left out.
pub fn document(bytes: &[u8]) -> Result<Document<'_>, BundleXmlError> {
    let mut builder = Builder::new();
    node(Message(bytes), &mut builder, 0);
    let document = builder.finish();
    if document.root().is_none() { Err(BundleXmlError::NoElement) } else { Ok(document) }
}

fn node<'a>(message: Message<'a>, builder: &mut Builder<'a>, depth: usize) {
    let text = message.text(2);
    if !text.is_empty() {
        builder.text(text);
    }
    let Some(element) = message.message(1) else { return };
    if depth == DEPTH {
        return;
    }
    let line = message.message(3).map_or(0, |position| position.number(1));
    builder.open(element.text(2), element.text(3), line);
    for attribute in element.all(4) {
        let value = attribute.message(6).and_then(item).map(|item| match item {
            Item::Text(text) => Value::String(builder.string(text)),
            Item::Typed(kind, data) => Value::new(kind, data),
        });
        let id = Some(attribute.number(5)).filter(|id| *id != 0);
        builder.attribute(attribute.text(1), attribute.text(2), id, attribute.text(3), value);
    }
    for child in element.all(5) {
        node(child, builder, depth + 1);
    }
    builder.close();
}
