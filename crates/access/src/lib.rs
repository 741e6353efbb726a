//! Roles and Cedar policies: who may do what, with reasons.
//!
//! [`Policies`] decide about the app's requests. They are validated at load, cut into slices for each action and route,
//! and asked with a [`PreparedPrincipal`] that is made once per token. [`AdminPolicies`] decide about administrators.
//!
//! To let policies speak about another fact: add it to `schema.cedarschema`, to [`AccessFacts`] and to the context in
//! `policies.rs`, and to `docs/reference/policies.md`. To add a permission of administrators: add it to [`Permission`],
//! to `admin.cedarschema`, and to the roles in `admin.cedar`.

mod admin;
mod answers;
mod decide;
mod errors;
mod names;
mod policies;
mod principal;
mod route;
mod slice;
mod source;
mod uses;

/// The text of the policies that are in force beside the files unless they are dropped.
pub const DEFAULT_POLICIES: &str = include_str!("default.cedar");

pub use admin::{AdminContext, AdminPolicies, Permission, Role, UnknownPermission, UnknownRole};
pub use errors::{PolicyError, PolicyErrors};
pub use policies::{AccessFacts, Defaults, Policies};
pub use principal::{PreparedPrincipal, PrincipalFacts};
pub use route::RouteSpec;
pub use source::PolicyFile;
