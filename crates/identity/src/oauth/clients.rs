//! Registering clients and finding them.

use std::sync::Arc;
use std::time::Duration;

use testudo_core::{Actor, ClientId, EventKind, Secret};
use testudo_crypto::digest::sha256;
use testudo_crypto::random;
use testudo_store::{CommitError, Cursor, Page, Stored, Tx};

use super::client::{Client, ClientForm, ClientState, ClientType};
use crate::{Context, Identity, IdentityError};

/// How long a client is believed without asking the store. This node forgets at once what it changes itself, and a
/// client that another node disabled is refused by standing.
const BELIEVED: Duration = Duration::from_secs(5);

/// A client as it was just registered.
#[derive(Debug)]
pub struct Registered {
    /// The client.
    pub client: Client,
    /// Its secret, shown this once; none for public clients.
    pub secret: Option<Secret<String>>,
}

impl Identity {
    /// Registers a client.
    pub async fn register_client(
        &self,
        id: ClientId,
        form: ClientForm,
        by: Actor,
        ctx: &Context,
    ) -> Result<Registered, IdentityError> {
        let mut client = form.into_client(id, ctx.now).map_err(|error| IdentityError::Invalid(error.to_string()))?;
        let secret = (client.kind == ClientType::Confidential).then(random::token);
        client.secret = secret.as_ref().map(|secret| sha256(secret.expose().as_bytes()));
        let mut tx = Tx::new();
        tx.insert(&client);
        tx.event(ctx.event(EventKind::ClientCreated).by(by).on(client.id.to_string()));
        match self.store.commit(tx).await {
            Ok(_) => Ok(Registered { client, secret }),
            Err(CommitError::Conflict { .. } | CommitError::Duplicate { .. }) => Err(IdentityError::Exists("client")),
            Err(error) => Err(error.into()),
        }
    }

    /// Registers the clients that every installation has, unless they are there.
    pub async fn ensure_client(&self, id: &str, form: ClientForm, ctx: &Context) -> Result<(), IdentityError> {
        let id: ClientId =
            id.parse().map_err(|error: testudo_core::IdError| IdentityError::Invalid(error.to_string()))?;
        if self.store.get::<Client>(&id).await?.is_some() {
            return Ok(());
        }
        match self.register_client(id, form, Actor::default(), ctx).await {
            Ok(_) | Err(IdentityError::Exists(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Changes everything of a client but its id, type and secret.
    pub async fn change_client(
        &self,
        id: &ClientId,
        form: ClientForm,
        by: Actor,
        ctx: &Context,
    ) -> Result<Client, IdentityError> {
        let new = form.into_client(id.clone(), ctx.now).map_err(|error| IdentityError::Invalid(error.to_string()))?;
        self.alter_client(id, EventKind::ClientChanged, by, ctx, move |old| {
            if new.kind != old.kind {
                return Err(IdentityError::Invalid("the type of a client can't be changed; register another".into()));
            }
            *old = Client { secret: old.secret, state: old.state, created: old.created, ..new.clone() };
            Ok(())
        })
        .await
    }

    /// Enables or disables a client. The tokens of a disabled client are refused by standing.
    pub async fn set_client_state(
        &self,
        id: &ClientId,
        state: ClientState,
        by: Actor,
        ctx: &Context,
    ) -> Result<Client, IdentityError> {
        let kind = match state {
            ClientState::Enabled => EventKind::ClientEnabled,
            ClientState::Disabled => EventKind::ClientDisabled,
        };
        self.alter_client(id, kind, by, ctx, |client| {
            client.state = state;
            Ok(())
        })
        .await
    }

    /// Gives a confidential client a new secret; the old one is void at once.
    pub async fn rotate_client_secret(
        &self,
        id: &ClientId,
        by: Actor,
        ctx: &Context,
    ) -> Result<Registered, IdentityError> {
        let secret = random::token();
        let digest = sha256(secret.expose().as_bytes());
        let client = self
            .alter_client(id, EventKind::ClientChanged, by, ctx, |client| match client.kind {
                ClientType::Public => Err(IdentityError::Invalid("a public client has no secret".into())),
                ClientType::Confidential => {
                    client.secret = Some(digest);
                    Ok(())
                }
            })
            .await?;
        Ok(Registered { client, secret: Some(secret) })
    }

    /// Removes a client. Its refresh tokens are void; its access tokens are refused by standing.
    pub async fn remove_client(&self, id: &ClientId, by: Actor, ctx: &Context) -> Result<(), IdentityError> {
        let stored = self.store.get::<Client>(id).await?.ok_or(IdentityError::NotFound("client"))?;
        let mut tx = Tx::new();
        tx.delete::<Client>(id, Some(stored.version));
        tx.event(ctx.event(EventKind::ClientRemoved).by(by).on(id.to_string()));
        self.store.commit(tx).await?;
        self.oauth.clients.lock().pop(id);
        Ok(())
    }

    /// Clients in the order of their registration.
    pub async fn list_clients(&self, after: Option<Cursor>, limit: usize) -> Result<Page<Client>, IdentityError> {
        Ok(self.store.list::<Client>(after, limit.clamp(1, 200), None, false).await?)
    }

    /// One client as it is now, whatever its state.
    pub async fn find_client(&self, id: &ClientId) -> Result<Option<Client>, IdentityError> {
        Ok(self.store.get::<Client>(id).await?.map(|stored| stored.document))
    }

    /// Whether some enabled client lists this origin.
    pub async fn is_client_origin(&self, origin: &str) -> Result<bool, IdentityError> {
        if origin.len() > 200 {
            return Ok(false);
        }
        let clients = self.store.find::<Client>("origin", origin.as_bytes()).await?;
        Ok(clients.iter().any(|client| client.document.state == ClientState::Enabled))
    }

    /// An enabled client, from memory if it was read a moment ago.
    pub(crate) async fn client(&self, id: &ClientId, ctx: &Context) -> Result<Option<Arc<Client>>, IdentityError> {
        let known = self.oauth.clients.lock().get(id).cloned();
        if let Some((client, read)) = known
            && read <= ctx.now
            && ctx.now.since(read) < BELIEVED
        {
            return Ok(enabled(client));
        }
        let Some(Stored { document, .. }) = self.store.get::<Client>(id).await? else {
            return Ok(None);
        };
        let client = Arc::new(document);
        self.oauth.clients.lock().put(id.clone(), (Arc::clone(&client), ctx.now));
        Ok(enabled(client))
    }

    async fn alter_client(
        &self,
        id: &ClientId,
        kind: EventKind,
        by: Actor,
        ctx: &Context,
        change: impl Fn(&mut Client) -> Result<(), IdentityError> + Send + Sync,
    ) -> Result<Client, IdentityError> {
        let Stored { mut document, version } =
            self.store.get::<Client>(id).await?.ok_or(IdentityError::NotFound("client"))?;
        change(&mut document)?;
        document.changed = ctx.now;
        let mut tx = Tx::new();
        tx.update(&document, version);
        tx.event(ctx.event(kind).by(by).on(id.to_string()));
        let done = self.store.commit(tx).await;
        self.oauth.clients.lock().pop(id);
        match done {
            Ok(_) => Ok(document),
            Err(CommitError::Conflict { .. }) => Err(IdentityError::Contention),
            Err(error) => Err(error.into()),
        }
    }
}

fn enabled(client: Arc<Client>) -> Option<Arc<Client>> {
    (client.state == ClientState::Enabled).then_some(client)
}
