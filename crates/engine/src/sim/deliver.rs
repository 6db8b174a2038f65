//! Effects on other keys, delivered at once and one after the other.

use nexus_kernel::failure::{Failure, FailureKind};
use nexus_kernel::id::{Key, RunId, WorkflowId};

use super::answer::{Answer, Remote, RemoteKind};
use super::{Wake, World};
use crate::deliver::{Aim, end, failure_of, target};
use crate::failures::UNAUTHORIZED;
use crate::input::{Input, RemoteEnd, Reply, Signal};
use crate::nexus::{self, Destination, Registry};
use crate::record::{IntentId, OperationTarget, Origin, Performer};
use crate::reset::attach::{Asking, end_of};
use crate::state::Intent;

impl World<'_> {
    pub(super) fn deliver(&mut self, key: &Key, run: &RunId, id: IntentId, intent: Intent) {
        match intent {
            Intent::StartChild { .. } | Intent::StartOperation { .. } => {
                let IntentId::Start(seq) = id else { return };
                self.start_remote(key, run, seq, intent);
            }
            Intent::Report => self.report(key, run, id, None),
            Intent::Tell(origin) => self.report(key, run, id, Some(*origin)),
            Intent::Signal { key: target, run: wanted, name, input } => {
                let IntentId::Signal(seq) = id else { return };
                let sender = self.cells.get(key).and_then(|cell| cell.state.run(run));
                let request_id = sender.map_or_else(|| format!("{run}/{seq}"), |run| run.request_of(seq));
                let signal = Signal { name, input, request_id };
                let signal = Input::Signal { run: wanted, signal, checked: false };
                let failure = self.send_signal(&target, signal);
                self.apply(key, Input::SignalSent { run: run.clone(), seq, failure });
            }
            Intent::Attach(target, wanted) => self.attach(key, run, id, (target, wanted)),
            Intent::Terminate(target, wanted) => {
                let reason = "the run that started it has closed".to_owned();
                self.apply(&target, Input::Terminate { run: Some(wanted), reason });
                self.apply(key, Input::Delivered(run.clone(), id));
            }
            // Nobody is outside.
            Intent::CancelOutside { .. } | Intent::Complete(_) => {
                self.apply(key, Input::Delivered(run.clone(), id));
            }
            Intent::Cancel(target, wanted) => {
                let reason = "asked for by the run that called it".to_owned();
                self.apply(&target, Input::Cancel { run: wanted, reason });
                self.apply(key, Input::Delivered(run.clone(), id));
            }
        }
    }

    /// A run waits for one that another run started.
    fn attach(&mut self, key: &Key, run: &RunId, id: IntentId, target: (Key, RunId)) {
        let IntentId::Attach(seq) = id else { return };
        let waiting = self.cells.get(key).and_then(|cell| cell.state.run(run));
        let Some(asking) = waiting.and_then(|run| Asking::of(key, run, seq, target)) else { return };
        let input = match self.apply(&asking.target.0, asking.input()) {
            Reply::Done => asking.heard(),
            _ => {
                let ended = self.folded(&asking.target.0);
                let end = ended.and_then(|state| end_of(&asking.target.0, &state, &asking.target.1));
                let Some(end) = end else { return };
                asking.ended(end)
            }
        };
        self.apply(key, input);
    }

    /// A run that only its answer exists of takes every signal.
    fn send_signal(&mut self, target: &Key, signal: Input) -> Option<Failure> {
        if self.mocked.contains(target) {
            return None;
        }
        match self.apply(target, signal) {
            Reply::Refused(error) => {
                let failure = Failure::new(FailureKind::Server, "SignalDeliveryFailed", error.message());
                Some(failure.final_())
            }
            _ => None,
        }
    }

    fn report(&mut self, key: &Key, run: &RunId, id: IntentId, to: Option<Origin>) {
        let found = self.cells.get(key).and_then(|cell| cell.state.run(run));
        let ended = found.and_then(|run| Some((to.or_else(|| run.started.origin.clone())?, end(key, run))));
        if let Some((origin, end)) = ended {
            let end = Box::new(end);
            self.apply(&origin.key, Input::RemoteEnded { run: origin.run, seq: origin.seq, end });
        }
        self.apply(key, Input::Delivered(run.clone(), id));
    }

    fn start_remote(&mut self, key: &Key, run: &RunId, seq: u64, intent: Intent) {
        if let Some((place, answer)) = self.mock(key, run, seq, &intent) {
            return self.answer_remote(key, run, seq, (place, answer));
        }
        let Some(state) = self.cells.get(key).and_then(|cell| cell.state.run(run)) else { return };
        let registry = Registry::default();
        let outcome = match target((&registry, Some(&self.definition)), key, state, seq, intent) {
            Err(failure) => Err(failure),
            Ok(Aim::Outside(_)) => return, // a world of its own has no endpoints but those of its programs
            Ok(Aim::Here(place, start)) => match self.apply(&place, Input::Start(start)) {
                Reply::Started { run, .. } => Ok(Performer::of(place, run)),
                Reply::Refused(error) => Err(failure_of(&error)),
                _ => return,
            },
        };
        self.apply(key, Input::RemoteStarted { run: run.clone(), seq, outcome });
    }

    /// The answer of a call that is not run in place, and where it would have run. A caller whom an endpoint refuses
    /// gets the refusal, whatever the answer would be.
    fn mock(&mut self, key: &Key, run: &RunId, seq: u64, intent: &Intent) -> Option<(Key, Answer)> {
        let (kind, name, input, place) = match intent {
            Intent::StartChild { workflow, workflow_id, input, .. } => {
                let place = Key { namespace: key.namespace.clone(), workflow_id: workflow_id.clone() };
                (RemoteKind::Child, workflow.clone(), input, place)
            }
            Intent::StartOperation { target, workflow_id, input, .. } => {
                let made = || WorkflowId::new(&format!("nexus-{run}/{seq}")).ok();
                let workflow_id = workflow_id.clone().or_else(made)?;
                let definition = Some(&*self.definition);
                let namespace = match nexus::resolve(&Registry::default(), definition, &key.namespace, target)
                {
                    Ok(Destination::Here(handler)) => handler.namespace,
                    Err(failure) if failure.type_name == UNAUTHORIZED => return None,
                    Ok(Destination::Outside(_)) | Err(_) => key.namespace.clone(),
                };
                (RemoteKind::Nexus, operation_name(target), input, Key { namespace, workflow_id })
            }
            _ => return None,
        };
        let call = Remote { kind, name: &name, input, caller: &key.namespace };
        let answer = self.answers.remote(call, self.now)?;
        Some((place, answer))
    }

    fn answer_remote(&mut self, key: &Key, run: &RunId, seq: u64, (place, answer): (Key, Answer)) {
        let id = RunId::generate(self.now, &self.rng);
        self.mocked.insert(place.clone());
        let outcome = Ok(Performer::of(place, id));
        self.apply(key, Input::RemoteStarted { run: run.clone(), seq, outcome });
        if let Some(outcome) = answer.outcome {
            let end = Box::new(RemoteEnd { by: None, outside: None, outcome });
            let ended = Input::RemoteEnded { run: run.clone(), seq, end };
            self.push(self.now.plus(answer.takes), Wake::Input(key.clone(), ended));
        }
    }
}

fn operation_name(target: &OperationTarget) -> String {
    match target {
        OperationTarget::Endpoint { service, operation, .. } => format!("{service}.{operation}"),
        OperationTarget::Workflow { workflow, .. } => workflow.clone(),
    }
}
