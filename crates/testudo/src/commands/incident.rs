//! `testudo incident`: incidents, and drills of them.

pub mod desk;
pub mod drill;

mod print;

use clap::Subcommand;

/// What to do with incidents.
#[derive(Debug, Subcommand)]
pub enum IncidentCommand {
    /// Play an attack, with honest people about, and tell what was done, when, and whom it hit wrongly.
    Drill(drill::DrillArgs),
    /// Prove a bundle of evidence, without a server. Exit code 1 names what does not fit.
    Verify(desk::VerifyArgs),
    /// What people do with incidents.
    #[command(flatten)]
    Desk(desk::DeskCommand),
}
