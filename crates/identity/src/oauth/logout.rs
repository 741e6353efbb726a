//! RP-initiated logout (`OpenID` Connect RP-Initiated Logout 1.0).

use std::sync::Arc;

use testudo_core::{Actor, ClientId, SessionId};
use testudo_crypto::jose::{self, Expect};

use super::authorize::with_params;
use super::claims::{HintClaims, ID};
use super::client::Client;
use super::params::Params;
use crate::session::SignedIn;
use crate::{Context, Identity, IdentityError};

/// What the browser is shown.
#[derive(Debug)]
pub enum LogoutOutcome {
    /// The session ended; go there.
    Redirect(String),
    /// The session ended, or there was none; say so.
    SignedOut,
    /// Nobody proved that the person wants this: ask her, then call again with `confirmed`.
    Confirm {
        /// The client that sends her, if it is known.
        client: Option<Arc<Client>>,
    },
    /// The request is not acceptable; nothing ended.
    ErrorPage {
        /// A stable code.
        code: &'static str,
        /// What is wrong and what to do.
        text: String,
    },
}

struct Request {
    client: Option<Arc<Client>>,
    session: Option<SessionId>,
    redirect: Option<String>,
}

impl Identity {
    /// Ends the session that the hint names or the browser is in. Without a hint of that very session, the person must
    /// confirm.
    pub async fn end_session(
        &self,
        query: &str,
        signed_in: Option<&SignedIn>,
        confirmed: bool,
        ctx: &Context,
    ) -> Result<LogoutOutcome, IdentityError> {
        let request = match self.logout_request(query, ctx).await? {
            Ok(request) => request,
            Err((code, text)) => return Ok(LogoutOutcome::ErrorPage { code, text: text.to_owned() }),
        };
        let here = signed_in.map(|signed_in| signed_in.session);
        let hinted = request.session.is_some() && (here.is_none() || here == request.session);
        if here.is_some() && !hinted && !confirmed {
            return Ok(LogoutOutcome::Confirm { client: request.client });
        }
        for session in [here, request.session.filter(|_| hinted)].into_iter().flatten() {
            let by = Actor {
                person: signed_in.map(|signed_in| signed_in.person),
                client: request.client.as_ref().map(|client| client.id.clone()),
                session: Some(session),
                ..Actor::default()
            };
            match self.revoke_session(session, by, "signed out", ctx).await {
                Ok(()) | Err(IdentityError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(request.redirect.map_or(LogoutOutcome::SignedOut, LogoutOutcome::Redirect))
    }

    async fn logout_request(
        &self,
        query: &str,
        ctx: &Context,
    ) -> Result<Result<Request, (&'static str, &'static str)>, IdentityError> {
        let Ok(params) = Params::parse(query) else {
            return Ok(Err(("logout-malformed", "the sign-out request is malformed")));
        };
        if params.repeated().is_some() {
            return Ok(Err(("parameter-repeated", "the sign-out request repeats a parameter")));
        }
        let hint = match params.get("id_token_hint") {
            None => None,
            // One that can't be verified (any more) proves nothing: the person is asked.
            Some(hint) => self.read_hint(hint)?,
        };
        let named = match params.get("client_id").map(str::parse::<ClientId>) {
            Some(Err(_)) => return Ok(Err(("client-unknown", "the client is unknown"))),
            Some(Ok(id)) => Some(id),
            None => None,
        };
        if let (Some(hint), Some(named)) = (&hint, &named)
            && hint.aud != *named
        {
            return Ok(Err(("client-mismatch", "`client_id` and `id_token_hint` name different clients")));
        }
        let client = match named.as_ref().or(hint.as_ref().map(|hint| &hint.aud)) {
            None => None,
            Some(id) => match self.client(id, ctx).await? {
                None => return Ok(Err(("client-unknown", "the client is unknown or disabled"))),
                found => found,
            },
        };
        let redirect = match (params.get("post_logout_redirect_uri"), &client) {
            (None, _) => None,
            (Some(uri), Some(client)) if client.post_logout_redirect_uris.iter().any(|known| known.matches(uri)) => {
                let state = params.get("state").filter(|state| state.len() <= 1024);
                Some(with_params(uri, state.map(|state| ("state", state))))
            }
            (Some(_), _) => {
                let text = "the `post_logout_redirect_uri` is not registered for this client; register the exact URI";
                return Ok(Err(("redirect-unregistered", text)));
            }
        };
        Ok(Ok(Request { client, session: hint.map(|hint| hint.sid), redirect }))
    }

    /// An ID token of ours, however old.
    fn read_hint(&self, hint: &str) -> Result<Option<HintClaims>, IdentityError> {
        let keys = self.keys()?;
        let verified = jose::verify(hint.as_bytes(), &keys.set, &Expect { typ: ID }).ok();
        let claims = verified.and_then(|verified| serde_json::from_slice::<HintClaims>(&verified.payload).ok());
        Ok(claims.filter(|claims| claims.iss == self.config.issuer))
    }
}
