//! TLS of the server: a certificate and its key, which may be replaced while connections go on.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use nexus_kernel::code;
use nexus_kernel::error::Error;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

/// What a server shows its clients. Cheap to clone; clones share the certificate.
#[derive(Clone)]
pub struct Tls {
    certificate: Arc<Replaceable>,
    config: Arc<ServerConfig>,
}

struct Replaceable(RwLock<Arc<CertifiedKey>>);

impl fmt::Debug for Replaceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replaceable") // a key is never printed
    }
}

impl ResolvesServerCert for Replaceable {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Which certificates of clients are genuine.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Certificates of the authorities that vouch for clients, as PEM.
    pub authorities: Vec<u8>,
    /// Whether a client without a certificate is turned away in the handshake.
    pub is_required: bool,
}

impl Clients {
    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.authorities) {
            let added = certificate
                .map_err(|error| error.to_string())
                .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
            added.map_err(|error| bad_authorities(&error))?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let builder = if self.is_required { builder } else { builder.allow_unauthenticated() };
        builder.build().map_err(|error| bad_authorities(&error.to_string()))
    }
}

impl Tls {
    /// From a chain of certificates, the server's own first, and its private key, both as PEM. Certificates of clients are
    /// asked for where it is said which are genuine.
    pub fn new(chain: &[u8], key: &[u8], clients: Option<&Clients>) -> Result<Tls, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certificate = Arc::new(Replaceable(RwLock::new(Arc::new(certified(chain, key, &provider)?))));
        let clients = clients.map(|clients| clients.verifier(&provider)).transpose()?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::internal(error.to_string()))?;
        let resolver: Arc<dyn ResolvesServerCert> = certificate.clone();
        let builder = match clients {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Tls { certificate, config: Arc::new(config) })
    }

    /// Shows another certificate from now on. Connections that are open keep theirs.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), Error> {
        let new = certified(chain, key, self.config.crypto_provider())?;
        *self.certificate.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(())
    }

    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

fn certified(chain: &[u8], key: &[u8], provider: &CryptoProvider) -> Result<CertifiedKey, Error> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|error| bad(format!("the certificates cannot be read: {error}")))?;
    if chain.is_empty() {
        return Err(bad("the file holds no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| bad(format!("the private key cannot be read: {error}")))?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| bad(format!("the certificate and the key do not fit: {error}")))
}

fn bad(message: String) -> Error {
    Error::new(&code::CONFIG_INVALID, message)
        .help("give a PEM file with the server's certificate first, and one with the private key that belongs to it")
}

fn bad_authorities(why: &str) -> Error {
    Error::new(&code::CONFIG_INVALID, format!("the authorities of clients cannot be used: {why}"))
        .help("give a PEM file with the certificates of those who sign the certificates of clients")
}
