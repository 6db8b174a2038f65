//! The parts of a run's state: coroutines, what they wait for, and what is pending.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::wire::CommandKind;
use crate::twf::failure::Failure;
use crate::twf::heap::Collection;
use crate::twf::value::{Ref, Value};

/// A coroutine: the body, a branch, or a handler call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Coroutine {
    /// Its next instruction; while it waits, the one that waits.
    pub(super) pc: u32,
    /// Its innermost scope.
    pub(super) scope: Option<Ref>,
    /// What it is.
    pub(super) role: Role,
    /// Iterations, guards, and what is kept while `finally` runs.
    pub(super) control: Vec<Control>,
    /// What it waits for.
    pub(super) wait: Option<Wait>,
    /// Whether it is in the ready queue.
    pub(super) queued: bool,
    /// Whether its next wait is to be cancelled.
    pub(super) cancel: bool,
    /// Whether it cleans up after a cancellation, and cannot be cancelled itself.
    pub(super) shielded: bool,
    /// The last bound value, else the last result: what `await all -> results` collects.
    pub(super) last: Value,
    /// Whether `last` was bound to a name.
    pub(super) last_is_bound: bool,
}

/// What a coroutine is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Role {
    /// The body.
    Main,
    /// A branch of a group, by its place in it.
    Branch { group: u32, place: u32 },
    /// A call of a handler: its arguments, and the id of the update.
    Handler { handler: u32, args: Vec<Value>, update: Option<String> },
    /// A query or validator; it lives for one call only.
    Query,
}

/// An entry of the control stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Control {
    /// An iteration over keys and values as they were when it began.
    Loop { pairs: Vec<(Value, Value)>, next: usize, by_key: bool },
    /// Promises that an iteration has not seen the end of.
    Promises(Vec<u64>),
    /// Where a failure goes.
    Try(u32),
    /// A failure that is being handled.
    Failure(Failure),
    /// How the run is about to end.
    Close(Box<CommandKind>),
    /// What a handler is about to answer.
    Return(Value),
}

/// A wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Wait {
    /// Counts the waits of the run: what was noted for an older wait is void.
    pub(super) no: u64,
    /// What it waits for.
    pub(super) on: Vec<WaitOn>,
    /// Whether all are needed, instead of the first.
    pub(super) all: bool,
}

/// One thing that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum WaitOn {
    /// The end of an item.
    Item(u64),
    /// The start of an item.
    Started(u64),
    /// A token of a handler.
    Token(u32),
    /// The condition or predicate of the instruction.
    Predicate,
    /// No handler runs.
    HandlersFinished,
    /// All branches of a group are done.
    Group(u32),
}

/// Something that takes time. Items of commands have their sequence number as id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Item {
    /// What it is.
    pub(super) what: What,
    /// How it stands.
    pub(super) state: ItemState,
    /// Whether its start was confirmed.
    pub(super) started: bool,
    /// What its cancellation means.
    pub(super) cancellation: Cancellation,
    /// Whether a promise holds it, so that it is kept after its end.
    pub(super) held: bool,
    /// Whether nobody will ask for it any more: a race was lost.
    pub(super) orphan: bool,
    /// The instruction that began it, and the case of a race.
    pub(super) origin: (u32, u32),
    /// Who waits for its end, in the order they began.
    pub(super) waiters: Vec<Waiter>,
    /// Who waits for its start.
    pub(super) start_waiters: Vec<Waiter>,
}

/// What the cancellation of an item means: the option `cancellation_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Cancellation {
    /// It is asked to stop, and counts as cancelled at once.
    Try,
    /// It is asked to stop, and its end is waited for.
    Wait,
    /// It was asked to stop, and its end is waited for.
    Asked,
    /// It is left alone, and counts as cancelled at once.
    Abandon,
}

impl Cancellation {
    /// By the word of the option; nothing was said when there is none.
    pub(super) fn of(word: Option<&str>) -> Cancellation {
        match word {
            Some("wait_cancellation_completed") => Cancellation::Wait,
            Some("abandon") => Cancellation::Abandon,
            _ => Cancellation::Try,
        }
    }

    /// Whether the end of a cancelled item is waited for.
    pub(super) fn waits(self) -> bool {
        matches!(self, Cancellation::Wait | Cancellation::Asked)
    }
}

/// A waiting coroutine and the number of its wait.
pub(super) type Waiter = (u32, u64);

/// What an item is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum What {
    /// A timer.
    Timer,
    /// An activity.
    Activity(Arc<str>),
    /// A child workflow.
    Child(Arc<str>),
    /// A Nexus operation.
    Nexus(Arc<str>),
    /// A promise of a message.
    Message(u32),
    /// A signal on its way.
    Signal(Arc<str>),
}

/// How an item stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum ItemState {
    /// Not done.
    Pending,
    /// Done.
    Done(Value),
    /// Failed.
    Failed(Failure),
}

/// The branches of one `await all`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Group {
    /// Branches that still run.
    pub(super) left: u32,
    /// The last value of each branch.
    pub(super) results: Vec<Value>,
    /// What failed, by branch.
    pub(super) failures: Vec<(u32, Failure)>,
    /// Who waits for it.
    pub(super) waiter: Option<Waiter>,
    /// Whether nobody will ask for it any more.
    pub(super) orphan: bool,
}

/// Arrival tokens of one handler.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Queue {
    /// The arguments of each arrival, first come first.
    pub(super) tokens: VecDeque<Vec<Value>>,
    /// Who waits for one, in the order they began.
    pub(super) waiters: Vec<TokenWaiter>,
}

/// Who waits for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum TokenWaiter {
    /// A coroutine.
    Coroutine(Waiter),
    /// A promise.
    Promise(u64),
}

impl Coroutine {
    pub(super) fn new(pc: u32, scope: Option<Ref>, role: Role) -> Coroutine {
        Coroutine {
            pc,
            scope,
            role,
            control: Vec::new(),
            wait: None,
            queued: false,
            cancel: false,
            shielded: false,
            last: Value::Null,
            last_is_bound: false,
        }
    }

    /// Whether this is the wait that somebody noted.
    pub(super) fn waits(&self, no: u64) -> bool {
        self.wait.as_ref().is_some_and(|wait| wait.no == no)
    }

    pub(super) fn keep(&mut self, into: &mut Collection<'_>) {
        self.scope.iter_mut().for_each(|scope| into.reference(scope));
        into.value(&mut self.last);
        if let Role::Handler { args, .. } = &mut self.role {
            for arg in args {
                into.value(arg);
            }
        }
        for control in &mut self.control {
            match control {
                Control::Loop { pairs, .. } => pairs.iter_mut().for_each(|(key, value)| {
                    into.value(key);
                    into.value(value);
                }),
                Control::Return(value) => into.value(value),
                Control::Promises(items) => into.promises.extend(items.iter().copied()),
                Control::Try(_) | Control::Failure(_) | Control::Close(_) => {}
            }
        }
        for on in self.wait.iter().flat_map(|wait| &wait.on) {
            if let WaitOn::Item(item) | WaitOn::Started(item) = on {
                into.promises.insert(*item);
            }
        }
    }
}

impl Item {
    pub(super) fn is_pending(&self) -> bool {
        self.state == ItemState::Pending
    }
}
