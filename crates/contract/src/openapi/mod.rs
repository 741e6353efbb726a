//! OpenAPI 3.0.x and 3.1.x, read into one model.
//!
//! The file is read strictly: a key that the specification does not know is an error, with the nearest one that it
//! knows; `x-*` passes, except for misspelled `x-testudo*`. All errors of a file are reported together.
//!
//! To read another key, add it to `keys.rs` and use it in the reader of its construct.

mod keys;
mod paths;
mod schemas;
mod security;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use self::keys::Construct;
use crate::document::{self, Node};
use crate::error::{ContractErrors, Position, Problem, nearest};
use crate::route::Route;
use crate::schema::{NamedSchema, SchemaId};
use crate::template::Template;

/// How many references may lead from one to the next.
const MAX_HOPS: usize = 64;
/// For how many wrong references the nearest name is looked up.
const MAX_NEAREST: usize = 100;
/// How many parameters an operation, servers a construct, and alternatives a security requirement may have.
const MAX_LISTED: usize = 200;
/// How many schemas, parameters and responses a contract may have, those behind references counted at each use.
const MAX_CONSTRUCTS: usize = 400_000;

/// The versions that are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Version {
    V30,
    V31,
}

/// What a file says.
pub(crate) struct Read {
    /// The routes in the order of the file, each with its template.
    pub routes: Vec<(Route, Arc<Template>, Position)>,
    /// Schemas that are referred to.
    pub schemas: Vec<NamedSchema>,
    /// What is allowed and yet worth a look.
    pub notes: Vec<Problem>,
}

/// Reads a file.
pub(crate) fn read(name: &str, text: &str) -> Result<Read, ContractErrors> {
    let root = document::parse(text).map_err(|problems| ContractErrors::new(name, problems))?;
    let mut reader = Reader::new(&root);
    let routes = reader.document();
    let schemas = reader.finish_schemas();
    if reader.problems.is_empty() {
        Ok(Read { routes, schemas, notes: reader.notes })
    } else {
        Err(ContractErrors::new(name, reader.problems))
    }
}

/// A node and where it stands.
#[derive(Clone)]
struct At<'d> {
    node: &'d Node,
    pointer: String,
}

impl<'d> At<'d> {
    fn below(&self, token: &str, node: &'d Node) -> At<'d> {
        let escaped = if token.contains(['~', '/']) {
            Cow::Owned(token.replace('~', "~0").replace('/', "~1"))
        } else {
            Cow::Borrowed(token)
        };
        At { node, pointer: format!("{}/{escaped}", self.pointer) }
    }

    fn child(&self, key: &str) -> Option<At<'d>> {
        self.node.get(key).map(|node| self.below(key, node))
    }

    /// The members of an object with fixed keys, without extensions.
    fn members(&self) -> Vec<(&'d str, At<'d>)> {
        self.entries().into_iter().filter(|(key, _)| !key.starts_with("x-")).collect()
    }

    /// The members of an object whose keys are free, such as properties and headers.
    fn entries(&self) -> Vec<(&'d str, At<'d>)> {
        let members = self.node.map().into_iter().flat_map(|map| map.iter());
        members.map(|(key, (_, node))| (&**key, self.below(key, node))).collect()
    }

    fn items(&self) -> impl Iterator<Item = At<'d>> {
        let items = self.node.list().unwrap_or_default().iter().enumerate();
        items.map(|(index, node)| self.below(&index.to_string(), node))
    }
}

struct Reader<'d> {
    root: At<'d>,
    version: Version,
    problems: Vec<Problem>,
    notes: Vec<Problem>,
    constructs: usize,
    /// Schemas that are referred to, by pointer; those of `pending` are not read yet.
    ids: HashMap<String, SchemaId>,
    named: Vec<NamedSchema>,
    pending: Vec<(SchemaId, At<'d>)>,
    schemes: HashMap<&'d str, security::Scheme<'d>>,
    operation_ids: HashSet<&'d str>,
}

impl<'d> Reader<'d> {
    fn new(root: &'d Node) -> Reader<'d> {
        Reader {
            root: At { node: root, pointer: String::new() },
            version: Version::V31,
            problems: Vec::new(),
            notes: Vec::new(),
            constructs: 0,
            ids: HashMap::new(),
            named: Vec::new(),
            pending: Vec::new(),
            schemes: HashMap::new(),
            operation_ids: HashSet::new(),
        }
    }

    fn document(&mut self) -> Vec<(Route, Arc<Template>, Position)> {
        let root = self.root.clone();
        if !self.version(&root) {
            return Vec::new();
        }
        self.keys(&root, &keys::DOCUMENT);
        if let Some(info) = self.need(&root, "info") {
            self.keys(&info, &keys::INFO);
        }
        self.components(&root);
        let routes = self.paths(&root);
        self.read_pending();
        if routes.is_empty() && self.problems.is_empty() {
            self.note(&root, "the file names no route, so that every request is refused", "add routes to `paths`");
        }
        routes
    }

    fn version(&mut self, root: &At<'d>) -> bool {
        if root.node.map().is_none() {
            self.wrong(
                root,
                format!("this is {}, not an OpenAPI document", root.node.kind()),
                "start with `openapi: 3.1.0`",
            );
            return false;
        }
        let Some(at) = root.child("openapi") else {
            let swagger = root.node.get("swagger").is_some();
            let remedy =
                if swagger { "convert it from Swagger 2.0 to OpenAPI 3" } else { "start with `openapi: 3.1.0`" };
            self.wrong(root, "the key `openapi` is missing".into(), remedy);
            return false;
        };
        let written = at.node.written().unwrap_or_default();
        let numbers: Vec<&str> = written.split('.').collect();
        self.version = match numbers.as_slice() {
            ["3", "0", ..] => Version::V30,
            ["3", "1", ..] => Version::V31,
            _ => {
                self.wrong(&at, format!("the version `{written}` is not read"), "use OpenAPI 3.0.x or 3.1.x");
                return false;
            }
        };
        true
    }

    fn components(&mut self, root: &At<'d>) {
        let Some(components) = self.object(root, "components") else { return };
        self.keys(&components, &keys::COMPONENTS);
        if let Some(all) = self.object(&components, "securitySchemes") {
            self.schemes(&all);
        }
        for (kind, all) in components.members() {
            for (_, at) in all.entries() {
                match kind {
                    "schemas" => {
                        self.refer(&at);
                    }
                    "parameters" => {
                        self.parameter(&at);
                    }
                    "requestBodies" => {
                        self.request_body(&at);
                    }
                    "responses" => {
                        self.response(&at);
                    }
                    "headers" => {
                        self.header(&at);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Follows `$ref` until something else is found.
    fn follow(&mut self, at: &At<'d>) -> Option<At<'d>> {
        let mut here = at.clone();
        for _ in 0..MAX_HOPS {
            let Some(reference) = here.child("$ref") else { return Some(here) };
            here = self.target(&reference)?;
        }
        self.wrong(
            at,
            "this reference leads through too many others, or back to itself".into(),
            "refer to the construct itself",
        );
        None
    }

    /// What a `$ref` points to.
    fn target(&mut self, reference: &At<'d>) -> Option<At<'d>> {
        let Some(text) = reference.node.text() else {
            self.wrong(reference, format!("a reference is a string, not {}", reference.node.kind()), "");
            return None;
        };
        let Some(pointer) = text.strip_prefix('#') else {
            let what = format!("`{text}` is in another file; only references within this file are followed");
            self.wrong(reference, what, "bundle the files into one, for instance with `redocly bundle`");
            return None;
        };
        if !pointer.is_empty() && !pointer.starts_with('/') {
            let what = format!("`{text}` is not a JSON pointer");
            self.wrong(reference, what, "write it as `#/components/schemas/Name`");
            return None;
        }
        let decoded = percent_encoding::percent_decode_str(pointer).decode_utf8().unwrap_or(Cow::Borrowed(pointer));
        let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
        let tokens: Vec<String> = decoded.split('/').skip(1).map(unescape).collect();
        let start = self.root.clone();
        let found = tokens.iter().try_fold(start, |here, token| {
            let node = here.node.at([Cow::Borrowed(token.as_str())])?;
            Some(here.below(token, node))
        });
        if found.is_none() {
            let (last, folder) = tokens.split_last()?;
            let near = self.root.node.at(folder.iter().map(|token| Cow::Borrowed(token.as_str())));
            let near = near
                .filter(|_| self.problems.len() < MAX_NEAREST)
                .and_then(Node::map)
                .and_then(|map| nearest(last, map.keys().map(|key| &**key)));
            let what = format!("`{text}` leads nowhere");
            self.unknown(
                reference.node.position,
                &reference.pointer,
                what,
                near,
                "define it, or correct the reference",
            );
        }
        found
    }

    /// Checks the keys of an object against the specification.
    fn keys(&mut self, at: &At<'d>, construct: &Construct) {
        let Some(map) = at.node.map() else {
            self.wrong(at, format!("{} is an object, not {}", construct.name, at.node.kind()), "");
            return;
        };
        for (key, (position, _)) in map.iter() {
            if construct.known(self.version).any(|known| known == &**key) || construct.ours.contains(&&**key) {
                continue;
            }
            self.stray_key(at, construct, key, *position);
        }
    }

    fn stray_key(&mut self, at: &At<'d>, construct: &Construct, key: &str, position: Position) {
        let pointer = format!("{}/{key}", at.pointer);
        if key.to_ascii_lowercase().starts_with("x-testudo") {
            let (near, remedy) = match key {
                "x-testudo" => (None, "it belongs on an operation, beside `responses`"),
                "x-testudo-data" | "x-testudo-text" => (None, "it belongs on a schema, beside `type`"),
                _ => (
                    nearest(key, ["x-testudo", "x-testudo-data", "x-testudo-text"]),
                    "the keys are `x-testudo`, `x-testudo-data` and `x-testudo-text`",
                ),
            };
            self.unknown(position, &pointer, format!("`{key}` means nothing on {}", construct.name), near, remedy);
        } else if !key.starts_with("x-") {
            let replaced = construct.only30.iter().find(|(old, _)| *old == key).map(|(_, instead)| *instead);
            if let Some(instead) = replaced {
                self.unknown(position, &pointer, format!("`{key}` is not part of OpenAPI 3.1"), None, instead);
            } else if construct.only31.contains(&key) {
                let what = format!("`{key}` came with OpenAPI 3.1, and this file says 3.0");
                self.unknown(position, &pointer, what, None, "remove it, or raise `openapi` to 3.1.0");
            } else {
                let near = nearest(key, construct.known(self.version));
                let free = construct.name == keys::SCHEMA.name && self.version == Version::V31 && near.is_none();
                let what = format!("`{key}` is not a key of {}", construct.name);
                let remedy = "remove it, or start it with `x-`";
                let problem = Problem { position, pointer, what, remedy: remedy.into(), nearest: near };
                if free { self.notes.push(problem) } else { self.problems.push(problem) }
            }
        }
    }

    /// The member that must be there.
    fn need(&mut self, at: &At<'d>, key: &str) -> Option<At<'d>> {
        let found = at.child(key);
        if found.is_none() && at.node.map().is_some() {
            self.wrong(at, format!("the key `{key}` is missing"), "add it");
        }
        found
    }

    /// The member, if it is there; an error if it is not an object.
    fn object(&mut self, at: &At<'d>, key: &str) -> Option<At<'d>> {
        let found = at.child(key)?;
        if found.node.map().is_none() {
            self.wrong(&found, format!("`{key}` is an object, not {}", found.node.kind()), "");
            return None;
        }
        Some(found)
    }

    /// The member, if it is there; an error if it is not a list.
    fn list(&mut self, at: &At<'d>, key: &str) -> Option<At<'d>> {
        let found = at.child(key)?;
        if found.node.list().is_none() {
            self.wrong(&found, format!("`{key}` is a list, not {}", found.node.kind()), "");
            return None;
        }
        Some(found)
    }

    /// The member, if it is there; an error if it is not a list, or one too long to be compared with itself.
    fn short_list(&mut self, at: &At<'d>, key: &str) -> Option<At<'d>> {
        let found = self.list(at, key)?;
        if found.items().count() > MAX_LISTED {
            self.wrong(&found, format!("`{key}` has more than {MAX_LISTED} entries"), "keep those that are used");
            return None;
        }
        Some(found)
    }

    /// The member, if it is there; an error if it is not a string.
    fn string(&mut self, at: &At<'d>, key: &str) -> Option<&'d str> {
        let found = at.child(key)?;
        if found.node.text().is_none() {
            self.wrong(&found, format!("`{key}` is a string, not {}", found.node.kind()), "quote it");
        }
        found.node.text()
    }

    /// The member, false if it is not there; an error if it is not a boolean.
    fn flag(&mut self, at: &At<'d>, key: &str) -> Option<bool> {
        let found = at.child(key)?;
        if found.node.bool().is_none() {
            self.wrong(&found, format!("`{key}` is `true` or `false`, not {}", found.node.kind()), "");
        }
        found.node.bool()
    }

    /// Counts a construct; once there are too many, says so once and refuses more.
    fn counts(&mut self, at: &At<'d>) -> bool {
        self.constructs += 1;
        if self.constructs == MAX_CONSTRUCTS {
            let what = format!("the file has more than {MAX_CONSTRUCTS} schemas, parameters and responses");
            self.wrong(at, what, "split it by service");
        }
        self.constructs < MAX_CONSTRUCTS
    }

    fn wrong(&mut self, at: &At<'d>, what: String, remedy: &str) {
        self.unknown(at.node.position, &at.pointer, what, None, remedy);
    }

    fn unknown(&mut self, position: Position, pointer: &str, what: String, nearest: Option<String>, remedy: &str) {
        self.problems.push(Problem { position, pointer: pointer.to_owned(), what, remedy: remedy.to_owned(), nearest });
    }

    fn note(&mut self, at: &At<'d>, what: impl Into<String>, remedy: &str) {
        let (position, pointer) = (at.node.position, at.pointer.clone());
        self.notes.push(Problem { position, pointer, what: what.into(), remedy: remedy.to_owned(), nearest: None });
    }
}
