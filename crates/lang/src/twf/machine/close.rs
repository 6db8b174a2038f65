//! How a run ends.

use serde_json::Value as Json;

use super::run::{Flow, Task};
use super::state::{Control, Coroutine};
use super::wire::CommandKind;
use crate::text::source::Span;
use crate::twf::ast::HandlerKind;
use crate::twf::boundary::export;
use crate::twf::code::CloseCode;
use crate::twf::failure::Failure;
use crate::twf::fault::Fault;

impl Task<'_, '_> {
    /// Ends the run at once: whatever is still queued is discarded. Variables stay for queries.
    pub(super) fn close(&mut self, span: Span, kind: CommandKind) -> Flow {
        self.emit(span, kind);
        self.m.closed = true;
        self.m.ready.clear();
        self.m.coroutines.clear();
        self.m.items.clear();
        self.m.groups.clear();
        self.m.watchers.clear();
        Flow::Done
    }

    /// The body came to its end: the run completes with null, unless it was cleaning up after a cancellation.
    pub(super) fn end_main(&mut self, co: &mut Coroutine) -> Flow {
        let span = self.span(co);
        let kind = match co.control.pop() {
            Some(Control::Failure(failure)) if co.shielded => CommandKind::Cancel { failure },
            _ => CommandKind::Complete { result: Json::Null },
        };
        self.close(span, kind)
    }

    /// A failure left the body.
    pub(super) fn main_failed(&mut self, co: &mut Coroutine, failure: Failure) -> Flow {
        let span = self.span(co);
        let is_cancellation = failure.is_canceled() && self.m.cancel_requested;
        if !is_cancellation {
            return self.close(span, CommandKind::Fail { failure });
        }
        match self.code.on_cancel {
            Some(label) if !co.shielded => {
                co.shielded = true;
                co.control = vec![Control::Failure(failure)];
                self.jump(co, label)
            }
            _ => self.close(span, CommandKind::Cancel { failure }),
        }
    }

    /// Evaluates how the run ends.
    pub(super) fn prepare_close(&mut self, co: &Coroutine, close: &CloseCode) -> Result<CommandKind, Fault> {
        Ok(match close {
            CloseCode::Complete(None) => CommandKind::Complete { result: Json::Null },
            CloseCode::Complete(Some(value)) => {
                let result = self.eval(co.scope, value)?;
                let result = export(&self.m.heap, &result).map_err(|trouble| trouble.at(value.span))?;
                CommandKind::Complete { result }
            }
            CloseCode::Fail(error) => CommandKind::Fail { failure: self.error(co.scope, error)? },
            CloseCode::ContinueAsNew(args) => CommandKind::ContinueAsNew {
                input: self.object_input(co.scope, args)?,
                tokens: self.unread_tokens()?,
            },
        })
    }

    /// Signals that were handled and that no statement has awaited yet.
    fn unread_tokens(&self) -> Result<Vec<(String, Vec<Json>)>, Fault> {
        let mut tokens = Vec::new();
        for (handler, queue) in self.code.handlers.iter().zip(&self.m.queues) {
            if handler.kind != HandlerKind::Signal {
                continue;
            }
            for token in &queue.tokens {
                let args = token.iter().map(|arg| export(&self.m.heap, arg)).collect::<Result<_, _>>();
                tokens.push((handler.name.to_string(), args.map_err(|trouble| trouble.at(handler.span))?));
            }
        }
        Ok(tokens)
    }
}
