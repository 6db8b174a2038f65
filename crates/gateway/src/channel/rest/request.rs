//! A REST request as every route gets it: path, query, headers, body, and the context of the call it becomes.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::{HeaderMap, Method};
use nexus_kernel::Json;
use nexus_kernel::allowance::Toll;
use nexus_kernel::call::{CallContext, Caller, Channel, OnDisconnect, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::WorkflowId;
use nexus_kernel::task::Shutdown;

use crate::channel::rest::body::Bounds;
use crate::channel::rest::query::Query;
use crate::channel::rest::{Rest, body, cached, sessions};
use crate::limits::{BODY_BYTES_MAX, ENVELOPE_BYTES_MAX, IDEMPOTENCY_KEY_BYTES_MAX};
use crate::problem::Problem;
use crate::request_id::RequestId;
use crate::stage::trace;

/// A request.
pub(crate) struct RestRequest {
    id: Option<RequestId>,
    path: Vec<(String, String)>,
    headers: HeaderMap,
    body: Vec<u8>,
    shutdown: Option<Shutdown>,
    toll: Toll,
    /// Who sent it, as the door has found out.
    pub(crate) caller: Caller,
    /// What was after the `?`.
    pub(crate) query: Query,
}

impl FromRequest<Arc<Rest>> for RestRequest {
    type Rejection = Problem;

    async fn from_request(request: Request, rest: &Arc<Rest>) -> Result<RestRequest, Problem> {
        let (mut parts, body) = request.into_parts();
        let path = match RawPathParams::from_request_parts(&mut parts, rest).await {
            Ok(params) => params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            Err(_) if parts.uri.path().contains('%') => return Err(bad("the path is not UTF-8").into()),
            Err(_) => Vec::new(),
        };
        let query = Query::of(&parts.uri)?;
        let has_body = matches!(parts.method, Method::POST | Method::PUT | Method::PATCH);
        let body = if has_body {
            body::check_type(&parts.headers)?;
            let bytes_max = bytes_max(rest, parts.uri.path());
            let bounds = Bounds { bytes_max, time_max: rest.body_time_max };
            body::read(body, bounds, &**rest.pipeline.clock()).await?
        } else {
            Vec::new()
        };
        let id = parts.extensions.remove::<RequestId>();
        let shutdown = parts.extensions.remove::<Shutdown>();
        let caller = parts.extensions.remove::<Caller>().unwrap_or_else(Caller::anonymous);
        let toll = parts.extensions.remove::<Toll>().unwrap_or_default();
        Ok(RestRequest { id, path, headers: parts.headers, body, shutdown, toll, caller, query })
    }
}

/// How large a body may be: that of a verb as large as the verb says.
fn bytes_max(rest: &Rest, path: &str) -> usize {
    let verb = path.strip_prefix("/v1/operations/");
    let verb = verb.and_then(|name| rest.pipeline.catalogue().verb(name).ok());
    verb.map_or(BODY_BYTES_MAX, |verb| verb.input_bytes_max.saturating_add(ENVELOPE_BYTES_MAX))
}

fn bad(message: impl Into<String>) -> Error {
    Error::new(&code::BAD_REQUEST, message)
}

impl RestRequest {
    /// A placeholder of the path.
    pub(crate) fn path(&self, name: &str) -> &str {
        self.path.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Json, Problem> {
        body::parse(&self.body)
    }

    /// The workflow that the path names, qualified by `?namespace=` where that is given.
    pub(crate) fn take_workflow(&mut self) -> Result<String, Error> {
        let name = self.path("name").to_owned();
        match self.query.take("namespace") {
            None => Ok(name),
            Some(namespace) if name.contains('/') => {
                Err(bad(format!("the path names {name:?} and the query the namespace {namespace:?}"))
                    .help("give the namespace once"))
            }
            Some(namespace) => Ok(format!("{namespace}/{name}")),
        }
    }

    /// The context of the call, with the workflow id and idempotency key that the caller gave.
    pub(crate) fn take_context(&mut self, wait: Wait) -> Result<CallContext, Error> {
        let channel = if self.headers.contains_key("x-nexus-cli") { Channel::Cli } else { Channel::Rest };
        let id = self.id.as_ref().map(RequestId::as_str).unwrap_or_default();
        let workflow_id = match (self.query.take("workflow_id"), self.header("x-workflow-id")?) {
            (Some(_), Some(_)) => return Err(bad("the query and a header both give a workflow id")),
            (given, other) => given.or(other),
        };
        let workflow_id = workflow_id.map(|id| WorkflowId::new(&id)).transpose()?;
        let idempotency_key = self.header("idempotency-key")?.map(check_key).transpose()?;
        let session = sessions::session_of(self)?;
        let on_disconnect = self.query.take("on_disconnect").map(|text| {
            OnDisconnect::parse(&text).ok_or_else(|| {
                bad(format!("{text:?} is nothing to do on a disconnect")).help("say detach or cancel")
            })
        });
        let on_disconnect = on_disconnect.transpose()?;
        Ok(CallContext {
            on_disconnect,
            wait,
            workflow_id,
            session,
            idempotency_key,
            cache: cached::wanted(&self.headers),
            caller: self.caller.clone(),
            toll: self.toll.clone(),
            trace: trace::of_headers(&self.headers),
            ..CallContext::new(channel, id)
        })
    }

    /// Whether the caller takes answers of a media type before others.
    pub(crate) fn accepts(&self, media_type: &str) -> bool {
        let accepted = self.headers.get(axum::http::header::ACCEPT).and_then(|value| value.to_str().ok());
        let first = accepted.and_then(|value| value.split([',', ';']).next());
        first.is_some_and(|first| first.trim().eq_ignore_ascii_case(media_type))
    }

    /// The switch that ends the server, for answers that would not end by themselves.
    pub(crate) fn take_shutdown(&mut self) -> Shutdown {
        self.shutdown.take().unwrap_or_default()
    }

    /// A header that may be given once and must be UTF-8 text.
    pub(crate) fn header(&self, name: &str) -> Result<Option<String>, Error> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => match std::str::from_utf8(value.as_bytes()) {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_) => Err(bad(format!("the header {name} is not UTF-8"))),
            },
            (Some(_), Some(_)) => Err(bad(format!("the header {name} is given twice"))),
        }
    }
}

/// An idempotency key of a usable length.
pub(crate) fn check_key(key: String) -> Result<String, Error> {
    if !key.is_empty() && key.len() <= IDEMPOTENCY_KEY_BYTES_MAX {
        return Ok(key);
    }
    Err(bad(format!("an idempotency key has 1 to {IDEMPOTENCY_KEY_BYTES_MAX} bytes")))
}
