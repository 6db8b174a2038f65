//! What can happen to a key, and what is answered.

use nexus_kernel::Json;
use nexus_kernel::activity::BeatAnswer;
use nexus_kernel::error::Error;
use nexus_kernel::failure::Failure;
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::time::Timestamp;

use crate::activity::input::ActivityInput;
use crate::record::{IntentId, Origin};
use crate::schedule::{Happening, Schedule};

/// A request to start a run.
#[derive(Debug, Clone)]
pub struct Start {
    /// The workflow's name.
    pub workflow: String,
    /// Its input: an object by parameter name, a list by position, or the only argument.
    pub input: Json,
    /// Queue of its activities unless a call says otherwise.
    pub task_queue: String,
    /// Equal ids start one run.
    pub request_id: String,
    /// Who starts it, when another run does.
    pub origin: Option<Origin>,
    /// Longest time of the run, in milliseconds.
    pub run_timeout_ms: Option<u64>,
}

/// Something that happens to a key.
#[derive(Debug, Clone)]
pub enum Input {
    /// Something happens to a schedule.
    Schedule(Box<Happening>),
    /// Start a run.
    Start(Box<Start>),
    /// An attempt ended.
    ActivityEnded {
        /// The run.
        run: RunId,
        /// The activity.
        seq: u64,
        /// The attempt, from 1, counted over resets.
        attempt: u32,
        /// When the attempt began.
        started_at: Timestamp,
        /// How it ended.
        outcome: Result<Json, Failure>,
    },
    /// Something else happens to the activity of this command.
    Activity(RunId, u64, ActivityInput),
    /// A time has come.
    Due(RunId, Due),
    /// A child or operation was started, or could not be.
    RemoteStarted {
        /// The run that called it.
        run: RunId,
        /// The command.
        seq: u64,
        /// Where it runs.
        outcome: Result<(Key, RunId), Failure>,
    },
    /// A child or operation ended.
    RemoteEnded {
        /// The run that called it.
        run: RunId,
        /// The command.
        seq: u64,
        /// How it ended.
        outcome: Result<Json, Failure>,
    },
    /// A signal to another run was delivered, or could not be.
    SignalSent {
        /// The run that sent it.
        run: RunId,
        /// The command.
        seq: u64,
        /// Why it could not be delivered.
        failure: Option<Failure>,
    },
    /// An effect has reached its target.
    Delivered(RunId, IntentId),
    /// A message for the open run.
    Signal {
        /// Only this run, when given.
        run: Option<RunId>,
        /// The message's name.
        name: String,
        /// Its arguments.
        input: Json,
        /// Equal ids are one message.
        request_id: String,
    },
    /// An update for the open run: refused at once, or answered by an event of the run's history.
    Update {
        /// Only this run, when given.
        run: Option<RunId>,
        /// Equal ids are one update.
        id: String,
        /// The update's name.
        name: String,
        /// Its arguments.
        input: Json,
    },
    /// A request to stop.
    Cancel {
        /// Only this run, when given.
        run: Option<RunId>,
        /// Why.
        reason: String,
    },
    /// The end, without asking the program.
    Terminate {
        /// Only this run, when given.
        run: Option<RunId>,
        /// Why.
        reason: String,
    },
}

/// What a time was set for. Each is checked against the run's state when it comes, so a stale one does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A timer of the program.
    Timer(u64),
    /// The next attempt of an activity.
    Attempt(u64, u32),
    /// A deadline of an activity: its command, the attempt, which.
    Activity(u64, u32, Limit),
    /// The end of an operation's time.
    Operation(u64),
    /// The end of the run's time.
    Run,
    /// The next moment of a schedule.
    Schedule,
}

/// What an activity can take too long for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// To be taken by a worker.
    ScheduleToStart,
    /// All attempts and waits.
    ScheduleToClose,
    /// One attempt.
    StartToClose,
    /// To be heard of.
    Heartbeat,
    /// No time of its own: a cancelled attempt died with its process.
    Lost,
}

/// What whoever sent an input is told, once the transition is durable.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The run that the request started, now or earlier.
    Started {
        /// The run.
        run: RunId,
        /// Whether an earlier request with the same id started it.
        existing: bool,
    },
    /// A schedule as it is now.
    Schedule(Box<Schedule>),
    /// Done, and what an activity is to know of itself.
    Beat(BeatAnswer),
    /// Done, or there was nothing to do.
    Done,
    /// Refused.
    Refused(Error),
}
