//! Addresses of the network: ranges of them, and what counts as one sender.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address that is nobody's: where a caller is whose address cannot be told. No range holds it but one of everything.
pub const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// What addresses are told apart by when they are counted: one of IPv4 by itself, those of IPv6 by the 64 bits that a
/// network gives to a single customer. An IPv4 address that is written as one of IPv6 is the same address.
pub fn sender(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(masked(v6.to_bits(), 128, 64)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A range of addresses, such as `10.1.0.0/16`; a single address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    first: IpAddr,
    /// Leading bits that are the same in all of the range.
    bits: u8,
}

impl FromStr for AddressRange {
    type Err = String;

    fn from_str(text: &str) -> Result<AddressRange, String> {
        let wrong = || format!("{text:?} is no address and no range such as \"10.1.0.0/16\"");
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let first: IpAddr = address.parse().map_err(|_| wrong())?;
        let width = if first.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= width).ok_or_else(wrong)?,
        };
        let range = AddressRange { first, bits };
        if range.lowest() != first {
            return Err(format!("{text:?} does not begin at the range's first address"));
        }
        Ok(range)
    }
}

impl AddressRange {
    /// A range of IPv4 that begins at `a.b.c.0`.
    pub const fn v4(a: u8, b: u8, c: u8, bits: u8) -> AddressRange {
        AddressRange { first: IpAddr::V4(Ipv4Addr::new(a, b, c, 0)), bits }
    }

    /// A range of IPv6 that begins with these three groups.
    pub const fn v6(a: u16, b: u16, c: u16, bits: u8) -> AddressRange {
        AddressRange { first: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), bits }
    }

    fn lowest(self) -> IpAddr {
        match self.first {
            IpAddr::V4(first) => {
                let bits = masked(first.to_bits().into(), 32, self.bits);
                Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or_default()).into()
            }
            IpAddr::V6(first) => Ipv6Addr::from_bits(masked(first.to_bits(), 128, self.bits)).into(),
        }
    }

    /// Whether an address is in it.
    pub fn contains(self, address: IpAddr) -> bool {
        let same =
            |one: u128, other: u128, width| masked(one, width, self.bits) == masked(other, width, self.bits);
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(other)) => {
                same(first.to_bits().into(), other.to_bits().into(), 32)
            }
            (IpAddr::V6(first), IpAddr::V6(other)) => same(first.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }

    /// Whether an address is in both.
    pub fn overlaps(self, other: AddressRange) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }

    /// Whether every address is in it.
    pub fn is_everything(self) -> bool {
        self.bits == 0
    }

    /// Whether it is a single address.
    pub fn is_one(self) -> bool {
        self.bits == if self.first.is_ipv4() { 32 } else { 128 }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.is_one() { Ok(()) } else { write!(f, "/{}", self.bits) }
    }
}

/// The leading bits of a number of this width, the others zero.
fn masked(number: u128, width: u8, bits: u8) -> u128 {
    let rest = u32::from(width.saturating_sub(bits));
    number.checked_shr(rest).and_then(|kept| kept.checked_shl(rest)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_customer_of_a_network_is_one_sender() {
        let of = |text: &str| sender(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn ranges_are_read_strictly() {
        for bad in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/-1", "::/129", "localhost", "10/8", "1.2.3.4/"]
        {
            assert!(bad.parse::<AddressRange>().is_err(), "{bad}");
        }
        for good in ["10.0.0.0/8", "127.0.0.1", "::/0", "fd00::/8", "0.0.0.0/0", "1.2.3.4/32"] {
            assert!(good.parse::<AddressRange>().is_ok(), "{good}");
        }
    }

    proptest! {
        #[test]
        fn a_range_holds_what_has_its_leading_bits(bits: u32, other: u32, width in 0_u8..=32) {
            let keep = if width == 0 { 0 } else { u32::MAX << (32 - width) };
            let range: AddressRange = format!("{}/{width}", Ipv4Addr::from_bits(bits & keep)).parse().unwrap();
            prop_assert!(range.contains(Ipv4Addr::from_bits(bits).into()));
            prop_assert_eq!(range.contains(Ipv4Addr::from_bits(other).into()), bits & keep == other & keep);
        }
    }

    #[test]
    fn ranges_overlap_when_one_holds_the_other() {
        let range = |text: &str| text.parse::<AddressRange>().unwrap();
        for (one, other, is) in [
            ("10.0.0.0/8", "10.1.0.0/16", true),
            ("10.1.0.0/16", "10.2.0.0/16", false),
            ("0.0.0.0/0", "::/0", false),
            ("::/0", "2001:db8::/32", true),
        ] {
            assert_eq!(range(one).overlaps(range(other)), is, "{one} {other}");
            assert_eq!(range(other).overlaps(range(one)), is, "{other} {one}");
        }
        assert!(range("::/0").is_everything() && !range("0.0.0.0/1").is_everything());
    }
}
