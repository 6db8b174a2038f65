//! One sandbox for the whole test process: the engine is compiled once and kept in the build folder.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use nexus_kernel::Json;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::clock::SystemClock;
use nexus_kernel::port::rng::SystemRng;
use nexus_sandbox::{
    CallError, CallErrorKind, Capabilities, Invocation, LimitKind, Module, Options, Outcome, Sandbox,
};

/// Options with a store of their own; machine code is shared through the build folder.
pub(crate) fn options() -> Options {
    let store = Arc::new(MemoryStore::new());
    let mut options = Options::new(Arc::new(SystemClock), Arc::new(SystemRng), store.clone());
    options.objects = Some(store);
    options.cache_folder = Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sandbox-code"));
    options.instances_max = 200;
    options
}

/// The shared sandbox.
pub(crate) fn sandbox() -> Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| Sandbox::start(options()).unwrap()).clone()
}

/// Compiles a source that is fine.
pub(crate) async fn module(source: &str) -> Module {
    sandbox().compile("activities/test.js", source).await.unwrap()
}

/// Calls `Main(input)` of a source with everything granted that a project has.
pub(crate) async fn run(source: &str, input: Json) -> Result<Outcome, CallError> {
    sandbox().call(invocation(source, input).await).await
}

/// The call of `Main`, to be adjusted.
pub(crate) async fn invocation(source: &str, input: Json) -> Invocation {
    let mut invocation = Invocation::new(module(source).await, "Main", input);
    invocation.capabilities = Capabilities::of_project();
    invocation
}

/// The result of `Main()`, however slow the machine is.
pub(crate) async fn result(source: &str) -> Json {
    let mut call = invocation(source, Json::Null).await;
    (call.limits.cpu_slice_ms_max, call.limits.cpu_ms_max) = (5_000, 5_000);
    sandbox().call(call).await.unwrap().result
}

/// Why `Main()` fails.
pub(crate) async fn failure(source: &str) -> CallErrorKind {
    run(source, Json::Null).await.unwrap_err().kind
}

/// The limit that an error is about.
pub(crate) fn limit_of(kind: &CallErrorKind) -> Option<LimitKind> {
    match kind {
        CallErrorKind::Limit { what, .. } => Some(*what),
        _ => None,
    }
}
