//! Refusals: one answer for all of them, which says why and what to do.

use std::rc::Rc;

use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use testudo_core::{Decision, Denial, Obligation, Refusal, RequestId};
use testudo_gateway::ResponseBody;
use testudo_limits::RateState;
use testudo_store::CommitError;

use super::facts::Facts;
use super::ledger::Ledger;
use super::{Worker, outbound};
use crate::snapshot::Snapshot;

/// A problem document (RFC 9457).
pub fn problem(status: StatusCode, code: &str, text: &str, request: RequestId) -> Response<ResponseBody> {
    let body = serde_json::json!({
        "type": format!("urn:testudo:problem:{code}"),
        "title": status.canonical_reason().unwrap_or("Refused"),
        "status": status.as_u16(),
        "code": code,
        "detail": text,
        "request": request,
    });
    let mut response = Response::new(ResponseBody::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Worker {
    /// Answers a refusal. That of a known caller is in the journal before she reads it.
    pub(super) async fn refuse(
        self: &Rc<Self>,
        snapshot: &Snapshot,
        mut ledger: Ledger,
        facts: &Facts,
        refusal: Refusal,
        rate: Option<RateState>,
        origin: Option<HeaderValue>,
    ) -> Response<ResponseBody> {
        self.metrics.refused(refusal.reason().control);
        ledger.refused(&refusal);
        let mut response = answer(&refusal, facts.request);
        outbound::finish(snapshot, facts, None, origin.as_ref(), rate, response.headers_mut());
        ledger.answered(response.status(), None);
        if let Err(unwritten) = ledger.commit().await {
            if matches!(unwritten, CommitError::Full | CommitError::Unavailable(_)) {
                // Said once, and counted: a line for each would fill what is left of a disk.
                self.node.journal.lost();
            } else {
                tracing::error!(error = %unwritten, "a refusal could not be written to the journal");
            }
            let text = "the journal can't be written; try again later";
            response = problem(StatusCode::SERVICE_UNAVAILABLE, "journal-unavailable", text, facts.request);
            outbound::finish(snapshot, facts, None, None, None, response.headers_mut());
        }
        response
    }
}

/// What a decision answers that came too late for a gate to refuse.
pub fn refusal(decision: &Decision, request: RequestId) -> Response<ResponseBody> {
    let (status, code, text) = match decision.reasons().first() {
        Some(reason) => (StatusCode::from_u16(reason.denial.status()), &*reason.code, &*reason.text),
        None => (Ok(StatusCode::FORBIDDEN), "refused", "the request was refused"),
    };
    problem(status.unwrap_or(StatusCode::FORBIDDEN), code, text, request)
}

fn answer(refusal: &Refusal, request: RequestId) -> Response<ResponseBody> {
    let reason = refusal.reason();
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::FORBIDDEN);
    let mut response = problem(status, &reason.code, &reason.text, request);
    let headers = response.headers_mut();
    let mut set = |name: header::HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    for obligation in refusal.decision().obligations() {
        match obligation {
            Obligation::RetryAfter(seconds) => set(header::RETRY_AFTER, seconds.to_string()),
            Obligation::AllowMethods(methods) => {
                set(header::ALLOW, methods.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
            }
            Obligation::StepUp(_) | Obligation::Mask(_) => {}
        }
    }
    if matches!(reason.denial, Denial::Unauthenticated | Denial::StepUp) || reason.code == "scope-missing" {
        let challenge = testudo_identity::challenge(reason, refusal.decision().obligations(), "");
        set(header::WWW_AUTHENTICATE, challenge);
    }
    if reason.denial == Denial::Unavailable && !headers.contains_key(header::RETRY_AFTER) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
