//! What the events of a run add up to: the run's state, rebuilt by folding its records.

mod messages;
mod pinned;
mod remote;
mod reset;
mod visible;

pub use messages::Messages;

use std::collections::BTreeMap;

use nexus_kernel::Json;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::{EndpointId, Key, Namespace, RunId, WorkflowId};
use nexus_kernel::port::log::Stored;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::retry::RetryState;
use nexus_kernel::time::Timestamp;

use nexus_lang::twf::machine::{Event as ProgramEvent, Machine};

pub use pinned::{Pinned, note_changes_row};
pub use remote::{Attempts, Remote, RemoteCall, Times};
pub use visible::{Visible, changes_row};

pub use crate::activity::state::Activity;
use crate::failures;
use crate::record::{
    ActivityNote, Callback, Event, IntentId, Note, OperationTarget, Origin, ParentClosePolicy, Performer,
    Record, RunPart, StartOptions, Started,
};
use crate::schedule::Schedule;

/// Everything known of one key: its records' head and the runs that still matter.
#[derive(Debug, Default)]
pub struct KeyState {
    /// Sequence of the last record.
    pub head: u64,
    /// Runs in order of their start: the latest, and older ones with undelivered effects.
    pub runs: Vec<RunState>,
    /// The schedule, when the key is that of one.
    pub schedule: Option<Box<Schedule>>,
    /// The run that each request started, settled runs included: a repetition may come late.
    pub requests: BTreeMap<String, RunId>,
    /// Whether it was used since somebody last looked for keys to let go of.
    pub(crate) used: bool,
    /// Whether it is among those that are looked at.
    pub(crate) listed: bool,
}

/// One run.
#[derive(Debug)]
pub struct RunState {
    /// The run.
    pub run_id: RunId,
    /// Its started event.
    pub started: Started,
    /// When it was started.
    pub started_at: Timestamp,
    /// What has become of it.
    pub status: RunStatus,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// Its result, once completed.
    pub result: Json,
    /// Its failure, once closed otherwise.
    pub failure: Option<Failure>,
    /// Why no further attempt was made, when there is a retry policy.
    pub retry_state: Option<RetryState>,
    /// Id of the next event.
    pub next_event: u64,
    /// Bytes of the records that the run has a part in.
    pub history_bytes: u64,
    /// Those records.
    pub transitions: u64,
    /// What lists of runs show and find besides.
    pub visible: Visible,
    /// The definition that it goes on with.
    pub pinned: Pinned,
    /// Its namespace, for effects on neighbours.
    pub namespace: Namespace,
    /// Activities without an end.
    pub activities: BTreeMap<u64, Activity>,
    /// Timers that have not fired.
    pub timers: BTreeMap<u64, Timestamp>,
    /// Children and Nexus operations without an end.
    pub remotes: BTreeMap<u64, Remote>,
    /// Every child that was started, for messages to it.
    pub children: BTreeMap<u64, (Key, RunId)>,
    /// Effects on other keys that have not been acknowledged.
    pub outbox: BTreeMap<IntentId, Intent>,
    /// Why its program cannot go on, when it cannot.
    pub blocked: Option<Failure>,
    /// Signals and updates that have arrived.
    pub messages: Messages,
    /// Whether somebody asked it to stop.
    pub cancel_requested: bool,
    /// Whether its program has done anything.
    pub begun: bool,
    /// A text that its program shows with it.
    pub details: Option<String>,
    /// Who beside its starter wants to hear of the end.
    pub attached: Vec<Origin>,
    /// Who outside wants to.
    pub callbacks: Vec<Callback>,
    /// What has become of those effects that did not reach somebody outside.
    pub setbacks: BTreeMap<IntentId, Attempts>,
    /// The run that goes on in its stead.
    pub successor: Option<RunId>,
    /// When it was brought from another server, and when it was exported there.
    pub imported: Option<(Timestamp, Timestamp)>,
    /// The program's state; absent after a restart until the run is needed.
    pub machine: Option<Machine>,
    /// Events that a blocked program has not taken in; filled when the program is rebuilt.
    pub unseen: Vec<ProgramEvent>,
}

/// An effect on another key. Repeating it does no harm: its target knows the request already.
#[derive(Debug, Clone)]
pub enum Intent {
    /// Start a child.
    StartChild {
        /// Its workflow.
        workflow: String,
        /// Its id.
        workflow_id: WorkflowId,
        /// Its input.
        input: Json,
        /// How.
        options: Box<StartOptions>,
        /// Whether nobody waits for its end.
        detached: bool,
    },
    /// Start a Nexus operation.
    StartOperation {
        /// Its target.
        target: OperationTarget,
        /// The id of its run, when the caller chose one.
        workflow_id: Option<WorkflowId>,
        /// Its input.
        input: Json,
        /// How.
        options: Box<StartOptions>,
        /// When all its time is over.
        deadline: Option<Timestamp>,
        /// Whether nobody waits for its end.
        detached: bool,
    },
    /// Tell the starter how this run ended.
    Report,
    /// Tell another starter, who got this run because it was open.
    Tell(Box<Origin>),
    /// Terminate another run.
    Terminate(Key, RunId),
    /// Ask another run, which this one did not start, to tell it of its end.
    Attach(Key, RunId),
    /// Ask another run to cancel; whichever is open when none is named.
    Cancel(Key, Option<RunId>),
    /// Ask whoever carries an operation out outside to cancel it.
    CancelOutside {
        /// The endpoint that it was started through.
        endpoint: EndpointId,
        /// The operation.
        target: OperationTarget,
        /// What they call it.
        token: String,
    },
    /// Tell somebody outside how this run ended.
    Complete(Box<Callback>),
    /// Send another run a message.
    Signal {
        /// To whom.
        key: Key,
        /// Only this run, when given.
        run: Option<RunId>,
        /// The message's name.
        name: String,
        /// Its arguments.
        input: Json,
    },
}

impl KeyState {
    /// The state that records add up to.
    pub fn fold(namespace: &Namespace, records: &[Stored]) -> Result<KeyState, String> {
        let mut state = KeyState::default();
        for stored in records {
            let record = Record::decode(&stored.record)?;
            for part in &record.runs {
                state.apply_part(namespace, record.at, part);
            }
            state.count_bytes(&record, stored.record.len());
            if let Some(schedule) = record.schedule {
                state.keep_schedule(schedule);
            }
            state.head = stored.sequence;
        }
        Ok(state)
    }

    /// Takes in what a schedule has become.
    pub fn keep_schedule(&mut self, schedule: Box<Schedule>) {
        self.schedule = (!schedule.removed).then_some(schedule);
    }

    /// Adds a run that was just started.
    pub fn add(&mut self, run: RunState) {
        self.requests.insert(run.started.request_id.clone(), run.run_id.clone());
        self.runs.push(run);
    }

    /// Notes how long a record became, for each run that has a part in it.
    pub fn count_bytes(&mut self, record: &Record, bytes: usize) {
        let bytes = record.own_bytes(bytes);
        for part in record.runs.iter().filter(|part| part.copied.is_none()) {
            if let Some(run) = self.run_mut(&part.run) {
                run.history_bytes += bytes;
                run.transitions += 1;
            }
        }
    }

    /// Takes in what a record of that time says of one run.
    pub(crate) fn apply_part(&mut self, namespace: &Namespace, at: Timestamp, part: &RunPart) {
        let at = part.at(at);
        if let Some(Event::WorkflowExecutionStarted(started)) = part.events.first() {
            self.add(RunState::new(namespace.clone(), part.run.clone(), (**started).clone(), at));
        }
        let mut repeated = Vec::new();
        if let Some(run) = self.run_mut(&part.run) {
            for event in &part.events {
                if let Event::WorkflowExecutionOptionsUpdated { request_id, .. } = event {
                    repeated.push((request_id.clone(), run.run_id.clone()));
                }
                run.apply(at, event);
                run.next_event += 1;
            }
            for note in &part.notes {
                run.note(note);
            }
            if let Some(copied) = part.copied {
                run.history_bytes += copied.bytes;
                run.transitions += 1;
            }
        }
        self.requests.extend(repeated);
    }

    /// Drops older runs that nothing is left to do for.
    pub fn forget_settled(&mut self) {
        let latest = self.runs.len().saturating_sub(1);
        let mut at = 0;
        self.runs.retain(|run| {
            at += 1;
            at > latest || !run.is_settled()
        });
    }

    /// The run that was started last.
    pub fn latest(&self) -> Option<&RunState> {
        self.runs.last()
    }

    /// The open run.
    pub fn open(&self) -> Option<&RunState> {
        self.latest().filter(|run| run.status.is_open())
    }

    /// A run by id.
    pub fn run(&self, id: &RunId) -> Option<&RunState> {
        self.runs.iter().find(|run| run.run_id == *id)
    }

    /// A run by id.
    pub fn run_mut(&mut self, id: &RunId) -> Option<&mut RunState> {
        self.runs.iter_mut().find(|run| run.run_id == *id)
    }

    /// Whether all that it waits for comes by itself: a timer that is armed, a message that somebody brings.
    pub(crate) fn can_rest(&self) -> bool {
        let waits = |run: &RunState| run.outbox.keys().all(|intent| run.setbacks.contains_key(intent));
        let rests = |run: &RunState| waits(run) && run.activities.values().all(Activity::can_rest);
        self.schedule.is_none() && self.runs.iter().all(rests)
    }

    /// Whether there is anything left to do for this key.
    pub fn is_live(&self) -> bool {
        self.schedule.is_some() || self.runs.iter().any(|run| !run.is_settled())
    }
}

impl RunState {
    /// A run that has just been started.
    pub fn new(namespace: Namespace, run_id: RunId, started: Started, at: Timestamp) -> RunState {
        RunState {
            visible: Visible::of(&started),
            pinned: Pinned::to(started.definition.clone()),
            run_id,
            started_at: at,
            status: RunStatus::Running,
            closed_at: None,
            result: Json::Null,
            failure: None,
            retry_state: None,
            next_event: 1,
            history_bytes: 0,
            transitions: 0,
            namespace,
            activities: BTreeMap::new(),
            timers: BTreeMap::new(),
            remotes: BTreeMap::new(),
            children: BTreeMap::new(),
            outbox: BTreeMap::new(),
            blocked: None,
            messages: Messages::default(),
            cancel_requested: false,
            begun: false,
            details: None,
            attached: started.attached.clone(),
            callbacks: started.callbacks.clone(),
            setbacks: BTreeMap::new(),
            successor: None,
            imported: None,
            machine: None,
            unseen: Vec::new(),
            started,
        }
    }

    /// Whether its first workflow task has to wait.
    pub fn waits_to_begin(&self, now: Timestamp) -> bool {
        !self.begun && self.started.first_task_at.is_some_and(|at| at > now)
    }

    /// Whether an event ends the wait for the first workflow task: a message does so when the start was delayed by its
    /// caller, a request to stop always. The wait before another attempt is not a message's to cut short.
    pub fn is_hurried_by(&self, event: &Event) -> bool {
        match event {
            Event::WorkflowExecutionCancelRequested { .. } => true,
            Event::WorkflowExecutionSignaled { .. } | Event::WorkflowExecutionUpdateAccepted { .. } => {
                self.started.last_failure.is_none()
            }
            _ => false,
        }
    }

    /// An effect has reached whom it is for, or is for nobody any more.
    fn delivered(&mut self, intent: IntentId) {
        self.outbox.remove(&intent);
        self.setbacks.remove(&intent);
    }

    /// Closed, and every effect delivered.
    pub fn is_settled(&self) -> bool {
        !self.status.is_open() && self.outbox.is_empty()
    }

    /// The first run of its chain of continued runs.
    pub fn first_run(&self) -> &RunId {
        self.started.first_run.as_ref().unwrap_or(&self.run_id)
    }

    /// Why nobody tried again after the run closed without a result.
    pub(crate) fn why_no_retry(&self) -> RetryState {
        match self.status {
            RunStatus::TimedOut => RetryState::Timeout,
            RunStatus::Canceled => RetryState::CancelRequested,
            RunStatus::Terminated => RetryState::NonRetryableFailure,
            _ => self.retry_state.unwrap_or(RetryState::RetryPolicyNotSet),
        }
    }

    /// Whether an event from outside is a repetition of one that has been taken in.
    pub fn knows(&self, event: &Event) -> bool {
        match event {
            Event::WorkflowExecutionCancelRequested { .. } => self.cancel_requested,
            Event::WorkflowExecutionPaused { .. } => self.status == RunStatus::Paused,
            Event::WorkflowExecutionUnpaused { .. } => self.status != RunStatus::Paused,
            event => self.messages.knows(event),
        }
    }

    /// Takes in a change that history does not show.
    pub fn note(&mut self, note: &Note) {
        match note {
            Note::AttemptFailed { seq, failure, next_at, heartbeat, .. } => {
                if let Some(activity) = self.activities.get_mut(seq) {
                    activity.attempt_failed(failure.clone(), *next_at, heartbeat.clone());
                }
            }
            Note::Activity { seq, what: ActivityNote::Dropped {} } => {
                self.activities.remove(seq);
            }
            Note::Activity { seq, what } => {
                if let Some(activity) = self.activities.get_mut(seq) {
                    activity.note(what);
                }
            }
            Note::StartedLate { seq, by } => self.remote_started(*seq, by, None),
            Note::DeliveryFailed { intent, attempt, failure, next_at } => {
                let (attempt, failure, next_at) = (*attempt, failure.clone(), *next_at);
                self.setbacks.insert(*intent, Attempts { attempt, failure, next_at });
            }
            Note::OperationCancelRequested { seq } => self.cancel_and_wait(*seq),
            Note::Imported { at, exported_at } => self.imported = Some((*at, *exported_at)),
            Note::Delivered { intent } => {
                self.delivered(*intent);
                if let IntentId::Start(seq) = intent {
                    self.remotes.remove(seq); // it will not be started, and nobody waits for it
                }
            }
            Note::DefinitionChanged { .. } | Note::DefinitionRefused { .. } => self.note_definition(note),
        }
    }

    /// Takes in an event.
    pub fn apply(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::ActivityTaskScheduled { .. }
            | Event::TimerStarted { .. }
            | Event::StartChildWorkflowExecutionInitiated { .. }
            | Event::NexusOperationScheduled { .. } => self.begin(at, event),
            Event::ActivityTaskCompleted { seq, .. }
            | Event::ActivityTaskFailed { seq, .. }
            | Event::ActivityTaskTimedOut { seq, .. }
            | Event::ActivityTaskCanceled { seq, .. } => {
                self.activities.remove(seq);
            }
            Event::TimerFired { seq } | Event::TimerCanceled { seq } => {
                self.timers.remove(seq);
            }
            Event::WorkflowTaskCompleted {} => (self.blocked, self.begun) = (None, true),
            Event::WorkflowTaskFailed { failure } if failure.kind == FailureKind::Reset => {
                self.begin_again(at);
            }
            Event::WorkflowTaskFailed { failure } => {
                (self.blocked, self.begun) = (Some(failure.clone()), true);
            }
            Event::WorkflowPropertiesModified { details, .. } => {
                self.details = details.as_str().map(ToOwned::to_owned).or_else(|| self.details.take());
                self.visible.apply(event);
            }
            Event::UpsertWorkflowSearchAttributes { .. } => self.visible.apply(event),
            Event::MarkerRecorded { patch, deprecated: false, .. } => self.pinned.patches.push(patch.clone()),
            Event::WorkflowExecutionOptionsUpdated { attached, callback, .. } => {
                self.attached.extend(attached.clone());
                self.callbacks.extend(callback.as_deref().cloned());
            }
            Event::CommandCancelRequested { seq, wait: false, .. } => {
                self.remotes.entry(*seq).and_modify(|remote| remote.cancelled = !remote.detached);
                self.stop_command(*seq);
            }
            Event::CommandCancelRequested { seq, .. } => self.cancel_and_wait(*seq),
            Event::WorkflowExecutionCancelRequested { .. } => self.cancel_requested = true,
            Event::WorkflowExecutionPaused { .. } => self.status = RunStatus::Paused,
            Event::WorkflowExecutionUnpaused { .. } => self.status = RunStatus::Running,
            Event::WorkflowExecutionSignaled { .. }
            | Event::WorkflowExecutionUpdateAccepted { .. }
            | Event::WorkflowExecutionUpdateCompleted { .. } => self.messages.apply(event),
            Event::SignalExternalWorkflowExecutionInitiated { .. }
            | Event::RequestCancelExternalWorkflowExecutionInitiated { .. } => self.address(event),
            Event::ExternalWorkflowExecutionSignaled { seq }
            | Event::SignalExternalWorkflowExecutionFailed { seq, .. } => {
                self.outbox.remove(&IntentId::Signal(*seq));
            }
            _ => self.apply_remote(at, event),
        }
    }

    /// Puts a message to another run into the outbox.
    fn address(&mut self, event: &Event) {
        let (id, intent) = match event {
            Event::SignalExternalWorkflowExecutionInitiated {
                seq,
                workflow_id,
                target_namespace,
                run,
                name,
                input,
                ..
            } => {
                let namespace = target_namespace.clone().unwrap_or_else(|| self.namespace.clone());
                let key = Key { namespace, workflow_id: workflow_id.clone() };
                let (run, name, input) = (run.clone(), name.clone(), input.clone());
                (IntentId::Signal(*seq), Intent::Signal { key, run, name, input })
            }
            Event::RequestCancelExternalWorkflowExecutionInitiated { seq, workflow_id, .. } => {
                let key = Key { namespace: self.namespace.clone(), workflow_id: workflow_id.clone() };
                (IntentId::Cancel(*seq), Intent::Cancel(key, None))
            }
            _ => return,
        };
        self.outbox.insert(id, intent);
    }

    fn apply_remote(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::ChildWorkflowExecutionStarted { seq, namespace, workflow_id, run } => {
                let key = Key { namespace: namespace.clone(), workflow_id: workflow_id.clone() };
                self.remote_started(*seq, &Performer::of(key, run.clone()), None);
            }
            Event::NexusOperationStarted { seq, by, deadline } => self.remote_started(*seq, by, *deadline),
            Event::StartChildWorkflowExecutionFailed { seq, .. }
            | Event::ChildWorkflowExecutionCompleted { seq, .. }
            | Event::ChildWorkflowExecutionFailed { seq, .. }
            | Event::NexusOperationCompleted { seq, .. }
            | Event::NexusOperationFailed { seq, .. } => {
                self.remotes.remove(seq);
                for intent in [IntentId::Start(*seq), IntentId::Attach(*seq), IntentId::Cancel(*seq)] {
                    self.delivered(intent);
                }
            }
            Event::NexusOperationTimedOut { seq, .. } => self.time_out(*seq),
            _ => self.apply_close(at, event),
        }
    }

    fn apply_close(&mut self, at: Timestamp, event: &Event) {
        let (status, failure) = match event {
            Event::WorkflowExecutionCompleted { result, .. } => {
                self.result = result.clone();
                (RunStatus::Completed, None)
            }
            Event::WorkflowExecutionFailed { failure, retry, retry_state, .. } => {
                self.retry_state = *retry_state;
                self.successor = retry.as_ref().map(|retry| retry.new_run.clone());
                (RunStatus::Failed, Some(failure.clone()))
            }
            Event::WorkflowExecutionTimedOut { retry } => {
                self.successor = retry.as_ref().map(|retry| retry.new_run.clone());
                (RunStatus::TimedOut, Some(failures::run_timed_out()))
            }
            Event::WorkflowExecutionCanceled { reason } => {
                (RunStatus::Canceled, Some(failures::canceled(reason)))
            }
            Event::WorkflowExecutionTerminated { reason, reset } => {
                if let Some(to) = reset {
                    self.hand_over(to);
                }
                (RunStatus::Terminated, Some(failures::terminated(reason)))
            }
            Event::WorkflowExecutionContinuedAsNew { new_run, .. } => {
                self.successor = Some(new_run.clone());
                (RunStatus::ContinuedAsNew, None)
            }
            _ => return,
        };
        self.close(at, status, failure);
    }

    fn begin(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::ActivityTaskScheduled { seq, activity, input, options, at: place } => {
                let (name, input, options) = (activity.clone(), input.clone(), options.clone());
                let activity = Activity::new(name, input, options, place.clone(), at);
                self.activities.insert(*seq, activity);
            }
            Event::TimerStarted { seq, fire_at, .. } => {
                self.timers.insert(*seq, *fire_at);
            }
            _ => self.begin_remote(at, event),
        }
    }

    fn begin_remote(&mut self, at: Timestamp, event: &Event) {
        let (seq, call, detached, intent, place) = match event {
            Event::StartChildWorkflowExecutionInitiated {
                seq,
                workflow,
                workflow_id,
                input,
                parent_close_policy,
                options,
                detached,
                at: place,
            } => {
                let (workflow, workflow_id) = (workflow.clone(), workflow_id.clone());
                let call = RemoteCall::Child { workflow: workflow.clone(), policy: *parent_close_policy };
                let (input, options, detached) = (input.clone(), options.clone(), *detached);
                let intent = Intent::StartChild { workflow, workflow_id, input, options, detached };
                (seq, call, detached, intent, place)
            }
            Event::NexusOperationScheduled {
                seq,
                target,
                workflow_id,
                input,
                deadline,
                start_deadline,
                start_to_close_ms,
                retry,
                detached,
                abandon,
                options,
                at: place,
            } => {
                let (deadline, abandon, retry) = (*deadline, *abandon, retry.clone());
                let (start, start_to_close_ms) = (*start_deadline, *start_to_close_ms);
                let times = Times { close: deadline, start, start_to_close_ms, end: None };
                let call = RemoteCall::Nexus { target: target.clone(), times, retry, abandon };
                let (target, workflow_id, input) = (target.clone(), workflow_id.clone(), input.clone());
                let (options, detached) = (options.clone(), *detached);
                let intent =
                    Intent::StartOperation { target, workflow_id, input, options, deadline, detached };
                (seq, call, detached, intent, place)
            }
            _ => return,
        };
        self.outbox.insert(IntentId::Start(*seq), intent);
        let remote = Remote {
            call,
            handler: None,
            at: place.clone(),
            scheduled_at: at,
            detached,
            stopping: false,
            cancelled: false,
        };
        self.remotes.insert(*seq, remote);
    }

    fn remote_started(&mut self, seq: u64, by: &Performer, deadline: Option<Timestamp>) {
        self.delivered(IntentId::Start(seq));
        let Some(remote) = self.remotes.get_mut(&seq) else {
            return;
        };
        match (&mut remote.call, by.run()) {
            (RemoteCall::Child { .. }, Some(child)) => drop(self.children.insert(seq, child)),
            (RemoteCall::Nexus { times, .. }, _) => times.end = deadline,
            (RemoteCall::Child { .. }, None) => {}
        }
        remote.handler = Some(by.clone());
        let cancel = remote.cancel().filter(|_| remote.cancelled);
        if remote.stopping {
            self.stop_remote(seq);
        } else if let Some(cancel) = cancel {
            self.outbox.insert(IntentId::Cancel(seq), cancel);
        } else if remote.detached {
            self.remotes.remove(&seq);
        }
        self.attach(seq);
    }

    /// The program no longer wants the outcome of a command.
    fn stop_command(&mut self, seq: u64) {
        self.disown(seq);
        self.timers.remove(&seq);
        self.stop_remote(seq);
    }

    /// The time of an operation is over. One that is left alone is let go of, whether it has been started or not.
    fn time_out(&mut self, seq: u64) {
        self.stop_remote(seq);
        if self.remotes.get(&seq).is_some_and(|remote| !remote.stopping) {
            self.remotes.remove(&seq);
            self.delivered(IntentId::Start(seq));
        }
    }

    /// The program no longer waits for an activity. An attempt that is under way learns of that when it says that it
    /// is alive, and its end is nobody's concern.
    fn disown(&mut self, seq: u64) {
        let Some(activity) = self.activities.get_mut(&seq) else { return };
        (activity.cancelled, activity.unwanted) = (true, true);
        if activity.waiting {
            self.activities.remove(&seq);
        }
    }

    /// The program asked for a cancellation and waits for the end: an activity gets no further attempt, a remote run
    /// is asked as soon as it is known.
    fn cancel_and_wait(&mut self, seq: u64) {
        if let Some(activity) = self.activities.get_mut(&seq) {
            activity.cancelled = true;
        }
        let Some(remote) = self.remotes.get_mut(&seq) else { return };
        remote.cancelled = !remote.detached; // what is detached is nobody's to cancel
        if let Some(cancel) = remote.cancel() {
            self.outbox.insert(IntentId::Cancel(seq), cancel);
        }
    }

    /// Puts the request to stop into the outbox, or remembers to when the remote run is not known yet.
    fn stop_remote(&mut self, seq: u64) {
        let Some(remote) = self.remotes.get_mut(&seq) else {
            return;
        };
        let policy = remote.policy();
        let Some(handler) = remote.handler.clone() else {
            remote.stopping = policy != ParentClosePolicy::Abandon;
            return;
        };
        let intent = match (policy, handler.run()) {
            (ParentClosePolicy::Abandon, _) => None,
            (ParentClosePolicy::Terminate, Some((key, run))) => Some(Intent::Terminate(key, run)),
            _ => remote.cancel(),
        };
        // One request to stop is enough.
        self.delivered(IntentId::Cancel(seq));
        self.remotes.remove(&seq);
        self.outbox.extend(intent.map(|intent| (IntentId::Stop(seq), intent)));
    }

    fn close(&mut self, at: Timestamp, status: RunStatus, failure: Option<Failure>) {
        self.status = status;
        self.closed_at = Some(at);
        self.failure = failure;
        self.activities.clear();
        self.timers.clear();
        self.unseen.clear();
        self.blocked = None;
        self.machine = None;
        for seq in self.remotes.keys().copied().collect::<Vec<_>>() {
            self.stop_remote(seq);
        }
        self.outbox.retain(|id, _| !matches!(id, IntentId::Attach(_)));
        self.setbacks.retain(|id, _| self.outbox.contains_key(id));
        // A continued run hands on who wants to hear of it to its successor, which reports in its stead.
        if self.successor.is_some() {
            return;
        }
        if self.started.origin.as_ref().is_some_and(|origin| origin.reports) {
            self.outbox.insert(IntentId::Report, Intent::Report);
        }
        for (at, origin) in (0..).zip(self.attached.clone()) {
            self.outbox.insert(IntentId::Tell(at), Intent::Tell(Box::new(origin)));
        }
        for (at, callback) in (0..).zip(self.callbacks.clone()) {
            self.outbox.insert(IntentId::Complete(at), Intent::Complete(Box::new(callback)));
        }
    }
}
