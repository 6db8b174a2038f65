//! One instance of the guest: entering it, and reading what it says.

use nexus_kernel::failure::Failure;
use nexus_kernel::{Json, code};
use serde::Deserialize;
use wasmtime::{
    Instance as Wasm, ModuleExport, Store, Trap, TypedFunc, UpdateDeadline, WasmParams, WasmResults,
};

use crate::engine::{Exports, GUEST_STACK_BYTES, Guest};
use crate::error::{CallErrorKind, Stop};
use crate::host::State;
use crate::limit_kind::LimitKind;
use crate::position::Places;

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
        let mut instance = Instance::bare(guest, state)?;
        let heap = as_u32(instance.store.data().heap_bytes_max())?;
        let stack = as_u32(instance.store.data().limits.stack_bytes_max)?;
        instance.enter::<(u64, u32, u32), ()>(&guest.exports.seed, (seed, heap, stack))?;
        Ok(instance)
    }

    /// The snapshot as it is.
    pub(crate) fn bare(guest: &Guest, state: State) -> Entered<Instance> {
        let mut store = Store::new(&guest.engine, state);
        store.limiter(|state| state);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            context.data().tick()?;
            Ok(UpdateDeadline::Continue(1))
        });
        let wasm = guest.pre.instantiate(&mut store)?;
        let memory = wasm.get_module_export(&mut store, &guest.exports.memory);
        store.data_mut().memory = memory.and_then(wasmtime::Extern::into_memory);
        Ok(Instance { store, wasm })
    }

    /// Gives the instance up.
    pub(crate) fn into_state(self) -> State {
        self.store.into_data()
    }

    /// Makes the memory as large as it was.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Entered<()> {
        const PAGE_BYTES: u64 = 65_536;
        let memory = self.store.data().memory.ok_or(Stop::WildRange)?;
        let missing = bytes.saturating_sub(memory.data_size(&self.store)) as u64;
        memory.grow(&mut self.store, missing.div_ceil(PAGE_BYTES))?;
        Ok(())
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

    pub(crate) fn memory_mut(&mut self) -> Result<&mut [u8], Stop> {
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
        state.settle(settled.id)?;
        state.count_bytes(settled.json.len())?;
        let (at, len) = self.give(exports, &settled.json)?;
        let known: i32 = self.enter(&exports.settle, (settled.id, i32::from(settled.ok), at, len))?;
        if known == 0 {
            return Err(Stop::ForgedId.into());
        }
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
    #[serde(default)]
    next_retry_delay_ms: Option<i64>,
    #[serde(default)]
    benign: bool,
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
            next_retry_delay_ms: None,
            benign: false,
            stack: None,
            cause: None,
        })
    }

    /// `Type: message`, without the type when it says nothing.
    pub(crate) fn text(&self) -> String {
        format!("{}: {}", self.type_name, self.message)
    }

    /// What class of error it is.
    pub(crate) fn classify(self, state: &State, places: Places<'_>) -> CallErrorKind {
        let is = |type_name: &str, message: &str| self.type_name == type_name && self.message == message;
        // Where there was no room for the message it is empty, where there was none for the error it is null.
        let is_full = is("InternalError", "out of memory") || is("InternalError", "");
        if is_full || (state.denied_memory && is("Error", "threw null")) {
            let limit = state.limits.memory_bytes_max as u64;
            return CallErrorKind::Limit { what: LimitKind::Memory, limit, used: limit };
        }
        if is("RangeError", "Maximum call stack size exceeded") {
            return stack_limit(state.limits.stack_bytes_max);
        }
        let denied = self.code.as_deref() == Some(code::FUNCTION_DENIED.id);
        let failure = Box::new(self.into_failure(places));
        if denied { CallErrorKind::Denied(failure) } else { CallErrorKind::Threw(failure) }
    }

    fn into_failure(self, places: Places<'_>) -> Failure {
        let mut failure = Failure::application(self.type_name, self.message);
        failure.details = match self.details {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(details)) => details,
            Some(detail) => vec![detail],
        };
        failure.non_retryable = self.non_retryable;
        failure.benign = self.benign;
        let place = self.stack.and_then(|stack| places.in_stack(&stack));
        failure.at = place.map(|(file, line, column)| format!("{file}:{line}:{column}"));
        failure.cause = self.cause.map(|cause| Box::new(cause.into_failure(places)));
        failure.retry_in_ms(self.next_retry_delay_ms.and_then(|ms| u64::try_from(ms).ok()))
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
        // Deep recursion of the engine itself, which scripts cannot set a limit for.
        Some(Trap::StackOverflow) => stack_limit(GUEST_STACK_BYTES),
        _ => CallErrorKind::Failed(format!("the engine stopped: {error}")),
    }
}

/// The engine stops at the limit, so what was used is the limit.
fn stack_limit(bytes_max: usize) -> CallErrorKind {
    let limit = bytes_max as u64;
    CallErrorKind::Limit { what: LimitKind::Stack, limit, used: limit }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nexus_kernel::memory::clock::SimClock;
    use nexus_kernel::memory::rng::SeededRng;
    use wasmtime::Enabled;

    use super::*;
    use crate::engine::{PoolSize, Reuse, engine, engine_with};
    use crate::limits::Limits;
    use crate::spill::{Difference, Spilled};
    use crate::template::Template;

    const CANARY: &str = "canary-7f3a-";
    const WAITS: &str =
        "export async function Main(_, ctx) { return [await ctx.kv.get('a'), await ctx.kv.get('b')] }";

    fn guest() -> Guest {
        let size = PoolSize { instances_max: 2, memory_bytes_max: 32 << 20 };
        Guest::prepare(engine(size).unwrap(), None, state()).unwrap()
    }

    fn state() -> State {
        State::new(Limits::default(), None, Arc::new(SimClock::default()), Arc::new(SeededRng::new(1)))
    }

    fn fresh(guest: &Guest) -> Instance {
        let mut instance = Instance::fresh(guest, state(), 7).unwrap();
        instance.store.data_mut().begin_slice();
        instance
    }

    fn image(instance: &mut Instance) -> Vec<u8> {
        instance.memory_mut().unwrap().to_vec()
    }

    /// Asks the pool for all the memory there is and looks for what should not be there.
    fn grown_is_zero(instance: &mut Instance) -> bool {
        let memory = instance.store.data().memory.unwrap();
        let before = memory.data_size(&instance.store);
        memory.grow(&mut instance.store, 400).unwrap();
        memory.data(&instance.store)[before..].iter().all(|byte| *byte == 0)
    }

    #[test]
    fn no_byte_survives_in_any_part_of_the_memory() {
        no_byte_survives(&guest());
    }

    /// As on systems that cannot say which pages were written, and where nothing is kept in place.
    #[test]
    fn no_byte_survives_however_slots_are_used_again() {
        let size = PoolSize { instances_max: 2, memory_bytes_max: 32 << 20 };
        let most = 64 << 20;
        for (resident_bytes, scan) in [(4 << 20, Enabled::No), (0, Enabled::No), (most, Enabled::Auto)] {
            let engine = engine_with(size, Reuse { resident_bytes, scan }).unwrap();
            no_byte_survives(&Guest::prepare(engine, None, state()).unwrap());
        }
    }

    fn no_byte_survives(guest: &Guest) {
        let source = "export function Main(canary) {
            const big = [1, 2, 3].map(() => new Uint8Array(4 << 20).fill(0xa5));
            globalThis[canary] = big; Main[canary] = canary; return [...Array(1e4).keys()].map((n) => canary + n).length }";
        let (status, bytecode) = fresh(guest).compile(&guest.exports, "a.js", source).unwrap();
        assert_eq!(status, Status::Done);
        let pristine = image(&mut fresh(guest));
        let request = format!(r#"{{"export":"Main","input":"{CANARY}","spread":false,"context":{{}}}}"#);
        for round in 0..12 {
            let mut user = fresh(guest);
            assert_eq!(user.load(&guest.exports, &bytecode).unwrap(), Status::Done);
            assert_eq!(user.invoke(&guest.exports, request.as_bytes()).unwrap(), Status::Done);
            let used = image(&mut user);
            assert!(used.windows(CANARY.len()).any(|bytes| bytes == CANARY.as_bytes()), "it was there");
            drop(user);
            // Both slots of the pool are looked at.
            let mut next = [fresh(guest), fresh(guest)];
            for instance in &mut next {
                assert!(image(instance) == pristine, "round {round}");
                assert!(grown_is_zero(instance), "round {round}");
            }
        }
    }

    /// An execution that waits for two operations.
    fn waiting(guest: &Guest) -> Instance {
        let (_, bytecode) = fresh(guest).compile(&guest.exports, "a.js", WAITS).unwrap();
        let mut instance = fresh(guest);
        instance.load(&guest.exports, &bytecode).unwrap();
        let request = br#"{"export":"Main","input":1,"spread":false,"context":{}}"#;
        assert_eq!(instance.invoke(&guest.exports, request).unwrap(), Status::Pending);
        instance
    }

    fn settled(id: u32, json: &str) -> Settled {
        Settled { id, ok: true, json: json.as_bytes().to_vec() }
    }

    #[test]
    fn an_operation_is_settled_once_and_forged_ids_settle_nothing() {
        let guest = guest();
        let exports = &guest.exports;
        let mut instance = waiting(&guest);
        let first = instance.store.data().started[0].id;
        for forged in [first + 1, 7, 15, 16, 1_000_000, u32::MAX] {
            assert!(instance.settle(exports, &settled(forged, "\"forged\"")).is_err(), "{forged}");
        }
        assert_eq!(instance.pump(exports).unwrap(), Status::Pending, "nothing has happened");
        instance.settle(exports, &settled(first, r#"{"value":"first"}"#)).unwrap();
        assert!(instance.settle(exports, &settled(first, r#"{"value":"again"}"#)).is_err(), "settled twice");
        assert_eq!(instance.pump(exports).unwrap(), Status::Pending);
        let second = instance.store.data().started[1].id;
        instance.settle(exports, &settled(second, r#"{"value":"second"}"#)).unwrap();
        assert_eq!(instance.pump(exports).unwrap(), Status::Done);
        assert_eq!(instance.out(exports).unwrap(), br#"["first","second"]"#);
        assert!(instance.settle(exports, &settled(second, r#"{"value":"late"}"#)).is_err(), "settled late");
        assert_eq!(instance.pump(exports).unwrap(), Status::Done, "the result stands");
        assert_eq!(instance.out(exports).unwrap(), br#"["first","second"]"#);
    }

    #[test]
    fn an_answer_that_is_no_json_is_an_error_of_the_operation() {
        let guest = guest();
        let mut instance = waiting(&guest);
        let first = instance.store.data().started[0].id;
        instance.settle(&guest.exports, &settled(first, "{\"value\":")).unwrap();
        assert_eq!(instance.pump(&guest.exports).unwrap(), Status::Failed);
    }

    #[test]
    fn what_was_spilled_goes_on_in_another_instance_and_in_no_other_engine() {
        let room = Arc::new(tokio::sync::Semaphore::new(1_000));
        let guest = guest();
        let mut instance = waiting(&guest);
        let first = std::mem::take(&mut instance.store.data_mut().started)[0].id;
        let spilled = Spilled::take(&guest, instance, None, &room).ok().unwrap();
        let mut restored = spilled.restore(&guest).unwrap();
        restored.settle(&guest.exports, &settled(first, r#"{"value":1}"#)).unwrap();
        assert_eq!(restored.pump(&guest.exports).unwrap(), Status::Pending);
        let spilled = Spilled::take(&guest, restored, None, &room).ok().unwrap();
        assert!(room.available_permits() < 1_000);
        let other = guest.renamed();
        let refused = spilled.restore(&other).err().unwrap();
        assert!(refused.to_string().contains("another engine"), "{refused}");
        assert_eq!(room.available_permits(), 1_000, "nothing of it is kept");
    }

    #[test]
    fn what_was_spilled_beside_its_template_is_smaller_and_the_same() {
        let room = Arc::new(tokio::sync::Semaphore::new(1_000));
        let guest = guest();
        let (_, bytecode) = fresh(&guest).compile(&guest.exports, "a.js", WAITS).unwrap();
        let template = Template::of(&guest, &bytecode, state(), &room).map(Arc::new);
        let mut instance = waiting(&guest);
        let memory = image(&mut instance);
        let whole = Difference::between(&memory, guest.image());
        let first = std::mem::take(&mut instance.store.data_mut().started)[0].id;
        let before = room.available_permits();
        let spilled = Spilled::take(&guest, instance, template, &room).ok().unwrap();
        let kept_kib = before - room.available_permits();
        assert!(kept_kib <= 5, "{kept_kib}");
        assert!(
            *spilled.difference().unwrap() == whole,
            "what is written for another process needs no template"
        );
        let mut restored = spilled.restore(&guest).unwrap();
        assert!(image(&mut restored)[524_288..] == memory[524_288..], "but for the dead stack");
        restored.settle(&guest.exports, &settled(first, r#"{"value":1}"#)).unwrap();
        assert_eq!(restored.pump(&guest.exports).unwrap(), Status::Pending);
    }

    /// Each page that is written to is copied, wiped, and kept while the function waits. A guest that counts references to
    /// what the snapshot holds, or allocates between its objects, writes to twice as many.
    #[test]
    fn a_small_function_that_waits_has_written_to_few_pages() {
        let guest = guest();
        let pristine = image(&mut Instance::bare(&guest, state()).unwrap());
        let waiting = image(&mut waiting(&guest));
        let written =
            waiting.chunks(4_096).zip(pristine.chunks(4_096)).filter(|(now, was)| now != was).count();
        assert!(written <= 22, "{written}");
    }

    /// The thread that ticks may be kept from running for a while. A guest goes on meanwhile, and the next tick ends it.
    #[test]
    fn a_stalled_ticker_only_delays_the_stop() {
        let guest = guest();
        let source = "export function Main() { for (;;); }";
        let (_, bytecode) = fresh(&guest).compile(&guest.exports, "a.js", source).unwrap();
        let mut state = state();
        state.limits.cpu_slice_ms_max = 1;
        state.meter = crate::meter::Meter::new(&state.limits);
        let engine = guest.engine.clone();
        let looping = std::thread::spawn(move || {
            state.begin_slice();
            let mut instance = Instance::fresh(&guest, state, 7).unwrap();
            instance.load(&guest.exports, &bytecode).unwrap();
            let request = br#"{"export":"Main","input":1,"spread":false,"context":{}}"#;
            classify_trap(&instance.invoke(&guest.exports, request).unwrap_err())
        });
        for _ in 0..100_000 {
            std::thread::yield_now();
        }
        assert!(!looping.is_finished(), "nothing has ticked");
        while !looping.is_finished() {
            engine.increment_epoch();
            std::thread::yield_now();
        }
        let kind = looping.join().unwrap();
        assert!(matches!(kind, CallErrorKind::Limit { what: LimitKind::CpuSlice, .. }), "{kind:?}");
    }

    #[test]
    fn corrupted_bytecode_is_an_error_and_nothing_worse() {
        let guest = guest();
        let source = "const table = { a: [1, 'two', /three/] }; export function Main(x) { return [...table.a, x].length }";
        let (_, bytecode) = fresh(&guest).compile(&guest.exports, "a.js", source).unwrap();
        let request = br#"{"export":"Main","input":1,"spread":false,"context":{}}"#;
        for at in 0..bytecode.len() {
            let mut damaged = bytecode.clone();
            damaged[at] ^= 1 << (at % 8);
            let mut instance = fresh(&guest);
            // Any answer is good, a trap as well: what counts is that the next instance knows nothing of it.
            let loaded = instance.load(&guest.exports, &damaged);
            if loaded.is_ok_and(|status| status == Status::Done) {
                drop(instance.invoke(&guest.exports, request));
            }
        }
        let mut healthy = fresh(&guest);
        assert_eq!(healthy.load(&guest.exports, &bytecode).unwrap(), Status::Done);
        assert_eq!(healthy.invoke(&guest.exports, request).unwrap(), Status::Done);
        assert_eq!(healthy.out(&guest.exports).unwrap(), b"4");
    }
}
