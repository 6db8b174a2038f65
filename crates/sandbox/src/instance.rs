//! One instance of the guest: entering it, and reading what it says.

use nexus_kernel::failure::Failure;
use nexus_kernel::{Json, code};
use serde::Deserialize;
use wasmtime::{
    Instance as Wasm, ModuleExport, Store, Trap, TypedFunc, UpdateDeadline, WasmParams, WasmResults,
};

use crate::engine::{Exports, Guest};
use crate::error::{CallErrorKind, LimitKind, Stop};
use crate::host::State;
use crate::position;

/// Stack that the guest gives to scripts, in bytes; `JS_STACK_BYTES_MAX` of `guest.c`.
const JS_STACK_BYTES_MAX: u64 = 256 * 1024;

/// How an entry into the guest ended; numbers as in `guest.c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Done,
    Failed,
    Pending,
    Stuck,
    RefusedImport,
}

/// A live instance and its memory.
pub(crate) struct Instance {
    pub(crate) store: Store<State>,
    wasm: Wasm,
}

type Entered<T> = Result<T, wasmtime::Error>;

impl Instance {
    /// A fresh instance: the snapshot, seeded.
    pub(crate) fn fresh(guest: &Guest, state: State, seed: u64) -> Entered<Instance> {
        let mut store = Store::new(&guest.engine, state);
        store.limiter(|state| state);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            let state = context.data();
            state.interrupt.check()?;
            state.meter.check()?;
            Ok(UpdateDeadline::Continue(1))
        });
        let wasm = guest.pre.instantiate(&mut store)?;
        let mut instance = Instance { store, wasm };
        let exports = &guest.exports;
        let memory = instance.wasm.get_module_export(&mut instance.store, &exports.memory);
        instance.store.data_mut().memory = memory.and_then(wasmtime::Extern::into_memory);
        let heap = as_u32(instance.store.data().heap_bytes_max())?;
        instance.enter::<(u64, u32), ()>(&exports.seed, (seed, heap))?;
        Ok(instance)
    }

    fn enter<P: WasmParams, R: WasmResults>(&mut self, export: &ModuleExport, params: P) -> Entered<R> {
        let missing = || wasmtime::Error::msg("the guest lacks a function");
        let function = self.wasm.get_module_export(&mut self.store, export).ok_or_else(missing)?;
        let function: TypedFunc<P, R> = function.into_func().ok_or_else(missing)?.typed(&self.store)?;
        // The last tick may lie long before this slice.
        self.store.set_epoch_deadline(1);
        function.call(&mut self.store, params)
    }

    fn status<P: WasmParams>(&mut self, export: &ModuleExport, params: P) -> Entered<Status> {
        match self.enter::<P, i32>(export, params)? {
            0 => Ok(Status::Done),
            1 => Ok(Status::Failed),
            2 => Ok(Status::Pending),
            3 => Ok(Status::Stuck),
            4 => Ok(Status::RefusedImport),
            other => Err(wasmtime::Error::msg(format!("the guest answered {other}"))),
        }
    }

    /// Copies bytes into the guest, a zero after them.
    fn give(&mut self, exports: &Exports, bytes: &[u8]) -> Entered<(u32, u32)> {
        let len = as_u32(bytes.len())?;
        let at: u32 = self.enter(&exports.alloc, (len + 1,))?;
        if at == 0 {
            let limit = self.store.data().limits.memory_bytes_max;
            return Err(Stop::limit(LimitKind::Memory, limit, limit).into());
        }
        let start = usize::try_from(at).map_err(|_| Stop::WildRange)?;
        let room = self.memory_mut()?.get_mut(start..=start + bytes.len()).ok_or(Stop::WildRange)?;
        let (text, zero) = room.split_at_mut(bytes.len());
        text.copy_from_slice(bytes);
        zero.fill(0);
        Ok((at, len))
    }

    fn memory_mut(&mut self) -> Result<&mut [u8], Stop> {
        let memory = self.store.data().memory.ok_or(Stop::WildRange)?;
        Ok(memory.data_mut(&mut self.store))
    }

    /// Copies a range out of the guest, at most `bytes_max`.
    fn copy_out(&mut self, at: u32, len: u32, bytes_max: usize) -> Entered<Vec<u8>> {
        let (start, len) = (usize::try_from(at)?, usize::try_from(len)?);
        if len > bytes_max {
            return Err(Stop::limit(LimitKind::ResultBytes, bytes_max, len).into());
        }
        let end = start.checked_add(len).ok_or(Stop::WildRange)?;
        Ok(self.memory_mut()?.get(start..end).ok_or(Stop::WildRange)?.to_vec())
    }

    /// What the last entry left to say.
    pub(crate) fn out(&mut self, exports: &Exports) -> Entered<Vec<u8>> {
        let at = self.enter(&exports.out_ptr, ())?;
        let len = self.enter(&exports.out_len, ())?;
        let bytes_max = self.store.data().limits.result_bytes_max;
        self.copy_out(at, len, bytes_max)
    }

    /// Compiles a source; [`Instance::out`] has the exports, the answer is bytecode.
    pub(crate) fn compile(
        &mut self,
        exports: &Exports,
        path: &str,
        source: &str,
    ) -> Entered<(Status, Vec<u8>)> {
        let (path, _) = self.give(exports, path.as_bytes())?;
        let (source, len) = self.give(exports, source.as_bytes())?;
        let status = self.status(&exports.compile, (source, len, path))?;
        if status != Status::Done {
            return Ok((status, Vec::new()));
        }
        let at = self.enter(&exports.code, ())?;
        let len = self.enter(&exports.code_len, ())?;
        Ok((status, self.copy_out(at, len, usize::MAX)?))
    }

    /// Runs the module's top level.
    pub(crate) fn load(&mut self, exports: &Exports, bytecode: &[u8]) -> Entered<Status> {
        let place = self.give(exports, bytecode)?;
        let status = self.status(&exports.load, place)?;
        self.enter::<_, ()>(&exports.free, (place.0,))?;
        Ok(status)
    }

    /// Calls a function.
    pub(crate) fn invoke(&mut self, exports: &Exports, request: &[u8]) -> Entered<Status> {
        let place = self.give(exports, request)?;
        self.status(&exports.invoke, place)
    }

    /// Settles an operation; its continuation waits for [`Instance::pump`].
    pub(crate) fn settle(&mut self, exports: &Exports, settled: &Settled) -> Entered<()> {
        let state = self.store.data_mut();
        state.outstanding = state.outstanding.saturating_sub(1);
        state.count_bytes(settled.json.len())?;
        let (at, len) = self.give(exports, &settled.json)?;
        let _known: i32 = self.enter(&exports.settle, (settled.id, i32::from(settled.ok), at, len))?;
        self.enter::<_, ()>(&exports.free, (at,))
    }

    /// Runs what can run.
    pub(crate) fn pump(&mut self, exports: &Exports) -> Entered<Status> {
        self.status(&exports.pump, ())
    }
}

/// An operation that has been answered.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) id: u32,
    pub(crate) ok: bool,
    pub(crate) json: Vec<u8>,
}

fn as_u32(len: usize) -> Result<u32, Stop> {
    u32::try_from(len).map_err(|_| Stop::WildRange)
}

/// What the guest says about something thrown.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Thrown {
    #[serde(rename = "type")]
    type_name: String,
    message: String,
    code: Option<String>,
    #[serde(default)]
    details: Option<Json>,
    #[serde(default)]
    non_retryable: bool,
    pub(crate) stack: Option<String>,
    cause: Option<Box<Thrown>>,
}

impl Thrown {
    /// Reads the out buffer; bytes that are no such thing are told as they are.
    pub(crate) fn read(said: &[u8]) -> Thrown {
        serde_json::from_slice(said).unwrap_or_else(|_| Thrown {
            type_name: "Error".to_owned(),
            message: "what was thrown cannot be read".to_owned(),
            code: None,
            details: None,
            non_retryable: false,
            stack: None,
            cause: None,
        })
    }

    /// `Type: message`, without the type when it says nothing.
    pub(crate) fn text(&self) -> String {
        format!("{}: {}", self.type_name, self.message)
    }

    /// What class of error it is.
    pub(crate) fn classify(self, state: &State, file: &str) -> CallErrorKind {
        let is = |type_name: &str, message: &str| self.type_name == type_name && self.message == message;
        if is("InternalError", "out of memory") || (state.denied_memory && is("Error", "threw null")) {
            let limit = state.limits.memory_bytes_max as u64;
            return CallErrorKind::Limit { what: LimitKind::Memory, limit, used: limit };
        }
        if is("RangeError", "Maximum call stack size exceeded") {
            return stack_limit();
        }
        let denied = self.code.as_deref() == Some(code::FUNCTION_DENIED.id);
        let failure = Box::new(self.into_failure(file));
        if denied { CallErrorKind::Denied(failure) } else { CallErrorKind::Threw(failure) }
    }

    fn into_failure(self, file: &str) -> Failure {
        let mut failure = Failure::application(self.type_name, self.message);
        failure.details = match self.details {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(details)) => details,
            Some(detail) => vec![detail],
        };
        failure.non_retryable = self.non_retryable;
        let place = self.stack.and_then(|stack| position::in_stack(&stack, file));
        failure.at = place.map(|(line, column)| format!("{file}:{line}:{column}"));
        failure.cause = self.cause.map(|cause| Box::new(cause.into_failure(file)));
        failure
    }
}

/// What a trap means.
pub(crate) fn classify_trap(error: &wasmtime::Error) -> CallErrorKind {
    match error.downcast_ref::<Stop>() {
        Some(Stop::Limit { what, limit, used }) => {
            return CallErrorKind::Limit { what: *what, limit: *limit, used: *used };
        }
        Some(Stop::Deadline) => return CallErrorKind::Deadline,
        Some(other) => return CallErrorKind::Failed(other.to_string()),
        None => {}
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => stack_limit(),
        _ => CallErrorKind::Failed(format!("the engine stopped: {error}")),
    }
}

fn stack_limit() -> CallErrorKind {
    CallErrorKind::Limit { what: LimitKind::Stack, limit: JS_STACK_BYTES_MAX, used: JS_STACK_BYTES_MAX }
}
