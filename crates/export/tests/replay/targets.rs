//! What the fuzz targets check; `tests/replay.rs` runs the same on stable.

use testudo_core::Timestamp;
use testudo_export::format::{bulk, otlp};
use testudo_export::notice::webhook::WebhookSecrets;

/// The answer of a bulk API: whatever it says, each document has one fate at most, and nothing of its text is kept but a
/// short name.
pub fn bulk_answer(data: &[u8]) {
    for count in [0, 1, 3] {
        let Ok(fates) = bulk::fates(data, count) else { continue };
        let mut places: Vec<usize> = fates.again.iter().copied().chain(fates.refused.iter().map(|(n, _)| *n)).collect();
        assert!(places.iter().all(|place| *place < count));
        let all = places.len();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), all);
        for (_, cause) in &fates.refused {
            assert!(
                cause.len() <= 80 && cause.chars().all(|c| c.is_ascii_alphanumeric() || " ,_".contains(c)),
                "{cause}"
            );
        }
    }
}

/// The answer of an OTLP receiver: reading it ends, and says the same for what follows an unknown field.
pub fn otlp_answer(data: &[u8]) {
    let Ok(rejected) = otlp::rejected(data) else { return };
    // An unknown field behind it changes nothing.
    let more = [data, &[0x7a, 0x02, 0xff, 0xff]].concat();
    assert_eq!(otlp::rejected(&more), Ok(rejected));
}

/// The secrets of a webhook: what is taken signs what it verifies, and nothing else.
pub fn webhook_secret(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(secrets) = WebhookSecrets::parse(text) else { return };
    let (id, now) = ("msg_1", Timestamp::from_seconds(1_000));
    let signature = secrets.sign(id, 1_000, data);
    assert!(secrets.verify(id, 1_000, &signature, data, now));
    assert!(!secrets.verify(id, 1_001, &signature, data, now));
    // What a peer sends as signatures is anything.
    assert!(!secrets.verify(id, 1_000, text, b"other", now));
}
