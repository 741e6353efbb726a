//! PKCS #7 blocks, X.509 certificates and public keys of package signatures.

#![no_main]

use libfuzzer_sys::fuzz_target;
use testudo_crypto::foreign::{PublicKey, canonical_spki};
use testudo_package::signature::certificate::Certificate;
use testudo_package::signature::cms::{SignedData, SignerInfo};

fuzz_target!(|data: &[u8]| {
    if let Ok(block) = SignedData::read(data) {
        block.certificates.iter().for_each(|der| check_certificate(der));
        for attributes in block.signers.iter().filter_map(|signer| signer.signed_attributes) {
            let _ = SignerInfo::attribute(&attributes, &[0x2a]);
        }
    }
    check_certificate(data);
    let _ = PublicKey::from_spki(data);
});

fn check_certificate(der: &[u8]) {
    let Ok(certificate) = Certificate::read(der) else { return };
    // What a platform writes, it reads as the same.
    assert_eq!(canonical_spki(&certificate.spki).as_deref(), Ok(certificate.spki.as_slice()));
    assert!(certificate.subject.matches(&certificate.subject));
    let _ = (certificate.subject.to_string(), certificate.key());
}
