//! The first administrator: whoever can read what the server prints at its first start.
//!
//! While there is no owner, a random token of 256 bits lets its holder make the owner's account, once, within a day. Only
//! its hash is kept, so each start makes a new one and the one before is void; so does `testudo user enrol`. The owner signs in with a password at
//! first and must enrol a second factor before the admin API takes her.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use testudo_core::{Actor, EventKind, Secret, Timestamp};
use testudo_crypto::random;
use testudo_store::{CommitError, Document, Key, Tx};

use super::browser::NewSession;
use super::person::{BY_ROLE, OWNER, Person};
use super::sealed::TokenHash;
use super::sign_in::actor;
use super::sign_up::{FormFault, SignUpForm, new_person};
use crate::{Amr, Context, Identity, IdentityError};

/// How long a token is good.
const LIFETIME: Duration = Duration::from_hours(24);
/// There is at most one token.
const KEY: &str = "owner";

/// The token that waits, as its hash.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Enrolment {
    token: TokenHash,
    created: Timestamp,
    expires: Timestamp,
    /// Whether it is good although there is an owner.
    #[serde(default)]
    beside_owners: bool,
}

impl Document for Enrolment {
    const KIND: &'static str = "enrolment";

    fn id(&self) -> Key {
        Key::from(KEY)
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn expires(&self) -> Option<Timestamp> {
        Some(self.expires)
    }
}

/// A token that lets its holder make an owner's account, once.
#[derive(Debug)]
pub struct EnrolmentToken {
    /// The token, shown this once.
    pub token: Secret<String>,
    /// Until when it is good.
    pub expires: Timestamp,
}

/// What came of an enrolment.
#[derive(Debug)]
pub enum EnrolOutcome {
    /// The owner exists and is signed in; a second factor comes next.
    Enrolled(NewSession),
    /// The form can't be accepted.
    Invalid(Vec<FormFault>),
    /// Somebody has this user name.
    NameTaken,
    /// The token is wrong, used or too old.
    Refused,
}

impl Identity {
    /// A new token for the first administrator, or nothing when there is an owner already. The token before is void.
    pub async fn enrolment_token(&self, ctx: &Context) -> Result<Option<Secret<String>>, IdentityError> {
        let made = self.renew_enrolment(false, Actor::default(), ctx).await?;
        Ok(made.map(|made| made.token))
    }

    async fn has_owner(&self) -> Result<bool, IdentityError> {
        Ok(!self.store.find::<Person>(BY_ROLE, OWNER.as_bytes()).await?.is_empty())
    }

    /// A new token, when the printed one was lost or is too old. The token before is void. When there is an owner there
    /// is none, unless it is to be good `beside_owners`: for whoever has the machine and lost every owner's account.
    pub async fn renew_enrolment(
        &self,
        beside_owners: bool,
        by: Actor,
        ctx: &Context,
    ) -> Result<Option<EnrolmentToken>, IdentityError> {
        let has_owner = self.has_owner().await?;
        if has_owner && !beside_owners {
            return Ok(None);
        }
        self.make_enrolment_token(has_owner, by, ctx).await.map(Some)
    }

    async fn make_enrolment_token(
        &self,
        beside_owners: bool,
        by: Actor,
        ctx: &Context,
    ) -> Result<EnrolmentToken, IdentityError> {
        let token = random::token();
        let expires = ctx.now.plus(LIFETIME);
        let waiting = Enrolment { token: TokenHash::of_new(&token), created: ctx.now, expires, beside_owners };
        let mut tx = Tx::new();
        tx.put(&waiting);
        let event = ctx.event(EventKind::AdminActed).by(by).detail("act", "enrolment-token-made");
        tx.event(event.detail("beside-owners", beside_owners.to_string()));
        self.store.commit(tx).await?;
        Ok(EnrolmentToken { token, expires })
    }

    /// Whether a token could be used now; the page asks before it shows a form.
    pub async fn enrolment_is_open(&self, ctx: &Context) -> Result<bool, IdentityError> {
        let waiting = self.store.get::<Enrolment>(KEY).await?.map(|stored| stored.document);
        let Some(waiting) = waiting.filter(|waiting| ctx.now < waiting.expires) else { return Ok(false) };
        Ok(waiting.beside_owners || !self.has_owner().await?)
    }

    /// Makes the owner's account for the token.
    pub async fn enrol(&self, token: &str, form: SignUpForm, ctx: &Context) -> Result<EnrolOutcome, IdentityError> {
        let waiting = self.store.get::<Enrolment>(KEY).await?;
        let matches = |waiting: &Enrolment| {
            ctx.now < waiting.expires && TokenHash::of(token.trim()).is_some_and(|shown| shown == waiting.token)
        };
        // A token that was made for the first owner is void once there is one, however she was made.
        let void = match &waiting {
            Some(stored) if !stored.document.beside_owners => self.has_owner().await?,
            _ => false,
        };
        let Some(waiting) = waiting.filter(|stored| !void && matches(&stored.document)) else {
            let mut tx = Tx::new();
            let event = ctx.event(EventKind::AdminActed).detail("act", "owner-enrolment");
            tx.event(event.failed(testudo_core::Control::Authentication, "wrong-enrolment-token"));
            self.store.commit(tx).await?;
            return Ok(EnrolOutcome::Refused);
        };
        let form = match form.check(&self.config.service_name) {
            Ok(form) => form,
            Err(faults) => return Ok(EnrolOutcome::Invalid(faults)),
        };
        let phc = self.hash(form.password.clone()).await?;
        let mut person = new_person(&form, phc, ctx);
        person.roles.insert(OWNER.to_owned());
        let mut tx = Tx::new();
        tx.delete::<Enrolment>(KEY, Some(waiting.version));
        tx.create_person(person.id);
        tx.insert(&person);
        let by = actor(person.id);
        tx.event(ctx.event(EventKind::PersonCreated).by(by).personal("username", person.username()));
        // The token gave the role: nobody who has an account did, and least of all she herself.
        tx.event(ctx.event(EventKind::RoleGranted).to(person.id).detail("role", OWNER).detail("by", "enrolment"));
        let started = self.start_session(&mut tx, &person, vec![Amr::Pwd], ctx);
        match self.store.commit(tx).await {
            Ok(_) => Ok(EnrolOutcome::Enrolled(started)),
            Err(CommitError::Duplicate { .. }) => Ok(EnrolOutcome::NameTaken),
            Err(CommitError::Conflict { .. } | CommitError::NotFound) => Ok(EnrolOutcome::Refused),
            Err(error) => Err(error.into()),
        }
    }
}
