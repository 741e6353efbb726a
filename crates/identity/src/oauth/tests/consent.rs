//! What a person allows to a client that is not ours, and takes back.

use std::time::Duration;

use testudo_core::{Actor, ClientId, EventKind};

use super::house::*;
use crate::oauth::{AuthorizeOutcome, ClientForm};
use crate::{Acr, IdentityError};

fn third() -> String {
    query(&[("client_id", "third-party")])
}

fn id(text: &str) -> ClientId {
    text.parse().unwrap()
}

/// A code of the third party that she has just allowed.
async fn allowed_code(house: &House) -> String {
    let given = house.identity.authorize(&third(), Some(&house.ada), None, true, &house.ctx).await.unwrap();
    param(&redirect(given), "code").unwrap()
}

fn exchange_third(code: &str) -> Vec<(&'static str, &str)> {
    let mut form = exchange(code);
    form.retain(|(name, _)| *name != "client_id");
    form.push(("client_id", "third-party"));
    form
}

#[tokio::test]
async fn she_sees_who_may_do_what_since_when() {
    let mut house = House::new().await;
    assert!(house.identity.allowed_clients(&house.ada, &house.ctx).await.unwrap().is_empty());
    let began = house.ctx.now;
    let code = allowed_code(&house).await;
    let listed = house.identity.allowed_clients(&house.ada, &house.ctx).await.unwrap();
    assert_eq!((listed.len(), listed[0].used), (1, None), "allowed, and not signed in yet");
    house.token(&exchange_third(&code)).await.unwrap();
    house.later(Duration::from_mins(5));
    let own = house.signed_in_app().await;
    let listed = house.identity.allowed_clients(&house.ada, &house.ctx).await.unwrap();
    let clients: Vec<(&str, bool)> = listed.iter().map(|it| (it.client.as_str(), it.first_party)).collect();
    assert_eq!(clients, [("third-party", false), ("wallet-app", true)]);
    assert_eq!(listed[0].scopes.to_string(), "accounts:read email openid profile");
    assert_eq!((listed[0].since, listed[0].used), (began, Some(began)));
    assert_eq!((listed[1].since, listed[1].used), (house.ctx.now, Some(house.ctx.now)));
    // Somebody else sees nothing of it.
    let bea = sign_in(&house.identity, "bea@example.org", Acr::Password, &house.ctx).await;
    assert!(house.identity.allowed_clients(&bea, &house.ctx).await.unwrap().is_empty());
    // Our own app is not listed any more once its sign-in is over.
    house.identity.withdraw_consent(&house.ada, &id("wallet-app"), &house.ctx).await.unwrap();
    assert_eq!(house.refresh(&refresh_token(&own)).await.unwrap_err().reason, "refresh-over");
    assert_eq!(house.identity.allowed_clients(&house.ada, &house.ctx).await.unwrap().len(), 1);
}

#[tokio::test]
async fn withdrawing_ends_what_the_client_has_and_nothing_else() {
    let house = House::new().await;
    let theirs = house.token(&exchange_third(&allowed_code(&house).await)).await.unwrap();
    let own = house.signed_in_app().await;
    let waiting = allowed_code(&house).await;
    let bea = sign_in(&house.identity, "bea@example.org", Acr::Password, &house.ctx).await;
    let stranger = house.identity.withdraw_consent(&bea, &id("third-party"), &house.ctx).await;
    assert!(matches!(stranger, Err(IdentityError::NotFound(_))), "another person's consent is hers to keep");

    house.identity.withdraw_consent(&house.ada, &id("third-party"), &house.ctx).await.unwrap();
    let mut form = refresh(theirs.refresh_token.as_ref().unwrap().expose());
    form.retain(|(name, _)| *name != "client_id");
    form.push(("client_id", "third-party"));
    assert_eq!(house.token(&form).await.unwrap_err().reason, "refresh-over");
    assert_eq!(house.token(&exchange_third(&waiting)).await.unwrap_err().reason, "consent-withdrawn");
    assert!(matches!(house.authorize(&third()).await, AuthorizeOutcome::ConsentNeeded { .. }), "she is asked again");
    house.refresh(&refresh_token(&own)).await.expect("the other app goes on");
    let again = house.identity.withdraw_consent(&house.ada, &id("third-party"), &house.ctx).await;
    assert!(matches!(again, Err(IdentityError::NotFound(_))));

    let withdrawn = house.events(EventKind::ConsentWithdrawn).await;
    assert_eq!(withdrawn.len(), 1);
    assert_eq!(withdrawn[0].actor.person, Some(house.ada.person));
    assert_eq!(withdrawn[0].actor.client, Some(id("third-party")));
    assert_eq!(withdrawn[0].details["families"], "1");
    let ended = house.events(EventKind::FamilyRevoked).await;
    assert_eq!((ended.len(), ended[0].subject), (1, Some(house.ada.person)), "standing refuses its access tokens");
    // She may change her mind.
    house.token(&exchange_third(&allowed_code(&house).await)).await.unwrap();
}

#[tokio::test]
async fn a_new_client_of_an_old_name_inherits_nothing() {
    let mut house = House::new().await;
    let code = allowed_code(&house).await;
    let theirs = house.token(&exchange_third(&code)).await.unwrap();
    let waiting = allowed_code(&house).await;
    house.identity.remove_client(&id("third-party"), Actor::default(), &house.ctx).await.unwrap();
    house.later(Duration::from_secs(10));
    let form = ClientForm { first_party: false, ..ClientForm::wallet_app() };
    house.identity.register_client(id("third-party"), form, Actor::default(), &house.ctx).await.unwrap();
    assert!(house.identity.allowed_clients(&house.ada, &house.ctx).await.unwrap().is_empty());
    assert!(matches!(house.authorize(&third()).await, AuthorizeOutcome::ConsentNeeded { .. }));
    assert_eq!(house.token(&exchange_third(&waiting)).await.unwrap_err().reason, "consent-withdrawn");
    let mut form = refresh(theirs.refresh_token.as_ref().unwrap().expose());
    form.retain(|(name, _)| *name != "client_id");
    form.push(("client_id", "third-party"));
    assert_eq!(house.token(&form).await.unwrap_err().reason, "refresh-unknown");
}

#[tokio::test]
async fn a_code_that_is_exchanged_at_the_same_moment_leaves_nothing_alive() {
    let house = House::new().await;
    let client = id("third-party");
    let (mut exchanged, mut refused) = (0, 0);
    for round in 0..40 {
        let code = allowed_code(&house).await;
        let (form, done) = (exchange_third(&code), std::cell::Cell::new(false));
        let exchange = async {
            let answer = house.token(&form).await;
            done.set(true);
            answer
        };
        let withdraw = async {
            // It comes at each moment of the exchange, and at last after it.
            let started = std::time::Instant::now();
            while !done.get() && started.elapsed() < Duration::from_micros(round * 1000) {
                tokio::task::yield_now().await;
            }
            house.identity.withdraw_consent(&house.ada, &client, &house.ctx).await
        };
        let (answer, withdrawn) = tokio::join!(exchange, withdraw);
        withdrawn.unwrap();
        match answer {
            Ok(tokens) => {
                exchanged += 1;
                let left = house.identity.allowed_clients(&house.ada, &house.ctx).await.unwrap();
                assert!(left.is_empty(), "round {round}: {left:?}");
                let mut form = refresh(tokens.refresh_token.as_ref().unwrap().expose());
                form.retain(|(name, _)| *name != "client_id");
                form.push(("client_id", "third-party"));
                assert_eq!(house.token(&form).await.unwrap_err().reason, "refresh-over", "round {round}");
            }
            Err(error) => {
                refused += 1;
                assert_eq!(error.reason, "consent-withdrawn", "round {round}");
            }
        }
        assert!(house.identity.allowed_clients(&house.ada, &house.ctx).await.unwrap().is_empty(), "round {round}");
    }
    assert!(exchanged + refused == 40 && refused > 0, "{exchanged} {refused}");
}
