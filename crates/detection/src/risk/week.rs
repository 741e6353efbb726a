//! The hours of the week at which a person comes: 168 decayed counts of one byte.

use serde::{Deserialize, Serialize};

pub(super) const HOURS: usize = 168;
/// 1970-01-01 was a Thursday; weeks begin on Monday.
const THURSDAY: u32 = 3 * 24;
/// What one hour with the person adds.
const STEP: u8 = 8;
/// The strength of the belief that all hours are alike, in hours with the person.
const PRIOR: f64 = 6.0;

/// The hours of the week, in UTC.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "(Vec<u8>, u32)", into = "(Vec<u8>, u32)")]
pub(super) struct Week {
    hours: [u8; HOURS],
    /// The last hour that was counted, since 1970.
    last: u32,
}

impl Default for Week {
    fn default() -> Week {
        Week { hours: [0; HOURS], last: 0 }
    }
}

impl From<(Vec<u8>, u32)> for Week {
    fn from((saved, last): (Vec<u8>, u32)) -> Week {
        let mut hours = [0; HOURS];
        hours.iter_mut().zip(saved).for_each(|(to, from)| *to = from);
        Week { hours, last }
    }
}

impl From<Week> for (Vec<u8>, u32) {
    fn from(week: Week) -> (Vec<u8>, u32) {
        (week.hours.to_vec(), week.last)
    }
}

impl Week {
    /// Whether [`Week::learn`] would count this second.
    pub fn would_learn(&self, at: u32) -> bool {
        at / 3_600 != self.last
    }

    /// Counts the hour of this second once.
    pub fn learn(&mut self, at: u32) -> bool {
        let hour = at / 3_600;
        if hour == self.last {
            return false;
        }
        let weeks = |hour: u32| (hour + THURSDAY) / 168;
        for _ in 0..weeks(hour).saturating_sub(weeks(self.last)).min(4) {
            self.hours.iter_mut().for_each(|count| *count = scaled(*count, 218));
        }
        self.last = hour;
        let place = place(hour);
        if self.hours.get(place).is_some_and(|count| *count > u8::MAX - STEP) {
            self.hours.iter_mut().for_each(|count| *count /= 2);
        }
        if let Some(count) = self.hours.get_mut(place) {
            *count = count.saturating_add(STEP);
        }
        true
    }

    /// How rare the hour is for the person, as the logarithm of average over observed: 0 is average, above is rare. It
    /// backs off from the hour of the week to the hour of the day.
    pub fn rarity(&self, at: u32) -> f64 {
        let place = place(at / 3_600);
        let count = |place: usize| f64::from(self.hours.get(place % HOURS).copied().unwrap_or(0)) / f64::from(STEP);
        let around = |place: usize| count(place) + f64::midpoint(count(place + 1), count(place + HOURS - 1));
        let total = f64::from(self.hours.iter().map(|count| u32::from(*count)).sum::<u32>()) / f64::from(STEP);
        let of_week = around(place);
        let of_day: f64 = (0..7).map(|day| around(place + 24 * day)).sum();
        let ratio = |seen: f64, share: f64| (seen + PRIOR * share) / ((total + PRIOR) * share);
        -(0.3 * ratio(of_week, 2.0 / 168.0) + 0.7 * ratio(of_day, 2.0 / 24.0)).ln()
    }

    /// The counts, Monday first.
    pub fn days(&self) -> Vec<Vec<u8>> {
        self.hours.chunks(24).map(|day| day.iter().map(|count| count.div_ceil(STEP)).collect()).collect()
    }
}

fn place(hour: u32) -> usize {
    ((hour + THURSDAY) % 168) as usize
}

fn scaled(count: u8, of_256: u16) -> u8 {
    u8::try_from((u16::from(count) * of_256) >> 8).unwrap_or(count)
}
