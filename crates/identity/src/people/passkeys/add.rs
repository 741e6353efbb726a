//! Adding a passkey, in a session that has just shown who it is.
//!
//! Whoever holds an open session must not put her own passkey on somebody's account. So the first second factor needs a
//! sign-in within the last quarter of an hour, as an authenticator app does, and every further one needs a second factor
//! within [`crate::FRESH_FACTOR`].

use serde_json::json;
use testudo_core::{Control, EventKind};
use testudo_store::{CommitError, Stored, Tx};
use webauthn_rs::prelude::Uuid;

use super::answer::Attestation;
use super::ceremony::{Ceremony, PasskeyCeremony, Purpose, State};
use super::credential::MOST;
use super::origin::PasskeyOrigin;
use super::sign_in::PROVES;
use super::verify::{self, PasskeyFault};
use crate::people::browser::{NewSession, signed_in, who};
use crate::people::factors::{Due, FactorOutcome, RecoveryCode, RecoveryCodes};
use crate::people::person::{Person, display_name};
use crate::people::second_factor::actor_in;
use crate::people::sign_in::TRIES;
use crate::{Context, Identity, IdentityError, Session};

/// What came of a new passkey.
#[derive(Debug)]
pub enum AddPasskeyOutcome {
    /// It is in use, and the session is raised.
    Added {
        /// The session with its new cookie.
        session: NewSession,
        /// Recovery codes, when it is her first second factor, shown once.
        codes: Vec<RecoveryCode>,
    },
    /// It can't be taken.
    Refused(PasskeyFault),
    /// She has as many as she may, or the name can't be taken.
    NotApplicable,
    /// A second factor has to be shown first.
    ConfirmFirst,
    /// The sign-in is too old or over: sign in again.
    SignInAgain,
}

impl Identity {
    /// Begins to add a passkey for the session of a cookie.
    pub async fn begin_passkey(
        &self,
        cookie: Option<&str>,
        at: &PasskeyOrigin,
        ctx: &Context,
    ) -> Result<FactorOutcome<PasskeyCeremony>, IdentityError> {
        let Some((session, person)) = self.session_of(cookie, ctx).await? else {
            return Ok(FactorOutcome::SignInAgain);
        };
        let (session, person) = (session.document, person.document);
        match Due::of(&signed_in(&session, &person), &person, ctx.now) {
            Due::Nothing => {}
            Due::Confirmation => return Ok(FactorOutcome::ConfirmFirst),
            Due::SignIn => return Ok(FactorOutcome::SignInAgain),
        }
        if person.factors.passkeys.len() >= MOST {
            return Ok(FactorOutcome::NotApplicable);
        }
        let (options, state) = self.creation(&person, at).await?;
        let within = self.config.passkey_within;
        let purpose = Purpose::Add(session.cookie);
        let (ceremony, token) = Ceremony::new(purpose, Some(person.id), at, state, within, ctx.now);
        let mut tx = Tx::new();
        tx.insert(&ceremony);
        self.store.commit(tx).await?;
        Ok(FactorOutcome::Done(PasskeyCeremony { options, token }))
    }

    /// The options to make a passkey: discoverable, so that it signs in without a name, and verifying its user.
    async fn creation(&self, person: &Person, at: &PasskeyOrigin) -> Result<(String, State), IdentityError> {
        const BROKEN: IdentityError = IdentityError::Broken("passkey challenge");
        let verifier = at.verifier(&self.config.service_name, self.config.passkey_within).ok_or(BROKEN)?;
        let have = self.passkeys_at(person, at).await?;
        let have = have.iter().map(|passkey| passkey.credential.cred_id().clone()).collect();
        let shown = if person.name.is_empty() { person.username() } else { &person.name };
        let handle = Uuid::from_bytes(person.id.to_bytes());
        let begun = verifier.start_passkey_registration(handle, person.username(), shown, Some(have));
        let (options, state) = begun.map_err(|_| BROKEN)?;
        let mut options = serde_json::to_value(options).map_err(|_| BROKEN)?;
        let keys = options.pointer_mut("/publicKey").ok_or(BROKEN)?;
        keys["authenticatorSelection"] =
            json!({ "residentKey": "required", "requireResidentKey": true, "userVerification": "required" });
        keys["extensions"] = json!({ "credProps": true });
        Ok((options.to_string(), State::Attestation(state)))
    }

    /// Takes a passkey into use, which raises the session.
    pub async fn add_passkey(
        &self,
        cookie: Option<&str>,
        ceremony: Option<&str>,
        answer: &str,
        name: &str,
        ctx: &Context,
    ) -> Result<AddPasskeyOutcome, IdentityError> {
        let answer = Attestation::parse(answer);
        for _ in 0..TRIES {
            let Some((session, Stored { document: mut person, version })) = self.session_of(cookie, ctx).await? else {
                return Ok(AddPasskeyOutcome::SignInAgain);
            };
            let purpose = Purpose::Add(session.document.cookie);
            let waiting = self.ceremony(ceremony, &purpose, ctx).await?;
            // As fresh as it had to be when it began: she may take her time with the authenticator.
            let began = waiting.as_ref().map_or(ctx.now, |waiting| waiting.document.created);
            match Due::of(&signed_in(&session.document, &person), &person, began) {
                Due::Nothing => {}
                Due::Confirmation => return Ok(AddPasskeyOutcome::ConfirmFirst),
                Due::SignIn => return Ok(AddPasskeyOutcome::SignInAgain),
            }
            let Some(name) = name_of(name, &session.document) else { return Ok(AddPasskeyOutcome::NotApplicable) };
            if person.factors.passkeys.len() >= MOST {
                return Ok(AddPasskeyOutcome::NotApplicable);
            }
            let made = match (&waiting, &answer) {
                (None, _) => Err(PasskeyFault::Expired),
                (_, Err(error)) => Err(PasskeyFault::from(*error)),
                (Some(waiting), Ok(answer)) => {
                    verify::attestation(&waiting.document, person.id, name, answer, &self.config, ctx.now)
                }
            };
            let mut tx = Tx::new();
            if let Some(waiting) = &waiting {
                tx.delete::<Ceremony>(waiting.document.key(), Some(waiting.version));
            }
            let event = ctx.event(EventKind::FactorEnrolled).detail("factor", "passkey").detail("kind", "passkey");
            let passkey = match made {
                Ok(passkey) => passkey,
                Err(fault) => {
                    tx.event(event.failed(Control::Mfa, fault.code()).by(actor_in(&session)));
                    if self.committed(tx).await? {
                        return Ok(AddPasskeyOutcome::Refused(fault));
                    }
                    continue;
                }
            };
            let codes = first_codes(&mut person);
            person.factors.passkeys.push(passkey.id);
            person.updated = ctx.now;
            let raised = self.raise_session(&mut tx, session, &person, &PROVES, ctx);
            tx.insert(&passkey);
            tx.update(&person, version);
            tx.event(event.by(who(&raised.who)).on(passkey.id.to_string()));
            tx.event(ctx.event(EventKind::StepUpDone).by(who(&raised.who)));
            match self.store.commit(tx).await {
                Ok(_) => return Ok(AddPasskeyOutcome::Added { session: raised, codes }),
                Err(CommitError::Duplicate { .. }) => return Ok(AddPasskeyOutcome::Refused(PasskeyFault::Known)),
                Err(CommitError::Conflict { .. } | CommitError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(IdentityError::Contention)
    }
}

/// Recovery codes for whoever has no second factor yet.
fn first_codes(person: &mut Person) -> Vec<RecoveryCode> {
    if person.has_second_factor() {
        return Vec::new();
    }
    let (kept, codes) = RecoveryCodes::generate(person.id);
    person.factors.recovery = kept;
    codes
}

/// The name that she gave, or one after the browser in which it was made.
pub(crate) fn name_of(typed: &str, session: &Session) -> Option<String> {
    let name = display_name(typed)?;
    if name.is_empty() {
        return Some(session.user_agent.as_ref().map_or_else(|| "Passkey".to_owned(), |it| format!("Passkey, {it}")));
    }
    Some(name)
}
