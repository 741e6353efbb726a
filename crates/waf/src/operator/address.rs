//! `@ipMatch` and `@ipMatchFromFile`: addresses and networks of IPv4 and IPv6 (RFC 4632, RFC 4291).

use std::net::IpAddr;

use ipnet::IpNet;

/// A set of addresses, as ranges that neither touch nor overlap, ascending.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Addresses {
    /// Reads a list such as `10.0.0.0/8,::1`; an entry that is none is the error.
    pub(super) fn parse(list: &str) -> Result<Addresses, &str> {
        let mut addresses = Addresses::default();
        addresses.read(list)?;
        addresses.merge();
        Ok(addresses)
    }

    /// Reads a file with a list on each line; `#` begins a comment.
    pub(super) fn parse_file(text: &str) -> Result<Addresses, &str> {
        let mut addresses = Addresses::default();
        for line in text.lines() {
            addresses.read(line.split('#').next().unwrap_or_default())?;
        }
        addresses.merge();
        Ok(addresses)
    }

    fn read<'l>(&mut self, list: &'l str) -> Result<(), &'l str> {
        for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let address = || entry.parse().ok().map(|address: IpAddr| IpNet::from(address));
            match entry.parse().ok().or_else(address).ok_or(entry)? {
                IpNet::V4(net) => self.v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => self.v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Ok(())
    }

    fn merge(&mut self) {
        self.v4 = merged(std::mem::take(&mut self.v4), |end| end.saturating_add(1));
        self.v6 = merged(std::mem::take(&mut self.v6), |end| end.saturating_add(1));
    }

    /// Whether no address is in the set.
    pub(super) fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether the value is an address of the set.
    pub(super) fn contains(&self, value: &[u8]) -> bool {
        match std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()) {
            None => false,
            Some(IpAddr::V4(address)) => within(&self.v4, address.to_bits()),
            Some(IpAddr::V6(address)) => within(&self.v6, address.to_bits()),
        }
    }
}

fn merged<T: Copy + Ord>(mut ranges: Vec<(T, T)>, after: impl Fn(T) -> T) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (start, end) in ranges {
        match merged.last_mut() {
            Some((_, last)) if start <= after(*last) => *last = end.max(*last),
            _ => merged.push((start, end)),
        }
    }
    merged
}

fn within<T: Copy + Ord>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(start, _)| *start <= address);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, end)| address <= *end)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    #[test]
    fn lists() {
        let addresses = Addresses::parse("10.0.0.0/8, 192.168.1.7 ,::1,2001:db8::/32,10.1.0.0/16,11.0.0.0/8").unwrap();
        assert_eq!(addresses.v4.len(), 2);
        for inside in ["10.0.0.0", "11.255.255.255", "192.168.1.7", "::1", "2001:DB8:ffff::"] {
            assert!(addresses.contains(inside.as_bytes()), "{inside}");
        }
        for outside in ["9.255.255.255", "12.0.0.0", "::2", "2001:db9::", "::ffff:10.0.0.1", "", "10.0.0", "10.0.0.1 "]
        {
            assert!(!addresses.contains(outside.as_bytes()), "{outside}");
        }
        assert!(Addresses::parse("0.0.0.0/0").unwrap().contains(b"255.255.255.255"));
        assert!(!Addresses::parse("0.0.0.0/0").unwrap().contains(b"::"));
    }

    #[test]
    fn files_and_errors() {
        let addresses = Addresses::parse_file("# ours\n10.0.0.1\n\n10.0.0.2, 10.0.0.3 # more\r\n").unwrap();
        assert!(addresses.contains(b"10.0.0.3"));
        assert_eq!(addresses.v4, [(0x0a00_0001, 0x0a00_0003)]);
        assert_eq!(Addresses::parse("10.0.0.1,10.0.0.256").unwrap_err(), "10.0.0.256");
        assert_eq!(Addresses::parse_file("1.1.1.1/33").unwrap_err(), "1.1.1.1/33");
        assert!(Addresses::parse("").unwrap().is_empty());
    }
}
