//! Who signed a package, and whether it is who is registered.

use testudo_package::manifest::Manifest;
use testudo_package::signature::{self, Platforms, Relation, Verification};
use testudo_package::zip::Archive;

use super::hex;
use crate::report::{Signature, SignatureVerdict};

/// A package without a signature that was looked at.
pub(super) fn unchecked() -> Signature {
    Signature { verdict: SignatureVerdict::Unchecked, schemes: Vec::new(), signers: Vec::new(), why: None }
}

/// Verifies an Android package for the platforms that its manifest names, with the `.idsig` file that came with it.
pub(super) fn verify(archive: &Archive<'_>, manifest: Option<&Manifest<'_>>, idsig: Option<&[u8]>) -> Verification {
    signature::verify_package(archive, &signature::Options { v4: idsig, ..signature::Options::of(manifest) })
}

/// Verifies a bundle, which is signed as a JAR with the key of who uploads it.
pub(super) fn verify_bundle(archive: &Archive<'_>) -> Verification {
    let platforms = Platforms { min: signature::input::api::JELLY_BEAN_MR2, max: signature::input::api::NOUGAT - 1 };
    signature::verify_package(archive, &signature::Options::new(platforms, None))
}

/// Whether there is nothing of a signature.
fn unsigned(archive: &Archive<'_>, verification: &Verification) -> bool {
    let jar = |name: &str| {
        let file = name.strip_prefix("META-INF/").unwrap_or_default();
        let kind = file.rsplit_once('.').map_or("", |(_, kind)| kind);
        ["SF", "RSA", "DSA", "EC"].iter().any(|own| kind.eq_ignore_ascii_case(own))
    };
    verification.blocks.is_empty() && !archive.entries().iter().any(|entry| jar(&entry.text()))
}

/// In the words of a report: of the packages that make the app, the first leads, and all have one signer.
pub(super) fn report(all: &[(&str, &Archive<'_>, &Verification)], certificates: &[[u8; 32]]) -> Signature {
    let Some((.., first)) = all.first() else { return unchecked() };
    let signers = |one: &Verification| one.signers().iter().map(|signer| hex(&signer.sha256)).collect::<Vec<_>>();
    let mut signature = Signature {
        verdict: SignatureVerdict::Valid,
        schemes: first.schemes.iter().map(ToString::to_string).collect(),
        signers: signers(first),
        why: None,
    };
    if all.iter().all(|(_, archive, verification)| unsigned(archive, verification)) {
        signature.verdict = SignatureVerdict::Unsigned;
        return signature;
    }
    let broken = all.iter().find(|(_, _, verification)| !verification.verified);
    let other = all.iter().find(|(_, _, verification)| signers(verification) != signature.signers);
    if let Some((path, _, verification)) = broken {
        signature.verdict = SignatureVerdict::Invalid;
        let why = verification.errors.first().map_or("no signature is left".to_owned(), ToString::to_string);
        signature.why = Some(if path.is_empty() { why } else { format!("{path}: {why}") });
    } else if let Some((path, ..)) = other {
        signature.verdict = SignatureVerdict::Invalid;
        signature.why = Some(format!("{path}: signed by another key than the rest of the app"));
    } else if !certificates.is_empty() && !certificates.iter().any(|one| first.relation(one) == Relation::Current) {
        signature.verdict = SignatureVerdict::OtherSigner;
    }
    signature
}
