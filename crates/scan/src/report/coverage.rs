//! How much was analysed. A scan that can't say is incomplete.

use serde::{Deserialize, Serialize};

/// A part of a whole.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// How many were analysed.
    pub done: u64,
    /// How many were to be analysed.
    pub of: u64,
}

impl Share {
    /// All of so many.
    pub const fn whole(of: u64) -> Share {
        Share { done: of, of }
    }

    /// Whether none is missing.
    pub const fn complete(self) -> bool {
        self.done >= self.of
    }
}

/// A part that was not analysed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Omission {
    /// A file, or a class in it.
    pub part: String,
    /// Why not.
    pub why: String,
}

/// What was analysed of a target.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// Files of the package or folder.
    pub files: Share,
    /// Classes with code.
    pub classes: Share,
    /// Methods with code.
    pub methods: Share,
    /// Bytes, unpacked.
    pub bytes: Share,
    /// What should have been analysed and was not: a parser gave up, a budget was spent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Omission>,
    /// What is left out by design, such as pictures. It is not counted above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Omission>,
}

impl Coverage {
    /// Whether nothing is missing. Where no file was counted, nothing was analysed.
    pub fn complete(&self) -> bool {
        let shares = [self.files, self.classes, self.methods, self.bytes];
        self.files.of > 0 && self.gaps.is_empty() && shares.into_iter().all(Share::complete)
    }
}
