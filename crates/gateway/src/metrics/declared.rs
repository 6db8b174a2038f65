//! Every metric there is: its name, its kind, its labels and what it says. Nothing else is ever on `/metrics`.

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until the process ends.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often something was how large.
    Histogram,
    /// Facts about the process, as labels.
    Info,
}

impl Kind {
    /// The word of the exposition formats.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Info => "info",
        }
    }
}

/// One metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name of the family: what counters and facts have behind it (`_total`, `_info`) is not part of it.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What it is measured in; nothing for plain numbers.
    pub unit: &'static str,
    /// Its labels, in the order in which they are shown.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

impl Metric {
    /// The name of its samples, as queries have it. Those of a histogram have more behind it.
    pub fn sample(&self) -> String {
        match self.kind {
            Kind::Counter => format!("{}_total", self.name),
            Kind::Info => format!("{}_info", self.name),
            Kind::Gauge | Kind::Histogram => self.name.to_owned(),
        }
    }
}

macro_rules! metrics {
    ($($constant:ident $kind:ident $name:literal $unit:literal [$($label:literal),*] $help:literal)*) => {
        $(
            #[doc = concat!("`", $name, "`: what it says is in its `help`.")]
            pub static $constant: Metric = Metric {
                name: $name, kind: Kind::$kind, unit: $unit, labels: &[$($label),*], help: $help,
            };
        )*
        /// All of them, in the order in which they are shown.
        pub static ALL: &[&Metric] = &[$(&$constant),*];
    };
}

metrics! {
    REQUESTS Counter "nexus_requests" "" ["channel", "workflow", "status"]
        "Calls that ended, by door, by workflow or operation, and by error code or ok."
    REQUEST_DURATION Histogram "nexus_request_duration_seconds" "seconds" ["channel", "workflow"]
        "How long calls took."
    NAMESPACE_REQUESTS Counter "nexus_namespace_requests" "" ["namespace"]
        "Calls of workflows that ended, by the namespace of the workflow."
    CHANNEL_ERRORS Counter "nexus_channel_errors" "" ["channel", "code"]
        "Calls that ended with an error, by door and code."
    REQUESTS_IN_FLIGHT Gauge "nexus_requests_in_flight" "" [] "Calls that have not ended."
    IDEMPOTENCY_HITS Counter "nexus_idempotency_hits" "" []
        "Calls that repeated an earlier one and got its answer."
    OPERATIONS Gauge "nexus_operations" "" ["kind"] "Operations that can be called: workflows and verbs."
    ACTIVE_SESSIONS Gauge "nexus_active_sessions" "" [] "Sessions that have not ended."
    HTTP_ANSWERS Counter "nexus_http_answers" "" ["class"]
        "Answers over HTTP by class of status, those of requests that became no call as well."
    HTTP_CONNECTIONS Gauge "nexus_http_connections" "" [] "Open connections."
    WEBSOCKETS Gauge "nexus_websockets" "" [] "Open WebSockets."
    MCP_SESSIONS Gauge "nexus_mcp_sessions" "" [] "Open sessions of the Model Context Protocol."
    EVENT_DELIVERY Histogram "nexus_event_delivery_seconds" "seconds" []
        "Time from the publication of an event to its delivery to a subscription."
    EVENT_DELIVERIES Counter "nexus_event_deliveries" "" ["target", "outcome"]
        "Attempts to deliver an event, by kind of target: delivered, failed, dead."
    RUNS_OPEN Gauge "nexus_runs_open" "" [] "Runs that have not closed."
    RUNS_STARTED Counter "nexus_runs_started" "" [] "Runs that started."
    RUNS_CLOSED Counter "nexus_runs_closed" "" ["status"] "Runs that closed, by how."
    KEYS_RESIDENT Gauge "nexus_keys_resident" "" [] "Workflow ids whose state is in memory."
    TIMERS_PENDING Gauge "nexus_timers_pending" "" [] "Times that a shard has to come back at."
    INPUTS Counter "nexus_engine_inputs" "" [] "Things that shards decided about."
    COMMITS Counter "nexus_engine_commits" "" [] "Batches that shards appended to the log."
    COMMIT_DURATION Histogram "nexus_engine_commit_duration_seconds" "seconds" []
        "How long an append took until it was durable."
    ACTIVITY_ATTEMPTS Counter "nexus_activity_attempts" "" ["activity", "outcome"]
        "Attempts of activities that ended: completed, failed, timed_out, handed_over."
    ACTIVITY_DURATION Histogram "nexus_activity_duration_seconds" "seconds" ["activity"]
        "How long attempts of activities took."
    ACTIVITY_WAIT Histogram "nexus_activity_wait_seconds" "seconds" []
        "How long attempts waited in their queue before they began."
    ACTIVITIES_IN_FLIGHT Gauge "nexus_activities_in_flight" "" [] "Attempts that run or wait."
    QUEUE_BACKLOG Gauge "nexus_queue_backlog" "" ["namespace", "queue"] "Attempts that wait in a task queue."
    QUEUE_RUNNING Gauge "nexus_queue_running" "" ["namespace", "queue"] "Attempts of a task queue that run."
    SCHEDULE_STARTS Counter "nexus_schedule_starts" "" ["outcome"] "Runs that schedules had to start: started, failed."
    SCHEDULE_LAG Histogram "nexus_schedule_lag_seconds" "seconds" []
        "How much later than its time a run of a schedule was started."
    DELIVERIES Counter "nexus_engine_deliveries" "" []
        "Starts, outcomes and wishes that one workflow id sent to another."
    SANDBOX_CALLS Counter "nexus_sandbox_calls" "" ["outcome"]
        "Calls of JavaScript and WebAssembly functions that ended: completed, failed, stopped, overloaded."
    SANDBOX_CPU Counter "nexus_sandbox_cpu_seconds" "seconds" [] "Processor time of functions."
    SANDBOX_INSTANCES Gauge "nexus_sandbox_instances" "" [] "Instances that are taken."
    STORE_COMMITS Counter "nexus_store_commits" "" [] "Transactions that changed something."
    STORE_RECORDS Counter "nexus_store_records" "" [] "Records appended to the log."
    STORE_CHECKPOINTS Counter "nexus_store_checkpoints" "" [] "Passes that emptied the write-ahead log."
    STORE_BYTES Gauge "nexus_store_bytes" "bytes" [] "Size of the store's files."
    REDIS_UP Gauge "nexus_redis_up" "" [] "Whether Redis answers, where one is configured: 1 or 0."
    REDIS_QUESTIONS Counter "nexus_redis_questions" "" ["outcome"]
        "What Redis was to be asked: answered, failed, spared because it is left alone."
    TRACE_SPANS Counter "nexus_trace_spans" "" ["outcome"] "Spans that were to be exported: exported, dropped."
    PROCESS_CPU Counter "process_cpu_seconds" "seconds" [] "Processor time of the process."
    PROCESS_MEMORY Gauge "process_resident_memory_bytes" "bytes" [] "Memory of the process."
    PROCESS_VIRTUAL Gauge "process_virtual_memory_bytes" "bytes" [] "Address space of the process."
    PROCESS_FILES Gauge "process_open_fds" "" [] "Open file descriptors."
    PROCESS_FILES_MAX Gauge "process_max_fds" "" [] "File descriptors that may be open."
    PROCESS_THREADS Gauge "process_threads" "" [] "Threads of the process."
    PROCESS_START Gauge "process_start_time_seconds" "seconds" [] "When the process began, since 1970."
    BUILD Info "nexus_build" "" ["version"] "What is running."
}
