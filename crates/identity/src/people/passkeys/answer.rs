//! What a browser answers, read strictly: the JSON of a credential (`WebAuthn` section 5.1, `toJSON`), at most 16 KiB, its
//! id twice the same, and nothing that was asked for from within another site's frame.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use super::credential::PasskeyId;

/// The largest answer.
const LARGEST: usize = 16 * 1024;
/// The longest credential id (`WebAuthn` section 4, "Credential ID").
const LONGEST_ID: usize = 1023;
/// Deeper than any answer is.
const DEEPEST: usize = 8;

/// Why an answer can't be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AnswerError {
    /// It is larger than 16 KiB.
    #[error("the answer of the passkey is larger than 16 KiB")]
    TooLarge,
    /// It is not the JSON of a credential.
    #[error("the answer of the passkey can't be read; reload the page and try again")]
    Malformed,
    /// It was asked for from a frame of another site.
    #[error("the passkey was used from within another site's page")]
    CrossOrigin,
}

/// The answer to a request to sign in.
#[derive(Debug)]
pub struct Assertion(pub(crate) PublicKeyCredential);

/// The answer to a request to make a passkey.
#[derive(Debug)]
pub struct Attestation(pub(crate) RegisterPublicKeyCredential);

impl Assertion {
    /// Reads an answer.
    ///
    /// # Errors
    /// When it is too large, malformed or of another site.
    pub fn parse(text: &str) -> Result<Assertion, AnswerError> {
        bounded(text)?;
        let answer: PublicKeyCredential = serde_json::from_str(text).map_err(|_| AnswerError::Malformed)?;
        consistent(&answer.id, &answer.raw_id, &answer.type_)?;
        framed(&answer.response.client_data_json)?;
        Ok(Assertion(answer))
    }

    /// The passkey that answers.
    pub fn passkey(&self) -> PasskeyId {
        PasskeyId::of(&self.0.raw_id)
    }

    /// Whom it names as its person; passkeys that were asked for without naming an account do.
    pub(crate) fn user_handle(&self) -> Option<&[u8]> {
        self.0.get_user_unique_id()
    }
}

impl Attestation {
    /// Reads an answer.
    ///
    /// # Errors
    /// When it is too large, malformed or of another site.
    pub fn parse(text: &str) -> Result<Attestation, AnswerError> {
        bounded(text)?;
        let answer: RegisterPublicKeyCredential = serde_json::from_str(text).map_err(|_| AnswerError::Malformed)?;
        consistent(&answer.id, &answer.raw_id, &answer.type_)?;
        framed(&answer.response.client_data_json)?;
        Ok(Attestation(answer))
    }
}

/// Within our bounds, before anything is allocated for it.
fn bounded(text: &str) -> Result<(), AnswerError> {
    if text.len() > LARGEST {
        return Err(AnswerError::TooLarge);
    }
    let mut depth = 0usize;
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(AnswerError::Malformed);
        }
    }
    Ok(())
}

fn consistent(id: &str, raw: &[u8], kind: &str) -> Result<(), AnswerError> {
    let fits = (1..=LONGEST_ID).contains(&raw.len());
    let same = BASE64URL_NOPAD.encode(raw) == id;
    if fits && same && kind == "public-key" { Ok(()) } else { Err(AnswerError::Malformed) }
}

/// The part of the client data that says in which page it was collected (`WebAuthn` section 5.8.1).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Collected {
    #[serde(default)]
    cross_origin: Option<bool>,
    #[serde(default)]
    top_origin: Option<String>,
}

fn framed(client_data: &[u8]) -> Result<(), AnswerError> {
    let collected: Collected = serde_json::from_slice(client_data).map_err(|_| AnswerError::Malformed)?;
    if collected.cross_origin == Some(true) || collected.top_origin.is_some() {
        return Err(AnswerError::CrossOrigin);
    }
    Ok(())
}
