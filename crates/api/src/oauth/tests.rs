//! The OAuth endpoints over HTTP.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::Value;
use testudo_core::{Control, Denial, EventKind};

use super::ErrorPage;
use crate::testing::{ISSUER, Testing, body, call, header, send};

const FORM: &str = "application/x-www-form-urlencoded";
const QUERY: &str = "response_type=code&client_id=wallet-app&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&scope=openid\
    &state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

async fn post(house: &Testing, uri: &str, form: &str) -> Response<Body> {
    let request = call("POST", uri).header("content-type", FORM).body(Body::from(form.to_owned())).unwrap();
    send(&house.oauth, request).await
}

async fn get(house: &Testing, uri: &str, cookie: Option<&str>) -> Response<Body> {
    let mut request = call("GET", uri);
    if let Some(cookie) = cookie {
        request = request.header("cookie", format!("other=1; __Host-testudo={cookie}"));
    }
    send(&house.oauth, request.body(Body::empty()).unwrap()).await
}

async fn code(house: &Testing, cookie: &str) -> String {
    let response = get(house, &format!("/authorize?{QUERY}"), Some(cookie)).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert_eq!(header(&response, "referrer-policy"), "no-referrer");
    let location = header(&response, "location").to_owned();
    location.split_once("code=").unwrap().1.split('&').next().unwrap().to_owned()
}

fn exchange(code: &str) -> String {
    format!(
        "grant_type=authorization_code&client_id=wallet-app&code={code}&code_verifier={VERIFIER}\
         &redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback"
    )
}

#[tokio::test]
async fn the_whole_trip() {
    let house = Testing::new().await;
    let cookie = house.sign_in("ada@example.org").await;
    let code = code(&house, cookie.expose()).await;
    let response = post(&house, "/token", &exchange(&code)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert_eq!(header(&response, "pragma"), "no-cache");
    assert_eq!(header(&response, "content-type"), "application/json");
    let tokens = body(response).await;
    let access = tokens["access_token"].as_str().unwrap();

    let request = call("GET", "/userinfo").header("authorization", format!("Bearer {access}"));
    let response = send(&house.oauth, request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);

    let refresh = tokens["refresh_token"].as_str().unwrap();
    let form = format!("grant_type=refresh_token&client_id=wallet-app&refresh_token={refresh}");
    let fresh = body(post(&house, "/token", &form).await).await;
    let refresh = fresh["refresh_token"].as_str().unwrap();

    let form = format!("client_id=wallet-app&token={refresh}");
    assert_eq!(post(&house, "/revoke", &form).await.status(), StatusCode::OK);
    let form = format!("grant_type=refresh_token&client_id=wallet-app&refresh_token={refresh}");
    let response = post(&house, "/token", &form).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(body(response).await["error"], "invalid_grant");

    let id_token = tokens["id_token"].as_str().unwrap();
    let uri = format!("/logout?id_token_hint={id_token}&post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%2Fsigned-out");
    let response = get(&house, &uri, Some(cookie.expose())).await;
    assert_eq!(header(&response, "location"), "http://127.0.0.1/signed-out");
    assert!(header(&response, "set-cookie").contains("Max-Age=0"));
    let response = get(&house, &format!("/authorize?{QUERY}"), Some(cookie.expose())).await;
    assert!(header(&response, "location").starts_with("/sign-in?return_to=%2Fauthorize%3F"));
}

#[tokio::test]
async fn people_are_sent_to_pages_and_back() {
    let house = Testing::new().await;
    let response = get(&house, &format!("/authorize?{QUERY}"), None).await;
    assert!(header(&response, "location").starts_with("/sign-in?return_to=%2Fauthorize%3F"));
    let cookie = house.sign_in("ada@example.org").await;
    let stronger = format!("/authorize?{QUERY}&acr_values=urn:testudo:acr:2");
    let response = get(&house, &stronger, Some(cookie.expose())).await;
    assert!(header(&response, "location").starts_with("/sign-in/factor?return_to="));
    let consent = format!("/authorize?{QUERY}&prompt=consent");
    let response = get(&house, &consent, Some(cookie.expose())).await;
    assert!(header(&response, "location").starts_with("/consent?return_to="));
    let response = get(&house, "/logout?client_id=wallet-app", Some(cookie.expose())).await;
    assert_eq!(header(&response, "location"), "/sign-out?request=client_id%3Dwallet-app");
    assert_eq!(header(&response, "set-cookie"), "", "she has not confirmed yet");
    let twice = format!("{0}; __Host-testudo={0}", cookie.expose());
    let response = get(&house, &format!("/authorize?{QUERY}"), Some(&twice)).await;
    assert!(header(&response, "location").starts_with("/sign-in"), "two cookies are none");
    let response = post(&house, "/authorize", QUERY).await;
    assert_eq!(header(&response, "location"), format!("/authorize?{QUERY}"));
    let response = get(&house, "/authorize?client_id=wallet-app&redirect_uri=https://evil.example", None).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(header(&response, "location"), "");
    assert_eq!(response.extensions().get::<ErrorPage>().unwrap().code, "redirect-unregistered");
}

#[tokio::test]
async fn the_token_endpoint_is_strict_about_its_input() {
    let house = Testing::new().await;
    let try_as = async |content_type: &str, uri: &str, form: Vec<u8>| {
        let request = call("POST", uri).header("content-type", content_type).body(Body::from(form)).unwrap();
        let response = send(&house.oauth, request).await;
        let status = response.status().as_u16();
        assert_eq!(header(&response, "cache-control"), "no-store");
        (status, body(response).await["error"].as_str().unwrap().to_owned())
    };
    let good = b"grant_type=refresh_token&client_id=wallet-app&refresh_token=x".to_vec();
    let request = |text: &str| (400, text.to_owned());
    assert_eq!(try_as(FORM, "/token", good.clone()).await, request("invalid_grant"));
    assert_eq!(try_as("application/x-www-form-urlencoded; charset=UTF-8", "/token", good.clone()).await.0, 400);
    assert_eq!(try_as("application/json", "/token", b"{}".to_vec()).await.0, 415);
    assert_eq!(try_as("text/plain", "/token", good.clone()).await.0, 415);
    assert_eq!(try_as("application/x-www-form-urlencoded; charset=utf-16", "/token", good.clone()).await.0, 415);
    assert_eq!(try_as(FORM, "/token", vec![b'a'; 16 * 1024 + 1]).await.0, 413);
    assert_eq!(try_as(FORM, "/token", vec![0xff]).await, request("invalid_request"));
    assert_eq!(try_as(FORM, "/token?client_id=wallet-app", good.clone()).await, request("invalid_request"));
    assert_eq!(try_as(FORM, "/token", [&good[..], b"&client_id=x"].concat()).await, request("invalid_request"));
    assert_eq!(
        try_as(FORM, "/token", b"grant_type=password&client_id=wallet-app".to_vec()).await,
        request("unsupported_grant_type")
    );
    assert_eq!(
        try_as(FORM, "/token", b"grant_type=refresh_token&client_id=nobody".to_vec()).await,
        (401, "invalid_client".into())
    );
    assert_eq!(
        try_as(FORM, "/introspect", b"client_id=wallet-app&token=x".to_vec()).await,
        (401, "invalid_client".into())
    );
    assert_eq!(get(&house, "/token", None).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    let two = call("POST", "/token").header("content-type", FORM).header("authorization", "Basic eDp5");
    let two = two.header("authorization", "Basic eDp6").body(Body::from("grant_type=client_credentials")).unwrap();
    let response = send(&house.oauth, two).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&response, "www-authenticate"), "Basic realm=\"testudo\"");
    let bare = axum::http::Request::post("/token").header("content-type", FORM).body(Body::from("x=y")).unwrap();
    assert_eq!(send(&house.oauth, bare).await.status(), StatusCode::INTERNAL_SERVER_ERROR, "not through the pipeline");
}

#[tokio::test]
async fn the_gate_decides_about_tokens() {
    let house = Testing::new().await;
    let cookie = house.sign_in("ada@example.org").await;
    let code = code(&house, cookie.expose()).await;
    house.refuse(Control::RateLimit, Denial::TooMany, "limit-client");
    let response = post(&house, "/token", &exchange(&code)).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body(response).await["error"], "temporarily_unavailable");
    house.refuse(Control::Standing, Denial::Forbidden, "session-revoked");
    let response = post(&house, "/token", &exchange(&code)).await;
    assert_eq!(body(response).await["error"], "invalid_grant");
    let refused: Vec<_> =
        house.entries().await.into_iter().filter(|e| e.plain.kind == EventKind::TokenRefused).collect();
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[1].plain.code.as_deref(), Some("session-revoked"));
    *house.gates.refuse.lock().unwrap() = None;
    assert_eq!(post(&house, "/token", &exchange(&code)).await.status(), StatusCode::OK, "the code was not used up");
}

#[tokio::test]
async fn cors_is_for_registered_origins() {
    let house = Testing::new().await;
    let ask = async |method: &str, uri: &str, origin: &str| {
        let request = call(method, uri).header("origin", origin).header("content-type", FORM);
        let response = send(&house.oauth, request.body(Body::from("grant_type=x")).unwrap()).await;
        header(&response, "access-control-allow-origin").to_owned()
    };
    let (good, bad) = ("https://app.example.org", "https://evil.example");
    for uri in ["/token", "/userinfo", "/revoke"] {
        for method in ["OPTIONS", "POST"] {
            assert_eq!(ask(method, uri, good).await, good, "{method} {uri}");
            assert_eq!(ask(method, uri, bad).await, "", "{method} {uri}");
        }
    }
    assert_eq!(ask("GET", "/jwks", bad).await, "*");
    assert_eq!(ask("GET", "/.well-known/openid-configuration", bad).await, "*");
    assert_eq!(ask("POST", "/introspect", good).await, "", "introspection is for servers");
    assert_eq!(ask("GET", &format!("/authorize?{QUERY}"), good).await, "", "authorization is for navigation");
}

#[tokio::test]
async fn discovery_names_endpoints_that_exist() {
    let house = Testing::new().await;
    let response = get(&house, "/.well-known/openid-configuration", None).await;
    assert_eq!(header(&response, "cache-control"), "public, max-age=300");
    let found: Value = body(response).await;
    assert_eq!(found["issuer"], ISSUER);
    assert_eq!(found, body(get(&house, "/.well-known/oauth-authorization-server", None).await).await);
    for (name, value) in found.as_object().unwrap() {
        if let Some(path) = value.as_str().filter(|_| name.ends_with("_endpoint") || name == "jwks_uri") {
            let path = path.strip_prefix(ISSUER).unwrap();
            assert_ne!(get(&house, path, None).await.status(), StatusCode::NOT_FOUND, "{name}");
        }
    }
    let keys = body(get(&house, "/jwks", None).await).await;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
    assert!(keys["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none()), "public parts only");
}
