//! Starting runs: id conflicts, repeated requests, first workflow tasks, successors.

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::RunId;
use nexus_lang::twf::INTERPRETER_VERSION;

use crate::decide::{Context, Draft, Drafted, Successor, Transition, conclude};
use crate::definition::Definition;
use crate::input::{Reply, Start};
use crate::interpret;
use crate::record::{Event, Started};
use crate::schedule;
use crate::state::{KeyState, RunState};

/// Starts a run. A closed run of the same id is no obstacle; an open one is, unless the request is a repetition.
pub(super) fn start(state: &mut KeyState, request: Start, context: &Context<'_>) -> Transition {
    if let Some(repeated) = state.requests.get(&request.request_id) {
        return Transition::reply(Reply::Started { run: repeated.clone(), existing: true });
    }
    if schedule::is_schedule(context.key) {
        let message = format!("workflow ids that begin with `{}` belong to schedules", schedule::KEY_PREFIX);
        return Transition::refused(
            Error::new(&code::ID_RESERVED, message).help("choose another workflow id"),
        );
    }
    if let Some(open) = state.open() {
        return Transition::refused(already_running(context, open));
    }
    let Some(definition) = context.current.clone() else {
        return Transition::refused(Error::new(&code::WORKFLOW_UNKNOWN, "no project is deployed"));
    };
    let started = Started {
        workflow: request.workflow,
        definition: definition.hash.clone(),
        interpreter: INTERPRETER_VERSION,
        input: request.input,
        task_queue: request.task_queue,
        request_id: request.request_id,
        origin: request.origin,
        continued_from: None,
        tokens: Vec::new(),
        unread: Vec::new(),
        first_run: None,
        run_deadline: request.run_timeout_ms.map(|ms| context.now.plus(Duration::from_millis(ms))),
        memo: nexus_kernel::Json::Null,
        search_attributes: nexus_kernel::Json::Null,
    };
    let run_id = RunId::generate(context.now, context.rng);
    match begin(state, context, run_id.clone(), started, &definition) {
        Ok(drafted) => {
            conclude(state, context, vec![drafted], Reply::Started { run: run_id, existing: false })
        }
        Err(error) => Transition::refused(error),
    }
}

/// Starts the run that continues the latest one: same id, same origin, the newest definition.
pub(super) fn successor(state: &mut KeyState, context: &Context<'_>, next: Successor) -> Option<Drafted> {
    let closed = state.latest()?;
    let definition = newest(context, closed)?;
    let started = Started {
        input: next.input,
        tokens: next.tokens,
        unread: next.unread,
        definition: definition.hash.clone(),
        interpreter: INTERPRETER_VERSION,
        continued_from: Some(closed.run_id.clone()),
        first_run: Some(closed.first_run().clone()),
        memo: closed.visible.memo_json(),
        search_attributes: closed.visible.search_attributes_json(),
        ..closed.started.clone()
    };
    begin(state, context, next.run, started, &definition).ok()
}

/// The deployed definition when it still has the workflow, else the one the run had.
fn newest(context: &Context<'_>, run: &RunState) -> Option<Arc<Definition>> {
    let has_it = |definition: &Arc<Definition>| definition.program.workflow(&run.started.workflow).is_some();
    context.current.clone().filter(has_it).or_else(|| (context.definition)(&run.started.definition))
}

fn begin(
    state: &mut KeyState,
    context: &Context<'_>,
    run_id: RunId,
    started: Started,
    definition: &Definition,
) -> Result<Drafted, Error> {
    let machine =
        interpret::begin(context.key, &run_id, &started, definition, context.now).map_err(|error| {
            Error::new(&code::INPUT_INVALID, format!("the input does not fit {}", started.workflow))
                .fault(error.path, error.message)
        })?;
    let mut run = RunState::new(context.key.namespace.clone(), run_id, started.clone(), context.now);
    run.machine = Some(machine);
    state.add(run);
    let Some(run) = state.runs.last_mut() else {
        return Err(Error::internal("a run that was just added is gone"));
    };
    let mut draft = Draft::new(run, context);
    draft.append(Event::WorkflowExecutionStarted(Box::new(started)));
    draft.program_is_due = true;
    draft.advance();
    Ok(draft.finish())
}

fn already_running(context: &Context<'_>, open: &RunState) -> Error {
    let id = &context.key.workflow_id;
    Error::new(&code::ALREADY_RUNNING, format!("a run with the workflow id \"{id}\" is open"))
        .help(format!("wait for {} to end, or choose another workflow id", open.run_id))
        .run(open.run_id.clone())
}
