//! `md5` (RFC 1321) and `sha1` (FIPS 180-4), as bytes: rules write `t:hexEncode` after them.

use std::borrow::Cow;

use sha1::Digest;

pub(super) fn md5(value: &[u8]) -> Cow<'_, [u8]> {
    Cow::Owned(md5::Md5::digest(value).to_vec())
}

pub(super) fn sha1(value: &[u8]) -> Cow<'_, [u8]> {
    Cow::Owned(sha1::Sha1::digest(value).to_vec())
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn digests() {
        assert_eq!(HEXLOWER.encode(&md5(b"abc")), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(HEXLOWER.encode(&sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}
