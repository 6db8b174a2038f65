//! Signatures of webhooks that are sent, as
//! [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks) asks: over id, time and body.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nexus_kernel::time::Timestamp;
use ring::hmac;

/// The headers of a signed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// `webhook-id`: the same for every attempt.
    pub id: String,
    /// `webhook-timestamp`: seconds since 1970 of this attempt.
    pub timestamp: String,
    /// `webhook-signature`.
    pub signature: String,
}

/// Signs a body.
pub fn sign(secret: &str, id: &str, now: Timestamp, body: &[u8]) -> Signed {
    let timestamp = (now.millis() / 1_000).to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key_of(secret));
    let tag = hmac::sign(&key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat());
    let signature = format!("v1,{}", BASE64_STANDARD.encode(tag.as_ref()));
    Signed { id: id.to_owned(), timestamp, signature }
}

/// A secret that begins with `whsec_` is written in base 64; any other is taken as it is.
pub(super) fn key_of(secret: &str) -> Vec<u8> {
    let decoded = secret.strip_prefix("whsec_").and_then(|text| BASE64_STANDARD.decode(text).ok());
    decoded.unwrap_or_else(|| secret.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn the_signature_is_that_of_the_specification() {
        let body = br#"{"test": 2432232314}"#;
        let signed = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            Timestamp::from_millis(1_614_265_330_000),
            body,
        );
        assert_eq!(signed.signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
