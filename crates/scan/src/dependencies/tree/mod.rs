//! A text file as a tree that knows the line of each of its values; one form for JSON, YAML and TOML.
//!
//! The readers are strict: what they can't read whole is an error with its line, and a key that stands twice is one too,
//! for two readers would take two different values.

mod json;
mod toml;
mod xml;
mod yaml;

use indexmap::IndexMap;

use super::error::Wrong;

pub(super) use json::parse as json;
pub(super) use toml::parse as toml;
pub(super) use xml::{Element, parse as xml};
pub(super) use yaml::parse as yaml;

/// The largest file that is read.
pub(super) const MAX_BYTES: usize = 64 << 20;
/// How deep values may nest.
const MAX_DEPTH: usize = 96;
/// How many values a file may have.
const MAX_NODES: usize = 4_000_000;

/// A value with its line.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// From 1.
    pub line: u32,
    pub data: Data,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Data {
    Null,
    Bool(bool),
    /// As written.
    Number(Box<str>),
    Text(Box<str>),
    List(Vec<Node>),
    Map(Map),
}

/// Members in the order of the file, with the lines of their keys.
pub(super) type Map = IndexMap<Box<str>, (u32, Node)>;

/// A map that has no members.
static EMPTY: std::sync::LazyLock<Map> = std::sync::LazyLock::new(Map::new);

impl Node {
    pub(super) fn map(&self) -> Option<&Map> {
        if let Data::Map(map) = &self.data { Some(map) } else { None }
    }

    /// The member of a map; `None` also when this is no map.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.get(key).map(|(_, node)| node)
    }

    /// The text of a member.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// The members of a list; none for anything else.
    pub(super) fn each(&self) -> &[Node] {
        if let Data::List(list) = &self.data { list } else { &[] }
    }

    /// The text of a string, or a number or truth value as it was written.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) | Data::Number(text) => Some(text),
            Data::Bool(true) => Some("true"),
            Data::Bool(false) => Some("false"),
            _ => None,
        }
    }

    pub(super) fn is_true(&self) -> bool {
        matches!(self.data, Data::Bool(true))
    }

    /// Whether the member is there and true.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(Node::is_true)
    }

    /// The members of the map under the key; none when it is missing or null.
    pub(super) fn members(&self, key: &str) -> Result<&Map, Wrong> {
        match self.get(key) {
            None => Ok(&EMPTY),
            Some(node) => node.members_here(key),
        }
    }

    /// The members of this map; none when it is null.
    pub(super) fn members_here(&self, name: &str) -> Result<&Map, Wrong> {
        match &self.data {
            Data::Map(map) => Ok(map),
            Data::Null => Ok(&EMPTY),
            _ => Err(self.expected(name, "a map")),
        }
    }

    /// The elements of the list under the key; none when it is missing or null.
    pub(super) fn list(&self, key: &str) -> Result<&[Node], Wrong> {
        match self.get(key) {
            None => Ok(&[]),
            Some(node) => match &node.data {
                Data::List(list) => Ok(list),
                Data::Null => Ok(&[]),
                _ => Err(node.expected(key, "a list")),
            },
        }
    }

    /// The text under the key, which must be there.
    pub(super) fn required(&self, key: &str) -> Result<&str, Wrong> {
        let Some(node) = self.get(key) else {
            return Err(Wrong::malformed(self.line, format!("`{key}` is missing")));
        };
        node.text().filter(|text| !text.is_empty()).ok_or_else(|| node.expected(key, "a text"))
    }

    /// An error: this is not what stands under this name.
    pub(super) fn expected(&self, name: &str, what: &str) -> Wrong {
        let kind = match &self.data {
            Data::Null => "nothing",
            Data::Bool(_) => "a truth value",
            Data::Number(_) => "a number",
            Data::Text(_) => "a text",
            Data::List(_) => "a list",
            Data::Map(_) => "a map",
        };
        Wrong::malformed(self.line, format!("`{}` is {kind}, not {what}", super::error::shown(name)))
    }
}

/// The text of a file: UTF-8, a byte order mark is skipped.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Wrong> {
    if bytes.len() > MAX_BYTES {
        return Err(Wrong::limit(1, MAX_BYTES as u64, "bytes"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        Wrong::malformed(line_after(before), "bytes that are not UTF-8")
    })
}

/// The line on which something behind these bytes stands.
pub(super) fn line_after(before: &[u8]) -> u32 {
    to_line(memchr::memchr_iter(b'\n', before).count() + 1)
}

pub(super) fn to_line(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

/// Builds a tree out of what a reader hands out, within bounds.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    count: usize,
}

enum Open {
    List(u32, Vec<Node>),
    Map(u32, Map, Option<(Box<str>, u32)>),
}

impl Builder {
    fn begin(&mut self, open: Open, line: u32) -> Result<(), Wrong> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Wrong::limit(line, MAX_DEPTH as u64, "levels of nesting"));
        }
        self.open.push(open);
        Ok(())
    }

    /// Whether the next scalar is a key.
    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Map(_, _, None)))
    }

    fn key(&mut self, key: Box<str>, line: u32) -> Result<(), Wrong> {
        if let Some(Open::Map(_, map, slot)) = self.open.last_mut() {
            if map.contains_key(&key) {
                let what = format!("the key `{}` stands twice in one map", super::error::shown(&key));
                return Err(Wrong::malformed(line, what));
            }
            *slot = Some((key, line));
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Wrong> {
        match self.open.pop() {
            Some(Open::List(line, list)) => self.add(Node { line, data: Data::List(list) }),
            Some(Open::Map(line, map, _)) => self.add(Node { line, data: Data::Map(map) }),
            None => Ok(()),
        }
    }

    fn add(&mut self, node: Node) -> Result<(), Wrong> {
        self.count += 1;
        if self.count > MAX_NODES {
            return Err(Wrong::limit(node.line, MAX_NODES as u64, "values"));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, list)) => list.push(node),
            Some(Open::Map(_, map, key)) => {
                if let Some((text, line)) = key.take() {
                    map.insert(text, (line, node));
                }
            }
        }
        Ok(())
    }
}
