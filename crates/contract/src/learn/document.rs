//! Writes what was learned as OpenAPI 3.1.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::paths::Tree;
use super::shape::{FORMATS, Fields, Shape, Text};
use super::{Content, Operation};
use crate::schema::JsonType;

/// The shortest limit on texts and lists that is written.
const LEAST_LENGTH: usize = 64;
const LEAST_ITEMS: usize = 100;

pub(super) fn write(tree: &Tree, title: &str) -> String {
    let mut paths = BTreeMap::new();
    collect(tree, &mut Vec::new(), &mut paths);
    let document = json!({
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1", "description": "Learned from observed traffic: review before it is enforced."},
        "security": [{"token": []}],
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// A segment on the way: its text in the template, and the shape of a parameter.
type Step<'t> = (String, Option<(String, &'t Shape)>);

fn collect<'t>(tree: &'t Tree, steps: &mut Vec<Step<'t>>, paths: &mut BTreeMap<String, Value>) {
    if !tree.operations.is_empty() {
        let texts: Vec<&str> = std::iter::once("").chain(steps.iter().map(|(text, _)| &**text)).collect();
        let template = texts.join("/");
        let parameters: Vec<Value> =
            steps.iter().filter_map(|(_, parameter)| parameter.as_ref()).map(path_parameter).collect();
        let mut item = Map::new();
        if !parameters.is_empty() {
            item.insert("parameters".into(), parameters.into());
        }
        for (method, operation) in &tree.operations {
            item.insert(method.to_ascii_lowercase(), describe(operation));
        }
        paths.insert(template, item.into());
    }
    for (text, below) in &tree.literals {
        steps.push((text.clone(), None));
        collect(below, steps, paths);
        steps.pop();
    }
    if let Some((shape, below)) = &tree.parameter {
        let name = name(steps);
        steps.push((format!("{{{name}}}"), Some((name, shape))));
        collect(below, steps, paths);
        steps.pop();
    }
}

/// A name for a parameter: `orderId` below `orders`.
fn name(steps: &[Step<'_>]) -> String {
    let before = steps.iter().rev().find(|(text, parameter)| parameter.is_none() && !text.is_empty());
    let letters: String =
        before.map(|(text, _)| text.chars().filter(char::is_ascii_alphabetic).collect()).unwrap_or_default();
    let singular = letters.strip_suffix('s').unwrap_or(&letters);
    let base = if singular.is_empty() { "id".into() } else { format!("{singular}Id") };
    let taken: BTreeSet<&str> = steps.iter().filter_map(|(_, parameter)| Some(&*parameter.as_ref()?.0)).collect();
    let mut name = base.clone();
    let mut number = 2;
    while taken.contains(&*name) {
        name = format!("{base}{number}");
        number += 1;
    }
    name
}

fn path_parameter((name, shape): &(String, &Shape)) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": texts(shape)})
}

fn describe(operation: &Operation) -> Value {
    let mut described = Map::new();
    match operation.with_token {
        0 => drop(described.insert("security".into(), json!([]))),
        some if some < operation.seen => drop(described.insert("security".into(), json!([{"token": []}, {}]))),
        _ => {}
    }
    let parameters: Vec<Value> = query(&operation.query);
    if !parameters.is_empty() {
        described.insert("parameters".into(), parameters.into());
    }
    if operation.bodies > 0 {
        let content: Map<String, Value> =
            operation.content.iter().map(|(media, content)| (media.clone(), media_type(media, content))).collect();
        described
            .insert("requestBody".into(), json!({"required": operation.bodies == operation.seen, "content": content}));
    }
    described.insert("responses".into(), json!({"default": {"description": "Not observed."}}));
    described.into()
}

fn query(fields: &Fields) -> Vec<Value> {
    let parameter = |(name, (count, shape)): (&String, &(u64, Shape))| json!({"name": name, "in": "query", "required": *count == fields.seen, "schema": texts(shape)});
    fields.fields.iter().map(parameter).collect()
}

fn media_type(media: &str, content: &Content) -> Value {
    let is_form = matches!(media, "application/x-www-form-urlencoded" | "multipart/form-data");
    let Some(shape) = &content.shape else { return json!({}) };
    let mut described = json!({"schema": if is_form { form(shape) } else { schema(shape) }});
    if !content.files.is_empty() {
        let encoding: Map<String, Value> = content
            .files
            .iter()
            .map(|(name, types)| {
                let field = shape.object.as_ref().and_then(|fields| fields.fields.get(name));
                // What was also a text may be of any type.
                let mixed = field.is_some_and(|(_, shape)| {
                    shape.text.is_some() || shape.array.as_ref().is_some_and(|(items, _)| items.text.is_some())
                });
                let types: Vec<&str> = if mixed { vec!["*/*"] } else { types.iter().map(String::as_str).collect() };
                (name.clone(), json!({"contentType": types.join(", ")}))
            })
            .collect();
        if let Some(described) = described.as_object_mut() {
            described.insert("encoding".into(), encoding.into());
        }
    }
    described
}

fn form(shape: &Shape) -> Value {
    let Some(fields) = &shape.object else { return json!({}) };
    object(fields, &|shape| match (shape.file, &shape.array) {
        // A field that was a file and a text may be either.
        (true, Some((items, most))) => {
            let inner = if items.text.is_some() || shape.text.is_some() { json!({}) } else { binary() };
            json!({"type": "array", "items": inner, "maxItems": room(*most, LEAST_ITEMS)})
        }
        (true, None) if shape.text.is_some() => json!({}),
        (true, None) => binary(),
        (false, _) => texts(shape),
    })
}

fn binary() -> Value {
    json!({"type": "string", "format": "binary"})
}

fn object(fields: &Fields, each: &dyn Fn(&Shape) -> Value) -> Value {
    let properties: Map<String, Value> =
        fields.fields.iter().map(|(name, (_, shape))| (name.clone(), each(shape))).collect();
    let required: Vec<&str> =
        fields.fields.iter().filter(|(_, (count, _))| *count == fields.seen).map(|(name, _)| &**name).collect();
    let mut described = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if let (Some(described), false) = (described.as_object_mut(), required.is_empty()) {
        described.insert("required".into(), required.into());
    }
    described
}

/// The schema of texts that may stand for numbers and booleans.
fn texts(shape: &Shape) -> Value {
    if let Some((items, most)) = &shape.array {
        return json!({"type": "array", "items": texts(items), "maxItems": room(*most, LEAST_ITEMS)});
    }
    match &shape.text {
        Some(text) if text.integers => json!({"type": "integer"}),
        Some(text) if text.numbers => json!({"type": "number"}),
        Some(text) if text.booleans => json!({"type": "boolean"}),
        Some(text) => string(text),
        None => json!({}),
    }
}

fn string(text: &Text) -> Value {
    let format = FORMATS.iter().zip(text.formats).find(|(_, all)| *all).map(|(format, _)| format.name());
    let mut described = json!({"type": "string", "maxLength": room(text.longest, LEAST_LENGTH)});
    if let (Some(described), Some(format)) = (described.as_object_mut(), format) {
        described.insert("format".into(), format.into());
    }
    described
}

/// A limit with room above what was seen.
fn room(seen: usize, least: usize) -> usize {
    seen.saturating_mul(4).next_power_of_two().max(least)
}

/// The schema of a value of a document.
fn schema(shape: &Shape) -> Value {
    if shape.any {
        return json!({});
    }
    let mut types = Vec::new();
    let mut described = Map::new();
    let mut take = |json_type: JsonType, part: Value| {
        types.push(json_type.name());
        described.extend(part.as_object().cloned().unwrap_or_default());
    };
    if shape.boolean {
        take(JsonType::Boolean, json!({}));
    }
    if shape.number {
        take(JsonType::Number, json!({}));
    } else if shape.integer {
        take(JsonType::Integer, if shape.wide { json!({}) } else { json!({"format": "int64"}) });
    }
    if let Some(text) = &shape.text {
        // One format can't be said of texts beside numbers.
        let mut part = string(text);
        if shape.number || shape.integer {
            part.as_object_mut().map(|part| part.remove("format"));
        }
        take(JsonType::String, part);
    }
    if let Some((items, most)) = &shape.array {
        take(JsonType::Array, json!({"items": schema(items), "maxItems": room(*most, LEAST_ITEMS)}));
    }
    if let Some(map) = &shape.map {
        take(JsonType::Object, json!({"additionalProperties": schema(map)}));
    } else if let Some(fields) = &shape.object {
        take(JsonType::Object, object(fields, &schema));
    }
    if shape.null {
        take(JsonType::Null, json!({}));
    }
    if types.is_empty() {
        return json!({});
    }
    let types = if let [only] = types.as_slice() { json!(only) } else { json!(types) };
    described.insert("type".into(), types);
    described.into()
}
