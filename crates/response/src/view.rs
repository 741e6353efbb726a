//! An incident as JSON for people and machines: without what is personal, or with it.

use serde_json::{Value, json};
use testudo_core::Timestamp;

use crate::Incident;

/// What stands for what is hidden.
const HIDDEN: &str = "***";

impl Incident {
    /// The incident with its measures. Unless `personal`, networks and who is behind which pseudonym are left out, and so
    /// is the name of who became aware of a breach.
    pub fn to_json(&self, personal: bool) -> Value {
        let mut shown = json!(self);
        if !personal {
            hide_networks(&mut shown);
        }
        let Some(members) = shown.as_object_mut() else { return shown };
        if !personal {
            for name in ["people", "networks"] {
                members.insert(name.into(), json!({}));
            }
            if let Some(breach) = members.get_mut("breach").and_then(Value::as_object_mut) {
                breach.insert("named".into(), json!(HIDDEN));
            }
        }
        let micros =
            |time: Option<std::time::Duration>| time.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        members.insert(
            "measures".into(),
            json!({
                "time_to_detect": micros(Some(self.time_to_detect())),
                "time_to_contain": micros(self.time_to_contain()),
                "slowest_reaction": micros(self.slowest_reaction()),
            }),
        );
        shown
    }
}

/// Reads a time as somebody writes it: RFC 3339, such as `2026-11-29T10:00:00Z`.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp::from_micros(at.as_microsecond()))
}

/// Hides the networks of actions in what is shown of them.
pub fn hide_networks(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide_networks),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if name == "network" && member.is_string() && member.as_str().is_some_and(|text| text.contains('/')) {
                    *member = json!(HIDDEN);
                } else {
                    hide_networks(member);
                }
            }
        }
        _ => {}
    }
}
