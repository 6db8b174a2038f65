//! The gateway's limits. Payloads are bounded by [`nexus_kernel::limits::PAYLOAD_BYTES_MAX`].

use nexus_kernel::limits::{Limit, PAYLOAD_BYTES_MAX};

/// Room around an input in a request body, in bytes.
pub const ENVELOPE_BYTES_MAX: usize = 64 * 1024;

/// Largest request body, in bytes, unless it is for an operation that takes more: a payload and the envelope around it.
pub const BODY_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + ENVELOPE_BYTES_MAX;

/// How much of an oversized body is read and thrown away, in bytes, so that an honest client gets its answer instead
/// of a reset connection.
pub const BODY_DISCARD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How long a client may take to send a body, in seconds.
pub const BODY_SECONDS_MAX: u64 = 30;

/// Largest request line and headers together, in bytes.
pub const HEADER_BYTES_MAX: usize = 64 * 1024;

/// How long a client may take to send the headers, in seconds.
pub const HEADER_SECONDS_MAX: u64 = 30;

/// Most connections at a time; further ones wait to be accepted.
pub const CONNECTIONS_MAX: usize = 20_000;

/// Most requests at hand at a time; further ones are refused with 503. Streams do not count once they have begun.
pub const REQUESTS_MAX: usize = 20_000;

/// Most requests at a time on one connection of HTTP/2.
pub const STREAMS_MAX: u32 = 250;

/// Smallest answer that is compressed for those who accept it, in bytes.
pub const COMPRESSED_BYTES_MIN: u16 = 1_024;

/// Largest answer that gets an entity tag, in bytes.
pub const ETAG_BYTES_MAX: u64 = 1024 * 1024;

/// Largest answer that is put into an envelope under `/api/`, in bytes.
pub const ENVELOPE_ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long requests may go on after the server was told to stop, in seconds.
pub const DRAIN_SECONDS_MAX: u64 = 10;

/// How long a stream of events says nothing, in seconds, before it says that it is still there.
pub const STREAM_SECONDS_SILENT_MAX: u64 = 15;

/// Longest wait that a REST caller may ask for, in seconds.
pub const WAIT_SECONDS_MAX: u64 = 600;

/// How long an MCP call waits for a run, in seconds, before it answers with the run's id. Many clients give up at 60.
pub const MCP_WAIT_SECONDS_MAX: u64 = 45;

/// How long one health check may take, in seconds.
pub const CHECK_SECONDS_MAX: u64 = 5;

/// How long what health checks said is told again, in milliseconds, before they look anew.
pub const CHECK_CACHE_MILLIS: u64 = 1_000;

/// Longest request id that is taken over from a caller, in bytes.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// Longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// How long an idempotency key is remembered, in hours.
pub const KEY_HOURS_MAX: u64 = 24;

/// How often old idempotency keys are forgotten, in minutes.
pub const KEY_SWEEP_MINUTES: u64 = 10;

/// Most idempotency keys that are forgotten at a stretch.
pub const KEYS_SWEPT_MAX: usize = 1_000;

/// Events of one page that a subscription reads.
pub const SUBSCRIPTION_PAGE_EVENTS: usize = 100;

/// How long a subscription waits for an event before it asks again, in seconds.
pub const SUBSCRIPTION_WAIT_SECONDS: u64 = 60;

/// Longest pause between two attempts to deliver an event, in seconds.
pub const DELIVERY_RETRY_SECONDS_MAX: u64 = 60;

/// Most dead letters that are kept of one subscription.
pub const DEAD_LETTERS_MAX: usize = 10_000;

/// How far the time in a webhook's signature may be off, in seconds.
pub const SIGNATURE_SECONDS_MAX: u64 = 300;

/// Most faults told for one input.
pub const FAULTS_MAX: usize = 20;

/// Pause after the operating system refused to accept a connection, in milliseconds.
pub const ACCEPT_RETRY_MILLIS: u64 = 50;

/// Largest state of a session, in bytes of JSON.
pub const SESSION_STATE_BYTES_MAX: usize = 64 * 1024;

/// How deep the state of a session may be nested.
pub const SESSION_DEPTH_MAX: usize = 64;

/// Most sessions of one principal.
pub const SESSIONS_PER_CALLER_MAX: usize = 1_000;

/// How long a session lives after its last use, in seconds, unless its caller says otherwise.
pub const SESSION_TTL_SECONDS_DEFAULT: u64 = 30 * 60;

/// The shortest such time.
pub const SESSION_TTL_SECONDS_MIN: u64 = 1;

/// The longest such time: 30 days.
pub const SESSION_TTL_SECONDS_MAX: u64 = 30 * 24 * 3_600;

/// Longest time between two uses of a session that are written down, in seconds.
pub const SESSION_TOUCH_SECONDS_MAX: u64 = 60;

/// How often sessions that have ended are cleared away, in seconds.
pub const SESSION_SWEEP_SECONDS: u64 = 60;

/// Most sessions of MCP clients at a time; who comes then is served without one.
pub const MCP_SESSIONS_MAX: usize = 1_000;

/// How long a session of an MCP client may be silent, in seconds: an editor stays open overnight.
pub const MCP_SESSION_SECONDS_IDLE_MAX: u64 = 12 * 60 * 60;

/// With more tools than this, MCP clients get tools that find the others, unless a project says otherwise.
pub const MCP_TOOLS_MAX: usize = 64;

/// How long a call is answered directly before its client is told of its progress, in milliseconds.
pub const MCP_DIRECT_MILLIS: u64 = 250;

/// How long a client that knows tasks waits before it gets one, in milliseconds.
pub const MCP_TASK_AFTER_MILLIS: u64 = 1_000;

/// How often a client of a task is advised to ask, in milliseconds.
pub const MCP_TASK_POLL_MILLIS: u64 = 1_000;

/// How long lists of tools, prompts and resources may be kept by a client, in milliseconds.
pub const MCP_LIST_MILLIS: u64 = 30_000;

/// Entries of one page of resources.
pub const MCP_PAGE_ENTRIES: usize = 100;

/// Newest runs that are listed as resources; others are found by their ids.
pub const MCP_RUNS_LISTED: usize = 50;

/// Most resources that one client follows.
pub const MCP_SUBSCRIPTIONS_MAX: usize = 64;

/// Most proposals for an argument.
pub const MCP_PROPOSALS_MAX: usize = 100;

/// Most tools that one search finds.
pub const MCP_FOUND_MAX: usize = 50;

/// Longest question for tools, in bytes.
pub const MCP_SEARCH_BYTES_MAX: usize = 1_000;

/// Longest id that is given back to whoever sent an MCP message that cannot be read, in bytes.
pub const MCP_ID_BYTES_MAX: usize = 128;

/// Most workflows and operations that are counted under names of their own; others are counted together.
pub const METRIC_OPERATIONS_MAX: usize = 500;

/// Most namespaces that are counted under names of their own; others are counted together.
pub const METRIC_NAMESPACES_MAX: usize = 100;

/// Most connections of `/ws` at a time.
pub const SOCKETS_MAX: usize = 10_000;

/// Largest message of a WebSocket's client, in bytes.
pub const SOCKET_MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// Longest id of a request over a WebSocket, in bytes of JSON.
pub const SOCKET_ID_BYTES_MAX: usize = 128;

/// What a WebSocket reads and writes at once, in bytes. An idle one holds so much twice.
pub const SOCKET_BUFFER_BYTES: usize = 4 * 1024;

/// Most calls that are under way on one WebSocket.
pub const SOCKET_CALLS_MAX: usize = 64;

/// Most subscriptions of one WebSocket.
pub const SOCKET_SUBSCRIPTIONS_MAX: usize = 16;

/// Messages that wait until a WebSocket's client has read those before them.
pub const SOCKET_QUEUE_MAX: usize = 16;

/// Events that a subscription reads at once.
pub const SOCKET_PAGE_EVENTS: u64 = 16;

/// How long a subscription pauses when it was told nothing although it was ready to wait, in seconds.
pub const SOCKET_PAUSE_SECONDS: u64 = 1;

/// How long nothing is heard of a WebSocket's client, in seconds, before it is asked whether it is still there.
pub const SOCKET_PING_SECONDS: u64 = 20;

/// How long a WebSocket's client may leave a message unread, or such a question unanswered, in seconds.
pub const SOCKET_SLOW_SECONDS_MAX: u64 = 30;

/// How long a WebSocket that is closed waits for its client to close it as well, in seconds.
pub const SOCKET_CLOSE_SECONDS_MAX: u64 = 2;

/// Most lists of tools that are kept rendered.
pub const TOOL_SETS_MAX: usize = 64;

/// Most tokens that are remembered, so that their signatures are checked once.
pub const TOKENS_KEPT_MAX: usize = 20_000;

/// Most logins of browsers that a server keeps.
pub const LOGINS_MAX: usize = 10_000;

/// Most of them for one person: of more the oldest ends.
pub const LOGINS_PER_CALLER_MAX: usize = 20;

/// How long a login of a browser lasts at most, in hours.
pub const LOGIN_HOURS_MAX: u64 = 12;

/// Logins that people are in the middle of: of more the oldest is forgotten.
pub const LOGINS_BEGUN_MAX: usize = 10_000;

/// How long somebody may be in the middle of a login, in minutes.
pub const LOGIN_BEGUN_MINUTES_MAX: u64 = 10;

/// How long before the end of its token a login is renewed, in seconds.
pub const LOGIN_RENEWED_SECONDS: u64 = 30;

/// The shortest time between two attempts to renew a login, or to ask a provider what it offers, in seconds.
pub const LOGIN_PAUSE_SECONDS: u64 = 2;

/// How long is remembered what a provider offers, in minutes.
pub const PROVIDER_KEPT_MINUTES: u64 = 10;

/// Longest path to go back to after a login, and longest field of an answer of a provider, in bytes.
pub const LOGIN_TEXT_BYTES_MAX: usize = 2 * 1024;

/// How often logins that are over are removed from the store, in minutes.
pub const LOGIN_SWEEP_MINUTES: u64 = 15;

/// Most API keys of a server, revoked ones among them.
pub const KEYS_MAX: usize = 10_000;

/// Shards of the table of each kind of limit, with a lock each.
pub const LIMIT_SHARDS: usize = 80;

/// Most entries of such a shard: what a table of 16,384 slots holds before it doubles. All shards of a kind together hold
/// 1,146,880 callers.
pub const LIMIT_ENTRIES_PER_SHARD_MAX: usize = 14_336;

/// How long a full shard is not searched for entries at rest again, in microseconds.
pub const LIMIT_SWEEP_MICROS: i64 = 250_000;

/// Wrong credentials that one address may show in a minute, unless the project says otherwise.
pub const FAILED_AUTH_PER_MINUTE_DEFAULT: u32 = 60;

/// Most circuit breakers that are remembered. What would be one more is called as if it had none.
pub const BREAKERS_MAX: usize = 10_000;

/// Most lines of the audit log that wait to be written; further ones are counted instead.
pub const AUDIT_QUEUE_LINES_MAX: usize = 8_192;

/// How long a line of the audit log that nobody waits for may wait for others, in milliseconds.
pub const AUDIT_LINGER_MILLIS: u64 = 100;

/// With so many lines waiting the audit log is written at once.
pub const AUDIT_BATCH_LINES: usize = 2_048;

/// Largest redacted input that is written to the audit log, in bytes of JSON.
pub const AUDIT_INPUT_BYTES_MAX: usize = 8 * 1024;

/// Longest name or id that a caller gave, as the audit log repeats it, in bytes.
pub const AUDIT_TEXT_BYTES_MAX: usize = 256;

/// Callers whose refusals are told apart within a second; those of all others are counted together.
pub const AUDIT_REFUSED_MAX: usize = 32;

/// How long further refusals of a caller are only counted, in milliseconds.
pub const AUDIT_REFUSED_MILLIS: u64 = 1_000;

/// Size at which the audit log goes on in a new file, in MiB, unless a project says otherwise.
pub const AUDIT_SEGMENT_MIB: u64 = 16;

/// Age at which it does so as well, in hours: whole files are what is removed.
pub const AUDIT_SEGMENT_HOURS_MAX: u64 = 24;

/// How long lines of the audit log are kept, in days, unless a project says otherwise.
pub const AUDIT_RETENTION_DAYS: u64 = 90;

/// How often the end of the audit log is noted in the store while lines are written, in seconds.
pub const AUDIT_ANCHOR_SECONDS: u64 = 60;

/// How often old files of the audit log are looked for, in minutes.
pub const AUDIT_SWEEP_MINUTES: u64 = 60;

/// Lines of the audit log that one request looks at; the next page goes on.
pub const AUDIT_SCANNED_MAX: usize = 100_000;

/// Longest time that an answer may be kept, and longest time that it may be given after that, in days each.
pub const CACHE_DAYS_MAX: u64 = 30;

/// Largest answer that is kept, in bytes of JSON.
pub const CACHE_ENTRY_BYTES_MAX: usize = 1024 * 1024;

/// Room for answers in memory, in MiB, unless a project says otherwise.
pub const CACHE_MEMORY_MIB: u64 = 64;

/// Room for answers in the store, in MiB, unless a project says otherwise.
pub const CACHE_STORE_MIB: u64 = 256;

/// Parts of the memory of answers, each with a lock of its own.
pub const CACHE_SHARDS: usize = 8;

/// What an answer in memory takes beside its JSON, in bytes: keys, tags, and the places that they are in.
pub const CACHE_ENTRY_BYTES_MIN: usize = 512;

/// Tags of one workflow.
pub const CACHE_TAGS_MAX: usize = 8;

/// Tags whose last change is remembered in memory although no answer there needs it; others are looked up again.
pub const CACHE_TAGS_KNOWN_MAX: usize = 16_384;

/// Longest tag that a caller can name, in bytes.
pub const CACHE_TAG_BYTES_MAX: usize = 1024;

/// Answers that are on their way into the store at a time; further ones stay in memory only.
pub const CACHE_WRITES_MAX: usize = 64;

/// How often a call waits for somebody else's work that then fails, before it does its own beside others.
pub const CACHE_JOINS_MAX: usize = 2;

/// How far an answer may come from the future, in milliseconds, as clocks are set back a little.
pub const CACHE_SKEW_MILLIS: u64 = 1_000;

/// How often answers and changes of tags whose time is over are removed from the store, in minutes.
pub const CACHE_SWEEP_MINUTES: u64 = 5;

/// How many are looked at in one step of that.
pub const CACHE_SWEPT_MAX: usize = 256;

/// How long a Redis that does not answer is left alone before it is tried again, in milliseconds.
pub const REDIS_REST_MILLIS: u64 = 1_000;

/// How long Redis may take for an answer, in milliseconds, unless a project says otherwise.
pub const REDIS_TIMEOUT_MILLIS: u64 = 50;

/// Longest time that a project can give it, in milliseconds: calls wait for so long.
pub const REDIS_TIMEOUT_MILLIS_MAX: u64 = 5_000;

/// The limits of the audit log, of kept answers, of Redis, of sessions and of `/ws`, as `nexus config limits` shows them.
pub const ALL: &[Limit] = &[
    (
        "audit_queue_lines",
        AUDIT_QUEUE_LINES_MAX as u64,
        "further lines of the audit log are counted, and calls that wait for theirs are refused",
    ),
    ("audit_input_bytes", AUDIT_INPUT_BYTES_MAX as u64, "a larger input is left out of the audit log"),
    (
        "audit_refused",
        AUDIT_REFUSED_MAX as u64,
        "refusals of further callers within a second are counted together",
    ),
    (
        "audit_scanned",
        AUDIT_SCANNED_MAX as u64,
        "a page of the audit log ends, and says where the next begins",
    ),
    ("cache_days", CACHE_DAYS_MAX, "a longer time to keep answers of a workflow for is refused"),
    ("cache_entry_bytes", CACHE_ENTRY_BYTES_MAX as u64, "a larger answer is given and not kept"),
    ("cache_tags", CACHE_TAGS_MAX as u64, "further tags of a workflow's answers are refused"),
    ("redis_timeout_millis", REDIS_TIMEOUT_MILLIS_MAX, "a longer time for Redis to answer in is refused"),
    ("redis_rest_millis", REDIS_REST_MILLIS, "Redis that has not answered is left alone for so long"),
    ("session_state_bytes", SESSION_STATE_BYTES_MAX as u64, "a larger state of a session is refused"),
    ("session_depth", SESSION_DEPTH_MAX as u64, "a state that is nested deeper is refused"),
    ("sessions", SESSIONS_PER_CALLER_MAX as u64, "further sessions of one principal are refused"),
    ("session_ttl_seconds", SESSION_TTL_SECONDS_MAX, "a longer time to live is refused"),
    (
        "limit_entries",
        (LIMIT_SHARDS * LIMIT_ENTRIES_PER_SHARD_MAX) as u64,
        "further callers share one allowance until others have rested",
    ),
    (
        "failed_auth_per_minute",
        FAILED_AUTH_PER_MINUTE_DEFAULT as u64,
        "further wrong credentials of an address are refused unseen, unless [limits] says otherwise",
    ),
    ("breakers", BREAKERS_MAX as u64, "what would have one more circuit breaker is called without"),
    ("logins", LOGINS_MAX as u64, "further logins of browsers are refused"),
    ("logins_per_caller", LOGINS_PER_CALLER_MAX as u64, "with a further login in a browser the oldest ends"),
    ("login_hours", LOGIN_HOURS_MAX, "a login in a browser ends, whatever its provider says"),
    ("api_keys", KEYS_MAX as u64, "further API keys are not made"),
    (
        "metric_operations",
        METRIC_OPERATIONS_MAX as u64,
        "further workflows and operations are counted together, as _other",
    ),
    ("metric_namespaces", METRIC_NAMESPACES_MAX as u64, "further namespaces are counted together, as _other"),
    ("sockets", SOCKETS_MAX as u64, "further WebSockets are closed with 4013"),
    (
        "socket_message_bytes",
        SOCKET_MESSAGE_BYTES_MAX as u64,
        "a larger message closes its WebSocket with 1009",
    ),
    ("socket_calls", SOCKET_CALLS_MAX as u64, "further calls of a WebSocket are refused until one has ended"),
    (
        "socket_subscriptions",
        SOCKET_SUBSCRIPTIONS_MAX as u64,
        "further subscriptions of a WebSocket are refused",
    ),
    (
        "socket_ping_seconds",
        SOCKET_PING_SECONDS,
        "a silent client of a WebSocket is asked whether it is there",
    ),
    (
        "socket_slow_seconds",
        SOCKET_SLOW_SECONDS_MAX,
        "a client that reads nothing for so long, or does not answer, is cut off",
    ),
];
