//! One call: what is asked for, and its way from turn to turn until it has an answer.

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::doer::Doer;
use nexus_kernel::id::{Namespace, SessionId};
use nexus_kernel::suggest::nearest;
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json, code};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::task::JoinSet;

use crate::allowance::{Allowance, Stretch};
use crate::capability::Capabilities;
use crate::compile::Module;
use crate::error::{CallError, CallErrorKind};
use crate::host::Started;
use crate::instance::Settled;
use crate::lease::Lease;
use crate::limit_kind::LimitKind;
use crate::limits::Limits;
use crate::meter::Interrupt;
use crate::op::{HostFunctions, OpError, Scope};
use crate::outcome::Outcome;
use crate::parked::{Keep, Waits};
use crate::ports::Ports;
use crate::profile::{Call, Phase, Recorder, Watch};
use crate::queue::{Lane, Place, Priority};
use crate::service::Shared;
use crate::turn::{Parked, Turn, Turns};
use crate::wait::Waiting;

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
    /// How long that holds; to its end when absent.
    pub lease: Option<Lease>,
    /// What it may use.
    pub limits: Limits,
    /// Who goes first when threads are scarce; within one namespace's turn, and among namespaces.
    pub priority: Priority,
    /// Whether it tries again when too many calls are waiting, until its time is up, instead of being turned away.
    pub patient: bool,
    /// When it must have finished, whatever its limits are.
    pub deadline: Option<Timestamp>,
    /// Seed of `Math.random`; drawn when absent.
    pub seed: Option<u64>,
    /// Functions of other parts.
    pub functions: Option<Arc<dyn HostFunctions>>,
    /// Ports of other parts.
    pub ports: Ports,
    /// Who keeps the execution while it waits for long, beyond this process.
    pub keep: Option<Keep>,
    /// Writes down where the time goes.
    pub recorder: Option<Recorder>,
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
            lease: None,
            limits: Limits::default(),
            priority: Priority::Normal,
            patient: false,
            deadline: None,
            seed: None,
            functions: None,
            ports: Ports::default(),
            keep: None,
            recorder: None,
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
    /// Names the attempt to whoever completes it from somewhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What the attempt before said last of its progress.
    #[serde(skip_serializing_if = "Json::is_null")]
    pub heartbeat_details: Json,
    /// The session that the run carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<CallSession>,
}

/// The session of a run, as `ctx.session` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallSession {
    /// Its id.
    pub id: SessionId,
}

impl CallContext {
    /// Whom lines of the log name.
    pub(crate) fn doer(&self) -> Doer {
        let CallContext { namespace, workflow_id, run, activity, attempt, .. } = self;
        Doer {
            namespace: namespace.clone(),
            workflow_id: workflow_id.clone(),
            run: run.clone(),
            activity: activity.clone(),
            attempt: *attempt,
        }
    }
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
            token: None,
            heartbeat_details: Json::Null,
            session: None,
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

/// Stops the guest when the caller goes away.
pub(crate) struct AbandonOnDrop(pub(crate) Interrupt);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Carries out a call.
pub(crate) async fn call(shared: &Shared, invocation: Box<Invocation>) -> Result<Outcome, CallError> {
    // Thousands of calls may wait at the same time: what only the beginning needs is gone by then.
    let (mut course, turn) = Box::pin(begin(shared, invocation)).await?;
    course.follow(turn).await
}

/// What a call needs from its first turn to its answer.
struct Course<'a> {
    shared: &'a Shared,
    turns: Turns,
    scope: Arc<Scope>,
    export: String,
    place: Place,
    patient: bool,
    operation_ms_max: u64,
    recorder: Option<Recorder>,
    waits: Waits,
    allowance: Allowance,
    operations: JoinSet<Settled>,
    abandon: AbandonOnDrop,
}

/// The first turn, or what an earlier process kept.
async fn begin(shared: &Shared, invocation: Box<Invocation>) -> Result<(Box<Course<'_>>, Turn), CallError> {
    let request = request(&invocation)?;
    let waits = Waits::new(&invocation);
    let opened = waits.reopen(&invocation);
    let recorder = invocation.recorder.clone();
    let mut watch = Watch::start(recorder.clone());
    let mut allowance = Allowance::new(shared.clock().clone(), &invocation.limits, invocation.deadline);
    let mut timeout = allowance.begin(Stretch::Running);
    let guest = tokio::select! {
        biased;
        guest = shared.guest() => guest?,
        () = &mut timeout => return Err(CallErrorKind::Deadline.into()),
    };
    watch.waited(Phase::Admit);
    let scope = shared.scope(&invocation, opened.as_ref());
    let mut state = shared.state(invocation.limits, Some(scope.clone()));
    state.watch = watch;
    let abandon = AbandonOnDrop(state.interrupt.clone());
    let operation_ms_max = state.limits.operation_ms_max;
    let seed = invocation.seed.unwrap_or_else(|| shared.rng().next_u64());
    let Invocation { module, export, priority, patient, context, .. } = *invocation;
    let lane = if module.heat().is_hot(&export) { Lane::Slow } else { Lane::Quick };
    let turns = Turns { guest, crowd: shared.crowd(), module };
    let place = Place { lane, owner: context.namespace, priority, goes_on: false };
    let operations = JoinSet::new();
    let mut course = Box::new(Course {
        shared,
        turns,
        scope,
        export,
        place,
        patient,
        operation_ms_max,
        recorder,
        waits,
        allowance,
        operations,
        abandon,
    });
    let turn = match opened {
        Some(opened) => course.turns.again(state, opened),
        None => course.take(timeout, move |turns| turns.first(state, &request, seed)).await?,
    };
    course.place.goes_on = true;
    Ok((course, turn))
}

impl Course<'_> {
    /// Turn after turn, until there is an answer.
    async fn follow(&mut self, mut turn: Turn) -> Result<Outcome, CallError> {
        loop {
            self.allowance.end(Stretch::Running);
            let (parked, started) = match turn {
                Turn::Answered(answer) => return self.note(answer),
                Turn::Waiting(parked, started) => (parked, started),
            };
            self.begin_operations(started);
            let (parked, settled) = self.wait(parked).await?;
            let timeout = self.allowance.begin(Stretch::Running);
            self.place.lane = if parked.state().meter.is_quick() { Lane::Quick } else { Lane::Slow };
            turn = Box::pin(self.take(timeout, move |turns| turns.next(parked, &settled))).await?;
        }
    }

    fn begin_operations(&mut self, started: Vec<Started>) {
        let clock = self.shared.clock();
        for started in started.into_iter().map(Arc::new) {
            let timeout = clock.sleep_until(clock.now().plus(Duration::from_millis(self.operation_ms_max)));
            self.waits.begin(&started);
            self.operations.spawn(settle(self.scope.clone(), started, self.recorder.clone(), timeout));
        }
    }

    async fn wait(&mut self, parked: Parked) -> Result<(Parked, Vec<Settled>), CallError> {
        let Course { shared, turns, place, waits, allowance, operations, .. } = self;
        let waiting = Waiting { shared, turns, place, waits, allowance };
        let (parked, settled) = waiting.until_settled(parked, operations).await?;
        for settled in &settled {
            self.waits.end(settled.id);
        }
        Ok((parked, settled))
    }

    /// Has a turn taken on a thread of the sandbox. When time is up, the guest is stopped at its next tick.
    async fn take(
        &self,
        mut timeout: BoxFuture<'static, ()>,
        work: impl FnOnce(&Turns) -> Turn + Send + 'static,
    ) -> Result<Turn, CallError> {
        let turns = self.turns.clone();
        let work = move || work(&turns);
        let mut answer = tokio::select! {
            biased;
            submitted = Box::pin(self.shared.submit(&self.place, self.patient, work)) => submitted?,
            () = &mut timeout => return Err(CallErrorKind::Deadline.into()),
        };
        let lost = |_| CallError::from(CallErrorKind::Failed("a thread of the sandbox was lost".to_owned()));
        tokio::select! {
            biased;
            turn = &mut answer => return turn.map_err(lost),
            () = timeout => self.abandon.0.deadline(),
        }
        answer.await.map_err(lost)
    }

    /// Remembers how long the function keeps threads.
    fn note(&self, answer: Result<Outcome, CallError>) -> Result<Outcome, CallError> {
        let stats = answer.as_ref().map_or_else(|error| *error.stats, |outcome| outcome.stats);
        self.turns.module.heat().note(&self.export, stats.cpu_us, stats.slices);
        answer
    }
}

/// Whether the module has the function.
pub(crate) fn check_export(invocation: &Invocation) -> Result<(), CallError> {
    let Invocation { module, export, .. } = invocation;
    if module.has_export(export) {
        return Ok(());
    }
    let meant = nearest(export, module.exports().iter().map(String::as_str)).map(Into::into);
    let (file, export) = (module.file().into(), export.as_str().into());
    Err(CallErrorKind::NoExport { file, export, meant }.into())
}

/// Whether the input is as long as it may be, in bytes.
pub(crate) fn check_input(invocation: &Invocation, len: usize) -> Result<(), CallError> {
    let (limit, used) = (invocation.limits.argument_bytes_max as u64, len as u64);
    if used <= limit {
        return Ok(());
    }
    let kind = CallErrorKind::Limit { what: LimitKind::ArgumentBytes, limit, used };
    kind.tell_limit(&invocation.context.doer());
    Err(kind.into())
}

/// Checks what can be checked without the guest, and writes what it gets.
fn request(invocation: &Invocation) -> Result<Vec<u8>, CallError> {
    let Invocation { export, .. } = invocation;
    check_export(invocation)?;
    let unwritable = |error: serde_json::Error| CallError::from(CallErrorKind::Failed(error.to_string()));
    let (input, spread) = match &invocation.input {
        Input::One(input) => (serde_json::value::to_raw_value(input), false),
        Input::Many(inputs) => (serde_json::value::to_raw_value(inputs), true),
    };
    let input = input.map_err(unwritable)?;
    check_input(invocation, input.get().len())?;
    let request = Request { export, input: &input, spread, context: &invocation.context };
    serde_json::to_vec(&request).map_err(unwritable)
}

async fn settle(
    scope: Arc<Scope>,
    started: Arc<Started>,
    recorder: Option<Recorder>,
    timeout: BoxFuture<'static, ()>,
) -> Settled {
    let id = started.id;
    match perform(scope, started, recorder, timeout).await {
        Ok(json) => Settled { id, ok: true, json },
        Err(error) => Settled { id, ok: false, json: json!(error).to_string().into_bytes() },
    }
}

/// Never resolves when the operation may take as long as the function may wait.
async fn unless(is_patient: bool, timeout: BoxFuture<'static, ()>) {
    if is_patient {
        std::future::pending::<()>().await;
    }
    timeout.await;
}

/// Does an operation, and tells the recorder of it. One that takes too long is dropped and fails.
pub(crate) async fn perform(
    scope: Arc<Scope>,
    started: Arc<Started>,
    recorder: Option<Recorder>,
    timeout: BoxFuture<'static, ()>,
) -> Result<Vec<u8>, OpError> {
    let began = recorder.as_ref().map(Recorder::now);
    let answer = tokio::select! {
        biased;
        answer = scope.perform(&started) => answer,
        () = unless(started.op.is_patient(), timeout) => Err(OpError {
            code: Some(code::OPERATION_TIMEOUT.id.to_owned()),
            ..OpError::new("TimeoutError", "the operation took longer than it may")
        }),
    };
    if let (Some(recorder), Some(began)) = (recorder, began) {
        let (sent_bytes, received_bytes) = (started.arg.len(), answer.as_ref().map_or(0, Vec::len));
        let failed = answer.is_err();
        recorder.call(&Call { name: &started.op.name(), failed, sent_bytes, received_bytes, began });
    }
    answer
}
