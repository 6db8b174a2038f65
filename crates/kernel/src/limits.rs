//! Limits that more than one part holds to. Each part keeps its own beside the code that enforces it.

/// Longest namespace, workflow id and similar names, in bytes (Temporal's limit).
pub const ID_BYTES_MAX: usize = 1_000;

/// Longest message, suggestion or place of an error, in bytes. What is longer is cut and says so.
pub const ERROR_TEXT_BYTES_MAX: usize = 4 * 1024;

/// Largest input, result or activity payload, in bytes (Temporal's limit).
pub const PAYLOAD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Largest exported run, in bytes: the longest history with room for its definition and for quoting.
pub const EXPORT_BYTES_MAX: usize = 128 * 1024 * 1024;

/// A payload of more bytes than this is warned of (Temporal's limit).
pub const PAYLOAD_BYTES_WARN: usize = 512 * 1024;

/// Longest list of runs in one answer.
pub const PAGE_ROWS_MAX: usize = 1_000;

/// Rows of a list when the caller does not say.
pub const PAGE_ROWS_DEFAULT: usize = 50;

/// Events of a run's history from which it is suggested that the program continues as new.
pub const HISTORY_EVENTS_SUGGESTED: u64 = 4_096;

/// Bytes of a run's history from which it is suggested that the program continues as new.
pub const HISTORY_BYTES_SUGGESTED: u64 = 4 * 1024 * 1024;

/// Events of a run's history from which a warning is logged and shown.
pub const HISTORY_EVENTS_WARN: u64 = 10_240;

/// Bytes of a run's history from which a warning is logged and shown.
pub const HISTORY_BYTES_WARN: u64 = 10 * 1024 * 1024;

/// Events of a run's history at which the run is terminated.
pub const HISTORY_EVENTS_MAX: u64 = 51_200;

/// Bytes of a run's history at which the run is terminated.
pub const HISTORY_BYTES_MAX: u64 = 50 * 1024 * 1024;

/// Activities, children, signals and cancel requests of a run without an end, of each kind.
pub const PENDING_MAX: usize = 2_000;

/// Signals that one run takes in.
pub const SIGNALS_MAX: usize = 10_000;

/// Updates of a run that have no answer yet.
pub const UPDATES_IN_FLIGHT_MAX: usize = 10;

/// Updates that one run accepts.
pub const UPDATES_MAX: usize = 2_000;

/// A limit by its name, with its value and what happens at it.
pub type Limit = (&'static str, u64, &'static str);

/// The limits of runs, as `nexus config limits` shows them.
pub const ALL: &[Limit] = &[
    ("id_bytes", ID_BYTES_MAX as u64, "longer namespaces, workflow ids and ids of messages are refused"),
    (
        "payload_bytes_warn",
        PAYLOAD_BYTES_WARN as u64,
        "larger inputs of starts and messages are logged as a warning",
    ),
    (
        "payload_bytes",
        PAYLOAD_BYTES_MAX as u64,
        "larger inputs and memos are refused; a program that says more at once blocks its run",
    ),
    ("history_events_suggested", HISTORY_EVENTS_SUGGESTED, "the program is told to continue as new"),
    ("history_bytes_suggested", HISTORY_BYTES_SUGGESTED, "the program is told to continue as new"),
    ("history_events_warn", HISTORY_EVENTS_WARN, "a warning is logged and shown with the run"),
    ("history_bytes_warn", HISTORY_BYTES_WARN, "a warning is logged and shown with the run"),
    ("history_events", HISTORY_EVENTS_MAX, "the run is terminated"),
    ("history_bytes", HISTORY_BYTES_MAX, "the run is terminated"),
    ("pending", PENDING_MAX as u64, "a task that would have more of a kind pending blocks the run"),
    ("signals", SIGNALS_MAX as u64, "further signals of a run are refused"),
    ("updates_in_flight", UPDATES_IN_FLIGHT_MAX as u64, "further updates are refused until one is answered"),
    ("updates", UPDATES_MAX as u64, "further updates of a run are refused"),
];
