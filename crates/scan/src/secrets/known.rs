//! Keys that stand in vendors' documents and emulators: fingerprints, since the keys themselves trip other scanners.

use super::found::Fingerprint;

/// The fingerprint's first eight bytes, and where the key stands.
const DOCUMENTED: &[(u64, &str)] = &[
    (0x1a5d_44a2_dca1_9669, "the AWS documents"),
    (0x7831_4b11_be2e_5815, "the AWS documents"),
    (0x0011_cc25_eb43_2071, "the Azure storage emulator"),
    (0xaa65_4743_9583_c3a2, "the Cosmos DB emulator"),
    (0x03b9_70ed_8171_d73b, "Google's reCAPTCHA documents"),
    (0xf5e9_5c99_5463_5b65, "Google's reCAPTCHA documents"),
    (0x2caf_c097_0149_a84f, "the Stripe documents"),
    (0xf2d6_ca16_5150_33e5, "the Stripe documents"),
    (0xb147_1f54_4cee_ea31, "the Stripe documents"),
    (0x0fff_9ee6_71b0_5ea2, "hCaptcha's test secret"),
    (0xfb8f_3512_9df8_7662, "Turnstile's test secret"),
];

/// Where the key is documented, if it is.
pub(super) fn documented(fingerprint: Fingerprint) -> Option<&'static str> {
    let head = fingerprint.0.first_chunk::<8>().map(|head| u64::from_be_bytes(*head))?;
    DOCUMENTED.iter().find(|(known, _)| *known == head).map(|(_, place)| *place)
}
