//! What a key of the ring is for. Numbers are stored in envelopes and in the wrapped ring: append only.

use std::fmt;

/// What a key of the ring is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Purpose {
    /// Seals records that belong to no person.
    Records,
    /// Seals journal fields that belong to no person.
    Journal,
    /// Wraps the data keys of people.
    PersonKeys,
    /// Gives the keys of days.
    DayKeys,
    /// Makes blind indexes; does not rotate.
    BlindIndex,
    /// Makes pseudonyms; does not rotate.
    Pseudonym,
    /// Authenticates journal entries.
    JournalMac,
    /// Signs checkpoints.
    Checkpoint,
    /// Protects TLS session tickets and other short-lived tickets.
    Tickets,
    /// Protects cookies.
    Cookies,
    /// Makes hashes and tokens of masked values; does not rotate.
    Masking,
}

impl Purpose {
    /// All purposes, in the order of their numbers.
    pub const ALL: [Purpose; 11] = [
        Purpose::Records,
        Purpose::Journal,
        Purpose::PersonKeys,
        Purpose::DayKeys,
        Purpose::BlindIndex,
        Purpose::Pseudonym,
        Purpose::JournalMac,
        Purpose::Checkpoint,
        Purpose::Tickets,
        Purpose::Cookies,
        Purpose::Masking,
    ];

    /// Whether [`KeyRing::rotate`](crate::KeyRing::rotate) takes it.
    pub const fn rotates(self) -> bool {
        !matches!(self, Purpose::BlindIndex | Purpose::Pseudonym | Purpose::Masking)
    }

    /// Its name in command lines and derivations.
    pub const fn name(self) -> &'static str {
        match self {
            Purpose::Records => "records",
            Purpose::Journal => "journal",
            Purpose::PersonKeys => "person-keys",
            Purpose::DayKeys => "day-keys",
            Purpose::BlindIndex => "blind-index",
            Purpose::Pseudonym => "pseudonym",
            Purpose::JournalMac => "journal-mac",
            Purpose::Checkpoint => "checkpoint",
            Purpose::Tickets => "tickets",
            Purpose::Cookies => "cookies",
            Purpose::Masking => "masking",
        }
    }

    /// The purpose with this name.
    pub fn from_name(name: &str) -> Option<Purpose> {
        Purpose::ALL.into_iter().find(|purpose| purpose.name() == name)
    }

    /// Its number in envelopes and in the wrapped ring.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Purpose::Records => 1,
            Purpose::Journal => 2,
            Purpose::PersonKeys => 3,
            Purpose::DayKeys => 4,
            Purpose::BlindIndex => 5,
            Purpose::Pseudonym => 6,
            Purpose::JournalMac => 7,
            Purpose::Checkpoint => 8,
            Purpose::Tickets => 9,
            Purpose::Cookies => 10,
            Purpose::Masking => 11,
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a pseudonym stands for; equal values of two domains get different pseudonyms.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PseudonymDomain {
    /// A person.
    Person,
    /// A device.
    Device,
    /// An address.
    Address,
    /// A /24 or /64 network.
    Network,
}

impl PseudonymDomain {
    pub(crate) const fn label(self) -> &'static [u8] {
        match self {
            PseudonymDomain::Person => b"person",
            PseudonymDomain::Device => b"device",
            PseudonymDomain::Address => b"address",
            PseudonymDomain::Network => b"network",
        }
    }
}
