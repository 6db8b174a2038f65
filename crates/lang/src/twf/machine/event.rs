//! Events: what happened resolves items and wakes who waits for them.

use serde_json::Value as Json;

use super::LOCAL_ITEMS;
use super::run::Task;
use super::state::{Item, ItemState, What};
use super::wire::Event;
use crate::twf::boundary::Importer;
use crate::twf::code::{CaseOn, Instr, On, Start};
use crate::twf::failure::{Failure, as_nexus_failure, as_wrapped, kind};
use crate::twf::fault::{Fault, NON_DETERMINISM, Trouble};
use crate::twf::shape::Shape;
use crate::twf::value::Value;

impl Task<'_, '_> {
    /// Applies one event; coroutines it makes ready are queued, not run.
    pub(super) fn apply(&mut self, event: &Event) -> Result<(), Fault> {
        match event {
            Event::TimerFired { seq } => self.settle(*seq, Ok(&Json::Null)),
            Event::ActivityCompleted { seq, result }
            | Event::ChildCompleted { seq, result }
            | Event::NexusCompleted { seq, result } => self.settle(*seq, Ok(result)),
            Event::ActivityFailed { seq, failure }
            | Event::ChildFailed { seq, failure }
            | Event::ChildStartFailed { seq, failure }
            | Event::NexusFailed { seq, failure } => self.settle(*seq, Err(failure)),
            Event::ChildStarted { seq, .. } | Event::NexusStarted { seq } => self.started(*seq),
            Event::SignalSent { seq, failure } => match failure {
                None => self.settle(*seq, Ok(&Json::Null)),
                Some(failure) => self.settle(*seq, Err(failure)),
            },
            Event::Signaled { name, input } => self.signaled(name, input),
            Event::Updated { id, name, input } => self.updated(id, name, input),
            Event::CancelRequested { .. } => {
                self.cancel_requested();
                Ok(())
            }
        }
    }

    /// An item by its command. None when nobody asks for it any more.
    fn pending(&self, seq: u64) -> Result<Option<&Item>, Fault> {
        if seq >= self.m.next.command || seq >= LOCAL_ITEMS || seq == 0 {
            let message = format!("history answers command {seq}, which this definition has not issued");
            return Err(Trouble::new(NON_DETERMINISM, message).at(self.code.span));
        }
        Ok(self.m.items.get(&seq).filter(|item| item.is_pending()))
    }

    fn settle(&mut self, seq: u64, outcome: Result<&Json, &Failure>) -> Result<(), Fault> {
        let Some(item) = self.pending(seq)? else { return Ok(()) };
        let state = match outcome {
            Err(failure) => ItemState::Failed(described(failure.clone(), &item.what)),
            Ok(json) => {
                let (pc, case) = item.origin;
                let start = self.code.instrs.get(pc as usize).and_then(|instr| start_of(instr, case));
                ItemState::Done(self.import_result(json, start.and_then(result_shape), pc)?)
            }
        };
        self.resolve(seq, state);
        Ok(())
    }

    fn import_result(&mut self, json: &Json, shape: Option<&Shape>, pc: u32) -> Result<Value, Fault> {
        let span = self.code.spans.get(pc as usize).copied().unwrap_or(self.code.span);
        let mut importer = Importer { heap: &mut self.m.heap, types: self.types };
        importer.import_leniently(json, shape.unwrap_or(&Shape::ANY)).map_err(|trouble| trouble.at(span))
    }

    /// Ends an item and wakes its waiters in the order they began waiting.
    pub(super) fn resolve(&mut self, id: u64, state: ItemState) {
        let Some(item) = self.m.items.get_mut(&id) else { return };
        item.state = state;
        let mut waiters = std::mem::take(&mut item.waiters);
        waiters.append(&mut item.start_waiters);
        waiters.sort_by_key(|(_, no)| *no);
        if item.orphan {
            self.m.items.remove(&id);
        }
        for waiter in waiters {
            self.wake(waiter);
        }
    }

    fn started(&mut self, seq: u64) -> Result<(), Fault> {
        if self.pending(seq)?.is_none() {
            return Ok(());
        }
        let Some(item) = self.m.items.get_mut(&seq) else { return Ok(()) };
        item.started = true;
        for waiter in std::mem::take(&mut item.start_waiters) {
            self.wake(waiter);
        }
        Ok(())
    }
}

/// Says where a failure happened.
fn described(failure: Failure, what: &What) -> Failure {
    match what {
        What::Activity(name) => as_wrapped(failure, kind::ACTIVITY, name),
        What::Child(name) => as_wrapped(failure, kind::CHILD_WORKFLOW, name),
        What::Nexus(name) => as_nexus_failure(failure, name),
        What::Signal(name) if failure.type_name != SIGNAL_FAILED => {
            let message = format!("signal {name} could not be delivered: {}", failure.message);
            failure.wrapped(kind::APPLICATION, SIGNAL_FAILED, message)
        }
        What::Signal(_) | What::Timer | What::Message(_) => failure,
    }
}

/// The type that a signal which cannot be delivered raises.
const SIGNAL_FAILED: &str = "SignalDeliveryFailed";

/// The declared type of what is called.
fn result_shape(start: &Start) -> Option<&Shape> {
    match start {
        Start::Activity(.., shape) | Start::Child(.., shape) | Start::Nexus(.., shape) => Some(shape),
        Start::Timer(_) | Start::Message(_) => None,
    }
}

/// What an instruction starts, by the case of a race.
fn start_of(instr: &Instr, case: u32) -> Option<&Start> {
    match instr {
        Instr::Call(start, _)
        | Instr::Detach(start)
        | Instr::Promise(_, start)
        | Instr::Await(On::Start(start), _) => Some(start),
        Instr::Race(race) => match &race.cases.get(case as usize)?.on {
            CaseOn::On(On::Start(start) | On::Detached(start)) => Some(start),
            _ => None,
        },
        _ => None,
    }
}
