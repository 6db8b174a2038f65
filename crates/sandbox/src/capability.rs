//! What a function may do: tokens such as `kv:read:cart/*`, checked in the host on every operation.
//!
//! A token is a kind and a scope. A scope is a name, a prefix followed by `*`, or `*`. Writing does not imply reading.
//! The absence of a token is a denial.

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
}

const KINDS: [(Kind, &str); 6] = [
    (Kind::KvRead, "kv:read"),
    (Kind::KvWrite, "kv:write"),
    (Kind::FileRead, "file:read"),
    (Kind::HttpFetch, "http:fetch"),
    (Kind::CryptoRandom, "crypto:random"),
    (Kind::Host, "host"),
];

impl Kind {
    fn token(self) -> &'static str {
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
            if let Some(scope) = rest.strip_prefix(':').filter(|scope| !scope.is_empty()) {
                return Ok(Capability { kind, scope: scope.to_owned() });
            }
        }
        let head: Vec<&str> = token.splitn(3, ':').take(2).collect();
        let meant = nearest(&head.join(":"), KINDS.iter().map(|(_, name)| *name));
        Err(CapabilityError { token: token.to_owned(), meant })
    }

    fn covers(&self, kind: Kind, name: &str) -> bool {
        let in_scope = match self.scope.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => self.scope == name,
        };
        self.kind == kind && in_scope
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

    /// What an activity of a project gets when the project says nothing: its namespace's keys, the project's data
    /// files, random numbers. No network.
    pub fn of_project() -> Capabilities {
        let kinds = [Kind::KvRead, Kind::KvWrite, Kind::FileRead, Kind::CryptoRandom];
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
    fn unknown_tokens_are_refused_with_a_suggestion() {
        let error = Capability::parse("kv:raed:cart/*").unwrap_err();
        assert_eq!(error.meant, Some("kv:read"));
        assert!(Capability::parse("state:*").is_err());
        assert!(Capability::parse("kv:read:").is_err());
        assert_eq!(Capability::parse("host:a:b").unwrap().to_string(), "host:a:b");
    }
}
