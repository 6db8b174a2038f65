//! One workflow task: the ready queue and what each pop does.

use super::state::{Coroutine, Role};
use super::wire::{Command, CommandKind, TaskInfo};
use super::{Machine, Trace};
use crate::text::source::Span;
use crate::twf::code::{Expr, Instr, WorkflowCode};
use crate::twf::eval::{Context, Eval};
use crate::twf::fault::{DEFINITION_CHANGED, Fault, NOWHERE, Trouble};
use crate::twf::program::Program;
use crate::twf::shape::Types;
use crate::twf::value::{Ref, Value};

/// What an instruction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Goes on with the instruction at `pc`.
    Next,
    /// Waits.
    Wait,
    /// The coroutine is done.
    Done,
}

/// A task under way.
pub(super) struct Task<'m, 'p> {
    pub(super) m: &'m mut Machine,
    pub(super) code: &'p WorkflowCode,
    pub(super) types: &'p Types,
    pub(super) context: Context,
    pub(super) out: Vec<Command>,
    /// What a query answered.
    pub(super) answer: Option<Value>,
    /// Counts what runs, when somebody wants to know.
    pub(super) trace: Option<&'m mut Trace>,
}

impl<'m, 'p> Task<'m, 'p> {
    pub(super) fn new(m: &'m mut Machine, program: &'p Program, info: TaskInfo) -> Result<Self, Fault> {
        if m.digest != program.digest() {
            let message =
                "this run was started with another definition; replay its history with this one instead";
            return Err(Trouble::new(DEFINITION_CHANGED, message).at(NOWHERE));
        }
        let code = program
            .code(&m.info.workflow_type)
            .ok_or_else(|| Fault::internal("the workflow type is not in the program"))?;
        let recalled = m.recalled.take();
        Ok(Task {
            m,
            code,
            types: program.types(),
            context: Context { recalled, ..Context::new(info) },
            out: Vec::new(),
            answer: None,
            trace: None,
        })
    }

    /// The commands of this task.
    pub(super) fn finish(mut self) -> Vec<Command> {
        self.flush(self.code.span);
        self.out
    }

    /// Runs until nothing is ready.
    pub(super) fn drain(&mut self) -> Result<(), Fault> {
        while let Some(id) = self.m.ready.pop_front() {
            self.pop(id)?;
            if self.m.closed {
                break;
            }
            if std::mem::take(&mut self.context.wrote) {
                self.recheck()?;
            }
        }
        Ok(())
    }

    fn pop(&mut self, id: u32) -> Result<(), Fault> {
        let Some(mut coroutine) = self.m.coroutines.remove(&id) else { return Ok(()) };
        coroutine.queued = false;
        let mut flow = self.resume(&mut coroutine)?;
        while flow == Flow::Next {
            let at = coroutine.pc;
            flow = self.step(id, &mut coroutine)?;
            if !self.context.effects.is_empty() {
                self.flush(self.code.spans.get(at as usize).copied().unwrap_or(self.code.span));
            }
        }
        if flow == Flow::Wait {
            self.m.coroutines.insert(id, coroutine);
        }
        Ok(())
    }

    /// The instruction a coroutine stands at.
    pub(super) fn instr(&self, coroutine: &Coroutine) -> &'p Instr {
        self.code.instrs.get(coroutine.pc as usize).unwrap_or(&Instr::End)
    }

    /// The statement a coroutine stands at.
    pub(super) fn span(&self, coroutine: &Coroutine) -> Span {
        self.code.spans.get(coroutine.pc as usize).copied().unwrap_or(self.code.span)
    }

    /// Adds a coroutine to the end of the ready queue.
    pub(super) fn spawn(&mut self, coroutine: Coroutine) -> u32 {
        let id = self.m.next.coroutine;
        self.m.next.coroutine += 1;
        self.m.coroutines.insert(id, Coroutine { queued: true, ..coroutine });
        self.m.ready.push_back(id);
        id
    }

    /// Emits a command that is part of history, and gives its sequence number.
    pub(super) fn emit(&mut self, span: Span, kind: CommandKind) -> u64 {
        self.flush(span);
        let seq = self.m.next.command;
        self.m.next.command += 1;
        self.out.push(Command { seq, span, kind });
        seq
    }

    /// Emits a command that leaves no trace in history.
    pub(super) fn emit_aside(&mut self, span: Span, kind: CommandKind) {
        self.flush(span);
        self.out.push(Command { seq: 0, span, kind });
    }

    /// The commands of builtins come out before whatever follows them.
    pub(super) fn flush(&mut self, span: Span) {
        for kind in self.context.effects.drain(..) {
            // Markers have no number: a change that comes or goes must not move the commands behind it.
            let is_aside = matches!(kind, CommandKind::Log { .. } | CommandKind::RecordMarker { .. });
            let seq = if is_aside { 0 } else { self.m.next.command };
            self.m.next.command += u64::from(!is_aside);
            self.out.push(Command { seq, span, kind });
        }
    }

    /// Evaluates in a scope.
    pub(super) fn eval(&mut self, scope: Option<Ref>, expr: &Expr) -> Result<Value, Fault> {
        self.evaluator(scope).eval(expr)
    }

    /// The evaluator of a scope.
    pub(super) fn evaluator(&mut self, scope: Option<Ref>) -> Eval<'_> {
        Eval {
            heap: &mut self.m.heap,
            globals: &mut self.m.globals,
            scope,
            info: &self.m.info,
            draws: &mut self.m.draws,
            patches: &mut self.m.patches,
            context: &mut self.context,
            bound: Vec::new(),
        }
    }

    /// A step of a coroutine's own: counts against the budget.
    pub(super) fn spend(&mut self, coroutine: &Coroutine) -> Result<(), Fault> {
        let span = self.span(coroutine);
        self.context.spend(1).map_err(|trouble| trouble.at(span))
    }

    /// The end of a coroutine's code.
    pub(super) fn end(&mut self, coroutine: &mut Coroutine) -> Result<Flow, Fault> {
        match &coroutine.role {
            Role::Main => self.end_main(coroutine),
            Role::Branch { group, place } => {
                let (group, place) = (*group, *place);
                self.branch_done(group, place, Ok(std::mem::take(&mut coroutine.last)));
                Ok(Flow::Done)
            }
            Role::Handler { .. } => self.handler_done(coroutine, Value::Null),
            Role::Query => {
                self.answer = Some(Value::Null);
                Ok(Flow::Done)
            }
        }
    }
}
