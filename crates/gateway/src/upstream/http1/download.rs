//! The content of an answer that is not here as a whole.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::exchange::{Exchange, Unsent};
use super::{Content, Piece, Wire};
use crate::body::BodyError;

/// A server that takes nothing of a request for so long does not get the rest of it.
const STALL: Duration = Duration::from_mins(1);

/// Reads the rest of an answer, while the rest of the request may still be on its way.
#[derive(Debug)]
pub(crate) struct Download {
    exchange: Rc<RefCell<Exchange>>,
    content: Content,
    keeps: bool,
    sending: Option<Sending>,
}

/// The task that sends the rest of the request; it ends with the reader, unless it is left to itself.
#[derive(Debug)]
struct Sending(Option<JoinHandle<()>>);

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Download {
    pub(super) fn begin(exchange: Exchange, content: Content, keeps: bool) -> Download {
        let sent = exchange.is_sent();
        let exchange = Rc::new(RefCell::new(exchange));
        let sending = (!sent).then(|| Sending(Some(tokio::task::spawn_local(send_rest(exchange.clone())))));
        Download { exchange, content, keeps, sending }
    }

    /// The next piece, which is never [`Piece::More`].
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, BodyError>> {
        let mut exchange = self.exchange.borrow_mut();
        loop {
            if let Some(broken) = exchange.broken.take() {
                return Poll::Ready(Err(broken));
            }
            match self.content.next(&mut exchange.wire.inbox) {
                Ok(Piece::More) => {}
                Ok(piece) => return Poll::Ready(Ok(piece)),
                Err(why) => return Poll::Ready(Err(BodyError::UpstreamBroken(why.into()))),
            }
            if self.sending.is_some() {
                exchange.reader = Some(cx.waker().clone());
            }
            let error = match ready!(exchange.wire.poll_read(cx)) {
                Ok(0) if self.content.ends_with_connection() => {
                    self.content = Content::Done;
                    return Poll::Ready(Ok(Piece::End));
                }
                Ok(0) => io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended within the answer"),
                Ok(_) => continue,
                Err(error) => error,
            };
            return Poll::Ready(Err(BodyError::UpstreamBroken(error.into())));
        }
    }

    /// Nothing is left to read.
    pub(crate) fn is_done(&self) -> bool {
        self.content.is_done()
    }

    /// The length of what is left, if it is known.
    pub(crate) fn left(&self) -> Option<u64> {
        self.content.left()
    }

    /// After the last piece: the connection, if it can be used again. What is left of the request goes on being sent:
    /// a server may answer early and read all the same.
    pub(crate) fn finish(self) -> Option<Wire> {
        if let Some(mut sending) = self.sending {
            sending.0 = None;
        }
        Rc::try_unwrap(self.exchange).ok()?.into_inner().into_wire(self.keeps)
    }
}

async fn send_rest(exchange: Rc<RefCell<Exchange>>) {
    loop {
        let before = exchange.borrow().wire.sent;
        let sent = tokio::time::timeout(STALL, std::future::poll_fn(|cx| exchange.borrow_mut().poll_send(cx))).await;
        let mut exchange = exchange.borrow_mut();
        match sent {
            Ok(Ok(()) | Err(Unsent::Server)) => return,
            Ok(Err(Unsent::Caller(error))) => exchange.broken = Some(error),
            Err(_) if exchange.wire.sent != before => continue,
            Err(_) => exchange.broken = Some(BodyError::UpstreamStalled),
        }
        if let Some(reader) = exchange.reader.take() {
            reader.wake();
        }
        return;
    }
}
