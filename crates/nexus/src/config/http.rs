//! `[http]`: requests to others.

use std::path::{Path, PathBuf};

use nexus_kernel::error::Error;
use serde::Deserialize;

use crate::outbound::tls;

/// The section.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// A PEM file with the certificates of private authorities, seen from the project's folder. They are trusted beside
    /// the system's.
    pub ca_file: Option<String>,
}

impl HttpConfig {
    /// Where the file of authorities is.
    pub fn ca_path(&self, project: &Path) -> Option<PathBuf> {
        self.ca_file.as_ref().map(|file| project.join(file))
    }

    /// Whether the files that it names can be used.
    pub fn check(&self, project: &Path) -> Result<(), Error> {
        match (&self.ca_file, self.ca_path(project)) {
            (Some(named), Some(path)) => tls::check(&path, named),
            _ => Ok(()),
        }
    }
}
