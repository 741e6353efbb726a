//! One request of a browser: its facts, its cookies, and the answer with its headers.

use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use testudo_core::Secret;
use testudo_identity::{Acr, Context, Entrance, IdentityError, NewSession, SignedIn};

use crate::csrf::FormKey;
use crate::form::{self, Form};
use crate::pages::Shell;
use crate::problem::Problem;
use crate::return_to::ReturnTo;
use crate::{Web, assets, cookies, csp, origin};

/// The longest query that is looked at.
const LONGEST_QUERY: usize = 32 * 1024;
const KNOWN_AGE: Duration = Duration::from_hours(180 * 24);

/// A request of a browser.
pub(crate) struct Visit {
    pub(crate) web: Web,
    pub(crate) ctx: Context,
    pub(crate) session: Option<Secret<String>>,
    pub(crate) pending: Option<Secret<String>>,
    pub(crate) known: Option<Secret<String>>,
    passkey: Option<Secret<String>>,
    /// Where the page is, as far as the browser says, and always one of our own.
    pub(crate) origin: String,
    key: FormKey,
    query: String,
    set: Vec<HeaderValue>,
    script: bool,
}

/// Who may use the pages of an account.
pub(crate) enum Entry {
    /// She.
    In(SignedIn),
    /// Nobody yet: this page comes first.
    Elsewhere(String),
}

impl Visit {
    /// A page is asked for.
    pub(crate) fn open(web: &Web, request: &Request) -> Result<Visit, Problem> {
        let ctx = request.extensions().get::<Context>().cloned().ok_or_else(|| Problem::no_context(web))?;
        let headers = request.headers();
        let names = cookies::names(web.identity.entrance());
        let query = request.uri().query().filter(|query| query.len() <= LONGEST_QUERY).unwrap_or_default();
        Ok(Visit {
            web: web.clone(),
            ctx,
            session: cookies::read(headers, names.session),
            pending: cookies::read(headers, names.pending),
            known: cookies::read(headers, names.known),
            passkey: cookies::read(headers, names.passkey),
            origin: origin_of(web, request),
            key: FormKey::from_cookie(cookies::read(headers, names.form)),
            query: query.to_owned(),
            set: Vec::new(),
            script: false,
        })
    }

    /// A form is posted: from one of our pages, by the browser that got it.
    pub(crate) async fn posted(web: &Web, request: Request) -> Result<(Visit, Form), Problem> {
        Visit::posted_up_to(web, request, form::LARGEST).await
    }

    /// The same for a form of at most so many bytes.
    pub(crate) async fn posted_up_to(web: &Web, request: Request, most: usize) -> Result<(Visit, Form), Problem> {
        let visit = Visit::open(web, &request)?;
        let (parts, body): (_, Body) = request.into_parts();
        if !origin::same_origin(text(&parts.headers, "origin"), text(&parts.headers, "sec-fetch-site"), &web.origins) {
            return Err(Problem::foreign_form(web, &visit.ctx));
        }
        let form =
            Form::read(&parts.headers, body, most).await.map_err(|error| Problem::form(web, error, &visit.ctx))?;
        if !visit.key.verify(&web.identity.store().ring(), form.text("csrf")) {
            return Err(Problem::foreign_form(web, &visit.ctx));
        }
        Ok((visit, form))
    }

    /// A parameter of the query. One that comes twice is none.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        let mut found = form_urlencoded::parse(self.query.as_bytes()).filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.into_owned());
        value.filter(|_| found.next().is_none())
    }

    /// Where to go after this, from the query.
    pub(crate) fn return_to(&self) -> Option<ReturnTo> {
        self.param("return_to").as_deref().and_then(ReturnTo::parse)
    }

    /// Who is signed in.
    pub(crate) async fn signed_in(&self) -> Result<Option<SignedIn>, Problem> {
        let found = self.web.identity.browser(self.session_cookie(), &self.ctx).await;
        found.map_err(|error| self.problem(&error))
    }

    /// Who may use the pages of an account: whoever is signed in, and at the admin address an administrator who has shown
    /// a second factor. `back` is where she comes from.
    pub(crate) async fn member(&self, back: &str) -> Result<Entry, Problem> {
        let back = ReturnTo::parse(back);
        let link = |page: &str| Entry::Elsewhere(ReturnTo::link(page, back.as_ref()));
        let Some(who) = self.signed_in().await? else { return Ok(link("/sign-in")) };
        if self.is_admin_address() && who.acr < Acr::SecondFactor {
            // It asks for one to be added when she has none.
            return Ok(link("/sign-in/factor"));
        }
        Ok(Entry::In(who))
    }

    pub(crate) fn is_admin_address(&self) -> bool {
        self.web.identity.entrance() == Entrance::Admin
    }

    /// Where to go when nothing else was asked for.
    pub(crate) fn home(&self) -> &'static str {
        if self.is_admin_address() { "/" } else { "/account" }
    }

    /// Whether whoever signs in, or is signed in, has a passkey for this address.
    pub(crate) async fn can_answer_with_passkey(&self) -> Result<bool, Problem> {
        let Ok(at) = self.passkey_origin() else { return Ok(false) };
        let identity = &self.web.identity;
        let found =
            identity.can_answer_with_passkey(self.pending_cookie(), self.session_cookie(), &at, &self.ctx).await;
        found.map_err(|error| self.problem(&error))
    }

    pub(crate) fn passkey_cookie(&self) -> Option<&str> {
        self.passkey.as_ref().map(|token| token.expose().as_str())
    }

    /// The page may run our script for passkeys.
    pub(crate) fn scripted(&mut self) {
        self.script = true;
    }

    pub(crate) fn session_cookie(&self) -> Option<&str> {
        self.session.as_ref().map(|token| token.expose().as_str())
    }

    pub(crate) fn pending_cookie(&self) -> Option<&str> {
        self.pending.as_ref().map(|token| token.expose().as_str())
    }

    pub(crate) fn problem(&self, error: &IdentityError) -> Problem {
        Problem::identity(&self.web, error, &self.ctx)
    }

    /// The token for the forms of this browser.
    pub(crate) fn csrf(&self) -> String {
        self.key.token(&self.web.identity.store().ring())
    }

    pub(crate) fn shell(&self) -> Shell {
        shell(&self.web)
    }

    /// Gives the browser a session: its cookie, the mark, and no half sign-in any more.
    pub(crate) fn keep_session(&mut self, session: &NewSession) {
        let age = self.web.identity.config().absolute(self.web.identity.entrance());
        let names = self.names();
        self.set.extend(names.set(names.session, &session.cookie, Some(age)));
        self.set.extend(names.set(names.known, &session.known, Some(KNOWN_AGE)));
        self.forget_pending();
    }

    fn names(&self) -> &'static cookies::Names {
        cookies::names(self.web.identity.entrance())
    }

    /// Gives the browser the token of a passkey's challenge.
    pub(crate) fn keep_passkey(&mut self, token: &Secret<String>) {
        let age = self.web.identity.config().passkey_within;
        self.set.extend(self.names().set(self.names().passkey, token, Some(age)));
    }

    pub(crate) fn forget_passkey(&mut self) {
        if self.passkey.is_some() {
            self.set.extend(self.names().clear(self.names().passkey));
        }
    }

    pub(crate) fn forget_session(&mut self) {
        self.set.extend(self.names().clear(self.names().session));
    }

    pub(crate) fn keep_pending(&mut self, token: &Secret<String>) {
        let age = self.web.identity.config().second_factor_within;
        self.set.extend(self.names().set(self.names().pending, token, Some(age)));
    }

    pub(crate) fn forget_pending(&mut self) {
        if self.pending.is_some() {
            self.set.extend(self.names().clear(self.names().pending));
        }
    }

    /// Answers with a page. Its forms may lead to the client of `return_to`, too.
    pub(crate) fn page(self, status: StatusCode, page: &impl Template, return_to: Option<&ReturnTo>) -> Response {
        let mut response = render(page, status);
        let target = return_to.and_then(ReturnTo::form_target);
        csp::apply(response.headers_mut(), target.as_deref());
        if self.script {
            csp::allow_script(response.headers_mut(), target.as_deref());
        }
        if let Some(value) = self.key.to_set() {
            let set = self.names().set(self.names().form, value, None);
            response.headers_mut().extend(set.map(|set| (header::SET_COOKIE, set)));
        }
        self.with_cookies(response)
    }

    /// Answers with a redirect that turns a POST into a GET (RFC 9110 section 15.4.4).
    pub(crate) fn see(self, target: &str) -> Response {
        let Ok(location) = HeaderValue::from_str(target) else {
            let text = "The address to go to next is not one. Start again in your app.";
            let problem = Problem::new(&self.web, StatusCode::BAD_REQUEST, "That did not work", text, None);
            return problem.into_response();
        };
        let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
        csp::apply(response.headers_mut(), None);
        self.with_cookies(response)
    }

    pub(crate) fn with_cookies(self, mut response: Response) -> Response {
        for cookie in self.set {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

pub(crate) fn shell(web: &Web) -> Shell {
    let service = web.identity.config().service_name.clone();
    Shell { service, stylesheet: assets::stylesheet_path(), passkeys: assets::passkey_script_path() }
}

pub(crate) fn render(page: &impl Template, status: StatusCode) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "something went wrong; try again later\n").into_response()
        }
    }
}

/// The one of our own origins at which a request was made: by its `Origin`, or by the host that it asks. The caller
/// decides by [`origin::same_origin`] whether to take it at all.
fn origin_of(web: &Web, request: &Request) -> String {
    let named = text(request.headers(), "origin");
    let host = request.uri().authority().map(axum::http::uri::Authority::as_str);
    let host = host.or_else(|| text(request.headers(), "host"));
    let by_origin = web.origins.iter().find(|own| named == Some(own.as_str()));
    let by_host = || web.origins.iter().find(|own| own.split_once("://").map(|(_, own)| own) == host);
    by_origin.or_else(by_host).or_else(|| web.origins.first()).cloned().unwrap_or_default()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    // What is no text is no origin of ours.
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}
