//! Small sets of strings in lower case, bounded in number and length.

/// Strings in lower case, sorted, each once.
pub(super) type Strings = Vec<Vec<u8>>;

/// How many strings a set may hold while it grows by concatenation.
const MOST_JOINED: usize = 256;
/// How many an alternation may hold.
const MOST_UNITED: usize = 4096;
/// How long strings may grow.
pub(super) const MOST_LENGTH: usize = 64;

/// The set of the empty string.
pub(super) fn nothing() -> Strings {
    vec![Vec::new()]
}

pub(super) fn sort(strings: &mut Strings) {
    strings.sort_unstable();
    strings.dedup();
}

/// Every string of one with every string of the other; nothing when that is too much.
pub(super) fn join(left: &Strings, right: &Strings) -> Option<Strings> {
    let longest = |strings: &Strings| strings.iter().map(Vec::len).max().unwrap_or_default();
    if longest(left) + longest(right) > MOST_LENGTH {
        return None;
    }
    let count = left.len() * right.len();
    if count > MOST_JOINED && count > left.len().max(right.len()) {
        return None;
    }
    let pairs = left.iter().flat_map(|left| right.iter().map(move |right| [&**left, &**right].concat()));
    let mut joined: Strings = pairs.collect();
    sort(&mut joined);
    Some(joined)
}

/// Adds strings to a union, which is sorted later; one with what is not known, or with too much, is not known.
pub(super) fn unite(union: &mut Option<Strings>, strings: Option<&Strings>) {
    *union = match (union.take(), strings) {
        (Some(mut union), Some(strings)) if union.len() + strings.len() <= MOST_UNITED => {
            union.extend_from_slice(strings);
            Some(union)
        }
        _ => None,
    };
}
