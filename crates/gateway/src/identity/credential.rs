//! Credentials: what a request shows to prove who sent it. They are in its head or in its connection, never in its body.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::secret::Secret;

use super::key::{OWNER_PREFIX, PREFIX};

/// The longest credential that is looked at, in bytes.
const CREDENTIAL_BYTES_MAX: usize = 16 * 1024;

/// The header of API keys.
pub const KEY_HEADER: &str = "x-api-key";

/// The header in which a server of Nexus shows in whose name a run of it calls an operation: a token of its own.
pub const CALLER_HEADER: &str = "nexus-caller";

/// The header by which a caller of an operation says which of their namespaces they call for.
pub const CALLER_NAMESPACE_HEADER: &str = "nexus-caller-namespace";

/// What a request shows. Where it shows several, the first of these counts and the others are not looked at.
#[derive(Clone, Default)]
pub enum Shown {
    /// A credential in `Authorization: Bearer`: an API key or a token.
    Bearer(String),
    /// An API key in `X-API-Key`.
    Key(String),
    /// Nothing.
    #[default]
    Nothing,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shown::Bearer(_) => "Bearer(…)",
            Shown::Key(_) => "Key(…)",
            Shown::Nothing => "Nothing",
        })
    }
}

/// What is known of the sender of a request before anything is checked.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// What the request shows.
    pub shown: Shown,
    /// The cookie of a login in a browser. It counts when the request shows nothing else.
    pub login: Option<Secret>,
    /// Whether it came over a way that only the owner of the server can take.
    pub is_owner: bool,
    /// The other end of the connection, when it came over the network.
    pub peer: Option<IpAddr>,
    /// Where it comes from, when it came over the network: the same, or what a trusted proxy says.
    pub address: Option<IpAddr>,
    /// The names in the certificate that its connection was made with.
    pub certified: Arc<[String]>,
}

impl Shown {
    /// Whether it is looked up in memory, or is nothing. Tokens take work, and sometimes a request to their issuer.
    pub(crate) fn is_cheap(&self) -> bool {
        match self {
            Shown::Nothing | Shown::Key(_) => true,
            Shown::Bearer(text) => text.starts_with(PREFIX) || text.starts_with(OWNER_PREFIX),
        }
    }

    /// What the head of a request shows. Errors: a header that is there twice, is no text, or is of another scheme.
    pub fn of(headers: &HeaderMap) -> Result<Shown, Error> {
        if let Some(value) = only(headers, header::AUTHORIZATION.as_str())? {
            let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
            if !scheme.eq_ignore_ascii_case("bearer") || rest.trim().is_empty() {
                return Err(Error::new(
                    &code::CREDENTIAL_INVALID,
                    "the Authorization header is not understood",
                )
                .help("send `Authorization: Bearer ` and an API key or a token"));
            }
            return Ok(Shown::Bearer(rest.trim().to_owned()));
        }
        if let Some(key) = only(headers, KEY_HEADER)? {
            return Ok(Shown::Key(key.to_owned()));
        }
        Ok(only(headers, CALLER_HEADER)?.map_or(Shown::Nothing, |token| Shown::Bearer(token.to_owned())))
    }
}

/// The one value of a header.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Error> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| text.len() <= CREDENTIAL_BYTES_MAX);
    match (text, values.next()) {
        (Some(text), None) => Ok(Some(text)),
        _ => Err(Error::new(&code::CREDENTIAL_INVALID, format!("the header {name} is not understood"))
            .help("send one credential, once")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pairs: &[(&'static str, &str)]) -> Result<Shown, Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        Shown::of(&headers)
    }

    #[test]
    fn the_order_is_fixed() {
        let both = [("x-api-key", "k"), ("authorization", "bearer t")];
        assert!(matches!(shown(&both), Ok(Shown::Bearer(text)) if text == "t"));
        assert!(matches!(shown(&both[..1]), Ok(Shown::Key(text)) if text == "k"));
        assert!(matches!(shown(&[]), Ok(Shown::Nothing)));
    }

    #[test]
    fn what_is_not_understood_is_no_missing_credential() {
        for pairs in [
            &[("authorization", "Basic dXNlcjpwYXNz")][..],
            &[("authorization", "Bearer")],
            &[("authorization", "Bearer  ")],
            &[("authorization", "Bearer a"), ("authorization", "Bearer b")],
            &[("x-api-key", "a"), ("x-api-key", "b")],
        ] {
            assert_eq!(shown(pairs).unwrap_err().code().id, "NX-2015", "{pairs:?}");
        }
    }
}
