//! Parts of texts: one automaton for what may stand anywhere, hashes for beginnings and ends.
//!
//! Most values hold nothing that rules look for. With few patterns a vectorised search (Teddy) says so at several
//! bytes a cycle; the automaton then reads only the values in which it found something.

use std::collections::HashMap;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::{Anchored, MatchKind, dfa, nfa::contiguous, packed};
use memchr::memmem;

use super::QuickHash;
use crate::predicate::Anchor;

/// More bytes of patterns than this make a denser, slower automaton.
const DFA_BYTES: usize = 64 << 10;
/// Patterns of one vectorised search; with more it stops too often.
const PACKED: usize = 48;
/// More searches than this take longer than the automaton.
const MAX_SEARCHES: usize = 4;
/// Patterns shorter than this are looked for one by one.
const MIN_PACKED: usize = 3;

/// Finds patterns in values.
#[derive(Default)]
pub(super) struct Scanner {
    /// What may stand anywhere, and its predicate.
    patterns: Vec<(Box<[u8]>, u32)>,
    machine: Option<Machine>,
    /// Find nothing in most values; when there are none, the automaton reads all.
    searches: Vec<Search>,
    /// Below this length a vectorised search can't begin.
    least: usize,
    starts: Edges,
    ends: Edges,
}

enum Search {
    Many(packed::Searcher),
    One(memmem::Finder<'static>),
}

enum Machine {
    Fast(dfa::DFA, StateID),
    Dense(contiguous::NFA, StateID),
}

impl Scanner {
    /// Adds a text that is not empty; each predicate once.
    pub(super) fn add(&mut self, anchor: Anchor, bytes: &[u8], predicate: u32) {
        match anchor {
            Anchor::Start => self.starts.add(bytes, bytes.first(), predicate),
            Anchor::End => self.ends.add(bytes, bytes.last(), predicate),
            Anchor::Anywhere | Anchor::Whole => self.patterns.push((bytes.into(), predicate)),
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
        let (mut long, short): (Vec<&[u8]>, Vec<&[u8]>) = texts.iter().partition(|text| text.len() >= MIN_PACKED);
        // Searches look at the first bytes: those that share them belong together.
        long.sort_unstable();
        let many =
            long.chunks(PACKED).map(|texts| packed::Config::new().builder().extend(texts).build().map(Search::Many));
        let one = short.iter().map(|text| Some(Search::One(memmem::Finder::new(text).into_owned())));
        let searches: Option<Vec<Search>> = many.chain(one).collect();
        let least = |search: &Search| if let Search::Many(packed) = search { packed.minimum_len() } else { 0 };
        self.searches = searches.filter(|searches| searches.len() <= MAX_SEARCHES).unwrap_or_default();
        self.least = self.searches.iter().map(least).max().unwrap_or(0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.patterns.is_empty() && self.starts.known.is_empty() && self.ends.known.is_empty()
    }

    pub(super) fn scan(&self, text: &[u8], hit: &mut impl FnMut(u32)) {
        self.starts.tell(text.first(), |length| text.get(..length), hit);
        self.ends.tell(text.last(), |length| text.len().checked_sub(length).and_then(|from| text.get(from..)), hit);
        let finds = |search: &Search| match search {
            Search::Many(packed) => packed.find(text).is_some(),
            Search::One(finder) => finder.find(text).is_some(),
        };
        if text.len() >= self.least && !self.searches.is_empty() && !self.searches.iter().any(finds) {
            return;
        }
        let mut found = |pattern: usize| {
            if let Some((_, predicate)) = self.patterns.get(pattern) {
                hit(*predicate);
            }
        };
        match &self.machine {
            None => {}
            Some(Machine::Fast(machine, start)) => walk(machine, *start, text, &mut found),
            Some(Machine::Dense(machine, start)) => walk(machine, *start, text, &mut found),
        }
    }
}

fn walk<M: Automaton>(machine: &M, start: StateID, text: &[u8], found: &mut impl FnMut(usize)) {
    let mut state = start;
    for byte in text {
        state = machine.next_state(Anchored::No, state, *byte);
        if machine.is_special(state) && machine.is_match(state) {
            for index in 0..machine.match_len(state) {
                found(machine.match_pattern(state, index).as_usize());
            }
        }
    }
}

/// Beginnings or ends of texts.
struct Edges {
    known: HashMap<Box<[u8]>, u32, QuickHash>,
    lengths: Vec<usize>,
    /// Which bytes stand at the very edge.
    bytes: [bool; 256],
}

impl Default for Edges {
    fn default() -> Edges {
        Edges { known: HashMap::default(), lengths: Vec::new(), bytes: [false; 256] }
    }
}

impl Edges {
    fn add(&mut self, bytes: &[u8], edge: Option<&u8>, predicate: u32) {
        self.known.insert(bytes.into(), predicate);
        if let Err(place) = self.lengths.binary_search(&bytes.len()) {
            self.lengths.insert(place, bytes.len());
        }
        if let Some(flag) = edge.and_then(|edge| self.bytes.get_mut(usize::from(*edge))) {
            *flag = true;
        }
    }

    fn tell<'t>(&self, edge: Option<&u8>, part: impl Fn(usize) -> Option<&'t [u8]>, hit: &mut impl FnMut(u32)) {
        let possible = edge.and_then(|edge| self.bytes.get(usize::from(*edge))).is_some_and(|flag| *flag);
        if !possible {
            return;
        }
        // A text that is too short for one length is too short for all that follow.
        for part in self.lengths.iter().map_while(|length| part(*length)) {
            if let Some(predicate) = self.known.get(part) {
                hit(*predicate);
            }
        }
    }
}
