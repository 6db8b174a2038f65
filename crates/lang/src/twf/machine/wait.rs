//! Waiting: who waits for what, who is woken, and what a wait gave.

use super::run::{Flow, Task};
use super::state::{Coroutine, ItemState, Role, TokenWaiter, Wait, WaitOn, Waiter, What};
use crate::twf::code::{After, Bind, CaseOn, Instr, On};
use crate::twf::failure::Failure;
use crate::twf::fault::Fault;
use crate::twf::value::Value;

/// From this many notes in one place on, void ones are dropped before another is added.
const NOTES_MIN: usize = 8;

/// What a wait gave.
pub(super) type Outcome = Result<Value, Box<Failure>>;

impl Task<'_, '_> {
    /// Begins to wait; goes on at once when it need not.
    pub(super) fn wait(
        &mut self,
        id: u32,
        co: &mut Coroutine,
        on: Vec<WaitOn>,
        all: bool,
    ) -> Result<Flow, Fault> {
        let no = self.m.next.wait;
        self.m.next.wait += 1;
        co.wait = Some(Wait { no, on, all });
        if let Some(at) = self.ready_case(co)? {
            return self.finish_wait(co, at);
        }
        self.note_wait((id, no), co);
        Ok(Flow::Wait)
    }

    /// Notes a wait with everything it depends on. Void notes of older waits go when there are many.
    fn note_wait(&mut self, waiter: Waiter, co: &Coroutine) {
        let coroutines = &self.m.coroutines;
        let is_valid = |(id, no): &Waiter| coroutines.get(id).is_some_and(|co| co.waits(*no));
        let note = |waiters: &mut Vec<Waiter>| {
            if waiters.len() >= NOTES_MIN {
                waiters.retain(is_valid);
            }
            waiters.push(waiter);
        };
        let mut watched = false;
        for on in co.wait.iter().flat_map(|wait| &wait.on) {
            match on {
                WaitOn::Item(item) => {
                    self.m.items.get_mut(item).into_iter().for_each(|item| note(&mut item.waiters));
                }
                WaitOn::Started(item) => {
                    self.m.items.get_mut(item).into_iter().for_each(|item| note(&mut item.start_waiters));
                }
                WaitOn::Token(handler) => {
                    let Some(queue) = self.m.queues.get_mut(*handler as usize) else { continue };
                    if queue.waiters.len() >= NOTES_MIN {
                        queue.waiters.retain(|it| match it {
                            TokenWaiter::Coroutine(waiter) => is_valid(waiter),
                            TokenWaiter::Promise(_) => true,
                        });
                    }
                    queue.waiters.push(TokenWaiter::Coroutine(waiter));
                }
                WaitOn::Predicate | WaitOn::HandlersFinished => watched = true,
                WaitOn::Group(group) => {
                    self.m.groups.get_mut(group).into_iter().for_each(|group| group.waiter = Some(waiter));
                }
            }
        }
        if watched {
            note(&mut self.m.watchers);
        }
    }

    /// Appends a waiting coroutine to the ready queue, once.
    pub(super) fn wake(&mut self, (id, no): Waiter) {
        if let Some(co) = self.m.coroutines.get_mut(&id)
            && co.waits(no)
            && !co.queued
        {
            co.queued = true;
            self.m.ready.push_back(id);
        }
    }

    /// Looks again at every wait that depends on state, in the order they began.
    pub(super) fn recheck(&mut self) -> Result<(), Fault> {
        if self.m.watchers.is_empty() {
            return Ok(());
        }
        let coroutines = &self.m.coroutines;
        self.m.watchers.retain(|(id, no)| coroutines.get(id).is_some_and(|co| co.waits(*no)));
        for waiter in self.m.watchers.clone() {
            if self.m.coroutines.get(&waiter.0).is_none_or(|co| co.queued) {
                continue;
            }
            let Some(co) = self.m.coroutines.remove(&waiter.0) else { continue };
            let ready = self.ready_case(&co)?;
            self.m.coroutines.insert(waiter.0, co);
            if ready.is_some() {
                self.wake(waiter);
            }
        }
        Ok(())
    }

    /// The first case that is ready, in source order.
    pub(super) fn ready_case(&mut self, co: &Coroutine) -> Result<Option<usize>, Fault> {
        let Some(wait) = &co.wait else { return Ok(None) };
        if wait.all {
            for (at, on) in wait.on.iter().enumerate() {
                if !self.is_ready(co, *on, at)? {
                    return Ok(None);
                }
            }
            return Ok(Some(0));
        }
        for (at, on) in wait.on.iter().enumerate() {
            if self.is_ready(co, *on, at)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn is_ready(&mut self, co: &Coroutine, on: WaitOn, at: usize) -> Result<bool, Fault> {
        Ok(match on {
            WaitOn::Item(item) => self.m.items.get(&item).is_none_or(|item| !item.is_pending()),
            WaitOn::Started(item) => {
                self.m.items.get(&item).is_none_or(|item| item.started || !item.is_pending())
            }
            WaitOn::Token(handler) => {
                self.m.queues.get(handler as usize).is_some_and(|queue| !queue.tokens.is_empty())
            }
            WaitOn::Group(group) => self.m.groups.get(&group).is_none_or(|group| group.left == 0),
            WaitOn::HandlersFinished => {
                // A handler that waits for the others does not wait for itself.
                let own = u32::from(matches!(co.role, Role::Handler { .. }));
                self.m.handlers_running <= own
            }
            WaitOn::Predicate => {
                let condition = match self.instr(co) {
                    Instr::Await(On::Predicate(condition), _) => Some(condition),
                    Instr::Race(race) => race.cases.get(at).and_then(|case| match &case.on {
                        CaseOn::On(On::Predicate(condition)) => Some(condition),
                        _ => None,
                    }),
                    _ => None,
                };
                match condition {
                    Some(condition) => self.evaluator(co.scope).holds(condition)?,
                    None => return Err(Fault::internal("a wait without its condition")),
                }
            }
        })
    }

    /// A popped coroutine: finishes its wait, takes a cancellation, or goes on waiting.
    pub(super) fn resume(&mut self, co: &mut Coroutine) -> Result<Flow, Fault> {
        if co.wait.is_none() {
            return Ok(Flow::Next);
        }
        match self.ready_case(co)? {
            Some(at) => self.finish_wait(co, at),
            None if co.cancel && !self.sits_out(co) => {
                let wait = co.wait.take();
                self.drop_losers(&wait.map(|wait| wait.on).unwrap_or_default(), None, false, self.span(co));
                self.raise_canceled(co)
            }
            None => Ok(Flow::Wait),
        }
    }

    /// Whether a cancelled wait goes on until what it waits for has really ended.
    fn sits_out(&self, co: &Coroutine) -> bool {
        co.wait.iter().flat_map(|wait| &wait.on).any(|on| match on {
            WaitOn::Item(item) => self.m.items.get(item).is_some_and(|item| item.cancellation.waits()),
            _ => false,
        })
    }

    fn finish_wait(&mut self, co: &mut Coroutine, at: usize) -> Result<Flow, Fault> {
        let wait = co.wait.take();
        let on = wait.map(|wait| wait.on).unwrap_or_default();
        let Some(first) = on.get(at).copied() else {
            return Err(Fault::internal("a wait without what it waits for"));
        };
        match self.instr(co) {
            Instr::Call(_, after) | Instr::Await(_, after) => {
                let outcome = self.outcome(first, after.bind.as_ref())?;
                self.proceed(co, outcome, after)
            }
            Instr::Race(race) => self.race_won(co, race, &on, at),
            Instr::All(all) => {
                let outcome = self.outcome(first, all.bind.as_ref())?;
                self.proceed(co, outcome, &After { bind: all.bind.clone(), capture: false })
            }
            Instr::NextDone(var, _) => self.next_done(co, (*var, at), first),
            Instr::AwaitEach(_, bind) => {
                let outcome = self.each_outcome(&on)?;
                self.proceed(co, outcome, &After { bind: bind.clone(), capture: false })
            }
            Instr::Detach(_) | Instr::AwaitStarted(_) | Instr::Send(..) => {
                let outcome = self.outcome(first, None)?;
                self.go_on_or_raise(co, outcome)
            }
            _ => Err(Fault::internal("an instruction that cannot wait")),
        }
    }

    /// Binds a result or raises a failure.
    pub(super) fn proceed(
        &mut self,
        co: &mut Coroutine,
        outcome: Outcome,
        after: &After,
    ) -> Result<Flow, Fault> {
        let value = match outcome {
            Ok(value) => value,
            Err(failure) if after.capture && !failure.is_canceled() => self.captured(&failure),
            Err(failure) => return self.raise(co, *failure),
        };
        self.bind(co, after.bind.as_ref(), value)?;
        co.pc += 1;
        Ok(Flow::Next)
    }

    fn go_on_or_raise(&mut self, co: &mut Coroutine, outcome: Outcome) -> Result<Flow, Fault> {
        match outcome {
            Ok(_) => {
                co.pc += 1;
                Ok(Flow::Next)
            }
            Err(failure) => self.raise(co, *failure),
        }
    }

    /// Takes what a finished wait gave.
    pub(super) fn outcome(&mut self, on: WaitOn, bind: Option<&Bind>) -> Result<Outcome, Fault> {
        Ok(match on {
            WaitOn::Item(item) => self.item_outcome(item, bind)?,
            WaitOn::Started(id) => {
                let failed = match self.m.items.get(&id).map(|item| &item.state) {
                    Some(ItemState::Failed(failure)) => Some(Box::new(failure.clone())),
                    _ => None,
                };
                // A detached item is nobody's any more; a promise keeps its own.
                if self.m.items.get(&id).is_some_and(|item| !item.held) {
                    self.m.items.remove(&id);
                }
                failed.map_or(Ok(Value::Null), Err)
            }
            WaitOn::Token(handler) => {
                let token =
                    self.m.queues.get_mut(handler as usize).and_then(|queue| queue.tokens.pop_front());
                let args = token.ok_or_else(|| Fault::internal("a token that is not there"))?;
                Ok(self.message_value(handler, &args, bind))
            }
            WaitOn::Group(group) => self.group_outcome(group),
            WaitOn::Predicate | WaitOn::HandlersFinished => Ok(Value::Bool(true)),
        })
    }

    fn item_outcome(&mut self, id: u64, bind: Option<&Bind>) -> Result<Outcome, Fault> {
        let item = self.m.items.get(&id).ok_or_else(|| Fault::internal("an item that is not there"))?;
        let outcome = match &item.state {
            ItemState::Done(value) => Ok(value.clone()),
            ItemState::Failed(failure) => Err(Box::new(failure.clone())),
            ItemState::Pending => return Err(Fault::internal("an item that is not done")),
        };
        let what = item.what.clone();
        if !item.held {
            self.m.items.remove(&id);
        }
        Ok(match (what, outcome) {
            (What::Message(handler), Ok(Value::List(at))) => {
                let args = self.m.heap.list(at).to_vec();
                Ok(self.message_value(handler, &args, bind))
            }
            (_, outcome) => outcome,
        })
    }

    /// All promises of `await all promises`: the values in order, or the first failure with the others suppressed.
    fn each_outcome(&mut self, on: &[WaitOn]) -> Result<Outcome, Fault> {
        let mut values = Vec::with_capacity(on.len());
        let mut failures = Vec::new();
        for on in on {
            match self.outcome(*on, None)? {
                Ok(value) => values.push(value),
                Err(failure) => failures.push(*failure),
            }
        }
        Ok(match super::group::first_with_others(failures) {
            Some(failure) => Err(Box::new(failure)),
            None => Ok(self.m.heap.new_list(values)),
        })
    }
}
