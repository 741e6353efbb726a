//! What administrators may do: closed lists of roles and permissions, and the embedded policies that join them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use cedar_policy::{Authorizer, Context, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression};
use serde::{Deserialize, Serialize};
use testudo_core::{Control, Decision, Fault, Verdict};

use crate::decide::decide;
use crate::errors::{PolicyError, PolicyErrors, nearest};
use crate::names;
use crate::policies::{failed, schema};
use crate::slice::Outcome;
use crate::source::{self, Named, PolicyFile};

macro_rules! names {
    ($(#[$doc:meta])* $list:ident, $unknown:ident, $what:literal, $first:literal; $($(#[$item:meta])* $variant:ident = $name:literal;)+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum $list { $($(#[$item])* #[serde(rename = $name)] $variant,)+ }

        impl $list {
            /// All of them, in the order of declaration.
            pub const ALL: &'static [$list] = &[$($list::$variant,)+];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $($list::$variant => $name,)+ }
            }
        }

        impl fmt::Display for $list {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $list {
            type Err = $unknown;

            fn from_str(text: &str) -> Result<$list, $unknown> {
                let known = $list::ALL.iter().copied().find(|known| known.name() == text);
                known.ok_or_else(|| $unknown {
                    text: text.chars().take(64).collect(),
                    near: nearest(text, $list::ALL.iter().map(|known| known.name())).unwrap_or($first),
                })
            }
        }

        #[doc = concat!("A text that names no ", $what, ".")]
        #[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
        #[error("`{text}` is not a {what}; did you mean `{near}`?", what = $what)]
        pub struct $unknown {
            text: String,
            near: &'static str,
        }
    };
}

names! {
    /// The role of an administrator.
    Role, UnknownRole, "role of administrators", "owner";
    /// Everything.
    Owner = "owner";
    /// Incidents, keys, policies, limits, audit.
    Security = "security";
    /// Helps people with their accounts and sessions.
    Support = "support";
    /// Reads the log and the settings.
    Auditor = "auditor";
    /// Publishes builds.
    Release = "release";
}

names! {
    /// Something that an administrator may do. The closed list; `admin.cedarschema` groups it.
    Permission, UnknownPermission, "permission", "people.read";
    /// See people's accounts, masked.
    PeopleRead = "people.read";
    /// Make and change accounts.
    PeopleWrite = "people.write";
    /// Lock and unlock accounts.
    PeopleLock = "people.lock";
    /// Erase a person.
    PeopleErase = "people.erase";
    /// See personal data unmasked.
    Reveal = "reveal";
    /// See clients.
    ClientsRead = "clients.read";
    /// Register, change and disable clients.
    ClientsWrite = "clients.write";
    /// See sessions.
    SessionsRead = "sessions.read";
    /// End sessions.
    SessionsRevoke = "sessions.revoke";
    /// Rotate keys.
    KeysRotate = "keys.rotate";
    /// Read the log.
    AuditRead = "audit.read";
    /// Verify the log.
    AuditVerify = "audit.verify";
    /// Export and prune old entries of the log.
    AuditPrune = "audit.prune";
    /// Make a backup.
    BackupMake = "backup.make";
    /// Restore a backup.
    BackupRestore = "backup.restore";
    /// See policies.
    PolicyRead = "policy.read";
    /// Change policies.
    PolicyWrite = "policy.write";
    /// See limits.
    LimitsRead = "limits.read";
    /// Change limits.
    LimitsWrite = "limits.write";
    /// Block and unblock peers.
    BlocksWrite = "blocks.write";
    /// See the configuration.
    ConfigRead = "config.read";
    /// Reload the configuration.
    ConfigReload = "config.reload";
    /// See builds.
    BuildsRead = "builds.read";
    /// Publish a build.
    BuildsPublish = "builds.publish";
    /// Suspend and reinstate builds.
    BuildsSuspend = "builds.suspend";
    /// Give and take roles.
    RolesGrant = "roles.grant";
    /// See incidents, what was done about them, and their evidence.
    IncidentsRead = "incidents.read";
    /// Work on incidents: notes, tasks, closing, the clock of a breach.
    IncidentsWrite = "incidents.write";
    /// Allow, refuse, run and undo what incidents do.
    ResponsesApprove = "responses.approve";
    /// See playbooks.
    PlaybooksRead = "playbooks.read";
}

/// How an administrator signed in, and what it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AdminContext {
    /// The strength of the sign-in: 1 password, 2 second factor.
    pub acr: u8,
    /// Seconds since the second factor was shown, if one was.
    pub factor_age_s: Option<u32>,
    /// For `roles.grant`: the role that is given or taken.
    pub role: Option<Role>,
}

/// The embedded policies for administrators.
#[derive(Debug)]
pub struct AdminPolicies {
    policies: Vec<Named>,
    set: PolicySet,
    actions: Entities,
    authorizer: Authorizer,
}

impl AdminPolicies {
    /// Reads the embedded policies; an error is a bug of the build, and a test reads them.
    pub fn embedded() -> Result<AdminPolicies, PolicyErrors> {
        let schema = schema("admin.cedarschema", include_str!("admin.cedarschema"))?;
        let files = [PolicyFile { name: "admin.cedar", text: include_str!("admin.cedar") }];
        let policies = source::read(&files, &schema)?;
        let bug = |text: String| PolicyErrors::from(PolicyError::at("admin.cedar", "", 0, text, None));
        let set = PolicySet::from_policies(policies.iter().map(|named| named.policy.clone()))
            .map_err(|error| bug(error.to_string()))?;
        let actions = schema.action_entities().map_err(|error| bug(error.to_string()))?;
        Ok(AdminPolicies { policies, set, actions, authorizer: Authorizer::new() })
    }

    /// May an administrator with these roles do this now?
    pub fn authorize(&self, roles: &BTreeSet<Role>, permission: Permission, context: &AdminContext) -> Decision {
        let answer = |context: &AdminContext| match self.evaluate(roles, permission, context) {
            Some(outcome) => decide(Some(&outcome), &self.policies, false),
            None => Decision::fault(Control::Authorization, Fault::Bug),
        };
        let decision = answer(context);
        if decision.verdict() != Verdict::Challenge {
            return decision;
        }
        // Nobody is asked for a second factor to be refused afterwards.
        let stepped_up = answer(&AdminContext { acr: 2, factor_age_s: Some(0), role: context.role });
        if stepped_up.is_denied() { stepped_up } else { decision }
    }

    /// Whether a role could ever do this, given a fresh second factor; for menus and documents, never to decide.
    pub fn could(&self, role: Role, permission: Permission) -> bool {
        let grants = (permission == Permission::RolesGrant).then_some(Role::Auditor);
        let context = AdminContext { acr: 2, factor_age_s: Some(0), role: grants };
        self.evaluate(&BTreeSet::from([role]), permission, &context).is_some_and(|outcome| outcome.allowed)
    }

    fn evaluate(&self, roles: &BTreeSet<Role>, permission: Permission, context: &AdminContext) -> Option<Outcome> {
        let admin = names::uid(names::ADMIN, "admin");
        let parents = roles.iter().map(|role| names::uid(names::ROLE, role.name())).collect();
        let entity = Entity::new(admin.clone(), std::collections::HashMap::new(), parents).ok()?;
        let entities = self.actions.clone().add_entities([entity], None).ok()?;
        let long = |value: u32| RestrictedExpression::new_long(i64::from(value));
        let pairs = [
            Some(("acr".to_owned(), long(u32::from(context.acr)))),
            context.factor_age_s.map(|age| ("factor_age".to_owned(), long(age))),
            context.role.map(|role| ("role".to_owned(), RestrictedExpression::new_string(role.name().to_owned()))),
        ];
        let context = Context::from_pairs(pairs.into_iter().flatten()).ok()?;
        let action: EntityUid = names::uid(names::ACTION, permission.name());
        let request = Request::new(admin, action, names::uid(names::SYSTEM, "testudo"), context, None).ok()?;
        let response = self.authorizer.is_authorized(&request, &self.set, &entities);
        let place = |id: &cedar_policy::PolicyId| self.policies.iter().position(|named| named.policy.id() == id);
        let diagnostics = response.diagnostics();
        let mut determining = diagnostics.reason().map(place).collect::<Option<Vec<usize>>>()?;
        determining.sort_unstable();
        let errors = diagnostics.errors().map(|error| place(failed(error))).collect::<Option<Vec<usize>>>()?;
        Some(Outcome { allowed: response.decision() == cedar_policy::Decision::Allow, determining, errors })
    }
}

#[cfg(test)]
mod tests;
