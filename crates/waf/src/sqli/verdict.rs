//! Whether the shape of a value makes it an injection.

use super::fingerprint::Fingerprint;
use super::fold::{Folded, fold};
use super::lexer::{Dialect, Lexer, Quote};
use super::token::{Kind, Token};

/// What one reading of a value says.
pub(super) struct Reading {
    /// The fingerprint, if it is an injection.
    pub(super) found: Option<Fingerprint>,
    /// Whether the other dialect reads it otherwise.
    pub(super) differs: bool,
}

/// Reads the value one way.
pub(super) fn read(input: &[u8], quote: Quote, dialect: Dialect) -> Reading {
    let mut lexer = Lexer::new(input, quote, dialect);
    let mut folded = fold(&mut lexer);
    close_tick(&mut folded);
    let kinds = folded.tokens().iter().map(Token::kind);
    let evil = kinds.clone().any(|kind| kind == Kind::Evil);
    let fingerprint = if evil { Fingerprint::new(std::iter::once(Kind::Evil)) } else { Fingerprint::new(kinds) };
    let found = fingerprint.is_known() && !is_harmless(input, fingerprint, folded.tokens(), lexer.count);
    Reading { found: found.then_some(fingerprint), differs: lexer.differs }
}

/// A tick that nothing follows ends a statement in PHP like a comment.
fn close_tick(folded: &mut Folded<'_>) {
    let many = folded.tokens().len() > 2;
    if let Some(last) = folded.last_mut().filter(|_| many)
        && (last.kind(), last.open(), last.close()) == (Kind::Bareword, Some(b'`'), None)
        && last.text.is_empty()
    {
        *last = last.with_kind(Kind::Comment);
    }
}

/// Whether a known fingerprint is, in this value, most likely ordinary text. `count` is how many tokens there were
/// before folding.
fn is_harmless(input: &[u8], fingerprint: Fingerprint, tokens: &[Token<'_>], count: usize) -> bool {
    // What holds this word is left out of the audit log of SQL Server.
    if fingerprint.len() > 1
        && fingerprint.last() == Some(&Kind::Comment.symbol())
        && memchr::memmem::find(input, b"sp_password").is_some()
    {
        return false;
    }
    match (&*fingerprint, tokens) {
        (&[_, _], [first, second]) => is_harmless_pair(input, first, second, count),
        (b"sos" | b"s&s", [first, _, third]) => !joins_strings(first, third),
        (b"s&n" | b"n&1" | b"1&1" | b"1&v" | b"1&s", _) => count == 3,
        (&[_, _, _], [_, second, _]) if second.kind() == Kind::Keyword => {
            // `INTO OUTFILE` and `INTO DUMPFILE` write files, other keywords here are prose.
            second.text.len() < 5 || !second.begins("INTO")
        }
        _ => false,
    }
}

/// `…' + '…`: both quotes belong to the statement around the value.
fn joins_strings(first: &Token<'_>, last: &Token<'_>) -> bool {
    first.open().is_none() && last.close().is_none() && first.close() == last.open()
}

fn is_harmless_pair(input: &[u8], first: &Token<'_>, second: &Token<'_>, count: usize) -> bool {
    if second.kind() == Kind::Union {
        return count == 2;
    }
    let comment = second.text;
    if comment.starts_with(b"#") {
        return true;
    }
    match (first.kind(), second.kind()) {
        (Kind::Bareword, Kind::Comment) if !comment.starts_with(b"/") => true,
        (Kind::Number, Kind::Comment) => {
            !(comment.starts_with(b"/") || count > 2 || ends_as_number(input, first.text.len()))
        }
        // `--` ends many a sentence; only at the very end of the value it is a probe.
        _ => comment.len() > 2 && comment.starts_with(b"-"),
    }
}

/// Whether white space or a comment follows the number, and not letters as in text that only looks like one.
fn ends_as_number(input: &[u8], at: usize) -> bool {
    match input.get(at..).unwrap_or_default() {
        [b'/', b'*', ..] | [b'-', b'-', ..] => true,
        [after, ..] => *after <= b' ' || *after >= 0x80,
        [] => false,
    }
}
