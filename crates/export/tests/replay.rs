//! The fuzz targets of this crate on stable: their seeds, and mutants of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../../../fuzz/replay.rs"]
mod fuzz;
#[path = "replay/targets.rs"]
mod targets;

#[test]
fn bulk_answers() {
    let tokens: [&[u8]; 8] =
        [b"\"errors\":", b"true", b"\"items\":[", b"{\"create\":", b"\"status\":", b"429", b"\"error\":", b"\"type\":"];
    fuzz::replay("bulk_answer", &tokens, targets::bulk_answer);
}

#[test]
fn otlp_answers() {
    fuzz::replay(
        "otlp_answer",
        &[b"\x0a", b"\x08", b"\x12", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"],
        targets::otlp_answer,
    );
}

#[test]
fn webhook_secrets() {
    fuzz::replay("webhook_secret", &[b"whsec_", b"\n", b"v1,", b"="], targets::webhook_secret);
}
