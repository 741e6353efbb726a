//! One request with its answer on one connection.
//!
//! As long as the head of the answer is awaited, the future of the request writes and reads. When the answer begins
//! before the caller's body has ended, a task of its own sends the rest: the two directions never wait for each other.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body as _;

use super::content::take;
use super::request::{self, Upload};
use super::response::{self, Head, Parsed};
use super::wire::{Rewound, Wire};
use super::{Begun, Content, Download, NoAnswer};
use crate::body::{BodyError, InboundBody};

/// Interim answers before the final one.
pub(super) const MOST_INTERIM: u32 = 16;

type Cause = Box<dyn Error + Send + Sync>;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The connection ended.
    Closed(Cause),
    /// What came is no answer.
    Malformed(Cause),
    /// The caller's body broke off.
    Caller(BodyError),
}

impl From<NoAnswer> for Trouble {
    fn from(why: NoAnswer) -> Trouble {
        Trouble::Malformed(why.into())
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Closed(error.into())
    }
}

/// What the server answered.
#[derive(Debug)]
pub(crate) enum Answered {
    /// A head, and what follows it.
    Answer(Response<()>, Arriving),
    /// It speaks another protocol from here on.
    Switched(Response<()>, Rewound),
}

/// The content of an answer.
#[derive(Debug)]
pub(crate) enum Arriving {
    /// All of it is here. The connection, if it can be used again.
    Whole(Bytes, Option<Wire>),
    /// The rest is to be read.
    Rest(Download),
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(super) wire: Wire,
    upload: Option<Upload>,
    headless: bool,
    interim: u32,
    /// Others went before: see [`Exchange::poll_head`].
    stood_back: bool,
    /// Why the request could not be sent to its end. The answer may have come nonetheless.
    unsent: Option<io::Error>,
    /// Why the caller's body broke off while the answer was read.
    pub(super) broken: Option<BodyError>,
    /// Who reads the answer.
    pub(super) reader: Option<Waker>,
}

impl Exchange {
    /// Begins: nothing is written before the first poll.
    pub(crate) fn begin(mut wire: Wire, request: Request<InboundBody>) -> Exchange {
        let headless = *request.method() == Method::HEAD;
        let upload = request::encode(request, &mut wire.out);
        Exchange::new(wire, upload, headless)
    }

    fn new(mut wire: Wire, upload: Option<Upload>, headless: bool) -> Exchange {
        wire.heard = false;
        Exchange { wire, upload, headless, interim: 0, stood_back: false, unsent: None, broken: None, reader: None }
    }

    /// The same request without content on another connection.
    pub(crate) fn again(self, mut wire: Wire) -> Exchange {
        wire.out = self.wire.out.rewind();
        Exchange::new(wire, None, self.headless)
    }

    /// Whether a reused connection may have been closed before it heard of the request.
    pub(crate) fn is_unheard(&self) -> bool {
        self.wire.reused && !self.wire.heard
    }

    /// Writes, and waits for the answer to begin.
    ///
    /// It stands back once: what other callers have sent meanwhile is decided first, and then all requests go out
    /// together. Otherwise each would wake the server on its own, and the worker would sleep and wake for each answer.
    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Begun, Trouble>> {
        if !std::mem::replace(&mut self.stood_back, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.unsent.is_none()
            && let Poll::Ready(Err(Unsent::Caller(error))) = self.poll_send(cx)
        {
            return Poll::Ready(Err(Trouble::Caller(error)));
        }
        loop {
            if !self.wire.inbox.is_empty() {
                match response::parse(&mut self.wire.inbox, self.headless)? {
                    Parsed::More => {}
                    Parsed::Interim => {
                        self.interim += 1;
                        if self.interim > MOST_INTERIM {
                            return Poll::Ready(Err(NoAnswer::Interim.into()));
                        }
                        continue;
                    }
                    Parsed::Begun(begun) => return Poll::Ready(Ok(begun)),
                }
            }
            let error = match ready!(self.wire.poll_read(cx)) {
                Ok(0) => io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended before an answer"),
                Ok(_) => continue,
                Err(error) => error,
            };
            return Poll::Ready(Err(self.unsent.take().unwrap_or(error).into()));
        }
    }

    /// What is to be done with an answer that has begun.
    pub(crate) fn answered(self, begun: Begun) -> Answered {
        match begun {
            Begun::Answer(Head { response, content, keeps }) => {
                Answered::Answer(response, self.arriving(content, keeps))
            }
            Begun::Switched(response) => Answered::Switched(response, self.wire.into_stream()),
        }
    }

    fn arriving(mut self, mut content: Content, keeps: bool) -> Arriving {
        if self.is_sent() {
            let inbox = &mut self.wire.inbox;
            let whole = match &mut content {
                Content::Done => Some(Bytes::new()),
                Content::Length(length) => match usize::try_from(*length) {
                    Ok(length) if length <= inbox.len() => Some(take(inbox, length)),
                    _ => None,
                },
                Content::Chunked(_) | Content::UntilClose => None,
            };
            if let Some(whole) = whole {
                return Arriving::Whole(whole, self.into_wire(keeps));
            }
        }
        Arriving::Rest(Download::begin(self, content, keeps))
    }

    /// Nothing of the request is left to send.
    pub(super) fn is_sent(&self) -> bool {
        self.unsent.is_some() || (self.upload.is_none() && self.wire.is_written())
    }

    /// The connection for the next request, when both sides have said all and the server keeps it.
    pub(super) fn into_wire(self, keeps: bool) -> Option<Wire> {
        let again = keeps && self.unsent.is_none() && self.upload.is_none() && self.wire.is_clean();
        again.then(|| self.wire.rested())
    }

    /// Ready when everything was sent, or never will be.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsent>> {
        let sent = self.poll_send_more(cx);
        if let Poll::Ready(Err(Unsent::Server)) = sent {
            self.upload = None;
        }
        sent
    }

    fn poll_send_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsent>> {
        loop {
            let waits = self.fill(cx).map_err(Unsent::Caller)?.is_pending();
            if let Err(error) = ready!(self.wire.poll_write(cx)) {
                // It may have answered before it closed: what it said is read nonetheless.
                self.unsent = Some(error);
                return Poll::Ready(Err(Unsent::Server));
            }
            if self.upload.is_none() {
                return Poll::Ready(Ok(()));
            }
            if waits {
                return Poll::Pending;
            }
        }
    }

    /// Puts what there is of the caller's body behind what is to be written, as long as there is room.
    fn fill(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, BodyError> {
        let out = &mut self.wire.out;
        while let Some(upload) = self.upload.as_mut().filter(|_| out.has_room()) {
            match Pin::new(&mut upload.body).poll_frame(cx) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(Some(frame)) => {
                    // Trailers are dropped: they come after the decision.
                    if let Ok(data) = frame?.into_data() {
                        upload.put(data, out)?;
                    }
                    if upload.is_complete() && upload.body.is_end_stream() {
                        self.upload = None;
                    }
                }
                Poll::Ready(None) => {
                    upload.end(out)?;
                    self.upload = None;
                }
            }
        }
        Ok(Poll::Ready(()))
    }
}

/// Why a request was not sent to its end.
#[derive(Debug)]
pub(super) enum Unsent {
    /// The caller's body broke off.
    Caller(BodyError),
    /// The server takes no more.
    Server,
}
