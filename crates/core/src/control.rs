//! The closed list of controls, and sets of them.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! controls {
    ($($(#[$doc:meta])* $variant:ident = $bit:literal, $name:literal;)+) => {
        /// A control of the mission. The same name is used in decisions, events, evidence and documents.
        ///
        /// The number is the bit in a [`ControlSet`] and is stored in journals: append only, never renumber.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[repr(u8)]
        pub enum Control { $($(#[$doc])* $variant = $bit,)+ }

        impl Control {
            /// All controls, in the order of their bits.
            pub const ALL: &'static [Control] = &[$(Control::$variant,)+];

            /// The stable name, as in journals, evidence and documents.
            pub const fn name(self) -> &'static str {
                match self { $(Control::$variant => $name,)+ }
            }
        }
    };
}

controls! {
    /// TLS and strict HTTP framing.
    Transport = 0, "transport";
    /// Limits by address, subnet, person, client and route.
    RateLimit = 1, "rate-limit";
    /// The web application firewall.
    Waf = 2, "waf";
    /// The app's API contract: routes, parameters, bodies.
    Contract = 3, "contract";
    /// Who calls: a valid token, or a route that is public.
    Authentication = 4, "authentication";
    /// A second factor.
    Mfa = 5, "mfa";
    /// Tokens bound to the device's own key.
    DeviceBinding = 6, "device-binding";
    /// Proof by the platform that the device and app are genuine.
    Attestation = 7, "attestation";
    /// The build that calls passed its scan and is not suspended.
    BuildStanding = 8, "build-standing";
    /// Roles and policies.
    Authorization = 9, "authorization";
    /// The risk score of person and device.
    Risk = 10, "risk";
    /// Private fields are masked on the way out.
    Masking = 11, "masking";
    /// The person's consent to a purpose.
    Consent = 12, "consent";
    /// Static analysis of the app package.
    StaticAnalysis = 13, "static-analysis";
    /// Known vulnerabilities in dependencies.
    Dependencies = 14, "dependencies";
    /// The app's signature is the registered one.
    AppSignature = 15, "app-signature";
    /// The rules of the app stores.
    StorePolicy = 16, "store-policy";
    /// Dynamic tests of the staging backend.
    DynamicTest = 17, "dynamic-test";
    /// The decision is written to the journal.
    Audit = 18, "audit";
    /// Revocations, suspensions and blocks are known and fresh.
    Standing = 19, "standing";
    /// A proof or one-time value is used for the first time.
    Replay = 20, "replay";
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of controls as bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ControlSet(u64);

impl ControlSet {
    /// The set without members.
    pub const EMPTY: ControlSet = ControlSet(0);

    /// The set of the given controls; usable in constants.
    pub const fn of(controls: &[Control]) -> ControlSet {
        let mut bits = 0;
        let mut rest = controls;
        while let [first, tail @ ..] = rest {
            bits |= 1 << (*first as u8);
            rest = tail;
        }
        ControlSet(bits)
    }

    /// This set and one more control.
    #[must_use]
    pub const fn with(self, control: Control) -> ControlSet {
        ControlSet(self.0 | 1 << (control as u8))
    }

    /// The union of two sets.
    #[must_use]
    pub const fn union(self, other: ControlSet) -> ControlSet {
        ControlSet(self.0 | other.0)
    }

    /// The members of this set that `other` lacks.
    #[must_use]
    pub const fn without(self, other: ControlSet) -> ControlSet {
        ControlSet(self.0 & !other.0)
    }

    /// Whether the control is a member.
    pub const fn contains(self, control: Control) -> bool {
        self.0 & (1 << (control as u8)) != 0
    }

    /// Whether the set has no members.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members in the order of their bits.
    pub fn iter(self) -> impl Iterator<Item = Control> {
        Control::ALL.iter().copied().filter(move |control| self.contains(*control))
    }
}

impl FromIterator<Control> for ControlSet {
    fn from_iter<T: IntoIterator<Item = Control>>(controls: T) -> Self {
        controls.into_iter().fold(ControlSet::EMPTY, ControlSet::with)
    }
}

impl fmt::Debug for ControlSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
