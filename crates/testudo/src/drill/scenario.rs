//! The scenarios: each an attack as it is seen in the field, played so that it goes on until something is done.

#![expect(clippy::duration_suboptimal_units, reason = "the unit of what is measured")]

mod admin;
mod requests;
mod signin;
mod tokens;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::DrillError;
use super::script::Script;

/// A play.
pub type Play<'s> = Pin<Box<dyn Future<Output = Result<(), DrillError>> + 's>>;

/// A scenario.
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens in it.
    pub title: &'static str,
    /// The rules of detection of which one must fit.
    pub rules: &'static [&'static str],
    /// The most of honest requests that may be refused, of a hundred.
    pub spare: f64,
    /// The most honest people who may be acted on: who signs in where and while stuffing runs can't be told from it.
    pub people: usize,
    /// How long the attack goes on at most.
    pub attack: Duration,
    /// More lines of configuration for a server of its own.
    pub config: &'static str,
    /// Whether it is played on a server of its own only.
    pub own_only: bool,
    pub(super) play: for<'s> fn(&'s Script<'_>) -> Play<'s>,
}

impl Scenario {
    /// All of them.
    pub const ALL: &'static [Scenario] = &[
        signin::STUFFING,
        signin::SPRAYING,
        signin::GUESSING,
        signin::MFA_FATIGUE,
        tokens::REFRESH_REUSE,
        tokens::TOKEN_REPLAY,
        requests::SCRAPING,
        requests::LIMIT_STORM,
        requests::ENUMERATION,
        admin::ADMIN_MISUSE,
    ];

    /// The scenario of this name.
    pub fn named(name: &str) -> Option<&'static Scenario> {
        Scenario::ALL.iter().find(|scenario| scenario.name == name)
    }

    /// How long the whole play may take.
    pub fn longest(&self) -> Duration {
        self.attack + Duration::from_secs(60)
    }
}
