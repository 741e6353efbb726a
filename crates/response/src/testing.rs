//! What tests share: alerts and incidents.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::time::Duration;

use testudo_core::{Action, Alert, IncidentId, PersonId, Pseudonym, ResponseId, Severity, Timestamp};

use crate::{By, Incident, Reach, Response, ResponseState};

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_764_374_400 + seconds)
}

pub fn person(number: u8) -> PersonId {
    PersonId::from_bytes([number; 16])
}

pub fn pseudonym(number: u8) -> Pseudonym {
    Pseudonym([number; 16])
}

pub fn alert(rule: &str, level: Severity, group: &[(&str, String)], seconds: i64) -> Alert {
    Alert {
        rule: rule.into(),
        title: format!("{rule} fits"),
        author: String::new(),
        level,
        at: at(seconds),
        since: at(seconds - 10),
        group: group.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<BTreeMap<_, _>>(),
        places: vec![1, 2],
        count: 20,
        suppressed: 0,
        tags: vec!["attack.credential-access".into(), "attack.t1110.004".into()],
        false_positives: Vec::new(),
    }
}

pub fn network_alert(level: Severity, seconds: i64) -> Alert {
    alert("testudo-credential-stuffing", level, &[("network", pseudonym(9).to_string())], seconds)
}

pub fn incident() -> Incident {
    Incident::open(IncidentId::from_bytes([7; 16]), 10, &network_alert(Severity::High, 0), at(1))
}

pub fn response(number: u8, action: Action, state: ResponseState) -> Response {
    Response {
        id: ResponseId::from_bytes([number; 16]),
        state,
        undo: action.undo(),
        action,
        playbook: "test".into(),
        alert: Some(10),
        reach: Reach::default(),
        reason: "a test".into(),
        by: By::Machine,
        approved: None,
        planned: at(1),
        performed: None,
        seconds: Some(Duration::from_mins(30).as_secs()),
        until: None,
        ended: None,
        ended_by: None,
        outcome: None,
    }
}
