//! `[auth]`: whether it matters who calls, and what roles there are.

use std::collections::{BTreeMap, BTreeSet};

use nexus_gateway::policy::{RoleSpec, Roles};
use nexus_kernel::access::Entitlement;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use serde::{Deserialize, Serialize};

use super::issuer::{CertificateConfig, IssuerConfig};

/// The whole section.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether callers have to show who they are. Without it everybody who reaches the server may do everything.
    pub enabled: bool,
    /// Roles beside those that are always there.
    pub roles: BTreeMap<String, RoleConfig>,
    /// Identity providers whose tokens are accepted.
    pub issuers: BTreeMap<String, IssuerConfig>,
    /// Who has which certificate, by the names in them: `spiffe://...`, or a host name.
    pub certificates: BTreeMap<String, CertificateConfig>,
}

/// `[auth.roles.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoleConfig {
    /// Roles whose permissions it has as well.
    pub inherits: Vec<String>,
    /// Permissions of its own.
    pub permissions: Vec<String>,
    /// Where they hold; in all namespaces of whoever has the role when absent.
    pub namespaces: Option<Vec<String>>,
    /// When all of that holds, as an expression about the caller and the call; always when absent.
    pub when: Option<String>,
}

impl AuthConfig {
    /// Whether all of it can be what is meant.
    pub fn check(&self, secrets: &[&str]) -> Result<(), Error> {
        let roles = self.roles()?;
        self.issuers.iter().try_for_each(|(name, issuer)| issuer.check(name, &roles, secrets))?;
        self.certificates(&roles).map(drop)
    }

    /// What those may do who are known by certificates.
    pub fn certificates(&self, roles: &Roles) -> Result<BTreeMap<String, Entitlement>, Error> {
        let one = |(name, config): (&String, &CertificateConfig)| {
            Ok((name.clone(), config.entitlement(name, roles)?))
        };
        self.certificates.iter().map(one).collect()
    }

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
            when: self.when.clone(),
        })
    }
}
