//! What a policy's conditions read, from Cedar's JSON form of policies, so that only that is built for a request.

use std::collections::BTreeSet;

use cedar_policy::Policy;
use serde_json::{Value, json};

/// What the conditions of policies read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Uses {
    /// Attributes of the context; nothing: all of them.
    pub context: Option<BTreeSet<String>>,
    /// The route, or the action.
    pub route: bool,
    /// The principal, or an entity by name, to which the principal may be related.
    pub principal: bool,
    /// How the age of the sign-in is read.
    pub age: Age,
}

/// How conditions read `context.auth_age`, which grows each second. Where they only compare it with numbers, all ages
/// between two of these numbers give the same answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Age {
    /// Only compared with these numbers, if at all.
    Compared(BTreeSet<i64>),
    /// In another way: each age may give another answer.
    Exact,
}

impl Age {
    /// The same number for ages that no condition tells apart.
    pub fn class(&self, age: i64) -> i64 {
        match self {
            Age::Compared(numbers) => {
                let below = i64::try_from(numbers.range(..age).count()).unwrap_or(i64::MAX / 2);
                below * 2 + i64::from(numbers.contains(&age))
            }
            Age::Exact => age,
        }
    }
}

impl Default for Age {
    fn default() -> Age {
        Age::Compared(BTreeSet::new())
    }
}

impl Uses {
    pub fn none() -> Uses {
        Uses { context: Some(BTreeSet::new()), route: false, principal: false, age: Age::default() }
    }

    /// What is not understood reads all.
    pub fn all() -> Uses {
        Uses { context: None, route: true, principal: true, age: Age::Exact }
    }

    pub fn join(&mut self, other: &Uses) {
        self.route |= other.route;
        self.principal |= other.principal;
        match (&mut self.age, &other.age) {
            (Age::Compared(mine), Age::Compared(theirs)) => mine.extend(theirs),
            (age, _) => *age = Age::Exact,
        }
        self.context = match (self.context.take(), &other.context) {
            (Some(mut mine), Some(theirs)) => {
                mine.extend(theirs.iter().cloned());
                Some(mine)
            }
            _ => None,
        };
    }

    fn read(&mut self, attribute: &str) {
        if let Some(read) = &mut self.context {
            read.insert(attribute.to_owned());
        }
    }

    /// Whether the context needs this attribute.
    pub fn reads(&self, attribute: &str) -> bool {
        self.context.as_ref().is_none_or(|read| read.contains(attribute))
    }
}

/// The policy with its constraints on action and resource taken away, once they are known to hold, and what it reads.
/// A policy that can't be taken apart is kept as it is and reads all.
pub(crate) fn relax(policy: &Policy) -> (Policy, Uses) {
    let whole = || (policy.clone(), Uses::all());
    let Ok(mut form) = policy.to_json() else { return whole() };
    let mut uses = Uses::none();
    match form.get("conditions") {
        Some(conditions) => walk(conditions, &mut uses, 0),
        None => return whole(),
    }
    let Some(members) = form.as_object_mut() else { return whole() };
    for constraint in ["action", "resource"] {
        members.insert(constraint.to_owned(), json!({ "op": "All" }));
    }
    match Policy::from_json(Some(policy.id().clone()), form) {
        Ok(relaxed) => (relaxed, uses),
        Err(_) => whole(),
    }
}

/// The attribute that changes each second.
const AUTH_AGE: &str = "auth_age";
/// Conditions nested deeper than this read all.
const DEEPEST: usize = 200;

fn walk(value: &Value, uses: &mut Uses, depth: usize) {
    if depth > DEEPEST {
        *uses = Uses::all();
        return;
    }
    match value {
        Value::Object(members) => {
            if let Some(number) = compared_age(members) {
                uses.read(AUTH_AGE);
                if let Age::Compared(numbers) = &mut uses.age {
                    numbers.insert(number);
                }
                return;
            }
            if let Some(attribute) = context_attribute(members) {
                uses.read(attribute);
                if attribute == AUTH_AGE {
                    uses.age = Age::Exact;
                }
                return;
            }
            if let Some(entity) = members.get("__entity") {
                uses.principal = true;
                // An action named in a condition: its groups may matter.
                uses.route |= entity.get("type").is_some_and(|kind| kind == "Action");
            }
            match members.get("Var").and_then(Value::as_str) {
                Some("context") => (uses.context, uses.age) = (None, Age::Exact),
                Some("resource" | "action") => uses.route = true,
                Some("principal") => uses.principal = true,
                _ => {}
            }
            for member in members.values() {
                walk(member, uses, depth + 1);
            }
        }
        Value::Array(items) => {
            for item in items {
                walk(item, uses, depth + 1);
            }
        }
        _ => {}
    }
}

/// The number with which `context.auth_age` is compared.
fn compared_age(members: &serde_json::Map<String, Value>) -> Option<i64> {
    let (operator, operands) = members.iter().next().filter(|_| members.len() == 1)?;
    if !matches!(operator.as_str(), "==" | "!=" | "<" | "<=" | ">" | ">=") {
        return None;
    }
    let is_age =
        |side: &Value| side.as_object().and_then(context_attribute) == Some(AUTH_AGE) && side.get(".").is_some();
    let number = |side: &Value| side.get("Value").and_then(Value::as_i64);
    let (left, right) = (operands.get("left")?, operands.get("right")?);
    if is_age(left) {
        number(right)
    } else if is_age(right) {
        number(left)
    } else {
        None
    }
}

/// `context.x` and `context has x`.
fn context_attribute(members: &serde_json::Map<String, Value>) -> Option<&str> {
    let (operator, operands) = members.iter().next().filter(|_| members.len() == 1)?;
    let of_context = operands.pointer("/left/Var").and_then(Value::as_str) == Some("context");
    if !of_context || !matches!(operator.as_str(), "." | "has") {
        return None;
    }
    operands.get("attr").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn uses(conditions: &str) -> Uses {
        let text = format!("permit (principal, action, resource in Path::\"/x\") {conditions};");
        let (relaxed, uses) = relax(&Policy::parse(None, text).unwrap());
        assert!(!relaxed.to_string().contains("Path"));
        uses
    }

    fn some(attributes: &[&str], route: bool) -> Uses {
        let context = Some(attributes.iter().map(|name| (*name).to_owned()).collect());
        Uses { context, route, principal: false, age: Age::default() }
    }

    #[test]
    fn ages_that_no_condition_tells_apart_are_one_class() {
        let read = uses("when { context.auth_age < 300 || 3600 <= context.auth_age || !(context.auth_age == 900) }");
        assert_eq!(read.age, Age::Compared([300, 900, 3600].into()));
        assert!(read.reads("auth_age") && !read.reads("acr"));
        let classes: Vec<i64> =
            [0, 299, 300, 301, 899, 900, 901, 3599, 3600, 9999].iter().map(|age| read.age.class(*age)).collect();
        assert_eq!(classes, [0, 0, 1, 2, 2, 3, 4, 4, 5, 6]);
        for exact in [
            "when { context.auth_age < context.risk }",
            "when { context.auth_age + 1 < 300 }",
            "when { context.auth_age < 300 && [context.auth_age].contains(7) }",
            "when { context has auth_age }",
            "when { [context].contains(context) }",
        ] {
            assert_eq!(uses(exact).age, Age::Exact, "{exact}");
        }
        assert_eq!(uses("when { context.acr > 1 }").age, Age::default());
    }

    #[test]
    fn what_conditions_read_is_found() {
        assert_eq!(uses(""), some(&[], false));
        assert_eq!(
            uses("when { context.acr > 1 && context has build && context.build == \"x\" }"),
            some(&["acr", "build"], false)
        );
        assert_eq!(uses("unless { context has a.b.c }").context, None, "what is not understood reads all");
        assert_eq!(uses("when { resource.public }"), some(&[], true));
        let with_entity = |uses: Uses| Uses { principal: true, ..uses };
        assert_eq!(uses("when { action in Action::\"read\" }"), with_entity(some(&[], true)));
        assert_eq!(uses("when { Action::\"GET\" in Action::\"read\" }"), with_entity(some(&[], true)));
        assert_eq!(uses("when { [context].contains(context) }").context, None);
        assert_eq!(uses("when { context[\"acr\"] == 1 }"), some(&["acr"], false));
        let conditional = uses("when { if context.risk > 9 then principal.id == \"a\" else false }");
        assert_eq!(conditional, with_entity(some(&["risk"], false)));
        for who in [
            "principal in Role::\"a\"",
            "principal is Person",
            "[1].contains(1) && principal.id == \"a\"",
            "Person::\"a\" in Role::\"b\"",
        ] {
            assert!(uses(&format!("when {{ {who} }}")).principal, "{who}");
            assert!(uses(&format!("unless {{ context.acr > 1 && {who} }}")).principal, "{who}");
        }
        assert!(!uses("when { context.network.isInRange(ip(\"192.0.2.0/24\")) || context.risk > 9 }").principal);
    }
}
