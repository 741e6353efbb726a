//! What administrators do to accounts. Whether one may is decided before, by `access`; every act carries who did it.

use std::collections::BTreeSet;

use testudo_core::{Actor, Event, EventKind, PersonId, Secret, SessionId};
use testudo_crypto::password::{PhcError, check_phc};
use testudo_store::{CommitError, Cursor, Page, Stored, Tx};

use super::account::set_password;
use super::passkeys::Passkey;
use super::person::{Factors, MOST_ROLES, OWNER, Person, PersonState, is_role};
use super::sign_in::TRIES;
use super::sign_up::{FormFault, SignUpForm, new_person};
use super::username::Username;
use crate::{Context, Identity, IdentityError};

/// The most people on one page of a list.
const LONGEST_PAGE: usize = 200;

/// Why an act of an administrator was refused.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The server could not do it.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// There is nobody of this id.
    #[error("there is no such person; check the id")]
    NoSuchPerson,
    /// Somebody has the user name.
    #[error("somebody has this user name; choose another")]
    NameTaken,
    /// The form can't be accepted.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FormFault>),
    /// An imported hash can't be used.
    #[error("the password hash can't be taken over: {0}")]
    Hash(PhcError),
    /// A text is no role.
    #[error("`{0}` is not a role: use 1 to 32 of `a-z 0-9 -`, a letter first")]
    Role(String),
    /// One more role than a person may have.
    #[error("a person has at most 32 roles; take one away first")]
    TooManyRoles,
    /// An administrator keeps a second factor.
    #[error(
        "this is the last second factor of an administrator; take all with `remove-factors` so that she enrols anew"
    )]
    LastFactor,
    /// It would leave nobody who administers.
    #[error("this is the last owner; make another one first")]
    LastOwner,
    /// A list page that is too long or empty.
    #[error("a page of the list has 1 to 200 people")]
    PageLength,
}

impl AdminError {
    /// Whose fault it is.
    pub fn fault(&self) -> testudo_core::Fault {
        match self {
            AdminError::Identity(error) => error.fault(),
            _ => testudo_core::Fault::Client,
        }
    }
}

impl From<CommitError> for AdminError {
    fn from(error: CommitError) -> AdminError {
        AdminError::Identity(error.into())
    }
}

impl From<testudo_store::ReadError> for AdminError {
    fn from(error: testudo_store::ReadError) -> AdminError {
        AdminError::Identity(error.into())
    }
}

/// An account to make.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Names and the first password.
    pub form: SignUpForm,
    /// Her roles.
    pub roles: BTreeSet<String>,
    /// Whether the password is for the first sign-in only.
    pub temporary: bool,
}

/// An account from another system, with its hash.
#[derive(Clone, Debug)]
pub struct ImportedPerson {
    /// The user name or e-mail address.
    pub username: String,
    /// How to call her.
    pub name: String,
    /// An Argon2id PHC string or a bcrypt hash; the hash is renewed at her next sign-in when it costs anything else than ours.
    pub hash: Secret<String>,
    /// Her roles.
    pub roles: BTreeSet<String>,
}

impl Identity {
    /// Makes an account.
    pub async fn create_person(&self, new: NewPerson, by: &Actor, ctx: &Context) -> Result<PersonId, AdminError> {
        check_roles(&new.roles)?;
        let form = new.form.check(&self.config.service_name).map_err(AdminError::Invalid)?;
        let phc = self.hash(form.password.clone()).await?;
        let mut person = new_person(&form, phc, ctx);
        person.roles = new.roles;
        if new.temporary {
            person.state = PersonState::ResetRequired;
        }
        self.add_person(&person, by, "created", ctx).await
    }

    /// Takes over an account from another system; she signs in with the password that she has.
    pub async fn import_person(&self, new: ImportedPerson, by: &Actor, ctx: &Context) -> Result<PersonId, AdminError> {
        check_roles(&new.roles)?;
        let fault = |fault| AdminError::Invalid(vec![fault]);
        let username = new.username.parse::<Username>().map_err(|error| fault(FormFault::Username(error)))?;
        let name = super::person::display_name(&new.name).ok_or_else(|| fault(FormFault::Name))?;
        check_phc(new.hash.expose()).map_err(AdminError::Hash)?;
        let id = PersonId::new(ctx.now, testudo_crypto::random::array());
        let mut person = Person::new(id, username, name, ctx.now);
        person.password = Some(super::person::Password { phc: new.hash, changed: ctx.now });
        person.roles = new.roles;
        self.add_person(&person, by, "imported", ctx).await
    }

    async fn add_person(
        &self,
        person: &Person,
        by: &Actor,
        how: &'static str,
        ctx: &Context,
    ) -> Result<PersonId, AdminError> {
        let mut tx = Tx::new();
        tx.create_person(person.id);
        tx.insert(person);
        let created = ctx.event(EventKind::PersonCreated).by(by.clone()).to(person.id).detail("how", how);
        tx.event(created.personal("username", person.username()));
        for role in &person.roles {
            tx.event(ctx.event(EventKind::RoleGranted).by(by.clone()).to(person.id).detail("role", role));
        }
        match self.store.commit(tx).await {
            Ok(_) => Ok(person.id),
            Err(CommitError::Duplicate { .. }) => Err(AdminError::NameTaken),
            Err(error) => Err(error.into()),
        }
    }

    /// Finds a person by the name that she signs in with.
    pub async fn person_by_name(&self, username: &str) -> Result<Option<Person>, AdminError> {
        let Ok(name) = username.parse::<Username>() else { return Ok(None) };
        Ok(self.find_person(&name).await?.map(|stored| stored.document))
    }

    /// A page of people, the newest first.
    pub async fn people(
        &self,
        after: Option<Cursor>,
        limit: usize,
        state: Option<PersonState>,
    ) -> Result<Page<Person>, AdminError> {
        if !(1..=LONGEST_PAGE).contains(&limit) {
            return Err(AdminError::PageLength);
        }
        Ok(self.store.list::<Person>(after, limit, state.map(|state| state as u8), true).await?)
    }

    /// Refuses sign-in until [`Identity::unlock_person`], and ends all sessions with their tokens.
    pub async fn lock_person(
        &self,
        person: PersonId,
        reason: &str,
        by: &Actor,
        ctx: &Context,
    ) -> Result<(), AdminError> {
        self.change(person, Some(("person-locked", by)), ctx, |person| {
            if person.state == PersonState::Locked {
                return None;
            }
            person.reset_due = person.state == PersonState::ResetRequired;
            person.state = PersonState::Locked;
            let event = ctx.event(EventKind::PersonLocked).by(by.clone()).to(person.id);
            Some(event.detail("reason", reason))
        })
        .await
    }

    /// Allows sign-in again, and forgets counted failures.
    pub async fn unlock_person(&self, person: PersonId, by: &Actor, ctx: &Context) -> Result<(), AdminError> {
        self.change(person, None, ctx, |person| {
            let locked = person.state == PersonState::Locked;
            if locked {
                let due = std::mem::take(&mut person.reset_due);
                person.state = if due { PersonState::ResetRequired } else { PersonState::Active };
            }
            let counted = person.failures.clear() | person.known_failures.clear();
            (locked || counted).then(|| ctx.event(EventKind::PersonUnlocked).by(by.clone()).to(person.id))
        })
        .await
    }

    /// Asks for a new password at the next sign-in, and ends all sessions. A locked account stays locked, and is asked
    /// when it is unlocked.
    pub async fn require_reset(&self, person: PersonId, by: &Actor, ctx: &Context) -> Result<(), AdminError> {
        self.change(person, Some(("reset-required", by)), ctx, |person| {
            (!is_reset_due(person)).then(|| {
                require_reset(person);
                person.own_password_due = true;
                let event = ctx.event(EventKind::PersonChanged).by(by.clone()).to(person.id);
                event.detail("change", "reset-required")
            })
        })
        .await
    }

    /// Takes back [`Identity::require_reset`]: she may keep her password. One that an administrator gave her must be
    /// changed all the same.
    pub async fn waive_reset(&self, person: PersonId, by: &Actor, ctx: &Context) -> Result<(), AdminError> {
        self.change(person, None, ctx, |person| {
            (is_reset_due(person) && person.own_password_due).then(|| {
                if person.state == PersonState::ResetRequired {
                    person.state = PersonState::Active;
                }
                (person.reset_due, person.own_password_due) = (false, false);
                let event = ctx.event(EventKind::PersonChanged).by(by.clone()).to(person.id);
                event.detail("change", "reset-waived")
            })
        })
        .await
    }

    /// Sets a password that must be changed at the next sign-in, and ends all sessions.
    pub async fn set_password(
        &self,
        person: PersonId,
        password: Secret<String>,
        by: &Actor,
        ctx: &Context,
    ) -> Result<(), AdminError> {
        let current = self.person(person).await?.ok_or(AdminError::NoSuchPerson)?.document;
        super::passwords::check(&password, &current.username, &self.config.service_name)
            .map_err(|fault| AdminError::Invalid(vec![FormFault::Password(fault)]))?;
        let phc = self.hash(password).await?;
        self.change(person, Some(("password-set", by)), ctx, |person| {
            set_password(person, phc.clone(), ctx);
            require_reset(person);
            let event = ctx.event(EventKind::PasswordChanged).by(by.clone()).to(person.id);
            Some(event.detail("reason", "set-by-administrator"))
        })
        .await
    }

    /// Takes the second factors of somebody who lost them, and ends all sessions.
    pub async fn remove_factors(&self, person: PersonId, by: &Actor, ctx: &Context) -> Result<(), AdminError> {
        self.change(person, Some(("factors-removed", by)), ctx, |person| {
            let had = person.has_second_factor() || person.factors.unconfirmed.is_some();
            person.factors = Factors::default();
            had.then(|| {
                let event = ctx.event(EventKind::FactorRemoved).by(by.clone()).to(person.id);
                event.detail("factor", "all")
            })
        })
        .await
    }

    /// Gives a role. Giving one that she has changes nothing.
    pub async fn grant_role(&self, person: PersonId, role: &str, by: &Actor, ctx: &Context) -> Result<(), AdminError> {
        check_roles(&BTreeSet::from([role.to_owned()]))?;
        self.change_roles(person, by, ctx, |roles| {
            if roles.len() >= MOST_ROLES && !roles.contains(role) {
                return Err(AdminError::TooManyRoles);
            }
            Ok(roles.insert(role.to_owned()).then(|| (EventKind::RoleGranted, role.to_owned())))
        })
        .await
    }

    /// Takes a role. Taking one that she has not changes nothing.
    pub async fn revoke_role(&self, person: PersonId, role: &str, by: &Actor, ctx: &Context) -> Result<(), AdminError> {
        let outcome = self.change_roles(person, by, ctx, |roles| {
            Ok(roles.remove(role).then(|| (EventKind::RoleRevoked, role.to_owned())))
        });
        outcome.await
    }

    /// Destroys the person's key and with it everything personal about her, for good. Her documents go with it; her
    /// tokens are refused as of the event.
    pub async fn erase_person(&self, person: PersonId, by: &Actor, ctx: &Context) -> Result<(), AdminError> {
        for _ in 0..TRIES {
            self.person(person).await?.ok_or(AdminError::NoSuchPerson)?;
            let mut tx = Tx::new();
            self.stage_loss_of_owner(&mut tx, person, ctx.now).await?;
            tx.erase_person(person);
            let revoked = ctx.event(EventKind::PersonRevoked).by(by.clone()).on(person.to_string()).to(person);
            tx.event(revoked.detail("reason", "person-erased"));
            tx.event(ctx.event(EventKind::PersonErased).by(by.clone()).to(person));
            if self.committed(tx).await? {
                return Ok(());
            }
        }
        Err(IdentityError::Contention.into())
    }

    /// Ends a session for an administrator.
    pub async fn admin_end_session(&self, session: SessionId, by: &Actor, ctx: &Context) -> Result<(), AdminError> {
        Ok(self.revoke_session(session, by.clone(), "ended-by-administrator", ctx).await?)
    }

    /// Reads, changes and writes the record until nobody comes in between. A change that announces nothing writes
    /// nothing. With `end`, all sessions and tokens of the person end in the same transaction.
    async fn change(
        &self,
        id: PersonId,
        end: Option<(&'static str, &Actor)>,
        ctx: &Context,
        mut change: impl FnMut(&mut Person) -> Option<Event>,
    ) -> Result<(), AdminError> {
        for _ in 0..TRIES {
            let Stored { document: mut person, version } = self.person(id).await?.ok_or(AdminError::NoSuchPerson)?;
            let passkeys = person.factors.passkeys.clone();
            let was_locked = person.state == PersonState::Locked;
            let Some(event) = change(&mut person) else { return Ok(()) };
            let mut tx = Tx::new();
            if person.state == PersonState::Locked && !was_locked {
                self.stage_loss_of_owner(&mut tx, id, ctx.now).await?;
            }
            for taken in passkeys.into_iter().filter(|passkey| !person.factors.passkeys.contains(passkey)) {
                tx.delete::<Passkey>(taken, None);
            }
            tx.event(event);
            if let Some((reason, by)) = end {
                person.end_sessions();
                self.stage_person_end(&mut tx, id).await?;
                let revoked = ctx.event(EventKind::PersonRevoked).by(by.clone()).on(id.to_string()).to(id);
                tx.event(revoked.detail("reason", reason));
            }
            person.updated = ctx.now;
            tx.update(&person, version);
            if self.committed(tx).await? {
                return Ok(());
            }
        }
        Err(IdentityError::Contention.into())
    }

    async fn change_roles(
        &self,
        id: PersonId,
        by: &Actor,
        ctx: &Context,
        mut change: impl FnMut(&mut BTreeSet<String>) -> Result<Option<(EventKind, String)>, AdminError>,
    ) -> Result<(), AdminError> {
        for _ in 0..TRIES {
            let Stored { document: mut person, version } = self.person(id).await?.ok_or(AdminError::NoSuchPerson)?;
            let Some((kind, role)) = change(&mut person.roles)? else { return Ok(()) };
            person.updated = ctx.now;
            let mut tx = Tx::new();
            if kind == EventKind::RoleRevoked && role == OWNER {
                self.stage_loss_of_owner(&mut tx, id, ctx.now).await?;
            }
            tx.update(&person, version);
            tx.event(ctx.event(kind).by(by.clone()).to(person.id).detail("role", role));
            self.stage_roles(&mut tx, id, &person.roles).await?;
            if self.committed(tx).await? {
                return Ok(());
            }
        }
        Err(IdentityError::Contention.into())
    }
}

fn is_reset_due(person: &Person) -> bool {
    person.state == PersonState::ResetRequired || person.reset_due
}

fn require_reset(person: &mut Person) {
    match person.state {
        PersonState::Locked => person.reset_due = true,
        PersonState::Active | PersonState::ResetRequired => person.state = PersonState::ResetRequired,
    }
}

fn check_roles(roles: &BTreeSet<String>) -> Result<(), AdminError> {
    if roles.len() > MOST_ROLES {
        return Err(AdminError::TooManyRoles);
    }
    match roles.iter().find(|role| !is_role(role)) {
        Some(role) => Err(AdminError::Role(role.chars().take(40).collect())),
        None => Ok(()),
    }
}
