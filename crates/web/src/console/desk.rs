//! An administrator at the console: who she is, what she may, and the gates that her acts and reveals pass.
//!
//! Every page asks for a permission, and for a session with a second factor. What changes something also needs a factor
//! of the last ten minutes and a reason, passes the gate [`Execute`], and leaves its event whether it was done or refused.

use std::collections::BTreeSet;
use std::future::Future;

use askama::Template;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use testudo_access::{AdminContext, Permission, Role};
use testudo_core::{
    Actor, Admission, Control, ControlSet, Decision, Disclose, Event, EventKind, Execute, PersonId, Refusal, Verdict,
};
use testudo_identity::{Acr, SignedIn};
use testudo_store::Tx;

use super::Console;
use super::disclosure::Disclosure;
use super::house::{Act, HouseError};
use super::layout::{Layout, Refused};
use crate::form::Form;
use crate::problem::Problem;
use crate::return_to::ReturnTo;
use crate::visit::{Visit, render};
use crate::{assets, csp};

/// The page that asks for a fresh factor.
const CONFIRM: &str = "/confirm";

/// A page, or what is answered in its place.
pub(crate) type Answer = Result<Response, Response>;

/// An administrator's request.
pub(crate) struct Desk {
    pub(crate) console: Console,
    pub(crate) visit: Visit,
    pub(crate) who: SignedIn,
    name: String,
    path: String,
}

impl Desk {
    /// A page is asked for.
    pub(crate) fn open(
        console: &Console,
        request: &Request,
        needs: Permission,
    ) -> impl Future<Output = Result<Desk, Response>> + Send + use<> {
        // The body of a request can't be shared: what is needed of it is taken before anything is waited for.
        let visit = Visit::open(&console.web, request);
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let (console, path) = (console.clone(), request.uri().path().to_owned());
        async move { Desk::seat(&console, visit.map_err(IntoResponse::into_response)?, target, needs, &path).await }
    }

    /// A form is posted, of at most so many bytes. `again` is the page that asked for it.
    pub(crate) async fn posted(
        console: &Console,
        request: Request,
        needs: Permission,
        again: &str,
        most: usize,
    ) -> Result<(Desk, Form), Response> {
        let path = request.uri().path().to_owned();
        let posted = Visit::posted_up_to(&console.web, request, most).await;
        let (visit, form) = posted.map_err(IntoResponse::into_response)?;
        let desk = Desk::seat(console, visit, again.to_owned(), needs, &path).await?;
        Ok((desk, form))
    }

    async fn seat(
        console: &Console,
        visit: Visit,
        target: String,
        needs: Permission,
        path: &str,
    ) -> Result<Desk, Response> {
        let back = ReturnTo::parse(&target);
        let who = visit.signed_in().await.map_err(IntoResponse::into_response)?;
        let Some(who) = who else { return Err(visit.see(&ReturnTo::link("/sign-in", back.as_ref()))) };
        let found = console.web.identity.person(who.person).await;
        let found = found.map_err(|error| visit.problem(&error).into_response())?;
        let name = found.map(|stored| stored.document.username().to_owned()).unwrap_or_default();
        let desk = Desk { console: console.clone(), visit, who, name, path: path.to_owned() };
        if desk.roles().is_empty() {
            return Err(desk
                .refused(needs, "no-role", "Your account administers nothing. An owner can give you a role.")
                .await);
        }
        if desk.who.acr < Acr::SecondFactor {
            return Err(desk.confirm(&target));
        }
        let decision = desk.decide(needs);
        match decision.verdict() {
            Verdict::Allow => Ok(desk),
            Verdict::Challenge => Err(desk.confirm(&target)),
            Verdict::Deny => Err(desk.refused_by(&decision, needs).await),
        }
    }

    fn roles(&self) -> BTreeSet<Role> {
        self.who.roles.iter().filter_map(|role| role.parse().ok()).collect()
    }

    /// What the policies for administrators say now.
    pub(crate) fn decide(&self, permission: Permission) -> Decision {
        let age = self.who.factor_age(self.visit.ctx.now);
        let context = AdminContext {
            acr: self.who.acr.level(),
            factor_age_s: age.map(|age| u32::try_from(age.as_secs()).unwrap_or(u32::MAX)),
            role: None,
        };
        self.console.policies.authorize(&self.roles(), permission, &context)
    }

    /// Whether she may, perhaps after a fresh factor; for what a page offers, never to decide.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.roles().into_iter().any(|role| self.console.policies.could(role, permission))
    }

    /// Whether she showed a second factor just now.
    pub(crate) fn is_fresh(&self) -> bool {
        self.who.has_fresh_factor(self.visit.ctx.now)
    }

    /// Asks for a fresh factor, and comes back to `target`.
    pub(crate) fn confirm(self, target: &str) -> Response {
        let back = ReturnTo::parse(target);
        self.visit.see(&ReturnTo::link(CONFIRM, back.as_ref()))
    }

    /// Who does it, for events.
    pub(crate) fn actor(&self) -> Actor {
        Actor { person: Some(self.who.person), session: Some(self.who.session), ..Actor::default() }
    }

    /// An event of this request.
    pub(crate) fn event(&self, kind: EventKind) -> Event {
        self.visit.ctx.event(kind).by(self.actor()).detail("via", "console")
    }

    /// What the gate [`Execute`] says of an act: nothing is done without what this returns.
    pub(crate) async fn execute(&self, act: Act, needs: Permission) -> Result<Admission<Execute, Act>, Response> {
        let stale = Decision::challenge(
            Control::Mfa,
            testudo_core::Denial::StepUp,
            "factor-not-fresh",
            "this needs a second factor of the last ten minutes",
        );
        let fresh = if self.is_fresh() { Decision::allow(Control::Mfa) } else { stale };
        let decision =
            Decision::allow(Control::Authentication).and(self.decide(needs)).and(fresh).and(self.console.house.audit());
        match decision.admit::<Execute, _>(act, ControlSet::of(&[Control::Mfa])) {
            Ok(admission) => Ok(admission),
            Err(refusal) => Err(self.shut(&refusal, needs).await),
        }
    }

    /// The same without a fresh factor, for what takes nothing from anybody.
    pub(crate) async fn admit(&self, act: Act, needs: Permission) -> Result<Admission<Execute, Act>, Response> {
        let decision = Decision::allow(Control::Authentication).and(self.decide(needs)).and(self.console.house.audit());
        match decision.admit::<Execute, _>(act, ControlSet::EMPTY) {
            Ok(admission) => Ok(admission),
            Err(refusal) => Err(self.shut(&refusal, needs).await),
        }
    }

    /// Has it done, and says how that went.
    pub(crate) async fn perform(
        &self,
        act: Act,
        needs: Permission,
        reason: &str,
    ) -> Result<Result<(), HouseError>, Response> {
        let admission = self.execute(act, needs).await?;
        Ok(self.console.house.act(admission, self.actor(), reason).await)
    }

    /// Personal data in full, once the gate [`Disclose`] admits them. That they are shown, or were refused, is in the
    /// journal before anybody sees them.
    pub(crate) async fn disclose<T>(&self, disclosure: Disclosure<T>, reason: &str) -> Result<T, Response> {
        let event = self.event(EventKind::Disclosed).on(disclosure.what());
        let mut event = event.detail("records", disclosure.records().to_string()).detail("reason", reason);
        if let Some(target) = disclosure.target() {
            event = event.detail("record", target);
        }
        let decision = Decision::allow(Control::Authentication)
            .and(self.decide(Permission::Reveal))
            .and(self.console.house.audit());
        match decision.admit::<Disclose, _>(disclosure, ControlSet::EMPTY) {
            Ok(admission) => {
                self.commit(event).await?;
                Ok(Disclosure::open(admission))
            }
            Err(refusal) => {
                let reason = refusal.reason();
                self.commit(event.failed(reason.control, reason.code.clone())).await?;
                Err(self.refusal(refusal.status(), &refusal.reason().text))
            }
        }
    }

    /// The same for what the top floor opens.
    pub(crate) async fn unmask(
        &self,
        secret: super::Secret,
        reason: &str,
    ) -> Result<Result<String, HouseError>, Response> {
        let event = self.event(EventKind::Disclosed).on("measure").detail("records", "1").detail("reason", reason);
        let decision = Decision::allow(Control::Authentication)
            .and(self.decide(Permission::Reveal))
            .and(self.console.house.audit());
        match decision.admit::<Disclose, _>(secret, ControlSet::EMPTY) {
            Ok(admission) => {
                self.commit(event).await?;
                Ok(self.console.house.reveal(admission).await)
            }
            Err(refusal) => {
                let reason = refusal.reason();
                self.commit(event.failed(reason.control, reason.code.clone())).await?;
                Err(self.refusal(refusal.status(), &refusal.reason().text))
            }
        }
    }

    pub(crate) async fn commit(&self, event: Event) -> Result<(), Response> {
        let mut tx = Tx::new();
        tx.event(event);
        match self.console.store().commit(tx).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.visit.problem(&error.into()).into_response()),
        }
    }

    async fn shut(&self, refusal: &Refusal, needs: Permission) -> Response {
        let reason = refusal.reason();
        let event = self.event(EventKind::AdminActed).on(self.operation()).detail("permission", needs.name());
        match self.commit(event.failed(reason.control, reason.code.clone())).await {
            Ok(()) => self.refusal(refusal.status(), &reason.text),
            Err(response) => response,
        }
    }

    async fn refused_by(&self, decision: &Decision, needs: Permission) -> Response {
        let reason = decision.reasons().first();
        let code = reason.map_or("control-unavailable", |reason| &*reason.code).to_owned();
        let text = reason.map_or("Authorization gave no answer. Try again.", |reason| &*reason.text).to_owned();
        self.refused(needs, &code, &text).await
    }

    async fn refused(&self, needs: Permission, code: &str, text: &str) -> Response {
        let event = self.event(EventKind::AdminActed).on(self.operation()).detail("permission", needs.name());
        match self.commit(event.failed(Control::Authorization, code.to_owned())).await {
            Ok(()) => self.refusal(403, text),
            Err(response) => response,
        }
    }

    /// The path without its ids, for events.
    fn operation(&self) -> String {
        let part = |part: &str| {
            let id = part.contains('_') || part.bytes().any(|byte| byte.is_ascii_digit());
            if id { "{id}".to_owned() } else { part.chars().take(32).collect() }
        };
        let parts: Vec<String> = self.path.split('/').take(6).map(part).collect();
        format!("console {}", parts.join("/"))
    }

    fn refusal(&self, status: u16, text: &str) -> Response {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
        let text = crate::problem::sentence(text);
        let page = Refused { layout: self.layout("Not allowed", ""), text, request: self.visit.ctx.request };
        dressed(render(&page, status))
    }

    /// What could not be known or done.
    pub(crate) fn trouble(&self, error: &HouseError) -> Response {
        let status = match error {
            HouseError::NotFound(_) => StatusCode::NOT_FOUND,
            HouseError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            HouseError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let heading = if status == StatusCode::NOT_FOUND { "Not found" } else { "That did not work" };
        let text = crate::problem::sentence(&error.to_string());
        let page = Refused { layout: self.layout(heading, ""), text, request: self.visit.ctx.request };
        dressed(render(&page, status))
    }

    /// There is no such thing.
    pub(crate) fn missing(&self, what: &'static str) -> Response {
        self.trouble(&HouseError::NotFound(what))
    }

    /// The store could not be read.
    pub(crate) fn unread(&self, error: testudo_store::ReadError) -> Response {
        let problem: Problem = self.visit.problem(&error.into());
        problem.into_response()
    }

    /// What every page has. `here` is the menu's entry.
    pub(crate) fn layout(&self, title: impl Into<String>, here: &'static str) -> Layout {
        let done = self.visit.param("done");
        Layout {
            title: title.into(),
            service: self.visit.shell().service,
            stylesheet: assets::console_style_path(),
            script: assets::console_script_path(),
            icon: assets::icon_path(),
            menu: super::layout::menu(here, |permission| self.may(permission)),
            name: super::disclosure::visible(&self.name),
            csrf: self.visit.csrf(),
            notice: done.as_deref().and_then(super::layout::notice),
            observe: self.console.house.observes(),
            now: super::when::When::minute(self.visit.ctx.now),
        }
    }

    /// Answers with a page.
    pub(crate) fn page(self, page: &impl Template) -> Response {
        self.page_with(StatusCode::OK, page)
    }

    /// Answers with a page and a status.
    pub(crate) fn page_with(self, status: StatusCode, page: &impl Template) -> Response {
        dressed(self.visit.page(status, page, None))
    }

    /// The person that a pseudonym stands for, from what the journal sealed under it.
    pub(crate) async fn person_of(&self, pseudonym: testudo_core::Pseudonym) -> Result<Option<PersonId>, Response> {
        let filter = testudo_store::JournalFilter {
            person: Some(pseudonym),
            newest_below: Some(u64::MAX),
            ..testudo_store::JournalFilter::default()
        };
        let store = self.console.store();
        let entries = store.read_journal(0, 8, &filter).await.map_err(|error| self.unread(error))?;
        for entry in entries {
            let event = store.open_entry(&entry).await.map_err(|error| self.unread(error))?.event;
            let found = event.subject.into_iter().chain(event.actor.person);
            if let Some(person) = found.into_iter().find(|person| store.person_pseudonym(*person) == pseudonym) {
                return Ok(Some(person));
            }
        }
        Ok(None)
    }
}

/// The headers of the console's pages: the policy of scripts on top of what all pages have.
pub(crate) fn dressed(mut response: Response) -> Response {
    csp::apply_console(response.headers_mut());
    response
}

/// Makes a file of an answer that the browser saves and never shows.
pub(crate) fn download(name: &str, media: &'static str, bytes: Vec<u8>) -> Response {
    let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(120).collect();
    let mut response =
        (StatusCode::OK, [(header::CONTENT_TYPE, HeaderValue::from_static(media))], bytes).into_response();
    csp::apply_console(response.headers_mut());
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
