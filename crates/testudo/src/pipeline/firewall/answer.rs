//! What the backend answers: its head and the beginning of its body are judged before either is delivered, so that what
//! leaks (an error of a database, a stack trace, a key) stays inside.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use testudo_core::{Control, Decision, Denial, RequestId};
use testudo_gateway::{BodyError, Outbound, ResponseBody};
use testudo_waf::{Connection, Intervention, Opening, RequestLine, Transaction};

use super::super::facts::Facts;
use super::super::mask::{Coding, Decoder, narrow};
use super::super::refuse;
use super::{Inspection, Shared};
use crate::firewall::Firewall;
use crate::firewall::routes::Judging;
use crate::snapshot::Snapshot;

/// The code of an answer that shows what it should not.
const LEAK: &str = "leak-suspected";
/// The most bytes of an answer that are held.
const HELD: usize = 128 * 1024;
/// Bytes that a coded answer may become when it is looked at.
const MOST_DECODED: usize = 256 * 1024;

impl Inspection {
    /// Whether answers are looked at.
    fn judges(&self, snapshot: &Snapshot) -> bool {
        (self.shared.is_some() || self.rested) && snapshot.firewall.as_ref().is_some_and(|firewall| firewall.answers)
    }

    /// Makes the request one whose answer can be read.
    pub fn ask(&self, snapshot: &Snapshot, outbound: &mut Outbound) {
        if self.judges(snapshot) {
            narrow(outbound.request.headers_mut());
        }
    }

    /// Judges an answer. What was found in it is refused in its place.
    pub async fn answer(
        &mut self,
        snapshot: &Snapshot,
        facts: &Facts,
        response: Response<ResponseBody>,
    ) -> (Response<ResponseBody>, Decision) {
        if !self.judges(snapshot) {
            return (response, Decision::default());
        }
        if self.rested {
            self.shared =
                snapshot.firewall.as_ref().zip(self.judging).map(|(firewall, judging)| again(firewall, judging, facts));
        }
        let Some(shared) = self.shared.clone() else { return (response, Decision::default()) };
        let request = facts.request;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS || shared.borrow().intervention().is_some() {
            return (response, Decision::default());
        }
        head(&mut shared.borrow_mut(), &response);
        if let Some(intervention) = shared.borrow().intervention() {
            return withheld(intervention, request);
        }
        if !shared.borrow_mut().reads_response() || response.body().is_end_stream() {
            return (response, Decision::default());
        }
        let coding = Coding::of(response.headers());
        let (parts, mut body) = response.into_parts();
        let read = read(&mut body).await;
        {
            let mut transaction = shared.borrow_mut();
            if let Some(coding) = coding {
                show(&mut transaction, coding, &read.frames);
            }
            transaction.response_end();
            if let Some(intervention) = transaction.intervention() {
                return withheld(intervention, request);
            }
        }
        (Response::from_parts(parts, read.body(body)), Decision::default())
    }
}

/// Tables for an answer whose request was judged before: rules set up what they need for it.
fn again(firewall: &Firewall, judging: Judging, facts: &Facts) -> Shared {
    let (client, id) = (facts.address.to_string(), facts.request.to_string());
    let connection = Connection { client: &client, client_port: 0, server: "", server_port: 0 };
    let opening = Opening { profile: judging.profile, taped: false };
    let mut transaction = firewall.waf_of(judging).open_with(&connection, &id, facts.now, opening);
    transaction.request_line(&RequestLine { method: b"GET", target: b"/", protocol: b"HTTP/1.1", raw: None });
    for (name, value) in [("Host", facts.host.as_deref().unwrap_or("-")), ("User-Agent", "-"), ("Accept", "*/*")] {
        transaction.request_header(name.as_bytes(), value.as_bytes());
    }
    transaction.request_head();
    Rc::new(RefCell::new(transaction))
}

fn head(transaction: &mut Transaction, response: &Response<ResponseBody>) {
    let protocol: &[u8] = match response.version() {
        Version::HTTP_10 => b"HTTP/1.0",
        Version::HTTP_2 => b"HTTP/2.0",
        _ => b"HTTP/1.1",
    };
    transaction.response_line(response.status().as_u16(), protocol);
    for (name, value) in response.headers() {
        transaction.response_header(name.as_str().as_bytes(), value.as_bytes());
    }
    transaction.response_head();
}

/// The beginning of an answer's body.
struct Begun {
    frames: VecDeque<Frame<Bytes>>,
    /// Whether it is all there is.
    whole: bool,
    error: Option<BodyError>,
}

/// Reads until the end, or until more was read than is held.
async fn read(body: &mut ResponseBody) -> Begun {
    let mut begun = Begun { frames: VecDeque::new(), whole: false, error: None };
    let mut held = 0;
    while held <= HELD {
        match std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            None => {
                begun.whole = true;
                break;
            }
            Some(Ok(frame)) => {
                held += frame.data_ref().map_or(0, Bytes::len);
                begun.frames.push_back(frame);
            }
            Some(Err(error)) => {
                begun.error = Some(error);
                break;
            }
        }
        if body.is_end_stream() {
            begun.whole = true;
            break;
        }
    }
    begun
}

impl Begun {
    /// The body as it was.
    fn body(mut self, rest: ResponseBody) -> ResponseBody {
        let single = self.whole && self.error.is_none() && self.frames.len() == 1;
        match self.frames.front().and_then(Frame::data_ref) {
            Some(bytes) if single => ResponseBody::from(bytes.clone()),
            _ => {
                let rest = (!self.whole && self.error.is_none()).then_some(rest);
                ResponseBody::boxed(Resumed { frames: std::mem::take(&mut self.frames), error: self.error, rest })
            }
        }
    }
}

/// A body whose beginning was read.
struct Resumed {
    frames: VecDeque<Frame<Bytes>>,
    error: Option<BodyError>,
    rest: Option<ResponseBody>,
}

impl Body for Resumed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(frame) = this.frames.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if let Some(error) = this.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match &mut this.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.error.is_none() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let here: usize = self.frames.iter().filter_map(Frame::data_ref).map(Bytes::len).sum();
        match self.rest.as_ref().map(|rest| rest.size_hint().exact()) {
            None if self.error.is_none() => SizeHint::with_exact(here as u64),
            Some(Some(rest)) => SizeHint::with_exact(rest + here as u64),
            _ => SizeHint::new(),
        }
    }
}

/// Shows the rules the body as a client would read it, as far as it can be decoded.
fn show(transaction: &mut Transaction, coding: Coding, frames: &VecDeque<Frame<Bytes>>) {
    let mut decoder = Decoder::new(coding);
    let (mut plain, mut total) = (Vec::new(), 0);
    for bytes in frames.iter().filter_map(Frame::data_ref) {
        if coding == Coding::Identity {
            transaction.response_body(bytes);
            continue;
        }
        let mut left: &[u8] = bytes;
        loop {
            plain.clear();
            let Ok(taken) = decoder.step(left, &mut plain) else { return };
            left = left.get(taken..).unwrap_or_default();
            total += plain.len();
            transaction.response_body(&plain);
            if total > MOST_DECODED || (plain.is_empty() && (left.is_empty() || taken == 0)) {
                break;
            }
        }
        if total > MOST_DECODED {
            return;
        }
    }
}

fn withheld(intervention: &Intervention, request: RequestId) -> (Response<ResponseBody>, Decision) {
    let text = format!(
        "the firewall withholds this answer of the backend, because it shows what it should not (rule {}); tell the operators \
         the request's id",
        intervention.rule()
    );
    let response = refuse::problem(StatusCode::BAD_GATEWAY, LEAK, &text, request);
    (response, Decision::deny(Control::Waf, Denial::Unavailable, LEAK, text))
}
