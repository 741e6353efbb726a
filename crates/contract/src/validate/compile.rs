//! From schemas to rules.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use testudo_core::ProvenKind;

use super::format::{Format, Width};
use super::number::Decimal;
use super::regex::{MAX_PLAIN, Pattern, is_plain};
use super::rule::{
    ArrayRule, Compose, Condition, Discriminator, NumberRule, ObjectRule, Program, Property, RouteRules, Rule, RuleId,
    TextRule, Values,
};
use crate::route::Route;
use crate::schema::{Bound, NamedSchema, Schema, SchemaId, SchemaNode, Sizes};

/// How many values a message names.
const SHOWN: usize = 12;

/// Compiles the schemas of a contract and its routes.
pub(crate) fn compile(schemas: &[NamedSchema], routes: &[Arc<Route>]) -> Program {
    let mut compiler = Compiler {
        schemas,
        rules: Vec::new(),
        pending: Vec::new(),
        extensions: extensions(schemas),
        tracks_elements: false,
    };
    compiler.rules.resize_with(schemas.len(), Rule::default);
    for (index, named) in (0..).zip(schemas) {
        compiler.pending.push((RuleId(index), &named.schema));
    }
    let mut program = Program::default();
    for route in routes {
        let parameters =
            route.parameters.iter().map(|parameter| compiler.optional(parameter.schema.as_ref())).collect();
        let content = route.request_body.iter().flat_map(|body| body.content.values());
        let bodies = content.map(|schema| compiler.optional(schema.as_ref())).collect();
        program.routes.push(RouteRules { parameters, bodies });
    }
    // Not by recursion, for schemas may nest deeply.
    while let Some((id, schema)) = compiler.pending.pop() {
        let mut rule = compiler.rule(schema);
        compiler.extend(id, schema, &mut rule);
        if let Some(place) = compiler.rules.get_mut(id.0 as usize) {
            *place = rule;
        }
    }
    program.rules = compiler.rules;
    let objects = program.rules.iter().filter_map(|rule| rule.object.as_ref());
    program.names = objects.flat_map(|object| &object.properties).map(|property| property.name.clone()).collect();
    program.tracks_elements = compiler.tracks_elements;
    program
}

struct Compiler<'c> {
    schemas: &'c [NamedSchema],
    /// The rules of named schemas come first, with their numbers.
    rules: Vec<Rule>,
    /// Schemas that have a number, and no rule yet.
    pending: Vec<(RuleId, &'c Schema)>,
    /// The schemas that extend a schema by `allOf`.
    extensions: HashMap<SchemaId, Vec<SchemaId>>,
    tracks_elements: bool,
}

fn extensions(schemas: &[NamedSchema]) -> HashMap<SchemaId, Vec<SchemaId>> {
    let mut extensions: HashMap<SchemaId, Vec<SchemaId>> = HashMap::new();
    for (index, named) in (0..).zip(schemas) {
        for part in named.schema.many.get("allOf").into_iter().flatten() {
            if let SchemaNode::Ref(base) = part {
                extensions.entry(*base).or_default().push(SchemaId(index));
            }
        }
    }
    extensions
}

impl<'c> Compiler<'c> {
    fn optional(&mut self, node: Option<&'c SchemaNode>) -> Option<RuleId> {
        node.map(|node| self.node(node))
    }

    fn node(&mut self, node: &'c SchemaNode) -> RuleId {
        match node {
            SchemaNode::Ref(id) => RuleId(id.0),
            SchemaNode::Inline(schema) => {
                let id = RuleId(count(self.rules.len()));
                self.rules.push(Rule::default());
                self.pending.push((id, schema));
                id
            }
        }
    }

    fn nodes(&mut self, schema: &'c Schema, key: &str) -> Vec<RuleId> {
        let nodes = schema.many.get(key).map(Vec::as_slice).unwrap_or_default();
        nodes.iter().map(|node| self.node(node)).collect()
    }

    fn one(&mut self, schema: &'c Schema, key: &str) -> Option<RuleId> {
        schema.one.get(key).map(|node| self.node(node))
    }

    fn rule(&mut self, schema: &'c Schema) -> Rule {
        Rule {
            never: schema.never,
            types: schema.types,
            read_only: schema.read_only,
            media_type: schema.media_type.as_deref().map(Into::into),
            values: schema.values.as_deref().map(|values| Box::new(listed(values))),
            number: number(schema).map(Box::new),
            text: text(schema).map(Box::new),
            object: self.object(schema).map(Box::new),
            array: self.array(schema).map(Box::new),
            compose: self.compose(schema).map(Box::new),
        }
    }

    fn object(&mut self, schema: &'c Schema) -> Option<ObjectRule> {
        let named = |key: &str| schema.named.get(key).into_iter().flatten();
        let mut rule = ObjectRule {
            lists: !schema.properties.is_empty(),
            additional: self.one(schema, "additionalProperties"),
            names: self.one(schema, "propertyNames"),
            unevaluated: self.one(schema, "unevaluatedProperties"),
            count: schema.property_count,
            ..ObjectRule::default()
        };
        for (name, node) in &schema.properties {
            // In requests, what only responses have is not required (OpenAPI 3.0 section 4.7.24.2).
            let required = schema.required.contains(name) && !self.is_read_only(node);
            let id = self.node(node);
            rule.properties.push(property(name, Some(id), required));
        }
        let unlisted = schema.required.iter().filter(|name| !schema.properties.contains_key(*name));
        rule.properties.extend(unlisted.map(|name| property(name, None, true)));
        rule.required = count(rule.properties.iter().filter(|property| property.required).count());
        let mut sorted: Vec<u32> = (0..count(rule.properties.len())).collect();
        sorted.sort_by_key(|index| rule.properties.get(*index as usize).map(|property| &property.name));
        rule.sorted = sorted;
        for (pattern, node) in named("patternProperties") {
            rule.patterns.push((Pattern::new(pattern).ok(), self.node(node)));
        }
        for (name, needed) in &schema.dependent_required {
            let needed = needed.iter().map(|name| name.as_bytes().into()).collect();
            rule.dependent.push((name.as_bytes().into(), needed));
        }
        for (name, node) in named("dependentSchemas") {
            rule.dependent_schemas.push((name.as_bytes().into(), self.node(node)));
        }
        let says = !rule.properties.is_empty()
            || rule.additional.is_some()
            || rule.names.is_some()
            || rule.unevaluated.is_some()
            || !rule.count.is_open()
            || !rule.patterns.is_empty()
            || !rule.dependent.is_empty()
            || !rule.dependent_schemas.is_empty();
        says.then_some(rule)
    }

    fn is_read_only(&self, node: &SchemaNode) -> bool {
        match node {
            SchemaNode::Inline(schema) => schema.read_only,
            SchemaNode::Ref(id) => self.schemas.get(id.0 as usize).is_some_and(|named| named.schema.read_only),
        }
    }

    fn array(&mut self, schema: &'c Schema) -> Option<ArrayRule> {
        let at_least_one = Sizes { min: Some(1), max: None };
        let wanted = Sizes { min: schema.contains_count.min.or(at_least_one.min), ..schema.contains_count };
        let rule = ArrayRule {
            prefix: self.nodes(schema, "prefixItems"),
            items: self.one(schema, "items"),
            contains: self.one(schema, "contains").map(|id| (id, wanted)),
            count: schema.item_count,
            unique: schema.unique_items,
            unevaluated: self.one(schema, "unevaluatedItems"),
        };
        self.tracks_elements |= rule.unevaluated.is_some();
        let says = !rule.prefix.is_empty()
            || rule.items.is_some()
            || rule.contains.is_some()
            || !rule.count.is_open()
            || rule.unique
            || rule.unevaluated.is_some();
        says.then_some(rule)
    }

    fn compose(&mut self, schema: &'c Schema) -> Option<Compose> {
        let rule = Compose {
            all: self.nodes(schema, "allOf"),
            any: self.nodes(schema, "anyOf"),
            one: self.nodes(schema, "oneOf"),
            not: self.one(schema, "not"),
            condition: self.one(schema, "if").map(|when| Condition {
                when,
                then: self.one(schema, "then"),
                otherwise: self.one(schema, "else"),
            }),
            discriminator: self.discriminator(schema),
        };
        let says = !rule.all.is_empty()
            || !rule.any.is_empty()
            || !rule.one.is_empty()
            || rule.not.is_some()
            || rule.condition.is_some();
        says.then_some(rule)
    }

    /// Which alternative each value of the discriminator stands for: by mapping, or by the name of the component.
    fn discriminator(&self, schema: &Schema) -> Option<Discriminator> {
        let property = schema.discriminator.as_ref()?;
        let alternatives = ["oneOf", "anyOf"].iter().filter_map(|key| schema.many.get(*key)).flatten();
        let mut rules: Vec<(Box<str>, RuleId)> = Vec::new();
        for alternative in alternatives {
            let SchemaNode::Ref(id) = alternative else { return None };
            rules.extend(self.component(*id).map(|name| (name, RuleId(id.0))));
        }
        (!rules.is_empty()).then(|| discriminator(property, rules, schema, false))
    }

    /// A schema with a discriminator and no alternatives stands for those that extend it by `allOf`.
    fn extend(&self, id: RuleId, schema: &Schema, rule: &mut Rule) {
        let alternatives = schema.many.contains_key("oneOf") || schema.many.contains_key("anyOf");
        let Some(property) = schema.discriminator.as_ref().filter(|_| !alternatives) else { return };
        let mut rules: Vec<(Box<str>, RuleId)> = Vec::new();
        let mut todo = vec![SchemaId(id.0)];
        while let Some(base) = todo.pop() {
            for id in self.extensions.get(&base).into_iter().flatten() {
                if let Some(name) = self.component(*id).filter(|_| !rules.iter().any(|(_, known)| known.0 == id.0)) {
                    rules.push((name, RuleId(id.0)));
                    todo.push(*id);
                }
            }
        }
        if !rules.is_empty() {
            let compose = rule.compose.get_or_insert_default();
            compose.discriminator = Some(discriminator(property, rules, schema, true));
        }
    }

    fn component(&self, id: SchemaId) -> Option<Box<str>> {
        let pointer = &self.schemas.get(id.0 as usize)?.pointer;
        let name = pointer.strip_prefix("#/components/schemas/")?;
        Some(name.replace("~1", "/").replace("~0", "~").into())
    }
}

fn discriminator(property: &str, mut rules: Vec<(Box<str>, RuleId)>, schema: &Schema, extends: bool) -> Discriminator {
    rules.extend(schema.mapping.iter().map(|(value, id)| (Box::from(&**value), RuleId(id.0))));
    // A mapping counts before the name of a component, and the sort keeps their order.
    rules.reverse();
    rules.sort_by(|a, b| a.0.cmp(&b.0));
    rules.dedup_by(|a, b| a.0 == b.0);
    let shown = shown(rules.iter().map(|(name, _)| format!("`{name}`")));
    Discriminator { property: property.as_bytes().into(), rules, extends, shown }
}

fn property(name: &str, rule: Option<RuleId>, required: bool) -> Property {
    let plain = name.len() <= MAX_PLAIN && name.bytes().all(is_plain);
    Property { name: name.as_bytes().into(), rule, required, plain }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn decimal(number: &serde_json::Number) -> Option<Decimal> {
    Decimal::parse(number.to_string().as_bytes())
}

fn number(schema: &Schema) -> Option<NumberRule> {
    let bound = |bound: &Option<Bound>| bound.as_ref().and_then(|b| Some((decimal(&b.value)?, b.exclusive)));
    let width = schema.format.as_deref().and_then(Width::named);
    let (least, most) = (bound(&schema.minimum), bound(&schema.maximum));
    let multiple_of = schema.multiple_of.as_ref().and_then(decimal);
    if least.is_none() && most.is_none() && multiple_of.is_none() && width.is_none() {
        return None;
    }
    let mut parts = Vec::new();
    parts.extend(width.map(|width| format!("of format {}", width.name())));
    let sign = |bound: &Bound, open: &'static str, closed: &'static str| if bound.exclusive { open } else { closed };
    parts.extend(schema.minimum.as_ref().map(|b| format!("{} {}", sign(b, ">", ">="), b.value)));
    parts.extend(schema.maximum.as_ref().map(|b| format!("{} {}", sign(b, "<", "<="), b.value)));
    parts.extend(schema.multiple_of.as_ref().map(|of| format!("a multiple of {of}")));
    let shown = format!("a number {}", parts.join(", ")).into();
    Some(NumberRule { least, most, multiple_of, width, shown })
}

fn text(schema: &Schema) -> Option<TextRule> {
    let format = schema.format.as_deref().and_then(Format::named);
    let pattern = schema.pattern.as_deref().and_then(|pattern| Pattern::new(pattern).ok());
    if format.is_none() && pattern.is_none() && schema.length.is_open() && !schema.free_text {
        return None;
    }
    let bounded = |pattern: &Pattern| {
        let most = schema.length.max.and_then(|most| usize::try_from(most).ok());
        pattern.longest.into_iter().chain(most).any(|longest| longest <= MAX_PLAIN)
    };
    let by_pattern = pattern.as_ref().is_some_and(|pattern| pattern.plain && bounded(pattern));
    let proves = format.and_then(Format::proves).or(by_pattern.then_some(ProvenKind::Enum));
    let proves = proves.or(schema.free_text.then_some(ProvenKind::Free));
    Some(TextRule { length: schema.length, pattern, format, proves })
}

fn listed(values: &[Value]) -> Values {
    let mut listed = Values { plain: true, ..Values::default() };
    for value in values {
        match value {
            Value::Null => listed.null = true,
            Value::Bool(true) => listed.yes = true,
            Value::Bool(false) => listed.no = true,
            Value::Number(number) => listed.numbers.extend(decimal(number)),
            Value::String(text) => {
                listed.plain &= text.len() <= MAX_PLAIN && text.bytes().all(is_plain);
                listed.texts.push(text.as_str().into());
            }
            Value::Array(_) | Value::Object(_) => listed.others.push(value.clone()),
        }
    }
    listed.texts.sort();
    listed.shown =
        shown(values.iter().map(|value| format!("`{}`", value.as_str().map_or(value.to_string(), Into::into))));
    listed
}

/// Some of the names, for messages.
fn shown(names: impl Iterator<Item = String>) -> Box<str> {
    let mut names: Vec<String> = names.take(SHOWN + 1).collect();
    if names.len() > SHOWN {
        names.truncate(SHOWN);
        names.push("...".into());
    }
    let text = names.join(", ");
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}
