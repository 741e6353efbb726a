//! What people are told of a rule that matched: how grave it is, what it added to the score, how the value came about, and
//! what would exclude that.

use std::fmt;

use testudo_waf::{Hit, Match, Trace, Transaction};

/// Characters of what a transformation made that are told.
const SHOWN: usize = 160;

/// The name of a severity (RFC 5424, 6.2.1).
pub fn severity(found: &Match) -> Option<&'static str> {
    let names = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];
    names.get(usize::from(found.severity?)).copied()
}

/// What the rule added to the anomaly score, if it added anything.
pub fn score(found: &Match) -> Option<u32> {
    u32::try_from(found.score).ok().filter(|score| *score > 0)
}

/// The score of a request, and the one from which on it is refused.
pub fn scores(transaction: &mut Transaction) -> (Option<u32>, Option<u32>) {
    let mut number = |name| String::from_utf8(transaction.tx(name)?).ok()?.parse().ok();
    let score = ["blocking_inbound_anomaly_score", "anomaly_score"].into_iter().find_map(&mut number);
    (score, number("inbound_anomaly_score_threshold"))
}

/// A variable that a rule matched, with how its value came about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// The variable with the value that the rule saw.
    pub hit: Hit,
    /// The value as it was sent, and what the rule's transformations made of it.
    pub trace: Option<Trace>,
}

/// What a rule matched. The transformations run again for it, and for nothing else.
pub fn told(transaction: &Transaction, found: &Match) -> Vec<Told> {
    let of = |(variable, value): (&str, &[u8])| Told {
        trace: transaction.trace(found, variable, value),
        hit: Hit { variable: variable.to_owned(), value: value.to_owned() },
    };
    let mut told: Vec<Told> = found.hits().map(of).collect();
    // The end of a chain may look at something else.
    if !found.variable.is_empty() && told.iter().all(|told| told.hit.variable != found.variable) {
        told.push(of((&found.variable, &found.value)));
    }
    told
}

impl Told {
    /// The steps that changed the value, each with what it made of it.
    pub fn changes(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let steps = self.trace.iter().flat_map(|trace| &trace.steps);
        steps.filter_map(|step| Some((step.name, step.output.as_deref()?)))
    }

    /// Lines for people: the value as it was sent, and what each step made of it.
    pub fn lines(&self) -> Vec<String> {
        let sent = self.trace.as_ref().map_or(&self.hit.value, |trace| &trace.sent);
        let mut lines = vec![format!("{} = {}", self.hit.variable, String::from_utf8_lossy(sent))];
        for (name, output) in self.changes() {
            let output: String = String::from_utf8_lossy(output).chars().take(SHOWN).collect();
            lines.push(format!("  {name} → {output}"));
        }
        lines
    }
}

/// An update that takes a variable from a rule, or the rule away.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Exclusion {
    /// The rule.
    pub rule: u64,
    /// The variable; nothing for all of the rule.
    pub target: Option<String>,
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Some(target) => write!(f, "SecRuleUpdateTargetById {} \"!{target}\"", self.rule),
            None => write!(f, "SecRuleRemoveById {}", self.rule),
        }
    }
}

/// The updates that take what it matched from a rule. None for rules that only sum up what others found.
pub fn exclusions(found: &Match) -> Vec<Exclusion> {
    if !matches!(found.severity, Some(0..=5)) || found.variable.starts_with("TX:") {
        return Vec::new();
    }
    // What a request is made of, and not what it carries, is no part that could be left out.
    let carried = |variable: &str| {
        let named = ["ARGS", "REQUEST_COOKIES", "REQUEST_HEADERS", "FILES", "MULTIPART", "XML", "RESPONSE_HEADERS"];
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-[]/*@".contains(&byte);
        let whole = ["REQUEST_BODY", "REQUEST_FILENAME", "REQUEST_BASENAME", "REQUEST_URI", "REQUEST_URI_RAW"];
        let whole = whole.contains(&variable) || ["QUERY_STRING", "RESPONSE_BODY"].contains(&variable);
        (whole || named.iter().any(|name| variable.starts_with(name))) && variable.bytes().all(plain)
    };
    let hits: Vec<&str> = found.hits().map(|(variable, _)| variable).collect();
    if hits.is_empty() || !hits.iter().all(|variable| carried(variable)) {
        return vec![Exclusion { rule: found.id, target: None }];
    }
    let mut all: Vec<Exclusion> =
        hits.iter().map(|variable| Exclusion { rule: found.id, target: Some((*variable).to_owned()) }).collect();
    all.dedup();
    all
}

/// The fewest updates under which the scores of these matches stay below the threshold; none when there is no score to go by.
pub fn fewest(matches: &[Match], score_now: u32, threshold: u32) -> Vec<Exclusion> {
    let mut grave: Vec<(&Match, u32)> = matches.iter().filter_map(|found| Some((found, score(found)?))).collect();
    // The gravest first, and of equals the first: few of them suffice.
    grave.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
    let mut all = Vec::new();
    let mut left = score_now;
    for (found, score) in grave {
        if left < threshold {
            return all;
        }
        let own = exclusions(found);
        if !own.is_empty() {
            left = left.saturating_sub(score);
        }
        for exclusion in own {
            if !all.contains(&exclusion) {
                all.push(exclusion);
            }
        }
    }
    if left < threshold { all } else { Vec::new() }
}
