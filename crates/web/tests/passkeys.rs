//! Passkeys over the pages, with an authenticator in software in the place of the browser's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod house;

use axum::http::StatusCode;
use house::{ADA, Browser, House, ORIGIN, PASSWORD, context};
use serde_json::Value;
use testudo_core::Actor;
use testudo_testkit::authenticator::Authenticator;
use testudo_web::Web;

const HOST: &str = "id.example.org";
const ADMIN: &str = "https://admin.example.org:8444";

/// Asks for a challenge as the script does.
async fn challenge(browser: &mut Browser, path: &str) -> String {
    let answer = browser.post(path, &[]).await;
    assert_eq!(
        (answer.status, &answer.headers["content-type"]),
        (StatusCode::OK, &"application/json".parse().unwrap())
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    let set = browser.set.iter().find(|set| set.contains("-passkey=")).expect("the challenge's cookie").clone();
    for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; Max-Age=300"] {
        assert!(set.contains(attribute), "{set}");
    }
    answer.body
}

async fn add(browser: &mut Browser, authenticator: &mut Authenticator) -> house::Answer {
    browser.get("/account").await;
    let options = challenge(browser, "/account/passkeys/begin").await;
    let credential = authenticator.create(&options).unwrap();
    browser.post("/account/passkeys", &[("credential", &credential), ("name", "My <key>")]).await
}

async fn sign_in(browser: &mut Browser, authenticator: &mut Authenticator) -> house::Answer {
    browser.get("/sign-in").await;
    let options = challenge(browser, "/sign-in/passkey/begin").await;
    let credential = authenticator.get(&options).unwrap();
    browser.post("/sign-in/passkey", &[("credential", &credential)]).await
}

#[tokio::test]
async fn a_passkey_is_added_named_used_confirmed_and_removed() {
    let house = House::with_ada().await;
    let mut browser = house.signed_in().await;
    let mut authenticator = Authenticator::new(ORIGIN, HOST).unwrap();
    let added = add(&mut browser, &mut authenticator).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.body);
    assert!(added.body.contains("Keep these codes"));
    let page = browser.get("/account").await.body;
    assert!(page.contains("My &#60;key&#62;") && page.contains("for id.example.org"), "{page}");
    browser.post("/sign-out", &[]).await;

    let done = sign_in(&mut browser, &mut authenticator).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/account"));
    assert!(browser.set.iter().any(|set| set.starts_with("__Host-testudo-passkey=;")), "its cookie is gone");
    let page = browser.get("/account").await.body;
    let id = page.split("name=\"passkey\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let renamed = browser.post("/account/passkeys/rename", &[("passkey", &id), ("name", "Blue")]).await;
    assert_eq!(renamed.location(), "/account?done=passkey-renamed");

    // Ten minutes later a fresh factor comes first.
    browser.seconds += 601;
    browser.get("/account").await;
    let stale = browser.post("/account/passkeys/remove", &[("passkey", &id)]).await;
    assert_eq!(stale.location(), "/confirm?return_to=%2Faccount");
    let told = browser.post("/account/passkeys/begin", &[]).await;
    let told: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(told["next"], "/confirm?return_to=%2Faccount");
    let page = browser.get("/confirm?return_to=%2Faccount").await;
    assert!(page.body.contains("Confirm with a passkey") && page.policy().contains("script-src 'self'"));
    let options = challenge(&mut browser, "/confirm/passkey/begin").await;
    let credential = authenticator.get(&options).unwrap();
    let fields = [("credential", credential.as_str()), ("return_to", "/account")];
    assert_eq!(browser.post("/confirm/passkey", &fields).await.location(), "/account");
    browser.get("/account").await;
    let removed = browser.post("/account/passkeys/remove", &[("passkey", &id)]).await;
    assert_eq!(removed.location(), "/account?done=passkey-removed");
    assert_eq!(sign_in(&mut browser, &mut authenticator).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_passkey_completes_a_password_sign_in() {
    let house = House::with_ada().await;
    let mut first = house.signed_in().await;
    let mut authenticator = Authenticator::new(ORIGIN, HOST).unwrap();
    add(&mut first, &mut authenticator).await;
    let mut browser = house.browser();
    browser.get("/sign-in").await;
    let due = browser.post("/sign-in", &[("username", ADA), ("password", PASSWORD)]).await;
    assert_eq!(due.location(), "/sign-in/factor");
    let page = browser.get("/sign-in/factor").await.body;
    assert!(page.contains("Use a passkey") && page.contains("name=\"code\""), "or a recovery code");
    let options = challenge(&mut browser, "/sign-in/factor/passkey/begin").await;
    let wrong = browser.post("/sign-in/factor/passkey", &[("credential", "{}")]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let spent = authenticator.get(&options).unwrap();
    let again = browser.post("/sign-in/factor/passkey", &[("credential", &spent)]).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED, "its challenge was answered already");
    let options = challenge(&mut browser, "/sign-in/factor/passkey/begin").await;
    let credential = authenticator.get(&options).unwrap();
    let done = browser.post("/sign-in/factor/passkey", &[("credential", &credential)]).await;
    assert_eq!(done.location(), "/account");
}

#[tokio::test]
async fn a_challenge_belongs_to_its_browser_and_its_page() {
    let house = House::with_ada().await;
    let mut first = house.signed_in().await;
    let mut authenticator = Authenticator::new(ORIGIN, HOST).unwrap();
    add(&mut first, &mut authenticator).await;
    let (mut one, mut other) = (house.browser(), house.browser());
    one.get("/sign-in").await;
    other.get("/sign-in").await;
    let options = challenge(&mut one, "/sign-in/passkey/begin").await;
    let credential = authenticator.get(&options).unwrap();
    let stolen = other.post("/sign-in/passkey", &[("credential", &credential)]).await;
    assert_eq!(stolen.status, StatusCode::UNAUTHORIZED, "answered in another browser");
    assert_eq!(one.post("/sign-in/passkey", &[("credential", &credential)]).await.status, StatusCode::SEE_OTHER);
    // Another site's script gets no challenge.
    for headers in [[("origin", "https://evil.org"), ("sec-fetch-site", "cross-site")]] {
        let answer = other.post_from("/sign-in/passkey/begin", &[], &headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn the_admin_address_has_its_own_sessions_and_lets_administrators_in_only() {
    let house = House::with_ada().await;
    let web = Web::admin(&house.identity, [ADMIN.to_owned(), "https://127.0.0.1:8444".to_owned()]);
    let router = testudo_web::admin_router(web);
    let mut admin = Browser::new(router.clone(), ADMIN);
    admin.get("/sign-in").await;
    let turned = admin.post("/sign-in", &[("username", ADA), ("password", PASSWORD)]).await;
    assert_eq!(turned.status, StatusCode::FORBIDDEN);
    assert!(turned.body.contains("This address is for administrators"));
    assert!(!admin.cookies.contains_key("__Host-testudo-admin"));

    let ada = house.identity.person_by_name(ADA).await.unwrap().unwrap().id();
    house.identity.grant_role(ada, "owner", &Actor::default(), &context(admin.seconds)).await.unwrap();
    admin.get("/sign-in").await;
    let first = admin.post("/sign-in", &[("username", ADA), ("password", PASSWORD)]).await;
    assert_eq!(first.location(), "/account/totp", "a second factor comes first");
    let set = admin.set.iter().find(|set| set.starts_with("__Host-testudo-admin=")).unwrap();
    assert!(set.contains("; SameSite=Strict") && set.contains("; Max-Age=28800"), "{set}");
    let asked = admin.get("/account").await;
    assert_eq!(asked.location(), "/sign-in/factor?return_to=%2Faccount");
    assert_eq!(admin.get(asked.location()).await.location(), "/account/totp?return_to=%2Faccount");

    // A passkey of the admin host; the public one can't answer with it.
    admin.get("/account/totp").await;
    let options = challenge(&mut admin, "/account/passkeys/begin").await;
    assert!(options.contains("\"id\":\"admin.example.org\""), "{options}");
    let mut authenticator = Authenticator::new(ADMIN, "admin.example.org").unwrap();
    let credential = authenticator.create(&options).unwrap();
    let added = admin.post("/account/passkeys", &[("credential", &credential)]).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.body);
    assert_eq!(admin.get("/account").await.status, StatusCode::OK);
    let mut again = Browser::new(router.clone(), ADMIN);
    assert_eq!(sign_in(&mut again, &mut authenticator).await.location(), "/");
    let mut public = house.browser();
    assert_eq!(sign_in(&mut public, &mut authenticator).await.status, StatusCode::UNAUTHORIZED);

    // Its cookie is worth nothing at the public address, under either name.
    let token = again.cookies["__Host-testudo-admin"].clone();
    for name in ["__Host-testudo-admin", "__Host-testudo"] {
        public.cookies.insert(name.into(), token.clone());
        assert_eq!(public.get("/account").await.status, StatusCode::SEE_OTHER, "{name}");
    }
    // By address there are no passkeys, and the script is told what to do.
    let mut numeric = Browser::new(router, "https://127.0.0.1:8444");
    numeric.get("/sign-in").await;
    let told = numeric.post("/sign-in/passkey/begin", &[]).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    assert!(told.body.contains("open the page under its name"), "{}", told.body);
}
