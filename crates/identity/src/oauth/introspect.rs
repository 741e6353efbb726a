//! Token introspection (RFC 7662): for confidential clients, about tokens of their own or for their own audience.

use serde_json::{Value, json};

use super::client::{Client, ClientType};
use super::client_auth::Credentials;
use super::family::Family;
use super::fault::OAuthError;
use super::params::Params;
use super::refresh_token::RefreshToken;
use super::token::TokenRequest;
use crate::{Context, Identity};

impl Identity {
    /// Says what a token is good for; `{"active": false}` about everything that the client has no business with.
    pub async fn introspect(&self, request: &TokenRequest<'_>, ctx: &Context) -> Result<Value, OAuthError> {
        let params = read(request.form)?;
        let credentials = Credentials::read(&params, request.authorization)?;
        let client = self.authenticate_client(&credentials, ctx).await?;
        if client.kind != ClientType::Confidential {
            return Err(OAuthError::client());
        }
        let token = params.get("token").ok_or_else(|| missing("token"))?;
        if let Some(found) = self.introspect_access(token, &client, ctx).await? {
            return Ok(found);
        }
        if let Some(found) = self.introspect_refresh(token, &client, ctx).await? {
            return Ok(found);
        }
        Ok(json!({ "active": false }))
    }

    async fn introspect_access(
        &self,
        token: &str,
        client: &Client,
        ctx: &Context,
    ) -> Result<Option<Value>, OAuthError> {
        let Some(presented) = self.read_access_token(token, ctx.now)? else {
            return Ok(None);
        };
        let caller = &presented.caller;
        let own =
            caller.client == client.id || client.audience(Some(&presented.audience), &self.config.audience).is_some();
        let issuer = self.client(&caller.client, ctx).await?;
        if !own || issuer.is_none() || !self.is_unrevoked(caller).await? {
            return Ok(None);
        }
        let mut answer = json!({
            "active": true,
            "token_type": "Bearer",
            "iss": self.config.issuer,
            "sub": caller.person.map_or_else(|| caller.client.to_string(), |person| person.to_string()),
            "aud": presented.audience,
            "client_id": caller.client,
            "scope": caller.scopes.to_string(),
            "iat": caller.issued.seconds(),
            "exp": caller.expires.seconds(),
            "jti": caller.jti,
        });
        if let (Some(acr), Some(auth_time), Some(members)) = (caller.acr, caller.auth_time, answer.as_object_mut()) {
            members.insert("acr".into(), acr.as_str().into());
            members.insert("auth_time".into(), auth_time.seconds().into());
        }
        Ok(Some(answer))
    }

    async fn introspect_refresh(
        &self,
        token: &str,
        client: &Client,
        ctx: &Context,
    ) -> Result<Option<Value>, OAuthError> {
        let Some(token) = RefreshToken::read(token, &self.store.ring()) else {
            return Ok(None);
        };
        let family = self.store.get::<Family>(token.family).await.map_err(crate::IdentityError::from)?;
        let Some(family) = family.map(|stored| stored.document) else {
            return Ok(None);
        };
        let good = family.client == client.id
            && family.refreshable
            && family.generation == token.generation
            && family.is_alive(ctx.now);
        Ok(good.then(|| {
            json!({
                "active": true,
                "iss": self.config.issuer,
                "sub": family.person,
                "client_id": family.client,
                "scope": family.scopes.to_string(),
                "iat": family.refreshed.seconds(),
                "exp": family.idle_ends.min(family.ends).seconds(),
            })
        }))
    }
}

/// Parameters of which none is repeated.
pub(crate) fn read(form: &str) -> Result<Params, OAuthError> {
    let params = Params::parse(form).map_err(|error| OAuthError::request("form-malformed", error.to_string()))?;
    match params.repeated() {
        Some(_) => Err(OAuthError::request("parameter-repeated", "a parameter is there more than once; send it once")),
        None => Ok(params),
    }
}

/// A parameter is missing.
pub(crate) fn missing(name: &str) -> OAuthError {
    OAuthError::request("parameter-missing", format!("the parameter `{name}` is missing"))
}
