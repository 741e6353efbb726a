//! What masks cost.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::support::backend::Answer;
use crate::support::http::{read_reply, request};
use crate::{Fixture, PAN, gzip};

/// A measurement: `cargo test --release -p testudo --test masking -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, which says something in a release build only"]
fn masks_add_little_to_a_body_of_10_kb() {
    let fixture = Fixture::start("");
    // Forty customers' worth of cards: as many marked values as a banking app lists.
    let one = format!("{{\"pan\":\"{PAN}\",\"label\":\"{}\",\"frozen\":false,\"limit\":1250.50}},", "l".repeat(180));
    let body = format!("{{\"cards\":[{}{{}}]}}", one.repeat(40));
    for (name, coded) in [("plain", false), ("gzip", true)] {
        let answer = if coded {
            Answer::new("application/json", gzip(body.as_bytes())).header("Content-Encoding", "gzip")
        } else {
            Answer::new("application/json", body.clone())
        };
        fixture.backend.answers("/cards", answer.clone());
        fixture.backend.answers("/open", answer);
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..24 {
            let mut stream = fixture.http.open(fixture.server.gateway);
            for _ in 0..250 {
                for (path, times) in ["/open", "/cards"].into_iter().zip(&mut times) {
                    let accept = [("Accept-Encoding", "gzip")];
                    let bytes = request(fixture.server.gateway, "GET", path, &accept, b"", false);
                    let began = Instant::now();
                    stream.write_all(&bytes).unwrap();
                    let reply = read_reply(&mut stream);
                    let took = began.elapsed();
                    assert_eq!(reply.status, 200);
                    // The first rounds warm up.
                    if round >= 4 {
                        times.push(took);
                    }
                }
            }
        }
        let at = |times: &mut Vec<Duration>, part: usize| {
            times.sort_unstable();
            times[(times.len() - 1) * part / 1000].as_secs_f64() * 1000.0
        };
        let [open, cards] = &mut times;
        let mut added = |part| (at(open, part), at(cards, part));
        let (half, most) = (added(500), added(990));
        println!(
            "{} bytes, {name}, {} pairs: p50 {:.3} ms without, {:.3} with; p99 {:.3} without, {:.3} with; added at p99 {:.3} ms",
            body.len(),
            cards.len(),
            half.0,
            half.1,
            most.0,
            most.1,
            most.1 - most.0
        );
        assert!(most.1 - most.0 <= 0.3, "{name}");
    }
}
