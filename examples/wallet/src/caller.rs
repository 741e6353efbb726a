//! Who calls, as the gateway says.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::refusal::Refusal;

/// The person who calls, and what the token may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Caller {
    /// The person's id.
    pub person: String,
    /// The app that calls.
    pub client: Option<String>,
    scopes: Vec<String>,
}

impl Caller {
    /// Refuses unless the token has the scope.
    pub(crate) fn needs(&self, scope: &'static str) -> Result<(), Refusal> {
        if self.scopes.iter().any(|own| own == scope) { Ok(()) } else { Err(Refusal::Scope(scope)) }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Refusal> {
        let header = |name: &str| {
            let mut all = parts.headers.get_all(name).iter();
            let first = all.next()?.to_str().ok()?;
            all.next().is_none().then_some(first)
        };
        let person =
            header("testudo-person").filter(|person| (1..=64).contains(&person.len())).ok_or(Refusal::Nobody)?;
        let scopes = header("testudo-scopes").unwrap_or_default().split_ascii_whitespace().map(Into::into).collect();
        Ok(Caller { person: person.to_owned(), client: header("testudo-client").map(Into::into), scopes })
    }
}
