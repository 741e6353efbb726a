//! Rules and analysis over app packages, source folders and dependencies.

pub mod dependencies;
pub mod secrets;
