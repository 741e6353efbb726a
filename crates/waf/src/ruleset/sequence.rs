//! The order in which rules run: phase by phase, with the places of markers.

use std::ops::Range;

use crate::seclang::{Program, Step};

/// Rules by number, from the first of phase 1 to the last of phase 5.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// The index of each in the program.
    pub(super) rules: Vec<usize>,
    /// The numbers of each phase.
    pub(super) phases: [Range<usize>; 5],
    /// Markers with the number of the rule that follows.
    markers: Vec<(String, usize)>,
}

impl Sequence {
    pub(super) fn of(program: &Program) -> Sequence {
        let mut sequence = Sequence::default();
        for (steps, range) in program.phases.iter().zip(0..) {
            let first = sequence.rules.len();
            for step in steps {
                match step {
                    Step::Rule(index) => sequence.rules.push(*index),
                    Step::Marker(name) => sequence.markers.push((name.to_string(), sequence.rules.len())),
                }
            }
            if let Some(phase) = sequence.phases.get_mut(range) {
                *phase = first..sequence.rules.len();
            }
        }
        sequence
    }

    /// The number of the rule that follows the next marker of this name.
    pub(super) fn behind(&self, rule: usize, marker: &str) -> usize {
        let end = self.phases.iter().find(|range| range.contains(&rule)).map_or(rule + 1, |range| range.end);
        let found = self.markers.iter().find(|(name, at)| name == marker && *at > rule && *at <= end);
        found.map_or(end, |(_, at)| *at)
    }
}
