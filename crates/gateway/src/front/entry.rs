//! The entry: who sends a request, and whether they may come in with it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::Request;
use hyper::body::Incoming;
use nexus_kernel::address::UNKNOWN;
use nexus_kernel::allowance::Toll;
use nexus_kernel::call::{Caller, Proof};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::secret::Secret;

use super::{Front, Peer, first_of};
use crate::channel::rest::identity::PublicUrl;
use crate::channel::{browser, nexus};
use crate::identity::login::{Asked, Cookie, Logins, Site, Standing};
use crate::identity::{Auth, Credentials, Shown};
use crate::limit::Entry;
use crate::stage::authorise::unauthenticated;

/// Who came in.
pub(super) struct Entered {
    pub(super) caller: Caller,
    /// Whether they came with the cookie of a login and nothing says that it was from a page of this server.
    pub(super) is_visit: bool,
}

impl From<Caller> for Entered {
    fn from(caller: Caller) -> Entered {
        Entered { caller, is_visit: false }
    }
}

impl Front {
    /// Where browsers reach the server, when people log in there with one.
    pub(super) fn place(&self, request: &Request<Incoming>) -> Option<(&Logins, Site)> {
        let logins = self.pipeline.auth().map(Auth::logins).filter(|logins| logins.is_offered())?;
        let url = request.extensions().get::<PublicUrl>()?;
        Some((logins, Site::of(&url.0)?))
    }

    /// The cookie of a login that a request may use, and whether it came from elsewhere. Errors: with this cookie nobody
    /// but a page of this server may do what the request wants.
    fn login(&self, request: &Request<Incoming>) -> Result<Option<(Secret, bool)>, Error> {
        let Some((logins, site)) = self.place(request) else { return Ok(None) };
        let cookie = site.cookie(request.headers(), Cookie::Login);
        let Some(cookie) = cookie.filter(|cookie| logins.knows(cookie)) else { return Ok(None) };
        let asked = Asked::of(request.method(), request.uri().path(), request.headers());
        match asked.standing(&site.origin) {
            Standing::Own => Ok(Some((Secret::new(&cookie), false))),
            Standing::Visit => Ok(Some((Secret::new(&cookie), true))),
            Standing::Without => Ok(None),
            Standing::Refused => Err(browser::cross_site()),
        }
    }

    /// The address that a request comes from, where it came over the network.
    pub(super) fn sender(&self, request: &Request<Incoming>) -> Option<IpAddr> {
        match request.extensions().get::<Peer>() {
            Some(peer) => peer.address.map(|address| self.proxies.client(address, request.headers())),
            None => Some(UNKNOWN),
        }
    }

    /// Who sent a request, once it may come in from where it comes and does not come too early.
    pub(super) async fn enter(
        &self,
        request: &Request<Incoming>,
        sender: Option<IpAddr>,
        toll: &Toll,
    ) -> Result<Entered, Error> {
        if !self.pipeline.borders().let_in(sender) {
            return Err(Error::new(&code::ADDRESS_REFUSED, "requests from this address are not taken")
                .help("whoever runs the server says in allow_addresses where callers may be"));
        }
        let entered = match self.identify(request, sender).await {
            Err(error) if error.code() == &code::CREDENTIAL_INVALID => {
                return Err(self.failed(error, sender).await);
            }
            found => found?,
        };
        // Logins cost as much whoever begins them.
        let path = request.uri().path();
        let is_nobody = entered.caller.proof == Proof::Nothing;
        if is_nobody || first_of(path) == "login" {
            self.knock(path, sender, toll).await?;
        }
        if is_nobody && !self.is_open_to_all(request) {
            return Err(unauthenticated());
        }
        Ok(entered)
    }

    /// Who sent a request. Whoever shows nothing is nobody.
    async fn identify(&self, request: &Request<Incoming>, sender: Option<IpAddr>) -> Result<Entered, Error> {
        let peer = request.extensions().get::<Peer>();
        let Some(auth) = self.pipeline.auth() else { return Ok(Caller::local().at(sender).into()) };
        // A request of which nobody knows where it comes from is nobody's, least of all the owner's. The owner is known by
        // the connection itself, whatever a proxy says.
        let is_owner = peer.is_some_and(|peer| peer.address.is_none());
        let certified = peer.map(|peer| Arc::clone(&peer.certified)).unwrap_or_default();
        let peer = peer.and_then(|peer| peer.address);
        let shown = Shown::of(request.headers())?;
        // What is looked up in memory is looked up all the same: a right key is not kept out by those who show wrong ones.
        let costs_work = !shown.is_cheap();
        if let (Some(limiter), Some(sender), true) = (self.pipeline.limiter(), sender, costs_work) {
            limiter.check_failures(sender).await?;
        }
        let login = if matches!(shown, Shown::Nothing) { self.login(request)? } else { None };
        let (login, comes_from_elsewhere) = login.unzip();
        let credentials = Credentials { shown, login, is_owner, peer, address: sender, certified };
        let caller = match auth.identify(&credentials).await {
            // A browser shows its cookie whether or not it matters: what is open stays so while a provider is down.
            Err(error)
                if credentials.login.is_some()
                    && error.code() == &code::ISSUER_UNAVAILABLE
                    && self.is_open_to_all(request) =>
            {
                auth.identify(&Credentials { login: None, ..credentials }).await?
            }
            found => found?,
        };
        let is_visit = comes_from_elsewhere.unwrap_or(false) && browser::login_of(&caller).is_some();
        Ok(Entered { caller, is_visit })
    }

    /// Whether a request may come from anybody.
    fn is_open_to_all(&self, request: &Request<Incoming>) -> bool {
        let path = request.uri().path();
        is_open(path) || (first_of(path) == "login" && self.place(request).is_some())
    }

    /// Counts a request that shows nothing. Probes are not counted: whoever balances the load would take the server for
    /// dead. Webhooks have proofs of their own.
    async fn knock(&self, path: &str, sender: Option<IpAddr>, toll: &Toll) -> Result<(), Error> {
        let is_free = matches!(first_of(path), "health" | "healthz" | "readyz" | "startup" | "webhooks");
        let (Some(limiter), Some(sender), false) = (self.pipeline.limiter(), sender, is_free) else {
            return Ok(());
        };
        let Entry { allowances, outcome } = limiter.knock(sender).await;
        toll.pay(allowances);
        outcome
    }
}

/// Whether a path says nothing about anybody's work, or checks a proof of its own. All others are closed.
fn is_open(path: &str) -> bool {
    if nexus::is_callback(path) {
        return true;
    }
    matches!(
        first_of(path),
        "" | "health" | "healthz" | "readyz" | "startup" | "docs" | "errors" | "webhooks" | ".well-known"
    )
}
