//! An identity provider that people go to: what it offers (`OpenID` Connect Discovery 1.0), the address where somebody logs
//! in, and its token endpoint (RFC 6749, 3.2).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::dangerous::insecure_decode_claims;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::secret::Secret;
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json, json};
use serde_json::Map;
use tokio::sync::Mutex;

use super::begun::Question;
use super::record::Kept;
use super::site::is_private;
use crate::identity::token::Fetch;
use crate::limits::{LOGIN_PAUSE_SECONDS, LOGIN_TEXT_BYTES_MAX, PROVIDER_KEPT_MINUTES};

/// Talks to identity providers.
pub trait Desk: Fetch {
    /// Posts a form to this address, with an `Authorization` header where one is given. Errors: in words, for the log.
    fn post<'a>(
        &'a self,
        url: &'a str,
        form: String,
        authorization: Option<String>,
    ) -> BoxFuture<'a, Result<Posted, String>>;
}

/// What a provider answers to a form.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// An issuer where people log in for this server.
#[derive(Debug, Clone)]
pub struct ClientSpec {
    /// What it is called here.
    pub name: String,
    /// Its name in tokens, an address.
    pub issuer: String,
    /// What this server is known as there.
    pub client_id: String,
    /// What proves that, where the issuer wants a proof.
    pub client_secret: Option<Secret>,
    /// What is asked for.
    pub scope: String,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoToken {
    /// The provider does not give one.
    Refused(String),
    /// The provider does not answer as one does.
    Unavailable(String),
}

/// The fields of a form.
type Fields<'a> = [(&'a str, &'a str)];

/// An issuer, and what it offers.
pub(super) struct Client {
    pub(super) spec: ClientSpec,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    metadata: Option<(Json, Timestamp)>,
    asked: Option<Timestamp>,
}

impl Client {
    pub(super) fn new(spec: ClientSpec) -> Client {
        Client { spec, held: Mutex::default() }
    }

    /// What it offers. Asked for one at a time, and not twice in a moment: anybody can begin a login.
    async fn metadata(&self, desk: &dyn Desk, clock: &SharedClock) -> Result<Json, String> {
        let mut held = self.held.lock().await;
        let now = clock.now();
        let is_fresh = |at: Timestamp, for_: Duration| at <= now && now.since(at) < for_;
        if let Some((metadata, at)) = &held.metadata
            && is_fresh(*at, Duration::from_secs(PROVIDER_KEPT_MINUTES * 60))
        {
            return Ok(metadata.clone());
        }
        if held.asked.is_some_and(|at| is_fresh(at, Duration::from_secs(LOGIN_PAUSE_SECONDS))) {
            return Err("it could not be asked a moment ago".to_owned());
        }
        held.asked = Some(now);
        let metadata = self.discover(desk).await?;
        held.metadata = Some((metadata.clone(), now));
        held.asked = None;
        Ok(metadata)
    }

    async fn discover(&self, desk: &dyn Desk) -> Result<Json, String> {
        let issuer = &self.spec.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let body = desk.fetch(&url).await?.body;
        let metadata = json::read(&body).map_err(|error| format!("{url} is no JSON: {error}"))?;
        if metadata.get("issuer").and_then(Json::as_str) != Some(issuer) {
            return Err(format!("{url} is about another issuer"));
        }
        Ok(metadata)
    }

    /// Where somebody logs in for this resource.
    pub(super) async fn page(
        &self,
        desk: &dyn Desk,
        clock: &SharedClock,
        (question, state, resource): (&Question, &str, &str),
    ) -> Result<String, String> {
        let metadata = self.metadata(desk, clock).await?;
        let url = endpoint(&metadata, "authorization_endpoint")?;
        let challenge = question.challenge();
        let fields = form(&[
            ("response_type", "code"),
            ("client_id", &self.spec.client_id),
            ("redirect_uri", &question.here),
            ("scope", &self.spec.scope),
            ("state", state),
            ("nonce", &question.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("resource", resource),
            ("audience", resource),
        ]);
        let joint = if url.contains('?') { '&' } else { '?' };
        Ok(format!("{url}{joint}{fields}"))
    }

    /// Whether an answer is this provider's (RFC 9207, 2.4).
    pub(super) async fn is_from(&self, desk: &dyn Desk, clock: &SharedClock, named: Option<&str>) -> bool {
        let Some(named) = named else {
            let metadata = self.metadata(desk, clock).await.unwrap_or_default();
            let always = metadata.get("authorization_response_iss_parameter_supported");
            return always != Some(&Json::Bool(true));
        };
        named == self.spec.issuer
    }

    /// The tokens for a code.
    pub(super) async fn exchange(
        &self,
        desk: &dyn Desk,
        clock: &SharedClock,
        (question, code, resource): (&Question, &str, &str),
    ) -> Result<Kept, NoToken> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &question.here),
            ("code_verifier", &question.verifier),
            ("resource", resource),
        ];
        let said = self.token(desk, clock, &fields).await?;
        if let Some(id_token) = said.get("id_token") {
            self.check_id(id_token.as_str().unwrap_or_default(), &question.nonce)?;
        }
        kept(&said, None)
    }

    /// Other tokens for the same login (RFC 6749, 6).
    pub(super) async fn renew(
        &self,
        desk: &dyn Desk,
        clock: &SharedClock,
        refresh_token: &str,
    ) -> Result<Kept, NoToken> {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        let said = self.token(desk, clock, &fields).await?;
        kept(&said, Some(refresh_token))
    }

    async fn token(
        &self,
        desk: &dyn Desk,
        clock: &SharedClock,
        fields: &Fields<'_>,
    ) -> Result<Json, NoToken> {
        let metadata = self.metadata(desk, clock).await.map_err(NoToken::Unavailable)?;
        let url = endpoint(&metadata, "token_endpoint").map_err(NoToken::Unavailable)?;
        let (fields, authorization) = self.proven(&metadata, fields);
        let posted = desk.post(url, fields, authorization).await.map_err(NoToken::Unavailable)?;
        let said = json::read(&posted.body).unwrap_or_default();
        match said.get("error").and_then(Json::as_str) {
            // What is said in a server's own trouble is said about nobody's login.
            Some(error) if posted.status < 500 => Err(NoToken::Refused(told(error))),
            None if posted.status == 200 => Ok(said),
            _ => Err(NoToken::Unavailable(format!("{url} answered {}", posted.status))),
        }
    }

    /// The form with what proves who asks (RFC 6749, 2.3.1), which is in a header unless the provider knows no such one.
    fn proven(&self, metadata: &Json, fields: &Fields<'_>) -> (String, Option<String>) {
        let id = ("client_id", self.spec.client_id.as_str());
        let Some(secret) = &self.spec.client_secret else { return (form(&[fields, &[id]].concat()), None) };
        let ways = metadata.get("token_endpoint_auth_methods_supported").and_then(Json::as_array);
        let knows = |way: &str| ways.is_some_and(|ways| ways.iter().any(|known| known == way));
        if knows("client_secret_post") && !knows("client_secret_basic") {
            return (form(&[fields, &[id, ("client_secret", secret.reveal())]].concat()), None);
        }
        let pair = format!("{}:{}", encoded(&self.spec.client_id), encoded(secret.reveal()));
        (form(fields), Some(format!("Basic {}", STANDARD.encode(pair))))
    }

    /// Looks whether an id token is one for this question. It came from the provider itself, over a connection that nobody
    /// reads along, so that its signature says nothing more (`OpenID` Connect Core 1.0, 3.1.3.7).
    fn check_id(&self, token: &str, nonce: &str) -> Result<(), NoToken> {
        let claims = insecure_decode_claims::<Map<String, Json>>(token).unwrap_or_default();
        let is = |name: &str, wanted: &str| claims.get(name).and_then(Json::as_str) == Some(wanted);
        let is_for_us = match claims.get("aud") {
            Some(Json::Array(all)) => all.iter().any(|one| one == &self.spec.client_id),
            _ => is("aud", &self.spec.client_id),
        };
        let is_ours = is("iss", &self.spec.issuer) && is("nonce", nonce) && is_for_us;
        is_ours.then_some(()).ok_or_else(|| NoToken::Refused("its id token is for another login".to_owned()))
    }
}

/// What the answer of a token endpoint grants (RFC 6749, 5.1).
fn kept(said: &Json, before: Option<&str>) -> Result<Kept, NoToken> {
    let text = |name: &str| said.get(name).and_then(Json::as_str);
    let is_bearer = text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    let token = text("access_token").filter(|_| is_bearer);
    let token = token.ok_or_else(|| NoToken::Refused("it gave no token for bearers".to_owned()))?;
    let refresh_token = text("refresh_token").or(before).map(ToOwned::to_owned);
    Ok(Kept { token: token.to_owned(), refresh_token })
}

fn endpoint<'a>(metadata: &'a Json, name: &str) -> Result<&'a str, String> {
    let url = metadata.get(name).and_then(Json::as_str).ok_or_else(|| format!("it has no {name}"))?;
    // It goes into a header as it is.
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains('#');
    if is_plain && is_private(url) { Ok(url) } else { Err(format!("its {name} is no secure address")) }
}

/// A provider's word, as it is repeated.
pub(super) fn told(word: &str) -> String {
    word.chars().filter(|it| !it.is_control()).take(100).collect()
}

/// Fields as forms and queries have them.
pub(crate) fn form(fields: &Fields<'_>) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// A text in which nothing means anything to addresses and forms.
pub(crate) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}"); // a string takes everything
        }
    }
    encoded
}

/// Whether a field of an answer is of a size that such fields have.
pub(crate) fn is_short(text: &str) -> bool {
    text.len() <= LOGIN_TEXT_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn client(client_secret: Option<&str>) -> Client {
        Client::new(ClientSpec {
            name: "acme".to_owned(),
            issuer: "https://id.example.com".to_owned(),
            client_id: "web app".to_owned(),
            client_secret: client_secret.map(Secret::new),
            scope: "openid".to_owned(),
        })
    }

    #[test]
    fn a_client_proves_itself_as_the_provider_wants_it() {
        let fields = [("code", "a+b&c")];
        assert_eq!(
            client(None).proven(&Json::Null, &fields),
            ("code=a%2Bb%26c&client_id=web%20app".to_owned(), None)
        );
        let (form, header) = client(Some("s:1")).proven(&Json::Null, &fields);
        let expected = format!("Basic {}", STANDARD.encode("web%20app:s%3A1"));
        assert_eq!((form.as_str(), header), ("code=a%2Bb%26c", Some(expected)));
        let post = json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] });
        let (form, header) = client(Some("s:1")).proven(&post, &fields);
        assert_eq!((form.as_str(), header), ("code=a%2Bb%26c&client_id=web%20app&client_secret=s%3A1", None));
    }

    #[test]
    fn an_id_token_for_another_login_ends_this_one() {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let good = json!({ "iss": "https://id.example.com", "aud": "web app", "nonce": "n" });
        let check = |claims: &Json| {
            let part = |text: String| URL_SAFE_NO_PAD.encode(text);
            let token =
                format!("{}.{}.c2ln", part("{\"alg\":\"ES256\"}".to_owned()), part(claims.to_string()));
            client(None).check_id(&token, "n").is_ok()
        };
        assert!(check(&good));
        let with = |name: &str, value: Json| {
            let mut claims = good.clone();
            claims[name] = value;
            claims
        };
        assert!(check(&with("aud", json!(["other", "web app"]))));
        for (name, value) in [
            ("nonce", json!("m")),
            ("nonce", Json::Null),
            ("aud", json!("other")),
            ("iss", json!("https://evil.example")),
        ] {
            assert!(!check(&with(name, value)), "{name}");
        }
        assert!(client(None).check_id("nonsense", "n").is_err());
    }

    #[test]
    fn endpoints_are_addresses_that_nobody_reads_along() {
        let of = |url: &str| endpoint(&json!({ "e": url }), "e").is_ok();
        assert!(of("https://id.example.com/a?x=1") && of("http://127.0.0.1:9/token"));
        for url in [
            "http://id.example.com/a",
            "javascript:alert(1)",
            "https://id.example.com/a b",
            "https://a/\r\nx",
            "/a",
        ] {
            assert!(!of(url), "{url}");
        }
    }
}
