//! What people see when something can't be done. What went wrong inside is in the log, under the request's id.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use testudo_core::{Fault, RequestId};
use testudo_identity::{Context, IdentityError};

use crate::Web;
use crate::csp;
use crate::form::FormError;
use crate::pages::{MessagePage, Shell};
use crate::visit::{render, shell};

/// A page that says what is wrong and what to do.
pub(crate) struct Problem(Box<Told>);

struct Told {
    status: StatusCode,
    heading: &'static str,
    text: String,
    request: Option<RequestId>,
    service: Shell,
}

impl Problem {
    pub(crate) fn new(
        web: &Web,
        status: StatusCode,
        heading: &'static str,
        text: impl Into<String>,
        request: Option<RequestId>,
    ) -> Problem {
        Problem(Box::new(Told { status, heading, text: text.into(), request, service: shell(web) }))
    }

    /// The request came without its facts: the pipeline is not wired.
    pub(crate) fn no_context(web: &Web) -> Problem {
        tracing::error!("a page was asked for without the facts of its request; the pipeline must hand them in");
        Problem::new(web, StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", "Try again later.", None)
    }

    /// The form came from another site, or its token is not of this browser.
    pub(crate) fn foreign_form(web: &Web, ctx: &Context) -> Problem {
        let text = "The form was not sent from our own page, or your browser does not keep cookies. Go back, reload the \
                    page and try again.";
        Problem::new(web, StatusCode::FORBIDDEN, "This form can't be accepted", text, Some(ctx.request))
    }

    pub(crate) fn form(web: &Web, error: FormError, ctx: &Context) -> Problem {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
        Problem::new(web, status, "This form can't be read", sentence(&error.to_string()), Some(ctx.request))
    }

    pub(crate) fn identity(web: &Web, error: &IdentityError, ctx: &Context) -> Problem {
        let request = Some(ctx.request);
        let fault = error.fault();
        let status = StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match fault {
            Fault::Client => Problem::new(web, status, "That did not work", sentence(&error.to_string()), request),
            Fault::Peer | Fault::Dependency => {
                tracing::warn!(request = %ctx.request, %error, "a page could not be answered");
                Problem::new(web, status, "Try again in a moment", sentence(&error.to_string()), request)
            }
            Fault::Bug => {
                tracing::error!(request = %ctx.request, %error, "a page could not be answered");
                Problem::new(
                    web,
                    status,
                    "Something went wrong",
                    "It is our fault, not yours. Try again later.",
                    request,
                )
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Told { status, heading, text, request, service } = *self.0;
        let page = MessagePage { shell: service, heading: heading.to_owned(), text, request, link: None };
        let mut response = render(&page, status);
        csp::apply(response.headers_mut(), None);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// There is no page of this path.
pub(crate) async fn no_such_page(State(web): State<Web>, request: Request) -> Problem {
    let request = request.extensions().get::<Context>().map(|ctx| ctx.request);
    Problem::new(&web, StatusCode::NOT_FOUND, "There is no such page", "Check the address.", request)
}

/// An error's text as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}
