//! How many refreshes a second the embedded store takes, each with a durable commit and two ES256 signatures.
//!
//! `cargo run --release -p testudo-identity --example refresh_rate -- [families] [refreshes of each]`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool that is run by hand")]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use testudo_core::{Clock, ControlSet, Decision, Gate, Issue, RequestId, Secret, Timestamp};
use testudo_crypto::RootKey;
use testudo_crypto::password::HashPool;
use testudo_identity::{
    AuthorizeOutcome, ClientForm, Context, Identity, IdentityConfig, SignInOutcome, SignUpForm, TokenRequest,
};
use testudo_store::{Store, StoreConfig};

const QUERY: &str = "response_type=code&client_id=wallet-app&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback&scope=openid\
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
const EXCHANGE: &str = "grant_type=authorization_code&client_id=wallet-app&redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback\
    &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk&code=";
const REFRESH: &str = "grant_type=refresh_token&client_id=wallet-app&refresh_token=";

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn context() -> Context {
    let request = RequestId::new(Wall.now(), testudo_crypto::random::array());
    Context { request, address: "127.0.0.1".parse().unwrap(), user_agent: None, now: Wall.now() }
}

async fn token(identity: &Identity, form: &str) -> String {
    let ctx = context();
    let (pending, decision) = identity.prepare(&TokenRequest { form, authorization: None }, &ctx).await.unwrap();
    let admission = decision.and(Decision::allow_all(Issue::MINIMUM)).admit(pending, ControlSet::EMPTY).unwrap();
    identity.issue(admission, &ctx).await.unwrap().refresh_token.unwrap().expose().clone()
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let (families, each) = (arguments.next().unwrap_or(64), arguments.next().unwrap_or(200));
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig::sqlite(folder.path());
    let store = Store::open(&config, &RootKey::generate(), Arc::new(Wall)).await.unwrap();
    let identity = Identity::new(store, HashPool::new(1, 4), IdentityConfig::new("https://id.example.org").unwrap());
    identity.load_keys(&context()).await.unwrap();
    identity.ensure_client("wallet-app", ClientForm::wallet_app(), &context()).await.unwrap();
    let password = || Secret::new("correct horse battery staple".to_owned());
    let form = SignUpForm { username: "ada@example.org".into(), name: String::new(), password: password() };
    identity.sign_up(form, &context()).await.unwrap();
    let signed_in = match identity.sign_in("ada@example.org", password(), None, &context()).await.unwrap() {
        SignInOutcome::SignedIn(session) => session.who,
        other => unreachable!("{other:?}"),
    };
    let mut tokens = Vec::new();
    for _ in 0..families.min(200) {
        let outcome = identity.authorize(QUERY, Some(&signed_in), None, false, &context()).await.unwrap();
        let AuthorizeOutcome::Redirect(url) = outcome else { unreachable!("{outcome:?}") };
        let code = url.split_once("code=").unwrap().1.split('&').next().unwrap().to_owned();
        tokens.push(token(&identity, &format!("{EXCHANGE}{code}")).await);
    }
    let (began, count) = (Instant::now(), tokens.len() * each);
    let chains = tokens.into_iter().map(|mut current| {
        let identity = identity.clone();
        tokio::spawn(async move {
            for _ in 0..each {
                current = token(&identity, &format!("{REFRESH}{current}")).await;
            }
        })
    });
    for chain in chains.collect::<Vec<_>>() {
        chain.await.unwrap();
    }
    let took = began.elapsed();
    let rate = f64::from(u32::try_from(count).unwrap()) / took.as_secs_f64();
    println!("{count} refreshes of {families} families in {took:.2?}: {rate:.0} per second");
}
