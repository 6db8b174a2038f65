//! Refusals: the first of somebody is a line, those that follow within a second are a number.
//!
//! Whoever is refused costs at most two lines a second, and all strangers together a bounded number, so that nobody fills the
//! disk by being turned away.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use nexus_kernel::time::Timestamp;

use super::record::What;
use crate::limits::{AUDIT_REFUSED_MAX, AUDIT_REFUSED_MILLIS};

/// Whose refusal it is, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Refused {
    /// Where from; networks of IPv6 count as one, because whoever has one has all its addresses.
    address: Option<IpAddr>,
    caller: String,
    status: &'static str,
}

impl Refused {
    pub(super) fn new(address: Option<IpAddr>, caller: &str, status: &'static str) -> Refused {
        let network = |address: IpAddr| match address {
            IpAddr::V6(six) => IpAddr::V6((u128::from(six) >> 64 << 64).into()),
            four @ IpAddr::V4(_) => four,
        };
        Refused { address: address.map(network), caller: caller.to_owned(), status }
    }
}

#[derive(Debug)]
struct Window {
    ends: Timestamp,
    count: u64,
}

/// Who was refused within the last second.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    known: HashMap<Refused, Window>,
    others: Option<Window>,
}

impl Refusals {
    /// Notes a refusal, and says whether it is a line of its own.
    pub(super) fn is_line(&mut self, refused: Refused, now: Timestamp) -> bool {
        let ends = now.plus(Duration::from_millis(AUDIT_REFUSED_MILLIS));
        if let Some(window) = self.known.get_mut(&refused) {
            window.count += 1;
            return false;
        }
        if self.known.len() < AUDIT_REFUSED_MAX {
            self.known.insert(refused, Window { ends, count: 0 });
            return true;
        }
        self.others.get_or_insert(Window { ends, count: 0 }).count += 1;
        false
    }

    /// When the next of them is to be looked at.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.known.values().chain(&self.others).map(|window| window.ends).min()
    }

    /// Lines of those whose second is over; of all when the log is closed.
    pub(super) fn over(&mut self, now: Timestamp, is_closing: bool) -> Vec<What> {
        let is_over = |window: &Window| is_closing || window.ends <= now;
        let mut lines = Vec::new();
        self.known.retain(|refused, window| {
            let ends = is_over(window);
            if ends && window.count > 0 {
                lines.push(What::RefusedAgain {
                    address: refused.address.map(|address| address.to_string()),
                    caller: Some(refused.caller.clone()),
                    status: Some(refused.status.to_owned()),
                    count: window.count,
                });
            }
            !ends
        });
        if let Some(window) = self.others.take_if(|window| is_over(window)) {
            lines.push(What::RefusedAgain { address: None, caller: None, status: None, count: window.count });
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn from(number: u32) -> Refused {
        Refused::new(Some(IpAddr::V4(number.into())), "anonymous", "NX-2014")
    }

    #[test]
    fn what_follows_within_a_second_is_a_number() {
        let mut refusals = Refusals::default();
        assert!(refusals.is_line(from(1), at(0)));
        assert!((1..50).all(|millis| !refusals.is_line(from(1), at(millis))));
        assert!(refusals.is_line(from(2), at(50)));
        assert!(refusals.over(at(999), false).is_empty());
        let lines = refusals.over(at(1_000), false);
        assert!(matches!(lines.as_slice(), [What::RefusedAgain { count: 49, .. }]), "{lines:?}");
        assert!(refusals.is_line(from(1), at(1_001)));
    }

    #[test]
    fn a_network_of_many_addresses_is_one() {
        let six = |text: &str| Refused::new(Some(text.parse().unwrap()), "anonymous", "NX-2014");
        assert_eq!(six("2001:db8::1"), six("2001:db8::ffff:1"));
        assert_ne!(six("2001:db8::1"), six("2001:db8:0:1::1"));
    }

    proptest! {
        /// However many come from wherever, lines are few and none is forgotten.
        #[test]
        fn every_refusal_is_a_line_or_counted(
            came in proptest::collection::vec((0_u32..100, 0_i64..20), 0..600),
        ) {
            let (mut refusals, mut now, mut written, mut counted) = (Refusals::default(), at(0), 0, 0);
            let mut count = |lines: Vec<What>| {
                for line in lines {
                    if let What::RefusedAgain { count, .. } = line {
                        counted += count;
                    }
                }
            };
            for (number, pause) in &came {
                now = now.plus(Duration::from_millis(u64::try_from(*pause).unwrap()));
                count(refusals.over(now, false));
                written += u64::from(refusals.is_line(from(*number), now));
            }
            count(refusals.over(now, true));
            prop_assert_eq!(written + counted, came.len() as u64);
            prop_assert!(refusals.next().is_none());
            let seconds = now.millis() / 1_000 + 1;
            prop_assert!(written <= u64::try_from(seconds).unwrap() * AUDIT_REFUSED_MAX as u64);
        }
    }
}
