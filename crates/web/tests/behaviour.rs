//! What the pages do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod house;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use house::{ADA, House, ORIGIN, PASSWORD, encoded};
use tower::ServiceExt;

const CREDENTIALS: [(&str, &str); 2] = [("username", ADA), ("password", PASSWORD)];
const AUTHORIZE: &str =
    "/authorize?client_id=app&redirect_uri=https%3A%2F%2Fapp.example.org%2Fcb&response_type=code&state=1";

#[tokio::test]
async fn a_person_signs_up_in_and_out() {
    let house = House::build().await;
    let mut browser = house.browser();
    browser.get("/sign-up").await;
    let answer = browser.post("/sign-up", &[("username", ADA), ("name", "Ada"), ("password", PASSWORD)]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/sign-in?after=sign-up"));
    let page = browser.get("/sign-in?after=sign-up").await;
    assert!(page.body.contains("If the name was free"));
    let answer = browser.post("/sign-in", &CREDENTIALS).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/account"));
    let set = browser.set.iter().find(|set| set.starts_with("__Host-testudo=")).unwrap();
    for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Max-Age="] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(browser.get("/account").await.body.contains(ADA));
    let answer = browser.post("/sign-out", &[]).await;
    assert_eq!(answer.location(), "/sign-in?after=sign-out");
    assert!(!browser.cookies.contains_key("__Host-testudo"));
    assert_eq!(browser.get("/account").await.location(), "/sign-in?return_to=%2Faccount");
}

#[tokio::test]
async fn sign_in_goes_back_to_the_authorize_request_and_nowhere_else() {
    let house = House::with_ada().await;
    let mut browser = house.browser();
    let page = browser.get(&format!("/sign-in?return_to={}", encoded(AUTHORIZE))).await;
    assert!(page.policy().contains("form-action 'self' https://app.example.org;"), "{}", page.policy());
    let mut fields = CREDENTIALS.to_vec();
    fields.push(("return_to", AUTHORIZE));
    assert_eq!(browser.post("/sign-in", &fields).await.location(), AUTHORIZE);
    for evil in ["https://evil.org/", "//evil.org/authorize?x", "/\\evil.org", "/authorize?x\r\nSet-Cookie: a=b"] {
        let page = browser.get(&format!("/sign-in?return_to={}", encoded(evil))).await;
        assert!(!page.body.contains("evil"), "{evil}");
        let mut fields = CREDENTIALS.to_vec();
        fields.push(("return_to", evil));
        assert_eq!(browser.post("/sign-in", &fields).await.location(), "/account", "{evil}");
    }
}

#[tokio::test]
async fn refusals_look_alike() {
    let house = House::with_ada().await;
    let mut browser = house.browser();
    browser.get("/sign-in").await;
    let unknown = browser.post("/sign-in", &[("username", ADA), ("password", "not the password")]).await;
    let mut pages = vec![(unknown.status, unknown.body)];
    house
        .identity
        .erase_person(
            house.identity.person_by_name(ADA).await.unwrap().unwrap().id(),
            &testudo_core::Actor::default(),
            &house::context(browser.seconds),
        )
        .await
        .unwrap();
    let erased = browser.post("/sign-in", &[("username", ADA), ("password", "not the password")]).await;
    pages.push((erased.status, erased.body));
    house.add_ada().await;
    for _ in 0..5 {
        browser.post("/sign-in", &[("username", ADA), ("password", "not the password")]).await;
    }
    let closed = browser.post("/sign-in", &CREDENTIALS).await;
    pages.push((closed.status, closed.body));
    pages.dedup();
    assert_eq!(pages.len(), 1, "wrong password, unknown person and soft lock give the same bytes");
}

#[tokio::test]
async fn forms_of_other_sites_and_browsers_are_refused() {
    let house = House::with_ada().await;
    let mut browser = house.browser();
    let page = browser.get("/sign-in").await;
    let token = page.body.split_once("name=\"csrf\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let mut fields = CREDENTIALS.to_vec();
    fields.push(("csrf", &token));
    let own: [(&str, &str); 2] = [("origin", ORIGIN), ("sec-fetch-site", "same-origin")];
    for headers in [
        [("origin", "https://evil.org"), ("sec-fetch-site", "cross-site")],
        [("origin", "null"), ("sec-fetch-site", "cross-site")],
        [("origin", ORIGIN), ("sec-fetch-site", "same-site")],
        [("origin", "https://evil.org"), ("x-nothing", "")],
    ] {
        assert_eq!(browser.post_from("/sign-in", &fields, &headers).await.status, StatusCode::FORBIDDEN);
    }
    for bad in ["", "00", &"0".repeat(64)] {
        let fields = [CREDENTIALS[0], CREDENTIALS[1], ("csrf", bad)];
        assert_eq!(browser.post_from("/sign-in", &fields, &own).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(browser.post_from("/sign-in", &CREDENTIALS, &own).await.status, StatusCode::FORBIDDEN);
    let mut other = house.browser();
    other.get("/sign-in").await;
    assert_eq!(other.post_from("/sign-in", &fields, &own).await.status, StatusCode::FORBIDDEN, "another browser");
    let null = [("origin", "null"), ("sec-fetch-site", "same-origin")];
    assert_eq!(browser.post_from("/sign-in", &fields, &null).await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.post_from("/sign-in", &fields, &[]).await.status, StatusCode::SEE_OTHER, "no browser");
}

#[tokio::test]
async fn every_form_needs_its_token() {
    let house = House::with_ada().await;
    let mut browser = house.signed_in().await;
    let mut paths = testudo_web::public_paths();
    paths.retain(|path| path != "/account" && !path.starts_with("/assets/"));
    for path in paths {
        let own = [("origin", ORIGIN), ("sec-fetch-site", "same-origin")];
        let answer = browser.post_from(&path, &CREDENTIALS, &own).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(browser.get("/account").await.status, StatusCode::OK, "and nothing happened");
}

#[tokio::test]
async fn odd_bodies_are_refused() {
    let house = House::build().await;
    let mut browser = house.browser();
    browser.get("/sign-in").await;
    let long = "a".repeat(17 * 1024);
    assert_eq!(browser.post("/sign-in", &[("username", &long)]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(browser.post("/sign-in", &[("a", "1"), ("a", "2")]).await.status, StatusCode::BAD_REQUEST);
    for kind in ["application/json", "multipart/form-data; boundary=x", "text/plain"] {
        let request = Request::post("/sign-in").header(header::CONTENT_TYPE, kind).body(Body::from("{}")).unwrap();
        assert_eq!(browser.send(request).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}

#[tokio::test]
async fn a_request_without_its_facts_is_not_answered() {
    let house = House::build().await;
    let router = testudo_web::router(testudo_web::Web::new(house.identity.clone(), []));
    let request = Request::get("/sign-in").body(Body::empty()).unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_second_factor_completes_the_sign_in() {
    let house = House::with_ada().await;
    let mut first = house.signed_in().await;
    let (secret, codes) = first.enrol_app(&house).await;
    let mut browser = house.browser();
    browser.seconds = first.seconds;
    browser.get("/sign-in").await;
    let mut fields = CREDENTIALS.to_vec();
    fields.push(("return_to", AUTHORIZE));
    let due = browser.post("/sign-in", &fields).await;
    assert_eq!(due.location(), format!("/sign-in/factor?return_to={}", due.location().split_once('=').unwrap().1));
    assert!(!browser.cookies.contains_key("__Host-testudo"));
    assert!(browser.cookies.contains_key("__Host-testudo-pending"));
    let target = due.location().to_owned();
    browser.get(&target).await;
    let wrong = browser.post("/sign-in/factor", &[("code", "000000"), ("return_to", AUTHORIZE)]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let code = browser.code(&secret);
    let done = browser.post("/sign-in/factor", &[("code", &code), ("return_to", AUTHORIZE)]).await;
    assert_eq!(done.location(), AUTHORIZE);
    assert!(!browser.cookies.contains_key("__Host-testudo-pending"));
    assert_eq!(browser.get("/account").await.status, StatusCode::OK);

    let mut lost = house.browser();
    lost.seconds = browser.seconds;
    lost.get("/sign-in").await;
    lost.post("/sign-in", &CREDENTIALS).await;
    let recovery = codes.body.split_once("<ul class=\"codes\"><li>").unwrap().1.split('<').next().unwrap();
    assert_eq!(lost.post("/sign-in/factor", &[("code", recovery)]).await.location(), "/account");
    assert!(lost.get("/account").await.body.contains("9 of 10 recovery codes"));
}

#[tokio::test]
async fn a_session_is_stepped_up() {
    let house = House::with_ada().await;
    let mut weak = house.signed_in().await;
    let link = format!("/sign-in/factor?return_to={}", encoded(AUTHORIZE));
    let to_enrol = weak.get(&link).await;
    assert!(to_enrol.location().starts_with("/account/totp?return_to="), "without an app: enrol one");
    let mut strong = house.signed_in().await;
    let (secret, _) = strong.enrol_app(&house).await;
    weak.seconds = strong.seconds;
    assert_eq!(weak.get(&link).await.status, StatusCode::OK);
    let before = weak.cookies["__Host-testudo"].clone();
    let code = weak.code(&secret);
    let done = weak.post("/sign-in/factor", &[("code", &code), ("return_to", AUTHORIZE)]).await;
    assert_eq!(done.location(), AUTHORIZE);
    assert_ne!(weak.cookies["__Host-testudo"], before, "a raised session has a new cookie");
    let gone = house.browser().get(&link).await;
    assert!(gone.location().starts_with("/sign-in?return_to="), "nobody is signed in");
}

#[tokio::test]
async fn an_account_is_looked_after() {
    let house = House::with_ada().await;
    let mut here = house.signed_in().await;
    let mut there = house.signed_in().await;
    let page = here.get("/account").await;
    let other = page.body.split_once("name=\"session\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let ended = here.post("/account/sessions/end", &[("session", &other)]).await;
    assert_eq!(ended.location(), "/account?done=session-ended");
    assert_eq!(there.get("/account").await.status, StatusCode::SEE_OTHER);
    let mut there = house.signed_in().await;
    here.get("/account").await;
    let new = [("current_password", PASSWORD), ("new_password", "password123")];
    assert_eq!(here.post("/account/password", &new).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let new = [("current_password", PASSWORD), ("new_password", "quiet rivers carry boats")];
    assert_eq!(here.post("/account/password", &new).await.location(), "/account?done=password");
    assert_eq!(here.get("/account").await.status, StatusCode::OK);
    assert_eq!(there.get("/account").await.status, StatusCode::SEE_OTHER);
    let everywhere = here.post("/account/sign-out-everywhere", &[]).await;
    assert_eq!(everywhere.location(), "/sign-in?after=sign-out");
    assert_eq!(here.get("/account").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn consent_is_given_or_refused() {
    let house = House::with_ada().await;
    let return_to = house.third_party().await;
    let link = format!("/consent?return_to={}", encoded(&return_to));
    assert!(house.browser().get(&link).await.location().starts_with("/sign-in?return_to="));
    let mut browser = house.signed_in().await;
    let page = browser.get(&link).await;
    assert!(page.policy().contains("form-action 'self' https://budget.example.com;"));
    let refused = browser.post("/consent", &[("approve", "no"), ("return_to", &return_to)]).await;
    assert!(refused.location().starts_with("https://budget.example.com/callback?"), "{}", refused.location());
    assert!(refused.location().contains("error=access_denied") && refused.location().contains("state=xyz"));
    let odd = browser.post("/consent", &[("approve", "maybe"), ("return_to", &return_to)]).await;
    assert!(odd.location().contains("error=access_denied"), "only a clear yes is one");
    let given = browser.post("/consent", &[("approve", "yes"), ("return_to", &return_to)]).await;
    assert!(given.location().contains("code=") && given.location().contains("state=xyz"), "{}", given.location());
    let nothing = browser.post("/consent", &[("approve", "yes"), ("return_to", "https://evil.org/")]).await;
    assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_app_loses_what_it_was_allowed_when_she_says_so() {
    let house = House::with_ada().await;
    let return_to = house.third_party().await;
    let mut browser = house.signed_in().await;
    assert!(!browser.get("/account").await.body.contains("Apps that may act for you"), "there is none");
    browser.get(&format!("/consent?return_to={}", encoded(&return_to))).await;
    browser.post("/consent", &[("approve", "yes"), ("return_to", &return_to)]).await;
    let page = browser.get("/account").await;
    for shown in
        ["Budget &#60;Planner&#62;", "use `accounts`", "see your name and user name", "since 2027-01-15 08:00 UTC"]
    {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    // Neither another site nor a browser without the form's token can do it, nor does another person's word count.
    let fields = [("client", "budget")];
    let own = [("origin", ORIGIN), ("sec-fetch-site", "same-origin")];
    assert_eq!(browser.post_from("/account/apps/end", &fields, &own).await.status, StatusCode::FORBIDDEN);
    let foreign = [("origin", "https://evil.org"), ("sec-fetch-site", "cross-site")];
    assert_eq!(browser.post_from("/account/apps/end", &fields, &foreign).await.status, StatusCode::FORBIDDEN);
    let mut stranger = house.browser();
    stranger.get("/sign-in").await;
    let nobody = stranger.post("/account/apps/end", &fields).await;
    assert_eq!(nobody.location(), "/sign-in?return_to=%2Faccount");
    let link = format!("/consent?return_to={}", encoded(&return_to));
    assert_eq!(browser.get(&link).await.location(), return_to, "it may still: there is nothing to ask");

    browser.get("/account").await;
    let ended = browser.post("/account/apps/end", &fields).await;
    assert_eq!((ended.status, ended.location()), (StatusCode::SEE_OTHER, "/account?done=access-ended"));
    let page = browser.get("/account?done=access-ended").await;
    assert!(page.body.contains("act for you any more") && !page.body.contains("Budget"), "{}", page.body);
    for again in ["budget", "nonsense/..", ""] {
        let answer = browser.post("/account/apps/end", &[("client", again)]).await;
        assert_eq!(answer.location(), "/account?done=access-ended", "what was wanted holds");
    }
    assert_eq!(browser.get(&link).await.status, StatusCode::OK, "she is asked again");
}

#[tokio::test]
async fn the_first_administrator_enrols_on_the_admin_address_only() {
    let house = House::build().await;
    let token = house.enrolment_token().await;
    assert_eq!(house.browser().get("/enrol").await.status, StatusCode::NOT_FOUND);
    let mut browser = house.admin_browser();
    browser.get("/enrol").await;
    let wrong = [("token", "wrong"), ("username", "root"), ("password", PASSWORD)];
    let refused = browser.post("/enrol", &wrong).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.body.contains("value=\"root\""), "what was typed stays");
    let fields = [("token", token.as_str()), ("username", "root"), ("password", PASSWORD)];
    assert_eq!(browser.post("/enrol", &fields).await.location(), "/account/totp");
    assert!(browser.get("/account").await.body.contains("Your role needs a second factor"));
    browser.enrol_app(&house).await;
    assert!(browser.get("/account").await.body.contains("An authenticator app is in use"));
    assert_eq!(browser.get("/enrol").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_forced_new_password_comes_first() {
    let house = House::with_ada().await;
    house.require_reset().await;
    let mut browser = house.browser();
    browser.get("/sign-in").await;
    assert_eq!(browser.post("/sign-in", &CREDENTIALS).await.location(), "/sign-in/password");
    assert_eq!(browser.get("/account").await.status, StatusCode::SEE_OTHER);
    browser.get("/sign-in/password").await;
    let weak = browser.post("/sign-in/password", &[("new_password", "short")]).await;
    assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = browser.post("/sign-in/password", &[("new_password", "quiet rivers carry boats")]).await;
    assert_eq!(done.location(), "/account");
    assert_eq!(browser.get("/account").await.status, StatusCode::OK);
}

#[tokio::test]
async fn closed_sign_up_is_closed() {
    let house = House::configured(|config| config.sign_up = false).await;
    let mut browser = house.browser();
    assert!(!browser.get("/sign-in").await.body.contains("/sign-up"));
    assert_eq!(browser.get("/sign-up").await.status, StatusCode::NOT_FOUND);
    let answer = browser.post("/sign-up", &[("username", ADA), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_style_sheet_is_cached_for_good_under_its_hash() {
    let house = House::build().await;
    let mut browser = house.browser();
    let page = browser.get("/sign-in").await;
    let path = page.body.split_once("href=\"/assets/").unwrap().1.split('"').next().unwrap().to_owned();
    let style = browser.get(&format!("/assets/{path}")).await;
    assert_eq!(style.status, StatusCode::OK);
    assert_eq!(style.headers[header::CONTENT_TYPE], "text/css; charset=utf-8");
    assert!(style.headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    assert!(style.body.contains("prefers-color-scheme: dark"));
    assert_eq!(browser.get("/assets/other.css").await.status, StatusCode::NOT_FOUND);
    assert!(testudo_web::public_paths().contains(&format!("/assets/{path}")));
}
