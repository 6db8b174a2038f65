//! Which requests may use the cookie of a login: those of pages of this server.
//!
//! A browser adds its cookies to whatever any page asks of a server. Who asks is in headers that no page can write:
//! `Sec-Fetch-Site` and `Origin`. A request that may change something needs one of them to say that it is ours.

use axum::http::{HeaderMap, Method, header};

/// What a cookie is worth with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A page of this server asks.
    Own,
    /// It may look: somebody came by a link, typed the address, or uses a browser that does not say who asks.
    Visit,
    /// Nothing: the request counts as if it had no cookie.
    Without,
    /// It is refused: it might change something, and nothing proves that a page of this server asks.
    Refused,
}

/// What a browser says of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    /// `Sec-Fetch-Site`.
    pub(crate) site: Option<&'a str>,
    /// `Sec-Fetch-Mode`.
    pub(crate) mode: Option<&'a str>,
    /// `Origin`.
    pub(crate) origin: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// What the head of a request says.
    pub(crate) fn of(method: &'a Method, path: &'a str, headers: &'a HeaderMap) -> Asked<'a> {
        Asked {
            method,
            path,
            site: only(headers, "sec-fetch-site"),
            mode: only(headers, "sec-fetch-mode"),
            origin: only(headers, header::ORIGIN.as_str()),
        }
    }

    /// What the cookie is worth, where `own` is the server's origin.
    pub(crate) fn standing(&self, own: &str) -> Standing {
        let is_foreign = self.origin.is_some_and(|origin| origin != own);
        let is_said = match self.site {
            Some(site) => site == "same-origin",
            None => self.origin.is_some(),
        };
        let is_own = is_said && !is_foreign;
        if is_own {
            Standing::Own
        } else if self.can_change() {
            Standing::Refused
        } else if is_foreign {
            Standing::Without
        } else {
            match self.site {
                None | Some("none") => Standing::Visit,
                Some(_) if self.mode == Some("navigate") => Standing::Visit,
                Some(_) => Standing::Without,
            }
        }
    }

    /// Whether it may do more than look. A connection of `/ws` and messages of `/mcp` may, whatever opens them.
    fn can_change(&self) -> bool {
        let is_safe = matches!(*self.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let first = self.path.trim_start_matches('/').split('/').next().unwrap_or_default();
        !is_safe || matches!(first, "ws" | "mcp")
    }
}

/// The one value of a header. What is there twice or is no text is something that nothing is equal to.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    Some(value.to_str().ok().filter(|_| values.next().is_none()).unwrap_or("?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "https://nexus.example.com";

    fn standing(method: &str, path: &str, site: &str, mode: &str, origin: &str) -> Standing {
        let method = method.parse().unwrap();
        let said = |text| (text != "-").then_some(text);
        Asked { method: &method, path, site: said(site), mode: said(mode), origin: said(origin) }
            .standing(OWN)
    }

    #[test]
    fn only_pages_of_this_server_may_change_anything() {
        use Standing::{Own, Refused, Visit, Without};
        let table = [
            // Changes.
            ("POST", "/v1/x", "same-origin", "cors", OWN, Own),
            ("POST", "/v1/x", "same-origin", "cors", "-", Own),
            ("POST", "/v1/x", "-", "-", OWN, Own),
            ("POST", "/v1/x", "-", "-", "-", Refused),
            ("POST", "/v1/x", "none", "navigate", "-", Refused),
            ("POST", "/v1/x", "none", "navigate", OWN, Refused),
            ("POST", "/v1/x", "same-site", "cors", "-", Refused),
            ("POST", "/v1/x", "cross-site", "cors", OWN, Refused),
            ("POST", "/v1/x", "cross-site", "navigate", "https://evil.example", Refused),
            ("POST", "/v1/x", "same-origin", "cors", "https://evil.example", Refused),
            ("POST", "/v1/x", "-", "-", "null", Refused),
            ("POST", "/v1/x", "-", "-", "https://nexus.example.com:8443", Refused),
            ("POST", "/v1/x", "-", "-", "http://nexus.example.com", Refused),
            ("POST", "/v1/x", "-", "-", "https://nexus.example.com.evil.example", Refused),
            ("POST", "/v1/x", "Same-Origin", "-", "-", Refused),
            ("POST", "/v1/x", "?", "-", OWN, Refused),
            ("DELETE", "/v1/x", "cross-site", "cors", "-", Refused),
            ("PATCH", "/v1/x", "-", "-", "-", Refused),
            ("PURGE", "/v1/x", "-", "-", "-", Refused),
            ("POST", "/logout", "cross-site", "navigate", "-", Refused),
            // Connections that can change something later.
            ("GET", "/ws", "same-origin", "websocket", OWN, Own),
            ("GET", "/ws", "-", "-", OWN, Own),
            ("GET", "/ws", "-", "-", "-", Refused),
            ("GET", "/ws", "cross-site", "websocket", "https://evil.example", Refused),
            ("GET", "/ws", "none", "navigate", "-", Refused),
            ("GET", "/mcp", "cross-site", "navigate", "-", Refused),
            ("GET", "/mcp/shop", "-", "-", "-", Refused),
            ("POST", "/mcp", "same-origin", "cors", OWN, Own),
            // Looking.
            ("GET", "/docs", "same-origin", "navigate", "-", Own),
            ("GET", "/docs", "none", "navigate", "-", Visit),
            ("GET", "/docs", "cross-site", "navigate", "-", Visit),
            ("GET", "/v1/runs", "-", "-", "-", Visit),
            ("GET", "/v1/runs", "cross-site", "cors", "-", Without),
            ("GET", "/v1/runs", "cross-site", "no-cors", "-", Without),
            ("GET", "/v1/runs", "same-site", "no-cors", "-", Without),
            ("GET", "/v1/runs", "-", "-", "https://panel.example", Without),
            ("GET", "/v1/runs", "same-site", "cors", "https://panel.example.com", Without),
            ("HEAD", "/v1/runs", "cross-site", "no-cors", "-", Without),
            ("OPTIONS", "/v1/runs", "-", "-", "-", Visit),
        ];
        for (method, path, site, mode, origin, expected) in table {
            let found = standing(method, path, site, mode, origin);
            assert_eq!(found, expected, "{method} {path} {site} {mode} {origin}");
        }
    }

    #[test]
    fn headers_that_are_there_twice_prove_nothing() {
        let mut headers = HeaderMap::new();
        headers.append("sec-fetch-site", "same-origin".parse().unwrap());
        let asked = Asked::of(&Method::POST, "/", &headers).standing(OWN);
        assert_eq!(asked, Standing::Own);
        headers.append("sec-fetch-site", "same-origin".parse().unwrap());
        assert_eq!(Asked::of(&Method::POST, "/", &headers).standing(OWN), Standing::Refused);
    }

    proptest::proptest! {
        /// Whatever a browser says: what may change something is done for pages of this server only.
        #[test]
        fn nothing_but_our_own_name_opens_the_door(
            method in "POST|PUT|PATCH|DELETE",
            site in proptest::option::of("same-origin|same-site|cross-site|none|[a-z-]{0,12}"),
            mode in proptest::option::of("navigate|cors|no-cors|websocket"),
            origin in proptest::option::of("https://nexus.example.com|null|https?://[a-z.:0-9]{0,20}"),
        ) {
            let method: Method = method.parse().unwrap();
            let (site, mode, origin) = (site.as_deref(), mode.as_deref(), origin.as_deref());
            let found = Asked { method: &method, path: "/", site, mode, origin }.standing(OWN);
            let is_own = origin.is_none_or(|origin| origin == OWN)
                && (site == Some("same-origin") || (site.is_none() && origin == Some(OWN)));
            proptest::prop_assert_eq!(found == Standing::Own, is_own);
            proptest::prop_assert!(is_own || found == Standing::Refused);
        }
    }
}
