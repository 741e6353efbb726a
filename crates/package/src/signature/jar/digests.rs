//! Which digests of a section a platform compares: up to API level 17 the first that `Digest-Algorithms` names, from 18 on
//! the strongest that is there.

use testudo_crypto::foreign::Hash;

use super::super::input::{Platforms, api};
use super::manifest::{Base64Error, Section, base64};

/// A digest that must match.
pub(super) type Expected = (Hash, Vec<u8>);

/// The digests to compare, given what follows the algorithm in the attribute's name. Empty: some platform finds none.
pub(super) fn to_compare(
    section: &Section<'_>,
    suffix: &str,
    platforms: Platforms,
) -> Result<Vec<Expected>, Base64Error> {
    let mut digests = Vec::with_capacity(1);
    if platforms.min < api::JELLY_BEAN_MR2 {
        match named_first(section, suffix, platforms)? {
            Some(digest) => digests.push(digest),
            None => return Ok(digests),
        }
    }
    if platforms.max >= api::JELLY_BEAN_MR2 {
        let strongest =
            [(Hash::Sha512, "SHA-512"), (Hash::Sha384, "SHA-384"), (Hash::Sha256, "SHA-256"), (Hash::Sha1, "SHA1")]
                .into_iter()
                .find_map(|(hash, name)| section.get(&format!("{name}{suffix}")).map(|value| (hash, value)));
        if let Some((hash, value)) = strongest {
            let digest = (hash, base64(value)?);
            if !digests.contains(&digest) {
                digests.push(digest);
            }
        }
    }
    Ok(digests)
}

fn named_first(section: &Section<'_>, suffix: &str, platforms: Platforms) -> Result<Option<Expected>, Base64Error> {
    let algorithms = section.text("Digest-Algorithms");
    let algorithms = algorithms.as_deref().unwrap_or("SHA SHA1");
    for name in algorithms.split_ascii_whitespace() {
        let Some(value) = section.get(&format!("{name}{suffix}")) else { continue };
        let (hash, since) = match name.to_ascii_uppercase().as_str() {
            "MD5" => (Hash::Md5, 0),
            "SHA" | "SHA1" | "SHA-1" => (Hash::Sha1, 0),
            "SHA-256" => (Hash::Sha256, 0),
            "SHA-384" => (Hash::Sha384, api::GINGERBREAD),
            "SHA-512" => (Hash::Sha512, api::GINGERBREAD),
            _ => continue,
        };
        if since <= platforms.min {
            return base64(value).map(|digest| Some((hash, digest)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::manifest::Sections;
    use super::*;

    fn hashes(text: &str, platforms: Platforms) -> Vec<Hash> {
        let section = Sections::new(text.as_bytes()).next().unwrap();
        to_compare(&section, "-Digest", platforms).unwrap().into_iter().map(|(hash, _)| hash).collect()
    }

    #[test]
    fn old_platforms_take_the_named_and_new_ones_the_strongest() {
        let both = "Name: a\nSHA1-Digest: AAAA\nSHA-256-Digest: BBBB\n";
        assert_eq!(hashes(both, Platforms::from(18)), [Hash::Sha256]);
        assert_eq!(hashes(both, Platforms::from(17)), [Hash::Sha1, Hash::Sha256]);
        assert_eq!(hashes(both, Platforms { min: 8, max: 17 }), [Hash::Sha1]);
        let only_new = "Name: a\nSHA-256-Digest: BBBB\n";
        assert_eq!(hashes(only_new, Platforms::from(17)), []);
        let named = "Name: a\nDigest-Algorithms: SHA-512 MD5\nSHA-512-Digest: AAAA\nMD5-Digest: AAAA\n";
        assert_eq!(hashes(named, Platforms { min: 8, max: 17 }), [Hash::Md5]);
        assert_eq!(hashes(named, Platforms { min: 9, max: 17 }), [Hash::Sha512]);
        assert_eq!(hashes("Name: a\nMD5-Digest: AAAA\n", Platforms::from(18)), []);
    }
}
