//! What tests need: a clock, temporary stores and servers, fixtures.

pub mod authenticator;
pub mod package;
pub mod postgres;
pub mod proxy;
