//! The table against a model: exact alone, bounded under contention, never larger, never forgetful.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use proptest::prelude::*;

use super::*;
use crate::rate::Rate;

fn limit(text: &str) -> Limit {
    text.parse::<Rate>().unwrap().limit()
}

fn charge(table: &Table, key: &[u8], limit: Limit, now: Micros) -> Charge {
    table.charge(table.slot(table.hash(key)), limit, now)
}

proptest! {
    /// The model keeps the theoretical arrival time of each key in a map that never forgets.
    #[test]
    fn agrees_with_the_model(
        start in prop_oneof![Just(0u64), any::<u64>()],
        steps in proptest::collection::vec((0u8..4, 0u64..400_000), 1..300),
        rate in "[1-9][0-9]?/(s|2s|min)( burst [1-9])?",
    ) {
        let (table, limit) = (Table::new(1024, &[7; 16]), limit(&rate));
        let mut arrivals: HashMap<u8, u128> = HashMap::new();
        let mut now = u128::from(start);
        for (key, later) in steps {
            now += u128::from(later);
            let word = u64::try_from(now & u128::from(u64::MAX)).unwrap();
            let arrival = (*arrivals.get(&key).unwrap_or(&0)).max(now);
            let debt = u64::try_from(arrival - now).unwrap();
            let expected = if debt > limit.tolerance {
                Charge::Refused(debt)
            } else {
                arrivals.insert(key, arrival + u128::from(limit.interval));
                Charge::Taken(debt + limit.interval)
            };
            prop_assert_eq!(charge(&table, &[key], limit, word), expected);
        }
    }

    /// In every window of any length, no more than the burst and what the rate adds; and nothing is refused that stays
    /// below the rate.
    #[test]
    fn admits_at_most_burst_and_rate(
        gaps in proptest::collection::vec(0u64..300_000, 1..200), count in 1u64..50, burst in 1u64..20,
    ) {
        let limit = limit(&format!("{count}/s burst {burst}"));
        let (table, mut now, mut admitted) = (Table::new(1024, &[1; 16]), 1u64, Vec::new());
        for gap in gaps {
            now += gap;
            if matches!(charge(&table, b"key", limit, now), Charge::Taken(_)) { admitted.push(now); }
        }
        for (index, from) in admitted.iter().enumerate() {
            for (more, to) in admitted[index..].iter().enumerate() {
                prop_assert!(more as u64 <= (to - from) / limit.interval + burst - 1 + u64::from((to - from) % limit.interval > 0));
                prop_assert!((more as u64 + 1).saturating_sub(burst) * limit.interval <= to - from);
            }
        }
        let mut steady = now + limit.span();
        for _ in 0..50 {
            steady += limit.interval;
            prop_assert!(matches!(charge(&table, b"key", limit, steady), Charge::Taken(_)));
        }
    }
}

#[test]
fn a_slot_in_debt_is_never_given_away() {
    let (table, limit) = (Table::new(1024, &[3; 16]), limit("1/min burst 1"));
    let (mut taken, mut full) = (Vec::new(), 0);
    for key in 0u32..20_000 {
        match charge(&table, &key.to_be_bytes(), limit, 10) {
            Charge::Taken(_) => taken.push(key),
            Charge::Full => full += 1,
            // Twenty bits of tag: two keys of one line may share a slot, now and then.
            Charge::Refused(_) => {}
        }
    }
    assert_eq!(taken.len(), table.slots(), "every slot is used before a line is full");
    assert!(full > 18_000);
    for key in &taken {
        assert_eq!(charge(&table, &key.to_be_bytes(), limit, 59_000_000), Charge::Refused(1_000_010));
    }
    let later = 60_000_010;
    let fresh = (100_000u32..101_024).filter(|key| charge(&table, &key.to_be_bytes(), limit, later) != Charge::Full);
    assert!(fresh.count() > 900, "replenished slots are taken over");
}

#[test]
fn a_cell_is_always_there_and_shared() {
    let (table, limit) = (Table::new(1024, &[3; 16]), limit("2/s"));
    let place = table.cell(table.hash(b"somebody"));
    assert_eq!(table.charge(place, limit, 5), Charge::Taken(500_000));
    assert_eq!(table.charge(place, limit, 5), Charge::Taken(1_000_000));
    assert_eq!(table.charge(place, limit, 5), Charge::Refused(1_000_000));
}

#[test]
fn times_wrap_around_without_false_debts() {
    let (table, limit) = (Table::new(1024, &[3; 16]), limit("1/s"));
    let end = TIME_MASK;
    assert_eq!(charge(&table, b"k", limit, end), Charge::Taken(1_000_000));
    assert_eq!(charge(&table, b"k", limit, end + 10), Charge::Refused(999_990));
    assert_eq!(charge(&table, b"k", limit, end + 1_000_000), Charge::Taken(1_000_000));
    let half_a_year = 180 * 24 * 3600 * 1_000_000u64;
    assert_eq!(table.debt(table.slot(table.hash(b"k")), end + half_a_year), Some(0));
    table.sweep(end + half_a_year);
    assert_eq!(table.debt(table.slot(table.hash(b"k")), end + (1 << TIME_BITS)), Some(0));
}

#[test]
fn sweeping_frees_only_what_is_over() {
    let (table, limit) = (Table::new(1024, &[3; 16]), limit("1/min burst 2"));
    assert_eq!(charge(&table, b"debtor", limit, 10), Charge::Taken(60_000_000));
    table.sweep(59_000_000);
    assert_eq!(table.debt(table.slot(table.hash(b"debtor")), 59_000_000), Some(1_000_010));
    table.sweep(61_000_000);
    assert!(table.lines.iter().flat_map(|line| &line.0).all(|atom| atom.load(Ordering::Relaxed) == 0));
}

#[test]
fn threads_exceed_a_limit_by_no_more_than_their_number() {
    const THREADS: usize = 8;
    let limit = limit("1/min burst 1000");
    for round in 0u64..20 {
        let (table, admitted) = (Arc::new(Table::new(1024, &[9; 16])), Arc::new(AtomicUsize::new(0)));
        let workers: Vec<_> = (0..THREADS as u64)
            .map(|thread| {
                let (table, admitted) = (Arc::clone(&table), Arc::clone(&admitted));
                std::thread::spawn(move || {
                    for step in 0..500 {
                        // Clocks of workers differ a little.
                        if matches!(charge(&table, b"one", limit, 1000 + round + step + thread * 3), Charge::Taken(_)) {
                            admitted.fetch_add(1, Ordering::Relaxed);
                        }
                        let noise = (step * 8 + thread).to_be_bytes();
                        let _other = charge(&table, &noise, limit, 1000 + step);
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().unwrap();
        }
        let admitted = admitted.load(Ordering::Relaxed);
        assert!((1000..1000 + THREADS).contains(&admitted), "{admitted}");
    }
}

#[test]
fn without_the_secret_nobody_aims_at_a_line() {
    let lines = |secret: u8| -> Vec<Place> {
        let table = Table::new(1 << 14, &[secret; 16]);
        (0u32..4096).map(|key| table.slot(table.hash(&key.to_be_bytes()))).collect()
    };
    let mut counts = HashMap::new();
    let (one, two) = (lines(1), lines(2));
    let mut same = 0;
    for (first, second) in one.iter().zip(&two) {
        let (Place::Slot { first, .. }, Place::Slot { first: other, .. }) = (first, second) else { panic!() };
        *counts.entry(*first).or_insert(0u32) += 1;
        same += u32::from(first == other);
    }
    assert!(counts.values().all(|count| *count <= 14), "4,096 keys over 2,048 lines are spread evenly");
    assert!(same < 20, "another secret, another place");
    // Keys that meet in one line under one secret part under another.
    let crowded = *counts.iter().max_by_key(|(_, count)| **count).unwrap().0;
    let members: Vec<usize> =
        (0..4096).filter(|key| matches!(one[*key], Place::Slot { first, .. } if first == crowded)).collect();
    let parted: std::collections::HashSet<usize> = members
        .iter()
        .map(|key| match two[*key] {
            Place::Slot { first, .. } => first,
            Place::Cell { .. } => usize::MAX,
        })
        .collect();
    assert!(parted.len() + 2 >= members.len());
}

#[test]
fn sizes_are_powers_of_two_within_bounds() {
    assert_eq!(Table::new(0, &[0; 16]).slots(), 1024);
    assert_eq!(Table::new(1025, &[0; 16]).slots(), 2048);
    assert_eq!(Table::new(1 << 20, &[0; 16]).bytes(), (1 << 20) * 8 + (1 << 16) * 8);
    assert_eq!(align_of::<Line>(), 64);
    assert_eq!(size_of::<Line>(), 64);
}
