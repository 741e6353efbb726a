//! From rules to the numbers that the engine works with.

use std::collections::HashMap;

use super::program::Program;
use super::{FieldId, Question, regex, witness};
use crate::error::{Fault, Problem, nearest};
use crate::predicate::{Expr, Predicate, Test};
use crate::rule::{Detection, Rules};

/// Each detection with the filters that are for it.
pub(super) fn filtered<'r>(rules: &'r Rules, problems: &mut Vec<Problem>) -> Vec<(&'r Detection, Expr)> {
    let mut filtered: Vec<(&Detection, Expr)> = rules.detections.iter().map(|rule| (rule, rule.expr.clone())).collect();
    let index: HashMap<&str, usize> = rules
        .detections
        .iter()
        .enumerate()
        .flat_map(|(index, rule)| rule.metadata.names().map(move |name| (name, index)))
        .collect();
    for filter in &rules.filters {
        let mut join = |index: usize| {
            if let Some((rule, expr)) = filtered.get_mut(index)
                && filter.source.covers(&rule.source)
            {
                let own = std::mem::replace(expr, Expr::All(Vec::new()));
                *expr = Expr::All(vec![own, filter.expr.clone()]);
            }
        };
        let Some(named) = &filter.rules else {
            (0..rules.detections.len()).for_each(join);
            continue;
        };
        for (name, at) in named {
            if let Some(index) = index.get(&**name) {
                join(*index);
                continue;
            }
            let what = format!("the filter names the rule `{name}`, which is not loaded");
            let near = nearest(name, index.keys().copied());
            let remedy = near.map_or("load it, or remove it here".to_owned(), |near| format!("did you mean `{near}`?"));
            problems.push(Fault::new(*at, what, remedy).within(&filter.metadata.file));
        }
    }
    filtered
}

/// Gives numbers to fields and predicates.
#[derive(Default)]
pub(super) struct Builder {
    pub fields: Vec<Box<str>>,
    field_ids: HashMap<Box<str>, FieldId>,
    pub predicates: Vec<Predicate>,
    predicate_ids: HashMap<Predicate, u32>,
    /// The fields of each predicate.
    pub asked: Vec<(Option<FieldId>, Option<FieldId>)>,
    pub watchers: Vec<Vec<u32>>,
    pub tail: Vec<u32>,
    /// The fields of each rule.
    pub used: Vec<Vec<Option<FieldId>>>,
}

impl Builder {
    pub fn field(&mut self, name: &str) -> FieldId {
        if let Some(id) = self.field_ids.get(name) {
            return *id;
        }
        let id = FieldId(u32::try_from(self.fields.len()).unwrap_or(u32::MAX));
        self.fields.push(name.into());
        self.field_ids.insert(name.into(), id);
        id
    }

    fn predicate(&mut self, predicate: &Predicate) -> u32 {
        if let Some(id) = self.predicate_ids.get(predicate) {
            return *id;
        }
        let field = predicate.field.as_deref().map(|name| self.field(name));
        let other = if let Test::SameAs { other, .. } = &predicate.test { Some(self.field(other)) } else { None };
        let id = u32::try_from(self.predicates.len()).unwrap_or(u32::MAX);
        self.predicates.push(predicate.clone());
        self.predicate_ids.insert(predicate.clone(), id);
        self.asked.push((field, other));
        self.watchers.push(Vec::new());
        id
    }

    pub fn program(&mut self, expr: &Expr, rule: u32) -> Program {
        let mut used = Vec::new();
        let mut program = Program::default();
        program.write(expr, &mut |predicate| {
            let id = self.predicate(predicate);
            if let Some((field, other)) = self.asked.get(id as usize) {
                used.push(*field);
                used.extend(other.map(Some));
            }
            id
        });
        match witness::of(expr, &mut |predicate| self.predicate(predicate)) {
            Some(witness) => {
                for predicate in witness {
                    if let Some(rules) = self.watchers.get_mut(predicate as usize)
                        && rules.last() != Some(&rule)
                    {
                        rules.push(rule);
                    }
                }
            }
            None => self.tail.push(rule),
        }
        used.sort_unstable();
        used.dedup();
        self.used.push(used);
        program
    }
}

/// What programs ask of a predicate.
pub(super) fn question(test: &Test, field: Option<FieldId>, other: Option<FieldId>) -> Question {
    match (test, field, other) {
        (Test::Glob { pattern, cased }, ..) => Question::Glob(field, pattern.clone(), *cased),
        // It was compiled once when the rule was read, so it compiles.
        (Test::Regex { source }, ..) => {
            regex(source).map_or(Question::Told, |regex| Question::Regex(field, Box::new(regex)))
        }
        (Test::Part { part, is, to }, Some(field), _) => Question::Part(field, *part, *is, *to),
        (Test::SameAs { anchor, cased, .. }, Some(field), Some(other)) => {
            Question::SameAs(field, other, *anchor, *cased)
        }
        _ => Question::Told,
    }
}
