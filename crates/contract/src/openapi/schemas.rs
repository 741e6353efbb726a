//! Schemas: OpenAPI 3.0 section 4.7.24, and JSON Schema 2020-12 for 3.1.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Number, Value};

use super::{At, Reader, Version, keys};
use crate::error::nearest;
use crate::schema::{Bound, DataClass, JsonType, NamedSchema, Schema, SchemaId, SchemaNode, Sizes};
use crate::validate::Pattern;

/// Keywords that apply to the same value as their schema does, so that a circle of them never ends.
const IN_PLACE: &[&str] = &["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"];

const ONE: &[&str] = &[
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
const MANY: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
const NAMED: &[&str] = &["patternProperties", "dependentSchemas"];

/// Keywords that name schemas in ways that are not followed.
const NOT_FOLLOWED: &[&str] = &["$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary"];

impl<'d> Reader<'d> {
    /// Reads a schema; those behind references are read later, so that no chain of them is too long.
    pub(super) fn schema(&mut self, at: &At<'d>) -> Option<SchemaNode> {
        if !self.counts(at) {
            return None;
        }
        if let (Some(allowed), Version::V31) = (at.node.bool(), self.version) {
            return Some(SchemaNode::Inline(Box::new(Schema { never: !allowed, ..Schema::default() })));
        }
        let Some(reference) = at.child("$ref") else {
            return Some(SchemaNode::Inline(Box::new(self.keywords(at))));
        };
        let target = self.target(&reference)?;
        let referred = SchemaNode::Ref(self.refer(&target));
        let beside = |key: &str| {
            !keys::ANNOTATIONS.contains(&key) && (!key.starts_with("x-") || keys::SCHEMA_OURS.contains(&key))
        };
        let siblings: Vec<&str> = at.node.map()?.keys().map(|key| &**key).filter(|key| beside(key)).collect();
        if siblings.is_empty() {
            return Some(referred);
        }
        let mut schema = Schema::default();
        if self.version == Version::V31 {
            schema = self.keywords(at);
        } else {
            self.data_class(at, &mut schema);
            self.free_text(at, &mut schema);
        }
        if self.version == Version::V30 && siblings.iter().any(|key| !keys::SCHEMA_OURS.contains(key)) {
            let what = format!("OpenAPI 3.0 ignores `{}` beside `$ref`", siblings.join("`, `"));
            self.note(at, what, "put the reference into `allOf`");
        }
        schema.many.entry("allOf").or_default().insert(0, referred);
        Some(SchemaNode::Inline(Box::new(schema)))
    }

    /// The number of a schema that is referred to.
    pub(super) fn refer(&mut self, at: &At<'d>) -> SchemaId {
        if let Some(id) = self.ids.get(&at.pointer) {
            return *id;
        }
        let id = SchemaId(u32::try_from(self.named.len()).unwrap_or(u32::MAX));
        self.ids.insert(at.pointer.clone(), id);
        self.named.push(NamedSchema { pointer: format!("#{}", at.pointer).into(), schema: Schema::default() });
        self.pending.push((id, at.clone()));
        id
    }

    pub(super) fn read_pending(&mut self) {
        while let Some((id, at)) = self.pending.pop() {
            let schema = match self.schema(&at) {
                Some(SchemaNode::Inline(schema)) => *schema,
                Some(referred @ SchemaNode::Ref(_)) => {
                    let mut schema = Schema::default();
                    schema.many.insert("allOf", vec![referred]);
                    schema
                }
                None => continue,
            };
            if let Some(named) = self.named.get_mut(index(id)) {
                named.schema = schema;
            }
        }
    }

    /// Hands the schemas over once no circle is left in them.
    pub(super) fn finish_schemas(&mut self) -> Vec<NamedSchema> {
        self.read_pending();
        let edges: Vec<Vec<usize>> = self.named.iter().map(|named| in_place(&named.schema)).collect();
        if let Some(at) = find_circle(&edges)
            && let Some(named) = self.named.get(at)
        {
            let pointer = named.pointer.trim_start_matches('#').to_owned();
            let tokens = pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~").into());
            let position = self.root.node.at(tokens).map(|node| node.position).unwrap_or_default();
            let what = "this schema refers back to itself without going through a property or item, so no value can be checked";
            self.unknown(position, &pointer, what.into(), None, "remove one reference of the circle");
        }
        std::mem::take(&mut self.named)
    }

    fn keywords(&mut self, at: &At<'d>) -> Schema {
        let mut schema = self.facets(at);
        self.subschemas(at, &mut schema);
        schema
    }

    /// What a schema says by itself. Apart from its subschemas, so that deep ones take little stack.
    #[inline(never)]
    fn facets(&mut self, at: &At<'d>) -> Schema {
        self.keys(at, &keys::SCHEMA);
        for key in NOT_FOLLOWED.iter().filter(|key| at.node.get(key).is_some()) {
            self.wrong(at, format!("`{key}` is not followed"), "name the schema in `components` and use `$ref`");
        }
        let mut schema = Schema {
            format: self.string(at, "format").map(Into::into),
            pattern: self.string(at, "pattern").map(Into::into),
            multiple_of: self.number(at, "multipleOf"),
            minimum: self.bound(at, "minimum", "exclusiveMinimum"),
            maximum: self.bound(at, "maximum", "exclusiveMaximum"),
            length: self.sizes(at, "minLength", "maxLength"),
            item_count: self.sizes(at, "minItems", "maxItems"),
            property_count: self.sizes(at, "minProperties", "maxProperties"),
            unique_items: self.flag(at, "uniqueItems").unwrap_or_default(),
            read_only: self.flag(at, "readOnly").unwrap_or_default(),
            write_only: self.flag(at, "writeOnly").unwrap_or_default(),
            contains_count: self.sizes(at, "minContains", "maxContains"),
            media_type: self.string(at, "contentMediaType").map(Into::into),
            values: self.values(at),
            ..Schema::default()
        };
        self.data_class(at, &mut schema);
        self.free_text(at, &mut schema);
        self.types(at, &mut schema);
        self.required(at, &mut schema);
        self.discriminator(at, &mut schema);
        self.pattern(at);
        schema
    }

    /// Says which patterns can't be checked.
    fn pattern(&mut self, at: &At<'d>) {
        let written = at.child("pattern").into_iter();
        let names = at.child("patternProperties").map(|map| map.entries()).unwrap_or_default();
        let texts = written.filter_map(|at| at.node.text().map(|text| (text, at.clone())));
        for (text, place) in texts.chain(names) {
            if let Err(why) = Pattern::new(text) {
                let remedy = "write it without look-around and back references; until then its values are not checked";
                self.note(&place, format!("the pattern `{}` is not checked: {why}", text.escape_debug()), remedy);
            }
        }
    }

    fn types(&mut self, at: &At<'d>, schema: &mut Schema) {
        let Some(written) = at.child("type") else { return };
        let names: Vec<At<'d>> = match (written.node.list(), self.version) {
            (Some(list), Version::V31) if !list.is_empty() => written.items().collect(),
            (Some(_), Version::V31) => return self.wrong(&written, "the list of types is empty".into(), "name a type"),
            (Some(_), Version::V30) => {
                let what = "a list of types came with OpenAPI 3.1, and this file says 3.0".into();
                return self.wrong(&written, what, "use one type and `nullable: true`");
            }
            (None, _) => vec![written],
        };
        for name in names {
            let text = name.node.text().unwrap_or_default();
            let known = JsonType::ALL.iter().copied().filter(|t| self.version == Version::V31 || *t != JsonType::Null);
            let known: Vec<JsonType> = known.collect();
            if let Some(json_type) = known.iter().find(|json_type| json_type.name() == text) {
                schema.types = schema.types.with(*json_type);
            } else {
                let near = nearest(text, known.iter().map(|json_type| json_type.name()));
                let null = text == "null" || text.is_empty();
                let remedy = if null { "quote `\"null\"`; in 3.0 use `nullable`" } else { "" };
                self.unknown(name.node.position, &name.pointer, format!("`{text}` is not a type"), near, remedy);
            }
        }
        if self.version == Version::V30 && self.flag(at, "nullable") == Some(true) {
            schema.types = schema.types.with(JsonType::Null);
        }
    }

    fn required(&mut self, at: &At<'d>, schema: &mut Schema) {
        schema.required = self.property_names(at, "required");
        let Some(all) = self.object(at, "dependentRequired") else { return };
        for (name, _) in all.entries() {
            let needed = self.property_names(&all, name);
            schema.dependent_required.insert(name.into(), needed);
        }
    }

    fn property_names(&mut self, at: &At<'d>, key: &str) -> BTreeSet<Arc<str>> {
        let mut names = BTreeSet::new();
        let Some(list) = self.list(at, key) else { return names };
        for item in list.items() {
            match item.node.text() {
                Some(name) => {
                    names.insert(name.into());
                }
                None => self.wrong(&item, format!("an entry of `{key}` is the name of a property"), "quote it"),
            }
        }
        names
    }

    fn values(&mut self, at: &At<'d>) -> Option<Vec<Value>> {
        if let (Some(only), Version::V31) = (at.child("const"), self.version) {
            return Some(vec![only.node.value()]);
        }
        let list = self.list(at, "enum")?;
        Some(list.items().map(|item| item.node.value()).collect())
    }

    fn subschemas(&mut self, at: &At<'d>, schema: &mut Schema) {
        schema.properties = self.schema_map(at, "properties");
        for key in ONE {
            let Some(child) = at.child(key) else { continue };
            let subschema = match child.node.bool() {
                Some(allowed) if *key == "additionalProperties" => {
                    Some(SchemaNode::Inline(Box::new(Schema { never: !allowed, ..Schema::default() })))
                }
                _ => self.schema(&child),
            };
            if let Some(subschema) = subschema {
                schema.one.insert(*key, subschema);
            }
        }
        for key in MANY {
            let Some(list) = self.list(at, key) else { continue };
            let schemas: Vec<SchemaNode> = list.items().filter_map(|item| self.schema(&item)).collect();
            schema.many.insert(*key, schemas);
        }
        for key in NAMED {
            let map = self.schema_map(at, key);
            if !map.is_empty() {
                schema.named.insert(*key, map);
            }
        }
        if let Some(definitions) = self.object(at, "$defs") {
            for (_, definition) in definitions.entries() {
                self.refer(&definition);
            }
        }
    }

    fn schema_map(&mut self, at: &At<'d>, key: &str) -> IndexMap<Arc<str>, SchemaNode> {
        let Some(map) = self.object(at, key) else { return IndexMap::new() };
        let members = map.entries().into_iter();
        members.filter_map(|(name, member)| Some((name.into(), self.schema(&member)?))).collect()
    }

    fn data_class(&mut self, at: &At<'d>, schema: &mut Schema) {
        let Some(mark) = at.child("x-testudo-data") else { return };
        let text = mark.node.written().unwrap_or_default();
        schema.data = DataClass::named(text);
        schema.exempt = text == "none";
        if schema.data.is_none() && !schema.exempt {
            let names: Vec<&str> = DataClass::ALL.iter().map(|class| class.name()).collect();
            let what = format!("`{text}` is not a class of personal data");
            let remedy = format!("the classes are {}, or `none`", names.join(", "));
            let near = nearest(text, names.iter().copied());
            self.unknown(mark.node.position, &mark.pointer, what, near, &remedy);
        }
    }

    fn free_text(&mut self, at: &At<'d>, schema: &mut Schema) {
        let Some(mark) = at.child("x-testudo-text") else { return };
        schema.free_text = mark.node.written() == Some("free");
        if !schema.free_text {
            let what = format!("`x-testudo-text` is `free`, not `{}`", mark.node.written().unwrap_or_default());
            self.wrong(&mark, what, "leave it out where people don't write what they like");
        }
    }

    fn discriminator(&mut self, at: &At<'d>, schema: &mut Schema) {
        let Some(discriminator) = self.object(at, "discriminator") else { return };
        self.keys(&discriminator, &keys::DISCRIMINATOR);
        schema.discriminator = self.string(&discriminator, "propertyName").map(Into::into);
        let Some(mapping) = self.object(&discriminator, "mapping") else { return };
        for (value, place) in mapping.entries() {
            // A name stands for a component; everything else is a reference.
            let named = place.node.text().and_then(|name| self.component(name));
            if let Some(target) = named.or_else(|| self.target(&place)) {
                let id = self.refer(&target);
                schema.mapping.insert(value.into(), id);
            }
        }
    }

    fn component(&self, name: &str) -> Option<At<'d>> {
        self.root.child("components")?.child("schemas")?.child(name)
    }

    fn number(&mut self, at: &At<'d>, key: &str) -> Option<Number> {
        let child = at.child(key)?;
        if let Value::Number(number) = child.node.value() {
            Some(number)
        } else {
            self.wrong(&child, format!("`{key}` is a number, not {}", child.node.kind()), "");
            None
        }
    }

    /// A limit: 3.0 has a number and a flag, 3.1 two numbers of which the stricter counts.
    fn bound(&mut self, at: &At<'d>, key: &str, exclusive_key: &str) -> Option<Bound> {
        let inclusive = self.number(at, key);
        if self.version == Version::V30 {
            let exclusive = self.flag(at, exclusive_key).unwrap_or_default();
            return inclusive.map(|value| Bound { value, exclusive });
        }
        let exclusive = self.number(at, exclusive_key);
        match (inclusive, exclusive) {
            (Some(value), None) => Some(Bound { value, exclusive: false }),
            (None, Some(value)) => Some(Bound { value, exclusive: true }),
            (None, None) => None,
            (Some(inclusive), Some(exclusive)) => {
                let (low, high) = (inclusive.as_f64().unwrap_or_default(), exclusive.as_f64().unwrap_or_default());
                let stricter = if key == "minimum" { high >= low } else { high <= low };
                let value = if stricter { exclusive } else { inclusive };
                Some(Bound { value, exclusive: stricter })
            }
        }
    }

    fn sizes(&mut self, at: &At<'d>, min: &str, max: &str) -> Sizes {
        let mut size = |key: &str| {
            let number = self.number(at, key)?;
            let whole = number.as_u64();
            if whole.is_none() {
                let place = at.child(key).unwrap_or_else(|| at.clone());
                self.wrong(&place, format!("`{key}` is a whole number from 0, not {number}"), "");
            }
            whole
        };
        Sizes { min: size(min), max: size(max) }
    }
}

fn index(id: SchemaId) -> usize {
    usize::try_from(id.0).unwrap_or(usize::MAX)
}

/// The schemas that must be asked about the very same value.
fn in_place(schema: &Schema) -> Vec<usize> {
    let mut found = Vec::new();
    let mut todo = vec![schema];
    while let Some(schema) = todo.pop() {
        let is_in_place = |key: &&str| IN_PLACE.contains(key);
        let one = schema.one.iter().filter(|(key, _)| is_in_place(key)).map(|(_, node)| node);
        let many = schema.many.iter().filter(|(key, _)| is_in_place(key)).flat_map(|(_, nodes)| nodes);
        let named = schema.named.iter().filter(|(key, _)| is_in_place(key)).flat_map(|(_, nodes)| nodes.values());
        for node in one.chain(many).chain(named) {
            match node {
                SchemaNode::Ref(id) => found.push(index(*id)),
                SchemaNode::Inline(inner) => todo.push(inner),
            }
        }
    }
    found
}

/// A node that lies on a circle, by depth-first search without recursion.
fn find_circle(edges: &[Vec<usize>]) -> Option<usize> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; edges.len()];
    for start in 0..edges.len() {
        let mut path = vec![(start, 0)];
        while let Some((node, next)) = path.pop() {
            let mark = marks.get_mut(node)?;
            if *mark == Mark::Done {
                continue;
            }
            *mark = Mark::Open;
            let Some(target) = edges.get(node).and_then(|targets| targets.get(next)) else {
                *mark = Mark::Done;
                continue;
            };
            path.push((node, next + 1));
            match marks.get(*target)? {
                Mark::Open => return Some(*target),
                Mark::New => path.push((*target, 0)),
                Mark::Done => {}
            }
        }
    }
    None
}
