//! What people change about their own account: the password.

use testudo_core::{Control, EventKind, Secret};
use testudo_store::{Stored, Tx};

use super::browser::{NewSession, who};
use super::passwords::{self, PasswordFault};
use super::pending::{Pending, Stage};
use super::person::{Password, Person, PersonState};
use super::sealed::TokenHash;
use super::sign_in::{TRIES, forget_failures};
use crate::{Context, Identity, IdentityError, SignedIn};

/// What came of a new password.
#[derive(Debug)]
pub enum NewPasswordOutcome {
    /// It is set. All other sessions ended; this browser goes on with a new cookie.
    Changed(NewSession),
    /// The current password was not right, or the account has to wait.
    Refused,
    /// The new one is not accepted.
    Invalid(PasswordFault),
    /// There is no session or half sign-in to do it in.
    Expired,
}

impl Identity {
    /// The record of a person.
    pub async fn person(&self, person: testudo_core::PersonId) -> Result<Option<Stored<Person>>, IdentityError> {
        Ok(self.store.get::<Person>(person).await?)
    }

    /// Changes the password for the current one. All other sessions of the person end, this one gets a new cookie.
    pub async fn change_password(
        &self,
        cookie: Option<&str>,
        current: Secret<String>,
        new: Secret<String>,
        ctx: &Context,
    ) -> Result<NewPasswordOutcome, IdentityError> {
        let Some((session, person)) = self.session_of(cookie, ctx).await? else {
            return Ok(NewPasswordOutcome::Expired);
        };
        let person = person.document;
        if let Err(fault) = passwords::check(&new, &person.username, &self.config.service_name) {
            return Ok(NewPasswordOutcome::Invalid(fault));
        }
        if new == current {
            return Ok(NewPasswordOutcome::Invalid(PasswordFault::Unchanged));
        }
        let phc = person.password.as_ref().map(|password| password.phc.expose().clone());
        let matches = self.verify(current, phc.clone()).await?.matches;
        let hash = if matches { Some(self.hash(new).await?) } else { None };
        for attempt in 0..TRIES {
            let Some((session, Stored { document: mut person, version })) = self.session_of(cookie, ctx).await? else {
                return Ok(NewPasswordOutcome::Expired);
            };
            let by = testudo_core::Actor {
                person: Some(person.id),
                session: Some(session.document.id),
                ..testudo_core::Actor::default()
            };
            let same = person.password.as_ref().map(|password| password.phc.expose()) == phc.as_ref();
            let closed = person.known_failures.closed_until(ctx.now, self.rule()).is_some();
            let mut tx = Tx::new();
            let event = ctx.event(EventKind::PasswordChanged).by(by);
            let hash = match &hash {
                Some(hash) if same && !closed => hash,
                _ => {
                    let code = if closed { "soft-locked" } else { "wrong-password" };
                    if !closed {
                        person.known_failures.fail(ctx.now);
                        tx.update(&person, version);
                    }
                    tx.event(event.failed(Control::Authentication, code));
                    if self.committed(tx).await? {
                        return Ok(NewPasswordOutcome::Refused);
                    }
                    continue;
                }
            };
            if attempt == 0 {
                // First the others, so that a crash in between leaves less than before and never more.
                self.end_other_sessions(person.id, session.document.id, "password-changed", ctx).await?;
            }
            set_password(&mut person, hash.clone(), ctx);
            forget_failures(&mut person, true);
            tx.event(event);
            let raised = self.raise_session(&mut tx, session, &person, &[], ctx);
            tx.update(&person, version);
            if self.committed(tx).await? {
                return Ok(NewPasswordOutcome::Changed(raised));
            }
        }
        drop(session);
        Err(IdentityError::Contention)
    }

    /// Completes a sign-in for which a new password was due.
    pub async fn choose_password(
        &self,
        pending: &str,
        new: Secret<String>,
        ctx: &Context,
    ) -> Result<NewPasswordOutcome, IdentityError> {
        let Some(token) = TokenHash::of(pending) else { return Ok(NewPasswordOutcome::Expired) };
        let Some((_, person)) = self.pending(&token, Stage::NewPassword, ctx).await? else {
            return Ok(NewPasswordOutcome::Expired);
        };
        let person = person.document;
        if let Err(fault) = passwords::check(&new, &person.username, &self.config.service_name) {
            return Ok(NewPasswordOutcome::Invalid(fault));
        }
        // The one that somebody else set or saw must not stay.
        let old = person.password.as_ref().map(|password| password.phc.expose().clone());
        if self.verify(new.clone(), old).await?.matches {
            return Ok(NewPasswordOutcome::Invalid(PasswordFault::Unchanged));
        }
        let hash = self.hash(new).await?;
        for _ in 0..TRIES {
            let Some((half, person)) = self.pending(&token, Stage::NewPassword, ctx).await? else {
                return Ok(NewPasswordOutcome::Expired);
            };
            let Stored { document: mut person, version } = person;
            set_password(&mut person, hash.clone(), ctx);
            person.state = PersonState::Active;
            forget_failures(&mut person, half.document.known);
            let mut tx = Tx::new();
            tx.delete::<Pending>(half.document.key(), Some(half.version));
            tx.update(&person, version);
            let started = self.start_session(&mut tx, &person, half.document.amr.clone(), ctx);
            tx.event(ctx.event(EventKind::PasswordChanged).by(who(&started.who)).detail("reason", "reset-required"));
            if self.committed(tx).await? {
                return Ok(NewPasswordOutcome::Changed(started));
            }
        }
        Err(IdentityError::Contention)
    }

    /// Whether the person of a session has to enrol a second factor before she may use her roles.
    pub async fn owes_second_factor(&self, signed_in: &SignedIn) -> Result<bool, IdentityError> {
        Ok(self.person(signed_in.person).await?.is_some_and(|stored| stored.document.owes_second_factor()))
    }
}

/// Sets the hash and ends the sessions that began before.
pub(crate) fn set_password(person: &mut Person, phc: String, ctx: &Context) {
    person.password = Some(Password { phc: Secret::new(phc), changed: ctx.now });
    person.own_password_due = false;
    person.updated = ctx.now;
    person.end_sessions();
}
