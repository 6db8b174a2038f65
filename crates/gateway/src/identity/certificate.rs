//! Certificates of clients: services that prove who they are with the connection itself (mutual TLS).
//!
//! Whether a certificate is genuine is decided in the handshake. Here its names are looked up: addresses of services
//! (`spiffe://...`) and host names, as its subject alternative names have them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use nexus_kernel::access::Entitlement;
use nexus_kernel::call::{Caller, Proof};
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::policy::LiveRoles;

/// Who is known by which name of a certificate. Cheap to clone; clones are the same.
#[derive(Clone, Default)]
pub struct Certificates(Arc<RwLock<BTreeMap<String, Caller>>>);

impl Certificates {
    /// Lets in those who have certificates of these names, from now on and nobody else.
    pub fn follow(&self, known: &BTreeMap<String, Entitlement>, roles: &LiveRoles) {
        let roles = roles.now();
        let caller = |(name, given): (&String, &Entitlement)| {
            let identity = format!("certificate:{name}").into();
            let proof = Proof::Certificate(name.as_str().into());
            (name.clone(), Caller { identity, grants: roles.entitle(given), proof, address: None })
        };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = known.iter().map(caller).collect();
    }

    /// Whose certificate has these names: the first that is known counts.
    pub(super) fn caller(&self, names: &[String]) -> Option<Caller> {
        names.iter().find_map(|name| self.caller_of(name))
    }

    /// Who has a certificate of this name.
    pub(super) fn caller_of(&self, name: &str) -> Option<Caller> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

/// The names of a certificate that the handshake has found genuine: addresses first, then host names.
pub(crate) fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    let owned = |name: &str| name.to_owned();
    certificate.valid_uri_names().map(owned).chain(certificate.valid_dns_names().map(owned)).collect()
}
