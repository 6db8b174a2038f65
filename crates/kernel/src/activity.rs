//! Activity tasks: one attempt of a typed side effect, the token that names it, and how it may end.

use std::fmt;

use crate::Json;
use crate::code;
use crate::error::Error;
use crate::id::{Key, RunId, SessionId};
use crate::trace::TraceContext;

/// One attempt, as an executor gets it.
#[derive(Debug, Clone)]
pub struct ActivityTask {
    /// Namespace and workflow id of the run.
    pub key: Key,
    /// The run.
    pub run_id: RunId,
    /// The run's workflow.
    pub workflow: String,
    /// Number of the command that scheduled it, unique in the run.
    pub activity_id: u64,
    /// The activity's name.
    pub activity: String,
    /// Arguments by position of the declared parameters.
    pub input: Vec<Json>,
    /// Names of those parameters in the version of the run; absent when that does not declare the activity.
    pub parameters: Option<Vec<String>>,
    /// From 1; an operator's reset begins to count anew.
    pub attempt: u32,
    /// From 1, counted over resets as well: with run and activity it names this one attempt.
    pub ticket: u32,
    /// How long the attempt may take, in milliseconds.
    pub start_to_close_ms: u64,
    /// How long the attempt may be silent, in milliseconds.
    pub heartbeat_ms: Option<u64>,
    /// What the attempt before said last; null when there was none, or it said nothing.
    pub heartbeat_details: Json,
    /// The session that the run carries.
    pub session: Option<SessionId>,
    /// Where the attempt stands in a trace, when its run is traced.
    pub trace: Option<TraceContext>,
    /// A key that the program chose in place of the usual one.
    pub own_idempotency_key: Option<String>,
}

impl ActivityTask {
    /// The same for every attempt of the same activity of the same run, different for all others: what an
    /// implementation passes on so that a repeated attempt has no second effect. A program may choose its own.
    pub fn idempotency_key(&self) -> String {
        let usual = || format!("{}/{}/{}", self.key.workflow_id, self.run_id, self.activity_id);
        self.own_idempotency_key.clone().unwrap_or_else(usual)
    }

    /// Names this attempt to whoever reports about it from somewhere else.
    pub fn token(&self) -> ActivityToken {
        ActivityToken { run_id: self.run_id.clone(), activity_id: self.activity_id, ticket: self.ticket }
    }
}

/// Names one attempt: `run_0688ab1tdpv3h9m5x7cq2wnk4e.3.1`.
///
/// It says what it is of, and the 80 random bits of the run's id keep it from being guessed. The engine compares it
/// with the attempt that is under way, so one that is out of date is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityToken {
    /// The run.
    pub run_id: RunId,
    /// The activity's command.
    pub activity_id: u64,
    /// The attempt, counted over resets.
    pub ticket: u32,
}

impl ActivityToken {
    /// Reads a token given by a caller.
    pub fn parse(text: &str) -> Result<ActivityToken, Error> {
        let mut parts = text.split('.');
        let read = (parts.next(), parts.next(), parts.next(), parts.next());
        if let (Some(run), Some(activity), Some(ticket), None) = read
            && let (Ok(run_id), Ok(activity_id), Ok(ticket)) =
                (RunId::parse(run), activity.parse(), ticket.parse())
        {
            return Ok(ActivityToken { run_id, activity_id, ticket });
        }
        Err(Error::new(&code::TOKEN_INVALID, format!("{text:?} is not a task token")).help(
            "a token looks like run_0688ab1tdpv3h9m5x7cq2wnk4e.3.1; the activity was given it with its input",
        ))
    }
}

impl fmt::Display for ActivityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.run_id, self.activity_id, self.ticket)
    }
}

/// How an attempt that did not fail ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Completion {
    /// With a result.
    Done(Json),
    /// Later: somebody else will complete it by its token.
    Later,
}

impl From<Json> for Completion {
    fn from(result: Json) -> Completion {
        Completion::Done(result)
    }
}

/// What an implementation learns when it says that it is alive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BeatAnswer {
    /// The workflow asked for the activity's cancellation.
    pub cancel_requested: bool,
    /// An operator paused the activity: this attempt may end, no other will begin.
    pub paused: bool,
    /// An operator reset the activity: the next attempt is counted as the first.
    pub reset: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back_and_others_are_refused() {
        let token = ActivityToken::parse("run_0688ab1tdpv3h9m5x7cq2wnk4e.3.1").unwrap();
        assert_eq!((token.activity_id, token.ticket), (3, 1));
        assert_eq!(ActivityToken::parse(&token.to_string()).unwrap(), token);
        for bad in
            ["", "run_x.1.1", "run_0688ab1tdpv3h9m5x7cq2wnk4e.3", "run_0688ab1tdpv3h9m5x7cq2wnk4e.3.1.2"]
        {
            assert_eq!(ActivityToken::parse(bad).unwrap_err().code().id, "NX-2201", "{bad}");
        }
    }
}
