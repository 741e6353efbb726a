//! The items of a transaction: what request and response said, as values of its table.

use crate::ruleset::view::Lane;
use crate::seclang::Variable;
use crate::values::ValueId;

/// One item: a single text has no name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Item {
    /// As it was sent.
    pub(crate) name: ValueId,
    /// The name in lower case.
    pub(crate) lower: ValueId,
    pub(crate) value: ValueId,
}

/// All lanes.
#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Vec<Vec<Item>>,
}

impl Lanes {
    pub(crate) fn new() -> Lanes {
        Lanes { lanes: vec![Vec::new(); Lane::COUNT] }
    }

    pub(crate) fn clear(&mut self) {
        for lane in self.lanes.iter_mut().filter(|lane| !lane.is_empty()) {
            lane.clear();
            lane.shrink_to(1024);
        }
    }

    #[inline]
    pub(crate) fn get(&self, lane: Lane) -> &[Item] {
        self.lanes.get(lane.index()).map_or(&[], Vec::as_slice)
    }

    #[inline]
    pub(crate) fn of(&self, variable: Variable) -> &[Item] {
        self.get(Lane::of(variable))
    }

    #[inline]
    pub(crate) fn push(&mut self, lane: Lane, item: Item) {
        if let Some(lane) = self.lanes.get_mut(lane.index()) {
            lane.push(item);
        }
    }

    /// Makes this the only item.
    pub(crate) fn set(&mut self, variable: Variable, value: ValueId) {
        if let Some(lane) = self.lanes.get_mut(Lane::of(variable).index()) {
            lane.clear();
            lane.push(Item { value, ..Item::default() });
        }
    }
}
