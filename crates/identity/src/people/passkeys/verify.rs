//! Proving an answer against the state of its ceremony (`WebAuthn` sections 7.1 and 7.2). Pure.

use serde::Deserialize;
use testudo_core::PersonId;
use webauthn_rs::prelude::{self as webauthn, AuthenticationResult, COSEKeyType, WebauthnError};

use super::answer::{AnswerError, Assertion, Attestation};
use super::ceremony::{Ceremony, State};
use super::credential::{Passkey, PasskeyId};
use super::origin::PasskeyOrigin;
use crate::IdentityConfig;

/// The longest RSA modulus: 4096 bits, so that nobody makes us compute with longer ones.
const LONGEST_MODULUS: usize = 512;

/// Why an answer was refused, for the event and the page of whoever is signed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasskeyFault {
    /// There is no ceremony: too late, answered already, or begun in another browser or for something else.
    #[error("that took too long or was answered already; try again")]
    Expired,
    /// The answer can't be read.
    #[error("the answer of the passkey can't be read; reload the page and try again")]
    Malformed,
    /// Nobody has this passkey.
    #[error("this passkey is not known here")]
    Unknown,
    /// It is somebody else's.
    #[error("this passkey belongs to another account")]
    Foreign,
    /// It answers another challenge.
    #[error("the passkey answered another request; try again")]
    Challenge,
    /// It was used at another origin, or from a frame.
    #[error("the passkey was used at another address than this one")]
    Origin,
    /// It is for another relying party.
    #[error("the passkey is for another host than this one")]
    RelyingParty,
    /// The authenticator did not verify its user, or not even her presence.
    #[error("the passkey did not verify you by PIN, fingerprint or face; unlock it and try again")]
    Unverified,
    /// The signature is wrong.
    #[error("the passkey could not be verified")]
    Signature,
    /// Its counter did not go up: there may be a copy of it.
    #[error("the passkey's counter did not go up, so there may be a copy of it; remove it and add another")]
    Counter,
    /// It claims another backup eligibility than it had.
    #[error("the passkey changed what it says about its copies; remove it and add another")]
    Backup,
    /// It is registered already, here or with somebody else.
    #[error("this passkey is registered already")]
    Known,
    /// Its key or format is not one of those that were asked for.
    #[error("this kind of passkey can't be used here; try another one")]
    Unsupported,
}

impl PasskeyFault {
    /// The code in events.
    pub const fn code(self) -> &'static str {
        match self {
            PasskeyFault::Expired => "passkey-expired",
            PasskeyFault::Malformed => "passkey-malformed",
            PasskeyFault::Unknown => "passkey-unknown",
            PasskeyFault::Foreign => "passkey-foreign",
            PasskeyFault::Challenge => "passkey-challenge",
            PasskeyFault::Origin => "passkey-origin",
            PasskeyFault::RelyingParty => "passkey-relying-party",
            PasskeyFault::Unverified => "passkey-unverified",
            PasskeyFault::Signature => "passkey-signature",
            PasskeyFault::Counter => "passkey-counter",
            PasskeyFault::Backup => "passkey-backup",
            PasskeyFault::Known => "passkey-known",
            PasskeyFault::Unsupported => "passkey-unsupported",
        }
    }
}

impl From<AnswerError> for PasskeyFault {
    fn from(error: AnswerError) -> PasskeyFault {
        match error {
            AnswerError::TooLarge | AnswerError::Malformed => PasskeyFault::Malformed,
            AnswerError::CrossOrigin => PasskeyFault::Origin,
        }
    }
}

impl From<WebauthnError> for PasskeyFault {
    fn from(error: WebauthnError) -> PasskeyFault {
        use WebauthnError as E;
        match error {
            E::MismatchedChallenge | E::InvalidClientDataType => PasskeyFault::Challenge,
            E::InvalidRPOrigin | E::CredentialCrossOrigin => PasskeyFault::Origin,
            E::InvalidRPIDHash => PasskeyFault::RelyingParty,
            E::UserNotPresent | E::UserNotVerified => PasskeyFault::Unverified,
            E::CredentialPossibleCompromise => PasskeyFault::Counter,
            E::CredentialBackupEligibilityInconsistent | E::CredentialMayNotBeHardwareBound => PasskeyFault::Backup,
            E::AttestationNotSupported | E::CredentialAlteredAlgFromRequest | E::COSEKeyInvalidAlgorithm => {
                PasskeyFault::Unsupported
            }
            E::AuthenticationFailure => PasskeyFault::Signature,
            E::CredentialNotFound => PasskeyFault::Unknown,
            _ => PasskeyFault::Malformed,
        }
    }
}

/// Proves an assertion: `passkey` is the one that it names, `listed` says whether its person's record still lists it.
pub(crate) fn assertion(
    ceremony: &Ceremony,
    passkey: &Passkey,
    listed: bool,
    answer: &Assertion,
    config: &IdentityConfig,
) -> Result<AuthenticationResult, PasskeyFault> {
    if !listed {
        return Err(PasskeyFault::Unknown);
    }
    let of_another = ceremony.person.is_some_and(|person| person != passkey.person);
    let handle = answer.user_handle();
    // Without an account to begin with, the handle has to be there; with one, it may.
    let named = handle.map_or(ceremony.person.is_some(), |handle| handle == passkey.person.to_bytes().as_slice());
    if of_another || !named {
        return Err(PasskeyFault::Foreign);
    }
    let at = PasskeyOrigin::parse(&ceremony.origin).map_err(|_| PasskeyFault::Origin)?;
    if at.relying_party() != passkey.relying_party {
        return Err(PasskeyFault::RelyingParty);
    }
    let State::Assertion(state) = &ceremony.state else { return Err(PasskeyFault::Expired) };
    let verifier = at.verifier(&config.service_name, config.passkey_within).ok_or(PasskeyFault::Origin)?;
    let result = verifier.finish_discoverable_authentication_v2(&answer.0, state.clone(), &passkey.credential)?;
    // Asked for and checked by the verifier; the whole house builds on it.
    if result.user_verified() { Ok(result) } else { Err(PasskeyFault::Unverified) }
}

/// Proves an attestation and gives the passkey that it makes.
pub(crate) fn attestation(
    ceremony: &Ceremony,
    person: PersonId,
    name: String,
    answer: &Attestation,
    config: &IdentityConfig,
    now: testudo_core::Timestamp,
) -> Result<Passkey, PasskeyFault> {
    if ceremony.person != Some(person) {
        return Err(PasskeyFault::Foreign);
    }
    let at = PasskeyOrigin::parse(&ceremony.origin).map_err(|_| PasskeyFault::Origin)?;
    let State::Attestation(state) = &ceremony.state else { return Err(PasskeyFault::Expired) };
    let verifier = at.verifier(&config.service_name, config.passkey_within).ok_or(PasskeyFault::Origin)?;
    let credential = verifier.finish_passkey_registration(&answer.0, state)?;
    // The authenticator's own words about which credential it is must be the browser's.
    if credential.cred_id().as_slice() != answer.0.raw_id.as_slice() {
        return Err(PasskeyFault::Malformed);
    }
    if let COSEKeyType::RSA(key) = &credential.get_public_key().key
        && !(LONGEST_MODULUS / 2..=LONGEST_MODULUS).contains(&key.n.len())
    {
        return Err(PasskeyFault::Unsupported);
    }
    Ok(Passkey {
        id: PasskeyId::of(credential.cred_id().as_slice()),
        person,
        name,
        relying_party: at.relying_party().to_owned(),
        synced: is_synced(&credential),
        credential,
        created: now,
        used: None,
    })
}

/// The backup state of a new credential, which the library shows in its serialised form only.
fn is_synced(credential: &webauthn::Passkey) -> bool {
    #[derive(Deserialize)]
    struct Inside {
        cred: Flags,
    }
    #[derive(Deserialize)]
    struct Flags {
        backup_state: bool,
    }
    let inside = serde_json::to_value(credential).ok().and_then(|value| serde_json::from_value::<Inside>(value).ok());
    inside.is_some_and(|inside| inside.cred.backup_state)
}
