//! Follows the frames of an inbound HTTP/2 connection below hyper and counts those that cost us more than the sender:
//! rapid resets (CVE-2023-44487) and floods of frames without effect (CVE-2019-9511 and its family).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::conn::ConnState;
use crate::framing::MalformedCode;
use crate::paced::Follow;

const PREFACE: usize = 24;
const WINDOW_MS: u64 = 10_000;

/// Counts frames per window.
#[derive(Debug)]
pub(crate) struct FrameCounter {
    skip: u64,
    header: [u8; 9],
    filled: usize,
    window: u64,
    resets: u32,
    idle: u32,
    max_resets: u32,
    max_idle: u32,
}

impl FrameCounter {
    pub(crate) fn new(max_resets: u32, max_idle: u32) -> FrameCounter {
        FrameCounter {
            skip: PREFACE as u64,
            header: [0; 9],
            filled: 0,
            window: 0,
            resets: 0,
            idle: 0,
            max_resets,
            max_idle,
        }
    }

    /// Looks at the next inbound bytes.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], now_ms: u64) -> Result<(), MalformedCode> {
        if now_ms.saturating_sub(self.window) >= WINDOW_MS {
            (self.window, self.resets, self.idle) = (now_ms, 0, 0);
        }
        while !bytes.is_empty() {
            if self.skip > 0 {
                let here = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                self.skip -= here as u64;
                bytes = bytes.get(here..).unwrap_or_default();
                continue;
            }
            let Some((first, rest)) = bytes.split_first() else { break };
            if let Some(place) = self.header.get_mut(self.filled) {
                *place = *first;
            }
            self.filled += 1;
            bytes = rest;
            if self.filled == 9 {
                self.filled = 0;
                self.frame()?;
            }
        }
        Ok(())
    }

    fn frame(&mut self) -> Result<(), MalformedCode> {
        let [a, b, c, kind, flags, ..] = self.header;
        let length = u64::from(a) << 16 | u64::from(b) << 8 | u64::from(c);
        self.skip = length;
        let end_stream = flags & 1 != 0;
        match kind {
            // DATA without data that does not end its stream.
            0 if length == 0 && !end_stream => self.idle += 1,
            // HEADERS, DATA, WINDOW_UPDATE: bounded by streams, windows and h2's own budgets.
            0 | 1 | 8 => {}
            3 => self.resets += 1,
            // PRIORITY, SETTINGS, PING, CONTINUATION and unknown types.
            _ => self.idle += 1,
        }
        if self.resets > self.max_resets {
            Err(MalformedCode::ResetFlood)
        } else if self.idle > self.max_idle {
            Err(MalformedCode::FrameFlood)
        } else {
            Ok(())
        }
    }
}

/// The counter of one connection.
#[derive(Debug)]
pub(crate) struct FrameWatch {
    conn: Arc<ConnState>,
    counter: FrameCounter,
    flooded: bool,
}

impl FrameWatch {
    pub(crate) fn new(conn: Arc<ConnState>, counter: FrameCounter) -> FrameWatch {
        FrameWatch { conn, counter, flooded: false }
    }
}

impl<T: AsyncRead + Unpin> Follow<T> for FrameWatch {
    fn poll_read(&mut self, stream: &mut T, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.flooded {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(Pin::new(stream).poll_read(cx, buf))?;
        let fresh = buf.filled().get(before..).unwrap_or_default();
        if let Err(code) = self.counter.feed(fresh, self.conn.clock.now()) {
            // Nothing more is read; hyper sends GOAWAY, and the reaper closes shortly after.
            self.flooded = true;
            buf.set_filled(before);
            self.conn.set_body_fault(code);
            self.conn.kill_in(500);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn counts_resets_whatever_the_chunking() {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(0, 0, &[3; 700]));
        for _ in 0..3 {
            bytes.extend(frame(1, 4, b"\x82"));
            bytes.extend(frame(3, 0, &[0; 4]));
        }
        for cut in 1..bytes.len() {
            let mut counter = FrameCounter::new(3, 10);
            for piece in bytes.chunks(cut) {
                counter.feed(piece, 1).unwrap();
            }
            assert_eq!(counter.feed(&frame(3, 0, &[0; 4]), 2), Err(MalformedCode::ResetFlood));
        }
    }

    #[test]
    fn a_window_forgets_and_empty_data_counts() {
        let mut counter = FrameCounter::new(1, 2);
        counter.feed(&[0; 24], 1).unwrap();
        for round in 1..5 {
            counter.feed(&frame(3, 0, &[0; 4]), round * 10_000).unwrap();
        }
        counter.feed(&frame(0, 1, b""), 50_000).unwrap();
        counter.feed(&frame(0, 0, b""), 50_000).unwrap();
        counter.feed(&frame(6, 0, &[0; 8]), 50_000).unwrap();
        assert_eq!(counter.feed(&frame(9, 0, b""), 50_001), Err(MalformedCode::FrameFlood));
    }
}
