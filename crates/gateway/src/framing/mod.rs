//! Strict HTTP/1.1 framing below hyper: where each message begins and ends is decided here, once, and what is
//! ambiguous is refused (RFC 9112 sections 2.2, 3, 5, 6, 7 and 11.2).
//!
//! [`Follower`] is the engine: bytes in, boundaries or a [`MalformedCode`] out, whatever the chunking. The I/O wrapper
//! around it hands hyper only heads that were accepted whole.

mod chunked;
mod code;
mod follower;
mod grammar;
mod head;
mod io;
mod shared;

pub use code::MalformedCode;
pub use follower::{Follower, Step};
pub(crate) use grammar::{is_host, is_path_and_query};
pub use head::{BodyFraming, HeadFacts, HeadLimits};
pub(crate) use io::{Arrived, Framing};
pub(crate) use shared::Shared;
