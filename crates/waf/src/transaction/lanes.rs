//! The items of a transaction: what request and response said, as values of its table.

use smallvec::SmallVec;
use testudo_core::Span;

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
    /// Where it stands in the query or in the body, as written.
    pub(crate) place: Option<Place>,
    /// Whether it is known to be harmless, so that rules about attacks don't look at it.
    pub(crate) proven: bool,
    /// The same of its name.
    pub(crate) name_proven: bool,
    /// Whether its form is known to be harmless, so that rules about attacks that only ask for a form don't look at it.
    pub(crate) formed: bool,
}

/// What a rule need not look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Skips {
    /// It looks at everything.
    Nothing,
    /// It looks for attacks: what is proven harmless.
    Proven,
    /// It asks for a form because of attacks: what is harmless in form.
    Formed,
}

impl Skips {
    /// What a rule about attacks skips.
    pub(crate) const fn of(negated: bool) -> Skips {
        if negated { Skips::Formed } else { Skips::Proven }
    }
}

impl Item {
    /// Whether a rule need not look at the value, or at the name.
    pub(crate) const fn is_skipped(&self, name: bool, skips: Skips) -> bool {
        match skips {
            Skips::Nothing => false,
            Skips::Proven => {
                if name {
                    self.name_proven
                } else {
                    self.proven
                }
            }
            Skips::Formed => !name && self.formed,
        }
    }
}

/// A span of a text below 4 GiB.
pub(crate) type Place = (u32, u32);

/// The place of a span; nothing for one that is too far away to be told.
pub(crate) fn place(span: Span) -> Option<Place> {
    Some((u32::try_from(span.start).ok()?, u32::try_from(span.end).ok()?))
}

/// All lanes. Most hold a single text, which stands where the lane stands.
#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Vec<SmallVec<[Item; 1]>>,
}

/// Items of a lane whose memory is kept from one transaction to the next.
const MOST_KEPT: usize = 1024;

impl Lanes {
    pub(crate) fn new() -> Lanes {
        Lanes { lanes: vec![SmallVec::new(); Lane::COUNT] }
    }

    pub(crate) fn clear(&mut self) {
        for lane in self.lanes.iter_mut().filter(|lane| !lane.is_empty()) {
            lane.clear();
            if lane.capacity() > MOST_KEPT {
                lane.shrink_to_fit();
            }
        }
    }

    #[inline]
    pub(crate) fn get(&self, lane: Lane) -> &[Item] {
        self.lanes.get(lane.index()).map_or(&[], SmallVec::as_slice)
    }

    #[inline]
    pub(crate) fn of(&self, variable: Variable) -> &[Item] {
        self.get(Lane::of(variable))
    }

    /// Marks what stands at one of these places as harmless, and all names or none.
    pub(crate) fn prove(&mut self, variable: Variable, places: &[Place], names: bool) {
        let Some(lane) = self.lanes.get_mut(Lane::of(variable).index()) else { return };
        if places.is_empty() && !names {
            return;
        }
        for item in lane {
            item.proven |= item.place.is_some_and(|place| places.binary_search(&place).is_ok());
            item.name_proven |= names;
        }
    }

    /// Marks all items with one of these names, which are in lower case where names are.
    pub(crate) fn prove_named(&mut self, variable: Variable, is_named: impl Fn(&Item) -> bool) {
        if let Some(lane) = self.lanes.get_mut(Lane::of(variable).index()) {
            lane.iter_mut().filter(|item| is_named(item)).for_each(|item| item.proven = true);
        }
    }

    /// Marks all items with such a value as harmless in form.
    pub(crate) fn form(&mut self, variable: Variable, is_formed: impl Fn(ValueId) -> bool) {
        if let Some(lane) = self.lanes.get_mut(Lane::of(variable).index()) {
            lane.iter_mut().filter(|item| is_formed(item.value)).for_each(|item| item.formed = true);
        }
    }

    /// Marks the last item as harmless.
    pub(crate) fn prove_last(&mut self, variable: Variable) {
        let lane = self.lanes.get_mut(Lane::of(variable).index());
        if let Some(item) = lane.and_then(|lane| lane.last_mut()) {
            item.proven = true;
        }
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
