//! After a revocation was acknowledged, no request with that session passes that began later: not at any worker, not on
//! a connection that was open before, however many are tried.
//!
//! `TESTUDO_TRIES=1000000` is the number of the plan; fewer show the same in the time of a test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

mod support;

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::http::{Browser, Http, Person, Tls, Tokens, form, read_reply, request, tokens};
use support::shop::{PASSWORD, Shop};

/// Connections that try all the time; the workers share them.
const HANDS: usize = 6;
/// A connection serves ten thousand requests at most: it is renewed before.
const RENEWED: usize = 4_000;
/// Sessions that are revoked while they are tried.
const SESSIONS: usize = 8;

#[test]
fn no_request_passes_with_a_session_whose_revocation_was_acknowledged() {
    let wanted: usize = std::env::var("TESTUDO_TRIES").ok().and_then(|text| text.parse().ok()).unwrap_or(6_000);
    let wide =
        ["address", "subnet", "person", "client", "route", "person-route"].map(|key| format!("{key} = \"90000/s\"\n"));
    // What is tried is standing, not what incidents do about so many tries.
    let shop = Shop::start(&format!("[server]\nworkers = 2\n[response]\nenabled = false\n[limits]\n{}", wide.concat()));
    let server = &shop.server;
    let http = Http::new(&server.ca());
    let began = Instant::now();
    let nanos = || u64::try_from(began.elapsed().as_nanos()).unwrap().max(1);

    let (mut later, mut before, mut felt) = (0, 0, Vec::new());
    for round in 0..SESSIONS {
        let mut hands: Vec<Tls> = (0..HANDS).map(|_| http.open(server.gateway)).collect();
        // Each session is another one, with tokens of its own that every worker has seen.
        let mut browser = Browser::new(server);
        let mut ada = Person::new("ada@example.org", PASSWORD);
        let given = browser.tokens(&mut ada, "app", "openid offline_access", &[]);
        let given = if round % 2 == 0 { given } else { refreshed(server, &given) };
        let session = server.session_of("ada@example.org");
        // When the revocation was acknowledged; 0 until then.
        let acknowledged = AtomicU64::new(0);
        let tried = AtomicUsize::new(0);
        let each = wanted.div_ceil(SESSIONS);
        let outcome = std::thread::scope(|scope| {
            let hands: Vec<_> = hands
                .iter_mut()
                .map(|stream| {
                    scope.spawn(|| hammer(&http, stream, server.gateway, &given, &acknowledged, &tried, each, &nanos))
                })
                .collect();
            // They pass while nothing is revoked.
            std::thread::sleep(Duration::from_millis(200));
            let asked = nanos();
            let status = server.as_owner("DELETE", &format!("/admin/v1/sessions/{session}"), None).status;
            let at = nanos();
            assert_eq!(status, 204);
            acknowledged.store(at, Ordering::SeqCst);
            felt.push(Duration::from_nanos(at - asked));
            hands.into_iter().map(|hand| hand.join().unwrap()).collect::<Vec<_>>()
        });
        for hand in outcome {
            assert_eq!(hand.wrong, 0, "a request that began after the acknowledgement has passed");
            (later, before) = (later + hand.later, before + hand.passed);
            assert!(hand.passed > 0, "this connection never got through before");
        }
    }
    assert!(later >= wanted, "{later}");
    felt.sort();
    eprintln!(
        "{later} tries that began later, none passed; {before} passed before; revocations were acknowledged within {:?} \
         (median {:?}); {:.0} s",
        felt.last().unwrap(),
        felt[felt.len() / 2],
        began.elapsed().as_secs_f64()
    );
}

fn refreshed(server: &support::Server, given: &Tokens) -> Tokens {
    let refresh = given.refresh.clone().unwrap();
    let body = form(&[("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &refresh)]);
    tokens(&server.token(&body, &[]))
}

#[derive(Default)]
struct Hand {
    /// Passed before.
    passed: usize,
    /// Tried after the acknowledgement.
    later: usize,
    /// Tried after it, and passed.
    wrong: usize,
}

/// Tries until all hands together have tried often enough after the acknowledgement.
#[expect(clippy::too_many_arguments, reason = "what the hands of one round share")]
fn hammer(
    http: &Http,
    stream: &mut Tls,
    to: std::net::SocketAddr,
    given: &Tokens,
    acknowledged: &AtomicU64,
    tried: &AtomicUsize,
    wanted: usize,
    nanos: &(impl Fn() -> u64 + Sync),
) -> Hand {
    let bytes = request(to, "GET", "/items/1", &[("Authorization", &given.bearer())], b"", false);
    let mut hand = Hand::default();
    for number in 1.. {
        if tried.load(Ordering::Relaxed) >= wanted {
            break;
        }
        if number % RENEWED == 0 {
            *stream = http.open(to);
        }
        let start = nanos();
        let at = acknowledged.load(Ordering::SeqCst);
        stream.write_all(&bytes).unwrap();
        stream.flush().unwrap();
        let reply = read_reply(stream);
        let passed = reply.status == 200;
        assert!(passed || reply.refusal() == (401, "session-revoked".into()), "{} {}", reply.status, reply.text());
        if at > 0 && start > at {
            hand.later += 1;
            hand.wrong += usize::from(passed);
            tried.fetch_add(1, Ordering::Relaxed);
        } else {
            hand.passed += usize::from(passed);
        }
    }
    hand
}
