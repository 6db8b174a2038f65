//! Hosts, as circuit breakers tell them apart.

use nexus_gateway::breaker::Target;
use reqwest::Url;

/// The host of an address, with its port where that is not the usual one. Nothing else of the address: it may hold a key.
pub(crate) fn target(address: &str) -> Target {
    let parsed = Url::parse(address).ok();
    let host = parsed.as_ref().and_then(|url| Some((url.host_str()?, url.port())));
    Target::Host(match host {
        Some((host, Some(port))) => format!("{host}:{port}"),
        Some((host, None)) => host.to_owned(),
        None => "unknown".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_all_that_is_kept_of_an_address() {
        assert_eq!(target("https://user:key@A.example/path?token=1"), Target::Host("a.example".to_owned()));
        assert_eq!(target("http://127.0.0.1:8001/x"), Target::Host("127.0.0.1:8001".to_owned()));
    }
}
