//! What registers can hold: constants through assignments, fields, arrays, strings put together, and small helpers.
//!
//! Values are asked for where they matter and followed backwards ([`Graph::origins`]): through moves, merges, arithmetic on
//! constants, fields that are written in their own class, arrays that are filled in the method, `StringBuilder`s, the
//! library calls in `models.rs`, into methods that are called, and out to the callers that the [`Index`] holds. What
//! can't be followed stays as a symbol (a call with its arguments, a new instance, a field), so that a rule can still
//! ask what it was made from. Every question has a bounded amount of work; what exceeds it is unknown.
//!
//! A data-flow analysis stands on the same [`Graph`].

mod arrays;
mod evaluate;
mod fields;
mod graph;
mod models;
mod text;
mod value;

#[cfg(test)]
mod tests;

pub use graph::{Block, Graph, Origin};
pub use value::{Traced, Value, Values};

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::dex::Instruction;

use super::{ClassId, DefinitionId, FieldId, Index, Program, Site};

/// How much a question may cost.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many values are looked at for one question.
    pub steps: u32,
    /// How many instructions are looked at for one question.
    pub work: u32,
    /// How many instructions are looked at for all questions together.
    pub total: u64,
    /// How many methods deep calls are followed.
    pub calls: u8,
    /// How many levels of callers are asked for a parameter.
    pub callers: u8,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { steps: 1500, work: 500_000, total: 400_000_000, calls: 4, callers: 3 }
    }
}

/// Answers what registers can hold.
#[derive(Debug)]
pub struct Constants<'p, 'a> {
    program: &'p Program<'a>,
    index: Option<&'p Index>,
    bounds: Bounds,
    steps: Cell<u32>,
    work: Cell<u32>,
    total: Cell<u64>,
    graphs: RefCell<BTreeMap<DefinitionId, Option<Rc<Graph>>>>,
    writes: RefCell<BTreeMap<ClassId, Rc<fields::Writes>>>,
    open: OnceCell<BTreeSet<FieldId>>,
}

impl<'p, 'a> Constants<'p, 'a> {
    /// Answers about `program`. With an index, parameters are followed to the callers that it holds.
    pub fn new(program: &'p Program<'a>, index: Option<&'p Index>) -> Constants<'p, 'a> {
        Constants {
            program,
            index,
            bounds: Bounds::default(),
            steps: Cell::new(0),
            work: Cell::new(0),
            total: Cell::new(0),
            graphs: RefCell::default(),
            writes: RefCell::default(),
            open: OnceCell::new(),
        }
    }

    /// With other bounds.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Constants<'p, 'a> {
        self.bounds = bounds;
        self
    }

    /// The graph of a method, kept for the next question.
    pub fn graph(&self, definition: DefinitionId) -> Option<Rc<Graph>> {
        /// Enough for the methods that one question touches.
        const KEPT: usize = 256;
        if let Some(known) = self.graphs.borrow().get(&definition) {
            return known.clone();
        }
        let made = self.program.code(definition).and_then(|code| Graph::new(&code)).map(Rc::new);
        let mut graphs = self.graphs.borrow_mut();
        if graphs.len() >= KEPT {
            graphs.clear();
        }
        graphs.insert(definition, made.clone());
        made
    }

    /// What argument `position` of a call can be, counted from 0 without the receiver.
    pub fn argument(&self, site: &Site, position: usize) -> Values {
        let values = self.of_call(site, |shape| shape.argument(position));
        let parameters = self.program.parameters(self.program.method(site.method()).proto);
        let is_object = parameters
            .get(position)
            .is_some_and(|of| matches!(self.program.descriptor(*of).as_bytes(), [b'L' | b'[', ..]));
        values.map(|value| if is_object && value == Value::Int(0) { Value::Null } else { value })
    }

    /// Whether every question so far was answered within [`Bounds::total`].
    pub fn is_complete(&self) -> bool {
        self.total.get() < self.bounds.total
    }

    /// What the receiver of a call can be.
    pub fn receiver(&self, site: &Site) -> Values {
        self.of_call(site, |shape| shape.receiver)
    }

    /// What every argument of a call can be, without the receiver.
    pub fn arguments(&self, site: &Site) -> Vec<Values> {
        let count = self.program.parameters(self.program.method(site.method()).proto).len();
        (0..count).map(|position| self.argument(site, position)).collect()
    }

    /// What a field can be when an instruction writes it.
    pub fn written(&self, site: &Site) -> Values {
        self.register(site.caller, site.pc, |instruction| Some(instruction.a))
    }

    /// What a method can return.
    pub fn returned(&self, definition: DefinitionId) -> Values {
        self.begin();
        self.returns(&evaluate::Frame::outermost(definition))
    }

    /// What a register of the instruction at `pc` can hold before it.
    pub fn register(
        &self,
        definition: DefinitionId,
        pc: u32,
        choose: impl FnOnce(&Instruction) -> Option<u16>,
    ) -> Values {
        let Some(graph) = self.graph(definition) else { return Values::unknown() };
        let Some((at, register)) = graph.find(pc).and_then(|at| Some((at, choose(graph.instructions().get(at)?)?)))
        else {
            return Values::unknown();
        };
        self.begin();
        self.value(&evaluate::Frame::outermost(definition), &graph, register, at)
    }

    fn begin(&self) {
        self.steps.set(self.bounds.steps);
        let left = self.bounds.total.saturating_sub(self.total.get());
        self.work.set(u32::try_from(left).unwrap_or(u32::MAX).min(self.bounds.work));
    }

    /// [`Graph::origins`] within the bounds.
    fn origins(&self, graph: &Graph, register: u16, at: usize) -> Option<Vec<Origin>> {
        let mut work = self.work.get();
        let before = work;
        let found = graph.origins(register, at, &mut work);
        // What was too much for the question is over for it.
        let left = if found.is_some() { work } else { work.saturating_sub(1000) };
        self.work.set(left);
        self.total.set(self.total.get() + u64::from(before - left));
        found
    }

    /// Takes the price of what is no instruction from the bounds; tells whether they allow it.
    fn pay(&self, price: usize) -> bool {
        let price = u32::try_from(price).unwrap_or(u32::MAX);
        let left = self.work.get().checked_sub(price);
        self.work.set(left.unwrap_or(0));
        if left.is_some() {
            self.total.set(self.total.get().saturating_add(price.into()));
        }
        left.is_some()
    }

    fn of_call(&self, site: &Site, choose: impl FnOnce(&evaluate::Shape) -> Option<u16>) -> Values {
        self.register(site.caller, site.pc, |instruction| {
            choose(&evaluate::Shape::of(self.program, site.method(), instruction))
        })
    }
}
