//! APK Signature Schemes v3 and v3.1: as v2, with signers for ranges of API levels and proof of rotation
//! (<https://source.android.com/docs/security/features/apksigning/v3> and `/v3-1`).

use super::algorithm::{ContentDigest, SignatureAlgorithm};
use super::certificate::Certificate;
use super::content::Contents;
use super::fields::Fields;
use super::input::{Platforms, api};
use super::issue::{Issue, Problem};
use super::lineage::Lineage;
use super::signer::{
    Numbered, check_contents, check_same_algorithms, read_attributes, read_certificates, read_pairs, verify_signatures,
};
use super::v2::BlockOutcome;
use super::{BlockSigner, Scheme};

const PROOF_OF_ROTATION: u32 = 0x3ba0_6f8c;
/// On a v3 signer: the first API level of the v3.1 signers, which must then be there.
const ROTATION_MIN_SDK: u32 = 0x559f_8b02;
/// On a v3.1 signer: the rotation is for a development release.
const ROTATION_ON_DEV_RELEASE: u32 = 0xc2a6_b3ba;

/// How to verify a block of these schemes.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub(super) scheme: Scheme,
    pub(super) platforms: Platforms,
    /// The first API level of the v3.1 signers, if there are any.
    pub(super) rotation: Option<u32>,
}

/// Verifies the value of a v3 or v3.1 pair; the lineage is that of all signers.
pub(super) fn verify(block: &[u8], contents: &mut Contents<'_>, rules: Rules) -> (BlockOutcome, Option<Lineage>) {
    let mut outcome = BlockOutcome::default();
    let scheme = rules.scheme;
    let mut fields = match Fields::new(block).nested() {
        Ok(fields) if !fields.is_empty() => fields,
        Ok(_) => {
            outcome.error(scheme, "signers", Issue::NoSigners);
            return (outcome, None);
        }
        Err(error) => {
            outcome.error(scheme, "signers", error);
            return (outcome, None);
        }
    };
    let mut parsed = Vec::new();
    while !fields.is_empty() {
        let place = format!("signer {}", parsed.len() + 1);
        let mut issues = Vec::new();
        let signer = fields.prefixed().map_err(Issue::from);
        let signer = signer.and_then(|signer| Signer::read(signer, rules, &mut issues));
        outcome.warnings.extend(issues.into_iter().map(|issue| Problem::new(scheme, &place, issue)));
        match signer {
            Ok(signer) => parsed.push(signer),
            // Each error ends the verdict; going on would only cost time.
            Err(issue) => {
                outcome.error(scheme, &place, issue);
                return (outcome, None);
            }
        }
    }
    let kinds: Vec<ContentDigest> =
        parsed.iter().flat_map(|signer| &signer.algorithms).map(|algorithm| algorithm.content).collect();
    for (number, signer) in (1..).zip(&parsed) {
        for issue in check_contents(&signer.digests, &kinds, contents) {
            outcome.error(scheme, &format!("signer {number}"), issue);
        }
    }
    if let Err(issue) = check_ranges(&parsed, rules) {
        outcome.error(scheme, "signers", issue);
    }
    let lineages: Vec<Lineage> = parsed.iter().filter_map(|signer| signer.lineage.clone()).collect();
    let lineage = Lineage::consolidate(&lineages).unwrap_or_else(|()| {
        outcome.error(scheme, "signers", Issue::LineagesInconsistent);
        None
    });
    outcome.signers = parsed.into_iter().filter_map(Signer::into_public).collect();
    outcome.verified = outcome.errors.is_empty();
    (outcome, lineage)
}

/// The signers must follow one another without gaps, cover the platforms, and their lineages must only grow.
fn check_ranges(signers: &[Signer<'_>], rules: Rules) -> Result<(), Issue> {
    let mut order: Vec<&Signer<'_>> = signers.iter().collect();
    order.sort_by_key(|signer| signer.platforms.min);
    let mut last: Option<Platforms> = None;
    let mut longest = 0;
    for signer in &order {
        if last.is_some_and(|last| last.max.checked_add(1) != Some(signer.platforms.min)) {
            return Err(Issue::SdkRangesInconsistent);
        }
        last = Some(signer.platforms);
        if let Some(lineage) = &signer.lineage {
            if lineage.nodes.len() < longest {
                return Err(Issue::LineagesInconsistent);
            }
            longest = lineage.nodes.len();
        }
    }
    let first = order.first().map_or(0, |signer| signer.platforms.min);
    let last = last.map_or(0, |last| last.max);
    // Where v3.1 signers begin, v3 signers may end. They themselves may begin anywhere.
    let needed = rules.rotation.map_or(rules.platforms.max, |rotation| rotation.saturating_sub(1));
    let begin = if rules.scheme == Scheme::V31 { rules.platforms.max } else { rules.platforms.min };
    if first > begin || last < needed {
        return Err(Issue::SdkRangeMissing(first, last));
    }
    Ok(())
}

/// A signer whose signatures are right.
struct Signer<'a> {
    certificates: Vec<Certificate>,
    algorithms: Vec<&'static SignatureAlgorithm>,
    digests: Vec<Numbered<'a>>,
    platforms: Platforms,
    lineage: Option<Lineage>,
}

impl<'a> Signer<'a> {
    fn read(bytes: &'a [u8], rules: Rules, warnings: &mut Vec<Issue>) -> Result<Signer<'a>, Issue> {
        let mut fields = Fields::new(bytes);
        let signed = fields.prefixed()?;
        let platforms = Platforms { min: fields.u32()?, max: fields.u32()? };
        if platforms.min > platforms.max || platforms.max > Platforms::NEWEST {
            return Err(Issue::SdkRange(platforms.min, platforms.max));
        }
        let signatures = read_pairs(fields.nested()?)?;
        let key = fields.prefixed()?;
        let algorithms = verify_signatures(&signatures, key, signed, platforms, warnings)?;

        let mut fields = Fields::new(signed);
        let digests = fields.nested()?;
        let certificates = fields.nested()?;
        if (Platforms { min: fields.u32()?, max: fields.u32()? }) != platforms {
            return Err(Issue::SdkRangeMismatch);
        }
        let attributes = fields.nested()?;
        let certificates = read_certificates(certificates, key)?;
        let digests = read_pairs(digests)?;
        check_same_algorithms(&signatures, &digests)?;
        let attributes = read_attributes(attributes)?;
        let mut own = Signer { certificates, algorithms, digests, platforms, lineage: None };
        own.read_attributes(&attributes, rules, warnings)?;
        Ok(own)
    }

    fn read_attributes(
        &mut self,
        attributes: &[Numbered<'_>],
        rules: Rules,
        warnings: &mut Vec<Issue>,
    ) -> Result<(), Issue> {
        for (id, value) in attributes {
            match *id {
                PROOF_OF_ROTATION => {
                    let lineage = Lineage::read(value)?;
                    let own = self.certificates.first().and_then(|certificate| lineage.position(certificate));
                    if own.map(|own| own + 1) != Some(lineage.nodes.len()) {
                        return Err(Issue::LineageCertificate);
                    }
                    self.lineage = Some(lineage);
                }
                ROTATION_MIN_SDK if rules.platforms.max >= api::TIRAMISU => {
                    let said = Fields::new(value).u32()?;
                    match rules.rotation {
                        Some(found) if found == said => {}
                        Some(found) => return Err(Issue::RotationMismatch { said, found }),
                        None => return Err(Issue::RotationStripped(said)),
                    }
                }
                ROTATION_MIN_SDK => {}
                ROTATION_ON_DEV_RELEASE if rules.scheme == Scheme::V31 => {}
                ROTATION_ON_DEV_RELEASE => warnings.push(Issue::DevReleaseOnV3),
                other => warnings.push(Issue::UnknownAttribute(other)),
            }
        }
        if rules.rotation.is_some() && !attributes.iter().any(|(id, _)| *id == ROTATION_MIN_SDK) {
            warnings.push(Issue::RotationUnprotected);
        }
        Ok(())
    }

    fn into_public(self) -> Option<BlockSigner> {
        let digests = self.digests.into_iter().map(|(id, digest)| (id, digest.to_vec())).collect();
        BlockSigner::new(self.certificates, self.algorithms, digests, self.platforms, self.lineage)
    }
}
