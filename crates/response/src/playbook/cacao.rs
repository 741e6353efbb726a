//! A playbook as CACAO Security Playbooks 2.0 (OASIS, CS01): JSON that other tools read.
//!
//! Each action is an `action` step with an `http-api` command against the admin API, done by one `http-api` agent. What
//! the alert selects stands in variables that the caller fills in. Conditions that a tool can check are `if-condition`
//! steps over such variables (STIX patterns). Ids are UUIDs of version 5 over the playbook's id and the place of the
//! step, so that the same playbook gives the same JSON.

use serde_json::{Map, Value, json};
use testudo_core::{Severity, Timestamp};

use super::{Does, Lasts, Playbook, Select, Step, When};

impl Playbook {
    /// The JSON. `modified` is when the file was last changed, as far as known; `uuid` makes a UUID of a name.
    pub fn to_cacao(&self, modified: Timestamp, uuid: impl Fn(&str) -> String) -> Value {
        let id = |kind: &str, name: &str| format!("{kind}--{}", uuid(&format!("{}/{name}", self.id)));
        let (agent, end) = (id("http-api", "agent"), id("end", "end"));
        let mut workflow = Map::new();
        let mut variables = Map::new();
        let mut next = end.clone();
        workflow.insert(end, json!({ "type": "end" }));
        for (place, step) in self.steps.iter().enumerate().rev() {
            let action = id("action", &place.to_string());
            workflow.insert(action.clone(), self.step_to_cacao(place, step, &agent, &next, &mut variables));
            let skipped = next;
            next = action;
            if let Some(condition) = step.when.to_stix(&mut variables) {
                let check = id("if-condition", &place.to_string());
                let name = format!("Only if {condition}");
                let branch = json!({
                    "type": "if-condition", "name": name, "condition": condition,
                    "on_true": next, "on_false": skipped,
                });
                workflow.insert(check.clone(), branch);
                next = check;
            }
        }
        let start = id("start", "start");
        workflow.insert(start.clone(), json!({ "type": "start", "on_completion": next }));
        let at = stamp(modified);
        let own = ["testudo", &*self.id].map(str::to_owned);
        let labels = [&own[..], &self.trigger.rules, &self.trigger.tags].concat();
        let mut playbook = json!({
            "type": "playbook",
            "spec_version": "cacao-2.0",
            "id": id("playbook", "playbook"),
            "name": self.title,
            "description": if self.description.is_empty() { &self.title } else { &self.description },
            "playbook_types": ["mitigation"],
            "playbook_activities": self.activities(),
            "created_by": format!("identity--{}", uuid("testudo")),
            "created": at,
            "modified": at,
            "severity": self.trigger.level.map_or(0, |level| level as u64 * 20),
            "labels": labels,
            "workflow_start": start,
            "workflow": workflow,
            "agent_definitions": { &agent: {
                "type": "http-api", "name": "Testudo's admin API",
                "address": { "dname": ["localhost"] }, "port": "8444", "category": ["firewall", "aaa"],
            } },
        });
        if let (Some(members), false) = (playbook.as_object_mut(), variables.is_empty()) {
            members.insert("playbook_variables".into(), Value::Object(variables));
        }
        playbook
    }

    fn activities(&self) -> Vec<&'static str> {
        let mut activities: Vec<_> = self.steps.iter().map(|step| activity(&step.does)).collect();
        activities.sort_unstable();
        activities.dedup();
        activities
    }

    fn step_to_cacao(
        &self,
        place: usize,
        step: &Step,
        agent: &str,
        next: &str,
        variables: &mut Map<String, Value>,
    ) -> Value {
        let mut needs = Vec::new();
        let mut target = |select: Select, of: &str| {
            let name = format!("__{}__", select.name().replace('-', "_"));
            let about = format!("{of}; the step is done for each of them");
            let variable = json!({ "type": "string", "description": about, "external": true });
            variables.entry(name.clone()).or_insert(variable);
            needs.push(name.clone());
            format!("{name}:value")
        };
        let select = step.select.map(|select| target(select, describe(select)));
        let select = select.unwrap_or_default();
        let seconds = step.lasts.and_then(Lasts::duration).map(|duration| duration.as_secs());
        let because = "by a playbook";
        let (command, content) = match &step.does {
            Does::RevokeSession => (format!("DELETE /admin/v1/sessions/{select} HTTP/1.1"), None),
            Does::RevokeFamily => (format!("DELETE /admin/v1/families/{select} HTTP/1.1"), None),
            Does::RevokePerson => (format!("DELETE /admin/v1/people/{select}/sessions HTTP/1.1"), None),
            Does::LockPerson => (person(&select, "lock"), Some(json!({ "reason": because }))),
            Does::RequireStepUp => (person(&select, "require-step-up"), Some(json!({ "reason": because }))),
            Does::ForcePasswordReset => (person(&select, "require-reset"), Some(json!({ "reason": because }))),
            Does::Block => {
                let kind = if step.select == Some(Select::Devices) { "device" } else { "network" };
                let body = json!({ "target": { kind: select }, "seconds": seconds, "reason": because });
                ("POST /admin/v1/blocks HTTP/1.1".to_owned(), Some(body))
            }
            Does::DisableClient => (format!("POST /admin/v1/clients/{select}/disable HTTP/1.1"), None),
            Does::RotateSigningKey => {
                let body = json!({ "rotation": "graceful" });
                ("POST /admin/v1/keys/signing/rotate HTTP/1.1".to_owned(), Some(body))
            }
            // These are done through the incident, which limits and undoes them.
            Does::TightenLimits { .. } | Does::RestrictRoutes { .. } | Does::SuspendBuild | Does::Notify { .. } => {
                let name = "__incident__";
                let variable = json!({ "type": "string", "description": "the incident's id", "external": true });
                variables.entry(name).or_insert(variable);
                needs.push(name.to_owned());
                let body = json!({ "playbook": self.id, "step": place + 1 });
                (format!("POST /admin/v1/incidents/{name}:value/runs HTTP/1.1"), Some(body))
            }
        };
        let mut data = json!({
            "type": "http-api", "command": command, "playbook_activity": activity(&step.does),
        });
        if let (Some(members), Some(content)) = (data.as_object_mut(), content) {
            members.insert("headers".into(), json!({ "Content-Type": ["application/json"] }));
            members.insert("content".into(), content.to_string().into());
        }
        let mut action = json!({
            "type": "action", "name": step.does.name(), "description": step.describe(),
            "commands": [data], "agent": agent, "on_completion": next,
        });
        if let (Some(members), false) = (action.as_object_mut(), needs.is_empty()) {
            members.insert("in_args".into(), json!(needs));
        }
        action
    }
}

impl Step {
    fn describe(&self) -> String {
        let whom = self.select.map(|select| format!(" {}", select.name())).unwrap_or_default();
        let lasts =
            self.lasts.map(|lasts| format!(", {}{lasts}", if lasts.duration().is_some() { "for " } else { "" }));
        format!("{}{whom}{}", self.does.name(), lasts.unwrap_or_default())
    }
}

fn person(select: &str, act: &str) -> String {
    format!("POST /admin/v1/people/{select}/{act} HTTP/1.1")
}

const fn describe(select: Select) -> &'static str {
    match select {
        Select::OpenedAccounts => "the people whose accounts the alert's events opened",
        Select::People => "the people whom the alert names",
        Select::Sessions => "the sessions in the alert's events",
        Select::Families => "the refresh families in the alert's events",
        Select::Devices => "the devices in the alert's events",
        Select::Addresses => "the addresses in the alert's events",
        Select::Networks => "the /24 or /64 of the addresses in the alert's events",
        Select::Clients => "the clients in the alert's events",
        Select::Builds => "the builds in the alert's events",
        Select::Everyone => "everybody",
    }
}

/// A value of the vocabulary `playbook-activity-type-ov`.
const fn activity(does: &Does) -> &'static str {
    match does {
        Does::Notify { .. } => "deliver-content",
        Does::RotateSigningKey => "configure-systems",
        Does::DisableClient | Does::SuspendBuild => "disconnect-system",
        _ => "restrict-access",
    }
}

impl When {
    /// The conditions as a STIX pattern over variables; none where nothing is asked for.
    fn to_stix(self, variables: &mut Map<String, Value>) -> Option<String> {
        let level = |level: Severity| level as u64;
        let asked = [
            (
                "__bystanders__",
                "active people whom no alert names and the step would hit",
                "<=",
                self.bystanders_at_most,
            ),
            ("__events__", "the events that the alert counts", ">=", self.events_at_least),
            ("__opened__", "the accounts that the alert's events opened", ">=", self.opened_at_least),
            ("__level__", "the alert's level, 1 (informational) to 5 (critical)", ">=", self.level.map(level)),
        ];
        let mut parts = Vec::new();
        for (name, about, compares, value) in asked {
            if let Some(value) = value {
                let variable = json!({ "type": "integer", "description": about, "external": true });
                variables.entry(name).or_insert(variable);
                parts.push(format!("{name}:value {compares} {value}"));
            }
        }
        (!parts.is_empty()).then(|| parts.join(" AND "))
    }
}

/// RFC 3339 with exactly three digits of the second.
fn stamp(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.millis()).map_or_else(|_| at.to_string(), |at| format!("{at:.3}"))
}
