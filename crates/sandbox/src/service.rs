//! The sandbox as a running part: its threads, its pool, and the handle.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;

use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::Kv;
use nexus_kernel::port::object::Objects;
use nexus_kernel::port::rng::SharedRng;
use tokio::sync::{Semaphore, oneshot, watch};
use wasmtime::Engine;

use crate::cache::{Cache, Kept, Scripts, script_key};
use crate::call::{self, Invocation};
use crate::compile::{self, JsError, Module};
use crate::component::{self, Components};
use crate::crew::{Crew, Work};
use crate::engine::{self, Guest, PoolSize};
use crate::error::{CallError, CallErrorKind, Overload, StartError};
use crate::host::State;
use crate::limits::{
    COMPONENT_INSTANCES_MAX, INSTANCES_MAX, Limits, MEMORY_BYTES_MAX, QUEUED_MAX, QUEUED_PER_OWNER_MAX,
    RESIDENT_MAX, SPILLED_BYTES_MAX,
};
use crate::meter::Ticker;
use crate::meters::Meters;
use crate::op::Scope;
use crate::outcome::Outcome;
use crate::parked::Opened;
use crate::queue::{Bounds, Place};
use crate::redact::Redactions;
use crate::seats::Seats;
use crate::source::Bundle;
use crate::turn::Crowd;

/// How long a patient caller waits before it tries again, at first and at most.
const PATIENCE_MIN: Duration = Duration::from_millis(10);
const PATIENCE_MAX: Duration = Duration::from_secs(1);

/// What a sandbox is made from.
#[derive(Clone)]
pub struct Options {
    /// Time, to the millisecond, for scripts and deadlines.
    pub clock: SharedClock,
    /// Chance.
    pub rng: SharedRng,
    /// Where `ctx.kv` keeps its keys.
    pub kv: Arc<dyn Kv>,
    /// Where `ctx.blob` keeps its bytes; nowhere when absent.
    pub objects: Option<Arc<dyn Objects>>,
    /// What `ctx.read` can read; nothing when absent.
    pub data_folder: Option<PathBuf>,
    /// Where compiled machine code is kept between starts; nowhere when absent.
    pub cache_folder: Option<PathBuf>,
    /// Threads that run guests; one per core when absent.
    pub threads: Option<NonZeroUsize>,
    /// See [`INSTANCES_MAX`].
    pub instances_max: u32,
    /// See [`RESIDENT_MAX`]; less than `instances_max`, or functions that wait could take all instances.
    pub resident_max: u32,
    /// See [`SPILLED_BYTES_MAX`].
    pub spilled_bytes_max: usize,
    /// The most memory any call can be allowed, in bytes.
    pub memory_bytes_max: usize,
    /// See [`COMPONENT_INSTANCES_MAX`].
    pub components_max: u32,
    /// See [`QUEUED_MAX`].
    pub queued_max: usize,
    /// See [`QUEUED_PER_OWNER_MAX`].
    pub queued_per_owner_max: usize,
}

impl Options {
    /// The default sizes.
    pub fn new(clock: SharedClock, rng: SharedRng, kv: Arc<dyn Kv>) -> Options {
        Options {
            clock,
            rng,
            kv,
            objects: None,
            data_folder: None,
            cache_folder: None,
            threads: None,
            instances_max: INSTANCES_MAX,
            resident_max: RESIDENT_MAX,
            spilled_bytes_max: SPILLED_BYTES_MAX,
            memory_bytes_max: MEMORY_BYTES_MAX,
            components_max: COMPONENT_INSTANCES_MAX,
            queued_max: QUEUED_MAX,
            queued_per_owner_max: QUEUED_PER_OWNER_MAX,
        }
    }
}

/// The handle. Cheap to clone; the threads end when the last one is dropped.
#[derive(Clone)]
pub struct Sandbox(Arc<Shared>);

type Ready = Option<Result<Arc<Guest>, Arc<str>>>;

/// What the handles share.
pub(crate) struct Shared {
    options: Options,
    crew: Arc<Crew>,
    ticker: Ticker,
    engine: Engine,
    ready: watch::Sender<Ready>,
    preparing: Once,
    seats: Arc<Seats>,
    spill_kib: Arc<Semaphore>,
    components: Components,
    cache: Option<Arc<Cache>>,
    scripts: Scripts,
    meters: Meters,
}

impl Sandbox {
    /// Starts the threads and returns. The engine's machine code is loaded or compiled in the background as soon as there
    /// is a script, whose first call waits for it: who has none pays nothing.
    pub fn start(options: Options) -> Result<Sandbox, StartError> {
        let size =
            PoolSize { instances_max: options.instances_max, memory_bytes_max: options.memory_bytes_max };
        let engine = engine::engine(size).map_err(|error| StartError(format!("{error:#}")))?;
        let threads = |error: std::io::Error| StartError(format!("no threads: {error}"));
        let ticker = Ticker::start(engine.clone()).map_err(threads)?;
        let seats = Arc::new(Seats::new(usize::try_from(options.instances_max).unwrap_or(1)));
        let cache = options.cache_folder.as_deref().and_then(|folder| Cache::open(folder, &options.rng));
        let cache = cache.map(Arc::new);
        let count = options.threads.or_else(|| thread::available_parallelism().ok());
        let bounds = Bounds { all: options.queued_max, per_owner: options.queued_per_owner_max };
        let crew =
            Crew::start(bounds, ticker.clone(), count.unwrap_or(NonZeroUsize::MIN)).map_err(threads)?;
        let spill_kib = Arc::new(Semaphore::new(options.spilled_bytes_max / 1_024));
        let scripts = Scripts::new(options.clock.clone(), cache.clone());
        let shared = Arc::new(Shared {
            options,
            crew,
            ticker,
            engine,
            ready: watch::Sender::new(None),
            preparing: Once::new(),
            seats,
            spill_kib,
            components: Components::default(),
            cache,
            scripts,
            meters: Meters::default(),
        });
        Ok(Sandbox(shared))
    }

    /// Reads a file without running it. `file` is the path that errors name.
    pub async fn compile(&self, file: &str, source: &str) -> Result<Module, JsError> {
        self.compile_bundle(Bundle::plain(file, source)).await
    }

    /// Compiles what was made of a file and all that it imports; see [`crate::source::bundle`].
    pub async fn compile_bundle(&self, bundle: Bundle) -> Result<Module, JsError> {
        compile::check(&bundle)?;
        self.0.prepare();
        let (bundle, cpu_us) = (Arc::new(bundle), AtomicU64::new(0));
        let compile = || async {
            let (kept, took_us) = self.compile_now(&bundle).await?;
            cpu_us.store(took_us, Ordering::Relaxed);
            Ok(kept)
        };
        let kept = self.0.scripts.get(&script_key(&bundle.file, &bundle.text), compile).await?;
        Ok(Module::of_script(Arc::unwrap_or_clone(bundle), kept, cpu_us.into_inner()))
    }

    async fn compile_now(&self, bundle: &Arc<Bundle>) -> Result<(Kept, u64), JsError> {
        let (bundle, file) = (Arc::clone(bundle), bundle.file.clone());
        let file = file.as_str();
        let failed = |error: CallError| JsError::of_sandbox(file, error.kind.to_string());
        let (guest, seats) = (self.0.guest().await.map_err(failed)?, self.0.seats.clone());
        let state = self.0.state(Limits::of_compiling(), None);
        let work = move || {
            let seat = seats.take();
            let compiled = compile::compile(&guest, state, &bundle);
            drop(seat);
            compiled
        };
        let answer = self.0.submit(&Place::of_ours(), false, work).await.map_err(failed)?;
        answer.await.map_err(|_| JsError::of_sandbox(file, "a thread of the sandbox was lost"))?
    }

    /// Reads a WebAssembly component without running it. `file` is the path that errors name.
    pub async fn compile_component(&self, file: &str, bytes: &[u8]) -> Result<Module, JsError> {
        component::compile(&self.0, file, bytes.into()).await
    }

    /// Runs one exported function in an instance of its own. Dropping the future stops it.
    pub fn call(
        &self,
        invocation: Invocation,
    ) -> impl Future<Output = Result<Outcome, CallError>> + Send + use<> {
        // A call that waits costs little more than what it waits with: the large parts lie beside it.
        let (shared, invocation) = (self.0.clone(), Box::new(invocation));
        async move {
            let ended = match invocation.module.component() {
                Some(code) => Box::pin(component::call(&shared, *invocation, code)).await,
                None => call::call(&shared, invocation).await,
            };
            shared.meters.ended(&ended);
            ended
        }
    }

    pub(crate) fn own(&self) -> &Shared {
        &self.0
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Resolves when the engine is ready; an error says why it never will be.
    pub async fn ready(&self) -> Result<(), StartError> {
        self.0.guest().await.map(drop).map_err(|error| StartError(error.kind.to_string()))
    }
}

impl Shared {
    pub(crate) fn meters(&self) -> &Meters {
        &self.meters
    }

    pub(crate) fn instances(&self) -> usize {
        self.seats.taken()
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn cache(&self) -> Option<Arc<Cache>> {
        self.cache.clone()
    }

    pub(crate) fn components(&self) -> &Components {
        &self.components
    }

    pub(crate) fn clock(&self) -> &SharedClock {
        &self.options.clock
    }

    pub(crate) fn rng(&self) -> &SharedRng {
        &self.options.rng
    }

    /// Begins to make the engine ready, unless that has begun.
    fn prepare(&self) {
        self.preparing.call_once(|| {
            let (engine, code, ready) = (self.engine.clone(), self.cache.clone(), self.ready.clone());
            let state = self.state(Limits::default(), None);
            let prepare = move || {
                let guest = Guest::prepare(engine, code.as_deref(), state);
                ready.send_replace(Some(guest.map(Arc::new).map_err(|error| format!("{error:#}").into())));
            };
            if let Err(error) = thread::Builder::new().name("sandbox-prepare".into()).spawn(prepare) {
                self.ready.send_replace(Some(Err(format!("no threads: {error}").into())));
            }
        });
    }

    /// The engine, once it is ready.
    pub(crate) async fn guest(&self) -> Result<Arc<Guest>, CallError> {
        self.prepare();
        let mut ready = self.ready.subscribe();
        let state = ready.wait_for(Option::is_some).await;
        match state.as_deref() {
            Ok(Some(Ok(guest))) => Ok(guest.clone()),
            Ok(Some(Err(reason))) => Err(CallErrorKind::Failed(reason.to_string()).into()),
            _ => Err(CallErrorKind::Failed("the engine could not be made ready".to_owned()).into()),
        }
    }

    pub(crate) fn crowd(&self) -> Crowd {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let instances_max = size(self.options.instances_max);
        let resident_max = size(self.options.resident_max).min(instances_max.saturating_sub(1));
        Crowd { seats: self.seats.clone(), resident_max, spill_kib: self.spill_kib.clone() }
    }

    /// What the host keeps for an execution.
    pub(crate) fn state(&self, mut limits: Limits, scope: Option<Arc<Scope>>) -> State {
        limits.memory_bytes_max = limits.memory_bytes_max.min(self.options.memory_bytes_max);
        let (clock, rng) = (self.options.clock.clone(), self.options.rng.clone());
        let mut state = State::new(limits, scope, clock, rng);
        state.crew = Some(self.crew.clone());
        state
    }

    /// What the operations of a call work on; a call that goes on asks under the ids it had.
    pub(crate) fn scope(&self, invocation: &Invocation, opened: Option<&Opened>) -> Arc<Scope> {
        let once =
            opened.map(|opened| opened.once.clone()).or_else(|| invocation.context.idempotency_key.clone());
        Arc::new(Scope {
            namespace: invocation.context.namespace.clone(),
            doer: invocation.context.doer(),
            capabilities: invocation.capabilities.clone(),
            lease: invocation.lease.clone(),
            kv: self.options.kv.clone(),
            data_folder: self.options.data_folder.clone(),
            functions: invocation.functions.clone(),
            reply_bytes_max: invocation.limits.reply_bytes_max,
            clock: self.options.clock.clone(),
            objects: self.options.objects.clone(),
            ports: invocation.ports.clone(),
            redactions: Redactions::default(),
            session: invocation.context.session.as_ref().map(|session| session.id.clone()),
            once: once.unwrap_or_else(|| self.once()),
        })
    }

    /// What nobody else has, for executions without an idempotency key.
    fn once(&self) -> String {
        format!("{:016x}{:016x}", self.options.rng.next_u64(), self.options.rng.next_u64())
    }

    /// Has work done on a thread of the sandbox. When too much is waiting already, a patient caller tries again.
    pub(crate) async fn submit<T: Send + 'static>(
        &self,
        place: &Place,
        patient: bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, CallError> {
        let (answer, receiver) = oneshot::channel();
        let mut work: Work = Box::new(move || {
            let _ = answer.send(work()); // the caller may have gone away
        });
        let mut pause = PATIENCE_MIN;
        loop {
            let Err((overload, given_back)) = self.crew.submit(place.clone(), work) else {
                return Ok(receiver);
            };
            if !patient || overload == Overload::Stopping {
                return Err(CallErrorKind::Overloaded(overload).into());
            }
            work = given_back;
            self.options.clock.sleep_until(self.options.clock.now().plus(pause)).await;
            pause = (pause * 2).min(PATIENCE_MAX);
        }
    }
}

impl Shared {
    /// Has something of ours done that nobody waits for; when the sandbox is stopping, it is done here.
    pub(crate) fn tidy(&self, work: impl FnOnce() + Send + 'static) {
        if let Err((_, work)) = self.crew.submit(Place::of_ours(), Box::new(work)) {
            work();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.crew.close();
        self.ticker.stop();
    }
}
