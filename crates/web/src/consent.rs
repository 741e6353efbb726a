//! Asking a person whether a client may act for her.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use testudo_identity::{AuthorizeOutcome, SignedIn};

use crate::Web;
use crate::pages::ConsentPage;
use crate::problem::{Problem, sentence};
use crate::return_to::ReturnTo;
use crate::visit::Visit;

pub(crate) async fn show(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let visit = Visit::open(&web, &request)?;
    let Some(return_to) = visit.return_to() else { return Err(no_request(&visit)) };
    let Some(who) = visit.signed_in().await? else {
        return Ok(visit.see(&ReturnTo::link("/sign-in", Some(&return_to))));
    };
    let outcome = decide(&visit, &return_to, &who, false).await?;
    let (client, scopes) = match outcome {
        AuthorizeOutcome::ConsentNeeded { client, scopes } => (client.name.clone(), scopes),
        // Something else comes first, or nothing is left to ask: the endpoint knows.
        _ => return Ok(visit.see(return_to.as_str())),
    };
    let person = web.identity.person(who.person).await.map_err(|error| visit.problem(&error))?;
    let page = ConsentPage {
        shell: visit.shell(),
        csrf: visit.csrf(),
        return_to: return_to.as_str().to_owned(),
        client,
        username: person.map(|stored| stored.document.username().to_owned()).unwrap_or_default(),
        scopes: scopes.iter().map(explain).collect(),
    };
    Ok(visit.page(StatusCode::OK, &page, Some(&return_to)))
}

pub(crate) async fn submit(State(web): State<Web>, request: Request) -> Result<Response, Problem> {
    let (visit, form) = Visit::posted(&web, request).await?;
    let Some(return_to) = ReturnTo::parse(form.text("return_to")) else { return Err(no_request(&visit)) };
    let Some(query) = return_to.authorize_query() else { return Err(no_request(&visit)) };
    let Some(who) = visit.signed_in().await? else {
        return Ok(visit.see(&ReturnTo::link("/sign-in", Some(&return_to))));
    };
    let outcome = match form.text("approve") {
        "yes" => decide(&visit, &return_to, &who, true).await?,
        // Only a clear yes is one.
        _ => web.identity.authorize_refused(query, &who, &visit.ctx).await.map_err(|error| visit.problem(&error))?,
    };
    match outcome {
        AuthorizeOutcome::Redirect(target) => Ok(visit.see(&target)),
        AuthorizeOutcome::ErrorPage { text, .. } => Err(bad_request(&visit, &text)),
        _ => Ok(visit.see(return_to.as_str())),
    }
}

async fn decide(
    visit: &Visit,
    return_to: &ReturnTo,
    who: &SignedIn,
    consented: bool,
) -> Result<AuthorizeOutcome, Problem> {
    let Some(query) = return_to.authorize_query() else { return Err(no_request(visit)) };
    let outcome = visit.web.identity.authorize(query, Some(who), None, consented, &visit.ctx).await;
    outcome.map_err(|error| visit.problem(&error))
}

fn no_request(visit: &Visit) -> Problem {
    bad_request(visit, "this page needs a request of an app; go back to the app and start again")
}

fn bad_request(visit: &Visit, text: &str) -> Problem {
    let heading = "The app's request can't be used";
    Problem::new(&visit.web, StatusCode::BAD_REQUEST, heading, sentence(text), Some(visit.ctx.request))
}

/// A scope in words. Those of the protected API speak for themselves.
pub(crate) fn explain(scope: &str) -> String {
    match scope {
        "openid" => "know who you are".to_owned(),
        "profile" => "see your name and user name".to_owned(),
        "email" => "see your e-mail address".to_owned(),
        "offline_access" => "stay connected when you are not using it".to_owned(),
        other => format!("use `{other}`"),
    }
}
