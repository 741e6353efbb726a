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
    let weight = match &predicate.test {
        Test::Text { anchor: Anchor::Whole, bytes, .. } => match bytes.len() {
            0..4 => 12,
            4..8 => 4,
            _ => 2,
        },
        Test::Text { bytes, .. } => match bytes.len() {
            0..2 => 30,
            2..4 => 10,
            4..7 => 4,
            _ => 2,
        },
        Test::Network(_) => 10,
        Test::Number { .. } => 25,
        _ => 40,
    };
    // A keyword can stand anywhere.
    if predicate.field.is_none() { weight + 1 } else { weight }
}
