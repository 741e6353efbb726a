//! Administrators: the whole table of roles and permissions, and second factors.
#![allow(clippy::unwrap_used, clippy::panic, clippy::format_push_string)]

use testudo_core::{Disclose, Gate, Verdict};

use super::*;

const FRESH: AdminContext = AdminContext { acr: 2, factor_age_s: Some(60), role: None };

fn roles(of: &[Role]) -> BTreeSet<Role> {
    of.iter().copied().collect()
}

/// `+` allowed, `2` with a second factor, `!` with a fresh one, `-` never.
fn mark(admin: &AdminPolicies, role: Role, permission: Permission, granted: Option<Role>) -> char {
    let ask = |acr, factor_age_s| {
        admin.authorize(&roles(&[role]), permission, &AdminContext { acr, factor_age_s, role: granted }).verdict()
    };
    match (ask(1, None), ask(2, Some(3600)), ask(2, Some(600))) {
        (Verdict::Allow, Verdict::Allow, Verdict::Allow) => '+',
        (Verdict::Challenge, Verdict::Allow, Verdict::Allow) => '2',
        (Verdict::Challenge, Verdict::Challenge, Verdict::Allow) => '!',
        (Verdict::Deny, Verdict::Deny, Verdict::Deny) => '-',
        other => panic!("{role} {permission}: {other:?}"),
    }
}

#[test]
fn the_table_of_roles_and_permissions() {
    let admin = AdminPolicies::embedded().unwrap();
    let mut table = format!("{:16}", "");
    for role in Role::ALL {
        table += &format!(" {role:>8}");
    }
    for permission in Permission::ALL {
        table += &format!("\n{:16}", permission.name());
        let granted = (*permission == Permission::RolesGrant).then_some(Role::Auditor);
        for role in Role::ALL {
            table += &format!(" {:>8}", mark(&admin, *role, *permission, granted));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn only_owners_grant_owner_and_security() {
    let admin = AdminPolicies::embedded().unwrap();
    for role in Role::ALL {
        for granted in Role::ALL.iter().map(|role| Some(*role)).chain([None]) {
            let mark = mark(&admin, *role, Permission::RolesGrant, granted);
            let expected = match (role, granted) {
                (Role::Owner, _) | (Role::Security, Some(Role::Support | Role::Auditor)) => '!',
                _ => '-',
            };
            assert_eq!(mark, expected, "{role} grants {granted:?}");
        }
    }
}

#[test]
fn roles_add_up_and_none_is_nothing() {
    let admin = AdminPolicies::embedded().unwrap();
    for permission in Permission::ALL {
        let context = AdminContext { role: Some(Role::Support), ..FRESH };
        assert_eq!(admin.authorize(&roles(&[]), *permission, &context).verdict(), Verdict::Deny);
        let apart = [Role::Support, Role::Release].map(|role| admin.authorize(&roles(&[role]), *permission, &context));
        let together = admin.authorize(&roles(&[Role::Support, Role::Release]), *permission, &context);
        let any = apart.iter().any(|decision| decision.verdict() == Verdict::Allow);
        assert_eq!(together.verdict() == Verdict::Allow, any, "{permission}");
        assert!(Role::ALL.iter().any(|role| admin.could(*role, *permission)), "{permission} is of use to nobody");
    }
}

#[test]
fn a_missing_factor_is_a_challenge_with_words() {
    let admin = AdminPolicies::embedded().unwrap();
    let owner = roles(&[Role::Owner]);
    let decision = admin.authorize(&owner, Permission::KeysRotate, &AdminContext { acr: 1, ..AdminContext::default() });
    let reason = decision.reasons().first().unwrap();
    assert_eq!(reason.code, "step-up-required");
    assert_eq!(
        reason.text,
        "policies `destructive-needs-second-factor`, `grave-needs-fresh-factor` forbid this; show a second factor"
    );
    let stale = AdminContext { factor_age_s: Some(601), ..FRESH };
    assert_eq!(admin.authorize(&owner, Permission::KeysRotate, &stale).verdict(), Verdict::Challenge);
    // Without the permission there is nothing to step up to.
    let refused = admin.authorize(&roles(&[Role::Support]), Permission::KeysRotate, &FRESH);
    assert_eq!(refused.reasons().first().unwrap().text, "no policy permits this");
}

#[test]
fn a_decision_opens_gates_with_the_other_controls() {
    let admin = AdminPolicies::embedded().unwrap();
    let decision = admin.authorize(&roles(&[Role::Owner]), Permission::Reveal, &FRESH);
    assert!(decision.clone().admit::<Disclose, _>((), testudo_core::ControlSet::EMPTY).is_err());
    assert!(
        decision
            .and(Decision::allow_all(Disclose::MINIMUM))
            .admit::<Disclose, _>((), testudo_core::ControlSet::EMPTY)
            .is_ok()
    );
}

#[test]
fn names_are_read_and_mistakes_get_a_suggestion() {
    for permission in Permission::ALL {
        assert_eq!(permission.name().parse::<Permission>().unwrap(), *permission);
        assert_eq!(serde_json::to_value(permission).unwrap(), permission.name());
    }
    assert_eq!(
        "auditer".parse::<Role>().unwrap_err().to_string(),
        "`auditer` is not a role of administrators; did you mean `auditor`?"
    );
    assert_eq!(
        "people.raed".parse::<Permission>().unwrap_err().to_string(),
        "`people.raed` is not a permission; did you mean `people.read`?"
    );
}
