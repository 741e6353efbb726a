//! Correlations: rules about many events, as they are written.

use std::time::Duration;

use super::condition::{self, Condition, Quantity};
use super::metadata::Metadata;
use crate::error::{Fault, Position, instead};
use crate::predicate::Pattern;
use crate::yaml::{Data, Map, Node};

/// The longest span of time.
const MAX_SPAN: Duration = Duration::from_hours(366 * 24);
/// What a correlation may say.
const KEYS: [&str; 7] = ["type", "rules", "group-by", "timespan", "condition", "aliases", "generate"];
/// The types that are evaluated.
const KINDS: [&str; 4] = ["event_count", "value_count", "temporal", "temporal_ordered"];
/// How many rules one correlation may name.
const MAX_MEMBERS: usize = 64;
/// How many fields it may group by.
const MAX_GROUP: usize = 8;
/// The highest number that is counted to.
const MAX_BOUND: u64 = 1_000_000;

/// A rule about many events.
#[derive(Clone, Debug)]
pub(crate) struct Correlation {
    pub metadata: Metadata,
    pub kind: Kind,
    pub rules: Vec<(Box<str>, Position)>,
    pub group_by: Vec<Box<str>>,
    /// For an alias, the field of each rule.
    pub aliases: Aliases,
    pub timespan: Duration,
    /// How long it gives no further alert for a group; our own attribute, the timespan when it is not given.
    pub quiet: Duration,
    /// The rules that it names also give alerts of their own.
    pub generate: bool,
}

/// What is counted, and when that is enough.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Kind {
    EventCount(Vec<Bound>),
    ValueCount { fields: Vec<Box<str>>, bounds: Vec<Bound> },
    Temporal { ordered: bool, condition: Together },
}

/// Which of the rules must occur together.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Together {
    All,
    Count(Vec<Bound>),
    /// Sigma's extended condition over the names of rules.
    Condition(Condition),
}

/// A bound of a count.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Bound {
    pub op: Op,
    pub value: u64,
}

/// How a count compares with its bound.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Op {
    Gt,
    Gte,
    Lt,
    Lte,
    Eq,
    Neq,
}

impl Bound {
    pub(crate) fn holds(self, count: u64) -> bool {
        match self.op {
            Op::Gt => count > self.value,
            Op::Gte => count >= self.value,
            Op::Lt => count < self.value,
            Op::Lte => count <= self.value,
            Op::Eq => count == self.value,
            Op::Neq => count != self.value,
        }
    }
}

impl Correlation {
    pub(super) fn read(metadata: Metadata, rule: &Map, body: &Node) -> Result<Correlation, Fault> {
        let Some(map) = body.map() else {
            let what = format!("`correlation` must be a map, not {}", body.kind());
            return Err(Fault::new(body.position, what, "write `type:`, `rules:`, `group-by:` and `timespan:` in it"));
        };
        if let Some((key, (at, _))) = map.iter().find(|(key, _)| !KEYS.contains(&&***key)) {
            return Err(Fault::new(*at, format!("`{key}` is no part of a correlation"), instead(key, KEYS)));
        }
        let need = |name: &str| {
            map.get(name).map(|(_, value)| value).ok_or_else(|| {
                Fault::new(body.position, format!("the correlation has no `{name}`"), format!("add `{name}:`"))
            })
        };
        let rules = names(need("rules")?, "a rule", MAX_MEMBERS)?;
        let group_by = match map.get("group-by") {
            Some((_, value)) if !matches!(value.data, Data::Null) => names(value, "a field", MAX_GROUP)?,
            _ => Vec::new(),
        };
        let group_by = group_by.into_iter().map(|(name, _)| name).collect();
        let timespan = span(need("timespan")?, Duration::from_secs(1))?;
        let quiet = match rule.get("quiet") {
            Some((_, value)) => span(value, Duration::ZERO)?,
            None => timespan,
        };
        let kind = kind(need("type")?, map.get("condition").map(|(_, value)| value), body.position)?;
        let aliases = match map.get("aliases") {
            Some((_, value)) => aliases(value)?,
            None => Vec::new(),
        };
        let generate = match map.get("generate").or_else(|| rule.get("generate")) {
            None => false,
            Some((_, Node { data: Data::Bool(generate), .. })) => *generate,
            Some((_, other)) => {
                let what = format!("`generate` takes no {}", other.kind());
                return Err(Fault::new(other.position, what, "write true or false"));
            }
        };
        Ok(Correlation { metadata, kind, rules, group_by, aliases, timespan, quiet, generate })
    }
}

fn kind(name: &Node, condition: Option<&Node>, at: Position) -> Result<Kind, Fault> {
    let needed = || condition.ok_or_else(|| Fault::new(at, "the correlation has no `condition`", "add `gte: 10`"));
    match name.text().unwrap_or_default() {
        "event_count" => {
            let (bounds, fields) = bounds(needed()?)?;
            if fields.is_empty() {
                Ok(Kind::EventCount(bounds))
            } else {
                Err(Fault::new(at, "`event_count` counts events, not a field", "write `type: value_count`"))
            }
        }
        "value_count" => {
            let (bounds, fields) = bounds(needed()?)?;
            if fields.is_empty() {
                return Err(Fault::new(at, "the condition does not say which field's values count", "add `field:`"));
            }
            Ok(Kind::ValueCount { fields, bounds })
        }
        kind @ ("temporal" | "temporal_ordered") => {
            let ordered = kind == "temporal_ordered";
            let condition = match condition {
                None => Together::All,
                Some(node) => match node.text() {
                    Some(text) => Together::Condition(condition::parse(text, node.position)?),
                    None => Together::Count(bounds(node)?.0),
                },
            };
            if ordered && condition != Together::All {
                let remedy = "remove `condition`, or write `type: temporal`";
                return Err(Fault::new(at, "an order is of all rules; a part of them has none", remedy));
            }
            Ok(Kind::Temporal { ordered, condition })
        }
        kind @ ("value_sum" | "value_avg" | "value_percentile" | "value_median") => {
            let what = format!("correlations of type `{kind}` are not evaluated yet");
            Err(Fault::new(name.position, what, "use event_count or value_count"))
        }
        other => Err(Fault::new(name.position, format!("the type `{other}` is unknown"), instead(other, KINDS))),
    }
}

fn bounds(node: &Node) -> Result<(Vec<Bound>, Vec<Box<str>>), Fault> {
    let Some(map) = node.map() else {
        let what = format!("expected a comparison, found {}", node.kind());
        return Err(Fault::new(node.position, what, "write it such as `gte: 10`"));
    };
    let mut bounds = Vec::new();
    let mut fields = Vec::new();
    for (key, (at, value)) in map {
        let op = match &**key {
            "gt" => Op::Gt,
            "gte" => Op::Gte,
            "lt" => Op::Lt,
            "lte" => Op::Lte,
            "eq" => Op::Eq,
            "neq" => Op::Neq,
            "field" => {
                fields = names(value, "a field", MAX_GROUP)?.into_iter().map(|(name, _)| name).collect();
                continue;
            }
            other => {
                let known = ["gt", "gte", "lt", "lte", "eq", "neq", "field"];
                return Err(Fault::new(*at, format!("the comparison `{other}` is unknown"), instead(other, known)));
            }
        };
        let number = if let Data::Int(number, _) = &value.data { u64::try_from(*number).ok() } else { None };
        let Some(value) = number.filter(|number| *number <= MAX_BOUND).map(|value| Bound { op, value }) else {
            let what = format!("`{key}` takes a whole number up to {MAX_BOUND}");
            return Err(Fault::new(value.position, what, "write it such as `gte: 10`"));
        };
        bounds.push(value);
    }
    if bounds.is_empty() {
        return Err(Fault::new(node.position, "the condition has no comparison", "write one such as `gte: 10`"));
    }
    Ok((bounds, fields))
}

fn names(node: &Node, what: &str, most: usize) -> Result<Vec<(Box<str>, Position)>, Fault> {
    let mut names: Vec<(Box<str>, Position)> = Vec::new();
    for member in node.each() {
        let Some(name) = member.text().filter(|name| !name.is_empty()) else {
            let found = format!("{what} is named by a text, not by {}", member.kind());
            return Err(Fault::new(member.position, found, "write its name"));
        };
        if names.iter().any(|(known, _)| &**known == name) {
            return Err(Fault::new(member.position, format!("`{name}` stands twice"), "remove one"));
        }
        names.push((name.into(), member.position));
    }
    if names.is_empty() || names.len() > most {
        let found = format!("{} are named; there must be 1 to {most}", names.len());
        return Err(Fault::new(node.position, found, "change the list"));
    }
    Ok(names)
}

fn span(node: &Node, least: Duration) -> Result<Duration, Fault> {
    let wrong =
        || Fault::new(node.position, "the timespan can't be read", "write it such as `30s`, `5m`, `1h` or `7d`");
    let text = node.text().ok_or_else(wrong)?;
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(wrong()),
    };
    let count: u64 = text.strip_suffix(unit).and_then(|count| count.parse().ok()).ok_or_else(wrong)?;
    let span = Duration::from_secs(count.checked_mul(seconds).ok_or_else(wrong)?);
    if span < least || span > MAX_SPAN {
        return Err(Fault::new(node.position, "the timespan must be 1 second to 366 days", "write it such as `5m`"));
    }
    Ok(span)
}

/// For each alias, rules and their fields.
type Aliases = Vec<(Box<str>, Vec<(Box<str>, Box<str>, Position)>)>;

fn aliases(node: &Node) -> Result<Aliases, Fault> {
    let wrong = |at| Fault::new(at, "aliases can't be read", "write `aliases: {alias: {rule: field}}`");
    let mut aliases = Vec::new();
    for (alias, (_, fields)) in node.map().ok_or_else(|| wrong(node.position))? {
        let mut of_rules = Vec::new();
        for (rule, (at, field)) in fields.map().ok_or_else(|| wrong(fields.position))? {
            let field = field.text().ok_or_else(|| wrong(field.position))?;
            of_rules.push((rule.clone(), field.into(), *at));
        }
        aliases.push((alias.clone(), of_rules));
    }
    Ok(aliases)
}

impl Condition {
    /// Whether it holds when `seen` says which of `names` occurred.
    pub(crate) fn holds(&self, seen: &dyn Fn(&str) -> bool, names: &[Box<str>]) -> bool {
        match self {
            Condition::Name(name, _) => seen(name),
            Condition::Of(quantity, target, _) => {
                let chosen = names.iter().filter(|name| selects_rule(target, name));
                match quantity {
                    Quantity::All => chosen.into_iter().all(|name| seen(name)),
                    Quantity::AtLeast(n) => chosen.filter(|name| seen(name)).count() >= *n,
                }
            }
            Condition::Not(inner) => !inner.holds(seen, names),
            Condition::All(parts) => parts.iter().all(|part| part.holds(seen, names)),
            Condition::Any(parts) => parts.iter().any(|part| part.holds(seen, names)),
        }
    }

    /// The first name in it that is not among `names`.
    pub(crate) fn unknown(&self, names: &[Box<str>]) -> Option<(&str, Position)> {
        match self {
            Condition::Name(name, at) => (!names.contains(name)).then_some((&**name, *at)),
            Condition::Of(_, target, at) => {
                (!names.iter().any(|name| selects_rule(target, name))).then_some((&**target, *at))
            }
            Condition::Not(inner) => inner.unknown(names),
            Condition::All(parts) | Condition::Any(parts) => parts.iter().find_map(|part| part.unknown(names)),
        }
    }
}

fn selects_rule(target: &str, name: &str) -> bool {
    target.eq_ignore_ascii_case("them") || Pattern::parse(target).matches(name.as_bytes())
}
