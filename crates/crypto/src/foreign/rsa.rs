//! RSA signatures: RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 section 8).

use super::der::{tag, tlv, without_leading_zeros};
use super::modulus::Modulus;
use super::{Digest, Hash, Hasher, KeyError, Refusal};

/// The sizes that platforms accept; smaller keys can be factored on a desk, larger ones only cost time.
const MIN_BITS: usize = 512;
const MAX_BITS: usize = 16_384;
/// Above this size an exponent may have 64 bits at most, so that a hostile key can't keep the verifier busy.
const MAX_BITS_WITH_LONG_EXPONENT: usize = 3072;

#[derive(Clone, Debug)]
pub(super) struct RsaKey {
    modulus: Modulus,
    exponent: Vec<u8>,
}

impl RsaKey {
    pub(super) fn new(modulus: &[u8], exponent: &[u8]) -> Result<RsaKey, KeyError> {
        let exponent = without_leading_zeros(exponent);
        if without_leading_zeros(modulus).len() > MAX_BITS / 8 || exponent.len() > MAX_BITS_WITH_LONG_EXPONENT / 8 {
            return Err(KeyError::Value);
        }
        let modulus = Modulus::new(modulus).ok_or(KeyError::Value)?;
        let long_exponent = exponent.len() > 8;
        if !(MIN_BITS..=MAX_BITS).contains(&modulus.bits())
            || exponent.is_empty()
            || long_exponent && modulus.bits() > MAX_BITS_WITH_LONG_EXPONENT
        {
            return Err(KeyError::Value);
        }
        Ok(RsaKey { modulus, exponent: exponent.to_vec() })
    }

    pub(super) fn bits(&self) -> usize {
        self.modulus.bits()
    }

    /// RFC 8017 section 8.2.2.
    pub(super) fn verify_pkcs1(&self, hash: Hash, digest: &Digest, signature: &[u8]) -> Result<bool, Refusal> {
        let length = self.modulus.byte_len();
        let with_null = pkcs1_encoding(hash, digest, true, length).ok_or(Refusal::KeySize)?;
        let message = self.open(signature)?;
        // Some writers leave out the parameters of the digest algorithm (RFC 8017 appendix A.2.4 allows both).
        Ok(message == with_null || Some(message) == pkcs1_encoding(hash, digest, false, length))
    }

    /// RFC 8017 sections 8.1.2 and 9.1.2.
    pub(super) fn verify_pss(&self, hash: Hash, digest: &Digest, signature: &[u8]) -> Result<bool, Refusal> {
        let hash_len = hash.output_len();
        let bits = self.modulus.bits() - 1;
        let length = bits.div_ceil(8);
        if length < 2 * hash_len + 2 {
            return Err(Refusal::KeySize);
        }
        let message = self.open(signature)?;
        let (head, message) = message.split_at(message.len() - length);
        let Some((0xbc, message)) = message.split_last().map(|(last, rest)| (*last, rest)) else {
            return Ok(false);
        };
        let (masked, expected) = message.split_at(message.len() - hash_len);
        let mut block = masked.to_vec();
        mgf1_xor(hash, expected, &mut block);
        let unused = 8 * length - bits;
        let mut top_is_clear = head.iter().all(|byte| *byte == 0);
        if let (Some(first), Some(masked)) = (block.first_mut(), masked.first()) {
            let used = 0xffu8.checked_shr(u32::try_from(unused).unwrap_or(8)).unwrap_or_default();
            top_is_clear &= masked & !used == 0;
            *first &= used;
        }
        let (padding, salt) = block.split_at(block.len() - hash_len);
        let padding_is_right =
            padding.split_last().is_some_and(|(last, zeros)| *last == 1 && zeros.iter().all(|byte| *byte == 0));
        let mut hasher = Hasher::new(hash);
        hasher.update(&[0; 8]);
        hasher.update(digest.as_ref());
        hasher.update(salt);
        Ok(top_is_clear && padding_is_right && hasher.finish().as_ref() == expected)
    }

    /// RSAVP1: the message representative, as long as the modulus.
    fn open(&self, signature: &[u8]) -> Result<Vec<u8>, Refusal> {
        if signature.len() != self.modulus.byte_len() || !self.modulus.contains(signature) {
            return Err(Refusal::Signature);
        }
        Ok(self.modulus.power(signature, &self.exponent))
    }
}

/// EMSA-PKCS1-v1_5 (RFC 8017 section 9.2); `None` if it does not fit.
fn pkcs1_encoding(hash: Hash, digest: &Digest, null: bool, length: usize) -> Option<Vec<u8>> {
    let mut algorithm = tlv(0x06, oid(hash));
    if null {
        algorithm.extend_from_slice(&tlv(u8::try_from(tag::NULL).unwrap_or_default(), &[]));
    }
    let info = tlv(0x30, &[tlv(0x30, &algorithm), tlv(0x04, digest.as_ref())].concat());
    let padding = length.checked_sub(info.len() + 3).filter(|padding| *padding >= 8)?;
    let mut encoding = vec![0, 1];
    encoding.resize(2 + padding, 0xff);
    encoding.push(0);
    encoding.extend_from_slice(&info);
    Some(encoding)
}

/// MGF1 (RFC 8017 appendix B.2.1), applied.
fn mgf1_xor(hash: Hash, seed: &[u8], out: &mut [u8]) {
    for (counter, chunk) in (0u32..).zip(out.chunks_mut(hash.output_len())) {
        let mut hasher = Hasher::new(hash);
        hasher.update(seed);
        hasher.update(&counter.to_be_bytes());
        chunk.iter_mut().zip(hasher.finish().as_ref()).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// The contents of the OBJECT IDENTIFIER of the hash function.
fn oid(hash: Hash) -> &'static [u8] {
    match hash {
        Hash::Md5 => &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05],
        Hash::Sha1 => &[0x2b, 0x0e, 0x03, 0x02, 0x1a],
        Hash::Sha224 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04],
        Hash::Sha256 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01],
        Hash::Sha384 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02],
        Hash::Sha512 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03],
    }
}
