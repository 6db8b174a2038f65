//! Resetting a run: a new run takes over its history up to a workflow task, and does that task anew.

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;
use nexus_kernel::limits::SIGNALS_MAX;
use nexus_kernel::port::log::Stored;
use nexus_lang::twf::INTERPRETER_VERSION;
use nexus_lang::twf::machine::{Event as ProgramEvent, Machine};

use crate::decide::{Context, Draft, Drafted, Transition, conclude, on_run, start};
use crate::definition::Definition;
use crate::effect;
use crate::failures;
use crate::input::{Reply, Waiter};
use crate::interpret::{self, ReplayError};
use crate::record::{Event, IntentId, Note, Record, ResetFrom, ResetTo, RunPart, Started, VERSION};
use crate::reset::past::{Past, PastRun, reapplied};
use crate::reset::{Pin, Reset, ResetRequest, point};
use crate::shard::load::damaged;
use crate::state::{KeyState, RunState};

/// A reset that has been found possible.
struct Plan {
    /// The run whose history is taken over.
    base: RunId,
    /// Who goes on in the stead of an open run of the same chain.
    to: ResetTo,
    /// Its history so far.
    copies: Vec<RunPart>,
    /// Its program after that, and what the program has not taken in.
    program: (Machine, Vec<ProgramEvent>),
    /// What is applied again.
    reapplied: Vec<Event>,
}

/// Resets a run. A repeated request is the same reset.
pub(super) fn reset(state: &mut KeyState, reset: Reset, context: &Context<'_>) -> Transition {
    let Reset { request, records } = reset;
    if let Some(run) = state.requests.get(&request.request_id) {
        return Transition::reply(Reply::Started { run: run.clone(), existing: true });
    }
    let past = match Past::read(context.key, &records) {
        Ok(past) => past,
        Err(error) => return Transition::refused(error),
    };
    match plan(&past, &request, context) {
        Ok(plan) => carry_out(state, context, &request, plan),
        Err(error) => Transition::refused(error),
    }
}

/// Everything that can be refused is looked at before anything is ended.
fn plan(past: &Past, request: &ResetRequest, context: &Context<'_>) -> Result<Plan, Error> {
    let (base, task) = point::find(past, request.run.as_ref(), &request.target)?;
    let event = task - 1;
    let unknown = || Error::internal("a run that was found has no state");
    let definition = definition(base.state(past).ok_or_else(unknown)?, request.pin, context)?;
    let started = started((past, base), event, (request, &definition), context).ok_or_else(unknown)?;
    let run = RunId::generate(context.now, context.rng);
    let copies = base.copy(event, &run, &started);
    let (state, program) =
        rebuilt(context, &copies, &definition).map_err(|error| error.run(base.id.clone()))?;
    let reapplied = reapplied(&state, &past.after(base, event), &request.exclude);
    let is_signal = |event: &&Event| matches!(event, Event::WorkflowExecutionSignaled { .. });
    if state.messages.signals() + reapplied.iter().filter(is_signal).count() > SIGNALS_MAX {
        let message = format!("the new run would begin with more than {SIGNALS_MAX} signals");
        return Err(Error::new(&code::LIMIT_REACHED, message)
            .help("`--exclude signal` leaves those after the point out")
            .run(base.id.clone()));
    }
    let kept = started.reset.as_ref().map_or(0, |reset| reset.kept());
    Ok(Plan { base: base.id.clone(), to: ResetTo { run, kept }, copies, program, reapplied })
}

/// The definition that the new run is pinned to.
fn definition(base: &RunState, pin: Pin, context: &Context<'_>) -> Result<Arc<Definition>, Error> {
    let found = match pin {
        Pin::Current => start::newest(context, base),
        Pin::Pinned => (context.definition)(base.definition()),
    };
    found.ok_or_else(|| {
        let message = format!("the definition of {} is not there", base.started.workflow);
        Error::new(&code::RESET_INVALID, message)
            .help("deploy a project that has the workflow")
            .run(base.run_id.clone())
    })
}

/// The started event of the new run. Its time begins anew.
fn started(
    (past, base): (&Past, &PastRun),
    event: u64,
    (request, definition): (&ResetRequest, &Definition),
    context: &Context<'_>,
) -> Option<Started> {
    let run = base.state(past)?;
    let kept = base.commands_up_to(event);
    let before = run.started.reset.as_deref();
    let issuers = before.into_iter().flat_map(|reset| reset.issuers.clone());
    let mut issuers: Vec<_> = issuers.filter(|(_, last)| *last < kept).collect();
    issuers.push((run.issuer(kept).clone(), kept));
    let mut replaced = base.children_after(event);
    replaced.extend(before.into_iter().flat_map(|reset| reset.replaced.clone()));
    let options = &run.started.options;
    let until = |limit: Option<u64>| limit.map(|ms| context.now.plus(Duration::from_millis(ms)));
    let execution_deadline = until(options.execution_timeout_ms);
    Some(Started {
        definition: definition.hash.clone(),
        interpreter: INTERPRETER_VERSION,
        request_id: request.request_id.clone(),
        first_run: Some(run.first_run().clone()),
        execution_deadline,
        run_deadline: until(options.run_timeout_ms).into_iter().chain(execution_deadline).min(),
        first_task_at: None,
        reset: Some(Box::new(ResetFrom {
            run: run.run_id.clone(),
            event,
            reason: request.reason.clone(),
            at: context.now,
            issuers,
            replaced,
            exclude: request.exclude.clone(),
        })),
        ..run.started.clone()
    })
}

/// The new run as its copied history makes it, and its program: the commands that are kept must be those that the
/// program makes.
fn rebuilt(
    context: &Context<'_>,
    copies: &[RunPart],
    definition: &Definition,
) -> Result<(RunState, (Machine, Vec<ProgramEvent>)), Error> {
    let record = Record { v: VERSION, at: context.now, runs: copies.to_vec(), schedule: None };
    let stored = [Stored { sequence: 1, record: record.encode() }];
    let broken = |why: String| damaged(context.key, &why);
    let mut state = KeyState::fold(&context.key.namespace, &stored).map_err(broken)?;
    let Some(run) = state.runs.pop() else { return Err(Error::internal("a copied history has no run")) };
    match interpret::replay(context.key, &run, definition, &stored) {
        Ok(program) => Ok((run, program)),
        Err(ReplayError::Damaged(why)) => Err(damaged(context.key, &why)),
        Err(ReplayError::Program(failure)) => {
            let kept = run.next_event - 1;
            let message =
                format!("the program does not do again what events 1 to {kept} say: {}", failure.message);
            Err(Error::new(&code::RESET_INVALID, message)
                .help("`--definition pinned` replays with the definition that the run had; an earlier event keeps less")
                .failure(failure))
        }
    }
}

fn carry_out(state: &mut KeyState, context: &Context<'_>, request: &ResetRequest, plan: Plan) -> Transition {
    let Plan { base, to, copies, program, reapplied } = plan;
    let (new_run, kept) = (to.run.clone(), to.kept);
    let mut drafts: Vec<Drafted> =
        end_open(state, context, (request, &base, to), &copies).into_iter().collect();
    for copy in &copies {
        state.apply_part(&context.key.namespace, context.now, copy);
    }
    drafts.extend(copies.into_iter().map(|part| Drafted { part, effects: Vec::new(), successor: None }));
    for event in &reapplied {
        if let Event::WorkflowExecutionOptionsUpdated { request_id, .. } = event {
            state.requests.insert(request_id.clone(), new_run.clone());
        }
    }
    let Some(run) = state.run_mut(&new_run) else {
        return Transition::refused(Error::internal("a run that was just added is gone"));
    };
    (run.machine, run.unseen) = (Some(program.0), program.1);
    let mut draft = Draft::new(run, context);
    // Everything that its history leaves to be delivered is new to this run.
    draft.intents_before.clear();
    draft.append(Event::WorkflowTaskFailed { failure: failures::reset(&request.reason, &base, &new_run) });
    for event in reapplied {
        draft.emit(event);
    }
    disown_requests(&mut draft);
    draft.program_is_due = true;
    draft.advance();
    let taken_over = effect::of_taken_over(context.key, draft.run, kept);
    draft.extra.extend(taken_over);
    drafts.push(draft.finish());
    conclude(state, context, drafts, Reply::Started { run: new_run, existing: false })
}

/// Ends the open run: in its stead goes the new one, unless it is of another chain.
fn end_open(
    state: &mut KeyState,
    context: &Context<'_>,
    (request, base, to): (&ResetRequest, &RunId, ResetTo),
    copies: &[RunPart],
) -> Option<Drafted> {
    let chain = copies.first().and_then(|part| match part.events.first() {
        Some(Event::WorkflowExecutionStarted(started)) => started.first_run.clone(),
        _ => None,
    });
    let open = state.open()?.run_id.clone();
    let run = state.run_mut(&open)?;
    let same_chain = Some(run.first_run()) == chain.as_ref();
    // What later runs of the chain began is nobody's any more.
    let to = if open == *base { to } else { ResetTo { kept: 0, ..to } };
    let reset = same_chain.then(|| Box::new(to));
    let reason = format!("reset: {}", request.reason);
    let mut draft = Draft::new(run, context);
    draft.emit(Event::WorkflowExecutionTerminated { reason, reset });
    Some(draft.finish())
}

/// Requests to stop that are in the kept history have been sent, or will be, by the run that made them.
fn disown_requests(draft: &mut Draft<'_>) {
    let theirs = |id: &&IntentId| matches!(id, IntentId::Cancel(_) | IntentId::Stop(_));
    let theirs: Vec<IntentId> = draft.run.outbox.keys().filter(theirs).copied().collect();
    for intent in theirs {
        draft.note(Note::Delivered { intent });
    }
}

/// Somebody waits for this run who did not start it.
pub(super) fn attach(
    state: &mut KeyState,
    context: &Context<'_>,
    run: &RunId,
    (request_id, waiter): (String, Box<Waiter>),
) -> Transition {
    let meant = |open: &&RunState| open.run_id == *run || open.first_run() == run;
    let Some(open) = state.open().filter(meant).map(|open| open.run_id.clone()) else {
        return Transition::reply(Reply::NotHeld);
    };
    if state.requests.contains_key(&request_id) {
        return Transition::reply(Reply::Done);
    }
    state.requests.insert(request_id.clone(), open.clone());
    let (attached, callback) = match *waiter {
        Waiter::Run(origin) => (Some(origin), None),
        Waiter::Outside(callback) => (None, Some(Box::new(callback))),
    };
    let event = Event::WorkflowExecutionOptionsUpdated { request_id, attached, callback };
    on_run(state, &open, context, |draft| draft.emit(event))
}
