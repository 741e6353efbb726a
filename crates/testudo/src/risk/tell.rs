//! What is usual for a person, for the admin API, the command and the console.

use serde_json::{Value, json};
use testudo_core::{Pseudonym, Timestamp};
use testudo_detection::risk::{Assessment, Explanation, Key, Known};
use testudo_identity::IdentityError;

use crate::node::Node;
use testudo_core::PersonId;

impl Node {
    /// What is usual for a person; none if nothing is known about her.
    pub async fn explain_risk(&self, person: PersonId) -> Result<Option<Explanation>, IdentityError> {
        let (name, now) = (self.store.person_pseudonym(person), self.clock.now());
        if !self.is_followed() {
            super::catch_up(self).await?;
        }
        self.risk.load(&self.store, name, person, now).await?;
        Ok(self.risk.explain(name, now))
    }

    /// The same as JSON: numbers of networks, never their addresses.
    pub async fn risk_of(&self, person: PersonId) -> Result<Value, IdentityError> {
        let clients = self.client_names().await?;
        let told = self.explain_risk(person).await?;
        Ok(told.map_or(Value::Null, |told| value(&told, &clients)))
    }

    async fn client_names(&self) -> Result<Vec<(Key, String)>, IdentityError> {
        let mut names = Vec::new();
        let mut after = None;
        loop {
            let page = self.identity().list_clients(after, 200).await?;
            names.extend(page.items.iter().map(|stored| {
                let id = &stored.document.id;
                (Key::of_client(id), id.to_string())
            }));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(names),
            }
        }
    }
}

impl super::RiskModel {
    /// What is usual for a person; none while her profile is not in memory.
    pub fn explain(&self, name: Pseudonym, now: Timestamp) -> Option<Explanation> {
        self.profiles.read().explain(name, now)
    }
}

fn value(told: &Explanation, clients: &[(Key, String)]) -> Value {
    let times =
        |known: &Known| json!({ "first": known.first, "last": known.last, "days": known.days, "usual": known.usual });
    let with = |known: &Known, name: &str, value: String| {
        let mut told = times(known);
        if let Some(members) = told.as_object_mut() {
            members.insert(name.to_owned(), value.into());
        }
        told
    };
    let client = |key: Key| {
        let known = clients.iter().find(|(known, _)| *known == key);
        known.map_or_else(|| "(removed)".to_owned(), |(_, name)| name.clone())
    };
    let now = told.now.as_ref().map(assessed);
    json!({
        "since": told.since,
        "networks": {
            "count": told.networks.len(),
            "usual": told.networks.iter().filter(|network| network.usual).count(),
            "items": told.networks.iter().map(times).collect::<Vec<_>>(),
        },
        "devices": told.devices.iter().map(|known| with(known, "device", known.label.clone())).collect::<Vec<_>>(),
        "clients": told.clients.iter().map(|known| with(known, "client", client(known.key))).collect::<Vec<_>>(),
        "hours": told.hours,
        "second_factor": told.has_factor,
        "step_ups": told.step_ups,
        "step_up_due": told.step_up_due,
        "token_reused": told.token_reused,
        "alert": told.alert,
        "now": now,
        "latest": told.latest.as_ref().map(|latest| json!({
            "at": latest.at,
            "score": latest.score,
            "reasons": latest.signals.iter()
                .map(|signal| json!({ "code": signal.code(), "text": signal.text() }))
                .collect::<Vec<_>>(),
        })),
    })
}

/// An assessment as JSON.
fn assessed(assessment: &Assessment) -> Value {
    json!({
        "score": assessment.score,
        "level": assessment.level.name(),
        "reasons": assessment.reasons.iter()
            .map(|reason| json!({ "code": reason.code, "text": reason.text, "weight": (reason.weight * 100.0).round() / 100.0 }))
            .collect::<Vec<_>>(),
    })
}
