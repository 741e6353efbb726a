//! Second factors: enrolment, codes that work once, recovery, step-up.

use testudo_core::EventKind;

use super::{ADA, House, PASSWORD, refused, secret};
use crate::{Acr, Amr, ConfirmOutcome, FactorOutcome, SecondFactorOutcome};

#[tokio::test]
async fn an_app_is_due_once_it_was_confirmed() {
    let house = House::with_ada().await;
    let session = house.sign_in(ADA, PASSWORD).await;
    let enrolment = house.begin(&session).await;
    assert_eq!(house.begin(&session).await.secret, enrolment.secret, "reloading shows the same");
    assert!(enrolment.uri.expose().starts_with("otpauth://totp/Testudo:ada%40example.com?secret="));
    house.sign_in(ADA, PASSWORD).await; // Not confirmed: not due.
    let cookie = Some(session.cookie.expose().as_str());
    let wrong = house.identity.confirm_totp(cookie, "000000", &house.ctx()).await.unwrap();
    assert!(matches!(wrong, ConfirmOutcome::Refused(again) if again.secret == enrolment.secret));
    let code = house.code(enrolment.secret.expose());
    let ConfirmOutcome::Enrolled { session: raised, codes } =
        house.identity.confirm_totp(cookie, &code, &house.ctx()).await.unwrap()
    else {
        panic!("not enrolled")
    };
    assert_eq!(codes.len(), 10);
    assert_eq!((raised.who.acr, raised.who.session), (Acr::SecondFactor, session.who.session));
    assert!(!house.is_signed_in(&session.cookie).await, "the old cookie is worth nothing");
    assert!(house.is_signed_in(&raised.cookie).await);
    house.half_way().await;
}

#[tokio::test]
async fn a_secret_waits_a_quarter_of_an_hour() {
    let house = House::with_ada().await;
    let session = house.sign_in(ADA, PASSWORD).await;
    let app = house.begin(&session).await.secret.expose().clone();
    house.wait(15 * 60 + 1);
    let code = house.code(&app);
    let outcome = house.identity.confirm_totp(Some(session.cookie.expose()), &code, &house.ctx()).await.unwrap();
    assert!(matches!(outcome, ConfirmOutcome::NotBegun));
    let again = house.identity.begin_totp(&session.who, &house.ctx()).await.unwrap();
    assert!(matches!(again, FactorOutcome::SignInAgain), "and so does the sign-in that it asks for");
}

#[tokio::test]
async fn a_code_completes_a_sign_in_once() {
    let house = House::with_ada().await;
    let (_, app, _) = house.enrol_app().await;
    let pending = house.half_way().await;
    assert!(!house.is_signed_in(&pending).await, "half a sign-in is none");
    let code = house.code(&app);
    let before = house.events().await.len();
    let done = house.identity.second_factor(pending.expose(), &code, &house.ctx()).await.unwrap();
    let SecondFactorOutcome::SignedIn(session) = done else { panic!("not signed in") };
    assert_eq!(session.who.acr, Acr::SecondFactor);
    assert_eq!(session.who.amr, [Amr::Pwd, Amr::Otp, Amr::Mfa]);
    assert_eq!(house.story(before).await, ["session.started", "second-factor"]);
    let again = house.identity.second_factor(pending.expose(), &code, &house.ctx()).await.unwrap();
    assert!(matches!(again, SecondFactorOutcome::Expired), "the half sign-in is used up");
    let other = house.half_way().await;
    let replay = house.identity.second_factor(other.expose(), &code, &house.ctx()).await.unwrap();
    assert!(matches!(replay, SecondFactorOutcome::Refused), "and so is the code");
}

#[tokio::test]
async fn of_two_requests_with_one_code_one_wins() {
    let house = House::with_ada().await;
    let (_, app, _) = house.enrol_app().await;
    let (one, other) = (house.half_way().await, house.half_way().await);
    let code = house.code(&app);
    let ctx = house.ctx();
    let (a, b) = tokio::join!(
        house.identity.second_factor(one.expose(), &code, &ctx),
        house.identity.second_factor(other.expose(), &code, &ctx),
    );
    let won = [a.unwrap(), b.unwrap()].iter().filter(|o| matches!(o, SecondFactorOutcome::SignedIn(_))).count();
    assert_eq!(won, 1);
    assert_eq!(house.count(EventKind::SessionStarted).await, 2, "the enrolling one and the winner");
}

#[tokio::test]
async fn half_a_sign_in_lasts_five_minutes_and_five_wrong_codes() {
    let house = House::with_ada().await;
    let (_, app, _) = house.enrol_app().await;
    let pending = house.half_way().await;
    house.wait(300);
    let late = house.identity.second_factor(pending.expose(), &house.code(&app), &house.ctx()).await.unwrap();
    assert!(matches!(late, SecondFactorOutcome::Expired));

    let pending = house.half_way().await;
    for _ in 0..4 {
        let wrong = house.identity.second_factor(pending.expose(), "12-34", &house.ctx()).await.unwrap();
        assert!(matches!(wrong, SecondFactorOutcome::Refused));
    }
    let fifth = house.identity.second_factor(pending.expose(), "12-34", &house.ctx()).await.unwrap();
    assert!(matches!(fifth, SecondFactorOutcome::Expired));
    let right = house.identity.second_factor(pending.expose(), &house.code(&app), &house.ctx()).await.unwrap();
    assert!(matches!(right, SecondFactorOutcome::Expired));
    assert!(refused(&house.try_password(ADA, PASSWORD).await), "wrong codes count on the soft lock");
}

#[tokio::test]
async fn knowing_the_password_gives_no_fresh_tries_at_the_code() {
    let house = House::with_ada().await;
    house.enrol_app().await;
    for _ in 0..5 {
        let pending = house.half_way().await;
        house.identity.second_factor(pending.expose(), "000000", &house.ctx()).await.unwrap();
    }
    assert!(refused(&house.try_password(ADA, PASSWORD).await));
}

#[tokio::test]
async fn a_right_code_has_to_wait_for_the_soft_lock() {
    let house = House::with_ada().await;
    let (_, app, _) = house.enrol_app().await;
    let pending = house.half_way().await;
    for _ in 0..5 {
        house.try_password(ADA, "not the password").await;
    }
    let before = house.events().await.len();
    let closed = house.identity.second_factor(pending.expose(), &house.code(&app), &house.ctx()).await.unwrap();
    assert!(matches!(closed, SecondFactorOutcome::Refused));
    assert_eq!(house.story(before).await, ["second-factor soft-locked"]);
    house.wait(30);
    let open = house.identity.second_factor(pending.expose(), &house.code(&app), &house.ctx()).await.unwrap();
    assert!(matches!(open, SecondFactorOutcome::SignedIn(_)));
}

#[tokio::test]
async fn a_recovery_code_signs_in_once() {
    let house = House::with_ada().await;
    let (_, _, codes) = house.enrol_app().await;
    let pending = house.half_way().await;
    let code = codes[3].expose().to_uppercase();
    let done = house.identity.second_factor(pending.expose(), &code, &house.ctx()).await.unwrap();
    let SecondFactorOutcome::SignedIn(session) = done else { panic!("not signed in") };
    assert_eq!(session.who.amr, [Amr::Pwd, Amr::Rc, Amr::Mfa]);
    let person = house.identity.person_by_name(ADA).await.unwrap().unwrap();
    assert_eq!(person.recovery_codes_left(), 9);
    let pending = house.half_way().await;
    let again = house.identity.second_factor(pending.expose(), &code, &house.ctx()).await.unwrap();
    assert!(matches!(again, SecondFactorOutcome::Refused));
}

#[tokio::test]
async fn a_step_up_raises_the_session_and_changes_its_cookie() {
    let house = House::with_ada().await;
    let before_app = house.sign_in(ADA, PASSWORD).await;
    let (_, app, _) = house.enrol_app().await;
    let cookie = Some(before_app.cookie.expose().as_str());
    let wrong = house.identity.step_up(cookie, "000000", &house.ctx()).await.unwrap();
    assert!(matches!(wrong, SecondFactorOutcome::Refused));
    let before = house.events().await.len();
    let done = house.identity.step_up(cookie, &house.code(&app), &house.ctx()).await.unwrap();
    let SecondFactorOutcome::SignedIn(raised) = done else { panic!("not raised") };
    assert_eq!((raised.who.session, raised.who.acr), (before_app.who.session, Acr::SecondFactor));
    assert_eq!(house.story(before).await, ["second-factor", "step-up.done"]);
    assert!(!house.is_signed_in(&before_app.cookie).await);
    assert!(house.is_signed_in(&raised.cookie).await);
    let nobody = house.identity.step_up(Some("abc"), "000000", &house.ctx()).await.unwrap();
    assert!(matches!(nobody, SecondFactorOutcome::Expired));
}

#[tokio::test]
async fn removing_the_app_and_renewing_codes_need_a_code() {
    let house = House::with_ada().await;
    let (session, app, codes) = house.enrol_app().await;
    let renewed = house.identity.renew_recovery_codes(&session.who, "000000", &house.ctx()).await.unwrap();
    assert!(matches!(renewed, FactorOutcome::Refused));
    let code = house.code(&app);
    let renewed = house.identity.renew_recovery_codes(&session.who, &code, &house.ctx()).await.unwrap();
    let FactorOutcome::Done(fresh) = renewed else { panic!("not renewed") };
    assert!(fresh.iter().all(|code| codes.iter().all(|old| old != code)));
    let old = house.identity.remove_totp(&session.who, codes[0].expose(), &house.ctx()).await.unwrap();
    assert!(matches!(old, FactorOutcome::Refused), "old codes are void");
    let replay = house.identity.remove_totp(&session.who, &code, &house.ctx()).await.unwrap();
    assert!(matches!(replay, FactorOutcome::Refused));
    let done = house.identity.remove_totp(&session.who, fresh[0].expose(), &house.ctx()).await.unwrap();
    assert!(matches!(done, FactorOutcome::Done(())));
    house.sign_in(ADA, PASSWORD).await;
    let none = house.identity.remove_totp(&session.who, "000000", &house.ctx()).await.unwrap();
    assert!(matches!(none, FactorOutcome::NotApplicable));
}

#[tokio::test]
async fn odd_tokens_complete_nothing() {
    let house = House::with_ada().await;
    let long = "a".repeat(1000);
    for pending in ["", "abc", long.as_str()] {
        let outcome = house.identity.second_factor(pending, "000000", &house.ctx()).await.unwrap();
        assert!(matches!(outcome, SecondFactorOutcome::Expired));
        let outcome = house.identity.choose_password(pending, secret(PASSWORD), &house.ctx()).await.unwrap();
        assert!(matches!(outcome, crate::NewPasswordOutcome::Expired));
    }
}
