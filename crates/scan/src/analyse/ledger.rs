//! What is counted: files and bytes as they are looked at, gaps, and what is left out by design.

use std::borrow::Cow;
use std::collections::BTreeMap;

use testudo_package::zip::{Archive, ContentError, Entry};

use crate::report::{Coverage, Omission};

/// The most gaps that are told one by one.
const MAX_GAPS: usize = 1_000;

/// How much of a target is looked at. What is beyond is a gap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Bytes of one file, unpacked.
    pub file: u64,
    /// Bytes of all executables together, unpacked: they are in memory at the same time.
    pub code: u64,
    /// Bytes of all files for each byte of the package, unpacked.
    pub expansion: u64,
    /// Bytes of all files that any package may have, however small it is.
    pub least: u64,
    /// Entries of an archive.
    pub entries: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { file: 256 << 20, code: 256 << 20, expansion: 24, least: 64 << 20, entries: 200_000 }
    }
}

/// Is told how far an analysis is. It may be called from several threads.
pub trait Progress: Sync {
    /// So many more bytes are to be looked at.
    fn expect(&self, bytes: u64);
    /// So many bytes were looked at.
    fn advance(&self, bytes: u64);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn expect(&self, _: u64) {}
    fn advance(&self, _: u64) {}
}

/// Counts one part of an analysis; parts are joined at the end.
pub(super) struct Ledger<'p> {
    pub(super) coverage: Coverage,
    left_out: BTreeMap<&'static str, u64>,
    progress: &'p dyn Progress,
}

impl<'p> Ledger<'p> {
    pub(super) fn new(progress: &'p dyn Progress) -> Ledger<'p> {
        Ledger { coverage: Coverage::default(), left_out: BTreeMap::new(), progress }
    }

    /// One that tells the same progress.
    pub(super) fn child(&self) -> Ledger<'p> {
        Ledger::new(self.progress)
    }

    /// A file is to be looked at.
    pub(super) fn begin(&mut self, bytes: u64) {
        self.coverage.files.of += 1;
        self.coverage.bytes.of = self.coverage.bytes.of.saturating_add(bytes);
    }

    /// It was looked at.
    pub(super) fn done(&mut self, bytes: u64) {
        self.coverage.files.done += 1;
        self.coverage.bytes.done = self.coverage.bytes.done.saturating_add(bytes);
        self.progress.advance(bytes);
    }

    /// A part was not looked at.
    pub(super) fn gap(&mut self, part: impl Into<String>, why: impl Into<String>) {
        let gaps = &mut self.coverage.gaps;
        if gaps.len() < MAX_GAPS {
            gaps.push(Omission { part: part.into(), why: why.into() });
        } else if gaps.len() == MAX_GAPS {
            gaps.push(Omission {
                part: "other parts".to_owned(),
                why: "there are too many gaps to tell each".to_owned(),
            });
        }
    }

    /// A file is left out by design.
    pub(super) fn leave_out(&mut self, what: &'static str, bytes: u64) {
        *self.left_out.entry(what).or_default() += 1;
        self.progress.advance(bytes);
    }

    /// A part is left out by design, and named.
    pub(super) fn leave_out_named(&mut self, part: impl Into<String>, why: &str) {
        let left_out = &mut self.coverage.left_out;
        if left_out.len() < MAX_GAPS {
            left_out.push(Omission { part: part.into(), why: why.to_owned() });
        }
    }

    /// Reads an entry whole. What can't be read is a gap; what can is counted as looked at.
    pub(super) fn read<'a>(&mut self, archive: &Archive<'a>, entry: &Entry<'a>, path: &str) -> Option<Cow<'a, [u8]>> {
        self.begin(entry.size);
        match archive.contents(entry) {
            Ok(contents) => {
                if !contents.complete {
                    let why = format!("{} of {} bytes could be unpacked", contents.bytes.len(), entry.size);
                    self.gap(path, why);
                }
                self.done(u64::try_from(contents.bytes.len()).unwrap_or(u64::MAX));
                Some(contents.bytes)
            }
            Err(ContentError::OverLimit { size }) => {
                self.gap(path, format!("{size} bytes unpacked are over the budget"));
                None
            }
            Err(error) => {
                self.gap(path, error.to_string());
                None
            }
        }
    }

    /// Adds what another part counted.
    pub(super) fn join(&mut self, other: Ledger<'_>) {
        let (own, theirs) = (&mut self.coverage, other.coverage);
        for (own, theirs) in [
            (&mut own.files, theirs.files),
            (&mut own.classes, theirs.classes),
            (&mut own.methods, theirs.methods),
            (&mut own.bytes, theirs.bytes),
        ] {
            own.done = own.done.saturating_add(theirs.done);
            own.of = own.of.saturating_add(theirs.of);
        }
        own.gaps.extend(theirs.gaps);
        own.left_out.extend(theirs.left_out);
        for (what, count) in other.left_out {
            *self.left_out.entry(what).or_default() += count;
        }
    }

    /// The whole.
    pub(super) fn finish(mut self) -> Coverage {
        for (what, count) in self.left_out {
            let files = if count == 1 { "file" } else { "files" };
            let part = format!("{count} {files}");
            self.coverage.left_out.push(Omission { part, why: what.to_owned() });
        }
        self.coverage
    }
}
