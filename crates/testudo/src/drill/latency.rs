//! How long it takes from the event that decides to the refusal at every worker, over many runs.
//!
//! In each run a token is replayed from one network after another, while many connections, which the system spreads over
//! the workers, read with the same token all the time. The last of them to be refused ends the run.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use testudo_core::Timestamp;
use tokio::task::JoinSet;

use super::DrillError;
use super::client::Stage;
use super::house::{APP, House, PASSWORD};
use super::player::{App, Player, Tokens};
use super::report::millis;

/// Connections that read in each run.
const READERS: u8 = 16;
/// Between two reads, so that it is not the readers that keep the machine busy; the error of a run is as large.
const PAUSE: Duration = Duration::from_millis(10);
/// How long a run may take.
const LONGEST: Duration = Duration::from_secs(10);
/// How often, and how many times, the journal is asked what was done.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: usize = 250;
/// The rule that decides.
const RULE: &str = "testudo-token-replay";
/// What the readers need of a server's configuration: limits are not what is measured.
pub const CONFIG: &str = "[limits]\naddress = \"90000/s\"\nsubnet = \"90000/s\"\nperson = \"90000/s\"\n\
                          person-route = \"90000/s\"\nroute = \"90000/s\"\nclient = \"90000/s\"\n";

/// What was measured, in milliseconds.
#[derive(Debug, Serialize)]
pub struct Latency {
    /// Runs.
    pub runs: usize,
    /// Connections in each.
    pub readers: u8,
    /// Workers of the server, if known.
    pub workers: Option<usize>,
    /// From the event that decided to the refusal at the last of all connections.
    pub p50_ms: f64,
    /// The same.
    pub p99_ms: f64,
    /// The same.
    pub max_ms: f64,
    /// From the event that decided to the act against it.
    pub acted_p50_ms: f64,
    /// The same.
    pub acted_p99_ms: f64,
    /// The first of each, run by run.
    pub refused_ms: Vec<f64>,
    /// The second of each, run by run.
    pub acted_ms: Vec<f64>,
}

/// Measures.
pub async fn latency(house: &House, runs: usize) -> Result<Latency, DrillError> {
    let (mut refused, mut acted) = (Vec::with_capacity(runs), Vec::with_capacity(runs));
    for number in 0..runs {
        let (last, act) = run(house, number).await?;
        refused.push(last);
        acted.push(act);
    }
    Ok(Latency {
        runs,
        readers: READERS,
        workers: house.workers(),
        p50_ms: quantile(&refused, 0.5),
        p99_ms: quantile(&refused, 0.99),
        max_ms: quantile(&refused, 1.0),
        acted_p50_ms: quantile(&acted, 0.5),
        acted_p99_ms: quantile(&acted, 0.99),
        refused_ms: refused,
        acted_ms: acted,
    })
}

async fn run(house: &House, number: usize) -> Result<(f64, f64), DrillError> {
    let name = format!("measured-{number}@latency.drill.example");
    house.account(&name, &[]).await?;
    // Each run has networks of its own, so that nothing of the run before counts.
    let network = |which: usize| {
        let number = u16::try_from(number % 60_000).unwrap_or_default();
        IpAddr::V6([0x2001, 0xdb8, number, u16::try_from(which).unwrap_or_default(), 0, 0, 0, 1].into())
    };
    let mut phone = Player::new(&house.stage, network(0), "Wallet/5.2 (iOS 19)", &name, PASSWORD);
    let tokens = phone.tokens(App { client: APP, scope: &house.scope, more: &[] }).await?;
    let tokens = tokens.map_err(|refused| DrillError::Server(format!("a sign-in was refused: {}", refused.code())))?;
    let from = house.head().await?;
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        readers.spawn(read(house.stage.clone(), network(0), house.path.clone(), tokens.clone()));
    }
    // Everybody reads before the thief comes.
    tokio::time::sleep(Duration::from_millis(100)).await;
    for which in 1..=5 {
        let mut thief = Player::new(&house.stage, network(which), "curl/8.10", "", "");
        thief.call(&house.path, &tokens.access).await?;
    }
    let mut last: Option<Timestamp> = None;
    while let Some(done) = readers.join_next().await {
        let at = done.map_err(|error| DrillError::Server(error.to_string()))??;
        last = last.max(Some(at));
    }
    // What was done is written down after it was done.
    for _ in 0..LOOKS {
        let told = house.entries("alert.raised,response.performed", from).await?;
        let decided = at(&told, "alert.raised", &|event| event.get("target").and_then(Value::as_str) == Some(RULE));
        let acted = at(&told, "response.performed", &|_| true);
        if let (Some(decided), Some(acted), Some(last)) = (decided, acted, last) {
            return Ok((millis(decided, last), millis(decided, acted)));
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(DrillError::Server(format!("run {number} was not decided by `{RULE}`")))
}

/// When the first event of a kind happened that fits.
fn at(told: &[Value], kind: &str, fits: &dyn Fn(&Value) -> bool) -> Option<Timestamp> {
    let events = told.iter().filter_map(|entry| entry.get("event"));
    let mut events = events.filter(|event| event.get("kind").and_then(Value::as_str) == Some(kind) && fits(event));
    events.next().and_then(|event| serde_json::from_value(event.get("at")?.clone()).ok())
}

/// Reads on one connection until it is refused, and says when that was.
async fn read(stage: Stage, from: IpAddr, path: String, tokens: Tokens) -> Result<Timestamp, DrillError> {
    let mut reader = Player::new(&stage, from, "Wallet/5.2 (iOS 19)", "", "");
    let reading = async {
        loop {
            let reply = reader.call(&path, &tokens.access).await?;
            if !reply.status.is_success() {
                let expected = reply.status.as_u16() == 401;
                let code = reply.code();
                return if expected { Ok(reply.at) } else { Err(DrillError::Server(format!("refused by `{code}`"))) };
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let late = || DrillError::Server(format!("nothing was refused within {} s", LONGEST.as_secs()));
    tokio::time::timeout(LONGEST, reading).await.map_err(|_| late())?
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list of some thousand"
)]
fn quantile(values: &[f64], at: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * at).ceil() as usize;
    values.get(place.clamp(1, values.len().max(1)) - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!((quantile(&values, 0.5), quantile(&values, 0.99)), (100.0, 198.0));
        assert_eq!((quantile(&values, 1.0), quantile(&[7.0], 0.5)), (200.0, 7.0));
    }
}
