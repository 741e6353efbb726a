//! One request of a browser: its facts, its cookies, and the answer with its headers.

use std::time::Duration;

use askama::Template;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use testudo_core::Secret;
use testudo_identity::{Context, IdentityError, NewSession, SignedIn};

use crate::csrf::FormKey;
use crate::form::Form;
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
    key: FormKey,
    query: String,
    set: Vec<HeaderValue>,
}

impl Visit {
    /// A page is asked for.
    pub(crate) fn open(web: &Web, request: &Request) -> Result<Visit, Problem> {
        let ctx = request.extensions().get::<Context>().cloned().ok_or_else(|| Problem::no_context(web))?;
        let headers = request.headers();
        let query = request.uri().query().filter(|query| query.len() <= LONGEST_QUERY).unwrap_or_default();
        Ok(Visit {
            web: web.clone(),
            ctx,
            session: cookies::read(headers, cookies::SESSION_COOKIE),
            pending: cookies::read(headers, cookies::PENDING),
            known: cookies::read(headers, cookies::KNOWN),
            key: FormKey::from_cookie(cookies::read(headers, cookies::FORM)),
            query: query.to_owned(),
            set: Vec::new(),
        })
    }

    /// A form is posted: from one of our pages, by the browser that got it.
    pub(crate) async fn posted(web: &Web, request: Request) -> Result<(Visit, Form), Problem> {
        let visit = Visit::open(web, &request)?;
        let (parts, body): (_, Body) = request.into_parts();
        if !origin::same_origin(text(&parts.headers, "origin"), text(&parts.headers, "sec-fetch-site"), &web.origins) {
            return Err(Problem::foreign_form(web, &visit.ctx));
        }
        let form = Form::read(&parts.headers, body).await.map_err(|error| Problem::form(web, error, &visit.ctx))?;
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
        let age = self.web.identity.config().browser_absolute;
        self.set.extend(cookies::set(cookies::SESSION_COOKIE, &session.cookie, Some(age)));
        self.set.extend(cookies::set(cookies::KNOWN, &session.known, Some(KNOWN_AGE)));
        self.forget_pending();
    }

    pub(crate) fn forget_session(&mut self) {
        self.set.extend(cookies::clear(cookies::SESSION_COOKIE));
    }

    pub(crate) fn keep_pending(&mut self, token: &Secret<String>) {
        let age = self.web.identity.config().second_factor_within;
        self.set.extend(cookies::set(cookies::PENDING, token, Some(age)));
    }

    pub(crate) fn forget_pending(&mut self) {
        if self.pending.is_some() {
            self.set.extend(cookies::clear(cookies::PENDING));
        }
    }

    /// Answers with a page. Its forms may lead to the client of `return_to`, too.
    pub(crate) fn page(self, status: StatusCode, page: &impl Template, return_to: Option<&ReturnTo>) -> Response {
        let mut response = render(page, status);
        csp::apply(response.headers_mut(), return_to.and_then(ReturnTo::form_target).as_deref());
        if let Some(value) = self.key.to_set() {
            response
                .headers_mut()
                .extend(cookies::set(cookies::FORM, value, None).map(|set| (header::SET_COOKIE, set)));
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

    fn with_cookies(self, mut response: Response) -> Response {
        for cookie in self.set {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

pub(crate) fn shell(web: &Web) -> Shell {
    Shell { service: web.identity.config().service_name.clone(), stylesheet: assets::stylesheet_path() }
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

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    // What is no text is no origin of ours.
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}
