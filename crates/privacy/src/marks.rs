//! Where the values of a class stand in documents.
//!
//! Schemas form a graph: they refer to each other, also in circles, and join with `allOf` and `oneOf`. [`MarksBuilder`]
//! takes that graph as it is; [`Marks`] is the automaton in which each key and each element is one step. Patterns
//! ([`Marks::compile`]) are a short way to write such a graph.

mod pattern;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::{ClassSet, Mark};

/// Most states that marks may compile to.
const MOST_STATES: usize = 20_000;

/// Why marks don't compile.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MarksError {
    /// A pattern that does not parse.
    #[error("pattern `{pattern}`, character {column}: {what}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Where, in characters from 1.
        column: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// The schemas join in too many ways.
    #[error("the marks need more than {MOST_STATES} states: use fewer `..` and fewer alternatives that nest")]
    TooMany,
}

/// A place in the graph of a [`MarksBuilder`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Node(usize);

/// Takes the marks of a schema, node by node.
#[derive(Clone, Debug)]
pub struct MarksBuilder {
    nodes: Vec<Schema>,
}

#[derive(Clone, Default, Debug)]
struct Schema {
    classes: ClassSet,
    exempt: bool,
    members: BTreeMap<String, Node>,
    others: Option<Node>,
    items: Option<Node>,
    names: Option<Node>,
    also: Vec<Node>,
}

impl Default for MarksBuilder {
    fn default() -> MarksBuilder {
        MarksBuilder { nodes: vec![Schema::default()] }
    }
}

impl MarksBuilder {
    /// The whole document.
    pub const ROOT: Node = Node(0);

    /// An empty graph.
    pub fn new() -> MarksBuilder {
        MarksBuilder::default()
    }

    /// A new node. Nodes may be used in several places, also within themselves.
    pub fn node(&mut self) -> Node {
        self.nodes.push(Schema::default());
        Node(self.nodes.len() - 1)
    }

    /// The value at the node carries the mark.
    pub fn mark(&mut self, node: Node, mark: Mark) {
        self.change(node, |schema| match mark {
            Mark::Class(class) => schema.classes = schema.classes.with(class),
            Mark::None => schema.exempt = true,
        });
    }

    /// The object at the node has this member (`properties`).
    pub fn member(&mut self, node: Node, key: impl Into<String>, value: Node) {
        self.change(node, |schema| {
            schema.members.insert(key.into(), value);
        });
    }

    /// Members of the object at the node that are not named there are like this (`additionalProperties`).
    pub fn others(&mut self, node: Node, value: Node) {
        self.change(node, |schema| schema.others = Some(value));
    }

    /// Elements of the array at the node are like this (`items`).
    pub fn items(&mut self, node: Node, value: Node) {
        self.change(node, |schema| schema.items = Some(value));
    }

    /// The keys of the object at the node are like this (`propertyNames`).
    pub fn names(&mut self, node: Node, name: Node) {
        self.change(node, |schema| schema.names = Some(name));
    }

    /// The value at the node is, or may be, also like that (`$ref`, `allOf`, `anyOf`, `oneOf`).
    pub fn also(&mut self, node: Node, other: Node) {
        self.change(node, |schema| schema.also.push(other));
    }

    /// Compiles the graph.
    pub fn build(&self) -> Result<Marks, MarksError> {
        let mut states = vec![State::default()];
        let mut known = HashMap::from([(BTreeSet::new(), 0)]);
        let mut queue = VecDeque::new();
        let (mut classes, mut key_classes) = (ClassSet::EMPTY, ClassSet::EMPTY);
        self.state([MarksBuilder::ROOT].into(), &mut known, &mut queue)?;
        while let Some(nodes) = queue.pop_front() {
            let mut state = State::default();
            let schemas: Vec<&Schema> = nodes.iter().filter_map(|at| self.nodes.get(*at)).collect();
            for schema in &schemas {
                state.classes = state.classes.union(schema.classes);
                state.exempt |= schema.exempt;
            }
            state.keys = self.classes_of(schemas.iter().filter_map(|schema| schema.names).collect());
            classes = classes.union(state.classes).union(state.keys);
            key_classes = key_classes.union(state.keys);
            let others: Vec<Node> = schemas.iter().filter_map(|schema| schema.others).collect();
            state.others = self.state(others, &mut known, &mut queue)?;
            state.items =
                self.state(schemas.iter().filter_map(|schema| schema.items).collect(), &mut known, &mut queue)?;
            let keys: BTreeSet<&String> = schemas.iter().flat_map(|schema| schema.members.keys()).collect();
            let mut named = Vec::new();
            for key in keys {
                let next = schemas.iter().filter_map(|schema| schema.members.get(key).copied().or(schema.others));
                named.push((key.as_str(), self.state(next.collect(), &mut known, &mut queue)?));
            }
            state.named = Names::new(&named);
            states.push(state);
        }
        Ok(Marks { states, classes, key_classes })
    }

    /// The classes of a value that may be any of these nodes.
    fn classes_of(&self, nodes: Vec<Node>) -> ClassSet {
        let all = self.closure(nodes);
        all.iter().filter_map(|at| self.nodes.get(*at)).fold(ClassSet::EMPTY, |set, schema| set.union(schema.classes))
    }

    fn closure(&self, nodes: Vec<Node>) -> BTreeSet<usize> {
        let (mut set, mut open) = (BTreeSet::new(), nodes);
        while let Some(Node(node)) = open.pop() {
            if let Some(schema) = self.nodes.get(node)
                && set.insert(node)
            {
                open.extend(&schema.also);
            }
        }
        set
    }

    fn change(&mut self, node: Node, change: impl FnOnce(&mut Schema)) {
        self.nodes.get_mut(node.0).map(change);
    }

    /// The number of the state in which the value may be any of these nodes. A new one is queued; states are built in
    /// the order of the queue, so that its number is known already.
    fn state(
        &self,
        nodes: Vec<Node>,
        known: &mut HashMap<BTreeSet<usize>, u32>,
        queue: &mut VecDeque<BTreeSet<usize>>,
    ) -> Result<u32, MarksError> {
        let set = self.closure(nodes);
        if let Some(number) = known.get(&set) {
            return Ok(*number);
        }
        let number = known.len();
        if number > MOST_STATES {
            return Err(MarksError::TooMany);
        }
        let number = u32::try_from(number).map_err(|_| MarksError::TooMany)?;
        known.insert(set.clone(), number);
        queue.push_back(set);
        Ok(number)
    }
}

/// The marks of a document, ready to be followed key by key.
#[derive(Clone, Debug)]
pub struct Marks {
    /// State 0 leads nowhere; state 1 is the document.
    states: Vec<State>,
    classes: ClassSet,
    key_classes: ClassSet,
}

#[derive(Clone, Default, Debug)]
struct State {
    classes: ClassSet,
    exempt: bool,
    /// What the keys of an object are.
    keys: ClassSet,
    named: Names,
    others: u32,
    items: u32,
}

impl Default for Marks {
    fn default() -> Marks {
        let states = vec![State::default(), State::default()];
        Marks { states, classes: ClassSet::EMPTY, key_classes: ClassSet::EMPTY }
    }
}

/// A place in a document, as far as marks can tell places apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct At(u32);

impl At {
    pub(crate) const ROOT: At = At(1);
}

impl Marks {
    /// No marks.
    pub fn none() -> Marks {
        Marks::default()
    }

    /// Compiles pairs of a pattern and a mark.
    ///
    /// A pattern begins at the document, which may be written `$`, and goes on with `.name` or `['any name']` (a
    /// member), `.*` (every member), `[]` or `[*]` (every element), and `..` before a step (at any depth):
    /// `$.cards[].pan`, `people.*.email`, `$..iban`.
    pub fn compile<P: AsRef<str>, M: Into<Mark>>(pairs: impl IntoIterator<Item = (P, M)>) -> Result<Marks, MarksError> {
        let mut builder = MarksBuilder::new();
        for (text, mark) in pairs {
            let node = pattern::add(&mut builder, text.as_ref())?;
            builder.mark(node, mark.into());
        }
        builder.build()
    }

    /// The classes that occur in it.
    pub fn classes(&self) -> ClassSet {
        self.classes
    }

    /// Whether the value is marked, and how.
    #[inline]
    pub(crate) fn at(&self, At(state): At) -> (ClassSet, bool) {
        self.states.get(state as usize).map_or((ClassSet::EMPTY, false), |state| (state.classes, state.exempt))
    }

    /// The classes that keys may be of.
    pub(crate) fn key_classes(&self) -> ClassSet {
        self.key_classes
    }

    /// What the keys are.
    #[inline]
    pub(crate) fn keys(&self, At(state): At) -> ClassSet {
        self.states.get(state as usize).map_or(ClassSet::EMPTY, |state| state.keys)
    }

    /// The member with this key, as it reads without escapes.
    #[inline]
    pub(crate) fn member(&self, At(state): At, key: &[u8]) -> At {
        let Some(state) = self.states.get(state as usize) else { return At(0) };
        At(state.named.find(key).unwrap_or(state.others))
    }

    /// The elements.
    #[inline]
    pub(crate) fn item(&self, At(state): At) -> At {
        At(self.states.get(state as usize).map_or(0, |state| state.items))
    }
}

/// A small hash table from keys to states.
#[derive(Clone, Default, Debug)]
struct Names {
    slots: Vec<Option<(Box<[u8]>, u32)>>,
}

impl Names {
    fn new(pairs: &[(&str, u32)]) -> Names {
        if pairs.is_empty() {
            return Names::default();
        }
        let mut names = Names { slots: vec![None; (pairs.len() * 3).next_power_of_two()] };
        for (key, next) in pairs {
            let mut slot = hash(key.as_bytes());
            loop {
                slot &= names.slots.len() - 1;
                if let Some(free @ None) = names.slots.get_mut(slot) {
                    *free = Some((key.as_bytes().into(), *next));
                    break;
                }
                slot += 1;
            }
        }
        names
    }

    #[inline]
    fn find(&self, key: &[u8]) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let mut slot = hash(key);
        loop {
            slot &= self.slots.len() - 1;
            let (name, next) = self.slots.get(slot)?.as_ref()?;
            if **name == *key {
                return Some(*next);
            }
            slot += 1;
        }
    }
}

/// Length, first and last bytes tell the few names of a schema apart.
#[inline]
fn hash(key: &[u8]) -> usize {
    let word = |bytes: Option<&[u8; 4]>| bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let (first, last) = match key {
        [] => (0, 0),
        [a] => (u32::from(*a), 0),
        [a, .., b] if key.len() < 4 => (u32::from(*a), u32::from(*b)),
        _ => (word(key.first_chunk()), word(key.last_chunk())),
    };
    let mixed = (u64::from(first) << 32 | u64::from(last)).wrapping_add(key.len() as u64);
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize
}

#[cfg(test)]
mod tests;
