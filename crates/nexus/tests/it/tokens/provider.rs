//! An identity provider on the loopback: it publishes keys, and whoever has them signs tokens.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value as Json, json};

/// A key of the provider.
pub(crate) struct Signer {
    id: String,
    key: EcdsaKeyPair,
}

impl Signer {
    pub(crate) fn new(id: &str) -> Signer {
        let rng = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &rng).unwrap();
        Signer { id: id.to_owned(), key }
    }

    pub(crate) fn token(&self, claims: &Json) -> String {
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
pub(crate) struct Provider {
    pub(crate) url: String,
    keys: Arc<Mutex<Json>>,
    /// Forms that were posted, by path, and what the next ones are answered.
    pub(super) desk: Arc<Mutex<Desk>>,
}

/// Where logins are carried out.
#[derive(Default)]
pub(super) struct Desk {
    /// What was posted, with the path in front.
    pub(super) posted: Vec<(String, BTreeMap<String, String>)>,
    /// What the posts that come are answered, in order: a status and a document.
    pub(super) answers: VecDeque<(u16, Json)>,
}

impl Provider {
    pub(crate) fn start(keys: &[&Signer]) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let provider = Provider { url, keys: Arc::default(), desk: Arc::default() };
        provider.publish(keys);
        let serving = Provider {
            url: provider.url.clone(),
            keys: Arc::clone(&provider.keys),
            desk: Arc::clone(&provider.desk),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serving.serve(stream.unwrap());
            }
        });
        provider
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut first, mut length) = (String::new(), 0);
        if reader.read_line(&mut first).is_err() {
            return;
        }
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).is_err() || line.trim().is_empty() {
                break;
            }
            if let Some(given) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = given.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (status, document) = match method {
            "POST" => self.posted(path, &String::from_utf8(body).unwrap()),
            _ => (200, self.document(path)),
        };
        let status = if document.is_null() { 404 } else { status };
        let body = document.to_string();
        let head =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        let _ = stream.write_all((head + &body).as_bytes());
    }

    fn document(&self, path: &str) -> Json {
        let at = |path: &str| format!("{}{path}", self.url);
        match path {
            "/.well-known/openid-configuration" => json!({
                "issuer": self.url,
                "jwks_uri": at("/keys"),
                "authorization_endpoint": at("/authorize"),
                "token_endpoint": at("/token"),
                "device_authorization_endpoint": at("/device"),
            }),
            "/keys" => self.keys.lock().unwrap().clone(),
            _ => Json::Null,
        }
    }

    fn posted(&self, path: &str, form: &str) -> (u16, Json) {
        let mut desk = self.desk.lock().unwrap();
        desk.posted.push((path.to_owned(), fields(form)));
        desk.answers.pop_front().unwrap_or((404, Json::Null))
    }

    /// Publishes these keys instead of those before.
    pub(super) fn publish(&self, keys: &[&Signer]) {
        *self.keys.lock().unwrap() = json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() });
    }
}

/// The fields of a form or a query.
pub(super) fn fields(form: &str) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://form/?{form}")).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}
