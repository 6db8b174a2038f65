//! What is limited: names for people, for programs, and for the page that explains each.

use nexus_kernel::code;
use nexus_kernel::error::Code;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// Processor time of one slice, in milliseconds.
    CpuSlice,
    /// Processor time of the invocation, in milliseconds.
    Cpu,
    /// Time spent waiting for operations, in milliseconds.
    Suspended,
    /// Memory, in bytes.
    Memory,
    /// Depth of calls, in bytes of stack.
    Stack,
    /// Host calls and operations.
    HostCalls,
    /// Operations under way at once.
    Operations,
    /// Bytes of log text.
    LogBytes,
    /// Lines of log.
    LogLines,
    /// Bytes of an input or argument.
    ArgumentBytes,
    /// Bytes of a result.
    ResultBytes,
    /// Bytes of all arguments and answers.
    PassedBytes,
}

/// What is said about a kind.
struct Words {
    resource: &'static str,
    unit: &'static str,
    type_name: &'static str,
    code: &'static Code,
}

impl LimitKind {
    /// All kinds.
    pub const ALL: [LimitKind; 12] = [
        LimitKind::CpuSlice,
        LimitKind::Cpu,
        LimitKind::Suspended,
        LimitKind::Memory,
        LimitKind::Stack,
        LimitKind::HostCalls,
        LimitKind::Operations,
        LimitKind::LogBytes,
        LimitKind::LogLines,
        LimitKind::ArgumentBytes,
        LimitKind::ResultBytes,
        LimitKind::PassedBytes,
    ];

    /// Its name for programs: `resource` in the details of a failure.
    pub fn resource(self) -> &'static str {
        self.words().resource
    }

    /// Its code; each kind has one of its own.
    pub fn code(self) -> &'static Code {
        self.words().code
    }

    /// What its number counts, for messages.
    pub(crate) fn unit(self) -> &'static str {
        self.words().unit
    }

    /// The error's type, by which a workflow catches it.
    pub(crate) fn type_name(self) -> &'static str {
        self.words().type_name
    }

    fn words(self) -> Words {
        let words = |resource, unit, type_name, code| Words { resource, unit, type_name, code };
        match self {
            LimitKind::CpuSlice => words(
                "cpu_slice_ms",
                "ms of processor time without waiting",
                "CpuLimitExceeded",
                &code::FUNCTION_SLICE,
            ),
            LimitKind::Cpu => {
                words("cpu_ms", "ms of processor time", "CpuLimitExceeded", &code::FUNCTION_CPU)
            }
            LimitKind::Suspended => words(
                "suspended_ms",
                "ms of waiting for operations",
                "SuspendedLimitExceeded",
                &code::FUNCTION_SUSPENDED,
            ),
            LimitKind::Memory => {
                words("memory_bytes", "bytes of memory", "MemoryLimitExceeded", &code::FUNCTION_MEMORY)
            }
            LimitKind::Stack => {
                words("stack_bytes", "bytes of call stack", "StackLimitExceeded", &code::FUNCTION_STACK)
            }
            LimitKind::HostCalls => {
                words("host_calls", "host calls", "HostCallLimitExceeded", &code::FUNCTION_CALLS)
            }
            LimitKind::Operations => {
                words("operations", "operations at once", "HostCallLimitExceeded", &code::FUNCTION_OPERATIONS)
            }
            LimitKind::LogBytes => {
                words("log_bytes", "bytes of log text", "ByteLimitExceeded", &code::FUNCTION_LOG_BYTES)
            }
            LimitKind::LogLines => {
                words("log_lines", "lines of log", "LogLimitExceeded", &code::FUNCTION_LOG_LINES)
            }
            LimitKind::ArgumentBytes => {
                words("value_bytes", "bytes of argument", "ByteLimitExceeded", &code::FUNCTION_VALUE)
            }
            LimitKind::ResultBytes => {
                words("result_bytes", "bytes of result", "ByteLimitExceeded", &code::FUNCTION_RESULT)
            }
            LimitKind::PassedBytes => words(
                "passed_bytes",
                "bytes passed to and from the host",
                "ByteLimitExceeded",
                &code::FUNCTION_BYTES,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_has_a_code_and_a_name_of_its_own() {
        let codes: HashSet<_> = LimitKind::ALL.iter().map(|kind| kind.code().id).collect();
        let names: HashSet<_> = LimitKind::ALL.iter().map(|kind| kind.resource()).collect();
        assert_eq!((codes.len(), names.len()), (LimitKind::ALL.len(), LimitKind::ALL.len()));
    }
}
