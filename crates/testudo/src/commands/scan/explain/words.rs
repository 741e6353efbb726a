//! Conditions in words. They are read in the form of rule files, so that a new kind of demand is told as it is written there.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// A condition over facts.
pub fn fact(condition: &Value) -> String {
    let missing = condition.get("missing").and_then(Value::as_bool).unwrap_or_default();
    let mut text = format!("{} {}", if missing { "there is no" } else { "there is" }, row(condition));
    for (name, joint) in [("when", ", while there is"), ("unless", ", and there is no")] {
        for other in condition.get(name).and_then(Value::as_array).into_iter().flatten() {
            let _ = write!(text, "{joint} {}", row(other));
        }
    }
    text
}

/// `an "activity" whose exported is true`.
fn row(selector: &Value) -> String {
    let kind = selector.get("on").and_then(Value::as_str).unwrap_or_default();
    let wants: Vec<String> = selector
        .get("where")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(attribute, matcher)| format!("{attribute} {}", demand(matcher)))
        .collect();
    if wants.is_empty() { format!("`{kind}`") } else { format!("`{kind}` whose {}", wants.join(" and ")) }
}

fn demand(matcher: &Value) -> String {
    let Value::Object(wants) = matcher else { return format!("is {}", shown(matcher)) };
    let each = wants.iter().map(|(name, value)| match name.as_str() {
        "absent" if value == &Value::Bool(true) => "is not there".to_owned(),
        "absent" => "is there".to_owned(),
        "any-of" => format!("is one of {}", shown(value)),
        "none-of" => format!("is none of {}", shown(value)),
        "matches" => format!("matches {}", shown(value)),
        "unlike" => format!("does not match {}", shown(value)),
        "has" => format!("has {}", shown(value)),
        "below" => format!("is below {}", shown(value)),
        "at-least" => format!("is at least {}", shown(value)),
        "same-as" => format!("is the same as {}", shown(value)),
        other => format!("{other} {}", shown(value)),
    });
    each.collect::<Vec<_>>().join(" and ")
}

/// A condition over code.
pub fn code(condition: &Value) -> String {
    let flag = |name: &str| condition.get(name).and_then(Value::as_bool).unwrap_or_default();
    let missing = if flag("missing") { "nowhere is " } else { "" };
    let mut text = format!("{missing}{}", condition.get("find").map(usage).unwrap_or_default());
    for (name, joint) in [("with", ", with"), ("without", ", without")] {
        for other in condition.get(name).and_then(Value::as_array).into_iter().flatten() {
            let _ = write!(text, "{joint} {}", usage(other));
        }
    }
    if let Some(Value::Object(levels)) = condition.get("sdk") {
        let _ = write!(text, ", where {}", pairs(levels));
    }
    for (name, said) in [("own", ", in the app's own code"), ("reached", ", where it can run"), ("once", ", told once")]
    {
        if flag(name) {
            text.push_str(said);
        }
    }
    text
}

fn usage(usage: &Value) -> String {
    let Value::Object(usage) = usage else { return shown(usage) };
    let mut parts = Vec::new();
    for (name, value) in usage {
        parts.push(match name.as_str() {
            "call" => format!("a call of {}", shown(value)),
            "field" => format!("a use of the field {}", shown(value)),
            "string" => format!("the text {}", shown(value)),
            "implements" => format!("a method that implements {}", shown(value)),
            "arguments" => {
                let tests = value.as_array().into_iter().flatten().map(test);
                format!("where {}", tests.collect::<Vec<_>>().join(" and "))
            }
            "receiver" => format!("on something: {}", test(value)),
            "body" => format!("whose body: {}", shown(value)),
            "within" => format!("in the same {}", shown(value).trim_matches('`')),
            other => format!("{other}: {}", shown(value)),
        });
    }
    // What is looked for stands before the questions about it.
    parts.sort_by_key(|part| !["a call", "a use", "the text", "a method"].iter().any(|start| part.starts_with(start)));
    parts.join(", ")
}

/// `argument 0 is a text like "AES/ECB*"`.
fn test(test: &Value) -> String {
    let Value::Object(test) = test else { return shown(test) };
    let at = test.get("at").map_or("it".to_owned(), |at| format!("argument {}", shown(at)));
    let each = test.iter().filter_map(|(name, value)| {
        Some(match name.as_str() {
            "at" | "not" | "secret" => return None,
            "is" => format!("is {}", shown(value)),
            "text" => format!("is a text like {}", shown(value)),
            "other-than" => format!("is a text unlike {}", shown(value)),
            "words" => format!("has the word {}", shown(value)),
            "named" => format!("has a name that ends with {}", shown(value)),
            "number" => format!("is a number, {}", shown(value)),
            "length" => format!("has a length, {}", shown(value)),
            "new" => format!("is a new {}", shown(value)),
            "call" => format!("is what {} gave", shown(value)),
            "from" => format!("is made from {}", shown(value)),
            "given" => {
                let given = value.as_array().into_iter().flatten().map(self::test);
                format!("was made so that {}", given.collect::<Vec<_>>().join(" and "))
            }
            "every" => "has no other possible value".to_owned(),
            other => format!("{other} {}", shown(value)),
        })
    });
    let all = each.collect::<Vec<_>>().join(" and ");
    if test.get("not") == Some(&Value::Bool(true)) { format!("not: {at} {all}") } else { format!("{at} {all}") }
}

fn pairs(all: &Map<String, Value>) -> String {
    let each = all.iter().map(|(name, value)| match value {
        Value::Bool(true) => name.clone(),
        Value::Object(inner) => format!("{name} ({})", pairs(inner)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            format!("{name} ({})", items.iter().map(test).collect::<Vec<_>>().join("; "))
        }
        value => format!("{name} {}", shown(value)),
    });
    each.collect::<Vec<_>>().join(", ")
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(" or "),
        Value::Object(inner) => pairs(inner),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_read_as_sentences() {
        let provider = json!({
            "rule": "a-b", "on": "provider", "where": { "exported": true, "read-permission": { "absent": true } },
            "unless": [{ "on": "application", "where": { "test-only": true } }], "confidence": "high"
        });
        assert_eq!(
            fact(&provider),
            "there is `provider` whose exported is true and read-permission is not there, and there is no `application` whose test-only is true"
        );
        let call = json!({
            "rule": "a-b", "confidence": "high", "own": true,
            "find": { "arguments": [{ "at": 0, "text": "AES/ECB*" }], "call": ["Ljavax/crypto/Cipher;->getInstance"] }
        });
        assert_eq!(
            code(&call),
            "a call of `Ljavax/crypto/Cipher;->getInstance`, where argument 0 is a text like `AES/ECB*`, in the app's own code"
        );
    }
}
