//! Prints nanoseconds for each check of the limiter: `cargo run --release -p testudo-limits --example limit_bench`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss
)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use testudo_core::{ClientId, DeviceId, PersonId};
use testudo_limits::{CallerFacts, Limiter, LimitsConfig, PeerFacts, RouteClass, Setting};

const ROUNDS: u64 = 500_000;

fn measure(name: &str, mut check: impl FnMut(u64)) {
    let mut times: Vec<f64> = (0..7)
        .map(|_| {
            let start = Instant::now();
            (0..ROUNDS).for_each(&mut check);
            start.elapsed().as_nanos() as f64 / ROUNDS as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name:40} {:7.1} ns at best, {:7.1} ns median (7 x {ROUNDS})", times[0], times[3]);
}

fn main() {
    let wide: Setting = "100000/s burst 1000000".parse().unwrap();
    let config = LimitsConfig {
        address: wide,
        subnet: Setting::Off,
        person: wide,
        client: wide,
        device: wide,
        route: wide,
        person_route: wide,
        ..LimitsConfig::default()
    };
    let one = Limiter::new(&config, [1; 16]).unwrap();
    // Time passes 20 us with each check, so that no limit is used up and no clock is measured.
    let clock = std::cell::Cell::new(0u64);
    let now = || {
        clock.set(clock.get() + 20_000);
        clock.get()
    };
    let address = |n: u64| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | n as u32));
    measure("address, one source", |_| {
        drop(black_box(one.admit_peer(&PeerFacts { address: address(1), now_ns: now() })));
    });
    measure("address, 4,096 sources", |n| {
        drop(black_box(one.admit_peer(&PeerFacts { address: address(n & 0xfff), now_ns: now() })));
    });
    measure("address, 1,000,000 sources", |n| {
        drop(black_box(
            one.admit_peer(&PeerFacts { address: address(n.wrapping_mul(7919) % 1_000_000), now_ns: now() }),
        ));
    });
    let both = Limiter::new(&LimitsConfig { subnet: wide, ..config.clone() }, [1; 16]).unwrap();
    measure("address and subnet, 4,096 sources", |n| {
        drop(black_box(both.admit_peer(&PeerFacts { address: address(n & 0xfff), now_ns: now() })));
    });
    let client: ClientId = "wallet-android".parse().unwrap();
    let facts = |n: u64, now_ns: u64| {
        let mut bytes = [7; 16];
        bytes.last_chunk_mut::<8>().unwrap().copy_from_slice(&n.to_be_bytes());
        CallerFacts {
            address: address(1),
            person: Some(PersonId::from_bytes(bytes)),
            client: Some(&client),
            device: Some(DeviceId::from_bytes(bytes)),
            route: Some((n % 50) as u32),
            template: None,
            class: RouteClass::default(),
            now_ns,
        }
    };
    measure("caller, 5 dimensions, 1,000 people", |n| {
        drop(black_box(one.admit_caller(&facts(n % 1000, now()))));
    });
    measure("caller, 5 dimensions, 100,000 people", |n| {
        drop(black_box(one.admit_caller(&facts(n.wrapping_mul(7919) % 100_000, now()))));
    });
    measure("a place in work, address and person", |n| {
        drop(black_box(one.enter(address(n & 0xff), Some(PersonId::from_bytes([(n & 0xff) as u8; 16]))).unwrap()));
    });
    println!("{:40} {:7} bytes", "all tables", one.table_bytes());
}
