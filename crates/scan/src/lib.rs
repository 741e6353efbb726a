//! Rules and analysis over app packages, source folders and dependencies.

pub mod compare;
pub mod dependencies;
pub mod report;
pub mod rule;
pub mod secrets;
pub mod suppress;
