//! What can happen to a key, and what is answered.

use nexus_kernel::Json;
use nexus_kernel::activity::BeatAnswer;
use nexus_kernel::error::Error;
use nexus_kernel::failure::{Failure, RemoteInfo};
use nexus_kernel::id::{Key, RunId};
use nexus_kernel::port::blob::Hash;
use nexus_kernel::time::Timestamp;
use nexus_lang::twf::machine::{Event as ProgramEvent, Machine};

use crate::activity::input::ActivityInput;
use crate::record::{IntentId, Origin, StartOptions};
use crate::reset::Reset;
use crate::schedule::{Happening, Schedule};
use crate::transfer::Import;

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
    /// Everything else that is decided about it.
    pub options: StartOptions,
    /// The definition of the run that calls it, when a run does.
    pub definition: Option<Hash>,
}

/// A signal as it comes.
#[derive(Debug, Clone)]
pub struct Signal {
    /// The signal's name.
    pub name: String,
    /// Its arguments.
    pub input: Json,
    /// Equal ids are one signal.
    pub request_id: String,
}

/// An update as it comes.
#[derive(Debug, Clone)]
pub struct Update {
    /// Equal ids are one update.
    pub id: String,
    /// The update's name.
    pub name: String,
    /// Its arguments.
    pub input: Json,
}

/// A run's program by another definition, brought as far as the run is.
#[derive(Debug, Clone)]
pub struct Followed {
    /// The program.
    pub machine: Machine,
    /// What it has not taken in yet.
    pub unseen: Vec<ProgramEvent>,
}

/// How a child or operation ended.
#[derive(Debug, Clone)]
pub struct RemoteEnd {
    /// The run that ended: the last of its chain. Nothing when there is none any more.
    pub by: Option<RemoteInfo>,
    /// Its result, or why there is none.
    pub outcome: Result<Json, Failure>,
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
        end: Box<RemoteEnd>,
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
    /// A signal for the open run.
    Signal {
        /// Only this run, when given.
        run: Option<RunId>,
        /// What is sent.
        signal: Signal,
        /// Whether a sender is there to be told that the workflow takes no such signal. What programs send to each
        /// other is taken as it is.
        checked: bool,
    },
    /// An update for the open run: refused at once, or answered by an event of the run's history.
    Update {
        /// Only this run, when given.
        run: Option<RunId>,
        /// What is asked for.
        update: Update,
    },
    /// A signal for the open run, or for one that is started for it in the same transition.
    SignalWithStart(Box<Start>, Signal),
    /// An update for the open run, or for one that is started for it in the same transition.
    UpdateWithStart(Box<Start>, Update),
    /// A request to stop.
    Cancel {
        /// Only this run, when given.
        run: Option<RunId>,
        /// Why.
        reason: String,
    },
    /// No further step of the program for now, or again.
    Pause {
        /// Only this run, when given.
        run: Option<RunId>,
        /// Why.
        reason: String,
        /// Whether it is to go on again.
        ends: bool,
    },
    /// A run is to be begun anew from an earlier place of its history.
    Reset(Box<Reset>),
    /// A run of another server is added.
    Import(Box<Import>),
    /// A run that did not start this one waits for its end.
    Attach {
        /// The run that it waits for, or the first of its chain.
        run: RunId,
        /// Equal ids are one request.
        request_id: String,
        /// Who waits, and for which of its commands.
        origin: Box<Origin>,
    },
    /// Another definition was tried on the run's whole history.
    Follow {
        /// The run.
        run: RunId,
        /// The definition.
        definition: Hash,
        /// The run's program by that definition, or why there is none.
        outcome: Result<Box<Followed>, Failure>,
    },
    /// The end, without asking the program.
    Terminate {
        /// Only this run, when given.
        run: Option<RunId>,
        /// Why.
        reason: String,
    },
}

impl Input {
    /// Whether it may begin a run of a workflow id that nobody has used yet.
    pub(crate) fn may_start(&self) -> bool {
        matches!(self, Input::Start(_) | Input::SignalWithStart(..) | Input::UpdateWithStart(..))
    }
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
    /// The first workflow task.
    Start,
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
    /// A signal was taken by this run.
    Taken(RunId),
    /// An update was accepted, now or earlier.
    Accepted {
        /// The run.
        run: RunId,
        /// Whether it has its answer, which is in the run's history.
        completed: bool,
        /// Whether the run was started for it.
        started: bool,
    },
    /// The answer of a query.
    Answered(Json),
    /// A query for a run that is not held in memory because it has ended: its history has the answer.
    NotHeld,
    /// Done, or there was nothing to do.
    Done,
    /// Refused.
    Refused(Error),
}
