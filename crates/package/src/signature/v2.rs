//! APK Signature Scheme v2: signatures over a digest of the whole file
//! (<https://source.android.com/docs/security/features/apksigning/v2>).

use std::collections::BTreeSet;

use super::algorithm::{ContentDigest, SignatureAlgorithm};
use super::certificate::Certificate;
use super::content::Contents;
use super::fields::Fields;
use super::input::Platforms;
use super::issue::{Issue, Problem};
use super::signer::{
    Numbered, check_contents, check_same_algorithms, read_attributes, read_certificates, read_pairs, verify_signatures,
};
use super::{BlockSigner, Scheme};

/// Names a scheme whose signature must be there, too.
const STRIPPING_PROTECTION: u32 = 0xbeef_f00d;

/// What a scheme with a block says of a package.
#[derive(Clone, Debug, Default)]
pub(super) struct BlockOutcome {
    pub(super) verified: bool,
    pub(super) signers: Vec<BlockSigner>,
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl BlockOutcome {
    pub(super) fn error(&mut self, scheme: Scheme, place: &str, issue: impl Into<Issue>) {
        self.errors.push(Problem::new(scheme, place, issue));
    }
}

/// Verifies the value of the v2 pair.
pub(super) fn verify(
    block: &[u8],
    contents: &mut Contents<'_>,
    platforms: Platforms,
    found: &BTreeSet<u32>,
    known: &[u32],
) -> BlockOutcome {
    let mut outcome = BlockOutcome::default();
    let mut parsed = Vec::new();
    let mut fields = match Fields::new(block).nested() {
        Ok(fields) if !fields.is_empty() => fields,
        Ok(_) => {
            outcome.error(Scheme::V2, "signers", Issue::NoSigners);
            return outcome;
        }
        Err(error) => {
            outcome.error(Scheme::V2, "signers", error);
            return outcome;
        }
    };
    while !fields.is_empty() {
        let place = format!("signer {}", parsed.len() + 1);
        let mut issues = Vec::new();
        let signer = fields.prefixed().map_err(Issue::from);
        let signer = signer.and_then(|signer| Signer::read(signer, platforms, &mut issues));
        outcome.warnings.extend(issues.into_iter().map(|issue| Problem::new(Scheme::V2, &place, issue)));
        match signer {
            Ok(signer) => {
                for issue in signer.check_stripping(found, known) {
                    let list = match issue {
                        Issue::UnknownSchemeId(_) => &mut outcome.warnings,
                        _ => &mut outcome.errors,
                    };
                    list.push(Problem::new(Scheme::V2, &place, issue));
                }
                parsed.push(signer);
            }
            Err(issue) => outcome.error(Scheme::V2, &place, issue),
        }
        // Each error ends the verdict; going on would only cost time.
        if !outcome.errors.is_empty() {
            return outcome;
        }
    }
    let kinds: Vec<ContentDigest> =
        parsed.iter().flat_map(|signer| &signer.algorithms).map(|algorithm| algorithm.content).collect();
    for (number, signer) in (1..).zip(parsed) {
        for issue in check_contents(&signer.digests, &kinds, contents) {
            outcome.error(Scheme::V2, &format!("signer {number}"), issue);
        }
        outcome.signers.extend(signer.into_public());
    }
    outcome.verified = outcome.errors.is_empty();
    outcome
}

/// A signer whose signatures are right.
struct Signer<'a> {
    certificates: Vec<Certificate>,
    algorithms: Vec<&'static SignatureAlgorithm>,
    digests: Vec<Numbered<'a>>,
    attributes: Vec<Numbered<'a>>,
}

impl<'a> Signer<'a> {
    fn read(bytes: &'a [u8], platforms: Platforms, warnings: &mut Vec<Issue>) -> Result<Signer<'a>, Issue> {
        let mut fields = Fields::new(bytes);
        let signed = fields.prefixed()?;
        let signatures = read_pairs(fields.nested()?)?;
        let key = fields.prefixed()?;
        let algorithms = verify_signatures(&signatures, key, signed, platforms, warnings)?;

        let mut fields = Fields::new(signed);
        let digests = fields.nested()?;
        let certificates = fields.nested()?;
        let attributes = fields.nested()?;
        let certificates = read_certificates(certificates, key)?;
        let digests = read_pairs(digests)?;
        check_same_algorithms(&signatures, &digests)?;
        let attributes = read_attributes(attributes)?;
        for (id, _) in attributes.iter().filter(|(id, _)| *id != STRIPPING_PROTECTION) {
            warnings.push(Issue::UnknownAttribute(*id));
        }
        Ok(Signer { certificates, algorithms, digests, attributes })
    }

    fn check_stripping(&self, found: &BTreeSet<u32>, known: &[u32]) -> Vec<Issue> {
        let protections = self.attributes.iter().filter(|(id, _)| *id == STRIPPING_PROTECTION);
        protections
            .filter_map(|(_, value)| match Fields::new(value).u32() {
                Err(error) => Some(error.into()),
                Ok(id) if !known.contains(&id) => Some(Issue::UnknownSchemeId(id)),
                Ok(id) if !found.contains(&id) => Some(Issue::V2SaysStripped(id)),
                Ok(_) => None,
            })
            .collect()
    }

    fn into_public(self) -> Option<BlockSigner> {
        let digests = self.digests.into_iter().map(|(id, digest)| (id, digest.to_vec())).collect();
        BlockSigner::new(self.certificates, self.algorithms, digests, Platforms::from(0), None)
    }
}
