//! Instructions that may wait: how each begins.

use super::run::{Flow, Task};
use super::state::{Control, Coroutine, WaitOn, What};
use super::wire::{CommandKind, SignalTarget};
use crate::text::source::Span;
use crate::twf::ast::AssignOp;
use crate::twf::code::{Args, Expr, Instr, Label, On, Start, To, Var};
use crate::twf::eval::display;
use crate::twf::fault::{Fault, NOT_A_PROMISE, Trouble};
use crate::twf::value::{Ref, Value};

impl Task<'_, '_> {
    /// Begins an instruction that may wait.
    pub(super) fn begin(&mut self, id: u32, co: &mut Coroutine) -> Result<Flow, Fault> {
        let instr = self.instr(co);
        let waits = !matches!(instr, Instr::Promise(..) | Instr::Cancel(_));
        if co.role == super::state::Role::Query {
            let message = "a query or validator cannot start or await anything";
            return Err(Trouble::new("QUERY_WAITS", message).at(self.span(co)));
        }
        // A wait that is about to begin is cancelled before anything is started.
        if waits && co.cancel && !co.shielded {
            return self.raise_canceled(co);
        }
        match instr {
            Instr::Call(start, _) => {
                let on = self.begin_start(co, start, (0, self.span(co)))?;
                self.wait(id, co, vec![on], false)
            }
            Instr::Detach(start) => self.detach(id, co, start),
            Instr::Promise(place, start) => {
                let promise = Value::Promise(self.start(co, start, (0, self.span(co)), true)?);
                self.evaluator(co.scope).assign(place, AssignOp::Set, promise)?;
                co.pc += 1;
                Ok(Flow::Next)
            }
            Instr::NextDone(_, exit) => self.begin_next(id, co, *exit),
            Instr::Await(on, _) => {
                let on = self.begin_on(co, on, (0, self.span(co)))?;
                self.wait(id, co, vec![on], false)
            }
            Instr::Race(race) => self.begin_race(id, co, race),
            Instr::All(all) => self.begin_all(id, co, all),
            Instr::AwaitEach(promises, _) => self.begin_each(id, co, promises),
            Instr::AwaitStarted(handle) => {
                let child = self.child_of(co.scope, handle)?;
                self.wait(id, co, vec![WaitOn::Started(child)], false)
            }
            Instr::Send(to, name, args) => self.send(id, co, (to, name), args),
            Instr::Cancel(to) => self.cancel(co, to),
            _ => Err(Fault::internal("an instruction of unknown kind")),
        }
    }

    /// Begins a target of `await` or of a race case.
    pub(super) fn begin_on(&mut self, co: &Coroutine, on: &On, at: (u32, Span)) -> Result<WaitOn, Fault> {
        Ok(match on {
            On::Start(start) => self.begin_start(co, start, at)?,
            On::Detached(start) => WaitOn::Started(self.start_detached(co, start, at)?),
            On::Promise(promise) => WaitOn::Item(self.promise_of(co.scope, promise)?),
            On::Predicate(_) => WaitOn::Predicate,
            On::HandlersFinished => WaitOn::HandlersFinished,
        })
    }

    fn begin_start(&mut self, co: &Coroutine, start: &Start, at: (u32, Span)) -> Result<WaitOn, Fault> {
        match start {
            Start::Message(handler) => Ok(WaitOn::Token(*handler)),
            _ => self.start(co, start, at, false).map(WaitOn::Item),
        }
    }

    fn detach(&mut self, id: u32, co: &mut Coroutine, start: &Start) -> Result<Flow, Fault> {
        let item = self.start_detached(co, start, (0, self.span(co)))?;
        self.wait(id, co, vec![WaitOn::Started(item)], false)
    }

    /// The item behind a promise.
    fn promise_of(&mut self, scope: Option<Ref>, expr: &Expr) -> Result<u64, Fault> {
        match self.eval(scope, expr)? {
            Value::Promise(item) => Ok(item),
            other => {
                let message = format!("only a promise or condition can be awaited, this is {}", other.kind());
                Err(Trouble::new(NOT_A_PROMISE, message).at(expr.span))
            }
        }
    }

    /// The child workflow behind a promise.
    fn child_of(&mut self, scope: Option<Ref>, expr: &Expr) -> Result<u64, Fault> {
        let item = self.promise_of(scope, expr)?;
        match self.m.items.get(&item).map(|item| &item.what) {
            Some(What::Child(_)) => Ok(item),
            _ => {
                let message = "a signal goes to a promise of a workflow call";
                Err(Trouble::new("SIGNAL_SEND_HANDLE_NOT_WORKFLOW", message).at(expr.span))
            }
        }
    }

    /// `await all promises`: waits for every promise of a list.
    fn begin_each(&mut self, id: u32, co: &mut Coroutine, promises: &Expr) -> Result<Flow, Fault> {
        let on: Vec<_> =
            self.promises_of(co.scope, promises, "await all")?.into_iter().map(WaitOn::Item).collect();
        if on.is_empty() {
            let nothing = self.m.heap.new_list(Vec::new());
            let Instr::AwaitEach(_, bind) = self.instr(co) else { return Ok(Flow::Next) };
            self.bind(co, bind.as_ref(), nothing)?;
            co.pc += 1;
            return Ok(Flow::Next);
        }
        self.wait(id, co, on, true)
    }

    /// The items behind a list of promises.
    pub(super) fn promises_of(
        &mut self,
        scope: Option<Ref>,
        expr: &Expr,
        word: &str,
    ) -> Result<Vec<u64>, Fault> {
        let list = self.eval(scope, expr)?;
        let Value::List(at) = list else {
            let message = format!("`{word}` needs a list of promises, this is {}", list.kind());
            return Err(Trouble::mismatch(message).at(expr.span));
        };
        let items = self.m.heap.list(at).iter().map(|item| match item {
            Value::Promise(item) => Ok(*item),
            other => {
                let message = format!("`{word}` needs a list of promises, it holds {}", other.kind());
                Err(Trouble::new(NOT_A_PROMISE, message).at(expr.span))
            }
        });
        items.collect()
    }

    /// `for await`: waits for the first of the promises that are left, in the order of the list when several are done.
    fn begin_next(&mut self, id: u32, co: &mut Coroutine, exit: Label) -> Result<Flow, Fault> {
        let Some(Control::Promises(left)) = co.control.last() else {
            return Err(Fault::internal("an iteration without its promises"));
        };
        if left.is_empty() {
            co.control.pop();
            return Ok(self.jump(co, exit));
        }
        let on = left.iter().map(|item| WaitOn::Item(*item)).collect();
        self.wait(id, co, on, false)
    }

    /// One of the promises of a `for await` is done: the body runs for its value.
    pub(super) fn next_done(
        &mut self,
        co: &mut Coroutine,
        (var, at): (Var, usize),
        on: WaitOn,
    ) -> Result<Flow, Fault> {
        if let Some(Control::Promises(left)) = co.control.last_mut()
            && at < left.len()
        {
            left.remove(at);
        }
        match self.outcome(on, None)? {
            Ok(value) => {
                self.evaluator(co.scope).set(var, value);
                co.pc += 1;
                Ok(Flow::Next)
            }
            Err(failure) => self.raise(co, *failure),
        }
    }

    fn send(
        &mut self,
        id: u32,
        co: &mut Coroutine,
        (to, name): (&To, &str),
        args: &Args,
    ) -> Result<Flow, Fault> {
        let target = match to {
            To::Handle(handle) => SignalTarget::Child { seq: self.child_of(co.scope, handle)? },
            To::External(workflow, target) => SignalTarget::External {
                workflow: workflow.to_string(),
                workflow_id: self.text_of(co.scope, target)?,
            },
        };
        let input = self.object_input(co.scope, args)?;
        let kind = CommandKind::SendSignal { target, name: name.to_string(), input };
        let seq = self.emit(self.span(co), kind);
        self.add_item(seq, What::Signal(name.into()), (co.pc, 0), false);
        self.wait(id, co, vec![WaitOn::Item(seq)], false)
    }

    fn cancel(&mut self, co: &mut Coroutine, to: &To) -> Result<Flow, Fault> {
        match to {
            To::Handle(handle) => {
                let item = self.promise_of(co.scope, handle)?;
                self.cancel_item(item, self.span(co));
            }
            To::External(workflow, target) => {
                let workflow_id = self.text_of(co.scope, target)?;
                let kind = CommandKind::CancelExternal { workflow: workflow.to_string(), workflow_id };
                self.emit(self.span(co), kind);
            }
        }
        co.pc += 1;
        Ok(Flow::Next)
    }

    /// An expression as text; null is refused.
    pub(super) fn text_of(&mut self, scope: Option<Ref>, expr: &Expr) -> Result<String, Fault> {
        let value = self.eval(scope, expr)?;
        if value.is_null() {
            return Err(Trouble::mismatch("a text is needed here, this is null").at(expr.span));
        }
        display(&self.m.heap, &value).map_err(|trouble| trouble.at(expr.span))
    }
}
