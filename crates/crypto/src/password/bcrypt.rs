//! bcrypt, only to verify imported hashes.
//!
//! bcrypt reads 72 bytes and stops at NUL. A longer password, or one with NUL, would match by its beginning alone: so
//! it never matches here. It is not hashed first either, which would change what the stored hash means.

use bcrypt::HashParts;
use zeroize::Zeroizing;

use super::PhcError;
use crate::digest::equal;

const MAX_BYTES: usize = 72;
/// 2^14 rounds take about a second; imported hashes have 10 to 13.
const MAX_COST: u32 = 14;

/// Whether the text claims to be a bcrypt hash.
pub(super) fn is_bcrypt(text: &str) -> bool {
    ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix))
}

/// A bcrypt hash with two digits of cost in bounds.
pub(super) fn parse(text: &str) -> Result<HashParts, PhcError> {
    let digits = text.get(4..6).ok_or(PhcError::Malformed)?;
    if text.len() != 60 || !digits.bytes().all(|byte| byte.is_ascii_digit()) || !is_bcrypt(text) {
        return Err(PhcError::Malformed);
    }
    let parts: HashParts = text.parse().map_err(|_| PhcError::Malformed)?;
    if (4..=MAX_COST).contains(&parts.get_cost()) { Ok(parts) } else { Err(PhcError::Bounds) }
}

/// Whether the password is the one of the hash. A password that bcrypt can't tell apart costs the same time.
pub(super) fn verify(password: &[u8], text: &str) -> Result<bool, PhcError> {
    let stored = parse(text)?;
    let distinct = password.len() <= MAX_BYTES && !password.contains(&0);
    let read = password.get(..MAX_BYTES).unwrap_or(password);
    let computed =
        bcrypt::hash_with_salt(read, stored.get_cost(), stored.get_salt_raw()).map_err(|_| PhcError::Bounds)?;
    let same = equal(tail(&computed).as_bytes(), tail(&stored).as_bytes());
    Ok(same & distinct)
}

/// The last 31 characters: the hash without version, cost and salt.
fn tail(parts: &HashParts) -> Zeroizing<String> {
    let text = Zeroizing::new(parts.to_string());
    Zeroizing::new(text.get(29..).unwrap_or_default().to_owned())
}
