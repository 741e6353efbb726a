//! Fields with modifiers: `name|contains|all: [..]` becomes tests (Sigma 2.1, appendix of modifiers).

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::encode::{self, Utf16};
use crate::error::{Fault, Position, instead};
use crate::predicate::{Anchor, Expr, Is, Number, Pattern, Test, TimePart};
use crate::yaml::{Data, Node};

/// All modifiers there are.
const NAMES: [&str; 30] = [
    "contains",
    "startswith",
    "endswith",
    "all",
    "cased",
    "exists",
    "neq",
    "re",
    "i",
    "m",
    "s",
    "base64",
    "base64offset",
    "wide",
    "utf16le",
    "utf16be",
    "utf16",
    "windash",
    "cidr",
    "lt",
    "lte",
    "gt",
    "gte",
    "fieldref",
    "expand",
    "minute",
    "hour",
    "day",
    "week",
    "month",
];

/// The values that `%name%` stands for under `expand`.
pub(crate) type Placeholders = BTreeMap<String, Vec<String>>;

/// A rewriting of values, in the order of the modifiers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rewrite {
    Utf16(Utf16),
    Base64,
    Base64Offset,
    Windash,
    Expand,
}

/// How values are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Compare {
    Text,
    Regex,
    Network,
    Number(Is),
    Exists,
    Field,
}

/// A key such as `name|contains|all`, taken apart.
#[derive(Debug)]
struct Key<'a> {
    field: Option<&'a str>,
    rewrites: Vec<Rewrite>,
    anchor: Anchor,
    compare: Compare,
    part: Option<TimePart>,
    flags: String,
    all: bool,
    cased: bool,
    negated: bool,
}

/// The test that `key: value` asks for.
pub(crate) fn read(key: &str, at: Position, value: &Node, placeholders: &Placeholders) -> Result<Expr, Fault> {
    let key = Key::parse(key, at)?;
    let values = value.each();
    if values.is_empty() {
        return Err(Fault::new(value.position, "the list is empty", "give values, or remove the field"));
    }
    let mut parts = Vec::with_capacity(values.len());
    for value in values {
        parts.push(key.value(value, placeholders)?);
    }
    let joined = if key.all { Expr::all(parts) } else { Expr::any(parts) };
    Ok(if key.negated { Expr::not(joined) } else { joined })
}

/// Keywords: texts that stand anywhere in the event.
pub(crate) fn keyword(value: &Node, placeholders: &Placeholders) -> Result<Expr, Fault> {
    Key::parse("", value.position)?.value(value, placeholders)
}

impl<'a> Key<'a> {
    fn parse(key: &'a str, at: Position) -> Result<Key<'a>, Fault> {
        let mut words = key.split('|');
        let field = words.next().map(str::trim).filter(|field| !field.is_empty());
        let mut parsed = Key {
            field,
            rewrites: Vec::new(),
            anchor: Anchor::Whole,
            compare: Compare::Text,
            part: None,
            flags: String::new(),
            all: false,
            cased: false,
            negated: false,
        };
        for word in words {
            parsed.modifier(word, at)?;
        }
        let text = parsed.compare == Compare::Text;
        if parsed.anchor != Anchor::Whole && !text && parsed.compare != Compare::Field {
            return Err(clash(at, key, "a place such as `contains` is for texts"));
        }
        if !parsed.rewrites.is_empty() && !text && parsed.compare != Compare::Regex {
            return Err(clash(at, key, "encodings are for texts"));
        }
        if parsed.part.is_some() && !matches!(parsed.compare, Compare::Text | Compare::Number(_)) {
            return Err(clash(at, key, "parts of dates are numbers"));
        }
        if parsed.field.is_none() {
            if !matches!(parsed.compare, Compare::Text | Compare::Regex) || parsed.part.is_some() {
                return Err(Fault::new(at, format!("`{key}` names no field"), "write `field|modifier`"));
            }
            if parsed.anchor == Anchor::Whole {
                // A keyword stands anywhere in the log line.
                parsed.anchor = Anchor::Anywhere;
            }
        }
        Ok(parsed)
    }

    fn modifier(&mut self, word: &str, at: Position) -> Result<(), Fault> {
        match word {
            "contains" => self.anchor = Anchor::Anywhere,
            "startswith" => self.anchor = Anchor::Start,
            "endswith" => self.anchor = Anchor::End,
            "all" => self.all = true,
            "cased" => self.cased = true,
            "neq" => self.negated = true,
            "exists" => self.compare_by(Compare::Exists, word, at)?,
            "re" => self.compare_by(Compare::Regex, word, at)?,
            "cidr" => self.compare_by(Compare::Network, word, at)?,
            "fieldref" => self.compare_by(Compare::Field, word, at)?,
            "lt" => self.compare_by(Compare::Number(Is::Lt), word, at)?,
            "lte" => self.compare_by(Compare::Number(Is::Lte), word, at)?,
            "gt" => self.compare_by(Compare::Number(Is::Gt), word, at)?,
            "gte" => self.compare_by(Compare::Number(Is::Gte), word, at)?,
            "i" | "m" | "s" if self.compare == Compare::Regex => self.flags.push_str(word),
            "i" | "m" | "s" => {
                return Err(Fault::new(at, format!("`{word}` is a flag of `re`"), format!("write `re|{word}`")));
            }
            "wide" | "utf16le" => self.rewrites.push(Rewrite::Utf16(Utf16::LittleEndian)),
            "utf16be" => self.rewrites.push(Rewrite::Utf16(Utf16::BigEndian)),
            "utf16" => self.rewrites.push(Rewrite::Utf16(Utf16::Marked)),
            "base64" => self.rewrites.push(Rewrite::Base64),
            "base64offset" => self.rewrites.push(Rewrite::Base64Offset),
            "windash" => self.rewrites.push(Rewrite::Windash),
            "expand" => self.rewrites.push(Rewrite::Expand),
            "minute" => self.part = Some(TimePart::Minute),
            "hour" => self.part = Some(TimePart::Hour),
            "day" => self.part = Some(TimePart::Day),
            "week" => self.part = Some(TimePart::Week),
            "month" => self.part = Some(TimePart::Month),
            "year" => self.part = Some(TimePart::Year),
            _ => {
                let what = format!("the modifier `{word}` is unknown");
                return Err(Fault::new(at, what, instead(word, NAMES.into_iter().chain(["year"]))));
            }
        }
        Ok(())
    }

    fn compare_by(&mut self, compare: Compare, word: &str, at: Position) -> Result<(), Fault> {
        if self.compare != Compare::Text {
            return Err(Fault::new(at, format!("`{word}` can't follow another comparison"), "keep one of them"));
        }
        self.compare = compare;
        Ok(())
    }

    fn value(&self, node: &Node, placeholders: &Placeholders) -> Result<Expr, Fault> {
        if let Some(part) = self.part {
            let is = if let Compare::Number(is) = self.compare { is } else { Is::Eq };
            return Ok(self.test(Test::Part { part, is, to: number(node)? }));
        }
        match self.compare {
            Compare::Exists => match node.data {
                Data::Bool(true) => Ok(self.test(Test::Exists)),
                Data::Bool(false) => Ok(Expr::not(self.test(Test::Exists))),
                _ => Err(Fault::new(node.position, format!("`exists` takes no {}", bare(node)), "write true or false")),
            },
            Compare::Number(is) => Ok(self.test(Test::Number { is, to: number(node)? })),
            Compare::Network => {
                let text = text(node)?;
                let network =
                    text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| address.into()));
                let network: IpNet = network.ok_or_else(|| {
                    Fault::new(node.position, format!("`{text}` is not a network"), "write one such as `10.0.0.0/8`")
                })?;
                Ok(self.test(Test::Network(network.trunc())))
            }
            Compare::Field => {
                let other = text(node)?.into();
                Ok(self.test(Test::SameAs { other, anchor: self.anchor, cased: self.cased }))
            }
            Compare::Regex | Compare::Text => self.text(node, placeholders),
        }
    }

    fn text(&self, node: &Node, placeholders: &Placeholders) -> Result<Expr, Fault> {
        if let Data::Null = node.data {
            if self.field.is_none() || self.anchor != Anchor::Whole || self.compare != Compare::Text {
                return Err(Fault::new(node.position, "null is a value of a field only", "write a text"));
            }
            return Ok(Expr::not(self.test(Test::HasValue)));
        }
        if let (Data::Float(value, _), Anchor::Whole, Compare::Text) = (&node.data, self.anchor, self.compare) {
            return Ok(self.test(Test::Number { is: Is::Eq, to: Number::Float(*value) }));
        }
        let mut values = vec![Value::Text(text(node)?.to_owned())];
        for rewrite in &self.rewrites {
            let mut next = Vec::new();
            for value in values {
                rewrite.apply(value, node.position, placeholders, &mut next)?;
            }
            if next.len() > encode::MAX_VARIANTS {
                return Err(too_many(node.position));
            }
            values = next;
        }
        let mut parts = Vec::with_capacity(values.len());
        for value in values {
            parts.push(match (self.compare, value) {
                (Compare::Regex, Value::Text(source)) => self.regex(&source, node.position)?,
                (Compare::Regex, Value::Bytes(_)) => {
                    return Err(Fault::new(node.position, "a regular expression can't be encoded", "remove `re`"));
                }
                (_, Value::Text(text)) => self.pattern(Pattern::parse(&text)),
                (_, Value::Bytes(bytes)) => self.pattern(Pattern::literal(bytes)),
            });
        }
        Ok(Expr::any(parts))
    }

    fn pattern(&self, pattern: Pattern) -> Expr {
        Expr::pattern(self.field, pattern.anchored(self.anchor), self.cased)
    }

    fn regex(&self, source: &str, at: Position) -> Result<Expr, Fault> {
        let source = if self.flags.is_empty() { source.to_owned() } else { format!("(?{}){source}", self.flags) };
        if let Err((cause, remedy)) = crate::engine::regex(&source) {
            return Err(Fault::new(at, format!("the regular expression can't be used: {cause}"), remedy));
        }
        let found = self.test(Test::Regex { source: source.into() });
        Ok(Expr::All(vec![self.test(Test::HasValue), found]))
    }

    fn test(&self, test: Test) -> Expr {
        Expr::test(self.field, test)
    }
}

/// A value on its way through the modifiers.
enum Value {
    /// As in the rule, with wildcards.
    Text(String),
    /// Encoded.
    Bytes(Vec<u8>),
}

impl Rewrite {
    fn apply(self, value: Value, at: Position, known: &Placeholders, to: &mut Vec<Value>) -> Result<(), Fault> {
        match (self, value) {
            (Rewrite::Windash, Value::Text(text)) => {
                let variants = encode::windash(&text).ok_or_else(|| too_many(at))?;
                to.extend(variants.into_iter().map(Value::Text));
            }
            (Rewrite::Expand, Value::Text(text)) => {
                to.extend(expand(&text, at, known)?.into_iter().map(Value::Text));
            }
            (Rewrite::Utf16(form), Value::Text(text)) => {
                let plain = plain(&text, at)?;
                let text = String::from_utf8_lossy(&plain).into_owned();
                to.push(Value::Bytes(encode::utf16(&text, form)));
            }
            (Rewrite::Base64, value) => to.push(Value::Bytes(encode::base64(&value.bytes(at)?))),
            (Rewrite::Base64Offset, value) => {
                to.extend(encode::base64_offsets(&value.bytes(at)?).map(Value::Bytes));
            }
            (_, Value::Bytes(_)) => {
                return Err(Fault::new(at, "an encoded value can't be rewritten so", "put this modifier first"));
            }
        }
        Ok(())
    }
}

impl Value {
    fn bytes(self, at: Position) -> Result<Vec<u8>, Fault> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Text(text) => plain(&text, at),
        }
    }
}

fn plain(text: &str, at: Position) -> Result<Vec<u8>, Fault> {
    let pattern = Pattern::parse(text);
    pattern.plain().map(<[u8]>::to_vec).ok_or_else(|| {
        Fault::new(at, "a value with wildcards can't be encoded", r"escape them as `\*` and `\?`, or remove them")
    })
}

/// Each `%name%` as each of its values.
fn expand(text: &str, at: Position, known: &Placeholders) -> Result<Vec<String>, Fault> {
    let mut variants = vec![String::new()];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        let Some((name, tail)) = after.split_once('%') else { break };
        let Some(values) = known.get(name) else {
            let what = format!("the placeholder `%{name}%` has no values");
            return Err(Fault::new(at, what, "define it in the configuration of detection, or write the values out"));
        };
        variants = variants
            .iter()
            .flat_map(|start| values.iter().map(move |value| format!("{start}{before}{value}")))
            .collect();
        if variants.len() > encode::MAX_VARIANTS {
            return Err(too_many(at));
        }
        rest = tail;
    }
    for variant in &mut variants {
        variant.push_str(rest);
    }
    Ok(variants)
}

fn too_many(at: Position) -> Fault {
    let what = format!("the value stands for more than {} variants", encode::MAX_VARIANTS);
    Fault::new(at, what, "split it, or name fewer flags")
}

fn clash(at: Position, key: &str, why: &str) -> Fault {
    Fault::new(at, format!("the modifiers of `{key}` don't fit each other: {why}"), "remove one of them")
}

fn text(node: &Node) -> Result<&str, Fault> {
    node.text().ok_or_else(|| {
        Fault::new(node.position, format!("expected a text, found {}", node.kind()), "write a text or number")
    })
}

fn number(node: &Node) -> Result<Number, Fault> {
    node.text()
        .and_then(Number::parse)
        .ok_or_else(|| Fault::new(node.position, format!("expected a number, found {}", node.kind()), "write a number"))
}

fn bare(node: &Node) -> &str {
    let kind = node.kind();
    kind.split_once(' ').map_or(kind, |(_, bare)| bare)
}
