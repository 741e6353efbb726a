//! The body of a masked answer: decoded, masked and coded again as it passes. It reads no further than who asks, and
//! holds one piece of input and what the masker holds back.

#![expect(clippy::struct_excessive_bools, reason = "each says one thing by itself")]

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use testudo_gateway::{BodyError, UpstreamBody};
use testudo_privacy::Masker;

use super::coding::{Coding, CodingError, Decoder, Encoder};
use super::{Report, UNAVAILABLE};

/// What is given on at once, when there is more.
const PIECE: usize = 32 * 1024;
/// An answer that was small before it was decoded is collected up to this; then it streams.
const COLLECTED: usize = 1024 * 1024;

/// A body on its way through the masker.
pub struct MaskedBody {
    /// None when it has ended.
    source: Option<UpstreamBody>,
    input: Bytes,
    /// The decoder may have more without more input.
    filled: bool,
    decoder: Decoder,
    masker: Masker,
    /// Masked, and not coded yet.
    masked: Vec<u8>,
    encoder: Encoder,
    /// Coded, or to be.
    out: Vec<u8>,
    unflushed: bool,
    /// Nothing came yet: an empty body is no document, and holds nothing.
    empty: bool,
    small: bool,
    report: Report,
}

impl MaskedBody {
    pub(super) fn new(
        source: UpstreamBody,
        coding: Coding,
        masker: Masker,
        gzip: bool,
        small: bool,
        report: Report,
    ) -> MaskedBody {
        MaskedBody {
            source: Some(source),
            input: Bytes::new(),
            filled: false,
            decoder: Decoder::new(coding),
            masker,
            masked: Vec::new(),
            encoder: Encoder::new(gzip),
            out: Vec::new(),
            unflushed: false,
            empty: true,
            small,
            report,
        }
    }

    /// Whether it is worth to wait for all of it.
    pub(super) fn is_small(&self) -> bool {
        self.small
    }

    /// All of it; nothing when it became too long for that, and then it goes on from its start.
    pub(super) async fn collect(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let ended = std::future::poll_fn(|cx| self.poll_more(cx, false)).await?;
            if ended {
                return Ok(Some(Bytes::from(std::mem::take(&mut self.out))));
            }
            if self.out.len() > COLLECTED {
                return Ok(None);
            }
        }
    }

    /// Moves on until there is something to give, or the end. Gives whether it has ended.
    fn poll_more(&mut self, cx: &mut Context<'_>, flush: bool) -> Poll<Result<bool, BodyError>> {
        loop {
            while self.filled || !self.input.is_empty() {
                self.step()?;
                if self.out.len() >= PIECE {
                    return Poll::Ready(Ok(false));
                }
            }
            let Some(source) = &mut self.source else { return Poll::Ready(Ok(true)) };
            match Pin::new(source).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers are about other bytes than these.
                    if let Ok(data) = frame.into_data() {
                        self.empty &= data.is_empty();
                        self.input = data;
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.stop();
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(None) => {
                    self.finish()?;
                    return Poll::Ready(Ok(true));
                }
                Poll::Pending => {
                    if flush && self.unflushed {
                        self.unflushed = false;
                        let coded = self.encoder.push(&mut self.masked, true, &mut self.out);
                        coded.map_err(|error| self.withhold(&error))?;
                    }
                    return if flush && !self.out.is_empty() { Poll::Ready(Ok(false)) } else { Poll::Pending };
                }
            }
        }
    }

    /// One step through decoder, masker and encoder.
    fn step(&mut self) -> Result<(), BodyError> {
        let piece =
            if self.decoder.is_identity() { self.input.split_to(self.input.len().min(PIECE)) } else { self.decode()? };
        let to = if self.encoder.is_identity() { &mut self.out } else { &mut self.masked };
        self.masker.push(&piece, to).map_err(|error| self.withhold(&error))?;
        if !self.masked.is_empty() {
            self.unflushed = true;
            let coded = self.encoder.push(&mut self.masked, false, &mut self.out);
            coded.map_err(|error| self.withhold(&error))?;
        }
        Ok(())
    }

    fn decode(&mut self) -> Result<Bytes, BodyError> {
        let mut decoded = Vec::new();
        let taken = self.decoder.step(&self.input, &mut decoded).map_err(|error| self.withhold(&error))?;
        let _ = self.input.split_to(taken.min(self.input.len()));
        // A step without output has no more in it.
        self.filled = !decoded.is_empty();
        if decoded.is_empty() && taken == 0 && !self.input.is_empty() {
            return Err(self.withhold(&CodingError::Damaged));
        }
        Ok(Bytes::from(decoded))
    }

    fn finish(&mut self) -> Result<(), BodyError> {
        self.decoder.finish(self.empty).map_err(|error| self.withhold(&error))?;
        if !self.empty {
            let counts = self.masker.finish(&mut self.masked).map_err(|error| self.withhold(&error))?;
            self.report.set(counts);
        }
        let coded = self.encoder.push(&mut self.masked, false, &mut self.out);
        coded.and_then(|()| self.encoder.finish(&mut self.out)).map_err(|error| self.withhold(&error))?;
        self.source = None;
        Ok(())
    }

    /// Nothing more is given, not even what is ready.
    fn stop(&mut self) {
        self.source = None;
        self.filled = false;
        self.input = Bytes::new();
        self.out.clear();
    }

    fn withhold(&mut self, why: &dyn std::fmt::Display) -> BodyError {
        self.report.fail(why);
        self.stop();
        BodyError::Withheld(UNAVAILABLE)
    }
}

impl Body for MaskedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if this.out.len() < PIECE {
            match this.poll_more(cx, true) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                Poll::Pending => return Poll::Pending,
            }
        }
        if this.out.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(std::mem::take(&mut this.out))))))
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_none() && self.input.is_empty() && !self.filled && self.out.is_empty()
    }
}
