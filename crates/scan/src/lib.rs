//! Rules and analysis over app packages, source folders and dependencies.

pub mod analyse;
pub mod code;
pub mod compare;
pub mod dependencies;
pub mod facts;
pub mod report;
pub mod rule;
pub mod sdks;
pub mod secrets;
pub mod suppress;
