//! Queries and validators: handlers that run on a copy, so that nothing they write stays.

use serde_json::Value as Json;

use super::input::bind_message;
use super::run::{Flow, Task};
use super::state::{Coroutine, Role};
use super::wire::TaskInfo;
use super::{InputError, Machine, Trace};
use crate::text::suggest::did_you_mean;
use crate::twf::ast::HandlerKind;
use crate::twf::boundary::export;
use crate::twf::code::{Expr, HandlerCode, Label};
use crate::twf::eval::display;
use crate::twf::failure::Failure;
use crate::twf::fault::{Fault, Trouble};
use crate::twf::program::Program;
use crate::twf::value::Value;

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The workflow declares no such query.
    #[error("this workflow declares no query `{name}`")]
    NotFound {
        /// What was asked.
        name: String,
        /// What was likely meant.
        suggestion: Option<String>,
    },
    /// The arguments do not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The handler went wrong.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What was asked for.
    pub value: Json,
    /// Whether the handler wrote to a variable, list or object of the run. Nothing of that stays.
    pub discarded_writes: bool,
}

/// The code that marks the refusal of a validator.
const REJECTED: &str = "REJECTED";

impl Machine {
    /// Answers a query from the state after the latest task; the state does not change.
    pub fn query(&self, program: &Program, name: &str, input: &Json) -> Result<Json, QueryError> {
        self.answer(program, name, input).map(|answer| answer.value)
    }

    /// The same, counting what ran.
    pub fn query_traced(
        &self,
        program: &Program,
        name: &str,
        input: &Json,
        trace: &mut Trace,
    ) -> Result<Json, QueryError> {
        self.ask(program, (name, input), Some(trace)).map(|answer| answer.value)
    }

    /// The same, saying whether the handler tried to change anything (rule H20).
    pub fn answer(&self, program: &Program, name: &str, input: &Json) -> Result<Answer, QueryError> {
        self.ask(program, (name, input), None)
    }

    fn ask(
        &self,
        program: &Program,
        (name, input): (&str, &Json),
        trace: Option<&mut Trace>,
    ) -> Result<Answer, QueryError> {
        let mut copy = self.clone();
        let info = TaskInfo { replaying: true, ..copy.latest };
        let mut task = Task { trace, ..Task::new(&mut copy, program, info)? };
        let code = task.code;
        let Some((_, handler)) = code.handler(HandlerKind::Query, name) else {
            let known = code.handlers.iter().filter(|it| it.kind == HandlerKind::Query);
            let suggestion = did_you_mean(name, known.map(|it| &*it.name));
            return Err(QueryError::NotFound { name: name.to_string(), suggestion });
        };
        let args = bind_message(&mut task, handler, input)??;
        let answer = task.run_aside(handler, (handler.entry, None), &args)?;
        let value = export(&task.m.heap, &answer).map_err(|trouble| trouble.at(handler.span))?;
        let discarded_writes = copy.globals != self.globals || !copy.heap.begins_like(&self.heap);
        Ok(Answer { value, discarded_writes })
    }
}

impl Task<'_, '_> {
    /// Runs a handler to its end at once.
    fn run_aside(
        &mut self,
        handler: &HandlerCode,
        (entry, update): (Label, Option<&str>),
        args: &[Value],
    ) -> Result<Value, Fault> {
        let scope = self.message_scope(handler, args, update);
        let mut co = Coroutine::new(self.code.target(entry), Some(scope), Role::Query);
        while self.step(u32::MAX, &mut co)? == Flow::Next {}
        Ok(self.answer.take().unwrap_or_default())
    }

    /// Asks the validator of an update, on a copy of the run. The inner error is the refusal.
    pub(super) fn validate(
        &mut self,
        handler: &HandlerCode,
        input: &Json,
        id: &str,
    ) -> Result<Result<(), Failure>, Fault> {
        let Some(validator) = handler.validator else { return Ok(Ok(())) };
        let mut copy = self.m.clone();
        let mut aside = Task {
            m: &mut copy,
            code: self.code,
            types: self.types,
            context: crate::twf::eval::Context::new(self.context.task),
            out: Vec::new(),
            answer: None,
            trace: self.trace.as_deref_mut(),
        };
        let args = match bind_message(&mut aside, handler, input)? {
            Ok(args) => args,
            Err(error) => return Ok(Err(super::error::bad_input(&error))),
        };
        match aside.run_aside(handler, (validator, Some(id)), &args) {
            Ok(_) => Ok(Ok(())),
            Err(fault) if fault.code == REJECTED || fault.code == "RAISED" => Ok(Err(Failure {
                non_retryable: true,
                ..Failure::application("UpdateRejected", fault.message)
            })),
            Err(fault) => Err(fault),
        }
    }

    /// `reject reason`.
    pub(super) fn reject(&mut self, co: &Coroutine, reason: &Expr) -> Result<Flow, Fault> {
        let reason = self.eval(co.scope, reason)?;
        let reason = display(&self.m.heap, &reason).unwrap_or_default();
        Err(Trouble::new(REJECTED, reason).at(self.span(co)))
    }
}
