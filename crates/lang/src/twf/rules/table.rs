//! The table of codes, sorted.

use super::{Rule, RuleKind};
use crate::text::diagnostic::Severity;
use RuleKind::{Graph, Lint, Parse, Project, Resolve, Validate};

const fn error(code: &'static str, kind: RuleKind, title: &'static str) -> Rule {
    Rule { code, severity: Severity::Error, kind, title, can_suppress: false }
}

/// An error about what may be otherwise outside of the files.
const fn doubtful(code: &'static str, kind: RuleKind, title: &'static str) -> Rule {
    Rule { code, severity: Severity::Error, kind, title, can_suppress: true }
}

const fn warning(code: &'static str, kind: RuleKind, title: &'static str) -> Rule {
    Rule { code, severity: Severity::Warning, kind, title, can_suppress: true }
}

const fn info(code: &'static str, kind: RuleKind, title: &'static str) -> Rule {
    Rule { code, severity: Severity::Info, kind, title, can_suppress: true }
}

/// Every code, sorted by name.
pub static RULES: &[Rule] = &[
    error("ARITY_MISMATCH", Validate, "a call gives too many arguments, too few, or one of another name"),
    info("BLOCKING_UPDATE", Lint, "an update waits for something that may never come"),
    error("BREAK_OUTSIDE_LOOP", Validate, "`break` or `continue` stands outside of a loop"),
    doubtful("BUSY_LOOP", Validate, "a loop never waits and never ends"),
    warning("CLOSE_IN_HANDLER", Validate, "a handler closes the whole run"),
    error("CONDITION_RESULT_BINDING", Resolve, "a condition has no value to bind"),
    error("CONFIGURATION", Project, "`nexus.toml` says what the files do not allow"),
    warning(
        "DISPATCH_NO_REACHABLE_DEPLOYMENT",
        Graph,
        "a call leads to a queue that only another namespace serves",
    ),
    error("DUPLICATE_ACTIVITY", Resolve, "two activities have one name"),
    error("DUPLICATE_CONDITION", Resolve, "two entries of `state:` have one name"),
    error("DUPLICATE_ENDPOINT", Resolve, "two endpoints have one name"),
    error("DUPLICATE_FIELD", Resolve, "two fields of a type have one name"),
    error("DUPLICATE_HANDLER", Resolve, "two handlers take one message"),
    error("DUPLICATE_NAMESPACE", Resolve, "two namespaces have one name"),
    error("DUPLICATE_NEXUS_OPERATION", Resolve, "two operations of a service have one name"),
    error("DUPLICATE_NEXUS_SERVICE", Resolve, "two Nexus services have one name"),
    error("DUPLICATE_PARAMETER", Resolve, "two parameters have one name"),
    warning("DUPLICATE_PROMISE", Resolve, "two promises of a workflow have one name"),
    error("DUPLICATE_TYPE", Resolve, "two types have one name"),
    error("DUPLICATE_WORKER", Resolve, "two workers have one name"),
    error("DUPLICATE_WORKFLOW", Resolve, "two workflows have one name"),
    info("DYNAMIC_CONTEXT", Project, "what a function needs cannot be seen"),
    warning("EMPTY_ACTIVITY", Validate, "an activity has nothing inside"),
    warning("EMPTY_NAMESPACE", Validate, "a namespace has nothing inside"),
    warning("EMPTY_WORKER", Validate, "a worker registers nothing"),
    warning("EMPTY_WORKFLOW", Validate, "a workflow has nothing inside"),
    error("ENDPOINT_PARAM_NOT_SUPERSET", Resolve, "an endpoint lacks a parameter of its namespace's name"),
    doubtful("ENDPOINT_SERVICE_LINKAGE", Validate, "no worker behind an endpoint registers the service"),
    doubtful(
        "EXPLICIT_ROUTING_MISMATCH",
        Validate,
        "no worker on the named task queue registers what is called",
    ),
    info("EXTENSION_SYNTAX", Parse, "a form that the published language does not have"),
    warning("HEARTBEAT_WITHOUT_TIMEOUT", Lint, "an activity sends heartbeats that nobody waits for"),
    doubtful(
        "IMPLICIT_ROUTING_MISMATCH",
        Validate,
        "no worker on the caller's task queue registers what is called",
    ),
    info("LEGACY_SYNTAX", Parse, "an older spelling"),
    error("LEX", Parse, "the text cannot be cut into words"),
    warning("MISSING_CAPABILITY", Project, "a function calls what it has not been granted"),
    error("MISSING_ENDPOINT_TASK_QUEUE", Validate, "an endpoint says no task queue"),
    error("MISSING_TASK_QUEUE", Validate, "a worker in a namespace says no task queue"),
    info("MISSING_TIMEOUT", Lint, "an activity has no timeout"),
    error("NAMESPACE_UNDEFINED_WORKER", Resolve, "a namespace places a worker that is not defined"),
    error("NEXUS_ASYNC_UNDEFINED_WORKFLOW", Resolve, "the workflow behind an operation is not defined"),
    warning("NEXUS_EXTERNAL_WORKFLOW", Resolve, "a Nexus call names a workflow of another project"),
    warning("NEXUS_LOCAL_NAMESPACE", Lint, "a Nexus call stays in its own namespace"),
    warning("NEXUS_NO_DEADLINE", Lint, "a Nexus call may wait for ever"),
    error("NEXUS_NO_OPERATION", Resolve, "a service has no such operation"),
    warning("NEXUS_OPEN_ACCESS", Lint, "an endpoint does not restrict who may call it"),
    error("NEXUS_UNDEFINED_ENDPOINT", Resolve, "an endpoint is not defined"),
    error("NEXUS_UNDEFINED_SERVICE", Resolve, "a Nexus service is not defined"),
    warning("OPAQUE_TYPE", Parse, "a type cannot be read and is taken as `any`"),
    error("PROMPT", Project, "a prompt cannot be used"),
    error("QUALIFIED_REF_WITHOUT_IMPORT", Resolve, "a qualified name uses a package that is not imported"),
    error("QUERY_MUTATES_STATE", Validate, "a query changes what it may only read"),
    error("QUERY_NO_RETURN", Validate, "a query ends without an answer"),
    error("RAW_CALL_TO_DEFINITION", Validate, "a plain call names an activity or workflow, and runs nothing"),
    error("RAW_STATEMENT", Parse, "a line cannot be read as a statement"),
    error("SCRIPT", Project, "a script cannot be used"),
    warning("SCRIPT_PARAMETERS", Project, "a function takes its parameters one by one"),
    info("SEQUENTIAL_CHILD_CALLS", Lint, "a loop runs child workflows one after the other"),
    error("SIGNAL_SEND_HANDLE_NOT_WORKFLOW", Resolve, "a signal is sent to what is no started workflow"),
    error("SIGNAL_SEND_UNDEFINED_SIGNAL", Resolve, "the receiver of a signal does not take it"),
    error("SYNTAX", Parse, "the text breaks the grammar"),
    warning("TASK_QUEUE_IDENTICAL", Validate, "two workers of equal types share a task queue"),
    error("TASK_QUEUE_MISMATCH", Validate, "two workers of different types share a task queue"),
    warning("TIMER_RESTARTED_IN_LOOP", Lint, "a deadline begins anew in each round and never comes"),
    error("TOO_LARGE", Validate, "a workflow is too large to be compiled"),
    error("TYPE_MISMATCH", Validate, "a value is of a type that its place does not take"),
    warning("UNBOUNDED_LOOP_NO_CAN", Lint, "an endless loop lets the history grow without bound"),
    warning("UNBOUND_ACTIVITY", Project, "nobody implements an activity"),
    error("UNBOUND_TEMPLATE_PARAM", Resolve, "nothing binds a `{parameter}`"),
    warning("UNCOLLECTED_RESULTS", Lint, "the results of a fan-out are lost"),
    warning("UNCOVERED_ACTIVITY", Validate, "no worker in a namespace registers an activity"),
    warning("UNCOVERED_SERVICE", Validate, "no worker in a namespace registers a service"),
    warning("UNCOVERED_WORKFLOW", Validate, "no worker in a namespace registers a workflow"),
    error("UNDEFINED_ACTIVITY", Resolve, "an activity is not defined"),
    error("UNDEFINED_CONDITION", Resolve, "a condition is not declared"),
    error("UNDEFINED_PROMISE_OR_CONDITION", Resolve, "what is awaited is neither a promise nor a condition"),
    error("UNDEFINED_SIGNAL", Resolve, "a signal is not declared"),
    warning("UNDEFINED_TYPE", Resolve, "a type is not declared, and looks like one that is"),
    error("UNDEFINED_UPDATE", Resolve, "an update is not declared"),
    error("UNDEFINED_VARIABLE", Resolve, "a name is read that nothing assigns"),
    error("UNDEFINED_WORKFLOW", Resolve, "a workflow is not defined"),
    warning("UNFILLED_TEXT", Lint, "a text has gaps that nothing fills"),
    warning("UNINSTANTIATED_WORKER", Validate, "no namespace places a worker"),
    error("UNKNOWN_FUNCTION", Resolve, "a function does not exist"),
    warning("UNKNOWN_LINT", Lint, "a `lint-ignore` comment names a code that does not exist"),
    warning("UNREACHABLE_CODE", Validate, "a line is never reached"),
    warning("UNRESOLVED_IMPORT", Resolve, "an imported package is not among the files"),
    info("UNUSED_CAPABILITY", Project, "nothing uses what is granted"),
    info("UNUSED_IGNORE", Lint, "a `lint-ignore` comment silences nothing"),
    warning("UNUSED_IMPORT", Resolve, "an import is not used"),
    info("UNUSED_RESULT", Lint, "a result is never used"),
    warning("UPDATE_NO_RETURN", Validate, "an update ends without an answer"),
    error("WORKER_UNDEFINED_ACTIVITY", Resolve, "a worker registers an activity that is not defined"),
    error("WORKER_UNDEFINED_NEXUS_SERVICE", Resolve, "a worker registers a service that is not defined"),
    error("WORKER_UNDEFINED_WORKFLOW", Resolve, "a worker registers a workflow that is not defined"),
];
