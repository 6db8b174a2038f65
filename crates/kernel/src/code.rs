//! Error codes: stable names for what can go wrong, each with a page under `docs/errors/`.

use crate::error::Code;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $title:literal, $http:literal, $exit:ident;)*) => {
        $($(#[$doc])* pub static $name: Code = Code { id: $id, title: $title, http: $http, exit: Exit::$exit };)*

        /// Every code, in order.
        pub static ALL: &[&Code] = &[$(&$name),*];
    };
}

/// Exit codes of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 1: the work failed.
    Failed,
    /// 2: usage or validation.
    Usage,
    /// 3: not allowed.
    Auth,
    /// 4: not found.
    NotFound,
    /// 5: unavailable or limited.
    Unavailable,
    /// 6: timed out or cancelled.
    TimedOut,
}

impl Exit {
    /// The number a process exits with.
    pub fn number(self) -> u8 {
        match self {
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Auth => 3,
            Exit::NotFound => 4,
            Exit::Unavailable => 5,
            Exit::TimedOut => 6,
        }
    }
}

codes! {
    /// Project files have errors.
    PROJECT_INVALID = "NX-1001", "the project has errors", 422, Usage;
    /// A JavaScript file cannot be read.
    SCRIPT_INVALID = "NX-1002", "a JavaScript file cannot be read", 422, Usage;
    /// `nexus.toml` or a flag is wrong.
    CONFIG_INVALID = "NX-1003", "the configuration is wrong", 422, Usage;
    /// The project folder or file is not there.
    PROJECT_MISSING = "NX-1004", "there is no project here", 404, NotFound;
    /// `nexus new` found something in its way.
    PROJECT_EXISTS = "NX-1005", "the folder is not empty", 409, Usage;
    /// Files are not as a command with `--check` wants them.
    FILES_DIFFER = "NX-1006", "files would change", 409, Failed;
    /// A file that a command changes cannot be written.
    FILE_UNWRITABLE = "NX-1007", "a file cannot be written", 500, Failed;
    /// Nobody implements an activity that a workflow calls.
    ACTIVITY_UNBOUND = "NX-1101", "nobody implements this activity", 422, Usage;
    /// Scenario files have errors.
    TEST_INVALID = "NX-1102", "a scenario file has errors", 422, Usage;
    /// There is no scenario to run.
    TEST_MISSING = "NX-1103", "there is no scenario to run", 404, Usage;
    /// A permission cannot be read.
    PERMISSION_INVALID = "NX-1201", "a permission cannot be read", 422, Usage;
    /// Roles do not make sense.
    ROLE_INVALID = "NX-1202", "a role is wrong", 422, Usage;
    /// A limit in `nexus.toml` is none.
    LIMIT_INVALID = "NX-1203", "a limit cannot be read", 422, Usage;
    /// `[audit]` makes no sense.
    AUDIT_INVALID = "NX-1204", "the audit log is configured wrongly", 422, Usage;
    /// A setting of the log, the metrics or the traces.
    TELEMETRY_INVALID = "NX-1205", "a setting of the telemetry cannot be used", 422, Usage;
    /// What is said of kept answers makes no sense.
    CACHE_INVALID = "NX-1206", "the cache is configured wrongly", 422, Usage;
    /// What is said of Redis makes no sense.
    REDIS_INVALID = "NX-1207", "Redis is configured wrongly", 422, Usage;
    /// A preset demands what nobody has given.
    PRESET_INCOMPLETE = "NX-1208", "a part of the preset is missing", 422, Usage;
    /// A setting is not that of the preset.
    PRESET_CONTRADICTED = "NX-1209", "a setting contradicts the preset", 422, Usage;
    /// `[encryption]` makes no sense, or a master key is none.
    ENCRYPTION_INVALID = "NX-1210", "encryption is configured wrongly", 422, Usage;
    /// Logins of people in browsers are configured in a way that cannot be meant.
    BROWSER_INVALID = "NX-1211", "logins in browsers are configured wrongly", 422, Usage;
    /// Input does not fit the schema.
    INPUT_INVALID = "NX-2001", "the input does not fit", 422, Usage;
    /// No such workflow.
    WORKFLOW_UNKNOWN = "NX-2002", "there is no such workflow", 404, NotFound;
    /// No such run.
    RUN_UNKNOWN = "NX-2003", "there is no such run", 404, NotFound;
    /// The request cannot be understood.
    BAD_REQUEST = "NX-2004", "the request cannot be understood", 400, Usage;
    /// A run with this workflow id is open already.
    ALREADY_RUNNING = "NX-2005", "a run with this workflow id is open", 409, Usage;
    /// No such operation or path.
    OPERATION_UNKNOWN = "NX-2006", "there is no such operation", 404, NotFound;
    /// The request is larger than allowed.
    TOO_LARGE = "NX-2007", "the request is too large", 413, Usage;
    /// Several namespaces have a workflow of this name.
    WORKFLOW_AMBIGUOUS = "NX-2008", "several namespaces have this workflow", 409, Usage;
    /// The path exists, but not for this method.
    METHOD_UNKNOWN = "NX-2010", "the method is not allowed here", 405, Usage;
    /// An update was refused by its run.
    UPDATE_REFUSED = "NX-2011", "the run refuses the update", 422, Failed;
    /// An idempotency key was used before, for something else.
    KEY_REUSED = "NX-2012", "the idempotency key was used for another request", 422, Usage;
    /// The first request of this idempotency key has no answer yet.
    KEY_PENDING = "NX-2013", "the first request of this idempotency key is under way", 409, Unavailable;
    /// Who calls is not known, and has to be.
    UNAUTHENTICATED = "NX-2014", "a credential is needed", 401, Auth;
    /// The credential is none that is good here.
    CREDENTIAL_INVALID = "NX-2015", "the credential is not accepted", 401, Auth;
    /// The caller may not do that.
    FORBIDDEN = "NX-2016", "not allowed", 403, Auth;
    /// No such API key.
    KEY_UNKNOWN = "NX-2017", "there is no such API key", 404, NotFound;
    /// There are as many API keys as there may be.
    KEYS_MAX = "NX-2018", "there are too many API keys", 409, Unavailable;
    /// The keys of an issuer of tokens cannot be had.
    ISSUER_UNAVAILABLE = "NX-2019", "the identity provider cannot be reached", 503, Unavailable;
    /// A list filter cannot be understood.
    FILTER_INVALID = "NX-2020", "the filter cannot be understood", 422, Usage;
    /// The run is open, and what was asked is for closed ones.
    RUN_OPEN = "NX-2021", "the run is still open", 409, Usage;
    /// An exported run cannot be read or does not fit here.
    IMPORT_REFUSED = "NX-2022", "the run cannot be imported", 422, Usage;
    /// Search attributes do not fit.
    ATTRIBUTES_INVALID = "NX-2023", "the search attributes do not fit", 422, Usage;
    /// No such batch.
    BATCH_UNKNOWN = "NX-2024", "there is no such batch", 404, NotFound;
    /// The workflow has no such signal, query or update.
    HANDLER_UNKNOWN = "NX-2031", "the workflow has no such handler", 404, NotFound;
    /// The run has ended.
    RUN_CLOSED = "NX-2032", "the run is closed", 409, Usage;
    /// The run is paused.
    RUN_PAUSED = "NX-2033", "the run is paused", 409, Unavailable;
    /// A run cannot be reset like that.
    RESET_INVALID = "NX-2034", "the run cannot be reset like that", 422, Usage;
    /// A limit of the run is reached.
    LIMIT_REACHED = "NX-2035", "a limit of the run is reached", 429, Unavailable;
    /// A closed run has this workflow id, and the reuse policy minds.
    ID_USED = "NX-2036", "the workflow id was used before", 409, Usage;
    /// The run that is to be imported is here already.
    RUN_EXISTS = "NX-2041", "the run is here already", 409, Usage;
    /// No version of this number or build id.
    VERSION_UNKNOWN = "NX-2051", "there is no such version", 404, NotFound;
    /// A version cannot be run any more.
    VERSION_UNUSABLE = "NX-2052", "the version cannot be used", 409, Usage;
    /// There was no other version before.
    VERSION_FIRST = "NX-2053", "there is nothing to roll back to", 409, Usage;
    /// A run keeps its version, because another one does not do what its history says.
    VERSION_NOT_FOLLOWED = "NX-2054", "the run keeps its version", 409, Failed;
    /// A version cannot ramp beside itself.
    VERSION_CURRENT = "NX-2055", "the version is current", 409, Usage;
    /// No such task queue.
    QUEUE_UNKNOWN = "NX-2061", "there is no such task queue", 404, NotFound;
    /// Too many batches are not over.
    BATCHES_FULL = "NX-2062", "too many batches are not over", 429, Unavailable;
    /// Somebody calls more often than they may.
    RATE_LIMITED = "NX-2071", "too many requests", 429, Unavailable;
    /// Somebody has more calls under way than they may.
    CONCURRENCY_LIMITED = "NX-2072", "too many calls at a time", 429, Unavailable;
    /// A namespace has as many runs as it may.
    QUOTA_REACHED = "NX-2073", "a quota of the namespace is used up", 429, Unavailable;
    /// A namespace has as much in the store as it may.
    STORAGE_FULL = "NX-2074", "the namespace has no room left", 429, Unavailable;
    /// What is called has failed too often lately.
    BREAKER_OPEN = "NX-2075", "the operation is taking a rest", 503, Unavailable;
    /// A server or a key takes requests from some addresses only.
    ADDRESS_REFUSED = "NX-2076", "requests from this address are not taken", 403, Auth;
    /// An address has shown too many wrong credentials.
    AUTH_LIMITED = "NX-2077", "too many wrong credentials", 429, Unavailable;
    /// A line of the audit log could not be made durable, and the call has to leave one.
    AUDIT_FAILED = "NX-2081", "the audit log cannot be written", 503, Unavailable;
    /// The audit log is not as it was written.
    AUDIT_BROKEN = "NX-2082", "the audit log does not hold", 409, Failed;
    /// There is no audit log here.
    AUDIT_OFF = "NX-2083", "there is no audit log", 404, NotFound;
    /// Counters that servers share cannot be reached, and a project wants no call then.
    COUNTERS_AWAY = "NX-2091", "the shared limits cannot be reached", 503, Unavailable;
    /// Other servers could not be told to forget answers.
    FORGET_UNTOLD = "NX-2092", "other servers could not be told to forget", 503, Unavailable;
    /// What the store holds is encrypted with a key that is not given.
    ENCRYPTION_KEY = "NX-2093", "the encryption key is not there", 503, Unavailable;
    /// Something needs encryption, which is not configured.
    ENCRYPTION_OFF = "NX-2094", "encryption is not configured", 409, Usage;
    /// A request with the cookie of a login that nothing proves to be of a page of this server.
    CROSS_SITE = "NX-2095", "the request may be of another page", 403, Auth;
    /// A login in a browser could not be finished.
    BROWSER_LOGIN_FAILED = "NX-2096", "the login in the browser failed", 400, Auth;
    /// What servers keep together lies elsewhere, and does not answer.
    SHARED_AWAY = "NX-2097", "what servers share cannot be reached", 503, Unavailable;
    /// No such schedule.
    SCHEDULE_UNKNOWN = "NX-2101", "there is no such schedule", 404, NotFound;
    /// A schedule does not make sense, or would never act.
    SCHEDULE_INVALID = "NX-2102", "the schedule makes no sense", 422, Usage;
    /// A schedule is not at the version that the request was made for.
    SCHEDULE_CHANGED = "NX-2103", "the schedule has changed meanwhile", 409, Usage;
    /// There is a schedule of this id.
    SCHEDULE_EXISTS = "NX-2104", "there is such a schedule already", 409, Usage;
    /// An id that only schedules have.
    ID_RESERVED = "NX-2105", "the id is reserved", 422, Usage;
    /// A task token cannot be read.
    TOKEN_INVALID = "NX-2201", "this is no task token", 400, Usage;
    /// The activity is not pending, or the attempt of the token is not the current one.
    ACTIVITY_GONE = "NX-2202", "nobody waits for this attempt any more", 404, NotFound;
    /// The activity is not in a state for this.
    ACTIVITY_CONFLICT = "NX-2203", "the activity is not in a state for this", 409, Usage;
    /// An event does not keep to the rules.
    EVENT_INVALID = "NX-2301", "the event cannot be published", 422, Usage;
    /// No such event.
    EVENT_UNKNOWN = "NX-2302", "there is no such event", 404, NotFound;
    /// A cursor that the log of events has not reached.
    EVENT_CURSOR = "NX-2303", "the cursor is beyond the log", 409, Usage;
    /// No such session, or it has ended, or it is somebody else's.
    SESSION_UNKNOWN = "NX-2401", "there is no such session", 404, NotFound;
    /// A session is not at the version that the request was made for.
    SESSION_CHANGED = "NX-2402", "the session has changed meanwhile", 409, Usage;
    /// A session's state does not keep to the rules.
    SESSION_INVALID = "NX-2403", "the session cannot hold this", 422, Usage;
    /// A call of one namespace names a session of another one.
    SESSION_ELSEWHERE = "NX-2404", "the session is one of another namespace", 409, Usage;
    /// Somebody has as many sessions as anybody may have.
    SESSIONS_MAX = "NX-2405", "there are too many sessions", 429, Unavailable;
    /// The caller of an operation has cancelled the call.
    CALL_WITHDRAWN = "NX-2501", "the call was cancelled", 409, TimedOut;
    /// A `requestState` that was not given by this server, or too long ago.
    MCP_STATE_INVALID = "NX-2502", "the request state cannot be used", 400, Usage;
    /// A prompt is called with arguments that it does not have, or without some that it needs.
    MCP_PROMPT_INVALID = "NX-2503", "the prompt cannot be filled in", 422, Usage;
    /// A client's configuration cannot be read or changed.
    MCP_CLIENT_CONFIG = "NX-2504", "the client's configuration cannot be changed", 422, Usage;
    /// Nobody serves this subset of the tools.
    MCP_SUBSET_UNKNOWN = "NX-2505", "there is no such subset of the tools", 404, NotFound;
    /// The signature of a webhook does not fit, or there is none.
    SIGNATURE_INVALID = "NX-2601", "the signature does not fit", 401, Auth;
    /// No such webhook.
    WEBHOOK_UNKNOWN = "NX-2602", "there is no such webhook", 404, NotFound;
    /// No such subscription or dead letter.
    SUBSCRIPTION_UNKNOWN = "NX-2603", "there is no such subscription", 404, NotFound;
    /// An event was not delivered.
    DELIVERY_FAILED = "NX-2604", "the event was not delivered", 502, Unavailable;
    /// The value of a flag on the command line does not fit.
    FLAG_INVALID = "NX-2701", "the value of a flag does not fit", 422, Usage;
    /// The time that somebody wanted to wait is over.
    WAIT_ENDED = "NX-2702", "the run did not end in time", 504, TimedOut;
    /// Somebody stopped waiting for a run.
    WAIT_STOPPED = "NX-2703", "nobody waits for the run any more", 499, TimedOut;
    /// No such profile.
    PROFILE_UNKNOWN = "NX-2704", "there is no such profile", 404, NotFound;
    /// The file of profiles, or what is to go into it, cannot be used.
    PROFILES_INVALID = "NX-2705", "the profiles cannot be used", 422, Usage;
    /// A credential would travel unencrypted.
    TOKEN_EXPOSED = "NX-2706", "a credential would travel in the open", 422, Usage;
    /// A line of `nexus shell` cannot be taken apart.
    SHELL_LINE = "NX-2707", "a line cannot be understood", 422, Usage;
    /// A file of certificate authorities that the command line is to trust cannot be used.
    CA_INVALID = "NX-2708", "the file of authorities cannot be used", 422, Usage;
    /// A server, or what stands before it, does not let the caller in.
    ACCESS_REFUSED = "NX-2709", "the server refuses the caller", 403, Auth;
    /// Nobody could be logged in at an identity provider.
    LOGIN_FAILED = "NX-2710", "the login failed", 401, Auth;
    /// Nobody knows an endpoint of this name or id.
    ENDPOINT_UNKNOWN = "NX-2801", "there is no such endpoint", 404, NotFound;
    /// The name of an endpoint is taken.
    ENDPOINT_TAKEN = "NX-2802", "the name of the endpoint is taken", 409, Usage;
    /// An endpoint makes no sense.
    ENDPOINT_INVALID = "NX-2803", "the endpoint makes no sense", 422, Usage;
    /// An endpoint was changed by somebody else.
    ENDPOINT_CHANGED = "NX-2804", "the endpoint has been changed", 409, Usage;
    /// An endpoint is written down in the project, so it cannot be changed from outside.
    ENDPOINT_WRITTEN = "NX-2805", "the endpoint is written down in the project", 409, Usage;
    /// There is no such Nexus service, or it has no such operation.
    SERVICE_UNKNOWN = "NX-2806", "there is no such service or Nexus operation", 404, NotFound;
    /// An endpoint does not allow its caller.
    CALLER_NOT_ALLOWED = "NX-2807", "the endpoint does not allow the caller", 403, Auth;
    /// Nobody waits for a Nexus operation: it has ended, or there never was one.
    OPERATION_ENDED = "NX-2808", "there is no such Nexus operation under way", 404, NotFound;
    /// The same request id was used for another request.
    REQUEST_CONFLICT = "NX-2809", "the request id was used for another request", 409, Usage;
    /// A completion is not for anything that this server has asked for.
    CALLBACK_REFUSED = "NX-2810", "the completion is refused", 401, Auth;
    /// The run failed.
    RUN_FAILED = "NX-3001", "the run failed", 422, Failed;
    /// The run was cancelled, terminated or ran out of time.
    RUN_STOPPED = "NX-3002", "the run was stopped", 409, TimedOut;
    /// The run's program cannot go on.
    RUN_BLOCKED = "NX-3003", "the run's program cannot go on", 500, Failed;
    /// Scenarios failed.
    TEST_FAILED = "NX-3004", "a scenario failed", 422, Failed;
    /// The handler of a query failed.
    QUERY_FAILED = "NX-3011", "the query failed", 422, Failed;
    /// The handler of an update failed.
    UPDATE_FAILED = "NX-3012", "the update failed", 422, Failed;
    /// The address is in use.
    ADDRESS_IN_USE = "NX-4001", "the address is in use", 503, Unavailable;
    /// Another server uses the data folder.
    DATA_IN_USE = "NX-4002", "another server uses this data folder", 503, Unavailable;
    /// The data folder is damaged.
    DATA_DAMAGED = "NX-4003", "the data folder is damaged", 503, Unavailable;
    /// The store refused to write.
    STORE_FAILED = "NX-4004", "the store failed", 503, Unavailable;
    /// No server answers.
    SERVER_UNREACHABLE = "NX-4005", "no server answers", 503, Unavailable;
    /// Binding beyond this machine without authentication.
    NOT_LOOPBACK = "NX-4006", "refusing to listen beyond this machine", 422, Usage;
    /// The server is stopping.
    STOPPING = "NX-4007", "the server is stopping", 503, Unavailable;
    /// The data folder was written by a newer version.
    DATA_NEWER = "NX-4008", "the data folder is from a newer version", 503, Unavailable;
    /// The editor that a language server served is gone.
    EDITOR_GONE = "NX-4009", "the editor left without a goodbye", 503, Failed;
    /// The data folder was written by an older version.
    DATA_OLDER = "NX-4010", "the data folder is from an older version", 503, Unavailable;
    /// `nexus doctor` found something wrong.
    DATA_UNSOUND = "NX-4011", "the doctor found faults", 503, Failed;
    /// A backup cannot be made, or is not one.
    BACKUP_FAILED = "NX-4012", "the backup failed", 503, Failed;
    /// The server has too much to do.
    OVERLOADED = "NX-4013", "the server has too much to do", 503, Unavailable;
    /// A function threw.
    FUNCTION_THREW = "NX-5001", "a function threw an error", 500, Failed;
    /// A function used up its processor time.
    FUNCTION_CPU = "NX-5002", "a function used up its processor time", 500, Failed;
    /// A function used up its memory.
    FUNCTION_MEMORY = "NX-5003", "a function used up its memory", 500, Failed;
    /// A function made too many host calls.
    FUNCTION_CALLS = "NX-5004", "a function made too many host calls", 500, Failed;
    /// A function asked for what it has not been granted.
    FUNCTION_DENIED = "NX-5005", "a function lacks a capability", 500, Failed;
    /// A function waits for something that can never happen.
    FUNCTION_STUCK = "NX-5006", "a function can never finish", 500, Failed;
    /// A function sent or returned too many bytes.
    FUNCTION_BYTES = "NX-5007", "a function passed too many bytes", 500, Failed;
    /// A function took too long.
    FUNCTION_DEADLINE = "NX-5008", "a function took too long", 500, TimedOut;
    /// A function overflowed its stack.
    FUNCTION_STACK = "NX-5009", "a function overflowed its stack", 500, Failed;
    /// A module has no such export.
    FUNCTION_MISSING = "NX-5010", "a module has no such function", 500, Failed;
    /// A secure connection cannot be made.
    TLS_FAILED = "NX-5011", "no secure connection can be made", 502, Unavailable;
    /// A certificate is signed by nobody who is trusted.
    TLS_UNTRUSTED = "NX-5012", "a server's certificate is not trusted", 502, Unavailable;
    /// A certificate is for another name.
    TLS_WRONG_NAME = "NX-5013", "a server's certificate is for another name", 502, Unavailable;
    /// A certificate has expired, or is not valid yet.
    TLS_EXPIRED = "NX-5014", "a server's certificate is not valid now", 502, Unavailable;
    /// There is no authority to trust.
    TLS_NO_ROOTS = "NX-5015", "there are no certificate authorities", 503, Unavailable;
    /// A function's request leaves what was granted.
    FETCH_DENIED = "NX-5016", "a function's request was refused", 500, Failed;
    /// A function's request, or the answer, met a limit.
    FETCH_LIMIT = "NX-5017", "a function's request met a limit", 500, Failed;
    /// A function asked for what is no request.
    FETCH_INVALID = "NX-5018", "a function's request cannot be sent", 500, Failed;
    /// A function's request got no answer.
    FETCH_FAILED = "NX-5019", "a function's request got no answer", 502, Unavailable;
    /// A function computed too long without waiting.
    FUNCTION_SLICE = "NX-5020", "a function computed too long at a stretch", 500, Failed;
    /// A function had too many operations under way.
    FUNCTION_OPERATIONS = "NX-5021", "a function had too many operations under way", 500, Failed;
    /// A function logged too much text.
    FUNCTION_LOG_BYTES = "NX-5022", "a function logged too much", 500, Failed;
    /// A function logged too many lines.
    FUNCTION_LOG_LINES = "NX-5023", "a function logged too many lines", 500, Failed;
    /// An input or an argument of a function is too large.
    FUNCTION_VALUE = "NX-5024", "a function was given or passed a value that is too large", 500, Failed;
    /// A result of a function is too large.
    FUNCTION_RESULT = "NX-5025", "the result of a function is too large", 500, Failed;
    /// A function waited too long for its operations.
    FUNCTION_SUSPENDED = "NX-5026", "a function waited too long", 500, TimedOut;
    /// An operation of a function took too long.
    OPERATION_TIMEOUT = "NX-5027", "an operation of a function took too long", 500, TimedOut;
    /// Too many calls wait for a thread of the sandbox.
    SANDBOX_QUEUE = "NX-5028", "too many calls of functions are waiting", 503, Unavailable;
    /// Too many calls of one namespace wait for a thread of the sandbox.
    SANDBOX_OWNER_QUEUE = "NX-5029", "too many calls of a namespace are waiting", 503, Unavailable;
    /// There is no room for functions that wait.
    SANDBOX_PARKED = "NX-5030", "too many functions wait for their operations", 503, Unavailable;
    /// An import of a script names nothing that there is.
    IMPORT_FAILED = "NX-5040", "an import of a script cannot be followed", 422, Usage;
    /// A script, or a package that it imports, needs Node.js.
    IMPORT_NEEDS_NODE = "NX-5041", "a script imports a part of Node.js", 422, Usage;
    /// A script and all that it imports are too large.
    BUNDLE_TOO_LARGE = "NX-5042", "a script and all that it imports are too large", 422, Usage;
    /// The blobs of a namespace take all the room they may.
    BLOBS_FULL = "NX-5050", "a namespace has no room for more blobs", 500, Failed;
    /// A function asked for a secret that is not configured.
    SECRET_UNKNOWN = "NX-5051", "there is no such secret", 422, Failed;
    /// A secret is not where the configuration says.
    SECRET_UNREADABLE = "NX-5052", "a secret cannot be read", 503, Unavailable;
    /// Somebody asks for a function that the project does not have.
    FUNCTION_UNKNOWN = "NX-5060", "there is no such function", 404, NotFound;
    /// A component that cannot be a function.
    COMPONENT_INVALID = "NX-5061", "a component cannot be read", 422, Usage;
    /// A component imports what it may not.
    COMPONENT_IMPORT = "NX-5062", "a component imports what does not exist here", 422, Usage;
    /// A component trapped.
    COMPONENT_TRAPPED = "NX-5063", "a component trapped", 500, Failed;
    /// All instances of components are taken.
    SANDBOX_COMPONENTS = "NX-5064", "too many components run or wait", 503, Unavailable;
    /// A fault of ours.
    INTERNAL = "NX-9001", "a fault in Nexus itself", 500, Failed;
}

/// The code of an id such as `NX-2001`; case does not matter.
pub fn find(id: &str) -> Option<&'static Code> {
    ALL.iter().copied().find(|code| code.id.eq_ignore_ascii_case(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    #[test]
    fn codes_are_found_in_any_case() {
        assert_eq!(find("nx-2001"), Some(&INPUT_INVALID));
        assert_eq!(find("NX-0000"), None);
    }
}
