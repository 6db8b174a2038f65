//! One call: what is asked for, and the turns it takes until it has an answer.

use std::sync::Arc;

use nexus_kernel::id::Namespace;
use nexus_kernel::suggest::nearest;
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

use crate::capability::Capabilities;
use crate::compile::Module;
use crate::engine::Guest;
use crate::error::{CallError, CallErrorKind, LimitKind, Stop};
use crate::host::{Started, State};
use crate::instance::{Instance, Settled, Status, Thrown, classify_trap};
use crate::limits::Limits;
use crate::meter::Interrupt;
use crate::op::{HostFunctions, Scope};
use crate::outcome::{LogLevel, LogLine, Outcome};
use crate::queue::Lane;
use crate::service::Shared;

/// An execution that has used more processor time than this queues in the slow lane, in microseconds.
const QUICK_US_MAX: u64 = 5_000;

/// What to call, with what, and what it may do.
#[derive(Clone)]
pub struct Invocation {
    /// The file.
    pub module: Module,
    /// The exported function.
    pub export: String,
    /// Its arguments before the context.
    pub input: Input,
    /// What it can know about where it runs.
    pub context: CallContext,
    /// What it may do.
    pub capabilities: Capabilities,
    /// What it may use.
    pub limits: Limits,
    /// When it must have finished; earlier than the limit's wall time only.
    pub deadline: Option<Timestamp>,
    /// Seed of `Math.random`; drawn when absent.
    pub seed: Option<u64>,
    /// Functions of other parts.
    pub functions: Option<Arc<dyn HostFunctions>>,
}

impl Invocation {
    /// A call with the default limits and no capabilities.
    pub fn new(module: Module, export: impl Into<String>, input: Json) -> Invocation {
        Invocation {
            module,
            export: export.into(),
            input: Input::One(input),
            context: CallContext::default(),
            capabilities: Capabilities::none(),
            limits: Limits::default(),
            deadline: None,
            seed: None,
            functions: None,
        }
    }
}

/// The arguments before the context.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// `handler(input, ctx)`.
    One(Json),
    /// `handler(first, second, …, ctx)`.
    Many(Vec<Json>),
}

/// What a function can know about where it runs; fields of `ctx`, in camel case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallContext {
    /// The namespace.
    pub namespace: Namespace,
    /// The run's workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The run's workflow id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<String>,
    /// The run's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The activity's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
    /// The activity's number in the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity_id: Option<u64>,
    /// From 1.
    pub attempt: u32,
    /// The same for every attempt, different for everything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

impl Default for CallContext {
    fn default() -> CallContext {
        CallContext {
            namespace: Namespace::default(),
            workflow: None,
            workflow_id: None,
            run: None,
            activity: None,
            activity_id: None,
            attempt: 1,
            idempotency_key: None,
        }
    }
}

#[derive(Serialize)]
struct Request<'a> {
    export: &'a str,
    input: &'a RawValue,
    spread: bool,
    context: &'a CallContext,
}

/// An execution between its turns: an instance, and the right to have one.
struct Execution {
    instance: Instance,
    /// Dropped after the instance, so that the pool always has room for who holds a permit.
    _permit: OwnedSemaphorePermit,
}

/// How a turn ended.
enum Turn {
    Answered(Result<Outcome, CallError>),
    Waiting(Box<Execution>, Vec<Started>),
}

/// Stops the guest when the caller goes away.
struct AbandonOnDrop(Interrupt);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Carries out a call.
pub(crate) async fn call(shared: &Shared, invocation: Invocation) -> Result<Outcome, CallError> {
    let request = request(&invocation)?;
    let limit = shared.clock().now().plus(std::time::Duration::from_millis(invocation.limits.wall_ms_max));
    let deadline = invocation.deadline.map_or(limit, |deadline| deadline.min(limit));
    let mut timeout = shared.clock().sleep_until(deadline);
    let (guest, permit) = tokio::select! {
        biased;
        admitted = shared.admit() => admitted?,
        () = &mut timeout => return Err(CallErrorKind::Deadline.into()),
    };
    let scope = shared.scope(&invocation);
    let state = shared.state(invocation.limits, Some(scope.clone()));
    let interrupt = state.interrupt.clone();
    let _abandon = AbandonOnDrop(interrupt.clone());
    let seed = invocation.seed.unwrap_or_else(|| shared.rng().next_u64());
    let module = invocation.module;
    let first = {
        let guest = guest.clone();
        let module = module.clone();
        move || first_turn(&guest, state, permit, &Start { module: &module, request: &request, seed })
    };
    let mut turn = take_turn(shared, Lane::Quick, first, (&mut timeout, &interrupt)).await?;
    let mut operations = JoinSet::new();
    loop {
        let (execution, started) = match turn {
            Turn::Answered(answer) => return answer,
            Turn::Waiting(execution, started) => (execution, started),
        };
        for started in started {
            operations.spawn(perform(scope.clone(), started));
        }
        let Some(settled) = settled(&mut operations, &mut timeout).await else {
            return Err((*execution).fail(CallErrorKind::Deadline));
        };
        let lane = execution.lane();
        let (guest, file) = (guest.clone(), module.clone());
        let next = move || next_turn(&guest, execution, settled, file.file());
        turn = take_turn(shared, lane, next, (&mut timeout, &interrupt)).await?;
    }
}

/// Checks what can be checked without the guest, and writes what it gets.
fn request(invocation: &Invocation) -> Result<Vec<u8>, CallError> {
    let Invocation { module, export, limits, .. } = invocation;
    if !module.has_export(export) {
        let meant = nearest(export, module.exports().iter().map(String::as_str)).map(Into::into);
        return Err(CallErrorKind::NoExport {
            file: module.file().into(),
            export: export.as_str().into(),
            meant,
        }
        .into());
    }
    let unwritable = |error: serde_json::Error| CallError::from(CallErrorKind::Failed(error.to_string()));
    let (input, spread) = match &invocation.input {
        Input::One(input) => (serde_json::value::to_raw_value(input), false),
        Input::Many(inputs) => (serde_json::value::to_raw_value(inputs), true),
    };
    let input = input.map_err(unwritable)?;
    let len = input.get().len();
    if len > limits.argument_bytes_max {
        let (limit, used) = (limits.argument_bytes_max as u64, len as u64);
        return Err(CallErrorKind::Limit { what: LimitKind::ArgumentBytes, limit, used }.into());
    }
    let request = Request { export, input: &input, spread, context: &invocation.context };
    serde_json::to_vec(&request).map_err(unwritable)
}

/// Has a turn taken on a thread of the sandbox. When time is up, the guest is stopped at its next tick.
async fn take_turn(
    shared: &Shared,
    lane: Lane,
    work: impl FnOnce() -> Turn + Send + 'static,
    (timeout, interrupt): (&mut BoxFuture<'static, ()>, &Interrupt),
) -> Result<Turn, CallError> {
    let mut answer = shared.submit(lane, work)?;
    let lost = |_| CallError::from(CallErrorKind::Failed("a thread of the sandbox was lost".to_owned()));
    tokio::select! {
        biased;
        turn = &mut answer => return turn.map_err(lost),
        () = timeout => interrupt.deadline(),
    }
    answer.await.map_err(lost)
}

/// Waits for an operation; takes along what else has been answered by then. Nothing when time is up.
async fn settled(
    operations: &mut JoinSet<Settled>,
    timeout: &mut BoxFuture<'static, ()>,
) -> Option<Vec<Settled>> {
    let mut settled = Vec::new();
    tokio::select! {
        biased;
        Some(first) = operations.join_next() => settled.extend(first.ok()),
        () = timeout => return None,
    }
    while let Some(more) = operations.try_join_next() {
        settled.extend(more.ok());
    }
    Some(settled)
}

async fn perform(scope: Arc<Scope>, started: Started) -> Settled {
    match scope.perform(started.op, &started.arg).await {
        Ok(json) => Settled { id: started.id, ok: true, json },
        Err(error) => Settled { id: started.id, ok: false, json: json!(error).to_string().into_bytes() },
    }
}

/// What the first turn starts from.
struct Start<'a> {
    module: &'a Module,
    request: &'a [u8],
    seed: u64,
}

fn first_turn(guest: &Guest, mut state: State, permit: OwnedSemaphorePermit, start: &Start<'_>) -> Turn {
    if let Err(stop) = state.interrupt.check() {
        return Turn::Answered(Err(classify_trap(&stop.into()).into()));
    }
    state.meter.begin_slice();
    let mut instance = match Instance::fresh(guest, state, start.seed) {
        Ok(instance) => instance,
        Err(error) => return Turn::Answered(Err(classify_trap(&error).into())),
    };
    let entered = match instance.load(&guest.exports, start.module.bytecode()) {
        Ok(Status::Done) => instance.invoke(&guest.exports, start.request),
        other => other,
    };
    let execution = Box::new(Execution { instance, _permit: permit });
    execution.conclude(guest, entered, start.module.file())
}

fn next_turn(guest: &Guest, mut execution: Box<Execution>, settled: Vec<Settled>, file: &str) -> Turn {
    let state = execution.instance.store.data_mut();
    state.meter.begin_slice();
    let go_on = state.interrupt.check().map_err(wasmtime::Error::from);
    let entered = go_on.and_then(|()| {
        for settled in &settled {
            execution.instance.settle(&guest.exports, settled)?;
        }
        execution.instance.pump(&guest.exports)
    });
    execution.conclude(guest, entered, file)
}

impl Execution {
    fn lane(&self) -> Lane {
        let spent_us = self.instance.store.data().meter.spent_us();
        if spent_us > QUICK_US_MAX { Lane::Slow } else { Lane::Quick }
    }

    /// Reads what the guest says and closes the slice.
    fn conclude(mut self: Box<Self>, guest: &Guest, entered: wasmtime::Result<Status>, file: &str) -> Turn {
        let read = match entered {
            Ok(Status::Pending) => {
                let state = self.instance.store.data_mut();
                state.meter.end_slice();
                let started = std::mem::take(&mut state.started);
                return Turn::Waiting(self, started);
            }
            Ok(Status::Stuck) => Err(CallErrorKind::Stuck),
            Ok(status) => self.read(guest, status, file),
            Err(error) => Err(classify_trap(&error)),
        };
        self.instance.store.data_mut().meter.end_slice();
        Turn::Answered(match read {
            Ok(result) => Ok(self.succeed(result)),
            Err(kind) => Err(self.fail(kind)),
        })
    }

    fn read(&mut self, guest: &Guest, status: Status, file: &str) -> Result<Json, CallErrorKind> {
        let said = self.instance.out(&guest.exports).map_err(|error| classify_trap(&error))?;
        if status != Status::Done {
            return Err(Thrown::read(&said).classify(self.instance.store.data(), file));
        }
        serde_json::from_slice(&said).map_err(|error| {
            let message = format!("the result cannot be written as JSON: {error}");
            CallErrorKind::Threw(Box::new(
                nexus_kernel::failure::Failure::application("TypeError", message).final_(),
            ))
        })
    }

    fn succeed(mut self, result: Json) -> Outcome {
        let state = self.instance.store.data_mut();
        let mut logs = std::mem::take(&mut state.logs);
        if state.outstanding > 0 {
            let count = state.outstanding;
            let message = format!("{count} operations were still under way and are abandoned; await them");
            logs.push(LogLine { level: LogLevel::Warn, message, at: state.clock.now() });
        }
        Outcome { result, logs, stats: state.stats() }
    }

    fn fail(mut self, kind: CallErrorKind) -> CallError {
        let state = self.instance.store.data_mut();
        CallError { kind, logs: std::mem::take(&mut state.logs), stats: state.stats() }
    }
}

impl From<Stop> for CallErrorKind {
    fn from(stop: Stop) -> CallErrorKind {
        classify_trap(&stop.into())
    }
}
