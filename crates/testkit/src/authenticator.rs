//! An authenticator in software: it makes passkeys and answers challenges as `WebAuthn` (level 3) asks, with ES256.
//!
//! Every field that a verifier has to check can be made wrong, so a test shows that each of them is.

use anyhow::{Context as _, Result, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

/// User present.
pub const PRESENT: u8 = 0x01;
/// User verified.
pub const VERIFIED: u8 = 0x04;
/// Backup eligible.
pub const ELIGIBLE: u8 = 0x08;
/// Backed up.
pub const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;

/// One passkey, and what it says about itself.
pub struct Authenticator {
    key: EcdsaKeyPair,
    /// The credential's id.
    pub id: Vec<u8>,
    /// Whom it signs in: the user handle of its making.
    pub handle: Option<Vec<u8>>,
    /// The origin that the browser writes into the client data.
    pub origin: String,
    /// The relying party whose hash it signs.
    pub relying_party: String,
    /// The flags.
    pub flags: u8,
    /// The counter; goes up by one with each answer unless it is 0.
    pub counter: u32,
    /// What the browser says about frames.
    pub cross_origin: Option<bool>,
    /// A challenge to answer instead of the one that is asked.
    pub challenge: Option<String>,
}

impl Authenticator {
    /// A new one at an origin.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(origin: &str, relying_party: &str) -> Result<Authenticator> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| anyhow!("no key"))?;
        let id = digest(&SHA256, key.public_key().as_ref()).as_ref().to_vec();
        Ok(Authenticator {
            key,
            id,
            handle: None,
            origin: origin.into(),
            relying_party: relying_party.into(),
            flags: PRESENT | VERIFIED,
            counter: 0,
            cross_origin: Some(false),
            challenge: None,
        })
    }

    /// Answers `navigator.credentials.create`: the JSON of the credential.
    ///
    /// # Errors
    /// When the options lack what is needed.
    pub fn create(&mut self, options: &str) -> Result<String> {
        let options: Value = serde_json::from_str(options)?;
        let at = |place| options.pointer(place).unwrap_or(&Value::Null);
        self.handle = Some(decoded(at("/publicKey/user/id"))?);
        let client = self.client_data("webauthn.create", at("/publicKey/challenge"))?;
        let mut data = self.authenticator_data(ATTESTED);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&u16::try_from(self.id.len())?.to_be_bytes());
        data.extend_from_slice(&self.id);
        data.extend_from_slice(&self.cose_key()?);
        let mut object = vec![0xa3];
        text(&mut object, "fmt");
        text(&mut object, "none");
        text(&mut object, "attStmt");
        object.push(0xa0);
        text(&mut object, "authData");
        bytes(&mut object, &data)?;
        Ok(self.answer(&json!({ "attestationObject": coded(&object), "clientDataJSON": coded(&client) })))
    }

    /// Answers `navigator.credentials.get`: the JSON of the credential.
    ///
    /// # Errors
    /// When the options lack what is needed.
    pub fn get(&mut self, options: &str) -> Result<String> {
        let options: Value = serde_json::from_str(options)?;
        if self.counter > 0 {
            self.counter += 1;
        }
        let challenge = options.pointer("/publicKey/challenge").unwrap_or(&Value::Null);
        let client = self.client_data("webauthn.get", challenge)?;
        let data = self.authenticator_data(0);
        let mut signed = data.clone();
        signed.extend_from_slice(digest(&SHA256, &client).as_ref());
        let signature = self.key.sign(&SystemRandom::new(), &signed).map_err(|_| anyhow!("no signature"))?;
        Ok(self.answer(&json!({
            "authenticatorData": coded(&data),
            "clientDataJSON": coded(&client),
            "signature": coded(signature.as_ref()),
            "userHandle": self.handle.as_deref().map(coded),
        })))
    }

    fn answer(&self, response: &Value) -> String {
        let id = coded(&self.id);
        json!({ "id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": {} })
            .to_string()
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Result<Vec<u8>> {
        let asked = challenge.as_str().context("the options have no challenge")?;
        let challenge = self.challenge.as_deref().unwrap_or(asked);
        let mut data = json!({ "type": kind, "challenge": challenge, "origin": self.origin });
        if let (Some(cross), Some(members)) = (self.cross_origin, data.as_object_mut()) {
            members.insert("crossOrigin".into(), cross.into());
        }
        Ok(serde_json::to_vec(&data)?)
    }

    fn authenticator_data(&self, more: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, self.relying_party.as_bytes()).as_ref().to_vec();
        data.push(self.flags | more);
        data.extend_from_slice(&self.counter.to_be_bytes());
        data
    }

    /// `{1: 2, 3: -7, -1: 1, -2: x, -3: y}` (RFC 9053 section 7.1).
    fn cose_key(&self) -> Result<Vec<u8>> {
        let point = self.key.public_key().as_ref();
        let (x, y) = (point.get(1..33).context("no point")?, point.get(33..65).context("no point")?);
        let mut key = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21];
        bytes(&mut key, x)?;
        key.push(0x22);
        bytes(&mut key, y)?;
        Ok(key)
    }
}

fn coded(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn decoded(text: &Value) -> Result<Vec<u8>> {
    Ok(BASE64URL_NOPAD.decode(text.as_str().context("no text")?.as_bytes())?)
}

/// A CBOR text of at most 23 bytes.
fn text(to: &mut Vec<u8>, text: &str) {
    let short = text.as_bytes().get(..23).unwrap_or(text.as_bytes());
    to.push(0x60 | u8::try_from(short.len()).unwrap_or_default());
    to.extend_from_slice(short);
}

/// A CBOR byte string with a length of two bytes.
fn bytes(to: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    if let Ok(short) = u8::try_from(bytes.len()) {
        to.extend_from_slice(&[0x58, short]);
    } else {
        to.push(0x59);
        to.extend_from_slice(&u16::try_from(bytes.len())?.to_be_bytes());
    }
    to.extend_from_slice(bytes);
    Ok(())
}
