//! Names of entries: what Android refuses, and what leads others astray.

use super::anomaly::{Anomalies, AnomalyKind};

/// Notes what is odd about a name.
pub(super) fn note(name: &[u8], index: usize, offset: usize, anomalies: &mut Anomalies) {
    let mut note = |kind| anomalies.add(Some(index), offset, kind);
    if name.is_empty() {
        note(AnomalyKind::NameEmpty);
    }
    if name.contains(&0) {
        note(AnomalyKind::NameNul);
    }
    if std::str::from_utf8(name).is_err() {
        note(AnomalyKind::NameNotUtf8);
    }
    if name.contains(&b'\\') {
        note(AnomalyKind::NameBackslash);
    }
    let separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    if name.first().is_some_and(separator) || matches!(name, [letter, b':', ..] if letter.is_ascii_alphabetic()) {
        note(AnomalyKind::NameAbsolute);
    }
    if name.split(separator).any(|part| part == b"..") {
        note(AnomalyKind::NameParent);
    }
}
