//! Calls: an operation or a workflow, beside all others of the connection.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::cache::CacheUse;
use nexus_kernel::call::{Answer, CallContext, OnDisconnect, RunNote, Wait};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{SessionId, WorkflowId};
use nexus_kernel::task;
use nexus_kernel::trace::TraceContext;
use serde::Deserialize;
use serde_json::{Map, json};
use tokio::sync::oneshot;

use crate::channel::cached;
use crate::channel::rest::query::parse_wait;
use crate::channel::rest::request::check_key;
use crate::channel::rest::wire::{Called, Started};
use crate::channel::socket::line::{Kind, Line, Refused, Stop};
use crate::channel::socket::message::{self, Id, bad};
use crate::limits::SOCKET_CALLS_MAX;
use crate::pipeline::Target;

/// What `call` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallParams {
    operation: Option<String>,
    workflow: Option<String>,
    input: Option<Json>,
    wait: Option<String>,
    workflow_id: Option<String>,
    idempotency_key: Option<String>,
    session: Option<String>,
    on_disconnect: Option<String>,
    traceparent: Option<String>,
    tracestate: Option<String>,
    cache: Option<String>,
}

/// What `cancel` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelParams {
    id: Json,
    #[serde(default)]
    run: bool,
}

/// A call before it is made.
struct Call {
    id: Id,
    is_workflow: bool,
    name: String,
    input: Json,
    context: CallContext,
    on_disconnect: OnDisconnect,
}

/// Reads the params of a method.
pub(super) fn read<T: for<'de> Deserialize<'de>>(params: Map<String, Json>) -> Result<T, Error> {
    serde_json::from_value(Json::Object(params))
        .map_err(|error| bad(format!("the params do not fit: {error}")))
}

impl Line {
    /// Begins a call. Its answer comes when it comes; what is returned says why there is no call.
    pub(super) fn call(&self, id: &Id, params: Map<String, Json>) -> Result<(), Error> {
        let call = self.read_call(id, params)?;
        let stop = self.open.open(id, Kind::Call, SOCKET_CALLS_MAX).map_err(|why| refused(why, "calls"))?;
        drop(task::spawn(self.clone().carry_out(call, stop)));
        Ok(())
    }

    fn read_call(&self, id: &Id, params: Map<String, Json>) -> Result<Call, Error> {
        let params: CallParams = read(params)?;
        let (is_workflow, name) = match (params.operation, params.workflow) {
            (Some(operation), None) => (false, operation),
            (None, Some(workflow)) => (true, workflow),
            _ => {
                return Err(bad("a call names an operation or a workflow")
                    .help("give `operation`, such as run.list, or `workflow`, such as Checkout"));
            }
        };
        let session = params.session.as_deref().map(SessionId::parse).transpose()?;
        let target = if is_workflow { Target::Workflow(&name) } else { Target::Verb(&name) };
        let declared = self.pipeline.find(target, &self.caller).map(|found| found.contract.on_disconnect);
        let on_disconnect = match params.on_disconnect.as_deref() {
            None => declared.unwrap_or_default(),
            Some(text) => OnDisconnect::parse(text).ok_or_else(|| {
                bad(format!("{text:?} is nothing to do on a disconnect")).help("say detach or cancel")
            })?,
        };
        let parent = params.traceparent.as_deref();
        let trace = parent.and_then(|parent| TraceContext::parse(parent, params.tracestate.as_deref()));
        let context = CallContext {
            trace,
            // A connection has many calls, and a call may be withdrawn without the connection's end: it is looked after here.
            on_disconnect: Some(OnDisconnect::Detach),
            wait: wait(params.wait.as_deref())?,
            workflow_id: params.workflow_id.as_deref().map(WorkflowId::new).transpose()?,
            idempotency_key: params.idempotency_key.map(check_key).transpose()?,
            cache: params.cache.as_deref().map(cache_use).transpose()?.unwrap_or_default(),
            ..self.context(session)
        };
        let input = params.input.unwrap_or_else(|| Json::Object(Map::new()));
        Ok(Call { id: id.clone(), is_workflow, name, input, context, on_disconnect })
    }

    async fn carry_out(self, call: Call, stop: oneshot::Receiver<Stop>) {
        let Call { id, is_workflow, name, input, context, on_disconnect } = call;
        let (request_id, run) = (context.request_id.clone(), context.started.clone());
        let target = if is_workflow { Target::Workflow(&name) } else { Target::Verb(&name) };
        let work = self.pipeline.call(target, input, context);
        tokio::pin!(work);
        let outcome = tokio::select! {
            biased;
            answer = &mut work => Ok(answer),
            stop = stop => Err(stop.ok()),
        };
        let answer = match outcome {
            Ok(answer) => answer,
            Err(stop) => {
                let is_gone = stop.is_none() && on_disconnect == OnDisconnect::Cancel;
                if is_gone || stop == Some(Stop::CancelRun) {
                    tokio::select! {
                        biased;
                        _ = &mut work => {}
                        started = run.noted() => self.cancel_run(started.run_id.as_str()).await,
                    }
                }
                Err(withdrawn(&run))
            }
        };
        // The id is free before its answer can be read.
        self.open.close(&id);
        let text = match answer {
            Ok(answer) => message::result(&id, &shown(&answer)),
            Err(error) => message::failed(Some(&id), message::number_of(&error), &error, &request_id),
        };
        self.say(text).await;
    }

    /// Asks a run to end. That it has ended already is as good.
    async fn cancel_run(&self, run_id: &str) {
        let input = json!({ "run_id": run_id });
        let asked = self.pipeline.call(Target::Verb("run.cancel"), input, self.context(None)).await;
        if let Err(error) = asked {
            tracing::debug!(%error, run_id, "the run of a call that nobody waits for was not asked to end");
        }
    }

    /// Stops a call: nobody waits for it any more, and its run is asked to end when that is wanted.
    pub(super) fn cancel(&self, params: Map<String, Json>) -> Result<Json, Error> {
        let params: CancelParams = read(params)?;
        let id = Id::of(&params.id)?;
        let how = if params.run { Stop::CancelRun } else { Stop::Withdraw };
        if self.open.stop(&id, Kind::Call, how) {
            return Ok(json!({ "cancelled": params.id }));
        }
        Err(bad(format!("no call with the id {} is open", params.id))
            .help("it may have ended; its answer is on the way then"))
    }
}

/// How long a call waits: to the end unless it says otherwise.
fn wait(given: Option<&str>) -> Result<Wait, Error> {
    match given {
        None | Some("done") => Ok(Wait::Done),
        Some("accepted") => Ok(Wait::Accepted),
        Some(text) => parse_wait(text).map(Wait::AtMost),
    }
}

/// Why nothing was opened.
pub(super) fn refused(why: Refused, what: &str) -> Error {
    match why {
        Refused::Taken => {
            bad("the id is that of a request that is still open").help("give each request an `id` of its own")
        }
        Refused::Full => {
            Error::new(&code::OVERLOADED, format!("the connection has as many {what} open as it may"))
                .help("wait for one to end, or open another connection")
        }
    }
}

fn withdrawn(run: &RunNote) -> Error {
    let error = Error::new(&code::CALL_WITHDRAWN, "the call was cancelled before it was answered");
    match run.run() {
        Some(run) => error.help("the run goes on unless it was asked to end").run(run.run_id.clone()),
        None => error,
    }
}

/// The answer to a call: that of `POST /v1/workflows/{name}/runs` and `POST /v1/operations/{name}`.
fn shown(answer: &Answer) -> Json {
    let shown = match &answer.run {
        Some(run) => serde_json::to_value(Started::new(run, answer)),
        None => serde_json::to_value(Called { output: &answer.output }),
    };
    let mut shown = shown.unwrap_or_default(); // both are made of JSON
    if let (Some(fields), Some(cached)) = (shown.as_object_mut(), answer.cached) {
        fields.insert("cache".into(), cached::to_json(cached));
    }
    shown
}

/// What a call wants of answers that were made before.
fn cache_use(text: &str) -> Result<CacheUse, Error> {
    CacheUse::parse(text).ok_or_else(|| {
        bad(format!("{text:?} is nothing to want of kept answers")).help("say no-cache or no-store")
    })
}

/// A wait that a subscription asks its operation for, in milliseconds.
pub(super) fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}
