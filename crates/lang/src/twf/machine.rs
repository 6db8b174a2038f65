//! The interpreter: a run as plain data that is advanced by events and answers with commands.
//!
//! There is no thread, clock or host stack in it, so a run can be stored, moved and resumed at any time. The same
//! events in the same batches give the same commands: that is what replay compares. The scheduling rules are those of
//! the language page, section 14.1.

mod blocked;
mod call;
mod cancel;
mod check;
mod close;
mod error;
mod event;
mod group;
mod input;
mod message;
mod options;
mod query;
mod race;
mod run;
mod start;
mod state;
mod step;
mod trace;
mod variables;
mod wait;
mod wire;

pub use crate::twf::boundary::InputError;
pub use crate::twf::failure::Failure;
pub use check::{MessageError, check_message};
pub use query::{Answer, QueryError};
pub use trace::Trace;
pub use wire::{
    ActivityOptions, Blocked, ChildOptions, Command, CommandKind, Event, NexusOptions, NexusTarget, Priority,
    RetryPolicy, RunInfo, SignalTarget, TaskInfo,
};

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::heap::Heap;
use super::program::Program;
use super::value::Value;
use run::Task;
use state::{Coroutine, Group, Item, Queue, Waiter};

/// Ids of items that no command stands behind start here.
const LOCAL_ITEMS: u64 = 1 << 63;

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    info: RunInfo,
    /// The program it was made for.
    digest: String,
    heap: Heap,
    globals: Vec<Value>,
    coroutines: BTreeMap<u32, Coroutine>,
    ready: VecDeque<u32>,
    items: BTreeMap<u64, Item>,
    groups: BTreeMap<u32, Group>,
    queues: Vec<Queue>,
    /// Waits that depend on state and not on an item, in the order they began.
    watchers: Vec<Waiter>,
    next: Counters,
    /// How often the generator was drawn from.
    draws: u64,
    /// Which changes of the definition are in effect, as far as the program has asked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    patches: BTreeMap<String, bool>,
    /// The changes that the history of the next task has in effect, when that task is in history already.
    #[serde(skip)]
    recalled: Option<Vec<String>>,
    /// The latest task.
    latest: TaskInfo,
    /// Handler calls that have not ended.
    handlers_running: u32,
    cancel_requested: bool,
    closed: bool,
}

/// The next number of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Counters {
    command: u64,
    coroutine: u32,
    wait: u64,
    group: u32,
    local_item: u64,
}

impl Machine {
    /// The run this is.
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    /// The variables of the run, by slot, with what they hold.
    #[cfg(test)]
    pub(crate) fn variables(&self) -> (&Heap, &[Value]) {
        (&self.heap, &self.globals)
    }

    /// Whether the run has ended. A closed machine still answers queries.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The number that the next command will get.
    pub fn next_command(&self) -> u64 {
        self.next.command
    }

    /// Says that the next task is in history already, and which changes are marked there as in effect: `patched(..)` then
    /// gives what it gave, also to a program that asks where another one did not.
    pub fn recall(&mut self, patches: Vec<String>) {
        self.recalled = Some(patches);
    }

    /// Says that a change is in effect although the program has not asked at its place: history has it there, marked by a
    /// program that did not know the time before the change any more.
    pub fn note_patch(&mut self, patch: &str) {
        self.patches.insert(patch.to_owned(), true);
    }

    /// One workflow task: applies the events in order and runs until everything waits.
    ///
    /// The first task needs no events. After a fault the machine must be dropped: the run stays open and is rebuilt
    /// from its history, or from an earlier copy, when the definition has been corrected.
    pub fn task(
        &mut self,
        program: &Program,
        info: &TaskInfo,
        events: &[Event],
    ) -> Result<Vec<Command>, Fault> {
        self.work(program, info, events, None)
    }

    /// The same, counting what ran. Nothing else is different.
    pub fn task_traced(
        &mut self,
        program: &Program,
        info: &TaskInfo,
        events: &[Event],
        trace: &mut Trace,
    ) -> Result<Vec<Command>, Fault> {
        self.work(program, info, events, Some(trace))
    }

    fn work(
        &mut self,
        program: &Program,
        info: &TaskInfo,
        events: &[Event],
        trace: Option<&mut Trace>,
    ) -> Result<Vec<Command>, Fault> {
        if self.closed {
            return Ok(Vec::new());
        }
        if self.heap.is_due() {
            self.collect();
        }
        // Whether a task is replayed must not show in the state.
        self.latest = TaskInfo { replaying: false, ..*info };
        let mut task = Task { trace, ..Task::new(self, program, *info)? };
        for event in events {
            task.apply(event)?;
        }
        task.drain()?;
        Ok(task.finish())
    }

    /// Frees what nothing reaches, promises that nobody can await any more included.
    fn collect(&mut self) {
        let mut collection = self.heap.collect();
        self.globals.iter_mut().for_each(|value| collection.value(value));
        self.coroutines.values_mut().for_each(|coroutine| coroutine.keep(&mut collection));
        for group in self.groups.values_mut() {
            group.results.iter_mut().for_each(|value| collection.value(value));
        }
        for queue in &mut self.queues {
            queue.tokens.iter_mut().flatten().for_each(|value| collection.value(value));
        }
        let followed = collection.follow(0);
        let reachable = std::mem::take(&mut collection.promises);
        self.items.retain(|id, item| item.is_pending() || !item.held || reachable.contains(id));
        for item in self.items.values_mut() {
            if let state::ItemState::Done(value) = &mut item.state {
                collection.value(value);
            }
        }
        collection.finish(followed);
    }
}

#[cfg(test)]
mod tests;
