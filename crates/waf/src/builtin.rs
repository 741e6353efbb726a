//! The rules of our own that stand in where no other rule set is installed.
//!
//! They are `SecLang` files in `rules/`, part of the program, and read like any others: settings before them, exclusions behind
//! them. Paranoia levels, thresholds and scores have the names of the OWASP Core Rule Set (`tx.blocking_paranoia_level`,
//! `tx.inbound_anomaly_score_threshold`, `tx.blocking_inbound_anomaly_score`), so that one configuration serves both. To add a
//! rule: its file below `rules/`, and a case for and one against it in `tests/builtin/`.

use crate::seclang::Loader;

/// The files by name and text, in the order in which they are read.
pub const FILES: [(&str, &str); 14] = [
    ("built-in/10-setup.conf", include_str!("../rules/10-setup.conf")),
    ("built-in/20-protocol.conf", include_str!("../rules/20-protocol.conf")),
    ("built-in/25-scanner.conf", include_str!("../rules/25-scanner.conf")),
    ("built-in/30-files.conf", include_str!("../rules/30-files.conf")),
    ("built-in/35-ssrf.conf", include_str!("../rules/35-ssrf.conf")),
    ("built-in/40-sqli.conf", include_str!("../rules/40-sqli.conf")),
    ("built-in/50-xss.conf", include_str!("../rules/50-xss.conf")),
    ("built-in/60-shell.conf", include_str!("../rules/60-shell.conf")),
    ("built-in/65-php.conf", include_str!("../rules/65-php.conf")),
    ("built-in/70-java.conf", include_str!("../rules/70-java.conf")),
    ("built-in/75-code.conf", include_str!("../rules/75-code.conf")),
    ("built-in/80-leaks.conf", include_str!("../rules/80-leaks.conf")),
    ("built-in/85-stricter.conf", include_str!("../rules/85-stricter.conf")),
    ("built-in/90-decide.conf", include_str!("../rules/90-decide.conf")),
];

/// Reads the rules. They name no other files.
pub fn load(loader: &mut Loader<'_>) {
    for (name, text) in FILES {
        loader.text(name, text);
    }
}
