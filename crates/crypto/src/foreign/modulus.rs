//! Arithmetic modulo an odd number: Montgomery multiplication, coarsely integrated operand scanning (Koç, Acar, Kaliski:
//! "Analyzing and Comparing Montgomery Multiplication Algorithms", IEEE Micro 1996).
//!
//! All numbers are public. Numbers inside are little-endian limbs, as many as the modulus has; outside they are
//! big-endian bytes.

use std::cmp::Ordering;

use super::der::without_leading_zeros;

const LIMB_BITS: usize = 64;

/// An odd modulus above one.
#[derive(Clone, Debug)]
pub(super) struct Modulus {
    limbs: Vec<u64>,
    bits: usize,
    /// The negated inverse of the lowest limb modulo 2^64.
    inverse: u64,
    /// R^2 modulo n, where R is 2^64 to the number of limbs: takes a number into Montgomery form.
    r_squared: Vec<u64>,
}

impl Modulus {
    /// The modulus of these big-endian bytes; `None` if it is even or one.
    pub(super) fn new(bytes: &[u8]) -> Option<Modulus> {
        let bytes = without_leading_zeros(bytes);
        let limbs = to_limbs(bytes, bytes.len().div_ceil(8));
        let lowest = *limbs.first()?;
        if lowest & 1 == 0 || bytes == [1] {
            return None;
        }
        let bits = bit_length(bytes);
        // Newton's iteration doubles the number of right bits; an odd number is its own inverse modulo 8.
        let inverse = (0..5).fold(lowest, |x, _| x.wrapping_mul(2u64.wrapping_sub(lowest.wrapping_mul(x))));
        let mut modulus = Modulus { limbs, bits, inverse: inverse.wrapping_neg(), r_squared: Vec::new() };
        modulus.r_squared = modulus.compute_r_squared();
        Some(modulus)
    }

    pub(super) fn bits(&self) -> usize {
        self.bits
    }

    pub(super) fn byte_len(&self) -> usize {
        self.bits.div_ceil(8)
    }

    /// Whether the number is below the modulus.
    pub(super) fn contains(&self, bytes: &[u8]) -> bool {
        let bytes = without_leading_zeros(bytes);
        bytes.len() <= self.byte_len() && compare(&to_limbs(bytes, self.limbs.len()), &self.limbs) == Ordering::Less
    }

    /// The number modulo this, as bytes of the modulus' length. Linear in the bits of the number.
    pub(super) fn reduce(&self, bytes: &[u8]) -> Vec<u8> {
        let mut rest = vec![0; self.limbs.len()];
        for byte in bytes {
            for bit in (0..8).rev() {
                self.double(&mut rest);
                if byte >> bit & 1 == 1 {
                    self.increment(&mut rest);
                }
            }
        }
        self.to_bytes(&rest)
    }

    /// The product of two numbers below the modulus.
    pub(super) fn multiply(&self, one: &[u8], other: &[u8]) -> Vec<u8> {
        let one = to_limbs(one, self.limbs.len());
        let other = to_limbs(other, self.limbs.len());
        let product = self.montgomery(&one, &other);
        self.to_bytes(&self.montgomery(&product, &self.r_squared))
    }

    /// The power of a number below the modulus, as bytes of the modulus' length.
    pub(super) fn power(&self, base: &[u8], exponent: &[u8]) -> Vec<u8> {
        let base = self.montgomery(&to_limbs(base, self.limbs.len()), &self.r_squared);
        let mut result: Option<Vec<u64>> = None;
        for byte in exponent {
            for bit in (0..8).rev() {
                if let Some(value) = &mut result {
                    *value = self.montgomery(value, value);
                }
                if byte >> bit & 1 == 1 {
                    result = Some(result.map_or_else(|| base.clone(), |value| self.montgomery(&value, &base)));
                }
            }
        }
        let mut one = vec![0; self.limbs.len()];
        one.iter_mut().take(1).for_each(|limb| *limb = 1);
        let result = result.map_or_else(|| one.clone(), |value| self.montgomery(&value, &one));
        self.to_bytes(&result)
    }

    /// R^2, the Montgomery form of R: reached from that of 2^64 by squaring, and by doubling 64 times for another limb.
    fn compute_r_squared(&self) -> Vec<u64> {
        let count = self.limbs.len();
        // The highest power of two below the modulus.
        let mut power = vec![0; count];
        let top = self.bits - 1;
        power.iter_mut().skip(top / LIMB_BITS).take(1).for_each(|limb| *limb = 1 << (top % LIMB_BITS));
        // Doubled up to 2^64 R modulo n.
        (top..(count + 1) * LIMB_BITS).for_each(|_| self.double(&mut power));
        let mut result = power;
        let highest = usize::BITS - 1 - count.leading_zeros();
        for bit in (0..highest).rev() {
            result = self.montgomery(&result, &result);
            if count >> bit & 1 == 1 {
                (0..LIMB_BITS).for_each(|_| self.double(&mut result));
            }
        }
        result
    }

    /// one * other / R modulo n.
    fn montgomery(&self, one: &[u64], other: &[u64]) -> Vec<u64> {
        let mut sum = vec![0u64; self.limbs.len()];
        let mut top = 0u128;
        let lowest = other.first().copied().unwrap_or_default();
        for digit in one {
            let start = sum.first().copied().unwrap_or_default().wrapping_add(digit.wrapping_mul(lowest));
            let factor = start.wrapping_mul(self.inverse);
            let (mut carry, mut carry_n) = (0u128, 0u128);
            for ((limb, other), n) in sum.iter_mut().zip(other).zip(&self.limbs) {
                carry += u128::from(*limb) + u128::from(*digit) * u128::from(*other);
                carry_n += u128::from(low(carry)) + u128::from(factor) * u128::from(*n);
                *limb = low(carry_n);
                carry >>= LIMB_BITS;
                carry_n >>= LIMB_BITS;
            }
            top += carry + carry_n;
            sum.rotate_left(1);
            if let Some(last) = sum.last_mut() {
                *last = low(top);
            }
            top >>= LIMB_BITS;
        }
        if top != 0 || compare(&sum, &self.limbs) != Ordering::Less {
            subtract(&mut sum, &self.limbs);
        }
        sum
    }

    fn double(&self, value: &mut [u64]) {
        let mut carry = 0;
        for limb in value.iter_mut() {
            let next = *limb >> (LIMB_BITS - 1);
            *limb = *limb << 1 | carry;
            carry = next;
        }
        if carry != 0 || compare(value, &self.limbs) != Ordering::Less {
            subtract(value, &self.limbs);
        }
    }

    fn increment(&self, value: &mut [u64]) {
        for limb in value.iter_mut() {
            let (next, overflow) = limb.overflowing_add(1);
            *limb = next;
            if !overflow {
                break;
            }
        }
        if compare(value, &self.limbs) != Ordering::Less {
            subtract(value, &self.limbs);
        }
    }

    fn to_bytes(&self, limbs: &[u64]) -> Vec<u8> {
        let bytes: Vec<u8> = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
        bytes.get(bytes.len() - self.byte_len()..).unwrap_or_default().to_vec()
    }
}

/// The number of bits of a big-endian number without leading zeros.
fn bit_length(bytes: &[u8]) -> usize {
    bytes.first().map_or(0, |first| bytes.len() * 8 - first.leading_zeros() as usize)
}

/// Big-endian bytes as little-endian limbs; what does not fit is cut.
fn to_limbs(bytes: &[u8], count: usize) -> Vec<u64> {
    let mut limbs: Vec<u64> = bytes
        .rchunks(8)
        .take(count)
        .map(|chunk| chunk.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte)))
        .collect();
    limbs.resize(count, 0);
    limbs
}

fn compare(one: &[u64], other: &[u64]) -> Ordering {
    one.iter().rev().cmp(other.iter().rev())
}

fn subtract(value: &mut [u64], other: &[u64]) {
    let mut borrow = false;
    for (limb, other) in value.iter_mut().zip(other) {
        let (first, one) = limb.overflowing_sub(*other);
        let (second, two) = first.overflowing_sub(u64::from(borrow));
        *limb = second;
        borrow = one || two;
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
fn low(wide: u128) -> u64 {
    wide as u64
}
