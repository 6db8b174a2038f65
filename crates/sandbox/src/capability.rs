//! What a function may do: tokens such as `kv:read:cart/*`, checked in the host on every operation.
//!
//! A token is a kind and a scope. A scope is a name, a prefix followed by `*`, or `*`. Writing does not imply reading.
//! The absence of a token is a denial.
//!
//! The scope of `http:fetch` is a host: a name, `*.` and a name for all that is under it, or `*`; then a port or `*` after
//! a colon. Without one it is the usual port of the scheme.

use std::fmt;

use nexus_kernel::suggest::nearest;

/// One thing a function may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Capability {
    kind: Kind,
    scope: String,
}

/// What kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    KvRead,
    KvWrite,
    FileRead,
    HttpFetch,
    CryptoRandom,
    Host,
    SecretRead,
    BlobRead,
    BlobWrite,
    WorkflowStart,
    WorkflowSignal,
    WorkflowQuery,
    WorkflowResult,
    EventPublish,
    SessionRead,
    SessionWrite,
}

const KINDS: [(Kind, &str); 16] = [
    (Kind::KvRead, "kv:read"),
    (Kind::KvWrite, "kv:write"),
    (Kind::FileRead, "file:read"),
    (Kind::HttpFetch, "http:fetch"),
    (Kind::CryptoRandom, "crypto:random"),
    (Kind::Host, "host"),
    (Kind::SecretRead, "secret:read"),
    (Kind::BlobRead, "blob:read"),
    (Kind::BlobWrite, "blob:write"),
    (Kind::WorkflowStart, "workflow:start"),
    (Kind::WorkflowSignal, "workflow:signal"),
    (Kind::WorkflowQuery, "workflow:query"),
    (Kind::WorkflowResult, "workflow:result"),
    (Kind::EventPublish, "event:publish"),
    (Kind::SessionRead, "session:read"),
    (Kind::SessionWrite, "session:write"),
];

impl Kind {
    pub(crate) fn token(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, token)| token)
    }
}

/// A token that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{token:?} is not a capability{}", .meant.map(|meant| format!("; did you mean {meant:?}?")).unwrap_or_default())]
pub struct CapabilityError {
    /// The token.
    pub token: String,
    /// The kind that was probably meant.
    pub meant: Option<&'static str>,
}

impl Capability {
    /// Reads a token: a kind, and a scope after a colon. No scope means all.
    pub fn parse(token: &str) -> Result<Capability, CapabilityError> {
        for (kind, name) in KINDS {
            let Some(rest) = token.strip_prefix(name) else { continue };
            if rest.is_empty() {
                return Ok(Capability { kind, scope: "*".to_owned() });
            }
            let fits = |scope: &&str| match kind {
                Kind::HttpFetch => Hosts::read(scope).is_some(),
                _ => !scope.is_empty(),
            };
            if let Some(scope) = rest.strip_prefix(':').filter(fits) {
                return Ok(Capability { kind, scope: scope.to_owned() });
            }
        }
        let head: Vec<&str> = token.splitn(3, ':').take(2).collect();
        let meant = nearest(&head.join(":"), KINDS.iter().map(|(_, name)| *name));
        Err(CapabilityError { token: token.to_owned(), meant })
    }

    /// A capability of a kind. The scope is as a token has it.
    pub(crate) fn of(kind: Kind, scope: String) -> Capability {
        Capability { kind, scope }
    }

    /// Whether something is allowed by both.
    pub fn overlaps(&self, other: &Capability) -> bool {
        if self.kind != other.kind {
            return false;
        }
        match (self.hosts(), other.hosts()) {
            (Some(one), Some(another)) => {
                one.host == "*" || another.host == "*" || one.hold(another.host) || another.hold(one.host)
            }
            _ => match (self.scope.strip_suffix('*'), other.scope.strip_suffix('*')) {
                (None, None) => self.scope == other.scope,
                (Some(prefix), None) => other.scope.starts_with(prefix),
                (None, Some(prefix)) => self.scope.starts_with(prefix),
                (Some(one), Some(another)) => one.starts_with(another) || another.starts_with(one),
            },
        }
    }

    fn covers(&self, kind: Kind, name: &str) -> bool {
        if kind == Kind::HttpFetch {
            return self.hosts().is_some_and(|hosts| hosts.hold(name));
        }
        let in_scope = match self.scope.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => self.scope == name,
        };
        self.kind == kind && in_scope
    }
}

impl Capability {
    /// The hosts that requests may go to; nothing when it is about something else.
    fn hosts(&self) -> Option<Hosts<'_>> {
        (self.kind == Kind::HttpFetch).then(|| Hosts::read(&self.scope)).flatten()
    }
}

/// The scope of `http:fetch`.
#[derive(Debug, Clone, Copy)]
struct Hosts<'a> {
    host: &'a str,
    port: Option<&'a str>,
}

impl<'a> Hosts<'a> {
    fn read(scope: &'a str) -> Option<Hosts<'a>> {
        let (host, port) = match scope.rsplit_once(':') {
            // The colons of an address stand in brackets.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (scope, None),
        };
        let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_address = address.is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
        let name = host.strip_prefix("*.").unwrap_or(host);
        let in_names = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_name = !name.is_empty() && !name.starts_with('.') && name.chars().all(in_names);
        let is_port = |port: &str| port == "*" || port.parse::<u16>().is_ok_and(|port| port > 0);
        (host == "*" || is_address || is_name).then_some(())?;
        port.is_none_or(is_port).then_some(Hosts { host, port })
    }

    /// Whether a host is among them, whatever the port.
    fn hold(self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        match self.host.strip_prefix('*') {
            Some("") => true,
            Some(suffix) => host
                .len()
                .checked_sub(suffix.len())
                .filter(|start| *start > 0)
                .and_then(|start| host.get(start..))
                .is_some_and(|end| end.eq_ignore_ascii_case(suffix)),
            None => host.eq_ignore_ascii_case(self.host),
        }
    }

    fn hold_port(self, port: u16, is_usual: bool) -> bool {
        match self.port {
            None => is_usual,
            Some("*") => true,
            Some(text) => text.parse() == Ok(port),
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.token(), self.scope)
    }
}

/// Everything a function has been granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities(Vec<Capability>);

impl Capabilities {
    /// Nothing but computing and logging.
    pub fn none() -> Capabilities {
        Capabilities::default()
    }

    /// What an activity of a project gets when the project says nothing: its namespace's keys and blobs, the project's
    /// data files, random numbers. No network, no secrets, no runs.
    pub fn of_project() -> Capabilities {
        let kinds = [
            Kind::KvRead,
            Kind::KvWrite,
            Kind::BlobRead,
            Kind::BlobWrite,
            Kind::FileRead,
            Kind::CryptoRandom,
        ];
        Capabilities(kinds.map(|kind| Capability { kind, scope: "*".to_owned() }).into())
    }

    /// The same and one host function.
    pub fn with_host(mut self, name: &str) -> Capabilities {
        self.0.push(Capability { kind: Kind::Host, scope: name.to_owned() });
        self
    }

    /// Reads tokens.
    pub fn parse<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Result<Capabilities, CapabilityError> {
        tokens.into_iter().map(Capability::parse).collect::<Result<Vec<_>, _>>().map(Capabilities)
    }

    /// The same and these.
    pub fn and(mut self, more: Capabilities) -> Capabilities {
        self.0.extend(more.0);
        self
    }

    /// Whether anything of this kind is granted.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.0.iter().any(|capability| capability.kind == kind)
    }

    /// Whether requests may go to any host at all.
    pub fn fetches(&self) -> bool {
        self.0.iter().any(|capability| capability.kind == Kind::HttpFetch)
    }

    /// Whether requests may go to this host and port; `is_usual` when the port is the scheme's own. The host is written
    /// as a URL parser gives it: in lower case and ASCII, an IPv6 address in brackets.
    pub fn may_fetch(&self, host: &str, port: u16, is_usual: bool) -> bool {
        let mut hosts = self.0.iter().filter_map(Capability::hosts);
        hosts.any(|hosts| hosts.hold(host) && hosts.hold_port(port, is_usual))
    }

    /// Whether all that a capability allows is granted.
    pub fn cover(&self, wanted: &Capability) -> bool {
        if let Some(hosts) = wanted.hosts() {
            let port = hosts.port.and_then(|port| port.parse().ok());
            return self.may_fetch(hosts.host, port.unwrap_or(0), port.is_none());
        }
        match wanted.scope.strip_suffix('*') {
            Some(prefix) => self.allow_prefix(wanted.kind, prefix),
            None => self.allow(wanted.kind, &wanted.scope),
        }
    }

    /// The tokens.
    pub fn tokens(&self) -> impl Iterator<Item = &Capability> {
        self.0.iter()
    }

    /// Whether the operation on this name is granted.
    pub(crate) fn allow(&self, kind: Kind, name: &str) -> bool {
        self.0.iter().any(|capability| capability.covers(kind, name))
    }

    /// Whether everything that begins with this prefix is granted.
    pub(crate) fn allow_prefix(&self, kind: Kind, prefix: &str) -> bool {
        let covers = |capability: &&Capability| {
            let scope = capability.scope.strip_suffix('*');
            capability.kind == kind && scope.is_some_and(|granted| prefix.starts_with(granted))
        };
        self.0.iter().any(|capability| covers(&capability))
    }

    /// The token that would have allowed it, for messages.
    pub(crate) fn missing(kind: Kind, name: &str) -> String {
        format!("{}:{name}", kind.token())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_names_or_prefixes() {
        let granted = Capabilities::parse(["kv:read:cart/*", "kv:write:cart/1", "http:fetch"]).unwrap();
        assert!(granted.allow(Kind::KvRead, "cart/7"));
        assert!(!granted.allow(Kind::KvRead, "order/7"));
        assert!(granted.allow(Kind::KvWrite, "cart/1"));
        assert!(!granted.allow(Kind::KvWrite, "cart/12"), "a name is not a prefix");
        assert!(granted.allow(Kind::HttpFetch, "example.com"));
        assert!(!granted.allow(Kind::FileRead, "cart/7"));
    }

    #[test]
    fn a_listing_needs_the_whole_prefix() {
        let granted = Capabilities::parse(["kv:read:cart/*", "kv:read:one"]).unwrap();
        assert!(granted.allow_prefix(Kind::KvRead, "cart/2026/"));
        assert!(!granted.allow_prefix(Kind::KvRead, "car"));
        assert!(!granted.allow_prefix(Kind::KvRead, "one"), "it would list one-two as well");
    }

    #[test]
    fn hosts_are_names_and_what_is_under_them() {
        let may = |token: &str, host: &str, port: u16, is_usual: bool| {
            Capabilities::parse([token]).unwrap().may_fetch(host, port, is_usual)
        };
        assert!(may("http:fetch:api.example.com", "api.example.com", 443, true));
        assert!(may("http:fetch:API.example.com", "api.example.com.", 443, true));
        assert!(!may("http:fetch:api.example.com", "api.example.com", 8443, false));
        assert!(may("http:fetch:api.example.com:8443", "api.example.com", 8443, false));
        assert!(!may("http:fetch:api.example.com:8443", "api.example.com", 443, true));
        assert!(may("http:fetch:*.example.com:*", "a.b.example.com", 9, false));
        for stranger in ["example.com", "evilexample.com", ".example.com", "example.com.evil.test", "com", ""]
        {
            assert!(!may("http:fetch:*.example.com", stranger, 443, true), "{stranger}");
        }
        assert!(may("http:fetch:[::1]:80", "[::1]", 80, true));
        assert!(may("http:fetch", "anything.test", 443, true));
        assert!(!may("http:fetch:*", "anything.test", 444, false));
        assert!(!may("kv:read:*", "anything.test", 443, true));
    }

    #[test]
    fn patterns_of_hosts_that_say_more_than_they_seem_are_refused() {
        for scope in [
            "",
            "api.*",
            "*example.com",
            "https://a.test",
            "a.test/x",
            "a.test:0",
            "a.test:99999",
            "::1",
            "a@b",
            "*.",
            "*.*",
        ] {
            assert!(Capability::parse(&format!("http:fetch:{scope}")).is_err(), "{scope}");
        }
    }

    #[test]
    fn unknown_tokens_are_refused_with_a_suggestion() {
        let error = Capability::parse("kv:raed:cart/*").unwrap_err();
        assert_eq!(error.meant, Some("kv:read"));
        assert!(Capability::parse("state:*").is_err());
        assert!(Capability::parse("kv:read:").is_err());
        assert_eq!(Capability::parse("host:a:b").unwrap().to_string(), "host:a:b");
    }
}
