//! JavaScript in WebAssembly: a fresh, limited instance for every execution.
