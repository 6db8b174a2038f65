//! Operations that runs wait for: a list in the memory of each shard, rebuilt when the process begins.

use std::collections::BTreeMap;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{EndpointId, Key, Namespace, RunId};
use nexus_kernel::time::Timestamp;
use serde_json::json;

use crate::nexus::breakers::Breakers;
use crate::record::{Event, IntentId, Note, OperationTarget, Performer, RunPart};
use crate::state::{Attempts, Remote, RemoteCall, RunState};

/// One operation that a run waits for.
#[derive(Debug, Clone)]
pub struct PendingOperation {
    /// Where the run is.
    pub(crate) key: Key,
    /// The run.
    pub(crate) run: RunId,
    /// Its workflow.
    pub(crate) workflow: String,
    /// Its command.
    pub(crate) seq: u64,
    /// What was called.
    remote: Remote,
    /// What has become of the requests that it takes.
    setback: Option<Attempts>,
}

/// The operations of a shard by their runs.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    by_run: BTreeMap<RunId, Vec<PendingOperation>>,
}

impl Pending {
    /// Takes in what a transition did to a run.
    pub(crate) fn follow(&mut self, key: &Key, run: Option<&RunState>, part: &RunPart) {
        if part.events.iter().any(concerns) || part.notes.iter().any(note_concerns) {
            match run {
                Some(run) => self.put(key, run),
                None => drop(self.by_run.remove(&part.run)),
            }
        }
    }

    /// Takes in what a run waits for.
    pub(crate) fn put(&mut self, key: &Key, run: &RunState) {
        let operations: Vec<_> = of_run(key, run).collect();
        if operations.is_empty() {
            self.by_run.remove(&run.run_id);
        } else {
            self.by_run.insert(run.run_id.clone(), operations);
        }
    }

    /// All of a namespace, or of any.
    pub(crate) fn all(&self, namespace: Option<&Namespace>) -> Vec<PendingOperation> {
        let all = self.by_run.values().flatten();
        all.filter(|it| namespace.is_none_or(|wanted| it.key.namespace == *wanted)).cloned().collect()
    }
}

/// The operations that an open run waits for.
pub(crate) fn of_run<'a>(key: &'a Key, run: &'a RunState) -> impl Iterator<Item = PendingOperation> + 'a {
    let is_one = |remote: &Remote| matches!(remote.call, RemoteCall::Nexus { .. }) && !remote.stopping;
    let open = run.remotes.iter().filter(move |(_, remote)| run.status.is_open() || remote.detached);
    open.filter(move |(_, remote)| is_one(remote)).map(|(seq, remote)| PendingOperation {
        key: key.clone(),
        run: run.run_id.clone(),
        workflow: run.started.workflow.clone(),
        seq: *seq,
        remote: remote.clone(),
        setback: [IntentId::Start(*seq), IntentId::Cancel(*seq)]
            .iter()
            .find_map(|intent| run.setbacks.get(intent).cloned()),
    })
}

/// Whether an event may change what a run waits for.
fn concerns(event: &Event) -> bool {
    matches!(
        event,
        Event::NexusOperationScheduled { .. }
            | Event::NexusOperationStarted { .. }
            | Event::NexusOperationCompleted { .. }
            | Event::NexusOperationFailed { .. }
            | Event::NexusOperationTimedOut { .. }
            | Event::CommandCancelRequested { .. }
    ) || event.closes()
}

fn note_concerns(note: &Note) -> bool {
    matches!(
        note,
        Note::DeliveryFailed { .. }
            | Note::Delivered { .. }
            | Note::OperationCancelRequested { .. }
            | Note::StartedLate { .. }
    )
}

/// The name of an operation among those that runs wait for: the run, and the command in it.
pub(crate) fn operation_id(run: &RunId, seq: u64) -> String {
    format!("{run}/{seq}")
}

/// Reads the name of an operation.
pub(crate) fn parse_id(text: &str) -> Result<(RunId, u64), Error> {
    let parts =
        text.split_once('/').and_then(|(run, seq)| Some((RunId::parse(run).ok()?, seq.parse().ok()?)));
    parts.ok_or_else(|| {
        Error::new(&code::OPERATION_ENDED, format!("{text:?} is not the id of an operation"))
            .help("ids look like run_0688ab1tdpv3h9m5x7cq2wnk4e/3; `nexus operation list` shows them")
    })
}

impl PendingOperation {
    /// When it was called.
    pub(crate) fn scheduled_at(&self) -> Timestamp {
        self.remote.scheduled_at
    }

    fn target(&self) -> Option<&OperationTarget> {
        match &self.remote.call {
            RemoteCall::Nexus { target, .. } => Some(target),
            RemoteCall::Child { .. } => None,
        }
    }

    /// Why no request is made for it now, when its endpoint's breaker is open. `find` knows the ids of endpoints.
    fn blocked(&self, breakers: &Breakers, find: &dyn Fn(&str) -> Option<EndpointId>) -> Option<String> {
        let OperationTarget::Endpoint { endpoint, .. } = self.target()? else { return None };
        let waits = self.remote.handler.is_none() || self.remote.cancelled;
        let until = breakers.open_until(&(self.key.namespace.clone(), find(endpoint)?)).filter(|_| waits)?;
        Some(format!(
            "the circuit breaker of endpoint {endpoint} for namespace {} is open until {until}",
            self.key.namespace
        ))
    }

    /// As callers of verbs see it.
    pub(crate) fn to_json(&self, breakers: &Breakers, find: &dyn Fn(&str) -> Option<EndpointId>) -> Json {
        let blocked = self.blocked(breakers, find);
        let state = match (&self.remote.handler, &self.setback) {
            _ if blocked.is_some() => "blocked",
            (Some(_), _) => "started",
            (None, Some(_)) => "backing_off",
            (None, None) => "scheduled",
        };
        let (target, times) = match &self.remote.call {
            RemoteCall::Nexus { target, times, .. } => (Some(target), *times),
            RemoteCall::Child { .. } => (None, crate::state::Times::default()),
        };
        let (endpoint, service, operation) = match target {
            Some(OperationTarget::Endpoint { endpoint, service, operation }) => {
                (Some(endpoint), Some(service), Some(operation))
            }
            _ => (None, None, None),
        };
        let (by, token, links) = match &self.remote.handler {
            Some(Performer::Outside { token, links, .. }) => (None, token.as_ref(), Some(links)),
            Some(by) => (by.run(), None, None),
            None => (None, None, None),
        };
        let setback = self.setback.as_ref();
        json!({
            "operation_id": operation_id(&self.run, self.seq),
            "namespace": self.key.namespace,
            "workflow_id": self.key.workflow_id,
            "run_id": self.run,
            "workflow": self.workflow,
            "seq": self.seq,
            "name": target.map(ToString::to_string),
            "endpoint": endpoint,
            "service": service,
            "operation": operation,
            "state": state,
            "at": self.remote.at,
            "scheduled_at": self.remote.scheduled_at.to_string(),
            "detached": self.remote.detached,
            "cancel_requested": self.remote.cancelled,
            "attempt": setback.map_or(1, |it| it.attempt + 1),
            "last_failure": setback.map(|it| &it.failure),
            "next_attempt_at": setback.map(|it| it.next_at.to_string()),
            "blocked_reason": blocked,
            "start_before": times.start.map(|at| at.to_string()),
            "close_before": times.close.into_iter().chain(times.end).min().map(|at| at.to_string()),
            "handler": by.map(|(key, run)| json!({
                "namespace": key.namespace, "workflow_id": key.workflow_id, "run_id": run,
            })),
            "token": token,
            "links": links,
        })
    }
}
