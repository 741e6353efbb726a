//! The predicates without one of which a condition can't be true.

use super::program::is_asked;
use crate::predicate::{Anchor, Expr, Predicate, Test};

/// A witness that fires rarely; nothing when the condition can be true of an event that has none of its values.
pub(super) fn of(expr: &Expr, id: &mut impl FnMut(&Predicate) -> u32) -> Option<Vec<u32>> {
    let (_, predicates) = find(expr, true)?;
    let mut ids: Vec<u32> = predicates.iter().map(id).collect();
    ids.sort_unstable();
    ids.dedup();
    Some(ids)
}

type Witness = (u32, Vec<Predicate>);

/// Of the condition, or of its negation.
fn find(expr: &Expr, positive: bool) -> Option<Witness> {
    match (expr, positive) {
        (Expr::Test(predicate), true) if is_asked(&predicate.test) => {
            predicate.field.as_ref()?;
            let there = Predicate { field: predicate.field.clone(), test: Test::HasValue };
            Some((weight(&there), vec![there]))
        }
        (Expr::Test(predicate), true) => Some((weight(predicate), vec![predicate.clone()])),
        (Expr::Not(inner), positive) => find(inner, !positive),
        (Expr::All(parts), true) | (Expr::Any(parts), false) => {
            parts.iter().filter_map(|part| find(part, positive)).min_by_key(|(weight, _)| *weight)
        }
        (Expr::Any(parts) | Expr::AtLeast(_, parts), true) | (Expr::All(parts), false) => {
            let mut all = (0u32, Vec::new());
            for part in parts {
                let (weight, predicates) = find(part, positive)?;
                all.0 = all.0.saturating_add(weight);
                all.1.extend(predicates);
            }
            Some(all)
        }
        (Expr::Test(_) | Expr::AtLeast(..), false) => None,
    }
}

/// How often it is likely to fire; short texts are common.
fn weight(predicate: &Predicate) -> u32 {
    let whole = |length| match length {
        // Such as GET and 200.
        0..4 => 3_000,
        4..8 => 200,
        _ => 20,
    };
    let part = |length| match length {
        0..2 => 10_000,
        2..4 => 1_000,
        4..7 => 100,
        _ => 3,
    };
    match (&predicate.test, predicate.field.as_deref()) {
        // Each of our own events has them, and few values.
        (Test::Text { .. }, Some("outcome" | "control")) => 15_000,
        (Test::Text { .. }, Some("kind")) => 9_000,
        (Test::Text { anchor: Anchor::Whole, bytes, .. }, Some(_)) => whole(bytes.len()),
        (Test::Text { bytes, .. }, Some(_)) => part(bytes.len()),
        // A keyword can stand anywhere.
        (Test::Text { bytes, .. }, None) => part(bytes.len()) + 2,
        (Test::Network(_), _) => 1_000,
        (Test::Number { .. }, _) => 8_000,
        _ => 20_000,
    }
}
