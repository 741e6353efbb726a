//! JSON of OCSF 1.4: each kind of event is an event class, with the fields that the class requires.
//!
//! `src_endpoint.ip` is an address or not there; pseudonyms stand in `src_endpoint.uid` and `subnet_uid`. What no field
//! is made for stands under `unmapped`.

use serde_json::{Map, Value, json};
use testudo_core::{EventKind, OcsfClass, Severity};

use super::ecs::techniques;
use super::view::{View, Who};

const VERSION: &str = "1.4.0";
/// `status_id` of activities.
const SUCCESS: u8 = 1;
const FAILURE: u8 = 2;

/// A record as an event of its class.
pub(crate) fn document(view: &View<'_>) -> Value {
    let class = view.kind.ocsf_class();
    let mut event = base(view, class);
    match class {
        OcsfClass::HttpActivity => http(view, &mut event),
        OcsfClass::Authentication => {
            user(view, &mut event);
            put(&mut event, "service", json!({ "name": "testudo" }));
            if view.kind == EventKind::SecondFactor {
                put(&mut event, "is_mfa", json!(true));
            }
            session(view, &mut event);
            endpoint(view, &mut event);
        }
        OcsfClass::AuthorizeSession => {
            user(view, &mut event);
            put(&mut event, "privileges", json!([view.fact("scope").unwrap_or(view.kind.name())]));
            session(view, &mut event);
            endpoint(view, &mut event);
        }
        OcsfClass::AccountChange => {
            user(view, &mut event);
            endpoint(view, &mut event);
        }
        OcsfClass::UserAccess => {
            user(view, &mut event);
            let role = view.fact("role").or(view.target.as_deref()).unwrap_or("role");
            put(&mut event, "privileges", json!([role]));
            endpoint(view, &mut event);
        }
        OcsfClass::EntityManagement => {
            let target = view.target.as_deref().or(view.fact("what")).unwrap_or(view.kind.name());
            put(&mut event, "entity", json!({ "name": target, "type": entity_type(view.kind), "type_id": 99 }));
            endpoint(view, &mut event);
        }
        OcsfClass::ApplicationLifecycle => {
            put(
                &mut event,
                "app",
                json!({ "name": "Testudo", "vendor_name": "Testudo", "version": view.origin.version }),
            );
        }
        OcsfClass::DetectionFinding => {
            put(&mut event, "finding_info", finding(view));
            put(&mut event, "is_alert", json!(view.kind == EventKind::AlertRaised));
        }
        OcsfClass::IncidentFinding => incident(view, &mut event),
        OcsfClass::RemediationActivity => {
            put(&mut event, "command_uid", json!(view.target.as_deref().unwrap_or(&view.id)));
            let action = view.fact("action").unwrap_or(view.kind.name());
            put(&mut event, "remediation", json!({ "desc": action }));
        }
    }
    if !matches!(class, OcsfClass::ApplicationLifecycle | OcsfClass::RemediationActivity) {
        actor(view, class, &mut event);
    }
    put(&mut event, "unmapped", Value::Object(unmapped(view)));
    Value::Object(event)
}

fn base(view: &View<'_>, class: OcsfClass) -> Map<String, Value> {
    let (uid, category) = (class as u32, class as u32 / 1_000);
    let mut event = Map::new();
    let activity = view.kind.ocsf_activity();
    put(&mut event, "class_uid", json!(uid));
    put(&mut event, "class_name", json!(class_name(class)));
    put(&mut event, "category_uid", json!(category));
    put(&mut event, "activity_id", json!(activity));
    if activity == 99 {
        put(&mut event, "activity_name", json!(view.kind.name()));
    }
    put(&mut event, "type_uid", json!(view.kind.ocsf_type()));
    put(&mut event, "time", json!(view.at.millis()));
    put(&mut event, "severity_id", json!(view.severity as u8));
    put(&mut event, "severity", json!(severity_name(view.severity)));
    put(&mut event, "count", json!(view.count));
    put(&mut event, "message", json!(view.summary()));
    // Findings have a status of their own: how far somebody is with them.
    if !matches!(class, OcsfClass::DetectionFinding | OcsfClass::IncidentFinding) {
        put(&mut event, "status_id", json!(if view.success { SUCCESS } else { FAILURE }));
        put(&mut event, "status", json!(if view.success { "Success" } else { "Failure" }));
    }
    if let Some(code) = &view.code {
        put(&mut event, "status_code", json!(code));
        put(&mut event, "status_detail", json!(code));
    }
    let mut metadata = Map::new();
    put(&mut metadata, "version", json!(VERSION));
    let product = json!({ "name": "Testudo", "vendor_name": "Testudo", "version": view.origin.version });
    put(&mut metadata, "product", product);
    put(&mut metadata, "uid", json!(view.id));
    put(&mut metadata, "sequence", json!(view.seq));
    put(&mut metadata, "event_code", json!(view.kind.name()));
    put(&mut metadata, "log_name", json!(view.origin.log));
    put(&mut metadata, "log_provider", json!(view.control.unwrap_or("testudo")));
    if let Some(request) = &view.request {
        put(&mut metadata, "correlation_uid", json!(request));
    }
    put(&mut event, "metadata", Value::Object(metadata));
    event
}

fn http(view: &View<'_>, event: &mut Map<String, Value>) {
    let mut request = Map::new();
    if let Some(uid) = &view.request {
        put(&mut request, "uid", json!(uid));
    }
    if let Some(http) = &view.http {
        put(&mut request, "http_method", json!(http.method));
        put(&mut request, "body_length", json!(http.bytes_in));
        if let Some(path) = http.path.as_deref() {
            let (stem, query) = path.split_once('?').map_or((path, None), |(stem, query)| (stem, Some(query)));
            let mut url = Map::from_iter([("path".to_owned(), json!(stem))]);
            if let Some(query) = query {
                put(&mut url, "query_string", json!(query));
            }
            put(&mut request, "url", Value::Object(url));
        }
        if let Some(agent) = &http.agent {
            put(&mut request, "user_agent", json!(agent));
        }
        if let Some(status) = http.status {
            put(event, "http_response", json!({ "code": status, "body_length": http.bytes_out }));
        }
        put(event, "duration", json!(http.micros / 1_000));
    }
    // The class wants a request or a response, also where bytes were no request.
    put(event, "http_request", Value::Object(request));
    endpoint(view, event);
}

fn incident(view: &View<'_>, event: &mut Map<String, Value>) {
    put(event, "finding_info_list", json!([finding(view)]));
    let (id, name) = match view.kind {
        EventKind::IncidentOpened => (1, "New"),
        EventKind::IncidentClosed => (5, "Closed"),
        _ => (2, "In Progress"),
    };
    put(event, "status_id", json!(id));
    put(event, "status", json!(name));
    put(event, "assignee_group", json!({ "name": view.fact("assignee").unwrap_or("security") }));
    put(event, "is_suspected_breach", json!(view.kind == EventKind::BreachAware));
}

fn finding(view: &View<'_>) -> Value {
    let mut finding = Map::from_iter([("uid".to_owned(), json!(view.target.as_deref().unwrap_or(&view.id)))]);
    put(&mut finding, "title", json!(view.fact("title").unwrap_or(view.kind.name())));
    if view.kind == EventKind::AlertRaised {
        // The rule is the analytic; the alert itself is named by its entry.
        put(&mut finding, "uid", json!(view.id));
        let rule = view.target.as_deref().unwrap_or("rule");
        put(&mut finding, "analytic", json!({ "uid": rule, "name": view.fact("title").unwrap_or(rule), "type_id": 1 }));
        let attacks = techniques(view).into_iter().map(|uid| match uid.split_once('.') {
            Some((technique, _)) => json!({ "technique": { "uid": technique }, "sub_technique": { "uid": uid } }),
            None => json!({ "technique": { "uid": uid } }),
        });
        let attacks: Vec<Value> = attacks.collect();
        if !attacks.is_empty() {
            put(&mut finding, "attacks", Value::Array(attacks));
        }
        if let Some(since) = view.fact("since").and_then(|since| since.parse::<i64>().ok()) {
            put(&mut finding, "first_seen_time", json!(since.div_euclid(1_000)));
        }
    }
    put(&mut finding, "last_seen_time", json!(view.at.millis()));
    Value::Object(finding)
}

fn user(view: &View<'_>, event: &mut Map<String, Value>) {
    let user = view.account().map_or_else(|| json!({ "name": "unknown", "type_id": 0 }), person);
    put(event, "user", user);
}

fn person(who: &Who) -> Value {
    if who.id == who.hash { json!({ "uid": who.id }) } else { json!({ "uid": who.id, "uid_alt": who.hash }) }
}

fn actor(view: &View<'_>, class: OcsfClass, event: &mut Map<String, Value>) {
    // These classes have no actor of their own: it stands among what is unmapped.
    if matches!(class, OcsfClass::HttpActivity | OcsfClass::DetectionFinding | OcsfClass::IncidentFinding) {
        return;
    }
    let mut actor = Map::new();
    if let Some(who) = &view.person {
        put(&mut actor, "user", person(who));
    }
    if let Some(client) = view.client {
        put(&mut actor, "app_uid", json!(client));
    }
    if let Some(session) = &view.session {
        put(&mut actor, "session", json!({ "uid": session }));
    }
    if !actor.is_empty() {
        put(event, "actor", Value::Object(actor));
    }
}

fn session(view: &View<'_>, event: &mut Map<String, Value>) {
    let target = view.target.as_deref().filter(|target| target.starts_with("ses_"));
    if let Some(session) = view.session.as_deref().or(target) {
        put(event, "session", json!({ "uid": session }));
    }
}

fn endpoint(view: &View<'_>, event: &mut Map<String, Value>) {
    let mut endpoint = Map::new();
    if let Some(ip) = view.ip {
        put(&mut endpoint, "ip", json!(ip.to_string()));
    }
    if let Some(address) = &view.address {
        put(&mut endpoint, "uid", json!(address));
    }
    if let Some(network) = &view.network {
        put(&mut endpoint, "subnet_uid", json!(network));
    }
    if view.address.is_some() || view.ip.is_some() {
        put(event, "src_endpoint", Value::Object(endpoint));
    }
}

fn unmapped(view: &View<'_>) -> Map<String, Value> {
    let mut own = Map::new();
    let texts = [
        ("control", view.control),
        ("person", view.person.as_ref().map(|who| &*who.id)),
        ("subject", view.subject.as_ref().map(|who| &*who.id)),
        ("client", view.client),
        ("session", view.session.as_deref()),
        ("family", view.family.as_deref()),
        ("device", view.device.as_deref()),
        ("build", view.build.as_deref()),
        ("request", view.request.as_deref()),
        ("target", view.target.as_deref()),
        ("route", view.http.as_ref().map(|http| &*http.route)),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            put(&mut own, name, json!(value));
        }
    }
    for (name, facts) in [("facts", &view.facts), ("personal", &view.personal)] {
        if !facts.is_empty() {
            let facts: Map<String, Value> =
                facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            put(&mut own, name, Value::Object(facts));
        }
    }
    if view.cut {
        put(&mut own, "cut", json!(true));
    }
    own
}

fn entity_type(kind: EventKind) -> &'static str {
    kind.name().split('.').next().unwrap_or("entity")
}

const fn class_name(class: OcsfClass) -> &'static str {
    match class {
        OcsfClass::DetectionFinding => "Detection Finding",
        OcsfClass::IncidentFinding => "Incident Finding",
        OcsfClass::AccountChange => "Account Change",
        OcsfClass::Authentication => "Authentication",
        OcsfClass::AuthorizeSession => "Authorize Session",
        OcsfClass::EntityManagement => "Entity Management",
        OcsfClass::UserAccess => "User Access Management",
        OcsfClass::HttpActivity => "HTTP Activity",
        OcsfClass::ApplicationLifecycle => "Application Lifecycle",
        OcsfClass::RemediationActivity => "Remediation Activity",
    }
}

const fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "Informational",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}

fn put(object: &mut Map<String, Value>, name: &str, value: Value) {
    object.insert(name.into(), value);
}
