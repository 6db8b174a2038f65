//! Circuit breakers in front of workflows: what has failed too often is not called for a while.

use std::time::Duration;

use nexus_kernel::call::Answer;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::operation::Operation;
use nexus_kernel::port::runs::RunStatus;

use crate::breaker::{Breakers, Counted, Outcome, Pass, Target};

/// Lets a call of a workflow pass, unless its breaker is open.
pub(crate) fn admit(breakers: &Breakers, workflow: &Operation) -> Result<Option<Pass>, Error> {
    breakers.admit(Target::Operation(workflow.id())).map_err(|wait| open(workflow, wait))
}

fn open(workflow: &Operation, wait: Duration) -> Error {
    let message = format!("{} has failed too often; nothing is started for now", workflow.id());
    Error::new(&code::BREAKER_OPEN, message)
        .retry_after(wait)
        .help("try again after the seconds in retry_after; `nexus call breaker.list` shows what is held back")
}

/// What a breaker learns from the result of a call.
pub(crate) fn outcome(result: &Result<Answer, Error>, counted: Counted) -> Outcome {
    match result {
        // What was answered before says nothing about now.
        Ok(Answer { replayed: true, .. }) => Outcome::Unknown,
        Ok(Answer { cached: Some(cached), .. }) if cached.is_remembered() => Outcome::Unknown,
        Ok(Answer { run: None, .. }) => Outcome::Success,
        Ok(Answer { run: Some(run), .. }) => match run.status {
            RunStatus::Completed => Outcome::Success,
            RunStatus::TimedOut => Outcome::Failure,
            RunStatus::Failed => failed(run.failure.as_ref(), counted),
            _ => Outcome::Unknown,
        },
        Err(error) if error.code() == &code::RUN_FAILED => failed(error.failure_ref(), counted),
        Err(error) if error.failure_ref().is_some_and(is_infrastructure) => Outcome::Failure,
        Err(error) if error.code() == &code::STOPPING => Outcome::Unknown,
        Err(error) if error.code().http >= 500 => Outcome::Failure,
        Err(_) => Outcome::Unknown,
    }
}

/// A run that failed was carried out, unless what it needed did not answer in time or the server could not do its part.
fn failed(failure: Option<&Failure>, counted: Counted) -> Outcome {
    let is_counted = counted == Counted::Failures || failure.is_some_and(is_infrastructure);
    if is_counted { Outcome::Failure } else { Outcome::Success }
}

fn is_infrastructure(failure: &Failure) -> bool {
    failure.chain().any(|link| matches!(link.kind, FailureKind::Timeout | FailureKind::Server))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: Error) -> Outcome {
        outcome(&Err(error), Counted::Infrastructure)
    }

    #[test]
    fn the_caller_s_mistakes_and_a_workflow_s_own_decisions_open_nothing() {
        assert_eq!(of(Error::new(&code::INPUT_INVALID, "x")), Outcome::Unknown);
        assert_eq!(of(Error::new(&code::STOPPING, "x")), Outcome::Unknown);
        assert_eq!(of(Error::internal("x")), Outcome::Failure);
        assert_eq!(of(Error::new(&code::STORE_FAILED, "x")), Outcome::Failure);
        let declined =
            || Error::new(&code::RUN_FAILED, "x").failure(Failure::application("CardDeclined", "no"));
        assert_eq!(of(declined()), Outcome::Success);
        assert_eq!(outcome(&Err(declined()), Counted::Failures), Outcome::Failure);
        let late = Failure::new(FailureKind::Timeout, Failure::START_TO_CLOSE, "late");
        let failure = Failure::new(FailureKind::Activity, "ActivityFailure", "x").caused_by(late);
        assert_eq!(of(Error::new(&code::RUN_FAILED, "x").failure(failure)), Outcome::Failure);
    }
}
