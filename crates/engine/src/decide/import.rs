//! Taking in a run from another server.

use nexus_kernel::code;
use nexus_kernel::error::Error;

use crate::decide::{Context, Transition};
use crate::effect;
use crate::input::Reply;
use crate::record::{Event, Note, Record, RunPart, VERSION};
use crate::schedule;
use crate::shard::load::damaged;
use crate::state::{KeyState, RunState};
use crate::transfer::wire::refused;
use crate::transfer::{Exported, Import, OpenRun};

/// Adds a run with its history. A closed one has nothing to do here: nobody of its own time is told anything.
pub(super) fn import(state: &mut KeyState, import: Import, context: &Context<'_>) -> Transition {
    let last = match prepare(&import, context) {
        Ok(last) => last,
        Err(error) => return Transition::refused(error),
    };
    let mut parts = import.run.parts;
    parts.push(last);
    for part in &parts {
        state.apply_part(&context.key.namespace, context.now, part);
    }
    let effects =
        state.run(&import.run.run).map(|run| effect::of_state(context.key, run)).unwrap_or_default();
    let reply = Reply::Started { run: import.run.run, existing: false };
    Transition {
        record: Some(Record { v: VERSION, at: context.now, runs: parts, schedule: None }),
        effects,
        reply,
    }
}

/// What this server adds to the history: that the run was imported, its end when it is to end here, and that nothing
/// of it is to be delivered.
fn prepare(import: &Import, context: &Context<'_>) -> Result<RunPart, Error> {
    let run = folded(&import.run, context)?;
    fits(import, &run, context)?;
    let mut last = RunPart::new(run.run_id.clone(), run.next_event);
    let mut closed = run;
    if closed.status.is_open() {
        match import.open {
            OpenRun::Refuse => return Err(still_open(&closed)),
            OpenRun::GoOn => can_go_on(&closed)?,
            OpenRun::Terminate => {
                let reason = "it was open where it was exported, and does not go on here".to_owned();
                last.events.push(Event::WorkflowExecutionTerminated { reason, reset: None });
            }
        }
    }
    for event in &last.events {
        closed.apply(context.now, event);
    }
    last.notes.push(Note::Imported { at: context.now, exported_at: import.run.at });
    last.notes.extend(closed.outbox.keys().map(|intent| Note::Delivered { intent: *intent }));
    Ok(last)
}

fn folded(exported: &Exported, context: &Context<'_>) -> Result<RunState, Error> {
    let mut scratch = KeyState::default();
    for part in &exported.parts {
        scratch.apply_part(&context.key.namespace, context.now, part);
    }
    scratch.runs.pop().ok_or_else(|| refused("it has no start"))
}

/// Whether the run has a place among those of its workflow id.
fn fits(import: &Import, run: &RunState, context: &Context<'_>) -> Result<(), Error> {
    let key = context.key;
    let here = KeyState::fold(&key.namespace, &import.records).map_err(|why| damaged(key, &why))?;
    if schedule::is_schedule(key) {
        return Err(refused("its workflow id belongs to schedules"));
    }
    if here.run(&run.run_id).is_some() {
        return Err(exists(run));
    }
    let Some(latest) = here.latest() else { return Ok(()) };
    if latest.status.is_open() {
        let message = format!("a run with the workflow id \"{}\" is open here", key.workflow_id);
        return Err(Error::new(&code::ALREADY_RUNNING, message)
            .help("wait for it to end, or end it: an imported run becomes the latest of its id")
            .run(latest.run_id.clone()));
    }
    if latest.created_at() > run.created_at() {
        let why =
            format!("a newer run of the workflow id \"{}\" is here: {}", key.workflow_id, latest.run_id);
        return Err(refused(&why).help("import the runs of an id from the oldest to the newest"));
    }
    Ok(())
}

/// The run is here already.
pub(crate) fn exists(run: &RunState) -> Error {
    Error::new(&code::RUN_EXISTS, format!("the run {} is here already", run.run_id))
        .help("delete it with `nexus run delete` when the export is to take its place")
        .run(run.run_id.clone())
}

fn still_open(run: &RunState) -> Error {
    refused("it was open when it was exported, and two servers would do its work")
        .help(
            "`--go-on` lets it go on here, when it has been ended there; `--terminate` brings a closed copy",
        )
        .run(run.run_id.clone())
}

/// A run goes on alone: the runs that it knows are those of the other server.
fn can_go_on(run: &RunState) -> Result<(), Error> {
    let waited_for = run.started.origin.as_ref().is_some_and(|origin| origin.reports);
    let why = if !run.remotes.is_empty() {
        "it waits for children or operations on the other server"
    } else if !run.outbox.is_empty() {
        "it has messages for runs on the other server"
    } else if waited_for || !run.attached.is_empty() {
        "a run on the other server waits for it"
    } else {
        return Ok(());
    };
    Err(refused(&format!("it cannot go on here: {why}"))
        .help("`--terminate` brings a closed copy, which `nexus run reset` can begin anew")
        .run(run.run_id.clone()))
}
