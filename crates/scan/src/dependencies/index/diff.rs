//! What changed between two indexes.

use super::{Index, IndexError};

/// Identifiers of advisories, in their order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diff {
    /// Those that are new.
    pub added: Vec<String>,
    /// Those that are gone, for example withdrawn.
    pub removed: Vec<String>,
    /// Those that say something else.
    pub changed: Vec<String>,
}

/// Compares two indexes.
pub fn diff(old: &Index<'_>, new: &Index<'_>) -> Result<Diff, IndexError> {
    let mut diff = Diff::default();
    let (mut left, mut right) = (0, 0);
    let at = |index: &Index<'_>, position: u32| {
        if position < index.about().advisories {
            index.advisory(position).map(|advisory| Some((advisory.id.into_owned(), advisory.fingerprint)))
        } else {
            Ok(None)
        }
    };
    let (mut before, mut after) = (at(old, 0)?, at(new, 0)?);
    loop {
        let order = match (&before, &after) {
            (None, None) => return Ok(diff),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((one, _)), Some((other, _))) => one.cmp(other),
        };
        if order.is_eq()
            && let (Some((id, one)), Some((_, other))) = (&before, &after)
            && one != other
        {
            diff.changed.push(id.clone());
        }
        if order.is_le() {
            if order.is_lt() {
                diff.removed.extend(before.take().map(|(id, _)| id));
            }
            left += 1;
            before = at(old, left)?;
        }
        if order.is_ge() {
            if order.is_gt() {
                diff.added.extend(after.take().map(|(id, _)| id));
            }
            right += 1;
            after = at(new, right)?;
        }
    }
}
