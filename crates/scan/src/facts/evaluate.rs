//! Conditions over rows: which findings there are. A row is looked at by the conditions on its kind only.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::matcher::Matcher;
use super::template::fill;
use super::{Condition, Facts, Row, Selector};
use crate::report::{Evidence, Finding, Place};
use crate::rule::{Rule, RulePack};

/// The most findings of one condition; the last of them says how many more there are.
const MOST: usize = 1_000;

/// What the conditions of a pack find, in the order of the conditions and rows.
pub fn check(facts: &Facts, pack: &RulePack) -> Vec<Finding> {
    let mut kinds: HashMap<&str, Vec<&Row>> = HashMap::new();
    for row in &facts.rows {
        kinds.entry(row.kind).or_default().push(row);
    }
    let index = Index { kinds };
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for condition in pack.facts() {
        let Some(rule) = pack.get(condition.rule.as_str()) else { continue };
        let before = found.len();
        let mut more = 0_usize;
        for row in index.found(condition) {
            let finding = finding(rule, condition, row);
            if found.len() - before == MOST {
                more += 1;
            } else if seen.insert((finding.rule.clone(), finding.place.clone(), finding.evidence.clone())) {
                found.push(finding);
            }
        }
        if let Some(last) = found.last_mut().filter(|_| more > 0) {
            let shown = last.evidence.as_ref().map(|evidence| format!("{evidence}; ")).unwrap_or_default();
            last.evidence = Some(Evidence::new(&format!("{shown}and {more} more like it")));
        }
    }
    found
}

/// Rows by their kind.
struct Index<'f> {
    kinds: HashMap<&'f str, Vec<&'f Row>>,
}

/// What a finding is made of: a row, or the lack of one.
type Found<'f> = Option<&'f Row>;

impl<'f> Index<'f> {
    fn of(&self, kind: &str) -> &[&'f Row] {
        self.kinds.get(kind).map_or(&[], Vec::as_slice)
    }

    /// The rows that a condition finds.
    fn found(&self, condition: &Condition) -> Vec<Found<'f>> {
        // What does not depend on the row is looked at once.
        let others = || condition.when.iter().map(|s| (s, true)).chain(condition.unless.iter().map(|s| (s, false)));
        let none = Row::new("", Place::Package);
        let fixed = others().filter(|(selector, _)| !depends(selector));
        if !fixed.into_iter().all(|(selector, wanted)| self.exists(selector, &none).is_some() == wanted) {
            return Vec::new();
        }
        let bound: Vec<(&Selector, bool)> = others().filter(|(selector, _)| depends(selector)).collect();
        let fits = |row: &Row| {
            holds(&condition.wants, row, row)
                && bound.iter().all(|(selector, wanted)| self.exists(selector, row).is_some() == *wanted)
        };
        let rows = self.of(&condition.on).iter().copied();
        if !condition.missing {
            return rows.filter(|row| fits(row)).map(Some).collect();
        }
        if rows.into_iter().any(fits) {
            return Vec::new();
        }
        vec![condition.when.first().and_then(|first| self.exists(first, &none))]
    }

    /// The first row that a selector means.
    fn exists(&self, selector: &Selector, own: &Row) -> Option<&'f Row> {
        self.of(&selector.on).iter().copied().find(|row| holds(&selector.wants, row, own))
    }
}

fn holds(wants: &BTreeMap<String, Matcher>, row: &Row, own: &Row) -> bool {
    wants.iter().all(|(attribute, matcher)| matcher.holds(row.get(attribute), own))
}

/// Whether a selector compares with the condition's own row.
fn depends(selector: &Selector) -> bool {
    selector.wants.values().any(|matcher| matches!(matcher, Matcher::Wants(wants) if wants.same_as.is_some()))
}

fn finding(rule: &Rule, condition: &Condition, row: Found<'_>) -> Finding {
    let nothing = Row::new("", Place::Package);
    let row = row.unwrap_or(&nothing);
    let mut place = row.place.clone();
    if let (Place::Manifest { path, .. }, Some(at)) = (&mut place, &condition.at) {
        if !path.is_empty() {
            path.push('@');
        }
        path.push_str(at);
    }
    Finding {
        title: condition.title.as_ref().map(|title| fill(title, row)),
        evidence: condition.evidence.as_ref().map(|evidence| Evidence::new(&fill(evidence, row))),
        origin: row.origin.clone(),
        ..Finding::new(rule, place, condition.confidence)
    }
}
