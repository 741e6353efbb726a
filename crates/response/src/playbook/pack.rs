//! The playbooks that come with the server: sane answers to the rules that come with it.

use super::{Playbook, PlaybookError};

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        /// The files of the pack, by name.
        pub const FILES: &[(&str, &str)] =
            &[$((concat!($name, ".toml"), include_str!(concat!("../../playbooks/", $name, ".toml")))),+];
    };
}

files![
    "admin-misuse",
    "admin-strangers",
    "bulk-export",
    "credential-stuffing",
    "guessed-password",
    "limit-storm",
    "mfa-fatigue",
    "mfa-fatigue-passed",
    "password-guessing",
    "refresh-reuse",
    "refresh-reuse-campaign",
    "scraping",
    "stuffed-account",
    "takeover",
    "token-guessing",
    "token-replay",
    "web-attack",
];

/// Reads the pack. An error is a bug of the build, and a test reads it.
pub fn pack() -> Result<Vec<Playbook>, PlaybookError> {
    FILES.iter().map(|(name, text)| Playbook::read(name, text)).collect()
}
