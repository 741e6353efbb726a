//! HTTP/1.1 framing: no panic, and the verdict does not depend on how the bytes were cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use testudo_gateway::framing::{Follower, HeadLimits, Step};

fuzz_target!(|data: &[u8]| {
    let Some((size, bytes)) = data.split_first() else { return };
    let size = usize::from(*size).max(1);
    assert_eq!(verdict(std::iter::once(bytes)), verdict(bytes.chunks(size)));
});

/// Lengths of the heads, body bytes, and the refusal.
fn verdict<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<usize>, usize, Option<&'static str>) {
    let mut follower = Follower::new(HeadLimits { bytes: 512, fields: 8 });
    let (mut held, mut heads, mut body) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        held.extend_from_slice(piece);
        let mut at = 0;
        while at < held.len() {
            match follower.step(&held[at..]) {
                Step::More => break,
                Step::Head(facts) => {
                    assert!(facts.length <= 512 && facts.length <= held.len() - at);
                    heads.push(facts.length);
                    at += facts.length;
                }
                Step::Body(taken) => {
                    assert!(taken > 0 && taken <= held.len() - at);
                    body += taken;
                    at += taken;
                }
                Step::Hold => follower.answer_upgrade(false),
                Step::Malformed(code) => return (heads, 0, Some(code.as_str())),
            }
        }
        held.drain(..at);
    }
    (heads, body, None)
}
