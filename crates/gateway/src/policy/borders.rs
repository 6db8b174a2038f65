//! Borders: where callers of the server, and of single namespaces, may be.
//!
//! A namespace that is closed to an address is not there for it: whoever calls from elsewhere keeps what they may do in other
//! namespaces and is told of this one what is told of a name that nobody uses. Verbs that belong to no namespace touch them
//! all, so they are lost as well.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use nexus_kernel::address::AddressRange;
use nexus_kernel::call::Caller;
use nexus_kernel::catalogue::Catalogue;
use nexus_kernel::id::Namespace;

/// What is open to which addresses. Clones are the same; all is open unless something says otherwise.
#[derive(Debug, Clone, Default)]
pub struct Borders(Arc<RwLock<Arc<Lists>>>);

/// Addresses that something is open to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lists {
    /// Of the server as a whole; everybody when absent.
    pub server: Option<Vec<AddressRange>>,
    /// Of single namespaces.
    pub namespaces: BTreeMap<Namespace, Vec<AddressRange>>,
    /// Namespaces that there are beside those that have workflows.
    pub known: BTreeSet<Namespace>,
}

/// Whether an address is in one of these ranges. Who comes over no network is on this machine, and past every border.
fn holds(ranges: &[AddressRange], address: Option<IpAddr>) -> bool {
    address.is_none_or(|address| {
        let address = address.to_canonical();
        ranges.iter().any(|range| range.contains(address))
    })
}

impl Borders {
    /// Goes by these lists from now on.
    pub fn follow(&self, lists: Lists) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(lists);
    }

    fn lists(&self) -> Arc<Lists> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether somebody at this address may come to the server.
    pub(crate) fn let_in(&self, address: Option<IpAddr>) -> bool {
        self.lists().server.as_ref().is_none_or(|ranges| holds(ranges, address))
    }

    /// The caller without what is closed to where they are. Nothing when nothing is.
    pub(crate) fn narrow(&self, caller: &Caller, catalogue: &Catalogue) -> Option<Caller> {
        let lists = self.lists();
        let is_closed = |(_, ranges): &(&Namespace, &Vec<AddressRange>)| !holds(ranges, caller.address);
        let closed: BTreeSet<Namespace> =
            lists.namespaces.iter().filter(is_closed).map(|(namespace, _)| namespace.clone()).collect();
        if closed.is_empty() {
            return None;
        }
        let mut known = lists.known.clone();
        known.insert(Namespace::default());
        known.extend(catalogue.snapshot().iter().filter_map(|operation| operation.namespace.clone()));
        let grants = Arc::new(caller.grants.without(&closed, &known));
        Some(Caller { grants, ..caller.clone() })
    }
}

#[cfg(test)]
mod tests {
    use nexus_kernel::access::{Act, Action};

    use super::*;

    #[test]
    fn what_is_closed_to_an_address_is_out_of_reach_there_and_all_else_is_not() {
        let borders = Borders::default();
        let (bank, shop) = (Namespace::new("bank").unwrap(), Namespace::new("shop").unwrap());
        borders.follow(Lists {
            server: None,
            namespaces: BTreeMap::from([(bank.clone(), vec!["10.0.0.0/8".parse().unwrap()])]),
            known: BTreeSet::from([shop.clone(), bank.clone()]),
        });
        let at = |address: Option<&str>| Caller::local().at(address.map(|address| address.parse().unwrap()));
        let catalogue = Catalogue::new();
        for inside in [None, Some("10.1.2.3"), Some("::ffff:10.1.2.3")] {
            assert_eq!(borders.narrow(&at(inside), &catalogue), None, "{inside:?}");
        }
        for outside in ["192.0.2.1", "0.0.0.0", "::1"] {
            let caller = borders.narrow(&at(Some(outside)), &catalogue).unwrap();
            let reach = caller.grants.reach(Act { resource: "workflow", action: Action::Execute });
            assert!(reach.sees_all(&shop) && !reach.sees_some(&bank), "{outside}");
            let server = caller.grants.reach(Act { resource: "admin", action: Action::Read });
            assert!(server.is_nothing(), "{outside}");
        }
    }
}
