//! Checksums and inner structures: what a match must hold beside its shape. One family in each file.

mod address;
mod base64;
mod bech32;
mod checksum;
mod json;
mod jwt;
mod pem;
mod store;

use std::cell::Cell;
use std::ops::Range;

use serde::Deserialize;

use super::found::{Reason, Status};
use super::kind::Magic;
use super::value;

/// What must hold beside the shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The key id carries the account's number in its Base32.
    AwsAccount,
    /// Six digits to base 62 at the end are the CRC-32 of what stands after the prefix (GitHub, npm).
    Crc32Base62,
    /// Eight hex digits at the end are the CRC-32 of all before (Grafana).
    Crc32Grafana,
    /// A macaroon whose location is the registry, `PyPI`.
    PypiMacaroon,
    /// The first part is the bot's number in Base64.
    Discord,
    /// Base58 with four bytes of a double SHA-256 (Bitcoin).
    Base58check,
    /// BIP-173.
    Bech32,
    /// Base64 of 32 bytes.
    #[serde(rename = "base64-32")]
    Base64Of32,
    /// Base64 of 64 bytes.
    #[serde(rename = "base64-64")]
    Base64Of64,
    /// Base64 of a name, a colon and a password.
    #[serde(rename = "base64-userpass")]
    Base64Login,
    /// The same after the word `Basic`.
    BasicHeader,
    /// The password before the host is no placeholder.
    UrlPassword,
    /// What stands after the last equals sign is no placeholder.
    LastValue,
    /// A PEM or PGP block with its content.
    Pem,
    /// DER of the length that its head says.
    DerKey,
    /// A JSON Web Key: `kty` stands beside `d`.
    Jwk,
    /// A signed token with a readable head and claims.
    Jwt,
    /// A token of Supabase for the role `service_role`.
    JwtServiceRole,
    /// A token of Supabase for the role `anon`.
    JwtAnon,
    /// A token of a Kubernetes service account.
    JwtKubernetes,
    /// The JSON of a Google service account with its key.
    ServiceAccount,
    /// The last word looks random.
    Random,
}

/// What a check says.
pub(super) enum Verdict {
    /// It is none of this kind.
    No,
    /// It has the shape, but was never issued.
    Fake(&'static str),
    /// It may be one.
    Holds(Held),
}

/// What a check found out.
pub(super) struct Held {
    /// All of it.
    pub(super) span: Range<usize>,
    /// The secret in it.
    pub(super) secret: Range<usize>,
    pub(super) status: Status,
    pub(super) reasons: Vec<Reason>,
    /// Whether placeholders and entropy are judged already.
    pub(super) judged: bool,
}

impl Held {
    pub(super) fn new(span: &Range<usize>) -> Held {
        Held { span: span.clone(), secret: span.clone(), status: Status::Unknown, reasons: Vec::new(), judged: false }
    }

    fn verified(span: &Range<usize>, what: &'static str) -> Verdict {
        Verdict::Holds(Held { reasons: vec![Reason::Verified(what)], judged: true, ..Held::new(span) })
    }

    fn carrying(span: &Range<usize>, fact: Option<String>) -> Verdict {
        Verdict::Holds(Held { reasons: fact.into_iter().map(Reason::Carries).collect(), ..Held::new(span) })
    }

    pub(super) fn is_verified(&self) -> bool {
        self.reasons.iter().any(|reason| matches!(reason, Reason::Verified(_)))
    }
}

/// What a check may look at.
pub(super) struct Seen<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) span: Range<usize>,
    /// How many bytes at the start are the kind's prefix.
    pub(super) fixed: usize,
    /// Seconds since 1970, if the caller knows.
    pub(super) now: Option<i64>,
    /// How many bytes may still be looked at.
    pub(super) left: &'a Cell<usize>,
}

impl Seen<'_> {
    fn text(&self) -> &[u8] {
        self.bytes.get(self.span.clone()).unwrap_or_default()
    }

    /// Counts bytes that are looked at around the match.
    fn spend(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_sub(bytes));
    }

    fn body(&self) -> &[u8] {
        self.text().get(self.fixed..).unwrap_or_default()
    }
}

impl Check {
    /// Whether a match can't come about by chance.
    pub(super) fn is_checksum(self) -> bool {
        matches!(
            self,
            Check::Crc32Base62 | Check::Crc32Grafana | Check::PypiMacaroon | Check::Base58check | Check::Bech32
        )
    }

    pub(super) fn verify(self, seen: &Seen<'_>) -> Verdict {
        match self {
            Check::AwsAccount => Held::carrying(&seen.span, checksum::aws_account(seen.body())),
            Check::Crc32Base62 => checksum::crc32_base62(seen),
            Check::Crc32Grafana => checksum::crc32_grafana(seen),
            Check::PypiMacaroon => base64::macaroon(seen),
            Check::Discord => base64::discord(seen),
            Check::Base58check => checksum::base58check(seen),
            Check::Bech32 => bech32::bech32(seen),
            Check::Base64Of32 => base64::of_length(seen, 32),
            Check::Base64Of64 => base64::of_length(seen, 64),
            Check::Base64Login => base64::login(seen, 0),
            Check::BasicHeader => base64::login(seen, b"Basic ".len()),
            Check::UrlPassword => address::url_password(seen),
            Check::LastValue => address::last_value(seen),
            Check::Pem => pem::block(seen),
            Check::DerKey => pem::bare(seen),
            Check::Jwk => json::key(seen),
            Check::Jwt | Check::JwtServiceRole | Check::JwtAnon | Check::JwtKubernetes => jwt::token(self, seen),
            Check::ServiceAccount => json::service_account(seen),
            Check::Random => random(seen),
        }
    }
}

/// Whether the file is a key store with a key in it.
pub(super) fn magic(magic: Magic, bytes: &[u8]) -> bool {
    match magic {
        Magic::Jks => store::jks(bytes),
        Magic::Bks => store::bks(bytes),
        Magic::Pkcs12 => store::pkcs12(bytes),
    }
}

fn random(seen: &Seen<'_>) -> Verdict {
    let word = seen.text().rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    let classes = value::Classes::of(word);
    let mixed = classes.digit && (classes.lower || classes.upper);
    if !mixed || value::is_wordy(word) || value::entropy(word) < 3.2 {
        return Verdict::No;
    }
    let start = seen.span.end - word.len();
    Verdict::Holds(Held { secret: start..seen.span.end, ..Held::new(&seen.span) })
}
