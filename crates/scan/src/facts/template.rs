//! Texts with attributes in braces: `{name} is open to {callers}`. Braces can't be escaped; no text needs them.

use super::{Row, Value};

/// The longest text that is made, in bytes.
const LONGEST: usize = 1_000;
/// The most texts of a list that are shown.
const MOST: usize = 8;

/// The names in braces.
pub(super) fn names(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// The text, with the row's attributes in place; one that is absent is left out.
pub(super) fn fill(template: &str, row: &Row) -> String {
    let mut parts = template.split('{');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or(("", part));
        match row.get(name) {
            Some(Value::Flag(flag)) => text.push_str(if *flag { "true" } else { "false" }),
            Some(Value::Number(number)) => text.push_str(&number.to_string()),
            Some(Value::Text(value)) => text.push_str(value),
            Some(Value::List(list)) => {
                text.push_str(&list.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", "));
                if list.len() > MOST {
                    text.push_str(" and ");
                    text.push_str(&(list.len() - MOST).to_string());
                    text.push_str(" more");
                }
            }
            None => {}
        }
        text.push_str(rest);
        if text.len() > LONGEST {
            break;
        }
    }
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}
