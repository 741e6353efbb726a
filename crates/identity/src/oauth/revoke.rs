//! Token revocation (RFC 7009). Revoking either kind of token ends the family that it belongs to, so that the gateway
//! refuses what descends from it at the next request.

use testudo_core::{Actor, FamilyId, PersonId};

use super::client_auth::Credentials;
use super::family::Family;
use super::fault::OAuthError;
use super::introspect::{missing, read};
use super::refresh_token::RefreshToken;
use super::token::TokenRequest;
use crate::{Context, Identity, IdentityError};

impl Identity {
    /// Revokes a token of the client. A token that is unknown, dead or another client's is no error (section 2.2),
    /// and nothing happens to it.
    pub async fn revoke(&self, request: &TokenRequest<'_>, ctx: &Context) -> Result<(), OAuthError> {
        let params = read(request.form)?;
        let credentials = Credentials::read(&params, request.authorization)?;
        let client = self.authenticate_client(&credentials, ctx).await?;
        let token = params.get("token").ok_or_else(|| missing("token"))?;
        let mut found: Option<(FamilyId, PersonId)> = None;
        if let Some(token) = RefreshToken::read(token, &self.store.ring()) {
            let family = self.store.get::<Family>(token.family).await.map_err(IdentityError::from)?;
            found = family
                .filter(|family| family.document.client == client.id)
                .map(|family| (family.document.id, family.document.person));
        } else if let Some(presented) = self.read_access_token(token, ctx.now)?
            && presented.caller.client == client.id
        {
            found = presented.caller.family.zip(presented.caller.person);
        }
        if let Some((family, person)) = found {
            let by = Actor {
                person: Some(person),
                client: Some(client.id.clone()),
                family: Some(family),
                ..Actor::default()
            };
            match self.revoke_family(family, by, "revoked by the client", ctx).await {
                Ok(()) | Err(IdentityError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
