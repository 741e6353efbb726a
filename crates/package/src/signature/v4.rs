//! APK Signature Scheme v4: a signature over the root of a Merkle tree of the whole file, in a file of its own (`.idsig`;
//! <https://source.android.com/docs/security/features/apksigning/v4>).

use testudo_crypto::foreign::PublicKey;

use super::algorithm::{ContentDigest, SignatureAlgorithm};
use super::certificate::Certificate;
use super::fields::{FieldError, Fields};
use super::input::Platforms;
use super::issue::Issue;
use super::merkle::MerkleTree;
use super::signer::verify_one;
use super::v2::BlockOutcome;
use super::{BlockSigner, Scheme};

const VERSION: u32 = 2;
const MAX_SIGNERS: usize = 16;

/// The digest kinds that go into a v4 signature, the best first.
pub(super) const PREFERRED: [ContentDigest; 3] =
    [ContentDigest::ChunkedSha512, ContentDigest::VeritySha256, ContentDigest::ChunkedSha256];

/// What the signed tree is.
struct Hashing<'a> {
    algorithm: u32,
    log2_block: u8,
    salt: &'a [u8],
    root: &'a [u8],
}

/// One signature over it.
struct Signing<'a> {
    package_digest: &'a [u8],
    certificate: &'a [u8],
    additional: &'a [u8],
    key: &'a [u8],
    algorithm: u32,
    signature: &'a [u8],
}

/// Verifies the file against the package. A signer's only digest is the one that must be that of its v2 or v3 signer.
pub(super) fn verify(package: &[u8], file: &[u8]) -> BlockOutcome {
    let mut outcome = BlockOutcome::default();
    if let Err((place, issue)) = verify_into(package, file, &mut outcome) {
        outcome.error(Scheme::V4, &place, issue);
    }
    outcome.verified = outcome.errors.is_empty();
    outcome
}

fn verify_into(package: &[u8], file: &[u8], outcome: &mut BlockOutcome) -> Result<(), (String, Issue)> {
    let of_file = |issue: Issue| (".idsig file".to_owned(), issue);
    let (hashing, signings, tree) = read(file).map_err(of_file)?;
    for (number, signing) in (1..).zip(&signings) {
        let signer =
            verify_signer(package.len(), &hashing, signing).map_err(|issue| (format!("signer {number}"), issue))?;
        outcome.signers.extend(signer);
    }
    let actual = MerkleTree::over(&[package], &[]);
    if actual.root.as_ref() != hashing.root {
        return Err(of_file(Issue::V4Root));
    }
    match tree {
        Some(tree) if tree != actual.pages => Err(of_file(Issue::V4Tree)),
        _ => Ok(()),
    }
}

type Parts<'a> = (Hashing<'a>, Vec<Signing<'a>>, Option<&'a [u8]>);

fn read(file: &[u8]) -> Result<Parts<'_>, Issue> {
    let mut fields = Fields::new(file);
    let version = fields.u32()?;
    if version != VERSION {
        return Err(Issue::V4Version(version));
    }
    let mut hashing = fields.nested()?;
    let hashing = Hashing {
        algorithm: hashing.u32()?,
        log2_block: hashing.u8()?,
        salt: hashing.prefixed()?,
        root: hashing.prefixed()?,
    };
    let mut list = fields.nested()?;
    let mut signings = vec![Signing::read(&mut list)?];
    while !list.is_empty() {
        if signings.len() == MAX_SIGNERS {
            return Err(FieldError { at: MAX_SIGNERS }.into());
        }
        // The id of the block that this signer goes with.
        list.u32()?;
        signings.push(Signing::read(&mut list.nested()?)?);
    }
    // The tree may be left out.
    let tree = fields.prefixed().ok();
    Ok((hashing, signings, tree))
}

impl<'a> Signing<'a> {
    fn read(fields: &mut Fields<'a>) -> Result<Signing<'a>, FieldError> {
        Ok(Signing {
            package_digest: fields.prefixed()?,
            certificate: fields.prefixed()?,
            additional: fields.prefixed()?,
            key: fields.prefixed()?,
            algorithm: fields.u32()?,
            signature: fields.prefixed()?,
        })
    }
}

fn verify_signer(size: usize, hashing: &Hashing<'_>, signing: &Signing<'_>) -> Result<Option<BlockSigner>, Issue> {
    let algorithm = SignatureAlgorithm::find(signing.algorithm).ok_or(Issue::UnknownAlgorithm(signing.algorithm))?;
    let key = PublicKey::from_spki(signing.key)?;
    verify_one(algorithm, &key, &signed_data(size, hashing, signing), signing.signature)?;
    let certificate = Certificate::read(signing.certificate)?;
    if certificate.spki != signing.key {
        return Err(Issue::PublicKeyMismatch);
    }
    let digests = vec![(0, signing.package_digest.to_vec())];
    Ok(BlockSigner::new(vec![certificate], vec![algorithm], digests, Platforms::from(0), None))
}

fn signed_data(size: usize, hashing: &Hashing<'_>, signing: &Signing<'_>) -> Vec<u8> {
    let mut data = vec![0; 4];
    data.extend_from_slice(&u64::try_from(size).unwrap_or_default().to_le_bytes());
    data.extend_from_slice(&hashing.algorithm.to_le_bytes());
    data.push(hashing.log2_block);
    for bytes in [hashing.salt, hashing.root, signing.package_digest, signing.certificate, signing.additional] {
        data.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or_default().to_le_bytes());
        data.extend_from_slice(bytes);
    }
    let length = u32::try_from(data.len()).unwrap_or_default().to_le_bytes();
    data.iter_mut().zip(length).for_each(|(to, from)| *to = from);
    data
}
