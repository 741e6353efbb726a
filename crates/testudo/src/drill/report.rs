//! What came of a drill: what was seen, done and refused, when, and whom it hit wrongly.

#![expect(clippy::similar_names, reason = "the names are the words of the field")]
#![expect(clippy::struct_field_names, reason = "the unit stands in the name")]

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use testudo_core::Timestamp;

use super::Scenario;
use super::script::{Act, Side};

/// An attack counts as held back when what still passes is at most so much of what passed before.
const HELD_BACK: f64 = 0.4;
/// What a hit says that nobody asked for.
const ACTED_ON: &str = "acted on";
/// What a tightened limit still had in hand may be used up so long, in microseconds.
const IN_HAND: i64 = 2_000_000;
/// What is done within so many microseconds of the first act is of one plan.
const ONE_PLAN: i64 = 50_000;

/// The report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The scenario.
    pub scenario: &'static str,
    /// What happens in it.
    pub title: &'static str,
    /// Whether it ended well: held back, and honest people spared.
    pub passed: bool,
    /// Why not.
    pub failures: Vec<String>,
    /// The rules that fitted, in the order in which they did.
    pub rules: Vec<String>,
    /// When, relative to the event that decided.
    pub times: Times,
    /// What was done, in order.
    pub done: Vec<Done>,
    /// What the attack tried.
    pub attack: Tries,
    /// Attempts of the attack that passed in a second, before and after.
    pub rate: Rate,
    /// What it got hold of, and whether that was worth something in the end.
    pub stolen: BTreeMap<String, bool>,
    /// What honest people tried.
    pub honest: Tries,
    /// Whom it hit wrongly.
    pub hit: Vec<Hit>,
}

/// Times in milliseconds after the event that decided.
#[derive(Debug, Default, Serialize)]
pub struct Times {
    /// From the first act of the attack to the event that decided.
    pub attack_before_ms: Option<f64>,
    /// Until an incident was opened.
    pub detected_ms: Option<f64>,
    /// Until the first thing was done.
    pub acted_ms: Option<f64>,
    /// Until the last thing of the first plan was done.
    pub contained_ms: Option<f64>,
    /// Until an attempt of the attack was answered by a refusal.
    pub refused_ms: Option<f64>,
}

/// Something that was done.
#[derive(Debug, Serialize)]
pub struct Done {
    /// Milliseconds after the event that decided.
    pub ms: f64,
    /// The kind of the event.
    pub what: String,
    /// The action.
    pub action: String,
    /// How many times at that moment.
    pub times: usize,
}

/// Attempts.
#[derive(Debug, Default, Serialize)]
pub struct Tries {
    /// All.
    pub all: usize,
    /// Those that were refused, by code.
    pub refused: BTreeMap<String, usize>,
}

/// Attempts in a second that passed.
#[derive(Debug, Default, Serialize)]
pub struct Rate {
    /// Until something was done.
    pub before: f64,
    /// From then on.
    pub after: f64,
}

/// Somebody honest who was refused.
#[derive(Debug, Serialize)]
pub struct Hit {
    /// Who.
    pub who: String,
    /// What she wanted.
    pub what: String,
    /// The code of the refusal.
    pub code: String,
    /// How many times.
    pub times: usize,
}

impl Report {
    /// Over all acts, what was stolen, and what the journal tells.
    pub(super) fn of(
        scenario: &'static Scenario,
        began: Timestamp,
        acts: &[Act],
        stolen: Vec<(String, bool)>,
        acted_on: &[(String, String)],
        told: &[Value],
    ) -> Report {
        let told: Vec<Told<'_>> = told.iter().filter_map(Told::of).collect();
        let fits = |told: &&Told<'_>| told.kind == "alert.raised" && scenario.rules.contains(&told.target);
        let decided = told.iter().find(fits).map(|alert| alert.at);
        let zero = decided.unwrap_or(began);
        let performed: Vec<&Told<'_>> = told.iter().filter(|told| told.kind == "response.performed").collect();
        let acted = performed.iter().map(|told| told.at).find(|at| *at >= zero);
        let soon = |at: &Timestamp| acted.is_some_and(|acted| (0..=ONE_PLAN).contains(&(at.micros() - acted.micros())));
        let contained = performed.iter().map(|told| told.at).filter(soon).max();
        let attack: Vec<&Act> = acts.iter().filter(|act| act.side == Side::Attack).collect();
        let refused = attack.iter().find(|act| acted.is_some_and(|acted| act.at >= acted) && !act.passed);
        let after = |at: Timestamp| millis(zero, at);
        let times = Times {
            attack_before_ms: attack.first().map(|act| millis(act.at, zero)),
            detected_ms: told
                .iter()
                .find(|told| told.kind == "incident.opened" && told.at >= zero)
                .map(|t| after(t.at)),
            acted_ms: acted.map(after),
            contained_ms: contained.map(after),
            refused_ms: refused.map(|act| after(act.at)),
        };
        let mut rules: Vec<String> = Vec::new();
        for alert in told.iter().filter(|told| told.kind == "alert.raised") {
            if !rules.iter().any(|rule| rule == alert.target) {
                rules.push(alert.target.to_owned());
            }
        }
        let done = told.iter().filter(|told| told.kind.starts_with("response."));
        let done = done.fold(Vec::<Done>::new(), |mut all, told| {
            let next = Done { ms: after(told.at), what: told.kind.into(), action: told.action.into(), times: 1 };
            match all.last_mut().filter(|last| last.is_same(&next)) {
                Some(last) => last.times += 1,
                None => all.push(next),
            }
            all
        });
        let mut report = Report {
            scenario: scenario.name,
            title: scenario.title,
            passed: false,
            failures: Vec::new(),
            rules,
            times,
            done,
            attack: Tries::of(&attack),
            rate: rate(&attack, acted),
            stolen: stolen.into_iter().collect(),
            honest: Tries::default(),
            hit: Vec::new(),
        };
        let honest: Vec<&Act> = acts.iter().filter(|act| act.side == Side::Honest).collect();
        report.honest = Tries::of(&honest);
        report.hit = hit(&honest, acted_on);
        report.judge(scenario, decided.is_some(), acted.is_some(), &honest);
        report
    }

    fn judge(&mut self, scenario: &Scenario, detected: bool, acted: bool, honest: &[&Act]) {
        let mut failures = Vec::new();
        if !detected {
            failures.push(format!("none of these rules fitted: {}", scenario.rules.join(", ")));
        }
        if !acted {
            failures.push("nothing was done against it".into());
        }
        if self.rate.after > self.rate.before * HELD_BACK {
            let Rate { before, after } = self.rate;
            failures
                .push(format!("the attack went on: {after:.1} attempts passed in a second, and {before:.1} before"));
        }
        for (who, _) in self.stolen.iter().filter(|(_, worth)| **worth) {
            failures.push(format!("what was stolen from `{who}` is still good"));
        }
        let refused = honest.iter().filter(|act| !act.passed).count();
        let share = percent(refused, honest.len());
        if share > scenario.spare {
            let spare = scenario.spare;
            failures.push(format!("{share:.1} % of what honest people wanted was refused; {spare:.1} % may be"));
        }
        // To be refused for a while is one thing; to be acted on is another.
        let acted_on: BTreeSet<&str> =
            self.hit.iter().filter(|hit| hit.what == ACTED_ON || lost(&hit.code)).map(|hit| hit.who.as_str()).collect();
        if acted_on.len() > scenario.people {
            let (number, most) = (acted_on.len(), scenario.people);
            failures.push(format!("{number} honest people were acted on, and {most} may be"));
        }
        self.passed = failures.is_empty();
        self.failures = failures;
    }
}

/// Whether a refusal says that the session is over, or that more is to be shown.
fn lost(code: &str) -> bool {
    ["revoked", "invalid_grant", "locked", "step-up", "second-factor", "blocked"].iter().any(|word| code.contains(word))
}

/// An entry of the journal, as far as it is told.
struct Told<'v> {
    kind: &'v str,
    at: Timestamp,
    target: &'v str,
    action: &'v str,
}

impl<'v> Told<'v> {
    fn of(entry: &'v Value) -> Option<Told<'v>> {
        let event = entry.get("event")?;
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        Some(Told {
            kind: text("/kind"),
            at: serde_json::from_value(event.get("at")?.clone()).ok()?,
            target: text("/target"),
            action: text("/details/action"),
        })
    }
}

impl Done {
    fn is_same(&self, other: &Done) -> bool {
        (self.ms - other.ms).abs() < 1.0 && self.what == other.what && self.action == other.action
    }
}

impl Tries {
    fn of(acts: &[&Act]) -> Tries {
        let mut refused = BTreeMap::new();
        for act in acts.iter().filter(|act| !act.passed) {
            *refused.entry(act.code.to_string()).or_default() += 1;
        }
        Tries { all: acts.len(), refused }
    }
}

fn hit(honest: &[&Act], acted_on: &[(String, String)]) -> Vec<Hit> {
    let mut hit: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for (who, kind) in acted_on {
        *hit.entry((who, ACTED_ON, kind)).or_default() += 1;
    }
    for act in honest.iter().filter(|act| !act.passed) {
        *hit.entry((&act.who, act.what, &act.code)).or_default() += 1;
    }
    hit.into_iter()
        .map(|((who, what, code), times)| Hit { who: who.into(), what: what.into(), code: code.into(), times })
        .collect()
}

/// Attempts in a second that passed, before and after something was done.
fn rate(attack: &[&Act], acted: Option<Timestamp>) -> Rate {
    let (Some(first), Some(last)) = (attack.first(), attack.last()) else { return Rate::default() };
    let acted = acted.unwrap_or(last.at);
    let later = Timestamp::from_micros(acted.micros().saturating_add(IN_HAND));
    let passed = |from: Timestamp, to: Timestamp| {
        let count = attack.iter().filter(|act| act.passed && act.at >= from && act.at < to).count();
        per_second(count, from, to)
    };
    Rate { before: passed(first.at, acted), after: passed(later, last.at) }
}

#[expect(clippy::cast_precision_loss, reason = "counts and milliseconds of one drill")]
fn per_second(count: usize, from: Timestamp, to: Timestamp) -> f64 {
    let seconds = to.since(from).as_secs_f64();
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "counts and milliseconds of one drill")]
fn percent(part: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { part as f64 * 100.0 / of as f64 }
}

#[expect(clippy::cast_precision_loss, reason = "counts and milliseconds of one drill")]
pub(super) fn millis(from: Timestamp, to: Timestamp) -> f64 {
    (to.micros() - from.micros()) as f64 / 1000.0
}

#[cfg(test)]
mod tests;
