//! A YAML text as trees that know where each of their values stands, one for each document of the file.
//!
//! YAML 1.2 with the core schema. Merge keys and custom tags are refused, and so is a key that stands twice. Aliases are
//! counted as if they were written out, so that a small file can't unfold into a large one.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_saphyr::granit_parser::{self, Event, Marker, Parser, ScalarStyle, Tag};

use crate::error::{Fault, Position};

/// The largest file.
pub(crate) const MAX_BYTES: usize = 4 << 20;
/// How deep values may nest.
const MAX_DEPTH: usize = 32;
/// How many values a file may have, aliases written out.
const MAX_NODES: usize = 400_000;

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub position: Position,
    pub data: Data,
    size: usize,
    depth: usize,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    /// The number, and the text as written.
    Int(i64, Box<str>),
    Float(f64, Box<str>),
    Text(Box<str>),
    List(Arc<Vec<Node>>),
    Map(Arc<Map>),
}

/// Keys in the order of the file, with the places of the keys.
pub(crate) type Map = IndexMap<Box<str>, (Position, Node)>;

impl Node {
    pub(crate) fn map(&self) -> Option<&Map> {
        if let Data::Map(map) = &self.data { Some(map) } else { None }
    }

    /// The members of a list; of anything else, itself.
    pub(crate) fn each(&self) -> &[Node] {
        if let Data::List(list) = &self.data { list } else { std::slice::from_ref(self) }
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.data, Data::List(_))
    }

    /// The text of a string or number as it was written.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) | Data::Int(_, text) | Data::Float(_, text) => Some(text),
            Data::Bool(true) => Some("true"),
            Data::Bool(false) => Some("false"),
            _ => None,
        }
    }

    /// What it is, for errors.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.data {
            Data::Null => "nothing",
            Data::Bool(_) => "a boolean",
            Data::Int(..) | Data::Float(..) => "a number",
            Data::Text(_) => "a string",
            Data::List(_) => "a list",
            Data::Map(_) => "a map",
        }
    }
}

/// Reads all documents of a file. Problems of one document do not hide those of another, unless it is no YAML.
pub(crate) fn parse(text: &str) -> (Vec<Node>, Vec<Fault>) {
    if text.len() > MAX_BYTES {
        let what = format!("the file has {} bytes, more than the {MAX_BYTES} that are read", text.len());
        return (Vec::new(), vec![Fault::new(Position::START, what, "split it")]);
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let step = match next {
            Ok((event, span)) => builder.event(event, position(&span.start)),
            Err(error) => {
                let what = format!("this is not YAML: {}", error.info());
                Err(Box::new(Fault::new(position(error.marker()), what, "quote texts that hold `:`, `#`, `{` or `[`")))
            }
        };
        if let Err(fatal) = step {
            builder.faults.push(*fatal);
            break;
        }
    }
    if builder.roots.is_empty() && builder.faults.is_empty() {
        builder.faults.push(Fault::new(Position::START, "the file is empty", "write a Sigma rule"));
    }
    (builder.roots, builder.faults)
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

struct Open {
    position: Position,
    anchor: usize,
    size: usize,
    depth: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map(Map, Option<(Box<str>, Position)>),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    roots: Vec<Node>,
    faults: Vec<Fault>,
    total: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: Position) -> Result<(), Box<Fault>> {
        match event {
            Event::DocumentStart(..) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                self.tag(tag.as_deref(), at);
                let data =
                    if style == ScalarStyle::Plain { resolve(&text) } else { Data::Text(text.into_owned().into()) };
                self.add(Node { position: at, data, size: 1, depth: 0 }, anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), at);
                self.start(at, anchor, Content::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), at);
                self.start(at, anchor, Content::Map(Map::new(), None))?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { position, anchor, size, depth, content }) = self.open.pop() {
                    let data = match content {
                        Content::List(list) => Data::List(Arc::new(list)),
                        Content::Map(map, _) => Data::Map(Arc::new(map)),
                    };
                    self.add(Node { position, data, size, depth }, anchor)?;
                }
            }
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    return Err(Box::new(Fault::new(at, "this alias stands inside its own anchor", "write it out")));
                };
                self.total = self.total.saturating_add(node.size);
                self.add(node, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, position: Position, anchor: usize, content: Content) -> Result<(), Box<Fault>> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Box::new(too_deep(position)));
        }
        self.open.push(Open { position, anchor, size: 1, depth: 1, content });
        Ok(())
    }

    fn tag(&mut self, tag: Option<&Tag>, at: Position) {
        if let Some(tag) = tag {
            let what = format!("the tag `{}` is not part of a Sigma rule", tag.original());
            self.faults.push(Fault::new(at, what, "remove it"));
        }
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Box<Fault>> {
        self.total = self.total.saturating_add(1);
        if self.total > MAX_NODES {
            let what = format!("the file unfolds into more than {MAX_NODES} values");
            return Err(Box::new(Fault::new(node.position, what, "split it")));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let nested = self.open.len();
        let Some(open) = self.open.last_mut() else {
            if !matches!(node.data, Data::Null) {
                self.roots.push(node);
            }
            return Ok(());
        };
        if nested + node.depth > MAX_DEPTH {
            return Err(Box::new(too_deep(node.position)));
        }
        open.size = open.size.saturating_add(node.size);
        open.depth = open.depth.max(node.depth + 1);
        match &mut open.content {
            Content::List(list) => list.push(node),
            Content::Map(map, key) => match key.take() {
                None => match node.text() {
                    Some(text) => *key = Some((text.into(), node.position)),
                    None => return Err(Box::new(Fault::new(node.position, "a key must be a string", "quote it"))),
                },
                Some((text, at)) if map.contains_key(&text) => {
                    let what = format!("the key `{text}` stands twice in one map");
                    self.faults.push(Fault::new(at, what, "keep one, or make a list of two maps"));
                }
                Some((text, at)) => {
                    if &*text == "<<" {
                        let what = "merge keys (`<<`) are not part of YAML 1.2";
                        self.faults.push(Fault::new(at, what, "write the keys out"));
                    }
                    map.insert(text, (at, node));
                }
            },
        }
        Ok(())
    }
}

fn too_deep(at: Position) -> Fault {
    Fault::new(at, format!("values nest deeper than {MAX_DEPTH} levels"), "a Sigma rule needs no more than six")
}

/// What a plain scalar means in the YAML 1.2 core schema.
fn resolve(text: &str) -> Data {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Data::Null,
        "true" | "True" | "TRUE" => return Data::Bool(true),
        "false" | "False" | "FALSE" => return Data::Bool(false),
        _ => {}
    }
    let bytes = text.as_bytes();
    let numeric = bytes.first().is_some_and(|byte| byte.is_ascii_digit() || b"+-.".contains(byte));
    if numeric && bytes.iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte)) {
        if let Ok(value) = text.parse::<i64>() {
            return Data::Int(value, text.into());
        }
        if let Some(value) = text.parse::<f64>().ok().filter(|value| value.is_finite()) {
            return Data::Float(value, text.into());
        }
    }
    Data::Text(text.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    fn refusal(text: &str) -> String {
        let (_, faults) = parse(text);
        faults
            .iter()
            .map(|f| format!("{}:{} {}", f.position.line, f.position.column, f.what))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn places_are_lines_and_columns_from_one_in_every_document() {
        let (roots, faults) = parse("a: 1\n---\nb:\n  - 'x'\n  - 0x10\n");
        assert!(faults.is_empty(), "{faults:?}");
        assert!(matches!(roots[0].map().unwrap()["a"].1.data, Data::Int(1, _)));
        let list = roots[1].map().unwrap()["b"].1.each();
        assert_eq!((list[1].position.line, list[1].position.column), (5, 5));
        assert_eq!(list[1].text(), Some("0x10"), "hexadecimal is a text in rules");
    }

    #[test]
    fn what_is_ambiguous_or_unbounded_is_refused() {
        assert!(refusal("a: 1\na: 2\n").contains("2:1 the key `a` stands twice"));
        assert!(refusal("a: &x {b: 1}\nc: {<<: *x}\n").contains("merge keys"));
        assert!(refusal("a: !secret b\n").contains("the tag `!secret`"));
        assert!(refusal("").contains("empty"));
        assert!(refusal("{a: [}").contains("not YAML"));
        assert!(refusal("? [a]\n: b\n").contains("a key must be a string"));
        assert!(refusal(&"[".repeat(4000)).contains("1:"));
        assert!(refusal(&" ".repeat(MAX_BYTES + 1)).contains("more than"));
        let mut wide = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let inner = vec![format!("*a{}", level - 1); 10].join(", ");
            wide = format!("{wide}a{level}: &a{level} [{inner}]\n");
        }
        assert!(refusal(&wide).contains("unfolds"));
    }
}
