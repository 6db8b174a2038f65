//! How a run ends.

use serde_json::Value as Json;

use super::input::check_input;
use super::run::{Flow, Task};
use super::state::{Control, Coroutine, Role};
use super::wire::CommandKind;
use crate::twf::ast::HandlerKind;
use crate::twf::boundary::export;
use crate::twf::code::{CloseCode, HandlerCode};
use crate::twf::failure::Failure;
use crate::twf::fault::{Fault, Trouble};
use crate::twf::value::Value;

/// What the caller of an update hears when the run ends before its handler.
const RUN_ENDED: &str = "NotFound";
const RUN_ENDED_TEXT: &str = "the run ended before this update did";

impl<'p> Task<'_, 'p> {
    /// Ends the run at once: whatever is still queued is discarded, handlers that have not ended are abandoned (rule
    /// H15), and a run that continues hands on what it has not read (rule H16). Variables stay for queries.
    pub(super) fn close(&mut self, co: &Coroutine, mut kind: CommandKind) -> Result<Flow, Fault> {
        let span = self.span(co);
        self.m.ready.clear();
        let left = std::mem::take(&mut self.m.coroutines);
        let mut signals = Vec::new();
        let mut is_own = true;
        for co in std::iter::once(co).chain(left.values()) {
            self.abandon(co, std::mem::take(&mut is_own), &mut signals)?;
        }
        match &mut kind {
            CommandKind::ContinueAsNew { tokens, unread, .. } => {
                *tokens = self.unread_tokens()?;
                for (handler, args) in signals {
                    unread.push((handler.name.to_string(), self.exported(handler, args)?));
                }
            }
            _ => signals.into_iter().for_each(|(handler, _)| self.warn_unfinished(handler)),
        }
        self.emit(span, kind);
        self.m.closed = true;
        self.m.items.clear();
        self.m.groups.clear();
        self.m.watchers.clear();
        Ok(Flow::Done)
    }

    /// A handler that has not ended when its run does: the caller of an update is told; signals that nobody has looked
    /// at are collected.
    fn abandon<'c>(
        &mut self,
        co: &'c Coroutine,
        is_own: bool,
        signals: &mut Vec<(&'p HandlerCode, &'c [Value])>,
    ) -> Result<(), Fault> {
        let Role::Handler { handler, args, update } = &co.role else { return Ok(()) };
        let code = self.code;
        let handler =
            code.handlers.get(*handler as usize).ok_or_else(|| Fault::internal("no such handler"))?;
        if let Some(id) = update {
            let failure = Failure { non_retryable: true, ..Failure::application(RUN_ENDED, RUN_ENDED_TEXT) };
            let kind = CommandKind::CompleteUpdate { id: id.clone(), outcome: Err(failure) };
            self.emit(self.span(co), kind);
        }
        let is_unread = co.wait.is_none() && co.pc == code.target(handler.entry) && update.is_none();
        if is_own {
            return Ok(());
        }
        if is_unread {
            signals.push((handler, args));
        } else {
            self.warn_unfinished(handler);
        }
        Ok(())
    }

    fn warn_unfinished(&mut self, handler: &HandlerCode) {
        if handler.warns_unfinished {
            let noun = if handler.kind == HandlerKind::Update { "update" } else { "signal" };
            let message = format!("the run ends before the handler of {noun} `{}` does", handler.name);
            self.context_log("warn", handler.span, message);
        }
    }

    /// The body came to its end: the run completes with null, unless it was cleaning up after a cancellation.
    pub(super) fn end_main(&mut self, co: &mut Coroutine) -> Result<Flow, Fault> {
        let kind = match co.control.pop() {
            Some(Control::Failure(failure)) if co.shielded => CommandKind::Cancel { failure },
            _ => CommandKind::Complete { result: Json::Null },
        };
        self.close(co, kind)
    }

    /// A failure left the body.
    pub(super) fn main_failed(&mut self, co: &mut Coroutine, failure: Failure) -> Result<Flow, Fault> {
        // A call whose end was waited for says that it was cancelled, and what it is that was.
        let is_cancellation = failure.chain().any(Failure::is_canceled) && self.m.cancel_requested;
        if !is_cancellation {
            return self.close(co, CommandKind::Fail { failure });
        }
        match self.code.on_cancel {
            Some(label) if !co.shielded => {
                co.shielded = true;
                co.control = vec![Control::Failure(failure)];
                Ok(self.jump(co, label))
            }
            _ => self.close(co, CommandKind::Cancel { failure }),
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
            CloseCode::ContinueAsNew(args) => {
                let input = self.object_input(co.scope, args)?;
                // An input that the next run would refuse must not end this one.
                check_input(self.code, self.types, &input)
                    .map_err(|error| Trouble::mismatch(error.to_string()).at(self.span(co)))?;
                CommandKind::ContinueAsNew { input, tokens: Vec::new(), unread: Vec::new() }
            }
        })
    }
}
