//! How much an archive may ask of its reader.

/// Bounds of an [`Archive`](super::Archive). What exceeds one is refused with its name.
///
/// No entry is ever expanded beyond the size that its directory record declares, so the declared sizes bound all output
/// before a byte is expanded; whether an entry still fits does not depend on the order in which entries are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Entries in the directory.
    pub entries: usize,
    /// Bytes of one entry, expanded.
    pub entry_bytes: u64,
    /// Bytes of all entries, expanded. Entries that no longer fit, in the directory's order, are not opened.
    pub total_bytes: u64,
    /// How many archives may lie inside one another below this one.
    pub depth: u8,
}

impl Limits {
    /// For packages of apps: 400,000 entries, 512 MiB each, 6 GiB in all, archives in archives three deep.
    pub const PACKAGE: Limits = Limits { entries: 400_000, entry_bytes: 512 << 20, total_bytes: 6 << 30, depth: 3 };

    /// The limits of an archive that lies inside; none when archives lie too deep inside one another.
    pub fn inner(self) -> Option<Limits> {
        self.depth.checked_sub(1).map(|depth| Limits { depth, ..self })
    }

    /// What is left for the next archive after one that may [expand](super::Archive::admitted) to so many bytes.
    #[must_use]
    pub fn after(self, bytes: u64) -> Limits {
        Limits { total_bytes: self.total_bytes.saturating_sub(bytes), ..self }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::PACKAGE
    }
}
