//! One HTTP/1.1 connection to a server, driven by the request that uses it: no task of its own, no channel between the
//! two, no copy of the head for a second attempt. What the server says is read with the strictness that a client of
//! RFC 9112 may show: where two readers could see two messages, there is no message.
//!
//! [`request`] writes, [`response`] and [`content`] read (both know bytes only), [`wire`] moves the bytes, and
//! [`exchange`] is one request with its answer.

mod content;
mod download;
mod exchange;
mod request;
mod response;
mod wire;

#[cfg(test)]
mod tests;

pub(super) use content::Piece;
pub(super) use download::Download;
pub(super) use exchange::{Answered, Arriving, Exchange, Trouble};
pub(super) use wire::{Rewound, Wire};

use content::Content;
use response::Begun;

/// Why a server's bytes are no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("its head is not HTTP")]
    Head,
    #[error("its head is too large")]
    HeadTooLarge,
    #[error("it sends too many interim answers")]
    Interim,
    #[error("its `content-length` is not one number")]
    Length,
    #[error("its `transfer-encoding` is not `chunked` alone, or stands beside a length")]
    Encoding,
    #[error("its chunks are malformed")]
    Chunk,
    #[error("its trailers are malformed or too large")]
    Trailers,
}

/// Reads an answer from pieces, as the fuzz target does: the content bytes, and whether the answer was complete.
#[doc(hidden)]
pub fn read_answer<'a>(pieces: impl Iterator<Item = &'a [u8]>, headless: bool) -> Result<(u64, bool), String> {
    let (mut inbox, mut head, mut length, mut interim) = (bytes::BytesMut::new(), None, 0, 0);
    let said = |why: NoAnswer| why.to_string();
    for piece in pieces {
        inbox.extend_from_slice(piece);
        while head.is_none() {
            match response::parse(&mut inbox, headless).map_err(said)? {
                response::Parsed::More => break,
                response::Parsed::Interim => {
                    interim += 1;
                    if interim > exchange::MOST_INTERIM {
                        return Err(said(NoAnswer::Interim));
                    }
                }
                response::Parsed::Begun(Begun::Switched(_)) => return Ok((0, true)),
                response::Parsed::Begun(Begun::Answer(begun)) => head = Some(begun),
            }
        }
        let Some(head) = &mut head else { continue };
        loop {
            match head.content.next(&mut inbox).map_err(said)? {
                Piece::Data(data) => length += data.len() as u64,
                Piece::Trailers(_) => {}
                Piece::More => break,
                Piece::End => return Ok((length, true)),
            }
        }
    }
    Ok((length, head.is_some_and(|head| head.content.is_done() || head.content.ends_with_connection())))
}
