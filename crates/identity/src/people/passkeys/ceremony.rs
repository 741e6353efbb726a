//! A ceremony that waits for its answer. It is found by the hash of the token in the browser's cookie, is bound to what
//! it was begun for, and is deleted by version with the step that ends it, so it ends once.

use serde::{Deserialize, Serialize};
use testudo_core::{PersonId, Secret, Timestamp};
use testudo_crypto::random;
use testudo_store::{Document, Key, Stored};
use webauthn_rs::prelude::{DiscoverableAuthentication, PasskeyRegistration};

use super::origin::PasskeyOrigin;
use crate::people::sealed::TokenHash;
use crate::{Context, Identity, IdentityError};

/// What a ceremony is for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Purpose {
    /// To sign in, whoever it is.
    SignIn,
    /// To complete a sign-in after the password: the hash of its token.
    Factor(TokenHash),
    /// To show a fresh factor in a session: its cookie's hash.
    Confirm([u8; 32]),
    /// To add a passkey in a session: its cookie's hash.
    Add([u8; 32]),
}

/// What the verifier must know again. It never leaves the store.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Assertion(DiscoverableAuthentication),
    Attestation(PasskeyRegistration),
}

/// A ceremony that was begun.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Ceremony {
    token: TokenHash,
    pub(crate) purpose: Purpose,
    pub(crate) person: Option<PersonId>,
    pub(crate) origin: String,
    pub(crate) state: State,
    pub(crate) created: Timestamp,
    expires: Timestamp,
}

/// What the browser gets: options for `navigator.credentials`, and the token for its cookie.
#[derive(Debug)]
pub struct PasskeyCeremony {
    /// The options as JSON, with the member `publicKey`.
    pub options: String,
    /// The token.
    pub token: Secret<String>,
}

impl Ceremony {
    pub(crate) fn new(
        purpose: Purpose,
        person: Option<PersonId>,
        at: &PasskeyOrigin,
        state: State,
        within: std::time::Duration,
        now: Timestamp,
    ) -> (Ceremony, Secret<String>) {
        let token = random::token();
        let ceremony = Ceremony {
            token: TokenHash::of_new(&token),
            purpose,
            person,
            origin: at.as_str().to_owned(),
            state,
            created: now,
            expires: now.plus(within),
        };
        (ceremony, token)
    }

    pub(crate) fn key(&self) -> Key {
        Key::from(*self.token.as_bytes())
    }
}

impl Document for Ceremony {
    const KIND: &'static str = "passkey-ceremony";

    fn id(&self) -> Key {
        self.key()
    }

    fn person(&self) -> Option<PersonId> {
        self.person
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn expires(&self) -> Option<Timestamp> {
        Some(self.expires)
    }
}

impl Identity {
    /// The ceremony of a cookie, if it is for this and may still be answered. What is for something else is none.
    pub(crate) async fn ceremony(
        &self,
        token: Option<&str>,
        purpose: &Purpose,
        ctx: &Context,
    ) -> Result<Option<Stored<Ceremony>>, IdentityError> {
        let Some(token) = token.and_then(TokenHash::of) else { return Ok(None) };
        let found = self.store.get::<Ceremony>(*token.as_bytes()).await?;
        let live = |ceremony: &Ceremony| {
            ceremony.purpose == *purpose && ctx.now < ceremony.expires && ctx.now >= ceremony.created
        };
        Ok(found.filter(|stored| live(&stored.document)))
    }
}
