//! What goes wrong *inside* a program: the workflow task fails, the run stays open (rule H6).

use std::fmt;

use crate::text::source::{SourceId, Span};

/// Why an expression or builtin has no value: the place is added by whoever knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Stable word for programs, for example `TYPE_MISMATCH`.
    pub code: &'static str,
    /// One line for people.
    pub message: String,
}

impl Trouble {
    /// A trouble with its message.
    pub fn new(code: &'static str, message: impl Into<String>) -> Trouble {
        Trouble { code, message: message.into() }
    }

    /// Values of the wrong type.
    pub fn mismatch(message: impl Into<String>) -> Trouble {
        Trouble::new(TYPE_MISMATCH, message)
    }

    /// A number or moment beyond what its type holds.
    pub fn overflow(message: impl Into<String>) -> Trouble {
        Trouble::new(OVERFLOW, message)
    }

    /// Adds the place.
    pub fn at(self, span: Span) -> Fault {
        Fault { code: self.code, message: self.message, span }
    }
}

/// A failed workflow task: the state of the machine is not to be used any further; the run itself stays open and is
/// rebuilt from its history when the definition has been corrected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} [{code}]")]
pub struct Fault {
    /// Stable word for programs.
    pub code: &'static str,
    /// One line for people.
    pub message: String,
    /// The expression or statement.
    pub span: Span,
}

impl Fault {
    /// A fault of the machine's own bookkeeping: a state that no program can bring about.
    pub fn internal(message: impl fmt::Display) -> Fault {
        Trouble::new(INTERNAL, message.to_string()).at(NOWHERE)
    }
}

/// The span of what has no place in a source.
pub const NOWHERE: Span = Span { source: SourceId(u32::MAX), start: 0, end: 0 };

/// A value of the wrong type.
pub const TYPE_MISMATCH: &str = "TYPE_MISMATCH";
/// A field of null was read.
pub const NULL_FIELD: &str = "NULL_FIELD";
/// A result does not fit its type.
pub const OVERFLOW: &str = "OVERFLOW";
/// Division by zero.
pub const DIVISION_BY_ZERO: &str = "DIVISION_BY_ZERO";
/// A list has no such position.
pub const INDEX_RANGE: &str = "INDEX_RANGE";
/// A name that nothing assigns.
pub const UNDEFINED_VARIABLE: &str = "UNDEFINED_VARIABLE";
/// A hole in a name that nothing fills.
pub const UNBOUND_TEMPLATE_PARAM: &str = "UNBOUND_TEMPLATE_PARAM";
/// A function that does not exist.
pub const UNKNOWN_FUNCTION: &str = "UNKNOWN_FUNCTION";
/// Too few or too many arguments.
pub const ARITY_MISMATCH: &str = "ARITY_MISMATCH";
/// The step budget of one workflow task is used up: potential deadlock.
pub const BUSY_LOOP: &str = "BUSY_LOOP";
/// A string or list beyond the size limit.
pub const VALUE_TOO_LARGE: &str = "VALUE_TOO_LARGE";
/// A value that nests too deep, or contains itself.
pub const VALUE_TOO_DEEP: &str = "VALUE_TOO_DEEP";
/// A text or number that cannot be converted.
pub const BAD_VALUE: &str = "BAD_VALUE";
/// A name that was awaited holds no promise.
pub const NOT_A_PROMISE: &str = "NOT_A_PROMISE";
/// A statement that could not be read when the file was parsed.
pub const SYNTAX: &str = "SYNTAX";
/// The machine was made for another program.
pub const DEFINITION_CHANGED: &str = "DEFINITION_CHANGED";
/// History holds what the program cannot have caused.
pub const NON_DETERMINISM: &str = "NON_DETERMINISM";
/// The interpreter's own bookkeeping is wrong.
pub const INTERNAL: &str = "INTERNAL";
