//! Requests of functions (`ctx.http`): sent to whom the project granted, and to public addresses only.
//!
//! What may be asked is decided in [`request`](super::request), [`address`](super::address) and
//! [`response`](super::response); this file moves bytes. Dropping the future of a request closes its connection.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::trace::TraceContext;
use nexus_kernel::{Json, code};
use nexus_sandbox::{Capabilities, OpError};
use reqwest::{Client, Response, Url};
use tokio::sync::Semaphore;

use crate::outbound::address::{Addresses, Refused};
use crate::outbound::request::{REDIRECTS_MAX, Request, denied, error, origin, too_much};
use crate::outbound::resolve::{Guarded, Resolver};
use crate::outbound::response::{Answer, BODY_BYTES_MAX, HEADERS_MAX, check, too_large};
use crate::outbound::tls::{self, Fault};

/// Requests of all functions that are under way at the same time; more of them wait, and their time runs.
const REQUESTS_MAX: usize = 64;

/// The way of functions to the outside.
pub(crate) struct Fetcher {
    client: Result<Client, Fault>,
    /// Why nobody can be called by `https`, when that is so.
    insecure: Option<Fault>,
    addresses: Arc<Addresses>,
    slots: Semaphore,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Fetcher {
    /// A way to public addresses and these, by names of this resolver. Redirections are followed here, and variables
    /// that name a proxy are not looked at: a proxy would connect to what nobody judged.
    pub(crate) fn new(addresses: Addresses, resolver: Arc<dyn Resolver>, ca_file: Option<&Path>) -> Fetcher {
        let addresses = Arc::new(addresses);
        let guarded = Guarded { resolver, addresses: Arc::clone(&addresses) };
        let builder = || {
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .referer(false)
                .http1_max_headers(HEADERS_MAX)
                .dns_resolver(guarded.clone())
        };
        let (client, insecure) = match tls::secure(builder(), ca_file) {
            Ok(client) => (Ok(client), None),
            Err(fault) => {
                tracing::warn!(code = fault.code.id, "{}", fault.advice());
                (tls::plain(builder()), Some(fault))
            }
        };
        Fetcher { client, insecure, addresses, slots: Semaphore::new(REQUESTS_MAX) }
    }

    /// Sends what a function asks for, which stands here in a trace, and waits for the answer.
    pub(crate) async fn fetch(
        &self,
        asked: Json,
        grants: &Capabilities,
        (clock, trace): (&SharedClock, Option<&TraceContext>),
    ) -> Result<Json, OpError> {
        let mut request = Request::read(asked)?;
        if let Some(trace) = trace {
            request.be_within(trace);
        }
        let (from, limit) = (origin(&request.url), request.timeout_ms);
        let over = clock.sleep_until(clock.now().plus(Duration::from_millis(limit)));
        tokio::select! {
            biased;
            answer = self.follow(request, grants) => answer.map(|answer| answer.to_json()),
            () = over => {
                let message = format!("{from} did not answer within {limit} ms");
                Err(error("TimeoutError", &code::FETCH_LIMIT, message))
            }
        }
    }

    /// Sends a request, and those that the answers send us on to. Each is judged before it is sent.
    async fn follow(&self, mut request: Request, grants: &Capabilities) -> Result<Answer, OpError> {
        let _slot = self.slots.acquire().await;
        for hop in 0..=REDIRECTS_MAX {
            request.judge(grants, &self.addresses)?;
            let response = self.send(&request).await?;
            check(&request.url, response.headers(), response.content_length())?;
            match request.redirected(response.status(), response.headers())? {
                Some(next) => request = next,
                None => return answer(request.url, hop > 0, response).await,
            }
        }
        Err(too_much(format!("{} redirects more than {REDIRECTS_MAX} times", origin(&request.url))))
    }

    async fn send(&self, request: &Request) -> Result<Response, OpError> {
        if let Some(fault) = self.insecure.as_ref().filter(|_| request.url.scheme() == "https") {
            return Err(insecure(&request.url, fault));
        }
        let client = self.client.as_ref().map_err(|fault| insecure(&request.url, fault))?;
        let call =
            client.request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
        let call = match &request.body {
            Some(body) => call.body(body.clone()),
            None => call,
        };
        call.send().await.map_err(|error| unanswered(&request.url, &error))
    }
}

async fn answer(url: Url, redirected: bool, mut response: Response) -> Result<Answer, OpError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unanswered(&url, &error))? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(too_large(&url));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { url, redirected, status, headers, body })
}

fn insecure(url: &Url, fault: &Fault) -> OpError {
    error("NetworkError", fault.code, format!("{}: {}", origin(url), fault.advice()))
}

/// Why a request got no answer.
fn unanswered(url: &Url, why: &reqwest::Error) -> OpError {
    if let Some(refused) = refusal(why) {
        return denied(&code::FETCH_DENIED, format!("{}: {refused}", origin(url)));
    }
    if let Some(fault) = tls::fault(why) {
        return insecure(url, &fault);
    }
    let what =
        if why.is_connect() { "nobody answers there" } else { "the answer broke off or cannot be read" };
    error("NetworkError", &code::FETCH_FAILED, format!("{}: {what}", origin(url)))
}

/// The refused address that a connection failed for.
fn refusal<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Refused> {
    let mut link = Some(error);
    while let Some(now) = link {
        if let Some(refused) = now.downcast_ref() {
            return Some(refused);
        }
        link = now.source();
    }
    None
}

#[cfg(test)]
mod tests;
