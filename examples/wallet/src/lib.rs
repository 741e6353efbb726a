//! A small mobile-banking backend to try Testudo with.
