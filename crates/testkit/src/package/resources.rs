//! A writer for tests.
