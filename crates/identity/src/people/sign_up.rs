//! Making one's own account.
//!
//! There is no mail yet, so a new name can't be proven to its owner, and the answer must not tell whether a name is taken.
//! So a sign-up always ends in the same words, "if this name was free, the account is ready: sign in", after the same
//! work: one lookup, one password hash, one commit. Who then signs in with the password that she chose learns whether it
//! worked, and so whether the name was free; but that costs her an account, a counted failure or both, an event each, and
//! the strict limits by address. What fails before the lookup (the form of the name, the password rules) is told in
//! full, because it says nothing about accounts.

use testudo_core::{Control, EventKind, PersonId, Secret};
use testudo_crypto::random;
use testudo_store::{CommitError, Tx};

use super::passwords::{self, PasswordFault};
use super::person::{Password, Person, display_name};
use super::sign_in::actor;
use super::username::{Username, UsernameError};
use crate::{Context, Identity, IdentityError};

/// What somebody typed to make an account.
#[derive(Clone, Debug)]
pub struct SignUpForm {
    /// The user name or e-mail address.
    pub username: String,
    /// How to call her; may be empty.
    pub name: String,
    /// The password.
    pub password: Secret<String>,
}

/// What is wrong with a form. It never depends on which accounts exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormFault {
    /// The user name.
    #[error(transparent)]
    Username(UsernameError),
    /// The display name.
    #[error("a name has at most 100 characters and no control characters")]
    Name,
    /// The password.
    #[error(transparent)]
    Password(PasswordFault),
}

/// What came of a sign-up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SignUpOutcome {
    /// If the name was free, the account exists now.
    Done,
    /// The form can't be accepted; every fault, so that one round is enough.
    Invalid(Vec<FormFault>),
    /// People can't make their own accounts here.
    Closed,
}

/// A form that was found good.
pub(crate) struct CheckedForm {
    pub(crate) username: Username,
    pub(crate) name: String,
    pub(crate) password: Secret<String>,
}

impl SignUpForm {
    pub(crate) fn check(self, service: &str) -> Result<CheckedForm, Vec<FormFault>> {
        let mut faults = Vec::new();
        let username = self.username.parse::<Username>().map_err(|fault| faults.push(FormFault::Username(fault))).ok();
        let name = display_name(&self.name);
        if name.is_none() {
            faults.push(FormFault::Name);
        }
        if let Some(username) = &username
            && let Err(fault) = passwords::check(&self.password, username, service)
        {
            faults.push(FormFault::Password(fault));
        }
        match (username, name) {
            (Some(username), Some(name)) if faults.is_empty() => {
                Ok(CheckedForm { username, name, password: self.password })
            }
            _ => Err(faults),
        }
    }
}

impl Identity {
    /// Makes an account, if the name is free, and says the same if it is not.
    pub async fn sign_up(&self, form: SignUpForm, ctx: &Context) -> Result<SignUpOutcome, IdentityError> {
        if !self.config.sign_up {
            return Ok(SignUpOutcome::Closed);
        }
        let form = match form.check(&self.config.service_name) {
            Ok(form) => form,
            Err(faults) => return Ok(SignUpOutcome::Invalid(faults)),
        };
        let taken = self.find_person(&form.username).await?.is_some();
        let phc = self.hash(form.password.clone()).await?;
        let mut tx = Tx::new();
        if !taken {
            let person = new_person(&form, phc, ctx);
            tx.create_person(person.id);
            tx.insert(&person);
            tx.event(ctx.event(EventKind::SignedUp).by(actor(person.id)).personal("username", person.username()));
            match self.store.commit(tx).await {
                Err(CommitError::Duplicate { .. }) => {}
                other => return Ok(other.map(|_| SignUpOutcome::Done)?),
            }
            tx = Tx::new();
        }
        let event = ctx.event(EventKind::SignedUp).failed(Control::Authentication, "name-taken");
        tx.event(event.personal("username", form.username.as_str()));
        self.store.commit(tx).await?;
        Ok(SignUpOutcome::Done)
    }
}

pub(crate) fn new_person(form: &CheckedForm, phc: String, ctx: &Context) -> Person {
    let id = PersonId::new(ctx.now, random::array());
    let mut person = Person::new(id, form.username.clone(), form.name.clone(), ctx.now);
    person.password = Some(Password { phc: Secret::new(phc), changed: ctx.now });
    person
}
