//! What was found: the kind, the place and the reasons, without the secret itself.

use std::fmt;
use std::ops::Range;

use testudo_core::{Confidence, Severity};
use testudo_crypto::digest;

use super::kind::Kind;

/// What one piece gave.
#[derive(Debug, Default)]
pub struct Scanned<'k> {
    /// The matches, by place.
    pub matches: Vec<Match<'k>>,
    /// False if the piece was so dense with beginnings of secrets that the rest of them was left unread.
    pub complete: bool,
    /// How many bytes were read on from beginnings of secrets, beside the pass over all bytes: the cost, for tests.
    pub read_on: usize,
}

/// A secret's place, kind and standing. The secret stays where it is, in the piece.
#[derive(Clone, PartialEq, Debug)]
pub struct Match<'k> {
    /// Its kind.
    pub kind: &'k Kind,
    /// Where it stands in the piece; for an encoded one, where its encoding stands.
    pub span: Range<usize>,
    /// How it is encoded there.
    pub encoding: Encoding,
    /// Whether it is live, as far as can be told offline.
    pub status: Status,
    /// How sure it is.
    pub confidence: Confidence,
    /// What speaks for it, the strongest first.
    pub reasons: Vec<Reason>,
    /// Its first four and last two characters and its length.
    pub shown: String,
    /// Tells the same secret in other places and other builds.
    pub fingerprint: Fingerprint,
    pub(super) rank: u8,
}

impl Match<'_> {
    /// How bad it is: what is known to be a test key or expired is at most low.
    pub fn severity(&self) -> Severity {
        match self.status {
            Status::Unknown => self.kind.severity,
            Status::Test | Status::Expired => self.kind.severity.min(Severity::Low),
            Status::Placeholder => Severity::Informational,
        }
    }
}

/// How a secret is encoded where it stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// In Base64.
    Base64,
    /// With percent signs (RFC 3986, 2.1).
    Percent,
    /// In UTF-16, low byte first.
    Utf16,
}

/// What is known about a secret without asking its service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    /// Nothing speaks against it being live.
    Unknown,
    /// It is of a test environment, or stands in a vendor's documents.
    Test,
    /// Its own date of expiry has passed.
    Expired,
    /// It has the shape, but was never issued.
    Placeholder,
}

/// What speaks for a match.
#[derive(Clone, PartialEq, Debug)]
pub enum Reason {
    /// A checksum, signature frame or inner structure holds.
    Verified(&'static str),
    /// The vendor's prefix and shape.
    Shape,
    /// It stands beside this name.
    Name(String),
    /// The bits of entropy for each character.
    Entropy(f32),
    /// A fact that it carries: an account, an algorithm, a date.
    Carries(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Verified(what) => write!(f, "{what}"),
            Reason::Shape => f.write_str("the issuer's prefix and shape"),
            Reason::Name(name) => write!(f, "it stands beside the name `{name}`"),
            Reason::Entropy(bits) => write!(f, "{bits:.1} bits of entropy a character"),
            Reason::Carries(fact) => f.write_str(fact),
        }
    }
}

/// The first 16 bytes of the SHA-256 of a secret.
///
/// It is not keyed, so that baselines fit on every machine: of a short password it is no protection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// Of these bytes.
    pub fn of(secret: &[u8]) -> Fingerprint {
        let mut short = [0; 16];
        for (to, from) in short.iter_mut().zip(digest::sha256(secret)) {
            *to = from;
        }
        Fingerprint(short)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The ends of a secret for display. Of short ones less is shown, so that at least two thirds stay hidden.
pub(super) fn redact(secret: &[u8]) -> String {
    let length = secret.len();
    let (head, tail) = match length {
        0..=5 => (0, 0),
        6..=11 => (1, 1),
        12..=17 => (3, 1),
        _ => (4, 2),
    };
    let plain = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '·' };
    let head: String = secret.iter().take(head).map(plain).collect();
    let tail: String = secret.iter().skip(length - tail).map(plain).collect();
    format!("{head}…{tail} ({length} characters)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_a_third_is_shown() {
        for length in 0..200 {
            let secret = vec![b'a'; length];
            let shown = redact(&secret);
            let visible = shown.split(" (").next().unwrap_or_default().chars().filter(|c| *c == 'a').count();
            assert!(visible * 3 <= length, "{shown}");
        }
        assert_eq!(redact(b"SyBq3kP9x7RtLw2Zc5Nf8Jd1Hg6Vm4Ty0Eu"), "SyBq…Eu (35 characters)");
        assert_eq!(redact(b"hunter2"), "h…2 (7 characters)");
        assert_eq!(redact(b"\x00\xffaaaaaaaaaaaaaaaaaaaa"), "··aa…aa (22 characters)");
    }

    #[test]
    fn a_fingerprint_is_stable() {
        assert_eq!(Fingerprint::of(b"abc").to_string(), "ba7816bf8f01cfea414140de5dae2223");
    }
}
