//! Twilio's signature: HMAC with SHA-1, keyed with the account's token, over the address and what was posted (Twilio's page
//! "Validating requests"). Fields of a form are put behind the address in the order of their names; of any other body its
//! SHA-256 is in the query, and so under the signature.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nexus_kernel::error::Error;
use ring::{digest, hmac};

use super::inbound::form;
use super::scheme::{Delivery, Incoming, hex, optional, refused, required};

/// Checks a request.
pub(super) fn check(token: &str, request: Incoming<'_>) -> Result<Delivery, Error> {
    let given = BASE64_STANDARD.decode(required(request.headers, "x-twilio-signature")?).ok();
    let text = match sha256_of(request.url) {
        Some(told) => {
            let found = digest::digest(&digest::SHA256, request.body);
            if hex(Some(told)).as_deref() != Some(found.as_ref()) {
                return Err(refused("bodySHA256 of the query is not that of the body"));
            }
            request.url.to_owned()
        }
        None => format!("{}{}", request.url, fields(request.body)?),
    };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    if given.is_none_or(|given| hmac::verify(&key, text.as_bytes(), &given).is_err()) {
        return Err(refused("the signature does not fit the address and the body")
            .help("`url` in nexus.toml must be the address as it is set at Twilio, letter for letter"));
    }
    // Twilio says nothing of the kind; requests are of the one kind that the address was set for.
    Ok(Delivery { id: optional(request.headers, "i-twilio-idempotency-token"), kind: None })
}

fn sha256_of(url: &str) -> Option<&str> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("bodySHA256="))
}

/// The fields of a form by their names, each name with its value behind it and nothing between. A pair that is there
/// twice counts once, as in Twilio's libraries.
fn fields(body: &[u8]) -> Result<String, Error> {
    let text = std::str::from_utf8(body).ok();
    let mut pairs = text.and_then(form).ok_or_else(|| refused("the body is no form"))?;
    pairs.sort();
    pairs.dedup();
    Ok(pairs.into_iter().flat_map(|(name, value)| [name, value]).collect())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    const URL: &str = concat!("https://", "mycompany.com/myapp.php?foo=1&bar=2"); // the signature is over this host
    const TOKEN: &str = "12345";
    const FORM: &str =
        "Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE";

    fn ask(signature: &str, url: &str, body: &str) -> Result<Delivery, Error> {
        let mut headers = HeaderMap::new();
        headers.insert("x-twilio-signature", signature.parse().unwrap());
        headers.insert("i-twilio-idempotency-token", "t-1".parse().unwrap());
        check(TOKEN, Incoming { headers: &headers, body: body.as_bytes(), url })
    }

    fn sign(text: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN.as_bytes());
        BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()))
    }

    /// The example of Twilio's documentation and libraries.
    #[test]
    fn a_form() {
        let good = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
        assert_eq!(ask(good, URL, FORM).unwrap().id.as_deref(), Some("t-1"));
        for (signature, url, body) in [
            (good, "https://example.com/myapp.php?foo=1&bar=2", FORM),
            (good, URL, "Digits=1235"),
            ("RSOYDt4T1cUTdK1PDd93/VVr8B9=", URL, FORM),
            ("?", URL, FORM),
        ] {
            assert_eq!(ask(signature, url, body).unwrap_err().code().id, "NX-2601");
        }
    }

    #[test]
    fn a_body_of_json() {
        let body = "{\"a\":1}";
        let hash = digest::digest(&digest::SHA256, body.as_bytes());
        let hash = hash.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let url = format!("https://example.com/hook?bodySHA256={hash}");
        ask(&sign(&url), &url, body).unwrap();
        assert!(ask(&sign(&url), &url, "{\"a\":2}").is_err(), "the address is signed, the body is another");
    }
}
