//! JSON (RFC 8259), read strictly and in chunks.
//!
//! A [`Reader`] is pushed bytes cut anywhere and hands [tokens](Token) to a [`Visit`]or, each with its span in the whole
//! input. It refuses everything that RFC 8259 does not allow, and what the RFC leaves open: a byte order mark, lone
//! surrogates, and whatever exceeds its [`Limits`]. Keys that repeat are reported with their token.
//!
//! ```
//! use testudo_body::json::{Limits, Path, Reader, Token};
//!
//! let mut numbers = Vec::new();
//! let mut visit = |token: &Token<'_>, path: &Path| {
//!     if let Token::Number { span, .. } = token {
//!         numbers.push((path.pointer(), *span));
//!     }
//!     Ok::<(), std::convert::Infallible>(())
//! };
//! let mut reader = Reader::new(Limits::REQUEST);
//! reader.push(br#"{"a":[1"#, &mut visit)?;
//! reader.push(br#"2,"x"]}"#, &mut visit)?;
//! reader.finish(&mut visit)?;
//! assert_eq!(numbers.len(), 1);
//! assert_eq!((numbers[0].0.as_str(), numbers[0].1.start, numbers[0].1.end), ("/a/0", 6, 8));
//! # Ok::<(), testudo_body::json::Halt<std::convert::Infallible>>(())
//! ```
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
