//! What a first contract is learned from: a request that passed, once it is known how the backend answered.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode, Uri};
use testudo_contract::Observation;
use testudo_gateway::Inbound;

use crate::learning::Learning;
use crate::snapshot::Snapshot;

/// A request to learn from.
pub struct Lesson {
    method: Method,
    uri: Uri,
    kind: Option<String>,
    body: Bytes,
    authenticated: bool,
}

impl Lesson {
    /// Keeps what is needed, where somebody learns. A body that was not read whole says nothing.
    pub fn begin(snapshot: &Snapshot, inbound: &Inbound, authenticated: bool, body: Option<Bytes>) -> Option<Lesson> {
        snapshot.learning.as_ref()?;
        let parts = &inbound.parts;
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        Some(Lesson { method: parts.method.clone(), uri: parts.uri.clone(), kind, body: body?, authenticated })
    }

    /// Learns from it.
    pub fn learn(self, learning: &Learning, status: StatusCode) {
        learning.observe(&Observation {
            method: &self.method,
            path: self.uri.path(),
            query: self.uri.query(),
            content_type: self.kind.as_deref(),
            body: &self.body,
            status: status.as_u16(),
            authenticated: self.authenticated,
        });
    }
}
