//! Which addresses a function's request may go to. Pure: an address and a list of exceptions in, a verdict out.
//!
//! Public is what the registries of special-purpose addresses (RFC 6890 and what followed it) call globally reachable. For IPv6
//! that is one block, so that all else, and what carries an IPv4 address inside, needs no list to be refused. An
//! address that serves a cloud's secrets is opened only by naming it alone, never by a range that happens to hold it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nexus_kernel::address::AddressRange;

/// Why an address is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Loopback,
    Private,
    LinkLocal,
    Shared,
    Multicast,
    Metadata,
    Embedded,
    Reserved,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Loopback => "this machine's own",
            Class::Private => "private",
            Class::LinkLocal => "link-local",
            Class::Shared => "shared by a provider's customers",
            Class::Multicast => "multicast",
            Class::Metadata => "a cloud's metadata service",
            Class::Embedded => "an IPv4 address inside of IPv6",
            Class::Reserved => "reserved",
        })
    }
}

/// Where clouds keep the secrets of a machine. The last two of IPv4 are not even private.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
];
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

const SPECIAL_V4: [(AddressRange, Class); 16] = [
    (AddressRange::v4(0, 0, 0, 8), Class::Reserved),
    (AddressRange::v4(10, 0, 0, 8), Class::Private),
    (AddressRange::v4(100, 64, 0, 10), Class::Shared),
    (AddressRange::v4(127, 0, 0, 8), Class::Loopback),
    (AddressRange::v4(169, 254, 0, 16), Class::LinkLocal),
    (AddressRange::v4(172, 16, 0, 12), Class::Private),
    (AddressRange::v4(192, 0, 0, 24), Class::Reserved),
    (AddressRange::v4(192, 0, 2, 24), Class::Reserved),
    (AddressRange::v4(192, 31, 196, 24), Class::Reserved),
    (AddressRange::v4(192, 88, 99, 24), Class::Reserved),
    (AddressRange::v4(192, 168, 0, 16), Class::Private),
    (AddressRange::v4(198, 18, 0, 15), Class::Reserved),
    (AddressRange::v4(198, 51, 100, 24), Class::Reserved),
    (AddressRange::v4(203, 0, 113, 24), Class::Reserved),
    (AddressRange::v4(224, 0, 0, 4), Class::Multicast),
    (AddressRange::v4(240, 0, 0, 4), Class::Reserved),
];

const GLOBAL_V6: AddressRange = AddressRange::v6(0x2000, 0, 0, 3);

const SPECIAL_V6: [(AddressRange, Class); 10] = [
    (AddressRange::v6(0xfc00, 0, 0, 7), Class::Private),
    (AddressRange::v6(0xfe80, 0, 0, 10), Class::LinkLocal),
    (AddressRange::v6(0xfec0, 0, 0, 10), Class::Private),
    (AddressRange::v6(0xff00, 0, 0, 8), Class::Multicast),
    // NAT64, Teredo and 6to4 lead to an IPv4 address that nobody checked.
    (AddressRange::v6(0x64, 0xff9b, 0, 32), Class::Embedded),
    (AddressRange::v6(0x2001, 0, 0, 32), Class::Embedded),
    (AddressRange::v6(0x2002, 0, 0, 16), Class::Embedded),
    (AddressRange::v6(0x2001, 0, 0, 23), Class::Reserved),
    (AddressRange::v6(0x2001, 0xdb8, 0, 32), Class::Reserved),
    (AddressRange::v6(0x3fff, 0, 0, 20), Class::Reserved),
];

/// Why an address is not public; nothing when it is.
pub(crate) fn class(address: IpAddr) -> Option<Class> {
    match address {
        IpAddr::V4(v4) if METADATA_V4.contains(&v4) => Some(Class::Metadata),
        IpAddr::V4(_) => listed(&SPECIAL_V4, address),
        IpAddr::V6(v6) if METADATA_V6.contains(&v6) => Some(Class::Metadata),
        IpAddr::V6(v6) if v6.is_loopback() => Some(Class::Loopback),
        // Mapped, translated and compatible addresses: the last 32 bits are one of IPv4.
        IpAddr::V6(v6) if matches!(v6.segments(), [0, 0, 0, 0, ..]) => Some(Class::Embedded),
        IpAddr::V6(_) => {
            listed(&SPECIAL_V6, address).or_else(|| (!GLOBAL_V6.contains(address)).then_some(Class::Reserved))
        }
    }
}

fn listed(list: &[(AddressRange, Class)], address: IpAddr) -> Option<Class> {
    list.iter().find(|(range, _)| range.contains(address)).map(|(_, class)| *class)
}

/// An address that requests may not go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The address.
    pub(crate) address: IpAddr,
    /// What it is.
    pub(crate) class: Class,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address is not told: names inside a network are nobody's business outside of it.
        write!(f, "the address is {}, and not among http.allow_addresses", self.class)
    }
}

impl std::error::Error for Refused {}

/// The addresses that requests may go to: public ones, and those that the project allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Addresses {
    allowed: Vec<AddressRange>,
}

impl Addresses {
    /// The public ones and these.
    pub(crate) fn new(allowed: Vec<AddressRange>) -> Addresses {
        Addresses { allowed }
    }

    /// Whether a connection to this address may be made.
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let Some(class) = class(address) else { return Ok(()) };
        let named = |range: &&AddressRange| class != Class::Metadata || range.is_one();
        let is_allowed = self.allowed.iter().filter(named).any(|range| range.contains(address));
        if is_allowed { Ok(()) } else { Err(Refused { address, class }) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Option<Class> {
        class(text.parse().unwrap())
    }

    #[test]
    fn what_is_not_public_has_a_name() {
        for (address, expected) in [
            ("127.0.0.1", Class::Loopback),
            ("127.255.255.255", Class::Loopback),
            ("::1", Class::Loopback),
            ("0.0.0.0", Class::Reserved),
            ("::", Class::Embedded),
            ("10.0.0.1", Class::Private),
            ("172.16.0.1", Class::Private),
            ("172.31.255.255", Class::Private),
            ("192.168.1.1", Class::Private),
            ("fd12:3456::1", Class::Private),
            ("169.254.1.1", Class::LinkLocal),
            ("fe80::1", Class::LinkLocal),
            ("100.64.0.1", Class::Shared),
            ("100.127.255.255", Class::Shared),
            ("224.0.0.1", Class::Multicast),
            ("ff02::1", Class::Multicast),
            ("255.255.255.255", Class::Reserved),
            ("169.254.169.254", Class::Metadata),
            ("fd00:ec2::254", Class::Metadata),
            ("168.63.129.16", Class::Metadata),
            ("100.100.100.200", Class::Metadata),
            ("::ffff:8.8.8.8", Class::Embedded),
            ("::ffff:127.0.0.1", Class::Embedded),
            ("::127.0.0.1", Class::Embedded),
            ("64:ff9b::7f00:1", Class::Embedded),
            ("64:ff9b:1::7f00:1", Class::Embedded),
            ("2002:7f00:1::", Class::Embedded),
            ("2001:0:7f00:1::", Class::Embedded),
            ("2001:db8::1", Class::Reserved),
            ("5f00::1", Class::Reserved),
        ] {
            assert_eq!(of(address), Some(expected), "{address}");
        }
    }

    #[test]
    fn neighbours_of_the_blocks_are_public() {
        for address in [
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "2001:200::1",
            "2003::1",
        ] {
            assert_eq!(of(address), None, "{address}");
        }
    }

    #[test]
    fn a_cloud_s_secrets_are_opened_by_name_only() {
        let metadata: IpAddr = "169.254.169.254".parse().unwrap();
        let with = |text: &str| Addresses::new(vec![text.parse().unwrap()]);
        assert!(with("0.0.0.0/0").check(metadata).is_err());
        assert!(with("169.254.0.0/16").check(metadata).is_err());
        assert!(with("169.254.169.254").check(metadata).is_ok());
        assert!(with("0.0.0.0/0").check("10.1.2.3".parse().unwrap()).is_ok());
        let words = with("10.0.0.0/8").check("127.0.0.1".parse().unwrap()).unwrap_err().to_string();
        assert!(words.contains("this machine's own") && words.contains("allow_addresses"), "{words}");
    }

    /// What the standard library can say about an address.
    fn known_special(v4: Ipv4Addr) -> bool {
        v4.is_private()
            || v4.is_loopback()
            || v4.is_link_local()
            || v4.is_multicast()
            || v4.is_broadcast()
            || v4.is_documentation()
            || v4.is_unspecified()
    }

    proptest! {
        #[test]
        fn what_the_library_knows_to_be_special_is_refused(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            prop_assert!(!known_special(v4) || class(v4.into()).is_some());
        }

        #[test]
        fn no_ipv4_address_gets_in_through_ipv6(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            let nat64 = Ipv6Addr::from_bits((0x0064_ff9b_u128 << 96) | u128::from(bits));
            let six_to_four = Ipv6Addr::from_bits((0x2002_u128 << 112) | (u128::from(bits) << 80));
            for v6 in [v4.to_ipv6_mapped(), v4.to_ipv6_compatible(), nat64, six_to_four] {
                prop_assert!(Addresses::default().check(v6.into()).is_err(), "{}", v6);
            }
        }

        #[test]
        fn outside_of_the_global_block_nothing_is_public(bits: u128) {
            let v6 = Ipv6Addr::from_bits(bits);
            prop_assert!(class(v6.into()).is_some() || v6.segments()[0] >> 13 == 1);
        }
    }
}
