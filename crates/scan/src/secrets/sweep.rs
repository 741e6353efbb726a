//! Of matches that overlap, the one that says most.

use super::found::Match;
use super::kind::Kind;

pub(super) const VERIFIED: u8 = 4;
const TOKEN: u8 = 3;
const NAMED: u8 = 2;
const GENERIC: u8 = 1;

/// How much a match of this kind says.
pub(super) fn rank(kind: &Kind, verified: bool) -> u8 {
    match kind {
        Kind { generic: true, .. } => GENERIC,
        _ if verified => VERIFIED,
        Kind { token: Some(_), .. } => TOKEN,
        _ => NAMED,
    }
}

/// One match for each place: what is verified goes before what has a shape, that before what has a name; then the longer one,
/// then the kind that stands earlier in the catalogue.
pub(super) fn best(mut matches: Vec<Match<'_>>) -> Vec<Match<'_>> {
    matches.sort_by_key(|found| (found.span.start, std::cmp::Reverse(found.span.end), std::cmp::Reverse(found.rank)));
    let mut out: Vec<Match<'_>> = Vec::with_capacity(matches.len());
    for found in matches {
        match out.last_mut() {
            Some(last) if found.span.start < last.span.end => {
                if weight(&found) > weight(last) {
                    *last = found;
                }
            }
            _ => out.push(found),
        }
    }
    out
}

fn weight(found: &Match<'_>) -> (u8, usize, std::cmp::Reverse<*const Kind>) {
    // Kinds of one catalogue stand in one slice, so their addresses are in its order.
    (found.rank, found.span.len(), std::cmp::Reverse(std::ptr::from_ref(found.kind)))
}
