//! Finds parameters for this machine.

use std::time::{Duration, Instant};

use super::Params;
use super::argon2id::Memory;

/// More memory per hash than this buys little against an attacker and costs much under a flood of sign-ins.
const MEMORY_CEILING_KIB: u32 = 65_536;
const PASSES_CEILING: u32 = 8;

/// Measures a few hashes and returns parameters with which one takes about `target`: first more memory (to 64 MiB),
/// then more passes (to 8), never below [`Params::FLOOR`]. Takes a few hundred milliseconds on the calling thread.
pub fn tune(target: Duration) -> Params {
    let mut memory = Memory::default();
    let first = measure(&mut memory, Params::FLOOR);
    let floor = measure(&mut memory, Params::FLOOR).min(first);
    let mut params = fit(floor, target);
    // Larger memory leaves the caches and is slower per block than the estimate; step back until it fits.
    while params != Params::FLOOR && measure(&mut memory, params) > target.mul_f64(1.25) {
        params = step_back(params);
    }
    params
}

/// Parameters that would take `target` if time were proportional to memory times passes.
fn fit(floor: Duration, target: Duration) -> Params {
    let ratio = target.as_micros() / floor.as_micros().max(1);
    let budget = u128::from(Params::FLOOR.memory_kib) * u128::from(Params::FLOOR.passes) * ratio;
    let memory = budget / u128::from(Params::FLOOR.passes);
    let memory_kib = u32::try_from(memory).unwrap_or(u32::MAX).min(MEMORY_CEILING_KIB);
    let memory_kib = (memory_kib / 1024 * 1024).max(Params::FLOOR.memory_kib);
    let passes = u32::try_from(budget / u128::from(memory_kib)).unwrap_or(u32::MAX).min(PASSES_CEILING);
    Params { memory_kib, passes, lanes: 1 }.raised()
}

fn step_back(params: Params) -> Params {
    let floor = Params::FLOOR;
    if params.passes > floor.passes {
        return Params { passes: params.passes - 1, ..params };
    }
    Params { memory_kib: (params.memory_kib / 4 * 3).max(floor.memory_kib), ..params }
}

fn measure(memory: &mut Memory, params: Params) -> Duration {
    let start = Instant::now();
    let mut out = [0; 32];
    match memory.hash(b"how fast is this machine?", &[0; 16], params, &mut out) {
        Ok(()) => start.elapsed(),
        // No memory for it: as good as too slow.
        Err(_) => Duration::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_stay_within_floor_and_ceilings() {
        let floor = Duration::from_millis(20);
        assert_eq!(fit(floor, Duration::ZERO), Params::FLOOR);
        assert_eq!(fit(floor, Duration::from_millis(20)), Params::FLOOR);
        let twice = fit(floor, Duration::from_millis(40));
        assert_eq!(twice, Params { memory_kib: 38_912, passes: 2, lanes: 1 });
        let forever = fit(floor, Duration::from_hours(1));
        assert_eq!(forever, Params { memory_kib: MEMORY_CEILING_KIB, passes: PASSES_CEILING, lanes: 1 });
        assert_eq!(fit(Duration::ZERO, Duration::from_hours(1)), forever);
    }

    #[test]
    fn stepping_back_ends_at_the_floor() {
        let mut params = Params { memory_kib: MEMORY_CEILING_KIB, passes: PASSES_CEILING, lanes: 1 };
        for _ in 0..32 {
            params = step_back(params);
            assert!(params.reaches(Params::FLOOR));
        }
        assert_eq!(params, Params::FLOOR);
    }

    #[test]
    fn an_impossible_target_gives_the_floor() {
        assert_eq!(tune(Duration::from_nanos(1)), Params::FLOOR);
    }
}
