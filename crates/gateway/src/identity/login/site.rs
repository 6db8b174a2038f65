//! The server as browsers see it: its address, its origin, and its cookies.

use std::sync::Arc;

use axum::http::{HeaderMap, Uri, header};

use crate::guard::is_loopback;
use crate::limits::{LOGIN_BEGUN_MINUTES_MAX, LOGIN_HOURS_MAX};

/// Names that only this host can set, over `https` only, and for all of its paths (RFC 6265bis, 4.1.3.2).
const SECURE: [&str; 2] = ["__Host-nexus", "__Host-nexus-login"];

/// Names on the loopback without encryption, where browsers take no such cookies.
const PLAIN: [&str; 2] = ["nexus", "nexus-login"];

/// What a cookie is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// A login.
    Login,
    /// A login that somebody is in the middle of.
    Begun,
}

/// Where browsers reach the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    /// Its address, without a slash at the end.
    pub(crate) url: Arc<str>,
    /// Its origin, as browsers write it.
    pub(crate) origin: Arc<str>,
    is_secure: bool,
}

impl Site {
    /// The server at this address. None when others could read along: nobody logs in there.
    pub(crate) fn of(url: &str) -> Option<Site> {
        let uri: Uri = url.parse().ok().filter(|_| is_private(url))?;
        let (scheme, host) = (uri.scheme_str()?.to_ascii_lowercase(), uri.host()?.to_ascii_lowercase());
        let is_secure = scheme == "https";
        let usual = if is_secure { 443 } else { 80 };
        let port = uri.port_u16().filter(|port| *port != usual);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let origin = format!("{scheme}://{host}{port}").into();
        Some(Site { url: url.trim_end_matches('/').into(), origin, is_secure })
    }

    fn name(&self, cookie: Cookie) -> &'static str {
        let [login, begun] = if self.is_secure { SECURE } else { PLAIN };
        match cookie {
            Cookie::Login => login,
            Cookie::Begun => begun,
        }
    }

    /// What a request brings as this cookie. Nothing when it brings several: only one of them can be ours.
    pub(crate) fn cookie(&self, headers: &HeaderMap, cookie: Cookie) -> Option<String> {
        let lines = headers.get_all(header::COOKIE).iter();
        let pairs = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
        let mut values = pairs
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name(cookie))
            .map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) if !value.is_empty() => Some(value.to_owned()),
            _ => None,
        }
    }

    /// The header that gives a browser this cookie.
    pub(crate) fn set(&self, cookie: Cookie, value: &str) -> String {
        let seconds = match cookie {
            Cookie::Login => LOGIN_HOURS_MAX * 60 * 60,
            Cookie::Begun => LOGIN_BEGUN_MINUTES_MAX * 60,
        };
        self.line(cookie, value, seconds)
    }

    /// The header that takes it away.
    pub(crate) fn clear(&self, cookie: Cookie) -> String {
        self.line(cookie, "", 0)
    }

    fn line(&self, cookie: Cookie, value: &str, seconds: u64) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let name = self.name(cookie);
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
    }
}

/// Whether nobody between can read or change what comes from an address.
pub(crate) fn is_private(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => is_loopback(host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brought(site: &Site, lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, line.parse().unwrap());
        }
        site.cookie(&headers, Cookie::Login)
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        let origin = |url: &str| Site::of(url).map(|site| site.origin.to_string()).unwrap_or_default();
        assert_eq!(origin("https://Nexus.example.com:443/"), "https://nexus.example.com");
        assert_eq!(origin("https://nexus.example.com:8443"), "https://nexus.example.com:8443");
        assert_eq!(origin("http://127.0.0.1:8000"), "http://127.0.0.1:8000");
        assert_eq!(origin("http://[::1]:80"), "http://[::1]");
        for open in ["http://nexus.example.com", "ftp://localhost", "localhost", ""] {
            assert_eq!(Site::of(open), None, "{open}");
        }
    }

    #[test]
    fn a_cookie_is_for_this_host_and_for_no_script() {
        let (secure, plain) =
            (Site::of("https://a.example").unwrap(), Site::of("http://localhost:1").unwrap());
        assert_eq!(
            secure.set(Cookie::Login, "v"),
            "__Host-nexus=v; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            plain.set(Cookie::Begun, "v"),
            "nexus-login=v; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"
        );
        assert!(secure.clear(Cookie::Login).starts_with("__Host-nexus=; Path=/; Max-Age=0;"));
    }

    #[test]
    fn a_cookie_that_is_not_ours_alone_is_none() {
        let (secure, plain) =
            (Site::of("https://a.example").unwrap(), Site::of("http://localhost:1").unwrap());
        assert_eq!(brought(&secure, &["a=b; __Host-nexus=v; nexus=w"]).as_deref(), Some("v"));
        assert_eq!(brought(&plain, &["a=b", "nexus=w"]).as_deref(), Some("w"));
        // What a page of another port or of a sister domain could have set is not looked at where there is a safe name.
        for lines in
            [&["nexus=w"][..], &["__Host-nexus=v; __Host-nexus=w"], &["__Host-nexus="], &["__host-nexus=v"]]
        {
            assert_eq!(brought(&secure, lines), None, "{lines:?}");
        }
        assert_eq!(brought(&plain, &["nexus=v", "nexus=w"]), None);
    }
}
