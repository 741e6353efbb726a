//! Replays mutated seeds through the fuzz targets, on stable and the same at each run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../../../fuzz/replay.rs"]
mod seeds;
#[path = "replay/targets.rs"]
mod targets;

use seeds::replay;

#[test]
fn playbook() {
    let tokens: [&[u8]; 14] = [
        b"[[steps]]\n",
        b"[trigger]\n",
        b"action = \"block\"\n",
        b"select = \"everyone\"\n",
        b"for = \"until-undone\"\n",
        b"for = \"30m\"\n",
        b"percent = 99\n",
        b"when = { bystanders-at-most = 0 }\n",
        b"\"\"\"",
        b"'",
        b"\n",
        b"99999999999999999999",
        b"\xc3\xa9",
        b"= [",
    ];
    replay("playbook", &tokens, targets::playbook);
}
