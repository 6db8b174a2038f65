//! An identity provider on the loopback: it publishes keys, and whoever has them signs tokens.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value as Json, json};

/// A key of the provider.
pub(super) struct Signer {
    id: String,
    key: EcdsaKeyPair,
}

impl Signer {
    pub(super) fn new(id: &str) -> Signer {
        let rng = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &rng).unwrap();
        Signer { id: id.to_owned(), key }
    }

    pub(super) fn token(&self, claims: &Json) -> String {
        let part = |value: &Json| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({ "alg": "ES256", "kid": self.id, "typ": "at+jwt" });
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn jwk(&self) -> Json {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y), "kid": self.id, "use": "sig", "alg": "ES256" })
    }
}

/// The provider.
pub(super) struct Provider {
    pub(super) url: String,
    keys: Arc<Mutex<Json>>,
}

impl Provider {
    pub(super) fn start(keys: &[&Signer]) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let provider = Provider { url: url.clone(), keys: Arc::default() };
        provider.publish(keys);
        let published = Arc::clone(&provider.keys);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let Some(Ok(first)) = lines.next() else { continue };
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                let document = match first.split(' ').nth(1).unwrap_or_default() {
                    "/.well-known/openid-configuration" => {
                        json!({ "issuer": url, "jwks_uri": format!("{url}/keys") })
                    }
                    "/keys" => published.lock().unwrap().clone(),
                    _ => Json::Null,
                };
                let (status, body) = if document.is_null() {
                    ("404 Not Found", String::new())
                } else {
                    ("200 OK", document.to_string())
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all((head + &body).as_bytes());
            }
        });
        provider
    }

    /// Publishes these keys instead of those before.
    pub(super) fn publish(&self, keys: &[&Signer]) {
        *self.keys.lock().unwrap() = json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() });
    }
}
