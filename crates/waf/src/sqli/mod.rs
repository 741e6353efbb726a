//! SQL injection, seen from the shape of a value: `@detectSQLi`.
//!
//! A value is read as SQL in up to five ways: as it stands, as what follows an open quote of either kind, and each with
//! the comments of standard SQL or of `MySQL`. Each reading is cut into [tokens](Token), neighbours are [folded](fold)
//! into what they amount to, and the kinds of the first five that remain are the [`Fingerprint`]. One that is on the
//! list of known injections, and that no exception takes back, is a finding.
//!
//! The method, the word list and the fingerprints are libinjection's (Nick Galbreath, Black Hat
//! USA 2012; version 85e252a), and so are the answers.

mod bytes;
mod fingerprint;
mod fold;
mod lexer;
mod numbers;
mod strings;
mod token;
mod verdict;
mod words;

pub use fingerprint::Fingerprint;
pub use fold::{Folded, fold};
pub use lexer::{Dialect, Lexer, Quote};
pub use token::{Kind, Token};

/// The fingerprint of the injection that the value is, if it is one.
pub fn detect(input: &[u8]) -> Option<Fingerprint> {
    if bytes::plain(input) {
        return None;
    }
    let read = |quote, dialect| verdict::read(input, quote, dialect);
    let standard_then_mysql = |quote| {
        let first = read(quote, Dialect::Standard);
        if first.found.is_none() && first.differs { read(quote, Dialect::MySql).found } else { first.found }
    };
    standard_then_mysql(Quote::None)
        .or_else(|| memchr::memchr(b'\'', input).and_then(|_| standard_then_mysql(Quote::Single)))
        .or_else(|| memchr::memchr(b'"', input).and_then(|_| read(Quote::Double, Dialect::MySql).found))
}

#[cfg(test)]
mod tests;
