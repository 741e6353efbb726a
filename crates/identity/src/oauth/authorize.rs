//! The authorization endpoint (RFC 6749 section 4.1.1, `OpenID` Connect Core section 3.1.2, RFC 9207, RFC 9700).
//!
//! Errors go to the redirect URI only once client and redirect URI are proven; before that the person sees a page.

use std::sync::Arc;

use testudo_core::{Actor, ClientId, Control, EventKind, Timestamp};
use testudo_crypto::random;
use testudo_store::Tx;

use super::client::{Client, GrantType};
use super::code::Code;
use super::consent::Consent;
use super::params::Params;
use super::pkce::Challenge;
use super::scope::Scopes;
use crate::session::{Acr, SignedIn};
use crate::{Context, Identity, IdentityError};

const LONGEST_STATE: usize = 1024;
const LONGEST_NONCE: usize = 256;
const LONGEST_HINT: usize = 254;
/// Our own parameter: the person must have proven who she is after this instant (microseconds). It can only make a
/// request stricter.
const SINCE: &str = "authenticated_since";

/// What the browser is shown next.
#[derive(Debug)]
pub enum AuthorizeOutcome {
    /// Go there: with a code, or with an error for the client.
    Redirect(String),
    /// The person must sign in (again); then go to `/authorize?{resume}`.
    SignInNeeded {
        /// The client that asks.
        client: Arc<Client>,
        /// The query to come back with.
        resume: String,
        /// The name that the client thinks she signs in with.
        login_hint: Option<String>,
        /// The client wants her to make an account.
        create: bool,
    },
    /// The person must show a second factor; then go to `/authorize?{resume}`.
    StepUpNeeded {
        /// The client that asks.
        client: Arc<Client>,
        /// The query to come back with.
        resume: String,
        /// The strength that is needed.
        acr: Acr,
    },
    /// The person must be asked; then call again with the same query and `consented`, or [`Identity::authorize_refused`].
    ConsentNeeded {
        /// The client that asks.
        client: Arc<Client>,
        /// What it asks for.
        scopes: Scopes,
    },
    /// The request can't be trusted with a redirect.
    ErrorPage {
        /// A stable code.
        code: &'static str,
        /// What is wrong and what to do.
        text: String,
    },
}

/// Where the answer may go: client and redirect URI are proven.
struct Way {
    client: Arc<Client>,
    redirect_uri: String,
    state: Option<String>,
}

/// A request that is well-formed and that the client may make.
struct Request {
    challenge: Challenge,
    scopes: Scopes,
    audience: String,
    nonce: Option<String>,
    prompt: Prompt,
    fresh_since: Option<Timestamp>,
    acr: Option<Acr>,
    login_hint: Option<String>,
}

#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "these are the values of `prompt`, each there or not")]
struct Prompt {
    none: bool,
    login: bool,
    consent: bool,
    create: bool,
}

type Refused = (&'static str, &'static str);

impl Identity {
    /// Decides a request. `signed_in` is who the browser belongs to, `owed` the moment since which she has to show a
    /// second factor, if she has to; `consented` says that she has just allowed this very request.
    pub async fn authorize(
        &self,
        query: &str,
        signed_in: Option<&SignedIn>,
        owed: Option<Timestamp>,
        consented: bool,
        ctx: &Context,
    ) -> Result<AuthorizeOutcome, IdentityError> {
        let (params, way) = match self.way(query, ctx).await? {
            Ok(found) => found,
            Err(page) => return Ok(page),
        };
        let request = match self.read(&params, &way, ctx) {
            Ok(request) => request,
            Err((error, text)) => return Ok(self.error(&way, error, text)),
        };
        let Some(signed_in) = signed_in else {
            return Ok(self.ask_sign_in(&params, way, request, ctx));
        };
        let stale = request.fresh_since.is_some_and(|since| signed_in.auth_time < since);
        if request.prompt.login || stale {
            return Ok(self.ask_sign_in(&params, way, request, ctx));
        }
        let shown = signed_in.factor_time.filter(|_| signed_in.acr >= Acr::SecondFactor);
        let due = owed.filter(|since| shown.is_none_or(|at| at <= *since)).map(|_| Acr::SecondFactor);
        if let Some(acr) = due.or(request.acr.filter(|acr| signed_in.acr < *acr)) {
            if request.prompt.none {
                let text = "a second factor is needed and `prompt=none` forbids to ask for it";
                return Ok(self.error(&way, "interaction_required", text));
            }
            return Ok(AuthorizeOutcome::StepUpNeeded { client: way.client, resume: resume(&params, None), acr });
        }
        if !self.has_consent(&way.client, &request, signed_in, consented).await? {
            if request.prompt.none {
                let text = "the person has not allowed this yet and `prompt=none` forbids to ask";
                return Ok(self.error(&way, "consent_required", text));
            }
            return Ok(AuthorizeOutcome::ConsentNeeded { client: way.client, scopes: request.scopes });
        }
        self.give_code(way, request, signed_in, consented, ctx).await
    }

    /// The person said no: the client is told.
    pub async fn authorize_refused(
        &self,
        query: &str,
        signed_in: &SignedIn,
        ctx: &Context,
    ) -> Result<AuthorizeOutcome, IdentityError> {
        let (_, way) = match self.way(query, ctx).await? {
            Ok(found) => found,
            Err(page) => return Ok(page),
        };
        let actor = Actor {
            person: Some(signed_in.person),
            client: Some(way.client.id.clone()),
            session: Some(signed_in.session),
            ..Actor::default()
        };
        let mut tx = Tx::new();
        tx.event(ctx.event(EventKind::ConsentGiven).by(actor).failed(Control::Consent, "consent-refused"));
        self.store.commit(tx).await?;
        Ok(self.error(&way, "access_denied", "the person did not allow it"))
    }

    /// Proves client and redirect URI, or gives the page that says why not.
    async fn way(&self, query: &str, ctx: &Context) -> Result<Result<(Params, Way), AuthorizeOutcome>, IdentityError> {
        let page = |code, text: &str| Ok(Err(AuthorizeOutcome::ErrorPage { code, text: text.to_owned() }));
        let params = match Params::parse(query) {
            Ok(params) => params,
            Err(error) => return page("authorize-malformed", &error.to_string()),
        };
        if params.is_repeated("client_id") || params.is_repeated("redirect_uri") {
            return page(
                "parameter-repeated",
                "the app's request names itself or its address twice; it must do so once",
            );
        }
        let Some(Ok(id)) = params.get("client_id").map(str::parse::<ClientId>) else {
            return page("client-unknown", "the request does not say which app it comes from");
        };
        let Some(client) = self.client(&id, ctx).await? else {
            return page("client-unknown", "the app is unknown here or was disabled; ask its maker");
        };
        let Some(redirect_uri) = params.get("redirect_uri") else {
            return page("redirect-missing", "the app's request does not say where to return to");
        };
        if !client.redirect_uris.iter().any(|known| known.matches(redirect_uri)) {
            let text =
                "the app's request wants to return to an address that is not registered for it; nothing was sent";
            return page("redirect-unregistered", text);
        }
        let state = params.get("state").filter(|state| state.len() <= LONGEST_STATE && !params.is_repeated("state"));
        let way = Way { client, redirect_uri: redirect_uri.to_owned(), state: state.map(str::to_owned) };
        Ok(Ok((params, way)))
    }

    fn read(&self, params: &Params, way: &Way, ctx: &Context) -> Result<Request, Refused> {
        if params.repeated().is_some() {
            return Err(("invalid_request", "a parameter is there more than once; send it once"));
        }
        for (name, error) in [
            ("request", "request_not_supported"),
            ("request_uri", "request_uri_not_supported"),
            ("registration", "registration_not_supported"),
        ] {
            if params.get(name).is_some() {
                return Err((error, "request objects and registrations are not supported; send plain parameters"));
            }
        }
        if params.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(("invalid_request", "only `response_mode=query` is supported"));
        }
        match params.get("response_type") {
            Some("code") => {}
            Some(_) => return Err(("unsupported_response_type", "only `response_type=code` is supported")),
            None => return Err(("invalid_request", "the parameter `response_type` is missing; use `code`")),
        }
        if !way.client.may(GrantType::AuthorizationCode) {
            return Err(("unauthorized_client", "this client may not use codes"));
        }
        if params.get("state").is_some_and(|state| state.len() > LONGEST_STATE) {
            return Err(("invalid_request", "`state` is longer than 1024 characters"));
        }
        let challenge = challenge(params)?;
        let scopes = Scopes::parse(params.get("scope").unwrap_or_default())
            .map_err(|_| ("invalid_scope", "`scope` is not a list of scopes with single spaces between"))?;
        if !scopes.within(&way.client.scopes) {
            return Err(("invalid_scope", "this client may not ask for one of these scopes"));
        }
        let nonce = params.get("nonce").map(str::to_owned);
        if nonce.as_ref().is_some_and(|nonce| nonce.len() > LONGEST_NONCE) {
            return Err(("invalid_request", "`nonce` is longer than 256 characters"));
        }
        if params.get("audience").is_some() && params.get("resource").is_some() {
            return Err(("invalid_target", "use `resource` (RFC 8707) or `audience`, not both"));
        }
        let asked = params.get("resource").or_else(|| params.get("audience"));
        let audience = way.client.audience(asked, &self.config.audience);
        let audience = audience.ok_or(("invalid_target", "this client may not ask for tokens for this resource"))?;
        let mut prompt = prompt(params.get("prompt").unwrap_or_default())?;
        let max_age = params.get("max_age").map(seconds).transpose()?;
        let since = params.get(SINCE).map(since).transpose()?;
        // Age zero would ask for ever: it means a new sign-in.
        prompt.login |= max_age == Some(0) && since.is_none();
        let oldest = max_age.filter(|age| *age > 0).map(|age| ctx.now.minus(std::time::Duration::from_secs(age)));
        Ok(Request {
            challenge,
            scopes,
            audience: audience.to_owned(),
            nonce,
            prompt,
            fresh_since: oldest.max(since),
            acr: acr(params.get("acr_values").unwrap_or_default())?,
            login_hint: params.get("login_hint").filter(|hint| hint.len() <= LONGEST_HINT).map(str::to_owned),
        })
    }

    fn ask_sign_in(&self, params: &Params, way: Way, request: Request, ctx: &Context) -> AuthorizeOutcome {
        if request.prompt.none {
            let text = "nobody is signed in, or not freshly enough, and `prompt=none` forbids to ask";
            return self.error(&way, "login_required", text);
        }
        let since = (request.prompt.login).then_some(ctx.now);
        AuthorizeOutcome::SignInNeeded {
            client: way.client,
            resume: resume(params, since),
            login_hint: request.login_hint,
            create: request.prompt.create,
        }
    }

    async fn has_consent(
        &self,
        client: &Client,
        request: &Request,
        signed_in: &SignedIn,
        consented: bool,
    ) -> Result<bool, IdentityError> {
        if consented || (client.first_party && !request.prompt.consent) {
            return Ok(true);
        }
        if request.prompt.consent {
            return Ok(false);
        }
        let given = self.store.get::<Consent>(Consent::key(signed_in.person, &client.id)).await?;
        Ok(given.is_some_and(|given| given.document.covers(client, &request.scopes)))
    }

    async fn give_code(
        &self,
        way: Way,
        request: Request,
        signed_in: &SignedIn,
        consented: bool,
        ctx: &Context,
    ) -> Result<AuthorizeOutcome, IdentityError> {
        let secret = random::token();
        let code = Code {
            hash: Code::key(secret.expose()),
            client: way.client.id.clone(),
            person: signed_in.person,
            session: signed_in.session,
            redirect_uri: way.redirect_uri.clone(),
            challenge: request.challenge,
            scopes: request.scopes,
            audience: request.audience,
            nonce: request.nonce,
            auth_time: signed_in.auth_time,
            acr: signed_in.acr,
            amr: signed_in.amr.clone(),
            created: ctx.now,
            used: None,
        };
        let actor = Actor {
            person: Some(signed_in.person),
            client: Some(way.client.id.clone()),
            session: Some(signed_in.session),
            ..Actor::default()
        };
        let mut tx = Tx::new();
        tx.insert(&code);
        let announce = |kind| ctx.event(kind).by(actor.clone()).detail("scope", code.scopes.to_string());
        tx.event(announce(EventKind::CodeIssued));
        if consented && !way.client.first_party {
            let key = Consent::key(signed_in.person, &way.client.id);
            let old = self.store.get::<Consent>(key).await?.map(|old| old.document);
            let old = old.filter(|old| old.is_to(&way.client));
            let scopes = old.as_ref().map_or_else(|| code.scopes.clone(), |old| old.scopes.union(&code.scopes));
            let created = old.map_or(ctx.now, |old| old.created);
            let consent = Consent { person: signed_in.person, client: way.client.id.clone(), scopes, created };
            tx.put(&consent);
            tx.event(announce(EventKind::ConsentGiven));
        }
        self.store.commit(tx).await?;
        let params = [("code", secret.expose().as_str())].into_iter();
        let params = params.chain(way.state.as_deref().map(|state| ("state", state)));
        let url = with_params(&way.redirect_uri, params.chain([("iss", self.config.issuer.as_str())]));
        Ok(AuthorizeOutcome::Redirect(url))
    }

    fn error(&self, way: &Way, error: &str, text: &str) -> AuthorizeOutcome {
        let params = [("error", error), ("error_description", text)].into_iter();
        let params = params.chain(way.state.as_deref().map(|state| ("state", state)));
        AuthorizeOutcome::Redirect(with_params(&way.redirect_uri, params.chain([("iss", self.config.issuer.as_str())])))
    }
}

fn challenge(params: &Params) -> Result<Challenge, Refused> {
    match params.get("code_challenge_method") {
        Some("S256") => {}
        Some(_) => return Err(("invalid_request", "only `code_challenge_method=S256` is supported")),
        None => return Err(("invalid_request", "PKCE is required: send `code_challenge_method=S256`")),
    }
    let challenge = params.get("code_challenge").and_then(Challenge::parse);
    challenge
        .ok_or(("invalid_request", "PKCE is required: `code_challenge` is the base64url of a SHA-256, 43 characters"))
}

fn prompt(text: &str) -> Result<Prompt, Refused> {
    let mut prompt = Prompt::default();
    for value in text.split(' ').filter(|value| !value.is_empty()) {
        match value {
            "none" => prompt.none = true,
            "login" | "select_account" => prompt.login = true,
            "consent" => prompt.consent = true,
            "create" => prompt.create = true,
            _ => return Err(("invalid_request", "`prompt` knows none, login, consent, select_account and create")),
        }
    }
    if prompt.none && text.trim() != "none" {
        return Err(("invalid_request", "`prompt=none` stands alone"));
    }
    Ok(prompt)
}

fn seconds(text: &str) -> Result<u64, Refused> {
    let digits = text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(("invalid_request", "`max_age` is a number of seconds"))
}

fn since(text: &str) -> Result<Timestamp, Refused> {
    let digits = text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    let micros = text.parse().ok().filter(|_| digits);
    micros.map(Timestamp::from_micros).ok_or(("invalid_request", "`authenticated_since` is set by the server only"))
}

/// The weakest of the values that we know: any of the listed ones will do. Unknown ones are ignored (they are voluntary).
fn acr(text: &str) -> Result<Option<Acr>, Refused> {
    if text.len() > 512 {
        return Err(("invalid_request", "`acr_values` is longer than 512 characters"));
    }
    Ok(text.split(' ').filter_map(Acr::parse).min())
}

/// The query to come back with after the person did what she was asked for: what it asked for is not asked again, and
/// a demanded sign-in must be newer than `since`.
fn resume(params: &Params, since: Option<Timestamp>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params.iter().filter(|(_, value)| !value.is_empty()) {
        match name {
            "prompt" => {
                let rest: Vec<_> = value
                    .split(' ')
                    .filter(|value| !matches!(*value, "login" | "select_account" | "create" | ""))
                    .collect();
                if !rest.is_empty() {
                    query.append_pair(name, &rest.join(" "));
                }
            }
            "max_age" if value == "0" => {}
            SINCE if since.is_some() => {}
            _ => {
                query.append_pair(name, value);
            }
        }
    }
    if let Some(since) = since {
        query.append_pair(SINCE, &since.micros().to_string());
    }
    query.finish()
}

/// A URI with more query parameters.
pub(crate) fn with_params<'a>(uri: &str, params: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(params);
    let query = query.finish();
    if query.is_empty() {
        return uri.to_owned();
    }
    let mark = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{mark}{query}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_was_done_is_not_asked_again() {
        let params = Params::parse("a=1&prompt=login+consent&max_age=0&authenticated_since=5").unwrap();
        let query = resume(&params, Some(Timestamp::from_micros(9)));
        assert_eq!(query, "a=1&prompt=consent&authenticated_since=9");
        let params = Params::parse("prompt=login&max_age=60").unwrap();
        assert_eq!(resume(&params, None), "max_age=60");
    }

    #[test]
    fn parameters_are_appended() {
        assert_eq!(with_params("org.example:/cb", [("code", "a b")]), "org.example:/cb?code=a+b");
        assert_eq!(with_params("https://a.example/?x=1", [("y", "&")]), "https://a.example/?x=1&y=%26");
    }

    #[test]
    fn acr_values_are_alternatives() {
        assert_eq!(acr("urn:testudo:acr:2 other").unwrap(), Some(Acr::SecondFactor));
        assert_eq!(acr("urn:testudo:acr:2 urn:testudo:acr:1").unwrap(), Some(Acr::Password));
        assert_eq!(acr("other").unwrap(), None);
    }
}
