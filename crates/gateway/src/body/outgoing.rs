//! An answer on its way to the peer: over HTTP/2, what flow control holds back is counted for its connection, also after
//! the body itself has ended. A piece is counted until it is written or its stream is reset.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

use super::{BodyError, ResponseBody};
use crate::conn::ConnState;

/// A body whose pieces are counted.
pub(crate) struct Outgoing {
    body: ResponseBody,
    /// Who counts; nobody over HTTP/1.1, where hyper asks for a piece when the one before is written.
    conn: Option<Arc<ConnState>>,
}

impl Outgoing {
    pub(crate) fn new(body: ResponseBody, conn: Option<Arc<ConnState>>) -> Outgoing {
        Outgoing { body, conn }
    }
}

impl Body for Outgoing {
    type Data = Piece;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, BodyError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        polled.map_ok(|frame| frame.map_data(|bytes| Piece::new(bytes, this.conn.as_ref())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes of an answer.
pub(crate) struct Piece {
    bytes: Bytes,
    held: Option<(Arc<ConnState>, usize)>,
}

impl Piece {
    fn new(bytes: Bytes, conn: Option<&Arc<ConnState>>) -> Piece {
        let held = conn.map(|conn| (Arc::clone(conn), bytes.len()));
        if let Some((conn, length)) = &held {
            conn.hold(*length);
        }
        Piece { bytes, held }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some((conn, length)) = &self.held {
            conn.release(*length);
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        self.bytes.copy_to_bytes(length)
    }
}
