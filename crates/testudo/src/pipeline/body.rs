//! A request's body before it is forwarded: it is read once, and judged by the contract and by the firewall.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use testudo_contract::{Checked, Found};
use testudo_core::{Control, Decision, Denial};
use testudo_gateway::{BodyError, Collected, InboundBody};

use super::decode::{Undo, Unread};
use super::firewall::{Flow, Inspection};
use crate::snapshot::Snapshot;

/// The most bytes of a body that are held. Up to here it is decided whole.
pub const HELD: usize = 256 * 1024;

/// What came of it.
#[derive(Default)]
pub struct Judged {
    /// The decision of contract and firewall.
    pub decision: Decision,
    /// What the contract found.
    pub checked: Checked,
    /// The whole body without its content coding, for who learns from it.
    pub plain: Option<Bytes>,
    /// What comes of a body that is judged as it flows.
    pub flow: Option<Flow>,
}

/// Judges a body, which is then as it was before. A longer one is judged as it flows where that can be, and its end is held
/// back until that is done.
pub async fn judge(
    snapshot: &Snapshot,
    found: Option<&Found<'_>>,
    inspection: &Inspection,
    headers: &HeaderMap,
    body: &mut InboundBody,
) -> Judged {
    let contract = &snapshot.contract;
    let checked_by_contract = found.filter(|_| !contract.is_open());
    let refused = |decision| Judged { decision, ..Judged::default() };
    if inspection.is_settled() && checked_by_contract.is_none() && snapshot.learning.is_none() {
        return refused(inspection.settled());
    }
    // Callers can't choose to pass unread by what they say of their body: its route must say so.
    let unread = inspection.refuses_nothing()
        || found.and_then(|found| found.route.rules.max_body).is_some_and(|most| most > HELD as u64);
    if is_grpc(headers) && (unread || inspection.is_settled() || snapshot.speaks_grpc()) {
        return refused(inspection.whole(b"", &Checked::default()));
    }
    let undo = match Undo::of(headers) {
        Ok(undo) => undo,
        Err(unread) => return refused(unread.decision()),
    };
    let longer = body.declared().is_some_and(|declared| declared > HELD as u64);
    let read = if longer { Ok(Collected::TooLarge(Bytes::new())) } else { body.read_up_to(HELD).await };
    match read {
        Ok(Collected::Whole(bytes)) => {
            let plain = match undo.all(&bytes) {
                Ok(plain) => plain,
                Err(unread) => return refused(unread.decision()),
            };
            let kind = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
            let checked = checked_by_contract.map_or_else(Checked::default, |found| {
                contract.check_body(found.route, kind, &plain, snapshot.config.contract.options())
            });
            let mut decision = checked.decision();
            if !decision.is_denied() || snapshot.config.server.observe {
                decision = decision.and(inspection.whole(&plain, &checked));
            }
            let plain = snapshot.learning.as_ref().map(|_| match plain {
                Cow::Borrowed(_) => bytes.clone(),
                Cow::Owned(plain) => plain.into(),
            });
            put_back(body, bytes);
            Judged { decision, checked, plain, flow: None }
        }
        Ok(Collected::TooLarge(bytes)) => {
            put_back(body, bytes);
            let kind = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
            let options = snapshot.config.contract.options();
            let uploads = checked_by_contract.map(|found| contract.uploads(found.route, kind, options)).transpose();
            let (uploads, checked) = match uploads {
                Ok(uploads) => (uploads.flatten(), Checked::default()),
                Err(checked) => (None, checked),
            };
            let decision = checked.decision();
            if decision.is_denied() && !snapshot.config.server.observe {
                return Judged { decision, checked, ..Judged::default() };
            }
            // What the firewall reads as a whole can't flow, whatever the contract takes it for.
            let flows = inspection.flows() || (inspection.is_settled() && uploads.is_some());
            if flows && undo.flows() {
                let flow = Some(inspection.watch(snapshot, uploads, undo, body));
                return Judged { decision: decision.and(inspection.settled()), checked, plain: None, flow };
            }
            let said = if !undo.flows() {
                Unread::Coding.decision()
            } else if unread {
                inspection.whole(b"", &Checked::default())
            } else {
                too_large()
            };
            Judged { decision: decision.and(said), checked, ..Judged::default() }
        }
        Err(error) => refused(broken(&error)),
    }
}

/// Messages of gRPC may wait for answers to those before, so none can be held back.
fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

fn put_back(body: &mut InboundBody, bytes: Bytes) {
    if !bytes.is_empty() {
        let rest = std::mem::replace(body, InboundBody::empty());
        *body = InboundBody::replay(bytes, rest);
    }
}

fn too_large() -> Decision {
    Decision::deny(
        Control::Contract,
        Denial::TooLarge,
        "body-too-large-to-inspect",
        "a form, JSON or XML body is read up to 256 KiB, and this route allows no more; see `max-body` of the contract",
    )
}

fn broken(error: &BodyError) -> Decision {
    let (control, denial, text) = match error {
        BodyError::TooLarge => {
            (Control::Contract, Denial::TooLarge, "the request body is larger than this route takes".to_owned())
        }
        BodyError::TooSlow | BodyError::Deadline => (Control::Transport, Denial::TooSlow, error.to_string()),
        _ => (Control::Transport, Denial::Malformed, error.to_string()),
    };
    Decision::deny(control, denial, error.code(), text)
}
