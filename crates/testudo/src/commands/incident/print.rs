//! Incidents for eyes.

use serde_json::Value;
use testudo_core::Timestamp;

use crate::commands::output::{self, cell, line};

/// The list.
pub fn list(page: &Value) {
    let cells = ["id", "state", "severity", "opened", "alerts", "responses", "waiting", "title"];
    let row = |item: &Value| cells.iter().map(|name| cell(item, name)).collect();
    let head = ["INCIDENT", "STATE", "SEVERITY", "OPENED", "ALERTS", "ACTIONS", "WAITING", "TITLE"];
    output::table(&head, &items(page, "items").map(row).collect::<Vec<_>>());
}

/// One incident.
pub fn incident(shown: &Value) {
    line(format!("{}  {}, {}", cell(shown, "id"), cell(shown, "state"), cell(shown, "severity")));
    line(cell(shown, "title"));
    line(format!("opened   {}", time(shown, "opened")));
    let measures = shown.get("measures").cloned().unwrap_or_default();
    for (name, text) in [
        ("time_to_detect", "detected after"),
        ("time_to_contain", "contained after"),
        ("slowest_reaction", "slowest reaction"),
    ] {
        if let Some(micros) = measures.get(name).and_then(Value::as_u64) {
            line(format!("{text:<17}{}.{:03} ms", micros / 1_000, micros % 1_000));
        }
    }
    if let Some(closing) = shown.get("closing").filter(|closing| !closing.is_null()) {
        line(format!("closed   {}: {}", cell(closing, "verdict"), cell(closing, "text")));
    }
    let breach = shown.get("breach").filter(|breach| !breach.is_null());
    if breach.is_some() {
        line("breach   somebody is aware; see `testudo incident breach`");
    }
    line("");
    line("alerts");
    for alerted in items(shown, "alerts") {
        let alert = alerted.get("alert").cloned().unwrap_or_default();
        line(format!("  {}  {}  {}", time(&alert, "at"), cell(&alert, "level"), cell(&alert, "title")));
    }
    line("");
    line("actions");
    for response in items(shown, "responses") {
        let until =
            if response.get("until").is_some() { format!(" until {}", time(response, "until")) } else { String::new() };
        let action = response.get("action").cloned().unwrap_or_default();
        let what = about(&action);
        line(format!(
            "  {}  {:9}  {}{what}{until}",
            cell(response, "id"),
            cell(response, "state"),
            cell(&action, "action")
        ));
        if matches!(cell(response, "state").as_str(), "proposed" | "failed" | "declined" | "undone") {
            let why =
                if response.get("outcome").is_some() { cell(response, "outcome") } else { cell(response, "reason") };
            line(format!("      {why}"));
        }
    }
    for (name, title) in [("tasks", "tasks"), ("notes", "notes")] {
        if items(shown, name).next().is_some() {
            line("");
            line(title);
        }
        for item in items(shown, name) {
            let done = item.get("done").is_some_and(|done| !done.is_null());
            let mark = match (name, done) {
                ("tasks", true) => format!("{} done  ", cell(item, "number")),
                ("tasks", false) => format!("{}       ", cell(item, "number")),
                _ => format!("{}  ", time(item, "at")),
            };
            line(format!("  {mark}{}", cell(item, "text").replace('\n', "\n    ")));
        }
    }
    line("");
    line("timeline");
    for moment in items(shown, "timeline") {
        let more: Vec<String> = ["action", "rule", "level", "playbook", "why", "response", "verdict"]
            .iter()
            .filter(|name| moment.get(**name).is_some())
            .map(|name| cell(moment, name))
            .collect();
        line(format!("  {}  {:12}  {}", time(moment, "at"), cell(moment, "what"), more.join(", ")));
    }
}

/// A plan.
pub fn plan(plan: &Value) {
    let row = |planned: &Value| {
        let action = planned.get("action").cloned().unwrap_or_default();
        let reach = planned.get("reach").cloned().unwrap_or_default();
        let hits = format!("{} of {}", cell(&reach, "people"), cell(&reach, "active"));
        let what = format!("{}{}", cell(planned, "name"), about(&action));
        vec![cell(planned, "playbook"), what, hits, cell(planned, "verdict"), cell(planned, "why")]
    };
    let head = ["PLAYBOOK", "ACTION", "PEOPLE", "WHAT", "WHY"];
    output::table(&head, &items(plan, "actions").map(row).collect::<Vec<_>>());
}

/// What came of verifying a bundle.
pub fn report(report: &Value) {
    line(format!("incident {}", cell(report, "incident")));
    line(format!("log      {}, {} entries", cell(report, "origin"), cell(report, "size")));
    let given = report.get("key_given").and_then(Value::as_bool) == Some(true);
    let whose = if given { "" } else { " (the bundle's own: whose it is stays unproven; give the log's with `--key`)" };
    line(format!("key      {}{whose}", cell(report, "key")));
    let (entries, alerts, actions) = (cell(report, "entries"), cell(report, "alerts"), cell(report, "actions"));
    line(format!("proven   {entries} entries, {alerts} alerts, {actions} actions"));
    if report.get("anchored").and_then(Value::as_bool) == Some(true) {
        line("anchored a checkpoint that was kept outside agrees");
    }
    for note in items(report, "notes").filter_map(Value::as_str) {
        line(format!("note     {note}"));
    }
    for fault in items(report, "faults").filter_map(Value::as_str) {
        line(format!("BAD      {fault}"));
    }
    let sound = report.get("sound").and_then(Value::as_bool) == Some(true);
    line(if sound { "sound: nothing was changed, dropped, moved or added" } else { "NOT SOUND" });
}

/// Where a response stands.
pub fn state_of(shown: &Value, id: &str) -> String {
    let found = items(shown, "responses").find(|response| cell(response, "id") == id);
    found.map_or_else(String::new, |response| cell(response, "state"))
}

/// RFC 3339 as microseconds since 1970.
pub fn micros_of(text: &str) -> Option<i64> {
    testudo_response::parse_time(text).map(Timestamp::micros)
}

/// To whom an action is done.
fn about(action: &Value) -> String {
    let target = action.get("target").and_then(|target| match target {
        Value::String(text) => Some(text.clone()),
        Value::Object(members) => {
            members.iter().next().map(|(kind, value)| format!("{kind} {}", value.as_str().unwrap_or_default()))
        }
        _ => None,
    });
    let named = ["person", "session", "family", "client", "build", "path", "channel"];
    let named = named.iter().find_map(|name| action.get(*name).and_then(Value::as_str).map(str::to_owned));
    target.or(named).map_or_else(String::new, |what| format!(" {what}"))
}

fn time(value: &Value, name: &str) -> String {
    let micros = value.get(name).and_then(Value::as_i64);
    micros.map_or_else(|| "-".into(), |micros| Timestamp::from_micros(micros).to_string())
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}
