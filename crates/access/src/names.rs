//! The names of entity types and actions, as in the schema.

use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{EntityId, EntityTypeName, EntityUid};

/// A type of entity.
pub(crate) type Kind = &'static LazyLock<EntityTypeName>;

macro_rules! kinds {
    ($($name:ident = $text:literal;)+) => {$(
        pub(crate) static $name: &LazyLock<EntityTypeName> = {
            static KIND: LazyLock<EntityTypeName> = LazyLock::new(|| kind($text));
            &KIND
        };
    )+};
}

kinds! {
    PERSON = "Person";
    SERVICE = "Service";
    STRANGER = "Stranger";
    ROLE = "Role";
    CLIENT = "Client";
    APP = "App";
    ROUTE = "Route";
    PATH = "Path";
    OPERATION = "Operation";
    TAG = "Tag";
    ACCESS = "Access";
    ACTION = "Action";
    ADMIN = "Admin";
    SYSTEM = "System";
}

#[expect(clippy::expect_used, reason = "the names are the literals above, and a test reads each of them")]
fn kind(text: &str) -> EntityTypeName {
    EntityTypeName::from_str(text).expect("a literal name of a type")
}

/// The entity of a type with an id.
pub(crate) fn uid(kind: Kind, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id((*kind).clone(), EntityId::new(id))
}

/// The methods that are actions of their own; all others are `OTHER`. HEAD is asked as GET, so that what forbids the one
/// forbids the other.
pub(crate) const METHODS: [&str; 9] = ["GET", "OPTIONS", "TRACE", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OTHER"];

/// The place of a method among [`METHODS`].
pub(crate) fn method(name: &str) -> usize {
    let name = if name == "HEAD" { "GET" } else { name };
    METHODS.iter().position(|method| *method == name).unwrap_or(METHODS.len() - 1)
}

/// The group of a method: those that only read, and the others.
pub(crate) fn group(method: &str) -> &'static str {
    if matches!(method, "GET" | "OPTIONS" | "TRACE") { "read" } else { "write" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_type() {
        for kind in
            [PERSON, SERVICE, STRANGER, ROLE, CLIENT, APP, ROUTE, PATH, OPERATION, TAG, ACCESS, ACTION, ADMIN, SYSTEM]
        {
            assert!(!kind.to_string().is_empty());
        }
    }
}
