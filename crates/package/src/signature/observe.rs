//! What an expert looks at in a signature, also in one that verifies: facts for rules, not judgements.

use testudo_crypto::foreign::{Hash, KeyKind};

use super::certificate::Certificate;
use super::input::{Platforms, api};
use super::lineage::Capabilities;
use super::{Scheme, Verification};

/// Below this, an RSA or DSA key can be broken by a state, and soon by others (NIST SP 800-131A).
const MIN_BITS: usize = 2048;

/// A fact about the signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Observation {
    /// The certificate is one of those that development tools make, whose key everybody has or can have.
    DebugCertificate {
        /// Whose certificate it says to be.
        subject: String,
    },
    /// The key is too small.
    WeakKey {
        /// Its family.
        kind: KeyKind,
        /// Its size.
        bits: usize,
    },
    /// The signing key is a DSA key, which no current guidance allows for new signatures.
    DsaKey,
    /// A signature relies on a hash function with known collisions.
    WeakHash {
        /// The scheme.
        scheme: Scheme,
        /// The function.
        hash: Hash,
        /// Where: the block file, or the digests of entries.
        place: String,
    },
    /// The certificate is valid only later, or not any more; platforms don't care, stores do.
    Validity {
        /// The first second, since 1970.
        not_before: i64,
        /// The last second, since 1970.
        not_after: i64,
    },
    /// Only the JAR signature counts, so bytes outside of the entries can change without notice.
    JarSignatureOnly,
    /// Janus (CVE-2017-13156): platforms that look at a JAR signature only may run code put before the archive.
    Janus {
        /// Whether a later scheme protects from API level 24 on.
        protected_from_24: bool,
    },
    /// The file begins with `dex\n`: it is the Janus attack, or a test of it.
    DexBeforeArchive,
    /// Entries that the signature doesn't protect.
    Unprotected {
        /// Their names.
        entries: Vec<String>,
    },
    /// An old key of the lineage may take the app back.
    Rollback {
        /// Whose certificate it is.
        subject: String,
        /// What it may.
        capabilities: Capabilities,
    },
    /// Signers in the package that platforms ignore.
    IgnoredSigners {
        /// Their block files.
        blocks: Vec<String>,
    },
    /// The signing block has a part that isn't widely known.
    UnknownBlock {
        /// Its id.
        id: u32,
        /// Its size in bytes.
        size: usize,
    },
}

/// The facts, in a fixed order. They describe what was found, whether or not it verified.
pub fn observe(verification: &Verification, package: &[u8], platforms: Platforms) -> Vec<Observation> {
    let mut facts = Vec::new();
    let mut seen: Vec<&Certificate> = Vec::new();
    let blocks = [&verification.v31, &verification.v3, &verification.v2].into_iter().flatten();
    let certificates = blocks.map(|signer| &signer.certificate);
    for certificate in certificates.chain(verification.v1.iter().map(|signer| &signer.certificate)) {
        if !seen.contains(&certificate) {
            seen.push(certificate);
            observe_certificate(certificate, &mut facts);
        }
    }
    for signer in &verification.v1 {
        weak_hash(signer.hash, &signer.block, &mut facts);
    }
    for hash in &verification.jar_digests {
        weak_hash(*hash, "digests of entries", &mut facts);
    }
    let jar_only = verification.schemes.iter().eq([&Scheme::V1]);
    if jar_only {
        facts.push(Observation::JarSignatureOnly);
    }
    if jar_only || verification.schemes.contains(&Scheme::V1) && platforms.min < api::NOUGAT {
        facts.push(Observation::Janus { protected_from_24: !jar_only });
    }
    if package.starts_with(b"dex\n") {
        facts.push(Observation::DexBeforeArchive);
    }
    if !verification.unprotected.is_empty() {
        facts.push(Observation::Unprotected { entries: verification.unprotected.clone() });
    }
    if !verification.ignored_signers.is_empty() {
        facts.push(Observation::IgnoredSigners { blocks: verification.ignored_signers.clone() });
    }
    let nodes = verification.lineage.iter().filter_map(|lineage| lineage.nodes.split_last()).flat_map(|(_, old)| old);
    for node in nodes.filter(|node| node.capabilities.rollback()) {
        let subject = node.certificate.subject.to_string();
        facts.push(Observation::Rollback { subject, capabilities: node.capabilities });
    }
    for (id, size) in &verification.blocks {
        if super::signing_block::name(*id).is_none() {
            facts.push(Observation::UnknownBlock { id: *id, size: *size });
        }
    }
    facts
}

fn observe_certificate(certificate: &Certificate, facts: &mut Vec<Observation>) {
    if certificate.subject.get("CN").is_some_and(|name| name.trim().eq_ignore_ascii_case("Android Debug")) {
        facts.push(Observation::DebugCertificate { subject: certificate.subject.to_string() });
    }
    match certificate.key() {
        Some((kind @ (KeyKind::Rsa | KeyKind::Dsa), bits)) => {
            if bits < MIN_BITS {
                facts.push(Observation::WeakKey { kind, bits });
            }
            if kind == KeyKind::Dsa {
                facts.push(Observation::DsaKey);
            }
        }
        Some((KeyKind::Ec, _)) | None => {}
    }
    let (not_before, not_after) = (certificate.not_before, certificate.not_after);
    facts.push(Observation::Validity { not_before, not_after });
}

fn weak_hash(hash: Hash, place: &str, facts: &mut Vec<Observation>) {
    if matches!(hash, Hash::Md5 | Hash::Sha1) {
        facts.push(Observation::WeakHash { scheme: Scheme::V1, hash, place: place.to_owned() });
    }
}
