//! How a value became what a rule matched: its transformations run again, one after another. Only what matched is looked at,
//! and only when somebody asks.

use super::act::head;
use super::record::Match;
use super::{State, Transaction};
use crate::ruleset::{Link, RuleSet};
use crate::values::{Pipe, ValueId};

/// How many values of one name are tried.
const MOST_TRIED: usize = 64;
/// Values longer than this are not transformed again.
const LONGEST: usize = 256 << 10;

/// The way of a value through the transformations of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// As it was sent, of a bounded length.
    pub sent: Vec<u8>,
    /// The transformations in order; with `multiMatch` those up to the match.
    pub steps: Vec<Step>,
}

/// A transformation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Its name, as in `t:urlDecodeUni`.
    pub name: &'static str,
    /// What it made of the value, of a bounded length; nothing where it changed nothing.
    pub output: Option<Vec<u8>>,
}

impl Transaction {
    /// How one of the [hits](Match::hits) of a match came about; nothing for what the request did not say itself: numbers,
    /// and what rules have made.
    pub fn trace(&self, found: &Match, variable: &str, value: &[u8]) -> Option<Trace> {
        let state = &self.buffers.as_deref()?.state;
        let rule = self.set.rules.iter().find(|rule| rule.id == found.id && rule.phase == found.phase)?;
        rule.links.iter().find_map(|link| state.trace(&self.set, link, variable, value))
    }
}

impl State {
    fn trace(&self, set: &RuleSet, link: &Link, variable: &str, value: &[u8]) -> Option<Trace> {
        let (name, member) = variable.split_once(':').map_or((variable, None), |(name, member)| (name, Some(member)));
        let named = |id: ValueId| member.is_none_or(|member| String::from_utf8_lossy(self.values.get(id)) == member);
        let views = link.views.iter().filter(|view| view.variable.name() == name && !view.count);
        let readings = views.filter_map(|view| view.readings()).flatten();
        let items = readings.flat_map(|reading| {
            let items = self.lanes.get(reading.lane).iter().filter(|item| named(item.name));
            items.map(|item| if reading.names { item.name } else { item.value })
        });
        let own = [link.pipe];
        let stages = if link.stages.is_empty() { own.as_slice() } else { &link.stages };
        items.take(MOST_TRIED).map(|id| self.values.get(id)).filter(|sent| sent.len() <= LONGEST).find_map(|sent| {
            let mut pipes = stages.iter().filter_map(|stage| set.pipes.get(*stage));
            pipes.find_map(|pipe| run(set, pipe, sent, value))
        })
    }
}

/// The way of a value, if this is what comes of it.
fn run(set: &RuleSet, pipe: &Pipe, original: &[u8], wanted: &[u8]) -> Option<Trace> {
    let mut current = original.to_vec();
    let mut steps = Vec::with_capacity(pipe.steps.len());
    for (transformation, _) in &pipe.steps {
        let after = transformation.apply_with(&current, set.unicode.as_ref()).into_owned();
        let output = (after != current).then(|| head(&after).to_vec());
        steps.push(Step { name: transformation.name(), output });
        current = after;
    }
    (head(&current) == wanted).then(|| Trace { sent: head(original).to_vec(), steps })
}
