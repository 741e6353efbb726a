//! What detection found: a rule that fits, with its evidence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Event, EventKind, Severity, Timestamp};

/// A rule fits one event, or many together. Holds no personal data: people, devices and addresses are pseudonyms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Alert {
    /// The rule's id.
    pub rule: String,
    /// What it finds, in a line.
    pub title: String,
    /// Who wrote the rule.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// How bad it is.
    pub level: Severity,
    /// When, by the event that completed it.
    pub at: Timestamp,
    /// When the first of the events happened.
    pub since: Timestamp,
    /// What the events have in common, by field: pseudonyms of a `person`, a `network`, ...
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub group: BTreeMap<String, String>,
    /// The places of the events in the journal, oldest first; of more than [`Alert::MAX_PLACES`], the oldest and the
    /// newest.
    pub places: Vec<u64>,
    /// How many events there were, or how many different values where the rule counts those.
    pub count: u64,
    /// How many times the rule fitted the same group since its last alert, while it was kept quiet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub suppressed: u64,
    /// Tags, such as `attack.t1110.004`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What else it may be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub false_positives: Vec<String>,
}

/// How many places one fact of an event holds, if each has at most 15 digits.
const PLACES_IN_A_FACT: usize = Alert::MAX_PLACES / 2;

impl Alert {
    /// The most places that an alert names.
    pub const MAX_PLACES: usize = 64;

    /// The event that puts it into the journal. [`Alert::of`] reads it back.
    pub fn event(&self) -> Event {
        let mut event = Event::new(EventKind::AlertRaised, self.at).on(self.rule.clone());
        // A fact of the journal has 512 bytes at most.
        let places: Vec<String> = self.places.iter().map(u64::to_string).collect();
        let (first, rest) = places.split_at(places.len().min(PLACES_IN_A_FACT));
        event = event
            .detail("title", &*self.title)
            .detail("level", self.level.name())
            .detail("since", self.since.micros().to_string())
            .detail("places", first.join(" "))
            .detail("events", self.count.to_string());
        for (name, value) in &self.group {
            event.details.insert(format!("group.{name}").into(), value.clone());
        }
        if !rest.is_empty() {
            event = event.detail("places-more", rest.join(" "));
        }
        if self.suppressed > 0 {
            event = event.detail("suppressed", self.suppressed.to_string());
        }
        for (name, lines) in [("tags", &self.tags), ("false-positives", &self.false_positives)] {
            if !lines.is_empty() {
                event = event.detail(name, lines.join("\n"));
            }
        }
        if !self.author.is_empty() {
            event = event.detail("author", &*self.author);
        }
        event
    }

    /// The alert that an event announced; none if the event is another, or not whole.
    pub fn of(event: &Event) -> Option<Alert> {
        if event.kind != EventKind::AlertRaised {
            return None;
        }
        let text = |name: &str| event.details.get(name).map(String::as_str);
        let lines = |name: &str| text(name).map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default();
        Some(Alert {
            rule: event.target.as_deref()?.to_owned(),
            title: text("title")?.to_owned(),
            author: text("author").unwrap_or_default().to_owned(),
            level: text("level").and_then(Severity::named)?,
            at: event.at,
            since: Timestamp::from_micros(text("since")?.parse().ok()?),
            group: event
                .details
                .iter()
                .filter_map(|(name, value)| Some((name.strip_prefix("group.")?.to_owned(), value.clone())))
                .collect(),
            places: text("places")?
                .split_ascii_whitespace()
                .chain(text("places-more").unwrap_or_default().split_ascii_whitespace())
                .map(|place| place.parse().ok())
                .collect::<Option<_>>()?,
            count: text("events")?.parse().ok()?,
            suppressed: text("suppressed").map_or(Some(0), |text| text.parse().ok())?,
            tags: lines("tags"),
            false_positives: lines("false-positives"),
        })
    }

    /// The techniques of MITRE ATT&CK among the tags, such as `T1110.004`.
    pub fn techniques(&self) -> impl Iterator<Item = String> {
        self.tags.iter().filter_map(|tag| {
            let name = tag.strip_prefix("attack.")?;
            let number = name.strip_prefix('t')?;
            number.starts_with(|c: char| c.is_ascii_digit()).then(|| format!("T{number}"))
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_alert_comes_back_out_of_its_event() {
        let mut alert = Alert {
            rule: "testudo-credential-stuffing".into(),
            title: "Credential stuffing from one network".into(),
            author: "Testudo".into(),
            level: Severity::High,
            at: Timestamp::from_seconds(1_772_407_800),
            since: Timestamp::from_seconds(1_772_407_790),
            group: BTreeMap::from([("network".into(), "00ff".into())]),
            places: vec![3, 5, 8],
            count: 40,
            suppressed: 2,
            tags: vec!["attack.t1110.004".into(), "attack.credential-access".into()],
            false_positives: vec!["A carrier's network behind one address".into()],
        };
        let event = alert.event();
        assert_eq!(Alert::of(&event), Some(alert.clone()));
        assert_eq!(event.severity(), Severity::High);
        alert.places = (0..64).map(|place| 123_456_789_012_345 + place).collect();
        assert_eq!(Alert::of(&alert.event()), Some(alert.clone()));
        assert!(alert.event().details.values().all(|fact| fact.len() <= 512));
        (alert.author, alert.suppressed, alert.places) = (String::new(), 0, Vec::new());
        (alert.tags, alert.false_positives) = (Vec::new(), Vec::new());
        assert_eq!(Alert::of(&alert.event()), Some(alert.clone()));
        let mut cut = alert.event();
        cut.details.remove("since");
        assert_eq!(Alert::of(&cut), None);
        assert_eq!(Alert::of(&Event::new(EventKind::SignIn, alert.at)), None);
    }
}
