//! What must be done, in one exhaustive match: the compiler proves that every action has an owner.
//!
//! Actions are idempotent and performed at least once: what is in force already is left as it is, and an undo of what is
//! over does nothing. An action is acknowledged after this node's standing shows it, so that the very next request is
//! decided by it, at every worker.

mod hold;

use std::future::Future;
use std::pin::Pin;

use testudo_core::{Action, Actor, BlockTarget, ClientId, Event, EventKind, IncidentId, PersonId};
use testudo_identity::{ClientState, Context, IdentityError, Rotation};
use testudo_store::{CommitError, Tx};

use self::hold::Cause;
use crate::node::Node;

/// Why an action was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// Identity could not.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// An administrator's operation was refused.
    #[error(transparent)]
    Admin(#[from] testudo_identity::AdminError),
    /// The journal could not take it.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// There is nothing of that name.
    #[error("there is no such {0}; check its id")]
    NotFound(&'static str),
    /// It makes no sense as it is.
    #[error("{0}")]
    Refused(String),
    /// It would hit what belongs to us, and nobody has said that this is meant.
    #[error("{0}")]
    Unconfirmed(String),
    /// There is nothing that could be acted on yet.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Something that is needed is down, such as a mail server.
    #[error("{0}")]
    Unavailable(String),
}

/// What of a notice takes time.
pub type Notice<'a> = Pin<Box<dyn Future<Output = Result<(), ActionError>> + Send + 'a>>;

/// Who tells people of incidents, by mail or webhook.
pub trait Notices: Send + Sync {
    /// Tells of an incident through a configured channel.
    fn notify<'a>(&'a self, channel: &'a str, incident: IncidentId) -> Notice<'a>;
}

const NO_DEVICES: &str = "tokens are not bound to devices yet, so that none can be told from another; revoke the \
                          person's sessions, or block the network";
const NO_BUILDS: &str = "tokens do not name the build of the app yet, so that none can be told from another; disable the \
                         client";

impl Node {
    /// Performs an action, and waits until standing shows it. What would hit ourselves is refused.
    pub async fn perform(&self, action: Action, by: &Actor, reason: &str, ctx: &Context) -> Result<(), ActionError> {
        self.act(action, false, Cause { by, reason, ctx }).await
    }

    /// The same for somebody who was asked and means it, also where it hits ourselves.
    pub async fn perform_confirmed(
        &self,
        action: Action,
        by: &Actor,
        reason: &str,
        ctx: &Context,
    ) -> Result<(), ActionError> {
        self.act(action, true, Cause { by, reason, ctx }).await
    }

    async fn act(&self, action: Action, confirmed: bool, cause: Cause<'_>) -> Result<(), ActionError> {
        let identity = self.identity();
        let Cause { by, reason, ctx } = cause;
        match action {
            Action::RevokeSession { session } => identity.revoke_session(session, by.clone(), reason, ctx).await?,
            Action::RevokeFamily { family } => identity.revoke_family(family, by.clone(), reason, ctx).await?,
            Action::RevokePerson { person } => identity.revoke_person(person, by.clone(), reason, ctx).await?,
            Action::LockPerson { person } => identity.lock_person(person, reason, by, ctx).await?,
            Action::UnlockPerson { person } => identity.unlock_person(person, by, ctx).await?,
            Action::RequireStepUp { person } => {
                self.known(person).await?;
                self.announce(cause.event(EventKind::StepUpRequired).to(person)).await?;
            }
            Action::WaiveStepUp { person } => {
                self.known(person).await?;
                if self.standing.owes_step_up(self.store.person_pseudonym(person)).is_some() {
                    self.announce(cause.event(EventKind::StepUpWaived).to(person)).await?;
                }
            }
            Action::ForcePasswordReset { person } => identity.require_reset(person, by, ctx).await?,
            Action::WaivePasswordReset { person } => identity.waive_reset(person, by, ctx).await?,
            Action::Block { target: BlockTarget::Network(network), duration } => {
                self.block(network, duration, confirmed, cause).await?;
            }
            Action::Unblock { target: BlockTarget::Network(network) } => self.unblock(network, cause).await?,
            Action::Block { target: BlockTarget::Device(_), .. }
            | Action::Unblock { target: BlockTarget::Device(_) } => {
                return Err(ActionError::Unsupported(NO_DEVICES));
            }
            Action::TightenLimits { target, percent, duration } => {
                self.tighten(target, percent, duration, cause).await?;
            }
            Action::RestoreLimits { target } => self.restore(target, cause).await?,
            Action::RestrictRoutes { path, duration } => self.restrict(&path, duration, cause).await?,
            Action::ReleaseRoutes { path } => self.release(&path, cause).await?,
            Action::DisableClient { client } => self.set_client(&client, ClientState::Disabled, cause).await?,
            Action::EnableClient { client } => self.set_client(&client, ClientState::Enabled, cause).await?,
            Action::SuspendBuild { .. } | Action::ReinstateBuild { .. } => {
                return Err(ActionError::Unsupported(NO_BUILDS));
            }
            Action::RotateSigningKey => {
                identity.rotate_signing_key(Rotation::Graceful, by.clone(), ctx).await?;
                self.reload_keys().await;
            }
            Action::Notify { channel, incident } => self.notify(&channel, incident).await?,
        }
        self.settled().await;
        Ok(())
    }

    /// Tells people of an incident through a configured channel.
    pub async fn notify(&self, channel: &str, incident: IncidentId) -> Result<(), ActionError> {
        match self.notices.get() {
            Some(notices) => notices.notify(channel, incident).await,
            None => Err(ActionError::Unsupported("nobody can be told: the server that sends notices does not run")),
        }
    }

    /// Somebody who was erased, or never was, is an error rather than an event about nobody.
    async fn known(&self, person: PersonId) -> Result<(), ActionError> {
        match self.identity().person(person).await? {
            Some(_) => Ok(()),
            None => Err(ActionError::NotFound("person")),
        }
    }

    async fn set_client(&self, id: &ClientId, state: ClientState, cause: Cause<'_>) -> Result<(), ActionError> {
        let identity = self.identity();
        let client = identity.find_client(id).await?.ok_or(ActionError::NotFound("client"))?;
        if client.state != state {
            identity.set_client_state(id, state, cause.by.clone(), cause.ctx).await?;
        }
        Ok(())
    }

    async fn announce(&self, event: Event) -> Result<(), CommitError> {
        let mut tx = Tx::new();
        tx.event(event);
        self.store.commit(tx).await.map(drop)
    }

    /// Waits until standing has taken in all that is committed by now.
    pub async fn settled(&self) {
        if !self.is_followed() {
            // A command over the store: nobody else reads the journal here.
            if let Err(error) = crate::journal::catch_up(self).await {
                tracing::warn!(%error, "the journal can't be read");
            }
            return;
        }
        let head = *self.store.head().borrow();
        if let Some(last) = head.checked_sub(1) {
            self.standing.reached(last).await;
        }
    }
}

#[cfg(test)]
mod tests;
