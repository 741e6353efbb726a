//! The key of a document within its kind.

use std::fmt;

use testudo_core::{BuildId, ClientId, DeviceId, FamilyId, PersonId, RequestId, SessionId};

/// The key of a document: 1 to 64 bytes, ordered as bytes. A longer or empty one is refused at commit and found by no
/// read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key(Box<[u8]>);

impl Key {
    /// The longest key in bytes.
    pub const MAX: usize = 64;

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn fits(&self) -> bool {
        (1..=Self::MAX).contains(&self.0.len())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Key {
        Key(bytes.into_boxed_slice())
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Key {
        Key(bytes.into())
    }
}

impl<const N: usize> From<[u8; N]> for Key {
    fn from(bytes: [u8; N]) -> Key {
        Key(Box::new(bytes))
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Key {
        Key(text.as_bytes().into())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Key {
        Key(text.into_bytes().into_boxed_slice())
    }
}

impl From<&ClientId> for Key {
    fn from(id: &ClientId) -> Key {
        Key::from(id.as_str())
    }
}

impl From<&Key> for Key {
    fn from(key: &Key) -> Key {
        key.clone()
    }
}

impl From<PersonId> for Key {
    fn from(id: PersonId) -> Key {
        Key::from(id.to_bytes())
    }
}

impl From<SessionId> for Key {
    fn from(id: SessionId) -> Key {
        Key::from(id.to_bytes())
    }
}

impl From<FamilyId> for Key {
    fn from(id: FamilyId) -> Key {
        Key::from(id.to_bytes())
    }
}

impl From<DeviceId> for Key {
    fn from(id: DeviceId) -> Key {
        Key::from(id.to_bytes())
    }
}

impl From<RequestId> for Key {
    fn from(id: RequestId) -> Key {
        Key::from(id.to_bytes())
    }
}

impl From<BuildId> for Key {
    fn from(id: BuildId) -> Key {
        Key::from(id.to_bytes())
    }
}
