//! Foreign signatures against those of aws-lc, published vectors and a second big-number implementation.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::many_single_char_names, reason = "the numbers of DSA have these names")]

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair as _};
use data_encoding::HEXLOWER;
use num_bigint::BigUint;
use proptest::prelude::*;

use super::der::{DerError, Reader, tag, tlv};
use super::modulus::Modulus;
use super::*;

fn rsa_pair() -> (KeyPair, PublicKey) {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let spki = pair.public_key().as_der().unwrap();
    (pair, PublicKey::from_spki(spki.as_ref()).unwrap())
}

#[test]
fn rsa_of_aws_lc_verifies_and_every_flip_is_seen() {
    let (pair, key) = rsa_pair();
    assert_eq!((key.kind(), key.bits()), (KeyKind::Rsa, 2048));
    let cases: [(&'static dyn signature::RsaEncoding, Scheme, Hash); 4] = [
        (&signature::RSA_PKCS1_SHA256, Scheme::RsaPkcs1, Hash::Sha256),
        (&signature::RSA_PKCS1_SHA512, Scheme::RsaPkcs1, Hash::Sha512),
        (&signature::RSA_PSS_SHA256, Scheme::RsaPss, Hash::Sha256),
        (&signature::RSA_PSS_SHA512, Scheme::RsaPss, Hash::Sha512),
    ];
    for (encoding, scheme, hash) in cases {
        let mut value = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), b"message", &mut value).unwrap();
        assert_eq!(key.verify(scheme, hash, &[b"mess", b"age"], &value), Ok(true));
        assert_eq!(key.verify(scheme, hash, &[b"massage"], &value), Ok(false));
        for at in (0..value.len()).step_by(17) {
            let mut flipped = value.clone();
            flipped[at] ^= 1 << (at % 8);
            assert_ne!(key.verify(scheme, hash, &[b"message"], &flipped), Ok(true));
        }
        assert_eq!(key.verify(scheme, hash, &[b"message"], &value[1..]), Err(Refusal::Signature));
        assert_eq!(key.verify(Scheme::Ecdsa, hash, &[b"message"], &value), Err(Refusal::KeyKind));
        let other = if hash == Hash::Sha256 { Hash::Sha512 } else { Hash::Sha256 };
        assert_eq!(key.verify(scheme, other, &[b"message"], &value), Ok(false));
    }
}

#[test]
fn ecdsa_of_aws_lc_verifies_with_digests_of_any_length() {
    let cases: [(&'static signature::EcdsaSigningAlgorithm, Hash, usize); 5] = [
        (&signature::ECDSA_P256_SHA256_ASN1_SIGNING, Hash::Sha256, 256),
        (&signature::ECDSA_P384_SHA384_ASN1_SIGNING, Hash::Sha384, 384),
        (&signature::ECDSA_P521_SHA224_ASN1_SIGNING, Hash::Sha224, 521),
        (&signature::ECDSA_P521_SHA256_ASN1_SIGNING, Hash::Sha256, 521),
        (&signature::ECDSA_P521_SHA512_ASN1_SIGNING, Hash::Sha512, 521),
    ];
    for (algorithm, hash, bits) in cases {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let key = PublicKey::from_spki(pair.public_key().as_der().unwrap().as_ref()).unwrap();
        assert_eq!((key.kind(), key.bits()), (KeyKind::Ec, bits));
        let value = pair.sign(&SystemRandom::new(), b"message").unwrap();
        assert_eq!(key.verify(Scheme::Ecdsa, hash, &[b"message"], value.as_ref()), Ok(true));
        assert_eq!(key.verify(Scheme::Ecdsa, hash, &[b"other"], value.as_ref()), Ok(false));
        let trailing = [value.as_ref(), &[0]].concat();
        assert_eq!(key.verify(Scheme::Ecdsa, hash, &[b"message"], &trailing), Err(Refusal::Signature));
    }
}

/// RFC 6979 appendix A.2.5: one key of P-256, message "sample", with digests shorter and longer than the order.
#[test]
fn vectors_of_rfc_6979() {
    let ec = "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f\
              5177a3c294d4462299";
    let point = HEXLOWER.decode(ec.as_bytes()).unwrap();
    let algorithm = tlv(0x30, &HEXLOWER.decode(b"06072a8648ce3d020106082a8648ce3d030107").unwrap());
    let spki = tlv(0x30, &[algorithm, tlv(0x03, &[&[0], point.as_slice()].concat())].concat());
    let key = PublicKey::from_spki(&spki).unwrap();
    let cases = [
        (
            Hash::Sha1,
            "61340c88c3aaebeb4f6d667f672ca9759a6ccaa9fa8811313039ee4a35471d32",
            "6d7f147dac089441bb2e2fe8f7a3fa264b9c475098fdcf6e00d7c996e1b8b7eb",
        ),
        (
            Hash::Sha224,
            "53b2fff5d1752b2c689df257c04c40a587fababb3f6fc2702f1343af7ca9aa3f",
            "b9afb64fdc03dc1a131c7d2386d11e349f070aa432a4acc918bea988bf75c74c",
        ),
        (
            Hash::Sha512,
            "8496a60b5e9b47c825488827e0495b0e3fa109ec4568fd3f8d1097678eb97f00",
            "2362ab1adbe2b8adf9cb9edab740ea6049c028114f2460f96554f61fae3302fe",
        ),
    ];
    for (hash, r, s) in cases {
        let r = tlv(0x02, &positive(&HEXLOWER.decode(r.as_bytes()).unwrap()));
        let s = tlv(0x02, &positive(&HEXLOWER.decode(s.as_bytes()).unwrap()));
        let value = tlv(0x30, &[r, s].concat());
        assert_eq!(key.verify(Scheme::Ecdsa, hash, &[b"sample"], &value), Ok(true), "{hash}");
        assert_eq!(key.verify(Scheme::Ecdsa, hash, &[b"simple"], &value), Ok(false), "{hash}");
    }
}

fn positive(number: &[u8]) -> Vec<u8> {
    if number[0] & 0x80 == 0 { number.to_vec() } else { [&[0], number].concat() }
}

/// A key with a small but real subgroup, so that signing is a few lines here.
#[test]
fn dsa_signs_and_verifies() {
    let (p, q, g) = dsa_group();
    let x = BigUint::from(0x1234_5678_9abc_def1u64);
    let y = g.modpow(&x, &p);
    let numbers: Vec<u8> = [&p, &q, &g].iter().flat_map(|number| tlv(0x02, &positive(&number.to_bytes_be()))).collect();
    let oid = HEXLOWER.decode(b"06072a8648ce380401").unwrap();
    let algorithm = tlv(0x30, &[oid, tlv(0x30, &numbers)].concat());
    let y = tlv(0x02, &positive(&y.to_bytes_be()));
    let spki = tlv(0x30, &[algorithm, tlv(0x03, &[vec![0], y].concat())].concat());
    let key = PublicKey::from_spki(&spki).unwrap();
    assert_eq!(key.kind(), KeyKind::Dsa);

    for hash in [Hash::Md5, Hash::Sha1, Hash::Sha256, Hash::Sha512] {
        let digest = hash.digest(b"message");
        let used = digest.as_ref().len().min(usize::try_from(q.bits()).unwrap() / 8);
        let z = BigUint::from_bytes_be(&digest.as_ref()[..used]);
        let k = BigUint::from(0xfeed_beefu64);
        let r = g.modpow(&k, &p) % &q;
        let s = k.modpow(&(&q - 2u8), &q) * (z + &x * &r) % &q;
        let value =
            tlv(0x30, &[tlv(0x02, &positive(&r.to_bytes_be())), tlv(0x02, &positive(&s.to_bytes_be()))].concat());
        assert_eq!(key.verify(Scheme::Dsa, hash, &[b"message"], &value), Ok(true), "{hash}");
        assert_eq!(key.verify(Scheme::Dsa, hash, &[b"messagf"], &value), Ok(false), "{hash}");
        let zero = tlv(0x30, &[tlv(0x02, &[0]), tlv(0x02, &positive(&s.to_bytes_be()))].concat());
        assert_eq!(key.verify(Scheme::Dsa, hash, &[b"message"], &zero), Ok(false), "{hash}");
    }
    assert_eq!(key.verify(Scheme::Dsa, Hash::Sha1, &[b"message"], &[0x30, 0]), Err(Refusal::Signature));
}

/// q is the largest 160-bit prime; p the first prime of 512 bits that is one above a multiple of it.
fn dsa_group() -> (BigUint, BigUint, BigUint) {
    let one = BigUint::from(1u8);
    let two = BigUint::from(2u8);
    // A number that passes Fermat's test to several bases is prime enough here.
    let prime = |n: &BigUint| [2u8, 3, 5, 7, 11].iter().all(|base| BigUint::from(*base).modpow(&(n - 1u8), n) == one);
    let q = (&one << 160u32) - 47u8;
    assert!(prime(&q));
    let mut k = &one << 351u32;
    let p = loop {
        let p = &two * &q * &k + &one;
        if prime(&p) {
            break p;
        }
        k += 1u8;
    };
    let g = two.modpow(&((&p - 1u8) / &q), &p);
    (p, q, g)
}

proptest! {
    #[test]
    fn powers_are_those_of_another_implementation(
        modulus in prop::collection::vec(any::<u8>(), 1..80),
        base in prop::collection::vec(any::<u8>(), 1..90),
        exponent in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let n = BigUint::from_bytes_be(&modulus);
        let Some(own) = Modulus::new(&modulus) else {
            prop_assert!(n.bits() < 2 || !n.bit(0));
            return Ok(());
        };
        let base_number = BigUint::from_bytes_be(&base);
        prop_assert_eq!(BigUint::from_bytes_be(&own.reduce(&base)), &base_number % &n);
        prop_assert_eq!(own.contains(&base), base_number < n);
        let reduced = own.reduce(&base);
        let power = base_number.modpow(&BigUint::from_bytes_be(&exponent), &n);
        prop_assert_eq!(BigUint::from_bytes_be(&own.power(&reduced, &exponent)), power);
        let square = &base_number * &base_number % &n;
        prop_assert_eq!(BigUint::from_bytes_be(&own.multiply(&reduced, &reduced)), square);
    }

    #[test]
    fn hostile_bytes_give_answers(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = PublicKey::from_spki(&bytes);
        let _ = canonical_spki(&bytes);
        let mut reader = Reader::new(&bytes);
        while let Ok(Some(value)) = reader.read() {
            prop_assert!(value.contents.len() < value.encoded.len());
        }
    }
}

#[test]
fn ber_lengths_are_read_and_written_shortest() {
    let mut reader = Reader::new(&[0x30, 0x83, 0, 0, 3, 2, 1, 5, 0x30, 0x80, 4, 1, 9, 0, 0]);
    let first = reader.expect(tag::SEQUENCE).unwrap();
    assert_eq!(first.reader().magnitude().unwrap(), &[5]);
    let second = reader.expect(tag::SEQUENCE).unwrap();
    assert_eq!(second.contents, &[4, 1, 9]);
    assert!(reader.is_empty());
    assert_eq!(tlv(0x30, &[0; 200])[..3], [0x30, 0x81, 200]);
    assert_eq!(tlv(0x30, &[0; 127])[..2], [0x30, 127]);
    assert_eq!(Reader::new(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).read(), Err(DerError::Range));
    assert_eq!(Reader::new(&[0x30; 1]).read(), Err(DerError::Truncated));
    let deep: Vec<u8> = [0x30, 0x80].repeat(5000);
    assert_eq!(Reader::new(&deep).read(), Err(DerError::Depth));
}

#[test]
fn digests_of_abc() {
    let cases = [
        (Hash::Md5, "900150983cd24fb0d6963f7d28e17f72"),
        (Hash::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Hash::Sha224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        (Hash::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ];
    for (hash, expected) in cases {
        assert_eq!(HEXLOWER.encode(hash.digest(b"abc").as_ref()), expected);
        assert_eq!(hash.output_len() * 2, expected.len());
    }
}

#[test]
fn unusable_keys_are_refused() {
    let rsa = |modulus: &[u8], exponent: &[u8]| {
        let numbers = [tlv(0x02, modulus), tlv(0x02, exponent)].concat();
        let algorithm = tlv(0x30, &HEXLOWER.decode(b"06092a864886f70d0101010500").unwrap());
        let key = tlv(0x03, &[vec![0], tlv(0x30, &numbers)].concat());
        tlv(0x30, &[algorithm, key].concat())
    };
    let mut odd = vec![0x7f; 128];
    odd[127] = 1;
    assert!(PublicKey::from_spki(&rsa(&odd, &[1, 0, 1])).is_ok());
    assert_eq!(PublicKey::from_spki(&rsa(&odd, &[0])).unwrap_err(), KeyError::Value);
    odd[127] = 2;
    assert_eq!(PublicKey::from_spki(&rsa(&odd, &[3])).unwrap_err(), KeyError::Value);
    let mut huge = vec![0x7f; 2049];
    huge[2048] = 1;
    assert_eq!(PublicKey::from_spki(&rsa(&huge, &[3])).unwrap_err(), KeyError::Value);
    assert_eq!(PublicKey::from_spki(&rsa(&[0x7f; 63], &[3])).unwrap_err(), KeyError::Value);
    // The sign bit of a modulus belongs to it, and its canonical form has the zero byte.
    let negative = rsa(&[0xff; 128], &[3]);
    assert_eq!(PublicKey::from_spki(&negative).unwrap().bits(), 1024);
    let positive = rsa(&[&[0], [0xff; 128].as_slice()].concat(), &[3]);
    assert_eq!(canonical_spki(&negative).unwrap(), positive);
    assert_eq!(canonical_spki(&positive).unwrap(), positive);
}
