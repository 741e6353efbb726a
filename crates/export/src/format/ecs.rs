//! JSON of the Elastic Common Schema 8. What it has no field for stands under `testudo`.
//!
//! `source.ip` is of the type `ip`, so only an address stands there; its pseudonym is `source.address`. Dots in names of
//! facts become `_`, since Elasticsearch takes them for paths.

#![expect(clippy::match_same_arms, reason = "each arm is a row of a table")]

use serde_json::{Map, Value, json};
use testudo_core::{EventKind, OcsfClass};

use super::view::View;

const VERSION: &str = "8.17.0";

/// A record as a document of ECS.
pub(crate) fn document(view: &View<'_>) -> Value {
    let mut document = Map::new();
    document.insert("@timestamp".into(), json!(view.at.to_string()));
    document.insert("message".into(), json!(view.summary()));
    document.insert("ecs".into(), json!({ "version": VERSION }));
    document.insert("event".into(), event(view));
    document.insert("log".into(), json!({ "level": view.severity.name() }));
    document.insert(
        "observer".into(),
        json!({
            "vendor": "Testudo", "product": "Testudo", "type": "gateway",
            "version": view.origin.version, "hostname": view.origin.host,
        }),
    );
    let mut user = Map::new();
    if let Some(who) = &view.person {
        user.insert("id".into(), json!(who.id));
        user.insert("hash".into(), json!(who.hash));
    }
    if let Some(who) = &view.subject {
        user.insert("target".into(), json!({ "id": who.id, "hash": who.hash }));
    }
    put(&mut document, "user", user);
    let mut source = Map::new();
    some(&mut source, "ip", view.ip.map(|ip| ip.to_string()));
    some(&mut source, "address", view.ip.map(|ip| ip.to_string()).or_else(|| view.address.clone()));
    put(&mut document, "source", source);
    let mut device = Map::new();
    some(&mut device, "id", view.device.clone());
    put(&mut document, "device", device);
    request(view, &mut document);
    alert(view, &mut document);
    document.insert("testudo".into(), Value::Object(own(view)));
    Value::Object(document)
}

fn event(view: &View<'_>) -> Value {
    let mut event = Map::new();
    let alert = matches!(view.kind, EventKind::AlertRaised | EventKind::IncidentOpened);
    event.insert("kind".into(), json!(if alert { "alert" } else { "event" }));
    event.insert("category".into(), json!([view.kind.ecs_category()]));
    event.insert("type".into(), json!(types(view)));
    event.insert("action".into(), json!(view.kind.name()));
    event.insert("outcome".into(), json!(view.outcome()));
    event.insert("module".into(), json!("testudo"));
    event.insert("dataset".into(), json!("testudo.journal"));
    event.insert("severity".into(), json!(view.severity as u8));
    event.insert("id".into(), json!(view.id));
    event.insert("sequence".into(), json!(view.seq));
    some(&mut event, "provider", view.control.map(str::to_owned));
    some(&mut event, "code", view.code.as_deref().map(str::to_owned));
    some(&mut event, "reason", view.code.as_deref().map(str::to_owned));
    if let Some(http) = &view.http {
        event.insert("duration".into(), json!(http.micros.saturating_mul(1_000)));
    }
    Value::Object(event)
}

/// The types that ECS allows in the category of the kind.
fn types(view: &View<'_>) -> &'static [&'static str] {
    let activity = view.kind.ocsf_activity();
    match view.kind.ocsf_class() {
        OcsfClass::HttpActivity if view.success => &["access"],
        OcsfClass::HttpActivity => &["access", "error"],
        OcsfClass::Authentication => match view.kind {
            EventKind::SignIn => &["start"],
            EventKind::SignOut => &["end"],
            _ => &["info"],
        },
        OcsfClass::AuthorizeSession => match view.kind {
            EventKind::SessionStarted => &["start"],
            EventKind::SessionRevoked | EventKind::PersonRevoked | EventKind::AllRevoked => &["end"],
            _ => &["info"],
        },
        OcsfClass::AccountChange => match activity {
            1 => &["user", "creation"],
            6 => &["user", "deletion"],
            _ => &["user", "change"],
        },
        OcsfClass::UserAccess => &["admin", "change"],
        OcsfClass::DetectionFinding | OcsfClass::IncidentFinding | OcsfClass::RemediationActivity => &["info"],
        OcsfClass::EntityManagement => match activity {
            1 => &["creation"],
            2 => &["access"],
            4 => &["deletion"],
            _ => &["change"],
        },
        OcsfClass::ApplicationLifecycle => &["info"],
    }
}

fn request(view: &View<'_>, document: &mut Map<String, Value>) {
    let mut request = Map::new();
    some(&mut request, "id", view.request.clone());
    let mut http = Map::new();
    if let Some(facts) = &view.http {
        request.insert("method".into(), json!(facts.method));
        request.insert("body".into(), json!({ "bytes": facts.bytes_in }));
        let mut response = Map::new();
        response.insert("body".into(), json!({ "bytes": facts.bytes_out }));
        if let Some(status) = facts.status {
            response.insert("status_code".into(), json!(status));
        }
        put(&mut http, "response", response);
        if let Some(path) = facts.path.as_deref() {
            let (stem, query) = path.split_once('?').map_or((path, None), |(stem, query)| (stem, Some(query)));
            let mut url = Map::new();
            url.insert("original".into(), json!(path));
            url.insert("path".into(), json!(stem));
            some(&mut url, "query", query.map(str::to_owned));
            put(document, "url", url);
        }
        if let Some(agent) = facts.agent.as_deref() {
            document.insert("user_agent".into(), json!({ "original": agent }));
        }
    }
    put(&mut http, "request", request);
    put(document, "http", http);
}

fn alert(view: &View<'_>, document: &mut Map<String, Value>) {
    if view.kind != EventKind::AlertRaised {
        return;
    }
    let mut rule = Map::new();
    some(&mut rule, "id", view.target.as_deref().map(str::to_owned));
    some(&mut rule, "name", view.fact("title").map(str::to_owned));
    put(document, "rule", rule);
    let (mut techniques, mut parts) = (Vec::new(), Vec::new());
    for id in self::techniques(view) {
        match id.split_once('.') {
            Some((technique, _)) => {
                techniques.push(technique.to_owned());
                parts.push(id);
            }
            None => techniques.push(id),
        }
    }
    if !techniques.is_empty() {
        let mut technique = Map::from_iter([("id".to_owned(), json!(techniques))]);
        if !parts.is_empty() {
            technique.insert("subtechnique".into(), json!({ "id": parts }));
        }
        document.insert("threat".into(), json!({ "framework": "MITRE ATT&CK", "technique": technique }));
    }
}

/// The techniques of MITRE ATT&CK among an alert's tags.
pub(super) fn techniques(view: &View<'_>) -> Vec<String> {
    let tags = view.fact("tags").unwrap_or_default().split_ascii_whitespace();
    let numbers = tags.filter_map(|tag| tag.strip_prefix("attack.t"));
    numbers.filter(|n| n.starts_with(|c: char| c.is_ascii_digit())).map(|n| format!("T{n}")).collect()
}

fn own(view: &View<'_>) -> Map<String, Value> {
    let mut own = Map::new();
    own.insert("log".into(), json!(view.origin.log));
    own.insert("count".into(), json!(view.count));
    some(&mut own, "client", view.client.map(str::to_owned));
    some(&mut own, "session", view.session.clone());
    some(&mut own, "family", view.family.clone());
    some(&mut own, "build", view.build.clone());
    some(&mut own, "network", view.network.clone());
    some(&mut own, "address", view.address.clone());
    some(&mut own, "target", view.target.as_deref().map(str::to_owned));
    some(&mut own, "route", view.http.as_ref().map(|http| http.route.to_string()));
    let named = |facts: &[(&str, std::borrow::Cow<'_, str>)]| -> Map<String, Value> {
        facts.iter().map(|(name, value)| (name.replace('.', "_"), json!(value))).collect()
    };
    put(&mut own, "facts", named(&view.facts));
    put(&mut own, "personal", named(&view.personal));
    if view.cut {
        own.insert("cut".into(), json!(true));
    }
    own
}

fn some(object: &mut Map<String, Value>, name: &str, value: Option<String>) {
    if let Some(value) = value {
        object.insert(name.into(), Value::String(value));
    }
}

fn put(object: &mut Map<String, Value>, name: &str, members: Map<String, Value>) {
    if !members.is_empty() {
        object.insert(name.into(), Value::Object(members));
    }
}
