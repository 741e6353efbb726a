//! What only the top floor can join, as the trait that the console defines.

#![expect(clippy::match_same_arms, reason = "each arm is a row of a table")]

mod dry_run;
mod incidents;
pub mod pulse;

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use serde_json::Value;
use testudo_core::{
    Action, Actor, Admission, BlockTarget, Control, Decision, Disclose, Execute, Fault, IncidentId, LimitTarget,
    PersonId,
};
use testudo_crypto::Purpose;
use testudo_response::By;
use testudo_web::Web;
use testudo_web::console::{
    Act, Console, Download, DryRun, ExportLine, House, HouseError, Incident, IncidentPage, Measure, PolicyText,
    Posture, PosturePart, Pulse as PulseView, RateLine, Reply, Risk, RuleLine, Secret, Section, Span,
};

use crate::actions::ActionError;
use crate::node::Node;
use crate::respond::desk::DeskError;

/// The longest text of a setting that is shown.
const LONGEST_SETTING: usize = 300;

/// The console's view of a node. Weak, since the node's address holds the pages that hold this.
struct Rooms {
    node: Weak<Node>,
    pulse: Arc<pulse::Pulse>,
    lines: incidents::Lines,
    rules: parking_lot::Mutex<Option<(u64, Arc<[RuleLine]>)>>,
}

/// The console of a node, with its pictures drawn from `pulse`.
pub fn console(node: &Arc<Node>, web: Web, pulse: Arc<pulse::Pulse>) -> Console {
    let rooms = Rooms {
        node: Arc::downgrade(node),
        pulse,
        lines: incidents::Lines::default(),
        rules: parking_lot::Mutex::default(),
    };
    Console::new(web, Arc::clone(&node.admin_policies), Arc::new(rooms), Arc::clone(&node.clock))
}

impl Rooms {
    fn node(&self) -> Result<Arc<Node>, HouseError> {
        self.node.upgrade().ok_or_else(|| HouseError::Unavailable("the server is stopping".into()))
    }

    /// The targets of the measures in force, under their names.
    fn held(&self) -> Vec<(Measure, Action)> {
        let Some(node) = self.node.upgrade() else { return Vec::new() };
        let mut held = Vec::new();
        let id = |kind: &str, target: &str| -> Box<str> {
            // Keyed, so that a name in an address says nothing about whom it hits.
            let mac = node.store.ring().mac(Purpose::Cookies, format!("measure\0{kind}\0{target}").as_bytes());
            data_encoding::HEXLOWER.encode(mac.get(..12).unwrap_or_default()).into()
        };
        for (network, held_for) in node.standing.blocks() {
            let measure = Measure {
                id: id("block", &network.to_string()),
                name: "block",
                target: masked(network),
                masked: true,
                how: "every request is refused".into(),
                until: Some(held_for.until),
                reason: held_for.reason,
                incident: None,
            };
            held.push((measure, Action::Unblock { target: BlockTarget::Network(network) }));
        }
        for limit in node.standing.tightened() {
            let (target, is_masked) = match &limit.target {
                LimitTarget::Everyone => ("everyone".to_owned(), false),
                LimitTarget::Network(network) => (masked(*network), true),
                LimitTarget::Route(route) => (route.to_string(), false),
            };
            let measure = Measure {
                id: id("limit", &format!("{:?}", limit.target)),
                name: "tighten-limits",
                target,
                masked: is_masked,
                how: format!("{} % of the configured rates", limit.percent),
                until: Some(limit.held.until),
                reason: limit.held.reason,
                incident: None,
            };
            held.push((measure, Action::RestoreLimits { target: limit.target }));
        }
        for (path, held_for) in node.standing.restricted() {
            let path: Box<str> = path.as_str().into();
            let measure = Measure {
                id: id("route", &path),
                name: "restrict-routes",
                target: path.to_string(),
                masked: false,
                how: "only reading methods pass".into(),
                until: Some(held_for.until),
                reason: held_for.reason,
                incident: None,
            };
            held.push((measure, Action::ReleaseRoutes { path }));
        }
        held.sort_by_key(|(measure, _)| measure.until);
        held
    }

    async fn perform(&self, act: Act, by: Actor, reason: &str) -> Result<(), HouseError> {
        let node = self.node()?;
        let person = by.person.ok_or_else(|| HouseError::Refused("only people act here".into()))?;
        let admin = By::Admin(person);
        self.lines.forget();
        let desk = match act {
            Act::Perform(action) => {
                return node.perform(action, &by, reason, &node.context()).await.map_err(|error| refused(&error));
            }
            Act::Lift(id) => {
                let held = self.held();
                let found = held.into_iter().find(|(measure, _)| measure.id == id);
                let (_, undo) = found.ok_or(HouseError::NotFound("measure"))?;
                return node.perform(undo, &by, reason, &node.context()).await.map_err(|error| refused(&error));
            }
            Act::Undo(incident, response) => node.undo_response(incident, response, reason, admin).await,
            Act::Approve(incident, response) => node.approve_response(incident, response, admin).await,
            Act::Decline(incident, response) => node.decline_response(incident, response, reason, admin).await,
            Act::Note(incident, text) => node.note_incident(incident, &text, admin).await,
            Act::TaskDone(incident, task) => node.finish_incident_task(incident, task, admin).await,
            Act::BreachAware(incident) => {
                let found = node.identity().person(person).await;
                let found = found.map_err(|error| HouseError::Unavailable(error.to_string()))?;
                let found = found.ok_or(HouseError::NotFound("person"))?.document;
                let named = if found.name().is_empty() { found.username() } else { found.name() };
                node.aware_of_breach(incident, named, None, admin).await
            }
            Act::Close(incident, false_alarm) => {
                let verdict = if false_alarm {
                    testudo_response::Verdict::FalsePositive
                } else {
                    testudo_response::Verdict::TruePositive
                };
                node.close_incident(incident, verdict, reason, false_alarm, admin).await
            }
        };
        self.lines.forget();
        desk.map(drop).map_err(|error| desk_error(&error))
    }
}

/// What of a network is shown: enough to tell two apart, too little to tell who it is.
fn masked(network: ipnet::IpNet) -> String {
    match network {
        ipnet::IpNet::V4(network) => {
            let [first, second, ..] = network.addr().octets();
            format!("{first}.{second}.•.•/{}", network.prefix_len())
        }
        ipnet::IpNet::V6(network) => {
            let [first, ..] = network.addr().segments();
            format!("{first:x}:•/{}", network.prefix_len())
        }
    }
}

fn refused(error: &ActionError) -> HouseError {
    match error {
        ActionError::NotFound(what) => HouseError::NotFound(what),
        ActionError::Identity(testudo_identity::IdentityError::NotFound(what)) => HouseError::NotFound(what),
        ActionError::Commit(_) | ActionError::Unavailable(_) => HouseError::Unavailable(error.to_string()),
        error => HouseError::Refused(error.to_string()),
    }
}

fn desk_error(error: &DeskError) -> HouseError {
    match error {
        DeskError::NoIncident => HouseError::NotFound("incident"),
        DeskError::Act(error) => refused(error),
        DeskError::Read(_) | DeskError::Commit(_) => HouseError::Unavailable(error.to_string()),
        DeskError::NoPlaybook(_) | DeskError::Work(_) => HouseError::Refused(error.to_string()),
    }
}

impl House for Rooms {
    fn audit(&self) -> Decision {
        match self.node.upgrade() {
            Some(node) if !node.store.status().stalled => Decision::allow(Control::Audit),
            _ => Decision::fault(Control::Audit, Fault::Dependency),
        }
    }

    fn observes(&self) -> bool {
        self.node.upgrade().is_some_and(|node| node.config().server.observe)
    }

    fn posture(&self) -> Posture {
        self.node.upgrade().map(|node| posture(&node)).unwrap_or_default()
    }

    fn pulse(&self, span: Span) -> PulseView {
        self.node.upgrade().map(|node| self.pulse.view(span, node.clock.now())).unwrap_or_default()
    }

    fn measures(&self) -> Vec<Measure> {
        self.held().into_iter().map(|(measure, _)| measure).collect()
    }

    fn rates(&self) -> Vec<RateLine> {
        let Some(node) = self.node.upgrade() else { return Vec::new() };
        let limits = serde_json::to_value(&node.config().limits).unwrap_or_default();
        rates(&limits)
    }

    fn incidents(&self, open: bool, before: Option<IncidentId>, limit: usize) -> Reply<'_, IncidentPage> {
        Box::pin(async move {
            let node = self.node()?;
            self.lines.page(&node, open, before, limit).await.map_err(|error| desk_error(&error))
        })
    }

    fn incident(&self, id: IncidentId) -> Reply<'_, Option<Incident>> {
        Box::pin(async move {
            let node = self.node()?;
            match node.incident(id).await {
                Ok(incident) => Ok(Some(incidents::view(&incident, node.clock.now()))),
                Err(DeskError::NoIncident) => Ok(None),
                Err(error) => Err(desk_error(&error)),
            }
        })
    }

    fn evidence(&self, id: IncidentId) -> Reply<'_, Option<Download>> {
        Box::pin(async move {
            let evidence = self.node()?.evidence(id, false).await;
            let evidence = evidence.map_err(|error| HouseError::Unavailable(error.to_string()))?;
            Ok(Some(Download { name: evidence.name, media: "application/zip", bytes: evidence.bytes }))
        })
    }

    fn risk(&self, person: PersonId) -> Reply<'_, Option<Risk>> {
        Box::pin(async move {
            let told = self.node()?.explain_risk(person).await;
            Ok(told.map_err(|error| HouseError::Unavailable(error.to_string()))?.map(|told| risk(&told)))
        })
    }

    fn rules(&self) -> Vec<RuleLine> {
        let Some(node) = self.node.upgrade() else { return Vec::new() };
        let loaded = node.rules();
        let mut kept = self.rules.lock();
        if let Some((_, rules)) = kept.as_ref().filter(|(generation, _)| *generation == loaded.generation) {
            return rules.to_vec();
        }
        let Ok(detector) = loaded.rules.compile(testudo_detection::Options::default()) else { return Vec::new() };
        let rules: Arc<[RuleLine]> = detector
            .rules()
            .filter(|rule| !loaded.quiet.contains(&rule.id))
            .map(|rule| RuleLine {
                id: rule.id.clone(),
                title: rule.title.clone(),
                level: rule.level,
                file: rule.file.clone(),
                tags: rule.tags.clone(),
            })
            .collect();
        *kept = Some((loaded.generation, Arc::clone(&rules)));
        rules.to_vec()
    }

    fn policies(&self) -> Vec<PolicyText> {
        let Some(node) = self.node.upgrade() else { return Vec::new() };
        let config = node.config();
        let read = |path: &PathBuf| PolicyText {
            name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            text: std::fs::read_to_string(path).unwrap_or_else(|_| "the file can't be read now".to_owned()),
        };
        let mut files: Vec<PolicyText> = config.policies.files.iter().map(read).collect();
        if config.policies.keep_defaults {
            files.push(PolicyText {
                name: "default.cedar, which comes with the server".to_owned(),
                text: testudo_access::DEFAULT_POLICIES.to_owned(),
            });
        }
        files
    }

    fn dry_run(&self, candidate: Option<String>) -> Reply<'_, DryRun> {
        Box::pin(async move { dry_run::run(&*self.node()?, candidate).await })
    }

    fn exports(&self) -> Vec<ExportLine> {
        let Some(node) = self.node.upgrade() else { return Vec::new() };
        let head = *node.store.head().borrow();
        node.exports.here(head).iter().map(export).collect()
    }

    fn settings(&self) -> Vec<Section> {
        let Some(node) = self.node.upgrade() else { return Vec::new() };
        let config = serde_json::to_value(&*node.config()).unwrap_or_default();
        sections(&config)
    }

    fn checkpoint_file(&self) -> Option<PathBuf> {
        self.node.upgrade().map(|node| node.data.checkpoints(&node.config()))
    }

    fn act<'a>(&'a self, act: Admission<Execute, Act>, by: Actor, reason: &'a str) -> Reply<'a, ()> {
        Box::pin(async move {
            let (act, _) = act.into_parts();
            self.perform(act, by, reason).await?;
            self.node()?.settled().await;
            Ok(())
        })
    }

    fn reveal(&self, secret: Admission<Disclose, Secret>) -> Reply<'_, String> {
        Box::pin(async move {
            let (Secret::Measure(id), _) = secret.into_parts();
            let found = self.held().into_iter().find(|(measure, _)| measure.id == id);
            match found.map(|(_, undo)| undo) {
                Some(
                    Action::Unblock { target: BlockTarget::Network(network) }
                    | Action::RestoreLimits { target: LimitTarget::Network(network) },
                ) => Ok(network.to_string()),
                Some(_) => Err(HouseError::Refused("nothing about this measure is masked".into())),
                None => Err(HouseError::NotFound("measure")),
            }
        })
    }
}

/// The weight of a control in the posture, and the page that shows more of it.
const fn weight(control: Control) -> (u8, Option<&'static str>) {
    match control {
        Control::Transport | Control::Authentication | Control::Authorization => (10, None),
        Control::Standing | Control::Contract | Control::RateLimit => (8, None),
        Control::Audit => (8, Some("/audit")),
        Control::Mfa | Control::Risk => (6, Some("/people")),
        Control::Waf | Control::Masking => (8, None),
        _ => (5, None),
    }
}

/// The controls that are on, the journal and the servers behind, as parts of 100.
fn posture(node: &Node) -> Posture {
    let config = node.config();
    let snapshot = node.try_snapshot();
    let controls = crate::status::controls(&config, snapshot.as_ref().map(|snapshot| &snapshot.masks));
    let mut parts: Vec<PosturePart> = controls
        .into_iter()
        .map(|status| {
            let (of, link) = weight(status.control);
            let points = if status.off.is_none() { of } else { 0 };
            let why = status.off.map(|why| why.replace('`', ""));
            PosturePart { name: status.control.name().to_owned(), points, of, why, link }
        })
        .collect();
    let mut part = |name: &str, holds: bool, of: u8, why: &str, link| {
        let points = if holds { of } else { 0 };
        parts.push(PosturePart { name: name.to_owned(), points, of, why: (!holds).then(|| why.to_owned()), link });
    };
    let healthy = snapshot.is_none_or(|snapshot| snapshot.upstreams.status().iter().all(|server| server.healthy));
    part("upstreams", healthy, 6, "a server of the backend does not answer its health check", Some("/settings"));
    part(
        "detection",
        config.detection.enabled,
        6,
        "rules of detection are off: set detection.enabled",
        Some("/detection"),
    );
    part("response", config.response.enabled, 6, "playbooks are off: set response.enabled", Some("/incidents"));
    let file = node.data.checkpoints(&config).exists();
    part("checkpoints", file, 4, "no checkpoint is kept outside of the store yet", Some("/audit"));
    let (points, of) = parts
        .iter()
        .fold((0_u32, 0_u32), |(points, of), part| (points + u32::from(part.points), of + u32::from(part.of)));
    parts.sort_by_key(|part| std::cmp::Reverse(part.of - part.points));
    let score = (points * 100).checked_div(of).unwrap_or(0);
    Posture { score: u8::try_from(score).unwrap_or(100), parts }
}

fn rates(limits: &Value) -> Vec<RateLine> {
    let mut lines = Vec::new();
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    };
    for (key, value) in limits.as_object().into_iter().flatten() {
        if let Some(rate) = text(value) {
            lines.push(RateLine { by: key.replace('-', " "), rate, key: format!("limits.{key}") });
        }
        for (inner, value) in value.as_object().into_iter().flatten() {
            if let Some(rate) = text(value) {
                let by = format!("{}, by {}", key.replace('-', " "), inner.replace('-', " "));
                lines.push(RateLine { by, rate, key: format!("limits.{key}.{inner}") });
            }
        }
    }
    for route in limits.get("routes").and_then(Value::as_array).into_iter().flatten() {
        let name = route.get("route").and_then(Value::as_str).unwrap_or_default();
        for (key, value) in route.as_object().into_iter().flatten().filter(|(key, _)| *key != "route") {
            if let Some(rate) = text(value) {
                lines.push(RateLine { by: format!("{name}, by {key}"), rate, key: "limits.routes".to_owned() });
            }
        }
    }
    lines
}

fn risk(told: &testudo_detection::risk::Explanation) -> Risk {
    let score = told.now.as_ref().map_or(0, |now| now.score);
    let mut reasons: Vec<(String, u8)> = Vec::new();
    for reason in told.now.iter().flat_map(|now| &now.reasons) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
        let points = (reason.weight * 10.0).round().clamp(0.0, 100.0) as u8;
        reasons.push((reason.text.to_string(), points));
    }
    if told.step_up_due {
        reasons.push(("a second factor is due".to_owned(), 0));
    }
    if let Some(latest) = &told.latest {
        let signals: Vec<&str> = latest.signals.iter().map(|signal| signal.text()).collect();
        reasons.push((format!("last unusual: {} (score {})", signals.join("; "), latest.score), 0));
    }
    let mut usual = Vec::new();
    for (place, network) in told.networks.iter().enumerate() {
        usual.push(("network".to_owned(), format!("network {}", place + 1), network.last));
    }
    for device in &told.devices {
        usual.push(("device".to_owned(), device.label.clone(), device.last));
    }
    for (place, client) in told.clients.iter().enumerate() {
        usual.push(("client".to_owned(), format!("client {}", place + 1), client.last));
    }
    Risk { score, reasons, usual }
}

fn export(view: &Value) -> ExportLine {
    let text = |name: &str| view.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let count = |name: &str| view.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (state, error) = (text("state"), text("error"));
    ExportLine {
        name: text("name"),
        how: text("kind"),
        healthy: error.is_empty() && state != "stalled" && state != "stopped",
        state: if error.is_empty() { state } else { format!("{state}: {error}") },
        cursor: count("place"),
        behind: count("waiting"),
    }
}

/// The configuration as keys and values; files that hold secrets are named, never read.
fn sections(config: &Value) -> Vec<Section> {
    let mut sections = Vec::new();
    for (name, value) in config.as_object().into_iter().flatten() {
        let mut values = Vec::new();
        flatten("", value, &mut values);
        if !values.is_empty() {
            sections.push(Section { name: name.clone(), values });
        }
    }
    sections
}

fn flatten(prefix: &str, value: &Value, into: &mut Vec<(String, String)>) {
    let join = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| flatten(&join(key), value, into)),
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            items.iter().enumerate().for_each(|(place, item)| flatten(&join(&(place + 1).to_string()), item, into));
        }
        Value::Null => into.push((prefix.to_owned(), "not set".to_owned())),
        Value::Array(items) if items.is_empty() => into.push((prefix.to_owned(), "none".to_owned())),
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(plain).collect();
            into.push((prefix.to_owned(), texts.join(", ").chars().take(LONGEST_SETTING).collect()));
        }
        other => into.push((prefix.to_owned(), plain(other))),
    }
}

fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(LONGEST_SETTING).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn networks_are_masked_and_settings_flat() {
        assert_eq!(masked("203.0.113.0/24".parse().unwrap_or_default()), "203.0.•.•/24");
        assert_eq!(masked("2001:db8::/48".parse().unwrap_or_default()), "2001:•/48");
        let config = serde_json::json!({
            "server": { "listen": ["127.0.0.1:8443"], "observe": false, "names": [] },
            "limits": { "person": "60/min", "sign-in": { "address": "5/s" }, "routes": [{ "route": "GET /x", "total": "9/s" }] },
        });
        let sections = sections(&config);
        assert_eq!(sections.len(), 2);
        let mut values = sections.iter().find(|section| section.name == "server").map(|it| it.values.clone());
        // The order is that of the configuration, which JSON does not always keep.
        if let Some(values) = &mut values {
            values.sort();
        }
        assert_eq!(
            values.as_deref().unwrap_or_default(),
            [
                ("listen".to_owned(), "127.0.0.1:8443".to_owned()),
                ("names".to_owned(), "none".to_owned()),
                ("observe".to_owned(), "false".to_owned()),
            ]
        );
        let rates = rates(&config["limits"]);
        let mut keys: Vec<&str> = rates.iter().map(|rate| rate.key.as_str()).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["limits.person", "limits.routes", "limits.sign-in.address"]);
    }
}
