//! Signing in with a passkey and nothing else.
//!
//! The challenge names no credential, so the same options go to everybody, whatever name was typed: which accounts exist
//! or have passkeys can't be learnt from them. The passkey itself says whose it is.

use data_encoding::BASE64URL_NOPAD;
use testudo_core::{Control, EventKind};
use testudo_store::{Stored, Tx};
use webauthn_rs::prelude::AuthenticationResult;

use super::answer::{AnswerError, Assertion};
use super::ceremony::{Ceremony, PasskeyCeremony, Purpose, State};
use super::credential::Passkey;
use super::origin::PasskeyOrigin;
use super::verify::{self, PasskeyFault};
use crate::people::known;
use crate::people::pending::{Pending, Stage};
use crate::people::person::{Person, PersonState};
use crate::people::sign_in::{SignInOutcome, TRIES, actor, forget_failures};
use crate::{Amr, Context, Identity, IdentityError};

/// What a verified passkey proves.
pub(crate) const PROVES: [Amr; 2] = [Amr::Pop, Amr::Mfa];

/// What an answer comes to, with the records that it is about.
pub(crate) struct Tried {
    pub(crate) ceremony: Option<Stored<Ceremony>>,
    /// The person of the passkey that answered, when there is one.
    pub(crate) person: Option<Stored<Person>>,
    pub(crate) verdict: Result<Shown, PasskeyFault>,
}

/// A passkey that answered well.
pub(crate) struct Shown {
    passkey: Stored<Passkey>,
    result: AuthenticationResult,
}

impl Identity {
    /// Begins a sign-in without a name.
    pub async fn begin_passkey_sign_in(
        &self,
        at: &PasskeyOrigin,
        ctx: &Context,
    ) -> Result<PasskeyCeremony, IdentityError> {
        self.begin_assertion(Purpose::SignIn, None, at, ctx).await
    }

    /// Completes it. `ceremony` is the token that [`Identity::begin_passkey_sign_in`] gave to this browser, `answer` the
    /// JSON of what the passkey said, `known` the mark of a browser in which somebody signed in before.
    pub async fn passkey_sign_in(
        &self,
        ceremony: Option<&str>,
        answer: &str,
        known: Option<&str>,
        ctx: &Context,
    ) -> Result<SignInOutcome, IdentityError> {
        let answer = Assertion::parse(answer);
        for _ in 0..TRIES {
            let tried = self.try_passkey(ceremony, &Purpose::SignIn, &answer, ctx).await?;
            let mut tx = Tx::new();
            end(&mut tx, &tried);
            let outcome = self.decide_passkey(&mut tx, tried, known, ctx);
            if self.committed(tx).await? {
                if let SignInOutcome::SignedIn(session) = &outcome {
                    self.trim_sometimes(session.who.person, ctx).await;
                }
                return Ok(outcome);
            }
        }
        Err(IdentityError::Contention)
    }

    fn decide_passkey(&self, tx: &mut Tx, tried: Tried, known: Option<&str>, ctx: &Context) -> SignInOutcome {
        let event = ctx.event(EventKind::SignIn).detail("kind", "passkey");
        let Some(Stored { document: mut person, version }) = tried.person else {
            let code = tried.verdict.err().unwrap_or(PasskeyFault::Unknown).code();
            tx.event(event.failed(Control::Authentication, code));
            return SignInOutcome::Refused;
        };
        let known = known::is_known(&self.store.ring(), &person, known, ctx.now);
        let closed = person.lock(known).closed_until(ctx.now, self.rule()).is_some();
        let shown = match tried.verdict {
            _ if closed => Err("soft-locked"),
            Ok(_) if person.state == PersonState::Locked => Err("person-locked"),
            Ok(shown) => Ok(shown),
            Err(fault) => {
                person.lock_mut(known).fail(ctx.now);
                tx.update(&person, version);
                Err(fault.code())
            }
        };
        match shown {
            Err(code) => {
                let event = event.failed(Control::Authentication, code).by(actor(person.id));
                tx.event(event.personal("username", person.username.as_str()));
                SignInOutcome::Refused
            }
            Ok(shown) => {
                shown.keep(tx, ctx);
                let event = event.detail("amr", "pop");
                if person.state == PersonState::ResetRequired {
                    let stage = Stage::NewPassword;
                    let (pending, token) = Pending::new(&person, stage, PROVES.to_vec(), known, &self.config, ctx.now);
                    tx.insert(&pending);
                    tx.event(event.by(actor(person.id)).detail("due", stage.name()));
                    return SignInOutcome::NewPasswordDue(token);
                }
                if forget_failures(&mut person, known) {
                    person.updated = ctx.now;
                    tx.update(&person, version);
                }
                let started = self.start_session(tx, &person, PROVES.to_vec(), ctx);
                tx.event(event.by(started.actor()));
                SignInOutcome::SignedIn(started)
            }
        }
    }

    /// Begins a ceremony for an assertion. With a person, only her passkeys of this host may answer.
    pub(crate) async fn begin_assertion(
        &self,
        purpose: Purpose,
        person: Option<&Person>,
        at: &PasskeyOrigin,
        ctx: &Context,
    ) -> Result<PasskeyCeremony, IdentityError> {
        let within = self.config.passkey_within;
        let verifier = at.verifier(&self.config.service_name, within).ok_or(IdentityError::Broken("origin"))?;
        let begun = verifier.start_discoverable_authentication();
        let (mut options, state) = begun.map_err(|_| IdentityError::Broken("passkey challenge"))?;
        // Whether the browser offers passkeys while a name is typed, or asks at once, is the page's choice.
        options.mediation = None;
        options.public_key.extensions = None;
        let mut options = serde_json::to_value(options).map_err(|_| IdentityError::Broken("passkey challenge"))?;
        if let Some(person) = person {
            let allowed: Vec<_> = self
                .passkeys_at(person, at)
                .await?
                .iter()
                .map(|passkey| serde_json::json!({ "type": "public-key", "id": BASE64URL_NOPAD.encode(passkey.credential.cred_id()) }))
                .collect();
            if let Some(options) = options.pointer_mut("/publicKey") {
                options["allowCredentials"] = allowed.into();
            }
        }
        let state = State::Assertion(state);
        let (ceremony, token) = Ceremony::new(purpose, person.map(|it| it.id), at, state, within, ctx.now);
        let mut tx = Tx::new();
        tx.insert(&ceremony);
        self.store.commit(tx).await?;
        Ok(PasskeyCeremony { options: options.to_string(), token })
    }

    /// Reads what an answer is about, and proves it.
    pub(crate) async fn try_passkey(
        &self,
        ceremony: Option<&str>,
        purpose: &Purpose,
        answer: &Result<Assertion, AnswerError>,
        ctx: &Context,
    ) -> Result<Tried, IdentityError> {
        let ceremony = self.ceremony(ceremony, purpose, ctx).await?;
        let Some(waiting) = &ceremony else {
            return Ok(Tried { ceremony, person: None, verdict: Err(PasskeyFault::Expired) });
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Ok(Tried { ceremony, person: None, verdict: Err((*error).into()) }),
        };
        let passkey = self.store.get::<Passkey>(answer.passkey()).await?;
        let person = match &passkey {
            Some(passkey) => self.store.get::<Person>(passkey.document.person).await?,
            None => None,
        };
        let (Some(passkey), Some(owner)) = (passkey, &person) else {
            return Ok(Tried { ceremony, person: None, verdict: Err(PasskeyFault::Unknown) });
        };
        let listed = owner.document.factors.passkeys.contains(&passkey.document.id);
        let verdict = verify::assertion(&waiting.document, &passkey.document, listed, answer, &self.config);
        Ok(Tried { ceremony, person, verdict: verdict.map(|result| Shown { passkey, result }) })
    }
}

/// Ends the ceremony, whatever came of it.
pub(crate) fn end(tx: &mut Tx, tried: &Tried) {
    if let Some(ceremony) = &tried.ceremony {
        tx.delete::<Ceremony>(ceremony.document.key(), Some(ceremony.version));
    }
}

impl Shown {
    /// Writes down that it was used, with its new counter.
    pub(crate) fn keep(self, tx: &mut Tx, ctx: &Context) {
        let Stored { document: mut passkey, version } = self.passkey;
        passkey.credential.update_credential(&self.result);
        passkey.synced = self.result.backup_state();
        passkey.used = Some(ctx.now);
        tx.update(&passkey, version);
    }
}
