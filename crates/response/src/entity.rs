//! Whom and what an incident is about.

use std::fmt;

use serde::{Deserialize, Serialize};
use testudo_core::{Alert, BuildId, ClientId, FamilyId, Pseudonym, SessionId};

/// Somebody or something that alerts name. People, devices, addresses and networks stand here as the pseudonyms of the
/// journal; the rest by its id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "id")]
pub enum Entity {
    /// A person with an account.
    Person(Pseudonym),
    /// A device.
    Device(Pseudonym),
    /// An address.
    Address(Pseudonym),
    /// The /24 or /64 of an address.
    Network(Pseudonym),
    /// A session.
    Session(SessionId),
    /// A refresh family.
    Family(FamilyId),
    /// A client.
    Client(ClientId),
    /// A build of the app.
    Build(BuildId),
}

impl Entity {
    /// The entity that a field of an event names; none for fields and values that name none.
    pub fn of(field: &str, value: &str) -> Option<Entity> {
        Some(match field {
            "person" | "subject" => Entity::Person(value.parse().ok()?),
            "device" => Entity::Device(value.parse().ok()?),
            "address" => Entity::Address(value.parse().ok()?),
            "network" => Entity::Network(value.parse().ok()?),
            "session" => Entity::Session(value.parse().ok()?),
            "family" => Entity::Family(value.parse().ok()?),
            "client" => Entity::Client(value.parse().ok()?),
            "build" => Entity::Build(value.parse().ok()?),
            _ => return None,
        })
    }

    /// What the events of an alert have in common.
    pub fn of_alert(alert: &Alert) -> impl Iterator<Item = Entity> {
        alert.group.iter().filter_map(|(field, value)| Entity::of(field, value))
    }

    /// The sort, such as `person`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Entity::Person(_) => "person",
            Entity::Device(_) => "device",
            Entity::Address(_) => "address",
            Entity::Network(_) => "network",
            Entity::Session(_) => "session",
            Entity::Family(_) => "family",
            Entity::Client(_) => "client",
            Entity::Build(_) => "build",
        }
    }

    /// The pseudonym or id as text.
    pub fn name(&self) -> String {
        match self {
            Entity::Person(name) | Entity::Device(name) | Entity::Address(name) | Entity::Network(name) => {
                name.to_string()
            }
            Entity::Session(id) => id.to_string(),
            Entity::Family(id) => id.to_string(),
            Entity::Client(id) => id.to_string(),
            Entity::Build(id) => id.to_string(),
        }
    }

    /// Whether two alerts about it belong together whatever else they say: a whole network or a client is shared by
    /// many who have nothing to do with each other.
    pub const fn is_narrow(&self) -> bool {
        !matches!(self, Entity::Network(_) | Entity::Client(_) | Entity::Build(_))
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.name())
    }
}
