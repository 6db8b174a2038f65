//! The one error type that crosses parts: a code with a page, a message, a place, a suggestion.

use std::fmt;
use std::time::Duration;

use crate::code::{self, Exit};
use crate::failure::Failure;
use crate::id::RunId;
use crate::limits::ERROR_TEXT_BYTES_MAX;
use crate::port::StoreError;

/// A stable name for a kind of error. All of them are in [`crate::code`].
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `NX-` and four digits.
    pub id: &'static str,
    /// What it means, in a few words.
    pub title: &'static str,
    /// The HTTP status that tells it.
    pub http: u16,
    /// The exit code that tells it.
    pub exit: Exit,
}

/// One fault of an input: where and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer into the input, or `file:line:column` of a project file.
    pub at: String,
    /// What is wrong there.
    pub message: String,
}

/// What went wrong, for a caller. Never holds a stack trace or a secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone, PartialEq)]
struct Parts {
    code: &'static Code,
    message: String,
    help: Option<String>,
    faults: Vec<Fault>,
    failure: Option<Failure>,
    run: Option<RunId>,
    retry_after: Option<Duration>,
}

impl Error {
    /// An error; messages are lower-case without a full stop.
    pub fn new(code: &'static Code, message: impl Into<String>) -> Error {
        let message = bounded(message.into());
        let parts = Parts {
            code,
            message,
            help: None,
            faults: Vec::new(),
            failure: None,
            run: None,
            retry_after: None,
        };
        Error(Box::new(parts))
    }

    /// A fault of ours: something that the code around it rules out.
    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(&code::INTERNAL, message).help("this is a fault in Nexus; please report it")
    }

    /// Adds what the caller can do about it.
    pub fn help(mut self, help: impl Into<String>) -> Error {
        self.0.help = Some(bounded(help.into()));
        self
    }

    /// Adds one place and what is wrong there.
    pub fn fault(mut self, at: impl Into<String>, message: impl Into<String>) -> Error {
        self.0.faults.push(Fault { at: bounded(at.into()), message: bounded(message.into()) });
        self
    }

    /// Adds the failure of the work.
    pub fn failure(mut self, failure: Failure) -> Error {
        self.0.failure = Some(failure);
        self
    }

    /// Adds the run it is about.
    pub fn run(mut self, run: RunId) -> Error {
        self.0.run = Some(run);
        self
    }

    /// Adds how long to wait before it is worth trying again.
    pub fn retry_after(mut self, wait: Duration) -> Error {
        self.0.retry_after = Some(wait);
        self
    }

    /// Its code.
    pub fn code(&self) -> &'static Code {
        self.0.code
    }

    /// Its message.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What the caller can do about it.
    pub fn help_text(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The faults of the input.
    pub fn faults(&self) -> &[Fault] {
        &self.0.faults
    }

    /// The failure of the work, when the work failed.
    pub fn failure_ref(&self) -> Option<&Failure> {
        self.0.failure.as_ref()
    }

    /// How long to wait before it is worth trying again, in whole seconds: rounded up, so that nobody comes too early.
    pub fn retry_seconds(&self) -> Option<u64> {
        self.0.retry_after.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }

    /// The run it is about.
    pub fn run_id(&self) -> Option<&RunId> {
        self.0.run.as_ref()
    }
}

/// A text that is told, cut where it is longer than anybody reads: names that callers give are in it.
fn bounded(text: String) -> String {
    if text.len() <= ERROR_TEXT_BYTES_MAX {
        return text;
    }
    let end = text.floor_char_boundary(ERROR_TEXT_BYTES_MAX);
    format!("{}... (cut; {} bytes in all)", text.get(..end).unwrap_or_default(), text.len())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.0.message, self.0.code.id)
    }
}

impl std::error::Error for Error {}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        match &error {
            StoreError::Damaged(_) => Error::new(&code::DATA_DAMAGED, error.to_string())
                .help("restore the data folder from a backup; the log names what is damaged"),
            StoreError::Failed(_) => Error::new(&code::STORE_FAILED, error.to_string()).help(
                "free space or repair the disk, then start the server again; nothing acknowledged is lost",
            ),
            StoreError::Closed => {
                Error::new(&code::STOPPING, "the server is stopping").help("try again soon")
            }
            StoreError::Away { wait, .. } => {
                Error::new(&code::SHARED_AWAY, "what servers share cannot be reached")
                    .retry_after(*wait)
                    .help("try again in a moment; /health tells why")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callers_named_is_not_repeated_at_length() {
        let long = "\u{e4}".repeat(1 << 20);
        let error =
            Error::new(&code::INPUT_INVALID, long.as_str()).help(long.as_str()).fault(long.as_str(), &long);
        let texts =
            [error.message(), error.help_text().unwrap(), &error.faults()[0].at, &error.faults()[0].message];
        for text in texts {
            assert!(
                text.len() < 2 * ERROR_TEXT_BYTES_MAX && text.ends_with("(cut; 2097152 bytes in all)"),
                "{text}"
            );
        }
        assert_eq!(Error::new(&code::INPUT_INVALID, "short").message(), "short");
    }

    #[test]
    fn a_wait_is_rounded_up_to_seconds() {
        let after = |wait| Error::new(&code::OVERLOADED, "busy").retry_after(wait).retry_seconds();
        assert_eq!(after(Duration::from_micros(1)), Some(1));
        assert_eq!(after(Duration::from_secs(2)), Some(2));
        assert_eq!(after(Duration::from_millis(2_001)), Some(3));
        assert_eq!(Error::new(&code::OVERLOADED, "busy").retry_seconds(), None);
    }
}
