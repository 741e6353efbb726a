//! Tokens and keys: the vectors of the RFCs, and every way to be refused.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const AT: Expect<'_> = Expect { typ: "at+jwt" };
const UNTYPED: Expect<'_> = Expect { typ: "" };

/// RFC 7515 A.2.
const A2_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const A2: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
/// RFC 7515 A.3.
const A3_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const A3: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

fn es256() -> SigningKey {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

fn set(key: &SigningKey) -> KeySet {
    KeySet::new(vec![key.public()]).unwrap()
}

fn jwk(value: &Value) -> Result<PublicKey, JwkError> {
    PublicKey::from_jwk(value.to_string().as_bytes())
}

/// A token with this header, correctly signed.
fn token(key: &SigningKey, header: &Value) -> String {
    key.sign_raw(header.to_string().as_bytes(), b"{}")
}

fn header_of(key: &SigningKey, extra: &[(&str, Value)]) -> Value {
    let mut header = json!({ "alg": key.algorithm().name(), "kid": key.kid(), "typ": "at+jwt" });
    for (name, value) in extra {
        header[*name] = value.clone();
    }
    header
}

#[test]
fn rfc_7515_a2_rs256() {
    let key = jwk(&json!({ "kty": "RSA", "n": A2_N, "e": "AQAB" })).unwrap();
    let verified = verify_with(A2.as_bytes(), &key, &UNTYPED).unwrap();
    assert!(verified.payload.starts_with(b"{\"iss\":\"joe\",\r\n"));
    assert_eq!(verify_with(A2.as_bytes(), &key, &AT), Err(JoseError::TypeMissing));
    let changed = A2.replace("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqb2Ii");
    assert_eq!(verify_with(changed.as_bytes(), &key, &UNTYPED), Err(JoseError::Signature));
    let keys = KeySet::new(vec![key]).unwrap();
    assert_eq!(verify(A2.as_bytes(), &keys, &UNTYPED), Err(JoseError::KidMissing));
}

#[test]
fn rfc_7515_a3_es256() {
    let key = PublicKey::from_jwk(A3_KEY.as_bytes()).unwrap();
    assert!(verify_with(A3.as_bytes(), &key, &UNTYPED).is_ok());
    let rsa = jwk(&json!({ "kty": "RSA", "n": A2_N, "e": "AQAB" })).unwrap();
    assert_eq!(verify_with(A3.as_bytes(), &rsa, &UNTYPED), Err(JoseError::AlgorithmMismatch));
}

#[test]
fn rfc_7638_thumbprint() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let key = jwk(&json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" })).unwrap();
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!(key.kid(), "2011-04-29");
}

#[test]
fn rfc_8037_a4_and_a5_eddsa() {
    let key =
        jwk(&json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })).unwrap();
    assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let expected = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    assert!(key.verify(signed.as_bytes(), &expected));
    // A.4: the same bytes come out of signing with the private key of A.1.
    let seed = BASE64URL_NOPAD.decode(b"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let pkcs8 = [&HEXLOWER.decode(b"302e020100300506032b657004220420").unwrap()[..], &seed].concat();
    let key_a1 = SigningKey::from_secret_bytes(&pkcs8).unwrap();
    assert_eq!(key_a1.public(), key);
    assert_eq!(key_a1.sign_raw(br#"{"alg":"EdDSA"}"#, b"Example of Ed25519 signing"), format!("{signed}.{signature}"));
}

#[test]
fn signing_and_verifying_agree() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let key = SigningKey::generate(algorithm).unwrap();
        let token = key.sign("at+jwt", br#"{"sub":"ann"}"#);
        let verified = verify(token.as_bytes(), &set(&key), &AT).unwrap();
        assert_eq!(verified, Verified { kid: key.kid().to_owned(), payload: br#"{"sub":"ann"}"#.to_vec() });
        assert_eq!(key.kid(), key.public().thumbprint());
        let same = SigningKey::from_secret_bytes(key.to_secret_bytes().expose()).unwrap();
        assert_eq!((same.public(), same.algorithm()), (key.public(), algorithm));
        assert!(verify(same.sign("at+jwt", b"{}").as_bytes(), &set(&key), &AT).is_ok());
        let published = key.public().to_jwk_json();
        assert_eq!((&published["alg"], &published["use"]), (&json!(algorithm.name()), &json!("sig")));
        assert_eq!(jwk(&published).unwrap(), key.public());
        assert_eq!(KeySet::from_jwks(set(&key).to_jwks_json().to_string().as_bytes()).unwrap(), set(&key));
    }
    assert_eq!(SigningKey::generate(Algorithm::Rs256).unwrap_err(), JwkError::VerifyOnly("RS256"));
    assert_eq!(SigningKey::from_secret_bytes(b"nothing").unwrap_err(), JwkError::Pkcs8);
    assert_eq!(SigningKey::from_secret_bytes(&[0x30; 5000]).unwrap_err(), JwkError::Pkcs8);
}

#[test]
fn an_empty_type_is_none() {
    let key = es256();
    let token = key.sign("", b"{}");
    assert_eq!(parse_header(token.as_bytes()).unwrap().typ, None);
    assert!(verify(token.as_bytes(), &set(&key), &UNTYPED).is_ok());
}

#[test]
fn keys_are_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<(SigningKey, PublicKey, KeySet)>();
    shared::<(crate::KeyRing, crate::DataKey, crate::RootKey, crate::CheckpointSigner)>();
    shared::<crate::password::HashPool>();
}

#[test]
fn codes_are_short_names() {
    assert_eq!(JoseError::AlgorithmNone.code(), "algorithm-none");
    assert_eq!(JoseError::X5u.code(), "x5u");
    assert_eq!(JoseError::B64.code(), "b64");
    assert_eq!(JoseError::Key(JwkError::Roca).code(), "key");
}

#[test]
fn debug_shows_no_key() {
    let seed = [&HEXLOWER.decode(b"302e020100300506032b657004220420").unwrap()[..], &[7; 32]].concat();
    let key = SigningKey::from_secret_bytes(&seed).unwrap();
    let kid = key.kid().to_owned();
    assert_eq!(format!("{key:?}"), format!("SigningKey {{ kid: {kid:?}, .. }}"));
    assert_eq!(format!("{:?}", key.to_secret_bytes()), "[redacted]");
}

#[test]
fn every_dangerous_header_is_refused_by_name() {
    let key = es256();
    let keys = set(&key);
    let own = key.public().to_jwk_json();
    let long = "k".repeat(129);
    let cases: Vec<(&str, Value, JoseError)> = vec![
        ("alg", json!("none"), JoseError::AlgorithmNone),
        ("alg", json!("None"), JoseError::AlgorithmNone),
        ("alg", json!("nOnE"), JoseError::AlgorithmNone),
        ("alg", json!("HS256"), JoseError::AlgorithmSymmetric),
        ("alg", json!("hs512"), JoseError::AlgorithmSymmetric),
        ("alg", json!("ES384"), JoseError::AlgorithmUnknown),
        ("alg", json!("PS256"), JoseError::AlgorithmUnknown),
        ("alg", json!("es256"), JoseError::AlgorithmUnknown),
        ("alg", json!(""), JoseError::AlgorithmUnknown),
        ("alg", json!("RS256"), JoseError::AlgorithmMismatch),
        ("alg", json!("EdDSA"), JoseError::AlgorithmMismatch),
        ("alg", json!(256), JoseError::MemberType("alg")),
        ("alg", json!(["ES256"]), JoseError::MemberType("alg")),
        ("typ", json!("JWT"), JoseError::TypeMismatch),
        ("typ", json!("at+jwt "), JoseError::TypeMismatch),
        ("typ", json!("application/application/at+jwt"), JoseError::TypeMismatch),
        ("typ", json!("text/at+jwt"), JoseError::TypeMismatch),
        ("typ", json!(""), JoseError::TypeMismatch),
        ("typ", Value::Null, JoseError::MemberType("typ")),
        ("kid", json!("other"), JoseError::KidUnknown),
        ("kid", json!(""), JoseError::KidMalformed),
        ("kid", json!(long), JoseError::KidMalformed),
        ("kid", json!("../../etc/passwd"), JoseError::KidMalformed),
        ("kid", json!("a' or 1=1"), JoseError::KidMalformed),
        ("kid", json!(7), JoseError::MemberType("kid")),
        ("jku", json!("https://evil.example/keys"), JoseError::Jku),
        ("jku", Value::Null, JoseError::Jku),
        ("x5u", json!("https://evil.example/cert"), JoseError::X5u),
        ("x5c", json!(["MIIB"]), JoseError::X5c),
        ("jwk", own, JoseError::JwkForbidden),
        ("crit", json!(["exp"]), JoseError::Crit),
        ("crit", json!([]), JoseError::Crit),
        ("b64", json!(false), JoseError::B64),
        ("b64", json!(true), JoseError::B64),
        ("zip", json!("DEF"), JoseError::Zip),
    ];
    for (name, value, error) in cases {
        let token = token(&key, &header_of(&key, &[(name, value.clone())]));
        assert_eq!(verify(token.as_bytes(), &keys, &AT), Err(error), "{name}: {value}");
    }
    // Unencoded payloads are announced by `b64` together with `crit`.
    let both = header_of(&key, &[("b64", json!(false)), ("crit", json!(["b64"]))]);
    assert_eq!(verify(token(&key, &both).as_bytes(), &keys, &AT), Err(JoseError::B64));
}

#[test]
fn missing_members_are_refused_by_name() {
    let key = es256();
    for (name, error) in
        [("alg", JoseError::AlgorithmMissing), ("typ", JoseError::TypeMissing), ("kid", JoseError::KidMissing)]
    {
        let mut header = header_of(&key, &[]);
        header.as_object_mut().unwrap().remove(name);
        assert_eq!(verify(token(&key, &header).as_bytes(), &set(&key), &AT), Err(error));
    }
    assert_eq!(verify(key.sign("at+jwt", b"{}").as_bytes(), &set(&key), &UNTYPED), Err(JoseError::TypeMismatch));
}

#[test]
fn harmless_headers_are_taken() {
    let key = es256();
    for extra in [("cty", json!("json")), ("x5t", json!("AAAA")), ("nonce", json!({ "a": [1] }))] {
        let token = token(&key, &header_of(&key, &[extra]));
        assert!(verify(token.as_bytes(), &set(&key), &AT).is_ok());
    }
    for typ in ["AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert!(verify(key.sign(typ, b"{}").as_bytes(), &set(&key), &AT).is_ok(), "{typ}");
    }
    let spaced = format!("{{ \"alg\":\"ES256\",\r\n\t\"kid\" : \"{}\", \"typ\":\"at+jwt\" }}", key.kid());
    assert!(verify(key.sign_raw(spaced.as_bytes(), b"{}").as_bytes(), &set(&key), &AT).is_ok());
}

#[test]
fn headers_and_payloads_are_strict_json_objects() {
    let (key, kid) = (es256(), es256().kid().to_owned());
    let refused = |header: &str, payload: &[u8]| {
        verify(key.sign_raw(header.as_bytes(), payload).as_bytes(), &set(&key), &AT).unwrap_err()
    };
    let twice = format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"at+jwt","alg":"none"}}"#);
    assert!(matches!(refused(&twice, b"{}"), JoseError::HeaderJson(JsonError::Duplicate(_))));
    let escaped = format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"at+jwt","\u0061lg":"none"}}"#);
    assert!(matches!(refused(&escaped, b"{}"), JoseError::HeaderJson(JsonError::Duplicate(_))));
    assert_eq!(refused("[]", b"{}"), JoseError::HeaderNotObject);
    assert!(matches!(refused("", b"{}"), JoseError::HeaderJson(_)));
    assert!(matches!(refused("{", b"{}"), JoseError::HeaderJson(_)));
    let good = header_of(&key, &[]).to_string();
    assert_eq!(refused(&good, b"[]"), JoseError::PayloadNotObject);
    assert_eq!(refused(&good, b"\"text\""), JoseError::PayloadNotObject);
    assert!(matches!(refused(&good, b""), JoseError::PayloadJson(_)));
    assert!(matches!(
        refused(&good, b"{\"sub\":\"a\",\"sub\":\"b\"}"),
        JoseError::PayloadJson(JsonError::Duplicate(_))
    ));
    assert!(matches!(refused(&good, b"{\"a\":{\"b\":1,\"b\":2}}"), JoseError::PayloadJson(JsonError::Duplicate(_))));
    let text = key.sign_raw(good.as_bytes(), b"any bytes");
    assert_eq!(verify_bytes(text.as_bytes(), &set(&key), &AT).unwrap().payload, b"any bytes");
}

#[test]
fn tokens_have_one_spelling() {
    let key = es256();
    let keys = set(&key);
    let token = key.sign("at+jwt", b"{}");
    let parts: Vec<&str> = token.split('.').collect();
    let refused = |text: &str| verify(text.as_bytes(), &keys, &AT).unwrap_err();
    for text in
        ["", ".", "..", "...", &format!("{}.{}", parts[0], parts[1]), &format!("{token}."), &format!("{token}.x")]
    {
        assert!(matches!(refused(text), JoseError::Parts | JoseError::HeaderJson(_)), "{text}");
    }
    for (at, name) in [(0, "header"), (1, "payload"), (2, "signature")] {
        for change in ["=", "==", " ", "\n", "+", "/", "%3D", "\u{e9}", "A\0"] {
            let mut changed: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            changed[at].push_str(change);
            assert_eq!(refused(&changed.join(".")), JoseError::Base64(name), "{name} {change:?}");
        }
    }
    // 64 bytes leave four loose bits in the last digit: 15 more spellings of the same signature.
    let (start, last) = token.split_at(token.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let accepted = alphabet.chars().filter(|digit| verify(format!("{start}{digit}").as_bytes(), &keys, &AT).is_ok());
    assert_eq!(accepted.collect::<String>(), last);
    assert_eq!(refused(&format!("{}..{}", parts[0], parts[2])), JoseError::Signature);
    assert_eq!(refused(&format!("{}.{}.", parts[0], parts[1])), JoseError::Signature);
}

#[test]
fn oversize_is_refused_before_anything_is_read() {
    let key = es256();
    let claims = |bytes: usize| format!("{{\"x\":\"{}\"}}", "x".repeat(bytes));
    let token = key.sign("at+jwt", claims(5900).as_bytes());
    assert!(token.len() <= MAX_TOKEN && verify(token.as_bytes(), &set(&key), &AT).is_ok());
    let token = key.sign("at+jwt", claims(6100).as_bytes());
    assert!(token.len() > MAX_TOKEN);
    assert_eq!(verify(token.as_bytes(), &set(&key), &AT), Err(JoseError::TooLarge));
    assert_eq!(parse_header(&[b'A'; MAX_TOKEN + 1]), Err(JoseError::TooLarge));
}

#[test]
fn a_public_key_is_no_hmac_key() {
    let key = es256();
    let header = json!({ "alg": "HS256", "kid": key.kid(), "typ": "at+jwt" });
    let signed = format!("{}.{}", BASE64URL_NOPAD.encode(header.to_string().as_bytes()), BASE64URL_NOPAD.encode(b"{}"));
    let public = key.public().to_jwk_json().to_string();
    let mac = crate::digest::hmac_sha256(public.as_bytes(), signed.as_bytes());
    let forged = format!("{signed}.{}", BASE64URL_NOPAD.encode(&mac));
    assert_eq!(verify(forged.as_bytes(), &set(&key), &AT), Err(JoseError::AlgorithmSymmetric));
}

#[test]
fn dpop_proofs_carry_their_key() {
    let (key, other) = (es256(), es256());
    let expect = Expect { typ: DPOP };
    let proof = key.sign_dpop(br#"{"htm":"GET"}"#);
    let header = parse_header(proof.as_bytes()).unwrap();
    assert!(header.has_type("dpop+jwt") && header.kid.is_none());
    let carried = header.jwk.unwrap();
    assert_eq!(carried, key.public());
    assert!(verify_with(proof.as_bytes(), &carried, &expect).is_ok());
    assert_eq!(verify_with(proof.as_bytes(), &other.public(), &expect), Err(JoseError::JwkMismatch));
    assert_eq!(verify_with(proof.as_bytes(), &carried, &AT), Err(JoseError::TypeMismatch));
    // Not as a token that the set decides about, even when the set knows the key.
    assert_eq!(verify(proof.as_bytes(), &set(&key), &expect), Err(JoseError::JwkForbidden));
    let header = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": { "kty": "oct", "k": "AAAA" } });
    assert_eq!(parse_header(token(&key, &header).as_bytes()), Err(JoseError::Key(JwkError::Symmetric)));
    let header = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": "key" });
    assert_eq!(parse_header(token(&key, &header).as_bytes()), Err(JoseError::MemberType("jwk")));
    // The private half in the proof: refused, and by its name, so that the client's author learns of it.
    let mut private = key.public().to_jwk_json();
    private["d"] = json!("AAAA");
    let header = json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": private });
    assert_eq!(parse_header(token(&key, &header).as_bytes()), Err(JoseError::Key(JwkError::Private("d"))));
}

#[test]
fn keys_are_read_strictly() {
    let good: Value = serde_json::from_str(A3_KEY).unwrap();
    let x = good["x"].as_str().unwrap();
    let short = BASE64URL_NOPAD.encode(&[1; 31]);
    let long = BASE64URL_NOPAD.encode(&[1; 33]);
    let off_curve = BASE64URL_NOPAD.encode(&[1; 32]);
    let above_p = BASE64URL_NOPAD.encode(&[0xff; 32]);
    let cases: Vec<(&str, Value, JwkError)> = vec![
        ("kty", json!("RSA"), JwkError::Missing("n")),
        ("kty", json!("oct"), JwkError::Symmetric),
        ("kty", json!("ec"), JwkError::KeyType),
        ("kty", json!(1), JwkError::MemberType("kty")),
        ("crv", json!("P-384"), JwkError::Curve),
        ("crv", json!("secp256k1"), JwkError::Curve),
        ("x", json!(short), JwkError::Length("x")),
        ("x", json!(long), JwkError::Length("x")),
        ("x", json!(off_curve), JwkError::Point),
        ("y", json!(x), JwkError::Point),
        ("x", json!(above_p), JwkError::Point),
        ("x", json!(format!("{x}=")), JwkError::Base64("x")),
        ("x", json!(format!(" {x}")), JwkError::Base64("x")),
        ("y", json!(7), JwkError::MemberType("y")),
        ("alg", json!("ES384"), JwkError::Algorithm),
        ("alg", json!("RS256"), JwkError::Algorithm),
        ("alg", json!("ECDH-ES"), JwkError::Algorithm),
        ("use", json!("enc"), JwkError::Use),
        ("use", json!(["sig"]), JwkError::MemberType("use")),
        ("key_ops", json!(["encrypt"]), JwkError::KeyOps),
        ("key_ops", json!([]), JwkError::KeyOps),
        ("key_ops", json!(["verify", "verify"]), JwkError::KeyOps),
        ("key_ops", json!(["sign", "verify"]), JwkError::KeyOps),
        ("key_ops", json!("verify"), JwkError::MemberType("key_ops")),
        ("kid", json!("a b"), JwkError::Kid),
        ("kid", json!(1), JwkError::MemberType("kid")),
        ("d", json!("AAAA"), JwkError::Private("d")),
        ("k", json!("AAAA"), JwkError::Private("k")),
    ];
    for (name, value, error) in cases {
        let mut changed = good.clone();
        changed[name] = value.clone();
        assert_eq!(jwk(&changed), Err(error), "{name}: {value}");
    }
    for name in ["kty", "crv", "x", "y"] {
        let mut changed = good.clone();
        changed.as_object_mut().unwrap().remove(name);
        assert_eq!(jwk(&changed), Err(JwkError::Missing(name)));
    }
    let mut full = good;
    (full["use"], full["alg"], full["key_ops"]) = (json!("sig"), json!("ES256"), json!(["verify"]));
    full["x5t#S256"] = json!("ignored");
    assert!(jwk(&full).is_ok());
    assert_eq!(PublicKey::from_jwk(b"[]"), Err(JwkError::NotObject));
    let twice = A3_KEY.replace("\"crv\"", "\"kty\":\"RSA\",\"crv\"");
    assert!(matches!(PublicKey::from_jwk(twice.as_bytes()), Err(JwkError::Json(JsonError::Duplicate(_)))));
}

#[test]
fn rsa_numbers_are_bounded() {
    let key = |n: &[u8], e: &[u8]| {
        let (n, e) = (BASE64URL_NOPAD.encode(n), BASE64URL_NOPAD.encode(e));
        jwk(&json!({ "kty": "RSA", "n": n, "e": e }))
    };
    let f4 = [1, 0, 1];
    let n = BASE64URL_NOPAD.decode(A2_N.as_bytes()).unwrap();
    assert!(key(&n, &f4).is_ok());
    assert!(key(&n, &[0xff; 4]).is_ok());
    for e in [&[][..], &[1], &[3], &[0, 1, 0, 1], &[1, 0, 0], &[0xff, 0xff], &[1, 0, 0, 0, 1], &[0]] {
        assert_eq!(key(&n, e), Err(JwkError::Exponent), "{e:?}");
    }
    let mut even = n.clone();
    even[255] ^= 1;
    let zero_first = [&[0][..], &n].concat();
    let mut short = n.clone();
    short[0] &= 0x7f;
    let large = [&[1; 257][..], &n].concat();
    for n in [&[][..], &even, &zero_first, &short, &n[1..], &large] {
        assert_eq!(key(n, &f4), Err(JwkError::Modulus), "{} bytes", n.len());
    }
    let largest = [&n[..], &n].concat();
    assert!(key(&largest, &f4).is_ok());
}

#[test]
fn points_of_small_order_are_no_keys() {
    let orders = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    // R = the neutral element and s = 0 are a signature whenever the order of the key divides the challenge.
    let mut signature = [0; 64];
    signature[0] = 1;
    for hex in orders {
        let point = HEXLOWER.decode(hex.as_bytes()).unwrap();
        let x = BASE64URL_NOPAD.encode(&point);
        assert_eq!(jwk(&json!({ "kty": "OKP", "crv": "Ed25519", "x": x })), Err(JwkError::Point), "{hex}");
        let public: [u8; 32] = point.try_into().unwrap();
        let forged = (0u16..500).any(|message| crate::verify_checkpoint(&public, &message.to_be_bytes(), &signature));
        assert!(forged, "{hex} is refused because anybody can sign for it");
    }
}

#[test]
fn ed25519_keys_have_one_spelling() {
    let key = |hex: String| {
        let x = BASE64URL_NOPAD.encode(&HEXLOWER.decode(hex.as_bytes()).unwrap());
        jwk(&json!({ "kty": "OKP", "crv": "Ed25519", "x": x }))
    };
    for first in 0xed..=0xffu8 {
        for last in ["7f", "ff"] {
            assert_eq!(key(format!("{first:02x}{}{last}", "ff".repeat(30))), Err(JwkError::Point), "{first:x} {last}");
        }
    }
    let largest = key(format!("eb{}7f", "ff".repeat(30)));
    assert!(largest.is_ok(), "one below the largest is reduced, and the order is not small: {largest:?}");
}

#[test]
fn sets_have_distinct_ids() {
    let (one, other) = (es256(), es256());
    let named = |key: &SigningKey, kid: &str| {
        let mut value = key.public().to_jwk_json();
        value["kid"] = json!(kid);
        value
    };
    let keys = |keys: Value| KeySet::from_jwks(json!({ "keys": keys }).to_string().as_bytes());
    let set = keys(json!([named(&one, "a"), named(&other, "b")])).unwrap();
    assert_eq!((set.get("a"), set.get("b"), set.get("c")), (Some(&one.public()), Some(&other.public()), None));
    assert_eq!(set.iter().count(), 2);
    assert_eq!(keys(json!([named(&one, "a"), named(&other, "a")])), Err(JwkError::DuplicateKid));
    assert_eq!(keys(json!([named(&one, "a"), named(&one, "a")])), Err(JwkError::DuplicateKid));
    assert_eq!(keys(json!([{ "kty": "oct", "k": "AAAA" }])), Err(JwkError::Symmetric));
    assert_eq!(keys(json!({})), Err(JwkError::MemberType("keys")));
    assert_eq!(keys(json!([1])), Err(JwkError::NotObject));
    assert_eq!(KeySet::from_jwks(b"{}"), Err(JwkError::Missing("keys")));
    assert_eq!(KeySet::new(vec![one.public(), one.public()]).unwrap().iter().count(), 1);
    let many = (0..=KeySet::MAX).map(|_| es256().public()).collect();
    assert_eq!(KeySet::new(many), Err(JwkError::TooMany));
}

proptest! {
    #[test]
    fn a_changed_token_is_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let key = es256();
        let mut token = key.sign("at+jwt", br#"{"sub":"ann","scope":"read"}"#).into_bytes();
        let at = at.index(token.len());
        if token[at] != byte {
            token[at] = byte;
            prop_assert!(verify(&token, &set(&key), &AT).is_err());
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_header(&bytes);
        let _ = PublicKey::from_jwk(&bytes);
        let _ = KeySet::from_jwks(&bytes);
    }
}
