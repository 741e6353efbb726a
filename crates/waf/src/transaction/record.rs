//! What came of a transaction: matches, and perhaps an intervention.

use std::sync::Arc;

/// A rule that matched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Match {
    /// The rule's id.
    pub id: u64,
    /// The phase, from 1.
    pub phase: u8,
    /// The file of the rule.
    pub file: Arc<str>,
    /// Its line, from 1.
    pub line: u32,
    /// The variable that matched last, such as `ARGS:name`.
    pub variable: String,
    /// Its value as the operator saw it, of a bounded length.
    pub value: Vec<u8>,
    /// Where there is more than that one: what the first rule of the chain matched, as far as it is kept.
    pub more: Vec<Hit>,
    /// What has been added to the anomaly score since the match before.
    pub score: i64,
    /// The operator's name; nothing for an action without one.
    pub operator: &'static str,
    /// Its parameter with macros expanded, of a bounded length.
    pub parameter: String,
    /// What the rule says.
    pub msg: String,
    /// The data that it shows.
    pub data: Vec<u8>,
    /// From 0, the gravest, to 7; nothing when none is given.
    pub severity: Option<u8>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The version of its rule set.
    pub ver: Box<str>,
    /// Its revision.
    pub rev: Box<str>,
    /// From 0 to 9.
    pub maturity: u8,
    /// From 0 to 9.
    pub accuracy: u8,
    /// Whether it makes the transaction relevant for the audit log.
    pub audit: bool,
    /// The status with which it refused, when it did.
    pub refused: Option<u16>,
}

/// A variable that a rule matched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    /// Such as `ARGS:name`.
    pub variable: String,
    /// Its value as the operator saw it, of a bounded length.
    pub value: Vec<u8>,
}

impl Match {
    /// The variables that the rule matched: of a chain, those of its first rule.
    pub fn hits(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let only = self.more.is_empty() && !self.variable.is_empty();
        let only = only.then_some((self.variable.as_str(), self.value.as_slice()));
        only.into_iter().chain(self.more.iter().map(|hit| (hit.variable.as_str(), hit.value.as_slice())))
    }

    /// A match of the engine itself, which no rule file asks for.
    pub(crate) fn of_engine(id: u64, phase: u8, msg: &str, data: Vec<u8>, severity: u8, refused: Option<u16>) -> Match {
        Match {
            id,
            phase,
            file: "engine".into(),
            line: 0,
            variable: String::new(),
            value: Vec::new(),
            more: Vec::new(),
            score: 0,
            operator: "",
            parameter: String::new(),
            msg: msg.to_owned(),
            data,
            severity: Some(severity),
            tags: Vec::new(),
            ver: Box::default(),
            rev: Box::default(),
            maturity: 0,
            accuracy: 0,
            audit: true,
            refused,
        }
    }
}

/// What must happen instead of going on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Intervention {
    /// The request is refused.
    Deny {
        /// The rule.
        rule: u64,
        /// The status.
        status: u16,
    },
    /// The connection is closed.
    Drop {
        /// The rule.
        rule: u64,
        /// The status, where closing is not possible.
        status: u16,
    },
    /// The caller is sent elsewhere.
    Redirect {
        /// The rule.
        rule: u64,
        /// The status.
        status: u16,
        /// Where.
        location: String,
    },
}

impl Intervention {
    /// The rule that intervened.
    pub fn rule(&self) -> u64 {
        match self {
            Intervention::Deny { rule, .. } | Intervention::Drop { rule, .. } | Intervention::Redirect { rule, .. } => {
                *rule
            }
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Intervention::Deny { status, .. }
            | Intervention::Drop { status, .. }
            | Intervention::Redirect { status, .. } => *status,
        }
    }
}
