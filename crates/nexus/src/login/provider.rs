//! An identity provider: what it offers (`OpenID` Connect Discovery 1.0), and its token endpoint (RFC 6749, 3.2).

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_kernel::port::clock::{Clock as _, SystemClock};
use reqwest::{Client, Url};

use super::{Granted, Login, failed, now};
use crate::client::place::Ca;
use crate::config::issuer::is_private;
use crate::outbound::tls::{self, Fault};
use crate::profile::Secret;

/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// How long an answer may take, in seconds.
const ANSWER_SECONDS_MAX: u64 = 15;

/// One provider, and what we are known as there.
pub struct Provider {
    http: Client,
    issuer: String,
    pub(super) client_id: String,
    metadata: Json,
}

/// What an endpoint says: what was asked for, or the `error` of RFC 6749, 5.2.
pub(super) type Said = Result<Json, String>;

impl Provider {
    /// Asks an issuer what it offers. `ca` names authorities to trust beside the system's.
    pub async fn discover(issuer: &str, client_id: &str, ca: Option<&Ca>) -> Result<Provider, Error> {
        let http = client(issuer, ca)?;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let (status, metadata) = answer(&http, http.get(secure(&url)?)).await?;
        if status != 200 || metadata.get("issuer").and_then(Json::as_str) != Some(issuer) {
            return Err(failed(format!("{url} does not describe the identity provider {issuer}"))
                .help("check the issuer under `[auth.issuers]` of the server, or give --issuer"));
        }
        Ok(Provider { http, issuer: issuer.to_owned(), client_id: client_id.to_owned(), metadata })
    }

    /// The address of one of its endpoints.
    pub(super) fn endpoint(&self, name: &str) -> Result<Url, Error> {
        let Some(url) = self.metadata.get(name).and_then(Json::as_str) else {
            return Err(failed(format!("{} has no {name}", self.issuer)).help(match name {
                "device_authorization_endpoint" => {
                    "it does not know logins on another device: leave --device out"
                }
                _ => "log in with --device instead",
            }));
        };
        secure(url)
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Posts a form to an endpoint.
    pub(super) async fn post(&self, url: Url, fields: &[(&str, &str)]) -> Result<Said, Error> {
        let form = form(fields);
        let request =
            self.http.post(url).header("content-type", "application/x-www-form-urlencoded").body(form);
        let (status, said) = answer(&self.http, request).await?;
        match said.get("error").and_then(Json::as_str) {
            Some(error) => Ok(Err(error.to_owned())),
            None if status == 200 => Ok(Ok(said)),
            None => Err(failed(format!("{} answered {status}", self.issuer))),
        }
    }

    /// Asks for a token.
    pub(super) async fn token(&self, fields: &[(&str, &str)]) -> Result<Said, Error> {
        let fields = [fields, &[("client_id", self.client_id.as_str())]].concat();
        self.post(self.endpoint("token_endpoint")?, &fields).await
    }

    /// What the answer of the token endpoint grants (RFC 6749, 5.1).
    pub(super) fn granted(&self, said: &Json, before: Option<&Secret>) -> Result<Granted, Error> {
        let text = |name: &str| said.get(name).and_then(Json::as_str);
        let is_bearer = text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
        let token = text("access_token").filter(|_| is_bearer);
        let token = token.ok_or_else(|| failed(format!("{} gave no token for bearers", self.issuer)))?;
        let lifetime = said.get("expires_in").and_then(Json::as_u64).map(Duration::from_secs);
        let login = Login {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            refresh_token: text("refresh_token").map(Secret::new).or_else(|| before.cloned()),
            expires: lifetime.map(|lifetime| now().plus(lifetime).millis()),
        };
        Ok(Granted { token: Secret::new(token), login })
    }

    /// Another token for the same login (RFC 6749, 6). Nothing when the provider does not want to go on with it.
    pub async fn renew(&self, refresh_token: &Secret) -> Result<Option<Granted>, Error> {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.reveal())];
        match self.token(&fields).await? {
            Ok(said) => self.granted(&said, Some(refresh_token)).map(Some),
            Err(_) => Ok(None),
        }
    }
}

fn client(issuer: &str, ca: Option<&Ca>) -> Result<Client, Error> {
    let builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("nexus/", env!("CARGO_PKG_VERSION")));
    let own = ca.map(Ca::read).transpose()?.unwrap_or_default();
    let made = if issuer.starts_with("https:") { tls::trusting(builder, own) } else { tls::plain(builder) };
    made.map_err(|fault: Fault| Error::new(fault.code, fault.message))
}

/// An address that nobody can read along to: what is sent there lets people in.
fn secure(url: &str) -> Result<Url, Error> {
    Url::parse(url).ok().filter(|_| is_private(url)).ok_or_else(|| {
        failed(format!("{url:?} is no secure address")).help("identity providers are reached by https")
    })
}

async fn answer(http: &Client, request: reqwest::RequestBuilder) -> Result<(u16, Json), Error> {
    let request =
        request.header("accept", "application/json").build().map_err(|error| failed(error.to_string()))?;
    let url = request.url().clone();
    let limit = SystemClock.sleep_until(now().plus(Duration::from_secs(ANSWER_SECONDS_MAX)));
    tokio::select! {
        biased;
        answer = read(http, request) => answer,
        () = limit => Err(failed(format!("{} did not answer within {ANSWER_SECONDS_MAX} s", origin(&url)))),
    }
}

async fn read(http: &Client, request: reqwest::Request) -> Result<(u16, Json), Error> {
    let from = origin(request.url());
    let unanswered = |error: reqwest::Error| match tls::fault(&error) {
        Some(fault) => failed(format!("{from}: {}", fault.advice())),
        None => failed(format!("{from} cannot be reached")).help("check the network, and the issuer"),
    };
    let mut response = http.execute(request).await.map_err(unanswered)?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(failed(format!("{from} sent more than {ANSWER_BYTES_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, nexus_kernel::json::read(&body).unwrap_or_default()))
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Fields as a form has them.
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    // The URL library writes queries exactly as forms are written.
    Url::parse_with_params("http://form", fields)
        .ok()
        .and_then(|url| url.query().map(ToOwned::to_owned))
        .unwrap_or_default()
}
