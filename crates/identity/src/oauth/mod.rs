//! What a client may do in a person's name: the OAuth 2.1 and `OpenID` Connect protocol engine.
//!
//! One file per concept; the trip of a sign-in goes `authorize` -> `code` -> `token` (prepare, issue) -> `family`.

mod access;
mod authority;
mod authorize;
mod caller;
mod claims;
mod client;
mod client_auth;
mod clients;
mod code;
mod consent;
mod discovery;
mod families;
mod family;
mod fault;
mod introspect;
mod issue;
mod keys;
mod logout;
mod params;
mod pkce;
mod redirect;
mod refresh_token;
mod revoke;
mod scope;
mod sessions;
#[cfg(test)]
mod tests;
mod token;
mod userinfo;

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::{Mutex, RwLock};
use testudo_core::{ClientId, Timestamp};

pub use authority::{Authority, TokenCache, challenge};
pub use authorize::AuthorizeOutcome;
pub use caller::Caller;
pub use client::{Client, ClientForm, ClientFormError, ClientState, ClientType, GrantType};
pub use clients::Registered;
pub use consent::Allowed;
pub use family::{Family, FamilyState};
pub use fault::{OAuthCode, OAuthError};
pub use issue::TokenResponse;
pub use keys::{KeyInfo, KeyState, Rotation};
pub use logout::LogoutOutcome;
pub use params::{Params, ParamsError};
pub use redirect::{RedirectUri, RedirectUriError};
pub use scope::{ScopeError, Scopes};
pub use token::{Pending, TokenRequest};

/// How many clients are kept in memory.
const CLIENTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);

/// What the protocol engine keeps in memory: the signing keys, and clients for a few seconds.
pub(crate) struct Memory {
    pub(crate) keys: RwLock<Option<Arc<keys::Keys>>>,
    pub(crate) clients: Mutex<LruCache<ClientId, (Arc<Client>, Timestamp)>>,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory { keys: RwLock::new(None), clients: Mutex::new(LruCache::new(CLIENTS)) }
    }
}
