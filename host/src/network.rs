//! Addresses and blocks of them (CIDR): which peers are trusted proxies. Pure.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de::Error};

/// One address, or a block such as `10.0.0.0/8` or `fd00::/8`.
///
/// An IPv4 peer on a socket for both families (`::ffff:10.0.0.1`) is in the IPv4 block that its address is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: u128,
    mask: u128,
}

impl Network {
    /// Whether `address` belongs to it.
    pub fn contains(&self, address: IpAddr) -> bool {
        number(address) & self.mask == self.first
    }
}

/// Whoever has `address`, as far as that can be told: an IPv4 address is somebody's, and of IPv6 a /64, as that is what
/// one line gets and all of it can be used (RFC 6177).
pub fn owner(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

/// Every address as one of IPv6, an IPv4 one in its mapped form.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no IP address or block of them (such as 10.0.0.0/8 or ::1)");
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let length =
            length.map_or(Ok(width), str::parse::<u32>).ok().filter(|length| *length <= width).ok_or_else(wrong)?;
        let mask = u128::MAX.checked_shl(width - length).unwrap_or(0);
        let first = number(address) & mask;
        if first != number(address) {
            let start = Ipv6Addr::from_bits(first).to_canonical();
            return Err(format!("{text:?} is not the first address of its block (write {start}/{length})"));
        }
        Ok(Self { first, mask })
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_its_addresses() {
        for (block, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "1.2.3.4", true),
            ("fd00::/8", "fdff::1", true),
            ("::1", "::1", true),
        ] {
            let network: Network = block.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), inside, "{address} in {block}");
        }
    }

    #[test]
    fn of_ipv6_a_64_is_one_owner() {
        for (address, expected) in [
            ("10.1.2.3", "10.1.2.3"),
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
        ] {
            assert_eq!(owner(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap(), "{address}");
        }
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for bad in ["", "10", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129", "proxy.example.com", "10.0.0.1/8"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        assert!("10.0.0.1/8".parse::<Network>().unwrap_err().contains("10.0.0.0/8"));
    }
}
