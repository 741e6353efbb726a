//! The values of one kind that a person shows (her networks, say), with decayed counts. Bounded.

use serde::{Deserialize, Serialize};

use super::Key;

/// One unit of weight: a value gains one at most each [`Pace::every`] and at most [`Pace::most_a_day`] times a day.
pub(super) const UNIT: u32 = 256;
/// Half of a weight is left after thirty days of use: 2^(-1/30) in 1/65536.
const KEPT_A_DAY: u64 = 64_039;
/// What is lighter than this is forgotten.
const LEAST: u32 = UNIT / 32;
/// A history of this weight is one against which a value can be new.
const MATURE: u32 = 3 * UNIT;
/// Seconds of a day.
pub(super) const DAY: u32 = 86_400;

/// How fast values are learnt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Seconds between two units of one value.
    pub every: u32,
    /// The most units of one value on one day.
    pub most_a_day: u8,
}

/// A value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "Packed", into = "Packed")]
pub(super) struct Seen {
    pub key: Key,
    pub weight: u32,
    /// Seconds: when it was first seen, and when it last gained weight.
    pub first: u32,
    pub last: u32,
    /// Different days with it, up to 255.
    pub days: u8,
    today: u8,
    /// Whether it counts as usual: seen on two days, proven by a second factor, or there from the beginning.
    pub sure: bool,
    pub label: u8,
}

type Packed = (u64, u32, u32, u32, u8, u8, bool, u8);

impl From<Packed> for Seen {
    fn from((key, weight, first, last, days, today, sure, label): Packed) -> Seen {
        Seen { key: Key(key), weight, first, last, days, today, sure, label }
    }
}

impl From<Seen> for Packed {
    fn from(seen: Seen) -> Packed {
        (seen.key.0, seen.weight, seen.first, seen.last, seen.days, seen.today, seen.sure, seen.label)
    }
}

/// All values of one kind.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Usual(Vec<Seen>);

impl Usual {
    pub fn iter(&self) -> impl Iterator<Item = &Seen> {
        self.0.iter()
    }

    pub fn get(&self, key: Key) -> Option<&Seen> {
        self.0.iter().find(|seen| seen.key == key)
    }

    /// The weight of all that is usual, in units.
    pub fn total(&self) -> f64 {
        f64::from(self.0.iter().filter(|seen| seen.sure).fold(0, |sum: u32, seen| sum.saturating_add(seen.weight)))
            / f64::from(UNIT)
    }

    /// The weight of a value as far as it is usual, in units. `before`: what was first seen then or later does not count.
    pub fn weight(&self, key: Key, before: Option<u32>) -> f64 {
        let fits = |seen: &&Seen| seen.sure && before.is_none_or(|before| seen.first < before);
        self.get(key).filter(fits).map_or(0.0, |seen| f64::from(seen.weight) / f64::from(UNIT))
    }

    /// Whether there is history against which a value can be new.
    pub fn is_mature(&self) -> bool {
        self.0.iter().filter(|seen| seen.sure).fold(0, |sum: u32, seen| sum.saturating_add(seen.weight)) >= MATURE
    }

    /// Whether [`Usual::learn`] would change anything.
    pub fn would_learn(&self, key: Key, at: u32, pace: Pace) -> bool {
        self.get(key).is_none_or(|seen| seen.gains(at, pace))
    }

    /// Takes in that a value was seen. `sure`: it counts at once. `new`: a value that is not there may be added. At most
    /// `most` values are kept; what is usual is the last to leave.
    pub fn learn(&mut self, key: Key, label: u8, at: u32, how: How, pace: Pace, most: usize) -> bool {
        if let Some(seen) = self.0.iter_mut().find(|seen| seen.key == key) {
            return seen.learn(at, how.sure, pace);
        }
        if !how.new {
            return false;
        }
        let sure = how.sure || !self.is_mature();
        if self.0.len() >= most {
            let lightest =
                self.0.iter().enumerate().min_by_key(|(_, seen)| (seen.sure, seen.weight, seen.last, seen.key));
            if let Some(index) = lightest.map(|(index, _)| index) {
                self.0.swap_remove(index);
            }
        }
        self.0.push(Seen { key, weight: UNIT, first: at, last: at, days: 1, today: 1, sure, label });
        self.0.sort_unstable_by_key(|seen| (seen.first, seen.key));
        true
    }

    /// Lets weights fade for so many days of use.
    pub fn fade(&mut self, days: u32) {
        for seen in &mut self.0 {
            for _ in 0..days {
                seen.weight = u32::try_from((u64::from(seen.weight) * KEPT_A_DAY) >> 16).unwrap_or(seen.weight);
            }
        }
        self.0.retain(|seen| seen.weight >= LEAST);
    }

    /// Forgets what was first seen at this second or later; whether there was something.
    pub fn roll_back(&mut self, to: u32) -> bool {
        let before = self.0.len();
        self.0.retain(|seen| seen.first < to);
        self.0.len() != before
    }
}

/// How a value is learnt.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    pub sure: bool,
    pub new: bool,
}

impl Seen {
    fn gains(&self, at: u32, pace: Pace) -> bool {
        let later = at >= self.last.saturating_add(pace.every);
        later && (at / DAY != self.last / DAY || self.today < pace.most_a_day)
    }

    fn learn(&mut self, at: u32, sure: bool, pace: Pace) -> bool {
        let became_sure = sure && !self.sure;
        self.sure |= sure;
        if !self.gains(at, pace) {
            return became_sure;
        }
        if at / DAY != self.last / DAY {
            self.days = self.days.saturating_add(1);
            self.today = 0;
        }
        self.today = self.today.saturating_add(1);
        self.last = at;
        self.weight = self.weight.saturating_add(UNIT).min(1 << 24);
        // Who came once came by chance; who came on two days comes.
        self.sure |= self.days >= 2;
        true
    }
}
