//! A bar over the bytes of all targets, on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};
use testudo_scan::analyse::Progress;

/// The bar.
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar that says what it is about.
    pub fn new(what: String) -> Bar {
        let style = ProgressStyle::with_template("{spinner} {msg} {wide_bar} {bytes}/{total_bytes}");
        let bar = ProgressBar::new(0).with_message(what);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Bar(bar)
    }

    /// Takes it away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn expect(&self, bytes: u64) {
        self.0.inc_length(bytes);
    }

    fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}
