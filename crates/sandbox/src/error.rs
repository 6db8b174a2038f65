//! What a start and a call can fail with.

use std::fmt;

use nexus_kernel::code;
use nexus_kernel::doer::Doer;
use nexus_kernel::error::Code;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::tell_of;
use serde_json::json;

use crate::limit_kind::LimitKind;
use crate::outcome::{LogLine, Stats};

/// The sandbox cannot start.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the sandbox cannot start: {0}")]
pub struct StartError(pub(crate) String);

/// Why a call has no result, and what it logged and used up to then.
#[derive(Debug, Clone)]
pub struct CallError {
    /// Why.
    pub kind: CallErrorKind,
    /// What the function logged.
    pub logs: Vec<LogLine>,
    /// What it used.
    pub stats: Box<Stats>,
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallErrorKind {
    /// The function threw, or its promise was rejected.
    #[error("{0}")]
    Threw(Box<Failure>),
    /// The function did not catch the refusal of an operation it has not been granted.
    #[error("{0}")]
    Denied(Box<Failure>),
    /// A limit was reached. Scripts cannot catch this, but for memory and stack, which strike as errors first.
    #[error("the function exceeded its limit of {limit} {what}", what = .what.unit())]
    Limit {
        /// Which.
        what: LimitKind,
        /// Its value, in the unit of the limit.
        limit: u64,
        /// What was used or asked for when it struck.
        used: u64,
    },
    /// The function waits for a promise that nothing can settle any more.
    #[error("the function waits for a promise that nothing can settle any more")]
    Stuck,
    /// A component did what WebAssembly does not allow, such as a division by zero or a wild access.
    #[error("the component trapped: {0}")]
    Trapped(String),
    /// The time allowed for the invocation has passed.
    #[error("the function did not finish in time")]
    Deadline,
    /// The module does not export this.
    #[error("{file} has no export {export:?}{}", .meant.as_ref().map(|m| format!("; did you mean {m:?}?")).unwrap_or_default())]
    NoExport {
        /// The module's file.
        file: Box<str>,
        /// The missing export.
        export: Box<str>,
        /// The nearest export there is.
        meant: Option<Box<str>>,
    },
    /// Too much work is waiting already.
    #[error("the sandbox is overloaded: {0}")]
    Overloaded(Overload),
    /// The engine is not there, or its guest misbehaved.
    #[error("the sandbox failed: {0}")]
    Failed(String),
}

/// What there is too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Overload {
    /// Calls that wait for a thread, all namespaces together.
    #[error("too many calls wait for a thread")]
    Queue,
    /// Calls of this namespace that wait for a thread.
    #[error("too many calls of this namespace wait for a thread")]
    Owner,
    /// Executions that wait without an instance: there is no room left for what is kept of them.
    #[error("too many functions wait for their operations")]
    Parked,
    /// Components that run or wait: each instance is taken, or the namespace's share of them is.
    #[error("too many components run or wait")]
    Components,
    /// Nothing; the sandbox is stopping.
    #[error("it is stopping")]
    Stopping,
}

impl Overload {
    fn code(self) -> &'static Code {
        match self {
            Overload::Queue | Overload::Stopping => &code::SANDBOX_QUEUE,
            Overload::Owner => &code::SANDBOX_OWNER_QUEUE,
            Overload::Parked => &code::SANDBOX_PARKED,
            Overload::Components => &code::SANDBOX_COMPONENTS,
        }
    }
}

impl CallErrorKind {
    /// The error's code.
    pub fn code(&self) -> &'static Code {
        match self {
            CallErrorKind::Threw(_) => &code::FUNCTION_THREW,
            CallErrorKind::Denied(_) => &code::FUNCTION_DENIED,
            CallErrorKind::Limit { what, .. } => what.code(),
            CallErrorKind::Stuck => &code::FUNCTION_STUCK,
            CallErrorKind::Trapped(_) => &code::COMPONENT_TRAPPED,
            CallErrorKind::Deadline => &code::FUNCTION_DEADLINE,
            CallErrorKind::NoExport { .. } => &code::FUNCTION_MISSING,
            CallErrorKind::Overloaded(what) => what.code(),
            CallErrorKind::Failed(_) => &code::INTERNAL,
        }
    }

    /// Tells whoever looks after the server when a function has exceeded a limit.
    pub(crate) fn tell_limit(&self, doer: &Doer) {
        if let CallErrorKind::Limit { what, limit, used } = self {
            let (code, resource) = (what.code().id, what.resource());
            tell_of!(*doer, warn, target: "nexus::audit", code, resource, limit, used, "a function exceeded a limit");
        }
    }

    /// The failure of an activity that was carried out by this call. What would happen again for the same input is
    /// final; time, load and faults of ours are not.
    pub fn to_failure(&self) -> Failure {
        let message = self.to_string();
        match self {
            CallErrorKind::Threw(failure) => (**failure).clone(),
            CallErrorKind::Denied(failure) => (**failure).clone().final_(),
            CallErrorKind::Limit { what, limit, used } => {
                let mut failure = match what {
                    // Slow services may be quicker next time.
                    LimitKind::Suspended => {
                        Failure::new(FailureKind::Timeout, Failure::START_TO_CLOSE, message)
                    }
                    _ => Failure::application(what.type_name(), message).final_(),
                };
                let (code, resource) = (what.code().id, what.resource());
                failure.details =
                    vec![json!({ "code": code, "resource": resource, "limit": limit, "used": used })];
                failure
            }
            CallErrorKind::Stuck => Failure::application("NeverSettles", message).final_(),
            CallErrorKind::Trapped(_) => Failure::application("ComponentTrapped", message).final_(),
            CallErrorKind::NoExport { .. } => Failure::application("NoSuchFunction", message).final_(),
            CallErrorKind::Deadline => Failure::new(FailureKind::Timeout, Failure::START_TO_CLOSE, message),
            CallErrorKind::Overloaded(_) => Failure::new(FailureKind::Server, "SandboxOverloaded", message),
            CallErrorKind::Failed(_) => Failure::new(FailureKind::Server, "SandboxFailed", message),
        }
    }
}

impl From<CallErrorKind> for CallError {
    fn from(kind: CallErrorKind) -> CallError {
        CallError { kind, logs: Vec::new(), stats: Box::default() }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.kind, self.kind.code().id)
    }
}

impl std::error::Error for CallError {}

/// What ends a slice from the host's side: a trap that no script can catch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("a limit was reached")]
    Limit { what: LimitKind, limit: u64, used: u64 },
    #[error("the caller has gone")]
    Abandoned,
    #[error("the time has passed")]
    Deadline,
    #[error("the guest passed a range that is not in its memory")]
    WildRange,
    #[error("the guest called an operation that does not exist")]
    UnknownOperation,
    #[error("an operation was begun or settled twice")]
    ForgedId,
    #[error("there is no room for another function that waits")]
    NoRoom,
}

impl Stop {
    /// A limit and what was asked for.
    pub(crate) fn limit(what: LimitKind, limit: usize, used: usize) -> Stop {
        Stop::Limit { what, limit: limit as u64, used: used as u64 }
    }
}
