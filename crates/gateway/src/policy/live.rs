//! The roles of the moment: they change with a reload, while callers of open connections stay.

use std::sync::{Arc, PoisonError, RwLock};

use nexus_kernel::access::{Entitled, Entitlement, Grant, Grants, Places};

use super::role::Roles;

/// Roles that may be replaced. Cheap to clone; clones are the same roles.
#[derive(Debug, Clone, Default)]
pub struct LiveRoles(Arc<RwLock<Arc<Roles>>>);

impl LiveRoles {
    /// These roles, until they are replaced.
    pub fn new(roles: Roles) -> LiveRoles {
        LiveRoles(Arc::new(RwLock::new(Arc::new(roles))))
    }

    /// The roles now.
    pub fn now(&self) -> Arc<Roles> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces them.
    pub fn replace(&self, roles: Roles) {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *now = Arc::new(Roles { number: now.number + 1, ..roles });
    }

    /// What an entitlement comes to now.
    pub fn entitle(&self, given: &Arc<Entitlement>) -> (Arc<Grants>, Entitled) {
        let roles = self.now();
        (roles.entitle(given), Entitled { given: Arc::clone(given), roles: roles.number })
    }

    /// The same when it has changed since it was worked out.
    pub fn renew(&self, entitled: &Entitled) -> Option<(Arc<Grants>, Entitled)> {
        (self.now().number != entitled.roles).then(|| self.entitle(&entitled.given))
    }
}

impl Roles {
    /// What an entitlement comes to.
    pub fn entitle(&self, given: &Entitlement) -> Arc<Grants> {
        let mut grants = self.together(given.roles.iter().map(String::as_str), &given.places);
        let own = given.permissions.iter().map(|pattern| Grant {
            pattern: pattern.clone(),
            places: Places::All,
            source: Arc::clone(&given.source),
            condition: None,
        });
        grants.extend(Grants::new(own.collect()).within(&given.places).iter().cloned());
        Arc::new(Grants::new(grants))
    }
}
