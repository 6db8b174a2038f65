//! How other systems sign their webhooks. The comparison takes the same time wherever a signature differs.

use std::time::Duration;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::json as reader;
use nexus_kernel::time::Timestamp;
use ring::hmac;

use super::sign::key_of;
use super::twilio;
use crate::limits::SIGNATURE_SECONDS_MAX;

/// A way to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `webhook-signature` over id, time and body (Standard Webhooks; Svix and many others).
    Standard,
    /// `X-Hub-Signature-256` over the body.
    GitHub,
    /// `Stripe-Signature` over time and body.
    Stripe,
    /// `X-Slack-Signature` over time and body.
    Slack,
    /// `X-Webhook-Signature: sha256=…` over the body, with the id in `X-Idempotency-Key`.
    Sha256,
    /// `X-Twilio-Signature` over the address and the fields of a form.
    Twilio,
}

/// A request as it came.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body, byte for byte.
    pub body: &'a [u8],
    /// The address that its sender posted to, with the query; only [`Scheme::Twilio`] signs it.
    pub url: &'a str,
}

/// What a request that was signed well says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// What its sender calls it: the same when it is sent again.
    pub id: Option<String>,
    /// What kind of thing happened, in its sender's words.
    pub kind: Option<String>,
}

/// Every scheme by its name in `nexus.toml`.
const NAMES: &[(&str, Scheme)] = &[
    ("standard", Scheme::Standard),
    ("github", Scheme::GitHub),
    ("stripe", Scheme::Stripe),
    ("slack", Scheme::Slack),
    ("sha256", Scheme::Sha256),
    ("twilio", Scheme::Twilio),
];

impl Scheme {
    /// The scheme of a name.
    pub fn of_name(name: &str) -> Option<Scheme> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, scheme)| *scheme)
    }

    /// The names of all schemes.
    pub fn names() -> Vec<&'static str> {
        NAMES.iter().map(|(name, _)| *name).collect()
    }

    /// Whether senders sign the address that they post to, so that it has to be known.
    pub fn signs_address(self) -> bool {
        self == Scheme::Twilio
    }

    /// Checks the signature of a request, and that it is not one of long ago.
    pub fn check(self, secret: &str, request: Incoming<'_>, now: Timestamp) -> Result<Delivery, Error> {
        let Incoming { headers, body, .. } = request;
        match self {
            Scheme::Standard => standard(secret, headers, body, now),
            Scheme::GitHub => {
                let given = hex(required(headers, "x-hub-signature-256")?.strip_prefix("sha256="));
                verify(secret.as_bytes(), body, &[given])?;
                Ok(Delivery {
                    id: optional(headers, "x-github-delivery"),
                    kind: optional(headers, "x-github-event"),
                })
            }
            Scheme::Stripe => stripe(secret, headers, body, now),
            Scheme::Slack => slack(secret, headers, body, now),
            Scheme::Sha256 => {
                let given = hex(required(headers, "x-webhook-signature")?.strip_prefix("sha256="));
                verify(secret.as_bytes(), body, &[given])?;
                Ok(Delivery { id: optional(headers, "x-idempotency-key"), kind: None })
            }
            Scheme::Twilio => twilio::check(secret, request),
        }
    }
}

pub(super) fn refused(why: &str) -> Error {
    Error::new(&code::SIGNATURE_INVALID, why)
        .help("sign with the secret that nexus.toml names for this webhook")
}

pub(super) fn optional(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

pub(super) fn required<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Error> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.ok_or_else(|| refused(&format!("the request has no header {name}")))
}

/// Whether a signature is one of this key over this text. Of several, one must fit: senders change keys that way.
fn verify(key: &[u8], text: &[u8], given: &[Option<Vec<u8>>]) -> Result<(), Error> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let fits = |tag: &Vec<u8>| hmac::verify(&key, text, tag).is_ok();
    if given.iter().flatten().any(fits) {
        Ok(())
    } else {
        Err(refused("the signature does not fit the body"))
    }
}

/// Refuses what was signed long ago: it may be an old request that somebody sends again.
fn fresh(seconds: &str, now: Timestamp) -> Result<(), Error> {
    let signed = seconds.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1_000));
    let signed = signed.ok_or_else(|| refused("the time of the signature is no number of seconds"))?;
    let off = now.millis().saturating_sub(signed).unsigned_abs();
    if u128::from(off) <= Duration::from_secs(SIGNATURE_SECONDS_MAX).as_millis() {
        return Ok(());
    }
    Err(refused(&format!("the signature is more than {SIGNATURE_SECONDS_MAX} s off the time of this server")))
}

pub(super) fn hex(text: Option<&str>) -> Option<Vec<u8>> {
    let text = text?.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    };
    text.chunks(2).map(pair).collect()
}

fn standard(secret: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Delivery, Error> {
    let id = required(headers, "webhook-id")?;
    let time = required(headers, "webhook-timestamp")?;
    fresh(time, now)?;
    let text = [id.as_bytes(), b".", time.as_bytes(), b".", body].concat();
    let given = required(headers, "webhook-signature")?.split(' ');
    let given: Vec<_> = given.map(|one| BASE64_STANDARD.decode(one.strip_prefix("v1,")?).ok()).collect();
    verify(&key_of(secret), &text, &given)?;
    Ok(Delivery { id: Some(id.to_owned()), kind: None })
}

fn stripe(secret: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Delivery, Error> {
    let parts: Vec<_> = required(headers, "stripe-signature")?
        .split(',')
        .filter_map(|part| part.trim().split_once('='))
        .collect();
    let time = parts.iter().find(|(name, _)| *name == "t").map_or("", |(_, time)| *time);
    fresh(time, now)?;
    let given: Vec<_> =
        parts.iter().filter(|(name, _)| *name == "v1").map(|(_, text)| hex(Some(text))).collect();
    verify(secret.as_bytes(), &[time.as_bytes(), b".", body].concat(), &given)?;
    let told: Json = reader::read(body).unwrap_or_default();
    let text = |name: &str| told.get(name).and_then(Json::as_str).map(str::to_owned);
    Ok(Delivery { id: text("id"), kind: text("type") })
}

fn slack(secret: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Delivery, Error> {
    let time = required(headers, "x-slack-request-timestamp")?;
    fresh(time, now)?;
    let given = hex(required(headers, "x-slack-signature")?.strip_prefix("v0="));
    verify(secret.as_bytes(), &[b"v0:", time.as_bytes(), b":", body].concat(), &[given])?;
    let told: Json = reader::read(body).unwrap_or_default();
    let text = |name: &str| told.get(name).and_then(Json::as_str).map(str::to_owned);
    Ok(Delivery {
        id: text("event_id"),
        kind: told.pointer("/event/type").and_then(Json::as_str).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::sign;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn incoming<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Incoming<'a> {
        Incoming { headers, body, url: "" }
    }

    fn hexed(secret: &str, text: &[u8]) -> String {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text);
        tag.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const SECRET: &str = "It's a Secret to Everybody";

    /// The example of GitHub's documentation.
    #[test]
    fn github() {
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let given = headers(&[
            ("x-hub-signature-256", signature),
            ("x-github-delivery", "d-1"),
            ("x-github-event", "push"),
        ]);
        let delivery = Scheme::GitHub.check(SECRET, incoming(&given, b"Hello, World!"), NOW).unwrap();
        assert_eq!(delivery, Delivery { id: Some("d-1".into()), kind: Some("push".into()) });
        for (body, secret) in [(&b"Hello, World"[..], SECRET), (b"Hello, World!", "guess")] {
            let error = Scheme::GitHub.check(secret, incoming(&given, body), NOW).unwrap_err();
            assert_eq!((error.code().id, error.code().http), ("NX-2601", 401));
        }
        assert!(Scheme::GitHub.check(SECRET, incoming(&headers(&[]), b"Hello, World!"), NOW).is_err());
        let odd = headers(&[("x-hub-signature-256", "sha256=757")]);
        assert!(Scheme::GitHub.check(SECRET, incoming(&odd, b"Hello, World!"), NOW).is_err());
    }

    #[test]
    fn what_we_sign_fits_and_grows_old() {
        let signed = sign("whsec_c2VjcmV0", "m-1", NOW, b"{}");
        let given = headers(&[
            ("webhook-id", &signed.id),
            ("webhook-timestamp", &signed.timestamp),
            ("webhook-signature", &format!("v1,AAAA {}", signed.signature)),
        ]);
        let check = |now, body: &[u8]| Scheme::Standard.check("whsec_c2VjcmV0", incoming(&given, body), now);
        assert_eq!(check(NOW, b"{}").unwrap().id.as_deref(), Some("m-1"));
        assert!(check(NOW.plus(Duration::from_mins(5)), b"{}").is_ok());
        assert!(check(NOW.plus(Duration::from_secs(301)), b"{}").is_err());
        assert!(check(Timestamp::from_millis(NOW.millis() - 301_000), b"{}").is_err());
        assert!(check(NOW, b"{ }").is_err());
    }

    #[test]
    fn stripe_and_slack_sign_the_time_as_well() {
        let body = br#"{"id":"evt_1","type":"invoice.paid"}"#;
        let good = hexed("s", &[b"1700000000.", &body[..]].concat());
        let given = headers(&[("stripe-signature", &format!("t=1700000000,v1=00,v1={good},v0=x"))]);
        let delivery = Scheme::Stripe.check("s", incoming(&given, body), NOW).unwrap();
        assert_eq!(delivery, Delivery { id: Some("evt_1".into()), kind: Some("invoice.paid".into()) });
        let other = headers(&[("stripe-signature", &format!("t=1700000001,v1={good}"))]);
        assert!(Scheme::Stripe.check("s", incoming(&other, body), NOW).is_err());

        let body = br#"{"event_id":"Ev1","event":{"type":"message"}}"#;
        let good = format!("v0={}", hexed("s", &[b"v0:1700000000:", &body[..]].concat()));
        let given = headers(&[("x-slack-request-timestamp", "1700000000"), ("x-slack-signature", &good)]);
        assert_eq!(
            Scheme::Slack.check("s", incoming(&given, body), NOW).unwrap().kind.as_deref(),
            Some("message")
        );
        assert!(Scheme::Slack.check("t", incoming(&given, body), NOW).is_err());
    }
}
