//! Identifiers: 128-bit, ordered by time, written with a prefix that says what they name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;

/// Crockford's base32 alphabet in lower case: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS: usize = 26;

/// Why a text is not an identifier.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IdError {
    /// The prefix is another or missing.
    #[error("expected an id that starts with `{0}_`")]
    Prefix(&'static str),
    /// The rest is not 26 digits of lower-case base32 for 128 bits.
    #[error("expected 26 lower-case base32 digits after the prefix")]
    Digits,
    /// A client id has other characters or a bad length.
    #[error("a client id has 1 to 64 characters of `A-Z a-z 0-9 . _ ~ -`")]
    Client,
}

/// The length of an id's text: prefix, underscore, digits.
const TEXT: usize = 4 + DIGITS;

/// The text of an id, in place.
fn encode(prefix: &str, value: u128) -> [u8; TEXT] {
    let mut text = [b'_'; TEXT];
    let (head, digits) = text.split_at_mut(4);
    head.iter_mut().zip(prefix.bytes()).for_each(|(to, byte)| *to = byte);
    let mut left = value;
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET.get(usize::from((left & 31) as u8)).copied().unwrap_or(b'0');
        left >>= 5;
    }
    text
}

/// Text that is made of ASCII only.
fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn decode(text: &str) -> Option<u128> {
    if text.len() != DIGITS {
        return None;
    }
    text.bytes().enumerate().try_fold(0u128, |value, (position, byte)| {
        let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
        (position > 0 || digit < 8).then_some((value << 5) | digit as u128)
    })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// The prefix of the text form.
            pub const PREFIX: &'static str = $prefix;

            /// A new id: 48 bits of milliseconds, then 80 random bits.
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                let millis = u128::from(u64::try_from(now.millis()).unwrap_or(0) & 0xffff_ffff_ffff);
                let tail = random.iter().fold(0u128, |value, byte| (value << 8) | u128::from(*byte));
                Self((millis << 80) | tail)
            }

            /// When it was made, to the millisecond.
            pub fn made(self) -> Timestamp {
                let millis = i64::try_from(self.0 >> 80).unwrap_or(0);
                Timestamp::from_micros(millis.saturating_mul(1_000))
            }

            /// From its 16 bytes, big endian.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }

            /// Its 16 bytes, big endian, so that byte order is time order.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(ascii(&encode($prefix, self.0)))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let digits = text.strip_prefix(concat!($prefix, "_")).ok_or(IdError::Prefix($prefix))?;
                decode(digits).map(Self).ok_or(IdError::Digits)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(ascii(&encode($prefix, self.0)))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

ids! {
    /// A person with an account.
    PersonId, "per";
    /// A sign-in of a person in one client.
    SessionId, "ses";
    /// A chain of refresh tokens that descend from one sign-in.
    FamilyId, "fam";
    /// A device, named by its key.
    DeviceId, "dev";
    /// A request through the gateway.
    RequestId, "req";
    /// A build of an app.
    BuildId, "bld";
    /// An incident.
    IncidentId, "inc";
    /// An action of an incident.
    ResponseId, "rsp";
}

/// The id of an OAuth client: 1 to 64 characters of `A-Z a-z 0-9 . _ ~ -`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct ClientId(Box<str>);

impl ClientId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let fits = (1..=64).contains(&text.len());
        let clean = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte));
        if fits && clean { Ok(ClientId(text.into())) } else { Err(IdError::Client) }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A keyed pseudonym (HMAC-SHA-256 cut to 128 bits) that stands for a person, device, address or network in the plain
/// part of events. Made by `testudo_crypto`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym(pub [u8; 16]);

impl Pseudonym {
    /// Its 32 hexadecimal digits.
    fn digits(self) -> [u8; 32] {
        let digit = |nibble: u8| b"0123456789abcdef".get(usize::from(nibble)).copied().unwrap_or(b'0');
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        text
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ascii(&self.digits()))
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Pseudonym {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.as_bytes();
        if digits.len() != 32 || !digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(IdError::Digits);
        }
        u128::from_str_radix(text, 16).map(|value| Pseudonym(value.to_be_bytes())).map_err(|_| IdError::Digits)
    }
}

impl Serialize for Pseudonym {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(ascii(&self.digits()))
    }
}

impl<'de> Deserialize<'de> for Pseudonym {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
