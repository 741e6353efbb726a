//! What administrators do, and how the first of them comes to be.

use std::collections::BTreeSet;

use testudo_core::{Actor, EventKind, PersonId};

use super::{ADA, House, PASSWORD, refused, secret};
use crate::people::person::OWNER;
use crate::{
    AdminError, EnrolOutcome, ImportedPerson, NewPasswordOutcome, NewPerson, PasswordFault, PersonState,
    SecondFactorOutcome, SignInOutcome, SignUpForm,
};

fn form(username: &str) -> SignUpForm {
    SignUpForm { username: username.into(), name: String::new(), password: secret(PASSWORD) }
}

fn by() -> Actor {
    Actor { person: Some(PersonId::from_bytes([9; 16])), ..Actor::default() }
}

async fn ada(house: &House) -> PersonId {
    house.identity.person_by_name(ADA).await.unwrap().unwrap().id()
}

#[tokio::test]
async fn the_first_administrator_enrols_once() {
    let house = House::build().await;
    let token = house.identity.enrolment_token(&house.ctx()).await.unwrap().unwrap();
    let renewed = house.identity.enrolment_token(&house.ctx()).await.unwrap().unwrap();
    assert!(house.identity.enrolment_is_open(&house.ctx()).await.unwrap());
    for wrong in ["", "abc", token.expose()] {
        let outcome = house.identity.enrol(wrong, form("root@example.com"), &house.ctx()).await.unwrap();
        assert!(matches!(outcome, EnrolOutcome::Refused), "{wrong}");
    }
    let mut weak = form("root@example.com");
    weak.password = secret("password123");
    let outcome = house.identity.enrol(renewed.expose(), weak, &house.ctx()).await.unwrap();
    assert!(matches!(outcome, EnrolOutcome::Invalid(_)), "a bad form does not use it up");
    let outcome = house.identity.enrol(renewed.expose(), form("root@example.com"), &house.ctx()).await.unwrap();
    let EnrolOutcome::Enrolled(session) = outcome else { panic!("not enrolled") };
    assert!(session.who.roles.contains(OWNER));
    assert!(house.identity.owes_second_factor(&session.who).await.unwrap());
    let again = house.identity.enrol(renewed.expose(), form("other@example.com"), &house.ctx()).await.unwrap();
    assert!(matches!(again, EnrolOutcome::Refused));
    assert!(house.identity.enrolment_token(&house.ctx()).await.unwrap().is_none(), "there is an owner");
    assert!(!house.identity.enrolment_is_open(&house.ctx()).await.unwrap());
    assert_eq!(house.count(EventKind::RoleGranted).await, 1);
}

#[tokio::test]
async fn a_lost_enrolment_token_is_renewed_and_only_on_demand_beside_an_owner() {
    let house = House::build().await;
    let ctx = house.ctx();
    let lost = house.identity.enrolment_token(&ctx).await.unwrap().unwrap();
    let renewed = house.identity.renew_enrolment(false, by(), &ctx).await.unwrap().unwrap();
    assert_eq!(renewed.expires, ctx.now.plus(std::time::Duration::from_hours(24)));
    let outcome = house.identity.enrol(lost.expose(), form("root@example.com"), &ctx).await.unwrap();
    assert!(matches!(outcome, EnrolOutcome::Refused), "the lost one is void");
    let beside = house.identity.renew_enrolment(true, by(), &ctx).await.unwrap().unwrap();
    let outcome = house.identity.enrol(beside.token.expose(), form("root@example.com"), &ctx).await.unwrap();
    assert!(matches!(outcome, EnrolOutcome::Enrolled(_)));

    assert!(house.identity.renew_enrolment(false, by(), &ctx).await.unwrap().is_none(), "there is an owner");
    let second = house.identity.renew_enrolment(true, by(), &ctx).await.unwrap().unwrap();
    assert!(house.identity.enrolment_is_open(&ctx).await.unwrap());
    let outcome = house.identity.enrol(second.token.expose(), form("second@example.com"), &ctx).await.unwrap();
    assert!(matches!(outcome, EnrolOutcome::Enrolled(_)));
    let outcome = house.identity.enrol(second.token.expose(), form("third@example.com"), &ctx).await.unwrap();
    assert!(matches!(outcome, EnrolOutcome::Refused), "it works once");
    let made = house.events().await.into_iter().filter(|event| {
        event.details.get("act").is_some_and(|act| act == "enrolment-token-made") && event.actor == by()
    });
    assert_eq!(
        made.map(|event| event.details["beside-owners"].clone()).collect::<Vec<_>>(),
        ["false", "false", "true"]
    );
}

#[tokio::test]
async fn an_enrolment_token_lasts_a_day() {
    let house = House::build().await;
    let token = house.identity.enrolment_token(&house.ctx()).await.unwrap().unwrap();
    house.wait(24 * 3600);
    let outcome = house.identity.enrol(token.expose(), form("root@example.com"), &house.ctx()).await.unwrap();
    assert!(matches!(outcome, EnrolOutcome::Refused));
    assert!(!house.identity.enrolment_is_open(&house.ctx()).await.unwrap());
}

#[tokio::test]
async fn a_taken_name_does_not_use_up_the_enrolment_token() {
    let house = House::with_ada().await;
    let token = house.identity.enrolment_token(&house.ctx()).await.unwrap().unwrap();
    let outcome = house.identity.enrol(token.expose(), form(ADA), &house.ctx()).await.unwrap();
    assert!(matches!(outcome, EnrolOutcome::NameTaken));
    let outcome = house.identity.enrol(token.expose(), form("root@example.com"), &house.ctx()).await.unwrap();
    assert!(matches!(outcome, EnrolOutcome::Enrolled(_)));
}

#[tokio::test]
async fn a_locked_person_is_out_until_she_is_unlocked() {
    let house = House::with_ada().await;
    let session = house.sign_in(ADA, PASSWORD).await;
    let id = ada(&house).await;
    let before = house.events().await.len();
    house.identity.lock_person(id, "ticket 12", &by(), &house.ctx()).await.unwrap();
    assert_eq!(house.story(before).await, ["person.locked", "person.revoked"]);
    assert!(!house.is_signed_in(&session.cookie).await);
    let before = house.events().await.len();
    assert!(refused(&house.try_password(ADA, PASSWORD).await));
    assert_eq!(house.story(before).await, ["sign-in person-locked"]);
    let page = house.identity.people(None, 10, Some(PersonState::Locked)).await.unwrap();
    assert_eq!(page.items.len(), 1);
    house.identity.unlock_person(id, &by(), &house.ctx()).await.unwrap();
    let before = house.events().await.len();
    house.identity.unlock_person(id, &by(), &house.ctx()).await.unwrap();
    assert_eq!(house.events().await.len(), before, "nothing to undo, nothing to tell");
    assert!(!house.is_signed_in(&session.cookie).await, "old sessions stay over");
    house.sign_in(ADA, PASSWORD).await;
}

#[tokio::test]
async fn a_password_that_others_know_must_be_changed_first() {
    let house = House::with_ada().await;
    house.enrol_app().await;
    let id = ada(&house).await;
    let weak = house.identity.set_password(id, secret("password123"), &by(), &house.ctx()).await;
    assert!(matches!(weak, Err(AdminError::Invalid(_))));
    let temporary = "given by the help desk";
    house.identity.set_password(id, secret(temporary), &by(), &house.ctx()).await.unwrap();
    house.identity.remove_factors(id, &by(), &house.ctx()).await.unwrap();
    assert!(refused(&house.try_password(ADA, PASSWORD).await));
    let SignInOutcome::NewPasswordDue(pending) = house.try_password(ADA, temporary).await else { panic!("not due") };
    let choose = |new: &'static str| {
        let (identity, ctx, pending) = (house.identity.clone(), house.ctx(), pending.clone());
        async move { identity.choose_password(pending.expose(), secret(new), &ctx).await.unwrap() }
    };
    let code = house.identity.second_factor(pending.expose(), "000000", &house.ctx()).await.unwrap();
    assert!(matches!(code, SecondFactorOutcome::Expired), "each step has its own token");
    assert!(
        matches!(choose(temporary).await, NewPasswordOutcome::Invalid(PasswordFault::Unchanged)),
        "the same one stays known to others"
    );
    assert!(matches!(choose("password123").await, NewPasswordOutcome::Invalid(_)));
    let NewPasswordOutcome::Changed(session) = choose("quiet rivers carry boats").await else { panic!("not changed") };
    assert!(house.is_signed_in(&session.cookie).await);
    assert!(matches!(choose("loud rivers carry boats").await, NewPasswordOutcome::Expired));
    house.sign_in(ADA, "quiet rivers carry boats").await;
}

#[tokio::test]
async fn a_required_reset_comes_after_the_second_factor() {
    let house = House::with_ada().await;
    let (session, app, _) = house.enrol_app().await;
    house.identity.require_reset(ada(&house).await, &by(), &house.ctx()).await.unwrap();
    assert!(!house.is_signed_in(&session.cookie).await);
    let pending = house.half_way().await;
    let outcome = house.identity.second_factor(pending.expose(), &house.code(&app), &house.ctx()).await.unwrap();
    let SecondFactorOutcome::NewPasswordDue(next) = outcome else { panic!("not due: {outcome:?}") };
    let new = secret("quiet rivers carry boats");
    let outcome = house.identity.choose_password(next.expose(), new, &house.ctx()).await.unwrap();
    let NewPasswordOutcome::Changed(session) = outcome else { panic!("not changed") };
    assert_eq!(session.who.acr, crate::Acr::SecondFactor);
}

#[tokio::test]
async fn a_reset_is_waived_unless_the_password_is_not_her_own_and_a_lock_does_not_lose_it() {
    let house = House::with_ada().await;
    let (id, by) = (ada(&house).await, by());
    let state = async || house.identity.person(id).await.unwrap().unwrap().document.state();
    let identity = &house.identity;
    identity.require_reset(id, &by, &house.ctx()).await.unwrap();
    assert_eq!(state().await, PersonState::ResetRequired);
    let before = house.events().await.len();
    identity.waive_reset(id, &by, &house.ctx()).await.unwrap();
    identity.waive_reset(id, &by, &house.ctx()).await.unwrap();
    assert_eq!(state().await, PersonState::Active);
    assert_eq!(house.story(before).await, ["person.changed"]);
    // Locked meanwhile, she is asked once she is unlocked.
    identity.lock_person(id, "a test", &by, &house.ctx()).await.unwrap();
    identity.require_reset(id, &by, &house.ctx()).await.unwrap();
    assert_eq!(state().await, PersonState::Locked);
    identity.unlock_person(id, &by, &house.ctx()).await.unwrap();
    assert_eq!(state().await, PersonState::ResetRequired);
    identity.lock_person(id, "a test", &by, &house.ctx()).await.unwrap();
    identity.waive_reset(id, &by, &house.ctx()).await.unwrap();
    identity.unlock_person(id, &by, &house.ctx()).await.unwrap();
    assert_eq!(state().await, PersonState::Active);
    // One that an administrator knows does not stay.
    identity.set_password(id, secret("quiet rivers carry boats"), &by, &house.ctx()).await.unwrap();
    identity.require_reset(id, &by, &house.ctx()).await.unwrap();
    identity.waive_reset(id, &by, &house.ctx()).await.unwrap();
    assert_eq!(state().await, PersonState::ResetRequired);
    let nobody = PersonId::from_bytes([8; 16]);
    assert!(matches!(identity.waive_reset(nobody, &by, &house.ctx()).await, Err(AdminError::NoSuchPerson)));
}

#[tokio::test]
async fn roles_are_given_and_taken_with_their_events() {
    let house = House::with_ada().await;
    let id = ada(&house).await;
    let before = house.events().await.len();
    house.identity.grant_role(id, "support", &by(), &house.ctx()).await.unwrap();
    house.identity.grant_role(id, "support", &by(), &house.ctx()).await.unwrap();
    house.identity.revoke_role(id, "support", &by(), &house.ctx()).await.unwrap();
    house.identity.revoke_role(id, "support", &by(), &house.ctx()).await.unwrap();
    assert_eq!(house.story(before).await, ["role.granted", "role.revoked"]);
    for bad in ["", "Support", "a b", "1st", &"a".repeat(33)] {
        let refused = house.identity.grant_role(id, bad, &by(), &house.ctx()).await;
        assert!(matches!(refused, Err(AdminError::Role(_))), "{bad}");
    }
    for number in 0..32 {
        house.identity.grant_role(id, &format!("role-{number}"), &by(), &house.ctx()).await.unwrap();
    }
    let more = house.identity.grant_role(id, "one-more", &by(), &house.ctx()).await;
    assert!(matches!(more, Err(AdminError::TooManyRoles)));
}

#[tokio::test]
async fn the_last_owner_stays() {
    let house = House::with_ada().await;
    let id = ada(&house).await;
    house.identity.grant_role(id, OWNER, &by(), &house.ctx()).await.unwrap();
    let ctx = house.ctx();
    assert!(matches!(house.identity.revoke_role(id, OWNER, &by(), &ctx).await, Err(AdminError::LastOwner)));
    assert!(matches!(house.identity.lock_person(id, "", &by(), &ctx).await, Err(AdminError::LastOwner)));
    assert!(matches!(house.identity.erase_person(id, &by(), &ctx).await, Err(AdminError::LastOwner)));
    let roles = BTreeSet::from([OWNER.to_owned()]);
    let new = NewPerson { form: form("second@example.com"), roles, temporary: false };
    house.identity.create_person(new, &by(), &ctx).await.unwrap();
    house.identity.revoke_role(id, OWNER, &by(), &ctx).await.unwrap();
}

#[tokio::test]
async fn of_two_owners_who_take_each_other_away_at_one_moment_one_stays() {
    let house = House::with_ada().await;
    let first = ada(&house).await;
    house.identity.grant_role(first, OWNER, &by(), &house.ctx()).await.unwrap();
    for number in 0..20 {
        let roles = BTreeSet::from([OWNER.to_owned()]);
        let new = NewPerson { form: form(&format!("owner-{number}@example.com")), roles, temporary: false };
        let second = house.identity.create_person(new, &by(), &house.ctx()).await.unwrap();
        let (by, ctx) = (by(), house.ctx());
        let (one, other) = match number % 3 {
            0 => tokio::join!(
                house.identity.lock_person(first, "", &by, &ctx),
                house.identity.lock_person(second, "", &by, &ctx)
            ),
            1 => tokio::join!(
                house.identity.revoke_role(first, OWNER, &by, &ctx),
                house.identity.lock_person(second, "", &by, &ctx)
            ),
            _ => tokio::join!(
                house.identity.lock_person(first, "", &by, &ctx),
                house.identity.erase_person(second, &by, &ctx)
            ),
        };
        let refused = [&one, &other].iter().filter(|done| matches!(done, Err(AdminError::LastOwner))).count();
        assert_eq!((refused, one.is_ok() || other.is_ok()), (1, true), "{number}: {one:?} {other:?}");
        // As before, with one owner who may sign in.
        house.identity.unlock_person(first, &by, &ctx).await.unwrap();
        house.identity.grant_role(first, OWNER, &by, &ctx).await.unwrap();
        match house.identity.erase_person(second, &by, &ctx).await {
            Ok(()) | Err(AdminError::NoSuchPerson) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn an_erased_person_is_gone_and_the_name_is_free() {
    let house = House::with_ada().await;
    let session = house.sign_in(ADA, PASSWORD).await;
    let id = ada(&house).await;
    house.identity.erase_person(id, &by(), &house.ctx()).await.unwrap();
    assert!(!house.is_signed_in(&session.cookie).await);
    assert!(house.identity.person_by_name(ADA).await.unwrap().is_none());
    assert!(house.identity.person(id).await.unwrap().is_none());
    assert!(refused(&house.try_password(ADA, PASSWORD).await));
    let events = house.events().await;
    assert!(events.iter().any(|event| event.kind == EventKind::PersonErased));
    let names = |event: &testudo_core::Event| event.personal.values().any(|value| value == ADA);
    let by_her = events.iter().filter(|event| names(event)).count();
    assert_eq!(by_her, 1, "only the try after the erasure, which is a stranger's");
    assert!(matches!(house.identity.erase_person(id, &by(), &house.ctx()).await, Err(AdminError::NoSuchPerson)));
    house.sign_up(ADA, PASSWORD).await;
    house.sign_in(ADA, PASSWORD).await;
}

#[tokio::test]
async fn imported_bcrypt_hashes_sign_in_and_are_upgraded() {
    let house = House::build().await;
    // bcrypt, cost 4, of "correct horse battery", made by crypt(3).
    let hash = "$2b$04$31cWVoT8MQYlrCnrqwmzX.rf/U44Cb7ZARVrCWnSu9wNV91YQTmqq";
    let new = |hash: &str| ImportedPerson {
        username: ADA.into(),
        name: "Ada".into(),
        hash: secret(hash),
        roles: BTreeSet::from(["customer".into()]),
    };
    let refused_hash = house.identity.import_person(new("$1$md5$abc"), &by(), &house.ctx()).await;
    assert!(matches!(refused_hash, Err(AdminError::Hash(_))));
    let odd = ImportedPerson { roles: BTreeSet::from(["Not A Role".into()]), ..new(hash) };
    let refused_role = house.identity.import_person(odd, &by(), &house.ctx()).await;
    assert!(matches!(refused_role, Err(AdminError::Role(_))));
    house.identity.import_person(new(hash), &by(), &house.ctx()).await.unwrap();
    let twice = house.identity.import_person(new(hash), &by(), &house.ctx()).await;
    assert!(matches!(twice, Err(AdminError::NameTaken)));
    assert!(refused(&house.try_password(ADA, "wrong horse battery").await));
    house.sign_in(ADA, "correct horse battery").await;
    let person = house.identity.person_by_name(ADA).await.unwrap().unwrap();
    assert!(person.password.as_ref().unwrap().phc.expose().starts_with("$argon2id$"));
    assert!(person.roles().contains("customer"));
    house.sign_in(ADA, "correct horse battery").await;
}

#[tokio::test]
async fn people_are_listed_in_pages() {
    let house = House::build().await;
    for number in 0..5 {
        let roles = BTreeSet::new();
        let new = NewPerson { form: form(&format!("person{number}@example.com")), roles, temporary: false };
        house.identity.create_person(new, &by(), &house.ctx()).await.unwrap();
        house.wait(1);
    }
    let first = house.identity.people(None, 3, None).await.unwrap();
    let rest = house.identity.people(first.next, 3, None).await.unwrap();
    let names: Vec<_> =
        first.items.iter().chain(&rest.items).map(|stored| stored.document.username().to_owned()).collect();
    assert_eq!(names.len(), 5);
    assert_eq!(names[0], "person4@example.com");
    assert!(rest.next.is_none());
    assert!(matches!(house.identity.people(None, 0, None).await, Err(AdminError::PageLength)));
    assert!(matches!(house.identity.people(None, 201, None).await, Err(AdminError::PageLength)));
    let taken = NewPerson { form: form("PERSON1@example.com"), roles: BTreeSet::new(), temporary: false };
    assert!(matches!(house.identity.create_person(taken, &by(), &house.ctx()).await, Err(AdminError::NameTaken)));
}

#[tokio::test]
async fn all_sessions_before_an_instant_end_together() {
    let house = House::with_ada().await;
    let old = house.sign_in(ADA, PASSWORD).await;
    house.wait(10);
    let ctx = house.ctx();
    house.identity.end_all_sessions_before(ctx.now, "restore", by(), &ctx).await.unwrap();
    assert!(!house.is_signed_in(&old.cookie).await);
    let new = house.sign_in(ADA, PASSWORD).await;
    assert!(house.is_signed_in(&new.cookie).await);
    house.identity.end_all_sessions_before(testudo_core::Timestamp::EPOCH, "restore", by(), &ctx).await.unwrap();
    assert!(!house.is_signed_in(&old.cookie).await, "an earlier instant takes nothing back");
    assert_eq!(house.count(EventKind::AllRevoked).await, 1);
}
