//! OWASP MASVS 2.1: its eight groups and 24 controls.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::IdError;

/// A group of MASVS, or the store's policies, which MASVS does not know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Data at rest.
    Storage,
    /// Cryptography.
    Crypto,
    /// Authentication and authorization.
    Auth,
    /// Data in transit.
    Network,
    /// The platform and other apps.
    Platform,
    /// Code quality and dependencies.
    Code,
    /// Resilience against reverse engineering and tampering.
    Resilience,
    /// Privacy of the person.
    Privacy,
    /// What a store demands.
    StorePolicy,
}

impl Group {
    /// All, in the order of MASVS.
    pub const ALL: [Group; 9] = [
        Group::Storage,
        Group::Crypto,
        Group::Auth,
        Group::Network,
        Group::Platform,
        Group::Code,
        Group::Resilience,
        Group::Privacy,
        Group::StorePolicy,
    ];

    /// The name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Group::Storage => "Storage",
            Group::Crypto => "Crypto",
            Group::Auth => "Auth",
            Group::Network => "Network",
            Group::Platform => "Platform",
            Group::Code => "Code",
            Group::Resilience => "Resilience",
            Group::Privacy => "Privacy",
            Group::StorePolicy => "Store policy",
        }
    }

    /// The name within the ids of controls, and how many controls there are.
    const fn controls(self) -> (&'static str, u8) {
        match self {
            Group::Storage => ("STORAGE", 2),
            Group::Crypto => ("CRYPTO", 2),
            Group::Auth => ("AUTH", 3),
            Group::Network => ("NETWORK", 2),
            Group::Platform => ("PLATFORM", 3),
            Group::Code => ("CODE", 4),
            Group::Resilience => ("RESILIENCE", 4),
            Group::Privacy => ("PRIVACY", 4),
            Group::StorePolicy => ("", 0),
        }
    }
}

/// A control such as `MASVS-STORAGE-1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Control {
    group: Group,
    number: u8,
}

impl Control {
    /// Its group, never [`Group::StorePolicy`].
    pub const fn group(self) -> Group {
        self.group
    }
}

impl FromStr for Control {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Control, IdError> {
        Group::ALL
            .into_iter()
            .flat_map(|group| (1..=group.controls().1).map(move |number| Control { group, number }))
            .find(|control| control.to_string() == text)
            .ok_or_else(|| IdError::Masvs(text.chars().filter(|c| !c.is_control()).take(80).collect()))
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MASVS-{}-{}", self.group.controls().0, self.number)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    #[test]
    fn there_are_24_controls() {
        assert_eq!(Group::ALL.iter().map(|group| u32::from(group.controls().1)).sum::<u32>(), 24);
        for good in ["MASVS-STORAGE-2", "MASVS-AUTH-3", "MASVS-PRIVACY-4"] {
            assert_eq!(good.parse::<Control>().unwrap().to_string(), good);
        }
        for bad in ["MASVS-STORAGE-3", "MASVS-STORAGE-0", "MASVS--1", "STORAGE-1", "masvs-storage-1", "MASVS-CODE-01"] {
            assert!(bad.parse::<Control>().is_err(), "{bad}");
        }
    }
}
