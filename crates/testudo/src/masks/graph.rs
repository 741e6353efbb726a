//! From the contract's schemas to the masker's marks.
//!
//! What a keyword does not tell for sure counts as if it applied: all alternatives of `oneOf` and `anyOf`, both branches
//! of a condition, `patternProperties` for every key, and all of `prefixItems` for every element. `not` describes
//! nothing. A mark within `contentSchema` marks the string.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use testudo_contract::{Contract, Schema, SchemaId, SchemaNode};
use testudo_privacy::{DataClass, Mark, Marks, MarksBuilder, MarksError, Node};

/// Keywords whose schemas apply to the value itself.
const IN_PLACE: [&str; 7] = ["allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas"];
/// Keywords whose schemas apply to elements.
const ITEMS: [&str; 4] = ["items", "prefixItems", "contains", "unevaluatedItems"];

/// The schemas of a contract, as far as marks stand in them.
pub(super) struct Graph<'a> {
    contract: &'a Contract,
    /// Schemas behind references from which no mark can be reached.
    unmarked: HashSet<SchemaId>,
    /// What was compiled already, by the references at its root.
    known: HashMap<Vec<SchemaId>, Arc<Marks>>,
    none: Arc<Marks>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(contract: &'a Contract) -> Graph<'a> {
        Graph { contract, unmarked: unmarked(contract), known: HashMap::new(), none: Arc::new(Marks::none()) }
    }

    /// The marks of a value that may be any of these.
    pub(super) fn marks(&mut self, roots: &[&SchemaNode]) -> Result<Arc<Marks>, MarksError> {
        let mut roots: Vec<&SchemaNode> = roots.iter().copied().filter(|root| self.is_marked(root)).collect();
        if roots.is_empty() {
            return Ok(Arc::clone(&self.none));
        }
        let ids: Option<BTreeSet<SchemaId>> = roots.iter().map(|root| id(root)).collect();
        let ids: Option<Vec<SchemaId>> = ids.map(|ids| ids.into_iter().collect());
        if let Some(known) = ids.as_ref().and_then(|ids| self.known.get(ids)) {
            return Ok(Arc::clone(known));
        }
        // One schema that several answers refer to is one root.
        let mut seen = HashSet::new();
        roots.retain(|root| id(root).is_none_or(|id| seen.insert(id)));
        let marks = Arc::new(Writer::new(self).write(&roots)?);
        if let Some(ids) = ids {
            self.known.insert(ids, Arc::clone(&marks));
        }
        Ok(marks)
    }

    /// The class of a value that is no document, such as a header.
    pub(super) fn class_of(&self, node: &SchemaNode) -> Option<DataClass> {
        let mut seen = HashSet::new();
        let mut todo = vec![node];
        while let Some(node) = todo.pop() {
            if id(node).is_some_and(|id| !seen.insert(id)) {
                continue;
            }
            let schema = self.contract.schema(node)?;
            if let Some(class) = schema.data {
                return Some(class_named(class));
            }
            todo.extend(in_place(schema));
        }
        None
    }

    fn is_marked(&self, node: &SchemaNode) -> bool {
        let mut todo = vec![node];
        while let Some(node) = todo.pop() {
            match node {
                SchemaNode::Ref(id) if self.unmarked.contains(id) => {}
                SchemaNode::Ref(_) => return true,
                SchemaNode::Inline(schema) if schema.data.is_some() || schema.exempt => return true,
                SchemaNode::Inline(schema) => todo.extend(schema.children()),
            }
        }
        false
    }
}

/// Writes one graph.
struct Writer<'a, 'g> {
    graph: &'g Graph<'a>,
    builder: MarksBuilder,
    /// Stands for all schemas without marks.
    blank: Node,
    places: HashMap<SchemaId, Node>,
    /// Schemas that have a node, whose keywords are not written yet.
    todo: Vec<(Node, &'g Schema)>,
}

impl<'a, 'g> Writer<'a, 'g> {
    fn new(graph: &'g Graph<'a>) -> Writer<'a, 'g> {
        let mut builder = MarksBuilder::new();
        let blank = builder.node();
        Writer { graph, builder, blank, places: HashMap::new(), todo: Vec::new() }
    }

    fn write(mut self, roots: &[&'g SchemaNode]) -> Result<Marks, MarksError> {
        for root in roots {
            let place = self.place(root);
            self.builder.also(MarksBuilder::ROOT, place);
        }
        while let Some((node, schema)) = self.todo.pop() {
            self.schema(node, schema);
        }
        self.builder.build()
    }

    fn place(&mut self, schema: &'g SchemaNode) -> Node {
        if !self.graph.is_marked(schema) {
            return self.blank;
        }
        if let Some(known) = id(schema).and_then(|id| self.places.get(&id)) {
            return *known;
        }
        let node = self.builder.node();
        if let Some(id) = id(schema) {
            self.places.insert(id, node);
        }
        if let Some(schema) = self.graph.contract.schema(schema) {
            self.todo.push((node, schema));
        }
        node
    }

    fn schema(&mut self, node: Node, schema: &'g Schema) {
        if let Some(class) = schema.data {
            self.builder.mark(node, Mark::Class(class_named(class)));
        }
        if schema.exempt {
            self.builder.mark(node, Mark::None);
        }
        for (key, member) in &schema.properties {
            // One without marks still tells its key from the others.
            let place = self.place(member);
            self.builder.member(node, &**key, place);
        }
        let others = schema.one.get("additionalProperties").or_else(|| schema.one.get("unevaluatedProperties"));
        if let Some(others) = others.filter(|others| self.graph.is_marked(others)) {
            let place = self.place(others);
            self.builder.others(node, place);
        }
        for pattern in schema.named.get("patternProperties").into_iter().flat_map(|all| all.values()) {
            if self.graph.is_marked(pattern) {
                let (every, place) = (self.builder.node(), self.place(pattern));
                self.builder.others(every, place);
                self.builder.also(node, every);
            }
        }
        let items: Vec<&SchemaNode> = ITEMS.iter().flat_map(|key| under(schema, key)).collect();
        if items.iter().any(|item| self.graph.is_marked(item)) {
            let element = self.builder.node();
            for item in items {
                let place = self.place(item);
                self.builder.also(element, place);
            }
            self.builder.items(node, element);
        }
        if let Some(names) = schema.one.get("propertyNames").filter(|names| self.graph.is_marked(names)) {
            let place = self.place(names);
            self.builder.names(node, place);
        }
        for content in under(schema, "contentSchema") {
            for class in self.classes_within(content) {
                self.builder.mark(node, Mark::Class(class));
            }
        }
        for other in in_place(schema) {
            if self.graph.is_marked(other) {
                let place = self.place(other);
                self.builder.also(node, place);
            }
        }
    }

    fn classes_within(&self, node: &SchemaNode) -> BTreeSet<DataClass> {
        let (mut classes, mut seen, mut todo) = (BTreeSet::new(), HashSet::new(), vec![node]);
        while let Some(node) = todo.pop() {
            if id(node).is_some_and(|id| !seen.insert(id)) {
                continue;
            }
            if let Some(schema) = self.graph.contract.schema(node) {
                classes.extend(schema.data.map(class_named));
                todo.extend(schema.children());
            }
        }
        classes
    }
}

/// The schemas under a keyword, whatever form it has.
fn under<'s>(schema: &'s Schema, key: &str) -> impl Iterator<Item = &'s SchemaNode> {
    let named = schema.named.get(key).into_iter().flat_map(|all| all.values());
    schema.one.get(key).into_iter().chain(schema.many.get(key).into_iter().flatten()).chain(named)
}

fn in_place(schema: &Schema) -> impl Iterator<Item = &SchemaNode> {
    IN_PLACE.into_iter().flat_map(move |key| under(schema, key))
}

fn id(node: &SchemaNode) -> Option<SchemaId> {
    match node {
        SchemaNode::Ref(id) => Some(*id),
        SchemaNode::Inline(_) => None,
    }
}

fn class_named(class: testudo_contract::DataClass) -> DataClass {
    // Both lists are closed; a class that only the contract knew would be hidden like any text.
    DataClass::from_name(class.name()).unwrap_or(DataClass::FreeText)
}

/// The schemas behind references from which no mark can be reached.
fn unmarked(contract: &Contract) -> HashSet<SchemaId> {
    let mut users: HashMap<SchemaId, Vec<SchemaId>> = HashMap::new();
    let (mut seen, mut marked) = (HashSet::new(), Vec::new());
    let mut todo: Vec<&SchemaNode> = Vec::new();
    for response in contract.routes().iter().flat_map(|route| route.responses.values()) {
        todo.extend(response.content.values().chain(response.headers.values()).flatten());
    }
    while let Some(node) = todo.pop() {
        let own = id(node);
        if own.is_some_and(|id| !seen.insert(id)) {
            continue;
        }
        let Some(schema) = contract.schema(node) else { continue };
        let (mut inner, mut has_mark) = (vec![schema], false);
        while let Some(schema) = inner.pop() {
            has_mark |= schema.data.is_some() || schema.exempt;
            for child in schema.children() {
                match child {
                    SchemaNode::Inline(schema) => inner.push(schema),
                    SchemaNode::Ref(id) => {
                        if let Some(own) = own {
                            users.entry(*id).or_default().push(own);
                        }
                        todo.push(child);
                    }
                }
            }
        }
        if has_mark {
            marked.extend(own);
        }
    }
    let mut unmarked = seen;
    while let Some(id) = marked.pop() {
        if unmarked.remove(&id) {
            marked.extend(users.get(&id).into_iter().flatten());
        }
    }
    unmarked
}
