//! How long an assessment takes, and taking in a request, on one core: `cargo run --release --example risk_rate`.

#![allow(clippy::indexing_slicing, reason = "a test")]
#![allow(clippy::print_stdout, clippy::cast_precision_loss)]

use std::hint::black_box;
use std::time::Instant;

use testudo_core::{PersonId, Pseudonym, Timestamp};
use testudo_detection::risk::{Act, Place, Profiles, Settings};

const PEOPLE: u16 = 10_000;
const ROUNDS: u32 = 2_000_000;

fn main() {
    let mut profiles = Profiles::new(Settings::default());
    let name = |who: u16| {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(who.to_be_bytes().iter().cycle()).for_each(|(to, from)| *to = *from);
        Pseudonym(bytes)
    };
    let at = |second: u32| Timestamp::from_seconds(1_772_452_800 + i64::from(second));
    let began = Instant::now();
    let mut acts = 0_u32;
    for day in 0..30 {
        for who in 0..PEOPLE {
            for n in 0..3_u32 {
                let place = Place::named(&format!("n{}.{n}", who % 500), &format!("d{n}"), "app");
                let act = Act::Used(place);
                profiles.observe(name(who), PersonId::from_bytes(name(who).0), &act, at(day * 86_400 + n * 7_200), 0);
                acts += 1;
            }
        }
    }
    println!("learnt   {:>9.0} acts/s", f64::from(acts) / began.elapsed().as_secs_f64());
    let places: Vec<Place> = (0..500)
        .flat_map(|n| [Place::named(&format!("n{n}.1"), "d1", "app"), Place::named(&format!("x{n}.1"), "other", "app")])
        .collect();
    let now = at(30 * 86_400);
    let began = Instant::now();
    let mut sum = 0_u64;
    for round in 0..ROUNDS {
        let who = u16::try_from(round.wrapping_mul(7_919) % u32::from(PEOPLE)).unwrap_or(0);
        let place = &places[round as usize % places.len()];
        sum += u64::from(black_box(profiles.assess(name(who), place, now)).score);
    }
    let each = began.elapsed().as_secs_f64() / f64::from(ROUNDS);
    println!(
        "assessed {:>9.0} a second, {:.0} ns each (mean score {:.1})",
        1.0 / each,
        each * 1e9,
        sum as f64 / f64::from(ROUNDS)
    );
    let began = Instant::now();
    let mut would = 0_u32;
    for round in 0..ROUNDS {
        let who = u16::try_from(round.wrapping_mul(7_919) % u32::from(PEOPLE)).unwrap_or(0);
        let act = Act::Used(Place::named(&format!("n{}.2", who % 500), "d2", "app"));
        would += u32::from(profiles.would_observe(name(who), &act, at(29 * 86_400 + 14_460)));
    }
    let each = began.elapsed().as_secs_f64() / f64::from(ROUNDS);
    println!(
        "passed   {:>9.0} requests/s that teach nothing new, {:.0} ns each with the making of the place ({would} would)",
        1.0 / each,
        each * 1e9
    );
}
