//! Delivering effects on other keys: starts of children and operations, reports of ends, requests to stop.
//!
//! Each is sent with a request id that follows from the sender, so a repetition after a crash is recognised.

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::failure::{Failure, FailureKind, RemoteInfo};
use nexus_kernel::id::{Key, RunId, WorkflowId};
use nexus_kernel::port::runs::RunStatus;
use nexus_kernel::task;

use crate::definition::Definition;
use crate::failures;
use crate::input::{Input, RemoteEnd, Reply, Signal, Start};
use crate::nexus::crossing::Calling;
use crate::nexus::{self, Destination, Registry, outside};
use crate::record::{Handling, IdConflictPolicy, IntentId, OperationTarget, Origin, OriginKind, Performer};
use crate::reset::attach::{self, Asking};
use crate::shard::{Message, Router, Shared};
use crate::state::{Intent, RunState};
use crate::version::place;

/// Sends an intent of a run on its way, in the background.
pub(crate) fn deliver(shared: &Shared, key: &Key, run: &RunState, id: IntentId, intent: Intent) {
    let sender = Sender { router: shared.router.clone(), key: key.clone(), run: run.run_id.clone(), id };
    match intent {
        Intent::StartChild { .. } | Intent::StartOperation { .. } => {
            let IntentId::Start(seq) = id else { return };
            let calling = match &intent {
                Intent::StartOperation { target, .. } => {
                    let from = (key.clone(), run.run_id.clone());
                    Some(Calling::of(shared, from, run.request_of(seq), target))
                }
                _ => None,
            };
            match place::target(shared, key, run, (seq, intent)) {
                Ok(Aim::Outside(call)) => {
                    drop(task::spawn(outside::start(shared.clone(), (sender, calling), *call)));
                }
                Ok(Aim::Here(key, start)) => {
                    drop(task::spawn(sender.start(seq, Ok((key, *start)), (shared.clone(), calling))));
                }
                Err(failure) => {
                    drop(task::spawn(sender.start(seq, Err(failure), (shared.clone(), calling))));
                }
            }
        }
        Intent::Report => {
            if let Some(origin) = run.started.origin.clone() {
                let end = Box::new(end(key, run));
                let input = Input::RemoteEnded { run: origin.run, seq: origin.seq, end };
                task::spawn(sender.send(origin.key, input));
            }
        }
        Intent::Tell(origin) => {
            let end = Box::new(end(key, run));
            let input = Input::RemoteEnded { run: origin.run, seq: origin.seq, end };
            task::spawn(sender.send(origin.key, input));
        }
        Intent::Signal { key, run: wanted, name, input } => {
            let IntentId::Signal(seq) = id else { return };
            let request_id = run.request_of(seq);
            let signal = Signal { name, input, request_id };
            task::spawn(sender.signal(seq, key, Input::Signal { run: wanted, signal, checked: false }));
        }
        Intent::Attach(target, wanted) => {
            let IntentId::Attach(seq) = id else { return };
            if let Some(asking) = Asking::of(key, run, seq, (target, wanted)) {
                task::spawn(attach::ask(shared.clone(), asking));
            }
        }
        Intent::Terminate(target, run) => {
            let reason = "the run that started it has closed".to_owned();
            task::spawn(sender.send(target, Input::Terminate { run: Some(run), reason }));
        }
        Intent::Cancel(target, run) => {
            let reason = "asked for by the run that called it".to_owned();
            task::spawn(sender.send(target, Input::Cancel { run, reason }));
        }
        Intent::CancelOutside { endpoint, target, token } => {
            let call = outside::Cancel { endpoint, target, token };
            task::spawn(outside::cancel(shared.clone(), sender, call));
        }
        Intent::Complete(callback) => {
            let completion = outside::completion(key, run, *callback);
            task::spawn(outside::complete(shared.clone(), sender, completion));
        }
    }
}

/// What a closed run reports.
pub(crate) fn end(key: &Key, run: &RunState) -> RemoteEnd {
    let by = Some(RemoteInfo {
        namespace: key.namespace.clone(),
        workflow_id: key.workflow_id.clone(),
        run_id: run.run_id.clone(),
        retry_state: run.why_no_retry(),
    });
    let outcome = match run.status {
        RunStatus::Completed => Ok(run.result.clone()),
        _ => Err(failures::of_closed(run.status, run.failure.as_ref())),
    };
    RemoteEnd { by, outside: None, outcome }
}

/// Where a child or operation is to be started, and how.
#[derive(Debug)]
pub(crate) enum Aim {
    /// By a run of this server.
    Here(Key, Box<Start>),
    /// By whoever answers behind an endpoint.
    Outside(Box<outside::Call>),
}

/// Where a child or operation is to be started, and how.
pub(crate) fn target(
    (registry, deployed): (&Registry, Option<&Definition>),
    key: &Key,
    run: &RunState,
    seq: u64,
    intent: Intent,
) -> Result<Aim, Failure> {
    let origin = |kind, reports| {
        Some(Origin { key: key.clone(), run: run.run_id.clone(), seq, kind, reports, root: run.root() })
    };
    let request_id = run.request_of(seq);
    match intent {
        Intent::StartChild { workflow, workflow_id, input, options, detached } => {
            let task_queue = nexus::task_queue(deployed, &key.namespace, &workflow)?;
            let mut options = *options;
            if run.replaces(seq, &workflow_id) && options.conflict == IdConflictPolicy::Fail {
                options.conflict = IdConflictPolicy::TerminateExisting;
            }
            let target = Key { namespace: key.namespace.clone(), workflow_id };
            let origin = origin(OriginKind::Child, !detached);
            let start = Start { origin, options, ..Start::new(workflow, input, task_queue, request_id) };
            Ok(Aim::Here(target, Box::new(start)))
        }
        Intent::StartOperation { target, workflow_id, input, options, deadline, detached } => {
            let handler = match nexus::resolve(registry, deployed, &key.namespace, &target)? {
                Destination::Here(handler) => handler,
                Destination::Outside(endpoint) => {
                    let trace = options.run.trace.clone();
                    let call =
                        outside::Call { endpoint, target, input, request_id, deadline, detached, trace };
                    return Ok(Aim::Outside(Box::new(call)));
                }
            };
            let workflow_id = match workflow_id {
                Some(chosen) => chosen,
                None => {
                    WorkflowId::new(&format!("nexus-{request_id}")).map_err(|error| failure_of(&error))?
                }
            };
            let origin = origin(OriginKind::Nexus, !detached);
            let (workflow, task_queue) = (handler.workflow, handler.task_queue);
            let start = Start {
                origin,
                options: *options,
                operation: handling(&target),
                ..Start::new(workflow, input, task_queue, request_id)
            };
            Ok(Aim::Here(Key { namespace: handler.namespace, workflow_id }, Box::new(start)))
        }
        Intent::Report
        | Intent::Tell(_)
        | Intent::Attach(..)
        | Intent::Terminate(..)
        | Intent::Cancel(..)
        | Intent::CancelOutside { .. }
        | Intent::Complete(_)
        | Intent::Signal { .. } => {
            Err(Failure::new(FailureKind::Server, "Internal", "this effect starts nothing"))
        }
    }
}

/// What a run that carries an operation out knows of it.
fn handling(target: &OperationTarget) -> Option<Box<Handling>> {
    let OperationTarget::Endpoint { endpoint, service, operation } = target else { return None };
    let (endpoint, service, operation) = (endpoint.clone(), service.clone(), operation.clone());
    Some(Box::new(Handling { endpoint, service, operation, caller: None, asked: None, links: Vec::new() }))
}

/// Who sends an intent, and where the acknowledgement goes.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) router: Router,
    pub(crate) key: Key,
    pub(crate) run: RunId,
    pub(crate) id: IntentId,
}

impl Sender {
    async fn start(
        self,
        seq: u64,
        target: Result<(Key, Start), Failure>,
        (shared, calling): (Shared, Option<Calling>),
    ) {
        let outcome = match target {
            Err(failure) => Err(failure),
            Ok((key, start)) => match self.router.ask(key.clone(), Input::Start(Box::new(start))).await {
                Some(Reply::Started { run, .. }) => Ok(Performer::of(key, run)),
                Some(Reply::Refused(error)) => Err(failure_of(&error)),
                // The target's shard has stopped. The intent stays in the outbox for the next process.
                Some(_) | None => return,
            },
        };
        if let Some(calling) = calling {
            calling.tell(&shared, outcome.as_ref().map(Some));
        }
        let input = Input::RemoteStarted { run: self.run, seq, outcome };
        self.router.send(Message::input(self.key, input));
    }

    async fn signal(self, seq: u64, target: Key, input: Input) {
        let failure = match self.router.ask(target, input).await {
            Some(Reply::Refused(error)) => {
                let failure = Failure::new(FailureKind::Server, "SignalDeliveryFailed", error.message());
                Some(failure.final_())
            }
            Some(_) => None,
            None => return, // the target's shard has stopped; the intent stays in the outbox
        };
        self.router.send(Message::input(self.key, Input::SignalSent { run: self.run, seq, failure }));
    }

    async fn send(self, target: Key, input: Input) {
        // A refusal says that the target has closed already, which is as good as done.
        if self.router.ask(target, input).await.is_some() {
            self.router.send(Message::input(self.key, Input::Delivered(self.run, self.id)));
        }
    }
}

/// A refused start as the program that asked for it sees it. Asking again cannot help.
pub(crate) fn failure_of(error: &Error) -> Failure {
    let type_name = if [&code::ALREADY_RUNNING, &code::ID_USED].contains(&error.code()) {
        "WorkflowExecutionAlreadyStarted"
    } else if error.code() == &code::INPUT_INVALID {
        "BAD_REQUEST"
    } else {
        error.code().id
    };
    let faults: Vec<_> =
        error.faults().iter().map(|fault| format!("{}: {}", fault.at, fault.message)).collect();
    let message = if faults.is_empty() {
        error.message().to_owned()
    } else {
        format!("{} ({})", error.message(), faults.join("; "))
    };
    Failure::new(FailureKind::Server, type_name, message).final_()
}
