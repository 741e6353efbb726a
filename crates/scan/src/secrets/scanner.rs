//! The scanner: one pass over a piece for the words of all kinds, each followed up where it stands.

use std::cell::Cell;

use super::catalogue::{Catalogue, CatalogueError, Role};
use super::check;
use super::encoded;
use super::found::{Encoding, Fingerprint, Match, Reason, Scanned, Status, redact};
use super::kind::Kind;
use super::piece::{Form, Piece};
use super::sweep;

/// The most matches of one piece.
const MATCHES: usize = 10_000;

/// How many bytes are read on for each byte of a piece, at most; and for any piece.
const READ_ON: usize = 16;
const READ_ON_FLOOR: usize = 1 << 20;

/// The engine: the catalogue of kinds, compiled.
pub struct Scanner {
    pub(super) catalogue: Catalogue,
    pub(super) now: Option<i64>,
    placeholders: bool,
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner").field("kinds", &self.catalogue.kinds.len()).finish_non_exhaustive()
    }
}

impl Scanner {
    /// With the kinds that are built in.
    pub fn builtin() -> Result<Scanner, CatalogueError> {
        Ok(Scanner { catalogue: Catalogue::builtin()?, now: None, placeholders: false })
    }

    /// Tells expired tokens, given the seconds since 1970.
    #[must_use]
    pub fn at(self, now: i64) -> Scanner {
        Scanner { now: Some(now), ..self }
    }

    /// Reports what has the shape of a secret but was never issued, too.
    #[must_use]
    pub fn with_placeholders(self) -> Scanner {
        Scanner { placeholders: true, ..self }
    }

    /// All kinds.
    pub fn kinds(&self) -> &[Kind] {
        &self.catalogue.kinds
    }

    /// The kind of this id.
    pub fn kind(&self, id: &str) -> Option<&Kind> {
        self.catalogue.kinds.iter().find(|kind| kind.id == id)
    }

    /// Compiles every pattern now, with the bytes that each takes; nothing for one that can't be compiled. A scan compiles a
    /// pattern when it first needs it.
    pub fn compile_all(&self) -> Vec<(&str, Option<usize>)> {
        let kinds = self.catalogue.kinds.iter().zip(&self.catalogue.patterns);
        kinds
            .filter_map(|(kind, prepared)| prepared.pattern.as_ref().map(|pattern| (kind.id.as_str(), pattern.size())))
            .collect()
    }

    /// What is in the piece. Takes time linear in its length.
    pub fn scan(&self, piece: &Piece<'_>) -> Scanned<'_> {
        let mut pass = Pass::new(self, piece.bytes, piece.form);
        pass.words();
        if let Some(name) = piece.name {
            pass.name(name.as_bytes());
        }
        pass.magic();
        let plain = sweep::best(std::mem::take(&mut pass.found));
        let wrapped = encoded::scan(&pass, &plain);
        let mut matches = plain;
        matches.extend(wrapped);
        matches.sort_by_key(|found| (found.span.start, found.span.end));
        matches.retain(|found| self.placeholders || found.status != Status::Placeholder);
        let complete = pass.left.get() > 0 && matches.len() <= MATCHES;
        matches.truncate(MATCHES);
        Scanned { matches, complete, read_on: budget(piece.bytes.len()) - pass.left.get() }
    }
}

fn budget(length: usize) -> usize {
    length.saturating_mul(READ_ON).saturating_add(READ_ON_FLOOR)
}

/// A pass over one run of bytes.
pub(super) struct Pass<'s, 'b> {
    pub(super) scanner: &'s Scanner,
    pub(super) bytes: &'b [u8],
    pub(super) form: Form,
    /// How many bytes may still be read on.
    pub(super) left: Cell<usize>,
    pub(super) found: Vec<Match<'s>>,
    /// Where Base64 of a token's literal stands: the literal's place, and its shift in a group of three.
    pub(super) wrapped: Vec<(usize, usize)>,
}

impl<'s, 'b> Pass<'s, 'b> {
    pub(super) fn new(scanner: &'s Scanner, bytes: &'b [u8], form: Form) -> Pass<'s, 'b> {
        let left = Cell::new(budget(bytes.len()));
        Pass { scanner, bytes, form, left, found: Vec::new(), wrapped: Vec::new() }
    }

    /// Follows up every word of the automaton.
    pub(super) fn words(&mut self) {
        let catalogue = &self.scanner.catalogue;
        for word in catalogue.words.find_overlapping_iter(self.bytes) {
            for entry in catalogue.entries(word.pattern().as_usize()) {
                let span = word.start()..word.end();
                match entry.role {
                    Role::Token => self.token(entry, &span),
                    Role::Name => self.named(entry, &span),
                    Role::Wrapped(shift) => {
                        if self.bytes.get(span.clone()) == Some(&entry.exact) {
                            self.wrapped.push((span.start, shift));
                        }
                    }
                }
            }
            if self.left.get() == 0 || self.found.len() > 4 * MATCHES || self.wrapped.len() > 16 * MATCHES {
                self.left.set(0);
                return;
            }
        }
    }

    /// Counts bytes that were read on.
    pub(super) fn spend(&self, read: usize) {
        self.left.set(self.left.get().saturating_sub(read + 8));
    }

    fn magic(&mut self) {
        if self.form != Form::Binary {
            return;
        }
        for kind in &self.scanner.catalogue.kinds {
            if kind.magic.is_some_and(|magic| check::magic(magic, self.bytes)) {
                let reason = Reason::Verified("its first bytes are those of a key store with a key");
                self.found.push(Match {
                    kind,
                    span: 0..self.bytes.len(),
                    encoding: Encoding::Plain,
                    status: Status::Unknown,
                    confidence: kind.confidence(),
                    reasons: vec![reason],
                    shown: redact(self.bytes),
                    fingerprint: Fingerprint::of(self.bytes),
                    rank: sweep::VERIFIED,
                });
            }
        }
    }
}
