//! `[server]`: where a project is served, and how much at a time.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nexus_gateway::limit::Proxies;
use nexus_gateway::limits::{
    BODY_SECONDS_MAX, DRAIN_SECONDS_MAX, HEADER_SECONDS_MAX, REQUESTS_MAX, SOCKETS_MAX,
};
use nexus_gateway::tls::{Clients, Tls};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use serde::{Deserialize, Serialize};

use super::length::Length;
use super::namespace::ranges;

/// The whole section.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Switches on what a kind of server needs, and demands what only its owner can give; nothing when absent.
    pub preset: Option<PresetName>,
    /// Address to listen on.
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// A socket in the file system to listen at as well, relative to the project's folder. Only the owner of the process
    /// can connect to it.
    pub socket: Option<PathBuf>,
    /// Where clients reach it, when that is another address than it listens at: `https://nexus.example.com`. Clients that
    /// look for its identity provider are told this one.
    pub url: Option<String>,
    /// Encrypts what goes over the port.
    pub tls: Option<TlsConfig>,
    /// Names in the `Host` header to accept beside this machine's own.
    pub allowed_hosts: Vec<String>,
    /// Web pages, by origin, whose scripts may call.
    pub allowed_origins: Vec<String>,
    /// Proxies that are believed about where requests come from, as ranges of addresses.
    pub trusted_proxies: Vec<String>,
    /// Where callers may be, as ranges of addresses; anywhere when absent.
    pub allow_addresses: Option<Vec<String>>,
    /// Most requests at hand at a time; further ones are refused.
    pub requests_max: usize,
    /// Most connections of `/ws` at a time; further ones are closed as soon as they are open.
    pub sockets_max: usize,
    /// How long requests may go on after the server was told to stop.
    pub drain: Length,
    /// How long a client may take to send the head of a request before its connection is closed.
    pub head_timeout: Length,
    /// How long a client may take to send the body of a request before it is refused.
    pub body_timeout: Length,
}

/// The name of a preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PresetName {
    /// One person on one machine.
    Lightweight,
    /// A service that others call.
    Standard,
    /// Many customers, each in namespaces of their own.
    Saas,
    /// An organisation that has to prove who did what.
    Enterprise,
}

impl PresetName {
    /// Every preset.
    pub const ALL: [PresetName; 4] =
        [PresetName::Lightweight, PresetName::Standard, PresetName::Saas, PresetName::Enterprise];

    /// The word in `nexus.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            PresetName::Lightweight => "lightweight",
            PresetName::Standard => "standard",
            PresetName::Saas => "saas",
            PresetName::Enterprise => "enterprise",
        }
    }
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            preset: None,
            host: "127.0.0.1".to_owned(),
            port: 8000,
            socket: None,
            url: None,
            tls: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            allow_addresses: None,
            requests_max: REQUESTS_MAX,
            sockets_max: SOCKETS_MAX,
            drain: Length(Duration::from_secs(DRAIN_SECONDS_MAX)),
            head_timeout: Length(Duration::from_secs(HEADER_SECONDS_MAX)),
            body_timeout: Length(Duration::from_secs(BODY_SECONDS_MAX)),
        }
    }
}

impl ServerConfig {
    /// Whether only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// The proxies that are believed.
    pub fn proxies(&self) -> Result<Proxies, Error> {
        ranges(&self.trusted_proxies, "server.trusted_proxies").map(Proxies::new)
    }
}

/// `[server.tls]`: files of PEM, relative to the project's folder, read again when the project is reloaded.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The server's certificate, then those of the authorities between it and one that clients know.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// Certificates of the authorities that vouch for clients. With them clients are asked for certificates, and
    /// `[auth.certificates]` says who has which. Changing the file takes a restart.
    pub client_ca: Option<PathBuf>,
    /// Whether clients without such a certificate are turned away in the handshake already.
    #[serde(default)]
    pub client_required: bool,
}

impl TlsConfig {
    /// What the server is to show.
    pub fn load(&self, root: &Path) -> Result<Tls, Error> {
        let (chain, key) = self.read(root)?;
        let clients = self.client_ca.as_ref().map(|path| -> Result<Clients, Error> {
            Ok(Clients { authorities: read(root, path)?, is_required: self.client_required })
        });
        Tls::new(&chain, &key, clients.transpose()?.as_ref())
    }

    /// Shows what the files hold now.
    pub fn renew(&self, root: &Path, tls: &Tls) -> Result<(), Error> {
        let (chain, key) = self.read(root)?;
        tls.replace(&chain, &key)
    }

    fn read(&self, root: &Path) -> Result<(Vec<u8>, Vec<u8>), Error> {
        Ok((read(root, &self.certificate)?, read(root, &self.key)?))
    }
}

/// Whether an address to listen on is one of this machine alone.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn read(root: &Path, path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(root.join(path)).map_err(|error| {
        Error::new(&code::CONFIG_INVALID, format!("{} cannot be read: {error}", path.display()))
            .help("[server.tls] names files of the project's folder, or anywhere by their whole paths")
    })
}
