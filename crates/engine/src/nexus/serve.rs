//! Operations for callers outside: starting one, asking for its end, and taking the completion of one that runs elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, RunId, WorkflowId};
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::runs::RunStatus;
use nexus_lang::twf::program::Program;
use serde_json::json;

use crate::engine::{EngineHandle, stopping};
use crate::failures::of_closed;
use crate::input::{Input, RemoteEnd, Reply, Start, Waiter, Whom};
use crate::nexus::endpoint::{Endpoint, Target};
use crate::nexus::outside::{CALLBACK_TOKEN, link};
use crate::nexus::resolve::{Handler, handler};
use crate::nexus::token::{self, Awaited};
use crate::nexus::{failure, payload};
use crate::record::{Callback, CallerInfo, Handling, LinkRecord, Performer, StartOptions, TraceRecord};
use crate::shard::{Message, Outcome};
use crate::state::KeyState;

/// A request of somebody outside to start an operation.
#[derive(Debug, Clone)]
pub struct OperationStart {
    /// The name or id of the endpoint.
    pub endpoint: String,
    /// The service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// Its input.
    pub input: Json,
    /// Who calls, as far as it is proven.
    pub caller: CallerInfo,
    /// Whether they are none of this project.
    pub is_outside: bool,
    /// Equal ids of one namespace start one operation.
    pub request_id: Option<String>,
    /// Where the end is to be told, when it comes later.
    pub callback: Option<Callback>,
    /// How long the caller waits for the operation; it is ended then.
    pub timeout: Option<Duration>,
    /// What it is started by, as the caller says.
    pub links: Vec<LinkRecord>,
    /// Where the call stands in a trace.
    pub trace: Option<TraceRecord>,
}

/// An operation that was started.
#[derive(Debug, Clone)]
pub struct OperationRun {
    /// Where it runs.
    pub key: Key,
    /// The run.
    pub run_id: RunId,
    /// Its workflow.
    pub workflow: String,
    /// What it is called from now on.
    pub token: String,
    /// How it has ended; nothing while it goes on.
    pub outcome: Option<Outcome>,
    /// Whether it was waited for.
    pub waited: bool,
}

impl EngineHandle {
    /// Starts an operation for somebody outside. An operation with a body of its own is waited for, no longer than
    /// `patience`, before its end is promised instead; one that a workflow carries out is promised at once unless
    /// `waits_always`.
    ///
    /// # Errors
    ///
    /// There is no such endpoint, service or operation; the caller is not allowed; the input does not fit; the request id was
    /// used to ask for something else.
    pub async fn start_operation(
        &self,
        mut start: OperationStart,
        (patience, waits_always): (Option<Duration>, bool),
    ) -> Result<OperationRun, Error> {
        let endpoint = self.allowed(&start.endpoint, &start.caller, start.is_outside)?;
        let handler = self.handler(&endpoint, &start.service, &start.operation)?;
        let (key, request_id) = self.place(&endpoint, &handler, &start)?;
        let definition = self.definition();
        let parameters = definition.as_ref().and_then(|it| it.program.workflow(&handler.workflow));
        start.input = payload::whole(parameters.map_or(&[], |it| &it.params), start.input);
        let waits = waits_always || handler.is_sync;
        // A callback is taken along at once by whoever does not wait; whoever does adds it when the wait was too long.
        let (at_once, later) =
            if waits { (None, start.callback.clone()) } else { (start.callback.clone(), None) };
        let admitted = self.admitted(&key.namespace).await?;
        let workflow = handler.workflow.clone();
        let input = start_of(&endpoint, handler, (start, request_id.clone()), at_once);
        let (message, reply) = Message::ask(key.clone(), Input::Start(Box::new(input)));
        let (message, end) = message.watched();
        self.shared.router.send(message);
        let run_id = match reply.await.map_err(|_| stopping())? {
            Reply::Started { run, .. } => run,
            Reply::Refused(error) => return Err(error),
            _ => return Err(Error::internal("a start was not answered as one")),
        };
        drop(admitted); // the run is there, and counted
        let token = token::of_key(&key);
        let mut run = OperationRun { key, run_id, workflow, token, outcome: None, waited: waits };
        if waits {
            // What the operation does is for its endpoint to allow, not for what its caller may see.
            let whole = self.whole();
            let end = async {
                let first = match end.await {
                    Ok(outcome) => outcome,
                    Err(_) => whole.watch(&run.key, run.run_id.clone()).await?,
                };
                whole.follow(run.key.clone(), first).await
            };
            run.outcome = match patience {
                Some(limit) => self.within(limit, end).await.transpose()?,
                None => Some(end.await?),
            };
        }
        // A run whose program cannot go on has not ended.
        run.outcome = run.outcome.filter(|outcome| outcome.status != RunStatus::Running);
        if let (None, Some(callback)) = (&run.outcome, later) {
            run.outcome = self.promise(&run, &request_id, callback).await?;
        }
        Ok(run)
    }

    /// Sees to it that somebody outside hears of the end of a run, which may have come meanwhile.
    async fn promise(
        &self,
        run: &OperationRun,
        request_id: &str,
        callback: Callback,
    ) -> Result<Option<Outcome>, Error> {
        let request_id = format!("callback:{request_id}");
        let waiter = Box::new(Waiter::Outside(callback));
        let input = Input::Attach { run: run.run_id.clone(), request_id, waiter };
        match self.shared.router.ask(run.key.clone(), input).await {
            Some(Reply::Done) => Ok(None),
            Some(Reply::Refused(error)) => Err(error),
            Some(_) => {
                let whole = self.whole();
                let first = whole.watch(&run.key, run.run_id.clone()).await?;
                whole.follow(run.key.clone(), first).await.map(Some)
            }
            None => Err(stopping()),
        }
    }

    /// The endpoint, when the caller may use it. Whoever may not is told so before anything is looked up behind it.
    fn allowed(&self, name: &str, caller: &CallerInfo, is_outside: bool) -> Result<Endpoint, Error> {
        let endpoint = match name.split_once('/') {
            Some(place) => self.endpoint_at(place, caller, is_outside)?,
            None => self.endpoint(name)?,
        };
        if endpoint.allows(&caller.namespace, is_outside) {
            return Ok(endpoint);
        }
        let message = format!(
            "endpoint {} does not allow callers from namespace {}",
            endpoint.spec.name, caller.namespace
        );
        Err(Error::new(&code::CALLER_NOT_ALLOWED, message)
            .help("whoever keeps the endpoint adds the namespace to its `allowed_caller_namespaces`"))
    }

    /// An endpoint that leads to a queue of a namespace: one that the caller may use, if there is one.
    fn endpoint_at(
        &self,
        (namespace, queue): (&str, &str),
        caller: &CallerInfo,
        is_outside: bool,
    ) -> Result<Endpoint, Error> {
        let leads_there = |endpoint: &Endpoint| {
            matches!(&endpoint.spec.target, Target::Worker { namespace: place, task_queue }
                if place.as_str() == namespace && task_queue == queue)
        };
        let mut found: Vec<_> = self.endpoints().into_iter().filter(leads_there).collect();
        found.sort_by_key(|endpoint| !endpoint.allows(&caller.namespace, is_outside));
        found.into_iter().next().ok_or_else(|| {
            let message = format!("no endpoint leads to the queue {queue} of namespace {namespace}");
            Error::new(&code::ENDPOINT_UNKNOWN, message).help("`nexus endpoint list` shows the endpoints")
        })
    }

    fn handler(&self, endpoint: &Endpoint, service: &str, operation: &str) -> Result<Handler, Error> {
        let name = &endpoint.spec.name;
        let Target::Worker { namespace, task_queue } = &endpoint.spec.target else {
            return Err(leads_outside(endpoint));
        };
        let definition = self.definition();
        let program = definition.as_deref().map(|definition| &definition.program);
        handler(program, (namespace.clone(), task_queue.clone()), service, operation).ok_or_else(|| {
            let message = format!("{name} has no operation {service}.{operation}");
            let error = Error::new(&code::SERVICE_UNKNOWN, message);
            let services = program.into_iter().flat_map(Program::services);
            let services = services.filter(|it| it.is_served_at(namespace.as_str(), task_queue));
            let names = services
                .flat_map(|it| {
                    it.operations.iter().map(|operation| format!("{}.{}", it.name, operation.name))
                })
                .collect::<Vec<_>>();
            let wanted = format!("{service}.{operation}");
            match nexus_kernel::suggest::nearest(&wanted, names.iter().map(String::as_str)) {
                Some(near) => error.help(format!("did you mean {near:?}?")),
                None => error.help("`nexus service list` shows the services"),
            }
        })
    }

    /// Where an operation runs, and under which request: the same for the same request id of one namespace.
    fn place(
        &self,
        endpoint: &Endpoint,
        handler: &Handler,
        start: &OperationStart,
    ) -> Result<(Key, String), Error> {
        let request_id = match &start.request_id {
            Some(given) => {
                let scope = json!([start.caller.namespace, endpoint.id, given]).to_string();
                Hash::of(scope.as_bytes()).as_str().to_owned()
            }
            None => self.request_id(None),
        };
        let tail: String = request_id.chars().take(32).collect();
        let workflow_id = WorkflowId::new(&format!("nexus-{tail}"))?;
        Ok((Key { namespace: handler.namespace.clone(), workflow_id }, format!("nexus:{request_id}")))
    }

    /// Asks an operation to end early, for somebody outside who shows its token. It is a request: whoever carries the
    /// operation out may go on, and one that has ended has heard of it.
    ///
    /// # Errors
    ///
    /// The caller is not allowed, or the token is not one of this operation.
    pub async fn cancel_operation(
        &self,
        (endpoint, service, operation): (&str, &str, &str),
        caller: (&CallerInfo, bool),
        token: &str,
    ) -> Result<(), Error> {
        let endpoint = self.allowed(endpoint, caller.0, caller.1)?;
        // The operation may be of an older version, and its service nowhere else any more.
        let namespace = match &endpoint.spec.target {
            Target::Worker { namespace, .. } => namespace,
            Target::Outside { .. } => return Err(leads_outside(&endpoint)),
        };
        let unknown = || Error::new(&code::OPERATION_ENDED, "there is no operation of this token");
        let key = token::key_of(token).filter(|key| key.namespace == *namespace).ok_or_else(unknown)?;
        let records = self.shared.store.read(&key, 0).await?;
        let state = KeyState::fold(&key.namespace, &records)
            .map_err(|why| crate::shard::load::damaged(&key, &why))?;
        // Not any run of the namespace: one that was started as this operation, by the same namespace.
        let is_it = |it: &Handling| {
            (it.service.as_str(), it.operation.as_str()) == (service, operation)
                && it.caller.as_ref().is_some_and(|it| it.namespace == caller.0.namespace)
        };
        let latest = state.latest().filter(|run| run.started.operation.as_deref().is_some_and(is_it));
        let run = latest.ok_or_else(unknown)?;
        if !run.status.is_open() {
            return Ok(());
        }
        let reason = "asked for by its caller".to_owned();
        match self.shared.router.ask(key, Input::Cancel { run: None, reason }).await {
            Some(_) => Ok(()), // a refusal says that it has ended
            None => Err(stopping()),
        }
    }

    /// Takes the completion of an operation that was carried out outside.
    ///
    /// # Errors
    ///
    /// Nothing shows that this server has asked for it, nobody waits for it any more, or its result is none.
    pub async fn complete_operation(
        &self,
        headers: &BTreeMap<String, String>,
        (token, links): (Option<String>, Vec<LinkRecord>),
        outcome: Result<Json, Failure>,
    ) -> Result<(), Error> {
        let refused = || {
            Error::new(&code::CALLBACK_REFUSED, "the completion does not show that it was asked for")
                .help("a completion repeats the headers of the callback that the start came with")
        };
        let shown = headers.get(CALLBACK_TOKEN).ok_or_else(refused)?;
        let awaited = Awaited::open(shown, self.shared.outside.signer().await?).ok_or_else(refused)?;
        let by = Performer::Outside { endpoint: awaited.endpoint, token, links };
        let end = RemoteEnd { by: None, outside: Some(by), outcome };
        self.complete(&awaited.key, Whom::Request(awaited.request), end).await
    }

    /// Ends an operation that a run waits for in an operator's name.
    ///
    /// # Errors
    ///
    /// Nobody waits for it.
    pub async fn end_operation(
        &self,
        run: &RunId,
        seq: u64,
        outcome: Result<Json, Failure>,
    ) -> Result<(), Error> {
        let row = self.row(run).await?;
        let end = RemoteEnd { by: None, outside: None, outcome };
        self.complete(&row.key, Whom::Command(row.run_id.clone(), seq), end).await
    }

    /// Asks, in an operator's name, whoever carries an operation out to cancel it.
    ///
    /// # Errors
    ///
    /// Nobody waits for it.
    pub async fn request_cancel_operation(&self, run: &RunId, seq: u64) -> Result<(), Error> {
        let row = self.row(run).await?;
        let input = Input::CancelOperation(row.run_id, seq);
        answered(self.shared.router.ask(row.key, input).await)
    }

    async fn complete(&self, key: &Key, whom: Whom, end: RemoteEnd) -> Result<(), Error> {
        answered(self.shared.router.ask(key.clone(), Input::Complete(whom, Box::new(end))).await)
    }
}

fn leads_outside(endpoint: &Endpoint) -> Error {
    let message = format!("endpoint {} leads outside: its operations are called by runs", endpoint.spec.name);
    Error::new(&code::SERVICE_UNKNOWN, message)
        .help("call it from a workflow, which keeps the result whatever happens")
}

fn answered(reply: Option<Reply>) -> Result<(), Error> {
    match reply {
        Some(Reply::Refused(error)) => Err(error),
        Some(_) => Ok(()),
        None => Err(stopping()),
    }
}

/// What a shard is asked for.
fn start_of(
    endpoint: &Endpoint,
    handler: Handler,
    (start, request_id): (OperationStart, String),
    callback: Option<Callback>,
) -> Start {
    let asked = json!([start.service, start.operation, start.input]).to_string();
    let mut options = StartOptions::default();
    options.run.trace = start.trace;
    options.run.execution_timeout_ms =
        start.timeout.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
    let operation = Handling {
        endpoint: endpoint.spec.name.clone(),
        service: start.service,
        operation: start.operation,
        caller: Some(start.caller),
        asked: Some(Hash::of(asked.as_bytes())),
        links: start.links,
    };
    Start {
        operation: Some(Box::new(operation)),
        callback: callback.map(Box::new),
        options,
        ..Start::new(handler.workflow, start.input, handler.task_queue, request_id)
    }
}

impl OperationRun {
    /// What somebody is told who asked as Nexus RPC does: the state, and what belongs to it.
    pub fn to_json(&self) -> Json {
        let link = link(&self.key, self.run_id.as_str());
        let (state, more) = match &self.outcome {
            None => ("running", None),
            Some(outcome) if outcome.status == RunStatus::Completed => {
                ("succeeded", Some(("result", outcome.result.clone())))
            }
            Some(outcome) => {
                let ended = failure::ended(&of_closed(outcome.status, outcome.failure.as_ref()));
                let told = serde_json::from_slice(&ended.to_failure().to_json()).unwrap_or_default();
                (ended.end.as_str(), Some(("failure", told)))
            }
        };
        let mut told = json!({
            "state": state,
            "token": self.token,
            "waited": self.waited,
            "links": [{ "url": link.url, "type": link.kind }],
        });
        if let Some(fields) = told.as_object_mut() {
            fields.extend(more.map(|(name, value)| (name.to_owned(), value)));
        }
        told
    }
}
