//! Entrances for fuzzing: bytes become what a hostile guest, a damaged memory, or a script could be.
//!
//! Nothing here may panic, whatever the bytes are, and a healthy call must succeed afterwards. The targets in `fuzz/`, the
//! bounded run in the tests and `nexus-benches sandbox fuzz` call the same functions.

mod script;

use std::path::Path;
use std::sync::Arc;

use nexus_kernel::memory::clock::SimClock;
use nexus_kernel::memory::rng::SeededRng;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::clock::SystemClock;
use nexus_kernel::{Json, suggest};
use tokio::sync::Semaphore;
use wasmtime::{Memory, MemoryType, Store, TypedFunc, WasmParams, WasmResults};

use crate::cache::{Cache, Kept};
use crate::call::Invocation;
use crate::capability::{Capabilities, Capability};
use crate::compile::Module;
use crate::engine::{self, Guest, PoolSize};
use crate::error::CallErrorKind;
use crate::host::{self, Started, State};
use crate::instance::{Instance, Settled, Status, Thrown};
use crate::limits::Limits;
use crate::meter::{Meter, Ticker};
use crate::op::{Op, Scope};
use crate::service::{Options, Sandbox};
use crate::spill::Spilled;

/// A function that waits; its memory is what gets damaged.
const WAITS: &str = "const kept = { list: [1, 'two', { three: 3n }], map: new Map([[1, 2]]) };
    export async function Main(n, ctx) {
      const local = [...Array(40).keys()].map((i) => ({ i, text: 'x'.repeat(i) }));
      const answer = await ctx.kv.get('k');
      return { n, answer, kept: kept.list.length, local: local.filter((it) => it.text.length > 3).length };
    }";
const REQUEST: &[u8] = br#"{"export":"Main","input":7,"spread":false,"context":{}}"#;
/// What is granted: most operations must get further than the check.
const TOKENS: [&str; 6] =
    ["kv:read", "kv:write", "file:read", "crypto:random", "http:fetch:example.com", "host:heartbeat"];
/// What `WAITS` answers when nothing is damaged.
const ANSWER: &str = r#"{"n":7,"answer":5,"kept":3,"local":36}"#;

/// Why an input is a finding.
pub type Finding = String;

/// What is fuzzed, made once.
pub struct Fuzzer {
    guest: Guest,
    plain: wasmtime::Engine,
    ticker: Ticker,
    bytecode: Vec<u8>,
    sandbox: Sandbox,
    runtime: tokio::runtime::Runtime,
    scope: Arc<Scope>,
}

impl Fuzzer {
    /// Starts an engine and a sandbox; machine code is kept in the folder.
    pub fn new(folder: &Path) -> Result<Fuzzer, Finding> {
        let told = |error: &dyn std::fmt::Display| error.to_string();
        let size = PoolSize { instances_max: 2, memory_bytes_max: 8 << 20 };
        let engine = engine::engine(size).map_err(|error| told(&error))?;
        let ticker = Ticker::start(engine.clone()).map_err(|error| told(&error))?;
        let cache = Cache::open(folder, &(Arc::new(SeededRng::new(1)) as _));
        let guest = Guest::prepare(engine, cache.as_ref(), state(None)).map_err(|error| told(&error))?;
        let mut first = Instance::fresh(&guest, state(None), 1).map_err(|error| told(&error))?;
        first.store.data_mut().meter.begin_slice();
        let (_, bytecode) = first.compile(&guest.exports, "a.js", WAITS).map_err(|error| told(&error))?;
        drop(first);
        let rng = Arc::new(nexus_kernel::port::rng::SystemRng);
        let mut options = Options::new(Arc::new(SystemClock), rng, Arc::new(MemoryStore::new()));
        options.cache_folder = Some(folder.to_owned());
        options.instances_max = 8;
        let sandbox = Sandbox::start(options).map_err(|error| told(&error))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let module = Module::of_script(
            crate::source::Bundle::plain("a.js", ""),
            Arc::new(Kept { exports: Vec::new(), bytecode: Vec::new() }),
            0,
        );
        let mut granted = Invocation::new(module, "Main", Json::Null);
        granted.capabilities = Capabilities::parse(TOKENS).map_err(|error| told(&error))?;
        granted.limits.reply_bytes_max = 10_000;
        let scope = sandbox.shared().scope(&granted, None);
        let plain = wasmtime::Engine::default();
        Ok(Fuzzer {
            plain,
            guest,
            ticker,
            bytecode,
            sandbox,
            runtime: runtime.map_err(|error| told(&error))?,
            scope,
        })
    }

    /// A guest that calls the host with whatever numbers, pointers, lengths and arguments it likes.
    pub fn host_calls(&self, bytes: &[u8]) -> Result<(), Finding> {
        let mut input = Bytes(bytes);
        let mut side = Side::new(&self.plain, state(Some(Arc::clone(&self.scope))))?;
        for _ in 0..64 {
            if input.0.is_empty() || side.step(&mut input)? {
                break;
            }
        }
        let state = side.store.data_mut();
        if state.logs.iter().map(|line| line.message.len()).sum::<usize>() > 4 * state.limits.log_bytes_max {
            return Err("more was logged than is allowed".to_owned());
        }
        for started in std::mem::take(&mut state.started) {
            // Operations may refuse, and must end; waiting for its time is what one of them is for.
            if started.op != Op::Sleep {
                drop(self.runtime.block_on(self.scope.perform(&started)));
            }
        }
        Ok(())
    }

    /// What a guest says at the end, and what it asks for, read as values.
    pub fn values(&self, bytes: &[u8]) -> Result<(), Finding> {
        let thrown = Thrown::read(bytes);
        let _text = thrown.text();
        let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
        let waiting: Vec<Op> =
            Op::ALL.iter().copied().filter(|op| !op.is_immediate() && *op != Op::Sleep).collect();
        if let Some(op) = waiting.get(usize::from(*first) % waiting.len().max(1)) {
            drop(self.runtime.block_on(self.scope.perform(&Started {
                id: 1,
                op: *op,
                arg: rest.to_vec(),
                number: 0,
            })));
        }
        let text = String::from_utf8_lossy(bytes);
        if let Ok(capability) = Capability::parse(&text) {
            let again = Capability::parse(&capability.to_string());
            if again.as_ref() != Ok(&capability) {
                return Err(format!("{capability} is read as {again:?}"));
            }
        }
        let _near = suggest::nearest(&text, ["kv.get", "kv.list"]);
        Ok(())
    }

    /// A waiting execution whose memory comes back damaged: it may trap, and harms nobody else.
    pub fn spilled(&self, bytes: &[u8]) -> Result<(), Finding> {
        let damaged = self.waited(bytes).map_err(|error| format!("it did not come to wait: {error}"))?;
        drop(damaged); // any answer is good, and so is a trap
        match self.waited(&[]).map_err(|error| error.to_string())? {
            Ok(said) if said == ANSWER => Ok(()),
            other => Err(format!("a healthy execution said {other:?}")),
        }
    }

    /// What an execution says after its memory was spilled, damaged and restored.
    fn waited(&self, damage: &[u8]) -> wasmtime::Result<Result<String, wasmtime::Error>> {
        let _ticking = self.ticker.running();
        let exports = &self.guest.exports;
        let mut state = state(None);
        if damage.is_empty() {
            // However busy the machine is: a healthy one must have time enough.
            (state.limits.cpu_ms_max, state.limits.cpu_slice_ms_max) = (10_000, 10_000);
            state.meter = Meter::new(&state.limits);
        }
        state.begin_slice();
        let mut instance = Instance::fresh(&self.guest, state, 1)?;
        let loaded = instance.load(exports, &self.bytecode)?;
        let status = instance.invoke(exports, REQUEST)?;
        if (loaded, status) != (Status::Done, Status::Pending) {
            return Err(wasmtime::Error::msg(format!("{loaded:?}, {status:?}")));
        }
        let id = instance.store.data().started.first().map_or(0, |started| started.id);
        let room = Arc::new(Semaphore::new(1 << 20));
        let kept = Spilled::take(&self.guest, instance, None, &room);
        let mut kept = kept.map_err(|_| wasmtime::Error::msg("no room"))?;
        kept.damage(damage);
        Ok(self.go_on(kept, id))
    }

    fn go_on(&self, mut kept: Spilled, id: u32) -> Result<String, wasmtime::Error> {
        let exports = &self.guest.exports;
        kept.state.meter.begin_slice();
        let mut instance = kept.restore(&self.guest)?;
        instance.settle(exports, &Settled { id, ok: true, json: br#"{"value":5}"#.to_vec() })?;
        let status = instance.pump(exports)?;
        let said = instance.out(exports)?;
        if status != Status::Done {
            let _text = Thrown::read(&said).text();
        }
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// A generated script, through compiler, call and result.
    pub fn script(&self, bytes: &[u8]) -> Result<(), Finding> {
        let text = script::script(&mut Bytes(bytes));
        self.run(&text)
    }

    /// Any text as a script.
    pub fn text(&self, bytes: &[u8]) -> Result<(), Finding> {
        self.run(&String::from_utf8_lossy(bytes))
    }

    fn run(&self, text: &str) -> Result<(), Finding> {
        self.runtime.block_on(async {
            let module = match self.sandbox.compile("fuzz.js", text).await {
                Ok(module) => module,
                Err(error) if error.code.id == nexus_kernel::code::INTERNAL.id => {
                    return Err(error.to_string());
                }
                Err(_) => return Ok(()),
            };
            if !module.has_export("Main") {
                return Ok(());
            }
            let mut call = Invocation::new(module, "Main", Json::Null);
            call.capabilities = Capabilities::of_project();
            call.limits.cpu_ms_max = 20;
            call.limits.cpu_slice_ms_max = 20;
            call.limits.wall_ms_max = 200;
            match self.sandbox.call(call).await {
                Err(error) => match &error.kind {
                    CallErrorKind::Failed(why) => Err(format!("{why}\n{text}")),
                    _ => Ok(()),
                },
                Ok(_) => Ok(()),
            }
        })
    }
}

fn state(scope: Option<Arc<Scope>>) -> State {
    let limits =
        Limits { memory_bytes_max: 8 << 20, cpu_ms_max: 200, cpu_slice_ms_max: 200, ..Limits::default() };
    State::new(limits, scope, Arc::new(SimClock::default()), Arc::new(SeededRng::new(1)))
}

/// The host's functions, called without a guest around them.
struct Side {
    store: Store<State>,
    memory: Memory,
    call: TypedFunc<(i32, i32, i32), i32>,
    take: TypedFunc<i32, ()>,
    start: TypedFunc<(i32, i32, i32, i32), ()>,
    log: TypedFunc<(i32, i32, i32), ()>,
    now_us: TypedFunc<(), f64>,
}

impl Side {
    fn new(engine: &wasmtime::Engine, state: State) -> Result<Side, Finding> {
        let mut store = Store::new(engine, state);
        let made = || -> wasmtime::Result<Side> {
            let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
            store.data_mut().memory = Some(memory);
            let linker = host::linker(store.engine())?;
            Ok(Side {
                call: function(&linker, &mut store, "call")?,
                take: function(&linker, &mut store, "take")?,
                start: function(&linker, &mut store, "start")?,
                log: function(&linker, &mut store, "log")?,
                now_us: function(&linker, &mut store, "now_us")?,
                memory,
                store,
            })
        };
        made().map_err(|error| error.to_string())
    }

    /// One call; whether the guest has been stopped by it.
    fn step(&mut self, input: &mut Bytes<'_>) -> Result<bool, Finding> {
        let store = &mut self.store;
        let ended = match input.byte() % 8 {
            0 | 1 => {
                let (at, text) = (usize::from(input.byte()) * 16, input.text());
                let room = self.memory.data_mut(&mut *store).get_mut(at..at + text.len());
                if let Some(room) = room {
                    room.copy_from_slice(&text);
                }
                let op = input.operation();
                let (at, len) = (as_i32(at), as_i32(text.len()));
                match input.byte() % 2 {
                    0 => self.call.call(store, (op, at, len)).map(drop),
                    _ => self.start.call(store, (input.number(), op, at, len)),
                }
            }
            2 => self.call.call(store, (input.operation(), input.number(), input.number())).map(drop),
            3 => self.take.call(store, input.number()),
            4 => {
                let numbers = (input.number(), input.operation(), input.number(), input.number());
                self.start.call(store, numbers)
            }
            5 => self.log.call(store, (input.number(), input.number(), input.number())),
            6 => self.take.call(store, 0),
            _ => self.now_us.call(store, ()).map(drop),
        };
        let stopped = ended.is_err();
        match ended.err().map(wasmtime::Error::downcast::<crate::error::Stop>) {
            None | Some(Ok(_)) => Ok(stopped),
            Some(Err(other)) => Err(format!("not a stop of ours: {other:#}")),
        }
    }
}

fn function<P: WasmParams, R: WasmResults>(
    linker: &wasmtime::Linker<State>,
    store: &mut Store<State>,
    name: &str,
) -> wasmtime::Result<TypedFunc<P, R>> {
    let missing = || wasmtime::Error::msg(format!("{name} is no function"));
    let found = linker.get(&mut *store, "nx", name)?.into_func();
    found.ok_or_else(missing)?.typed(store)
}

fn as_i32(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Bytes that decide; zeros when there are no more.
pub(crate) struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A number at an edge, or any.
    fn number(&mut self) -> i32 {
        const EDGES: [i32; 12] =
            [0, 1, -1, i32::MAX, i32::MIN, 65_535, 65_536, 65_537, 262_144, 262_145, 1 << 20, -65_536];
        let byte = self.byte();
        match EDGES.get(usize::from(byte)) {
            Some(edge) => *edge,
            None if byte < 128 => i32::from(byte),
            None => i32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()]),
        }
    }

    /// The number of an operation, mostly.
    fn operation(&mut self) -> i32 {
        let byte = self.byte();
        match Op::ALL.get(usize::from(byte) % (Op::ALL.len() + 3)) {
            Some(op) => op.number(),
            None => self.number(),
        }
    }

    /// An argument: JSON that fits, with some of it replaced, or anything.
    fn text(&mut self) -> Vec<u8> {
        const ARGUMENTS: [&str; 10] = [
            "\"key\"",
            "16",
            "{\"prefix\":\"a\",\"after\":null,\"limit\":10}",
            "{\"checks\":[{\"key\":\"k\",\"version\":1}],\"puts\":[{\"key\":\"k\",\"value\":{}}],\"deletes\":[\"d\"]}",
            "{\"name\":\"heartbeat\",\"arg\":[1]}",
            "{\"url\":\"https://user@example.com:1/x\"}",
            "\"../secret\"",
            "\"a/b.txt\"",
            "-1e308",
            "[[[[[[[[]]]]]]]]",
        ];
        let Some(known) = ARGUMENTS.get(usize::from(self.byte() % 12)) else {
            let len = usize::from(self.byte()).min(self.0.len());
            let (text, rest) = self.0.split_at_checked(len).unwrap_or((self.0, &[]));
            self.0 = rest;
            return text.to_vec();
        };
        let mut text = known.as_bytes().to_vec();
        for _ in 0..self.byte() % 4 {
            let (at, with) = (usize::from(self.byte()), self.byte());
            let at = at % text.len();
            if let Some(byte) = text.get_mut(at) {
                *byte = with;
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that look random, the same each time.
    fn inputs(count: u64, len_max: u64) -> impl Iterator<Item = Vec<u8>> {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        (0..count).map(move |_| {
            let len = next() % len_max;
            (0..len).map(|_| next().to_le_bytes()[3]).collect()
        })
    }

    #[test]
    fn some_inputs_of_each_kind_find_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let fuzzer = Fuzzer::new(folder.path()).unwrap();
        for input in inputs(300, 300) {
            fuzzer.host_calls(&input).unwrap();
            fuzzer.values(&input).unwrap();
        }
        for input in inputs(40, 60) {
            fuzzer.spilled(&input).unwrap();
        }
        for input in inputs(40, 200) {
            fuzzer.script(&input).unwrap();
            fuzzer.text(&input).unwrap();
        }
    }
}
