//! Access tokens that come back to us: at introspection, revocation and userinfo.

use testudo_core::Timestamp;
use testudo_crypto::jose::{self, Expect};

use super::caller::Caller;
use super::claims::{ACCESS, AccessClaims};
use super::family::{Family, FamilyState};
use crate::{Identity, IdentityError};

/// An access token of ours that has not expired, for whatever audience.
pub(crate) struct Presented {
    pub(crate) caller: Caller,
    pub(crate) audience: String,
}

impl Identity {
    /// Verifies an access token of ours. Nothing if it is not one, or has expired.
    pub(crate) fn read_access_token(&self, token: &str, now: Timestamp) -> Result<Option<Presented>, IdentityError> {
        let keys = self.keys()?;
        let Ok(verified) = jose::verify(token.as_bytes(), &keys.set, &Expect { typ: ACCESS }) else {
            return Ok(None);
        };
        let Ok(claims) = serde_json::from_slice::<AccessClaims<'_>>(&verified.payload) else {
            return Ok(None);
        };
        if *claims.iss != *self.config.issuer {
            return Ok(None);
        }
        let audience = claims.aud.clone().into_owned();
        let caller = Caller::from_claims(claims).filter(|caller| now < caller.expires);
        Ok(caller.map(|caller| Presented { caller, audience }))
    }

    /// Whether the family of a verified token, if it has one, is alive. For callers that do not ask standing.
    pub async fn is_unrevoked(&self, caller: &Caller) -> Result<bool, IdentityError> {
        let Some(id) = caller.family else {
            return Ok(true);
        };
        let family = self.store.get::<Family>(id).await?;
        Ok(family.is_some_and(|family| family.document.state == FamilyState::Active))
    }
}
