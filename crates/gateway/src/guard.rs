//! The guard at the door: which `Host` and `Origin` a request may name.
//!
//! A page in a browser may make the browser call a server on the same machine. The name it used is in `Host`, so a
//! foreign name that was pointed at this machine (DNS rebinding) is seen there; the page itself is in `Origin`.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use nexus_kernel::code;
use nexus_kernel::error::Error;

use crate::problem::Problem;

/// Decides whom the server talks to.
#[derive(Debug, Clone)]
pub struct Guard {
    loopback: bool,
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Guard {
    /// A guard for a listener that is on the loopback or not, with further host names and origins to let in.
    pub fn new(loopback: bool, hosts: Vec<String>, origins: Vec<String>) -> Guard {
        Guard { loopback, hosts, origins }
    }

    /// Lets a request in or says why not.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let host = host(uri, headers)?;
        if !self.is_host_allowed(&host) {
            let help = "call localhost or 127.0.0.1, or add the name to the allowed hosts";
            return Err(refused(format!("the host {:?} is not served here", host.as_str()), help));
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default();
        if self.is_origin_allowed(origin, &host) {
            return Ok(());
        }
        let help = "call from a page of this server, or add the origin to the allowed origins";
        Err(refused(format!("pages of {origin:?} may not call this server"), help))
    }

    fn is_host_allowed(&self, host: &Authority) -> bool {
        // Beyond the loopback the server's own names are only known when they are configured.
        let unrestricted = !self.loopback && self.hosts.is_empty();
        let configured = |name: &String| {
            name.eq_ignore_ascii_case(host.host()) || name.eq_ignore_ascii_case(host.as_str())
        };
        unrestricted || (self.loopback && is_loopback(host.host())) || self.hosts.iter().any(configured)
    }

    fn is_origin_allowed(&self, origin: &str, host: &Authority) -> bool {
        let same = origin.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host.as_str()));
        same || self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}

/// Whether a name is one of this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The one name the request was sent to.
fn host(uri: &Uri, headers: &HeaderMap) -> Result<Authority, Problem> {
    let mut named = headers.get_all(header::HOST).iter();
    let bad = |message: &str| Problem::from(Error::new(&code::BAD_REQUEST, message));
    let host = match (uri.authority(), named.next(), named.next()) {
        (_, _, Some(_)) => return Err(bad("the request has two Host headers")),
        (Some(authority), _, _) => return Ok(authority.clone()),
        (None, None, _) => return Err(bad("the request has no Host header")),
        (None, Some(host), None) => host,
    };
    Authority::try_from(host.as_bytes()).map_err(|_| bad("the Host header is not a host name"))
}

fn refused(message: String, help: &str) -> Problem {
    Problem::with_status(StatusCode::FORBIDDEN, Error::new(&code::BAD_REQUEST, message).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lets_in(guard: &Guard, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        guard.check(&Uri::from_static("/health"), &headers).is_ok()
    }

    #[test]
    fn a_loopback_server_answers_to_loopback_names_only() {
        let guard = Guard::new(true, vec!["nexus.test".into()], Vec::new());
        for host in
            ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "127.8.8.8", "nexus.test:1"]
        {
            assert!(lets_in(&guard, host, None), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "192.168.0.7", "[::2]:8000"] {
            assert!(!lets_in(&guard, host, None), "{host}");
        }
    }

    #[test]
    fn pages_of_other_origins_are_kept_out() {
        let guard = Guard::new(true, Vec::new(), vec!["https://panel.example".into()]);
        assert!(lets_in(&guard, "localhost:8000", Some("http://localhost:8000")));
        assert!(lets_in(&guard, "localhost:8000", Some("https://panel.example")));
        for origin in
            ["http://localhost:3000", "https://evil.example", "null", "http://localhost:8000.evil.example"]
        {
            assert!(!lets_in(&guard, "localhost:8000", Some(origin)), "{origin}");
        }
    }

    #[test]
    fn a_public_server_without_names_answers_to_all_and_still_checks_origins() {
        let guard = Guard::new(false, Vec::new(), Vec::new());
        assert!(lets_in(&guard, "api.example", None));
        assert!(!lets_in(&guard, "api.example", Some("https://evil.example")));
        let named = Guard::new(false, vec!["api.example".into()], Vec::new());
        assert!(!lets_in(&named, "other.example", None));
    }
}
