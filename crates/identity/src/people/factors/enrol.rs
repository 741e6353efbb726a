//! Enrolling, confirming, renewing and removing second factors.
//!
//! A new secret does nothing until a code of it was shown: a person who scanned it wrongly does not lock herself out.
//! Whoever holds an open session must not put her own app on somebody's account, so enrolment asks for a sign-in within
//! the last quarter of an hour, or for a fresh second factor when there is one, and replacing or removing an app asks for
//! a code of the one in use.

use std::time::Duration;

use testudo_core::{Control, EventKind, Secret};
use testudo_store::{Stored, Tx};

use super::{Due, RecoveryCode, RecoveryCodes, Totp};
use crate::people::browser::{NewSession, signed_in, who};
use crate::people::person::Factors;
use crate::people::second_factor::{amr_name, check};
use crate::people::sign_in::TRIES;
use crate::{Amr, Context, Identity, IdentityError, SignedIn};

/// How long a secret waits for its first code.
const UNCONFIRMED: Duration = Duration::from_mins(15);

/// A secret to put into an authenticator app, shown once.
#[derive(Clone, Debug)]
pub struct TotpEnrolment {
    /// The secret in base32, to type.
    pub secret: Secret<String>,
    /// The `otpauth://` URI, to scan.
    pub uri: Secret<String>,
}

/// What came of the first code.
#[derive(Debug)]
pub enum ConfirmOutcome {
    /// The app is in use, the session is raised, and these are the recovery codes, shown once.
    Enrolled {
        /// The session with its new cookie.
        session: NewSession,
        /// The codes; none when there are some already, since a passkey was there before.
        codes: Vec<RecoveryCode>,
    },
    /// The code was not right; another may be tried with the same secret.
    Refused(TotpEnrolment),
    /// No secret is waiting, or another factor must be shown first: begin again.
    NotBegun,
}

/// What came of a change to a factor.
#[derive(Clone, Debug)]
pub enum FactorOutcome<T> {
    /// It is done.
    Done(T),
    /// The code was not accepted.
    Refused,
    /// There is an app in use already, or none.
    NotApplicable,
    /// The sign-in is too old: sign in again.
    SignInAgain,
    /// A second factor has to be shown first.
    ConfirmFirst,
    /// It is the last second factor of an administrator, who keeps one.
    LastOfAdministrator,
}

impl Identity {
    /// Makes a secret for an authenticator app, which is not in use before [`Identity::confirm_totp`]. Asking again
    /// within a quarter of an hour shows the same secret.
    pub async fn begin_totp(
        &self,
        signed_in: &SignedIn,
        ctx: &Context,
    ) -> Result<FactorOutcome<TotpEnrolment>, IdentityError> {
        for _ in 0..TRIES {
            let Some(Stored { document: mut person, version }) = self.person(signed_in.person).await? else {
                return Err(IdentityError::NotFound("person"));
            };
            if person.has_totp() {
                return Ok(FactorOutcome::NotApplicable);
            }
            match Due::of(signed_in, &person, ctx.now) {
                Due::Nothing => {}
                Due::Confirmation => return Ok(FactorOutcome::ConfirmFirst),
                Due::SignIn => return Ok(FactorOutcome::SignInAgain),
            }
            let waiting = person.factors.unconfirmed.as_ref();
            if let Some(totp) = waiting.filter(|totp| ctx.now.since(totp.created()) <= UNCONFIRMED) {
                return Ok(FactorOutcome::Done(self.shown(totp, person.username())));
            }
            let totp = Totp::generate(ctx.now);
            let shown = self.shown(&totp, person.username());
            person.factors.unconfirmed = Some(totp);
            person.updated = ctx.now;
            let mut tx = Tx::new();
            tx.update(&person, version);
            tx.event(ctx.event(EventKind::PersonChanged).by(who(signed_in)).detail("change", "totp-begun"));
            if self.committed(tx).await? {
                return Ok(FactorOutcome::Done(shown));
            }
        }
        Err(IdentityError::Contention)
    }

    /// Takes the app into use with its first code, which also raises the session.
    pub async fn confirm_totp(
        &self,
        cookie: Option<&str>,
        code: &str,
        ctx: &Context,
    ) -> Result<ConfirmOutcome, IdentityError> {
        for _ in 0..TRIES {
            let Some((session, Stored { document: mut person, version })) = self.session_of(cookie, ctx).await? else {
                return Ok(ConfirmOutcome::NotBegun);
            };
            let waiting = person.factors.unconfirmed.take();
            let began = waiting.as_ref().map_or(ctx.now, Totp::created);
            // A passkey that came in between has to be shown: this may be the session of a thief.
            let due = Due::of(&signed_in(&session.document, &person), &person, began);
            let open = !person.has_totp() && due != Due::Confirmation;
            let live = waiting.filter(|totp| ctx.now.since(totp.created()) <= UNCONFIRMED && open);
            let Some(mut totp) = live else { return Ok(ConfirmOutcome::NotBegun) };
            let digits: String = code.chars().filter(|letter| !letter.is_whitespace()).take(16).collect();
            if !totp.spend(&digits, ctx.now) {
                let shown = self.shown(&totp, person.username());
                let mut tx = Tx::new();
                let by = testudo_core::Actor { person: Some(person.id), ..testudo_core::Actor::default() };
                tx.event(ctx.event(EventKind::FactorEnrolled).failed(Control::Mfa, "wrong-code").by(by));
                self.store.commit(tx).await?;
                return Ok(ConfirmOutcome::Refused(shown));
            }
            let mut codes = Vec::new();
            if person.factors.recovery.is_empty() {
                (person.factors.recovery, codes) = RecoveryCodes::generate(person.id);
            }
            person.factors.totp = Some(totp);
            person.updated = ctx.now;
            let mut tx = Tx::new();
            let session = self.raise_session(&mut tx, session, &person, &[Amr::Otp, Amr::Mfa], ctx);
            tx.update(&person, version);
            tx.event(ctx.event(EventKind::FactorEnrolled).by(who(&session.who)).detail("factor", "totp"));
            tx.event(ctx.event(EventKind::StepUpDone).by(who(&session.who)));
            if self.committed(tx).await? {
                return Ok(ConfirmOutcome::Enrolled { session, codes });
            }
        }
        Err(IdentityError::Contention)
    }

    /// Removes the app, for a code of it or a recovery code; with the last factor the recovery codes go.
    pub async fn remove_totp(
        &self,
        signed_in: &SignedIn,
        code: &str,
        ctx: &Context,
    ) -> Result<FactorOutcome<()>, IdentityError> {
        for _ in 0..TRIES {
            let Some(Stored { document: mut person, version }) = self.person(signed_in.person).await? else {
                return Err(IdentityError::NotFound("person"));
            };
            if !person.has_totp() {
                return Ok(FactorOutcome::NotApplicable);
            }
            if person.factors.passkeys.is_empty() && self.config.administers(&person.roles) {
                return Ok(FactorOutcome::LastOfAdministrator);
            }
            let event = ctx.event(EventKind::FactorRemoved).by(who(signed_in)).detail("factor", "totp");
            let mut tx = Tx::new();
            let outcome = match check(&mut person, true, code, &self.rule(), ctx) {
                Ok(way) => {
                    person.factors.totp = None;
                    person.factors.unconfirmed = None;
                    if person.factors.passkeys.is_empty() {
                        person.factors = Factors::default();
                    }
                    tx.event(event.detail("amr", amr_name(way)));
                    FactorOutcome::Done(())
                }
                Err(refused) => {
                    tx.event(event.failed(Control::Mfa, refused));
                    FactorOutcome::Refused
                }
            };
            tx.update(&person, version);
            if self.committed(tx).await? {
                return Ok(outcome);
            }
        }
        Err(IdentityError::Contention)
    }

    /// Replaces the recovery codes, for a code of the app, or for a fresh passkey of whoever has no app.
    pub async fn renew_recovery_codes(
        &self,
        signed_in: &SignedIn,
        code: &str,
        ctx: &Context,
    ) -> Result<FactorOutcome<Vec<RecoveryCode>>, IdentityError> {
        for _ in 0..TRIES {
            let Some(Stored { document: mut person, version }) = self.person(signed_in.person).await? else {
                return Err(IdentityError::NotFound("person"));
            };
            if !person.has_second_factor() {
                return Ok(FactorOutcome::NotApplicable);
            }
            // Who has passkeys only shows one beforehand.
            let by_passkey = !person.has_totp();
            if by_passkey && !signed_in.has_fresh_factor(ctx.now) {
                return Ok(FactorOutcome::ConfirmFirst);
            }
            let event = ctx.event(EventKind::FactorEnrolled).by(who(signed_in)).detail("factor", "recovery-codes");
            let mut tx = Tx::new();
            let shown = if by_passkey { Ok(Amr::Pop) } else { check(&mut person, true, code, &self.rule(), ctx) };
            let outcome = match shown {
                Ok(_) => {
                    let (recovery, codes) = RecoveryCodes::generate(person.id);
                    person.factors.recovery = recovery;
                    tx.event(event);
                    FactorOutcome::Done(codes)
                }
                Err(refused) => {
                    tx.event(event.failed(Control::Mfa, refused));
                    FactorOutcome::Refused
                }
            };
            tx.update(&person, version);
            if self.committed(tx).await? {
                return Ok(outcome);
            }
        }
        Err(IdentityError::Contention)
    }

    fn shown(&self, totp: &Totp, account: &str) -> TotpEnrolment {
        TotpEnrolment { secret: totp.secret().clone(), uri: totp.uri(&self.config.service_name, account) }
    }
}
