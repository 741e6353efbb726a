//! The console over a house whose every text is hostile: what pages show, what they ask for, and what they leave.

#![allow(clippy::format_push_string, reason = "a test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "console/hostile.rs"]
mod hostile;
mod house;

use std::sync::Arc;

use axum::http::StatusCode;
use hostile::{Hostile, MARKUP};
use house::{Browser, House, PASSWORD};
use testudo_core::{Actor, Control, Event, EventKind, HttpFacts, PersonId, RequestId, Severity, Timestamp};
use testudo_store::{JournalFilter, Tx};
use testudo_web::console::Act;

const START: i64 = 1_800_000_000;
const OWNER: &str = "owner@example.org";

struct Desk {
    house: House,
    rooms: Arc<Hostile>,
    browser: Browser,
    owner: PersonId,
    request: RequestId,
}

/// An owner with a second factor at the console, and some events.
async fn desk() -> Desk {
    let house = House::build().await;
    house.add_ada().await;
    let token = house.enrolment_token().await;
    let rooms = Arc::new(Hostile::default());
    let mut browser = house.console_browser(rooms.clone());
    browser.get("/enrol").await;
    // She comes a second after the other account: the list has an order.
    browser.seconds += 1;
    let fields = [("token", token.as_str()), ("username", OWNER), ("password", PASSWORD)];
    let answer = browser.post("/enrol", &fields).await;
    browser.seconds -= 1;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    browser.enrol_app(&house).await;
    let owner = house.identity.person_by_name(OWNER).await.unwrap().unwrap().id();
    let request = RequestId::new(Timestamp::from_seconds(START), [7; 10]);
    let http = HttpFacts { method: MARKUP.into(), route: MARKUP.into(), status: 401, ..HttpFacts::default() };
    let mut refused = Event::new(EventKind::RequestDecided, Timestamp::from_seconds(START))
        .failed(Control::Authentication, "token-expired")
        .during(request)
        .from("203.0.113.9".parse().unwrap())
        .detail("evaluated", "transport rate-limit contract")
        .detail("reasons", MARKUP);
    refused.http = Some(HttpFacts { path: Some(MARKUP.into()), user_agent: Some(MARKUP.into()), ..http });
    let alert = Event::new(EventKind::AlertRaised, Timestamp::from_seconds(START + 1))
        .on(MARKUP)
        .detail("title", MARKUP)
        .detail("level", Severity::High.name())
        .detail("places", "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16");
    let odd = Event::new(EventKind::AdminActed, Timestamp::from_seconds(START))
        .on("x".repeat(400))
        .detail("act", "a\u{202e}b\u{0}c");
    for event in [refused, alert, odd] {
        let mut tx = Tx::new();
        tx.event(event);
        house.identity.store().commit(tx).await.unwrap();
    }
    Desk { house, rooms, browser, owner, request }
}

impl Desk {
    fn pages(&self) -> Vec<String> {
        let (incident, _) = hostile::ids();
        let mut pages: Vec<String> = [
            "/",
            "/?span=day",
            "/?span=week",
            "/events",
            "/events?kind=request.decided&outcome=failure",
            "/events?x=1",
            "/events/0",
            "/requests",
            "/incidents",
            "/incidents?all=1",
            "/people",
            "/limits",
            "/limits/block",
            "/policies",
            "/audit",
            "/audit/proof?seq=1",
            "/detection",
            "/exports",
            "/settings",
        ]
        .map(str::to_owned)
        .to_vec();
        pages.push(format!("/requests/{}", self.request));
        pages.push(format!("/incidents/{incident}"));
        pages.push(format!("/people/{}", self.owner));
        pages.push(format!("/acts/lock-person/{}", self.owner));
        pages
    }

    async fn events(&self, kind: EventKind) -> Vec<testudo_store::Plain> {
        let filter = JournalFilter { kinds: vec![kind], ..JournalFilter::default() };
        let found = self.house.identity.store().read_journal(0, 100, &filter).await.unwrap();
        found.into_iter().map(|entry| entry.plain).collect()
    }
}

/// A page without what differs from run to run.
fn stable(body: &str) -> String {
    let mut text = String::new();
    let mut word = String::new();
    let flush = |word: &mut String, text: &mut String| {
        // An id may stand behind an escaped slash: `%2Fper_…`.
        let ids = ["per_", "ses_", "req_", "fam_", "inc_", "rsp_"];
        let id = ids.iter().find_map(|id| Some((word.split_once(id)?.0, *id)));
        let hex = word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        match id {
            Some((before, id)) if word.len() > 20 => text.push_str(&format!("{before}{id}…")),
            _ if hex => text.push_str("[hex]"),
            _ => text.push_str(word),
        }
        word.clear();
    };
    for letter in body.chars() {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            word.push(letter);
        } else {
            flush(&mut word, &mut text);
            text.push(letter);
        }
    }
    flush(&mut word, &mut text);
    text
}

#[tokio::test]
async fn every_page_shows_hostile_texts_as_texts() {
    let mut desk = desk().await;
    for path in desk.pages() {
        let answer = desk.browser.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        let body = answer.body.to_lowercase();
        for never in [
            "<script>",
            "<img",
            " onerror=\"",
            " style=",
            "javascript:",
            "<style",
            " onclick",
            "{{",
            "\u{202e}",
            "\u{0}",
        ] {
            let rest = body.replace("{{7*7}}", "");
            assert!(!rest.contains(never), "{path} has {never}: {}", &answer.body);
        }
        assert!(answer.body.contains("<html lang=\"en\">") && body.matches("<h1>").count() == 1, "{path}");
        let name = path.split(['?', '_']).next().unwrap().trim_matches('/').replace('/', "-");
        let name = if name.is_empty() { "overview".to_owned() } else { name };
        if !path.contains('?') {
            insta::assert_snapshot!(format!("console_{name}"), stable(&answer.body));
        }
    }
}

#[tokio::test]
async fn every_page_has_the_strict_policy_and_is_kept_by_nobody() {
    let mut desk = desk().await;
    let mut pages = desk.pages();
    pages.extend(["/events/999999".to_owned(), "/people/nobody".to_owned(), "/acts/drop/x".to_owned()]);
    for path in pages {
        let answer = desk.browser.get(&path).await;
        let policy = answer.policy();
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(
            policy,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action \
             'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types testudo",
            "{path}"
        );
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers["cross-origin-opener-policy"], "same-origin", "{path}");
    }
}

#[test]
fn our_scripts_are_small_and_evaluate_nothing() {
    let scripts = [include_str!("../assets/console.js"), include_str!("../assets/passkey.js")];
    let size: usize = scripts.iter().map(|script| script.len()).sum();
    assert!(size <= 10 * 1024, "{size} bytes of scripts");
    for script in scripts {
        for never in ["eval(", "new Function", "document.write", "insertAdjacentHTML", "http://", "https://"] {
            assert!(!script.contains(never), "{never}");
        }
    }
}

#[tokio::test]
async fn strangers_and_people_without_a_role_see_nothing() {
    let mut desk = desk().await;
    let mut stranger = desk.house.console_browser(desk.rooms.clone());
    for path in desk.pages() {
        let answer = stranger.get(&path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert!(answer.location().starts_with("/sign-in"), "{path}: {}", answer.location());
    }
    // Her role is asked anew at each page, not kept with her session.
    let by = Actor::default();
    let other = desk.house.identity.person_by_name(house::ADA).await.unwrap().unwrap().id();
    desk.house.identity.grant_role(other, "owner", &by, &house::context(START)).await.unwrap();
    desk.house.identity.grant_role(desk.owner, "support", &by, &house::context(START)).await.unwrap();
    desk.house.identity.revoke_role(desk.owner, "owner", &by, &house::context(START)).await.unwrap();
    assert_eq!(desk.browser.get("/people").await.status, StatusCode::OK, "what support is for");
    for path in ["/", "/events", "/audit", "/settings", "/policies"] {
        assert_eq!(desk.browser.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    desk.house.identity.revoke_role(desk.owner, "support", &by, &house::context(START)).await.unwrap();
    assert_eq!(desk.browser.get("/people").await.status, StatusCode::FORBIDDEN);
    let refused = desk.events(EventKind::AdminActed).await;
    let refused: Vec<_> = refused.iter().filter(|plain| plain.outcome == testudo_core::Outcome::Failure).collect();
    assert_eq!(refused.len(), 6, "each refusal is in the log");
    assert!(refused.iter().all(|plain| plain.person.is_some() && plain.details.contains_key("permission")));
}

#[tokio::test]
async fn an_act_needs_a_fresh_factor_and_a_reason_and_its_own_form() {
    let mut desk = desk().await;
    let path = format!("/acts/lock-person/{}", desk.owner);
    assert_eq!(desk.browser.get(&path).await.status, StatusCode::OK);
    let empty = desk.browser.post(&path, &[("back", "/people"), ("reason", "  ")]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", empty.body);
    assert!(desk.rooms.done().is_empty());
    let fields = [("reason", "a test"), ("csrf", "0".repeat(64).leak() as &str)];
    let foreign = desk.browser.post_from(&path, &fields, &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    desk.browser.get(&path).await;
    let done = desk.browser.post(&path, &[("back", "https://evil.example/"), ("reason", "a test")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert_eq!(done.location(), format!("/people/{}?done=locked", desk.owner), "it leads nowhere else");
    let acts = desk.rooms.done();
    assert_eq!(acts.len(), 1);
    assert!(matches!(acts[0].0, Act::Perform(testudo_core::Action::LockPerson { .. })), "{acts:?}");
    assert_eq!(acts[0].1, "a test");
    // Ten minutes later the factor is stale: she is asked for it before anything is typed, and nothing is done without.
    desk.browser.seconds += 601;
    let stale = desk.browser.get(&path).await;
    assert_eq!(stale.status, StatusCode::SEE_OTHER);
    assert!(stale.location().starts_with("/confirm?return_to=%2Facts%2Flock-person"), "{}", stale.location());
    let stale = desk.browser.post(&path, &[("reason", "a test")]).await;
    assert!(stale.location().starts_with("/confirm"), "{} {}", stale.status, stale.location());
    let block = [("network", "203.0.113.0/24"), ("hours", "1"), ("reason", "a test")];
    assert!(desk.browser.post("/limits/block", &block).await.location().starts_with("/confirm"));
    assert_eq!(desk.rooms.done().len(), 1);
}

#[tokio::test]
async fn nothing_is_done_while_the_journal_takes_no_entries() {
    let mut desk = desk().await;
    desk.rooms.stall();
    let path = format!("/acts/revoke-person/{}", desk.owner);
    desk.browser.get(&path).await;
    let refused = desk.browser.post(&path, &[("reason", "a test")]).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.body);
    let ada = desk.house.identity.person_by_name(house::ADA).await.unwrap().unwrap().id();
    let reveal = desk.browser.post(&format!("/people/{ada}/reveal"), &[("reason", "a test")]).await;
    assert_eq!(reveal.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!reveal.body.contains(house::ADA), "{}", reveal.body);
    assert!(desk.rooms.done().is_empty());
}

#[tokio::test]
async fn a_reveal_needs_a_reason_and_leaves_its_event_first() {
    let mut desk = desk().await;
    let path = format!("/people/{}", desk.owner);
    let masked = desk.browser.get(&path).await;
    assert!(masked.body.contains("o•••@e•••") && !masked.body.contains("203.0.113.7"), "{}", masked.body);
    let reveal = format!("{path}/reveal");
    assert_eq!(desk.browser.post(&reveal, &[("reason", "")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(desk.events(EventKind::Disclosed).await.is_empty());
    desk.browser.get(&path).await;
    let full = desk.browser.post(&reveal, &[("reason", "she asked")]).await;
    assert!(full.body.contains("<h1>owner@example.org</h1>") && full.body.contains("203.0.113.7"), "{}", full.body);
    let told = desk.events(EventKind::Disclosed).await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].details["reason"].as_str(), told[0].details["record"].as_str()),
        ("she asked", &*desk.owner.to_string())
    );
    let entry = desk.browser.post("/events/0/reveal", &[("reason", "why not")]).await;
    assert_eq!(entry.status, StatusCode::OK);
    assert_eq!(desk.events(EventKind::Disclosed).await.len(), 2);
    // No address of a page holds personal data.
    assert!(!full.body.contains("href=\"/people/owner"), "{}", full.body);
}

#[tokio::test]
async fn people_are_found_by_a_name_that_stands_in_no_address() {
    let mut desk = desk().await;
    desk.browser.get("/people").await;
    let found = desk.browser.post("/people/find", &[("username", OWNER)]).await;
    assert_eq!(found.location(), format!("/people/{}", desk.owner));
    desk.browser.get("/people").await;
    let missing = desk.browser.post("/people/find", &[("username", "nobody@example.org")]).await;
    assert_eq!(missing.location(), "/people?missing=1");
    let name = desk.house.identity.store().person_pseudonym(desk.owner);
    let found = desk.browser.get(&format!("/people/by/{name}")).await;
    assert_eq!(found.location(), format!("/people/{}", desk.owner));
}

#[tokio::test]
async fn a_block_is_made_and_a_candidate_tried() {
    let mut desk = desk().await;
    desk.browser.get("/limits/block").await;
    let wrong = [("network", "0.0.0.0/0"), ("hours", "1"), ("reason", "all")];
    assert_eq!(desk.browser.post("/limits/block", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let fields = [("network", "203.0.113.0/24"), ("hours", "1"), ("reason", "a test")];
    assert_eq!(desk.browser.post("/limits/block", &fields).await.location(), "/limits?done=blocked");
    assert_eq!(desk.rooms.done().len(), 1);
    desk.browser.get("/policies").await;
    let run = desk.browser.post("/policies/dry-run", &[("candidate", MARKUP)]).await;
    assert_eq!(run.status, StatusCode::OK, "{}", run.body);
    insta::assert_snapshot!("console_dry_run", stable(&run.body));
    let revealed = desk.browser.post("/limits/reveal", &[("measure", "00ff"), ("reason", "a test")]).await;
    assert_eq!(revealed.status, StatusCode::OK);
    assert_eq!(desk.events(EventKind::Disclosed).await.len(), 1);
}

#[tokio::test]
async fn words_on_a_page_come_from_a_closed_list() {
    let mut desk = desk().await;
    let page = desk.browser.get("/limits?done=%3Cb%3Eyou+are+hacked").await;
    assert!(!page.body.contains("hacked"));
    assert!(desk.browser.get("/limits?done=blocked").await.body.contains("The network is blocked."));
}
