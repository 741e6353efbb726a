//! Rules as they are written: Sigma 2.1 detections, filters and correlations, from YAML files with any number of
//! documents.
//!
//! Own attributes beside those of the specification are allowed, as it says; one that looks like a slip of a known one
//! is an error.

mod condition;
mod correlation;
mod detection;
mod encode;
mod metadata;
mod modifier;

use std::collections::HashMap;

pub(crate) use correlation::{Bound, Correlation, Kind, Op, Together};
pub(crate) use detection::{Detection, Filter};
pub use metadata::{LogSource, Metadata};

use crate::error::{Fault, Problem, RuleErrors};
use crate::yaml::{self, Node};

/// More rules than this are refused.
const MAX_RULES: usize = 50_000;

/// Rules that were read and are not compiled yet.
#[derive(Default)]
pub struct Rules {
    pub(crate) detections: Vec<Detection>,
    pub(crate) correlations: Vec<Correlation>,
    pub(crate) filters: Vec<Filter>,
    placeholders: modifier::Placeholders,
}

/// How many rules of which sort a file gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Loaded {
    /// Detections.
    pub detections: usize,
    /// Correlations.
    pub correlations: usize,
    /// Filters.
    pub filters: usize,
}

impl Rules {
    /// No rules.
    pub fn new() -> Rules {
        Rules::default()
    }

    /// The values that `%name%` stands for in values with the modifier `expand`.
    pub fn placeholder(&mut self, name: impl Into<String>, values: Vec<String>) {
        self.placeholders.insert(name.into(), values);
    }

    /// Reads a file; `file` is its name in errors. A file with an error adds nothing.
    pub fn add(&mut self, file: &str, text: &str) -> Result<Loaded, RuleErrors> {
        let (documents, mut faults) = yaml::parse(text);
        let mut read = Vec::new();
        for document in &documents {
            match Document::read(document, file, &self.placeholders) {
                Ok(rule) => read.push(rule),
                Err(found) => faults.extend(found),
            }
        }
        if self.len() + read.len() > MAX_RULES {
            faults.push(Fault::new(yaml_start(), format!("there are more than {MAX_RULES} rules"), "load fewer"));
        }
        if !faults.is_empty() {
            return Err(RuleErrors::new(faults.into_iter().map(|fault| fault.within(file)).collect()));
        }
        let mut loaded = Loaded::default();
        for rule in read {
            match rule {
                Document::Detection(rule) => {
                    loaded.detections += 1;
                    self.detections.push(*rule);
                }
                Document::Correlation(rule) => {
                    loaded.correlations += 1;
                    self.correlations.push(*rule);
                }
                Document::Filter(rule) => {
                    loaded.filters += 1;
                    self.filters.push(*rule);
                }
            }
        }
        Ok(loaded)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.detections.len() + self.correlations.len() + self.filters.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is wrong between rules: names that two of them have.
    pub(crate) fn duplicates(&self) -> Vec<Problem> {
        let all = self
            .detections
            .iter()
            .map(|rule| &rule.metadata)
            .chain(self.correlations.iter().map(|rule| &rule.metadata))
            .chain(self.filters.iter().map(|rule| &rule.metadata));
        let mut seen: HashMap<&str, &Metadata> = HashMap::new();
        let mut problems = Vec::new();
        for metadata in all {
            for name in metadata.names() {
                if let Some(first) = seen.insert(name, metadata) {
                    let what = format!("`{name}` is also the name of `{}` in {}", first.title, first.file);
                    problems.push(metadata.problem(what, "give each rule an id of its own"));
                }
            }
        }
        problems
    }
}

fn yaml_start() -> crate::error::Position {
    crate::error::Position::START
}

enum Document {
    Detection(Box<Detection>),
    Correlation(Box<Correlation>),
    Filter(Box<Filter>),
}

impl Document {
    fn read(node: &Node, file: &str, placeholders: &modifier::Placeholders) -> Result<Document, Vec<Fault>> {
        let Some(map) = node.map() else {
            let what = format!("a rule is a map, not {}", node.kind());
            return Err(vec![Fault::new(node.position, what, "begin with `title:`")]);
        };
        if let Some((at, _)) = map.get("action") {
            let what = "`action: global` belongs to Sigma 1";
            return Err(vec![Fault::new(*at, what, "write each rule out")]);
        }
        let metadata = Metadata::read(node, map, file)?;
        if let Some((_, body)) = map.get("correlation") {
            let rule = Correlation::read(metadata, map, body).map_err(|fault| vec![fault])?;
            return Ok(Document::Correlation(Box::new(rule)));
        }
        if let Some((_, body)) = map.get("filter") {
            let rule = Filter::read(metadata, map, body, placeholders)?;
            return Ok(Document::Filter(Box::new(rule)));
        }
        if let Some((_, body)) = map.get("detection") {
            return Ok(Document::Detection(Box::new(Detection::read(metadata, map, body, placeholders)?)));
        }
        let what = "the rule has neither `detection` nor `correlation` nor `filter`";
        Err(vec![Fault::new(node.position, what, "add `detection:` with a selection and a condition")])
    }
}
