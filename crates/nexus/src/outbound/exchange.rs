//! Exchanges of Nexus RPC with servers elsewhere: the port [`Exchange`] over HTTP.
//!
//! Endpoints lead where the project or an operator says, so that their addresses may be any. Completions go where a caller
//! from outside wants them, so that their addresses are judged like those of functions: public ones, and what `[http]` allows.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::header::InvalidHeaderValue;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use nexus_gateway::identity::{CALLER_HEADER, CALLER_NAMESPACE_HEADER};
use nexus_gateway::passport::{Passport, Passports};
use nexus_kernel::BoxFuture;
use nexus_kernel::error::Error;
use nexus_kernel::limits::PAYLOAD_BYTES_MAX;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::exchange::{Exchange, OnBehalf, Unreached};
use nexus_kernel::port::kv::Kv;
use nexus_kernel::port::rng::SharedRng;
use reqwest::Client;

use crate::config::Config;
use crate::config::endpoint::EndpointConfig;
use crate::node::Purpose;
use crate::outbound::address::{Addresses, Refused};
use crate::outbound::resolve::{Guarded, SystemResolver};
use crate::outbound::tls::{self, Fault};
use crate::project::Project;

/// Room for what is around a payload in an answer, in bytes.
const AROUND_BYTES_MAX: usize = 64 * 1024;

/// The way to servers elsewhere.
pub(crate) struct Exchanges {
    /// To endpoints.
    endpoints: Result<Client, Fault>,
    /// To whoever wants completions.
    callbacks: Result<Client, Fault>,
    addresses: Arc<Addresses>,
    passports: Option<Arc<Passports>>,
    /// What the project has sent to its endpoints, by their names.
    headers: RwLock<BTreeMap<String, HeaderMap>>,
    /// Where others reach this server.
    url: Option<String>,
    clock: SharedClock,
}

impl Exchanges {
    /// The way of a project. Who only looks at it calls nobody.
    pub(crate) async fn open(
        project: &Project,
        purpose: Purpose,
        kept: &Arc<dyn Kv>,
        (clock, rng): (&SharedClock, &SharedRng),
    ) -> Result<Exchanges, Error> {
        let addresses = Arc::new(Addresses::new(project.config.http.ranges().unwrap_or_default()));
        let guarded = Guarded { resolver: Arc::new(SystemResolver), addresses: Arc::clone(&addresses) };
        let ca_file = project.config.http.ca_path(&project.root);
        // A machine without authorities still calls those who need none.
        let client = |guarded: Option<Guarded>| {
            let builder = || {
                let plain =
                    Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().referer(false);
                match guarded.clone() {
                    Some(guarded) => plain.dns_resolver(guarded),
                    None => plain,
                }
            };
            tls::secure(builder(), ca_file.as_deref()).or_else(|_| tls::plain(builder()))
        };
        let passports = match purpose {
            Purpose::Read => None,
            Purpose::Execute | Purpose::Serve => Some(Arc::new(Passports::open(&**kept, &**rng).await?)),
        };
        Ok(Exchanges {
            endpoints: client(None),
            callbacks: client(Some(guarded)),
            addresses,
            passports,
            headers: RwLock::default(),
            url: project.reached_at.clone(),
            clock: Arc::clone(clock),
        })
    }

    /// Sends from now on what the project wants to be sent to its endpoints.
    pub(crate) fn configure(&self, config: &Config) {
        let headers = |(name, it): (&String, &EndpointConfig)| (name.clone(), super::headers(&it.headers));
        let headers = config.endpoints.iter().map(headers).collect();
        *self.headers.write().unwrap_or_else(PoisonError::into_inner) = headers;
    }

    /// What the server signs with.
    pub(crate) fn passports(&self) -> Option<Arc<Passports>> {
        self.passports.clone()
    }

    /// The client for a request, which has been given what proves in whose name it is sent.
    fn prepare(&self, request: &mut Request<Vec<u8>>) -> Result<Client, Unreached> {
        let client = match request.extensions().get::<OnBehalf>().cloned() {
            Some(caller) => {
                let headers = self.headers.read().unwrap_or_else(PoisonError::into_inner);
                request.headers_mut().extend(headers.get(&caller.endpoint).cloned().unwrap_or_default());
                self.show(&caller, request)?;
                &self.endpoints
            }
            None => {
                self.judge(request)?;
                &self.callbacks
            }
        };
        client.clone().map_err(|fault| Unreached::Refused(fault.text()))
    }

    /// Puts on a request for which namespace it is, and a passport that proves it.
    fn show(&self, caller: &OnBehalf, request: &mut Request<Vec<u8>>) -> Result<(), Unreached> {
        let refused = |error: InvalidHeaderValue| Unreached::Refused(error.to_string());
        let namespace = HeaderValue::try_from(caller.namespace.as_str()).map_err(refused)?;
        request.headers_mut().insert(HeaderName::from_static(CALLER_NAMESPACE_HEADER), namespace);
        let Some(passports) = &self.passports else { return Ok(()) };
        let (issuer, uri) = (self.url.as_deref().unwrap_or_default(), request.uri());
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let audience = format!("{}://{authority}", uri.scheme_str().unwrap_or("https"));
        let passport = Passport {
            issuer,
            audience: &audience,
            endpoint: &caller.endpoint,
            namespace: &caller.namespace,
            workflow_id: &caller.workflow_id,
            run_id: &caller.run_id,
        };
        let token = passports.sign(&passport, self.clock.now());
        let value = HeaderValue::try_from(token).map_err(refused)?;
        request.headers_mut().insert(HeaderName::from_static(CALLER_HEADER), value);
        Ok(())
    }

    /// Whether a completion may go where it is wanted. Names are judged when they are resolved.
    fn judge(&self, request: &Request<Vec<u8>>) -> Result<(), Unreached> {
        let host = request.uri().host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let Ok(address) = bare.parse() else { return Ok(()) };
        self.addresses.check(address).map_err(|refused| closed(&refused))
    }
}

impl Exchange for Exchanges {
    fn exchange(
        &self,
        mut request: Request<Vec<u8>>,
        limit: Duration,
    ) -> BoxFuture<'static, Result<Response<Vec<u8>>, Unreached>> {
        let client = self.prepare(&mut request);
        let late = self.clock.sleep_until(self.clock.now().plus(limit));
        Box::pin(async move {
            let client = client?;
            tokio::select! {
                biased;
                answer = send(&client, request) => answer,
                () = late => Err(Unreached::Silent(limit)),
            }
        })
    }

    fn callback_url(&self) -> Option<String> {
        self.url.as_ref().map(|url| format!("{url}/nexus/callback"))
    }
}

async fn send(client: &Client, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Unreached> {
    let request =
        reqwest::Request::try_from(request).map_err(|error| Unreached::Refused(error.to_string()))?;
    let mut answer = client.execute(request).await.map_err(|error| unreached(&error))?;
    let mut response = Response::new(Vec::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    while let Some(chunk) = answer.chunk().await.map_err(|error| unreached(&error))? {
        if response.body().len() + chunk.len() > PAYLOAD_BYTES_MAX + AROUND_BYTES_MAX {
            let message = format!("the answer is larger than {PAYLOAD_BYTES_MAX} bytes");
            return Err(Unreached::Refused(message));
        }
        response.body_mut().extend_from_slice(&chunk);
    }
    Ok(response)
}

/// Why there was no answer, by the innermost cause: what is around it names the address, which everybody knows.
fn unreached(error: &reqwest::Error) -> Unreached {
    if let Some(fault) = tls::fault(error) {
        return Unreached::Refused(fault.text());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        if let Some(refused) = next.downcast_ref::<Refused>() {
            return closed(refused);
        }
        cause = next;
    }
    Unreached::Away(cause.to_string())
}

/// An address that completions do not go to.
fn closed(refused: &Refused) -> Unreached {
    let where_to = "completions go to public addresses and to those of `allow_addresses` under [http]";
    Unreached::Refused(format!("{refused}: {where_to}"))
}

#[cfg(test)]
mod tests;
