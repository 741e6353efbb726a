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
}

impl Uses {
    pub fn none() -> Uses {
        Uses { context: Some(BTreeSet::new()), route: false }
    }

    pub fn join(&mut self, other: &Uses) {
        self.route |= other.route;
        self.context = match (self.context.take(), &other.context) {
            (Some(mut mine), Some(theirs)) => {
                mine.extend(theirs.iter().cloned());
                Some(mine)
            }
            _ => None,
        };
    }

    /// Whether the context needs this attribute.
    pub fn reads(&self, attribute: &str) -> bool {
        self.context.as_ref().is_none_or(|read| read.contains(attribute))
    }
}

/// The policy with its constraints on action and resource taken away, once they are known to hold, and what it reads.
/// A policy that can't be taken apart is kept as it is and reads all.
pub(crate) fn relax(policy: &Policy) -> (Policy, Uses) {
    let whole = || (policy.clone(), Uses { context: None, route: true });
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

/// Conditions nested deeper than this read all.
const DEEPEST: usize = 200;

fn walk(value: &Value, uses: &mut Uses, depth: usize) {
    if depth > DEEPEST {
        *uses = Uses { context: None, route: true };
        return;
    }
    match value {
        Value::Object(members) => {
            if let Some(attribute) = context_attribute(members) {
                if let Some(read) = &mut uses.context {
                    read.insert(attribute.to_owned());
                }
                return;
            }
            // An action named in a condition: its groups may matter.
            if members.get("__entity").and_then(|entity| entity.get("type")).is_some_and(|kind| kind == "Action") {
                uses.route = true;
            }
            match members.get("Var").and_then(Value::as_str) {
                Some("context") => uses.context = None,
                Some("resource" | "action") => uses.route = true,
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
        Uses { context: Some(attributes.iter().map(|name| (*name).to_owned()).collect()), route }
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
        assert_eq!(uses("when { action in Action::\"read\" }"), some(&[], true));
        assert_eq!(uses("when { Action::\"GET\" in Action::\"read\" }"), some(&[], true));
        assert_eq!(uses("when { [context].contains(context) }").context, None);
        assert_eq!(uses("when { context[\"acr\"] == 1 }"), some(&["acr"], false));
        assert_eq!(uses("when { if context.risk > 9 then principal.id == \"a\" else false }"), some(&["risk"], false));
    }
}
