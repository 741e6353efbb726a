//! A rule's condition as a short program: tests, negations and jumps over what is decided already.

use super::{FieldId, Run};
use crate::predicate::{Expr, Predicate, Test};

/// One step; there is one value at hand, which tests set and jumps look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// Whether the tables hit this predicate.
    Told(u32),
    /// Whether this predicate holds.
    Ask(u32),
    Not,
    /// Goes on there when the value is false.
    Unless(u32),
    /// Goes on there when the value is true.
    When(u32),
    /// Begins to count.
    Count,
    /// Counts a true value; with that many, it is true, and goes on there.
    Enough(usize, u32),
    /// There were not enough.
    Short,
}

/// The program of a rule.
#[derive(Clone, Default, Debug)]
pub(super) struct Program {
    steps: Vec<Step>,
    /// The fields that it asks about; nothing stands for keywords.
    pub(super) uses: Vec<Option<FieldId>>,
}

/// Whether tables can't answer it.
pub(super) fn is_asked(test: &Test) -> bool {
    matches!(test, Test::Glob { .. } | Test::Regex { .. } | Test::Part { .. } | Test::SameAs { .. })
}

impl Program {
    pub(super) fn write(&mut self, expr: &Expr, id: &mut impl FnMut(&Predicate) -> u32) {
        match expr {
            Expr::Test(predicate) => {
                let number = id(predicate);
                self.steps.push(if is_asked(&predicate.test) { Step::Ask(number) } else { Step::Told(number) });
            }
            Expr::Not(inner) => {
                self.write(inner, id);
                self.steps.push(Step::Not);
            }
            Expr::All(parts) => self.join(parts, id, Step::Unless),
            Expr::Any(parts) => self.join(parts, id, Step::When),
            Expr::AtLeast(n, parts) => {
                self.steps.push(Step::Count);
                let mut jumps = Vec::new();
                for part in parts {
                    self.write(part, id);
                    jumps.push(self.steps.len());
                    self.steps.push(Step::Enough(*n, 0));
                }
                self.steps.push(Step::Short);
                let end = self.here();
                for jump in jumps {
                    if let Some(step) = self.steps.get_mut(jump) {
                        *step = Step::Enough(*n, end);
                    }
                }
            }
        }
    }

    /// Cheap parts first: the order changes nothing but the time.
    fn join(&mut self, parts: &[Expr], id: &mut impl FnMut(&Predicate) -> u32, jump: fn(u32) -> Step) {
        let mut order: Vec<&Expr> = parts.iter().collect();
        order.sort_by_key(|part| cost(part));
        let mut jumps = Vec::new();
        for (index, part) in order.iter().enumerate() {
            if index > 0 {
                jumps.push(self.steps.len());
                self.steps.push(jump(0));
            }
            self.write(part, id);
        }
        let end = self.here();
        for place in jumps {
            if let Some(step) = self.steps.get_mut(place) {
                *step = jump(end);
            }
        }
    }

    fn here(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn holds(&self, run: &mut Run<'_, '_>) -> bool {
        let mut value = false;
        let mut at = 0;
        while let Some(step) = self.steps.get(at) {
            at += 1;
            match *step {
                Step::Told(predicate) => value = run.is_told(predicate),
                Step::Ask(predicate) => value = run.ask(predicate),
                Step::Not => value = !value,
                Step::Unless(to) if !value => at = to as usize,
                Step::When(to) if value => at = to as usize,
                Step::Unless(_) | Step::When(_) => {}
                Step::Count => run.scratch.counters.push(0),
                Step::Enough(n, to) => {
                    if let Some(counter) = run.scratch.counters.last_mut() {
                        *counter += usize::from(value);
                        if *counter >= n {
                            value = true;
                            run.scratch.counters.pop();
                            at = to as usize;
                        }
                    }
                }
                Step::Short => {
                    run.scratch.counters.pop();
                    value = false;
                }
            }
        }
        value
    }
}

fn cost(expr: &Expr) -> u32 {
    match expr {
        Expr::Test(predicate) => match predicate.test {
            Test::Regex { .. } => 1_000,
            Test::Glob { .. } | Test::Part { .. } | Test::SameAs { .. } => 200,
            _ => 1,
        },
        Expr::Not(inner) => cost(inner),
        Expr::All(parts) | Expr::Any(parts) | Expr::AtLeast(_, parts) => {
            parts.iter().map(cost).fold(0, u32::saturating_add)
        }
    }
}
