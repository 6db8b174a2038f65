//! One call of a component's function: turns on the sandbox's threads, waits beside them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nexus_kernel::failure::Failure;
use nexus_kernel::{BoxFuture, Json, code};
use tokio::task::JoinSet;
use wasmtime::component::ComponentExportIndex;
use wasmtime::{Store, Trap, UpdateDeadline};

use super::Machine;
use super::engine::{Home, STACK_BYTES_MAX, Slot};
use super::host::{self, Exchange, Side, Wanted};
use crate::allowance::{Allowance, Stretch};
use crate::call::{AbandonOnDrop, Input, Invocation, check_export, check_input, perform};
use crate::crew::QUICK_US_MAX;
use crate::error::{CallError, CallErrorKind, Overload, Stop};
use crate::host::State;
use crate::limit_kind::LimitKind;
use crate::meter::Interrupt;
use crate::op::Scope;
use crate::outcome::Outcome;
use crate::profile::{Phase, Recorder, Watch};
use crate::queue::{Lane, Place};
use crate::service::Shared;

type Ended = Result<Outcome, CallError>;

/// What a component's function is given, as JSON.
struct Arguments {
    input: String,
    context: String,
}

/// Carries out a call.
pub(crate) async fn call(shared: &Shared, invocation: Invocation, code: Arc<Machine>) -> Ended {
    let (index, arguments) = prepare(&invocation, &code)?;
    let recorder = invocation.recorder.clone();
    let mut watch = Watch::start(recorder.clone());
    let mut allowance = Allowance::new(shared.clock().clone(), &invocation.limits, invocation.deadline);
    let mut timeout = allowance.begin(Stretch::Running);
    let slot = tokio::select! {
        biased;
        slot = code.home.slot(&invocation.context.namespace, invocation.patient) => slot,
        // It is not the function that has taken too long.
        () = &mut timeout => Err(Overload::Components),
    };
    let slot = slot.map_err(|overload| CallError::from(CallErrorKind::Overloaded(overload)))?;
    watch.waited(Phase::Admit);
    let scope = shared.scope(&invocation, None);
    let mut state = shared.state(invocation.limits.clone(), Some(scope.clone()));
    state.watch = watch;
    let interrupt = state.interrupt.clone();
    let _abandon = AbandonOnDrop(interrupt.clone());
    let exchange = Arc::new(Exchange::default());
    let side =
        Side { state, exchange: Arc::clone(&exchange), room: shared.crowd().spill_kib, waits_in: None };
    let running =
        Running { home: Arc::clone(&code.home), work: Box::pin(run(code, index, side, (arguments, slot))) };
    let Invocation { module, export, priority, patient, context, limits, .. } = invocation;
    let lane = if module.heat().is_hot(&export) { Lane::Slow } else { Lane::Quick };
    let place = Place { lane, owner: context.namespace, priority, goes_on: false };
    let operation_ms_max = limits.operation_ms_max;
    let driver = Driver { shared, exchange, interrupt, scope, recorder, operation_ms_max, place, patient };
    let ended = driver.drive(Parked { shared, running: Some(running) }, (allowance, timeout)).await;
    let stats = ended.as_ref().map_or_else(|error| *error.stats, |outcome| outcome.stats);
    module.heat().note(&export, stats.cpu_us, stats.slices);
    ended
}

/// Checks what can be checked without the component.
fn prepare(invocation: &Invocation, code: &Machine) -> Result<(ComponentExportIndex, Arguments), CallError> {
    let Invocation { export, .. } = invocation;
    check_export(invocation)?;
    let missing = || CallErrorKind::Failed("an export was lost".to_owned());
    let index = *code.function(export).ok_or_else(missing)?;
    let input = match &invocation.input {
        Input::One(input) => input.to_string(),
        Input::Many(inputs) => host::text(inputs),
    };
    check_input(invocation, input.len())?;
    Ok((index, Arguments { input, context: host::text(&invocation.context) }))
}

/// The execution from its instance to its answer. Polled on threads of the sandbox only.
async fn run(
    code: Arc<Machine>,
    index: ComponentExportIndex,
    mut side: Side,
    (arguments, slot): (Arguments, Slot),
) -> Ended {
    if let Err(stop) = side.state.interrupt.check() {
        return Err(side.state.fail(classify(&stop.into(), &side.state)));
    }
    side.state.watch.waited(Phase::Queue);
    side.state.begin_slice();
    let mut store = Store::new(&code.home.engine, side);
    store.limiter(|side| side);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|context| {
        context.data().state.tick()?;
        Ok(UpdateDeadline::Continue(1))
    });
    let called = enter(&code, index, &mut store, &arguments).await;
    let mut side = store.into_data();
    side.state.watch.lap(Phase::Wipe);
    drop(slot); // another one may have the instance
    side.state.meter.end_slice();
    let state = &mut side.state;
    match called.map_err(|error| classify(&error, state)).and_then(|said| read(said, state)) {
        Ok(result) => Ok(state.succeed(result)),
        Err(kind) => Err(state.fail(kind)),
    }
}

async fn enter(
    code: &Machine,
    index: ComponentExportIndex,
    store: &mut Store<Side>,
    arguments: &Arguments,
) -> wasmtime::Result<Result<String, host::Failure>> {
    let instance = code.pre.instantiate_async(&mut *store).await?;
    store.data_mut().state.watch.lap(Phase::Instantiate);
    let function =
        instance.get_typed_func::<(&str, &str), (Result<String, host::Failure>,)>(&mut *store, &index)?;
    let called = function.call_async(&mut *store, (&arguments.input, &arguments.context)).await;
    store.data_mut().state.watch.lap(Phase::Run);
    called.map(|(said,)| said)
}

/// What the function said: a result, or a failure of its own.
fn read(said: Result<String, host::Failure>, state: &State) -> Result<Json, CallErrorKind> {
    let bytes_max = state.limits.result_bytes_max;
    let len = match &said {
        Ok(json) => json.len(),
        Err(failure) => failure.name.len() + failure.message.len(),
    };
    if let Some(stop) = host::too_long(bytes_max, len) {
        return Err(classify(&stop.into(), state));
    }
    match said {
        Ok(json) => serde_json::from_str(&json).map_err(|error| {
            let message = format!("the result is not JSON: {error}");
            CallErrorKind::Threw(Box::new(Failure::application("TypeError", message).final_()))
        }),
        Err(host::Failure { name, message, code, non_retryable }) => {
            let mut failure = Failure::application(name, message);
            failure.non_retryable = non_retryable;
            let denied = code.as_deref() == Some(code::FUNCTION_DENIED.id);
            let failure = Box::new(failure);
            Err(if denied { CallErrorKind::Denied(failure) } else { CallErrorKind::Threw(failure) })
        }
    }
}

/// Why a component stopped.
fn classify(error: &wasmtime::Error, state: &State) -> CallErrorKind {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return match stop {
            Stop::Limit { what, limit, used } => {
                CallErrorKind::Limit { what: *what, limit: *limit, used: *used }
            }
            Stop::Deadline => CallErrorKind::Deadline,
            Stop::NoRoom => CallErrorKind::Overloaded(Overload::Parked),
            other => CallErrorKind::Failed(other.to_string()),
        };
    }
    let limit = |what, limit: usize| CallErrorKind::Limit { what, limit: limit as u64, used: limit as u64 };
    // What a program does when it gets no memory is to stop itself.
    if state.denied_memory {
        return limit(LimitKind::Memory, state.limits.memory_bytes_max);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => limit(LimitKind::Stack, STACK_BYTES_MAX),
        Some(trap) => CallErrorKind::Trapped(trap.to_string()),
        None => CallErrorKind::Trapped(format!("{error:#}")),
    }
}

/// A component between its turns, or in one.
struct Running {
    home: Arc<Home>,
    work: BoxFuture<'static, Ended>,
}

impl Running {
    /// Goes on until the component waits or has ended.
    fn turn(mut self) -> Result<Ended, Running> {
        let home = Arc::clone(&self.home);
        let _ticking = home.ticker.running();
        // Nobody needs to be woken: whoever answers an operation also asks for the next turn.
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.work).poll(&mut context) {
            Poll::Ready(ended) => Ok(ended),
            Poll::Pending => Err(self),
        }
    }
}

/// Wipes an execution that nobody waits for on a thread of the sandbox: it runs the component's stack to its end.
struct Parked<'a> {
    shared: &'a Shared,
    running: Option<Running>,
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        self.shared.tidy(move || drop(running));
    }
}

/// What goes along with an execution on the side of the callers.
struct Driver<'a> {
    shared: &'a Shared,
    exchange: Arc<Exchange>,
    interrupt: Interrupt,
    scope: Arc<Scope>,
    recorder: Option<Recorder>,
    operation_ms_max: u64,
    place: Place,
    patient: bool,
}

impl Driver<'_> {
    async fn drive(
        mut self,
        mut parked: Parked<'_>,
        (mut allowance, mut timeout): (Allowance, BoxFuture<'static, ()>),
    ) -> Ended {
        let mut operations = JoinSet::new();
        let (mut in_time, mut waited) = (true, None);
        loop {
            let Some(running) = parked.running.take() else {
                return Err(CallErrorKind::Failed("an execution was lost".to_owned()).into());
            };
            let turn = self.turn(running, &mut timeout, &mut in_time).await?;
            allowance.end(Stretch::Running);
            match turn {
                Ok(ended) => return ended.map_err(|error| with_reason(error, waited)),
                Err(running) => parked.running = Some(running),
            }
            let wanted = self.exchange.take();
            if !in_time {
                // Nobody does what it asked for last: it finds that out, and the interrupt, and ends.
                drop(wanted);
                operations.shutdown().await;
                continue;
            }
            for wanted in wanted {
                self.spawn(&mut operations, wanted);
            }
            let time_of_waiting = allowance.begin(Stretch::Waiting);
            tokio::select! {
                biased;
                Some(_) = operations.join_next() => while operations.try_join_next().is_some() {},
                () = time_of_waiting => {
                    waited = Some(allowance.waited());
                    self.interrupt.deadline();
                    operations.shutdown().await;
                    in_time = false;
                }
            }
            allowance.end(Stretch::Waiting);
            timeout = allowance.begin(Stretch::Running);
        }
    }

    fn spawn(&self, operations: &mut JoinSet<()>, Wanted { started, answer }: Wanted) {
        let (scope, recorder) = (Arc::clone(&self.scope), self.recorder.clone());
        let clock = self.shared.clock();
        let timeout = clock.sleep_until(clock.now().plus(Duration::from_millis(self.operation_ms_max)));
        operations.spawn(async move {
            // The component is gone when nobody takes the answer.
            let _ = answer.send(perform(scope, Arc::new(started), recorder, timeout).await);
        });
    }

    async fn turn(
        &mut self,
        running: Running,
        timeout: &mut BoxFuture<'static, ()>,
        in_time: &mut bool,
    ) -> Result<Result<Ended, Running>, CallError> {
        if self.place.goes_on {
            self.place.lane = if self.exchange.spent_us() > QUICK_US_MAX { Lane::Slow } else { Lane::Quick };
        }
        let mut answer = self.shared.submit(&self.place, self.patient, move || running.turn()).await?;
        self.place.goes_on = true;
        let lost = |_| CallError::from(CallErrorKind::Failed("a thread of the sandbox was lost".to_owned()));
        if *in_time {
            tokio::select! {
                biased;
                turn = &mut answer => return turn.map_err(lost),
                () = timeout => {
                    self.interrupt.deadline();
                    *in_time = false;
                }
            }
        }
        answer.await.map_err(lost)
    }
}

/// An execution that was ended because it had waited too long says so.
fn with_reason(error: CallError, waited: Option<CallErrorKind>) -> CallError {
    match waited {
        Some(kind) if error.kind == CallErrorKind::Deadline => CallError { kind, ..error },
        _ => error,
    }
}
