//! Logins on another device (RFC 8628): a code is shown here and typed there.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::{Clock as _, SystemClock};

use super::{Granted, Provider, failed, now};

/// How often is asked whether it is done, where the provider does not say (RFC 8628, 3.2).
const INTERVAL: Duration = Duration::from_secs(5);

/// How much more rarely when the provider finds that too often (RFC 8628, 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// How long somebody has for it, where the provider does not say.
const LIFETIME: Duration = Duration::from_mins(10);

/// What to do after the provider was asked for the token.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Ask again after the interval.
    Wait,
    /// Ask again, more rarely from now on.
    Slow,
    /// Give up, in these words.
    End(&'static str),
}

pub(super) async fn login(
    provider: &Provider,
    resource: &str,
    scope: &str,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Granted, Error> {
    let url = provider.endpoint("device_authorization_endpoint")?;
    let fields = [
        ("client_id", provider.client_id.as_str()),
        ("scope", scope),
        ("resource", resource),
        ("audience", resource),
    ];
    let begun = provider.post(url, &fields).await?;
    let begun = begun.map_err(|error| failed(format!("{} refuses to begin: {error}", provider.issuer())))?;
    let text = |name: &str| begun.get(name).and_then(Json::as_str);
    let seconds = |name: &str| begun.get(name).and_then(Json::as_u64).map(Duration::from_secs);
    let (Some(code), Some(typed), Some(page)) =
        (text("device_code"), text("user_code"), text("verification_uri"))
    else {
        return Err(failed(format!("{} did not say which code to show", provider.issuer())));
    };
    tell(&format!("open {page} on any device and type the code {typed}"));
    if let Some(whole) = text("verification_uri_complete") {
        tell(&format!("or open {whole}"));
    }
    let end = now().plus(seconds("expires_in").unwrap_or(LIFETIME));
    let mut interval = seconds("interval").unwrap_or(INTERVAL);
    let fields = [("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", code)];
    while now() < end {
        SystemClock.sleep_until(now().plus(interval)).await;
        match provider.token(&fields).await? {
            Ok(said) => return provider.granted(&said, None),
            Err(error) => match next(&error) {
                Next::Wait => {}
                Next::Slow => interval += SLOWER,
                Next::End(why) => return Err(failed(why).help("begin again with `nexus login`")),
            },
        }
    }
    Err(failed("the code has expired").help("begin again with `nexus login`"))
}

fn next(error: &str) -> Next {
    match error {
        "authorization_pending" => Next::Wait,
        "slow_down" => Next::Slow,
        "access_denied" => Next::End("the login was refused"),
        "expired_token" => Next::End("the code has expired"),
        _ => Next::End("the identity provider does not go on with this login"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_provider_says_decides_how_it_goes_on() {
        assert_eq!(next("authorization_pending"), Next::Wait);
        assert_eq!(next("slow_down"), Next::Slow);
        assert_eq!(next("access_denied"), Next::End("the login was refused"));
        assert!(matches!(next("invalid_client"), Next::End(_)));
    }
}
