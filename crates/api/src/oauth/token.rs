//! The endpoints that clients call: token, revocation, introspection, userinfo.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use testudo_identity::{Context, OAuthError, TokenRequest};

use super::answer::{error, json, refuse};
use super::{OAuthState, cors, form};
use crate::CallFacts;
use crate::call::{authorization, context};

pub(super) async fn token(State(state): State<OAuthState>, request: Request) -> Response {
    let call = match Call::read(&state, request).await {
        Ok(call) => call,
        Err(response) => return *response,
    };
    let answer = match issue(&state, &call).await {
        Ok(response) => json(StatusCode::OK, &response.to_json()),
        Err(refused) => error(&refused, call.authorization.is_some()),
    };
    call.finish(&state, answer).await
}

async fn issue(state: &OAuthState, call: &Call) -> Result<testudo_identity::TokenResponse, OAuthError> {
    let (pending, decision) = state.identity.prepare(&call.request(), &call.ctx).await?;
    let actor = pending.actor();
    let decision = decision.and(state.gates.weigh(&pending, &call.ctx).await);
    match state.gates.issue(pending, decision, &call.facts) {
        Ok(admission) => state.identity.issue(admission, &call.ctx).await,
        Err(refusal) => {
            state.identity.announce_refused_token(actor, refusal.reason(), &call.ctx).await?;
            Err(OAuthError::from(&*refusal))
        }
    }
}

pub(super) async fn revoke(State(state): State<OAuthState>, request: Request) -> Response {
    let call = match Call::read(&state, request).await {
        Ok(call) => call,
        Err(response) => return *response,
    };
    let answer = match state.identity.revoke(&call.request(), &call.ctx).await {
        Ok(()) => json(StatusCode::OK, &serde_json::json!({})),
        Err(refused) => error(&refused, call.authorization.is_some()),
    };
    call.finish(&state, answer).await
}

pub(super) async fn introspect(State(state): State<OAuthState>, request: Request) -> Response {
    let call = match Call::read(&state, request).await {
        Ok(call) => call,
        Err(response) => return *response,
    };
    match state.identity.introspect(&call.request(), &call.ctx).await {
        Ok(found) => json(StatusCode::OK, &found),
        Err(refused) => error(&refused, call.authorization.is_some()),
    }
}

/// The token comes in the header only: neither in the query, where logs would keep it, nor in the body.
pub(super) async fn userinfo(State(state): State<OAuthState>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let Some((_, ctx)) = context(&parts, &*state.clock) else {
        return unprepared();
    };
    let mut answer = match state.identity.userinfo(authorization(&parts.headers), &ctx).await {
        Ok(claims) => json(StatusCode::OK, &claims),
        Err(refused) => error(&refused, false),
    };
    if let Some(origin) = cors::allowed(&state, &parts.headers).await {
        cors::allow(answer.headers_mut(), origin);
    }
    answer
}

/// A form that a client sent.
struct Call {
    facts: CallFacts,
    ctx: Context,
    headers: HeaderMap,
    form: String,
    authorization: Option<String>,
}

impl Call {
    async fn read(state: &OAuthState, request: Request) -> Result<Call, Box<Response>> {
        let (parts, body) = request.into_parts();
        let (facts, ctx) = context(&parts, &*state.clock).ok_or_else(|| Box::new(unprepared()))?;
        if parts.uri.query().is_some_and(|query| !query.is_empty()) {
            let text = "send parameters in the body only: logs keep what is in the address";
            return Err(Box::new(refuse(StatusCode::BAD_REQUEST, text)));
        }
        let form = form::read(&parts.headers, body).await?;
        let authorization = match authorization(&parts.headers).map(std::str::from_utf8) {
            None => None,
            Some(Ok(text)) => Some(text.to_owned()),
            Some(Err(_)) => {
                return Err(Box::new(refuse(StatusCode::BAD_REQUEST, "the Authorization header is malformed")));
            }
        };
        Ok(Call { facts, ctx, headers: parts.headers, form, authorization })
    }

    fn request(&self) -> TokenRequest<'_> {
        TokenRequest { form: &self.form, authorization: self.authorization.as_deref() }
    }

    async fn finish(&self, state: &OAuthState, mut answer: Response) -> Response {
        if let Some(origin) = cors::allowed(state, &self.headers).await {
            cors::allow(answer.headers_mut(), origin);
        }
        answer
    }
}

/// The pipeline did not set the facts of the call.
pub(super) fn unprepared() -> Response {
    crate::Problem::new(500, "internal", "the request did not come through the pipeline").into_response()
}
