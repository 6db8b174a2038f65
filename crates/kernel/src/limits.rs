//! Limits that more than one part holds to. Each part keeps its own beside the code that enforces it.

/// Longest namespace, workflow id and similar names, in bytes (Temporal's limit).
pub const ID_BYTES_MAX: usize = 1_000;

/// Largest input, result or activity payload, in bytes (Temporal's limit).
pub const PAYLOAD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A payload of more bytes than this is warned of (Temporal's limit).
pub const PAYLOAD_BYTES_WARN: usize = 512 * 1024;

/// Activities of one run that may be pending at a time (Temporal's limit).
pub const PENDING_ACTIVITIES_MAX: usize = 2_000;

/// Longest list of runs in one answer.
pub const PAGE_ROWS_MAX: usize = 1_000;

/// Rows of a list when the caller does not say.
pub const PAGE_ROWS_DEFAULT: usize = 50;
