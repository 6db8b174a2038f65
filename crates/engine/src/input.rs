//! What can happen to a key, and what is answered.

use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::activity::BeatAnswer;
use nexus_kernel::error::Error;
use nexus_kernel::failure::{Failure, RemoteInfo};
use nexus_kernel::id::RunId;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::time::Timestamp;
use nexus_lang::twf::machine::{Event as ProgramEvent, Machine};

use crate::activity::input::ActivityInput;
use crate::record::{Callback, Handling, IntentId, Origin, Performer, StartOptions};
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
    /// The Nexus operation that it carries out.
    pub operation: Option<Box<Handling>>,
    /// Where somebody outside wants to hear of its end.
    pub callback: Option<Box<Callback>>,
    /// Everything else that is decided about it.
    pub options: StartOptions,
    /// The definition of the run that calls it, when a run does.
    pub definition: Option<Hash>,
}

impl Start {
    /// A start that nobody in particular asks for, without options.
    pub fn new(workflow: String, input: Json, task_queue: String, request_id: String) -> Start {
        Start {
            workflow,
            input,
            task_queue,
            request_id,
            origin: None,
            operation: None,
            callback: None,
            options: StartOptions::default(),
            definition: None,
        }
    }
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
    /// The run that ended: the last of its chain. Nothing when there is none any more, or when it ended outside.
    pub by: Option<RemoteInfo>,
    /// Who says so from outside, should the news of the start have been lost.
    pub outside: Option<Performer>,
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
        /// Who carries it out.
        outcome: Result<Performer, Failure>,
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
    /// A Nexus operation ended, as somebody outside or an operator says.
    Complete(Whom, Box<RemoteEnd>),
    /// An operator asks for the cancellation of a run's pending operation.
    CancelOperation(RunId, u64),
    /// What is to reach somebody outside has not reached them.
    DeliveryFailed {
        /// The run that it comes from.
        run: RunId,
        /// What.
        intent: IntentId,
        /// Why, and what is done about it.
        setback: Box<Setback>,
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
        /// Who waits.
        waiter: Box<Waiter>,
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
    Operation(u64, Limit),
    /// Another attempt to reach somebody outside.
    Delivery(IntentId),
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

/// Who wants to hear of the end of a run that they did not start.
#[derive(Debug, Clone)]
pub enum Waiter {
    /// Another run, for one of its commands.
    Run(Origin),
    /// Somebody outside.
    Outside(Callback),
}

/// Which operation is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// That of a command of a run.
    Command(RunId, u64),
    /// That of a request, whichever run waits for it by now.
    Request(String),
}

/// Why somebody outside was not reached, and when that is tried again.
#[derive(Debug, Clone)]
pub enum Setback {
    /// They were asked. Whether another attempt is made depends on the time that is left.
    Failed {
        /// Why it failed.
        failure: Failure,
    },
    /// They were not asked: too many others had failed. It is no attempt.
    Held {
        /// How long to wait.
        wait: Duration,
    },
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
