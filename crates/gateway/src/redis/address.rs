//! Where a Redis is. What it is shown with is never shown.

use std::fmt;

use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

/// An address such as `redis://user:password@host:6379/0`; `rediss` for TLS.
#[derive(Clone)]
pub struct Address {
    client: Client,
    shown: String,
}

impl Address {
    /// Reads one. Says why it is none, without repeating what may be secret.
    pub fn parse(text: &str) -> Result<Address, &'static str> {
        if !["redis://", "rediss://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err("it begins with neither redis:// nor rediss://");
        }
        if text.contains(['?', '#']) {
            return Err("it has options behind ? or #, which are not taken");
        }
        let info: ConnectionInfo = text
            .into_connection_info()
            .map_err(|_| "it is no address of a Redis and a number of its database")?;
        let (ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. }) = info.addr()
        else {
            return Err("it is no address of a host");
        };
        let database = info.redis_settings().db();
        if database < 0 {
            return Err("there is no such database");
        }
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let shown = format!("{host}:{port}/{database}");
        let client = Client::open(info).map_err(|_| "it cannot be used")?;
        Ok(Address { client, shown })
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_opens_it() {
        for (text, shown) in [
            ("redis://127.0.0.1", "127.0.0.1:6379/0"),
            ("redis://ada:sesame@cache.example:7000/3", "cache.example:7000/3"),
            ("redis://:sesame@[::1]:7000", "[::1]:7000/0"),
            ("rediss://:se%3Fsame@cache.example/2", "cache.example:6379/2"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.to_string(), format!("{address:?}")), (shown.to_owned(), shown.to_owned()));
        }
    }

    #[test]
    fn what_is_none_is_refused_without_repeating_it() {
        for text in [
            "",
            "127.0.0.1:6379",
            "http://sesame",
            "redis://",
            "redis://:sesame@host/first",
            "redis://:sesame@host/-1",
            "redis://:sesame@host:99999",
            "redis://host/0?password=sesame",
            "rediss://host/0#insecure",
        ] {
            let why = Address::parse(text).unwrap_err();
            assert!(!why.contains("sesame"), "{text}: {why}");
        }
    }
}
