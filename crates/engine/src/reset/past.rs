//! The past of a key as a reset looks at it: whole histories, part by part, with what each added.

use std::collections::BTreeSet;

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Key, RunId, WorkflowId};
use nexus_kernel::port::log::Stored;

use crate::record::{Copied, Event, Reapply, Record, RunPart, Started};
use crate::reset::record::command;
use crate::shard::load::damaged;
use crate::state::{KeyState, RemoteCall, RunState};

/// Everything that happened to a key.
pub(crate) struct Past {
    /// What it adds up to, with every run in it.
    pub(crate) state: KeyState,
    runs: Vec<PastRun>,
}

/// One run's history.
pub(crate) struct PastRun {
    /// The run.
    pub(crate) id: RunId,
    /// Its parts, each saying when it was decided and what it added.
    parts: Vec<RunPart>,
}

impl Past {
    /// Reads a key's records.
    pub(crate) fn read(key: &Key, records: &[Stored]) -> Result<Past, Error> {
        let broken = |why: String| damaged(key, &why);
        let state = KeyState::fold(&key.namespace, records).map_err(broken)?;
        let mut runs: Vec<PastRun> = Vec::new();
        for stored in records {
            let record = Record::decode(&stored.record).map_err(broken)?;
            let bytes = record.own_bytes(stored.record.len());
            for part in record.runs {
                let copied = part.copied.unwrap_or(Copied { at: record.at, bytes });
                let part = RunPart { copied: Some(copied), ..part };
                match runs.iter_mut().find(|run| run.id == part.run) {
                    Some(run) => run.parts.push(part),
                    None => runs.push(PastRun { id: part.run.clone(), parts: vec![part] }),
                }
            }
        }
        Ok(Past { state, runs })
    }

    /// A run, the latest when none is named.
    pub(crate) fn run(&self, wanted: Option<&RunId>) -> Result<&PastRun, Error> {
        let wanted = wanted.or_else(|| self.state.latest().map(|run| &run.run_id));
        let known = |run: &&PastRun| Some(&run.id) == wanted && self.state.run(&run.id).is_some();
        self.runs.iter().find(known).ok_or_else(|| {
            let name = wanted.map_or_else(String::new, ToString::to_string);
            Error::new(&code::RUN_UNKNOWN, format!("there is no run {name}"))
                .help("`nexus run list` shows the runs")
        })
    }

    /// What happened to a run after an event, and to the runs that continue it: those that a reset replaces.
    pub(crate) fn after<'a>(&'a self, base: &'a PastRun, event: u64) -> Vec<(&'a RunId, &'a Event)> {
        let later = base.events().filter(|(id, _)| *id > event);
        let mut all: Vec<_> = later.map(|(_, event)| (&base.id, event)).collect();
        let mut last = &base.id;
        let follows = |run: &&RunState, last: &RunId| run.started.continued_from.as_ref() == Some(last);
        while let Some(next) = self.state.runs.iter().find(|run| follows(run, last) && run.run_id != *last) {
            last = &next.run_id;
            let parts = self.runs.iter().filter(|run| run.id == *last);
            all.extend(parts.flat_map(PastRun::events).map(|(_, event)| (last, event)));
        }
        all
    }
}

impl PastRun {
    /// Its parts, each with its time and what it added.
    pub(crate) fn parts(&self) -> &[RunPart] {
        &self.parts
    }

    /// Its state.
    pub(crate) fn state<'a>(&self, past: &'a Past) -> Option<&'a RunState> {
        past.state.run(&self.id)
    }

    /// Its events with their ids.
    pub(crate) fn events(&self) -> impl Iterator<Item = (u64, &Event)> {
        self.parts.iter().flat_map(|part| (part.first..).zip(&part.events))
    }

    /// The number of the last command up to an event; 0 when there is none.
    pub(crate) fn commands_up_to(&self, event: u64) -> u64 {
        let kept = self.events().filter(|(id, _)| *id <= event);
        kept.filter_map(|(_, event)| command(event)).max().unwrap_or(0)
    }

    /// Workflow ids of the children that it asked for after an event.
    pub(crate) fn children_after(&self, event: u64) -> Vec<WorkflowId> {
        let later = self.events().filter(|(id, _)| *id > event);
        let ids = later.filter_map(|(_, event)| match event {
            Event::StartChildWorkflowExecutionInitiated { workflow_id, .. } => Some(workflow_id.clone()),
            _ => None,
        });
        ids.collect()
    }

    /// Its parts up to an event, as those of another run that was started otherwise. Notes are left out: they tell of
    /// attempts and deliveries that the other run makes itself.
    pub(crate) fn copy(&self, event: u64, run: &RunId, started: &Started) -> Vec<RunPart> {
        let mut copies = Vec::new();
        for part in &self.parts {
            let kept = usize::try_from((event + 1).saturating_sub(part.first)).unwrap_or(usize::MAX);
            let mut events: Vec<_> = part.events.iter().take(kept).cloned().collect();
            if let Some(Event::WorkflowExecutionStarted(first)) = events.first_mut() {
                **first = started.clone();
            }
            if !events.is_empty() {
                copies.push(RunPart { run: run.clone(), events, notes: Vec::new(), ..part.clone() });
            }
        }
        copies
    }
}

/// What is applied again, in its order: messages that came after the point, and what other runs did for commands that
/// were pending there.
pub(crate) fn reapplied(run: &RunState, later: &[(&RunId, &Event)], exclude: &[Reapply]) -> Vec<Event> {
    let wants = |kind| !exclude.contains(&kind);
    let base = later.first().map(|(base, _)| *base);
    let mut pending: BTreeSet<u64> = run.remotes.keys().copied().collect();
    let mut seen = run.messages.clone();
    let mut applied = Vec::new();
    for (of, event) in later {
        let fits = match event {
            Event::WorkflowExecutionSignaled { .. } => wants(Reapply::Signal) && !seen.knows(event),
            Event::WorkflowExecutionUpdateAccepted { .. } => wants(Reapply::Update) && !seen.knows(event),
            Event::WorkflowExecutionOptionsUpdated { .. } => true,
            event => base == Some(*of) && of_remote(run, event, &mut pending, wants(Reapply::Nexus)),
        };
        if fits {
            seen.apply(event);
            applied.push((*event).clone());
        }
    }
    applied
}

/// Whether an event tells of a child or operation that is still pending; one that has ended is so no longer.
fn of_remote(run: &RunState, event: &Event, pending: &mut BTreeSet<u64>, nexus: bool) -> bool {
    let (seq, ends) = match event {
        Event::ChildWorkflowExecutionStarted { seq, .. } | Event::NexusOperationStarted { seq, .. } => {
            (seq, false)
        }
        Event::StartChildWorkflowExecutionFailed { seq, .. }
        | Event::ChildWorkflowExecutionCompleted { seq, .. }
        | Event::ChildWorkflowExecutionFailed { seq, .. }
        | Event::NexusOperationCompleted { seq, .. }
        | Event::NexusOperationFailed { seq, .. } => (seq, true),
        _ => return false,
    };
    let is_nexus = run.remotes.get(seq).is_some_and(|it| matches!(it.call, RemoteCall::Nexus { .. }));
    let is_known = run.remotes.get(seq).is_some_and(|it| it.handler.is_some());
    if !pending.contains(seq) || (is_nexus && ends && !nexus) || (!ends && is_known) {
        return false;
    }
    if ends {
        pending.remove(seq);
    }
    true
}
