//! The draft of a notification by GDPR article 33, and the entry of the register that article 33(5) asks for.
//!
//! Each section says what is known and from where. What only people can say stands there as missing until they write it;
//! nothing is made up, and the notification may follow in phases (article 33(4)).

use std::fmt::Write as _;

use serde::Serialize;
use testudo_core::{Action, Timestamp};

use super::Breach;
use crate::{Incident, Response, ResponseState};

/// The draft.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Draft {
    /// When somebody became aware.
    pub aware: Timestamp,
    /// When the 72 hours are over.
    pub due: Timestamp,
    /// Seconds left; none when they are over.
    pub left: Option<u64>,
    /// When the authority was told.
    pub notified: Option<Timestamp>,
    /// What article 33 asks for, in its order.
    pub sections: Vec<Section>,
}

/// One thing that article 33 asks for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Section {
    /// Where it stands, such as `33(3)(a)`.
    pub article: &'static str,
    /// What is asked for.
    pub title: &'static str,
    /// What is known.
    pub text: String,
    /// What is not known, and who could say.
    pub missing: Vec<String>,
}

impl Incident {
    /// The draft as of `now`; none while nobody is aware of a breach.
    pub fn breach_draft(&self, now: Timestamp) -> Option<Draft> {
        let breach = self.breach.as_ref()?;
        let due = breach.due();
        let left = due.since(now).as_secs();
        let sections = vec![
            self.when(breach, now),
            self.nature(breach),
            subjects(breach),
            records(breach),
            contact(breach),
            consequences(breach),
            self.measures(breach),
            told(breach),
            self.register(breach),
        ];
        let notified = breach.notified.map(|(_, at)| at);
        Some(Draft { aware: breach.aware, due, left: (left > 0).then_some(left), notified, sections })
    }

    fn when(&self, breach: &Breach, now: Timestamp) -> Section {
        let mut text = format!(
            "The first event that an alert names happened at {}. The first alert was raised at {}. {} became aware of a \
             breach at {}. The 72 hours are over at {}.",
            self.first_event,
            self.detected,
            breach.named,
            breach.aware,
            breach.due()
        );
        let mut missing = Vec::new();
        let told = breach.notified.map_or(now, |(_, at)| at);
        if told > breach.due() {
            match &breach.words.delay {
                Some(delay) => push(&mut text, &format!("Reasons for the delay: {delay}")),
                None => missing.push("the reasons for the delay: the 72 hours are over".into()),
            }
        }
        Section { article: "33(1)", title: "When it happened and when it was known", text, missing }
    }

    fn nature(&self, breach: &Breach) -> Section {
        let mut rules: Vec<&str> = self.alerts.iter().map(|alerted| &*alerted.alert.title).collect();
        rules.sort_unstable();
        rules.dedup();
        let mut text = format!("{} alerts were raised: {}.", self.alerts.len(), rules.join("; "));
        let mut missing = Vec::new();
        match &breach.words.nature {
            Some(nature) => push(&mut text, nature),
            None => missing.push("the nature of the breach in words (confidentiality, integrity, availability)".into()),
        }
        Section { article: "33(3)(a)", title: "Nature of the breach", text, missing }
    }

    fn measures(&self, breach: &Breach) -> Section {
        let mut text = String::from("Taken by the gateway:");
        let done: Vec<&Response> = self.responses.iter().filter(|response| response.performed.is_some()).collect();
        if done.is_empty() {
            text.push_str(" nothing.");
        }
        let mut counts = std::collections::BTreeMap::<(&str, &str), (u64, Option<Timestamp>)>::new();
        for response in &done {
            let taken_back = match response.state {
                ResponseState::Undone => ", taken back since",
                ResponseState::Expired => ", over since",
                _ => "",
            };
            let counted = counts.entry((plain(&response.action), taken_back)).or_default();
            counted.0 += 1;
            counted.1 = counted.1.min(response.performed).or(response.performed);
        }
        for ((what, taken_back), (times, first)) in counts {
            let first = first.map_or_else(String::new, |at| format!(" from {at} on"));
            let _ = write!(text, " {what} ({times} times{first}{taken_back});");
        }
        let waiting = self.responses.iter().filter(|one| one.state == ResponseState::Proposed).count();
        if waiting > 0 {
            let _ = write!(text, " {waiting} more wait for an administrator.");
        }
        let mut missing = Vec::new();
        match &breach.words.measures {
            Some(measures) => push(&mut text, &format!("Beside that: {measures}")),
            None => missing.push("measures beside those of the gateway, taken or proposed".into()),
        }
        Section { article: "33(3)(d)", title: "Measures", text, missing }
    }

    fn register(&self, breach: &Breach) -> Section {
        let state = match breach.notified {
            Some((_, at)) => format!("The authority was told at {at}."),
            None => "The authority has not been told.".into(),
        };
        let text = format!(
            "Incident {}, severity {}, {}. Entered by {} at {}. {state} Facts, effects and remedies are those above; the \
             journal holds each with its time and hash, and the incident's evidence proves it.",
            self.id,
            self.severity,
            self.state.name(),
            breach.by.name(),
            breach.entered
        );
        Section { article: "33(5)", title: "Entry of the register", text, missing: Vec::new() }
    }
}

fn subjects(breach: &Breach) -> Section {
    let facts = &breach.facts;
    let mut text = if facts.counted == Timestamp::EPOCH {
        "The gateway has not counted yet.".to_owned()
    } else {
        format!(
            "{} accounts were in wrong hands, by what the alerts name (counted at {}).",
            facts.accounts, facts.counted
        )
    };
    let mut missing = vec!["people whose data stood in answers to those accounts without being their holders".into()];
    match breach.words.people {
        Some(people) => push(&mut text, &format!("People concerned, by what is known: {people}.")),
        None => missing.push("the number of people concerned, if it is not that of the accounts".into()),
    }
    Section { article: "33(3)(a)", title: "Categories and number of people", text, missing }
}

fn records(breach: &Breach) -> Section {
    let facts = &breach.facts;
    let mut text = format!("{} answers with {} bytes left to those accounts.", facts.answers, facts.bytes);
    for (class, counted) in &facts.classes {
        let _ = write!(
            text,
            " Class `{class}`: {} answers to {} accounts may hold it, by the contract of the API.",
            counted.answers, counted.people
        );
    }
    if facts.partial {
        text.push_str(" The count stopped at its bound: there is more.");
    }
    let mut missing = Vec::new();
    if facts.unmarked > 0 {
        missing.push(format!(
            "what was in {} answers of routes for which the contract names no class of data",
            facts.unmarked
        ));
    }
    match breach.words.records {
        Some(records) => push(&mut text, &format!("Records concerned, by what is known: {records}.")),
        None => missing.push("the number of records: the gateway counts answers, and an answer may hold many".into()),
    }
    Section { article: "33(3)(a)", title: "Categories and number of records", text, missing }
}

fn contact(breach: &Breach) -> Section {
    let text = breach.words.contact.clone().unwrap_or_default();
    let missing =
        if text.is_empty() { vec!["the data protection officer or another contact point".into()] } else { vec![] };
    Section { article: "33(3)(b)", title: "Contact", text, missing }
}

fn consequences(breach: &Breach) -> Section {
    let text = breach.words.consequences.clone().unwrap_or_default();
    let missing =
        if text.is_empty() { vec!["the likely consequences: a person must judge them".into()] } else { vec![] };
    Section { article: "33(3)(c)", title: "Likely consequences", text, missing }
}

fn told(breach: &Breach) -> Section {
    let text = breach.words.people_told.clone().unwrap_or_default();
    let missing = if text.is_empty() {
        vec!["whether the people concerned are told, and why (a high risk to them asks for it)".into()]
    } else {
        vec![]
    };
    Section { article: "34", title: "Telling the people concerned", text, missing }
}

impl std::fmt::Display for Draft {
    /// As text to send, with what is missing in brackets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "Notification of a personal data breach (GDPR article 33), draft")?;
        for section in &self.sections {
            writeln!(f, "\n{} {}", section.article, section.title)?;
            if !section.text.is_empty() {
                writeln!(f, "{}", section.text)?;
            }
            for missing in &section.missing {
                writeln!(f, "[not known: {missing}]")?;
            }
        }
        Ok(())
    }
}

fn push(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

/// An action in words that an authority understands.
const fn plain(action: &Action) -> &'static str {
    match action {
        Action::RevokeSession { .. } | Action::RevokeFamily { .. } => "a session was ended",
        Action::RevokePerson { .. } => "all sessions of an account were ended",
        Action::LockPerson { .. } => "an account was locked",
        Action::RequireStepUp { .. } => "a second factor was required of an account",
        Action::ForcePasswordReset { .. } => "a new password was required of an account",
        Action::Block { .. } => "a network was blocked",
        Action::TightenLimits { .. } => "limits were tightened",
        Action::RestrictRoutes { .. } => "routes were made read-only",
        Action::DisableClient { .. } => "a client of the API was disabled",
        Action::SuspendBuild { .. } => "a build of the app was suspended",
        Action::RotateSigningKey => "the signing key was rotated",
        Action::Notify { .. } => "staff were told",
        _ => "something was undone",
    }
}
