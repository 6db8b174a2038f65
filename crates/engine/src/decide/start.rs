//! Starting runs: id policies, repeated requests, first workflow tasks, successors.

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::time::Timestamp;
use nexus_lang::twf::INTERPRETER_VERSION;
use nexus_lang::twf::machine::Machine;
use serde_json::Map;

use crate::decide::message::{self, First};
use crate::decide::{Context, Draft, Drafted, Successor, Transition, conclude, defaults, limits, on_run};
use crate::definition::Definition;
use crate::input::{Reply, Start};
use crate::interpret;
use crate::record::{Event, IdConflictPolicy, IdReusePolicy, OriginKind, RunOptions, Started};
use crate::schedule;
use crate::state::{KeyState, RunState};
use crate::version::place;

/// What stands where a new run is to be.
enum Place {
    /// Nothing that matters.
    Free,
    /// An open run that the request is content with.
    Existing(RunId),
    /// An open run that has to make room.
    Occupied(RunId),
    /// The id may not be used.
    Refused(Error),
}

/// Starts a run, as the id policies of the request allow it. A message that is there from the beginning belongs to the
/// same transition.
pub(super) fn start(
    state: &mut KeyState,
    mut request: Start,
    context: &Context<'_>,
    first: Option<First>,
) -> Transition {
    if let Some(repeated) = state.requests.get(&request.request_id) {
        let repeated = repeated.clone();
        if asks_otherwise(state, &repeated, &request) {
            let message = "the request id was used to ask for something else".to_owned();
            return Transition::refused(Error::new(&code::REQUEST_CONFLICT, message).run(repeated));
        }
        return repetition(repeated, first.as_ref());
    }
    if schedule::is_schedule(context.key) {
        let message = format!("workflow ids that begin with `{}` belong to schedules", schedule::KEY_PREFIX);
        return Transition::refused(
            Error::new(&code::ID_RESERVED, message).help("choose another workflow id"),
        );
    }
    if let Some(error) = limits::of_start(&request) {
        return Transition::refused(error);
    }
    let Some(definition) = chosen(&request, context) else {
        return Transition::refused(Error::new(&code::WORKFLOW_UNKNOWN, "no project is deployed"));
    };
    let is_child = request.origin.as_ref().is_some_and(|origin| origin.kind == OriginKind::Child);
    if let Some(info) = definition.program.workflow(&request.workflow).filter(|_| !is_child) {
        defaults::fill(&mut request.options, &info.default_options);
    }
    let place = place(state, &request, context);
    let occupied = match place {
        Place::Free => None,
        Place::Occupied(run) => Some(run),
        Place::Refused(error) => return Transition::refused(error),
        Place::Existing(run) => return attach(state, context, request, run),
    };
    let run_id = RunId::generate(context.now, context.rng);
    let started = started(request, &definition, context);
    // The input is looked at before anything is ended for it.
    let machine = match prepare(context, &run_id, &started, &definition) {
        Ok(machine) => machine,
        Err(error) => return Transition::refused(error),
    };
    let mut drafts: Vec<_> = occupied.and_then(|run| make_room(state, context, &run)).into_iter().collect();
    match launch(state, context, (run_id, started, machine), first) {
        Ok((drafted, reply)) => {
            drafts.push(drafted);
            conclude(state, context, drafts, reply)
        }
        Err(error) => Transition::refused(error),
    }
}

/// The definition of a new run: the best one that takes the input, or the best one to say why not.
fn chosen(request: &Start, context: &Context<'_>) -> Option<Arc<Definition>> {
    let choices = place::choices(request, context);
    let takes = |definition: &&Arc<Definition>| {
        let names = (request.workflow.as_str(), &request.input);
        let run = RunId::generate(context.now, context.rng);
        choices.len() == 1 || interpret::accepts((context.key, &run), names, definition).is_ok()
    };
    choices.iter().find(takes).or_else(|| choices.first()).cloned()
}

/// Whether a request of a known id asks for another operation than the one before.
fn asks_otherwise(state: &KeyState, run: &RunId, request: &Start) -> bool {
    let asked = request.operation.as_ref().and_then(|operation| operation.asked.as_ref());
    let before = state.run(run).and_then(|run| run.started.operation.as_ref()?.asked.as_ref());
    matches!((asked, before), (Some(asked), Some(before)) if asked != before)
}

/// What a request gets that was made before.
fn repetition(run: RunId, first: Option<&First>) -> Transition {
    match first {
        // Its run refused the update, which left no trace, and has ended since.
        Some(First::Update(update)) => {
            let message = format!("the run that was started for update {} has ended", update.name);
            Transition::refused(Error::new(&code::RUN_CLOSED, message).run(run))
        }
        _ => Transition::reply(Reply::Started { run, existing: true }),
    }
}

fn place(state: &KeyState, request: &Start, context: &Context<'_>) -> Place {
    let options = &request.options;
    if let Some(open) = state.open() {
        let run = open.run_id.clone();
        return match (options.conflict, options.reuse) {
            (IdConflictPolicy::TerminateExisting, _) | (_, IdReusePolicy::TerminateIfRunning) => {
                Place::Occupied(run)
            }
            (IdConflictPolicy::UseExisting, _) => Place::Existing(run),
            (IdConflictPolicy::Fail, _) => Place::Refused(already_running(context, open)),
        };
    }
    let Some(closed) = state.latest() else { return Place::Free };
    let is_free = match options.reuse {
        IdReusePolicy::AllowDuplicate | IdReusePolicy::TerminateIfRunning => true,
        IdReusePolicy::RejectDuplicate => false,
        IdReusePolicy::AllowDuplicateFailedOnly => {
            !matches!(closed.status, RunStatus::Completed | RunStatus::ContinuedAsNew)
        }
    };
    if is_free { Place::Free } else { Place::Refused(already_used(context, closed)) }
}

/// Gives an open run to a request that is content with it. A starter that wants to hear of the end will.
fn attach(state: &mut KeyState, context: &Context<'_>, request: Start, run: RunId) -> Transition {
    let reply = Reply::Started { run: run.clone(), existing: true };
    let (attached, callback) = (request.origin.filter(|origin| origin.reports), request.callback);
    if attached.is_none() && callback.is_none() {
        return Transition::reply(reply);
    }
    let request_id = request.request_id;
    state.requests.insert(request_id.clone(), run.clone());
    let event = Event::WorkflowExecutionOptionsUpdated { request_id, attached, callback };
    let done = on_run(state, &run, context, |draft| draft.emit(event));
    Transition { reply, ..done }
}

/// Ends the open run because its id is wanted.
fn make_room(state: &mut KeyState, context: &Context<'_>, run: &RunId) -> Option<Drafted> {
    let mut draft = Draft::new(state.run_mut(run)?, context);
    let reason = "a start with the same workflow id took its place".to_owned();
    draft.emit(Event::WorkflowExecutionTerminated { reason, reset: None });
    Some(draft.finish())
}

/// The started event of a request.
fn started(request: Start, definition: &Definition, context: &Context<'_>) -> Started {
    let options = request.options;
    let delay = options.start_delay_ms.filter(|delay| *delay > 0);
    let first_task_at = delay.map(|delay| after(context.now, delay));
    let begins = first_task_at.unwrap_or(context.now);
    let execution_deadline = options.run.execution_timeout_ms.map(|limit| after(begins, limit));
    Started {
        workflow: request.workflow,
        definition: definition.hash.clone(),
        interpreter: INTERPRETER_VERSION,
        input: request.input,
        task_queue: options.task_queue.unwrap_or(request.task_queue),
        request_id: request.request_id,
        origin: request.origin,
        run_deadline: run_deadline(&options.run, begins, execution_deadline),
        execution_deadline,
        first_task_at,
        memo: facts(options.memo),
        search_attributes: facts(options.search_attributes),
        options: options.run,
        last_result: options.last_result,
        last_failure: options.last_failure,
        operation: request.operation,
        callbacks: request.callback.map(|callback| *callback).into_iter().collect(),
        ..Started::default()
    }
}

/// When one run's time is up: never later than that of its whole chain.
fn run_deadline(options: &RunOptions, begins: Timestamp, execution: Option<Timestamp>) -> Option<Timestamp> {
    let own = options.run_timeout_ms.map(|limit| after(begins, limit));
    own.into_iter().chain(execution).min()
}

/// Facts as a started event holds them.
fn facts(given: Map<String, Json>) -> Json {
    if given.is_empty() { Json::Null } else { Json::Object(given) }
}

fn after(at: Timestamp, ms: u64) -> Timestamp {
    at.plus(Duration::from_millis(ms))
}

/// Starts the run that continues the latest one: same id, same origin, the newest definition. What the run before said
/// about itself is kept, and so is the end of the chain's time; the run's own time begins anew.
pub(super) fn successor(state: &mut KeyState, context: &Context<'_>, next: Successor) -> Option<Drafted> {
    let closed = state.latest()?;
    let (first_task_at, last_failure) =
        next.retry.map_or((next.begins, None), |(at, why)| (Some(at), Some(why)));
    let options = closed.started.options.clone();
    let begins = first_task_at.unwrap_or(context.now);
    let started = Started {
        input: next.input,
        tokens: next.tokens,
        unread: next.unread,
        interpreter: INTERPRETER_VERSION,
        continued_from: Some(closed.run_id.clone()),
        first_run: Some(closed.first_run().clone()),
        memo: closed.visible.memo_json(),
        search_attributes: closed.visible.search_attributes_json(),
        run_deadline: run_deadline(&options, begins, closed.started.execution_deadline),
        attempt: if last_failure.is_some() { closed.started.attempt + 1 } else { 1 },
        attached: closed.attached.clone(),
        callbacks: closed.callbacks.clone(),
        first_task_at,
        last_failure,
        options,
        reset: None,
        ..closed.started.clone()
    };
    // A chain must not end because files were edited: input that the newest definition does not take is for the old one.
    let own = || (context.definition)(closed.definition());
    let (started, machine) =
        [newest(context, closed), own()].into_iter().flatten().find_map(|definition| {
            let started = Started { definition: definition.hash.clone(), ..started.clone() };
            let machine = prepare(context, &next.run, &started, &definition).ok()?;
            Some((started, machine))
        })?;
    launch(state, context, (next.run, started, machine), None).ok().map(|(drafted, _)| drafted)
}

/// The deployed definition when it still has the workflow, else the one the run had.
pub(super) fn newest(context: &Context<'_>, run: &RunState) -> Option<Arc<Definition>> {
    let has_it = |definition: &Arc<Definition>| definition.program.workflow(&run.started.workflow).is_some();
    context.current.clone().filter(has_it).or_else(|| (context.definition)(run.definition()))
}

/// The program before its first task; an error when the input does not fit.
fn prepare(
    context: &Context<'_>,
    run_id: &RunId,
    started: &Started,
    definition: &Definition,
) -> Result<Machine, Error> {
    interpret::begin(context.key, run_id, started, definition, context.now).map_err(|error| {
        Error::new(&code::INPUT_INVALID, format!("the input does not fit {}", started.workflow))
            .fault(error.path, error.message)
    })
}

/// Adds a run and lets it do its first task, unless that has to wait.
fn launch(
    state: &mut KeyState,
    context: &Context<'_>,
    (run_id, started, machine): (RunId, Started, Machine),
    first: Option<First>,
) -> Result<(Drafted, Reply), Error> {
    let mut run = RunState::new(context.key.namespace.clone(), run_id, started.clone(), context.now);
    run.machine = Some(machine);
    state.add(run);
    let Some(run) = state.runs.last_mut() else {
        return Err(Error::internal("a run that was just added is gone"));
    };
    let mut draft = Draft::new(run, context);
    draft.append(Event::WorkflowExecutionStarted(Box::new(started)));
    draft.program_is_due = true;
    let mut reply = Reply::Started { run: draft.run.run_id.clone(), existing: false };
    match first {
        Some(First::Signal(signal)) => {
            draft.emit(message::signaled(signal));
            // The signal that a run is started with does not cut its delay short; a later one does.
            draft.cuts_delay = false;
            draft.advance();
        }
        Some(First::Update(update)) => {
            draft.advance();
            reply = message::first_update(&mut draft, update);
        }
        None => draft.advance(),
    }
    Ok((draft.finish(), reply))
}

fn already_running(context: &Context<'_>, open: &RunState) -> Error {
    let id = &context.key.workflow_id;
    Error::new(&code::ALREADY_RUNNING, format!("a run with the workflow id \"{id}\" is open"))
        .help(format!("wait for {} to end, or choose another workflow id", open.run_id))
        .run(open.run_id.clone())
}

fn already_used(context: &Context<'_>, closed: &RunState) -> Error {
    let (id, status) = (&context.key.workflow_id, closed.status.as_str());
    let message = format!("the workflow id \"{id}\" was used by a run that is {status}");
    Error::new(&code::ID_USED, message)
        .help("choose another workflow id, or a reuse policy that allows it")
        .run(closed.run_id.clone())
}
