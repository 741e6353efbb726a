//! The compiled rules: which of them fit an event.
//!
//! Predicates that several rules share are one. For each field there is one table: a hash for whole values, one
//! Aho-Corasick automaton for parts of texts, networks, numbers. An event's values set predicates, and a predicate wakes
//! the rules that can't be true without it (their *witness*); only those run their program. Wildcards in the middle of
//! texts, regular expressions and references to other fields are asked by programs, at most once an event, after
//! their witness. Rules without a witness run always; there are few.

mod build;
mod program;
mod scan;
mod table;
mod witness;

use std::hash::{BuildHasherDefault, Hasher};

use regex_automata::meta;

use crate::error::RuleErrors;
use crate::event::json::{Flat, TIMES, Trie};
use crate::event::value::Value;
use crate::event::{EventView, Native, OWN_CATEGORIES, own_source};
use crate::predicate::{Anchor, fold_into};
use crate::rule::{LogSource, Metadata, Rules};
use build::{Builder, filtered, question};
use program::Program;
use table::Table;

/// A field by its number in the engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct FieldId(pub u32);

/// The largest compiled regular expression in bytes.
const MAX_REGEX: usize = 8 << 20;

/// Compiles a regular expression: Unicode, linear in time, with a bounded size. Says what is wrong and what to do.
pub(crate) fn regex(source: &str) -> Result<meta::Regex, (String, &'static str)> {
    let config = meta::Config::new().nfa_size_limit(Some(MAX_REGEX)).hybrid_cache_capacity(2 * MAX_REGEX);
    meta::Builder::new().configure(config).build(source).map_err(|error| match error.syntax_error() {
        Some(syntax) => {
            let text = syntax.to_string();
            let cause = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            (cause, "look-around and back references are not part of Sigma")
        }
        None => {
            (format!("it takes more than {} MiB", MAX_REGEX >> 20), "repeat less, or repeat `[a-z]` in place of `\\w`")
        }
    })
}

/// A fast hash for tables whose keys rules choose, so that no peer can make them collide.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Quick(u64);

/// Builds [`Quick`].
pub(crate) type QuickHash = BuildHasherDefault<Quick>;

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
}

/// A detection that can be run.
struct Runnable {
    metadata: Metadata,
    source: LogSource,
    program: Program,
}

/// A predicate that programs ask about.
enum Question {
    /// Answered by the tables.
    Told,
    Glob(Option<FieldId>, crate::predicate::Pattern, bool),
    Regex(Option<FieldId>, Box<meta::Regex>),
    Part(FieldId, crate::predicate::TimePart, crate::predicate::Is, crate::predicate::Number),
    SameAs(FieldId, FieldId, Anchor, bool),
}

/// The rules for one log source.
struct Partition {
    /// One bit for each rule.
    rules: Vec<u64>,
    /// The fields of our own events that these rules ask about.
    fields: Vec<(FieldId, Native)>,
    /// Some look for keywords.
    keywords: bool,
    /// Those without a witness.
    tail: Vec<u32>,
}

impl Partition {
    fn has(&self, rule: u32) -> bool {
        self.rules.get(rule as usize / 64).is_some_and(|word| word & (1 << (rule % 64)) != 0)
    }
}

/// The compiled rules; immutable, shared by all who match.
pub(crate) struct Engine {
    fields: Vec<Box<str>>,
    natives: Vec<Option<Native>>,
    tables: Vec<Table>,
    keywords: Table,
    questions: Vec<Question>,
    rules: Vec<Runnable>,
    watchers: Vec<Box<[u32]>>,
    tail: Vec<u32>,
    /// Of our own categories, in their order; then of any source.
    partitions: Vec<Partition>,
    trie: Trie,
    pub(crate) times: Vec<FieldId>,
}

/// What one event's matching needs; reused for the next.
#[derive(Default)]
pub(crate) struct Scratch {
    generation: u32,
    hits: Vec<u32>,
    woken: Vec<u32>,
    asked: Vec<(u32, bool)>,
    candidates: Vec<u32>,
    fold: Vec<u8>,
    counters: Vec<usize>,
}

/// The values of an event.
#[derive(Clone, Copy)]
pub(crate) enum Facts<'f, 'e> {
    Own(&'f EventView<'e>),
    Flat(&'f Flat<'e>),
}

/// Which rules look at an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SourceId(usize);

impl Engine {
    /// Compiles detections, with their filters. `more` are fields whose values others will ask for.
    pub(crate) fn compile(rules: &Rules, more: &[Box<str>]) -> Result<Engine, RuleErrors> {
        let mut problems = rules.duplicates();
        let filtered = filtered(rules, &mut problems);
        let mut builder = Builder::default();
        let times: Vec<FieldId> = TIMES.iter().map(|name| builder.field(name)).collect();
        for name in more {
            builder.field(name);
        }
        let mut runnables = Vec::with_capacity(filtered.len());
        for (detection, expr) in filtered {
            let program = builder.program(&expr, u32::try_from(runnables.len()).unwrap_or(u32::MAX));
            runnables.push(Runnable {
                metadata: detection.metadata.clone(),
                source: detection.source.clone(),
                program,
            });
        }
        if !problems.is_empty() {
            return Err(RuleErrors::new(problems));
        }
        let natives: Vec<Option<Native>> = builder.fields.iter().map(|name| Native::of(name)).collect();
        let trie = Trie::new(builder.fields.iter().zip(0..).map(|(name, id)| (&**name, FieldId(id))));
        let mut tables: Vec<Table> = builder.fields.iter().map(|_| Table::default()).collect();
        let mut keywords = Table::default();
        let mut questions = Vec::with_capacity(builder.predicates.len());
        for ((predicate, id), fields) in builder.predicates.iter().zip(0u32..).zip(&builder.asked) {
            questions.push(question(&predicate.test, fields.0, fields.1));
            let table = match fields.0 {
                Some(field) => tables.get_mut(field.0 as usize),
                None => Some(&mut keywords),
            };
            if let Some(table) = table {
                table.add(&predicate.test, id);
            }
        }
        tables.iter_mut().chain([&mut keywords]).for_each(Table::seal);
        let watchers = builder.watchers.into_iter().map(Vec::into_boxed_slice).collect();
        let mut engine = Engine {
            fields: builder.fields,
            natives,
            tables,
            keywords,
            questions,
            rules: runnables,
            watchers,
            tail: builder.tail,
            partitions: Vec::new(),
            trie,
            times,
        };
        for category in OWN_CATEGORIES {
            let partition = engine.partition(Some(&own_source(category)), &builder.used);
            engine.partitions.push(partition);
        }
        let any = engine.partition(None, &builder.used);
        engine.partitions.push(any);
        engine.keep_uses(builder.used);
        Ok(engine)
    }

    fn partition(&self, source: Option<&LogSource>, used: &[Vec<Option<FieldId>>]) -> Partition {
        let mut rules = vec![0; self.rules.len().div_ceil(64)];
        let mut fields = vec![false; self.fields.len()];
        let mut keywords = false;
        for ((rule, runnable), used) in (0u32..).zip(&self.rules).zip(used) {
            if source.is_some_and(|source| !runnable.source.covers(source)) {
                continue;
            }
            if let Some(word) = rules.get_mut(rule as usize / 64) {
                *word |= 1u64 << (rule % 64);
            }
            for field in used {
                match field {
                    None => keywords = true,
                    Some(field) => {
                        if let Some(flag) = fields.get_mut(field.0 as usize) {
                            *flag = true;
                        }
                    }
                }
            }
        }
        let own = fields.iter().zip(&self.natives).zip(0u32..).filter_map(|((used, native), id)| {
            used.then(|| native.clone().map(|native| (FieldId(id), native))).flatten()
        });
        let own = own.collect();
        let mut partition = Partition { rules, fields: own, keywords, tail: Vec::new() };
        partition.tail = self.tail.iter().copied().filter(|rule| partition.has(*rule)).collect();
        partition
    }

    /// Room for partitions of other sources, which are asked for later.
    fn keep_uses(&mut self, used: Vec<Vec<Option<FieldId>>>) {
        for (runnable, used) in self.rules.iter_mut().zip(used) {
            runnable.program.uses = used;
        }
    }

    /// The number of a log source; nothing means that all rules look.
    pub(crate) fn source(&mut self, source: Option<&LogSource>) -> SourceId {
        let Some(source) = source else { return SourceId(OWN_CATEGORIES.len()) };
        if let Some(index) = OWN_CATEGORIES.iter().position(|category| own_source(category) == *source) {
            return SourceId(index);
        }
        let used: Vec<Vec<Option<FieldId>>> = self.rules.iter().map(|rule| rule.program.uses.clone()).collect();
        let partition = self.partition(Some(source), &used);
        self.partitions.push(partition);
        SourceId(self.partitions.len() - 1)
    }

    /// The source of an own event.
    pub(crate) fn own(event: &EventView<'_>) -> SourceId {
        let category = event.kind.sigma_category();
        SourceId(OWN_CATEGORIES.iter().position(|own| *own == category).unwrap_or(OWN_CATEGORIES.len()))
    }

    pub(crate) fn field(&self, name: &str) -> Option<FieldId> {
        let index = self.fields.iter().position(|field| &**field == name)?;
        u32::try_from(index).ok().map(FieldId)
    }

    pub(crate) fn metadata(&self, rule: u32) -> Option<&Metadata> {
        self.rules.get(rule as usize).map(|rule| &rule.metadata)
    }

    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    /// Predicates after sharing, and rules without a witness.
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.questions.len(), self.tail.len())
    }

    pub(crate) fn flat<'e>(&self, text: &'e str, source: SourceId) -> Result<Flat<'e>, crate::EventError> {
        let keywords = self.partitions.get(source.0).is_some_and(|partition| partition.keywords);
        Flat::read(text, &self.trie, keywords)
    }

    /// The rules that fit, in the order of their numbers.
    pub(crate) fn matches(&self, facts: Facts<'_, '_>, source: SourceId, scratch: &mut Scratch, found: &mut Vec<u32>) {
        found.clear();
        let Some(partition) = self.partitions.get(source.0) else { return };
        scratch.begin(self.questions.len(), self.rules.len());
        let mut run = Run { engine: self, partition, facts, scratch };
        run.tell();
        let mut candidates = std::mem::take(&mut run.scratch.candidates);
        for rule in candidates.iter().chain(&partition.tail) {
            if let Some(runnable) = self.rules.get(*rule as usize)
                && runnable.program.holds(&mut run)
            {
                found.push(*rule);
            }
        }
        candidates.clear();
        scratch.candidates = candidates;
        found.sort_unstable();
        found.dedup();
    }

    /// The first value of a field.
    pub(crate) fn value<'e>(&self, facts: Facts<'_, 'e>, field: FieldId) -> Option<Value<'e>> {
        match facts {
            Facts::Own(event) => self.natives.get(field.0 as usize)?.as_ref()?.get(event),
            Facts::Flat(flat) => {
                flat.fields.iter().find(|(of, value)| *of == field && *value != Value::Null).map(|(_, v)| v.clone())
            }
        }
    }
}

impl Scratch {
    fn begin(&mut self, predicates: usize, rules: usize) {
        self.hits.resize(predicates, 0);
        self.asked.resize(predicates, (0, false));
        self.woken.resize(rules, 0);
        self.candidates.clear();
        self.counters.clear();
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.hits.fill(0);
            self.woken.fill(0);
            self.asked.fill((0, false));
            self.generation = 1;
        }
    }
}

/// The matching of one event.
struct Run<'r, 'e> {
    engine: &'r Engine,
    partition: &'r Partition,
    facts: Facts<'r, 'e>,
    scratch: &'r mut Scratch,
}

impl Run<'_, '_> {
    /// Tells the tables all values.
    fn tell(&mut self) {
        let (engine, partition) = (self.engine, self.partition);
        let Scratch { generation, hits, woken, candidates, fold, .. } = &mut *self.scratch;
        let mut hit = |predicate: u32| {
            let Some(stamp) = hits.get_mut(predicate as usize) else { return };
            if *stamp == *generation {
                return;
            }
            *stamp = *generation;
            for rule in engine.watchers.get(predicate as usize).map_or(&[][..], |rules| rules) {
                if let Some(stamp) = woken.get_mut(*rule as usize)
                    && *stamp != *generation
                    && partition.has(*rule)
                {
                    *stamp = *generation;
                    candidates.push(*rule);
                }
            }
        };
        match self.facts {
            Facts::Own(event) => {
                for (field, native) in &partition.fields {
                    if let (Some(value), Some(table)) = (native.get(event), engine.tables.get(field.0 as usize)) {
                        table.tell(&value, fold, &mut hit);
                    }
                }
                if partition.keywords {
                    crate::event::each_text(event, |value| engine.keywords.tell(value, fold, &mut hit));
                }
            }
            Facts::Flat(flat) => {
                for (field, value) in &flat.fields {
                    if let Some(table) = engine.tables.get(field.0 as usize) {
                        table.tell(value, fold, &mut hit);
                    }
                }
                if partition.keywords {
                    for value in flat.fields.iter().map(|(_, value)| value).chain(&flat.loose) {
                        engine.keywords.tell(value, fold, &mut hit);
                    }
                }
            }
        }
    }

    fn is_told(&self, predicate: u32) -> bool {
        self.scratch.hits.get(predicate as usize) == Some(&self.scratch.generation)
    }

    /// Asks about a predicate that tables don't answer; once.
    fn ask(&mut self, predicate: u32) -> bool {
        let generation = self.scratch.generation;
        if let Some((asked, answer)) = self.scratch.asked.get(predicate as usize)
            && *asked == generation
        {
            return *answer;
        }
        let mut fold = std::mem::take(&mut self.scratch.fold);
        let answer = match self.engine.questions.get(predicate as usize) {
            None | Some(Question::Told) => false,
            Some(Question::Regex(field, regex)) => {
                self.any(*field, |value| value.text().is_some_and(|text| regex.is_match(text.as_bytes())))
            }
            Some(Question::Glob(field, pattern, cased)) => self.any(*field, |value| {
                value.text().is_some_and(|text| {
                    if *cased {
                        pattern.matches(text.as_bytes())
                    } else {
                        fold_into(text.as_bytes(), &mut fold);
                        pattern.matches(&fold)
                    }
                })
            }),
            Some(Question::Part(field, part, is, to)) => self.any(Some(*field), |value| {
                value.part(*part).is_some_and(|value| is.holds(crate::predicate::Number::Int(value), *to))
            }),
            Some(Question::SameAs(field, other, anchor, cased)) => self.any(Some(*field), |value| {
                let Some(left) = value.text() else { return false };
                self.any(Some(*other), |value| value.text().is_some_and(|right| same(&left, &right, *anchor, *cased)))
            }),
        };
        self.scratch.fold = fold;
        if let Some(place) = self.scratch.asked.get_mut(predicate as usize) {
            *place = (generation, answer);
        }
        answer
    }

    /// Whether any value of a field, or of the event, fits.
    fn any(&self, field: Option<FieldId>, mut fits: impl FnMut(&Value<'_>) -> bool) -> bool {
        match (self.facts, field) {
            (Facts::Own(_), Some(field)) => self.engine.value(self.facts, field).is_some_and(|value| fits(&value)),
            (Facts::Own(event), None) => {
                let mut found = false;
                crate::event::each_text(event, |value| found = found || fits(value));
                found
            }
            (Facts::Flat(flat), Some(field)) => flat.fields.iter().any(|(of, value)| *of == field && fits(value)),
            (Facts::Flat(flat), None) => flat.fields.iter().map(|(_, value)| value).chain(&flat.loose).any(fits),
        }
    }
}

fn same(left: &str, right: &str, anchor: Anchor, cased: bool) -> bool {
    let fold = |text: &str| {
        let mut folded = Vec::new();
        fold_into(text.as_bytes(), &mut folded);
        folded
    };
    let (left, right) = if cased { (left.into(), right.into()) } else { (fold(left), fold(right)) };
    match anchor {
        Anchor::Whole => left == right,
        Anchor::Start => left.starts_with(&right),
        Anchor::End => left.ends_with(&right),
        Anchor::Anywhere => right.is_empty() || left.windows(right.len()).any(|part| part == right),
    }
}
