//! Where something comes from, by pseudonyms.

use serde::{Deserialize, Serialize};
use testudo_core::{ClientId, Pseudonym, SessionId};

/// Half of a pseudonym, or a hash of something that is no secret: enough to tell the few values of one person apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub u64);

impl Key {
    /// The key of a pseudonym.
    pub fn of(name: Pseudonym) -> Key {
        let (first, _) = name.0.split_at(8);
        Key(first.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }

    /// The key of a client.
    pub fn of_client(client: &ClientId) -> Key {
        Key::of_text(client.as_str())
    }

    /// The key of a session: its random end.
    pub fn of_session(session: SessionId) -> Key {
        let bytes = session.to_bytes();
        let (_, last) = bytes.split_at(8);
        Key(last.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }

    /// FNV-1a.
    pub(super) fn of_text(text: &str) -> Key {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Key(text.bytes().fold(0xcbf2_9ce4_8422_2325, step))
    }
}

/// Where a request, a sign-in or a token goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The address.
    pub address: Key,
    /// Its /24 or /64.
    pub network: Key,
    /// Its /16 or /48: most often one provider in one region.
    pub carrier: Key,
    /// The device: its id where it has one, else the kind of app and system.
    pub device: Key,
    /// What [`Agent::label`](super::Agent::label) calls it.
    pub label: u8,
    /// The client; none for the sign-in pages, which belong to no client.
    pub client: Option<Key>,
}

impl Place {
    /// A place by names, for examples and tests. What stands before a dot in the network's name is its carrier.
    pub fn named(network: &str, device: &str, client: &str) -> Place {
        let carrier = network.split_once('.').map_or(network, |(carrier, _)| carrier);
        Place {
            address: Key::of_text(network),
            network: Key::of_text(network),
            carrier: Key::of_text(carrier),
            device: Key::of_text(device),
            label: 0,
            client: (!client.is_empty()).then(|| Key::of_text(client)),
        }
    }
}
