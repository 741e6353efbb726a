//! A passkey as the second factor after a password, and as the fresh factor of a session.
//!
//! Both count wrong answers as wrong codes are counted, and end in the same outcomes.

use testudo_core::{Control, EventKind};
use testudo_store::{Stored, Tx};

use super::answer::Assertion;
use super::ceremony::{PasskeyCeremony, Purpose};
use super::credential::Passkey;
use super::origin::PasskeyOrigin;
use super::sign_in::{PROVES, Tried, end};
use super::verify::PasskeyFault;
use crate::people::browser::who;
use crate::people::pending::{Pending, Stage};
use crate::people::person::{Person, PersonState};
use crate::people::sealed::TokenHash;
use crate::people::second_factor::{SecondFactorOutcome, actor_in};
use crate::people::sign_in::{TRIES, actor, forget_failures};
use crate::{Amr, Context, Identity, IdentityError};

impl Identity {
    /// Asks for a passkey to complete a sign-in. None when there is nothing to complete, or she has none for this host.
    pub async fn begin_passkey_factor(
        &self,
        pending: &str,
        at: &PasskeyOrigin,
        ctx: &Context,
    ) -> Result<Option<PasskeyCeremony>, IdentityError> {
        let Some(token) = TokenHash::of(pending) else { return Ok(None) };
        let Some((_, person)) = self.pending(&token, Stage::SecondFactor, ctx).await? else { return Ok(None) };
        self.begin_for(Purpose::Factor(token), &person.document, at, ctx).await
    }

    /// Asks for a passkey to show a fresh factor in the session of a cookie. None without a session, or when she has
    /// none for this host.
    pub async fn begin_passkey_confirmation(
        &self,
        cookie: Option<&str>,
        at: &PasskeyOrigin,
        ctx: &Context,
    ) -> Result<Option<PasskeyCeremony>, IdentityError> {
        let Some((session, person)) = self.session_of(cookie, ctx).await? else { return Ok(None) };
        self.begin_for(Purpose::Confirm(session.document.cookie), &person.document, at, ctx).await
    }

    async fn begin_for(
        &self,
        purpose: Purpose,
        person: &Person,
        at: &PasskeyOrigin,
        ctx: &Context,
    ) -> Result<Option<PasskeyCeremony>, IdentityError> {
        if self.passkeys_at(person, at).await?.is_empty() {
            return Ok(None);
        }
        self.begin_assertion(purpose, Some(person), at, ctx).await.map(Some)
    }

    /// Completes a sign-in with a passkey.
    pub async fn passkey_factor(
        &self,
        pending: &str,
        ceremony: Option<&str>,
        answer: &str,
        ctx: &Context,
    ) -> Result<SecondFactorOutcome, IdentityError> {
        let Some(token) = TokenHash::of(pending) else { return Ok(SecondFactorOutcome::Expired) };
        let answer = Assertion::parse(answer);
        for _ in 0..TRIES {
            let Some((half, person)) = self.pending(&token, Stage::SecondFactor, ctx).await? else {
                return Ok(SecondFactorOutcome::Expired);
            };
            let tried = self.try_passkey(ceremony, &Purpose::Factor(token), &answer, ctx).await?;
            let mut tx = Tx::new();
            end(&mut tx, &tried);
            let outcome = self.complete(&mut tx, half, person, tried, ctx);
            if self.committed(tx).await? {
                if let SecondFactorOutcome::SignedIn(session) = &outcome {
                    self.trim_sometimes(session.who.person, ctx).await;
                }
                return Ok(outcome);
            }
        }
        Err(IdentityError::Contention)
    }

    fn complete(
        &self,
        tx: &mut Tx,
        half: Stored<Pending>,
        person: Stored<Person>,
        tried: Tried,
        ctx: &Context,
    ) -> SecondFactorOutcome {
        let Stored { document: mut person, version } = person;
        let Stored { document: mut half, version: half_version } = half;
        let event = ctx.event(EventKind::SecondFactor).detail("kind", "passkey");
        let closed = person.lock(half.known).closed_until(ctx.now, self.rule()).is_some();
        person.updated = ctx.now;
        let outcome = match tried.verdict {
            Ok(shown) if !closed => {
                shown.keep(tx, ctx);
                tx.delete::<Pending>(half.key(), Some(half_version));
                let amr: Vec<Amr> = half.amr.iter().copied().chain(PROVES).collect();
                let event = event.detail("amr", "pop");
                if person.state == PersonState::ResetRequired {
                    let stage = Stage::NewPassword;
                    let (next, token) = Pending::new(&person, stage, amr, half.known, &self.config, ctx.now);
                    tx.insert(&next);
                    tx.event(event.by(actor(person.id)).detail("due", stage.name()));
                    SecondFactorOutcome::NewPasswordDue(token)
                } else {
                    forget_failures(&mut person, half.known);
                    let started = self.start_session(tx, &person, amr, ctx);
                    tx.event(event.by(who(&started.who)));
                    SecondFactorOutcome::SignedIn(started)
                }
            }
            verdict => {
                let code = if closed { "soft-locked" } else { failure(&verdict) };
                if !closed {
                    person.lock_mut(half.known).fail(ctx.now);
                }
                tx.event(event.failed(Control::Mfa, code).by(actor(person.id)));
                if half.fail() {
                    tx.delete::<Pending>(half.key(), Some(half_version));
                    SecondFactorOutcome::Expired
                } else {
                    tx.update(&half, half_version);
                    SecondFactorOutcome::Refused
                }
            }
        };
        tx.update(&person, version);
        outcome
    }

    /// Shows a fresh factor in the session of a cookie with a passkey. The session keeps its id and gets a new cookie.
    pub async fn confirm_with_passkey(
        &self,
        cookie: Option<&str>,
        ceremony: Option<&str>,
        answer: &str,
        ctx: &Context,
    ) -> Result<SecondFactorOutcome, IdentityError> {
        let answer = Assertion::parse(answer);
        for _ in 0..TRIES {
            let Some((session, Stored { document: mut person, version })) = self.session_of(cookie, ctx).await? else {
                return Ok(SecondFactorOutcome::Expired);
            };
            let purpose = Purpose::Confirm(session.document.cookie);
            let tried = self.try_passkey(ceremony, &purpose, &answer, ctx).await?;
            let by = actor_in(&session);
            let event = ctx.event(EventKind::SecondFactor).detail("kind", "passkey").by(by.clone());
            let closed = person.known_failures.closed_until(ctx.now, self.rule()).is_some();
            person.updated = ctx.now;
            let mut tx = Tx::new();
            end(&mut tx, &tried);
            let outcome = match tried.verdict {
                Ok(shown) if !closed => {
                    shown.keep(&mut tx, ctx);
                    tx.event(event.detail("amr", "pop"));
                    tx.event(ctx.event(EventKind::StepUpDone).by(by));
                    person.known_failures.clear();
                    SecondFactorOutcome::SignedIn(self.raise_session(&mut tx, session, &person, &PROVES, ctx))
                }
                verdict => {
                    let code = if closed { "soft-locked" } else { failure(&verdict) };
                    if !closed {
                        person.known_failures.fail(ctx.now);
                    }
                    tx.event(event.failed(Control::Mfa, code));
                    SecondFactorOutcome::Refused
                }
            };
            tx.update(&person, version);
            if self.committed(tx).await? {
                return Ok(outcome);
            }
        }
        Err(IdentityError::Contention)
    }

    /// Whether whoever signs in (by the token of her half sign-in), or is signed in (by her cookie), has a passkey for
    /// this origin.
    pub async fn can_answer_with_passkey(
        &self,
        pending: Option<&str>,
        cookie: Option<&str>,
        at: &PasskeyOrigin,
        ctx: &Context,
    ) -> Result<bool, IdentityError> {
        let person = match pending.and_then(TokenHash::of) {
            Some(token) => self.pending(&token, Stage::SecondFactor, ctx).await?.map(|(_, person)| person),
            None => self.session_of(cookie, ctx).await?.map(|(_, person)| person),
        };
        let Some(person) = person else { return Ok(false) };
        Ok(!self.passkeys_at(&person.document, at).await?.is_empty())
    }

    /// A person's passkeys that work at an origin.
    pub(crate) async fn passkeys_at(&self, person: &Person, at: &PasskeyOrigin) -> Result<Vec<Passkey>, IdentityError> {
        let mut passkeys = self.passkeys_of(person).await?;
        passkeys.retain(|passkey| passkey.relying_party == at.relying_party());
        Ok(passkeys)
    }

    /// All passkeys of a person that count, the oldest first.
    pub(crate) async fn passkeys_of(&self, person: &Person) -> Result<Vec<Passkey>, IdentityError> {
        if person.factors.passkeys.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.store.find::<Passkey>("person", &person.id.to_bytes()).await?;
        let mut passkeys: Vec<Passkey> = found
            .into_iter()
            .map(|stored| stored.document)
            .filter(|passkey| person.factors.passkeys.contains(&passkey.id))
            .collect();
        passkeys.sort_by_key(|passkey| (passkey.created, passkey.id));
        Ok(passkeys)
    }
}

fn failure<T>(verdict: &Result<T, PasskeyFault>) -> &'static str {
    verdict.as_ref().err().copied().unwrap_or(PasskeyFault::Unknown).code()
}
