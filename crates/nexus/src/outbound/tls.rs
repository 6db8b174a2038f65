//! `https` to others: the one TLS provider, whom we trust, and what was wrong with a handshake.
//!
//! Trusted are the authorities of the system (and of `SSL_CERT_FILE` and `SSL_CERT_DIR` in its place), and those of
//! `[http] ca_file`. `ring` is the one provider; it is named wherever a configuration is made, so that nothing depends
//! on what a process installed as its default.

use std::error::Error as StdError;
use std::path::Path;
use std::sync::Arc;

use nexus_kernel::code;
use nexus_kernel::error::{Code, Error};
use nexus_kernel::failure::Failure;
use reqwest::{Client, ClientBuilder};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, ClientConfig, RootCertStore};

/// Why a secure connection could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The registered code.
    pub(crate) code: &'static Code,
    /// What a program catches it by.
    pub(crate) type_name: &'static str,
    /// For people; without the code.
    pub(crate) message: String,
    /// What a project can do about it, if anything.
    remedy: &'static str,
}

impl Fault {
    fn new(code: &'static Code, type_name: &'static str, message: impl Into<String>) -> Fault {
        Fault { code, type_name, message: message.into(), remedy: "" }
    }

    /// No authority is known, so no certificate could ever be trusted.
    fn no_roots() -> Fault {
        let fault =
            Fault::new(&code::TLS_NO_ROOTS, "TlsNoRoots", "this system has no certificate authorities");
        let remedy = "install them (on Debian, the package ca-certificates), or name a file of your own with \
                      `ca_file` under [http]";
        Fault { remedy, ..fault }
    }

    /// The message with what a project can do about it.
    pub(crate) fn advice(&self) -> String {
        if self.remedy.is_empty() {
            return self.message.clone();
        }
        format!("{}; {}", self.message, self.remedy)
    }

    /// The same with its code, for places that show messages only.
    pub(crate) fn text(&self) -> String {
        format!("{} ({})", self.advice(), self.code.id)
    }

    /// As the failure of an attempt. It is tried again: certificates are renewed and files installed while runs wait.
    pub(crate) fn failure(&self) -> Failure {
        Failure::application(self.type_name, self.text())
    }
}

/// Certificates of the authorities in a PEM file.
pub(crate) fn authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("it cannot be read: {error}"))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = read.map_err(|error| format!("it is not a PEM file: {error}"))?;
    if found.is_empty() {
        return Err("it holds no certificate".to_owned());
    }
    let mut roots = RootCertStore::empty();
    for certificate in &found {
        roots.add(certificate.clone()).map_err(|error| format!("a certificate in it is damaged: {error}"))?;
    }
    Ok(found)
}

/// Checks `ca_file` when the configuration is read.
pub(crate) fn check(file: &Path, named: &str) -> Result<(), Error> {
    authorities(file).map(drop).map_err(|why| {
        Error::new(&code::CONFIG_INVALID, format!("http.ca_file: {named:?}: {why}"))
            .fault("nexus.toml: http.ca_file", why)
            .help("a PEM file with the certificates of authorities, seen from the project's folder")
    })
}

/// A client that can make secure connections: to whom the system trusts, and whom the file names.
pub(crate) fn secure(builder: ClientBuilder, ca_file: Option<&Path>) -> Result<Client, Fault> {
    let own = match ca_file.map(authorities) {
        None => Vec::new(),
        Some(Ok(own)) => own,
        Some(Err(why)) => {
            let message = format!("`ca_file` under [http] names no authorities: {why}");
            return Err(Fault::new(&code::TLS_NO_ROOTS, "TlsNoRoots", message));
        }
    };
    trusting(builder, own)
}

/// The same with authorities that have been read.
pub(crate) fn trusting(builder: ClientBuilder, own: Vec<CertificateDer<'static>>) -> Result<Client, Fault> {
    build(builder, roots(own)?)
}

/// Whether an error tells of a secure connection that could not be made.
pub(crate) fn is_fault(error: &Error) -> bool {
    let codes = [
        &code::TLS_FAILED,
        &code::TLS_UNTRUSTED,
        &code::TLS_WRONG_NAME,
        &code::TLS_EXPIRED,
        &code::TLS_NO_ROOTS,
    ];
    codes.iter().any(|code| error.code().id == code.id)
}

/// A client for plain connections. It trusts nobody, and reads no file for it.
pub(crate) fn plain(builder: ClientBuilder) -> Result<Client, Fault> {
    build(builder, RootCertStore::empty())
}

fn roots(own: Vec<CertificateDer<'static>>) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::debug!(%error, "an authority of the system cannot be read");
    }
    roots.add_parsable_certificates(system.certs.into_iter().chain(own));
    if roots.is_empty() { Err(Fault::no_roots()) } else { Ok(roots) }
}

fn build(builder: ClientBuilder, roots: RootCertStore) -> Result<Client, Fault> {
    let failed = |why: &dyn std::fmt::Display| {
        let message = format!("the TLS library cannot be set up: {why}");
        Fault::new(&code::TLS_FAILED, "TlsFailed", message)
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config =
        config.map_err(|error| failed(&error))?.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    builder.tls_backend_preconfigured(config).build().map_err(|error| failed(&error))
}

/// What was wrong with the handshake, when that is why a request failed.
pub(crate) fn fault(error: &reqwest::Error) -> Option<Fault> {
    let mut link: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(now) = link {
        if let Some(found) = of_library(now) {
            return Some(of(found));
        }
        link = now.source();
    }
    None
}

/// The TLS library's error, which may be inside one of input and output; those do not name it as their source.
fn of_library<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    let mut io = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    loop {
        if let Some(found) = io.downcast_ref() {
            return Some(found);
        }
        io = io.downcast_ref::<std::io::Error>()?.get_ref()?;
    }
}

fn of(error: &rustls::Error) -> Fault {
    let rustls::Error::InvalidCertificate(why) = error else {
        let message = format!("no secure connection can be made: {error}");
        return Fault::new(&code::TLS_FAILED, "TlsFailed", message);
    };
    match why {
        CertificateError::NotValidForName => Fault::new(
            &code::TLS_WRONG_NAME,
            "TlsWrongName",
            "the server's certificate is for another host name",
        ),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names = if presented.is_empty() { "no name".to_owned() } else { presented.join(", ") };
            let message = format!("the server's certificate is for {names}, not for {}", expected.to_str());
            Fault::new(&code::TLS_WRONG_NAME, "TlsWrongName", message)
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Fault::new(&code::TLS_EXPIRED, "TlsExpired", "the server's certificate has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Fault::new(&code::TLS_EXPIRED, "TlsExpired", "the server's certificate is not valid yet")
        }
        // A bad signature is one of another authority with the name of one that we trust.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Fault {
            remedy: "name a private authority with `ca_file` under [http]",
            ..Fault::new(
                &code::TLS_UNTRUSTED,
                "TlsUntrusted",
                "the server's certificate is signed by nobody whom we trust",
            )
        },
        other => {
            let message = format!("the server's certificate cannot be trusted: {other}");
            Fault::new(&code::TLS_UNTRUSTED, "TlsUntrusted", message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(why: CertificateError) -> (&'static str, &'static str) {
        let fault = of(&rustls::Error::InvalidCertificate(why));
        (fault.code.id, fault.type_name)
    }

    #[test]
    fn each_fault_has_its_code() {
        assert_eq!(told(CertificateError::UnknownIssuer), ("NX-5012", "TlsUntrusted"));
        assert_eq!(told(CertificateError::Revoked), ("NX-5012", "TlsUntrusted"));
        assert_eq!(told(CertificateError::NotValidForName), ("NX-5013", "TlsWrongName"));
        assert_eq!(told(CertificateError::Expired), ("NX-5014", "TlsExpired"));
        assert_eq!(told(CertificateError::NotValidYet), ("NX-5014", "TlsExpired"));
        let other = of(&rustls::Error::DecryptError);
        assert_eq!((other.code.id, other.type_name), ("NX-5011", "TlsFailed"));
        assert!(other.failure().message.ends_with("(NX-5011)"));
    }

    #[test]
    fn the_library_is_found_inside_of_other_errors() {
        let inner = std::io::Error::other(rustls::Error::DecryptError);
        let outer = std::io::Error::other(inner);
        assert_eq!(of_library(&outer), Some(&rustls::Error::DecryptError));
        assert_eq!(of_library(&std::io::Error::other("text")), None);
    }

    #[test]
    fn a_file_of_authorities_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let why = |text: &str| {
            std::fs::write(&file, text).unwrap();
            check(&file, "ca.pem").unwrap_err().message().to_owned()
        };
        assert!(why("nothing").contains("holds no certificate"));
        assert!(why("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").contains("not a PEM"));
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(why(damaged).contains("damaged"));
        assert!(check(&folder.path().join("none"), "none").unwrap_err().message().contains("cannot be read"));
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&file, key.cert.pem()).unwrap();
        assert_eq!(authorities(&file).unwrap().len(), 1);
    }
}
