//! Functions as WebAssembly components: a user's own machine code in the same sandbox, behind the same host calls.
//!
//! A component imports `nexus:function/host` and nothing else (`wit/function.wit`); each function that it exports is an
//! activity. While it waits for an operation its stack is kept as a fiber, which no thread waits with. Components have an
//! engine and a pool of their own, made when the first one is compiled: an installation without components pays nothing
//! for them, and their instances cannot take those of scripts.

mod call;
mod check;
mod engine;
mod host;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore, oneshot};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use crate::cache::{self, Cache};
use crate::compile::{JsError, Module};
use crate::limits::{COMPONENT_BYTES_MAX, COMPONENT_COMPILE_MS_MAX};
use crate::service::Shared;

pub(crate) use call::call;
use engine::{Home, Size};
use host::Side;

/// The compiled machine code of a component, linked with the host.
pub(crate) struct Machine {
    home: Arc<Home>,
    pre: InstancePre<Side>,
    /// Its functions: the activity's name, and where it is.
    functions: Vec<(String, ComponentExportIndex)>,
}

impl Machine {
    fn function(&self, name: &str) -> Option<&ComponentExportIndex> {
        self.functions.iter().find(|(known, _)| known == name).map(|(_, index)| index)
    }
}

/// What components share; made for the first one.
pub(crate) struct Components {
    home: OnceCell<Arc<Home>>,
    /// One component is compiled at a time.
    compiling: Arc<Semaphore>,
}

impl Default for Components {
    fn default() -> Components {
        Components { home: OnceCell::new(), compiling: Arc::new(Semaphore::new(1)) }
    }
}

impl Components {
    async fn home(&self, size: Size) -> Result<Arc<Home>, String> {
        let made = self.home.get_or_try_init(|| async { Home::new(size).map(Arc::new) });
        made.await.cloned()
    }
}

/// Reads a component without running it: what it imports and exports, and machine code, from the cache when that holds it.
/// The compiler has a thread of its own, beside those that run functions, and a bounded time.
pub(crate) async fn compile(shared: &Shared, file: &str, bytes: Arc<[u8]>) -> Result<Module, JsError> {
    let failed = |message: String| JsError::of_sandbox(file, message);
    if bytes.len() > COMPONENT_BYTES_MAX {
        let message = format!("the component has {} bytes, {COMPONENT_BYTES_MAX} are allowed", bytes.len());
        return Err(JsError::of_component(file, message));
    }
    let options = shared.options();
    let size = Size {
        instances: options.components_max,
        memory_bytes: options.memory_bytes_max,
        queued: options.queued_max,
    };
    let home = shared.components().home(size).await.map_err(failed)?;
    let turn = shared.components().compiling.clone().acquire_owned().await;
    let turn = turn.map_err(|_| failed("it is stopping".to_owned()))?;
    let (answer, compiled) = oneshot::channel();
    let (cache, path) = (shared.cache(), file.to_owned());
    let work = move || {
        let read = read(&home, &path, &bytes, cache.as_deref());
        drop(turn);
        let _ = answer.send(read); // nobody waits any more when it has taken too long
    };
    let thread = std::thread::Builder::new().name("sandbox-component".into()).spawn(work);
    thread.map_err(|error| failed(format!("no thread: {error}")))?;
    let end = shared.clock().now().plus(Duration::from_millis(COMPONENT_COMPILE_MS_MAX));
    tokio::select! {
        biased;
        compiled = compiled => compiled.map_err(|_| failed("the compiler was lost".to_owned()))?,
        () = shared.clock().sleep_until(end) => {
            let message = format!("compiling the component takes more than {COMPONENT_COMPILE_MS_MAX} ms");
            Err(JsError::of_component(file, message).help("make it smaller, or split it"))
        }
    }
}

fn read(home: &Arc<Home>, file: &str, bytes: &[u8], kept: Option<&Cache>) -> Result<Module, JsError> {
    if !bytes.starts_with(b"\0asm") {
        return Err(JsError::of_component(file, "the file is no WebAssembly"));
    }
    let began_us = crate::mem::thread_cpu_us();
    let component: Component = cache::code(&home.engine, (bytes, || Ok(bytes)), kept)
        .map_err(|error| JsError::of_component(file, check::reason(&format!("{error:#}"))))?;
    let exports = check::check(&home.engine, &component, file)?;
    let linked = home.linker.instantiate_pre(&component);
    let pre = linked.map_err(|error| {
        JsError::of_component(file, format!("it does not fit nexus:function: {error:#}"))
            .help("build it with crates/sandbox/wit/function.wit of this version")
    })?;
    let names: Vec<String> = exports.iter().map(|(name, _)| name.clone()).collect();
    let code = Machine { home: Arc::clone(home), pre, functions: exports };
    let cpu_us = crate::mem::thread_cpu_us().saturating_sub(began_us);
    Ok(Module::of_component(file, names, code, cpu_us))
}
