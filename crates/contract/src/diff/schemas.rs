//! What a schema allows more or less than it did.

use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::Value;

use super::{Changes, Effect};
use crate::Contract;
use crate::schema::{Bound, JsonType, Schema, SchemaId, SchemaNode, Sizes, TypeSet};

/// How deep schemas are compared.
const MAX_DEPTH: usize = 64;

/// Compares what two places allow; no schema allows everything.
pub(super) fn compare(
    changes: &mut Changes,
    (old, before): (&Contract, Option<&SchemaNode>),
    (new, after): (&Contract, Option<&SchemaNode>),
) {
    let anything = SchemaNode::Inline(Box::default());
    let mut comparison = Comparison { old, new, known: HashSet::new(), depth: 0 };
    comparison.nodes(changes, before.unwrap_or(&anything), after.unwrap_or(&anything));
}

struct Comparison<'c> {
    old: &'c Contract,
    new: &'c Contract,
    /// Pairs that were compared at this place or above.
    known: HashSet<(SchemaId, SchemaId)>,
    depth: usize,
}

impl Comparison<'_> {
    fn nodes(&mut self, changes: &mut Changes, before: &SchemaNode, after: &SchemaNode) {
        if let (SchemaNode::Ref(old), SchemaNode::Ref(new)) = (before, after)
            && !self.known.insert((*old, *new))
        {
            return;
        }
        let (Some(old), Some(new)) = (self.old.schema(before), self.new.schema(after)) else { return };
        if self.depth >= MAX_DEPTH {
            return;
        }
        self.depth += 1;
        self.schemas(changes, old, new);
        self.depth -= 1;
    }

    fn schemas(&mut self, changes: &mut Changes, old: &Schema, new: &Schema) {
        match (old.never, new.never) {
            (false, true) => return changes.add(Effect::Closes, "nothing is allowed any more"),
            (true, false) => return changes.add(Effect::Opens, "something is allowed now"),
            _ => {}
        }
        types(changes, old.types, new.types);
        values(changes, old.values.as_deref(), new.values.as_deref());
        limit(changes, "the least number", old.minimum.as_ref(), new.minimum.as_ref(), Ordering::Greater);
        limit(changes, "the greatest number", old.maximum.as_ref(), new.maximum.as_ref(), Ordering::Less);
        sizes(changes, "characters", old.length, new.length);
        sizes(changes, "items", old.item_count, new.item_count);
        sizes(changes, "fields", old.property_count, new.property_count);
        let multiple = |schema: &Schema| schema.multiple_of.as_ref().map(ToString::to_string);
        said(changes, "multipleOf", multiple(old).as_deref(), multiple(new).as_deref());
        said(changes, "the format", old.format.as_deref(), new.format.as_deref());
        said(changes, "the pattern", old.pattern.as_deref(), new.pattern.as_deref());
        flag(changes, "items must differ", old.unique_items, new.unique_items);
        flag(changes, "rules about attacks look at it", !old.free_text, !new.free_text);
        flag(changes, "only in answers", old.read_only, new.read_only);
        self.properties(changes, old, new);
        self.within(changes, "/*", old.one.get("items"), new.one.get("items"));
        self.lists(changes, old, new);
        self.rest(changes, old, new);
    }

    fn properties(&mut self, changes: &mut Changes, old: &Schema, new: &Schema) {
        // An object without listed properties, and with nothing said of others, takes any.
        let open = |schema: &Schema, contract: &Contract| match schema.one.get("additionalProperties") {
            None => schema.properties.is_empty(),
            Some(node) => contract.schema(node).is_some_and(|schema| !schema.never),
        };
        let (was, is) = (open(old, self.old), open(new, self.new));
        match (was, is) {
            (true, false) => changes.add(Effect::Closes, "unknown fields are refused"),
            (false, true) => changes.add(Effect::Opens, "unknown fields are taken"),
            _ => {}
        }
        for (name, before) in &old.properties {
            match new.properties.get(name) {
                Some(after) => changes.within(&token(name), |changes| self.nodes(changes, before, after)),
                None if !is => changes.within(&token(name), |changes| changes.add(Effect::Closes, "the field is gone")),
                None => {}
            }
        }
        for name in new.properties.keys().filter(|name| !old.properties.contains_key(*name)) {
            let effect = if was { Effect::Changes } else { Effect::Opens };
            changes.within(&token(name), |changes| changes.add(effect, "a new field"));
        }
        for name in new.required.difference(&old.required) {
            changes.within(&token(name), |changes| changes.add(Effect::Closes, "it is required now"));
        }
        for name in old.required.difference(&new.required).filter(|name| is || new.properties.contains_key(*name)) {
            changes.within(&token(name), |changes| changes.add(Effect::Opens, "it is not required any more"));
        }
        if was && is {
            let key = "additionalProperties";
            self.within(changes, "/(other)", old.one.get(key), new.one.get(key));
        }
    }

    /// A schema that may be missing on either side.
    fn within(&mut self, changes: &mut Changes, below: &str, old: Option<&SchemaNode>, new: Option<&SchemaNode>) {
        if old.is_some() || new.is_some() {
            let anything = SchemaNode::Inline(Box::default());
            let (old, new) = (old.unwrap_or(&anything), new.unwrap_or(&anything));
            changes.within(below, |changes| self.nodes(changes, old, new));
        }
    }

    fn lists(&mut self, changes: &mut Changes, old: &Schema, new: &Schema) {
        let keys = [
            ("allOf", Effect::Closes, Effect::Opens),
            ("anyOf", Effect::Opens, Effect::Closes),
            ("oneOf", Effect::Opens, Effect::Closes),
            ("prefixItems", Effect::Changes, Effect::Changes),
        ];
        for (key, more, fewer) in keys {
            let list = |schema: &'_ Schema| schema.many.get(key).map(Vec::len).unwrap_or_default();
            let (was, is) = (list(old), list(new));
            let effect = match was.cmp(&is) {
                _ if key != "allOf" && (was == 0) != (is == 0) => {
                    Some(if was == 0 { Effect::Closes } else { Effect::Opens })
                }
                Ordering::Less => Some(more),
                Ordering::Greater => Some(fewer),
                Ordering::Equal => None,
            };
            if let Some(effect) = effect {
                changes.add(effect, &format!("{key} has {is} schemas, had {was}"));
            }
            let pairs = old.many.get(key).into_iter().flatten().zip(new.many.get(key).into_iter().flatten());
            for (number, (before, after)) in pairs.enumerate() {
                // The parts of a whole are at its place; alternatives are told apart.
                let below = if key == "allOf" { String::new() } else { format!("/({key} {number})") };
                changes.within(&below, |changes| self.nodes(changes, before, after));
            }
        }
    }

    /// Keywords whose effect can't be told from their parts.
    fn rest(&mut self, changes: &mut Changes, old: &Schema, new: &Schema) {
        for key in
            ["not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties"]
        {
            let mut inner = Changes { list: Vec::new(), place: String::new() };
            self.within(&mut inner, "", old.one.get(key), new.one.get(key));
            if !inner.list.is_empty() || old.one.contains_key(key) != new.one.contains_key(key) {
                changes.add(Effect::Changes, &format!("`{key}` says something else"));
            }
        }
        for key in ["patternProperties", "dependentSchemas"] {
            let names = |schema: &Schema| schema.named.get(key).map(|map| map.keys().cloned().collect::<Vec<_>>());
            if names(old) != names(new) {
                changes.add(Effect::Changes, &format!("`{key}` says something else"));
                continue;
            }
            for (name, before) in old.named.get(key).into_iter().flatten() {
                let after = new.named.get(key).and_then(|map| map.get(name));
                self.within(changes, &token(name), Some(before), after);
            }
        }
        if old.dependent_required != new.dependent_required {
            changes.add(Effect::Changes, "`dependentRequired` says something else");
        }
    }
}

fn token(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn types(changes: &mut Changes, old: TypeSet, new: TypeSet) {
    let allows = |types: TypeSet, json_type: JsonType| {
        types.is_empty()
            || types.contains(json_type)
            || (json_type == JsonType::Integer && types.contains(JsonType::Number))
    };
    let all = JsonType::ALL.iter().copied();
    let more = all.clone().any(|json_type| allows(new, json_type) && !allows(old, json_type));
    let less = all.clone().any(|json_type| allows(old, json_type) && !allows(new, json_type));
    let shown = |types: TypeSet| {
        let names: Vec<&str> = types.iter().map(JsonType::name).collect();
        if names.is_empty() { "any".into() } else { names.join(" or ") }
    };
    if let Some(effect) = effect(more, less) {
        changes.add(effect, &format!("the type is {}, was {}", shown(new), shown(old)));
    }
}

fn effect(more: bool, less: bool) -> Option<Effect> {
    match (more, less) {
        (false, false) => None,
        (true, false) => Some(Effect::Opens),
        (false, true) => Some(Effect::Closes),
        (true, true) => Some(Effect::Changes),
    }
}

fn values(changes: &mut Changes, old: Option<&[Value]>, new: Option<&[Value]>) {
    match (old, new) {
        (None, Some(_)) => changes.add(Effect::Closes, "only listed values are allowed"),
        (Some(_), None) => changes.add(Effect::Opens, "values are not listed any more"),
        (Some(old), Some(new)) => {
            let shown = |of: &[Value], without: &[Value]| {
                let texts = of.iter().filter(|value| !without.contains(value));
                texts.map(|value| value.as_str().map_or(value.to_string(), Into::into)).collect::<Vec<String>>()
            };
            let (added, removed) = (shown(new, old), shown(old, new));
            let (added, removed): (Vec<&str>, Vec<&str>) =
                (added.iter().map(String::as_str).collect(), removed.iter().map(String::as_str).collect());
            changes.names("may be", &added, &removed, Effect::Opens, Effect::Closes);
        }
        (None, None) => {}
    }
}

/// A limit on numbers, which closes when it moves in the given direction.
fn limit(changes: &mut Changes, what: &str, old: Option<&Bound>, new: Option<&Bound>, closes: Ordering) {
    let shown = |bound: &Bound| format!("{}{}", bound.value, if bound.exclusive { " (excluded)" } else { "" });
    match (old, new) {
        (None, Some(new)) => changes.add(Effect::Closes, &format!("{what} is {}", shown(new))),
        (Some(old), None) => changes.add(Effect::Opens, &format!("{what} was {}, and is not limited", shown(old))),
        (Some(old), Some(new)) if old != new => {
            let value = |bound: &Bound| bound.value.as_f64().unwrap_or_default();
            let moved = value(new).partial_cmp(&value(old)).unwrap_or(Ordering::Equal);
            let closing = moved == closes || (moved == Ordering::Equal && new.exclusive);
            let effect = if closing { Effect::Closes } else { Effect::Opens };
            changes.add(effect, &format!("{what} is {}, was {}", shown(new), shown(old)));
        }
        _ => {}
    }
}

fn sizes(changes: &mut Changes, what: &str, old: Sizes, new: Sizes) {
    let (least, most) = (|sizes: Sizes| sizes.min.unwrap_or(0), |sizes: Sizes| sizes.max.unwrap_or(u64::MAX));
    if least(old) != least(new) {
        let effect = if least(new) > least(old) { Effect::Closes } else { Effect::Opens };
        changes.add(effect, &format!("at least {} {what}, was {}", least(new), least(old)));
    }
    if most(old) != most(new) {
        let effect = if most(new) < most(old) { Effect::Closes } else { Effect::Opens };
        let shown = |sizes: Sizes| sizes.max.map_or("any number of".into(), |most| format!("at most {most}"));
        changes.add(effect, &format!("{} {what}, was {}", shown(new), shown(old)));
    }
}

fn said(changes: &mut Changes, what: &str, old: Option<&str>, new: Option<&str>) {
    match (old, new) {
        (None, Some(new)) => changes.add(Effect::Closes, &format!("{what} is `{new}`")),
        (Some(old), None) => changes.add(Effect::Opens, &format!("{what} was `{old}`")),
        (Some(old), Some(new)) if old != new => {
            changes.add(Effect::Changes, &format!("{what} is `{new}`, was `{old}`"));
        }
        _ => {}
    }
}

fn flag(changes: &mut Changes, what: &str, old: bool, new: bool) {
    match (old, new) {
        (false, true) => changes.add(Effect::Closes, &format!("{what} now")),
        (true, false) => changes.add(Effect::Opens, &format!("{what} no more")),
        _ => {}
    }
}
