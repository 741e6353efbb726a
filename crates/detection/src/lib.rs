//! Detection: Sigma rules over events.
