//! What must be done, in one exhaustive match: the compiler proves that every action has an owner.
//!
//! Actions are idempotent and performed at least once. An action is acknowledged after this node's standing shows it, so
//! that the very next request is decided by it.

use testudo_core::{Action, Actor, BlockTarget, Event, EventKind};
use testudo_identity::{Context, IdentityError, Rotation};
use testudo_store::{CommitError, Tx};

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
    /// There is nothing that could be acted on yet.
    #[error("{0}")]
    Unsupported(&'static str),
}

impl Node {
    /// Performs an action, and waits until standing shows it.
    pub async fn perform(&self, action: Action, by: &Actor, reason: &str, ctx: &Context) -> Result<(), ActionError> {
        let identity = self.identity();
        match action {
            Action::RevokeSession { session } => identity.revoke_session(session, by.clone(), reason, ctx).await?,
            Action::RevokeFamily { family } => identity.revoke_family(family, by.clone(), reason, ctx).await?,
            Action::RevokePerson { person } => identity.revoke_person(person, by.clone(), reason, ctx).await?,
            Action::LockPerson { person } => identity.lock_person(person, reason, by, ctx).await?,
            Action::ForcePasswordReset { person } => identity.require_reset(person, by, ctx).await?,
            Action::RequireStepUp { person } => {
                let event = ctx.event(EventKind::StepUpRequired).by(by.clone()).to(person).detail("reason", reason);
                self.announce(event).await?;
            }
            Action::Block { target: BlockTarget::Network(network), duration } => {
                let until = ctx.now.plus(duration);
                let event = ctx
                    .event(EventKind::PeerBlocked)
                    .by(by.clone())
                    .detail("until", until.micros().to_string())
                    .detail("reason", reason)
                    .personal("network", network.trunc().to_string());
                self.announce(event).await?;
            }
            Action::Block { target: BlockTarget::Device(_), .. } => {
                return Err(ActionError::Unsupported(
                    "devices are not bound to tokens yet; revoke the person's sessions",
                ));
            }
            Action::SuspendBuild { build } => {
                let event = ctx.event(EventKind::BuildSuspended).by(by.clone()).on(build.to_string());
                self.announce(event.detail("reason", reason)).await?;
            }
            Action::DisableClient { client } => {
                identity.set_client_state(&client, testudo_identity::ClientState::Disabled, by.clone(), ctx).await?;
            }
            Action::UnlockPerson { person } => identity.unlock_person(person, by, ctx).await?,
            Action::WaiveStepUp { person } => {
                let event = ctx.event(EventKind::StepUpWaived).by(by.clone()).to(person).detail("reason", reason);
                self.announce(event).await?;
            }
            Action::Unblock { target: BlockTarget::Network(network) } => {
                let event = ctx.event(EventKind::PeerUnblocked).by(by.clone()).detail("reason", reason);
                self.announce(event.personal("network", network.trunc().to_string())).await?;
            }
            Action::EnableClient { client } => {
                identity.set_client_state(&client, testudo_identity::ClientState::Enabled, by.clone(), ctx).await?;
            }
            Action::ReinstateBuild { build } => {
                let event = ctx.event(EventKind::BuildReinstated).by(by.clone()).on(build.to_string());
                self.announce(event.detail("reason", reason)).await?;
            }
            Action::TightenLimits { .. }
            | Action::RestoreLimits { .. }
            | Action::RestrictRoutes { .. }
            | Action::ReleaseRoutes { .. }
            | Action::Unblock { target: BlockTarget::Device(_) }
            | Action::WaivePasswordReset { .. }
            | Action::Notify { .. } => return Err(ActionError::Unsupported("this action is not built yet")),
            Action::RotateSigningKey => {
                identity.rotate_signing_key(Rotation::Graceful, by.clone(), ctx).await?;
                self.reload_keys().await;
            }
        }
        self.settled().await;
        Ok(())
    }

    /// Lifts the block of a network.
    pub async fn unblock(&self, network: ipnet::IpNet, by: &Actor, ctx: &Context) -> Result<(), ActionError> {
        let event = ctx.event(EventKind::PeerUnblocked).by(by.clone()).personal("network", network.trunc().to_string());
        self.announce(event).await?;
        self.settled().await;
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
