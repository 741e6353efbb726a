//! Secrets with an inner structure, made from their public descriptions and apart from the engine that checks them.

use super::template::{BASE62, Dice, HEX, URL};

pub const BASE58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
pub const BECH32: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

pub fn base64(bytes: &[u8]) -> String {
    data_encoding::BASE64.encode(bytes)
}

fn base64url(bytes: &[u8]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(bytes)
}

/// CRC-32 of IEEE 802.3, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// GitHub and npm: the body, then its CRC-32 as six digits to base 62.
pub fn crc62(body: &str) -> String {
    let mut value = crc32(body.as_bytes());
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62.as_bytes()[(value % 62) as usize];
        value /= 62;
    }
    format!("{body}{}", std::str::from_utf8(&digits).unwrap())
}

/// Grafana: the CRC-32 of all that stands before, low byte first, in hex.
pub fn grafana(key: &str) -> String {
    format!("{key}_{:08x}", crc32(key.as_bytes()).swap_bytes())
}

/// A macaroon of version 2 with the registry as its location.
pub fn macaroon(location: &str, dice: &mut Dice) -> String {
    let mut bytes = vec![2, 1, u8::try_from(location.len()).unwrap()];
    bytes.extend_from_slice(location.as_bytes());
    bytes.extend([2, 36]);
    bytes.extend_from_slice(dice.uuid().as_bytes());
    bytes.extend([0, 0, 6, 32]);
    bytes.extend(dice.bytes(48));
    base64url(&bytes)
}

pub fn discord(dice: &mut Dice) -> String {
    let id = format!("{}{}", dice.text("123456789", 1), dice.text("0123456789", 17));
    format!("{}.{}.{}", base64url(id.as_bytes()), dice.text(URL, 6), dice.text(URL, 38))
}

fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match body.len() {
        short @ 0..=127 => out.push(u8::try_from(short).unwrap()),
        middle @ 128..=255 => out.extend([0x81, u8::try_from(middle).unwrap()]),
        long => {
            out.push(0x82);
            out.extend(u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    out.extend_from_slice(body);
    out
}

fn pkcs1(dice: &mut Dice) -> Vec<u8> {
    let mut body = der(2, &[0]);
    for length in [257, 3, 256, 129, 129, 129, 128, 128] {
        let mut number = dice.bytes(length);
        if length % 128 == 1 {
            number[0] = 0;
        }
        body.extend(der(2, &number));
    }
    der(0x30, &body)
}

fn sec1(dice: &mut Dice) -> Vec<u8> {
    let mut body = der(2, &[1]);
    body.extend(der(4, &dice.bytes(32)));
    body.extend(der(0xa0, &der(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7])));
    body.extend(der(0xa1, &der(3, &dice.bytes(66))));
    der(0x30, &body)
}

fn pkcs8(dice: &mut Dice) -> Vec<u8> {
    let mut body = der(2, &[0]);
    body.extend(der(0x30, &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0]));
    body.extend(der(4, &pkcs1(dice)));
    der(0x30, &body)
}

/// A PEM block whose content fits its label.
pub fn pem(label: &str, dice: &mut Dice) -> String {
    let bytes = match label {
        "PRIVATE KEY" => pkcs8(dice),
        "RSA PRIVATE KEY" => pkcs1(dice),
        "EC PRIVATE KEY" => sec1(dice),
        "OPENSSH PRIVATE KEY" => [b"openssh-key-v1\0\0\0\0\x04none".to_vec(), dice.bytes(300)].concat(),
        "PGP PRIVATE KEY BLOCK" | "PGP PUBLIC KEY BLOCK" => [vec![0x95, 3], dice.bytes(500)].concat(),
        _ => der(0x30, &[der(2, &[0]), dice.bytes(400)].concat()),
    };
    let mut out = format!("-----BEGIN {label}-----\n");
    if label.starts_with("PGP") {
        out.push_str("Version: 1\n\n");
    }
    for line in base64(&bytes).as_bytes().chunks(64) {
        out.push_str(std::str::from_utf8(line).unwrap());
        out.push('\n');
    }
    format!("{out}-----END {label}-----")
}

pub fn bare(kind: &str, dice: &mut Dice) -> String {
    base64(&match kind {
        "rsa" => pkcs8(dice),
        "pkcs1" => pkcs1(dice),
        _ => sec1(dice),
    })
}

/// Key stores: with a key, or with certificates alone.
pub fn store(kind: &str, dice: &mut Dice) -> Vec<u8> {
    let mut out = match kind {
        "jks" => vec![0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 3],
        "jks-trust" => vec![0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 3],
        "bks" | "bks-trust" => {
            let mut head = vec![0, 0, 0, 2, 0, 0, 0, 20];
            head.extend(dice.bytes(20));
            head.extend([0, 0, 4, 0]);
            head.push(if kind == "bks" { 2 } else { 1 });
            head
        }
        "p12" => {
            let mut body = der(2, &[3]);
            let data = [vec![6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1], der(0xa0, &der(4, &dice.bytes(600)))];
            body.extend(der(0x30, &data.concat()));
            return der(0x30, &body);
        }
        _ => return der(0x30, &[der(0x30, &dice.bytes(300)), dice.bytes(100)].concat()),
    };
    out.extend(dice.bytes(500));
    out
}

pub fn jwk(dice: &mut Dice) -> String {
    let (x, y, d) = (dice.text(URL, 43), dice.text(URL, 43), dice.text(URL, 43));
    format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}","d":"{d}"}}"#)
}

pub fn jwt(kind: &str, dice: &mut Dice) -> String {
    let alg = if kind == "none" { "none" } else { "HS256" };
    let id = dice.text("0123456789", 8);
    let claims = match kind {
        "service_role" | "anon" => {
            format!(
                r#"{{"iss":"supabase","ref":"{}","role":"{kind}","iat":1700000000,"exp":2015360000}}"#,
                dice.text(BASE62, 20)
            )
        }
        "kubernetes" => format!(r#"{{"iss":"kubernetes/serviceaccount","sub":"system:serviceaccount:prod:app{id}"}}"#),
        _ => format!(r#"{{"sub":"{id}","scope":"wallet","iat":1700000000}}"#),
    };
    let head = base64url(format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#).as_bytes());
    let signature = if kind == "none" { String::new() } else { base64url(&dice.bytes(32)) };
    format!("{head}.{}.{signature}", base64url(claims.as_bytes()))
}

pub fn service_account(dice: &mut Dice) -> String {
    let key = pem("PRIVATE KEY", dice).replace('\n', "\\n");
    let (id, client) = (dice.text(HEX, 40), dice.text("0123456789", 21));
    format!(
        r#"{{"type": "service_account", "project_id": "wallet-prod", "private_key_id": "{id}", "private_key": "{key}\n", "client_email": "push@wallet-prod.iam.gserviceaccount.com", "client_id": "{client}"}}"#
    )
}

fn base58check(payload: &[u8]) -> String {
    let sum = testudo_crypto::digest::sha256(&testudo_crypto::digest::sha256(payload));
    let mut number: Vec<u8> = [payload, &sum[..4]].concat();
    let mut out = Vec::new();
    while number.iter().any(|byte| *byte != 0) {
        let mut rest = 0_u32;
        for byte in &mut number {
            let value = rest * 256 + u32::from(*byte);
            *byte = u8::try_from(value / 58).unwrap();
            rest = value % 58;
        }
        out.push(BASE58.as_bytes()[rest as usize]);
    }
    out.reverse();
    String::from_utf8(out).unwrap()
}

pub fn xprv(dice: &mut Dice) -> String {
    base58check(&[vec![4, 0x88, 0xad, 0xe4, 1], dice.bytes(40), vec![0], dice.bytes(32)].concat())
}

pub fn wif(dice: &mut Dice) -> String {
    base58check(&[vec![0x80], dice.bytes(32), vec![1]].concat())
}

pub fn bech32(prefix: &str, dice: &mut Dice) -> String {
    let lower = prefix.to_ascii_lowercase();
    let mut five: Vec<u8> = dice.bytes(51).iter().map(|byte| byte & 31).collect();
    five.push(16);
    let mut values: Vec<u8> = lower.bytes().map(|byte| byte >> 5).collect();
    values.push(0);
    values.extend(lower.bytes().map(|byte| byte & 31));
    values.extend(&five);
    values.extend([0; 6]);
    let mut sum = 1_u32;
    for value in values {
        let top = sum >> 25;
        sum = ((sum & 0x01ff_ffff) << 5) ^ u32::from(value);
        for (bit, generator) in
            [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3].into_iter().enumerate()
        {
            if (top >> bit) & 1 == 1 {
                sum ^= generator;
            }
        }
    }
    sum ^= 1;
    five.extend((0..6).map(|index| u8::try_from((sum >> (5 * (5 - index))) & 31).unwrap()));
    let data: String = five.iter().map(|value| char::from(BECH32.as_bytes()[usize::from(*value)])).collect();
    let text = format!("{lower}1{data}");
    if prefix == lower { text } else { text.to_ascii_uppercase() }
}
