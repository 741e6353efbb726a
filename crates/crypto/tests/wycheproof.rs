//! Wycheproof (C2SP, commit in the README of the corpus): every case of the files for what this crate implements.
//!
//! Each case is counted exactly once: run (our verdict was the expected one), refused by policy (the case is valid, and
//! we refuse it on purpose, for a named reason), or unsupported (the parameters do not exist here, by name). The three
//! must add up to `numberOfTests`. `docs/conformance.md` holds the table that this prints.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};
use testudo_crypto::Aes256GcmSiv;
use testudo_crypto::aead::Aes256Gcm;
use testudo_crypto::digest::{equal, hkdf_sha256, hmac_sha256};
use testudo_crypto::jose::{Expect, JwkError, KeySet, PublicKey, verify_bytes};

/// What a case came to.
enum Verdict {
    /// Compared with the expected result.
    Ran(bool),
    /// Valid, but refused on purpose.
    Policy(&'static str),
    /// Parameters that do not exist here.
    Unsupported(String),
}

#[derive(Default)]
struct Counts {
    ran: u64,
    policy: BTreeMap<String, u64>,
    unsupported: BTreeMap<String, u64>,
}

fn file(name: &str) -> Option<Value> {
    let corpora = std::env::var_os("TESTUDO_CORPORA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora"), PathBuf::from);
    let path = corpora.join("wycheproof/testvectors_v1").join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).expect("a corpus file is JSON")),
        Err(error) => {
            assert!(
                std::env::var_os("TESTUDO_REQUIRE_CORPORA").is_none(),
                "TESTUDO_REQUIRE_CORPORA is set, and what it asks for is not there"
            );
            // Past what the test harness captures.
            let _ = std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("SKIPPED: {name}: no corpus ({error}); set TESTUDO_CORPORA\n"),
            );
            None
        }
    }
}

/// Runs all cases of a file and compares the numbers.
fn run(name: &str, expected: (u64, u64, u64), mut case: impl FnMut(&Value, &Value) -> Verdict) {
    let Some(file) = file(name) else { return };
    let mut counts = Counts::default();
    for group in file["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            let id = &test["tcId"];
            let valid = match test["result"].as_str().unwrap() {
                "valid" => true,
                // `acceptable` leaves the choice to us; in these files we refuse each of them.
                "invalid" | "acceptable" => false,
                other => panic!("{name} {id}: unknown result {other}"),
            };
            match case(group, test) {
                Verdict::Ran(accepted) => {
                    assert_eq!(accepted, valid, "{name} case {id}: {}", test["comment"]);
                    counts.ran += 1;
                }
                Verdict::Policy(reason) => {
                    assert!(valid, "{name} case {id}: an invalid case needs no policy");
                    *counts.policy.entry(reason.to_owned()).or_default() += 1;
                }
                Verdict::Unsupported(what) => *counts.unsupported.entry(what).or_default() += 1,
            }
        }
    }
    let (policy, unsupported) = (counts.policy.values().sum::<u64>(), counts.unsupported.values().sum::<u64>());
    let total = file["numberOfTests"].as_u64().unwrap();
    eprintln!("| `{name}` | {total} | {} | {policy} | {unsupported} |", counts.ran);
    for (kind, reasons) in [("policy", &counts.policy), ("unsupported", &counts.unsupported)] {
        for (reason, count) in reasons {
            eprintln!("  {kind}: {reason}: {count}");
        }
    }
    assert_eq!(counts.ran + policy + unsupported, total, "{name}: every case is counted");
    assert_eq!((counts.ran, policy, unsupported), expected, "{name}: run, policy, unsupported");
}

fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

#[test]
fn aes_gcm() {
    run("aes_gcm_test.json", (66, 0, 250), |group, test| {
        let size = |name: &str| group[name].as_u64().unwrap();
        if (size("keySize"), size("ivSize"), size("tagSize")) != (256, 96, 128) {
            let (key, iv, tag) = (size("keySize"), size("ivSize"), size("tagSize"));
            return match key {
                256 => Verdict::Unsupported(format!("256-bit key, {iv}-bit iv, {tag}-bit tag")),
                _ => Verdict::Unsupported(format!("{key}-bit key")),
            };
        }
        let key = Aes256Gcm::new(&hex(&test["key"]).try_into().unwrap());
        let nonce = hex(&test["iv"]).try_into().unwrap();
        let opened = key.open(&nonce, &hex(&test["aad"]), &hex(&test["ct"]), &hex(&test["tag"]));
        Verdict::Ran(opened.is_some_and(|plain| *plain == hex(&test["msg"])))
    });
}

#[test]
fn aes_gcm_siv() {
    run("aes_gcm_siv_test.json", (103, 0, 99), |group, test| {
        let size = |name: &str| group[name].as_u64().unwrap();
        if (size("keySize"), size("ivSize"), size("tagSize")) != (256, 96, 128) {
            return Verdict::Unsupported(format!("{}-bit key, {}-bit iv", size("keySize"), size("ivSize")));
        }
        let key = Aes256GcmSiv::new(&hex(&test["key"]).try_into().unwrap());
        let nonce = hex(&test["iv"]).try_into().unwrap();
        let mut sealed = [hex(&test["ct"]), hex(&test["tag"])].concat();
        let opened = key.open(&nonce, &hex(&test["aad"]), &mut sealed);
        Verdict::Ran(opened.is_some_and(|plain| *plain == hex(&test["msg"])))
    });
}

#[test]
fn hmac_sha_256() {
    run("hmac_sha256_test.json", (174, 0, 0), |group, test| {
        let mac = hmac_sha256(&hex(&test["key"]), &hex(&test["msg"]));
        let length = usize::try_from(group["tagSize"].as_u64().unwrap()).unwrap() / 8;
        Verdict::Ran(equal(&mac[..length], &hex(&test["tag"])))
    });
}

#[test]
fn hkdf_sha_256() {
    run("hkdf_sha256_test.json", (86, 0, 0), |_, test| {
        let mut out = vec![0; usize::try_from(test["size"].as_u64().unwrap()).unwrap()];
        let made = hkdf_sha256(&hex(&test["ikm"]), &hex(&test["salt"]), &hex(&test["info"]), &mut out);
        Verdict::Ran(made && out == hex(&test["okm"]))
    });
}

fn public_key(jwk: &Value) -> Result<PublicKey, JwkError> {
    let mut jwk = jwk.clone();
    // The corpus names every key `none`.
    jwk["kid"] = json!("key");
    PublicKey::from_jwk(jwk.to_string().as_bytes())
}

fn signature(key: &PublicKey, test: &Value) -> Verdict {
    Verdict::Ran(key.verify(&hex(&test["msg"]), &hex(&test["sig"])))
}

#[test]
fn ecdsa_p256_p1363() {
    run("ecdsa_secp256r1_sha256_p1363_test.json", (262, 0, 0), |group, test| {
        // Some groups have no JWK: all have the point.
        let point = hex(&group["publicKey"]["uncompressed"]);
        let [x, y] = [&point[1..33], &point[33..]].map(|number| BASE64URL_NOPAD.encode(number));
        let key = public_key(&json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })).unwrap();
        signature(&key, test)
    });
}

#[test]
fn ed25519() {
    run("ed25519_test.json", (151, 0, 0), |group, test| signature(&public_key(&group["publicKeyJwk"]).unwrap(), test));
}

#[test]
fn rsa_pkcs1_2048() {
    run("rsa_signature_2048_sha256_test.json", (257, 2, 0), |group, test| match public_key(&group["keyJwk"]) {
        Ok(key) => signature(&key, test),
        Err(JwkError::Exponent) => Verdict::Policy("RSA exponent 3 (below 65537)"),
        Err(error) => panic!("{error}"),
    });
}

/// Algorithms of JOSE that do not exist here, by the key's `alg` or type.
fn unsupported_jose(key: &Value) -> Option<String> {
    let alg = key["alg"].as_str();
    let name = alg.or_else(|| key["kty"].as_str())?;
    let known = matches!(name, "ES256" | "EdDSA" | "RS256" | "EC" | "RSA" | "OKP");
    (key["kty"] == "oct" || !known).then(|| name.to_owned())
}

fn jws(keys: &KeySet, test: &Value) -> bool {
    verify_bytes(test["jws"].as_str().unwrap().as_bytes(), keys, &Expect { typ: "" }).is_ok()
}

#[test]
fn json_web_signature() {
    run("json_web_signature_test.json", (274, 2, 125), |group, test| {
        let key = if group["public"].is_object() { &group["public"] } else { &group["private"] };
        let document = json!({ "keys": [key] }).to_string();
        let keys = KeySet::from_jwks(document.as_bytes());
        if let Some(name) = unsupported_jose(key) {
            let refused = matches!(keys, Err(JwkError::Symmetric | JwkError::Algorithm | JwkError::Curve));
            assert!(refused, "case {}: {name} is refused", test["tcId"]);
            return Verdict::Unsupported(name);
        }
        match keys {
            Ok(keys) => Verdict::Ran(jws(&keys, test)),
            Err(JwkError::Kid) => Verdict::Policy("`kid` with `@`"),
            Err(JwkError::Use | JwkError::KeyOps) => Verdict::Ran(false),
            Err(error) => panic!("case {}: {error}", test["tcId"]),
        }
    });
}

#[test]
fn json_web_key() {
    run("json_web_key_test.json", (12, 0, 14), |group, test| {
        let document = if group["public"].is_object() { &group["public"] } else { &group["private"] };
        let keys = KeySet::from_jwks(document.to_string().as_bytes());
        let all = document["keys"].as_array().unwrap();
        if all.iter().all(|key| key["kty"] == "oct") {
            assert_eq!(keys, Err(JwkError::Symmetric));
            return Verdict::Unsupported(unsupported_jose(&all[0]).unwrap());
        }
        // Refused, and for the reason that the case is about.
        let reason = match test["tcId"].as_u64().unwrap() {
            1 => Some(JwkError::Symmetric),
            6 | 19 | 20 => Some(JwkError::Algorithm),
            7 => Some(JwkError::Roca),
            8 => Some(JwkError::Modulus),
            9 => Some(JwkError::Exponent),
            21 => Some(JwkError::Use),
            22 => Some(JwkError::Point),
            23 => Some(JwkError::Curve),
            24 => Some(JwkError::Missing("n")),
            _ => None,
        };
        assert_eq!(keys.as_ref().err(), reason.as_ref(), "case {}", test["tcId"]);
        Verdict::Ran(keys.is_ok_and(|keys| jws(&keys, test)))
    });
}

#[test]
fn json_web_crypto() {
    run("json_web_crypto_test.json", (30, 0, 53), |group, test| {
        let source = if group["public"].is_object() { &group["public"] } else { &group["private"] };
        if test["jws"].is_null() {
            return Verdict::Unsupported("JWE".to_owned());
        }
        let document = if source["keys"].is_array() { source.clone() } else { json!({ "keys": [source] }) };
        let keys = KeySet::from_jwks(document.to_string().as_bytes());
        if document["keys"].as_array().unwrap().iter().all(|key| key["kty"] == "oct") {
            assert_eq!(keys, Err(JwkError::Symmetric));
            return Verdict::Unsupported("HS256".to_owned());
        }
        let reason = match test["tcId"].as_u64().unwrap() {
            46 => Some(JwkError::Roca),
            47 => Some(JwkError::Symmetric),
            _ => None,
        };
        assert_eq!(keys.as_ref().err(), reason.as_ref(), "case {}", test["tcId"]);
        Verdict::Ran(keys.is_ok_and(|keys| jws(&keys, test)))
    });
}
