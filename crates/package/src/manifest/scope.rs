//! Reads attributes as Android does: by type, with references resolved.

use std::borrow::Cow;
use std::cell::Cell;

use super::names::{NAME, Name};
use super::{Note, NoteKind, Reference};
use crate::chunk::Value;
use crate::resources::Table;
use crate::xml::{Attr, Node};

/// How long a package's or class's name may be to be put together; Android allows 255 for a package.
const LONGEST_NAME: usize = 1024;

/// What attributes are read with: the table for references, the package for names that are not whole.
pub(super) struct Scope<'d> {
    pub table: Option<&'d Table<'d>>,
    pub package: Cow<'d, str>,
    pub notes: Vec<Note>,
    /// How many references may still be followed; a hostile table makes each of them slow.
    references: Cell<u32>,
    /// How many references may still be looked at for each configuration.
    comparisons: u32,
}

impl<'d> Scope<'d> {
    pub fn new(table: Option<&'d Table<'d>>) -> Scope<'d> {
        let package = Cow::Borrowed("");
        Scope { table, package, notes: Vec::new(), references: Cell::new(10_000), comparisons: 64 }
    }

    /// The value, its references followed.
    fn value(&self, attr: Attr<'d>) -> Value {
        let value = attr.value();
        self.resolve(value).unwrap_or(value)
    }

    /// What a reference leads to.
    fn resolve(&self, value: Value) -> Option<Value> {
        value.reference()?;
        self.references.set(self.references.get().checked_sub(1)?);
        self.table?.resolve(value)
    }

    /// The value as text. The text of a reference that can't be resolved is the reference.
    pub fn text(&self, node: Node<'d>, Name(id, name): Name) -> Option<Cow<'d, str>> {
        self.attr_text(node.android(id, name)?)
    }

    /// The text of an attribute without a namespace.
    pub fn plain(&self, node: Node<'d>, name: &str) -> Option<Cow<'d, str>> {
        self.attr_text(node.plain(name)?)
    }

    fn attr_text(&self, attr: Attr<'d>) -> Option<Cow<'d, str>> {
        match (self.resolve(attr.value()), self.table) {
            (Some(value), Some(table)) => value.text(table.strings()),
            _ => attr.text(),
        }
    }

    /// True or false, as `TypedArray.getBoolean` takes it: any number but 0, or one of a few words.
    pub fn flag(&mut self, node: Node<'d>, Name(id, name): Name) -> Option<bool> {
        let attr = node.android(id, name)?;
        let flag = self.value_flag(attr, self.value(attr));
        if let (Some(reference), Some(table), Some(left)) =
            (attr.value().reference(), self.table, self.comparisons.checked_sub(1))
        {
            self.comparisons = left;
            if table.all_values(reference).take(64).any(|(_, value)| self.value_flag(attr, value) != flag) {
                self.note(node, NoteKind::VariesByConfig { attribute: name });
            } else if table.lookup(reference).is_none() && reference >> 24 == 0x7f {
                self.note(node, NoteKind::Unresolved { attribute: name, id: reference });
            }
        }
        flag
    }

    fn value_flag(&self, attr: Attr<'d>, value: Value) -> Option<bool> {
        match value {
            Value::Boolean(flag) => Some(flag),
            Value::Integer { value, .. } => Some(value != 0),
            Value::Color(color) => Some(color != 0),
            Value::String(_) => {
                let text = self.string(attr, value)?;
                Some(matches!(text.as_ref(), "1" | "true" | "TRUE"))
            }
            _ => None,
        }
    }

    /// The text of a value that came from an attribute, or from the table by its reference.
    fn string(&self, attr: Attr<'d>, value: Value) -> Option<Cow<'d, str>> {
        match self.table {
            Some(table) if attr.value().reference().is_some() => value.text(table.strings()),
            _ => attr.text(),
        }
    }

    /// A number, or text that is one.
    pub fn number(&self, node: Node<'d>, Name(id, name): Name) -> Option<i64> {
        let attr = node.android(id, name)?;
        match self.value(attr) {
            Value::Integer { value, hex: false } => Some(value.into()),
            Value::Integer { value, hex: true } => Some(value.cast_unsigned().into()),
            Value::Boolean(flag) => Some(flag.into()),
            value @ Value::String(_) => number(&self.string(attr, value)?),
            _ => None,
        }
    }

    /// A number without a sign.
    pub fn count(&self, node: Node<'d>, name: Name) -> Option<u32> {
        self.number(node, name).and_then(|number| u32::try_from(number).ok())
    }

    /// Flags, as a number or as words between bars.
    pub fn flags(&self, node: Node<'d>, attribute @ Name(id, name): Name, words: &[(&str, u32)]) -> Option<u32> {
        if let Some(number) = self.number(node, attribute) {
            return u32::try_from(number & 0xffff_ffff).ok();
        }
        let text = self.attr_text(node.android(id, name)?)?;
        let known = |word: &str| words.iter().find(|(name, _)| *name == word.trim()).map(|(_, flag)| flag);
        Some(text.split('|').filter_map(known).fold(0, |flags, flag| flags | flag))
    }

    /// A resource, with its default value.
    pub fn reference(&self, node: Node<'d>, Name(id, name): Name) -> Option<Reference<'d>> {
        let attr = node.android(id, name)?;
        let id = attr.value().reference();
        let text = match id {
            // A resource that is not in the table, or that is a bag, has no text.
            Some(_) => match (self.resolve(attr.value()), self.table) {
                (Some(value), Some(table)) => value.text(table.strings()),
                _ => None,
            },
            None => attr.text(),
        };
        Some(Reference { id, text })
    }

    /// The name of a class, made whole (`ParsingUtils.buildClassName`).
    pub fn class(&self, node: Node<'d>, name: Name) -> Option<Cow<'d, str>> {
        let class = self.text(node, name)?;
        let whole = class.contains('.') && !class.starts_with('.');
        if whole || class.is_empty() || self.package.len() + class.len() > LONGEST_NAME {
            return Some(class);
        }
        let dot = if class.starts_with('.') { "" } else { "." };
        Some(Cow::Owned(format!("{}{dot}{class}", self.package)))
    }

    /// The name of a process: one that begins with a colon belongs to the package.
    pub fn process(&self, node: Node<'d>, name: Name) -> Option<Cow<'d, str>> {
        let process = self.text(node, name)?;
        let own = process.starts_with(':') && self.package.len() + process.len() <= LONGEST_NAME;
        Some(if own { Cow::Owned(format!("{}{process}", self.package)) } else { process })
    }

    /// The `android:name` of each element of this name.
    pub fn names(&self, node: Node<'d>, element: &'static str) -> Vec<Cow<'d, str>> {
        node.named(element).filter_map(|child| self.text(child, NAME)).collect()
    }

    pub fn note(&mut self, node: Node<'d>, kind: NoteKind) {
        if self.notes.len() < 1024 {
            self.notes.push(Note { node: node.index(), kind });
        }
    }
}

fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
