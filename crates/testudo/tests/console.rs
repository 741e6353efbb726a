//! The console in a real browser, page by page, judged by axe-core; see `support/chromium.rs` for what it needs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::Value;
use support::{Server, chromium};

#[test]
fn the_console_in_a_browser() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let Some(script) = chromium::start("console.mjs", &server, &chromium::shots(folder.path())) else { return };
    let (steps, well, errors) = script.finish();
    let faults: Vec<&Value> = steps.iter().filter(|step| step["ok"] != true).collect();
    assert!(faults.is_empty(), "{} of {} steps failed: {faults:#?}\n{errors}", faults.len(), steps.len());
    // Each page at two widths, light and dark, and the walks: a script that ends early proves nothing.
    assert!(steps.len() > 250, "only {} steps were made:\n{errors}", steps.len());
    assert!(well, "{errors}");
}
