//! The room for `unsafe`: asking the operating system for this thread's processor time and this process's user, and
//! loading machine code.

use std::path::Path;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

/// Processor time this thread has used, in microseconds.
pub(crate) fn thread_cpu_us() -> u64 {
    thread_cpu_ns() / 1_000
}

/// Processor time this thread has used, in nanoseconds.
#[expect(unsafe_code, reason = "the standard library has no call for a thread's processor time")]
pub(crate) fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live, writable timespec of this frame; the call keeps no reference to it.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } != 0;
    if failed {
        return 0;
    }
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// The user this process acts as.
#[expect(unsafe_code, reason = "the standard library has no call for the effective user")]
pub(crate) fn effective_user() -> u32 {
    // SAFETY: geteuid takes nothing, touches no memory of ours and cannot fail.
    unsafe { libc::geteuid() }
}

/// Loads machine code from a file of the cache.
///
/// The caller has checked that the file belongs to this user, that nobody else may write it, and that its content has
/// the SHA-256 its name was given when this program wrote it.
#[expect(unsafe_code, reason = "machine code is trusted by its nature; the cache checks what can be checked")]
pub(crate) fn load_machine_code(engine: &Engine, path: &Path) -> wasmtime::Result<Module> {
    // SAFETY: `deserialize_file` requires that the bytes come from `Module::serialize` and do not change while mapped.
    // Only `cache::store` writes such names, under a temporary name and with mode 0600, and never writes to a file
    // again after naming it; the caller has compared the content's hash.
    unsafe { Module::deserialize_file(engine, path) }
}

/// Loads a component's machine code from a file of the cache, which has been checked in the same way.
#[expect(unsafe_code, reason = "machine code is trusted by its nature; the cache checks what can be checked")]
pub(crate) fn load_component(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: as in `load_machine_code`: only this program writes such files, and never again after naming them.
    unsafe { Component::deserialize_file(engine, path) }
}
