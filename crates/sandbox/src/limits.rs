//! Limits of one execution, their defaults, and the limits of the service.

/// Processor time of one slice: from entering the guest until it returns or waits. In milliseconds.
pub const CPU_SLICE_MS_MAX: u64 = 50;
/// Processor time of a whole invocation, in milliseconds.
pub const CPU_MS_MAX: u64 = 200;
/// Processor time of compiling one file, in milliseconds.
pub const COMPILE_CPU_MS_MAX: u64 = 2_000;
/// How long an invocation may take on the clock while it runs or waits for a thread, in milliseconds.
pub const WALL_MS_MAX: u64 = 30_000;
/// How long an invocation may wait for its operations, all waits together, in milliseconds.
pub const SUSPENDED_MS_MAX: u64 = 120_000;
/// How long one operation may take, in milliseconds. Then it fails, and the script can catch that.
pub const OPERATION_MS_MAX: u64 = 30_000;
/// Linear memory of an instance, in bytes. The script's heap gets one mebibyte less.
pub const MEMORY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Call stack of a script, in bytes; also the most there is (`JS_STACK_BYTES_MAX` in `guest/guest.c`).
pub const STACK_BYTES_MAX: usize = 256 * 1024;
/// Host calls and operations of an invocation.
pub const HOST_CALLS_MAX: u64 = 1_000;
/// Operations that may be under way at the same time.
pub const OPERATIONS_MAX: usize = 32;
/// Largest input of a function, and argument of an operation, in bytes of JSON.
pub const ARGUMENT_BYTES_MAX: usize = 256 * 1024;
/// Largest answer of an operation, in bytes of JSON.
pub const REPLY_BYTES_MAX: usize = 256 * 1024;
/// Largest result of a function, in bytes of JSON.
pub const RESULT_BYTES_MAX: usize = 256 * 1024;
/// What an invocation may log, in bytes of text.
pub const LOG_BYTES_MAX: usize = 256 * 1024;
/// Lines that an invocation may log.
pub const LOG_LINES_MAX: u64 = 1_000;
/// All arguments and answers of an invocation's operations together, in bytes.
pub const PASSED_BYTES_MAX: usize = 1024 * 1024;
/// Largest source file, in bytes.
pub const SOURCE_BYTES_MAX: usize = 1024 * 1024;
/// Largest component, in bytes.
pub const COMPONENT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long compiling a component may take, in milliseconds.
pub const COMPONENT_COMPILE_MS_MAX: u64 = 60_000;
/// Components that may run or wait at the same time, each with a stack of its own.
pub const COMPONENT_INSTANCES_MAX: u32 = 256;
/// Blobs that the functions of one namespace may keep, in bytes.
pub const BLOB_NAMESPACE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Largest sum of a file and all that it imports, in bytes as written.
pub const BUNDLE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most files that a file may reach by its imports, itself included.
pub const BUNDLE_FILES_MAX: usize = 4_000;
/// Instances that may exist at the same time.
pub const INSTANCES_MAX: u32 = 2_000;
/// Instances that executions may keep while they wait; beyond it they are spilled to a few kibibytes each.
pub const RESIDENT_MAX: u32 = 1_000;
/// What is kept of all spilled executions together, in bytes.
pub const SPILLED_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Calls of all namespaces together that may wait for a thread before callers are turned away.
pub const QUEUED_MAX: usize = 20_000;
/// Calls of one namespace that may wait for a thread before its callers are turned away.
pub const QUEUED_PER_OWNER_MAX: usize = 1_024;

/// How much of the guest's memory is beyond the script's own limit, so that a script meets an error it can catch
/// before it meets the wall, in bytes.
pub(crate) const MEMORY_RESERVE_BYTES: usize = 1024 * 1024;
/// The snapshot's memory; no limit can be lower, in bytes.
pub(crate) const MEMORY_BYTES_MIN: usize = 4 * 1024 * 1024;
/// Random bytes of one request of a script.
pub(crate) const RANDOM_BYTES_MAX: usize = 65_536;

/// The limits of one execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// See [`CPU_SLICE_MS_MAX`].
    pub cpu_slice_ms_max: u64,
    /// See [`CPU_MS_MAX`].
    pub cpu_ms_max: u64,
    /// See [`WALL_MS_MAX`].
    pub wall_ms_max: u64,
    /// See [`SUSPENDED_MS_MAX`].
    pub suspended_ms_max: u64,
    /// See [`OPERATION_MS_MAX`].
    pub operation_ms_max: u64,
    /// See [`MEMORY_BYTES_MAX`]; also bounded by the service's own limit.
    pub memory_bytes_max: usize,
    /// See [`STACK_BYTES_MAX`].
    pub stack_bytes_max: usize,
    /// See [`HOST_CALLS_MAX`].
    pub host_calls_max: u64,
    /// See [`OPERATIONS_MAX`].
    pub operations_max: usize,
    /// See [`ARGUMENT_BYTES_MAX`].
    pub argument_bytes_max: usize,
    /// See [`REPLY_BYTES_MAX`].
    pub reply_bytes_max: usize,
    /// See [`RESULT_BYTES_MAX`].
    pub result_bytes_max: usize,
    /// See [`LOG_BYTES_MAX`].
    pub log_bytes_max: usize,
    /// See [`LOG_LINES_MAX`].
    pub log_lines_max: u64,
    /// See [`PASSED_BYTES_MAX`].
    pub passed_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            cpu_slice_ms_max: CPU_SLICE_MS_MAX,
            cpu_ms_max: CPU_MS_MAX,
            wall_ms_max: WALL_MS_MAX,
            suspended_ms_max: SUSPENDED_MS_MAX,
            operation_ms_max: OPERATION_MS_MAX,
            memory_bytes_max: MEMORY_BYTES_MAX,
            stack_bytes_max: STACK_BYTES_MAX,
            host_calls_max: HOST_CALLS_MAX,
            operations_max: OPERATIONS_MAX,
            argument_bytes_max: ARGUMENT_BYTES_MAX,
            reply_bytes_max: REPLY_BYTES_MAX,
            result_bytes_max: RESULT_BYTES_MAX,
            log_bytes_max: LOG_BYTES_MAX,
            log_lines_max: LOG_LINES_MAX,
            passed_bytes_max: PASSED_BYTES_MAX,
        }
    }
}

impl Limits {
    /// The limits of reading a file: more time, nothing else to pass.
    pub(crate) fn of_compiling() -> Limits {
        Limits { cpu_slice_ms_max: COMPILE_CPU_MS_MAX, cpu_ms_max: COMPILE_CPU_MS_MAX, ..Limits::default() }
    }
}
