//! JavaScript in WebAssembly: a fresh, limited instance for every execution.
//!
//! [`Sandbox::start`] gives the handle at once and gets the engine ready in the background. [`Sandbox::compile`] reads a
//! file without running it; [`Sandbox::call`] runs one exported function in an instance of its own, which starts from a
//! snapshot of the initialised engine and is wiped afterwards. While a function awaits a host operation no thread waits
//! with it: the guest returns, and its memory is all that is left of the call. When many wait, that memory is kept as its
//! difference from the snapshot.
//!
//! What keeps a script in: WebAssembly around the engine, exactly five imports, a processor-time budget checked every
//! millisecond, limits on memory, stack, calls and bytes, and a capability check in the host on every operation.

mod allowance;
pub mod api;
mod base64;
mod cache;
mod call;
mod capability;
mod compile;
mod component;
mod crew;
mod engine;
mod error;
mod files;
#[cfg(any(test, feature = "testing"))]
pub mod fuzzing;
mod guest;
mod heat;
mod host;
mod instance;
mod lease;
mod limit_kind;
mod limits;
mod mem;
mod meter;
mod meters;
mod op;
mod outcome;
mod parked;
mod ports;
mod position;
mod profile;
mod queue;
mod redact;
mod seats;
mod service;
mod setting;
pub mod source;
mod spill;
mod template;
mod turn;
mod wait;
mod wish;

pub use call::{CallContext, CallSession, Input, Invocation};
pub use capability::{Capabilities, Capability, CapabilityError};
pub use compile::{JsError, Module};
pub use error::{CallError, CallErrorKind, Overload, StartError};
pub use guest::{GUEST_HASH, guest_wasm};
pub use lease::{Granter, Lease};
pub use limit_kind::LimitKind;
pub use limits::{
    ARGUMENT_BYTES_MAX, BLOB_NAMESPACE_BYTES_MAX, BUNDLE_BYTES_MAX, BUNDLE_FILES_MAX, COMPILE_CPU_MS_MAX,
    COMPONENT_BYTES_MAX, COMPONENT_COMPILE_MS_MAX, COMPONENT_INSTANCES_MAX, CPU_MS_MAX, CPU_SLICE_MS_MAX,
    HOST_CALLS_MAX, INSTANCES_MAX, LOG_BYTES_MAX, LOG_LINES_MAX, Limits, MEMORY_BYTES_MAX, OPERATION_MS_MAX,
    OPERATIONS_MAX, PASSED_BYTES_MAX, QUEUED_MAX, QUEUED_PER_OWNER_MAX, REPLY_BYTES_MAX, RESIDENT_MAX,
    RESULT_BYTES_MAX, SOURCE_BYTES_MAX, SPILLED_BYTES_MAX, STACK_BYTES_MAX, SUSPENDED_MS_MAX, WALL_MS_MAX,
};
pub use meters::Meters;
pub use op::{HostFunctions, OpError};
pub use outcome::{LogLevel, LogLine, Outcome, Stats};
pub use parked::{Keep, Keeper, ParkKey};
pub use ports::Ports;
pub use profile::{CallFigures, Phase, PhaseFigures, Profile, Recorder};
pub use queue::Priority;
pub use service::{Options, Sandbox};
pub use setting::{SETTINGS, Setting};
pub use wish::{Wish, Wishes};

/// What components are written against, in WIT.
pub static FUNCTION_WIT: &str = include_str!("../wit/function.wit");
