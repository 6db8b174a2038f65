//! `[http]`: requests to others.

use std::path::{Path, PathBuf};

use nexus_kernel::address::AddressRange;
use nexus_kernel::error::Error;
use serde::{Deserialize, Serialize};

use super::breaker::BreakerConfig;
use super::namespace::ranges;
use crate::outbound::tls;

/// The section.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// A PEM file with the certificates of private authorities, seen from the project's folder. They are trusted beside
    /// the system's.
    pub ca_file: Option<String>,
    /// Addresses that are not public and that requests of functions may go to all the same, as ranges. Activities with
    /// the binding `http` need none: the project names their addresses itself.
    pub allow_addresses: Vec<String>,
    /// When a host that fails is left alone for a while; never when absent.
    pub breaker: Option<BreakerConfig>,
}

impl HttpConfig {
    /// Where the file of authorities is.
    pub fn ca_path(&self, project: &Path) -> Option<PathBuf> {
        self.ca_file.as_ref().map(|file| project.join(file))
    }

    /// The addresses that are allowed.
    pub(crate) fn ranges(&self) -> Result<Vec<AddressRange>, Error> {
        ranges(&self.allow_addresses, "http.allow_addresses")
    }

    /// Whether the files that it names can be used.
    pub fn check(&self, project: &Path) -> Result<(), Error> {
        match (&self.ca_file, self.ca_path(project)) {
            (Some(named), Some(path)) => tls::check(&path, named),
            _ => Ok(()),
        }
    }
}
