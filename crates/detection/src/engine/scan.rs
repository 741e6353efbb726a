//! Parts of texts: one automaton for all patterns of a field.

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::{Anchored, MatchKind, PatternID, dfa, nfa::contiguous};

use crate::predicate::Anchor;

/// More bytes of patterns than this make a denser, slower automaton.
const DFA_BYTES: usize = 64 << 10;

/// Finds patterns in values.
#[derive(Default)]
pub(super) struct Scanner {
    patterns: Vec<(Box<[u8]>, Meanings)>,
    machine: Option<Machine>,
}

/// Where a pattern may stand, and which predicates then hold.
type Meanings = Vec<(Anchor, u32)>;

enum Machine {
    Fast(dfa::DFA, StateID),
    Dense(contiguous::NFA, StateID),
}

impl Scanner {
    pub(super) fn add(&mut self, anchor: Anchor, bytes: &[u8], predicate: u32) {
        match self.patterns.iter_mut().find(|(known, _)| **known == *bytes) {
            Some((_, meanings)) => meanings.push((anchor, predicate)),
            None => self.patterns.push((bytes.into(), vec![(anchor, predicate)])),
        }
    }

    /// Builds the automaton, after the last pattern. It can't fail below 2^31 bytes of patterns, which files can't hold.
    pub(super) fn seal(&mut self) {
        let texts: Vec<&[u8]> = self.patterns.iter().map(|(bytes, _)| &**bytes).collect();
        let size: usize = texts.iter().map(|text| text.len()).sum();
        if texts.is_empty() {
            return;
        }
        let fast = || {
            let machine = dfa::DFA::builder().match_kind(MatchKind::Standard).prefilter(false).build(&texts).ok()?;
            let start = machine.start_state(Anchored::No).ok()?;
            Some(Machine::Fast(machine, start))
        };
        let dense = || {
            let builder = &mut contiguous::NFA::builder();
            let machine = builder.match_kind(MatchKind::Standard).prefilter(false).build(&texts).ok()?;
            let start = machine.start_state(Anchored::No).ok()?;
            Some(Machine::Dense(machine, start))
        };
        self.machine = if size <= DFA_BYTES { fast().or_else(dense) } else { dense() };
    }

    pub(super) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    pub(super) fn scan(&self, text: &[u8], hit: &mut impl FnMut(u32)) {
        let mut found = |pattern: PatternID, end: usize| {
            let Some((bytes, meanings)) = self.patterns.get(pattern.as_usize()) else { return };
            for (anchor, predicate) in meanings {
                let fits = match anchor {
                    Anchor::Anywhere => true,
                    Anchor::Start => end == bytes.len(),
                    Anchor::End => end == text.len(),
                    Anchor::Whole => end == bytes.len() && end == text.len(),
                };
                if fits {
                    hit(*predicate);
                }
            }
        };
        match &self.machine {
            None => {}
            Some(Machine::Fast(machine, start)) => walk(machine, *start, text, &mut found),
            Some(Machine::Dense(machine, start)) => walk(machine, *start, text, &mut found),
        }
    }
}

fn walk<M: Automaton>(machine: &M, start: StateID, text: &[u8], found: &mut impl FnMut(PatternID, usize)) {
    let mut state = start;
    for (byte, end) in text.iter().zip(1..) {
        state = machine.next_state(Anchored::No, state, *byte);
        if machine.is_special(state) && machine.is_match(state) {
            for index in 0..machine.match_len(state) {
                found(machine.match_pattern(state, index), end);
            }
        }
    }
}
