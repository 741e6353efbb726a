//! `testudo incident drill`: a labelled attack over real sockets, with honest traffic mixed in, and what came of it.
//!
//! By default the stage is a server of the drill's own: a fresh data folder, the sample wallet behind it, ports on
//! loopback, and one trusted proxy, so that many client addresses can be played (RFC 5737 and RFC 3849, which nobody
//! has). The same program answers as in service: gateway, identity, journal, detection, response. Only the limits of a
//! scenario may differ where it says so.
//!
//! To add a scenario: write its play in `scenario/`, and enter it in [`Scenario::ALL`].

mod client;
mod house;
mod latency;
mod player;
mod report;
mod scenario;
mod script;

pub use house::{House, Where};
pub use latency::{CONFIG as LATENCY_CONFIG, latency};
pub use report::Report;
pub use scenario::Scenario;

use script::Script;

/// Why a drill could not be played to its end.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The server did not do what the play needs.
    #[error("the server of the drill: {0}")]
    Server(String),
    /// It can't be played there.
    #[error("{0}")]
    Unfit(String),
}

/// Plays a scenario, and tells what came of it. Ends by itself.
pub async fn play(scenario: &'static Scenario, house: &House) -> Result<Report, DrillError> {
    let script = Script::begin(scenario, house).await?;
    let played = tokio::time::timeout(scenario.longest(), (scenario.play)(&script)).await;
    let report = script.end(house).await?;
    match played {
        Ok(Ok(())) => Ok(report),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(DrillError::Server(format!("the scenario did not end within {:?}", scenario.longest()))),
    }
}
