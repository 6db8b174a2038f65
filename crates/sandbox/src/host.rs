//! The host's side of the five imports. Everything that comes from the guest may be forged: ranges, lengths, numbers.

use std::ops::Range;
use std::sync::Arc;

use nexus_kernel::Json;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::rng::SharedRng;
use nexus_kernel::time::Timestamp;
use serde_json::json;
use wasmtime::{Caller, Engine, Linker, Memory, ResourceLimiter};

use crate::api;
use crate::crew::{Crew, QUICK_US_MAX};
use crate::error::{CallError, CallErrorKind, Stop};
use crate::limit_kind::LimitKind;
use crate::limits::{Limits, MEMORY_BYTES_MIN, MEMORY_RESERVE_BYTES, RANDOM_BYTES_MAX};
use crate::meter::{Interrupt, Meter};
use crate::op::{self, Op, OpError, Scope};
use crate::outcome::{LogLevel, LogLine, Outcome, Stats};
use crate::parked::Usage;
use crate::profile::{Call, Recorder, Watch};

/// An operation the guest has started and waits for.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) id: u32,
    pub(crate) op: Op,
    pub(crate) arg: Vec<u8>,
    /// Which of the operations that must not be repeated it is, from 0.
    pub(crate) number: u64,
}

/// What the host keeps for one execution.
pub(crate) struct State {
    pub(crate) memory: Option<Memory>,
    pub(crate) limits: Limits,
    pub(crate) meter: Meter,
    pub(crate) interrupt: Interrupt,
    /// Where a slice steps aside that computes for long.
    pub(crate) crew: Option<Arc<Crew>>,
    pub(crate) scope: Option<Arc<Scope>>,
    pub(crate) clock: SharedClock,
    pub(crate) rng: SharedRng,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) started: Vec<Started>,
    /// Operations that have been started and not settled.
    pub(crate) outstanding: usize,
    /// Whether the guest has been refused memory.
    pub(crate) denied_memory: bool,
    /// How often it waited without an instance.
    pub(crate) spills: u64,
    /// Tells where the time goes, when somebody wants to know.
    pub(crate) watch: Watch,
    /// What scripts are told the time is: that of the beginning of the slice.
    now: Timestamp,
    /// Ids of the operations that a script has started and that are not settled.
    live: Vec<u32>,
    /// Operations so far that must not be repeated.
    numbered: u64,
    log_bytes: usize,
    host_calls: u64,
    passed_bytes: usize,
    memory_bytes: usize,
    reply: Vec<u8>,
}

impl State {
    pub(crate) fn new(
        limits: Limits,
        scope: Option<Arc<Scope>>,
        clock: SharedClock,
        rng: SharedRng,
    ) -> State {
        State {
            memory: None,
            meter: Meter::new(&limits),
            limits,
            interrupt: Interrupt::default(),
            crew: None,
            scope,
            clock,
            rng,
            logs: Vec::new(),
            started: Vec::new(),
            outstanding: 0,
            denied_memory: false,
            spills: 0,
            watch: Watch::default(),
            now: Timestamp::default(),
            live: Vec::new(),
            numbered: 0,
            log_bytes: 0,
            host_calls: 0,
            passed_bytes: 0,
            memory_bytes: 0,
            reply: Vec::new(),
        }
    }

    /// That of an instance with the same limits, which nobody has called. It steps aside like any other.
    pub(crate) fn for_looking(&self) -> State {
        let looking = State::new(self.limits.clone(), None, self.clock.clone(), self.rng.clone());
        State { crew: self.crew.clone(), ..looking }
    }

    /// A slice begins: its processor time is counted from here, and for its script the clock stands still.
    pub(crate) fn begin_slice(&mut self) {
        self.now = self.clock.now();
        self.meter.begin_slice();
    }

    /// Called at every tick while the guest runs.
    pub(crate) fn tick(&self) -> Result<(), Stop> {
        self.interrupt.check()?;
        let slice_us = self.meter.check()?;
        if slice_us > QUICK_US_MAX
            && let Some(crew) = &self.crew
        {
            crew.step_aside();
        }
        Ok(())
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            cpu_us: self.meter.spent_us(),
            host_calls: self.host_calls,
            slices: self.meter.slices(),
            spills: self.spills,
            memory_bytes: self.memory_bytes as u64,
            passed_bytes: self.passed_bytes as u64,
        }
    }

    /// What it has used, for whoever keeps it.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            cpu_us: self.meter.spent_us(),
            slices: self.meter.slices(),
            spills: self.spills,
            host_calls: self.host_calls,
            numbered: self.numbered,
            log_bytes: self.log_bytes,
            passed_bytes: self.passed_bytes,
        }
    }

    /// Goes on from what an earlier process kept.
    pub(crate) fn go_on(&mut self, usage: Usage, logs: Vec<LogLine>, live: Vec<u32>) {
        let Usage { cpu_us, slices, spills, host_calls, numbered, log_bytes, passed_bytes } = usage;
        self.meter.go_on(cpu_us, slices);
        (self.spills, self.host_calls, self.numbered) = (spills, host_calls, numbered);
        (self.log_bytes, self.passed_bytes) = (log_bytes, passed_bytes);
        (self.logs, self.outstanding, self.live) = (logs, live.len(), live);
    }

    /// An operation has been answered. Only one that is under way can be, and only once.
    pub(crate) fn settle(&mut self, id: u32) -> Result<(), Stop> {
        let place = self.live.iter().position(|live| *live == id).ok_or(Stop::ForgedId)?;
        self.live.swap_remove(place);
        self.outstanding = self.outstanding.saturating_sub(1);
        Ok(())
    }

    /// Closes the account of a call that has a result.
    pub(crate) fn succeed(&mut self, mut result: Json) -> Outcome {
        let mut logs = std::mem::take(&mut self.logs);
        if self.outstanding > 0 {
            let count = self.outstanding;
            let message = format!("{count} operations were still under way and are abandoned; await them");
            logs.push(LogLine { level: LogLevel::Warn, message, at: self.clock.now() });
        }
        if let Some(scope) = &self.scope {
            scope.redactions.lines(&mut logs);
            if scope.redactions.json(&mut result) {
                let message = "the result held a secret, which was taken out".to_owned();
                logs.push(LogLine { level: LogLevel::Warn, message, at: self.clock.now() });
            }
        }
        Outcome { result, logs, stats: self.stats() }
    }

    /// Closes the account of a call that has none.
    pub(crate) fn fail(&mut self, kind: CallErrorKind) -> CallError {
        let (mut logs, mut kind) = (std::mem::take(&mut self.logs), kind);
        if let Some(scope) = &self.scope {
            scope.redactions.lines(&mut logs);
            kind = scope.redactions.kind(kind);
            kind.tell_limit(&scope.doer);
        }
        CallError { kind, logs, stats: Box::new(self.stats()) }
    }

    /// The wall: a mebibyte above what the script is told.
    fn memory_bytes_max(&self) -> usize {
        self.limits.memory_bytes_max.max(MEMORY_BYTES_MIN + MEMORY_RESERVE_BYTES)
    }

    /// What the script's own heap may take.
    pub(crate) fn heap_bytes_max(&self) -> usize {
        self.memory_bytes_max() - MEMORY_RESERVE_BYTES
    }

    /// Counts a call by what the table says it costs; a number that is no operation costs one.
    fn count_call(&mut self, op: i32) -> Result<(), Stop> {
        self.host_calls += Op::from_number(op).map_or(1, api::units);
        let limit = self.limits.host_calls_max;
        if self.host_calls > limit {
            return Err(Stop::Limit { what: LimitKind::HostCalls, limit, used: self.host_calls });
        }
        Ok(())
    }

    /// Counts bytes that pass the border in either direction.
    pub(crate) fn count_bytes(&mut self, len: usize) -> Result<(), Stop> {
        self.passed_bytes = self.passed_bytes.saturating_add(len);
        let limit = self.limits.passed_bytes_max;
        if self.passed_bytes > limit {
            return Err(Stop::limit(LimitKind::PassedBytes, limit, self.passed_bytes));
        }
        Ok(())
    }

    /// Counts a call and the bytes of its argument.
    pub(crate) fn admit_argument(&mut self, op: i32, len: usize) -> Result<(), Stop> {
        self.count_call(op)?;
        let limit = self.limits.argument_bytes_max;
        if len > limit {
            return Err(Stop::limit(LimitKind::ArgumentBytes, limit, len));
        }
        self.count_bytes(len)
    }

    /// Counts an operation that is under way.
    pub(crate) fn begin_operation(&mut self) -> Result<(), Stop> {
        self.outstanding += 1;
        let limit = self.limits.operations_max;
        if self.outstanding > limit {
            return Err(Stop::limit(LimitKind::Operations, limit, self.outstanding));
        }
        Ok(())
    }

    pub(crate) fn log(&mut self, level: i32, text: &[u8]) -> Result<(), Stop> {
        // A line without text takes room, too.
        const LINE_BYTES: usize = 16;
        self.log_bytes = self.log_bytes.saturating_add(text.len() + LINE_BYTES);
        let limit = self.limits.log_bytes_max;
        if self.log_bytes > limit {
            return Err(Stop::limit(LimitKind::LogBytes, limit, self.log_bytes));
        }
        let (limit, used) = (self.limits.log_lines_max, self.logs.len() as u64 + 1);
        if used > limit {
            return Err(Stop::Limit { what: LimitKind::LogLines, limit, used });
        }
        let message = String::from_utf8_lossy(text).into_owned();
        self.logs.push(LogLine { level: LogLevel::from_number(level), message, at: self.clock.now() });
        Ok(())
    }

    /// Counts an operation whose repetition must be known as one.
    pub(crate) fn number_of(&mut self, op: Op) -> u64 {
        let number = self.numbered;
        self.numbered += u64::from(op.is_numbered());
        number
    }

    fn start(&mut self, id: i32, op: i32, arg: Vec<u8>) -> Result<(), Stop> {
        let op = Op::from_number(op).filter(|op| !op.is_immediate()).ok_or(Stop::UnknownOperation)?;
        let id = u32::try_from(id).map_err(|_| Stop::UnknownOperation)?;
        self.begin_operation()?;
        if self.live.contains(&id) {
            return Err(Stop::ForgedId);
        }
        self.live.push(id);
        let number = self.number_of(op);
        self.started.push(Started { id, op, arg, number });
        Ok(())
    }

    /// Answers a call that does not wait.
    pub(crate) fn answer(&self, op: i32, arg: &[u8]) -> Result<Result<Json, OpError>, Stop> {
        let Some(scope) = &self.scope else { return Err(Stop::UnknownOperation) };
        Ok(match Op::from_number(op).ok_or(Stop::UnknownOperation)? {
            Op::Random => {
                scope.allow_random().and_then(|()| op::argument(arg)).and_then(|len| self.random(len))
            }
            Op::Uuid => scope.allow_random().map(|()| Json::String(self.uuid())),
            Op::HostNow => op::argument(arg).and_then(|named| scope.host_now(named)),
            _ => return Err(Stop::UnknownOperation),
        })
    }

    fn random(&self, len: usize) -> Result<Json, OpError> {
        if len > RANDOM_BYTES_MAX {
            return Err(OpError::new(
                "RangeError",
                format!("at most {RANDOM_BYTES_MAX} random bytes at a time"),
            ));
        }
        let mut bytes = vec![0; len];
        self.rng.fill(&mut bytes);
        Ok(Json::String(hex(&bytes)))
    }

    /// A random UUID, version 4.
    fn uuid(&self) -> String {
        let random = (u128::from(self.rng.next_u64()) << 64) | u128::from(self.rng.next_u64());
        let versioned = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        let digits = format!("{versioned:032x}");
        let part = |range: Range<usize>| digits.get(range).unwrap_or_default();
        [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
        text
    })
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let granted = desired <= self.memory_bytes_max();
        if granted {
            self.memory_bytes = desired;
        } else {
            self.denied_memory = true;
        }
        Ok(granted)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true) // the guest's module has one table of fixed size
    }
}

/// The imports, complete.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("nx", "call", call)?;
    linker.func_wrap("nx", "take", take)?;
    linker.func_wrap("nx", "start", start)?;
    linker.func_wrap("nx", "log", log)?;
    linker.func_wrap("nx", "now_us", now_us)?;
    Ok(linker)
}

fn call(mut caller: Caller<'_, State>, op: i32, ptr: i32, len: i32) -> wasmtime::Result<i32> {
    let arg = copy_argument(&mut caller, op, (ptr, len))?;
    let state = caller.data_mut();
    let began = state.watch.recorder().map(Recorder::now);
    let (failed, answer) = match state.answer(op, &arg)? {
        Ok(answer) => (false, answer.to_string()),
        Err(error) => (true, json!(error).to_string()),
    };
    if let (Some(recorder), Some(began)) = (state.watch.recorder(), began) {
        let (sent_bytes, received_bytes) = (arg.len(), answer.len());
        recorder.call(&Call {
            name: &Op::from_number(op).map(Op::name).unwrap_or_default(),
            failed,
            sent_bytes,
            received_bytes,
            began,
        });
    }
    state.count_bytes(answer.len())?;
    state.reply = answer.into_bytes();
    let len = i32::try_from(state.reply.len()).map_err(|_| Stop::WildRange)?;
    Ok(if failed { -len - 1 } else { len })
}

fn take(mut caller: Caller<'_, State>, to: i32) -> wasmtime::Result<()> {
    let reply = std::mem::take(&mut caller.data_mut().reply);
    let range = range(to, i32::try_from(reply.len()).unwrap_or(-1))?;
    let memory = caller.data().memory.ok_or(Stop::WildRange)?;
    memory.data_mut(&mut caller).get_mut(range).ok_or(Stop::WildRange)?.copy_from_slice(&reply);
    Ok(())
}

fn start(mut caller: Caller<'_, State>, id: i32, op: i32, ptr: i32, len: i32) -> wasmtime::Result<()> {
    let arg = copy_argument(&mut caller, op, (ptr, len))?;
    Ok(caller.data_mut().start(id, op, arg)?)
}

fn log(mut caller: Caller<'_, State>, level: i32, ptr: i32, len: i32) -> wasmtime::Result<()> {
    let limit = caller.data().limits.log_bytes_max;
    let len_bytes = usize::try_from(len).map_err(|_| Stop::WildRange)?;
    if len_bytes > limit {
        return Err(Stop::limit(LimitKind::LogBytes, limit, len_bytes).into());
    }
    let range = range(ptr, len)?;
    let memory = caller.data().memory.ok_or(Stop::WildRange)?;
    let (bytes, state) = memory.data_and_store_mut(&mut caller);
    Ok(state.log(level, bytes.get(range).ok_or(Stop::WildRange)?)?)
}

/// Whole milliseconds only, and the same throughout a slice: a clock that moves while a script computes is what side
/// channels are measured with.
#[expect(clippy::cast_precision_loss, reason = "a double holds microseconds exactly until the year 2255")]
fn now_us(caller: Caller<'_, State>) -> f64 {
    (caller.data().now.millis() * 1_000) as f64
}

fn copy_argument(caller: &mut Caller<'_, State>, op: i32, (ptr, len): (i32, i32)) -> Result<Vec<u8>, Stop> {
    let range = range(ptr, len)?;
    let memory = caller.data().memory.ok_or(Stop::WildRange)?;
    let (bytes, state) = memory.data_and_store_mut(caller);
    state.admit_argument(op, range.len())?;
    bytes.get(range).map(<[u8]>::to_vec).ok_or(Stop::WildRange)
}

/// A range of guest memory; the numbers are unsigned, whatever their type says.
fn range(ptr: i32, len: i32) -> Result<Range<usize>, Stop> {
    let start = usize::try_from(ptr.cast_unsigned()).map_err(|_| Stop::WildRange)?;
    let len = usize::try_from(len.cast_unsigned()).map_err(|_| Stop::WildRange)?;
    Ok(start..start.checked_add(len).ok_or(Stop::WildRange)?)
}

#[cfg(test)]
mod tests {
    use nexus_kernel::memory::clock::SimClock;
    use nexus_kernel::memory::rng::SeededRng;
    use wasmtime::{Instance, MemoryType, Module, Store};

    use super::*;

    /// A guest of three functions that pass on whatever they are given: `run(n)` for `nx.log`, `nx.take`, `nx.start`.
    ///
    /// Written by hand as bytes, because the engine's own guest never passes a wild pointer.
    const HOSTILE: &[u8] = &[
        0, b'a', b's', b'm', 1, 0, 0, 0, // header
        1, 18, 3, 0x60, 3, 0x7f, 0x7f, 0x7f, 0, 0x60, 1, 0x7f, 0, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f,
        0, // types
        2, 31, 3, 2, b'n', b'x', 3, b'l', b'o', b'g', 0, 0, // import nx.log: type 0
        2, b'n', b'x', 4, b't', b'a', b'k', b'e', 0, 1, // import nx.take: type 1
        2, b'n', b'x', 5, b's', b't', b'a', b'r', b't', 0, 2, // import nx.start: type 2
        7, 22, 3, 3, b'l', b'o', b'g', 0, 0, 4, b't', b'a', b'k', b'e', 0, 1, 5, b's', b't', b'a', b'r',
        b't', 0, 2,
    ];

    fn hostile() -> (Store<State>, Instance) {
        let engine = Engine::default();
        let state =
            State::new(Limits::default(), None, Arc::new(SimClock::default()), Arc::new(SeededRng::new(1)));
        let mut store = Store::new(&engine, state);
        let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
        store.data_mut().memory = Some(memory);
        let module = Module::new(&engine, HOSTILE).unwrap();
        let instance = linker(&engine).unwrap().instantiate(&mut store, &module).unwrap();
        (store, instance)
    }

    #[test]
    fn wild_ranges_and_numbers_trap() {
        let (mut store, instance) = hostile();
        let log = instance.get_typed_func::<(i32, i32, i32), ()>(&mut store, "log").unwrap();
        let start = instance.get_typed_func::<(i32, i32, i32, i32), ()>(&mut store, "start").unwrap();
        let take = instance.get_typed_func::<i32, ()>(&mut store, "take").unwrap();
        for (ptr, len) in [(65_536, 1), (65_535, 2), (-1, 1), (0, -1), (i32::MIN, i32::MAX), (-1, -1)] {
            assert!(log.call(&mut store, (1, ptr, len)).is_err(), "log {ptr} {len}");
            assert!(start.call(&mut store, (0, 10, ptr, len)).is_err(), "start {ptr} {len}");
        }
        start.call(&mut store, (7, 10, 0, 2)).unwrap();
        assert!(start.call(&mut store, (7, 10, 0, 2)).is_err(), "an id that is under way");
        assert_eq!(store.data_mut().settle(7), Ok(()));
        assert_eq!(store.data_mut().settle(7), Err(Stop::ForgedId), "settled twice");
        assert_eq!(store.data_mut().settle(8), Err(Stop::ForgedId), "never begun");
        for (id, op) in [(0, 99), (0, -1), (-1, 10), (0, 1)] {
            assert!(start.call(&mut store, (id, op, 0, 2)).is_err(), "start {id} {op}");
        }
        store.data_mut().reply = vec![1; 10];
        assert!(take.call(&mut store, 65_530).is_err());
        log.call(&mut store, (1, 65_536, 0)).unwrap();
        log.call(&mut store, (77, 0, 3)).unwrap();
        assert_eq!(
            store.data().logs.len(),
            2,
            "a range at the very end, and a level that does not exist, do no harm"
        );
    }
}
