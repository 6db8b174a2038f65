//! Between histories and programs: events go in, commands come out as events.

use nexus_kernel::Json;
use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::{Key, RunId, WorkflowId};
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::log::Stored;
use nexus_kernel::time::Timestamp;
use nexus_lang::twf::machine::{
    self, Command, CommandKind, Event as ProgramEvent, InputError, Machine, RunInfo, SignalTarget, TaskInfo,
};
use std::sync::Arc;
use std::time::Duration;

use crate::activity::{limits as activity_limits, options};
use crate::chain;
use crate::convert::{
    child_options, close_policy, from_program, nexus_options, operation_target, positive, priority,
    retry_policy, to_program,
};
use crate::decide::limits;
use crate::definition::Definition;
use crate::divergence::{diverged, is_command, message_lost, same_command};
use crate::record::{
    ActivityOptions, Event, Origin, OriginKind, Priority, Record, StartOptions, Started, TraceRecord,
};
use crate::state::RunState;

/// A program before its first task: its input, and the messages that the run before it left.
pub(crate) fn begin(
    key: &Key,
    run_id: &RunId,
    started: &Started,
    definition: &Definition,
    at: Timestamp,
) -> Result<Machine, InputError> {
    let program = &definition.program;
    let mut machine = Machine::start(program, run_info(key, run_id, started, at), &started.input)?;
    let carried = machine.carry(program, &started.tokens);
    carried
        .and_then(|()| machine.carry_unread(program, &started.unread))
        .map_err(|fault| InputError::new("input", fault.message))?;
    Ok(machine)
}

/// Whether a workflow of a definition takes an input.
pub(crate) fn accepts(
    (key, run_id): (&Key, &RunId),
    (workflow, input): (&str, &Json),
    definition: &Definition,
) -> Result<(), InputError> {
    let info = RunInfo {
        namespace: key.namespace.to_string(),
        workflow_id: key.workflow_id.to_string(),
        run_id: run_id.to_string(),
        workflow_type: workflow.to_owned(),
        task_queue: String::new(),
        attempt: 1,
        started_at_ms: 0,
        seed: 0,
        ..RunInfo::default()
    };
    Machine::start(&definition.program, info, input).map(|_| ())
}

/// What a program is told about its run.
fn run_info(key: &Key, run_id: &RunId, started: &Started, at: Timestamp) -> RunInfo {
    // A schedule is no run that could be signalled, and no caller of an operation.
    let origin = started.origin.as_ref().filter(|origin| origin.kind != OriginKind::Schedule);
    let outside = started.operation.as_ref().and_then(|operation| operation.caller.as_ref());
    let outside = outside.map(|caller| serde_json::json!(caller));
    RunInfo {
        namespace: key.namespace.to_string(),
        workflow_id: key.workflow_id.to_string(),
        run_id: run_id.to_string(),
        workflow_type: started.workflow.clone(),
        task_queue: started.task_queue.clone(),
        attempt: started.attempt,
        started_at_ms: at.millis(),
        seed: started.original(run_id).seed(),
        last_result: started.last_result.clone(),
        last_failure: started.last_failure.as_ref().map_or(Json::Null, |failure| serde_json::json!(failure)),
        parent_id: origin.map(|origin| origin.key.workflow_id.to_string()),
        caller: outside.or_else(|| origin.map(caller)),
    }
}

/// The run that called, as programs see it.
fn caller(origin: &Origin) -> Json {
    serde_json::json!({
        "namespace": origin.key.namespace,
        "workflow_id": origin.key.workflow_id,
        "run_id": origin.run,
    })
}

/// One workflow task: the program takes in what it has not seen and says what is to be done. On success the events
/// begin with `WorkflowTaskCompleted`; when the program cannot go on, the run is blocked and stays open.
pub(crate) fn task(key: &Key, run: &mut RunState, definition: &Definition, at: Timestamp) -> Vec<Event> {
    let unseen = std::mem::take(&mut run.unseen);
    let Some(mut machine) = run.machine.take() else {
        return Vec::new();
    };
    let info = TaskInfo {
        now_ms: at.millis(),
        history_length: run.next_event - 1,
        history_bytes: run.history_bytes,
        replaying: false,
    };
    match machine.task(&definition.program, &info, &unseen) {
        Ok(commands) => {
            if let Some((span, failure)) = activity_limits::refusal(run, &commands) {
                let failure = Failure { at: Some(definition.place(span)), ..failure };
                let told = run.blocked.is_some();
                return if told { Vec::new() } else { vec![Event::WorkflowTaskFailed { failure }] };
            }
            run.machine = Some(machine);
            let translate = Translate { key, run, definition, at };
            let commands: Vec<Event> =
                commands.iter().filter_map(|command| translate.event(command)).collect();
            if let Some(failure) = limits::of_task(run, &commands) {
                // What the program did is forgotten with its state: it is rebuilt and tries again with the next event.
                run.machine = None;
                return if run.blocked.is_some() {
                    Vec::new()
                } else {
                    vec![Event::WorkflowTaskFailed { failure }]
                };
            }
            std::iter::once(Event::WorkflowTaskCompleted {}).chain(commands).collect()
        }
        // The machine is dropped: it is rebuilt from history when the next event arrives.
        Err(_) if run.blocked.is_some() => Vec::new(),
        Err(fault) => {
            let failure = Failure {
                at: Some(definition.place(fault.span)),
                ..Failure::new(FailureKind::Server, fault.code, fault.message)
            };
            vec![Event::WorkflowTaskFailed { failure }]
        }
    }
}

/// Why a program could not be rebuilt.
#[derive(Debug)]
pub(crate) enum ReplayError {
    /// A record cannot be read.
    Damaged(String),
    /// The program does not do what its history says.
    Program(Failure),
}

/// Rebuilds a program from its run's records, and gives what it has not taken in yet. The commands it makes must be
/// those of the history.
pub(crate) fn replay(
    key: &Key,
    run: &RunState,
    definition: &Definition,
    records: &[Stored],
) -> Result<(Machine, Vec<ProgramEvent>), ReplayError> {
    replay_observed(key, run, (definition, records), &mut |_, _| {})
}

/// The same, with somebody who looks at the program after each task: the id of the event that ended it comes along.
pub(crate) fn replay_observed(
    key: &Key,
    run: &RunState,
    (definition, records): (&Definition, &[Stored]),
    observe: &mut dyn FnMut(u64, &Machine),
) -> Result<(Machine, Vec<ProgramEvent>), ReplayError> {
    let mut rebuilt = Rebuilt::begin(key, run, definition)?;
    rebuilt.feed(key, run, (definition, records), observe)?;
    Ok((rebuilt.machine, rebuilt.unseen))
}

/// A program that has been brought as far as some records go.
#[derive(Debug, Clone)]
pub(crate) struct Rebuilt {
    /// The program.
    pub machine: Machine,
    /// What it has not taken in yet.
    pub unseen: Vec<ProgramEvent>,
    /// Sequence of the last record.
    pub through: u64,
    seen: u64,
    bytes: u64,
    /// The definition that took in the messages of the history, when it may be another one.
    before: Option<Arc<Definition>>,
}

impl Rebuilt {
    /// A program at its very beginning.
    pub(crate) fn begin(key: &Key, run: &RunState, definition: &Definition) -> Result<Rebuilt, ReplayError> {
        let begun = begin(key, &run.run_id, &run.started, definition, run.started_at);
        let machine = begun.map_err(|error| ReplayError::Program(unfit(run, definition, &error)))?;
        Ok(Rebuilt { machine, unseen: Vec::new(), through: 0, seen: 0, bytes: 0, before: None })
    }

    /// Minds that messages which the definition before took are taken by this one, too.
    pub(crate) fn instead_of(self, before: Option<Arc<Definition>>) -> Rebuilt {
        Rebuilt { before, ..self }
    }

    /// Takes in further records. The commands that the program makes must be those of the records.
    pub(crate) fn feed(
        &mut self,
        key: &Key,
        run: &RunState,
        (definition, records): (&Definition, &[Stored]),
        observe: &mut dyn FnMut(u64, &Machine),
    ) -> Result<(), ReplayError> {
        let unseen = std::mem::take(&mut self.unseen);
        let before = self.before.as_deref();
        let mut replay =
            Replay { key, run, definition, seen: self.seen, bytes: self.bytes, unseen, before, observe };
        for stored in records {
            let record = Record::decode(&stored.record).map_err(ReplayError::Damaged)?;
            for part in record.runs.iter().filter(|part| part.run == run.run_id) {
                let at = part.at(record.at);
                replay.part(&mut self.machine, at, &part.events).map_err(ReplayError::Program)?;
                replay.bytes +=
                    part.copied.map_or_else(|| record.own_bytes(stored.record.len()), |it| it.bytes);
            }
            self.through = stored.sequence;
        }
        (self.seen, self.bytes, self.unseen) = (replay.seen, replay.bytes, replay.unseen);
        Ok(())
    }
}

/// Why a definition has no program for a run that exists.
fn unfit(run: &RunState, definition: &Definition, error: &InputError) -> Failure {
    let workflow = &run.started.workflow;
    let Some(info) = definition.program.workflow(workflow) else {
        let message = format!("there is no workflow {workflow} any more");
        return Failure::new(FailureKind::Server, "WorkflowRemoved", message);
    };
    let message = format!("the run's input does not fit {workflow}: {error}");
    let failure = Failure::new(FailureKind::Server, "InputInvalid", message);
    Failure { at: Some(definition.place(info.span)), ..failure }
}

struct Replay<'a> {
    key: &'a Key,
    run: &'a RunState,
    definition: &'a Definition,
    seen: u64,
    bytes: u64,
    unseen: Vec<ProgramEvent>,
    before: Option<&'a Definition>,
    observe: &'a mut dyn FnMut(u64, &Machine),
}

impl Replay<'_> {
    fn part(&mut self, machine: &mut Machine, at: Timestamp, events: &[Event]) -> Result<(), Failure> {
        let mut events = events.iter();
        while let Some(event) = events.next() {
            if matches!(event, Event::WorkflowTaskCompleted {}) {
                let id = self.seen + 1;
                self.batch(machine, at, &mut events)?;
                (self.observe)(id, machine);
            } else if is_command(event) {
                return Err(diverged(self.seen + 1, Some(event), None));
            } else {
                let names = (self.run.started.workflow.as_str(), self.seen + 1);
                if let Some(before) = self.before
                    && let Some(failure) = message_lost(names, event, (before, self.definition))
                {
                    return Err(failure);
                }
                self.unseen.extend(incoming(event));
            }
            self.seen += 1;
        }
        Ok(())
    }

    fn batch(
        &mut self,
        machine: &mut Machine,
        at: Timestamp,
        recorded: &mut std::slice::Iter<'_, Event>,
    ) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.unseen);
        let info = TaskInfo {
            now_ms: at.millis(),
            history_length: self.seen,
            history_bytes: self.bytes,
            replaying: true,
        };
        machine.recall(patches(recorded.as_slice()));
        let commands = machine.task(&self.definition.program, &info, &batch).map_err(|fault| Failure {
            at: Some(self.definition.place(fault.span)),
            ..Failure::new(FailureKind::Server, fault.code, fault.message)
        })?;
        let translate = Translate { key: self.key, run: self.run, definition: self.definition, at };
        for command in &commands {
            let Some(made) = translate.event(command) else { continue };
            self.pass_over(machine, recorded, Some(&made));
            let kept = recorded.next();
            self.seen += 1;
            if kept.is_none_or(|kept| !same_command(kept, &made)) {
                return Err(diverged(self.seen + 1, kept, Some(&made)));
            }
        }
        self.pass_over(machine, recorded, None);
        Ok(())
    }

    /// Passes over deprecated markers that the program does not ask for any more.
    fn pass_over(
        &mut self,
        machine: &mut Machine,
        recorded: &mut std::slice::Iter<'_, Event>,
        made: Option<&Event>,
    ) {
        while let [next @ Event::MarkerRecorded { patch, deprecated: true, .. }, ..] = recorded.as_slice()
            && made.is_none_or(|made| !same_command(next, made))
        {
            machine.note_patch(patch);
            recorded.next();
            self.seen += 1;
        }
    }
}

/// The changes that a task's commands mark as in effect.
fn patches(recorded: &[Event]) -> Vec<String> {
    let of_task = recorded.iter().take_while(|event| !matches!(event, Event::WorkflowTaskCompleted {}));
    let patch = |event: &Event| match event {
        Event::MarkerRecorded { patch, .. } => Some(patch.clone()),
        _ => None,
    };
    of_task.filter_map(patch).collect()
}

/// What an event tells the program, if anything.
pub(crate) fn incoming(event: &Event) -> Option<ProgramEvent> {
    Some(match event {
        Event::ActivityTaskCompleted { seq, result } => {
            ProgramEvent::ActivityCompleted { seq: *seq, result: result.clone() }
        }
        Event::ActivityTaskFailed { seq, failure, .. }
        | Event::ActivityTaskTimedOut { seq, failure, .. }
        | Event::ActivityTaskCanceled { seq, failure } => {
            ProgramEvent::ActivityFailed { seq: *seq, failure: to_program(failure) }
        }
        Event::TimerFired { seq } => ProgramEvent::TimerFired { seq: *seq },
        Event::StartChildWorkflowExecutionFailed { seq, failure } => {
            ProgramEvent::ChildStartFailed { seq: *seq, failure: to_program(failure) }
        }
        Event::ChildWorkflowExecutionStarted { seq, run, .. } => {
            ProgramEvent::ChildStarted { seq: *seq, run_id: run.to_string() }
        }
        Event::ChildWorkflowExecutionCompleted { seq, result } => {
            ProgramEvent::ChildCompleted { seq: *seq, result: result.clone() }
        }
        Event::ChildWorkflowExecutionFailed { seq, failure } => {
            ProgramEvent::ChildFailed { seq: *seq, failure: to_program(failure) }
        }
        Event::NexusOperationStarted { seq, .. } => ProgramEvent::NexusStarted { seq: *seq },
        Event::NexusOperationCompleted { seq, result } => {
            ProgramEvent::NexusCompleted { seq: *seq, result: result.clone() }
        }
        Event::NexusOperationFailed { seq, failure } | Event::NexusOperationTimedOut { seq, failure } => {
            ProgramEvent::NexusFailed { seq: *seq, failure: to_program(failure) }
        }
        Event::ExternalWorkflowExecutionSignaled { seq } => {
            ProgramEvent::SignalSent { seq: *seq, failure: None }
        }
        Event::SignalExternalWorkflowExecutionFailed { seq, failure } => {
            ProgramEvent::SignalSent { seq: *seq, failure: Some(to_program(failure)) }
        }
        Event::WorkflowExecutionSignaled { name, input, .. } => {
            ProgramEvent::Signaled { name: name.clone(), input: input.clone() }
        }
        Event::WorkflowExecutionUpdateAccepted { id, name, input } => {
            ProgramEvent::Updated { id: id.clone(), name: name.clone(), input: input.clone() }
        }
        Event::WorkflowExecutionCancelRequested { reason } => {
            ProgramEvent::CancelRequested { reason: reason.clone() }
        }
        _ => return None,
    })
}

/// The event that a command becomes, if any. The run is as it was when the command was made.
pub(crate) fn event_of(
    key: &Key,
    run: &RunState,
    definition: &Definition,
    (at, command): (Timestamp, &Command),
) -> Option<Event> {
    Translate { key, run, definition, at }.event(command)
}

/// Turns a program's commands into events.
struct Translate<'a> {
    key: &'a Key,
    run: &'a RunState,
    definition: &'a Definition,
    at: Timestamp,
}

impl Translate<'_> {
    fn event(&self, command: &Command) -> Option<Event> {
        let (seq, at) = (command.seq, self.definition.place(command.span));
        Some(match &command.kind {
            CommandKind::ScheduleActivity { name, input, options } => Event::ActivityTaskScheduled {
                seq,
                activity: name.clone(),
                input: input.clone(),
                options: self.activity_options(options),
                at,
            },
            CommandKind::StartTimer { duration_ms } => {
                let wait = Duration::from_millis(u64::try_from(*duration_ms).unwrap_or(0));
                Event::TimerStarted { seq, fire_at: self.at.plus(wait), at }
            }
            CommandKind::CancelTimer { timer } => Event::TimerCanceled { seq: *timer },
            CommandKind::RequestCancel { target, wait } => {
                Event::CommandCancelRequested { seq: *target, wait: *wait, at }
            }
            CommandKind::StartChild { .. } | CommandKind::ScheduleNexus { .. } => self.remote(command, at)?,
            CommandKind::SendSignal { .. } | CommandKind::CancelExternal { .. } => {
                self.message(command, at)?
            }
            CommandKind::UpsertMemo { .. }
            | CommandKind::RecordMarker { .. }
            | CommandKind::SetDetails { .. }
            | CommandKind::UpsertSearchAttributes { .. } => note(command, at)?,
            CommandKind::CompleteUpdate { id, outcome } => Event::WorkflowExecutionUpdateCompleted {
                seq,
                id: id.clone(),
                result: outcome.as_ref().map_or(Json::Null, Clone::clone),
                failure: outcome.as_ref().err().map(from_program),
                at,
            },
            // What is applied again after a reset is not asked for before: its refusal is its answer.
            CommandKind::RejectUpdate { id, failure } => Event::WorkflowExecutionUpdateCompleted {
                seq,
                id: id.clone(),
                result: Json::Null,
                failure: Some(from_program(failure)),
                at,
            },
            _ => return self.closing(command, at),
        })
    }

    fn closing(&self, command: &Command, at: String) -> Option<Event> {
        Some(match &command.kind {
            CommandKind::Complete { result } => {
                Event::WorkflowExecutionCompleted { result: result.clone(), at }
            }
            CommandKind::Cancel { failure } => {
                Event::WorkflowExecutionCanceled { reason: failure.message.clone() }
            }
            CommandKind::Fail { failure } => {
                let failure = from_program(failure);
                let (retry, retry_state) = chain::after_failure(self.run, &failure, self.at);
                Event::WorkflowExecutionFailed { failure, at, retry, retry_state }
            }
            CommandKind::ContinueAsNew { input, tokens, unread } => {
                let new_run = chain::next_run(self.run, self.at);
                Event::WorkflowExecutionContinuedAsNew {
                    new_run,
                    input: input.clone(),
                    tokens: tokens.clone(),
                    unread: unread.clone(),
                    at,
                }
            }
            CommandKind::Log { level, message } => {
                let (run, workflow) = (self.run.run_id.as_str(), self.run.started.workflow.as_str());
                tracing::info!(target: "nexus::workflow", run, workflow, level = %level, "{message}");
                return None;
            }
            _ => return None,
        })
    }

    fn remote(&self, command: &Command, at: String) -> Option<Event> {
        let seq = command.seq;
        Some(match &command.kind {
            CommandKind::ScheduleNexus { target, input, options, detached } => {
                Event::NexusOperationScheduled {
                    seq,
                    target: operation_target(target),
                    workflow_id: options.workflow_id.as_deref().and_then(|id| WorkflowId::new(id).ok()),
                    input: input.clone(),
                    deadline: options.schedule_to_close_ms.map(|ms| self.after(ms)),
                    start_deadline: options.schedule_to_start_ms.map(|ms| self.after(ms)),
                    start_to_close_ms: options.start_to_close_ms.map(positive),
                    retry: options.retry.as_ref().map(retry_policy),
                    detached: *detached,
                    abandon: options.cancellation_type.as_deref() == Some("abandon"),
                    options: Box::new(self.nexus_options(options)),
                    at,
                }
            }
            CommandKind::StartChild { workflow, input, options, detached } => {
                Event::StartChildWorkflowExecutionInitiated {
                    seq,
                    workflow: workflow.clone(),
                    workflow_id: self.workflow_id(&options.workflow_id),
                    input: input.clone(),
                    parent_close_policy: close_policy(&options.parent_close_policy),
                    options: Box::new(self.child_options(options)),
                    detached: *detached,
                    at,
                }
            }
            _ => return None,
        })
    }

    fn after(&self, ms: i64) -> Timestamp {
        self.at.plus(Duration::from_millis(positive(ms)))
    }

    fn message(&self, command: &Command, at: String) -> Option<Event> {
        let seq = command.seq;
        Some(match &command.kind {
            CommandKind::SendSignal { target, name, input } => {
                let (key, run) = match target {
                    SignalTarget::Child { seq } => {
                        let (key, run) = self.run.children.get(seq).cloned()?;
                        (key, Some(run))
                    }
                    SignalTarget::External { workflow_id, .. } => {
                        let namespace = self.key.namespace.clone();
                        (Key { namespace, workflow_id: self.workflow_id(workflow_id) }, None)
                    }
                };
                Event::SignalExternalWorkflowExecutionInitiated {
                    seq,
                    workflow_id: key.workflow_id,
                    target_namespace: Some(key.namespace),
                    run,
                    name: name.clone(),
                    input: input.clone(),
                    at,
                }
            }
            CommandKind::CancelExternal { workflow_id, .. } => {
                let workflow_id = self.workflow_id(workflow_id);
                Event::RequestCancelExternalWorkflowExecutionInitiated { seq, workflow_id, at }
            }
            _ => return None,
        })
    }

    /// The program makes an id when the call gives none (H9); one that is too long is cut down to its hash.
    fn workflow_id(&self, chosen: &str) -> WorkflowId {
        let hashed = || WorkflowId::new(Hash::of(chosen.as_bytes()).as_str());
        WorkflowId::new(chosen).or_else(|_| hashed()).unwrap_or_else(|_| self.key.workflow_id.clone())
    }

    fn child_options(&self, given: &machine::ChildOptions) -> StartOptions {
        let mut options = child_options(given);
        options.run.priority = self.inherited(options.run.priority.take());
        options.run.session.clone_from(&self.run.started.options.session);
        options.run.trace = self.trace();
        options
    }

    fn nexus_options(&self, given: &machine::NexusOptions) -> StartOptions {
        let mut options = nexus_options(given);
        options.run.trace = self.trace();
        options
    }

    /// Where what this run starts stands: below the run.
    fn trace(&self) -> Option<TraceRecord> {
        let own = self.run.started.options.trace_of(&self.run.run_id);
        own.as_ref().map(TraceRecord::of)
    }

    fn activity_options(&self, given: &machine::ActivityOptions) -> ActivityOptions {
        let run_timeout = self.run.started.run_deadline.map(|end| end.since(self.run.created_at()));
        let run_timeout_ms =
            run_timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        let filled = options::fill_in(given, &self.run.started.task_queue, run_timeout_ms);
        let priority = self.inherited(given.priority.as_ref().map(priority));
        ActivityOptions { priority: priority.as_ref().map(options::of_run), ..filled }
    }

    /// A priority with the run's own where it says nothing (language page, section 15.15).
    fn inherited(&self, own: Option<Priority>) -> Option<Priority> {
        Priority::inherited(own, self.run.started.options.priority.as_ref())
    }
}

/// What a program notes about its own run.
fn note(command: &Command, at: String) -> Option<Event> {
    let seq = command.seq;
    Some(match &command.kind {
        CommandKind::RecordMarker { patch, deprecated } => {
            Event::MarkerRecorded { patch: patch.clone(), deprecated: *deprecated, at }
        }
        CommandKind::UpsertMemo { fields } => {
            Event::WorkflowPropertiesModified { seq, memo: fields.clone(), details: Json::Null, at }
        }
        CommandKind::SetDetails { text } => {
            let details = Json::String(text.clone());
            Event::WorkflowPropertiesModified { seq, memo: Json::Null, details, at }
        }
        CommandKind::UpsertSearchAttributes { fields } => {
            Event::UpsertWorkflowSearchAttributes { seq, attributes: fields.clone(), at }
        }
        _ => return None,
    })
}
