//! Instructions that do not wait, and the way into those that do.

use super::run::{Flow, Task};
use super::state::{Control, Coroutine};
use crate::twf::ast::AssignOp;
use crate::twf::code::{Bind, Expr, Instr, Label, Place, Var};
use crate::twf::fault::{Fault, Trouble};
use crate::twf::value::{Ref, Value};

impl Task<'_, '_> {
    /// Runs the instruction at `pc`.
    pub(super) fn step(&mut self, id: u32, co: &mut Coroutine) -> Result<Flow, Fault> {
        self.spend(co)?;
        if let Some(trace) = self.trace.as_deref_mut() {
            trace.ran(co.pc);
        }
        match self.instr(co) {
            Instr::Assign(place, op, value) => {
                let value = self.eval(co.scope, value)?;
                self.evaluator(co.scope).assign(place, *op, value)?;
                self.note_bound(co, place);
            }
            Instr::Eval(expr) => {
                self.eval(co.scope, expr)?;
            }
            Instr::Set(var, value) => self.evaluator(co.scope).set(*var, Value::Bool(*value)),
            Instr::Jump(to) => return Ok(self.jump(co, *to)),
            Instr::Unless(condition, to) => {
                if !self.evaluator(co.scope).holds(condition)? {
                    return Ok(self.jump(co, *to));
                }
            }
            Instr::Switch(subject, cases, default) => {
                let to = self.switch(co.scope, subject, cases)?.unwrap_or(*default);
                return Ok(self.jump(co, to));
            }
            Instr::Loop(items) => {
                let pairs = self.pairs(co.scope, items)?;
                co.control.push(pairs);
            }
            Instr::Next(first, second, exit) => match next_pair(co) {
                Some((key, value, by_key)) => {
                    let mut evaluator = self.evaluator(co.scope);
                    match second {
                        Some(second) => {
                            evaluator.set(*first, key);
                            evaluator.set(*second, value);
                        }
                        None => evaluator.set(*first, if by_key { key } else { value }),
                    }
                }
                None => {
                    co.control.pop();
                    return Ok(self.jump(co, *exit));
                }
            },
            Instr::LoopPromises(promises) => {
                let left = self.promises_of(co.scope, promises, "for await")?;
                co.control.push(Control::Promises(left));
            }
            Instr::Unwind(height) => co.control.truncate(*height as usize),
            Instr::Keep(height) => {
                let top = co.control.pop();
                co.control.truncate(*height as usize);
                co.control.extend(top);
            }
            Instr::Try(label) => co.control.push(Control::Try(*label)),
            _ => return self.step_control(id, co),
        }
        if let Some(trace) = self.trace.as_deref_mut() {
            trace.went_on(co.pc);
        }
        co.pc += 1;
        Ok(Flow::Next)
    }

    fn step_control(&mut self, id: u32, co: &mut Coroutine) -> Result<Flow, Fault> {
        match self.instr(co) {
            Instr::Catch(type_name, bind, miss) => {
                let takes = match co.control.last() {
                    Some(Control::Failure(failure)) => match type_name {
                        Some(name) => failure.is_a(name),
                        None => !failure.is_canceled(),
                    },
                    _ => false,
                };
                if !takes {
                    return Ok(self.jump(co, *miss));
                }
                if let (Some(Control::Failure(failure)), Some(var)) = (co.control.pop(), bind) {
                    let value = self.failure_value(&failure);
                    self.evaluator(co.scope).set(*var, value);
                }
                co.pc += 1;
                Ok(Flow::Next)
            }
            Instr::Rethrow => match co.control.pop() {
                Some(Control::Failure(failure)) => self.raise(co, failure),
                _ => Err(Fault::internal("nothing to raise again")),
            },
            Instr::Raise(error) => {
                let failure = self.error(co.scope, error)?;
                self.raise(co, failure)
            }
            Instr::PrepareClose(close) => {
                let kind = self.prepare_close(co, close)?;
                co.control.push(Control::Close(Box::new(kind)));
                co.pc += 1;
                Ok(Flow::Next)
            }
            Instr::Leave => match co.control.pop() {
                Some(Control::Close(kind)) => self.close(co, *kind),
                Some(Control::Return(value)) => self.handler_done(co, value),
                _ => Err(Fault::internal("nothing was prepared to leave with")),
            },
            Instr::HandOver => self.hand_over(co),
            Instr::PrepareReturn(value) => {
                let value = value.as_ref().map_or(Ok(Value::Null), |value| self.eval(co.scope, value))?;
                co.control.push(Control::Return(value));
                co.pc += 1;
                Ok(Flow::Next)
            }
            Instr::Reject(reason) => self.reject(co, reason),
            Instr::End => self.end(co),
            Instr::Broken(code, message) => Err(Trouble::new(code, message.clone()).at(self.span(co))),
            _ => self.begin(id, co),
        }
    }

    pub(super) fn jump(&mut self, co: &mut Coroutine, to: Label) -> Flow {
        let to = self.code.target(to);
        if let Some(trace) = self.trace.as_deref_mut() {
            trace.went(co.pc, to);
        }
        co.pc = to;
        Flow::Next
    }

    fn switch(
        &mut self,
        scope: Option<Ref>,
        subject: &Expr,
        cases: &[(Vec<Expr>, Label)],
    ) -> Result<Option<Label>, Fault> {
        let subject = self.eval(scope, subject)?;
        for (values, label) in cases {
            for value in values {
                let wanted = self.eval(scope, value)?;
                let same = crate::twf::eval::ops::equal(&self.m.heap, &subject, &wanted);
                if same.map_err(|trouble| trouble.at(value.span))? {
                    return Ok(Some(*label));
                }
            }
        }
        Ok(None)
    }

    /// What an iteration goes over: a copy, so that the loop does not see its own changes.
    pub(super) fn pairs(&mut self, scope: Option<Ref>, items: &Expr) -> Result<Control, Fault> {
        let value = self.eval(scope, items)?;
        let (pairs, by_key): (Vec<(Value, Value)>, bool) = match &value {
            Value::List(at) => {
                let items = self.m.heap.list(*at).iter().cloned().enumerate();
                (items.map(|(at, item)| (Value::count(at), item)).collect(), false)
            }
            Value::Object(at) => {
                let fields = self.m.heap.object(*at).map(|object| &object.fields).into_iter().flatten();
                (fields.map(|(name, field)| (Value::Str(name.clone()), field.clone())).collect(), true)
            }
            other => {
                let message = format!("`for` goes over a list or object, not {}", other.kind());
                return Err(Trouble::mismatch(message).at(items.span));
            }
        };
        self.context.spend(pairs.len()).map_err(|trouble| trouble.at(items.span))?;
        Ok(Control::Loop { pairs, next: 0, by_key })
    }

    /// A variable of the branch's own that is assigned is bound: `await all -> results` collects the last one.
    fn note_bound(&mut self, co: &mut Coroutine, place: &Place) {
        if let (Var::Local { up: 0, slot }, true, Some(scope)) = (place.root, place.path.is_empty(), co.scope)
        {
            co.last = self.m.heap.variable(scope, 0, slot).cloned().unwrap_or_default();
            co.last_is_bound = true;
        }
    }

    /// Puts a result where it belongs, and remembers it for `await all -> results`.
    pub(super) fn bind(
        &mut self,
        co: &mut Coroutine,
        bind: Option<&Bind>,
        value: Value,
    ) -> Result<(), Fault> {
        if bind.is_some() || !co.last_is_bound {
            co.last = value.clone();
            co.last_is_bound = bind.is_some();
        }
        match bind {
            Some(Bind::Place(place)) => self.evaluator(co.scope).assign(place, AssignOp::Set, value),
            Some(bind) => self.evaluator(co.scope).bind(bind, value),
            None => Ok(()),
        }
    }
}

fn next_pair(co: &mut Coroutine) -> Option<(Value, Value, bool)> {
    let Some(Control::Loop { pairs, next, by_key }) = co.control.last_mut() else { return None };
    let (key, value) = pairs.get(*next)?.clone();
    *next += 1;
    Some((key, value, *by_key))
}
