//! A YAML or JSON text as a tree that knows where each of its values stands.
//!
//! YAML 1.2 with the core schema; JSON is read as the subset that it is. Merge keys, custom tags and further documents
//! are refused, and so is a key that stands twice. Aliases share their anchor's tree, and are counted as if they were
//! written out, so that a small file can't unfold into a large one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;
use serde_saphyr::granit_parser::{self, Event, Marker, Parser, ScalarStyle, Tag};

use crate::error::{Position, Problem};

/// The largest file.
pub(crate) const MAX_BYTES: usize = 8 << 20;
/// How deep values may nest, aliases written out.
const MAX_DEPTH: usize = 128;
/// How many values a file may have, aliases written out.
const MAX_NODES: usize = 1_000_000;

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where a person looks for it: where it begins, or at its key when it is an object or list that begins on a later
    /// line.
    pub position: Position,
    pub data: Data,
    /// How many values it has and how deep they nest, aliases written out.
    size: usize,
    depth: usize,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// A scalar: what it means, and the text as written.
    Scalar(Value, Box<str>),
    /// A list.
    List(Arc<Vec<Node>>),
    /// A map in the order of the file.
    Map(Arc<Map>),
}

/// Keys in the order of the file, with the places of the keys.
pub(crate) type Map = IndexMap<Box<str>, (Position, Node)>;

impl Node {
    pub(crate) fn map(&self) -> Option<&Arc<Map>> {
        if let Data::Map(map) = &self.data { Some(map) } else { None }
    }

    pub(crate) fn list(&self) -> Option<&[Node]> {
        if let Data::List(list) = &self.data { Some(list) } else { None }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Data::Scalar(Value::String(text), _) = &self.data { Some(text) } else { None }
    }

    /// The text of any scalar as it was written; `3.0` where a string was meant.
    pub(crate) fn written(&self) -> Option<&str> {
        if let Data::Scalar(_, written) = &self.data { Some(written) } else { None }
    }

    pub(crate) fn bool(&self) -> Option<bool> {
        if let Data::Scalar(Value::Bool(value), _) = &self.data { Some(*value) } else { None }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.get(key).map(|(_, node)| node)
    }

    /// Where the key of a member stands.
    pub(crate) fn key_position(&self, key: &str) -> Option<Position> {
        self.map()?.get(key).map(|(position, _)| *position)
    }

    /// The plain value, for examples, enumerations and defaults.
    pub(crate) fn value(&self) -> Value {
        match &self.data {
            Data::Scalar(value, _) => value.clone(),
            Data::List(list) => Value::Array(list.iter().map(Node::value).collect()),
            Data::Map(map) => {
                Value::Object(map.iter().map(|(key, (_, node))| (key.to_string(), node.value())).collect())
            }
        }
    }

    /// What it is, for errors.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.data {
            Data::Scalar(Value::Null, _) => "nothing",
            Data::Scalar(Value::Bool(_), _) => "a boolean",
            Data::Scalar(Value::Number(_), _) => "a number",
            Data::Scalar(..) => "a string",
            Data::List(_) => "a list",
            Data::Map(_) => "an object",
        }
    }

    /// Follows a JSON pointer (RFC 6901), already split and unescaped.
    pub(crate) fn at<'t>(&self, tokens: impl IntoIterator<Item = Cow<'t, str>>) -> Option<&Node> {
        tokens.into_iter().try_fold(self, |node, token| match &node.data {
            Data::Map(map) => map.get(token.as_ref()).map(|(_, node)| node),
            Data::List(list) => token.parse().ok().and_then(|index: usize| list.get(index)),
            Data::Scalar(..) => None,
        })
    }
}

/// Reads a whole file.
pub(crate) fn parse(text: &str) -> Result<Node, Vec<Problem>> {
    if text.len() > MAX_BYTES {
        let what = format!("the file has {} bytes, more than the {MAX_BYTES} that are read", text.len());
        return Err(vec![problem(Position { line: 1, column: 1 }, what, "split it by service")]);
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| {
            let what = format!("this is neither YAML nor JSON: {}", error.info());
            vec![problem(position(error.marker()), what, "")]
        })?;
        builder.event(event, position(&span.start)).map_err(|fatal| vec![*fatal])?;
    }
    match (builder.root, builder.problems) {
        (Some(root), problems) if problems.is_empty() => Ok(root),
        (None, problems) if problems.is_empty() => {
            Err(vec![problem(Position { line: 1, column: 1 }, "the file is empty".into(), "write an OpenAPI document")])
        }
        (_, problems) => Err(problems),
    }
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

fn problem(position: Position, what: String, remedy: &str) -> Problem {
    Problem { position, pointer: String::new(), what, remedy: remedy.to_owned(), nearest: None }
}

/// A list or map that is still open.
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
    root: Option<Node>,
    documents: usize,
    problems: Vec<Problem>,
    total: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: Position) -> Result<(), Box<Problem>> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Box::new(problem(at, "a second document starts here".into(), "keep one per file")));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                self.tag(tag.as_deref(), at);
                let value = if plain { resolve(&text) } else { Value::String(text.clone().into_owned()) };
                let data = Data::Scalar(value, text.into());
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
                    return Err(Box::new(problem(at, "this alias stands inside its own anchor".into(), "use `$ref`")));
                };
                self.total = self.total.saturating_add(node.size);
                self.add(node, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, position: Position, anchor: usize, content: Content) -> Result<(), Box<Problem>> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Box::new(too_deep(position)));
        }
        self.open.push(Open { position, anchor, size: 1, depth: 1, content });
        Ok(())
    }

    fn tag(&mut self, tag: Option<&Tag>, at: Position) {
        if let Some(tag) = tag {
            let what = format!("the tag `{}` is not part of an OpenAPI document", tag.original());
            self.problems.push(problem(at, what, "remove it"));
        }
    }

    fn add(&mut self, mut node: Node, anchor: usize) -> Result<(), Box<Problem>> {
        self.total = self.total.saturating_add(1);
        if self.total > MAX_NODES {
            let what = format!("the file unfolds into more than {MAX_NODES} values");
            return Err(Box::new(problem(node.position, what, "use `$ref` in place of aliases")));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let nested = self.open.len();
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
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
                None => match node.data {
                    Data::Scalar(_, text) => *key = Some((text, node.position)),
                    _ => return Err(Box::new(problem(node.position, "a key must be a string".into(), "quote it"))),
                },
                Some((text, at)) if map.contains_key(&text) => {
                    let what = format!("the key `{text}` stands twice in one object");
                    self.problems.push(problem(at, what, "keep one of them"));
                }
                Some((text, at)) => {
                    if &*text == "<<" {
                        let what = "merge keys (`<<`) are not part of YAML 1.2".into();
                        self.problems.push(problem(at, what, "use `$ref` or `allOf`"));
                    }
                    if !matches!(node.data, Data::Scalar(..)) && node.position.line > at.line {
                        node.position = at;
                    }
                    map.insert(text, (at, node));
                }
            },
        }
        Ok(())
    }
}

fn too_deep(at: Position) -> Problem {
    let what = format!("values nest deeper than {MAX_DEPTH} levels");
    problem(at, what, "move inner schemas to `components` and use `$ref`")
}

/// What a plain scalar means in the YAML 1.2 core schema.
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<serde_json::Number> {
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(|byte| byte.is_ascii_digit() || b"+-.".contains(byte)) {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return digits
            .bytes()
            .all(|b| b.is_ascii_hexdigit())
            .then(|| u64::from_str_radix(digits, 16).ok())?
            .map(Into::into);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| u64::from_str_radix(digits, 8).ok())?
            .map(Into::into);
    }
    if !bytes.iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte)) {
        return None;
    }
    if let Ok(value) = text.parse::<i64>() {
        return Some(value.into());
    }
    if let Ok(value) = text.parse::<u64>() {
        return Some(value.into());
    }
    text.parse::<f64>().ok().and_then(serde_json::Number::from_f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::format_push_string)]

    use serde_json::json;

    use super::*;

    fn refusal(text: &str) -> String {
        let problems = parse(text).expect_err("refused");
        problems.iter().map(|p| format!("{}:{} {p}", p.position.line, p.position.column)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn yaml_and_json_give_the_same_values() {
        let yaml = "a: 1\nb: [true, null, ~, 'x', \"1\", 1.5, 0x1f, no]\n200: {c: |\n    text\n  }\n";
        let json = r#"{"a": 1, "b": [true, null, null, "x", "1", 1.5, 31, "no"], "200": {"c": "text\n"}}"#;
        let tabs = "{\n\t\"a\": 1,\n\t\"b\": [true,null,null,\"x\",\"1\",1.5,31,\"no\"],\"200\":{\"c\":\"text\\n\"}}";
        assert_eq!(parse(json).unwrap().value(), parse(tabs).unwrap().value());
        assert_eq!(parse(json).unwrap().value(), serde_json::from_str::<Value>(json).unwrap());
        let yaml_value =
            parse("a: 1\nb: [true, null, ~, 'x', \"1\", 1.5, 0x1f, no]\n200:\n  c: |\n    text\n").unwrap().value();
        assert_eq!(yaml_value, parse(json).unwrap().value(), "{yaml}");
        assert_eq!(parse(r#"{"s": "\ud83d\ude00\/"}"#).unwrap().value(), json!({"s": "😀/"}));
    }

    #[test]
    fn places_are_lines_and_columns_from_one() {
        let root = parse("a:\n  b: [x, y]\n").unwrap();
        let (key, inner) = &root.map().unwrap()["a"];
        assert_eq!((key.line, key.column), (1, 1));
        let list = inner.get("b").unwrap().list().unwrap();
        assert_eq!((list[1].position.line, list[1].position.column), (2, 10));
        // What begins below its key is found at the key.
        assert_eq!((inner.position.line, inner.position.column), (1, 1));
        assert_eq!((list[0].position.line, list[0].position.column), (2, 7));
    }

    #[test]
    fn what_is_ambiguous_or_unbounded_is_refused() {
        assert!(refusal("a: 1\na: 2\n").contains("2:1 /: the key `a` stands twice"));
        assert!(refusal("a: &x {b: 1}\nc: {<<: *x}\n").contains("merge keys"));
        assert!(refusal("a: !secret b\n").contains("the tag `!secret`"));
        assert!(refusal("--- 1\n--- 2\n").contains("a second document"));
        assert!(refusal("").contains("empty"));
        assert!(refusal("{a: [}").contains("neither YAML nor JSON"));
        assert!(refusal("? [a]\n: b\n").contains("a key must be a string"));
        assert!(refusal("a: &x [*x]\n").contains("neither") || refusal("a: &x [*x]\n").contains("its own anchor"));
        assert!(refusal(&"[".repeat(4000)).contains("1:"));
        assert!(refusal(&" ".repeat(MAX_BYTES + 1)).contains("more than"));
    }

    #[test]
    fn a_small_file_can_not_unfold_into_a_large_one() {
        let mut wide = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        let mut deep = String::from("a0: &a0 [x]\n");
        for level in 1..10 {
            let before = level - 1;
            wide += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 10].join(", "));
        }
        for level in 1..200 {
            deep += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
        }
        assert!(refusal(&wide).contains("unfolds"));
        assert!(refusal(&deep).contains("deeper"));
    }
}
