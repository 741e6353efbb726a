//! From a method and a path to a route: a tree over decoded segments.
//!
//! Fixed text is met before mixed text, and that before a parameter (OpenAPI 3.1 section 4.8.8.2). The search goes down
//! once; it turns back only where a fixed segment hides a parameter and what follows fits the parameter only. Nothing
//! is allocated unless the path is encoded or has parameters.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::Method;

use crate::path::{PathError, Segments, StrictPath};
use crate::route::{Route, RouteId};
use crate::template::{Mixed, Segment, Template};

/// What stands at a path.
#[derive(Debug)]
pub enum RouteMatch<'a> {
    /// A route.
    Found(Found<'a>),
    /// Nothing has this path.
    NoSuchPath,
    /// The path exists, not with this method.
    NoSuchMethod {
        /// The methods that it has, for `Allow`.
        allow: &'a BTreeSet<String>,
    },
    /// The path has no single reading.
    Malformed(PathError),
}

/// A route with the values of its path parameters.
#[derive(Debug)]
pub struct Found<'a> {
    /// The route.
    pub route: &'a Arc<Route>,
    /// The values.
    pub params: Params<'a>,
}

/// The decoded values of the path parameters, in the order of the template.
#[derive(Clone, Debug)]
pub struct Params<'a> {
    names: &'a [Arc<str>],
    values: Vec<Cow<'a, str>>,
}

impl<'a> Params<'a> {
    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &str)> {
        self.names.iter().map(|name| &**name).zip(self.values.iter().map(|value| &**value))
    }

    /// The value of one parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Whether the template has none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// The tree.
#[derive(Debug, Default)]
pub(crate) struct Router {
    nodes: Vec<Node>,
    leaves: Vec<Leaf>,
}

#[derive(Debug, Default)]
struct Node {
    texts: BTreeMap<Box<str>, usize>,
    /// Ordered by weight, heaviest first.
    mixed: Vec<(Mixed, usize)>,
    parameter: Option<usize>,
    leaf: Option<usize>,
    /// What holds for everything below.
    below: Option<usize>,
}

#[derive(Debug)]
struct Leaf {
    template: Arc<str>,
    names: Vec<Arc<str>>,
    methods: Vec<(Method, RouteId)>,
    any: Option<RouteId>,
    allow: BTreeSet<String>,
}

/// Two templates that match the same paths.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Clash {
    pub with: Arc<str>,
}

/// A place in the tree where routes of one template are put.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeafId(usize);

impl Router {
    pub(crate) fn new() -> Router {
        Router { nodes: vec![Node::default()], leaves: Vec::new() }
    }

    /// Makes the leaf of a template.
    pub(crate) fn add(&mut self, written: &Arc<str>, template: &Template) -> Result<LeafId, Clash> {
        let mut at = 0;
        for segment in &template.segments {
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { break };
            at = match segment {
                Segment::Text(text) => *node.texts.entry(text.clone()).or_insert(fresh),
                Segment::Parameter(_) => *node.parameter.get_or_insert(fresh),
                Segment::Mixed(mixed, _) => {
                    if let Some((_, next)) = node.mixed.iter().find(|(known, _)| known == mixed) {
                        *next
                    } else {
                        node.mixed.push((mixed.clone(), fresh));
                        node.mixed.sort_by_key(|(mixed, _)| std::cmp::Reverse(mixed.weight()));
                        fresh
                    }
                }
            };
            if at == fresh {
                self.nodes.push(Node::default());
            }
        }
        let names = template.shared_names();
        self.put(at, false, written, names)
    }

    /// Makes the leaf of literal segments, or of everything below them.
    pub(crate) fn add_literal(
        &mut self,
        written: &Arc<str>,
        segments: &[Box<str>],
        below: bool,
    ) -> Result<LeafId, Clash> {
        let mut at = 0;
        for text in segments {
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { break };
            at = *node.texts.entry(text.clone()).or_insert(fresh);
            if at == fresh {
                self.nodes.push(Node::default());
            }
        }
        self.put(at, below, written, Vec::new())
    }

    fn put(&mut self, at: usize, below: bool, written: &Arc<str>, names: Vec<Arc<str>>) -> Result<LeafId, Clash> {
        let fresh = self.leaves.len();
        let Some(node) = self.nodes.get_mut(at) else { return Ok(LeafId(fresh)) };
        let place = if below { &mut node.below } else { &mut node.leaf };
        if let Some(leaf) = place.and_then(|leaf| self.leaves.get(leaf)) {
            return Err(Clash { with: leaf.template.clone() });
        }
        *place = Some(fresh);
        let leaf = Leaf { template: written.clone(), names, methods: Vec::new(), any: None, allow: BTreeSet::new() };
        self.leaves.push(leaf);
        Ok(LeafId(fresh))
    }

    /// Puts a route on a leaf; without a method it takes all of them.
    pub(crate) fn route(&mut self, leaf: LeafId, method: Option<&Method>, route: RouteId) {
        let Some(leaf) = self.leaves.get_mut(leaf.0) else { return };
        match method {
            None => leaf.any = Some(route),
            Some(method) => {
                leaf.methods.push((method.clone(), route));
                leaf.allow.insert(method.to_string());
                if method == Method::GET {
                    leaf.allow.insert(Method::HEAD.to_string());
                }
            }
        }
    }

    /// Finds the route. `routes` is the table that the ids point into.
    pub(crate) fn find<'a>(&'a self, routes: &'a [Arc<Route>], method: &Method, path: &'a str) -> RouteMatch<'a> {
        let strict = match StrictPath::parse(path) {
            Ok(strict) => strict,
            Err(error) => return RouteMatch::Malformed(error),
        };
        let mut values = Vec::new();
        let Some(leaf) = self.descend(0, &strict.segments(), &mut values).and_then(|leaf| self.leaves.get(leaf)) else {
            return RouteMatch::NoSuchPath;
        };
        let by = |wanted: &Method| leaf.methods.iter().find(|(known, _)| known == wanted).map(|(_, id)| *id);
        let get = || (method == Method::HEAD).then(|| by(&Method::GET)).flatten();
        match by(method).or_else(get).or(leaf.any).and_then(|id| routes.get(id.index())) {
            Some(route) => RouteMatch::Found(Found { route, params: Params { names: &leaf.names, values } }),
            None => RouteMatch::NoSuchMethod { allow: &leaf.allow },
        }
    }

    fn descend<'a>(&self, at: usize, rest: &Segments<'a>, values: &mut Vec<Cow<'a, str>>) -> Option<usize> {
        let node = self.nodes.get(at)?;
        if rest.is_done() {
            return node.leaf;
        }
        let mut behind = rest.clone();
        let segment = behind.next()?;
        let found = node.texts.get(&*segment).and_then(|next| self.descend(*next, &behind, values));
        found
            .or_else(|| self.descend_mixed(node, &segment, &behind, values))
            .or_else(|| {
                let next = node.parameter.filter(|_| !segment.is_empty())?;
                let length = values.len();
                values.push(segment);
                let found = self.descend(next, &behind, values);
                if found.is_none() {
                    values.truncate(length);
                }
                found
            })
            .or(node.below)
    }

    #[expect(clippy::ptr_arg, reason = "what is borrowed from the path is captured without a copy")]
    fn descend_mixed<'a>(
        &self,
        node: &Node,
        segment: &Cow<'a, str>,
        behind: &Segments<'a>,
        values: &mut Vec<Cow<'a, str>>,
    ) -> Option<usize> {
        let length = values.len();
        node.mixed.iter().find_map(|(mixed, next)| {
            let fits = match segment {
                Cow::Borrowed(text) => mixed.capture(text, |value| values.push(Cow::Borrowed(value))),
                Cow::Owned(text) => mixed.capture(text, |value| values.push(Cow::Owned(value.to_owned()))),
            };
            let found = if fits { self.descend(*next, behind, values) } else { None };
            if found.is_none() {
                values.truncate(length);
            }
            found
        })
    }
}
