//! WebSocket pass-through: after the upstream's 101 the two connections become one, until either end closes, nothing
//! moves for too long, or the stream's signal fires. Then the caller gets a Close frame (RFC 6455 section 5.5.1).

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use super::http1::Rewound;
use super::pool::PlaceTaken;
use crate::body::EndOutcome;
use crate::close::CloseSignal;

const BUFFER: usize = 16 * 1024;
const GOING_AWAY: u16 = 1001;
const POLICY: u16 = 1008;

/// A caller's wish to speak WebSocket on its connection.
#[derive(Debug)]
pub struct ClientUpgrade {
    pub(crate) on: OnUpgrade,
}

/// Two connections that become one once both sides switched.
#[derive(Debug)]
pub(crate) struct Tunnel {
    client: ClientUpgrade,
    upstream: Rewound,
    _place: PlaceTaken,
}

impl Tunnel {
    pub(super) fn new(client: ClientUpgrade, upstream: Rewound, place: PlaceTaken) -> Tunnel {
        Tunnel { client, upstream, _place: place }
    }
}

/// Copies in both directions until the end; returns the bytes sent to the caller and how it ended.
pub(crate) async fn run(
    tunnel: Tunnel,
    signal: Option<CloseSignal>,
    drain: CloseSignal,
    idle: Duration,
) -> (u64, EndOutcome) {
    let client = match tokio::time::timeout(Duration::from_secs(10), tunnel.client.on).await {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a websocket did not open");
            return (0, EndOutcome::HungUp);
        }
        Err(_) => return (0, EndOutcome::Aborted("upgrade-timeout")),
    };
    let moved = Rc::new(Cell::new(Instant::now()));
    let mut client = Side { io: TokioIo::new(client), moved: moved.clone(), frames: Frames::default() };
    let mut upstream = Side { io: tunnel.upstream, moved: moved.clone(), frames: Frames::default() };
    let closed = async {
        match &signal {
            Some(signal) => signal.closed().await,
            None => std::future::pending().await,
        }
    };
    let (outcome, status) = tokio::select! {
        biased;
        () = closed => (EndOutcome::Aborted(signal.as_ref().and_then(CloseSignal::reason).unwrap_or("closed")), POLICY),
        () = drain.closed() => (EndOutcome::Aborted("drain"), GOING_AWAY),
        () = silence(&moved, idle) => (EndOutcome::Aborted("tunnel-idle"), GOING_AWAY),
        copied = tokio::io::copy_bidirectional_with_sizes(&mut client, &mut upstream, BUFFER, BUFFER) => {
            let outcome = if copied.is_ok() { EndOutcome::Complete } else { EndOutcome::HungUp };
            return (client.frames.written, outcome);
        }
    };
    let bytes = client.frames.written;
    let goodbye = async {
        if client.frames.is_at_boundary() {
            let [high, low] = status.to_be_bytes();
            client.io.write_all(&[0x88, 2, high, low]).await?;
        }
        client.io.shutdown().await
    };
    let _ = tokio::time::timeout(Duration::from_millis(50), goodbye).await;
    (bytes, outcome)
}

async fn silence(moved: &Cell<Instant>, limit: Duration) {
    loop {
        let quiet = moved.get().elapsed();
        if quiet >= limit {
            return;
        }
        tokio::time::sleep(limit.saturating_sub(quiet)).await;
    }
}

/// Follows the frames written to one end, to know where a Close frame may stand.
#[derive(Debug, Default)]
struct Frames {
    written: u64,
    header: [u8; 14],
    filled: usize,
    payload: u64,
}

impl Frames {
    fn is_at_boundary(&self) -> bool {
        self.filled == 0 && self.payload == 0
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        self.written += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.payload > 0 {
                let here = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
                self.payload -= here as u64;
                bytes = bytes.get(here..).unwrap_or_default();
                continue;
            }
            let Some((first, rest)) = bytes.split_first() else { break };
            if let Some(place) = self.header.get_mut(self.filled) {
                *place = *first;
            }
            self.filled += 1;
            bytes = rest;
            if let Some(length) = self.length() {
                self.filled = 0;
                self.payload = length;
            }
        }
    }

    /// The payload's length once the header is complete.
    fn length(&self) -> Option<u64> {
        let [_, second, rest @ ..] = &self.header;
        if self.filled < 2 {
            return None;
        }
        let extended: usize = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        if self.filled < 2 + extended + mask {
            return None;
        }
        Some(match extended {
            0 => u64::from(second & 0x7f),
            _ => rest.iter().take(extended).fold(0, |length: u64, byte| length << 8 | u64::from(*byte)),
        })
    }
}

/// One end of the tunnel.
#[derive(Debug)]
struct Side<T> {
    io: T,
    moved: Rc<Cell<Instant>>,
    frames: Frames,
}

impl<T: AsyncRead + Unpin> AsyncRead for Side<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        this.moved.set(Instant::now());
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Side<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write(cx, buf))?;
        this.frames.feed(buf.get(..written).unwrap_or(buf));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_know_their_boundaries() {
        let mut bytes = vec![0x81, 3, b'a', b'b', b'c', 0x82, 126, 1, 0];
        bytes.extend([7; 256]);
        bytes.extend([0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 3, 4, 9, 9]);
        for size in 1..bytes.len() {
            let mut frames = Frames::default();
            bytes.chunks(size).for_each(|piece| frames.feed(piece));
            assert!(frames.is_at_boundary());
            frames.feed(&[0x81]);
            assert!(!frames.is_at_boundary());
        }
    }
}
