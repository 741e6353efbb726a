//! The second step of a sign-in, and the step-up of a session that exists.
//!
//! Wrong codes count on the same soft lock as wrong passwords. A code is spent in the person's record in the same
//! transaction that starts or raises the session, by compare-and-swap: of two requests with one code, one wins.

use testudo_core::{Control, EventKind, Secret};
use testudo_store::{CommitError, Stored, Tx};

use super::browser::{NewSession, who};
use super::factors::spend_code;
use super::pending::{Pending, Stage};
use super::person::{Person, PersonState};
use super::sealed::TokenHash;
use super::sign_in::{TRIES, actor, forget_failures};
use super::soft_lock::SoftLockRule;
use crate::{Amr, Context, Identity, IdentityError};

/// What came of a code.
#[derive(Debug)]
pub enum SecondFactorOutcome {
    /// She is signed in, or her session is raised.
    SignedIn(NewSession),
    /// The code was right, and she must choose a new password.
    NewPasswordDue(Secret<String>),
    /// The code was not accepted; another may be tried.
    Refused,
    /// There is no sign-in to complete: too late, too many wrong codes, or done already.
    Expired,
}

impl Identity {
    /// Completes a sign-in with a code of the authenticator app or a recovery code.
    pub async fn second_factor(
        &self,
        pending: &str,
        code: &str,
        ctx: &Context,
    ) -> Result<SecondFactorOutcome, IdentityError> {
        let Some(token) = TokenHash::of(pending) else { return Ok(SecondFactorOutcome::Expired) };
        for _ in 0..TRIES {
            let Some((pending, person)) = self.pending(&token, Stage::SecondFactor, ctx).await? else {
                return Ok(SecondFactorOutcome::Expired);
            };
            let id = person.document.id;
            let (tx, outcome) = self.try_code(pending, person, code, ctx);
            if self.committed(tx).await? {
                if matches!(outcome, SecondFactorOutcome::SignedIn(_)) {
                    self.trim_sometimes(id, ctx).await;
                }
                return Ok(outcome);
            }
        }
        Err(IdentityError::Contention)
    }

    /// Raises the session of a cookie with a code. The session keeps its id and gets a new cookie.
    pub async fn step_up(
        &self,
        cookie: Option<&str>,
        code: &str,
        ctx: &Context,
    ) -> Result<SecondFactorOutcome, IdentityError> {
        for _ in 0..TRIES {
            let Some((session, Stored { document: mut person, version })) = self.session_of(cookie, ctx).await? else {
                return Ok(SecondFactorOutcome::Expired);
            };
            let by = actor_in(&session);
            let mut tx = Tx::new();
            let outcome = match check(&mut person, true, code, &self.rule(), ctx) {
                Ok(way) => {
                    tx.event(ctx.event(EventKind::SecondFactor).by(by.clone()).detail("amr", amr_name(way)));
                    tx.event(ctx.event(EventKind::StepUpDone).by(by));
                    person.known_failures.clear();
                    let raised = self.raise_session(&mut tx, session, &person, &[way, Amr::Mfa], ctx);
                    SecondFactorOutcome::SignedIn(raised)
                }
                Err(refused) => {
                    tx.event(ctx.event(EventKind::SecondFactor).failed(Control::Mfa, refused).by(by));
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

    pub(crate) fn rule(&self) -> SoftLockRule {
        SoftLockRule::from(&*self.config)
    }

    /// Commits; false when somebody else was faster and it must be tried again from the start.
    pub(crate) async fn committed(&self, tx: Tx) -> Result<bool, IdentityError> {
        match self.store.commit(tx).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict { .. } | CommitError::NotFound) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The half sign-in of a token and its person, if it may be completed now.
    pub(crate) async fn pending(
        &self,
        token: &TokenHash,
        stage: Stage,
        ctx: &Context,
    ) -> Result<Option<(Stored<Pending>, Stored<Person>)>, IdentityError> {
        let Some(pending) = self.store.get::<Pending>(*token.as_bytes()).await? else { return Ok(None) };
        let Some(person) = self.store.get::<Person>(pending.document.person).await? else { return Ok(None) };
        let live = pending.document.is_live(&person.document, stage, ctx.now);
        let cut = pending.document.created < self.sessions_cutoff().await?;
        Ok((live && !cut && person.document.state != PersonState::Locked).then_some((pending, person)))
    }

    fn try_code(
        &self,
        pending: Stored<Pending>,
        person: Stored<Person>,
        code: &str,
        ctx: &Context,
    ) -> (Tx, SecondFactorOutcome) {
        let Stored { document: mut person, version } = person;
        let Stored { document: mut half, version: half_version } = pending;
        let mut tx = Tx::new();
        let tried = ctx.event(EventKind::SecondFactor);
        let outcome = match check(&mut person, half.known, code, &self.rule(), ctx) {
            Ok(way) => {
                let amr: Vec<Amr> = half.amr.iter().copied().chain([way, Amr::Mfa]).collect();
                tx.delete::<Pending>(half.key(), Some(half_version));
                let tried = tried.detail("amr", amr_name(way));
                if person.state == PersonState::ResetRequired {
                    let stage = Stage::NewPassword;
                    let (next, token) = Pending::new(&person, stage, amr, half.known, &self.config, ctx.now);
                    tx.insert(&next);
                    tx.event(tried.by(actor(person.id)).detail("due", stage.name()));
                    SecondFactorOutcome::NewPasswordDue(token)
                } else {
                    forget_failures(&mut person, half.known);
                    let started = self.start_session(&mut tx, &person, amr, ctx);
                    tx.event(tried.by(who(&started.who)));
                    SecondFactorOutcome::SignedIn(started)
                }
            }
            Err(refused) => {
                tx.event(tried.failed(Control::Mfa, refused).by(actor(person.id)));
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
        (tx, outcome)
    }
}

/// Checks a code against the record and counts: on success it is spent, on failure the soft lock has one more.
pub(crate) fn check(
    person: &mut Person,
    known: bool,
    code: &str,
    rule: &SoftLockRule,
    ctx: &Context,
) -> Result<Amr, &'static str> {
    if person.lock(known).closed_until(ctx.now, *rule).is_some() {
        return Err("soft-locked");
    }
    person.updated = ctx.now;
    if let Some(way) = spend_code(person, code, ctx.now) {
        return Ok(way);
    }
    person.lock_mut(known).fail(ctx.now);
    Err("wrong-code")
}

pub(crate) fn actor_in(session: &Stored<crate::Session>) -> testudo_core::Actor {
    testudo_core::Actor {
        person: Some(session.document.person),
        session: Some(session.document.id),
        ..testudo_core::Actor::default()
    }
}

pub(crate) fn amr_name(way: Amr) -> &'static str {
    match way {
        Amr::Pwd => "pwd",
        Amr::Otp => "otp",
        Amr::Rc => "rc",
        Amr::Pop => "pop",
        Amr::Mfa => "mfa",
    }
}
