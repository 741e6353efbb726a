//! What the contract has against the head of a request: its route and its parameters.
//!
//! Parameters are checked by the types that a schema states outright; what only `allOf` and its kin, objects or
//! patterns say is left to the validator of bodies. A parameter that may stand once must not stand twice (CWE-235).

use std::borrow::Cow;

use http::{HeaderMap, Method};
use serde_json::Value;
use testudo_core::{Control, Decision, Denial, Obligation};

use crate::Contract;
use crate::route::{Location, Parameter, Route, Style};
use crate::router::{Found, RouteMatch};
use crate::schema::{JsonType, Schema, SchemaNode};
use crate::validate::{is_date, is_date_time, is_uuid};

/// The longest query in bytes.
const MAX_QUERY: usize = 16 << 10;
/// The most parts of a query.
const MAX_PAIRS: usize = 256;

/// The head of a request.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path as it came, without the query.
    pub path: &'a str,
    /// The query as it came, without the question mark.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
}

/// Turns a match into a decision of [`Control::Contract`].
pub fn decide_route(found: &RouteMatch<'_>) -> Decision {
    match found {
        RouteMatch::Found(_) => Decision::allow(Control::Contract),
        RouteMatch::NoSuchPath => {
            Decision::deny(Control::Contract, Denial::NotFound, "no-such-path", "the API has no such path")
        }
        RouteMatch::NoSuchMethod { allow } => {
            let code = "no-such-method";
            let text = "the path has no such method; see the `Allow` header";
            Decision::deny(Control::Contract, Denial::MethodNotAllowed, code, text)
                .oblige(Obligation::AllowMethods((*allow).clone()))
        }
        RouteMatch::Malformed(error) => {
            Decision::deny(Control::Contract, Denial::Malformed, error.code(), error.to_string())
        }
    }
}

impl Contract {
    /// Finds the route of a request and checks its path, query and header parameters.
    pub fn check_head<'a>(&'a self, head: &Head<'a>) -> (RouteMatch<'a>, Decision) {
        let found = self.route(head.method, head.path);
        let mut decision = decide_route(&found);
        if let RouteMatch::Found(found) = &found {
            decision = decision.and(self.check_parameters(found, head));
        }
        (found, decision)
    }

    /// Checks the path, query and header parameters of a request that has a route. Parameters that the contract does not
    /// name pass.
    pub fn check_parameters(&self, found: &Found<'_>, head: &Head<'_>) -> Decision {
        match self.wrong_parameter(found, head) {
            None => Decision::allow(Control::Contract),
            Some((code, text)) => Decision::deny(Control::Contract, Denial::Malformed, code, text),
        }
    }

    fn wrong_parameter(&self, found: &Found<'_>, head: &Head<'_>) -> Option<(&'static str, String)> {
        let route: &Route = found.route;
        if route.parameters.is_empty() {
            return None;
        }
        let in_query = route.parameters.iter().any(|parameter| parameter.location == Location::Query);
        let pairs = match head.query.filter(|_| in_query) {
            None => Vec::new(),
            Some(query) => match pairs(query) {
                Ok(pairs) => pairs,
                Err(text) => return Some(("query-malformed", text.to_owned())),
            },
        };
        route.parameters.iter().find_map(|parameter| {
            let schema = parameter.schema.as_ref().filter(|_| parameter.media_type.is_none());
            let values: Vec<Cow<'_, str>> = match parameter.location {
                Location::Path => found.params.get(&parameter.name).map(Cow::Borrowed).into_iter().collect(),
                Location::Query if is_object(self, parameter) => return None,
                Location::Query => {
                    let named = pairs.iter().filter(|(name, _)| *name == *parameter.name);
                    named.map(|(_, value)| Cow::Borrowed(&**value)).collect()
                }
                Location::Header => {
                    let all = head.headers.get_all(&*parameter.name).iter();
                    all.map(|value| String::from_utf8_lossy(value.as_bytes())).collect()
                }
                Location::Cookie => return None,
            };
            self.wrong_values(parameter, schema, &values)
        })
    }

    fn wrong_values(
        &self,
        parameter: &Parameter,
        schema: Option<&SchemaNode>,
        values: &[Cow<'_, str>],
    ) -> Option<(&'static str, String)> {
        let name = &parameter.name;
        let place = match parameter.location {
            Location::Path => "path",
            Location::Query => "query",
            Location::Header => "header",
            Location::Cookie => "cookie",
        };
        let Some(first) = values.first() else {
            let missing = || ("parameter-missing", format!("the {place} parameter `{name}` is missing"));
            return parameter.required.then(missing);
        };
        let schema = schema.and_then(|schema| self.plain(schema))?;
        let wrong = |why: &str| ("parameter-invalid", format!("the {place} parameter `{name}` {why}"));
        let is_list = schema.types.contains(JsonType::Array);
        if !is_list {
            if values.len() > 1 {
                return Some(("parameter-repeated", format!("the {place} parameter `{name}` stands more than once")));
            }
            return wrong_text(schema, first).map(|why| wrong(&why));
        }
        let items: Vec<&str> = match (parameter.style, parameter.explode) {
            (Style::Form, true) => values.iter().map(|value| &**value).collect(),
            (Style::Form | Style::Simple, _) => {
                values.iter().flat_map(|value| value.split(',')).map(str::trim).collect()
            }
            (Style::SpaceDelimited, _) => first.split(' ').collect(),
            (Style::PipeDelimited, _) => first.split('|').collect(),
            _ => return None,
        };
        if !schema.item_count.contains(items.len()) {
            return Some(wrong("has too few or too many items"));
        }
        let item_schema = schema.one.get("items").and_then(|items| self.plain(items))?;
        items.iter().find_map(|item| wrong_text(item_schema, item)).map(|why| wrong(&why))
    }

    /// A schema that says itself what it allows, not by others.
    fn plain<'a>(&'a self, node: &'a SchemaNode) -> Option<&'a Schema> {
        let schema = self.schema(node)?;
        match schema.many.get("allOf").map(Vec::as_slice) {
            Some([SchemaNode::Ref(id)]) if schema.types.is_empty() && schema.values.is_none() => {
                let target = self.schemas.get(usize::try_from(id.0).ok()?).map(|named| &named.schema)?;
                target.many.is_empty().then_some(target)
            }
            _ => schema.many.is_empty().then_some(schema),
        }
    }
}

fn is_object(contract: &Contract, parameter: &Parameter) -> bool {
    let schema = parameter.schema.as_ref().and_then(|schema| contract.plain(schema));
    parameter.style == Style::DeepObject || schema.is_some_and(|schema| schema.types.contains(JsonType::Object))
}

type Pair<'q> = (Cow<'q, str>, Cow<'q, str>);

/// The names and values of a query in the form encoding.
fn pairs(query: &str) -> Result<Vec<Pair<'_>>, &'static str> {
    if query.len() > MAX_QUERY {
        return Err("the query is too long");
    }
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if pairs.len() == MAX_PAIRS {
            return Err("the query has too many parameters");
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((decode(name)?, decode(value)?));
    }
    Ok(pairs)
}

fn decode(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let bytes = text.as_bytes();
    let escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    for (at, _) in escapes {
        let digits = bytes.get(at + 1..at + 3).unwrap_or_default();
        if digits.len() != 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err("the query has a `%` that is not followed by two hexadecimal digits");
        }
    }
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    if !spaced.contains('%') {
        return Ok(spaced);
    }
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8();
    decoded.map(|text| Cow::Owned(text.into_owned())).map_err(|_| "the query does not decode to UTF-8")
}

/// Why a text is not a value of the schema, as far as the schema says it by itself.
fn wrong_text(schema: &Schema, text: &str) -> Option<String> {
    if schema.never {
        return Some("is not allowed".into());
    }
    let types = schema.types;
    let value = if types.is_empty() || types.contains(JsonType::String) {
        Some(Value::String(text.to_owned()))
    } else {
        let number = || number(text, types.contains(JsonType::Number));
        let boolean = || match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        };
        let is_number = types.contains(JsonType::Integer) || types.contains(JsonType::Number);
        let as_number = if is_number { number() } else { None };
        as_number.or_else(|| types.contains(JsonType::Boolean).then(boolean).flatten())
    };
    let Some(value) = value else {
        let names: Vec<&str> = types.iter().map(JsonType::name).filter(|name| *name != "null").collect();
        return Some(format!("is not of type {}", names.join(" or ")));
    };
    if let Some(values) = &schema.values
        && !values.contains(&value)
    {
        return Some("is none of the values that are allowed".into());
    }
    match &value {
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            let low = schema.minimum.as_ref().is_some_and(|bound| {
                let limit = bound.value.as_f64().unwrap_or(f64::NEG_INFINITY);
                number < limit || (bound.exclusive && number <= limit)
            });
            let high = schema.maximum.as_ref().is_some_and(|bound| {
                let limit = bound.value.as_f64().unwrap_or(f64::INFINITY);
                number > limit || (bound.exclusive && number >= limit)
            });
            let narrow = schema.format.as_deref() == Some("int32");
            let overflows = narrow && value.as_i64().is_none_or(|whole| i32::try_from(whole).is_err());
            (low || high || overflows).then(|| "is out of range".into())
        }
        Value::String(text) => {
            if !schema.length.contains(text.chars().count()) {
                return Some("is too short or too long".into());
            }
            let format = schema.format.as_deref()?;
            (!fits_format(format, text)).then(|| format!("is not written as `{format}`"))
        }
        _ => None,
    }
}

/// A JSON number; without a fraction where only integers are allowed.
fn number(text: &str, fractions: bool) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || (fractions && b".eE+-".contains(&byte)));
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if text.len() > 40 || !plain || leading_zero {
        return None;
    }
    serde_json::from_str(text).ok().filter(Value::is_number)
}

/// Whether a text has a format that is checked; unknown formats say nothing.
fn fits_format(format: &str, text: &str) -> bool {
    let bytes = text.as_bytes();
    match format {
        "uuid" => is_uuid(bytes),
        "date" => is_date(bytes),
        "date-time" => is_date_time(bytes),
        _ => true,
    }
}
