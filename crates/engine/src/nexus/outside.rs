//! Calls of operations that are carried out outside: starting them, asking for their end, and bringing the end of those
//! that somebody outside has started here.
//!
//! Each is one attempt. What it leads to goes to the run it is made for, which decides whether there is another.

use std::time::{Duration, SystemTime};

use nexus_kernel::Json;
use nexus_kernel::breaker::Outcome;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{EndpointId, Key, Namespace};
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::exchange::{OnBehalf, SharedExchange, Unreached};
use nexus_kernel::port::kv::{KvCheck, KvCommit, KvWrite};
use nexus_kernel::port::rng::SharedRng;
use nexus_kernel::sign::Signer;
use nexus_kernel::time::Timestamp;
use nexus_rpc::{
    CancelRequest, Completion, Content, HandlerError, HandlerErrorKind, Link, StartAnswer, StartRequest,
    Unwritable,
};
use tokio::sync::OnceCell;

use crate::deliver::{Sender, end};
use crate::engine::Ports;
use crate::input::{Input, RemoteEnd, Setback};
use crate::nexus::breakers::Breakers;
use crate::nexus::crossing::Calling;
use crate::nexus::endpoint::{Endpoint, Target};
use crate::nexus::failure;
use crate::nexus::token::{self, Awaited};
use crate::record::{Callback, IntentId, LinkRecord, OperationTarget, Performer, TraceRecord};
use crate::shard::{Message, Shared};
use crate::state::RunState;

/// How long the answer to one request may take (Nexus page, A4).
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The header in which a completion shows that it was asked for.
pub(crate) const CALLBACK_TOKEN: &str = "completion-token";

/// The kind of the links to runs of this server.
pub(crate) const RUN_LINK: &str = "nexus.Run";

/// Where the secret lies that tokens of callbacks are signed with.
const SECRET_KEY: &str = "nexus/callback-secret";

/// What calls to outside share.
pub(crate) struct Outside {
    exchange: SharedExchange,
    pub(crate) breakers: Breakers,
    signer: OnceCell<Signer>,
    store: SharedStore,
    rng: SharedRng,
}

impl Outside {
    pub(crate) fn new(ports: &Ports) -> Outside {
        Outside {
            exchange: ports.outside.clone(),
            breakers: Breakers::default(),
            signer: OnceCell::new(),
            store: ports.store.clone(),
            rng: ports.rng.clone(),
        }
    }

    /// Signs tokens of callbacks: the same before and after a restart.
    pub(crate) async fn signer(&self) -> Result<&Signer, Error> {
        self.signer.get_or_try_init(|| async { Ok(Signer::new(&self.secret().await?)) }).await
    }

    async fn secret(&self) -> Result<[u8; 32], Error> {
        let system = Namespace::system();
        loop {
            if let Some(kept) = self.store.kv_get(&system, SECRET_KEY).await? {
                return serde_json::from_value(kept.value)
                    .map_err(|error| Error::internal(error.to_string()));
            }
            let mut secret = [0; 32];
            self.rng.fill(&mut secret);
            let key = SECRET_KEY.to_owned();
            let check = KvCheck { key: key.clone(), version: None };
            let write = KvWrite::Put { key, value: secret.to_vec().into() };
            if let KvCommit::Committed { .. } =
                self.store.kv_commit(&system, vec![check], vec![write]).await?
            {
                return Ok(secret);
            }
        }
    }
}

/// An operation that is to be started outside.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) endpoint: Endpoint,
    pub(crate) target: OperationTarget,
    pub(crate) input: Json,
    pub(crate) request_id: String,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) detached: bool,
    pub(crate) trace: Option<TraceRecord>,
}

/// An operation that is to be cancelled outside.
pub(crate) struct Cancel {
    pub(crate) endpoint: EndpointId,
    pub(crate) target: OperationTarget,
    pub(crate) token: String,
}

/// Why an attempt led nowhere.
enum Refused {
    /// They said so.
    By(HandlerError),
    /// Nobody has answered.
    Unreached(Unreached),
    /// They were not asked.
    Held(Duration),
    /// It cannot be asked for.
    Impossible(Failure),
}

impl From<Unwritable> for Refused {
    fn from(error: Unwritable) -> Refused {
        Refused::Impossible(failure::refused(&HandlerErrorKind::BadRequest, error.to_string()))
    }
}

impl Refused {
    /// Whether it says that the other side is not well.
    fn outcome(&self) -> Outcome {
        match self {
            Refused::By(error) if error.is_retryable() => Outcome::Failure,
            Refused::By(_) => Outcome::Success,
            Refused::Unreached(Unreached::Away(_) | Unreached::Silent(_)) => Outcome::Failure,
            Refused::Unreached(Unreached::Refused(_)) | Refused::Held(_) | Refused::Impossible(_) => {
                Outcome::Unknown
            }
        }
    }

    fn setback(self) -> Setback {
        let failure = match self {
            Refused::Held(wait) => return Setback::Held { wait },
            Refused::By(error) => failure::of_refused(&error),
            Refused::Impossible(failure) => failure,
            Refused::Unreached(Unreached::Refused(why)) => {
                failure::refused(&HandlerErrorKind::BadRequest, why)
            }
            Refused::Unreached(unreached) => {
                let kind = match unreached {
                    Unreached::Silent(_) => HandlerErrorKind::UpstreamTimeout,
                    _ => HandlerErrorKind::Unavailable,
                };
                failure::of_refused(&HandlerError::new(kind, unreached.to_string()))
            }
        };
        Setback::Failed { failure }
    }
}

/// One attempt to start an operation.
pub(crate) async fn start(shared: Shared, (sender, calling): (Sender, Option<Calling>), call: Call) {
    let IntentId::Start(seq) = sender.id else { return };
    let run = sender.run.clone();
    let outside = |token, links| Performer::Outside { endpoint: call.endpoint.id.clone(), token, links };
    let input = match ask_start(&shared, &sender, &call).await {
        Ok(StartAnswer::Started { token, links }) => {
            Input::RemoteStarted { run, seq, outcome: Ok(outside(Some(token), links_of(links))) }
        }
        Ok(StartAnswer::Done { links, .. }) if call.detached => {
            Input::RemoteStarted { run, seq, outcome: Ok(outside(None, links_of(links))) }
        }
        Ok(StartAnswer::Done { content, .. }) => {
            let outcome = content
                .to_value()
                .map_err(|why| failure::refused(&HandlerErrorKind::Internal, format!("the result: {why}")));
            Input::RemoteEnded { run, seq, end: Box::new(RemoteEnd { by: None, outside: None, outcome }) }
        }
        Ok(StartAnswer::Ended(error)) => {
            let outcome = Err(failure::of_ended(&error));
            Input::RemoteEnded { run, seq, end: Box::new(RemoteEnd { by: None, outside: None, outcome }) }
        }
        Err(refused) => failed(&sender, refused),
    };
    if let Some(calling) = calling {
        match &input {
            Input::DeliveryFailed { setback, .. } => match &**setback {
                Setback::Failed { failure, .. } => calling.tell(&shared, Err(failure)),
                Setback::Held { .. } => {}
            },
            _ => calling.tell(&shared, Ok(None)),
        }
    }
    sender.router.send(Message::input(sender.key, input));
}

async fn ask_start(shared: &Shared, sender: &Sender, call: &Call) -> Result<StartAnswer, Refused> {
    let OperationTarget::Endpoint { service, operation, .. } = &call.target else {
        let message = "only services of an endpoint are outside";
        return Err(Refused::Impossible(failure::refused(&HandlerErrorKind::NotFound, message)));
    };
    let now = shared.clock.now();
    if call.deadline.is_some_and(|deadline| deadline <= now) {
        let message = "there is no time left to start it in".to_owned();
        return Err(Refused::By(HandlerError::new(HandlerErrorKind::UpstreamTimeout, message)));
    }
    let mut request = StartRequest::new(service, operation, Content::of_value(payload(&call.input)));
    request.request_id = Some(call.request_id.clone());
    request.operation_timeout = call.deadline.map(|deadline| deadline.since(now));
    request.links = vec![link(&sender.key, sender.run.as_str())];
    if let Some(trace) = &call.trace {
        request.headers.insert("traceparent".to_owned(), trace.parent.clone());
        request.headers.extend(trace.state.clone().map(|state| ("tracestate".to_owned(), state)));
    }
    if !call.detached {
        request.callback = Some(callback(shared, sender, call).await?);
    }
    let limit = request.operation_timeout.map_or(REQUEST_TIMEOUT, |left| left.min(REQUEST_TIMEOUT));
    request.request_timeout = Some(limit);
    let (parts, body) =
        exchange(shared, sender, &call.endpoint, (limit, |url: &str| request.to_http(url))).await?;
    StartAnswer::from_http(&parts, body).map_err(Refused::By)
}

/// What is sent of a call's arguments: the only one as it is, since services elsewhere take one payload; several as a list,
/// named ones as an object.
fn payload(input: &Json) -> &Json {
    match input.as_array().map(Vec::as_slice) {
        Some([]) => &Json::Null,
        Some([only]) => only,
        _ => input,
    }
}

/// Where the completion is to be brought, and with what.
async fn callback(shared: &Shared, sender: &Sender, call: &Call) -> Result<nexus_rpc::Callback, Refused> {
    let outside = &shared.outside;
    let nowhere = || {
        let message =
            "this server has no address that completions could be brought to: set `url` in [server]";
        Refused::Impossible(failure::refused(&HandlerErrorKind::NotImplemented, message))
    };
    let url = outside.exchange.callback_url().ok_or_else(nowhere)?;
    let awaited = Awaited {
        key: sender.key.clone(),
        request: call.request_id.clone(),
        endpoint: call.endpoint.id.clone(),
    };
    let signer = outside
        .signer()
        .await
        .map_err(|error| Refused::Unreached(Unreached::Away(error.message().to_owned())))?;
    Ok(nexus_rpc::Callback { url, headers: [(CALLBACK_TOKEN.to_owned(), awaited.seal(signer))].into() })
}

/// Sends a request through an endpoint, if its breaker lets it.
async fn exchange(
    shared: &Shared,
    sender: &Sender,
    endpoint: &Endpoint,
    (limit, write): (Duration, impl FnOnce(&str) -> Result<http::Request<Vec<u8>>, Unwritable>),
) -> Result<(http::response::Parts, Vec<u8>), Refused> {
    let Target::Outside { url } = &endpoint.spec.target else {
        let message = format!("endpoint {} leads here by now", endpoint.spec.name);
        return Err(Refused::Impossible(failure::refused(&HandlerErrorKind::NotFound, message)));
    };
    let mut request = write(url)?;
    request.extensions_mut().insert(OnBehalf {
        endpoint: endpoint.spec.name.clone(),
        namespace: sender.key.namespace.clone(),
        workflow_id: sender.key.workflow_id.to_string(),
        run_id: sender.run.to_string(),
    });
    let way = (sender.key.namespace.clone(), endpoint.id.clone());
    let breakers = &shared.outside.breakers;
    let ticket = breakers.admit(&way, shared.clock.now()).map_err(Refused::Held)?;
    let answer = shared.outside.exchange.exchange(request, limit).await;
    let answer = answer.map_err(Refused::Unreached).and_then(|answer| {
        let (parts, body) = answer.into_parts();
        if parts.status.is_success() || parts.status.as_u16() == 424 {
            return Ok((parts, body));
        }
        Err(Refused::By(HandlerError::from_http(&parts, &body)))
    });
    let outcome = answer.as_ref().map_or_else(Refused::outcome, |_| Outcome::Success);
    breakers.report(&way, ticket, outcome, shared.clock.now());
    answer
}

/// One attempt to have an operation cancelled.
pub(crate) async fn cancel(shared: Shared, sender: Sender, call: Cancel) {
    let input = match ask_cancel(&shared, &sender, &call).await {
        Ok(()) => Input::Delivered(sender.run.clone(), sender.id),
        Err(refused) => failed(&sender, refused),
    };
    sender.router.send(Message::input(sender.key, input));
}

async fn ask_cancel(shared: &Shared, sender: &Sender, call: &Cancel) -> Result<(), Refused> {
    let OperationTarget::Endpoint { endpoint: name, service, operation } = &call.target else {
        return Ok(());
    };
    let definition = shared.definitions.current();
    let program = definition.as_deref().map(|definition| &definition.program);
    let endpoint = shared.registry.named(program, call.endpoint.as_str()).ok_or_else(|| {
        let message = format!("endpoint {name} has been deleted");
        Refused::Impossible(failure::refused(&HandlerErrorKind::NotFound, message))
    })?;
    let request = CancelRequest {
        service: service.clone(),
        operation: operation.clone(),
        token: call.token.clone(),
        request_timeout: Some(REQUEST_TIMEOUT),
        headers: nexus_rpc::Fields::new(),
    };
    let write = |url: &str| request.to_http(url);
    let (parts, body) = exchange(shared, sender, &endpoint, (REQUEST_TIMEOUT, write)).await?;
    CancelRequest::answer(&parts, &body).map_err(Refused::By)
}

/// What somebody outside is told of the end of an operation that they have started here.
pub(crate) fn completion(key: &Key, run: &RunState, callback: Callback) -> (Callback, Completion) {
    let outcome = match end(key, run).outcome {
        Ok(result) => nexus_rpc::Outcome::Done(Content::of_value(&result)),
        Err(failure) => nexus_rpc::Outcome::Ended(failure::ended(&failure)),
    };
    let mut completion = Completion::new(outcome);
    completion.token = Some(token::of_key(key));
    completion.started = Some(system_time(run.created_at()));
    completion.closed = run.closed_at.map(system_time);
    completion.links = vec![link(key, run.run_id.as_str())];
    completion.headers = callback.headers.clone();
    (callback, completion)
}

fn system_time(at: Timestamp) -> SystemTime {
    let millis = u64::try_from(at.millis()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

/// One attempt to bring a completion.
pub(crate) async fn complete(shared: Shared, sender: Sender, (callback, completion): (Callback, Completion)) {
    let input = match bring(&shared, &callback, &completion).await {
        Ok(()) => Input::Delivered(sender.run.clone(), sender.id),
        Err(refused) => failed(&sender, refused),
    };
    sender.router.send(Message::input(sender.key, input));
}

async fn bring(shared: &Shared, callback: &Callback, completion: &Completion) -> Result<(), Refused> {
    let request = completion.to_http(&callback.url)?;
    let answer = shared.outside.exchange.exchange(request, REQUEST_TIMEOUT).await;
    let (parts, body) = answer.map_err(Refused::Unreached)?.into_parts();
    Completion::answer(&parts, &body).map_err(Refused::By)
}

fn failed(sender: &Sender, refused: Refused) -> Input {
    Input::DeliveryFailed { run: sender.run.clone(), intent: sender.id, setback: Box::new(refused.setback()) }
}

/// A link to a run of this server.
pub(crate) fn link(key: &Key, run: &str) -> Link {
    let encoded = |text: &str| nexus_rpc::segment(text);
    let (namespace, workflow_id) = (encoded(key.namespace.as_str()), encoded(key.workflow_id.as_str()));
    Link {
        url: format!("nexus:///namespaces/{namespace}/workflows/{workflow_id}/{run}"),
        kind: RUN_LINK.to_owned(),
    }
}

/// Links as histories hold them.
pub(crate) fn links_of(links: Vec<Link>) -> Vec<LinkRecord> {
    links.into_iter().map(|link| LinkRecord { url: link.url, kind: link.kind }).collect()
}
