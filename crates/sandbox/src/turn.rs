//! The turns of an execution: what happens on a thread of the sandbox between two waits.

use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::failure::Failure;
use tokio::sync::Semaphore;

use crate::compile::Module;
use crate::engine::Guest;
use crate::error::{CallError, CallErrorKind, Overload};
use crate::host::{Started, State};
use crate::instance::{Instance, Settled, Status, Thrown, classify_trap};
use crate::outcome::Outcome;
use crate::parked::Opened;
use crate::profile::Phase;
use crate::seats::{Seat, Seats};
use crate::spill::Spilled;
use crate::template::Template;

/// What all turns of an execution need.
#[derive(Clone)]
pub(crate) struct Turns {
    pub(crate) guest: Arc<Guest>,
    pub(crate) crowd: Crowd,
    pub(crate) module: Module,
}

/// How many instances there are, and how many may be kept by executions that wait.
#[derive(Clone)]
pub(crate) struct Crowd {
    pub(crate) seats: Arc<Seats>,
    pub(crate) resident_max: usize,
    /// Room for what is kept of spilled executions, in kibibytes.
    pub(crate) spill_kib: Arc<Semaphore>,
}

impl Crowd {
    /// Whether an execution that waits must give its instance back.
    fn is_full(&self) -> bool {
        self.seats.taken() > self.resident_max
    }
}

/// How a turn ended.
pub(crate) enum Turn {
    Answered(Result<Outcome, CallError>),
    Waiting(Parked, Vec<Started>),
}

/// An execution between its turns.
pub(crate) enum Parked {
    /// It keeps its instance.
    Resident(Box<Execution>),
    /// Only what differs from the engine's image has been kept.
    Spilled(Box<Spilled>),
}

/// An instance, and the right to have one.
pub(crate) struct Execution {
    instance: Instance,
    /// Dropped after the instance, so that the pool always has room for who holds a seat.
    seat: Seat,
}

impl Parked {
    pub(crate) fn state(&self) -> &State {
        match self {
            Parked::Resident(execution) => execution.instance.store.data(),
            Parked::Spilled(spilled) => &spilled.state,
        }
    }

    pub(crate) fn fail(self, kind: CallErrorKind) -> CallError {
        match self {
            Parked::Resident(mut execution) => execution.instance.store.data_mut().fail(kind),
            Parked::Spilled(mut spilled) => spilled.state.fail(kind),
        }
    }
}

fn broken(error: &wasmtime::Error) -> Turn {
    Turn::Answered(Err(classify_trap(error).into()))
}

impl Turns {
    /// A fresh instance, the module, the call.
    pub(crate) fn first(&self, mut state: State, request: &[u8], seed: u64) -> Turn {
        if let Err(stop) = state.interrupt.check() {
            return broken(&stop.into());
        }
        let seat = self.crowd.seats.take();
        state.watch.waited(Phase::Queue);
        state.begin_slice();
        let mut instance = match Instance::fresh(&self.guest, state, seed) {
            Ok(instance) => instance,
            Err(error) => return broken(&error),
        };
        instance.store.data_mut().watch.lap(Phase::Instantiate);
        let exports = &self.guest.exports;
        let loaded = instance.load(exports, self.module.bytecode());
        instance.store.data_mut().watch.lap(Phase::Load);
        let entered = match loaded {
            Ok(Status::Done) => instance.invoke(exports, request),
            other => other,
        };
        self.conclude(Box::new(Execution { instance, seat }), entered)
    }

    /// The answers of operations, and what follows from them.
    pub(crate) fn next(&self, parked: Parked, settled: &[Settled]) -> Turn {
        let mut execution = match parked {
            Parked::Resident(mut execution) => {
                let state = execution.instance.store.data_mut();
                state.watch.waited(Phase::Wait);
                state.begin_slice();
                execution
            }
            Parked::Spilled(mut spilled) => {
                let seat = self.crowd.seats.take();
                spilled.state.watch.waited(Phase::Wait);
                match spilled.restore(&self.guest) {
                    Ok(mut instance) => {
                        let state = instance.store.data_mut();
                        state.watch.lap(Phase::Restore);
                        // That it had given its instance back is not the function's doing.
                        state.begin_slice();
                        Box::new(Execution { instance, seat })
                    }
                    Err(error) => return broken(&error),
                }
            }
        };
        let instance = &mut execution.instance;
        let go_on = instance.store.data().interrupt.check().map_err(wasmtime::Error::from);
        let entered = go_on.and_then(|()| {
            for settled in settled {
                instance.settle(&self.guest.exports, settled)?;
            }
            instance.pump(&self.guest.exports)
        });
        self.conclude(execution, entered)
    }

    /// Reads what the guest says and closes the slice.
    fn conclude(&self, mut execution: Box<Execution>, entered: wasmtime::Result<Status>) -> Turn {
        execution.instance.store.data_mut().watch.lap(Phase::Run);
        let read = match entered {
            Ok(Status::Pending) => {
                let state = execution.instance.store.data_mut();
                state.meter.end_slice();
                let started = std::mem::take(&mut state.started);
                return self.park(execution, started);
            }
            Ok(Status::Stuck) => Err(CallErrorKind::Stuck),
            Ok(status) => self.read(&mut execution.instance, status),
            Err(error) => Err(classify_trap(&error)),
        };
        let state = execution.instance.store.data_mut();
        state.watch.lap(Phase::Answer);
        state.meter.end_slice();
        let mut watch = std::mem::take(&mut state.watch);
        let answer = match read {
            Ok(result) => Ok(state.succeed(result)),
            Err(kind) => Err(state.fail(kind)),
        };
        drop(execution);
        watch.lap(Phase::Wipe);
        Turn::Answered(answer)
    }

    fn park(&self, execution: Box<Execution>, started: Vec<Started>) -> Turn {
        if !self.crowd.is_full() {
            return Turn::Waiting(Parked::Resident(execution), started);
        }
        match self.spill(*execution) {
            Ok(spilled) => Turn::Waiting(Parked::Spilled(Box::new(spilled)), started),
            Err(error) => Turn::Answered(Err(error)),
        }
    }

    /// Gives the instance back; what differs from the engine's image is kept.
    pub(crate) fn spill(&self, Execution { instance, seat }: Execution) -> Result<Spilled, CallError> {
        let room = &self.crowd.spill_kib;
        let spilled = Spilled::take(&self.guest, instance, self.module.template(), room);
        if let Ok(spilled) = &spilled {
            // The seat's place in the pool is free now: that of the instance to look at.
            let state = || spilled.state.for_looking();
            self.module.learn_template(|| Template::of(&self.guest, self.module.bytecode(), state(), room));
        }
        drop(seat);
        match spilled {
            Ok(mut spilled) => {
                spilled.state.watch.lap(Phase::Spill);
                Ok(spilled)
            }
            Err(mut state) => Err(state.fail(CallErrorKind::Overloaded(Overload::Parked))),
        }
    }

    /// An execution as an earlier process kept it: it waits for what it waited for.
    pub(crate) fn again(&self, mut state: State, opened: Opened) -> Turn {
        let Opened { usage, logs, pending, memory_bytes, difference, .. } = opened;
        state.go_on(usage, logs, pending.iter().map(|started| started.id).collect());
        match Spilled::again(&self.guest, state, (memory_bytes, difference), &self.crowd.spill_kib) {
            Ok(spilled) => Turn::Waiting(Parked::Spilled(Box::new(spilled)), pending),
            Err(mut state) => Turn::Answered(Err(state.fail(CallErrorKind::Overloaded(Overload::Parked)))),
        }
    }

    fn read(&self, instance: &mut Instance, status: Status) -> Result<Json, CallErrorKind> {
        let said = instance.out(&self.guest.exports).map_err(|error| classify_trap(&error))?;
        if status != Status::Done {
            return Err(Thrown::read(&said).classify(instance.store.data(), self.module.places()));
        }
        serde_json::from_slice(&said).map_err(|error| {
            let message = format!("the result cannot be written as JSON: {error}");
            CallErrorKind::Threw(Box::new(Failure::application("TypeError", message).final_()))
        })
    }
}
