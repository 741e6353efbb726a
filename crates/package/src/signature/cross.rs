//! What the schemes say of each other: the same signers, the beginning of the lineage, and what the manifest demands.

use super::algorithm::SignatureAlgorithm;
use super::certificate::Certificate;
use super::input::Options;
use super::issue::{Issue, Problem};
use super::{BlockSigner, Scheme, Verification, v4};

/// From this target on, platforms want a signature of the whole file.
const TARGET_NEEDS_V2: u32 = 30;

/// Adds the errors.
pub(super) fn check(out: &mut Verification, options: &Options<'_>) {
    let has = |scheme| out.schemes.contains(&scheme);
    let mut errors = Vec::new();
    if has(Scheme::V1) && has(Scheme::V2) {
        errors.extend(same_signers(out));
    }
    if has(Scheme::V3) && (has(Scheme::V1) || has(Scheme::V2)) {
        errors.extend(past_signers(out));
    }
    if has(Scheme::V4) {
        errors.extend(v4_signers(out));
    }
    if let Some(target) = options.demands.map(|demands| demands.target_sdk) {
        let whole_file = has(Scheme::V2) || has(Scheme::V3) || has(Scheme::V31);
        if target >= TARGET_NEEDS_V2 && options.platforms.max >= target && !whole_file {
            errors.push(Problem::of_package(Issue::TargetNeedsV2(target)));
        }
    }
    out.errors.extend(errors);
}

fn same_signers(out: &Verification) -> Vec<Problem> {
    let v1 = || out.v1.iter().map(|signer| &signer.certificate);
    let v2 = || out.v2.iter().map(|signer| &signer.certificate);
    let mut problems = Vec::new();
    if let Some(signer) = out.v1.iter().find(|signer| !v2().any(|other| *other == signer.certificate)) {
        problems.push(Problem::new(Scheme::V1, &signer.block, Issue::SignerMissing(Scheme::V1, Scheme::V2)));
    }
    if let Some((number, _)) = (1..).zip(v2()).find(|(_, own)| !v1().any(|other| other == *own)) {
        let issue = Issue::SignerMissing(Scheme::V2, Scheme::V1);
        problems.push(Problem::new(Scheme::V2, format!("signer {number}"), issue));
    }
    problems
}

/// Scheme v3 has one signer at a time, whose lineage begins with the signer of the earlier schemes.
fn past_signers(out: &Verification) -> Vec<Problem> {
    let past: Vec<&Certificate> = if out.schemes.contains(&Scheme::V1) {
        out.v1.iter().map(|signer| &signer.certificate).collect()
    } else {
        out.v2.iter().map(|signer| &signer.certificate).collect()
    };
    let mut issues = Vec::new();
    if past.len() != 1 {
        issues.push(Issue::SeveralSigners);
    }
    if let Some(lineage) = &out.lineage {
        if past.first().and_then(|certificate| lineage.position(certificate)) != Some(0) {
            issues.push(Issue::PastSignerMismatch);
        }
    } else {
        if out.v3.len() != 1 {
            issues.push(Issue::SeveralSigners);
        }
        if past.first().copied() != out.v3.first().map(|signer| &signer.certificate) {
            issues.push(Issue::PastSignerMismatch);
        }
    }
    issues.into_iter().map(|issue| Problem::new(Scheme::V3, "signers", issue)).collect()
}

/// Each signer of scheme v4 goes with one of v3 and v3.1, or of v2, and has its best digest.
fn v4_signers(out: &Verification) -> Vec<Problem> {
    let groups: Vec<&[BlockSigner]> = if out.schemes.contains(&Scheme::V3) {
        let rotated = out.schemes.contains(&Scheme::V31).then_some(out.v31.as_slice());
        std::iter::once(out.v3.as_slice()).chain(rotated).collect()
    } else if out.schemes.contains(&Scheme::V2) {
        vec![out.v2.as_slice()]
    } else {
        return vec![Problem::new(Scheme::V4, "signers", Issue::V4Alone)];
    };
    let mut issues = Vec::new();
    if groups.len() != out.v4.len() || groups.iter().any(|group| group.len() != 1) {
        issues.push(Issue::SeveralSigners);
    }
    // All v4 signers speak of the digest of the first.
    let digest = out.v4.first().and_then(|signer| signer.digests.first()).map(|(_, digest)| digest.as_slice());
    for (group, own) in groups.into_iter().zip(&out.v4) {
        if group.first().map(|signer| &signer.certificate) != Some(&own.certificate) {
            issues.push(Issue::V4Certificate);
        }
        if group.first().and_then(best_digest) != digest {
            issues.push(Issue::V4Digest);
        }
    }
    issues.into_iter().map(|issue| Problem::new(Scheme::V4, "signers", issue)).collect()
}

fn best_digest(signer: &BlockSigner) -> Option<&[u8]> {
    v4::PREFERRED.iter().find_map(|kind| {
        let of_kind = |id: u32| SignatureAlgorithm::find(id).is_some_and(|algorithm| algorithm.content == *kind);
        // Of several of one kind, the last counts.
        signer.digests.iter().rev().find(|(id, _)| of_kind(*id)).map(|(_, digest)| digest.as_slice())
    })
}
