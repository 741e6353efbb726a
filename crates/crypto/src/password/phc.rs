//! PHC strings of Argon2id, read and written strictly: `$argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<hash>`.
//!
//! Numbers without sign or leading zero, base64 without padding and with canonical last digits, nothing optional.
//! So each hash has one text, and a damaged one is never guessed at.

use data_encoding::BASE64_NOPAD;

use super::{Params, bcrypt};

const PREFIX: &str = "$argon2id$v=19$";
const MAX_TEXT: usize = 256;
const SALT: std::ops::RangeInclusive<usize> = 8..=64;
const HASH: std::ops::RangeInclusive<usize> = 16..=64;

/// Why a stored hash is unusable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PhcError {
    /// Neither Argon2id version 19 nor bcrypt.
    #[error("only Argon2id (version 19) and bcrypt (2a, 2b, 2y) hashes can be used")]
    Algorithm,
    /// The text has another shape.
    #[error("the hash is malformed")]
    Malformed,
    /// The parameters would cost too much time or memory, or the salt or hash has an odd length.
    #[error("the hash has parameters out of bounds")]
    Bounds,
}

/// A parsed Argon2id hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Phc {
    pub(crate) params: Params,
    pub(crate) salt: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

/// Whether an imported hash can be used: an Argon2id PHC string or a bcrypt string, within bounds.
pub fn check(text: &str) -> Result<(), PhcError> {
    if bcrypt::is_bcrypt(text) { bcrypt::parse(text).map(drop) } else { Phc::parse(text).map(drop) }
}

impl Phc {
    pub(crate) fn parse(text: &str) -> Result<Phc, PhcError> {
        if text.len() > MAX_TEXT {
            return Err(PhcError::Malformed);
        }
        let (settings, hash) = text.rsplit_once('$').ok_or(PhcError::Algorithm)?;
        let (params, salt) = parse_settings(settings)?;
        Ok(Phc { params, salt, hash: parse_bytes(hash, &HASH)? })
    }

    pub(crate) fn write(&self) -> String {
        format!("{}${}", write_settings(self.params, &self.salt), BASE64_NOPAD.encode(&self.hash))
    }
}

/// Everything before the hash.
pub(crate) fn parse_settings(text: &str) -> Result<(Params, Vec<u8>), PhcError> {
    if text.len() > MAX_TEXT {
        return Err(PhcError::Malformed);
    }
    let rest = text.strip_prefix(PREFIX).ok_or(PhcError::Algorithm)?;
    let (numbers, salt) = rest.split_once('$').ok_or(PhcError::Malformed)?;
    let mut numbers = numbers.split(',');
    let mut number = |name: &str| {
        let digits = numbers.next()?.strip_prefix(name)?;
        let canonical = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        if canonical { digits.parse::<u32>().ok() } else { None }
    };
    let (memory_kib, passes, lanes) = (number("m="), number("t="), number("p="));
    if numbers.next().is_some() {
        return Err(PhcError::Malformed);
    }
    let (Some(memory_kib), Some(passes), Some(lanes)) = (memory_kib, passes, lanes) else {
        return Err(PhcError::Malformed);
    };
    let params = Params { memory_kib, passes, lanes };
    if !params.within_bounds() {
        return Err(PhcError::Bounds);
    }
    Ok((params, parse_bytes(salt, &SALT)?))
}

pub(crate) fn write_settings(params: Params, salt: &[u8]) -> String {
    let Params { memory_kib, passes, lanes } = params;
    format!("{PREFIX}m={memory_kib},t={passes},p={lanes}${}", BASE64_NOPAD.encode(salt))
}

fn parse_bytes(text: &str, lengths: &std::ops::RangeInclusive<usize>) -> Result<Vec<u8>, PhcError> {
    let bytes = BASE64_NOPAD.decode(text.as_bytes()).map_err(|_| PhcError::Malformed)?;
    if lengths.contains(&bytes.len()) { Ok(bytes) } else { Err(PhcError::Bounds) }
}
