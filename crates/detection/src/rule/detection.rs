//! Detections and filters: search identifiers and the condition that joins them.

use super::condition::{self, Condition};
use super::metadata::{LogSource, Metadata};
use super::modifier::{self, Placeholders};
use crate::error::{Fault, Position, instead};
use crate::predicate::Expr;
use crate::yaml::{Data, Map, Node};

/// A rule about one event.
#[derive(Clone, Debug)]
pub(crate) struct Detection {
    pub metadata: Metadata,
    pub source: LogSource,
    pub expr: Expr,
}

/// A condition that other rules must fulfil as well.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub metadata: Metadata,
    pub source: LogSource,
    /// Which rules; nothing means all of the log source.
    pub rules: Option<Vec<(Box<str>, Position)>>,
    pub expr: Expr,
}

impl Detection {
    pub(super) fn read(
        metadata: Metadata,
        map: &Map,
        body: &Node,
        placeholders: &Placeholders,
    ) -> Result<Detection, Vec<Fault>> {
        let source = LogSource::read(map, metadata.position).map_err(|fault| vec![fault])?;
        let expr = search(body, &["timeframe"], placeholders)?;
        let rule = Detection { metadata, source, expr };
        let unknown = if rule.is_own() { foreign_fields(body) } else { Vec::new() };
        if unknown.is_empty() { Ok(rule) } else { Err(unknown) }
    }

    /// Whether it is about our own events, whose fields are known.
    pub(crate) fn is_own(&self) -> bool {
        self.source.product.as_deref() == Some("testudo")
    }
}

impl Filter {
    pub(super) fn read(
        metadata: Metadata,
        map: &Map,
        body: &Node,
        placeholders: &Placeholders,
    ) -> Result<Filter, Vec<Fault>> {
        let source = LogSource::read(map, metadata.position).map_err(|fault| vec![fault])?;
        let rules = match body.map().and_then(|body| body.get("rules")) {
            None => None,
            Some((_, value)) if value.text() == Some("any") => None,
            Some((_, value)) => {
                let mut rules = Vec::new();
                for member in value.each() {
                    let Some(name) = member.text() else {
                        let what = format!("a rule is named by its id or name, not by {}", member.kind());
                        return Err(vec![Fault::new(member.position, what, "write an id, or `rules: any`")]);
                    };
                    rules.push((name.into(), member.position));
                }
                Some(rules)
            }
        };
        let expr = search(body, &["rules"], placeholders)?;
        Ok(Filter { metadata, source, rules, expr })
    }
}

/// Fields that our own events don't have.
fn foreign_fields(body: &Node) -> Vec<Fault> {
    let mut faults = Vec::new();
    let searches = body.map().into_iter().flatten().filter(|(name, _)| &***name != "condition");
    for (_, (_, search)) in searches {
        for (key, (at, _)) in search.each().iter().filter_map(Node::map).flatten() {
            let field = key.split('|').next().unwrap_or_default();
            if !field.is_empty() && !crate::event::is_native(field) {
                let what = format!("our own events have no field `{field}`");
                let known: Vec<&str> = crate::event::native_fields().collect();
                faults.push(Fault::new(*at, what, instead(field, known)));
            }
        }
    }
    faults
}

/// The search identifiers of a map and its condition, as one tree. `other` are keys that are no identifiers.
fn search(body: &Node, other: &[&str], placeholders: &Placeholders) -> Result<Expr, Vec<Fault>> {
    let Some(map) = body.map() else {
        let what = format!("expected a map with `condition`, found {}", body.kind());
        return Err(vec![Fault::new(body.position, what, "write a selection and `condition: selection`")]);
    };
    let mut faults = Vec::new();
    let mut known: Vec<(Box<str>, Expr)> = Vec::new();
    let mut places = Vec::new();
    for (name, (at, value)) in map {
        if &**name == "timeframe" && other.contains(&"timeframe") {
            let remedy = "write a second rule with `correlation:` and `timespan:`";
            faults.push(Fault::new(*at, "`timeframe` is no longer part of Sigma", remedy));
        } else if &**name != "condition" && !other.contains(&&**name) {
            match identifier(value, placeholders) {
                Ok(expr) => known.push((name.clone(), expr)),
                Err(fault) => faults.push(fault),
            }
            places.push((name.clone(), *at));
        }
    }
    let Some((_, node)) = map.get("condition") else {
        faults.push(Fault::new(body.position, "there is no `condition`", "add `condition: selection`"));
        return Err(faults);
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut used = Vec::new();
    let mut alternatives = Vec::new();
    for node in node.each() {
        let Some(text) = node.text() else {
            let what = format!("a condition is a text, not {}", node.kind());
            return Err(vec![Fault::new(node.position, what, "write `condition: selection`")]);
        };
        let parsed: Condition = condition::parse(text, node.position).map_err(|fault| vec![fault])?;
        alternatives.push(parsed.resolve(&known, &mut used).map_err(|fault| vec![fault])?);
    }
    if alternatives.is_empty() {
        return Err(vec![Fault::new(node.position, "the condition is empty", "write `condition: selection`")]);
    }
    if let Some((name, at)) = places.iter().find(|(name, _)| !used.contains(&&**name) && !name.starts_with('_')) {
        let what = format!("the search identifier `{name}` is not used by the condition");
        return Err(vec![Fault::new(*at, what, "name it in the condition, or remove it")]);
    }
    Ok(Expr::any(alternatives))
}

/// A map: all of its fields. A list: any of its maps or keywords.
fn identifier(value: &Node, placeholders: &Placeholders) -> Result<Expr, Fault> {
    match &value.data {
        Data::Map(map) => fields(map, value.position, placeholders),
        Data::List(list) if list.is_empty() => {
            Err(Fault::new(value.position, "the list is empty", "write maps of fields, or keywords"))
        }
        Data::List(list) => {
            let mut parts = Vec::with_capacity(list.len());
            for member in list.iter() {
                parts.push(match &member.data {
                    Data::Map(map) => fields(map, member.position, placeholders)?,
                    Data::List(_) => {
                        let what = "a list within a list of searches has no meaning";
                        return Err(Fault::new(member.position, what, "write maps of fields, or keywords"));
                    }
                    _ => modifier::keyword(member, placeholders)?,
                });
            }
            Ok(Expr::any(parts))
        }
        _ => modifier::keyword(value, placeholders),
    }
}

fn fields(map: &Map, at: Position, placeholders: &Placeholders) -> Result<Expr, Fault> {
    if map.is_empty() {
        return Err(Fault::new(at, "the map is empty", "write fields with values"));
    }
    let mut parts = Vec::with_capacity(map.len());
    for (key, (at, value)) in map {
        if value.map().is_some() || value.each().iter().any(|value| value.map().is_some() || value.is_list()) {
            let what = format!("`{key}` holds a map or a list of lists");
            return Err(Fault::new(value.position, what, "write nested fields with dots: `a.b: value`"));
        }
        parts.push(modifier::read(key, *at, value, placeholders)?);
    }
    Ok(Expr::all(parts))
}
