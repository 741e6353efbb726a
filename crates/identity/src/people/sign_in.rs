//! Signing in with a user name and a password.
//!
//! An unknown name, a wrong password, a soft lock and a locked account get the same answer after the same work: one
//! lookup, one password hash on the bounded pool, one commit that carries the event. What a caller can't learn is in the
//! event's `code`. A successful sign-in costs nothing beside its hash but that one durable commit (a hash of other
//! parameters or another algorithm is renewed then, once).
//!
//! The record is read again after the hash: failures that were counted while this attempt waited for the pool count.

use testudo_core::{Actor, Control, EventKind, PersonId, Secret, Timestamp};
use testudo_crypto::random;
use testudo_store::{CommitError, Stored, Tx};

use super::browser::NewSession;
use super::known;
use super::pending::{Pending, Stage};
use super::person::{BY_USERNAME, Password, Person, PersonState};
use super::soft_lock::SoftLockRule;
use super::username::Username;
use crate::{Amr, Context, Identity, IdentityError};

/// How often a change is tried again when others changed the same record.
pub(crate) const TRIES: usize = 16;

/// What came of a password.
#[derive(Debug)]
pub enum SignInOutcome {
    /// She is signed in.
    SignedIn(NewSession),
    /// A code of the second factor is due; the token goes into a cookie of five minutes.
    SecondFactorDue(Secret<String>),
    /// She must choose a new password first; the token goes into a cookie of five minutes.
    NewPasswordDue(Secret<String>),
    /// Unknown person, wrong password, soft lock or locked account: nobody is told which.
    Refused,
}

/// Why it was refused, for the event only.
fn refusal(person: &Person, known: bool, matches: bool, now: Timestamp, rule: SoftLockRule) -> Option<&'static str> {
    if person.lock(known).closed_until(now, rule).is_some() {
        Some("soft-locked")
    } else if !matches {
        Some("wrong-password")
    } else if person.state == PersonState::Locked {
        Some("person-locked")
    } else {
        None
    }
}

impl Identity {
    /// Signs somebody in. `known` is the mark of a browser in which she signed in before, if it has one.
    pub async fn sign_in(
        &self,
        username: &str,
        password: Secret<String>,
        known: Option<&str>,
        ctx: &Context,
    ) -> Result<SignInOutcome, IdentityError> {
        let found = self.person_named(username, ctx).await?.map(|stored| stored.document);
        let phc = found.as_ref().and_then(|person| Some(person.password.as_ref()?.phc.expose().clone()));
        let verified = self.verify(password.clone(), phc.clone()).await?;
        // Read again, also for nobody: the same work, and failures counted meanwhile count.
        let nobody = PersonId::new(ctx.now, random::array());
        let id = found.as_ref().map_or(nobody, |person| person.id);
        let mut renewed = None;
        for _ in 0..TRIES {
            let current = self.store.get::<Person>(id).await?;
            let Some(Stored { document: person, version }) = current else {
                let stranger = ctx.event(EventKind::SignIn).failed(Control::Authentication, "unknown-person");
                let mut tx = Tx::new();
                tx.event(stranger.personal("username", tried(username)));
                self.store.commit(tx).await?;
                return Ok(SignInOutcome::Refused);
            };
            let same = person.password.as_ref().map(|password| password.phc.expose()) == phc.as_ref();
            let matches = verified.matches && same;
            let known = known::is_known(&self.store.ring(), &person, known, ctx.now);
            let rule = SoftLockRule::from(&*self.config);
            if matches && verified.rehash && renewed.is_none() && refusal(&person, known, true, ctx.now, rule).is_none()
            {
                renewed = Some(self.hash(password.clone()).await?);
            }
            let (tx, outcome) = match refusal(&person, known, matches, ctx.now, rule) {
                Some(code) => (refuse(person, version, known, code, ctx), SignInOutcome::Refused),
                None => self.accept(person, version, known, renewed.clone(), ctx),
            };
            match self.store.commit(tx).await {
                Ok(_) => {
                    if matches!(outcome, SignInOutcome::SignedIn(_)) {
                        self.trim_sometimes(id, ctx).await;
                    }
                    return Ok(outcome);
                }
                Err(CommitError::Conflict { .. } | CommitError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(IdentityError::Contention)
    }

    /// The person of a name as it was typed. A name that can't be one is looked up as well, as one that nobody has.
    async fn person_named(&self, typed: &str, ctx: &Context) -> Result<Option<Stored<Person>>, IdentityError> {
        if let Ok(name) = typed.parse::<Username>() {
            return self.find_person(&name).await;
        }
        let nobody = PersonId::new(ctx.now, random::array()).to_bytes();
        Ok(self.store.find_blind::<Person>(BY_USERNAME, &nobody).await?.pop())
    }

    pub(crate) async fn find_person(&self, name: &Username) -> Result<Option<Stored<Person>>, IdentityError> {
        Ok(self.store.find_blind::<Person>(BY_USERNAME, name.as_str().as_bytes()).await?.pop())
    }

    fn accept(
        &self,
        mut person: Person,
        version: u64,
        known: bool,
        renewed: Option<String>,
        ctx: &Context,
    ) -> (Tx, SignInOutcome) {
        let mut tx = Tx::new();
        let mut event = ctx.event(EventKind::SignIn).detail("amr", "pwd");
        let mut changed = false;
        if let (Some(phc), Some(password)) = (renewed, person.password.as_mut()) {
            *password = Password { phc: Secret::new(phc), changed: password.changed };
            event = event.detail("rehashed", "yes");
            changed = true;
        }
        let due = if person.has_second_factor() {
            Some(Stage::SecondFactor)
        } else if person.state == PersonState::ResetRequired {
            Some(Stage::NewPassword)
        } else {
            None
        };
        if let Some(stage) = due {
            // The counter stays: who knows the password only must not get fresh tries at the code for each use of it.
            let (pending, token) = Pending::new(&person, stage, vec![Amr::Pwd], known, &self.config, ctx.now);
            tx.insert(&pending);
            tx.event(event.by(actor(person.id)).detail("due", stage.name()));
            if changed {
                person.updated = ctx.now;
                tx.update(&person, version);
            }
            let outcome = match stage {
                Stage::SecondFactor => SignInOutcome::SecondFactorDue(token),
                Stage::NewPassword => SignInOutcome::NewPasswordDue(token),
            };
            return (tx, outcome);
        }
        changed |= forget_failures(&mut person, known);
        let started = self.start_session(&mut tx, &person, vec![Amr::Pwd], ctx);
        tx.event(event.by(started.actor()));
        if changed {
            person.updated = ctx.now;
            tx.update(&person, version);
        }
        (tx, SignInOutcome::SignedIn(started))
    }
}

/// A complete sign-in forgets failures: those of its own kind of browser, and from a stranger's browser all.
pub(crate) fn forget_failures(person: &mut Person, known: bool) -> bool {
    let own = person.known_failures.clear();
    if known { own } else { person.failures.clear() || own }
}

fn refuse(mut person: Person, version: u64, known: bool, code: &'static str, ctx: &Context) -> Tx {
    let mut tx = Tx::new();
    let mut event = ctx.event(EventKind::SignIn).failed(Control::Authentication, code).by(actor(person.id));
    if code == "wrong-password" {
        person.lock_mut(known).fail(ctx.now);
        event = event.detail("failures", person.lock(known).failures().to_string());
        tx.update(&person, version);
    }
    tx.event(event.personal("username", person.username.as_str()));
    tx
}

pub(crate) fn actor(person: PersonId) -> Actor {
    Actor { person: Some(person), ..Actor::default() }
}

/// What was typed as a name, cut to a length that a name can have: people type passwords there too, but only the sealed
/// part of the event gets it.
fn tried(username: &str) -> String {
    username.trim().chars().take(64).collect()
}
