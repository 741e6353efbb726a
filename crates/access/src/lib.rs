//! Roles and Cedar policies: who may do what, with reasons.
