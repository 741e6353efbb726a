//! Snapshots of every page, and of the headers that all of them have.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod house;

use axum::http::StatusCode;
use house::{ADA, House, PASSWORD};

/// The page without what differs from run to run.
fn stable(body: &str) -> String {
    let mut text = body.to_owned();
    for (start, end, put) in [
        ("name=\"csrf\" value=\"", "\"", "[csrf]"),
        ("<script src=\"", "\"", "[script].js"),
        ("/assets/", "\"", "[style].css"),
        ("name=\"session\" value=\"", "\"", "[session]"),
        ("<code>req_", "</code>", "[request]"),
        ("<div class=\"qr\">", "</div>", "[qr]"),
        ("Type this key: <code>", "</code>", "[secret]"),
        ("<ul class=\"codes\">", "</ul>", "[codes]"),
    ] {
        let mut from = 0;
        while let Some(place) = text[from..].find(start).map(|place| from + place + start.len()) {
            let length = text[place..].find(end).unwrap();
            text.replace_range(place..place + length, put);
            from = place + put.len();
        }
    }
    text
}

#[tokio::test]
async fn sign_in() {
    let house = House::build().await;
    insta::assert_snapshot!(stable(&house.browser().get("/sign-in").await.body));
}

#[tokio::test]
async fn sign_in_refused() {
    let house = House::build().await;
    let mut browser = house.browser();
    browser.get("/sign-in").await;
    let name = "<b>nobody</b>@example.com";
    let answer = browser.post("/sign-in", &[("username", name), ("password", "hidden words here")]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(!answer.body.contains("hidden words here") && !answer.body.contains("<b>nobody"));
    insta::assert_snapshot!(stable(&answer.body));
}

#[tokio::test]
async fn sign_up_with_faults() {
    let house = House::build().await;
    let mut browser = house.browser();
    insta::assert_snapshot!("sign_up", stable(&browser.get("/sign-up").await.body));
    let answer = browser.post("/sign-up", &[("username", "not a name"), ("name", "a\u{7}b"), ("password", "x")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    insta::assert_snapshot!("sign_up_with_faults", stable(&answer.body));
}

#[tokio::test]
async fn account_and_its_pages() {
    let house = House::with_ada().await;
    let mut browser = house.signed_in().await;
    insta::assert_snapshot!("account", stable(&browser.get("/account").await.body));
    insta::assert_snapshot!("totp", stable(&browser.get("/account/totp").await.body));
    let codes = browser.enrol_app(&house).await.1;
    insta::assert_snapshot!("recovery_codes", stable(&codes.body));
    insta::assert_snapshot!("account_with_factor", stable(&browser.get("/account").await.body));
    insta::assert_snapshot!("sign_out", stable(&browser.get("/sign-out").await.body));
    let mut other = house.browser();
    other.get("/sign-in").await;
    other.post("/sign-in", &[("username", ADA), ("password", PASSWORD)]).await;
    insta::assert_snapshot!("factor", stable(&other.get("/sign-in/factor").await.body));
}

#[tokio::test]
async fn new_password() {
    let house = House::with_ada().await;
    house.require_reset().await;
    let mut browser = house.browser();
    browser.get("/sign-in").await;
    browser.post("/sign-in", &[("username", ADA), ("password", PASSWORD)]).await;
    insta::assert_snapshot!(stable(&browser.get("/sign-in/password").await.body));
}

#[tokio::test]
async fn consent() {
    let house = House::with_ada().await;
    let return_to = house.third_party().await;
    let mut browser = house.signed_in().await;
    let answer = browser.get(&format!("/consent?return_to={}", house::encoded(&return_to))).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    insta::assert_snapshot!(stable(&answer.body));
    browser.post("/consent", &[("approve", "yes"), ("return_to", &return_to)]).await;
    insta::assert_snapshot!("account_with_app", stable(&browser.get("/account").await.body));
}

#[tokio::test]
async fn enrol_and_problem() {
    let house = House::build().await;
    let mut browser = house.admin_browser();
    let missing = browser.get("/enrol").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    insta::assert_snapshot!("problem", stable(&missing.body));
    house.enrolment_token().await;
    insta::assert_snapshot!("enrol", stable(&browser.get("/enrol").await.body));
}

#[tokio::test]
async fn headers_of_every_page() {
    let house = House::build().await;
    let mut browser = house.admin_browser();
    house.enrolment_token().await;
    let mut seen = Vec::new();
    for path in ["/sign-in", "/sign-up", "/enrol", "/nowhere", "/account"] {
        let answer = browser.get(path).await;
        let names = [
            "content-security-policy",
            "cache-control",
            "referrer-policy",
            "x-content-type-options",
            "x-frame-options",
            "permissions-policy",
        ];
        let line = |name: &str| format!("{name}: {}", answer.headers.get(name).map_or("-", |v| v.to_str().unwrap()));
        seen.push(names.map(line).join("\n"));
    }
    // The sign-in page runs the script for passkeys: that is all that differs.
    let scripted = seen.remove(0);
    let more = "; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'";
    assert_eq!(scripted.replace(more, ""), seen[0]);
    assert_ne!(scripted, seen[0]);
    seen.dedup();
    assert_eq!(seen.len(), 1, "all pages have the same headers");
    insta::assert_snapshot!(seen[0]);
}

#[tokio::test]
async fn no_page_has_scripts_or_styles_in_it() {
    let house = House::with_ada().await;
    let mut browser = house.signed_in().await;
    for path in ["/sign-in", "/sign-up", "/account", "/account/totp", "/sign-out", "/nowhere"] {
        let answer = browser.get(path).await;
        let scripted = answer.policy().contains("script-src 'self'");
        let mut body = answer.body.to_lowercase();
        assert_eq!(body.matches("<script src=\"/assets/").count(), usize::from(scripted), "{path}");
        body = body.replace("<script src=\"/assets/", "");
        for never in ["<script", "style=", "<style", "javascript:", " onclick", " onload", "http://", "https://"] {
            assert!(!body.contains(never), "{path} has {never}");
        }
        let inputs = body.matches("<input").count() - body.matches("type=\"hidden\"").count();
        let labelled = body.matches("<label for=").count();
        let unseen = body.matches("autocomplete=\"username\" hidden>").count();
        assert_eq!(inputs - unseen, labelled, "{path}: every field has a label");
        assert!(body.contains("<html lang=\"en\">") && body.matches("<h1>").count() == 1, "{path}");
    }
}
