//! Older forms of statements, read into their newest twins.

use super::{Parse, Parser};
use crate::text::diagnostic::{Diagnostic, Edit};
use crate::text::source::Span;
use crate::twf::ast::{Arg, AwaitAll, Bind, Call, CloseKind, LValue, StmtKind, Target};
use crate::twf::token::TokenKind;

impl Parser<'_> {
    /// Statements of older dialects, and words that stand where they mean nothing.
    pub(super) fn old_statement(&mut self) -> Parse<Option<StmtKind>> {
        let span = self.next_span();
        match self.word() {
            "hint" => self.hint().map(|()| None),
            "timer" => self.old_timer().map(Some),
            "continue_as_new" => self.old_continue_as_new().map(Some),
            "parallel" => {
                self.legacy(span, "`parallel:`", "await all");
                self.bump();
                let body = self.block("`parallel`");
                Ok(Some(StmtKind::AwaitAll(Box::new(AwaitAll { each: None, bind: None, body }))))
            }
            "select" => {
                self.legacy(span, "`select:`", "await one");
                self.bump();
                Ok(Some(self.race()))
            }
            word => Err(self.misplaced(word, span)),
        }
    }

    fn misplaced(&mut self, word: &str, span: Span) -> super::Broken {
        let where_it_belongs = match word {
            "else" | "elif" => "belongs under an `if`, at its indentation",
            "case" => "belongs into a `switch`",
            "catch" | "finally" => "belongs under a `try`, at its indentation",
            "validator" => "stands first in an `update` handler",
            "options" => "stands indented under a call",
            _ => "stands before the first statement of its body",
        };
        self.syntax(span, format!("`{word}` {where_it_belongs}"))
    }

    /// `'hint' ( 'signal' | 'query' | 'update' ) NAME NL` never did anything.
    fn hint(&mut self) -> Parse<()> {
        let start = self.at;
        self.bump();
        self.bump();
        self.any_name("the name of a message")?;
        let span = self.span_since(start);
        self.end_of_line()?;
        let is_first = start > 0 && self.tokens.get(start - 1).is_some_and(|it| it.kind == TokenKind::Indent);
        let is_last = self.at(TokenKind::Dedent) || self.at_word("hint");
        // A block needs a line, if only a comment.
        let edit = if is_first && is_last {
            Edit { span, replacement: format!("# {}", self.slice(span)) }
        } else {
            self.remove_lines(span)
        };
        self.legacy_edits(span, "`hint`", "leave it out: it has no effect", vec![edit]);
        Ok(())
    }

    /// `timer 5m` and `timer(5m)` as statements.
    fn old_timer(&mut self) -> Parse<StmtKind> {
        let start = self.at;
        self.bump();
        if self.at(TokenKind::OpenParen) {
            self.mark_tight();
        }
        let duration = self.expr()?;
        let replacement = format!("await timer({})", self.inside_brackets(duration.span));
        self.legacy(self.span_since(start), "`timer` without `await`", &replacement);
        self.end_of_line()?;
        Ok(StmtKind::Await(Target::Timer(duration), None))
    }

    /// `continue_as_new(args)` without `close`.
    fn old_continue_as_new(&mut self) -> Parse<StmtKind> {
        let start = self.at;
        self.bump();
        let args = self.args()?;
        let span = self.span_since(start);
        let replacement = format!("close {}", self.slice(span));
        self.legacy(span, "`continue_as_new` without `close`", &replacement);
        self.end_of_line()?;
        Ok(StmtKind::Close(CloseKind::ContinueAsNew, args))
    }

    /// `close`, `close V`, `close completed V`, `close failed V`; `close` has been taken.
    pub(super) fn old_close(&mut self, start: usize) -> Parse<StmtKind> {
        let is_word = self.nth(1) != TokenKind::Dot;
        let (kind, word) = match self.word() {
            "failed" if is_word => (CloseKind::Fail, true),
            "completed" if is_word => (CloseKind::Complete, true),
            _ => (CloseKind::Complete, false),
        };
        if word {
            self.bump();
        }
        if self.at(TokenKind::Newline) || self.at(TokenKind::End) {
            let replacement = if kind == CloseKind::Fail { "close fail" } else { "close complete" };
            self.legacy(self.span_since(start), "`close` of this form", replacement);
            self.end_of_line()?;
            return Ok(StmtKind::Close(kind, Vec::new()));
        }
        let arg = self.bare_close_value(start, kind)?;
        self.end_of_line()?;
        Ok(StmtKind::Close(kind, vec![arg]))
    }

    /// The value of a `close` without brackets.
    pub(super) fn bare_close_value(&mut self, start: usize, kind: CloseKind) -> Parse<Arg> {
        self.forbid_call_value()?;
        let value = self.expr()?;
        let word = match kind {
            CloseKind::Complete => "complete",
            CloseKind::Fail => "fail",
            CloseKind::ContinueAsNew => "continue_as_new",
        };
        let replacement = format!("close {word}({})", self.inside_brackets(value.span));
        self.legacy(self.span_since(start), "`close` with a bare value", &replacement);
        Ok(Arg { name: None, value })
    }

    /// The text of an expression without the brackets around it.
    pub(super) fn inside_brackets(&self, span: Span) -> &str {
        let text = self.slice(span);
        // `(a) + (b)` begins and ends with brackets that are no pair.
        let inner = text.strip_prefix('(').and_then(|it| it.strip_suffix(')'));
        inner.filter(|it| !it.contains(['(', ')'])).unwrap_or(text)
    }

    /// Whether a call or an `await` stands on the right of `=`.
    pub(super) fn is_assigned_call(&self) -> bool {
        self.is_call() || (self.at_word("await") && self.nth(1) == TokenKind::Name)
    }

    /// `x = activity F()` of the first sketch.
    pub(super) fn assigned_call(&mut self, target: Span, place: LValue) -> Parse<StmtKind> {
        let start = self.at;
        let bind = Some(Bind::Place(place));
        let has_await = self.eat_word("await");
        if has_await && !self.is_call() {
            let target_of_await = self.target()?;
            self.note_assigned(target, start);
            self.end_of_line()?;
            return Ok(StmtKind::Await(target_of_await, bind));
        }
        let start = self.at;
        let mut call = self.call()?;
        self.note_assigned(target, start);
        self.end_of_call(&mut call)?;
        Ok(StmtKind::Call(Box::new(call), bind))
    }

    fn note_assigned(&mut self, target: Span, start: usize) {
        let value = self.span_since(start);
        let replacement = format!("{} -> {}", self.slice(value), self.slice(target));
        self.legacy(target.to(value), "assigning a call", &replacement);
    }

    /// Options before a call; the fix replaces both lines.
    pub(super) fn legacy_pair(&mut self, options: Span, both: Span, replacement: &str) {
        let diagnostic =
            Diagnostic::info("LEGACY_SYNTAX", options, "`options(..)` before a call is an older spelling")
                .help(format!("write `options:` under the call:\n{replacement}"))
                .fix_all(self.replace(both, replacement), "move the options under the call");
        self.report(diagnostic);
    }
}

/// The call of a statement that makes one.
pub(super) fn call_of(kind: &mut StmtKind) -> Option<&mut Call> {
    match kind {
        StmtKind::Call(call, _)
        | StmtKind::Detach(call)
        | StmtKind::ReturnWorkflow(call)
        | StmtKind::Promise(_, Target::Call(call))
        | StmtKind::Await(Target::Call(call), _) => Some(call),
        _ => None,
    }
}
