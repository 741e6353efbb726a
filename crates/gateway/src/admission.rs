//! How many connections and handshakes a source may have at a time: seats, given back when dropped.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// The /24 of an IPv4 address or the /64 of an IPv6 address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Network(u64, bool);

impl Network {
    pub(crate) fn of(address: IpAddr) -> Network {
        match address.to_canonical() {
            IpAddr::V4(address) => Network(u64::from(address.to_bits() >> 8), false),
            IpAddr::V6(address) => Network(u64::try_from(address.to_bits() >> 64).unwrap_or(0), true),
        }
    }
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_network: HashMap<Network, usize>,
}

/// A bounded number of seats, and a bounded number per network.
#[derive(Clone, Debug)]
pub(crate) struct Seats {
    taken: Arc<Mutex<Taken>>,
    all: usize,
    per_network: usize,
}

/// One taken seat.
#[derive(Debug)]
pub(crate) struct Seat {
    taken: Arc<Mutex<Taken>>,
    network: Network,
}

/// Why there was no seat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Full {
    All,
    Network,
}

impl Seats {
    pub(crate) fn new(all: usize, per_network: usize) -> Seats {
        Seats { taken: Arc::default(), all, per_network }
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken.lock().all
    }

    pub(crate) fn take(&self, network: Network) -> Result<Seat, Full> {
        let mut taken = self.taken.lock();
        if taken.all >= self.all {
            return Err(Full::All);
        }
        let count = taken.by_network.entry(network).or_insert(0);
        if *count >= self.per_network {
            return Err(Full::Network);
        }
        *count += 1;
        taken.all += 1;
        Ok(Seat { taken: self.taken.clone(), network })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        taken.all = taken.all.saturating_sub(1);
        if let Some(count) = taken.by_network.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                taken.by_network.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn seats_are_bounded_per_network_and_in_all_and_come_back() {
        let seats = Seats::new(3, 2);
        let near = |last: u8| Network::of(IpAddr::from([192, 0, 2, last]));
        let first = seats.take(near(1)).unwrap();
        let _second = seats.take(near(2)).unwrap();
        assert_eq!(seats.take(near(3)).unwrap_err(), Full::Network);
        let _other = seats.take(Network::of("2001:db8::1".parse().unwrap())).unwrap();
        assert_eq!(seats.take(Network::of("2001:db8:1::1".parse().unwrap())).unwrap_err(), Full::All);
        drop(first);
        assert!(seats.take(near(9)).is_ok());
        assert_eq!(near(0), Network::of("::ffff:192.0.2.77".parse().unwrap()));
    }
}
