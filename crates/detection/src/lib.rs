//! Detection: what is an attack, with its evidence.
//!
//! Rules are Sigma 2.1 files (detections, filters, correlations). [`Rules`] reads them, with errors that name file,
//! line and what to write instead; [`Rules::compile`] makes a [`Detector`], which observes events in the order of the
//! journal and gives [`testudo_core::Alert`]s. Time is that of the events; the detector reads no clock, so a replay of
//! the same events gives the same alerts.
//!
//! ```
//! use testudo_core::{EventKind, Timestamp};
//! use testudo_detection::{Options, Record, Rules, pack};
//!
//! let mut rules = Rules::new();
//! pack(&mut rules)?;
//! rules.add("mine.yml", "title: A code was used twice\nlogsource: {product: testudo}\ndetection: {s: {kind: code.reused}, condition: s}")?;
//! let mut detector = rules.compile(Options::default())?;
//!
//! let mut alerts = Vec::new();
//! let event = Record::new(EventKind::CodeReused, Timestamp::from_seconds(1_772_407_800));
//! detector.observe(&event.view(), 4711, &mut alerts);
//! assert!(alerts.iter().any(|alert| alert.rule == "testudo-code-reused" && alert.places == [4711]));
//!
//! let saved = detector.save(); // with the cursor of the journal
//! # let mut detector = rules.compile(Options::default())?;
//! detector.restore(saved)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - A field of our own events, with its names in OCSF, ECS and the Sigma taxonomy: `event/native.rs`.
//! - A modifier: `rule/modifier.rs`, and if tables must answer it, `engine/table.rs`.
//! - A type of correlation: `rule/correlation.rs` reads it, a file in `correlate/` is its window.
//! - A rule of our pack: a file in `rules/`, and a case for and against it in `tests/pack/`.
//! - A signal of the risk score: `risk/score.rs`; one that needs more than a profile is a [`risk::Model`].

mod correlate;
mod detector;
mod engine;
mod error;
mod event;
mod pack;
mod predicate;
pub mod risk;
mod rule;
mod yaml;

pub use correlate::Counters;
pub use detector::{Detector, Options, Restored, Shape, State, StateError};
pub use error::{Position, Problem, RuleErrors};
pub use event::json::EventError;
pub use event::{Details, EventView, Pseudonyms, Record, native_fields};
pub use pack::{FILES, pack};
pub use rule::{Loaded, LogSource, Metadata, Rules};
