//! Bodies against schemas: tables of JSON Schema, of what is strict beyond it, and of what is proven.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "test code"
)]

#[path = "bodies/support.rs"]
mod support;

#[path = "bodies/forms.rs"]
mod forms;
#[path = "bodies/laws.rs"]
mod laws;
#[path = "bodies/parameters.rs"]
mod parameters;
#[path = "bodies/proven.rs"]
mod proven;
#[path = "bodies/schema.rs"]
mod schema;
#[path = "bodies/strict.rs"]
mod strict;
