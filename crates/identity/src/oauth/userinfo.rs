//! Userinfo (`OpenID` Connect Core section 5.3).

use serde_json::{Map, Value};

use super::authority::bearer;
use super::fault::{OAuthCode, OAuthError};
use super::scope::Scopes;
use crate::people::{Person, PersonState};
use crate::{Context, Identity, IdentityError};

impl Identity {
    /// The claims about the person that the token's scopes allow.
    pub async fn userinfo(&self, authorization: Option<&[u8]>, ctx: &Context) -> Result<Value, OAuthError> {
        let refused = || {
            OAuthError::new(OAuthCode::InvalidToken, "token-invalid", "the access token is missing, expired or revoked")
        };
        let token = authorization.and_then(bearer).and_then(|token| std::str::from_utf8(token).ok());
        let presented = self.read_access_token(token.ok_or_else(refused)?, ctx.now)?.ok_or_else(refused)?;
        let caller = presented.caller;
        if !caller.scopes.contains("openid") {
            return Err(OAuthError::new(
                OAuthCode::InsufficientScope,
                "scope-openid",
                "the access token lacks the scope `openid`; ask for it at authorization",
            ));
        }
        if self.client(&caller.client, ctx).await?.is_none() || !self.is_unrevoked(&caller).await? {
            return Err(refused());
        }
        let id = caller.person.ok_or_else(refused)?;
        let person = self.store.get::<Person>(id).await.map_err(IdentityError::from)?.ok_or_else(refused)?.document;
        if person.state() != PersonState::Active {
            return Err(refused());
        }
        let mut claims = profile_claims(&person, &caller.scopes);
        claims.insert("sub".into(), id.to_string().into());
        Ok(Value::Object(claims))
    }
}

/// What `profile` and `email` stand for. A user name that is no e-mail address yields no `email`, and nobody has
/// verified an address yet.
fn profile_claims(person: &Person, scopes: &Scopes) -> Map<String, Value> {
    let mut claims = Map::new();
    if scopes.contains("profile") {
        if !person.name().is_empty() {
            claims.insert("name".into(), person.name().into());
        }
        claims.insert("preferred_username".into(), person.username().into());
        claims.insert("updated_at".into(), person.updated().seconds().into());
    }
    if scopes.contains("email") && person.username().contains('@') {
        claims.insert("email".into(), person.username().into());
        claims.insert("email_verified".into(), false.into());
    }
    claims
}
