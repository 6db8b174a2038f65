//! Listeners: where connections come from, and what makes them private.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::SharedClock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_rustls::TlsAcceptor;

use crate::identity::certificate;
use crate::limits::HEADER_SECONDS_MAX;
use crate::tls::Tls;

/// A connection as the server uses it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Where connections come from.
pub struct Listener {
    kind: Kind,
}

enum Kind {
    Tcp { listener: TcpListener, tls: Option<TlsAcceptor> },
    Unix(UnixListener),
}

/// A connection before its handshake.
pub(crate) enum Accepted {
    Tcp(TcpStream, IpAddr, Option<TlsAcceptor>),
    Unix(tokio::net::UnixStream),
}

impl Listener {
    /// A bound TCP listener, see [`bind`].
    pub fn tcp(listener: TcpListener) -> Listener {
        Listener { kind: Kind::Tcp { listener, tls: None } }
    }

    /// A bound TCP listener whose connections are encrypted; HTTP/2 is agreed on in the handshake.
    pub fn tls(listener: TcpListener, tls: &Tls) -> Listener {
        let tls = Some(TlsAcceptor::from(tls.server_config()));
        Listener { kind: Kind::Tcp { listener, tls } }
    }

    /// A bound socket in the file system. Who may connect is what the file's permissions say.
    pub fn unix(listener: UnixListener) -> Listener {
        Listener { kind: Kind::Unix(listener) }
    }

    /// Where it listens, when that is an address of the network.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Tcp { listener, .. } => listener.local_addr().ok(),
            Kind::Unix(_) => None,
        }
    }

    /// Whether nobody between can read along.
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(&self.kind, Kind::Tcp { tls: Some(_), .. })
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        match &self.kind {
            Kind::Tcp { listener, tls } => {
                let (stream, peer) = listener.accept().await?;
                Ok(Accepted::Tcp(stream, peer.ip(), tls.clone()))
            }
            Kind::Unix(listener) => Ok(Accepted::Unix(listener.accept().await?.0)),
        }
    }
}

impl Accepted {
    /// Where it comes from, when it came over the network.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        match self {
            Accepted::Tcp(_, peer, _) => Some(*peer),
            Accepted::Unix(_) => None,
        }
    }

    /// Carries out the handshake, if there is one. Nothing when the other side does not finish it.
    pub(crate) async fn open(self, clock: &SharedClock) -> Option<Opened> {
        match self {
            Accepted::Unix(stream) => Some(Opened::plain(stream)),
            Accepted::Tcp(stream, _, tls) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "answers on this connection may be delayed");
                }
                match tls {
                    None => Some(Opened::plain(stream)),
                    Some(tls) => handshake(tls, stream, clock).await,
                }
            }
        }
    }
}

/// A connection after its handshake.
pub(crate) struct Opened {
    pub(crate) stream: Box<dyn Stream>,
    /// The names in the certificate of the other side, if it showed one.
    pub(crate) certified: Arc<[String]>,
}

impl Opened {
    fn plain(stream: impl Stream + 'static) -> Opened {
        Opened { stream: Box::new(stream), certified: Arc::default() }
    }
}

async fn handshake(tls: TlsAcceptor, stream: TcpStream, clock: &SharedClock) -> Option<Opened> {
    let deadline = clock.sleep_until(clock.now().plus(Duration::from_secs(HEADER_SECONDS_MAX)));
    let done = tokio::select! {
        biased;
        done = tls.accept(stream) => done,
        () = deadline => return None,
    };
    match done {
        Ok(stream) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let certified = shown.map(certificate::names).unwrap_or_default().into();
            Some(Opened { stream: Box::new(stream), certified })
        }
        Err(error) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
    }
}

/// Binds an address. Anything but the loopback is refused unless the caller insists: without authentication whoever reaches
/// it may do everything.
pub async fn bind(address: SocketAddr, insecure: bool) -> Result<TcpListener, Error> {
    if !address.ip().is_loopback() && !insecure {
        let message = format!("refusing to listen on {address}: anybody who reaches it could run workflows");
        return Err(Error::new(&code::NOT_LOOPBACK, message)
            .help("listen on 127.0.0.1, set `enabled = true` under [auth], or give --insecure when something else keeps strangers out"));
    }
    TcpListener::bind(address).await.map_err(|error| bind_error(address, &error))
}

fn bind_error(address: SocketAddr, error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::AddrInUse {
        let next = address.port().saturating_add(1);
        return Error::new(&code::ADDRESS_IN_USE, format!("{address} is in use"))
            .help(format!("try --port {next}, or --port 0 for a free one"));
    }
    Error::new(&code::CONFIG_INVALID, format!("cannot listen on {address}: {error}"))
        .help("choose an address of this machine and a port above 1023")
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Listener {
        Listener::tcp(listener)
    }
}
