//! Trusted proxies: where a request comes from that others have passed on.
//!
//! What a proxy of ours says is believed, and what its own trusted neighbours said before it; the first address from the
//! right that is none of ours is the sender's. What anybody else puts into these headers is not looked at. A header of a
//! trusted proxy that cannot be read makes the address unknown, which is nobody's, rather than the proxy's own.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use nexus_kernel::address::{AddressRange, UNKNOWN};

/// The proxies that are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<AddressRange>);

const FORWARDED: &str = "forwarded";
const FORWARDED_FOR: &str = "x-forwarded-for";

impl Proxies {
    /// Proxies at these addresses.
    pub fn new(trusted: Vec<AddressRange>) -> Proxies {
        Proxies(trusted)
    }

    fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|range| range.contains(address))
    }

    /// Where a request comes from whose connection is from `peer`.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            return peer;
        }
        let standard = self.sender(headers, FORWARDED, forwarded);
        let usual = self.sender(headers, FORWARDED_FOR, forwarded_for);
        match (standard, usual) {
            (None, None) => peer, // the proxy asks for itself
            (Some(one), None) | (None, Some(one)) => one,
            // A proxy writes one of them and passes the other on as it came, so they are believed when they agree.
            (Some(one), Some(other)) if one == other => one,
            (Some(_), Some(_)) => UNKNOWN,
        }
    }

    /// The right-most address of a header that is not trusted; the left-most when all are. Nothing without the header.
    fn sender(
        &self,
        headers: &HeaderMap,
        name: &str,
        read: fn(&str) -> Option<Vec<IpAddr>>,
    ) -> Option<IpAddr> {
        let mut passed = Vec::new();
        for value in headers.get_all(name) {
            match value.to_str().ok().and_then(read) {
                Some(more) => passed.extend(more),
                None => return Some(UNKNOWN),
            }
        }
        let foreign = passed.iter().rev().find(|address| !self.trust(**address));
        foreign.or_else(|| passed.first()).copied()
    }
}

/// The addresses of `X-Forwarded-For`. Nothing when one of them is none: then nobody knows who wrote which.
fn forwarded_for(value: &str) -> Option<Vec<IpAddr>> {
    value.split(',').map(|entry| address(entry.trim())).collect()
}

/// The addresses of `Forwarded` (RFC 7239).
fn forwarded(value: &str) -> Option<Vec<IpAddr>> {
    split(value, ',')?.into_iter().map(node).collect()
}

/// The address of one element: its only `for`.
fn node(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in split(element, ';')? {
        let (name, value) = pair.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("for") {
            let value = value.trim();
            let value = value.strip_prefix('"').map_or(Some(value), |rest| rest.strip_suffix('"'))?;
            if found.replace(address(value)?).is_some() {
                return None;
            }
        }
    }
    found
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = bare.or_else(|| Some(text).filter(|text| !text.starts_with('[')));
    let plain = bare.and_then(|text| text.parse().ok());
    plain
        .or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()))
        .map(|it: IpAddr| it.to_canonical())
}

/// The parts of a list, except where a separator is inside of quotes. Nothing when quotes do not close.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut from, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (at, char) in text.char_indices() {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if char == separator && !is_quoted => {
                parts.push(text.get(from..at)?);
                from = at + char.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(from..)?);
    (!is_quoted).then_some(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(peer: &str, pairs: &[(&'static str, &str)]) -> String {
        let proxies = Proxies::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn what_strangers_write_into_the_headers_is_not_looked_at() {
        for header in [("x-forwarded-for", "10.0.0.1"), ("forwarded", "for=127.0.0.1")] {
            assert_eq!(client("192.0.2.7", &[header]), "192.0.2.7");
        }
    }

    #[test]
    fn the_first_from_the_right_that_is_none_of_ours_sent_it() {
        for (header, expected) in [
            (("x-forwarded-for", "192.0.2.1"), "192.0.2.1"),
            (("x-forwarded-for", "127.0.0.1, 192.0.2.1, 10.2.0.1"), "192.0.2.1"),
            (("x-forwarded-for", "192.0.2.1:4711"), "192.0.2.1"),
            (("x-forwarded-for", "2001:db8::1"), "2001:db8::1"),
            (("x-forwarded-for", "[2001:db8::1]:4711"), "2001:db8::1"),
            (("x-forwarded-for", "::ffff:192.0.2.1"), "192.0.2.1"),
            (("x-forwarded-for", "10.0.0.9, 10.0.0.8"), "10.0.0.9"),
            (("forwarded", "for=192.0.2.1"), "192.0.2.1"),
            (("forwarded", "For=\"[2001:db8::1]:80\";proto=https;by=10.0.0.1"), "2001:db8::1"),
            (("forwarded", "for=8.8.8.8, for=192.0.2.1;host=\"a,b\", for=10.0.0.5"), "192.0.2.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[header]), expected, "{header:?}");
            assert_eq!(client("::ffff:10.0.0.1", &[header]), expected, "{header:?}");
        }
        let lines = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "192.0.2.1, 10.0.0.3")];
        assert_eq!(client("10.0.0.1", &lines), "192.0.2.1");
    }

    #[test]
    fn what_cannot_be_read_makes_the_address_unknown() {
        for header in [
            ("x-forwarded-for", ""),
            ("x-forwarded-for", "localhost"),
            ("x-forwarded-for", "192.0.2.1,"),
            ("x-forwarded-for", "nonsense, 192.0.2.1"),
            ("x-forwarded-for", "192.0.2.1 10.0.0.1"),
            ("forwarded", "for=unknown"),
            ("forwarded", "for=_hidden"),
            ("forwarded", "by=10.0.0.1"),
            ("forwarded", "for=\"192.0.2.1"),
            ("forwarded", "for=192.0.2.1;for=10.0.0.1"),
            ("forwarded", "192.0.2.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[header]), "0.0.0.0", "{header:?}");
        }
        let both = [("forwarded", "for=127.0.0.1"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(client("10.0.0.1", &both), "0.0.0.0", "one of them was passed on as it came");
    }

    #[test]
    fn a_proxy_that_asks_for_itself_is_itself() {
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    proptest! {
        /// Whatever a client writes to the left of what a trusted proxy adds, the proxy's word stands, or the address is unknown.
        #[test]
        fn no_text_makes_a_client_somebody_else(text in "[ -~]{0,60}") {
            let told = client("10.0.0.1", &[("x-forwarded-for", &format!("{text}, 192.0.2.1"))]);
            prop_assert!(told == "192.0.2.1" || told == "0.0.0.0", "{}", told);
            let told = client("10.0.0.1", &[("forwarded", &format!("{text}, for=192.0.2.1"))]);
            prop_assert!(told == "192.0.2.1" || told == "0.0.0.0", "{}", told);
        }
    }
}
