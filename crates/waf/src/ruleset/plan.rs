//! What of a phase is left to do, when what is settled beforehand is left out.
//!
//! There are two plans. One holds for every request. The other holds as long as no rule about attacks has matched: scores
//! are what they were set to then, so that the rules that sum them up, report them and refuse because of them are settled
//! too. A transaction goes from the second to the first with the first such match, and leaves both behind when something
//! happens that no plan foresees.

use super::Bits;
use super::fold::Settled;
use super::{Phase, Rule};
use crate::transaction::state::Member;

/// What is asked in a phase.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Rules that are asked whatever the screen says.
    pub(crate) always: Bits,
    /// Rules that are not asked, whatever it says.
    pub(crate) folded: Bits,
    /// Rules that surely match and only assign, in order.
    runs: Vec<Run>,
}

/// Rules in a row that come to nothing but these writes, which are the same for all requests.
#[derive(Debug)]
pub(crate) struct Run {
    first: usize,
    /// The rule behind them.
    pub(crate) end: usize,
    /// Slots of `TX`, each once, with what they hold afterwards.
    pub(crate) writes: Vec<(usize, Member)>,
}

impl Plan {
    /// The plan of a phase; `screened` are the rules that the screen decides about.
    pub(crate) fn of(phase: &Phase, settled: &Settled, rules: &[Rule], screened: &Bits) -> Plan {
        let mut plan = Plan { always: Bits::new(rules.len()), folded: settled.rules.clone(), runs: Vec::new() };
        let left = || phase.rules.clone().filter(move |number| !settled.rules.contains(*number));
        let mut begins = Bits::new(rules.len());
        for number in left().filter(|number| !settled.writes.contains_key(number)) {
            if let Some(target) = rules.get(number).and_then(|rule| rule.target(number)) {
                begins.insert(target);
            }
        }
        let mut run: Option<Run> = None;
        for number in left() {
            let Some(writes) = settled.writes.get(&number) else {
                plan.runs.extend(run.take());
                if !screened.contains(number) {
                    plan.always.insert(number);
                }
                continue;
            };
            if begins.contains(number) {
                plan.runs.extend(run.take());
            }
            let run = run.get_or_insert_with(|| {
                plan.always.insert(number);
                Run { first: number, end: number, writes: Vec::new() }
            });
            run.end = number + 1;
            for (slot, member) in writes {
                run.writes.retain(|(other, _)| other != slot);
                run.writes.push((*slot, *member));
            }
        }
        plan.runs.extend(run);
        plan
    }

    /// The run that begins with this rule.
    #[inline]
    pub(crate) fn run(&self, first: usize) -> Option<&Run> {
        self.runs.iter().find(|run| run.first >= first).filter(|run| run.first == first)
    }
}
