//! A browser without a network: it keeps cookies, follows form tokens, and asks the router directly.

#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use data_encoding::BASE32_NOPAD;
use testudo_core::{Actor, Clock, RequestId, Secret, Timestamp};
use testudo_crypto::password::HashPool;
use testudo_crypto::{RootKey, digest, random};
use testudo_identity::{ClientForm, Context, Identity, IdentityConfig, SignUpForm};
use testudo_store::{Store, StoreConfig};
use testudo_web::Web;
use tower::ServiceExt;

pub const ADA: &str = "ada@example.com";
pub const PASSWORD: &str = "mesa lantern forty-two";
pub const ORIGIN: &str = "https://id.example.org";
const START: i64 = 1_800_000_000;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(START)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

pub struct House {
    pub identity: Identity,
    web: Web,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |value| value.to_str().unwrap())
    }

    pub fn policy(&self) -> &str {
        self.headers["content-security-policy"].to_str().unwrap()
    }
}

pub struct Browser {
    router: Router,
    origin: String,
    pub cookies: BTreeMap<String, String>,
    pub set: Vec<String>,
    csrf: String,
    pub seconds: i64,
}

impl House {
    pub async fn build() -> House {
        House::configured(|_| {}).await
    }

    pub async fn configured(change: impl FnOnce(&mut IdentityConfig)) -> House {
        let store = Store::open(&StoreConfig::memory(), &RootKey::generate(), Arc::new(Fixed)).await.unwrap();
        let mut config = IdentityConfig::new(ORIGIN).unwrap();
        change(&mut config);
        let identity = Identity::new(store, HashPool::new(2, 64), config);
        let web = Web::new(identity.clone(), ["https://127.0.0.1:9443".to_owned()]);
        House { identity, web }
    }

    pub async fn with_ada() -> House {
        let house = House::build().await;
        house.add_ada().await;
        house
    }

    pub async fn add_ada(&self) {
        let password = Secret::new(PASSWORD.to_owned());
        let form = SignUpForm { username: ADA.into(), name: "Ada".into(), password };
        self.identity.sign_up(form, &context(START)).await.unwrap();
    }

    pub fn browser(&self) -> Browser {
        Browser::new(testudo_web::router(self.web.clone()), ORIGIN)
    }

    pub fn admin_browser(&self) -> Browser {
        Browser::new(testudo_web::admin_router(self.web.clone()), "https://127.0.0.1:9443")
    }

    /// The admin address with the console over a house of the test's.
    #[allow(dead_code)]
    pub fn console_browser(&self, rooms: Arc<dyn testudo_web::console::House>) -> Browser {
        let origin = "https://127.0.0.1:9443";
        let web = Web::admin(&self.identity, [origin.to_owned()]);
        let policies = Arc::new(testudo_access::AdminPolicies::embedded().unwrap());
        let console = testudo_web::console::Console::new(web, policies, rooms, Arc::new(Fixed));
        Browser::new(testudo_web::console_router(console), origin)
    }

    pub async fn signed_in(&self) -> Browser {
        let mut browser = self.browser();
        browser.get("/sign-in").await;
        let answer = browser.post("/sign-in", &[("username", ADA), ("password", PASSWORD)]).await;
        assert_eq!(answer.location(), "/account");
        browser
    }

    pub async fn require_reset(&self) {
        let person = self.identity.person_by_name(ADA).await.unwrap().unwrap().id();
        self.identity.require_reset(person, &Actor::default(), &context(START)).await.unwrap();
    }

    pub async fn enrolment_token(&self) -> String {
        self.identity.enrolment_token(&context(START)).await.unwrap().unwrap().expose().clone()
    }

    /// Registers a client that is not ours; the target of an authorize request of it.
    pub async fn third_party(&self) -> String {
        let form: ClientForm = serde_json::from_value(serde_json::json!({
            "name": "Budget <Planner>",
            "type": "public",
            "redirect_uris": ["https://budget.example.com/callback"],
            "scopes": ["openid", "profile", "accounts"],
            "grant_types": ["authorization_code"],
            "first_party": false,
        }))
        .unwrap();
        let id = "budget".parse().unwrap();
        self.identity.register_client(id, form, Actor::default(), &context(START)).await.unwrap();
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", "budget")
            .append_pair("redirect_uri", "https://budget.example.com/callback")
            .append_pair("scope", "openid profile accounts")
            .append_pair("state", "xyz")
            .append_pair("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
            .append_pair("code_challenge_method", "S256")
            .finish();
        format!("/authorize?{query}")
    }
}

impl Browser {
    pub fn new(router: Router, origin: &str) -> Browser {
        Browser {
            router,
            origin: origin.to_owned(),
            cookies: BTreeMap::new(),
            set: Vec::new(),
            csrf: String::new(),
            seconds: START,
        }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::builder().method(Method::GET).uri(path).body(Body::empty()).unwrap()).await
    }

    /// Posts a form with the token of the last page, as a browser does.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf.clone();
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        let origin = self.origin.clone();
        self.post_from(path, &fields, &[("origin", &origin), ("sec-fetch-site", "same-origin")]).await
    }

    pub async fn post_from(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let body: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = Request::builder().method(Method::POST).uri(path);
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    pub async fn send(&mut self, mut request: Request<Body>) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request.headers_mut().insert(header::COOKIE, cookies.join("; ").parse().unwrap());
        }
        request.extensions_mut().insert(context(self.seconds));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        self.set = parts.headers.get_all(header::SET_COOKIE).iter().map(|v| v.to_str().unwrap().to_owned()).collect();
        for set in &self.set {
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            if set.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some((_, rest)) = body.split_once("name=\"csrf\" value=\"") {
            rest.split('"').next().unwrap().clone_into(&mut self.csrf);
        }
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Puts an app on the account: its secret and the page with the recovery codes.
    pub async fn enrol_app(&mut self, _house: &House) -> (String, Answer) {
        let page = self.get("/account/totp").await;
        let (_, rest) = page.body.split_once("Type this key: <code>").unwrap();
        let secret = rest.split('<').next().unwrap().replace(' ', "");
        let code = self.code(&secret);
        let answer = self.post("/account/totp", &[("code", &code)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        self.seconds += 60;
        (secret, answer)
    }

    /// What the app shows now.
    pub fn code(&self, secret: &str) -> String {
        let key = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
        let mac = digest::hmac_sha1(&key, &u64::try_from(self.seconds / 30).unwrap().to_be_bytes());
        let offset = usize::from(mac[19] & 15);
        let word = u32::from_be_bytes(mac[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", word % 1_000_000)
    }
}

pub fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

pub fn context(seconds: i64) -> Context {
    let now = Timestamp::from_seconds(seconds);
    Context {
        request: RequestId::new(now, random::array()),
        address: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
        user_agent: Some("Mozilla/5.0 (Android 14) Firefox/140.0".into()),
        now,
    }
}
