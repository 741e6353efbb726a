//! JSON (RFC 8259), read strictly and in chunks.
//!
//! A [`Reader`] is pushed bytes cut anywhere and hands [tokens](Token) to a [`Visit`]or, each with its span in the whole
//! input. It refuses everything that RFC 8259 does not allow, and what the RFC leaves open: a byte order mark, lone
//! surrogates, and whatever exceeds its [`Limits`]. Keys that repeat are reported with their token.
//!
//! With [`Framing::Lines`] it reads one value per line (NDJSON).

mod error;
mod keys;
mod limits;
mod number;
mod path;
mod reader;
mod string;
mod text;
mod token;

pub use error::{Halt, JsonError, JsonErrorKind};
pub use limits::{Framing, Limits};
pub use path::{Path, Segment};
pub use reader::Reader;
pub use text::{Text, quote};
pub use token::{Token, Visit};
