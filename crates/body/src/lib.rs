//! Incremental readers of bodies, with spans: one parser for every room that looks inside.
//!
//! Firewall, contract and masking read a body through the same reader, so that they can't disagree about what a body
//! says. A reader is pushed chunks as they come, holds no more than its [limits](json::Limits) allow, refuses what has
//! two readings, and names each value by its place in the input, so that a value can be replaced and every other byte
//! stay as it was.
//!
//! To add a format: one module with a reader that takes chunks cut anywhere, limits with a default, an error that names
//! the offset, and a test that every way to cut an input gives the same tokens.

pub mod form;
pub mod json;
pub mod multipart;
pub mod sse;
pub mod xml;
