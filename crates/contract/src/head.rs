//! The head of a request, and what it means that it has no route.

use http::{HeaderMap, Method};
use testudo_core::{Control, Decision, Denial, Obligation};

use crate::router::RouteMatch;

/// The head of a request.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path as it came, without the query.
    pub path: &'a str,
    /// The query as it came, without the question mark.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
}

/// Turns a match into a decision of [`Control::Contract`].
pub fn decide_route(found: &RouteMatch<'_>) -> Decision {
    match found {
        RouteMatch::Found(_) => Decision::allow(Control::Contract),
        RouteMatch::NoSuchPath => {
            Decision::deny(Control::Contract, Denial::NotFound, "no-such-path", "the API has no such path")
        }
        RouteMatch::NoSuchMethod { allow } => {
            let code = "no-such-method";
            let text = "the path has no such method; see the `Allow` header";
            Decision::deny(Control::Contract, Denial::MethodNotAllowed, code, text)
                .oblige(Obligation::AllowMethods((*allow).clone()))
        }
        RouteMatch::Malformed(error) => {
            Decision::deny(Control::Contract, Denial::Malformed, error.code(), error.to_string())
        }
    }
}
