//! Limits of activities: how many may be pending, how large what they pass may be (language page, section 15.16).

use std::io;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::limits::{PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_WARN, PENDING_MAX};
use nexus_lang::text::source::Span;
use nexus_lang::twf::machine::{Command, CommandKind};

use crate::activity::options;
use crate::state::RunState;

/// So many pending activities are warned of.
const PENDING_ACTIVITIES_WARN: usize = PENDING_MAX / 5 * 4;

/// Bytes of a value written as JSON.
pub(crate) fn json_bytes(value: &Json) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting cannot fail, and every value has a JSON form.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

/// Why the commands of a task cannot be carried out, if they cannot: the task fails, the run stays open and goes on
/// when there is room again or its definition has been mended.
pub(crate) fn refusal(run: &RunState, commands: &[Command]) -> Option<(Span, Failure)> {
    let mut pending = run.activities.len();
    let before = pending;
    for command in commands {
        let CommandKind::ScheduleActivity { name, input, options } = &command.kind else { continue };
        if let Some(fault) = options::fault(options, input) {
            let message = format!("activity {name} cannot be scheduled: {fault}");
            return Some((
                command.span,
                Failure::new(FailureKind::Server, "BadScheduleActivityAttributes", message),
            ));
        }
        pending += 1;
        if pending > PENDING_MAX {
            let message = format!("more than {PENDING_MAX} activities would be pending");
            let type_name = "PendingActivitiesLimitExceeded";
            return Some((command.span, Failure::new(FailureKind::Server, type_name, message)));
        }
        warn_of_input(run, name, input);
    }
    if before <= PENDING_ACTIVITIES_WARN && pending > PENDING_ACTIVITIES_WARN {
        let run = run.run_id.as_str();
        tracing::warn!(run, pending, limit = PENDING_MAX, "the run has nearly too many pending activities");
    }
    None
}

fn warn_of_input(run: &RunState, activity: &str, input: &[Json]) {
    let bytes: usize = input.iter().map(json_bytes).sum();
    if bytes > PAYLOAD_BYTES_WARN {
        let (run, limit) = (run.run_id.as_str(), PAYLOAD_BYTES_MAX);
        tracing::warn!(run, activity, bytes, limit, "the input of an activity is large");
    }
}

/// A result, or the failure that takes its place when it is too large.
pub(crate) fn result(run: &RunState, activity: &str, result: Json) -> Result<Json, Failure> {
    let bytes = json_bytes(&result);
    if bytes > PAYLOAD_BYTES_MAX {
        let message = format!("the result has {bytes} bytes, {PAYLOAD_BYTES_MAX} are allowed");
        return Err(Failure::new(FailureKind::Server, "ResultTooLarge", message).final_());
    }
    if bytes > PAYLOAD_BYTES_WARN {
        let (run, limit) = (run.run_id.as_str(), PAYLOAD_BYTES_MAX);
        tracing::warn!(run, activity, bytes, limit, "the result of an activity is large");
    }
    Ok(result)
}

/// Refuses heartbeat details that are too large: they are handed on with every attempt.
pub(crate) fn heartbeat(details: &Json) -> Result<(), Error> {
    let bytes = json_bytes(details);
    if bytes <= PAYLOAD_BYTES_WARN {
        return Ok(());
    }
    let message = format!("the details have {bytes} bytes, {PAYLOAD_BYTES_WARN} are allowed");
    Err(Error::new(&code::TOO_LARGE, message).help("keep a reference to where the work stands"))
}

/// A failure whose details fit: those that do not are left out, and the failure says so.
pub(crate) fn failure(mut failure: Failure) -> Failure {
    let bytes: usize = failure.details.iter().map(json_bytes).sum();
    if bytes > PAYLOAD_BYTES_WARN {
        failure.details = vec![Json::String(format!("details of {bytes} bytes were left out"))];
    }
    if failure.message.len() > PAYLOAD_BYTES_WARN {
        let end = (0..=PAYLOAD_BYTES_WARN).rev().find(|at| failure.message.is_char_boundary(*at));
        failure.message.truncate(end.unwrap_or(0));
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bytes_are_those_of_the_written_form() {
        for value in [json!(null), json!({ "a": [1, "ä\n"] }), json!("x".repeat(1_000))] {
            assert_eq!(json_bytes(&value), value.to_string().len());
        }
    }

    #[test]
    fn large_details_are_left_out_and_told() {
        let mut large = Failure::application("Big", "m");
        large.details = vec![json!("x".repeat(PAYLOAD_BYTES_WARN))];
        let told = failure(large).details;
        assert!(told[0].as_str().unwrap().contains("were left out"), "{told:?}");
        let small = Failure::application("Small", "m");
        assert_eq!(failure(small.clone()), small);
    }
}
