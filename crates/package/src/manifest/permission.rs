//! Permissions: those that an app asks for, and those that it declares.

use std::borrow::Cow;

use super::names::{
    DESCRIPTION, KNOWN_CERTS, LABEL, MAX_SDK_VERSION, NAME, PERMISSION_GROUP, PROTECTION_LEVEL, USES_PERMISSION_FLAGS,
};
use super::scope::Scope;
use crate::xml::Node;

/// A permission that the app asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsesPermission<'d> {
    /// Its name.
    pub name: Cow<'d, str>,
    /// The last API level on which it is asked for.
    pub max_sdk: Option<u32>,
    /// Whether it is asked for from API level 23 on only.
    pub from_23: bool,
    /// Whether it is never used to find out the location (`neverForLocation`).
    pub never_for_location: bool,
    /// The number of the element in the document.
    pub node: u32,
}

/// A permission that the app declares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Permission<'d> {
    /// Its name.
    pub name: Cow<'d, str>,
    /// Who gets it.
    pub protection: Protection,
    /// The group that it is shown in.
    pub group: Option<Cow<'d, str>>,
    /// What people read.
    pub label: Option<Cow<'d, str>>,
    /// What people read about it.
    pub description: Option<Cow<'d, str>>,
    /// Whether it lists certificates whose apps get it too.
    pub known_certificates: bool,
    /// The number of the element in the document.
    pub node: u32,
}

/// A protection level: a base, and flags that widen or narrow it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Protection(pub u32);

/// Who gets a permission, flags aside.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ProtectionBase {
    /// Every app that asks.
    Normal,
    /// Apps that a person allows it.
    Dangerous,
    /// Apps that are signed with the same key.
    Signature,
    /// Parts of the system only.
    Internal,
    /// A number that Android does not know.
    Unknown,
}

const LEVELS: [(&str, u32); 19] = [
    ("normal", 0),
    ("dangerous", 1),
    ("signature", 2),
    ("signatureOrSystem", 3),
    ("internal", 4),
    ("privileged", 0x10),
    ("system", 0x10),
    ("development", 0x20),
    ("appop", 0x40),
    ("pre23", 0x80),
    ("installer", 0x100),
    ("verifier", 0x200),
    ("preinstalled", 0x400),
    ("setup", 0x800),
    ("instant", 0x1000),
    ("runtime", 0x2000),
    ("oem", 0x4000),
    ("vendorPrivileged", 0x8000),
    ("knownSigner", 0x0800_0000),
];

impl Protection {
    /// The base.
    pub fn base(self) -> ProtectionBase {
        match self.0 & 0xf {
            0 => ProtectionBase::Normal,
            1 => ProtectionBase::Dangerous,
            2 | 3 => ProtectionBase::Signature,
            4 => ProtectionBase::Internal,
            _ => ProtectionBase::Unknown,
        }
    }
}

impl<'d> UsesPermission<'d> {
    pub(super) fn read(scope: &Scope<'d>, node: Node<'d>) -> Option<UsesPermission<'d>> {
        let flags = scope.flags(node, USES_PERMISSION_FLAGS, &[("neverForLocation", 0x1_0000)]).unwrap_or(0);
        Some(UsesPermission {
            name: scope.text(node, NAME)?,
            max_sdk: scope.count(node, MAX_SDK_VERSION),
            from_23: node.name() != "uses-permission",
            never_for_location: flags & 0x1_0000 != 0,
            node: node.index(),
        })
    }
}

impl<'d> Permission<'d> {
    pub(super) fn read(scope: &Scope<'d>, node: Node<'d>) -> Option<Permission<'d>> {
        Some(Permission {
            name: scope.text(node, NAME)?,
            protection: Protection(scope.flags(node, PROTECTION_LEVEL, &LEVELS).unwrap_or(0)),
            group: scope.text(node, PERMISSION_GROUP),
            label: scope.text(node, LABEL),
            description: scope.text(node, DESCRIPTION),
            known_certificates: scope.reference(node, KNOWN_CERTS).is_some(),
            node: node.index(),
        })
    }
}
