//! Follows the messages of one HTTP/1.1 connection: which byte belongs to which head, body or tunnel.

use super::MalformedCode;
use super::chunked::ChunkScan;
use super::head::{BodyFraming, HeadFacts, HeadLimits, HeadScan};

#[derive(Debug)]
enum State {
    Head(HeadScan),
    Length(u64),
    Chunked(Box<ChunkScan>),
    Upgrade,
    Tunnel,
    Failed(MalformedCode),
}

/// What the follower says about the first bytes of a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A head is not complete: keep all bytes and come again with more behind them.
    More,
    /// The buffer begins with this complete head.
    Head(HeadFacts),
    /// So many bytes belong to the current body (or tunnel).
    Body(usize),
    /// The client waits for the answer to its upgrade: keep all bytes.
    Hold,
    /// The bytes can't be trusted any more; nothing of the buffer is passed on.
    Malformed(MalformedCode),
}

/// The state of a connection's inbound bytes. The verdict does not depend on how they were cut into buffers.
#[derive(Debug)]
pub struct Follower {
    state: State,
    limits: HeadLimits,
}

impl Follower {
    /// At the start of a connection.
    pub fn new(limits: HeadLimits) -> Follower {
        Follower { state: State::Head(HeadScan::default()), limits }
    }

    /// Looks at `buffer`: the bytes that follow those that were taken. After [`Step::More`] and [`Step::Hold`] the same
    /// bytes come again; after [`Step::Head`] and [`Step::Body`] the bytes behind what was taken.
    pub fn step(&mut self, buffer: &[u8]) -> Step {
        match &mut self.state {
            State::Head(scan) => match scan.scan(buffer, &self.limits) {
                Ok(None) => Step::More,
                Ok(Some(facts)) => {
                    self.state = match facts.body {
                        _ if facts.upgrade => State::Upgrade,
                        BodyFraming::Length(0) => State::Head(HeadScan::default()),
                        BodyFraming::Length(length) => State::Length(length),
                        BodyFraming::Chunked => State::Chunked(Box::new(ChunkScan::new())),
                    };
                    Step::Head(facts)
                }
                Err(code) => self.fail(code),
            },
            State::Length(left) => {
                let here = u64::try_from(buffer.len()).unwrap_or(u64::MAX).min(*left);
                *left -= here;
                if *left == 0 {
                    self.state = State::Head(HeadScan::default());
                }
                Step::Body(usize::try_from(here).unwrap_or(usize::MAX))
            }
            State::Chunked(scan) => match scan.feed(buffer) {
                Ok((taken, done)) => {
                    if done {
                        self.state = State::Head(HeadScan::default());
                    }
                    Step::Body(taken)
                }
                Err(code) => self.fail(code),
            },
            State::Upgrade => Step::Hold,
            State::Tunnel => Step::Body(buffer.len()),
            State::Failed(code) => Step::Malformed(*code),
        }
    }

    /// The answer to an upgrade: the connection becomes a tunnel, or goes on with the next head.
    pub fn answer_upgrade(&mut self, accepted: bool) {
        if matches!(self.state, State::Upgrade) {
            self.state = if accepted { State::Tunnel } else { State::Head(HeadScan::default()) };
        }
    }

    /// Gives up; every later step says so.
    pub fn fail(&mut self, code: MalformedCode) -> Step {
        self.state = State::Failed(code);
        Step::Malformed(code)
    }

    /// Between two messages, with nothing of the next one seen.
    pub fn is_between(&self) -> bool {
        matches!(&self.state, State::Head(scan) if scan.is_fresh())
    }

    /// Inside a head, or before it.
    pub fn is_in_head(&self) -> bool {
        matches!(self.state, State::Head(_))
    }

    /// Whether the client waits for the answer to its upgrade.
    pub fn is_held(&self) -> bool {
        matches!(self.state, State::Upgrade)
    }

    /// Whether the connection was handed over to another protocol.
    pub fn is_tunnel(&self) -> bool {
        matches!(self.state, State::Tunnel)
    }
}
