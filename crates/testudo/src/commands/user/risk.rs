//! `testudo user risk`: what is usual for a person.

use http::Method;
use serde_json::Value;

use super::find;
use crate::admin::Client;
use crate::commands::{Failure, Setting, output};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

pub async fn run(setting: &Setting, client: &mut Client, who: &str) -> Result<(), Failure> {
    let id = find(client, who).await?;
    let told: Value = client.call(Method::GET, &format!("/admin/v1/people/{id}/risk"), None).await?;
    output::value(setting.format, &told, show);
    Ok(())
}

fn show(told: &Value) {
    if told.is_null() {
        return output::line("Nothing is known of her yet.");
    }
    let at = |path: &str| told.pointer(path).map_or_else(|| "-".to_owned(), text);
    output::line(format!("Known since {}.", at("/since")));
    output::line(format!("Coming as always she has a score of {} ({}).", at("/now/score"), at("/now/level")));
    reasons(told.pointer("/now/reasons"));
    if told.pointer("/latest/at").is_some() {
        output::line(format!("Last out of the ordinary: {}, score {}.", at("/latest/at"), at("/latest/score")));
        reasons(told.pointer("/latest/reasons"));
    }
    for (path, words) in [
        ("/step_up_due", "A second factor is due."),
        ("/alert", "There is an alert about her."),
        ("/second_factor", "She has a second factor."),
    ] {
        if told.pointer(path) == Some(&Value::Bool(true)) {
            output::line(words);
        }
    }
    output::line(format!("Second factors shown when asked: {}.", at("/step_ups")));
    output::line(format!("Networks: {}, of which {} usual.", at("/networks/count"), at("/networks/usual")));
    for (name, list) in [("DEVICE", "devices"), ("CLIENT", "clients")] {
        let rows: Vec<Vec<String>> = told.get(list).and_then(Value::as_array).into_iter().flatten().map(row).collect();
        if !rows.is_empty() {
            output::line("");
            output::table(&[name, "FIRST SEEN", "LAST SEEN", "DAYS", "USUAL"], &rows);
        }
    }
    output::line("");
    hours(told.get("hours"));
}

fn reasons(reasons: Option<&Value>) {
    for reason in reasons.and_then(Value::as_array).into_iter().flatten() {
        output::line(format!("  {}: {}", output::cell(reason, "code"), output::cell(reason, "text")));
    }
}

fn row(known: &Value) -> Vec<String> {
    let name = if known.get("device").is_some() { "device" } else { "client" };
    [name, "first", "last", "days", "usual"].into_iter().map(|cell| output::cell(known, cell)).collect()
}

/// The hours of the week in UTC: a line per day, a mark per hour.
fn hours(hours: Option<&Value>) {
    output::line("     0     6     12    18    (UTC)");
    for (name, day) in DAYS.iter().zip(hours.and_then(Value::as_array).into_iter().flatten()) {
        let mark = |count: &Value| match count.as_u64().unwrap_or(0) {
            0 => '.',
            1..=2 => '-',
            3..=7 => '+',
            _ => '#',
        };
        let marks: String = day.as_array().into_iter().flatten().map(mark).collect();
        output::line(format!("{name}  {marks}"));
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
