//! What an address counts as: itself, its network, and the coarser ones that it falls back to.

use std::net::IpAddr;

use ipnet::IpNet;

/// The most bytes of a key: three of purpose, 16 of person, four of route, with room for a client's id.
const LONGEST: usize = 80;

/// A key of the table: what it is for, and whom.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Key {
    /// The key for one dimension (and class of route or door) of one subject.
    pub fn new(dimension: u8, class: u16, parts: &[&[u8]]) -> Key {
        let mut key = Key { bytes: [0; LONGEST], length: 0 };
        key.push(&[dimension]);
        key.push(&class.to_be_bytes());
        for part in parts {
            key.push(part);
        }
        key
    }

    fn push(&mut self, part: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.length..self.length + part.len()) {
            room.copy_from_slice(part);
            self.length += part.len();
        }
    }

    /// The bytes to hash.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// A network of an address: the length of its prefix, and the prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Prefix([u8; 9]);

impl Prefix {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn v4(address: u32, length: u8) -> Prefix {
        let kept = u64::from(address) << 32 & (u64::MAX << (64 - u32::from(length.clamp(1, 32))));
        Prefix::of(length, kept)
    }

    fn v6(address: u128, length: u8) -> Prefix {
        let high = u64::try_from(address >> 64).unwrap_or(u64::MAX);
        Prefix::of(128 | length, high & (u64::MAX << (64 - u32::from(length.clamp(1, 64)))))
    }

    fn of(kind: u8, kept: u64) -> Prefix {
        let mut bytes = [kind; 9];
        for (to, from) in bytes.iter_mut().skip(1).zip(kept.to_be_bytes()) {
            *to = from;
        }
        Prefix(bytes)
    }
}

/// What an address counts as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Networks {
    /// An IPv4 address or an IPv6 /64, which is what one household or phone has.
    pub address: Prefix,
    /// When there is no slot for that: /56 for IPv6.
    pub wider: Option<Prefix>,
    /// A /24 or a /48.
    pub subnet: Prefix,
    /// What one operator has, a /16 or a /32: chooses the shared cell, so that a flood from one does not fill others'.
    pub region: Prefix,
}

impl Networks {
    /// The networks of an address; an IPv4 address in IPv6 clothes is an IPv4 address.
    pub fn of(address: IpAddr) -> Networks {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let bits = v4.to_bits();
                Networks {
                    address: Prefix::v4(bits, 32),
                    wider: None,
                    subnet: Prefix::v4(bits, 24),
                    region: Prefix::v4(bits, 16),
                }
            }
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                Networks {
                    address: Prefix::v6(bits, 64),
                    wider: Some(Prefix::v6(bits, 56)),
                    subnet: Prefix::v6(bits, 48),
                    region: Prefix::v6(bits, 32),
                }
            }
        }
    }
}

/// The network as it is compared: without bits beyond its prefix, and an IPv4 network in IPv6 clothes as one of IPv4.
pub fn canonical(network: IpNet) -> IpNet {
    if let (IpAddr::V4(v4), IpNet::V6(v6)) = (network.addr().to_canonical(), network)
        && let Some(length) = v6.prefix_len().checked_sub(96)
        && let Ok(network) = IpNet::new(IpAddr::V4(v4), length)
    {
        return network.trunc();
    }
    network.trunc()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn networks(text: &str) -> Networks {
        Networks::of(text.parse().unwrap())
    }

    #[test]
    fn neighbours_share_networks_and_strangers_do_not() {
        let (one, two, far) = (networks("192.0.2.1"), networks("192.0.2.2"), networks("192.0.3.1"));
        assert_ne!(one.address, two.address);
        assert_eq!(one.subnet, two.subnet);
        assert_ne!(one.subnet, far.subnet);
        let (one, same, near) =
            (networks("2001:db8:1:200::1"), networks("2001:db8:1:200:ffff::"), networks("2001:db8:1:201::"));
        assert_eq!(one, same);
        assert_ne!(one.address, near.address);
        assert_eq!(one.wider, near.wider);
        assert_ne!(one.wider, networks("2001:db8:1:300::").wider);
        assert_eq!(one.subnet, networks("2001:db8:1:ffff::").subnet);
        assert_ne!(one.subnet, networks("2001:db8:2:200::1").subnet);
        assert_eq!(one.region, networks("2001:db8:ffff::").region);
        assert_ne!(one.region, networks("2001:db9::").region);
    }

    #[test]
    fn mapped_addresses_are_ipv4_and_families_never_meet() {
        assert_eq!(networks("::ffff:192.0.2.1"), networks("192.0.2.1"));
        assert_ne!(networks("c000:0201::").address, networks("192.0.2.1").address);
        assert_ne!(networks("::").address, networks("0.0.0.0").address);
    }

    #[test]
    fn the_longest_client_id_with_a_route_fits_a_key() {
        let key = Key::new(1, 2, &[&[7; 64], &[9; 4]]);
        assert_eq!(key.as_bytes().len(), 71);
    }
}
