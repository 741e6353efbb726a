//! Values of the pairs of the signing block (schemes v2, v3 and v3.1), proof of rotation, and the file of scheme v4.

use anyhow::Result;
use aws_lc_rs::digest::{SHA256, digest};

use super::{Signer, cut, len32, prefixed, sections};

const ECDSA_SHA256: u32 = 0x0201;

/// A number and the value of an attribute.
pub type Attribute = (u32, Vec<u8>);

/// A signer of scheme v3 or v3.1.
pub struct Ranged<'a> {
    /// Who signs.
    pub signer: &'a Signer,
    /// The first and the last API level.
    pub range: (u32, u32),
    /// Attributes, such as [`lineage`] under `0x3ba06f8c`.
    pub attributes: Vec<Attribute>,
}

/// The v2 value for an archive that has no signing block yet; each signer has these attributes.
pub fn v2(archive: &[u8], signers: &[&Signer], attributes: &[Attribute]) -> Result<Vec<u8>> {
    let digest = content_digest(archive);
    let mut all = Vec::new();
    for signer in signers {
        let signed = signed_data(&digest, signer, &[], attributes);
        all.extend(prefixed(&signer_block(&signed, signer, &[])?));
    }
    Ok(prefixed(&all))
}

/// The v3 or v3.1 value for an archive that has no signing block yet.
pub fn v3(archive: &[u8], signers: &[Ranged<'_>]) -> Result<Vec<u8>> {
    let digest = content_digest(archive);
    let mut all = Vec::new();
    for Ranged { signer, range, attributes } in signers {
        let range = [range.0.to_le_bytes(), range.1.to_le_bytes()].concat();
        let signed = signed_data(&digest, signer, &range, attributes);
        all.extend(prefixed(&signer_block(&signed, signer, &range)?));
    }
    Ok(prefixed(&all))
}

/// A proof of rotation through these signers, the oldest first, with the capabilities of each.
pub fn lineage(signers: &[(&Signer, u32)]) -> Result<Vec<u8>> {
    let mut out = 1u32.to_le_bytes().to_vec();
    let mut parent: Option<&Signer> = None;
    for (signer, capabilities) in signers {
        let algorithm = if parent.is_some() { ECDSA_SHA256 } else { 0 };
        let signed = [prefixed(&signer.certificate), algorithm.to_le_bytes().to_vec()].concat();
        let signature = parent.map(|parent| parent.sign(&signed)).transpose()?.unwrap_or_default();
        let node = [
            prefixed(&signed),
            capabilities.to_le_bytes().to_vec(),
            ECDSA_SHA256.to_le_bytes().to_vec(),
            prefixed(&signature),
        ];
        out.extend(prefixed(&node.concat()));
        parent = Some(signer);
    }
    Ok(out)
}

/// The `.idsig` file of a signed package of at most 512 KiB, without the tree.
pub fn v4(package: &[u8], digest_of_block: &[u8], signer: &Signer) -> Result<Vec<u8>> {
    anyhow::ensure!(package.len() <= 4096 * 128, "the tree of a larger package has more than one page");
    let mut page: Vec<u8> = package
        .chunks(4096)
        .flat_map(|chunk| {
            let mut chunk = chunk.to_vec();
            chunk.resize(4096, 0);
            digest(&SHA256, &chunk).as_ref().to_vec()
        })
        .collect();
    page.resize(4096, 0);
    let root = digest(&SHA256, &page);
    let hashing = [&[1, 0, 0, 0, 12], [0; 4].as_slice(), &prefixed(root.as_ref())].concat();
    let parts = [prefixed(digest_of_block), prefixed(&signer.certificate), prefixed(b"")].concat();
    let mut message = (package.len() as u64).to_le_bytes().to_vec();
    message.extend_from_slice(&hashing);
    message.extend_from_slice(&parts);
    let size = u32::try_from(message.len() + 4).unwrap_or(u32::MAX).to_le_bytes();
    let signature = signer.sign(&[size.as_slice(), &message].concat())?;
    let info = [parts, prefixed(&signer.spki), ECDSA_SHA256.to_le_bytes().to_vec(), prefixed(&signature)].concat();
    Ok([2u32.to_le_bytes().to_vec(), prefixed(&hashing), prefixed(&info)].concat())
}

/// The chunked SHA-256 of an archive without a signing block, whose parts are shorter than a chunk.
pub fn content_digest(archive: &[u8]) -> Vec<u8> {
    let (start, end) = sections(archive);
    let parts = [cut(archive, 0..start), cut(archive, start..end), cut(archive, end..archive.len())];
    let chunks: Vec<&[u8]> = parts.into_iter().flat_map(|part| part.chunks(1 << 20)).collect();
    let mut top = [&[0x5a], u32::try_from(chunks.len()).unwrap_or(0).to_le_bytes().as_slice()].concat();
    for chunk in chunks {
        let chunk = [&[0xa5], len32(chunk).as_slice(), chunk].concat();
        top.extend_from_slice(digest(&SHA256, &chunk).as_ref());
    }
    digest(&SHA256, &top).as_ref().to_vec()
}

fn signed_data(digest: &[u8], signer: &Signer, range: &[u8], attributes: &[Attribute]) -> Vec<u8> {
    let digest = prefixed(&[ECDSA_SHA256.to_le_bytes().as_slice(), &prefixed(digest)].concat());
    let attributes: Vec<u8> =
        attributes.iter().flat_map(|(id, value)| prefixed(&[id.to_le_bytes().as_slice(), value].concat())).collect();
    [prefixed(&digest), prefixed(&prefixed(&signer.certificate)), range.to_vec(), prefixed(&attributes)].concat()
}

fn signer_block(data: &[u8], signer: &Signer, range: &[u8]) -> Result<Vec<u8>> {
    let signature = signer.sign(data)?;
    let signature = prefixed(&[ECDSA_SHA256.to_le_bytes().as_slice(), &prefixed(&signature)].concat());
    Ok([prefixed(data), range.to_vec(), prefixed(&signature), prefixed(&signer.spki)].concat())
}
