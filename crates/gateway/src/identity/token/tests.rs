//! Tokens as issuers make them and as others would like to have made them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::{BoxFuture, Json};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair,
};
use ring::{hmac, signature::RsaEncoding};
use serde_json::json;

use super::*;
use crate::policy::Roles;

const ISSUER: &str = "https://id.example.com";
const NOW: i64 = 1_800_000_000;
const SECRET: &[u8] = b"a secret of thirty-two bytes or more";

/// A key made for these tests, and used for nothing else.
const RSA: &[u8] = include_bytes!("testing/rsa.pk8");

/// What an issuer signs with.
enum Signer {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Hmac(hmac::Key),
}

impl Signer {
    fn of(algorithm: &str) -> Signer {
        let rng = SystemRandom::new();
        let ec = |curve: &'static EcdsaSigningAlgorithm| {
            let document = EcdsaKeyPair::generate_pkcs8(curve, &rng).unwrap();
            Signer::Ec(EcdsaKeyPair::from_pkcs8(curve, document.as_ref(), &rng).unwrap())
        };
        let rsa = |padding| Signer::Rsa(RsaKeyPair::from_pkcs8(RSA).unwrap(), padding);
        match algorithm {
            "ES256" => ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            "EdDSA" => {
                let document = Ed25519KeyPair::generate_pkcs8(&rng).unwrap();
                Signer::Ed(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
            }
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "RS384" => rsa(&RSA_PKCS1_SHA384),
            "RS512" => rsa(&RSA_PKCS1_SHA512),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "PS384" => rsa(&RSA_PSS_SHA384),
            "PS512" => rsa(&RSA_PSS_SHA512),
            "HS256" => Signer::Hmac(hmac::Key::new(hmac::HMAC_SHA256, SECRET)),
            "HS384" => Signer::Hmac(hmac::Key::new(hmac::HMAC_SHA384, SECRET)),
            "HS512" => Signer::Hmac(hmac::Key::new(hmac::HMAC_SHA512, SECRET)),
            other => panic!("{other}"),
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let rng = SystemRandom::new();
        match self {
            Signer::Ec(key) => key.sign(&rng, message).unwrap().as_ref().to_vec(),
            Signer::Ed(key) => key.sign(message).as_ref().to_vec(),
            Signer::Rsa(key, padding) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(*padding, &rng, message, &mut signature).unwrap();
                signature
            }
            Signer::Hmac(key) => hmac::sign(key, message).as_ref().to_vec(),
        }
    }

    /// The public key as an entry of a JWK set.
    fn jwk(&self, id: &str) -> Json {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Signer::Ec(key) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": curve, "x": text(x), "y": text(y), "kid": id })
            }
            Signer::Ed(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": text(key.public_key().as_ref()), "kid": id })
            }
            Signer::Rsa(key, _) => {
                let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({ "kty": "RSA", "n": text(&public.n), "e": text(&public.e), "kid": id, "use": "sig" })
            }
            Signer::Hmac(_) => json!({ "kty": "oct", "k": text(SECRET), "kid": id }),
        }
    }

    fn token(&self, header: &Json, claims: &Json) -> String {
        let part = |value: &Json| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.sign(message.as_bytes())))
    }
}

fn claims() -> Json {
    json!({ "iss": ISSUER, "aud": "nexus", "sub": "ann", "exp": NOW + 600, "roles": ["viewer"] })
}

fn with(mut claims: Json, name: &str, value: Json) -> Json {
    claims[name] = value;
    claims
}

fn spec(algorithms: &[&str], keys: KeysAt) -> IssuerSpec {
    IssuerSpec {
        name: "acme".to_owned(),
        issuer: ISSUER.to_owned(),
        audiences: vec!["nexus".to_owned()],
        algorithms: algorithms.iter().map(|name| name.parse().unwrap()).collect(),
        skew: Duration::from_secs(30),
        age_max: None,
        mapping: Mapping::default(),
        keys,
        client_id: None,
    }
}

/// An identity provider in memory.
#[derive(Default)]
struct Provider {
    documents: Mutex<BTreeMap<String, Json>>,
    asked: AtomicUsize,
}

impl Provider {
    fn put(&self, url: &str, document: Json) {
        self.documents.lock().unwrap().insert(url.to_owned(), document);
    }

    fn go_down(&self) {
        self.documents.lock().unwrap().clear();
    }
}

impl Fetch for Provider {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Fetched, String>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let found = self.documents.lock().unwrap().get(url).cloned();
        Box::pin(async move {
            let document = found.ok_or_else(|| format!("{url} cannot be reached"))?;
            Ok(Fetched { body: document.to_string().into_bytes(), fresh: None })
        })
    }
}

struct World {
    clock: SimClock,
    provider: Arc<Provider>,
    tokens: Tokens,
}

const KEYS: &str = "https://id.example.com/keys";

impl World {
    fn new(spec: IssuerSpec) -> World {
        let clock = SimClock::at(Timestamp::from_millis(NOW * 1_000));
        let provider = Arc::new(Provider::default());
        let roles = LiveRoles::new(Roles::new(&BTreeMap::new()).unwrap());
        let tokens = Tokens::new(provider.clone(), Arc::new(clock.clone()), roles);
        tokens.follow(vec![spec]);
        World { clock, provider, tokens }
    }

    /// A world whose issuer publishes this key.
    fn publishing(signer: &Signer, algorithms: &[&str]) -> World {
        let world = World::new(spec(algorithms, KeysAt::Url(KEYS.to_owned())));
        world.provider.put(KEYS, json!({ "keys": [signer.jwk("a")] }));
        world
    }

    /// Who the token proves its caller to be, or the code of the refusal.
    async fn who(&self, token: &str) -> Result<String, &'static str> {
        self.tokens
            .caller(token)
            .await
            .map(|caller| caller.identity.to_string())
            .map_err(|error| error.code().id)
    }

    fn asked(&self) -> usize {
        self.provider.asked.load(Ordering::SeqCst)
    }
}

fn is_ann(found: Result<String, &'static str>) -> bool {
    found.as_deref() == Ok("token:acme:ann")
}

#[tokio::test]
async fn every_algorithm_is_checked_and_a_changed_bit_is_seen() {
    for algorithm in ["ES256", "ES384", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        let signer = Signer::of(algorithm);
        let world = World::publishing(&signer, &[algorithm]);
        let token = signer.token(&json!({ "alg": algorithm, "kid": "a" }), &claims());
        assert!(is_ann(world.who(&token).await), "{algorithm}");
        let (message, signature) = token.rsplit_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        bytes[7] ^= 1;
        let forged = format!("{message}.{}", URL_SAFE_NO_PAD.encode(bytes));
        assert_eq!(world.who(&forged).await, Err("NX-2015"), "{algorithm}");
        let of_others = Signer::of(if algorithm == "EdDSA" { "EdDSA" } else { "ES256" });
        let stolen = of_others.token(&json!({ "alg": algorithm, "kid": "a" }), &claims());
        assert_eq!(world.who(&stolen).await, Err("NX-2015"), "{algorithm}");
    }
    for algorithm in ["HS256", "HS384", "HS512"] {
        let key = KeySet::of(DecodingKey::from_secret(SECRET));
        let world = World::new(spec(&[algorithm], KeysAt::Here(key)));
        let token = Signer::of(algorithm).token(&json!({ "alg": algorithm }), &claims());
        assert!(is_ann(world.who(&token).await), "{algorithm}");
        let other = hmac::Key::new(hmac::HMAC_SHA256, b"another secret of thirty-two bytes");
        let forged = Signer::Hmac(other).token(&json!({ "alg": algorithm }), &claims());
        assert_eq!(world.who(&forged).await, Err("NX-2015"), "{algorithm}");
    }
}

/// The ways of RFC 8725, 2: what a token says of its own signature is never believed.
#[tokio::test]
async fn a_token_does_not_choose_how_it_is_checked() {
    let signer = Signer::of("RS256");
    let world = World::publishing(&signer, &["RS256", "ES256"]);
    let part = |value: &Json| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims()));
    assert_eq!(world.who(&unsigned).await, Err("NX-2015"));
    // The public key as a secret.
    let modulus = signer.jwk("a")["n"].as_str().unwrap().to_owned();
    let confused = Signer::Hmac(hmac::Key::new(hmac::HMAC_SHA256, modulus.as_bytes()));
    let token = confused.token(&json!({ "alg": "HS256", "kid": "a" }), &claims());
    assert_eq!(world.who(&token).await, Err("NX-2015"));
    // A key of the token's own.
    let own = Signer::of("ES256");
    for header in [
        json!({ "alg": "ES256", "jwk": own.jwk("b") }),
        json!({ "alg": "ES256", "kid": "b", "jku": "https://evil.example.com/keys" }),
        json!({ "alg": "ES256", "kid": "../../dev/null" }),
        json!({ "alg": "RS256", "kid": "a", "crit": ["exp"] }),
        json!({ "alg": "RS256", "kid": "a", "zip": "DEF" }),
        json!({ "alg": "RS256", "kid": "a", "typ": "logout+jwt" }),
        json!({ "alg": "PS256", "kid": "a" }),
    ] {
        let signing = if header["alg"] == "ES256" { &own } else { &signer };
        assert_eq!(world.who(&signing.token(&header, &claims())).await, Err("NX-2015"), "{header}");
    }
    for kind in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        let token = signer.token(&json!({ "alg": "RS256", "typ": kind }), &claims());
        assert!(is_ann(world.who(&token).await), "{kind}");
    }
}

#[tokio::test]
async fn a_token_for_somebody_else_or_of_somebody_else_is_refused() {
    let signer = Signer::of("ES256");
    let world = World::publishing(&signer, &["ES256"]);
    let header = json!({ "alg": "ES256", "kid": "a" });
    for (name, value) in [
        ("aud", json!("other")),
        ("aud", json!(["other", "another"])),
        ("aud", json!([])),
        ("aud", Json::Null),
        ("aud", json!("nexus.evil.example.com")),
        ("iss", json!("https://evil.example.com")),
        ("iss", json!([ISSUER])),
        ("iss", json!(format!("{ISSUER}/"))),
        ("exp", json!(NOW - 30)),
        ("exp", Json::Null),
        ("nbf", json!(NOW + 31)),
        ("sub", Json::Null),
    ] {
        let token = signer.token(&header, &with(claims(), name, value.clone()));
        assert_eq!(world.who(&token).await, Err("NX-2015"), "{name} {value}");
    }
    let several = signer.token(&header, &with(claims(), "aud", json!(["other", "nexus"])));
    assert!(is_ann(world.who(&several).await));
    for nonsense in ["", "a", "a.b", "a.b.c", "..", &"x".repeat(9_000), "e30.e30.e30"] {
        assert_eq!(world.who(nonsense).await, Err("NX-2015"), "{nonsense:.9}");
    }
}

#[tokio::test]
async fn a_checked_token_ends_with_its_time_and_with_its_issuer() {
    let signer = Signer::of("ES256");
    let world = World::publishing(&signer, &["ES256"]);
    let token = signer.token(&json!({ "alg": "ES256", "kid": "a" }), &claims());
    assert!(is_ann(world.who(&token).await) && is_ann(world.who(&token).await));
    assert_eq!(world.asked(), 1);
    world.clock.advance(Duration::from_secs(629));
    assert!(is_ann(world.who(&token).await), "within the skew");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.who(&token).await, Err("NX-2015"));
    let token = signer.token(&json!({ "alg": "ES256" }), &with(claims(), "exp", json!(NOW + 9_000)));
    assert!(is_ann(world.who(&token).await));
    world.tokens.follow(Vec::new());
    assert_eq!(world.who(&token).await, Err("NX-2015"), "nobody vouches for it any more");
}

#[tokio::test]
async fn keys_rotate_and_unknown_ones_are_asked_for_rarely() {
    let (old, new) = (Signer::of("ES256"), Signer::of("ES256"));
    let world = World::publishing(&old, &["ES256"]);
    let of_old =
        old.token(&json!({ "alg": "ES256", "kid": "a" }), &with(claims(), "exp", json!(NOW + 99_999)));
    let of_new =
        new.token(&json!({ "alg": "ES256", "kid": "b" }), &with(claims(), "exp", json!(NOW + 99_999)));
    assert!(is_ann(world.who(&of_old).await));
    // Made up ids cost one request in half a minute, however many there are.
    for number in 0..500 {
        let token = new.token(&json!({ "alg": "ES256", "kid": format!("made-up-{number}") }), &claims());
        assert_eq!(world.who(&token).await, Err("NX-2015"));
    }
    assert_eq!(world.asked(), 1);
    world.clock.advance(Duration::from_secs(31));
    assert_eq!(world.who(&of_new).await, Err("NX-2015"), "it is not published yet");
    assert_eq!(world.asked(), 2);
    world.provider.put(KEYS, json!({ "keys": [old.jwk("a"), new.jwk("b")] }));
    world.clock.advance(Duration::from_secs(31));
    assert!(is_ann(world.who(&of_new).await) && is_ann(world.who(&of_old).await));
    // A key that its issuer takes back is good for nothing once that is known, also for tokens that were checked before.
    world.provider.put(KEYS, json!({ "keys": [new.jwk("b")] }));
    world.clock.advance(Duration::from_secs(3_601));
    world.tokens.issuers()[0].keys.version();
    while world.asked() < 4 {
        tokio::task::yield_now().await;
    }
    assert!(is_ann(world.who(&of_new).await));
    assert_eq!(world.who(&of_old).await, Err("NX-2015"));
}

#[tokio::test]
async fn a_provider_that_is_down_harms_nobody_for_a_day() {
    let signer = Signer::of("ES256");
    let world = World::publishing(&signer, &["ES256"]);
    let token = |kid: &str| {
        signer.token(&json!({ "alg": "ES256", "kid": kid }), &with(claims(), "exp", json!(NOW + 999_999)))
    };
    assert!(is_ann(world.who(&token("a")).await));
    world.provider.go_down();
    world.clock.advance(Duration::from_hours(24));
    assert!(is_ann(world.who(&token("a")).await), "the keys of yesterday");
    world.clock.advance(Duration::from_hours(1));
    assert_eq!(world.who(&token("a")).await, Err("NX-2019"), "they are too old, whoever was let in before");
    world.provider.put(KEYS, json!({ "keys": [signer.jwk("a")] }));
    world.clock.advance(Duration::from_secs(31));
    assert!(is_ann(world.who(&token("a")).await), "it came back");
}

#[tokio::test]
async fn without_keys_nobody_is_let_in() {
    let signer = Signer::of("ES256");
    let world = World::new(spec(&["ES256"], KeysAt::Discovered));
    let token = signer.token(&json!({ "alg": "ES256" }), &claims());
    assert_eq!(world.who(&token).await, Err("NX-2019"));
    let metadata = "https://id.example.com/.well-known/openid-configuration";
    for (document, expected) in [
        (json!({ "issuer": "https://evil.example.com", "jwks_uri": KEYS }), Err("NX-2019")),
        (json!({ "issuer": ISSUER }), Err("NX-2019")),
        (json!({ "issuer": ISSUER, "jwks_uri": KEYS }), Ok("token:acme:ann".to_owned())),
    ] {
        world.provider.put(metadata, document.clone());
        world.provider.put(KEYS, json!({ "keys": [signer.jwk("a")] }));
        world.clock.advance(Duration::from_secs(2));
        assert_eq!(world.who(&token).await, expected, "{document}");
    }
}
