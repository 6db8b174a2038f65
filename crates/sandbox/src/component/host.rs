//! The host's side of a component: the interface `nexus:function/host`, with the checks and accounts that scripts have.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use wasmtime::component::{ComponentType, Lift, Linker, Lower};
use wasmtime::{Engine, ResourceLimiter, StoreContextMut};

use super::engine::STACK_BYTES_MAX;
use crate::error::Stop;
use crate::host::{Started, State};
use crate::limit_kind::LimitKind;
use crate::op::{Op, OpError};
use crate::profile::{Call, Phase, Recorder};

/// The one interface that a component may import.
pub(super) const HOST: &str = "nexus:function/host@1.0.0";

/// `record failure`.
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct Failure {
    pub(super) name: String,
    pub(super) message: String,
    pub(super) code: Option<String>,
    #[component(name = "non-retryable")]
    pub(super) non_retryable: bool,
}

/// `record operation`.
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
struct Operation {
    name: String,
    argument: String,
}

/// `enum level`.
#[derive(Debug, Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "components make these")]
enum Level {
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

type Answer = Result<Vec<u8>, OpError>;

/// An operation that somebody beside the component must do.
pub(super) struct Wanted {
    pub(super) started: Started,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What the component and its driver tell each other.
#[derive(Default)]
pub(super) struct Exchange {
    wanted: Mutex<Vec<Wanted>>,
    spent_us: AtomicU64,
}

impl Exchange {
    /// The operations that have been started since the last time.
    pub(super) fn take(&self) -> Vec<Wanted> {
        std::mem::take(&mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Processor time up to the last wait, in microseconds.
    pub(super) fn spent_us(&self) -> u64 {
        self.spent_us.load(Ordering::Relaxed)
    }

    fn want(&self, started: Started) -> oneshot::Receiver<Answer> {
        let (answer, receiver) = oneshot::channel();
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).push(Wanted { started, answer });
        receiver
    }
}

/// What a store of a component holds.
pub(crate) struct Side {
    pub(super) state: State,
    pub(super) exchange: Arc<Exchange>,
    /// Room for executions that wait, in kibibytes; scripts and components share it.
    pub(super) room: Arc<Semaphore>,
    /// What this one has of it while it waits.
    pub(super) waits_in: Option<OwnedSemaphorePermit>,
}

impl ResourceLimiter for Side {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.state.memory_growing(current, desired, maximum)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.state.table_growing(current, desired, maximum)
    }
}

type Replied = Result<String, Failure>;

/// The imports, complete.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Side>> {
    let mut linker = Linker::new(engine);
    let mut host = linker.instance(HOST)?;
    host.func_wrap_async("call", |store, (name, argument): (String, String)| {
        Box::new(async move {
            let mut answers = perform(store, vec![Operation { name, argument }]).await?;
            Ok((answers.pop().ok_or(Stop::UnknownOperation)?,))
        })
    })?;
    host.func_wrap_async("call-all", |store, (operations,): (Vec<Operation>,)| {
        Box::new(async move { Ok((perform(store, operations).await?,)) })
    })?;
    host.func_wrap("log", |mut store: StoreContextMut<'_, Side>, (level, text): (Level, String)| {
        let number = match level {
            Level::Debug => 0,
            Level::Info => 1,
            Level::Warn => 2,
            Level::Error => 3,
        };
        Ok(store.data_mut().state.log(number, text.as_bytes())?)
    })?;
    host.func_wrap("now", |store: StoreContextMut<'_, Side>, (): ()| {
        Ok((u64::try_from(store.data().state.clock.now().millis()).unwrap_or(0),))
    })?;
    Ok(linker)
}

/// What has become of an operation when all have been started.
enum Reply {
    Ready(Replied),
    Awaited(oneshot::Receiver<Answer>),
}

/// Does operations: those that need no waiting at once, the others together.
async fn perform(
    mut store: StoreContextMut<'_, Side>,
    operations: Vec<Operation>,
) -> wasmtime::Result<Vec<Replied>> {
    let mut replies = Vec::with_capacity(operations.len());
    for (id, operation) in (0..).zip(operations) {
        replies.push(store.data_mut().start(id, operation)?);
    }
    let mut answers = Vec::with_capacity(replies.len());
    let mut waiting = false;
    for reply in replies {
        answers.push(match reply {
            Reply::Ready(reply) => reply,
            Reply::Awaited(answer) => {
                if !waiting {
                    store.data_mut().park()?;
                    waiting = true;
                }
                answered(answer.await)
            }
        });
    }
    if waiting {
        store.data_mut().resume()?;
    }
    let side = store.data_mut();
    for answer in &answers {
        side.state.count_bytes(answer.as_ref().map_or(0, String::len))?;
    }
    Ok(answers)
}

/// Who asked is told in time that nobody answers any more: its interrupt says why.
fn answered(answer: Result<Answer, oneshot::error::RecvError>) -> Replied {
    match answer {
        Ok(Ok(json)) => Ok(String::from_utf8_lossy(&json).into_owned()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(OpError::new("AbortError", "the operation was given up").into()),
    }
}

impl Side {
    fn start(&mut self, id: u32, operation: Operation) -> Result<Reply, Stop> {
        let Operation { name, argument } = operation;
        let op = Op::ALL.iter().copied().find(|op| op.name() == name);
        self.state.admit_argument(op.map_or(0, Op::number), argument.len())?;
        let Some(op) = op else {
            let error = OpError {
                non_retryable: true,
                ..OpError::new("TypeError", format!("there is no operation {name:?}"))
            };
            return Ok(Reply::Ready(Err(error.into())));
        };
        if op.is_immediate() {
            return self.answer_now(op, &argument).map(Reply::Ready);
        }
        self.state.begin_operation()?;
        let number = self.state.number_of(op);
        let started = Started { id, op, arg: argument.into_bytes(), number };
        Ok(Reply::Awaited(self.exchange.want(started)))
    }

    fn answer_now(&mut self, op: Op, argument: &str) -> Result<Replied, Stop> {
        let began = self.state.watch.recorder().map(Recorder::now);
        let answer = self.state.answer(op.number(), argument.as_bytes())?;
        let (failed, replied) = match answer {
            Ok(json) => (false, Ok(json.to_string())),
            Err(error) => (true, Err(Failure::from(error))),
        };
        if let (Some(recorder), Some(began)) = (self.state.watch.recorder(), began) {
            let received_bytes = replied.as_ref().map_or(0, String::len);
            recorder.call(&Call {
                name: &op.name(),
                failed,
                sent_bytes: argument.len(),
                received_bytes,
                began,
            });
        }
        Ok(replied)
    }

    /// The slice ends: the component waits, with all of its memory and as much of its stack as it has ever used. There
    /// must be room for that.
    fn park(&mut self) -> Result<(), Stop> {
        self.state.watch.lap(Phase::Run);
        self.state.meter.end_slice();
        self.exchange.spent_us.store(self.state.meter.spent_us(), Ordering::Relaxed);
        let bytes = self.state.stats().memory_bytes.saturating_add(STACK_BYTES_MAX as u64);
        let kib = u32::try_from(bytes.div_ceil(1_024)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(kib);
        self.waits_in = Some(room.map_err(|_| Stop::NoRoom)?);
        Ok(())
    }

    /// The next slice begins, unless the execution is to end.
    fn resume(&mut self) -> Result<(), Stop> {
        self.waits_in = None;
        self.state.watch.waited(Phase::Wait);
        self.state.begin_slice();
        self.state.outstanding = 0;
        self.state.interrupt.check()
    }
}

impl From<OpError> for Failure {
    fn from(error: OpError) -> Failure {
        let OpError { name, message, code, non_retryable, .. } = error;
        Failure { name, message, code, non_retryable }
    }
}

/// A result or failure that is longer than allowed.
pub(super) fn too_long(limit: usize, used: usize) -> Option<Stop> {
    (used > limit).then(|| Stop::limit(LimitKind::ResultBytes, limit, used))
}

/// The argument of a component's function: its JSON.
pub(super) fn text<T: serde::Serialize>(value: &T) -> String {
    json!(value).to_string()
}
