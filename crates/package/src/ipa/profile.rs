//! Provisioning profiles: which devices may run an app, and what it may do there. A property list, signed by Apple.
//!
//! The signature is not verified: a device does, and refuses what Apple did not sign.

use testudo_crypto::foreign::der::{Reader, tag};

use crate::plist::{Plist, PlistError};

const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];

/// A profile.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// What it says.
    pub list: Plist,
}

/// Why bytes are no profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProfileError {
    /// It is no signed message with something in it.
    #[error("not a signed message")]
    Message,
    /// What is in it is no property list.
    #[error(transparent)]
    List(#[from] PlistError),
}

impl Profile {
    /// Reads a profile.
    pub fn read(bytes: &[u8]) -> Result<Profile, ProfileError> {
        let content = signed_content(bytes).ok_or(ProfileError::Message)?;
        Ok(Profile { list: Plist::read(&content)? })
    }

    /// Its name.
    pub fn name(&self) -> Option<&str> {
        self.list.get("Name")?.text()
    }

    /// The second at which it ends, since 1970.
    pub fn expires(&self) -> Option<i64> {
        self.list.get("ExpirationDate")?.date()
    }

    /// The teams whose apps it is for.
    pub fn teams(&self) -> impl Iterator<Item = &str> {
        self.list.get("TeamIdentifier").into_iter().flat_map(Plist::texts)
    }

    /// How many devices it names.
    pub fn devices(&self) -> usize {
        self.list.get("ProvisionedDevices").map_or(0, |devices| devices.items().len())
    }

    /// Whether it is for every device, as those of companies are.
    pub fn is_for_all_devices(&self) -> bool {
        self.list.get("ProvisionsAllDevices").and_then(Plist::flag).unwrap_or(false)
    }

    /// What an app may do.
    pub fn entitlements(&self) -> Option<&Plist> {
        self.list.get("Entitlements")
    }
}

/// What a `SignedData` (RFC 5652 section 5) holds. Long contents may come in pieces.
fn signed_content(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut info = Reader::new(bytes).expect(tag::SEQUENCE).ok()?.reader();
    if info.expect(tag::OBJECT_IDENTIFIER).ok()?.contents != SIGNED_DATA {
        return None;
    }
    let mut fields = info.optional_context(0).ok()??.reader().expect(tag::SEQUENCE).ok()?.reader();
    fields.expect(tag::INTEGER).ok()?;
    fields.expect(tag::SET).ok()?;
    let mut content = fields.expect(tag::SEQUENCE).ok()?.reader();
    content.expect(tag::OBJECT_IDENTIFIER).ok()?;
    let octets = content.optional_context(0).ok()??.reader().expect(tag::OCTET_STRING).ok()?;
    if !octets.constructed {
        return Some(octets.contents.to_vec());
    }
    let mut pieces = octets.reader();
    let mut whole = Vec::new();
    while let Some(piece) = pieces.read().ok()? {
        if !piece.is(tag::OCTET_STRING) || piece.constructed {
            return None;
        }
        whole.extend_from_slice(piece.contents);
    }
    Some(whole)
}
