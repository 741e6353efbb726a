//! DSA (FIPS 186-4 section 4.7): old packages carry it, no new key should.

use super::der::{Reader, tag};
use super::modulus::Modulus;
use super::{Digest, KeyError, Refusal};

/// More than any standard key has; keeps a hostile key from costing time.
const MAX_P_BITS: usize = 4096;
const MAX_Q_BITS: usize = 512;

#[derive(Clone, Debug)]
pub(super) struct DsaKey {
    p: Modulus,
    q: Modulus,
    /// q - 2: a number to this power is its inverse, as q is prime.
    inverting: Vec<u8>,
    g: Vec<u8>,
    y: Vec<u8>,
}

impl DsaKey {
    pub(super) fn new(p: &[u8], q: &[u8], g: &[u8], y: &[u8]) -> Result<DsaKey, KeyError> {
        if p.len() > MAX_P_BITS / 8 || q.len() > MAX_Q_BITS / 8 || g.len() > p.len() || y.len() > p.len() {
            return Err(KeyError::Value);
        }
        let p = Modulus::new(p).ok_or(KeyError::Value)?;
        let inverting = minus_two(q).ok_or(KeyError::Value)?;
        let q = Modulus::new(q).ok_or(KeyError::Value)?;
        Ok(DsaKey { g: p.reduce(g), y: p.reduce(y), p, q, inverting })
    }

    pub(super) fn bits(&self) -> usize {
        self.p.bits()
    }

    pub(super) fn verify(&self, digest: &Digest, signature: &[u8]) -> Result<bool, Refusal> {
        let digest = digest.as_ref();
        let (r, s) = signature_integers(signature).ok_or(Refusal::Signature)?;
        if r.is_empty() || s.is_empty() || !self.q.contains(r) || !self.q.contains(s) {
            return Ok(false);
        }
        // The leftmost bits count; a digest that is shorter than q counts whole, as in old packages.
        let message = self.q.reduce(digest.get(..self.q.bits() / 8).unwrap_or(digest));
        let inverse = self.q.power(s, &self.inverting);
        let u1 = self.q.multiply(&message, &inverse);
        let u2 = self.q.multiply(r, &inverse);
        let value = self.p.multiply(&self.p.power(&self.g, &u1), &self.p.power(&self.y, &u2));
        Ok(self.q.reduce(&value) == self.q.reduce(r))
    }
}

/// r and s of `SEQUENCE { INTEGER, INTEGER }` (RFC 3279 sections 2.2.2 and 2.2.3) and nothing else.
pub(super) fn signature_integers(signature: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = Reader::new(signature);
    let sequence = outer.expect(tag::SEQUENCE).ok()?;
    outer.end().ok()?;
    let mut inner = sequence.reader();
    let r = inner.magnitude().ok()?;
    let s = inner.magnitude().ok()?;
    inner.end().ok()?;
    Some((r, s))
}

fn minus_two(number: &[u8]) -> Option<Vec<u8>> {
    let mut out = number.to_vec();
    let mut borrow = 2;
    for byte in out.iter_mut().rev() {
        let (value, underflow) = byte.overflowing_sub(borrow);
        *byte = value;
        borrow = u8::from(underflow);
        if borrow == 0 {
            return Some(out);
        }
    }
    None
}
