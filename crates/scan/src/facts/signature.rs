//! Facts from the signatures of an Android package: which schemes, which certificates, what they leave open.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use testudo_crypto::foreign::{Hash, KeyKind};
use testudo_package::signature::certificate::Certificate;
use testudo_package::signature::observe::{Observation, observe};
use testudo_package::signature::{Issue, Platforms, Problem, Relation, Scheme, Verification};

use super::manifest::count;
use super::{Attribute, Facts, Kind, Row, Type};
use crate::report::Place;
use Type::{Flag, List, Number, Text};

pub(super) const KINDS: &[Kind] = &[
    Kind { name: "signature", what: "the signature of the package, once", attributes: SIGNATURE },
    Kind { name: "signature-error", what: "why the signature does not verify", attributes: SIGNATURE_ERROR },
    Kind { name: "certificate", what: "a certificate that the package is signed with", attributes: CERTIFICATE },
    Kind { name: "signature-hash", what: "a hash function with known collisions in the signature", attributes: HASH },
    Kind { name: "unsigned-entries", what: "entries that the signature does not protect", attributes: UNSIGNED },
    Kind {
        name: "old-key",
        what: "an earlier key of the lineage that may still take the app back",
        attributes: OLD_KEY,
    },
];

const SIGNATURE: &[Attribute] = &[
    ("signed", Flag),
    ("verified", Flag),
    ("schemes", List),
    ("jar-only", Flag),
    ("janus", Flag),
    ("janus-on-old-only", Flag),
    ("dex-before-archive", Flag),
    ("signers", Number),
    ("rotated", Flag),
    ("source-stamp", Flag),
    ("ignored-signers", List),
    ("registered", Text),
];
const SIGNATURE_ERROR: &[Attribute] = &[("text", Text), ("place", Text), ("scheme", Text)];
const CERTIFICATE: &[Attribute] = &[
    ("subject", Text),
    ("sha256", Text),
    ("debug", Flag),
    ("key", Text),
    ("bits", Number),
    ("weak-key", Flag),
    ("hash", Text),
    ("expired", Flag),
    ("not-yet-valid", Flag),
    ("valid-until", Text),
    ("valid-until-year", Number),
    ("days-left", Number),
];
const HASH: &[Attribute] = &[("hash", Text), ("scheme", Text), ("where", Text)];
const UNSIGNED: &[Attribute] = &[("entries", List), ("count", Number)];
const OLD_KEY: &[Attribute] = &[("subject", Text), ("capabilities", List)];

/// The facts of a verification of this package for these platforms; `registered` is how it relates to the certificate
/// that the app is registered with, if there is one.
pub fn rows(
    verification: &Verification,
    package: &[u8],
    platforms: Platforms,
    registered: Option<Relation>,
    today: Date,
    facts: &mut Facts,
) {
    let signers = [&verification.v31, &verification.v3, &verification.v2].into_iter().flatten();
    let mut certificates: Vec<&Certificate> = Vec::new();
    let of_jar = verification.v1.iter().map(|signer| &signer.certificate);
    for certificate in signers.map(|signer| &signer.certificate).chain(of_jar) {
        if !certificates.contains(&certificate) {
            certificates.push(certificate);
        }
    }
    let relation = registered.map(|relation| match relation {
        Relation::Current => "current",
        Relation::AmongOthers => "among-others",
        Relation::Ancestor(_) => "ancestor",
        Relation::None => "none",
    });
    let mut row = Row::new("signature", Place::Package)
        .flag("signed", !certificates.is_empty() || !is_bare(verification))
        .flag("verified", verification.verified)
        .list("schemes", verification.schemes.iter().map(ToString::to_string))
        .number("signers", count(verification.signers().len()))
        .flag("rotated", verification.lineage.as_ref().is_some_and(|lineage| lineage.nodes.len() > 1))
        .flag("source-stamp", verification.source_stamp.is_some())
        .text_of("registered", relation)
        .flag("jar-only", false)
        .flag("janus", false)
        .flag("janus-on-old-only", false)
        .flag("dex-before-archive", false);
    for observation in observe(verification, package, platforms) {
        match observation {
            Observation::JarSignatureOnly => row = row.flag("jar-only", true),
            Observation::Janus { protected_from_24 } => {
                row = row.flag("janus", !protected_from_24).flag("janus-on-old-only", protected_from_24);
            }
            Observation::DexBeforeArchive => row = row.flag("dex-before-archive", true),
            Observation::IgnoredSigners { blocks } => row = row.list("ignored-signers", blocks),
            Observation::Unprotected { entries } => {
                let all = count(entries.len());
                facts.push(Row::new("unsigned-entries", Place::Package).list("entries", entries).number("count", all));
            }
            Observation::WeakHash { scheme, hash, place } => {
                let row = Row::new("signature-hash", Place::Package)
                    .text("hash", hash.to_string())
                    .text("scheme", scheme.to_string())
                    .text("where", place);
                facts.push(row);
            }
            Observation::Rollback { subject, capabilities } => {
                let row = Row::new("old-key", Place::Package)
                    .text("subject", subject)
                    .list("capabilities", capabilities.names());
                facts.push(row);
            }
            // Certificates have rows of their own; blocks that are not known are no weakness.
            Observation::DebugCertificate { .. }
            | Observation::WeakKey { .. }
            | Observation::DsaKey
            | Observation::Validity { .. }
            | Observation::UnknownBlock { .. } => {}
        }
    }
    facts.push(row);
    for certificate in certificates {
        facts.push(of_certificate(certificate, today));
    }
    for problem in &verification.errors {
        let row = Row::new("signature-error", Place::Package)
            .text("text", problem.issue.to_string())
            .text("place", problem.place.as_str())
            .text_of("scheme", problem.scheme.map(|scheme: Scheme| scheme.to_string()));
        facts.push(row);
    }
}

/// Whether nothing of a signature is there at all.
fn is_bare(verification: &Verification) -> bool {
    let absent = |problem: &Problem| matches!(problem.issue, Issue::NoManifest | Issue::NoSignatures);
    !verification.verified && verification.errors.iter().all(absent)
}

fn of_certificate(certificate: &Certificate, today: Date) -> Row {
    let day = |second: i64| Timestamp::from_second(second).ok().map(|time| Offset::UTC.to_datetime(time).date());
    let until = day(certificate.not_after);
    let from = day(certificate.not_before);
    let left =
        until.and_then(|until| today.until((jiff::Unit::Day, until)).ok()).map(|span| i64::from(span.get_days()));
    let key = certificate.key();
    let name = key.map(|(kind, _)| match kind {
        KeyKind::Rsa => "RSA",
        KeyKind::Ec => "EC",
        KeyKind::Dsa => "DSA",
    });
    let weak = key.is_some_and(|(kind, bits)| bits < if kind == KeyKind::Ec { 224 } else { 2048 });
    let debug = certificate.subject.get("CN").is_some_and(|name| name.trim().eq_ignore_ascii_case("Android Debug"));
    Row::new("certificate", Place::Package)
        .text("subject", certificate.subject.to_string())
        .text("sha256", data_encoding::HEXLOWER.encode(&certificate.sha256))
        .flag("debug", debug)
        .text_of("key", name)
        .number("bits", key.map(|(_, bits)| count(bits)))
        .flag("weak-key", weak)
        .text_of("hash", certificate.signed_with.map(|hash: Hash| hash.to_string()))
        .flag("expired", left.map(|left| left < 0))
        .flag("not-yet-valid", from.map(|from| from > today))
        .number("valid-until-year", until.map(|until| i64::from(until.year())))
        .text_of("valid-until", until.map(|until| until.to_string()))
        .number("days-left", left)
}
