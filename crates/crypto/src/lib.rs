//! Envelopes, key ring, password hashing, JOSE and blind indexes.
