//! Facts about an app as rows of named attributes, and the conditions over them that find what rules are about.
//!
//! A module for each part of an app turns what `testudo-package` reads into [`Row`]s; it judges nothing. Rules judge: a
//! `[[fact]]` table names a kind of rows and what their attributes must be, see [`Condition`]. [`check`] makes findings of
//! both.
//!
//! To add a fact: push it where its part is read, and declare its kind and attributes in the `KINDS` of that module; what
//! is not declared can't be asked for. To add a module: a line in [`kinds`].

pub mod apple;
pub mod archive;
mod condition;
mod declared;
mod evaluate;
pub mod manifest;
mod matcher;
pub mod native;
pub mod network;
mod permission;
pub mod program;
pub mod resources;
pub mod signature;
mod template;

pub use condition::{Condition, Selector};
pub(crate) use declared::wrong_in;
pub use declared::{Attribute, Kind, Type};
pub use evaluate::check;
pub use matcher::{Matcher, Scalar, Wants};

use crate::report::{Origin, Place};

/// The most rows; more are not kept.
const MAX_ROWS: usize = 200_000;
/// The longest text of an attribute, in bytes. Binary formats let many things share one long text, so that what is kept
/// has to be short.
const MAX_TEXT: usize = 1_000;
/// The most texts of an attribute.
const MAX_LIST: usize = 500;

/// The kinds of rows there are, by the module that makes them.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    let all = [
        manifest::KINDS,
        network::KINDS,
        resources::KINDS,
        archive::KINDS,
        signature::KINDS,
        program::KINDS,
        native::KINDS,
        crate::sdks::KINDS,
    ];
    all.into_iter().flatten().chain(apple::kinds())
}

/// What an attribute says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
    /// Several texts; never none, as an attribute without any is absent.
    List(Vec<String>),
}

/// One fact: a thing of a kind, where it is, and what its attributes say.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Row {
    /// What it is: `activity`, `permission`.
    pub kind: &'static str,
    /// Where it is.
    pub place: Place,
    /// Whose it is.
    pub origin: Origin,
    /// Its attributes, each once; what is not known or not written is not among them.
    pub values: Vec<(&'static str, Value)>,
}

impl Row {
    /// A row of the app's own without attributes.
    pub fn new(kind: &'static str, place: Place) -> Row {
        Row { kind, place, origin: Origin::Own, values: Vec::new() }
    }

    /// Whose it is.
    #[must_use]
    pub fn origin(mut self, origin: Origin) -> Row {
        self.origin = origin;
        self
    }

    /// With yes or no.
    #[must_use]
    pub fn flag(self, attribute: &'static str, flag: impl Into<Option<bool>>) -> Row {
        self.with(attribute, flag.into().map(Value::Flag))
    }

    /// With a number.
    #[must_use]
    pub fn number(self, attribute: &'static str, number: impl Into<Option<i64>>) -> Row {
        self.with(attribute, number.into().map(Value::Number))
    }

    /// With a text, of which the first thousand bytes are kept.
    #[must_use]
    pub fn text(self, attribute: &'static str, text: impl AsRef<str>) -> Row {
        self.with(attribute, Some(Value::Text(cut(text.as_ref()).to_owned())))
    }

    /// With a text, if there is one.
    #[must_use]
    pub fn text_of(self, attribute: &'static str, text: Option<impl AsRef<str>>) -> Row {
        self.with(attribute, text.map(|text| Value::Text(cut(text.as_ref()).to_owned())))
    }

    /// With several texts, if there are any; the first five hundred are kept.
    #[must_use]
    pub fn list(self, attribute: &'static str, list: impl IntoIterator<Item = impl AsRef<str>>) -> Row {
        let list: Vec<String> = list.into_iter().take(MAX_LIST).map(|text| cut(text.as_ref()).to_owned()).collect();
        self.with(attribute, (!list.is_empty()).then_some(Value::List(list)))
    }

    /// What an attribute says.
    pub fn get(&self, attribute: &str) -> Option<&Value> {
        self.values.iter().find(|(name, _)| *name == attribute).map(|(_, value)| value)
    }

    /// The text of an attribute.
    pub fn text_at(&self, attribute: &str) -> Option<&str> {
        match self.get(attribute) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn with(mut self, attribute: &'static str, value: Option<Value>) -> Row {
        self.values.retain(|(name, _)| *name != attribute);
        self.values.extend(value.map(|value| (attribute, value)));
        self
    }
}

/// The beginning of a text that may be kept.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or(text)
}

/// All facts about an app.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Facts {
    /// The rows, in the order in which they were read.
    pub rows: Vec<Row>,
}

impl Facts {
    /// Adds a row.
    pub fn push(&mut self, row: Row) {
        if self.rows.len() < MAX_ROWS {
            self.rows.push(row);
        }
    }

    /// The rows of a kind.
    pub fn of<'f>(&'f self, kind: &'f str) -> impl Iterator<Item = &'f Row> {
        self.rows.iter().filter(move |row| row.kind == kind)
    }
}
