//! A client: an app, page or service that asks for tokens (RFC 6749 section 2, RFC 8252).

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use testudo_core::{ClientId, Secret, Timestamp};
use testudo_crypto::digest::sha256;
use testudo_store::{Document, Indexes, Key};

use super::redirect::{RedirectUri, RedirectUriError};
use super::scope::Scopes;

/// The longest access token lifetime that a client may have.
pub(crate) const LONGEST_ACCESS_TOKEN: Duration = Duration::from_hours(1);
const MOST_URIS: usize = 16;
/// Client, and up to eight origins: within the store's limit of index values.
const MOST_ORIGINS: usize = 8;

/// Whether a client can keep a secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientType {
    /// It runs on somebody's device: it has no secret, and proves itself by PKCE.
    Public,
    /// It runs on a server and has a secret.
    Confidential,
}

/// The grants that there are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A code from the authorization endpoint, with PKCE.
    AuthorizationCode,
    /// A refresh token.
    RefreshToken,
    /// The client for itself.
    ClientCredentials,
}

impl GrantType {
    /// The value of the `grant_type` parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            GrantType::AuthorizationCode => "authorization_code",
            GrantType::RefreshToken => "refresh_token",
            GrantType::ClientCredentials => "client_credentials",
        }
    }
}

/// Whether a client may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientState {
    /// It may.
    #[default]
    Enabled,
    /// It gets no tokens, and its tokens are refused.
    Disabled,
}

/// What an administrator says about a client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientForm {
    /// The name that people see, 1 to 64 characters.
    pub name: String,
    /// Whether it can keep a secret.
    #[serde(rename = "type")]
    pub kind: ClientType,
    /// Where codes may go.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where a browser may go after sign-out.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// The scopes that it may ask for.
    #[serde(default)]
    pub scopes: Scopes,
    /// The grants that it may use.
    pub grant_types: BTreeSet<GrantType>,
    /// Origins whose pages may call the token endpoint.
    #[serde(default)]
    pub cors_origins: BTreeSet<String>,
    /// The audiences that it may ask tokens for; the first is the default. None means that of the backend.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Whether it is ours, so that people are not asked for consent.
    #[serde(default)]
    pub first_party: bool,
    /// How long its access tokens live, in seconds (30 to 3600), instead of the default.
    #[serde(default)]
    pub access_token_seconds: Option<u32>,
}

/// Why a form does not make a client.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClientFormError {
    /// The name is empty, too long or has control characters.
    #[error("the name must have 1 to 64 characters and no control characters")]
    Name,
    /// A redirect URI is not acceptable.
    #[error(transparent)]
    RedirectUri(#[from] RedirectUriError),
    /// Too many URIs, origins or audiences.
    #[error("there are too many {0}; keep to {1}")]
    TooMany(&'static str, usize),
    /// Codes need somewhere to go, and nothing else does.
    #[error("`authorization_code` needs a redirect URI, and redirect URIs need `authorization_code`")]
    Redirects,
    /// Refresh tokens come with codes.
    #[error("`refresh_token` needs `authorization_code`")]
    Refresh,
    /// No grant at all, or one that a public client can't use.
    #[error("name at least one grant type; `client_credentials` is for confidential clients only")]
    Grants,
    /// Not an origin.
    #[error("`{0}` is not an origin; write it as `https://app.example.org`")]
    Origin(String),
    /// Not an audience.
    #[error("`{0}` is not an audience; write an absolute URI without fragment")]
    Audience(String),
    /// Out of bounds.
    #[error("access tokens live 30 to 3600 seconds")]
    Lifetime,
}

impl ClientForm {
    /// The public, first-party client of the sample app.
    pub fn wallet_app() -> ClientForm {
        ClientForm {
            name: "Wallet".into(),
            kind: ClientType::Public,
            redirect_uris: vec![
                "http://127.0.0.1/callback".into(),
                "http://[::1]/callback".into(),
                "org.testudo.wallet:/callback".into(),
            ],
            post_logout_redirect_uris: vec![
                "http://127.0.0.1/signed-out".into(),
                "org.testudo.wallet:/signed-out".into(),
            ],
            scopes: known(&[
                "openid",
                "profile",
                "email",
                "offline_access",
                "accounts:read",
                "transfers:read",
                "transfers:write",
                "cards:read",
                "cards:write",
                "statements:read",
                "profile:read",
                "profile:write",
            ]),
            grant_types: BTreeSet::from([GrantType::AuthorizationCode, GrantType::RefreshToken]),
            cors_origins: BTreeSet::new(),
            audiences: Vec::new(),
            first_party: true,
            access_token_seconds: None,
        }
    }

    /// The public, first-party client of administrators' tools, for tokens of the admin API.
    pub fn testudo_admin(admin_audience: &str) -> ClientForm {
        ClientForm {
            name: "Testudo administration".into(),
            kind: ClientType::Public,
            redirect_uris: vec!["http://127.0.0.1/callback".into(), "http://[::1]/callback".into()],
            post_logout_redirect_uris: vec!["http://127.0.0.1/signed-out".into()],
            scopes: known(&["openid", "profile", "offline_access", "admin"]),
            grant_types: BTreeSet::from([GrantType::AuthorizationCode, GrantType::RefreshToken]),
            cors_origins: BTreeSet::new(),
            audiences: vec![admin_audience.to_owned()],
            first_party: true,
            access_token_seconds: None,
        }
    }

    /// Checks the form, and makes a client that has no secret yet.
    pub fn into_client(self, id: ClientId, now: Timestamp) -> Result<Client, ClientFormError> {
        let length = self.name.chars().count();
        if !(1..=64).contains(&length) || self.name.chars().any(char::is_control) || self.name.trim() != self.name {
            return Err(ClientFormError::Name);
        }
        let codes = self.grant_types.contains(&GrantType::AuthorizationCode);
        let for_itself = self.grant_types.contains(&GrantType::ClientCredentials);
        if self.grant_types.is_empty() || (for_itself && self.kind == ClientType::Public) {
            return Err(ClientFormError::Grants);
        }
        if codes == self.redirect_uris.is_empty() {
            return Err(ClientFormError::Redirects);
        }
        if self.grant_types.contains(&GrantType::RefreshToken) && !codes {
            return Err(ClientFormError::Refresh);
        }
        for (what, count, most) in [
            ("redirect URIs", self.redirect_uris.len(), MOST_URIS),
            ("post-logout redirect URIs", self.post_logout_redirect_uris.len(), MOST_URIS),
            ("CORS origins", self.cors_origins.len(), MOST_ORIGINS),
            ("audiences", self.audiences.len(), MOST_URIS),
        ] {
            if count > most {
                return Err(ClientFormError::TooMany(what, most));
            }
        }
        if let Some(bad) = self.cors_origins.iter().find(|origin| !is_origin(origin)) {
            return Err(ClientFormError::Origin(bad.clone()));
        }
        if let Some(bad) = self.audiences.iter().find(|audience| !is_audience(audience)) {
            return Err(ClientFormError::Audience(bad.clone()));
        }
        if self.access_token_seconds.is_some_and(|seconds| !(30..=3600).contains(&seconds)) {
            return Err(ClientFormError::Lifetime);
        }
        Ok(Client {
            id,
            name: self.name,
            kind: self.kind,
            secret: None,
            redirect_uris: uris(&self.redirect_uris)?,
            post_logout_redirect_uris: uris(&self.post_logout_redirect_uris)?,
            scopes: self.scopes,
            grant_types: self.grant_types,
            cors_origins: self.cors_origins,
            audiences: self.audiences,
            first_party: self.first_party,
            access_token_seconds: self.access_token_seconds,
            state: ClientState::Enabled,
            created: now,
            changed: now,
        })
    }
}

fn known(scopes: &[&str]) -> Scopes {
    Scopes::parse(&scopes.join(" ")).unwrap_or_default()
}

fn uris(texts: &[String]) -> Result<Vec<RedirectUri>, RedirectUriError> {
    texts.iter().map(|text| RedirectUri::parse(text)).collect()
}

fn is_origin(text: &str) -> bool {
    text.len() <= 200
        && url::Url::parse(text).is_ok_and(|url| {
            let loopback = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
            (url.scheme() == "https" || (url.scheme() == "http" && loopback))
                && url.origin().ascii_serialization() == text
        })
}

/// Whether a text can be an audience (RFC 8707: an absolute URI without fragment).
pub(crate) fn is_audience(text: &str) -> bool {
    text.len() <= 256
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.contains('#')
        && url::Url::parse(text).is_ok()
}

/// A registered client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// The name that people see.
    pub name: String,
    /// Whether it can keep a secret.
    #[serde(rename = "type")]
    pub kind: ClientType,
    /// SHA-256 of its 256-bit random secret.
    pub(crate) secret: Option<[u8; 32]>,
    /// Where codes may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where a browser may go after sign-out.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// The scopes that it may ask for.
    pub scopes: Scopes,
    /// The grants that it may use.
    pub grant_types: BTreeSet<GrantType>,
    /// Origins whose pages may call the token endpoint.
    pub cors_origins: BTreeSet<String>,
    /// The audiences that it may ask tokens for; none means that of the backend.
    pub audiences: Vec<String>,
    /// Whether it is ours, so that people are not asked for consent.
    pub first_party: bool,
    /// How long its access tokens live, instead of the default.
    pub access_token_seconds: Option<u32>,
    /// Whether it may be used.
    pub state: ClientState,
    /// When it was registered.
    pub created: Timestamp,
    /// When it was last changed.
    pub changed: Timestamp,
}

impl Client {
    /// Whether this is its secret. Secrets are random and long, so that a plain hash is enough; compared in constant
    /// time.
    pub(crate) fn has_secret(&self, presented: &Secret<String>) -> bool {
        let digest = sha256(presented.expose().as_bytes());
        // A client without a secret is compared too, so that time says nothing.
        let stored = self.secret.unwrap_or([0; 32]);
        bool::from(stored.ct_eq(&digest)) && self.secret.is_some()
    }

    /// Whether it may use this grant.
    pub fn may(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// The audience of its tokens: what it asked for if it may, the default if it asked for nothing.
    pub(crate) fn audience<'a>(&'a self, asked: Option<&str>, backend: &'a str) -> Option<&'a str> {
        let mut allowed = self.audiences.iter().map(String::as_str).chain(self.audiences.is_empty().then_some(backend));
        match asked {
            None => allowed.next(),
            Some(asked) => allowed.find(|audience| *audience == asked),
        }
    }

    /// How long its access tokens live.
    pub(crate) fn access_token_lifetime(&self, default: Duration) -> Duration {
        self.access_token_seconds
            .map_or(default, |seconds| Duration::from_secs(seconds.into()))
            .min(LONGEST_ACCESS_TOKEN)
    }

    /// What an administrator once said about it.
    pub fn form(&self) -> ClientForm {
        let texts = |uris: &[RedirectUri]| uris.iter().map(|uri| uri.as_str().to_owned()).collect();
        ClientForm {
            name: self.name.clone(),
            kind: self.kind,
            redirect_uris: texts(&self.redirect_uris),
            post_logout_redirect_uris: texts(&self.post_logout_redirect_uris),
            scopes: self.scopes.clone(),
            grant_types: self.grant_types.clone(),
            cors_origins: self.cors_origins.clone(),
            audiences: self.audiences.clone(),
            first_party: self.first_party,
            access_token_seconds: self.access_token_seconds,
        }
    }
}

impl Document for Client {
    const KIND: &'static str = "client";

    fn id(&self) -> Key {
        Key::from(&self.id)
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn state(&self) -> u8 {
        match self.state {
            ClientState::Enabled => 0,
            ClientState::Disabled => 1,
        }
    }

    fn indexes(&self, indexes: &mut Indexes) {
        for origin in &self.cors_origins {
            indexes.plain("origin", origin);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn refused(change: impl FnOnce(&mut ClientForm)) -> ClientFormError {
        let mut form = ClientForm::wallet_app();
        change(&mut form);
        form.into_client("app".parse().unwrap(), Timestamp::EPOCH).unwrap_err()
    }

    #[test]
    fn the_built_in_forms_are_good() {
        let now = Timestamp::EPOCH;
        ClientForm::wallet_app().into_client("wallet-app".parse().unwrap(), now).unwrap();
        let admin = ClientForm::testudo_admin("https://id.example.org/admin");
        admin.into_client("testudo-admin".parse().unwrap(), now).unwrap();
    }

    #[test]
    fn a_form_is_checked() {
        assert_eq!(refused(|form| form.name = String::new()), ClientFormError::Name);
        assert_eq!(refused(|form| form.redirect_uris.clear()), ClientFormError::Redirects);
        assert!(matches!(
            refused(|form| form.redirect_uris.push("http://localhost/".into())),
            ClientFormError::RedirectUri(_)
        ));
        assert_eq!(refused(|form| form.grant_types.clear()), ClientFormError::Grants);
        assert_eq!(
            refused(|form| {
                form.grant_types.insert(GrantType::ClientCredentials);
            }),
            ClientFormError::Grants
        );
        assert_eq!(refused(|form| form.access_token_seconds = Some(7200)), ClientFormError::Lifetime);
        for origin in ["*", "null", "https://a.example/", "http://a.example", "https://a.example/x"] {
            let error = refused(|form| {
                form.cors_origins.insert(origin.into());
            });
            assert_eq!(error, ClientFormError::Origin(origin.into()));
        }
        assert!(matches!(
            refused(|form| form.audiences.push("https://a.example#x".into())),
            ClientFormError::Audience(_)
        ));
        assert!(matches!(
            refused(|form| form.redirect_uris = vec!["https://a.example/".into(); 17]),
            ClientFormError::TooMany(..)
        ));
    }

    #[test]
    fn a_client_without_a_secret_has_none() {
        let client = ClientForm::wallet_app().into_client("app".parse().unwrap(), Timestamp::EPOCH).unwrap();
        assert!(!client.has_secret(&Secret::new(String::new())));
    }
}
