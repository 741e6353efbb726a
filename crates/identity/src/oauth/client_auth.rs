//! How a client proves who it is: `none` for public ones, `client_secret_basic` or `client_secret_post` for
//! confidential ones (RFC 6749 section 2.3). Never two ways at once.

use std::sync::Arc;

use data_encoding::BASE64;
use testudo_core::{ClientId, Secret};

use super::client::{Client, ClientType};
use super::fault::OAuthError;
use super::params::{Params, decode};
use crate::{Context, Identity};

/// What a request says about its client.
pub(crate) struct Credentials {
    id: ClientId,
    secret: Option<Secret<String>>,
}

impl Credentials {
    /// Reads them from the parameters and the `Authorization` header.
    pub(crate) fn read(params: &Params, authorization: Option<&str>) -> Result<Credentials, OAuthError> {
        let posted = params.get("client_secret").map(|secret| Secret::new(secret.to_owned()));
        let named = params.get("client_id");
        let Some(header) = authorization else {
            let id = named.ok_or_else(OAuthError::client)?.parse().map_err(|_| OAuthError::client())?;
            return Ok(Credentials { id, secret: posted });
        };
        if posted.is_some() {
            return Err(OAuthError::request(
                "client-twice",
                "the client proves itself in the header and in the body; use one of them",
            ));
        }
        let (id, secret) = basic(header).ok_or_else(OAuthError::client)?;
        if named.is_some_and(|named| named != id.as_str()) {
            return Err(OAuthError::request("client-mismatch", "`client_id` and the Authorization header differ"));
        }
        Ok(Credentials { id, secret: Some(secret) })
    }
}

/// `Basic` with both halves form-encoded first (RFC 6749 section 2.3.1).
fn basic(header: &str) -> Option<(ClientId, Secret<String>)> {
    let (scheme, value) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || value.len() > 1024 {
        return None;
    }
    let decoded = Secret::new(BASE64.decode(value.trim_matches(' ').as_bytes()).ok()?);
    let text = std::str::from_utf8(decoded.expose()).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decode(id).ok()?.parse().ok()?, Secret::new(decode(secret).ok()?)))
}

impl Identity {
    /// The client of a request, once it has proven itself. Unknown, disabled and wrong secret look the same.
    pub(crate) async fn authenticate_client(
        &self,
        credentials: &Credentials,
        ctx: &Context,
    ) -> Result<Arc<Client>, OAuthError> {
        let client = self.client(&credentials.id, ctx).await?.ok_or_else(OAuthError::client)?;
        let proven = match (client.kind, &credentials.secret) {
            (ClientType::Public, None) => true,
            (ClientType::Confidential, Some(secret)) => client.has_secret(secret),
            // A public client that sends a secret believes to be something that it is not.
            (ClientType::Public, Some(_)) | (ClientType::Confidential, None) => false,
        };
        if proven { Ok(client) } else { Err(OAuthError::client()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Credentials, Params, basic};
    use crate::oauth::OAuthCode;

    #[test]
    fn basic_is_form_encoded_inside() {
        // "a-b:s%2Bc+d"
        let (id, secret) = basic("Basic YS1iOnMlMkJjK2Q=").unwrap();
        assert_eq!((id.as_str(), secret.expose().as_str()), ("a-b", "s+c d"));
        for bad in ["", "Basic", "Basic !", "Bearer YS1iOng=", "Basic YQ==", "Basic Oi8="] {
            assert!(basic(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn one_way_at_a_time() {
        let both = Params::parse("client_id=a-b&client_secret=x").unwrap();
        let error = Credentials::read(&both, Some("Basic YS1iOng=")).err().unwrap();
        assert_eq!(error.code, OAuthCode::InvalidRequest);
        let other = Params::parse("client_id=other").unwrap();
        assert_eq!(Credentials::read(&other, Some("Basic YS1iOng=")).err().unwrap().reason, "client-mismatch");
        let none = Params::parse("grant_type=x").unwrap();
        assert_eq!(Credentials::read(&none, None).err().unwrap().code, OAuthCode::InvalidClient);
    }
}
