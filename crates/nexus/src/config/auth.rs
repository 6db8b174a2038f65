//! `[auth]`: whether it matters who calls, and what roles there are.

use std::collections::{BTreeMap, BTreeSet};

use nexus_gateway::policy::{RoleSpec, Roles};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use serde::Deserialize;

/// The whole section.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether callers have to show who they are. Without it everybody who reaches the server may do everything.
    pub enabled: bool,
    /// Roles beside those that are always there.
    pub roles: BTreeMap<String, RoleConfig>,
}

/// `[auth.roles.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoleConfig {
    /// Roles whose permissions it has as well.
    pub inherits: Vec<String>,
    /// Permissions of its own.
    pub permissions: Vec<String>,
    /// Where they hold; in all namespaces of whoever has the role when absent.
    pub namespaces: Option<Vec<String>>,
}

impl AuthConfig {
    /// The roles.
    pub fn roles(&self) -> Result<Roles, Error> {
        let specs = self.roles.iter().map(|(name, role)| Ok((name.clone(), role.spec()?)));
        Roles::new(&specs.collect::<Result<_, Error>>()?).map_err(|error| {
            let message = format!("[auth.roles]: {}", error.message());
            Error::new(&code::CONFIG_INVALID, message).help(error.help_text().unwrap_or_default())
        })
    }
}

impl RoleConfig {
    fn spec(&self) -> Result<RoleSpec, Error> {
        let named = |all: &Vec<String>| {
            all.iter().map(|name| Namespace::new(name)).collect::<Result<BTreeSet<_>, _>>()
        };
        Ok(RoleSpec {
            inherits: self.inherits.clone(),
            permissions: self.permissions.clone(),
            namespaces: self.namespaces.as_ref().map(named).transpose()?,
        })
    }
}
